"""A found training as a run folder, and the command that imports it."""

import dataclasses
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from gan_core import cli, images, importers, runs
from gan_core.errors import UserError
from gan_core.importers import FoundTraining, writing
from gan_core.runs import Run
from tests.helpers.run_folders import make_run
from tests.helpers.trainings_elsewhere import SIDE, STEPS, grid, pytorch_gan, trained
from tests.unit.importers.conftest import Made


def small(**values: object) -> FoundTraining:
    """Two rows and two sheets."""
    columns = {"step": np.array([1.0, 2.0]), "loss/d": np.array([0.5, np.nan])}
    sheets = {number: (lambda number=number: np.full((8, 8, 3), number, np.uint8)) for number in (1, 2)}
    return dataclasses.replace(
        FoundTraining("csv", "a log.csv", columns=columns, pictures=sheets, counts="step"), **values
    )


def test_a_run_holds_what_was_found(made: Made, tmp_path: Path) -> None:
    found = importers.read("auto", made("pytorch_gan"))
    run = importers.write(found, tmp_path, "mine")
    config = run.config()
    assert config.origin is not None
    assert (config.origin.kind, config.origin.program, config.origin.place) == (
        "pytorch-gan",
        "PyTorch-GAN",
        "pytorch_gan",
    )
    assert (config.family, config.image_size, config.epochs, config.channels) == ("recorded", SIDE, 4, 1)
    assert config.origin.counts == "epoch" and not config.origin.own_pixels and config.known_seed is None
    table = run.metrics()
    table.poll()
    np.testing.assert_allclose(table.column("loss/d"), [one.d for one in trained()], atol=1e-6)
    assert list(run.samples()) == [0, 1, 2, 3] and run.gif is not None
    status = run.status()
    assert (status.state, status.epoch, status.step, status.epochs) == ("finished", 4, STEPS - 1, 4)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_pictures_of_patients_stay_in_the_private_folder(made: Made, tmp_path: Path) -> None:
    run = importers.write(importers.read("auto", made("cyclegan")), tmp_path, "mine")
    assert list(run.private_samples()) == [1, 2, 3, 4] and not run.samples()
    assert run.private_gif is not None and run.gif is None
    assert not any("private" in str(path) for path in run.downloads())
    assert images.read_png(run.private_samples()[1]).shape == (SIDE + 4, 6 * (SIDE + 2) + 2, 1)


def test_a_name_is_taken_once_unless_it_is_replaced(tmp_path: Path) -> None:
    importers.write(small(), tmp_path, "mine")
    with pytest.raises(UserError, match="run 'mine' exists already: choose another --name, or import over it with"):
        importers.write(small(), tmp_path, "mine")
    run = importers.write(small(pictures={}), tmp_path, "mine", replace=True)
    assert not run.samples() and [path.name for path in tmp_path.iterdir()] == ["mine"]
    make_run(tmp_path, "trained")
    with pytest.raises(UserError, match="run 'trained' was trained by GANray"):
        importers.write(small(), tmp_path, "trained", replace=True)
    assert (tmp_path / "trained" / "config.json").exists()


def test_an_import_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    importers.write(small(), tmp_path, "mine")

    def broken() -> np.ndarray:
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError):
        importers.write(small(pictures={3: broken}), tmp_path, "mine", replace=True)
    with pytest.raises(RuntimeError):
        importers.write(small(pictures={1: small().pictures[1], 3: broken}), tmp_path, "other")
    assert list(Run(tmp_path / "mine").samples()) == [1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_damaged_pictures_cost_themselves_alone(tmp_path: Path) -> None:
    def damaged() -> np.ndarray:
        raise UserError("2.png: damaged or truncated image")

    said: list[str] = []
    many = dict.fromkeys(range(3, 9), damaged)
    run = importers.write(small(pictures={**small().pictures, **many}), tmp_path, "mine", say=said.append)
    assert list(run.samples()) == [1, 2]
    assert said == ["left out: 2.png: damaged or truncated image"] * 3 + ["left out: 3 more pictures"]


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("a log.csv", "a-log"),
        ("events.out.tfevents.17", "events.out.tfevents.17"),
        ("../..", "csv"),
        ("...", "csv"),
        ("nul", "csv-nul"),
        ("Grüße/ö", "Gr-e"),
        ("x" * 300, "x" * 80),
    ],
)
def test_a_run_is_called_as_its_file_is(place: str, name: str) -> None:
    assert importers.name_of(place, "csv") == name


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("my_gan/lightning_logs/version_0", "my_gan"),
        ("my_gan/lightning_logs/version_3", "my_gan-version_3"),
        ("my_gan/logs/run1", "my_gan-run1"),
        ("my_gan/log.csv", "my_gan"),
        ("my_gan/dcgan.csv", "dcgan"),
        ("runs/Dec01_12-00-00_host", "Dec01_12-00-00_host"),
    ],
)
def test_a_run_is_called_as_its_project_where_its_folder_is_called_as_any(
    place: str, name: str, tmp_path: Path
) -> None:
    path = tmp_path / place
    assert importers.run_name(FoundTraining("csv", path.name), path) == name
    assert importers.run_name(FoundTraining("csv", path.name, watched=(path,)), tmp_path) == name


