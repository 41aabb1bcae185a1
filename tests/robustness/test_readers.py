"""One writer and eight readers: no torn row, steps only grow, nobody is locked out.

python -m pytest tests/robustness/test_readers.py -m soak
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gan_core import files
from gan_core.runs import METRICS
from gan_core.runs.tables import Table, append, keep
from tests.helpers.configs import CONFIG
from tests.robustness import children, injections
from tests.robustness.children import Order

pytestmark = pytest.mark.processes


@pytest.mark.parametrize("seconds", [1, pytest.param(600, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])])
def test_eight_readers_see_whole_rows_of_a_run_that_is_written(
    seconds: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Through `Table`, `Run.status` and the app's store, while the run is also cut back and resumed all the time."""
    given = {"root": tmp_path, "settings": CONFIG, "seconds": seconds}
    order = Order((), tmp_path, tmp_path / "log", before=(injections.read_and_write,), given=given)
    assert children.run(order, seconds + children.LONG) == 0, order.log.read_text()
    written = json.loads((tmp_path / "writer.json").read_text())
    assert "error" not in written, written
    found = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("reader*.json"))]
    assert len(found) == 8
    assert not [reader["error"] for reader in found if "error" in reader]
    looks = sum(reader["looks"] for reader in found)
    assert looks > 8 * 3  # of all: on a busy machine one may hardly get to look
    assert sum(reader["last"] > 0 for reader in found) > 4
    record_property(
        "measured",
        f"{seconds} s: {written['rows']} rows written, {written['resumes']} resumes, {looks} looks by 8 readers: "
        "no torn row, no step back, no lock error",
    )


def test_a_file_that_is_given_the_number_of_the_one_before_is_read_again(tmp_path: Path) -> None:
    """A file system hands out the numbers of deleted files again: two resumes later the file looks like the same."""
    path = tmp_path / METRICS
    append(path, [{"step": step, "seconds": 0.5} for step in (1, 2, 3)])
    table = Table(path)
    table.poll()
    # Written in place, as if the number had been given again.
    path.write_bytes(b"step,seconds\n1,0.5\n2,0.25\n3,0.125\n4,1\n")
    assert table.poll()
    assert (table.column("seconds").tolist(), table.version) == ([0.5, 0.25, 0.125, 1.0], 1)


def test_a_file_that_is_replaced_while_it_is_opened_is_not_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader has opened the old file when the new one takes its name: what it read belongs to the old one."""
    path = tmp_path / METRICS
    append(path, [{"step": step} for step in range(1, 8)])
    table = Table(path)
    opened = files.open_regular

    def slowly(path: Path, most: int) -> object:
        file = opened(path, most)
        monkeypatch.undo()
        keep(path, "step", 3)
        return file

    monkeypatch.setattr(files, "open_regular", slowly)
    table.poll()
    append(path, [{"step": step} for step in (4, 5, 6, 7, 8, 9)])
    table.poll()
    assert table.column("step").tolist() == list(range(1, 10))


@pytest.mark.parametrize("left", [b"", b"st", b"step,lo"])
def test_a_table_whose_writer_was_killed_before_its_first_row_begins_with_its_header(
    left: bytes, tmp_path: Path
) -> None:
    path = tmp_path / METRICS
    path.write_bytes(left)
    keep(path, "step", 0)
    append(path, [{"step": 1, "loss": 0.5}])
    assert path.read_bytes() == b"step,loss\n1,0.5\n"


def test_what_a_power_cut_left_in_a_table_costs_itself_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / METRICS
    files.write_bytes(path, b"step,loss\n1,0.5\n2,0.25\n" + bytes(40) + b"\n3,0.1\n4,0.")
    keep(path, "step", 3)
    assert path.read_bytes() == b"step,loss\n1,0.5\n2,0.25\n3,0.1\n"
    assert list(tmp_path.iterdir()) == [path]
