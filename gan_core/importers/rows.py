"""Rows as programs log them, each with some of the columns, merged by step into one table."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gan_core.errors import UserError

MOST_CELLS = 10**7  # of a table, as `runs.tables` reads them
MOST_ROWS = 2 * 10**6
_LARGEST = 2.0**53  # steps are whole numbers in float64


@dataclass
class _Column:
    rows: array = field(default_factory=lambda: array("q"))
    values: array = field(default_factory=lambda: array("d"))


class Rows:
    """Rows that grow: what belongs to one step becomes one row, and of two values of a step the later one stays.

    A program that was started again begins at an earlier step: `restart` drops what the earlier training logged from
    there on, as its files were replaced too.
    """

    def __init__(self) -> None:
        self._steps = array("d")
        self._columns: dict[str, _Column] = {}
        self._cells = 0
        self._starts: list[int] = []  # rows at which a training starts
        self._starting = False

    def __len__(self) -> int:
        return len(self._steps)

    def restart(self) -> None:
        """Say that the next row is the first of another training."""
        self._starting = len(self._steps) > 0

    def add(self, step: float, values: Mapping[str, float]) -> None:
        """Append values logged at a step.

        Raises:
            UserError: the step is no count, or there are more values than a table may have.
        """
        if not 0 <= step < _LARGEST:
            raise UserError(f"a row counts step {step:g}: steps are numbers from 0")
        row = len(self._steps)
        if self._starting:
            self._starts.append(row)
            self._starting = False
        self._steps.append(step)
        for name, value in values.items():
            column = self._columns.get(name)
            if column is None:
                column = self._columns[name] = _Column()
            column.rows.append(row)
            column.values.append(value)
        self._cells += len(values)
        if row > 8 * MOST_ROWS or self._cells > 4 * MOST_CELLS:
            raise UserError(f"more than {4 * MOST_CELLS // 10**6} million values were logged: thin the log out")

    def table(self) -> tuple[dict[str, np.ndarray], tuple[float, ...]]:
        """Return the columns, float64 (n,) each, in order of steps, and the last step of every training that was left
        in part, in order.

        Raises:
            UserError: the table would have more cells than a run folder may hold.
        """
        steps = np.array(self._steps)
        kept, left = kept_rows(steps, self._starts)
        unique, places = np.unique(steps[kept], return_inverse=True)
        check_size(len(unique), len(self._columns))
        place_of = np.full(len(steps), -1)
        place_of[kept] = places
        found = {"step": unique}
        for name, column in self._columns.items():
            places = place_of[np.array(column.rows, np.int64)]
            values = np.full(len(unique), np.nan)
            values[places[places >= 0]] = np.array(column.values)[places >= 0]
            if (places >= 0).any():
                found[name] = values
        return found, left


def kept_rows(steps: np.ndarray, starts: Sequence[int]) -> tuple[np.ndarray, tuple[float, ...]]:
    """Return which rows belong to the newest training, bool (n,), and the last step of every one that was left in part.

    steps: (n,) in the order they were logged. starts: the rows at which a training starts; an earlier one is kept up to
    the step of that row.
    """
    kept, left = np.ones(len(steps), bool), []
    for start in starts:
        dropped = kept[:start] & (steps[:start] >= steps[start])
        if dropped.any():
            left.append(float(steps[:start][kept[:start]].max()))
            kept[:start] &= ~dropped
    return kept, tuple(left)


def check_size(steps: int, columns: int) -> None:
    """Check that a table is no larger than a run folder may hold.

    Raises:
        UserError: it is.
    """
    if steps * (columns + 1) > MOST_CELLS:
        raise UserError(
            f"{steps:,} steps of {columns} columns are more than {MOST_CELLS // 10**6} million cells: thin the log "
            "out, for example to every tenth step"
        )


def of_columns(columns: Mapping[str, np.ndarray], by: str) -> dict[str, np.ndarray]:
    """Return a table with one row for each value of the column `by`: rows of one step, each with some of the cells,
    become one. Rows without a step are left out."""
    steps = columns[by]
    known = np.isfinite(steps)
    unique, places = np.unique(steps[known], return_inverse=True)
    found = {by: unique}
    for name, column in columns.items():
        if name != by:
            given = column[known]
            filled = ~np.isnan(given)
            values = np.full(len(unique), np.nan)
            values[places[filled]] = given[filled]
            found[name] = values
    return found
