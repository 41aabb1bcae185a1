"""Growing CSV files: append whole lines, and read only the lines that are new.

A reader starts over if the file was replaced or became shorter (the run was resumed). The cost of a read depends on the
appended lines only, not on the length of the file.

Spreadsheets save a table in other ways: with a byte order mark, semicolons or tabs, decimal commas, quotes and CRLF.
Such a table is read all the same, also where a trainer then appended lines of ours. What remains unreadable is named in
`Table.problem`, and what could be read in two ways in `Table.notes`.
"""

import csv
import io
import math
import os
import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gan_core import files
from gan_core.errors import UserError

if TYPE_CHECKING:
    import pandas as pd  # takes half a second, which who only writes tables can do without

_MOST_COLUMNS = 1000
_MOST_CELLS = 10**7
_KEPT_BYTES = 1024**3  # of a table that a training continues
_LONGEST_HEADER = 64 * 1024  # bytes
_TAIL = 256  # last bytes read, by which `poll` recognises the same file
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
# Groups of three digits: 1,234.5, where a comma alone may also be a decimal one; and 1.234,5.
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
_GROUPED_BY_POINTS = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+,\d+")
ROW_NAMES = "row names"  # a first column that the header does not name, as R writes it
_NO_NUMBER = {"", "nan", "inf", "-inf", "+inf"}  # cells that a trainer writes, or that stand for a missing value


@dataclass(frozen=True)
class _Dialect:
    """How the lines of a table are written; the default is how this module writes them."""

    separator: str = ","
    grouped: bool = False  # whether 1,234 is 1234, and not 1.234

    @property
    def own(self) -> bool:
        return self.separator == ","

    def cells(self, line: str, columns: int) -> list[str]:
        """Return the cells of a line, numbers with a decimal point.

        A line without this dialect's separator, but with the right number of commas, was appended by a trainer.
        """
        if self.separator not in line and line.count(",") == columns - 1:
            return line.split(",")
        return [self._number(cell) if "," in cell else cell for cell in _split(line, self.separator)]

    def _number(self, cell: str) -> str:
        """Return a cell with a comma as a number with a decimal point, if it is one."""
        text = cell.strip()
        if _GROUPED_BY_POINTS.fullmatch(text):
            return text.replace(".", "").replace(",", ".")
        if _GROUPED.fullmatch(text) and (self.grouped or "." in text or text.count(",") > 1):
            return text.replace(",", "")
        return text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else cell

    def judged(self, lines: bytes) -> "_Dialect":
        """Return this dialect with what its first lines tell of commas: in a table with commas between the cells they
        group digits, unless one of them cannot."""
        if not self.own or b'"' not in lines:
            return self
        found = [cell.strip() for line in lines.decode(errors="replace").splitlines() for cell in _split(line, ",")]
        numbers = [cell for cell in found if _DECIMAL_COMMA.fullmatch(cell) or _GROUPED.fullmatch(cell)]
        return replace(self, grouped=bool(numbers) and all(map(_GROUPED.fullmatch, numbers)))

    def plain(self, lines: bytes, columns: int) -> bytes:
        """Return whole lines without the header as this module writes them. Cells lose commas that are no decimals."""
        if self.own and b'"' not in lines:
            return lines
        made = []
        for line in lines.decode(errors="replace").splitlines():
            made.append(",".join(cell.replace(",", " ").strip() for cell in self.cells(line, columns)))
        return ("\n".join(made) + "\n").encode() if made else b""

    def note(self, lines: bytes) -> str:
        """Return how numbers were read that have two readings; "" if there are none."""
        if self.own and not self.grouped:
            return ""
        for line in lines.decode(errors="replace").splitlines():
            for cell in _split(line, self.separator):
                text = cell.strip()
                if self.own and _GROUPED.fullmatch(text) and text.count(",") == 1 and "." not in text:
                    return f"'{text}' was read as {text.replace(',', '')}: its comma groups digits"
                if not self.own and _GROUPED.fullmatch(text) and text.count(",") == 1 and "." not in text:
                    return f"'{text}' was read as {text.replace(',', '.')}: its comma is a decimal one"
        return ""


def _split(line: str, separator: str) -> list[str]:
    """Return the cells of one line, also of one that is no text at all."""
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:  # a CR within the line, or a cell of more than 128 KiB
        return line.split(separator)


