"""A growing CSV file, written in whole lines and read as it grows: only what is new since the last look.

A reader that sees another or a shorter file (a run was resumed) starts over. Following costs what was appended, however
long the file has become.
"""

import csv
import io
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gan_core import files
from gan_core.errors import UserError

_TAIL = 256  # bytes before the place where reading stopped, by which the file is known again


class Table:
    """The columns of one CSV file, as far as `poll` has read them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.version = 0  # raised each time the file was found to be another one
        self._reset()

    def _reset(self) -> None:
        self._inode: int | None = None
        self._offset = 0
        self._tail = b""
        self._rows = 0
        self.names: list[str] = []
        self._numbers: dict[str, np.ndarray] = {}  # with room at their ends
        self._texts: dict[str, list[str]] = {}  # of the columns that hold words

    def poll(self) -> bool:
        """Read what was appended; returns whether there is anything new. A missing file is an empty table."""
        try:
            with self.path.open("rb") as file:
                inode = os.fstat(file.fileno()).st_ino
                file.seek(self._offset - len(self._tail))
                # The number of a file that is gone may have been given to the one in its place.
                same = self._inode in (None, inode) and file.read(len(self._tail)) == self._tail
                if not same:
                    self._reset()
                    self.version += 1
                    file.seek(0)
                self._inode = inode
                fresh = file.read()
        except FileNotFoundError:
            gone = bool(self.names)
            self._reset()
            self.version += gone
            return gone
        finished = fresh[: fresh.rfind(b"\n") + 1]
        self._offset += len(finished)
        self._tail = (self._tail + finished)[-_TAIL:]
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
            if not pd.api.types.is_numeric_dtype(column):
                # Whole numbers that no float holds come as Python's own; an empty cell is no word.
                column = column.astype(object).map(str, na_action="ignore").fillna("")
            if name in self._texts or not pd.api.types.is_numeric_dtype(column):
                self._texts.setdefault(name, [""] * self._rows).extend(map(str, column))
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


def append(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append rows of the same columns as whole lines, in one write; an empty file is given its header.

    A table that was begun by another version keeps its columns: what it has no column for is left out, and what rows no
    longer hold is not-a-number.

    Raises:
        UserError: no space, no permission; no part of a line is left.
    """
    new = not path.exists() or not path.stat().st_size  # a trainer may have been killed between making and filling it
    names = list(rows[0]) if new else _header(path, list(rows[0]))
    lines = [",".join(_cell(row.get(name, np.nan)) for name in names) for row in rows]
    if new:
        lines.insert(0, ",".join(names))
    files.append_bytes(path, ("\n".join(lines) + "\n").encode())


def _header(path: Path, wanted: list[str]) -> list[str]:
    """The columns that a table has; the wanted ones where its first line does not begin as theirs does."""
    with path.open("rb") as file:
        names = file.readline().rstrip(b"\r\n").decode(errors="replace").split(",")
    return names if names[:1] == wanted[:1] else wanted


def keep(path: Path, column: str, last: int) -> None:
    """Replace a table by its rows up to `column` <= `last`: what a checkpoint knows.

    Raises:
        UserError: its header is damaged; no space, no permission.
    """
    if not path.exists():
        return
    # No unfinished last line, and nothing parsed and printed again: the rows stay the same to the byte.
    header, *lines = path.read_bytes().split(b"\n")[:-1] or [b""]
    names = header.decode(errors="replace").split(",")
    if header and column not in names:
        raise UserError(f"{path} is damaged: its first line names no column '{column}'")
    kept = [header] if header else []
    kept += [line for line in lines if _number(line, names.index(column)) <= last]
    files.write_bytes(path, b"".join(line + b"\n" for line in kept))


def _number(line: bytes, index: int) -> float:
    """A whole number of a row; infinity where a power cut has left something else than a row."""
    try:
        return int(line.split(b",")[index])
    except (IndexError, ValueError):
        return np.inf


def _cell(value: Any) -> str:
    """A CSV cell: whole numbers as they are, others with seven digits, enough for float32."""
    if isinstance(value, str):
        if any(character in value for character in ',"\n'):
            raise AssertionError(f"a table's text has no commas, quotes or line ends: {value!r}")
        return value
    if isinstance(value, bool | int | np.integer):
        return str(int(value))
    return f"{float(value):.7g}"


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
