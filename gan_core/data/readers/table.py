"""Labels in a table beside or above the pictures, as a source.

    python -m gan_core prepare covid-chestxray-dataset/metadata.csv
    python -m gan_core prepare "table:NIH/Data_Entry_2017.csv?classes=No%20Finding,Mass&where=View%20Position=PA"
    python -m gan_core prepare "table:labels.csv?file=Path&label=Finding&patient=Patient%20ID"

The tables of well-known collections need no options (`known_tables`). The values of options are percent-encoded.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from gan_core.data.layout import is_picture_name
from gan_core.data.readers.archive import ZipSource
from gan_core.data.readers.folder import FolderSource
from gan_core.data.readers.known_tables import Known, Meaning, is_useless, recognise, recognise_folder, titles
from gan_core.data.readers.places import divide
from gan_core.data.readers.table_labels import label_pictures
from gan_core.data.readers.table_options import EXAMPLE, Options, parse
from gan_core.data.readers.table_pictures import PictureNames
from gan_core.data.readers.table_shelf import FolderShelf, TableShelf, in_zip, is_table_name, shelf_at
from gan_core.data.readers.table_text import SPREADSHEETS, SUFFIXES, UNUSED, TextTable, listed, unused
from gan_core.data.readers.zip_folder import UNPACK, unused_beside_zips
from gan_core.data.source import TABLE
from gan_core.errors import UserError

_IN_THE_FOLDER_ABOVE = "the folder above holds a table"


def open_table(text: str) -> FolderSource | ZipSource:
    """Return the pictures that a table names as a source.

    Args:
        text: PATH or PATH?OPTIONS, where PATH is a table, or a folder or zip with the table of a known collection.

    Raises:
        UserError: an option is wrong, the table cannot be read or is not known, it names none of the pictures, or what
            counts as classes has to be said.
    """
    place, query = divide(text, "there is no table", f"Write it as in {EXAMPLE}", in_zip)
    options = parse(query)
    shelf, name = shelf_at(place)
    if not name:
        known = recognise_folder(shelf)
        if known is None:
            raise UserError(f"'{place}' holds no table of a known collection: name the table, as in {EXAMPLE}")
        return _opened(shelf, known, options, text)
    if options.file and options.labels:
        table = shelf.table(name)
        return _opened(shelf, Known((name,), table, Meaning(options.file, options.labels)), options, text)
    known = recognise(shelf, name)
    if known is None:
        raise UserError(_unknown(shelf, name, place))
    return _opened(shelf, known, options, text)


def open_known(path: Path) -> FolderSource | ZipSource | None:
    """Return a folder or zip whose labels stand in the table of a known collection; None if it has no such table."""
    shelf, _ = shelf_at(path)
    known = recognise_folder(shelf)
    if known is None:
        return None
    source = _opened(shelf, known, Options(), str(path))
    note = f"the labels come from {listed(known.files)} of {known.title}, and not from folders"
    return replace(source, warnings=(note, *source.warnings))


def is_table_file(path: Path) -> bool:
    """Return whether a file is a table or a spreadsheet, by its name."""
    return is_table_name(path.name) or path.name.lower().endswith(SPREADSHEETS)


def with_unused_tables(source: FolderSource | ZipSource, path: Path) -> FolderSource | ZipSource:
    """Return a source with a warning that names the tables beside its pictures, which are not used, and how to use one.

    path: the source's folder or zip.
    """
    line = _unused(path, [entry.name for entry in source.entries])
    return replace(source, warnings=(*source.warnings, line)) if line else source


def but_for(warnings: Sequence[str], used: str, path: Path, names: Sequence[str]) -> list[str]:
    """Return the warnings of a source as they are where one of the tables that it does not use is used after all.

    Args:
        warnings: those of the source.
        used: the name of the table.
        path: the source's folder or zip.
        names: those of its pictures.
    """
    kept = []
    for line in warnings:
        if UNUSED not in line and not line.startswith(_IN_THE_FOLDER_ABOVE):
            kept.append(line)
        elif line.endswith(UNPACK):
            kept += unused_beside_zips(path, used)
        elif again := _unused(path, names, used):
            kept.append(again)
    return kept


def _unused(path: Path, names: Sequence[str], used: str = "") -> str:
    shelf, _ = shelf_at(path)
    others = [name for name in shelf.everything if name != used]
    tables = [name for name in others if name.lower().endswith(SUFFIXES)]
    sheets = [name for name in others if name.lower().endswith(SPREADSHEETS) and not is_useless(name)]
    if tables:
        return f"{unused(tables)}: {_how(shelf, tables[0], names, tables[0] if len(tables) > 1 else 'it')}"
    if sheets:
        return (
            f"{unused(sheets)}: save {'them' if len(sheets) > 1 else 'it'} as CSV, and name columns, as in '{EXAMPLE}'"
        )
    return _above(path, used)


def _how(shelf: TableShelf, name: str, names: Sequence[str], called: str) -> str:
    """Return what to write in order to use a table.

    called: the table in the middle of a sentence.
    """
    try:
        head = shelf.head(name)
        file = _file_column(head, PictureNames(names, shelf.folder, shelf.prefix, name))
    except UserError as error:
        return str(error)
    address = shelf.address(name)
    columns = listed(head.columns)
    if not file:
        return f"name its columns, as in '{TABLE}{address}?file=COLUMN&label=COLUMN'; they are {columns}"
    return f"'{TABLE}{address}?file={quote(file)}&label=COLUMN' uses {called}; its columns are {columns}"


def _above(path: Path, used: str = "") -> str:
    """Return a warning if the folder above holds the table of a known collection."""
    try:
        shelf = FolderShelf(path.resolve().parent, "")
        known = titles(shelf) if path.is_dir() else {}
    except (UserError, OSError):
        return ""
    for title, name in known.items():
        if name != used:
            return f"{_IN_THE_FOLDER_ABOVE} of {title}, which is not used: '{shelf.address(name)}' uses it"
    return ""


def _opened(shelf: TableShelf, known: Known, options: Options, text: str) -> FolderSource | ZipSource:
    """Return the pictures with the labels of a table."""
    base = shelf.pictures()
    names = [entry.name for entry in base.entries]
    pictures = PictureNames(names, shelf.folder, shelf.prefix, known.files[0])
    found = label_pictures(known, options, pictures, text)
    entries = tuple(
        replace(base.entries[one.index], label=one.label, split=one.split, patient=one.patient)
        for one in found.pictures
    )
    if isinstance(base, ZipSource):
        base = replace(base, members=tuple(base.members[one.index] for one in found.pictures))
    warnings = (*found.warnings, *base.warnings)
    return replace(base, entries=entries, warnings=warnings, patients_from=found.patients_from)


def _unknown(shelf: TableShelf, name: str, place: Path) -> str:
    """Return the error line for a table that is of no known collection."""
    head = shelf.head(name)
    try:
        names = [entry.name for entry in shelf.pictures().entries]
        file = _file_column(head, PictureNames(names, shelf.folder, shelf.prefix, name))
    except UserError:
        file = ""
    return (
        f"'{name}' is not the table of a known collection: name the columns of the file and of the label, as in "
        f"'{TABLE}{place}?file={quote(file) or 'COLUMN'}&label=COLUMN'; its columns: {listed(head.columns)}"
    )


def _file_column(head: TextTable, pictures: PictureNames) -> str:
    """Return the column whose cells name pictures, "" if there is none; names with a suffix count for more."""
    unique = [name for name in head.columns if name and head.columns.count(name) == 1]
    rows = list(islice(head.rows(unique), 20)) if unique else []

    def hits(place: int) -> tuple[int, int]:
        cells = [row[place] for row in rows if row[place] and pictures.find(row[place])]
        return sum(is_picture_name(cell) for cell in cells), len(cells)

    found = {name: hits(place) for place, name in enumerate(unique)}
    best = max(unique, key=lambda name: found[name], default="")
    return best if best and any(found[best]) else ""