def _read_header(line: bytes) -> tuple[list[str], _Dialect]:
    """Return the column names of a header line, and how the table is written."""
    text = line.removeprefix(_BOM).decode(errors="replace").strip()
    separator = max(",;\t", key=text.count)
    dialect = _Dialect(separator if separator in text else ",")
    return _distinct([name.strip() for name in _split(text, dialect.separator)]), dialect


def _distinct(names: list[str]) -> list[str]:
    """Return the names of columns, each that was there before with a number: loss, loss.2, loss.3."""
    found: dict[str, None] = {}
    ends: dict[str, int] = {}
    for name in names:
        one = name
        while one in found or (one != name and one in names):
            ends[name] = ends.get(name, 1) + 1
            one = f"{name or 'column'}.{ends[name]}"
        found[one] = None
    return list(found)


class Table:
    """The columns of one CSV file, as far as `poll` has read them."""

    def __init__(self, path: Path, *, whole: bool = False) -> None:
        """whole: whether nobody is writing it, so that its last line counts also where no line end follows."""
        self.path = path
        self._whole = whole
        self.version = 0  # increased each time the file was replaced
        self.problem = ""  # what could not be read, in words; empty if nothing
        self.notes: list[str] = []  # what was read in one of several ways, in words
        self._reset()

    def _reset(self) -> None:
        self._inode: int | None = None
        self._offset = 0
        self._tail = b""
        self._rows = 0
        self._dialect = _Dialect()
        self.problem = ""
        self.notes = []
        self.names: list[str] = []
        self._numbers: dict[str, np.ndarray] = {}  # longer than the table, see `_append`
        self._texts: dict[str, list[str]] = {}  # text columns only

    def poll(self) -> bool:
        """Read the appended lines; return whether anything changed. A missing file is an empty table.

        A table that is a link, or larger than any that a trainer writes, is empty as well; `problem` says so.
        """
        try:
            with files.open_regular(self.path, files.TABLE_BYTES) as file:
                inode = os.fstat(file.fileno()).st_ino
                file.seek(self._offset - len(self._tail))
                # The system may reuse the inode number of a deleted file, so compare the last bytes as well.
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
        except OSError as error:
            return self._refuse(error.strerror or str(error))
        if not self._offset and (problem := _unreadable(fresh)):
            changed = problem != self.problem
            self.problem = problem
            return changed
        finished = fresh[: fresh.rfind(b"\n") + 1]
        if self._whole and len(finished) < len(fresh):
            finished = fresh + b"\n"
        if problem := self._too_large(finished):
            return self._refuse(problem)
        self._offset += len(finished)
        self._tail = (self._tail + finished)[-_TAIL:]
        if not self.names and finished:
            header, _, finished = finished.partition(b"\n")
            self.names, self._dialect = _read_header(header)
            self.notes = _of_names(header, self.names)
        if not finished or finished.isspace():
            return False
        if not self._rows:
            self._dialect = self._dialect.judged(finished)
            self.notes += [note] if (note := self._dialect.note(finished)) else []
        plain = self._dialect.plain(finished, len(self.names))
        if self._whole and (problem := self._too_long(plain)):
            return self._refuse(problem)
        self._append(_parse(plain, self.names))
        self.problem = self._problem()
        return True

    def _too_large(self, fresh: bytes) -> str:
        """Return why the table with these new lines is not read; "" if it is."""
        header = fresh.partition(b"\n")[0] if not self.names else b""
        columns = len(self.names) or 1 + max(map(header.count, (b",", b";", b"\t")))
        if len(header) > _LONGEST_HEADER or columns > _MOST_COLUMNS:
            return f"it has more than {_MOST_COLUMNS} columns"
        # Every row becomes one number or text for each column, however short its line is.
        if (self._rows + fresh.count(b"\n")) * columns > _MOST_CELLS:
            return f"it has more than {_MOST_CELLS // 10**6} million cells"
        return ""

    def _too_long(self, lines: bytes) -> str:
        """Take the first cells of rows as their names if each row has one cell more than the header; return which row
        has too many cells otherwise, "" if none has. Empty cells at the end do not count."""
        columns = len(self.names)
        rows = [line for line in lines.splitlines() if line.strip()]
        counts = [row.rstrip(b", ").count(b",") + 1 if row.count(b",") >= columns else 0 for row in rows]
        if not any(count > columns for count in counts):
            return ""
        if all(row.count(b",") == columns for row in rows):
            self.names.insert(0, _distinct([*self.names, ROW_NAMES])[-1])
            self.notes.append("the header does not name the first column: taken as the names of the rows")
            return ""
        number, count = next((n, count) for n, count in enumerate(counts, 1) if count > columns)
        return f"its row {number} has {count} cells, and its first line names {columns} columns"

    def _refuse(self, reason: str) -> bool:
        """Make the table empty and say why; return whether anything changed."""
        problem = f"{self.path.name} cannot be read: {reason}"
        if problem == self.problem:
            return False
        self._reset()
        self.version += 1
        self.problem = problem
        return True

    def _append(self, part: "pd.DataFrame") -> None:
        import pandas as pd

        rows = self._rows + len(part)
        for name in self.names:
            column = part[name]
            if not pd.api.types.is_numeric_dtype(column):
                # Integers too large for float64 become Python objects; an empty cell is not text.
                column = column.astype(object).map(str, na_action="ignore").fillna("")
            if name in self._texts or not pd.api.types.is_numeric_dtype(column):
                self._texts.setdefault(name, [""] * self._rows).extend(map(str, column))
            values = self._numbers.get(name, np.empty(0))
            if len(values) < rows:  # double the capacity, so that most appends copy nothing
                larger = np.empty(2 * rows)
                larger[: self._rows] = values[: self._rows]
                values = self._numbers[name] = larger
            values[self._rows : rows] = pd.to_numeric(column, errors="coerce").to_numpy()
        self._rows = rows

    def _problem(self) -> str:
        """Return which columns hold text among numbers, as a damaged table or one that a spreadsheet changed."""
        found = {}
        for name, cells in self._texts.items():
            odd = next((cell for cell in cells if _is_text(cell)), None)
            if odd is not None and np.isfinite(self.column(name)).any():
                found[name] = sum(map(_is_text, cells)), odd
        if not found:
            return ""
        shown = "; ".join(f"{count} in {name}, such as '{odd[:40]}'" for name, (count, odd) in list(found.items())[:3])
        more = f", and in {len(found) - 3} more columns" if len(found) > 3 else ""
        return (
            f"{self.path.name} has cells that are no numbers ({shown}{more}): a spreadsheet may have changed them, for "
            "example into dates. The diagnosis leaves these columns out"
        )

    def __len__(self) -> int:
        return self._rows

    def column(self, name: str) -> np.ndarray:
        """Return a column as float64 (n,), not-a-number where a cell is not a number; empty if there is no such column.

        The array is a view: do not write to it.
        """
        return self._numbers.get(name, np.empty(0))[: self._rows]

    def text(self, name: str) -> list[str]:
        """Return a text column; empty if there is no such column or it is numeric."""
        return self._texts.get(name, [])

    def numeric(self) -> list[str]:
        """Return the names of the numeric columns."""
        return [name for name in self._numbers if name not in self._texts]

    def frame(self) -> "pd.DataFrame":
        """Return a copy of all rows read so far."""
        import pandas as pd

        return pd.DataFrame({name: self._texts.get(name) or self.column(name) for name in self.names})


