"""A folder with classes and splits, and a table that knows its patients: `patients:FOLDER?table=NAME&file=COLUMN&...`.

    python -m gan_core prepare "patients:covid?table=files.csv&file=Path&patient=Patient%20ID&without=finding=none"

The folder or zip says the classes and splits, the table who is in a picture. Where the folders put pictures of one
patient into several splits, the table decides: see `splits.one_side`. Pictures that no row names stay as they are. The
table lies in the folder or zip or beside it, so that both may move together. Values are percent-encoded.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unicodedata import normalize
from urllib.parse import unquote

import numpy as np

from gan_core.data.doubts import few_names
from gan_core.data.readers.archive import is_archive
from gan_core.data.readers.places import divide
from gan_core.data.readers.table import but_for
from gan_core.data.readers.table_pictures import PictureNames
from gan_core.data.readers.table_shelf import FolderShelf, ZipShelf
from gan_core.data.readers.table_text import TextTable, find_column, listed
from gan_core.data.source import PATIENTS, Entry, Source
from gan_core.data.splits import moved_line, one_side
from gan_core.errors import UserError, nearest

EXAMPLE = f"{PATIENTS}FOLDER?table=files.csv&file=Path&patient=Patient%20ID"
_NEEDED = ("table", "file", "patient")
_CONDITIONS = ("known", "where", "without")
OPTIONS = (*_NEEDED, *_CONDITIONS)

Condition = tuple[str, str]  # a column and a value


@dataclass(frozen=True)
class Options:
    """What the text of a source says of the table."""

    table: str
    file: str
    patient: str
    known: tuple[Condition, ...] = ()
    where: tuple[Condition, ...] = ()
    without: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class PatientSource:
    """Some images of another source, with the patients of a table."""

    base: Source
    entries: tuple[Entry, ...]
    places: tuple[int, ...]  # of each entry: the image in `base`
    warnings: tuple[str, ...]
    patients_from: str  # who states the patients of the entries, for people

    @property
    def identity(self) -> str:
        return f"{PATIENTS}{self.base.identity}"

    def load(self, index: int, size: int) -> bytes | np.ndarray:
        return self.base.load(self.places[index], size)

    def part(self, start: int, stop: int) -> "PatientSource":
        places = self.places[start:stop]
        first, last = (places[0], places[-1] + 1) if places else (0, 0)
        base, inside = self.base.part(first, last), tuple(place - first for place in places)
        return replace(self, base=base, entries=self.entries[start:stop], places=inside, warnings=())


def open_with_patients(text: str, opened: Callable[[str], Source]) -> PatientSource:
    """Return the pictures of a folder or zip as a source, with the patients of a table.

    Args:
        text: FOLDER?table=NAME&file=COLUMN&patient=COLUMN, and further `OPTIONS`.
        opened: opens the folder or zip.

    Raises:
        UserError: there is no such folder, zip, table or column, an option is wrong, rows contradict each other, or no
            picture is left.
    """
    path, query = divide(text, f"{PATIENTS} there is no folder or zip", f"Write it as in {EXAMPLE}")
    options = parse(query)
    base = opened(str(path))
    table = _table(path, options.table)
    rows = _read(table, options, [entry.name for entry in base.entries])
    kept, lines = _chosen(rows, options, len(base.entries))
    if not kept:
        raise UserError(f"no picture of '{path}' is left: {'; '.join(lines)}")
    own = [rows[index].patient if index in rows else "" for index in kept]
    given = [base.entries[index] for index in kept]
    patients = [patient or entry.patient or "" for patient, entry in zip(own, given, strict=True)]
    before = [entry.split for entry in given]
    after = one_side(patients, before)
    entries = tuple(
        replace(entry, patient=patient or None, split=part)
        for entry, patient, part in zip(given, patients, after, strict=True)
    )
    moved = moved_line(patients, before, after)
    without = [base.entries[index].name for index in kept if index not in rows]
    if without:
        lines.append(f"{len(without):,} pictures have no row in '{options.table}' and stay as they are")
    source = f"the column '{find_column(table, options.patient, options.table)}' of {options.table}"
    # A base that opens a table as one that is not used has said so: it is used here.
    warnings = but_for(base.warnings, options.table, path, [entry.name for entry in base.entries])
    return PatientSource(base, entries, tuple(kept), (*warnings, *lines, *([moved] if moved else [])), source)


def parse(query: str) -> Options:
    """Return the options in a text such as `table=files.csv&file=Path&patient=Patient%20ID&without=finding=none`.

    Raises:
        UserError: an option is unknown, empty, missing, or given twice.
    """
    single: dict[str, str] = {}
    conditions: dict[str, list[Condition]] = {key: [] for key in _CONDITIONS}
    for part in filter(None, query.split("&")):
        key, _, value = part.partition("=")
        if key not in OPTIONS:
            hint = nearest(key, OPTIONS)
            raise UserError(f"{PATIENTS} has no option '{key}'.{hint} Options: {', '.join(OPTIONS)}; as in {EXAMPLE}")
        if not value.strip():
            raise UserError(f"{PATIENTS} the option {key} is empty: write it as in {EXAMPLE}")
        if key in conditions:
            column, equals, cell = value.partition("=")
            if not (column and equals):
                raise UserError(f"{key}={value} names no column and its value: write {key}=COLUMN=VALUE")
            conditions[key].append((unquote(column), unquote(cell).strip()))
        elif key in single:
            raise UserError(f"{PATIENTS} the option {key} is given twice")
        else:
            single[key] = unquote(value)
    missing = [key for key in _NEEDED if key not in single]
    if missing:
        raise UserError(f"{PATIENTS} the option {missing[0]} is missing: write it as in {EXAMPLE}")
    table, file, patient = (single[key] for key in _NEEDED)
    known, where, without = (tuple(conditions[key]) for key in _CONDITIONS)
    return Options(table, file, patient, known, where, without)


def _table(path: Path, name: str) -> TextTable:
    """Return the table of this name in the folder or zip, or beside it."""
    if "/" in name or "\\" in name:
        raise UserError(f"{PATIENTS} table={name} is a path: put the table into the folder or beside it, and name it")
    inside = [ZipShelf(path.resolve())] if path.is_file() and is_archive(path) else []
    if inside and name in inside[0].everything:
        return inside[0].table(name)
    folders = [folder.resolve() for folder in (path, path.parent) if folder.is_dir()]
    place = next((folder for folder in folders if (folder / name).is_file()), None)
    if place is None:
        shelves = [*inside, *(FolderShelf(folder, "") for folder in folders)]
        known = [file for shelf in shelves for file in shelf.everything]
        raise UserError(f"there is no table '{name}' in '{path}' or beside it.{nearest(name, known)}")
    return FolderShelf(place, "").table(name)


@dataclass(frozen=True)
class _Row:
    """What the table says of one picture."""

    patient: str  # "" where the row does not know
    holds: Mapping[Condition, bool]


class _Rows(dict[int, _Row]):
    """Picture -> its row, and what the rows that name none say."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.missing: list[str] = []


