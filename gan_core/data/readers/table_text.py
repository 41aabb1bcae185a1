"""Tables of text: CSV in its many forms, and tables put together from several of them.

A table comes from strangers: its size is bounded, nothing in it is run, and a cell is only ever compared with the names
of pictures that were listed before.
"""

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from operator import itemgetter
from typing import Protocol

from gan_core.errors import UserError, nearest

SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")  # of files that are tables by their name alone
UNUSED = "may hold labels and patients, and"  # in every warning about tables that are not used
SPREADSHEETS = (".xlsx", ".xls", ".ods")
MAX_BYTES = 256 * 1024**2  # of a table's text; the largest table of MIMIC-CXR has 60 MB
MAX_ROWS = 5_000_000
HEAD = 256 * 1024  # bytes that a table is recognised by
_END = "\0end"  # a line behind the last one; a text holds no zero byte
_SEPARATORS = (",", ";", "\t", "|")
_GZIP = b"\x1f\x8b"
_SHEET_MAGIC = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # xlsx and ods; xls


class Table(Protocol):
    """Named columns, and rows that are read anew each time."""

    @property
    def columns(self) -> tuple[str, ...]: ...

    def rows(self, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """Yield the cells of these columns, without white space at their ends; "" where a row is too short."""
        ...


@dataclass(frozen=True)
class TextTable:
    """A table out of one text, with a header line."""

    title: str  # its file's name, for errors
    text: str
    whole: bool = True  # False: its end may be cut

    @cached_property
    def separator(self) -> str:
        """The separator that divides the header line into most columns."""
        start = self.text[: 64 * 1024]
        found = {separator: len(_first_row(start, separator, self.title)) for separator in _SEPARATORS}
        return max(_SEPARATORS, key=lambda separator: found[separator])

    @cached_property
    def columns(self) -> tuple[str, ...]:
        return tuple(cell.strip() for cell in _first_row(self.text, self.separator, self.title))

    def rows(self, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
        places = [self.columns.index(name) for name in columns]
        last = max(places)
        pick = itemgetter(*places) if len(places) > 1 else lambda row: (row[places[0]],)
        lines = _read(self.text, self.separator, self.title, self.whole)
        next(lines, None)  # the header
        for row in lines:
            if len(row) <= last:
                row = row + [""] * (last + 1 - len(row))
            yield tuple([cell.strip() for cell in pick(row)])


@dataclass(frozen=True)
class ListTable:
    """A table out of rows in memory."""

    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]

    def rows(self, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
        places = [self.columns.index(name) for name in columns]
        return (tuple([line[place] for place in places]) for line in self.lines)


@dataclass(frozen=True)
class Stacked:
    """Tables one below the other, with the columns that all of them have."""

    parts: tuple[Table, ...]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for name in self.parts[0].columns if all(name in part.columns for part in self.parts))

    def rows(self, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
        return chain.from_iterable(part.rows(columns) for part in self.parts)


@dataclass(frozen=True)
class Extended:
    """A table with further columns, whose cells follow from one column; rows without an answer are left out."""

    base: Table
    key: str
    added: tuple[str, ...]
    answer: Callable[[str], tuple[str, ...] | None]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for name in self.base.columns if name not in self.added) + self.added

    def rows(self, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
        old = [name for name in columns if name not in self.added]
        # Where a column comes from: behind the key in the base's rows, or in the answer.
        places = [
            (True, self.added.index(name)) if name in self.added else (False, old.index(name) + 1) for name in columns
        ]
        for row in self.base.rows([self.key, *old]):
            more = self.answer(row[0])
            if more is not None:
                yield tuple([more[place] if new else row[place] for new, place in places])


def read_table(title: str, data: bytes) -> TextTable:
    """Return the table in the bytes of a file, packed by gzip or not.

    Raises:
        UserError: the file is a spreadsheet, no text, too large or damaged.
    """
    if data.startswith(_GZIP):
        data = _unpacked(title, data)
    if len(data) > MAX_BYTES:
        raise UserError(f"the table '{title}' is larger than the limit of {MAX_BYTES // 1024**2} MB")
    return TextTable(title, _text(title, data, whole=True))


def read_head(title: str, data: bytes) -> TextTable:
    """Return the first rows of a table from the first bytes of its file; the last row may be cut.

    Raises:
        UserError: the file is a spreadsheet, or no text.
    """
    if data.startswith(_GZIP):
        try:
            data = zlib.decompressobj(31).decompress(data, HEAD)
        except zlib.error as error:
            raise UserError(f"the table '{title}' cannot be unpacked: {error}") from error
    return TextTable(title, _text(title, data[:HEAD], whole=False), whole=False)


def _unpacked(title: str, data: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            return packed.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"the table '{title}' cannot be unpacked: {error}") from error


def _text(title: str, data: bytes, whole: bool) -> str:
    """Return the text of a table: UTF-8, UTF-16, or else Windows' code page 1252; not `whole`: its end may be cut.

    Raises:
        UserError: the bytes are no text.
    """
    if data.startswith(_SHEET_MAGIC):
        raise UserError(f"'{title}' is a spreadsheet: save it as CSV, and give that file")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif data[1:2] == b"\0":
        encoding = "utf-16-le"
    else:
        encoding = "utf-16-be" if data[:1] == b"\0" else "utf-8-sig"
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(data, final=whole)
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    if "\0" in text:
        raise UserError(f"'{title}' is no table of text")
    # Excel writes the separator into a first line of its own.
    return text.partition("\n")[2] if text.startswith("sep=") else text


def find_column(table: Table, wanted: str, title: str) -> str:
    """Return the name of a column, which may differ from what is wanted in case and white space.

    Raises:
        UserError: there is no such column, or there are two.
    """
    if wanted in table.columns:
        same = [name for name in table.columns if name == wanted]
    else:
        same = [name for name in table.columns if plain(name) == plain(wanted)]
    if len(same) == 1:
        return same[0]
    if same:
        raise UserError(f"the table '{title}' has {len(same)} columns '{wanted}': rename one")
    hint = nearest(wanted, [name for name in table.columns if name])
    raise UserError(f"the table '{title}' has no column '{wanted}'.{hint} Its columns: {listed(table.columns)}")


def plain(name: str) -> str:
    """Return a column's name in the form that is compared."""
    return " ".join(name.casefold().split())


def listed(names: Iterable[str], most: int = 30) -> str:
    """Return names in one text, at most `most` of them."""
    known = [name for name in names if name]
    return ", ".join([*known[:most], *(["..."] if len(known) > most else [])])


def unused(names: Sequence[str]) -> str:
    """Return that tables are not used, as the beginning of a warning that goes on with what to do."""
    return f"{listed(names, 3)} {UNUSED} {'are' if len(names) > 1 else 'is'} not used"


def _first_row(text: str, separator: str, title: str) -> list[str]:
    return next(_read(text, separator, title), [])


def _read(text: str, separator: str, title: str, whole: bool = True) -> Iterator[list[str]]:
    """Yield the rows that hold anything; not `whole`: the last row may be cut.

    Raises:
        UserError: a row is malformed or has more cells than the header, a quote is never closed, or there are too many
            rows.
    """
    # Without a quote's end, the last cell swallows all rows behind it, and so this line, too.
    lines = csv.reader(chain(io.StringIO(text, newline=""), [_END]), delimiter=separator)
    width, begin = 0, 1
    try:
        for number, row in enumerate(lines):
            if row == [_END]:
                break
            if number > MAX_ROWS:
                raise UserError(f"the table '{title}' has more than {MAX_ROWS:,} rows: divide it")
            if row and row[-1].endswith(_END):
                if whole:
                    raise UserError(f"the table '{title}' cannot be read: a quote in line {begin} is never closed")
                break
            width = width or len(row) * any(row)
            # A separator inside a cell, or a header without the column of row numbers: every cell behind it would be
            # taken for that of another column.
            if len(row) > width and any(cell.strip() for cell in row[width:]):
                raise UserError(
                    f"the table '{title}' cannot be read: line {begin} has {len(row)} cells, and its header {width}; "
                    "write a cell that holds a separator in quotes"
                )
            if any(row):
                yield row
            begin = lines.line_num + 1
    except csv.Error as error:
        raise UserError(f"the table '{title}' cannot be read at line {lines.line_num}: {error}") from error
