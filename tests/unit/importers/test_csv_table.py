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
        ("step,d_loss\n1,1\n1e300,1\n", "counts no steps: it reaches 1e\\+300"),
        ("epoch,d_loss\n1,1\n1e308,1\n", "'epoch' counts no epochs: it reaches 1e\\+308"),
        ("epoch,d_loss\n-5,1\n1,1\n", "'epoch' counts no epochs: it reaches -5"),
        ("step,d_loss\n1,2\n2,3,4,5\n", "its row 2 has 4 cells, and its first line names 2 columns"),
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


def test_names_that_are_repeated_keep_their_columns(tmp_path: Path) -> None:
    found = importers.read("csv", table(tmp_path, "step,loss,loss,acc,loss\n1,0.1,0.2,0.3,0.4\n2,1.1,1.2,1.3,1.4\n"))
    names = ("loss", "loss.2", "acc", "loss.3")
    assert [found.columns[name].tolist() for name in names] == [[0.1, 1.1], [0.2, 1.2], [0.3, 1.3], [0.4, 1.4]]
    assert found.notes[0] == "columns with a name that was there before are called loss.2, loss.3"


def test_names_of_rows_without_a_header_are_no_column(tmp_path: Path) -> None:
    found = importers.read("csv", table(tmp_path, "step,loss\nA,10,0.5\nB,11,1.5\n"))  # R: write.table
    assert (found.columns["step"].tolist(), found.columns["loss"].tolist()) == ([10, 11], [0.5, 1.5])
    assert found.notes[0].startswith("the header does not name the first column")
    found = importers.read("csv", table(tmp_path, "step,loss\n10,0.5,\n11,1.5,\n"))  # a comma at the end
    assert (found.columns["step"].tolist(), found.columns["loss"].tolist()) == ([10, 11], [0.5, 1.5])


@pytest.mark.parametrize(
    ("text", "steps", "losses", "note"),
    [
        ('step,loss\n"1,000",0.5\n"2,000",0.25\n', [1000, 2000], [0.5, 0.25], "'1,000' was read as 1000"),
        ('step,loss\n1,"1,234.5"\n2,"2,345"\n', [1, 2], [1234.5, 2345], "'2,345' was read as 2345"),
        ('step,loss\n1,"0,5"\n2,"2,345"\n', [1, 2], [0.5, 2.345], ""),
        ("step;loss\n1;1.234,5\n2;1,5\n", [1, 2], [1234.5, 1.5], ""),
        ("step;loss\n1;1.234.567,5\n2;1,234\n", [1, 2], [1234567.5, 1.234], "'1,234' was read as 1.234"),
    ],
)
def test_digits_in_groups(text: str, steps: list[float], losses: list[float], note: str, tmp_path: Path) -> None:
    found = importers.read("csv", table(tmp_path, text))
    assert (found.columns["step"].tolist(), found.columns["loss"].tolist()) == (steps, losses)
    assert any(one.startswith(note) for one in found.notes) if note else not found.notes


@pytest.mark.parametrize("odd", ["1e308", "-5"])
def test_epochs_that_cannot_be_are_left_out(odd: str, tmp_path: Path) -> None:
    found = importers.read("csv", table(tmp_path, f"step,epoch,d_loss\n1,1,1\n2,{odd},2\n"))
    assert "epoch" not in found.columns and found.rows == 2
    assert found.notes[0] == f"the epochs were left out: 'epoch' reaches {float(odd):g}"
