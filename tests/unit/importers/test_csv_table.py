"""Any table, and numbered pictures beside it."""

from pathlib import Path

import numpy as np
import pytest

from gan_core import images, importers
from gan_core.errors import UserError
from gan_core.importers import ImportOptions, counters
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
        np.testing.assert_allclose(counters.fractions(steps, epochs), steps / 4)
    for epochs in (steps / 4, steps, np.full(8, 3.0), from_one[::-1], np.full(8, np.nan)):  # nothing to divide
        np.testing.assert_array_equal(counters.fractions(steps, epochs), epochs)


@pytest.mark.parametrize(
    ("steps", "length", "places"),
    [
        (np.arange(49, 6000, 50), 1000, np.arange(1, 121) / 20),  # at the end of every 50 steps, as Lightning logs
        (np.arange(50, 301, 50), 100, np.arange(1, 7) / 2),  # counted from 1
        (np.arange(0, 300, 50), 100, (np.arange(0, 300, 50) + 1) / 100),  # at their start
        (np.arange(299, 6000, 300), 1000, np.arange(300, 6001, 300) / 1000),  # epochs end between rows
        (np.arange(99, 600, 100), 100, np.arange(1, 7)),  # one row an epoch, at its end
        (np.arange(549, 1000, 50), 100, np.arange(9, 19) / 2),  # from the middle on
    ],
)
def test_epochs_of_sparse_rows_end_between_two_rows(steps: np.ndarray, length: int, places: np.ndarray) -> None:
    first = steps[0] == 50
    epochs = (steps - first) // length + first
    np.testing.assert_allclose(counters.fractions(steps.astype(float), epochs.astype(float)), places)


def test_a_table_that_counts_nothing_is_counted(tmp_path: Path) -> None:
    found = importers.read("csv", table(tmp_path, "d_loss;g_loss\n0,5;1\n0,25;2\n"))  # as a spreadsheet writes it
    assert found.columns["step"].tolist() == [0, 1] and found.columns["loss/d"].tolist() == [0.5, 0.25]
    assert found.notes[0].startswith("no column counts steps")


def test_the_column_that_counts_may_be_named_and_texts_are_left_out(tmp_path: Path) -> None:
    path = table(tmp_path, "images,name,d_loss\n64,a,1\n128,b,2\n,c,3\n")
    found = importers.read("csv", path, ImportOptions(x="images"))
    assert found.columns["step"].tolist() == [64, 128]
    assert set(found.columns) == {"step", "loss/d"}
    assert "rows without a number in 'images' were left out: 1" in found.notes


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


def test_batches_that_start_anew_in_every_epoch_are_steps_of_the_whole_training(tmp_path: Path) -> None:
    for first in (0, 1):
        lines = [f"{epoch},{batch + first},{epoch + batch / 10}" for epoch in (1, 2, 3) for batch in range(4)]
        path = table(tmp_path, "\n".join(["epoch,batch,d_loss", *lines]))
        found = importers.read("csv", path)
        np.testing.assert_array_equal(found.columns["step"], np.arange(12) + first)
        np.testing.assert_allclose(found.columns["epoch"], np.arange(1, 13) / 4)
        assert found.columns["loss/d"][[0, 4, 11]].tolist() == [1, 2, 3.3] and found.last == (11 + first, 3)
        assert found.notes[0].startswith("'batch' starts anew in every epoch, which has 4 steps, by its counts")
    found = importers.read("csv", path, ImportOptions(steps_per_epoch=8))
    assert found.columns["step"].tolist()[3:5] == [4, 9] and found.columns["epoch"].tolist()[3:5] == [0.5, 1.125]
    with pytest.raises(UserError, match="--steps-per-epoch 3: the column 'batch' reaches 4 in an epoch"):
        importers.read("csv", path, ImportOptions(steps_per_epoch=3))


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("epoch,batch", ["1,99", "2,99", "3,99"]),  # a row an epoch does not tell its length
        ("batch", ["0", "1", "0"]),
        ("iter", ["0", "5", "0", "5", "0"]),
    ],
)
def test_batches_of_epochs_without_a_length_are_counted(header: str, rows: list[str], tmp_path: Path) -> None:
    lines = [f"{row},{number}" for number, row in enumerate(rows)]
    found = importers.read("csv", table(tmp_path, "\n".join([f"{header},d_loss", *lines])))
    assert found.columns["step"].tolist() == found.columns["loss/d"].tolist() == list(range(len(rows)))
    assert "the rows are counted as steps" in found.notes[0]


def test_an_earlier_training_ends_where_the_next_starts(tmp_path: Path) -> None:
    again = ["epoch,d_loss", *(f"{n},1" for n in range(1, 8)), "epoch,d_loss", *(f"{n},2" for n in range(4, 6))]
    found = importers.read("csv", table(tmp_path, "\n".join(again)))
    assert found.columns["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert found.columns["loss/d"].tolist() == [1, 1, 1, 2, 2]
    assert found.notes[0].startswith("the table holds earlier trainings, which ended at epoch 7: only their rows")
    lines = [f"{epoch},{step},{run}" for run in (1, 2) for step in range(6 - 2 * run) for epoch in [step // 2]]
    found = importers.read("csv", table(tmp_path, "\n".join(["epoch,batch,d_loss", *lines])))
    assert found.columns["loss/d"].tolist() == [2, 2]
    one_each = "epoch,d_loss\n1,1\nepoch,d_loss\n1,2\n2,2\n"
    assert importers.read("csv", table(tmp_path, one_each)).columns["loss/d"].tolist() == [2, 2]


def test_rows_out_of_turn_are_no_other_training(tmp_path: Path) -> None:
    for steps in ([4, 3, 2, 1], [1, 3, 2, 4], [2, 4, 1, 3, 0]):
        found = importers.read("csv", table(tmp_path, "\n".join(["step,d_loss", *(f"{n},{n}" for n in steps)])))
        assert found.columns["step"].tolist() == found.columns["loss/d"].tolist() == sorted(steps)
    found = importers.read("csv", table(tmp_path, "step,d_loss,fid\n1,1,\n2,2,\n3,3,\n1,,9\n2,,8\n"))
    assert found.columns["loss/d"].tolist() == [1, 2, 3] and not any("earlier" in note for note in found.notes)


def test_what_holds_text_is_read_or_told(tmp_path: Path) -> None:
    rows = "1,91%,a,0.5,tensor(0.25)\n2,92.5 %,b,oops,tensor(1e-3)\n"
    found = importers.read("csv", table(tmp_path, f"step,d_accuracy,note,loss,g_loss\n{rows}"))
    np.testing.assert_allclose(found.columns["accuracy/d"], [0.91, 0.925])
    assert found.columns["loss/g"].tolist() == [0.25, 0.001] and "note" not in found.columns
    assert found.notes[:3] == (
        "percentages were read as shares from 0 to 1: d_accuracy",
        "columns that hold no numbers were left out: note",
        "cells that hold no numbers were left out: 1 in loss, such as 'oops'",
    )
    with pytest.raises(UserError, match="nor pictures that csv reads: columns that hold no numbers were left out: a"):
        importers.read("csv", table(tmp_path, "step,a\n1,x\n"))
