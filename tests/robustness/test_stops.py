"""SIGTERM and Ctrl-C end a run with a checkpoint within 10 s; one process trains a run, and a dead one is in no way.

python -m pytest tests/robustness/test_stops.py -m soak
"""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from dashboard import jobs
from gan_core.errors import UserError
from gan_core.families import registry
from gan_core.runs import Run, RunWriter
from gan_core.training import interrupts
from tests.helpers.records import assert_complete, assert_same_run
from tests.helpers.training import arguments, make_pairs, make_pictures, small, source_of
from tests.robustness import children, injections
from tests.robustness.children import Order

pytestmark = pytest.mark.processes

LIMIT = 10.0  # seconds that a stop may take
FAMILIES = sorted({preset.family for preset in registry.presets().values()})
SIGNALS = [signal.SIGTERM, signal.SIGINT]
SOAK = [pytest.mark.soak, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    make_pairs(folder / "pairs")
    return make_pictures(folder / "shapes")


def wait_for(path: Path, child: ForkServerProcess) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert child.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.002)


def stop(child: ForkServerProcess, number: int) -> float:
    """Seconds until the child has ended after a signal."""
    started = time.perf_counter()
    assert child.pid is not None
    os.kill(child.pid, number)
    child.join(120)
    return time.perf_counter() - started


def resumed(run: Run) -> tuple[str, ...]:
    return ("resume", run.name, "--runs", str(run.root), "--device", "cpu")


@pytest.mark.parametrize(("family", "stops"), [("gan", 2), *(pytest.param(f, 10, marks=SOAK) for f in FAMILIES)])
def test_a_signal_ends_a_run_with_a_checkpoint_within_10_seconds(
    family: str, stops: int, pictures: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """The same run is stopped again and again, at random moments, by SIGTERM and by Ctrl-C in turns."""
    preset, options = small(family)
    source = source_of(preset, pictures)
    epochs, log = 2 + stops, tmp_path / "log"
    whole, run = Run(tmp_path / "whole"), Run(tmp_path / "stopped")
    first, second = (tuple(arguments(preset, source, tmp_path, r.name, epochs, *options)) for r in (whole, run))
    assert children.run(Order(first, whole.folder, log, save_every=1e9)) == 0
    rng = random.Random(f"{family} {stops}")
    seconds = []
    for index in range(stops):
        child = children.start(Order(resumed(run) if index else second, run.folder, log, save_every=1e9))
        before = (run.folder / "status.json").stat().st_mtime_ns if index else 0
        while run.status().state != "running" or (run.folder / "status.json").stat().st_mtime_ns == before:
            assert child.exitcode is None, log.read_text()
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.2))
        seconds.append(stop(child, SIGNALS[index % 2]))
        assert child.exitcode == 0, log.read_text()
        status = run.status()
        assert status.state == "stopped", f"seed '{family} {stops}', stop {index}"
        assert status.reason == interrupts.REASONS[SIGNALS[index % 2]]
        assert int(run.checkpoints()[0].stem[5:]) == status.step
        assert_complete(run)
    assert children.run(Order(resumed(run), run.folder, log)) == 0
    assert_same_run(whole, run)
    assert max(seconds) < LIMIT
    record_property("measured", f"{stops} stops: identical; slowest {max(seconds):.1f} s")


