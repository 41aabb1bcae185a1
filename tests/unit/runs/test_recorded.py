"""Run folders of trainings that GANray did not run."""

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gan_core import images, runs
from gan_core.config import Origin
from gan_core.errors import UserError
from gan_core.runs import recorded
from gan_core.runs.recorded import RecordedWriter
from tests.helpers.configs import CONFIG

STEPS = dataclasses.replace(CONFIG, origin=Origin("csv", counts="step"), epochs=0, image_size=0, preset="train.py")
EPOCHS = dataclasses.replace(STEPS, origin=Origin("csv"), epochs=9)


def table(run: runs.Run) -> dict[str, list[float]]:
    found = run.metrics()
    found.poll()
    return {name: found.column(name).tolist() for name in found.names}


def test_what_was_written_is_read_as_any_other_run(tmp_path: Path) -> None:
    writer = RecordedWriter.create(tmp_path, "mine", STEPS)
    writer.write_table({"loss/d": np.array([0.125, np.nan, np.inf]), "step": np.array([0.0, 10.0, 123456789.0])})
    for number in (10, 20000):
        writer.save_samples(number, np.full((8, 8, 3), number % 251, np.uint8))
    writer.save_samples(30, np.zeros((9, 9), np.uint8))  # of another size: in no animation of the others
    assert writer.run.status().state == "unknown"
    writer.close("failed", 20, 20, "it broke\nhere")
    run = runs.find_run("mine", tmp_path)
    assert (run.config().family, run.config().origin) == ("recorded", STEPS.origin)
    found = table(run)
    assert list(found)[:5] == ["step", "epoch", "seconds", "images_per_second", "loss/d"]
    assert found["epoch"] == found["step"] == [0, 10, 123456789]
    assert found["loss/d"][0] == 0.125 and np.isnan(found["loss/d"][1]) and np.isinf(found["loss/d"][2])
    assert list(run.samples()) == [10, 30, 20000]
    assert images.read_png(run.samples()[20000])[0, 0].tolist() == [20000 % 251] * 3
    assert run.gif is not None
    status = run.status()
    assert (status.state, status.step, status.steps, status.reason) == ("failed", 20, 0, "it broke here")


def test_a_damaged_cell_costs_that_cell(tmp_path: Path) -> None:
    writer = RecordedWriter.create(tmp_path, "mine", STEPS)
    writer.write_table({"step": np.arange(3.0), "own": np.arange(3.0)})
    path = writer.run.folder / runs.METRICS
    path.write_text(path.read_text().replace("1,1,nan,nan,1", "1,1,nan,nan,n/a!"))
    assert "n/a!" in path.read_text()
    np.testing.assert_equal(writer.read_table()["own"], [0, np.nan, 2])
    writer.release()


def test_epochs_are_not_invented(tmp_path: Path) -> None:
    writer = RecordedWriter.create(tmp_path, "mine", EPOCHS)
    writer.write_table({"step": np.arange(2.0), "own": np.arange(2.0)})
    writer.write_table({"step": np.arange(2.0), "epoch": np.arange(2.0), "fid": np.array([9, 8.5])}, runs.EPOCHS)
    writer.close("finished", 1, 0)
    assert np.isnan(table(writer.run)["epoch"]).all()
    assert writer.run.status().epochs == 9
    assert (writer.run.folder / runs.EPOCHS).read_text() == "epoch,step,fid\n0,0,9\n1,1,8.5\n"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"loss": np.zeros(2)}, "needs a column 'step'"),
        ({"step": np.zeros(2), "loss": np.zeros(3)}, "'loss' has the shape (3,)"),
        ({"step": np.zeros(2), 'a,"b"\n': np.zeros(2)}, "call it 'a b'"),
    ],
)
def test_a_table_that_cannot_be_is_refused(columns: dict[str, Any], message: str, tmp_path: Path) -> None:
    writer = RecordedWriter.create(tmp_path, "mine", STEPS)
    with pytest.raises(UserError) as caught:
        writer.write_table(columns)
    writer.release()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "picture",
    [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4, 1), np.uint8)],
)
def test_a_sheet_that_is_no_picture_is_refused(picture: np.ndarray, tmp_path: Path) -> None:
    writer = RecordedWriter.create(tmp_path, "mine", STEPS)
    with pytest.raises(UserError, match="sheet 3: expected uint8"):
        writer.save_samples(3, picture)
    writer.release()


def test_a_sheet_has_a_number_from_0(tmp_path: Path) -> None:
    writer = RecordedWriter.create(tmp_path, "mine", STEPS)
    with pytest.raises(UserError, match="a sheet has the number -3: sheets are numbered from 0"):
        writer.save_samples(-3, np.zeros((4, 4, 1), np.uint8))
    writer.release()


def test_names_of_columns_from_elsewhere_become_ours() -> None:
    assert recorded.column_name(' Loss,"D"\t/ real\n') == "Loss D / real"
    assert recorded.column_name(",") == "column"


def test_a_trained_run_is_not_recorded_over(tmp_path: Path) -> None:
    runs.RunWriter.create(tmp_path, "trained", CONFIG).close()
    with pytest.raises(UserError, match="was trained by GANray"):
        RecordedWriter.reopen(runs.find_run("trained", tmp_path))


def test_a_configuration_that_cannot_be_read_again_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'batch_size' is -1"):
        RecordedWriter.create(tmp_path, "mine", dataclasses.replace(STEPS, batch_size=-1))
    assert not (tmp_path / "mine").exists()


def test_a_hundred_thousand_rows_are_written_at_once(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(10, 100_000))
    writer = RecordedWriter.create(tmp_path, "mine", STEPS)
    start = time.process_time()
    writer.write_table({"step": np.arange(100_000.0)} | {f"column {n}": one for n, one in enumerate(values)})
    assert time.process_time() - start < 20
    writer.release()
    assert np.allclose(table(writer.run)["column 9"], values[9], rtol=1e-6)
