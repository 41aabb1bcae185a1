"""The best weights of a training are kept, and it ends where they get no better; killed ones: tests/robustness."""

import csv
import dataclasses
import json
import shutil
import signal
from pathlib import Path

import pytest

from gan_core import cli, inference
from gan_core.config import Kept
from gan_core.errors import UserError
from gan_core.evaluation import evaluate
from gan_core.evaluation.parts import EvaluationRequest
from gan_core.evaluation.preview_distance import PreviewDistance
from gan_core.metrics import measured_at_previews
from gan_core.run_options import RunOptions
from gan_core.runs import Run
from gan_core.training import best, run_plan
from tests.helpers.records import assert_same_checkpoint
from tests.helpers.training import arguments, make_pictures, small, train

PRESET, NARROW = small("dcgan")
STEPS = 4  # of an epoch of these pictures
DISTANCES = (5.0, 1.25, 4.0, 3.0)  # of the previews from epoch 1 on


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("source") / "shapes")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The distances of the previews are given, so that a test knows which one is the best."""
    monkeypatch.setattr(PreviewDistance, "measure", lambda self, family: DISTANCES[family.step // STEPS - 1])


def run_of(pictures: Path, root: Path, name: str, epochs: int = 4, *more: str) -> Run:
    return Run(train(PRESET, pictures, root, name, epochs, *NARROW, *more), root)


def column(run: Run) -> list[float]:
    with (run.folder / "epochs.csv").open(newline="") as file:
        return [float(row[best.COLUMN]) for row in csv.DictReader(file)]


@pytest.mark.usefixtures("told")
def test_the_weights_of_the_best_preview_are_kept_beside_the_last(pictures: Path, tmp_path: Path) -> None:
    run = run_of(pictures, tmp_path, "run", 4, "--snapshots")
    config, snapshots = run.config(), run.snapshots()
    assert str(column(run)[0]) == "nan" and tuple(column(run)[1:]) == DISTANCES
    assert run.weights.read_bytes() == snapshots[2].read_bytes()
    assert run.last_weights.read_bytes() == snapshots[4].read_bytes()
    assert run.last_weights in run.downloads()
    kept = config.kept
    assert kept is not None and kept.note
    assert (kept.which, kept.epoch, kept.measure, kept.distance) == ("best", 2, "kid", 1.25)
    assert (kept.images, kept.against) == (100, "training") and kept.extractor in ("adult-a", "child-a")
    assert (run.status().epoch, run.weights_epoch(run.status(), config)) == (4, 2)
    assert (inference.load(run).generate(4)[0] == inference.load(run, epoch=2).generate(4)[0]).all()
    (metric,) = (metric for metric in config.traits.metrics if metric.column == best.COLUMN) if config.traits else ()
    assert metric.title == f"KID at previews, to training images by {kept.extractor}"


@pytest.mark.usefixtures("told")
def test_the_last_weights_are_kept_where_they_are_asked_for(pictures: Path, tmp_path: Path) -> None:
    run = run_of(pictures, tmp_path, "run", 2, "--snapshots", "--keep", "last")
    assert run.weights.read_bytes() == run.snapshots()[2].read_bytes()
    assert run.config().kept is None and not run.last_weights.exists()
    assert best.COLUMN not in (run.folder / "epochs.csv").read_text()
    assert not {"keep", "patience", "kept"} & set((run.folder / "config.json").read_text().split('"'))


@pytest.mark.usefixtures("told")
def test_the_last_preview_may_be_the_best(pictures: Path, tmp_path: Path) -> None:
    run = run_of(pictures, tmp_path, "run", 2, "--snapshots")
    assert run.config().kept is not None and run.config().kept.epoch == 2
    assert run.weights.read_bytes() == run.snapshots()[2].read_bytes()
    assert not run.last_weights.exists()


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(("keep", "epoch", "distance"), [("best", 2, 1.25), ("last", 3, 4.0)])
def test_patience_ends_a_training(
    keep: str, epoch: int, distance: float, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(pictures, tmp_path, "run", 9, "--snapshots", "--keep", keep, "--patience", "1")
    status, kept = run.status(), run.config().kept
    reason = "stopped early: no better for 1 preview, best at epoch 2"
    assert (status.state, status.epoch, status.epochs, status.reason) == ("finished", 3, 9, reason)
    assert reason in capsys.readouterr().out
    assert kept is not None and (kept.which, kept.epoch, kept.distance) == (keep, epoch, distance)
    assert run.weights.read_bytes() == run.snapshots()[epoch].read_bytes()


def test_a_resumed_run_that_measures_no_more_is_not_out_of_patience(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(self: PreviewDistance, family: object) -> float:
        signal.raise_signal(signal.SIGTERM)
        return 3.0

    monkeypatch.setattr(PreviewDistance, "measure", measure)
    asked = arguments(PRESET, pictures, tmp_path, "run", 4, *NARROW, "--snapshots", "--patience", "1")
    assert cli.main(asked) == 0
    run = Run(tmp_path / "run", tmp_path)
    before = run.config().kept
    assert run.status().state == "stopped" and before is not None and before.extractor
    monkeypatch.setattr(PreviewDistance, "metric", measured_at_previews("FID", "other", "another", "otherwise"))
    capsys.readouterr()
    assert cli.main(["resume", "run", "--runs", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert (
        "no more of them are measured" in said and "finished, with the weights of epoch 1, its nearest preview" in said
    )
    assert (run.status().state, run.status().epoch, run.status().reason) == ("finished", 4, None)
    kept = run.config().kept
    assert kept == dataclasses.replace(
        before, which="best", distance=3.0, note="no preview was measured after a resume"
    )
    assert (run.weights.read_bytes() == run.snapshots()[kept.epoch].read_bytes()) and kept.epoch < 4


def test_what_a_run_began_with_may_be_its_best(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only noise is not measured: the first images of a run with another's weights are that one's."""
    run_of(pictures, tmp_path, "first", 1)
    monkeypatch.setattr(PreviewDistance, "measure", lambda self, family: 2.0 + family.step)
    run = run_of(pictures, tmp_path, "second", 3, "--snapshots", "--patience", "2", "--from", "first")
    assert column(run) == [2.0, 2.0 + STEPS, 2.0 + 2 * STEPS]
    assert run.status().reason == "stopped early: no better for 2 previews, best at epoch 0"
    kept = run.config().kept
    assert kept is not None and (kept.which, kept.epoch, kept.distance) == ("best", 0, 2.0)
    assert run.weights.read_bytes() == run.snapshots()[0].read_bytes() != run.last_weights.read_bytes()


