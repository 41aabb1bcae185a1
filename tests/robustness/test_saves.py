"""There is always a complete checkpoint: whatever is damaged, full or forbidden, and nobody but training changes it.

python -m pytest tests/robustness/test_saves.py -m soak
"""

import random
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from gan_core import cli, tensor_files
from gan_core.errors import UserError
from gan_core.evaluation import results
from gan_core.runs import Run
from gan_core.training import checkpoints
from tests.helpers.records import assert_complete, assert_same_checkpoint, assert_same_run
from tests.helpers.training import arguments, make_pictures, small
from tests.robustness import children, injections
from tests.robustness.children import Order

pytestmark = pytest.mark.processes

Record = Callable[[str, object], None]
EVENTS = "events"
SNAPSHOTS = ("--snapshots", "--keep", "last")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("source") / "shapes")


@pytest.fixture(scope="module")
def root(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of the same training: `whole`, and `stopped` by SIGTERM in its fifth step of eight."""
    root = tmp_path_factory.mktemp("runs")
    command = tuple(arguments("gan", pictures, root, "whole", 2, *SNAPSHOTS))
    assert children.run(Order(command, root / "whole", root / "log", events=root / EVENTS)) == 0
    command = tuple(arguments("gan", pictures, root, "stopped", 2, *SNAPSHOTS))
    given = {"step": 5, "number": signal.SIGTERM}
    order = Order(command, root / "stopped", root / "log", before=(injections.signal_at,), given=given)
    assert children.run(order) == 0
    return root


@pytest.fixture
def stopped(root: Path, tmp_path: Path) -> Iterator[Run]:
    """A copy of the stopped run, in a folder of runs of its own."""
    run = Run(Path(shutil.copytree(root / "stopped", tmp_path / "runs" / "stopped")))
    assert (run.status().state, len(run.checkpoints())) == ("stopped", 2)
    yield run
    shutil.rmtree(run.folder)


def resume(run: Run, **hindered: object) -> tuple[int, str]:
    """Exit code and words of a resume in a child."""
    log = run.root / "log"
    log.unlink(missing_ok=True)
    command = ("resume", run.name, "--runs", str(run.root), "--device", "cpu")
    return children.run(Order(command, run.folder, log, **hindered)), log.read_text()


def content(run: Run) -> dict[str, bytes]:
    return {str(path.relative_to(run.folder)): path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}


def test_files_are_synced_before_they_are_renamed_and_their_folder_after(root: Path, tmp_path: Path) -> None:
    """The system calls of every file that is replaced, in their order; an evaluation is written in the same way."""
    listed = tmp_path / EVENTS
    order = Order(
        (), tmp_path, tmp_path / "log", events=listed, before=(write_evaluation,), given={"path": tmp_path / "e.json"}
    )
    assert children.run(order) == 0, order.log.read_text()
    replaced = set()
    for events in (root / EVENTS).read_text().splitlines(), listed.read_text().splitlines():
        for index, event in enumerate(events):
            if event.startswith("os.rename "):
                name = event.removeprefix("os.rename ")
                folder = name.rpartition("/")[0]
                assert events[index - 1] == f"after fsync {name}"
                after = [found for found in events[index + 1 : index + 5] if found.startswith("before fsync")]
                assert after and after[0].endswith(folder)
                replaced.add(name.rpartition("/")[2])
    assert replaced == {
        *(".config.json", ".status.json", ".step_.safetensors", ".weights.safetensors", ".discriminator.safetensors"),
        *(".epoch_.png", ".epoch_.safetensors", ".progress.gif", ".e.json"),
    }


def write_evaluation(path: Path) -> None:
    results.write(path, results.Evaluation("run", "gan", 1, "0", "shapes", "0", {}, 0))


def test_tables_are_synced_before_the_checkpoint_that_knows_their_rows(root: Path) -> None:
    unsynced, rows = set(), 0
    for event in (root / EVENTS).read_text().splitlines():
        what, _, name = event.rpartition(" ")
        if what == "after write":
            unsynced.add(name)
            rows += 1
        if what == "after fsync":
            unsynced.discard(name)
        assert not unsynced or not event.startswith("os.rename checkpoints"), unsynced
    assert rows > 5


def damaged(whole: bytes, how: str, rng: random.Random) -> bytes:
    """A file after something happened to it; `header` and `bit` flip one bit."""
    header = 8 + int.from_bytes(whole[:8], "little")
    flipped = bytearray(whole)
    if how in ("header", "bit"):
        flipped[rng.randrange(header) if how == "header" else rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
    if how == "step":
        place = whole.index(b'step\\": ') + 8
        flipped[place] ^= 1
    cut = rng.randrange(len(whole))
    return {
        "truncated": whole[:cut],
        "empty": b"",
        "zeroed": bytes(len(whole)),
        "tail": whole[:cut] + bytes(len(whole) - cut),
    }.get(how, bytes(flipped))


@pytest.mark.parametrize("number", [24, pytest.param(1000, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])])
def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_is_used(
    number: int, stopped: Run, record_property: Record
) -> None:
    newest, before = stopped.checkpoints()
    whole = newest.read_bytes()
    tensors, header = tensor_files.load(newest)
    rng = random.Random(number)
    harmless = 0
    for index in range(number):
        how = ("truncated", "header", "bit", "tail", "header", "step", "empty", "zeroed")[index % 8]
        newest.write_bytes(damaged(whole, how, rng))
        path, found, said, lines = checkpoints.newest(stopped)
        if path == newest:  # white space, or a byte that was zero before the tail was zeroed
            harmless += 1
            assert said == header
            assert all(torch.equal(tensor, tensors[name]) for name, tensor in found.items())
        else:
            assert path == before
            assert len(lines) == 1
            assert newest.name in lines[0]
    record_property("measured", f"{number} damages: {number - harmless} named, {harmless} without any effect")


@pytest.mark.parametrize("how", ["step", *(pytest.param(h, marks=pytest.mark.soak) for h in ("zeroed", "truncated"))])
def test_a_run_with_a_damaged_newest_checkpoint_resumes_bit_identical(how: str, stopped: Run, root: Path) -> None:
    newest, before = stopped.checkpoints()
    newest.write_bytes(damaged(newest.read_bytes(), how, random.Random(0)))
    code, said = resume(stopped)
    assert code == 0, said
    assert f"{newest} is damaged" in said
    assert f"resuming from {before.name}" in said
    assert newest.with_suffix(".damaged").exists()
    newest.with_suffix(".damaged").unlink()
    assert_same_run(Run(root / "whole"), stopped)


def test_a_checkpoint_that_holds_what_is_not_a_number_is_passed_over(stopped: Run) -> None:
    newest, before = stopped.checkpoints()
    tensors, header = tensor_files.load(newest)
    name = next(name for name in tensors if name.endswith("weight"))
    tensors[name][0] = float("inf")
    tensor_files.save(newest, tensors, {key: value for key, value in header.items() if key != "checksum"})
    path, *_, lines = checkpoints.newest(stopped)
    assert path == before
    assert name in lines[0]


def test_where_no_checkpoint_is_whole_every_one_is_named_and_nothing_is_changed(stopped: Run) -> None:
    for path in stopped.checkpoints():
        path.write_bytes(path.read_bytes()[:100])
    before = content(stopped)
    code, said = resume(stopped)
    assert code == 2
    assert said.count("\n") == 1
    assert all(path.name in said for path in stopped.checkpoints())
    assert content(stopped) == before


@pytest.mark.parametrize("limit", [1_000_000, pytest.param(3_000, marks=pytest.mark.soak)])
def test_a_file_that_cannot_grow_keeps_what_was_there(limit: int, stopped: Run, root: Path) -> None:
    """A limit on file sizes (ulimit -f) ends a write in the middle, as a full disk does."""
    before = {path: path.read_bytes() for path in stopped.checkpoints()}
    code, said = resume(stopped, before=(injections.limit_files,), given={"limit": limit})
    assert code == 2, said
    assert "would exceed the size limit" in said.splitlines()[-1]
    assert "Traceback" not in said
    assert {path: path.read_bytes() for path in stopped.checkpoints()} == before
    assert not list(stopped.folder.rglob("*.tmp*"))
    if limit > 3_000:
        status = stopped.status()
        assert status.state == "failed"
        assert "last complete checkpoint is of step 5" in (status.reason or "")
    code, said = resume(stopped)
    assert code == 0, said
    assert_same_run(Run(root / "whole"), stopped)


def test_a_full_disk_keeps_what_was_there(root: Path, tmp_path: Path, record_property: Record) -> None:
    """A real file system with so little room that a resumed run meets its end at different places."""
    (tmp_path / "disk").mkdir()
    given = {"stopped": str(root / "stopped"), "disk": str(tmp_path / "disk"), "result": str(tmp_path / "result")}
    order = Order((), tmp_path, tmp_path / "log", before=(injections.on_a_full_disk,), given=given)
    code = children.run(order)
    if code == injections.NOT_ALLOWED:
        pytest.skip("no file system can be mounted here: that needs root, or a container that allows it")
    said = order.log.read_text()
    assert code == 0, said
    assert said.count("the disk is full: free some space, then resume") == len(injections.FREE)
    assert "Traceback" not in said
    assert_same_run(Run(root / "whole"), Run(tmp_path / "result"))
    record_property("measured", f"a full disk with {', '.join(map(str, injections.FREE))} bytes free: nothing lost")


@pytest.mark.parametrize("place", ["", "checkpoints"])
def test_no_permission_keeps_what_was_there(place: str, stopped: Run) -> None:
    before = content(stopped)
    folders = [stopped.folder, stopped.folder / place] if not place else [stopped.folder / place]
    for folder in folders:
        folder.chmod(0o555)
    try:
        code, said = resume(stopped, before=(injections.obey_permissions,))
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert code == 2, said
    assert "no permission to write there" in said.splitlines()[-1]
    assert "Traceback" not in said
    if place:
        assert stopped.status().state == "failed"
        assert_complete(stopped)
    else:
        assert content(stopped) == before


@pytest.mark.parametrize(
    "family", ["dcgan", *(pytest.param(f, marks=pytest.mark.soak) for f in ("cgan", "cyclegan", "vae"))]
)
def test_previews_and_evaluation_leave_the_weights_alone(family: str, pictures: Path, tmp_path: Path) -> None:
    """One run looks at every epoch, keeps snapshots, is stopped, evaluated and resumed; the other looks twice."""
    preset, options = small(family)
    rarely = ("--preview-every", "100", "--preview-start", "even")
    for name, more in (("looked", SNAPSHOTS), ("left", rarely)):
        command = tuple(arguments(preset, pictures, tmp_path, name, 2, *options, *more))
        stop = {"before": (injections.signal_at,), "given": {"step": 5, "number": signal.SIGTERM}}
        order = Order(command, tmp_path / name, tmp_path / "log", **(stop if name == "looked" else {}))
        assert children.run(order) == 0, order.log.read_text()
    looked, left = Run(tmp_path / "looked"), Run(tmp_path / "left")
    before = content(looked)
    parts = ("--parts", "audit" if family == "cyclegan" else "memorisation", "--num", "24")
    assert cli.main(["evaluate", "looked", "--runs", str(tmp_path), *parts]) == 0
    after = content(looked)
    assert after.pop("evaluation.json")
    assert after == before
    assert resume(looked)[0] == 0
    assert_same_checkpoint(looked.checkpoints()[0], left.checkpoints()[0])
    assert looked.weights.read_bytes() == left.weights.read_bytes()


def test_a_run_that_ended_before_its_first_checkpoint_begins_again(root: Path, pictures: Path, tmp_path: Path) -> None:
    command = tuple(arguments("gan", pictures, tmp_path, "early", 2, *SNAPSHOTS))
    events = (root / EVENTS).read_text().splitlines()
    first = next(index for index, event in enumerate(events) if event.startswith("os.rename checkpoints"))
    order = Order(command, tmp_path / "early", tmp_path / "log", at_event=first + 1)
    assert children.run(order) == -signal.SIGKILL
    run = Run(tmp_path / "early")
    assert not run.checkpoints(), order.log.read_text()
    assert resume(run)[0] == 0
    assert_same_run(Run(root / "whole"), run)


def test_a_run_whose_checkpoints_are_gone_does_not_begin_again(
    stopped: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in stopped.checkpoints():
        path.unlink()
    assert cli.main(["resume", stopped.name, "--runs", str(stopped.root), "--device", "cpu"]) == 2
    assert "no checkpoint to resume from (all were deleted)" in capsys.readouterr().err


def test_a_file_of_weights_is_no_checkpoint(stopped: Run) -> None:
    for path in stopped.checkpoints():
        shutil.copy(stopped.weights, path)
    with pytest.raises(UserError, match="its header has no 'optimizers'"):
        checkpoints.newest(stopped)
