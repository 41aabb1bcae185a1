"""From calls of `log` to rows of metrics.csv: calls of one step are one row, whenever they come.

A row is appended once the next step begins or a moment has passed; nothing waits in memory for longer. What comes later
for the last row replaces it in place. What comes for an earlier one, or brings a new column, rewrites the table
atomically.
"""

import time
from dataclasses import dataclass, field

import numpy as np

from gan_core.errors import UserError
from gan_core.record.epochs import EpochPlaces, Stretch
from gan_core.runs import METRICS, RecordedWriter
from gan_core.runs.recorded import FIRST

MOST_COLUMNS = 180  # of a run's own; a config describes 200
_HOLD = 0.3  # seconds that a row waits for more calls of its step
_BACKLOG = 20_000  # rows kept while the disk is full
_SHARE = 20  # a rewrite of the table may take one part in so many of the time

Row = dict[str, float]


@dataclass
class _OpenRow:
    """The newest row, which may still get numbers."""

    values: Row
    touched: float = field(default_factory=time.monotonic)
    changed: bool = True  # since it was written
    in_file: bool = False  # as the last row

    def add(self, values: Row) -> None:
        self.values |= values
        self.touched, self.changed = time.monotonic(), True


class Journal:
    """The rows of a run, in the writer's thread."""

    def __init__(self, writer: RecordedWriter, places: EpochPlaces | None, batch_size: int) -> None:
        """places: of a run that counts epochs; None of one that counts steps."""
        self.columns: list[str] = []  # in the file
        self.step = -1  # of the newest row
        self.epoch = 0.0
        self.seconds = 0.0
        self._writer, self._places, self._batch_size = writer, places, batch_size
        self._open: _OpenRow | None = None
        self._closed: list[_OpenRow] = []  # rows before it that are not written yet
        self._late: dict[int, Row] = {}
        self._stretches: list[Stretch] = []
        self._next_rewrite = 0.0

    @property
    def steps_per_epoch(self) -> int:
        """The steps of an epoch as stated or learned; 0 if that is not known, or the run counts steps."""
        return self._places.steps_per_epoch if self._places else 0

    def resume(self) -> None:
        """Go on after the rows that are there."""
        found = self._writer.read_table()
        self.columns = list(found)
        self.step, self.epoch, self.seconds = -1, 0.0, 0.0
        if found and len(found["step"]):
            last = {name: float(np.nan_to_num(values[-1])) for name, values in found.items()}
            self.step, self.epoch, self.seconds = int(last["step"]), last["epoch"], max(0.0, last["seconds"])
        if self._places and found:
            known = np.isfinite(found["epoch"]) & np.isfinite(found["step"])
            self._places.resume(found["step"][known], found["epoch"][known])

    def forget_from(self, step: int) -> None:
        """Remove the rows of a step and after it: a training that crashed left them, and they are trained again."""
        if self.step >= step:
            self._writer.keep_rows(step - 1)
            self.resume()

    def add(self, step: int, epoch: float | None, seconds: float, values: Row) -> None:
        """Take the numbers of one call."""
        if self._open and step == self._open.values["step"]:
            self._open.add(values)
        elif step <= self.step:
            self._late.setdefault(step, {}).update(values)
        else:
            if self._open and self._open.changed:
                self._closed.append(self._open)
            self._open = _OpenRow(self._begin(step, epoch, seconds) | values)

    def flush(self, all_of_it: bool = False) -> None:
        """Write what is ready.

        Raises:
            UserError: the disk is full or the folder cannot be written; the rows are kept for the next call, the newest
                20,000 of them.
        """
        ready = list(self._closed)
        if self._open and self._open.changed and (all_of_it or time.monotonic() - self._open.touched > _HOLD):
            ready.append(self._open)
        try:
            if any(row.values.keys() - set(self.columns) for row in ready):
                self._rewrite(ready)
            else:
                self._append(ready)
            self._done(ready)
            if (self._late or self._stretches) and (all_of_it or time.monotonic() > self._next_rewrite):
                self._rewrite([])
        except UserError:
            del self._closed[:-_BACKLOG]
            raise

    def _begin(self, step: int, epoch: float | None, seconds: float) -> Row:
        """The columns that every row has."""
        speed = np.nan
        if self._batch_size and self.step >= 0 and seconds > self.seconds:
            speed = (step - self.step) * self._batch_size / (seconds - self.seconds)
        place = float(step)
        if self._places:
            place, learned = self._places.place(step, epoch)
            self._stretches += [learned] if learned else []
        self.step, self.epoch, self.seconds = step, place, seconds
        return {"step": step, "epoch": place, "seconds": seconds, "images_per_second": speed}

    def _append(self, ready: list[_OpenRow]) -> None:
        if ready and ready[0].in_file:
            self._writer.replace_last(self._complete(ready[0]))
            ready[0].changed = False
            ready = ready[1:]
        self._writer.append([self._complete(row) for row in ready])

    def _complete(self, row: _OpenRow) -> Row:
        return {name: row.values.get(name, np.nan) for name in self.columns}

    def _done(self, ready: list[_OpenRow]) -> None:
        for row in ready:
            row.in_file, row.changed = True, False
        self._closed.clear()

    def _rewrite(self, ready: list[_OpenRow]) -> None:
        """Write the whole table, with new rows and with what was logged for earlier ones."""
        began = time.monotonic()
        rows = {int(row.values["step"]): row.values for row in ready}
        late = {step: values for step, values in self._late.items() if step not in rows}
        for step in self._late.keys() & rows.keys():
            rows[step] = rows[step] | self._late[step]
        columns = _merged(self._writer.read_table() if self.columns else {}, rows, late, self._places is None)
        for stretch in self._stretches:
            inside = (columns["step"] >= stretch.first) & (columns["step"] < stretch.end)
            share = (columns["step"][inside] - stretch.first) / (stretch.end - stretch.first)
            columns["epoch"][inside] = stretch.epoch + share
        self._writer.write_table(columns)
        self.columns = list(columns)
        self._late, self._stretches = {}, []
        self._next_rewrite = time.monotonic() + _SHARE * (time.monotonic() - began)


def _merged(
    found: dict[str, np.ndarray], rows: dict[int, Row], late: dict[int, Row], steps: bool
) -> dict[str, np.ndarray]:
    """Return the columns of a table with rows that replace those of the same step, and numbers added to others.

    steps: whether the run counts steps, so that a row that is new among earlier ones has a place.
    """
    names = list(found) or list(FIRST[METRICS])
    names += [name for row in (*rows.values(), *late.values()) for name in row if name not in names]
    names = list(dict.fromkeys(names))
    old = found.get("step", np.empty(0))
    every = np.union1d(old[np.isfinite(old)], np.array([*rows, *late], np.float64))
    columns = {name: np.full(len(every), np.nan) for name in names}
    columns["step"] = every
    for name, values in found.items():
        if name != "step":
            columns[name][np.searchsorted(every, old[np.isfinite(old)])] = values[np.isfinite(old)]
    for step, row in (*rows.items(), *late.items()):
        at = int(np.searchsorted(every, step))
        for name, value in row.items():
            columns[name][at] = value
    for name in ("epoch", "seconds"):  # of a row that is new among earlier ones: between its neighbours
        known = np.isfinite(columns[name])
        if known.any():
            columns[name][~known] = np.interp(every[~known], every[known], columns[name][known])
    if steps:
        columns["epoch"] = every.copy()
    return columns
