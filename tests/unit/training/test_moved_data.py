"""A run whose data lies elsewhere now: resumed and evaluated there, if its images are the same."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from gan_core import cli
from gan_core.evaluation import evaluate
from gan_core.runs import Run
from tests.helpers.training import make_pictures, train


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data of a run, `old`, and its runs, in `runs`."""
    root = tmp_path_factory.mktemp("moved")
    train("gan", make_pictures(root / "old", 12), root / "runs", "mine", 1)
    status = root / "runs/mine/status.json"
    status.write_text(status.read_text().replace("finished", "stopped"))
    return root


@pytest.fixture
def moved(trained: Path, tmp_path: Path) -> Path:
    """The same with the data in `new`."""
    shutil.copytree(trained / "runs", tmp_path / "runs")
    shutil.copytree(trained / "old", tmp_path / "new")
    config = tmp_path / "runs/mine/config.json"
    values = json.loads(config.read_text())
    config.write_text(json.dumps(values | {"source": str(tmp_path / "old")}))
    return tmp_path


def resume(root: Path, *more: str) -> int:
    return cli.main(["resume", "mine", "--runs", str(root / "runs"), "--device", "cpu", *more])


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.splitlines()[-1]


def test_a_run_is_resumed_where_its_data_is_now(moved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new, config = moved / "old", moved / "new", moved / "runs/mine/config.json"
    before = json.loads(config.read_text())
    assert resume(moved) == 2
    line = last_line(capsys)
    assert line == f"error: run 'mine': its data '{old}' is not here: if it has moved, name its place with --data"
    assert resume(moved, "--data", str(new)) == 0
    assert Run(moved / "runs/mine").status().state == "finished"
    # The next command finds the data by itself, and nothing else has changed.
    assert json.loads(config.read_text()) == before | {"source": str(new)}


def drop_one(folder: Path) -> None:
    (folder / "disc/disc003.png").unlink()


def change_one(folder: Path) -> None:
    path = folder / "disc/disc003.png"
    ImageOps.invert(Image.open(path)).save(path)


def rename_class(folder: Path) -> None:
    (folder / "disc").rename(folder / "ring")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop_one, "to train on, the run has"),
        (change_one, "some images, their names or their folders differ"),
        (rename_class, "it has the classes bar, ring, the run has bar, disc"),
    ],
)
def test_a_place_with_other_images_is_refused(
    moved: Path, change: Callable[[Path], None], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    new, config = moved / "new", moved / "runs/mine/config.json"
    change(new)
    before = config.read_bytes()
    assert resume(moved, "--data", str(new)) == 2
    line = last_line(capsys)
    assert f"run 'mine': {new} is not the data of this run: " in line and words in line
    assert f"the run's is {json.loads(before)['fingerprint']}" in line
    assert config.read_bytes() == before


def name_patients(root: Path, first: int) -> None:
    """Write a table in which each picture has a patient of its own, numbered from `first`."""
    names = sorted(path.relative_to(root / "old").as_posix() for path in (root / "old").rglob("*.png"))
    rows = [f"{name},p{(first + number) % len(names)}" for number, name in enumerate(names)]
    (root / "patients.csv").write_text("\n".join(["file,patient", *rows]) + "\n")


def test_a_run_whose_patients_were_corrected_does_not_train_on_what_was_held_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_pictures(tmp_path / "old", 12)
    name_patients(tmp_path, 0)
    source = f"patients:{tmp_path / 'old'}?table=patients.csv&file=file&patient=patient"
    run = Run(train("gan", source, tmp_path / "runs", "mine", 1), tmp_path / "runs")
    status = run.folder / "status.json"
    status.write_text(status.read_text().replace("finished", "stopped"))
    name_patients(tmp_path, 1)
    now = evaluate.prepare(run.config(), None)
    # Neither of these tells that pictures have moved.
    assert now.fingerprint == run.config().fingerprint
    assert tuple(now.counts()["train"].values()) == run.config().class_counts
    told: list[str] = []
    found = evaluate.evaluate(run, None, evaluate.EvaluationRequest(("audit",), progress=told.append))
    assert "These images are now split in another way: the run may have seen held-out ones." in found.notes
    assert f"warning: {source} is now split in another way than when 'mine' was trained" in told
    assert resume(tmp_path) == 2
    assert last_line(capsys) == f"error: run 'mine': {source} is now split in another way; train a new run"
    # A run of an older GANray does not know who was held out.
    values = json.loads((run.folder / "config.json").read_text())
    del values["data"]["held_out"]
    (run.folder / "config.json").write_text(json.dumps(values))
    assert resume(tmp_path) == 0
    assert json.loads((run.folder / "config.json").read_text()) == values


def test_a_run_is_evaluated_where_its_data_is_now(moved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new, run = moved / "new", Run(moved / "runs/mine", moved / "runs")
    told: list[str] = []
    request = evaluate.EvaluationRequest(("memorisation",), count=8, progress=told.append)
    found = evaluate.evaluate(run, str(new), request)
    assert found.fingerprint == run.config().fingerprint and found.source == "new"
    assert not any("other images" in line for line in (*found.notes, *told))
    assert run.config().source == str(moved / "old")  # an evaluation leaves the run as it is
    drop_one(new)
    found = evaluate.evaluate(run, str(new), request)
    assert any("trained on other images" in note for note in found.notes)
    (line,) = (line for line in told if "is not what run 'mine' was trained on" in line)
    assert line.startswith(f"warning: {new} ") and "to train on, the run has" in line
    assert cli.main(["evaluate", "mine", "--runs", str(moved / "runs")]) == 2
    assert "is not here: if it has moved, name its place with --data" in last_line(capsys)
