"""CSV that a spreadsheet opens without running anything."""

import csv
import io

import pytest

from dashboard.library import csv_text


@pytest.mark.parametrize(
    "cell", ["=1+1", '=HYPERLINK("http://x")', "+1+cmd", "-2+3", "@SUM(A1)", "\t=1", " =1", "\r=1", "--", "-"]
)
def test_texts_that_a_spreadsheet_would_run_are_quoted(cell: str) -> None:
    ((found,),) = csv.reader(io.StringIO(csv_text.text([[cell]]), newline=""))
    assert found == f"'{cell}".replace("\r", " ")


@pytest.mark.parametrize("cell", ["-0.5", "+3", "-1e-05", "normal", "a=b", "", 3, -2, -0.25, "COVID-19", "-.5"])
def test_numbers_and_plain_texts_stay(cell: object) -> None:
    assert csv_text.text([[cell, "x"]]) == f"{cell},x\n"
