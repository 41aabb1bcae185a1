"""Any table, and numbered pictures beside it."""

from pathlib import Path

import numpy as np
import pytest

from gan_core import images, importers
from gan_core.errors import UserError
from gan_core.importers import ImportOptions, csv_table
from tests.helpers.trainings_elsewhere import BATCHES, EPOCHS, SIDE, STEPS, grid, trained
from tests.unit.importers.conftest import Made


def table(folder: Path, text: str) -> Path:
    path = folder / "log.csv"
    path.write_text(text)
    return path


def test_a_folder_with_a_table_and_pictures(made: Made) -> None:
    found = importers.read("auto", made("table"), ImportOptions(steps_per_epoch=BATCHES, names={"acc": "accuracy/d"}))
    assert (found.kind, found.rows, found.counts, found.place) == ("csv", STEPS, "epoch", "log.csv")
    np.testing.assert_allclose(found.columns["loss/d"], [one.d for one in trained()], atol=1e-6)
    np.testing.assert_allclose(found.columns["accuracy/d"], [round(one.accuracy, 3) for one in trained()], atol=1e-9)
    np.testing.assert_allclose(found.columns["epoch"], np.arange(1, STEPS + 1) / BATCHES)
    assert list(found.pictures) == [1, 2, 3, 4] and found.image_size == SIDE
    np.testing.assert_array_equal(found.pictures[EPOCHS](), grid(trained()[-1].samples))
    assert found.last == (STEPS, EPOCHS)
    assert not found.private and found.own_pixels


def test_pictures_by_epoch_need_the_epochs_of_the_rows(made: Made) -> None:
    with pytest.raises(UserError, match="give --steps-per-epoch"):
        importers.read("csv", made("table"))


def test_rows_by_epoch(tmp_path: Path) -> None:
    path = table(tmp_path, "epoch,d_loss\n1,0.5\n2,0.25\n")
    found = importers.read("csv", path)
    assert found.columns["epoch"].tolist() == [1, 2] == found.columns["step"].tolist()
    assert found.counts == "epoch" and "the column step counts epochs" in found.notes[0]
    found = importers.read("csv", path, ImportOptions(steps_per_epoch=100))
    assert found.columns["step"].tolist() == [100, 200]


def test_whole_epochs_become_fractions() -> None:
    steps = np.arange(1.0, 9)
    from_one, from_zero = np.repeat([1.0, 2.0], 4), np.repeat([0.0, 1.0], 4)
    for epochs in (from_one, from_zero):
        np.testing.assert_allclose(csv_table.fractions(steps, epochs), steps / 4)
    for epochs in (steps / 4, steps, np.full(8, 3.0), from_one[::-1], np.full(8, np.nan)):  # nothing to divide
        np.testing.assert_array_equal(csv_table.fractions(steps, epochs), epochs)


def test_a_table_that_counts_nothing_is_counted(tmp_path: Path) -> None:
    found = importers.read("csv", table(tmp_path, "d_loss;g_loss\n0,5;1\n0,25;2\n"))  # as a spreadsheet writes it
    assert found.columns["step"].tolist() == [0, 1] and found.columns["loss/d"].tolist() == [0.5, 0.25]
    assert found.notes[0].startswith("no column counts steps")


def test_the_column_that_counts_may_be_named_and_texts_are_left_out(tmp_path: Path) -> None:
    path = table(tmp_path, "images,name,d_loss\n64,a,1\n128,b,2\n,c,3\n")
    found = importers.read("csv", path, ImportOptions(x="images"))
    assert found.columns["step"].tolist() == [64, 128]
    assert set(found.columns) == {"step", "loss/d"}


def test_pictures_of_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for step in (10, 20):
        images.save_png(tmp_path / "out" / f"v2_at{step}_e1.png", np.full((16, 16, 1), step, np.uint8))
    path = table(tmp_path, "step,d_loss\n10,1\n20,2\n")
    assert not importers.read("csv", path).pictures
    found = importers.read("csv", path, ImportOptions(images=r"at(\d+)_"))
    assert list(found.pictures) == [10, 20] and found.counts == "step"
    assert found.pictures[20]().tolist() == np.full((16, 16, 1), 20).tolist()


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (r"at\d+", "needs one group in brackets"),
        (r"at(\d+", "is no regular expression"),
        (r"nothing(\d+)", "finds no number in the 1 pictures below"),
    ],
)
def test_a_pattern_that_cannot_be(pattern: str, line: str, tmp_path: Path) -> None:
    images.save_png(tmp_path / "at1.png", np.zeros((16, 16, 1), np.uint8))
    with pytest.raises(UserError, match=line):
        importers.read("csv", table(tmp_path, "step,d\n1,1\n"), ImportOptions(images=pattern))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "is no table of numbers"),
        ("step,name\n1,a\n2,b\n", "holds neither numbers nor pictures"),
        ("name\na\n", "is no table of numbers"),
        ("step,d_loss\n-5,1\n", "counts no steps: it reaches -5"),
        ("step,d_loss\n1e300,1\n", "counts no steps"),
        ("step," + ",".join(f"c{n}" for n in range(1001)) + "\n", "more than 1000 columns"),
    ],
)
def test_what_is_no_table_is_one_line(text: str, line: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=line):
        importers.read("csv", table(tmp_path, text))


def test_the_table_of_a_folder_must_be_clear(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("step,d\n1,1\n")
    with pytest.raises(UserError, match=r"holds 2 tables: a.csv, b.csv: name the table itself"):
        importers.read("csv", tmp_path)
