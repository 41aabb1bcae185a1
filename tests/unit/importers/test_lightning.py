"""Lightning's CSVLogger."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from gan_core import importers
from gan_core.errors import UserError
from gan_core.importers import lightning
from tests.helpers.trainings_elsewhere import BATCHES, EPOCHS, STEPS, trained
from tests.unit.importers.conftest import Made


def test_sparse_rows_are_merged_and_settings_read(made: Made) -> None:
    found = importers.read("auto", made("lightning"))
    assert (found.kind, found.program, found.rows, found.counts) == ("lightning", "Lightning", STEPS, "epoch")
    np.testing.assert_allclose(found.columns["loss/d"], [one.d for one in trained()])
    np.testing.assert_allclose(found.columns["loss/g"], [one.g for one in trained()])
    fid = found.columns["fid"]
    assert np.flatnonzero(np.isfinite(fid)).tolist() == list(range(BATCHES - 1, STEPS, BATCHES))
    np.testing.assert_allclose(found.columns["epoch"], np.arange(1, STEPS + 1) / BATCHES)  # logged as 0, 1, 2, 3
    assert found.last == (STEPS - 1, EPOCHS)
    assert found.settings == {"batch_size": 8, "lr": 0.002, "layers": [64, 64], "data": "discs"}
    assert found.batch_size == 8


def test_the_newest_version_is_read_and_the_others_told(made: Made, tmp_path: Path) -> None:
    shutil.copytree(made("lightning"), tmp_path / "run")
    logs = tmp_path / "run" / "lightning_logs"
    for number in (2, 10):
        shutil.copytree(logs / "version_0", logs / f"version_{number}")
    (logs / "version_11").mkdir()  # one that has logged nothing yet
    for path in (tmp_path / "run", logs):
        found = importers.read("lightning", path)
        assert found.place == "version_10"
        assert any(note.startswith("the newest of 3 versions, version_10") for note in found.notes)
    assert importers.read("auto", logs / "version_2").place == "version_2"
    assert importers.read("lightning", logs / "version_2" / "metrics.csv").place == "version_2"
    with pytest.raises(UserError, match=r"holds no metrics\.csv"):
        importers.read("lightning", logs / "version_11")


@pytest.mark.parametrize(
    ("every", "done", "reason"),
    [
        (1, 40, ""),
        (1, 33, "its table ends in epoch 4 of 4"),
        (4, 40, ""),
        (3, 40, ""),  # the last row lies before the end
        (3, 31, "its table ends in epoch 3 of 4"),
        (10, 40, ""),  # a row an epoch
        (1, 8, "its table ends in epoch 1 of 4"),
    ],
)
def test_a_training_is_finished_when_its_last_epoch_is(every: int, done: int, reason: str, tmp_path: Path) -> None:
    (tmp_path / "hparams.yaml").write_text("max_epochs: 4\n")
    rows = [f"{step},{step // 10},0.5" for step in range(every - 1, done, every)]
    (tmp_path / "metrics.csv").write_text("\n".join(["step,epoch,d_loss", *rows]) + "\n")
    found = importers.read("auto", tmp_path)
    assert (found.state, found.reason, found.epochs) == ("stopped" if reason else "finished", reason, 4)
    assert found.last[1] == 4 if not reason else found.last[1] < 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('a: !!python/object/apply:os.system ["touch {mark}"]', "asks for python/object/apply:os.system"),
        ("!!python/object:argparse.Namespace\nlr: 1", "asks for python/object:argparse.Namespace"),
        ("a: !mine 3", "asks for !mine"),
        ("a: [1, 2", "is no YAML"),
        ("[" * 5000, "nests more than settings do"),
        ("- " * 5000, "is no YAML"),
        ("? {a: b}\n: 1", "asks for an object"),
        ("\x00\x01", "is no YAML"),
        ("x" * 300_000, "settings were left out"),
    ],
)
def test_a_file_of_settings_builds_nothing(text: str, words: str, tmp_path: Path) -> None:
    path, mark = tmp_path / "hparams.yaml", tmp_path / "mark"
    path.write_text(text.replace("{mark}", str(mark)))
    found, (note,) = lightning.hparams(path)
    assert found == {} and note.startswith("settings were left out: ") and words in note
    assert not mark.exists()


def test_a_bomb_of_aliases_costs_nothing(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    (tmp_path / "hparams.yaml").write_text("\n".join(lines))
    (tmp_path / "metrics.csv").write_text("step,d_loss\n1,1\n")
    found = importers.read("lightning", tmp_path)
    assert len(str(found.settings)) < 10_000
    (tmp_path / "hparams.yaml").write_text("just a text")
    assert importers.read("lightning", tmp_path).settings == {}
