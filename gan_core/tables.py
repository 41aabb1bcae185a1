"""A growing CSV file, read as it grows: only the bytes that are new since the last look, only finished lines.

A reader that sees another or a shorter file (a run was resumed) starts over. Following costs what was appended, however
long the file has become.
"""

import csv
import io
import warnings
from pathlib import Path

import numpy as np
import pandas as pd


class Table:
    """The columns of one CSV file, as far as `poll` has read them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.version = 0  # raised each time the file was found to be another one
        self._reset()

    def _reset(self) -> None:
        self._inode: int | None = None
        self._offset = 0
        self._rows = 0
        self.names: list[str] = []
        self._numbers: dict[str, np.ndarray] = {}  # with room at their ends
        self._texts: dict[str, list[str]] = {}  # of the columns that hold words

    def poll(self) -> bool:
        """Read what was appended; returns whether there is anything new. A missing file is an empty table."""
        try:
            with self.path.open("rb") as file:
                stat = self.path.stat()
                if self._inode is not None and (stat.st_ino != self._inode or stat.st_size < self._offset):
                    self._reset()
                    self.version += 1
                self._inode = stat.st_ino
                file.seek(self._offset)
                fresh = file.read()
        except FileNotFoundError:
            gone = bool(self.names)
            self._reset()
            self.version += gone
            return gone
        finished = fresh[: fresh.rfind(b"\n") + 1]
        self._offset += len(finished)
        if not self.names and finished:
            header, _, finished = finished.partition(b"\n")
            self.names = list(dict.fromkeys(header.decode(errors="replace").strip().split(",")))
        if not finished or finished.isspace():
            return False
        self._append(_parse(finished, self.names))
        return True

    def _append(self, part: pd.DataFrame) -> None:
        rows = self._rows + len(part)
        for name in self.names:
            column = part[name]
            if name in self._texts or not pd.api.types.is_numeric_dtype(column):
                self._texts.setdefault(name, [""] * self._rows).extend(column.astype(str))
            values = self._numbers.get(name, np.empty(0))
            if len(values) < rows:  # room for twice as many, so that most appends copy nothing
                room = np.empty(2 * rows)
                room[: self._rows] = values[: self._rows]
                values = self._numbers[name] = room
            values[self._rows : rows] = pd.to_numeric(column, errors="coerce").to_numpy()
        self._rows = rows

    def __len__(self) -> int:
        return self._rows

    def column(self, name: str) -> np.ndarray:
        """One column as float64 (n,), not-a-number where a cell holds no number; empty if there is no such column.

        A view: it is not to be written to.
        """
        return self._numbers.get(name, np.empty(0))[: self._rows]

    def text(self, name: str) -> list[str]:
        """One column of words; empty if there is no such column or it holds numbers."""
        return self._texts.get(name, [])

    def numeric(self) -> list[str]:
        """The columns that hold numbers."""
        return [name for name in self._numbers if name not in self._texts]

    def frame(self) -> pd.DataFrame:
        """All rows read so far, a copy."""
        return pd.DataFrame({name: self._texts.get(name) or self.column(name) for name in self.names})


def _parse(lines: bytes, names: list[str]) -> pd.DataFrame:
    """Whole lines without the header. A damaged row costs itself and no more."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.ParserWarning)  # of rows too long, which are cut
        return pd.read_csv(
            io.BytesIO(lines),
            header=None,
            names=names,
            index_col=False,
            quoting=csv.QUOTE_NONE,
            on_bad_lines="skip",
            encoding_errors="replace",
        )
