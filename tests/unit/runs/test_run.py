"""Run folders: names, status, lists, one writer, many readers."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from gan_core.config import Kept
from gan_core.errors import UserError
from gan_core.runs import EPOCHS, METRICS, REFERENCE, Run, RunWriter, Status, check_name, find_run, list_runs, write_gif
from tests.helpers.configs import CONFIG
from tests.helpers.run_folders import make_run
from tests.helpers.untrained import untrained

SHEET = np.zeros((10, 10, 1), np.uint8)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "a/b",
        "../a",
        "a\\b",
        "/etc",
        "C:x",
        "a\x00b",
        "-a",
        ".hidden",
        "CON",
        "nul.txt",
        "reference",
        "a" * 101,
        "ä",
        "a b",
        "a.",
        "%2e%2e",
    ],
)
def test_names_that_could_leave_the_folder_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run name"):
        check_name(name)
    with pytest.raises(UserError):
        RunWriter.create(tmp_path, name, CONFIG)
    assert not list(tmp_path.rglob("*"))


def test_a_name_is_used_once_and_one_process_writes(tmp_path: Path) -> None:
    writer = RunWriter.create(tmp_path, "mine", CONFIG)
    with pytest.raises(UserError, match="exists already"):
        RunWriter.create(tmp_path, "mine", CONFIG)
    with pytest.raises(UserError, match="another process"):
        RunWriter.reopen(Run(tmp_path / "mine"))
    writer.close()
    RunWriter.reopen(Run(tmp_path / "mine")).close()
    assert Run(tmp_path / "mine").config() == CONFIG


def test_a_name_is_free_where_a_trainer_was_killed_before_it_wrote_anything(tmp_path: Path) -> None:
    (tmp_path / "killed" / "samples").mkdir(parents=True)
    (tmp_path / "killed" / ".lock").touch()
    (tmp_path / "killed" / ".config.json.abcdefgh.tmp").write_text("{")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    RunWriter.create(tmp_path, "killed", CONFIG).close()
    assert sorted(path.name for path in (tmp_path / "killed").iterdir()) == [
        *(".lock", "checkpoints", "config.json", "samples")
    ]
    with pytest.raises(UserError, match="exists already"):
        RunWriter.create(tmp_path, "mine", CONFIG)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_what_killed_trainers_left_half_written_is_swept_but_not_an_evaluation(tmp_path: Path) -> None:
    RunWriter.create(tmp_path, "mine", CONFIG).close()
    run = Run(tmp_path / "mine")
    for name in (".status.json.abcdefgh.tmp", ".tmpAb12Cd", "checkpoints/.step_00000001.safetensors.abcdefgh.tmp"):
        (run.folder / name).touch()
    (run.folder / ".evaluation.json.abcdefgh.tmp").touch()
    RunWriter.reopen(run).close()
    assert [path.name for path in run.folder.rglob(".*tmp*")] == [".evaluation.json.abcdefgh.tmp"]


def test_a_reference_run_is_not_reopened(tmp_path: Path) -> None:
    RunWriter.create(tmp_path / REFERENCE, "gan", CONFIG).close()
    (run,) = list_runs(tmp_path)
    assert run.reference
    assert run.name == "reference/gan"
    with pytest.raises(UserError, match="stays as it is"):
        RunWriter.reopen(run)


def test_tables_are_appended_and_cut_back(tmp_path: Path) -> None:
    writer = RunWriter.create(tmp_path, "mine", CONFIG)
    writer.log([{"step": 1, "loss": 0.5}, {"step": 2, "loss": 1 / 3}])
    writer.log([{"step": 3, "loss": float("nan")}])
    writer.log([{"epoch": 0, "step": 0, "scores/real": "1 2 3"}], EPOCHS)
    path = writer.run.folder / METRICS
    assert path.read_text() == "step,loss\n1,0.5\n2,0.3333333\n3,nan\n"
    with path.open("a") as file:
        file.write("4,0.")  # killed while writing
    writer.keep_rows(METRICS, "step", 2)
    assert path.read_text() == "step,loss\n1,0.5\n2,0.3333333\n"
    epochs = writer.run.epochs()
    epochs.poll()
    assert epochs.frame()["scores/real"].tolist() == ["1 2 3"]


def test_samples_in_order_and_cut_back(tmp_path: Path) -> None:
    writer = RunWriter.create(tmp_path, "mine", CONFIG)
    with pytest.raises(UserError, match="no sample grids"):
        writer.save_gif()
    for epoch in (10, 0, 5):
        writer.save_samples(epoch, SHEET + epoch)
    writer.save_samples(10, SHEET, private=True)
    assert list(writer.run.samples()) == [0, 5, 10]
    writer.keep_samples(5)
    assert list(writer.run.samples()) == [0, 5]
    assert writer.save_gif() == writer.run.gif
    assert write_gif(writer.run, tmp_path / "out.gif").stat().st_size > 0
    assert not any("private" in str(path) for path in writer.run.downloads())
    whole = (tmp_path / "out.gif").read_bytes()
    writer.run.samples()[0].write_bytes(b"damaged")
    assert 0 < len(write_gif(writer.run, tmp_path / "out.gif").read_bytes()) < len(whole)  # the other grid is there


def test_status_of_a_dead_process_is_corrected(tmp_path: Path) -> None:
    writer = RunWriter.create(tmp_path, "mine", CONFIG)
    assert writer.run.status().state == "unknown"
    writer.write_status(state="running", step=3, steps=9)
    status = writer.run.status()
    assert (status.state, status.process, status.alive()) == ("running", os.getpid(), True)
    path = writer.run.folder / "status.json"
    writer.close()
    path.write_text(json.dumps(asdict(status) | {"process_started": 1.0}))  # the number was given to another process
    assert writer.run.status().state == "stopped"
    assert "resume" in (writer.run.status().reason or "")
    path.write_text("{")
    assert writer.run.status().state == "unknown"
    assert "damaged" in (writer.run.status().reason or "")
    assert Status("finished").alive() is False


@pytest.mark.parametrize("preset", ["cgan", "cyclegan_resnet_light"])
def test_weights_say_of_which_step_they_are(preset: str, tmp_path: Path) -> None:
    run = untrained(tmp_path, "mine", preset)
    path, config = run.folder / "status.json", run.config()
    end = run.status()
    assert (run.weights_epoch(end, config), run.trained_step(end)) == (2, 20)
    # A run that goes on, or was killed, writes its status and leaves the weights of its last stop.
    path.write_text(json.dumps(asdict(end) | {"state": "stopped", "epoch": 13, "step": 130}))
    later = run.status()
    assert (later.epoch, run.weights_epoch(later, config), run.trained_step(later)) == (13, 2, 20)
    # Weights of an earlier preview were chosen at the last stop.
    run.weights.rename(run.last_weights)
    header = json.dumps({"__metadata__": {"ganray": json.dumps({"step": 10})}}).encode()
    run.weights.write_bytes(len(header).to_bytes(8, "little") + header)
    assert (run.weights_epoch(later, config), run.trained_step(later)) == (1, 20)
    for content in (b"", b"none", len(header).to_bytes(8, "little") + header.replace(b"10", b'"\\"'), b"\xff" * 99):
        for kept in (run.weights, run.last_weights):
            kept.write_bytes(content)
        assert (run.weights_epoch(later, config), run.trained_step(later)) == (13, 130)
    # Without the last weights, those that were chosen do not say how far the training went.
    run.last_weights.unlink()
    run.weights.write_bytes(len(header).to_bytes(8, "little") + header)
    assert run.trained_step(later) == 10
    settings = json.loads((run.folder / "config.json").read_text())
    (run.folder / "config.json").write_text(json.dumps(settings | {"kept": asdict(Kept("best", 1))}))
    assert run.trained_step(later) == 130


def test_runs_are_listed_and_found(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "none") == []
    RunWriter.create(tmp_path, "old", CONFIG).close()
    os.utime(tmp_path / "old" / "config.json", (1, 1))
    RunWriter.create(tmp_path, "new", CONFIG).close()
    RunWriter.create(tmp_path / REFERENCE, "gan", CONFIG).close()
    (tmp_path / "not-a-run").mkdir()
    assert [run.name for run in list_runs(tmp_path)] == ["reference/gan", "new", "old"]
    assert find_run("gan", tmp_path).name == "reference/gan"
    assert find_run("new", tmp_path).name == "new"
    assert find_run(str(tmp_path / "old"), tmp_path).folder == tmp_path / "old"
    with pytest.raises(UserError, match="Did you mean 'old'"):
        find_run("olt", tmp_path)
    with pytest.raises(UserError, match="no run"):
        find_run("../runs/old", tmp_path / "reference")


def test_a_name_that_is_none_is_answered_with_the_own_runs_first(tmp_path: Path) -> None:
    for number in range(13):
        make_run(tmp_path / REFERENCE, f"shipped{number:02}")
    make_run(tmp_path, "mine")
    with pytest.raises(
        UserError, match=r"no run 'xyzzy' in .*\. Runs there: mine, reference/shipped00, .*shipped10 and 2 more$"
    ):
        find_run("xyzzy", tmp_path)
