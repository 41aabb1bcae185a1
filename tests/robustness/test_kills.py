"""Kill -9 at any moment, inside a save too: the run resumes and ends as if nothing had been.

python -m pytest tests/robustness/test_kills.py -m soak
"""

import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gan_core.families import registry
from gan_core.runs import Run
from tests.helpers.records import assert_complete, assert_same_run
from tests.helpers.training import arguments, make_pairs, make_pictures, small, source_of
from tests.robustness import children
from tests.robustness.children import Order

pytestmark = pytest.mark.processes

FAMILIES = sorted({preset.family for preset in registry.presets().values()})
NEVER = 1e9
# State that is not weights: a probability, a pool that fills up and gives pictures back, files beside the others.
MORE = {
    "dcgan": ("--set", "augment=adaptive"),
    "cyclegan": ("--set", "pool=4"),
    "vae": ("--snapshots",),
}


SOURCES = {"dcgan": "many"}  # what steers adaptive augmentation takes held-out pictures
CHESTS = "phantom:cxr?images=40&seed=3"  # 10 of each class; lungs are looked for in each


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    make_pairs(folder / "pairs")
    make_pictures(folder / "many", per_class=160)
    return make_pictures(folder / "shapes")


def command(family: str, pictures: Path, root: Path, name: str, epochs: int) -> tuple[str, ...]:
    preset, options = small(family)
    source = source_of(preset, pictures.with_name(SOURCES.get(family, "shapes")), CHESTS)
    return tuple(arguments(preset, source, root, name, epochs, *options, *MORE.get(family, ())))


@pytest.mark.parametrize("kills", [1, pytest.param(50, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_killed_run_resumes_bit_identical(
    family: str, kills: int, pictures: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """The uninterrupted run lists its events; others are killed at some of them, or at some time, a few times each."""
    log, listed, epochs = tmp_path / "log", tmp_path / "events", 1 if kills == 1 else 3
    whole = Run(tmp_path / "whole")
    undisturbed = Order(command(family, pictures, tmp_path, "whole", epochs), whole.folder, log, events=listed)
    assert children.run(undisturbed) == 0, log.read_text()
    events = listed.read_text().splitlines()
    rng = random.Random(f"{family} {kills}")
    done = inside = 0
    seconds = []
    while done < kills:
        run = Run(tmp_path / f"killed-at-{done}")
        first = command(family, pictures, tmp_path, run.name, epochs)
        lives = rng.randint(1, min(4, kills - done))
        for _ in range(lives):
            if run.status().state == "finished":
                break
            inside_save = rng.random() < 0.5 if kills > 1 else FAMILIES.index(family) % 4 > 0
            life = _killed(rng, events if inside_save else [], _next(run, first), run.folder, log)
            code = children.run(life)
            said = f"seed '{family} {kills}', {done} kills, {life}: {log.read_text()}"
            assert code in (0, -signal.SIGKILL), said
            if code == 0:  # it was through before its moment came
                continue
            done, inside = done + 1, inside + (life.at_event is not None)
            assert_complete(run)
            assert run.status().state in ("stopped", "finished", "unknown"), said
        started = time.perf_counter()
        if run.status().state != "finished":
            assert children.run(Order(_next(run, first), run.folder, log)) == 0, log.read_text()
            seconds.append(time.perf_counter() - started)
        assert_same_run(whole, run)
        shutil.rmtree(run.folder)
    slowest = f"; slowest resume {max(seconds):.1f} s" if seconds else ""
    record_property("measured", f"{done} kills, {inside} of them inside a save: identical{slowest}")


def _next(run: Run, first: tuple[str, ...]) -> tuple[str, ...]:
    """What a person does after a kill: resume, or the same again where there is no run yet."""
    if (run.folder / "config.json").exists():
        return ("resume", run.name, "--runs", str(run.root), "--device", "cpu")
    return first


def _killed(rng: random.Random, events: list[str], next_: tuple[str, ...], folder: Path, log: Path) -> Order:
    """The next life: killed by time, or at an event of a random kind, so that the rare ones are met as often."""
    save_every = rng.choice((0.0, NEVER))
    if not events:
        return Order(next_, folder, log, at_seconds=rng.uniform(0.02, 0.6), save_every=save_every)
    if next_[0] == "resume":
        return Order(next_, folder, log, at_event=rng.randint(1, len(events) // 3), save_every=save_every)
    kind = rng.choice(sorted(set(events)))
    place = rng.choice([index for index, found in enumerate(events, 1) if found == kind])
    return Order(next_, folder, log, at_event=place)