@pytest.fixture(scope="module")
def of_one_epoch(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PreviewDistance, "measure", lambda self, family: DISTANCES[0])
        return run_of(pictures, tmp_path_factory.mktemp("runs"), "run", 1, "--snapshots")


@pytest.mark.parametrize(
    ("against", "reference", "noted"),
    [("held-out", "all", True), ("held-out", "train", False), ("training", "all", False)],
)
def test_a_distance_to_images_that_chose_the_weights_is_noted(
    against: str, reference: str, noted: bool, pictures: Path, of_one_epoch: Run, tmp_path: Path
) -> None:
    run = Run(Path(shutil.copytree(of_one_epoch.folder, tmp_path / "run")), tmp_path)
    config = json.loads((run.folder / "config.json").read_text())
    config["kept"]["against"] = against
    (run.folder / "config.json").write_text(json.dumps(config))
    request = EvaluationRequest(("fidelity",), 40, reference=reference)
    found = evaluate.evaluate(run, str(pictures), request)
    assert any("had a say in which weights" in note for note in found.notes) == noted


def test_measuring_leaves_the_training_as_it_is(pictures: Path, tmp_path: Path) -> None:
    """The same weights, averages, optimizers and losses, to the bit, as without any measurement."""
    measured = run_of(pictures, tmp_path, "measured", 2, "--snapshots")
    plain = run_of(pictures, tmp_path, "plain", 2)
    assert column(measured)[1] > 0 < column(measured)[2] and column(measured)[1] != column(measured)[2]
    assert_same_checkpoint(measured.checkpoints()[0], plain.checkpoints()[0])
    last = measured.last_weights if measured.last_weights.exists() else measured.weights
    assert last.read_bytes() == plain.weights.read_bytes()


def test_a_run_that_cannot_be_measured_keeps_its_last_weights(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gan_core.evaluation.fidelity.LEAST", 1000)
    run = run_of(pictures, tmp_path, "run", 1, "--snapshots")
    assert "previews are not measured, and the last weights are kept: 32 real images are" in capsys.readouterr().out
    assert run.config().kept == Kept("last", 1, note="previews could not be measured")
    assert run.weights.read_bytes() == run.snapshots()[1].read_bytes()


def test_a_preview_that_cannot_be_measured_is_never_the_best(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(self: PreviewDistance, family: object) -> float:
        if family.step == STEPS:  # type: ignore[attr-defined]
            raise UserError("all images have the same features")
        return 7.0

    monkeypatch.setattr(PreviewDistance, "measure", measure)
    run = run_of(pictures, tmp_path, "run", 3, "--snapshots")
    assert "the preview of epoch 1 is not measured: all images have the same features" in capsys.readouterr().out
    assert str(column(run)[1]) == "nan" and column(run)[2:] == [7.0, 7.0]
    assert run.config().kept is not None and run.config().kept.epoch == 2, "of two equal ones, the earlier"


def test_options_that_do_not_fit(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments(PRESET, pictures, tmp_path, "run", 1, "--patience", "2")) == 2
    assert "--patience 2: distances are measured at snapshots: add --snapshots" in capsys.readouterr().err
    with pytest.raises(UserError, match="'cyclegan_unet' does not generate: --patience is for presets that do"):
        run_plan.plan(RunOptions("cyclegan_unet", str(pictures), image_size=32, snapshots=True, patience=2))
    command = RunOptions(
        "cyclegan_unet", str(pictures), image_size=32, snapshots=True, precision="32-true", device="cpu"
    )
    assert run_plan.plan(command)[0].keep == "last", "a translator's previews are not measured"
