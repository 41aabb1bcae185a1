"""Kill -9 after the best preview: the resumed run keeps the same weights, or the next best if those are lost."""

import random
import shutil
import signal
from pathlib import Path

import pytest

from gan_core.runs import Run
from tests.helpers.records import assert_same_run
from tests.helpers.training import arguments, make_pictures, small
from tests.robustness import children, injections
from tests.robustness.children import Order

pytestmark = pytest.mark.processes

STEPS, EPOCHS = 4, 5
DISTANCES = {STEPS: 6.0, 2 * STEPS: 1.0, 3 * STEPS: 4.0, 4 * STEPS: 3.0, 5 * STEPS: 2.0}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("source") / "shapes")


def command(pictures: Path, root: Path, name: str, *more: str) -> tuple[str, ...]:
    preset, narrow = small("dcgan")
    return tuple(arguments(preset, pictures, root, name, EPOCHS, *narrow, "--snapshots", *more))


def order(
    words: tuple[str, ...],
    folder: Path,
    at_event: int | None = None,
    events: Path | None = None,
    changed: dict[int, float] | None = None,
) -> Order:
    told = {"distances": DISTANCES | (changed or {})}
    before = (injections.told_distances,)
    return Order(words, folder, folder.parent / "log", at_event=at_event, events=events, before=before, given=told)


def resume(run: Run, changed: dict[int, float] | None = None) -> str:
    words = ("resume", run.name, "--runs", str(run.root), "--device", "cpu")
    assert children.run(order(words, run.folder, changed=changed)) == 0, (run.root / "log").read_text()
    return (run.root / "log").read_text()


@pytest.fixture(scope="module")
def whole(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("whole")
    first = order(command(pictures, root, "whole"), root / "whole", events=root / "events")
    assert children.run(first) == 0, first.log.read_text()
    return Run(root / "whole", root)


@pytest.fixture(scope="module")
def left(whole: Run, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that was killed while it wrote the snapshot of its third preview, the one after the best."""
    root = tmp_path_factory.mktemp("killed")
    events = (whole.root / "events").read_text().splitlines()
    written = [number for number, event in enumerate(events, 1) if event == "os.rename snapshots/.epoch_.safetensors"]
    words = command(pictures, root, "whole")
    assert children.run(order(words, root / "whole", at_event=written[3])) == -signal.SIGKILL
    run = Run(root / "whole", root)
    assert list(run.snapshots()) == [0, 1, 2]
    return run


@pytest.fixture
def killed(left: Run, tmp_path: Path) -> Run:
    """A copy of it, which may be resumed."""
    return Run(Path(shutil.copytree(left.folder, tmp_path / "whole")), tmp_path)


def test_a_killed_run_keeps_the_same_weights(whole: Run, killed: Run) -> None:
    assert whole.config().kept is not None and whole.config().kept.epoch == 2
    assert "is not kept as the best" not in resume(killed)
    assert_same_run(whole, killed)


@pytest.mark.parametrize("at", [-1, -20, -35])
def test_a_run_that_is_killed_at_its_end_keeps_the_same_weights(
    at: int, whole: Run, pictures: Path, tmp_path: Path
) -> None:
    """Between any two of the files that the choice is written to."""
    count = len((whole.root / "events").read_text().splitlines())
    words = command(pictures, tmp_path, "whole")
    assert children.run(order(words, tmp_path / "whole", at_event=count + at)) == -signal.SIGKILL
    run = Run(tmp_path / "whole", tmp_path)
    if run.status().state != "finished":
        resume(run)
    assert_same_run(whole, run)


@pytest.mark.parametrize(
    ("why", "last_distance", "kept"), [("is damaged", 2.0, 5), ("is damaged", 3.5, 4), ("its file is missing", 3.5, 4)]
)
def test_a_snapshot_that_is_lost_leaves_the_next_best(
    why: str, last_distance: float, kept: int, killed: Run, whole: Run
) -> None:
    path = killed.snapshots()[2]
    damaged = bytearray(path.read_bytes())
    damaged[random.Random(0).randrange(len(damaged) // 2, len(damaged))] ^= 4
    path.unlink()
    if why == "is damaged":
        path.write_bytes(bytes(damaged))
    said = resume(killed, {5 * STEPS: last_distance})
    assert "warning: the snapshot of epoch 2 is not kept as the best:" in said and why in said
    assert killed.config().kept is not None and killed.config().kept.epoch == kept
    assert killed.weights.read_bytes() == whole.snapshots()[kept].read_bytes()


def test_patience_counts_what_the_resume_keeps(pictures: Path, whole: Run, tmp_path: Path) -> None:
    """Killed between the first and the second preview without progress: it ends after the second all the same."""
    patient = command(pictures, tmp_path, "patient", "--patience", "2")
    assert children.run(order(patient, tmp_path / "patient", events=tmp_path / "events")) == 0
    run = Run(tmp_path / "patient", tmp_path)
    assert (run.status().epoch, run.status().state) == (4, "finished")
    assert run.status().reason == "stopped early: no better for 2 previews, best at epoch 2"
    other = tmp_path / "killed" / "patient"
    other.parent.mkdir()
    events = (tmp_path / "events").read_text().splitlines()
    at = [number for number, event in enumerate(events, 1) if event == "os.rename snapshots/.epoch_.safetensors"][4]
    words = command(pictures, other.parent, "patient", "--patience", "2")
    assert children.run(order(words, other, at_event=at)) == -signal.SIGKILL
    resume(Run(other, other.parent))
    assert_same_run(run, Run(other, other.parent))
    shutil.rmtree(other)
