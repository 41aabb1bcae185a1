"""CSV for spreadsheets, which run a text cell as a formula if it begins with certain characters."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

_FORMULA = re.compile(r"\s*[=+\-@\t]")
_BREAKS = re.compile(r"[\r\n\v\f\0]+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def text(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV. Texts that a spreadsheet would run as formulas get an apostrophe in front; numbers do not."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([_harmless(cell) for cell in row] for row in rows)
    return buffer.getvalue()


def _harmless(cell: object) -> object:
    if isinstance(cell, str):
        cell = _BREAKS.sub(" ", cell)  # some programs begin a new row there, even in quotes
    if isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell
