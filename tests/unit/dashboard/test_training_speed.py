"""The estimate of a training's time: what is measured, for whom it is kept, and what is said of it."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from dashboard.library import training_speed
from dashboard.library.training_speed import Measurement
from dashboard.views.train import estimate
from gan_core.run_options import RunOptions
from tests.helpers.speeds import measured_speed

OPTIONS = RunOptions("dcgan", "phantom:cxr", epochs=20, batch_size=32, image_size=64, seed=3)
SPEED = measured_speed(step=0.2, alone=0.1, preview=1.0, busy=0.1)
MEASURED: dict[str, Any] = asdict(SPEED)


@pytest.fixture(autouse=True)
def nothing_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("GANRAY_CACHE", str(tmp_path))
    monkeypatch.setenv(training_speed.OFF, "on")
    training_speed._found.clear()
    yield
    training_speed._found.clear()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines that would have measured; each answers `MEASURED`."""
    found: list[list[str]] = []
    answer(monkeypatch, found, lambda: subprocess.CompletedProcess([], 0, json.dumps(MEASURED), ""))
    return found


def answer(monkeypatch: pytest.MonkeyPatch, found: list[list[str]], make: Callable[[], Any]) -> None:
    def run(command: list[str], **_: Any) -> Any:
        found.append(command[command.index("gan_core") + 1 :])
        return make()

    monkeypatch.setattr(training_speed.subprocess, "run", run)


def measured(options: RunOptions = OPTIONS) -> Measurement:
    found = training_speed.measured(options)
    assert found.done.wait(20)
    return found


def test_what_does_not_change_a_step_is_not_measured_again(asked: list[list[str]]) -> None:
    first = measured()
    assert first.speed == SPEED
    assert asked == [["speed", "dcgan", "--batch-size", "32", "--size", "64", "--json"]]
    assert measured(RunOptions("dcgan", "/a/folder", epochs=5, batch_size=32, image_size=64)) is first
    training_speed._found.clear()  # the app is started again
    assert measured().speed == first.speed and len(asked) == 1
    measured(RunOptions("dcgan", "phantom:cxr", batch_size=16, image_size=64))
    assert len(asked) == 2


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"])
def test_a_measurement_holds_for_what_it_was_allowed_to_use(
    asked: list[list[str]], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name, raising=False)
    for value, count in ((None, 1), ("1", 2), ("1", 2)):
        if value:
            monkeypatch.setenv(name, value)
        training_speed._found.clear()  # the app is started again
        measured()
        assert len(asked) == count


def test_a_run_to_begin_with_is_measured_as_it_is_and_not_kept(asked: list[list[str]]) -> None:
    grown = RunOptions("dcgan", "phantom:cxr", image_size=64, grow_from="small")
    assert measured(grown).speed == SPEED
    assert asked == [["speed", "dcgan", "--size", "64", "--from", "small", "--json"]]
    training_speed._found.clear()  # the app is started again: another run may have that name now
    measured(grown)
    assert len(asked) == 2


def test_what_a_busy_machine_measured_is_not_kept(asked: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MEASURED, "busy", 3.0)
    text, _ = estimate.estimate(OPTIONS, 25, measured())
    assert "About 2 min" in text and "alone it would take about 63 s" in text  # a half of it
    training_speed._found.clear()
    measured()
    assert len(asked) == 2


def test_a_busy_machine_that_slows_nothing_is_not_spoken_of(
    asked: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MEASURED, "busy", 3.0)
    monkeypatch.setitem(MEASURED, "alone", MEASURED["step"])
    text, _ = estimate.estimate(OPTIONS, 25, measured())
    assert "About 2 min" in text and "Other programs" not in text


@pytest.mark.parametrize(
    ("code", "stderr", "words"),
    [(2, "error: --size 48: choose one of 32, 64, 128, 256\n", "--size 48"), (-9, "", "it failed")],
)
def test_what_cannot_be_measured_says_why(monkeypatch: pytest.MonkeyPatch, code: int, stderr: str, words: str) -> None:
    answer(monkeypatch, [], lambda: subprocess.CompletedProcess([], code, "", stderr))
    found = measured()
    assert found.speed is None and words in found.problem
    assert words in estimate.estimate(OPTIONS, 25, found)[0].replace("\\", "")


def test_a_measurement_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def late() -> None:
        raise subprocess.TimeoutExpired("speed", 180)

    answer(monkeypatch, [], late)
    assert "not enough" in measured().problem


def test_a_form_that_is_filled_in_does_not_measure_every_number_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[list[str]] = []
    filled_in = threading.Event()

    def after_the_typing() -> "subprocess.CompletedProcess[str]":
        assert filled_in.wait(20)
        return subprocess.CompletedProcess([], 0, json.dumps(MEASURED), "")

    answer(monkeypatch, found, after_the_typing)
    waiting = [
        training_speed.measured(RunOptions("dcgan", "phantom:cxr", batch_size=size, image_size=64))
        for size in range(2, 22)
    ]
    filled_in.set()
    assert all(one.done.wait(20) for one in waiting)
    assert waiting[-1].speed and len(found) <= training_speed._MOST + 1


def test_a_damaged_cache_is_measured_again(asked: list[list[str]], tmp_path: Path) -> None:
    (tmp_path / "training-costs.json").write_text('{"a": {"step": 1, "other": 2}}')
    assert measured().speed == SPEED


def test_nothing_is_measured_where_that_is_off(asked: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(training_speed.OFF, "off")
    assert "GANRAY_MEASURE is off" in measured().problem and asked == []


def test_the_estimate_counts_steps_and_previews() -> None:
    found = Measurement(SPEED)
    found.done.set()
    assert training_speed.seconds(SPEED, 25, OPTIONS) == 5 + 20 * 25 * 0.2 + 21 * 1
    text, fewer = estimate.estimate(OPTIONS, 25, found)
    assert "About 2 min" in text and "20 epochs of 25 steps" in text and fewer == 0
    long = RunOptions("dcgan", "phantom:cxr", epochs=200)
    assert estimate.estimate(long, 25, found)[1] == 19
    assert 100 < training_speed.seconds(SPEED, 25, RunOptions("dcgan", "", epochs=19)) <= 120
    for every in (1, 10, 50):  # the dense start counts, and the preview after the last epoch
        thin = replace(long, preview_every=every)
        most = training_speed.epochs_within(SPEED, 1, 30, thin)
        taken = [training_speed.seconds(SPEED, 1, replace(thin, epochs=n)) for n in (most, most + 1)]
        assert taken[0] <= 30 < taken[1]
    assert training_speed.epochs_within(SPEED, 25, 5, long) == 0
    assert "once the images were read" in estimate.estimate(OPTIONS, None, found)[0]
    assert "Not measured yet" in estimate.estimate(OPTIONS, 25, Measurement())[0]