def test_a_stop_does_not_wait_for_a_long_preview(pictures: Path, tmp_path: Path) -> None:
    """Here 20 layers take longer than a stop may: it is left between two, and made when the run is resumed."""
    whole, run, log = Run(tmp_path / "whole"), Run(tmp_path / "stopped"), tmp_path / "log"
    first, second = (tuple(arguments("gan", pictures, tmp_path, r.name, 1)) for r in (whole, run))
    assert children.run(Order(first, whole.folder, log)) == 0
    slow = Order(second, run.folder, log, before=(injections.slow_previews,), given={"seconds": LIMIT / 20})
    child = children.start(slow)
    wait_for(run.folder / "status.json", child)
    time.sleep(0.2)
    assert stop(child, signal.SIGTERM) < LIMIT
    assert child.exitcode == 0, log.read_text()
    assert run.status().state == "stopped"
    assert (run.status().step, len(run.checkpoints())) == (0, 1)
    assert not (run.folder / "epochs.csv").exists()
    assert children.run(Order(resumed(run), run.folder, log)) == 0
    assert_same_run(whole, run)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("preset", "size", "moment"),
    [
        *((preset, size, "preview") for preset, size in (("dcgan", 256), ("r3gan", 128), ("cyclegan_resnet", 128))),
        *((preset, size, "step") for preset, size in (("dcgan", 128), ("r3gan", 64), ("cyclegan_resnet_light", 128))),
    ],
)
def test_a_run_of_full_size_stops_within_10_seconds(
    preset: str, size: int, moment: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """In its first preview and in a step, on a processor, where both last longest. A step in hand is always ended, so
    what is stopped in one has a size at which a step takes seconds.
    """
    run, log = Run(tmp_path / preset), tmp_path / "log"
    command = ["train", preset, "--data", "phantom:cxr?images=160", "--size", str(size), "--runs", str(tmp_path)]
    more = ["--name", preset, "--epochs", "2", "--device", "cpu", "--precision", "32-true", "--log-every", "1"]
    if registry.presets()[preset].task == "translate":
        more += ["--domains", "normal,covid"]
    child = children.start(Order((*command, *more), run.folder, log, save_every=1e9, before=(injections.all_cores,)))
    wait_for(run.folder / ("status.json" if moment == "preview" else "metrics.csv"), child)
    time.sleep(0.5)
    seconds = stop(child, signal.SIGTERM)
    assert child.exitcode == 0, log.read_text()
    assert_complete(run)
    assert run.status().state == "stopped"
    record_property("measured", f"{preset} at {size} px, stopped in a {moment}: {seconds:.1f} s")
    assert seconds < LIMIT


def test_a_second_ctrl_c_ends_at_once_and_the_run_can_be_resumed(pictures: Path, tmp_path: Path) -> None:
    run, log = Run(tmp_path / "hurried"), tmp_path / "log"
    command = tuple(arguments("gan", pictures, tmp_path, run.name, 1))
    child = children.start(Order(command, run.folder, log, before=(injections.hang_at,), given={"hang": 3}))
    wait_for(run.folder / "checkpoints" / "step_00000002.safetensors", child)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGINT)
    time.sleep(0.3)
    assert child.is_alive()
    assert run.status().stopping
    jobs.stop(run)  # a second click is no second Ctrl-C
    time.sleep(0.3)
    assert child.is_alive()
    begun = time.perf_counter()
    while child.is_alive():  # two that come before the first is seen are one
        os.kill(child.pid, signal.SIGINT)
        child.join(0.5)
    assert time.perf_counter() - begun < LIMIT
    assert child.exitcode == 130
    assert "stopped" in log.read_text()
    assert run.status().state == "stopped"
    assert_complete(run)


def test_one_process_trains_a_run_and_a_dead_one_is_followed(pictures: Path, tmp_path: Path) -> None:
    """While it lives, a second trainer is refused, by resume and by train; once it is dead, its lock is free."""
    whole, run, log = Run(tmp_path / "whole"), Run(tmp_path / "busy"), tmp_path / "log"
    first, second = (tuple(arguments("gan", pictures, tmp_path, r.name, 2)) for r in (whole, run))
    assert children.run(Order(first, whole.folder, log)) == 0
    child = children.start(Order(second, run.folder, log, before=(injections.hang_at,), given={"hang": 4}))
    wait_for(run.folder / "checkpoints" / "step_00000003.safetensors", child)
    before = (run.folder / "metrics.csv").read_bytes()
    for command, words in ((resumed(run), "is being trained by another process"), (second, "exists already")):
        other = tmp_path / "other"
        assert children.run(Order(command, run.folder, other)) == 2
        assert words in other.read_text()
        other.unlink()
    assert (run.folder / "metrics.csv").read_bytes() == before
    assert run.status().state == "running"
    with pytest.raises(UserError, match="another process"):
        RunWriter.reopen(run)
    child.kill()
    child.join()
    assert run.status().state == "stopped"
    assert "resume" in (run.status().reason or "")
    assert (run.folder / ".lock").exists()
    assert children.run(Order(resumed(run), run.folder, log)) == 0
    assert_same_run(whole, run)


def test_two_that_begin_a_run_at_once_are_told_apart(pictures: Path, tmp_path: Path) -> None:
    """Started together under one name, one trains and the other says why it does not."""
    command = tuple(arguments("gan", pictures, tmp_path, "mine", 1))
    orders = [Order(command, tmp_path / "mine", tmp_path / f"log{number}", save_every=1e9) for number in range(2)]
    started = [children.start(order) for order in orders]
    for child in started:
        child.join(120)
    assert sorted(child.exitcode or 0 for child in started) == [0, 2]
    said = (orders[0] if started[0].exitcode else orders[1]).log.read_text()
    assert "exists already" in said or "being trained by another process" in said
    assert Run(tmp_path / "mine").status().state == "finished"
    shutil.rmtree(tmp_path / "mine")