def _read(table: TextTable, options: Options, names: Sequence[str]) -> _Rows:
    """Read all rows of the table.

    Raises:
        UserError: there is no such column or value, a cell leads out of the folder or names several pictures, or rows
            contradict each other.
    """
    title = options.table
    asked = [condition for key in _CONDITIONS for condition in getattr(options, key)]
    conditions = {condition: find_column(table, condition[0], title) for condition in asked}
    file, patient = (find_column(table, name, title) for name in (options.file, options.patient))
    columns = list(dict.fromkeys([file, patient, *conditions.values()]))
    at = {name: place for place, name in enumerate(columns)}
    values: defaultdict[str, Counter[str]] = defaultdict(Counter)
    spellings: dict[str, str] = {}
    pictures = PictureNames(names, None, "", title)
    found = _Rows()
    for row in table.rows(columns):
        found.count += 1
        for column in conditions.values():
            values[column][row[at[column]]] += 1
        index = _picture(row[at[file]], pictures, title)
        if index is None:
            found.missing.append(row[at[file]])
            continue
        holds = {condition: row[at[column]] == condition[1] for condition, column in conditions.items()}
        name = row[at[patient]] if all(_any(holds, options.known)) else ""
        # Patients that differ in case only are one, lest one stands in two splits.
        one = _Row(spellings.setdefault(normalize("NFC", name).casefold(), name), holds)
        if found.setdefault(index, one) != one:
            raise UserError(f"the rows of the picture '{names[index]}' in '{title}' contradict each other: keep one")
    _check(found, conditions, values, names, options)
    return found


def _picture(cell: str, pictures: PictureNames, title: str) -> int | None:
    indices = pictures.find(cell) if cell else ()
    if len(indices) > 1:
        raise UserError(
            f"'{cell}' of '{title}' lies in several folders: "
            f"{listed([pictures.names[index] for index in indices], 3)}; write paths into the table"
        )
    return indices[0] if indices else None


def _check(
    found: _Rows,
    conditions: Mapping[Condition, str],
    values: Mapping[str, Counter[str]],
    names: Sequence[str],
    options: Options,
) -> None:
    """Refuse a table that names no picture, and conditions that no row fulfils."""
    title = options.table
    if not found:
        shown = f"it holds for example '{found.missing[0]}'" if found.missing else "the table has no rows"
        raise UserError(
            f"the column '{options.file}' of '{title}' names none of the {len(names):,} pictures: {shown}, "
            f"and a picture is named '{names[0]}'"
        )
    for (_, cell), column in conditions.items():
        if not values[column][cell]:
            shown = listed([f"{value or '(empty)'} ({count:,})" for value, count in values[column].most_common(20)])
            raise UserError(f"no row of '{title}' has {column}={cell}. The values of '{column}': {shown}")


def _any(holds: Mapping[Condition, bool], conditions: Sequence[Condition]) -> list[bool]:
    """Return for each column of the conditions whether one of its values holds."""
    columns = dict.fromkeys(column for column, _ in conditions)
    return [any(holds[one] for one in conditions if one[0] == column) for column in columns]


def _chosen(rows: _Rows, options: Options, count: int) -> tuple[list[int], list[str]]:
    """Return the pictures that are used, and lines about those that are not."""
    title, lines = options.table, []
    if rows.missing:
        shown = few_names(sorted(rows.missing))
        lines.append(
            f"{len(rows.missing):,} of {rows.count:,} rows of '{title}' name pictures that are not there: {shown}"
        )
    marked = {index for index, row in rows.items() if any(row.holds[one] for one in options.without)}
    persons = {rows[index].patient for index in marked} - {""}
    out = marked | {index for index, row in rows.items() if row.patient in persons}
    if marked:
        lines.append(
            f"{len(marked):,} pictures have {_shown(options.without)} in '{title}'; they and {len(out - marked):,} "
            "further pictures of their patients are left out"
        )
    kept = [index for index in range(count) if index not in out]
    if options.where:
        held = [index for index in kept if index in rows and all(_any(rows[index].holds, options.where))]
        lines.append(
            f"{len(kept) - len(held):,} pictures are left out, for which '{title}' does not say {_shown(options.where)}"
        )
        kept = held
    return kept, lines


def _shown(conditions: Sequence[Condition]) -> str:
    return " or ".join(f"{column}={cell}" for column, cell in conditions)
