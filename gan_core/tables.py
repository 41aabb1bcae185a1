"""A growing CSV file, read as it grows: only the bytes that are new since the last look, only finished lines.

A reader that sees another or a shorter file (a run was resumed) starts over.
"""

import csv
import io
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
        self.names: list[str] = []
        self._parts: list[pd.DataFrame] = []

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
            self.names = header.decode(errors="replace").strip().split(",")
        if not finished.strip():
            return False
        # A damaged row costs itself and no more: neither the reader nor the page behind it.
        part = pd.read_csv(
            io.BytesIO(finished),
            header=None,
            names=self.names,
            index_col=False,
            quoting=csv.QUOTE_NONE,
            on_bad_lines="skip",
            encoding_errors="replace",
        )
        self._parts.append(part)
        return True

    def __len__(self) -> int:
        return sum(len(part) for part in self._parts)

    def frame(self) -> pd.DataFrame:
        """All rows read so far."""
        if len(self._parts) > 1:
            self._parts = [pd.concat(self._parts, ignore_index=True)]
        return self._parts[0] if self._parts else pd.DataFrame(columns=self.names)

    def column(self, name: str) -> np.ndarray:
        """One column as float64 (n,), not-a-number where a cell holds no number; empty if there is no such column."""
        frame = self.frame()
        if name not in frame:
            return np.empty(0)
        return pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64)
