"""What of the tables of a run cannot be used is said; nothing is left out of a diagnosis in silence."""

from pathlib import Path

import pytest

from gan_core import cli
from gan_core.diagnostics import read
from tests.helpers.run_folders import make_run


def test_whole_tables_have_no_problem(tmp_path: Path) -> None:
    assert read(make_run(tmp_path, "a", epochs=3)).problems == ()


def test_a_spreadsheet_that_saved_with_decimal_commas_changes_no_number(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a", epochs=3)
    before = read(run)
    path = run.folder / "metrics.csv"
    path.write_bytes(
        b"\xef\xbb\xbf" + path.read_bytes().replace(b",", b";").replace(b".", b",").replace(b"\n", b"\r\n")
    )
    after = read(run)
    assert after.problems == () and list(after.metrics) == list(before.metrics)
    for name, values in before.metrics.items():
        assert after.metrics[name].tolist() == values.tolist()


@pytest.mark.parametrize("column", ["loss/d", "epoch"])
def test_cells_that_are_no_numbers_any_more_are_named(
    tmp_path: Path, column: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path, "a", epochs=3)
    path = run.folder / "metrics.csv"
    header, first, *rest = path.read_text().splitlines()
    cells = first.split(",")
    cells[header.split(",").index(column)] = "01. Mai"
    path.write_text("\n".join([header, ",".join(cells), *rest]) + "\n")
    cli.main(["diagnose", "a", "--runs", str(tmp_path)])
    shown = capsys.readouterr().out
    assert f"1 in {column}, such as '01. Mai'" in shown
    assert ("rows of metrics.csv name no epoch" in shown) == (column == "epoch")
    assert ("no usable column loss/d" in shown) == (column == "loss/d")
