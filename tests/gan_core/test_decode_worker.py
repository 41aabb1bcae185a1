"""Decoding apart: what a bad picture does stays in the process that reads it."""

import io
import os
import signal
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from gan_core import decoding
from gan_core.decode_worker import DecodeWorker
from gan_core.errors import UserError


@pytest.fixture(scope="module")
def worker() -> Iterator[DecodeWorker]:
    with DecodeWorker() as started:
        yield started


def encoded(pixels: np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def process_of(worker: DecodeWorker) -> int:
    worker.start()
    assert worker._process is not None
    return worker._process.pid


def test_pictures_come_back_as_they_are(worker: DecodeWorker) -> None:
    grey, colour = encoded(noise(40, 30)), encoded(noise(40, 30, 3))
    assert np.array_equal(worker.decode(grey, "grey.png"), decoding.decode(grey))
    assert np.array_equal(worker.decode(colour, "colour.png"), decoding.decode(colour, channels=3))
    deep = encoded(noise(20, 20).astype(np.uint16) * 257)
    assert np.array_equal(worker.decode(deep, "deep.png"), decoding.decode(deep))


def test_large_pictures_are_shrunk(worker: DecodeWorker) -> None:
    picture = worker.decode(encoded(noise(300, 900)), "wide.png", longest=300)
    assert picture.shape == (100, 300, 1)
    assert picture.mean() == pytest.approx(0.5, abs=0.02)


def test_what_is_wrong_comes_back_as_one_line(worker: DecodeWorker) -> None:
    good = encoded(noise(64, 64))
    for data, words in (
        (b"", "the file is empty"),
        (good[: len(good) // 2], "damaged or truncated"),
        (b"%PDF-1.7 and so on", "not a picture that can be read"),
        (encoded(noise(1, 1)), "too few"),
    ):
        with pytest.raises(UserError, match=words) as caught:
            worker.decode(data, "upload.png")
        assert str(caught.value).startswith("upload.png: ")
        assert "\n" not in str(caught.value)
    assert worker.decode(good, "good.png").shape == (64, 64, 1)


def test_too_much_memory_is_refused_and_the_worker_lives(worker: DecodeWorker) -> None:
    before = process_of(worker)
    bomb = encoded(np.zeros((8900, 8900, 3), np.uint8))
    assert len(bomb) < 1_000_000
    with pytest.raises(UserError, match="more memory than one picture may use"):
        worker.decode(bomb, "bomb.png")
    assert process_of(worker) == before


def test_a_worker_that_dies_is_started_again() -> None:
    with DecodeWorker() as worker:
        first = process_of(worker)
        os.kill(first, signal.SIGSTOP)  # it will not answer, and is killed while it is asked
        threading.Timer(0.2, os.kill, (first, signal.SIGKILL)).start()
        with pytest.raises(UserError, match="broke the decoder"):
            worker.decode(encoded(noise(32, 32)), "crash.png")
        assert worker.decode(encoded(noise(32, 32)), "next.png").shape == (32, 32, 1)
        assert process_of(worker) != first


def test_a_picture_that_takes_too_long_is_given_up() -> None:
    with DecodeWorker(seconds=1.0) as worker:
        os.kill(process_of(worker), signal.SIGSTOP)
        start = time.monotonic()
        with pytest.raises(UserError, match="more than 1 seconds"):
            worker.decode(encoded(noise(2000, 2000)), "slow.png")
        assert time.monotonic() - start < 3
        worker.seconds = 10
        assert worker.decode(encoded(noise(32, 32)), "next.png").shape == (32, 32, 1)


def test_threads_take_turns(worker: DecodeWorker) -> None:
    found: list[bool] = []

    def ask(number: int) -> None:
        pixels = np.full((16 + number, 16), number * 10, np.uint8)
        found.append(
            np.array_equal(worker.decode(encoded(pixels), "mine.png")[..., 0], pixels.astype(np.float32) / 255)
        )

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 12