def test_a_folder_deep_below_is_followed(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "POLL_SECONDS", 0.02)
    project = shutil.copytree(made("lightning"), tmp_path / "project")
    version = project / "lightning_logs" / "version_0"
    with (version / "hparams.yaml").open("a") as options:
        options.write("max_epochs: 4\n")
    lines = (version / "metrics.csv").read_text().splitlines(keepends=True)
    (version / "metrics.csv").write_text("".join(lines[:15]))
    said: list[str] = []

    def train() -> None:
        while not said:
            time.sleep(0.02)
        (version / "metrics.csv").write_text("".join(lines))

    trainer = threading.Thread(target=train)
    trainer.start()
    run = importers.follow(lambda: importers.read("auto", project), project, tmp_path / "runs", "mine", say=said.append)
    trainer.join()
    assert said[0].startswith("step 6") and said[-1].startswith(f"step {STEPS - 1}")
    assert (run.status().state, run.status().epoch) == ("finished", 4)


def test_the_files_that_are_read_are_watched(made: Made, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(made("event_files"), project / "logs" / "run1")
    shutil.copytree(made("cyclegan"), project / "cyclegan")
    shutil.copytree(made("pytorch_gan") / "images", project / "pictures" / "a" / "b")
    for kind, below in (("tensorboard", "logs/run1"), ("cyclegan", "web/images"), ("pictures", "a/b")):
        path = project if kind == "tensorboard" else project / kind
        found = importers.read(kind, path)
        files = [one for one in (path / below).iterdir() if one.is_file()]
        assert files and {str(one) for one in files} <= writing._stamp(path, found).keys()


def test_the_command(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--runs", str(tmp_path / "runs")]
    given = ["import", "auto", str(made("table")), *root, "--steps-per-epoch", "5"]
    assert cli.main([*given, "--map", "acc=accuracy/d", "--name", "mine", "--images", r"epoch_(\d+).png"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[0] == "csv: 20 rows up to step 20, epoch 4; 4 sheets, epoch 1 to 4"
    assert said.out.splitlines()[-1] == str(tmp_path / "runs" / "mine") and said.err == ""
    run = runs.find_run("mine", tmp_path / "runs")
    np.testing.assert_array_equal(images.read_png(run.samples()[4]), grid(trained()[-1].samples))
    assert cli.main([*given, "--name", "mine"]) == 2
    assert capsys.readouterr().err.startswith("error: run 'mine' exists already")
    assert cli.main([*given, "--look"]) == 0 and not (tmp_path / "runs" / "table").exists()
    assert capsys.readouterr().out.splitlines()[1].startswith("name: ")
    for odd in (["--map", "acc"], ["--map", "=x"], ["--images", "("], ["--grid", "5x5"], ["--x", "nothing"]):
        assert cli.main([*given, *odd]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    for wrong in (["--grid", "4"], ["--grid", "0x4"], ["--steps-per-epoch", "0"]):
        with pytest.raises(SystemExit) as ended:
            cli.main([*given, *wrong])
        assert ended.value.code == 2


def test_a_training_is_followed_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "POLL_SECONDS", 0.02)
    whole = pytorch_gan(tmp_path / "whole")
    folder = tmp_path / "run"
    (folder / "images").mkdir(parents=True)
    lines = (whole / "log.txt").read_text().splitlines(keepends=True)
    log = folder / "log.txt"
    log.write_text("".join(lines[:8]))
    said: list[str] = []

    def train() -> None:
        while not said:
            time.sleep(0.02)
        assert Run(tmp_path / "runs" / "mine").status().state == "running"
        (folder / "images" / "0.png").write_bytes((whole / "images" / "0.png").read_bytes())
        log.write_text("".join(lines))

    trainer = threading.Thread(target=train)
    trainer.start()
    options = importers.ImportOptions()
    run = importers.follow(
        lambda: importers.read("pytorch-gan", folder, options), folder, tmp_path / "runs", "mine", say=said.append
    )
    trainer.join()
    table = run.metrics()
    table.poll()
    assert len(table) == STEPS and list(run.samples()) == [0] and run.status().state == "finished"
    assert said[0] == "step 6, 0 sheets"
