"""Decoding apart: what a bad picture does stays in the process that reads it."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
import psutil
import pytest
from PIL import Image

from gan_core.decode import image_files
from gan_core.decode import worker as decode_worker
from gan_core.decode.worker import DecodeWorker, shared
from gan_core.errors import UserError
from tests.helpers.dicom_files import compressed, dicom, lying, unreadable, without_pixels
from tests.helpers.image_files import huge_png

pytestmark = pytest.mark.processes


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
    assert worker.process is not None
    return worker.process


def test_pictures_come_back_as_they_are(worker: DecodeWorker) -> None:
    grey, colour = encoded(noise(40, 30)), encoded(noise(40, 30, 3))
    assert np.array_equal(worker.decode(grey, "grey.png"), image_files.decode(grey))
    assert np.array_equal(worker.decode(colour, "colour.png"), image_files.decode(colour, channels=3))
    deep = encoded(noise(20, 20).astype(np.uint16) * 257)
    assert np.array_equal(worker.decode(deep, "deep.png"), image_files.decode(deep))


def test_large_pictures_are_shrunk(worker: DecodeWorker) -> None:
    picture = worker.decode(encoded(noise(300, 900)), "wide.png", longest=300)
    assert picture.shape == (100, 300, 1)
    assert picture.mean() == pytest.approx(0.5, abs=0.02)


GOOD = encoded(noise(64, 64))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (GOOD[: len(GOOD) // 2], "damaged or truncated"),
        (b"%PDF-1.7 and so on", "not a readable image"),
        (encoded(noise(32, 32), "GIF"), "not a readable image"),
        (encoded(noise(1, 1)), "too few"),
        (huge_png(60_000, 60_000), "megapixels"),
        (without_pixels(), "no pixel data"),
        (lying(Columns=29), "more pixels than its 30 rows and 29 columns"),
        (compressed("JPEG", Rows=15, Columns=60), "its header says 15 and 60"),
        (unreadable("1.2.3.4.5"), "compression"),
    ],
)
def test_what_is_wrong_comes_back_as_one_line(data: bytes, words: str, worker: DecodeWorker) -> None:
    before = process_of(worker)
    with pytest.raises(UserError, match=words) as caught:
        worker.decode(data, "upload.png")
    assert str(caught.value).startswith("upload.png: ")
    assert "\n" not in str(caught.value)
    assert worker.decode(GOOD, "good.png").shape == (64, 64, 1)
    assert process_of(worker) == before


def test_dicom_and_cmyk_come_back_right(worker: DecodeWorker) -> None:
    frames = np.stack([noise(20, 20), noise(20, 20)[::-1]])
    for data in (dicom(), dicom(PhotometricInterpretation="MONOCHROME1"), dicom(frames, bits=8)):
        assert np.array_equal(worker.decode(data, "scan"), image_files.decode(data))
    buffer = io.BytesIO()
    Image.fromarray(noise(40, 30, 3)).convert("CMYK").save(buffer, "JPEG")
    assert np.array_equal(worker.decode(buffer.getvalue(), "x"), image_files.decode(buffer.getvalue(), channels=3))


def test_too_much_memory_is_refused_and_the_worker_lives() -> None:
    with DecodeWorker(memory=400 * 1024**2) as worker:
        before = process_of(worker)
        assert worker.decode(encoded(np.zeros((3000, 3000), np.uint8)), "large.png").shape == (3000, 3000, 1)
        bomb = encoded(np.zeros((5000, 5000, 3), np.uint8))
        assert len(bomb) < 300_000
        with pytest.raises(UserError, match=r"^bomb\.png: needs more memory than one image may use$"):
            worker.decode(bomb, "bomb.png")
        assert worker.decode(GOOD, "good.png").shape == (64, 64, 1)
        assert process_of(worker) == before


def test_the_process_is_light_and_ends_with_its_caller() -> None:
    """A caller that is killed closes nothing properly."""
    script = (
        "import sys, time; from gan_core.decode.worker import DecodeWorker; "
        "worker = DecodeWorker(); worker.start(); "
        "assert 'torch' not in sys.modules; print(worker.process, flush=True); time.sleep(60)"
    )
    caller = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert caller.stdout is not None
    child = psutil.Process(int(caller.stdout.readline()))
    caller.kill()
    caller.wait()
    caller.stdout.close()
    child.wait(10)


@pytest.mark.parametrize(
    "answer",
    [
        "sys.exit(3)",
        "print('no JSON')",
        "print('[1, 2]')",
        "print('{}')",
        "print('{\"shape\": [1000000, 1000000, 1]}')",
        "print('{\"shape\": [-1, 8, 1]}')",
        'print(\'{"shape": [8, 8, 1]}\'); sys.stdout.write("x" * 255)',
        "sys.stdout.write('x' * 10**4)",
    ],
)
def test_a_worker_that_was_taken_over_is_not_believed(answer: str) -> None:
    with DecodeWorker(seconds=5) as worker:
        worker._process = subprocess.Popen(
            [sys.executable, "-c", f"import sys; sys.stdin.buffer.read(10); {answer}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        with pytest.raises(UserError, match="crashed the decoder"):
            worker.decode(encoded(noise(500, 500)), "evil.png")
        assert worker.decode(GOOD, "good.png").shape == (64, 64, 1)


def test_answers_without_end_are_given_up() -> None:
    with DecodeWorker(seconds=0.5) as worker:
        drip = "import sys, time\nwhile True: sys.stdout.write('x'); sys.stdout.flush(); time.sleep(0.05)"
        worker._process = subprocess.Popen([sys.executable, "-c", drip], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with pytest.raises(UserError, match=r"stopped after 0\.5 seconds"):
            worker.decode(GOOD, "evil.png")


def test_a_worker_that_dies_is_started_again() -> None:
    with DecodeWorker() as worker:
        first = process_of(worker)
        os.kill(first, signal.SIGSTOP)  # it will not answer, and is killed while it is asked
        threading.Timer(0.2, os.kill, (first, signal.SIGKILL)).start()
        with pytest.raises(UserError, match="crashed the decoder"):
            worker.decode(encoded(noise(32, 32)), "crash.png")
        assert worker.decode(encoded(noise(32, 32)), "next.png").shape == (32, 32, 1)
        assert process_of(worker) != first


def test_a_picture_that_takes_too_long_is_given_up() -> None:
    with DecodeWorker(seconds=1.0) as worker:
        os.kill(process_of(worker), signal.SIGSTOP)
        start = time.monotonic()
        with pytest.raises(UserError, match="stopped after 1 seconds"):
            worker.decode(encoded(noise(1000, 1000)), "slow.png")
        assert time.monotonic() - start < 3
        worker.seconds = 10
        assert worker.decode(encoded(noise(32, 32)), "next.png").shape == (32, 32, 1)


def test_threads_take_turns(worker: DecodeWorker) -> None:
    """Good pictures and bad ones of a dozen visitors at once: each gets the answer to its own."""
    found: dict[int, bool] = {}

    def ask(number: int) -> None:
        pixels = np.full((16 + number, 16), number * 10, np.uint8)
        try:
            picture = worker.decode(encoded(pixels) if number % 3 else b"", f"{number}.png")
        except UserError as error:
            found[number] = str(error) == f"{number}.png: the file is empty"
        else:
            found[number] = np.array_equal(picture[..., 0], pixels.astype(np.float32) / 255)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == dict.fromkeys(range(12), True)


def test_the_shared_process_ends_a_while_after_its_last_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it was used: an earlier end would come amid the next uses, each of which starts it anew."""
    for _ in range(3):
        with shared() as worker:
            process = process_of(worker)
    ends = [one for one in threading.enumerate() if isinstance(one, threading.Timer) and one.function == worker.close]
    assert sum(not end.finished.is_set() for end in ends) == 1
    monkeypatch.setattr(decode_worker, "IDLE", 0.01)
    with shared() as worker:
        assert process_of(worker) == process
    end = time.monotonic() + 30
    while worker.process is not None and time.monotonic() < end:
        time.sleep(0.01)
    assert worker.process is None