def _of_names(header: bytes, names: list[str]) -> list[str]:
    """Return a note if names of a header are repeated, from the columns that were named anew."""
    text = header.decode(errors="replace")
    again = [name for name in names if re.search(r"\.\d+$", name) and name not in text]
    return [f"columns with a name that was there before are called {', '.join(again[:6])}"] if again else []


def append(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append rows with the same columns as whole lines, in one write; an empty file first gets its header.

    A table that another version started keeps its columns: values without a column are left out, and missing values
    become not-a-number.

    Raises:
        UserError: no space left or no permission; no partial line is left behind.
    """
    new = not path.exists() or not path.stat().st_size  # a trainer may have been killed after it created the file
    names = list(rows[0]) if new else _header(path, list(rows[0]))
    lines = [",".join(_cell(row.get(name, np.nan)) for name in names) for row in rows]
    if new:
        lines.insert(0, ",".join(names))
    files.append_bytes(path, ("\n".join(lines) + "\n").encode())


def last_number(path: Path, column: str) -> float:
    """Return a number of the last whole row of a table, of which only the two ends are read; NaN if there is none."""
    try:
        with files.open_regular(path, files.TABLE_BYTES) as file:
            names, dialect = _read_header(file.readline(_LONGEST_HEADER))
            begin = file.tell()
            file.seek(max(begin, file.seek(0, os.SEEK_END) - _LONGEST_HEADER))
            tail = file.read()
    except OSError:
        return math.nan
    lines = tail[: tail.rfind(b"\n") + 1].decode(errors="replace").rstrip().splitlines()
    cells = dict(zip(names, dialect.cells(lines[-1], len(names)), strict=False)) if lines else {}
    try:
        return float(cells.get(column, "nan"))
    except ValueError:
        return math.nan


def replace_last(path: Path, row: Mapping[str, Any]) -> None:
    """Write the last row of a table anew, in one write.

    Raises:
        UserError: no space left, no permission, or the table has no row; the table is unchanged.
    """
    names = _header(path, list(row))
    with files.open_regular(path, sys.maxsize) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _LONGEST_HEADER))
        tail = file.read()
    start = tail.rfind(b"\n", 0, -1) + 1
    if not start:
        raise UserError(f"{path} is damaged: it has no row that could be completed")
    line = ",".join(_cell(row.get(name, np.nan)) for name in names) + "\n"
    files.replace_end(path, size - len(tail) + start, line.encode(), tail[start:])


def _header(path: Path, default: list[str]) -> list[str]:
    """Return the columns of an existing table; the default ones if its header is damaged."""
    with files.open_regular(path, sys.maxsize) as file:
        names, _ = _read_header(file.readline(_LONGEST_HEADER))
    return names if names[:1] == default[:1] else default


def keep(path: Path, column: str, last: int) -> None:
    """Remove the rows with `column` > `last`, which are newer than the checkpoint.

    A table that a spreadsheet has saved is written as a trainer writes it.

    Raises:
        UserError: the header is damaged, no space is left, or there is no permission.
    """
    # Drop an unfinished last line. Work on the bytes, so that the remaining rows stay identical.
    try:
        content = files.read_regular(path, _KEPT_BYTES)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(f"{path} cannot be continued: {error.strerror}") from error
    if problem := _unreadable(content):
        raise UserError(f"{path} cannot be continued: {problem}")
    header, *lines = content.split(b"\n")[:-1] or [b""]
    names, dialect = _read_header(header)
    dialect = dialect.judged(b"\n".join(lines))
    if header and (not dialect.own or header.startswith(_BOM) or header.endswith(b"\r") or b'"' in content):
        header = ",".join(names).encode()
        lines = dialect.plain(b"".join(line.rstrip(b"\r") + b"\n" for line in lines), len(names)).split(b"\n")[:-1]
    if (header or any(lines)) and column not in names:
        raise UserError(f"{path} is damaged: its first line names no column '{column}'")
    kept = [header] if header else []
    kept += [line for line in lines if header and _number(line, names.index(column)) <= last]
    files.write_bytes(path, b"".join(line + b"\n" for line in kept))


def _unreadable(content: bytes) -> str:
    """Return why a table cannot be read at all; empty if it can."""
    if content.startswith(_UTF16):
        return "it was saved as UTF-16 (Unicode text): save it as CSV UTF-8"
    if b"\r" in content and b"\n" not in content:
        return "its lines end with CR alone, as old Macs wrote them: save it as CSV UTF-8"
    return ""


def _is_text(cell: str) -> bool:
    if cell.strip().lower() in _NO_NUMBER:
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False


def _number(line: bytes, index: int) -> float:
    """Return an integer cell of a line; infinity if the line is damaged, for example by a power cut."""
    try:
        return int(line.split(b",")[index])
    except (IndexError, ValueError):
        return np.inf


def _cell(value: Any) -> str:
    """Return the text of a CSV cell: integers in full, other numbers with seven digits, enough for float32."""
    if isinstance(value, str):
        if any(character in value for character in ',"\n'):
            raise AssertionError(f"text in a table must not contain commas, quotes or line ends: {value!r}")
        return value
    if isinstance(value, bool | int | np.integer):
        return str(int(value))
    return f"{float(value):.7g}"


def _parse(lines: bytes, names: list[str]) -> "pd.DataFrame":
    """Parse whole lines without the header. A damaged row does not affect the others."""
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.ParserWarning)  # about rows with too many cells, which are cut
        return pd.read_csv(
            io.BytesIO(lines),
            header=None,
            names=names,
            index_col=False,
            quoting=csv.QUOTE_NONE,
            on_bad_lines="skip",
            encoding_errors="replace",
        )
