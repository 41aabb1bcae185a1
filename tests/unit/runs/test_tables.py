"""Following a file that grows."""

import contextlib
from pathlib import Path

import numpy as np
import pytest

from gan_core import files
from gan_core.errors import UserError
from gan_core.runs import tables
from gan_core.runs.tables import Table


def test_only_what_is_new_and_finished_is_read(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    table = Table(path)
    assert not table.poll()
    assert len(table) == 0
    files.append_bytes(path, b"step,loss/g\n1,0.5\n2,0.")
    assert table.poll()
    assert table.column("step").tolist() == [1]
    assert not table.poll()
    files.append_bytes(path, b"25\n3,nan\n")
    assert table.poll()
    assert table.column("loss/g").tolist()[:2] == [0.5, 0.25]
    assert np.isnan(table.column("loss/g")[2])
    assert table.version == 0
    assert table.column("no/such").size == 0


def test_an_unfinished_header_is_not_a_header(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    table = Table(path)
    path.write_bytes(b"step,lo")
    assert not table.poll()
    files.append_bytes(path, b"ss\n")
    table.poll()
    assert table.names == ["step", "loss"]


def test_a_shorter_or_replaced_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    files.append_bytes(path, b"step\n1\n2\n3\n")
    table = Table(path)
    table.poll()
    files.write_bytes(path, b"step\n1\n")
    assert table.poll()
    assert (table.column("step").tolist(), table.version) == ([1], 1)
    files.write_bytes(path, b"step\n1\n2\n3\n4\n5\n")  # longer, but another file
    assert table.poll()
    assert (table.column("step").tolist(), table.version) == ([1, 2, 3, 4, 5], 2)
    path.unlink()
    assert table.poll()
    assert (len(table), table.version) == (0, 3)


def test_damaged_rows_do_not_stop_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_bytes(b"step,loss\n1,0.5\n2,x,y,z\n\xff\xfe,1\n3,0.25\n")
    table = Table(path)
    table.poll()
    steps = table.column("step")
    assert steps[0] == 1
    assert steps[-1] == 3


@pytest.mark.parametrize(
    "saved",
    [
        b"PK\x03\x04a\rb,c\n1,2\n",
        b'step;"a\rb"\n1;2\n',
        b'step,loss\n1\r2,"3\n',
        b'step;loss\n1\r2;3\n4;"5\n',
        b"step," + b"x" * 200_000 + b"\n1,2\n",
        b"step;loss\n" + b"9" * 200_000 + b";1\n",
        b"\n\n1,2\n",
        b",,\n,,\n",
        b"step,step\n1,2\n",
    ],
)
def test_bytes_that_are_no_table_are_read_without_an_error(tmp_path: Path, saved: bytes) -> None:
    """Line ends within a line, and cells that Python's csv refuses; resuming either goes on or says what is damaged."""
    path = tmp_path / "metrics.csv"
    path.write_bytes(saved)
    table = Table(path)
    for _ in range(3):
        table.poll()
    table.frame()
    with contextlib.suppress(UserError):
        tables.keep(path, "step", 3)


@pytest.mark.parametrize("separator", [b",", b";", b"\t"])
def test_random_bytes_are_read_without_an_error(tmp_path: Path, separator: bytes) -> None:
    """As a zip or a pickle under the name of a table holds; the pieces are those that readers of CSV stumble over."""
    rng = np.random.default_rng(7)
    pieces = [
        separator,
        b"\n",
        b"\r",
        b'"',
        b"'",
        b"\x00",
        b"\x1c",
        b"\x0b",
        b"\xff",
        b"\xc2\x85",
        b"1",
        b"0,5",
        b" ",
        b"step",
    ]
    path = tmp_path / "metrics.csv"
    for _ in range(400):
        path.write_bytes(b"".join(pieces[i] for i in rng.integers(0, len(pieces), rng.integers(1, 60))))
        table = Table(path)
        table.poll()
        table.frame()
        with contextlib.suppress(UserError):
            tables.keep(path, "step", 3)


def test_rows_of_another_version_find_their_columns(tmp_path: Path) -> None:
    """A run that is resumed by a version with more columns, or fewer, goes on with those of its table."""
    path = tmp_path / "epochs.csv"
    tables.append(path, [{"epoch": 0, "step": 0, "diversity/samples": 0.25, "scores/real": "1 2"}])
    more = {"epoch": 5, "step": 50, "memory/d": 0.75, "diversity/samples": 0.5, "scores/real": "3 4"}
    tables.append(path, [more, {"epoch": 10, "step": 100, "scores/real": "5 6"}])
    table = tables.Table(path)
    table.poll()
    assert table.names == ["epoch", "step", "diversity/samples", "scores/real"]
    np.testing.assert_array_equal(table.column("diversity/samples"), [0.25, 0.5, np.nan])
    assert table.text("scores/real") == ["1 2", "3 4", "5 6"]


OURS = "step,epoch,loss/d,scores/real\n10,0.5,0.25,1 2\n20,1,1.5e-05,3 4\n"


@pytest.mark.parametrize(
    "saved",
    [
        pytest.param("\ufeff" + OURS.replace("\n", "\r\n"), id="Excel, UTF-8 with a byte order mark"),
        pytest.param("\ufeff" + OURS.replace(",", ";").replace(".", ",").replace("\n", "\r\n"), id="Excel, German"),
        pytest.param(OURS.replace(",", "\t").replace("e-05", "E-05"), id="tabs"),
        pytest.param(
            '"step","epoch","loss/d","scores/real"\n"10","0.5","0.25","1 2"\n20,1,1.5E-5,"3 4"\n', id="quotes"
        ),
        pytest.param(OURS.replace(",", ";").replace(".", ",").replace("3 4", '"3 4"'), id="LibreOffice, French"),
    ],
)
def test_a_table_that_a_spreadsheet_has_saved_is_read(tmp_path: Path, saved: str) -> None:
    """Also where a trainer goes on writing, and where a run is resumed: the table is then written as ours again."""
    path = tmp_path / "metrics.csv"
    path.write_bytes(saved.encode())
    tables.append(path, [{"step": 30, "epoch": 1.5, "loss/d": 0.125, "scores/real": "5 6"}])
    for _ in ("as saved", "after a resumption"):
        table = Table(path)
        table.poll()
        assert table.names == ["step", "epoch", "loss/d", "scores/real"]
        np.testing.assert_array_equal(table.column("step"), [10, 20, 30])
        np.testing.assert_allclose(table.column("epoch"), [0.5, 1, 1.5])
        np.testing.assert_allclose(table.column("loss/d"), [0.25, 1.5e-5, 0.125])
        assert (table.text("scores/real"), table.problem) == (["1 2", "3 4", "5 6"], "")
        tables.keep(path, "step", 30)
    tables.keep(path, "step", 20)
    assert path.read_bytes().startswith(b"step,epoch,loss/d,scores/real\n10,0.5,0.25,1 2\n20,1,")


@pytest.mark.parametrize(
    ("saved", "words"),
    [
        (OURS.encode("utf-16"), "saved as UTF-16"),
        (OURS.replace("\n", "\r").encode(), "lines end with CR alone"),
        (OURS.replace("0.5", "05. Jan").encode(), "1 in epoch, such as '05. Jan'"),
    ],
)
def test_what_cannot_be_read_of_a_table_is_named(tmp_path: Path, saved: bytes, words: str) -> None:
    path = tmp_path / "metrics.csv"
    path.write_bytes(saved)
    table = Table(path)
    table.poll()
    assert words in table.problem
    path.write_bytes(OURS.encode())
    table.poll()
    assert (len(table), table.problem) == (2, "")


@pytest.mark.parametrize(
    ("saved", "found"),
    [
        (b"step,loss\n1,2\n3,4\n", 3),
        (b"step,loss\n1,2\n3,4", 1),
        (b"step;loss\r\n1,5;2\r\n3,5;4\r\n", 3.5),
        (b"step,loss\n" + b"1,2\n" * 50_000 + b"7,2\n", 7),
    ],
)
def test_the_last_row_is_read_without_the_others(tmp_path: Path, saved: bytes, found: float) -> None:
    path = tmp_path / "metrics.csv"
    path.write_bytes(saved)
    assert tables.last_number(path, "step") == found
    assert np.isnan(tables.last_number(path, "epoch"))
    path.write_bytes(b"step\n")
    assert np.isnan(tables.last_number(path, "step")) and np.isnan(tables.last_number(tmp_path / "none", "step"))
