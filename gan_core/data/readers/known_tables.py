"""The tables of well-known collections: which columns name the picture, its labels, its patient and its split.

Each is recognised by its columns, not by its name, because people rename files. The columns were read from the
collections themselves, or where those need a licence, from public code that reads them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Protocol

from gan_core.data.layout import SPLIT_NAMES, is_picture_name
from gan_core.data.readers.table_text import Extended, ListTable, Stacked, Table, TextTable, find_column, plain
from gan_core.errors import UserError

FINDINGS = (  # of CheXpert, and of MIMIC-CXR's tables chexpert and negbio
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
# Columns that no file has; their names cannot be mistaken for one.
_PATIENT, _SPLIT, _CLASS = "(patient)", "(split)", "(class)"
_COVIDX_LINES = 5  # lines that a list of COVIDx is recognised by
# Spreadsheets of COVID-19_Radiography_Dataset, which hold only the names of the files.
_ONLY_NAMES = re.compile(r"(COVID|Normal|Lung_Opacity|Viral Pneumonia)\.metadata\.xlsx", re.IGNORECASE)


class Shelf(Protocol):
    """The tables that lie beside each other in a folder or a zip, those that can be read."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def head(self, name: str) -> TextTable: ...

    def table(self, name: str) -> TextTable: ...


@dataclass(frozen=True)
class Meaning:
    """What the columns of a table mean."""

    file: str
    labels: tuple[str, ...]  # one column of names, or several columns of marks: 1, 0, -1 (uncertain) or empty
    patient: str = ""
    split: str = ""
    separator: str = ""  # between several labels in one cell
    kinds: tuple[str, ...] = ()  # columns of the view and the modality


@dataclass(frozen=True)
class Known:
    """A table, and what its columns mean."""

    files: tuple[str, ...]  # the tables that were read, the one with the labels first
    table: Table
    meaning: Meaning
    title: str = ""  # of the collection


@dataclass(frozen=True)
class _Collection:
    title: str
    fits: Callable[[TextTable], bool]  # whether the first rows of a table are of this collection
    read: Callable[[Shelf, str, bool], Known]  # the tables, the one that fits, whether all parts are wanted


def recognise(shelf: Shelf, name: str) -> Known | None:
    """Return the collection that a table belongs to, joined with the tables it needs; None if it is not known.

    Raises:
        UserError: the table cannot be read, or a table that it has to be joined with is missing.
    """
    found = _collection_of(shelf.head(name))
    return replace(found.read(shelf, name, False), title=found.title) if found else None


def recognise_folder(shelf: Shelf) -> Known | None:
    """Return the collection whose tables lie on a shelf, all its parts together; None if there is none.

    Raises:
        UserError: there are tables of two collections, or a table that another has to be joined with is missing.
    """
    first = titles(shelf)
    if len(first) > 1:
        names = "; ".join(f"{name} ({title})" for title, name in first.items())
        raise UserError(f"there are tables of several collections: give the path of one of them as the source: {names}")
    for collection in _COLLECTIONS:
        if collection.title in first:
            return replace(collection.read(shelf, first[collection.title], True), title=collection.title)
    return None


def titles(shelf: Shelf) -> dict[str, str]:
    """Return the title of each collection on a shelf -> its first table; only the first rows of tables are read."""
    found: dict[str, str] = {}
    for name in shelf.names:
        if collection := _collection_of(shelf.head(name)):
            found.setdefault(collection.title, name)
    return found


def _collection_of(head: TextTable) -> _Collection | None:
    return next((collection for collection in _COLLECTIONS if collection.fits(head)), None)


def is_useless(name: str) -> bool:
    """Return whether a file is known to hold nothing but file names."""
    return _ONLY_NAMES.fullmatch(PurePosixPath(name).name) is not None


def has(table: Table, *columns: str) -> bool:
    """Return whether a table has all these columns; case does not count."""
    return {plain(name) for name in columns} <= {plain(name) for name in table.columns}


def _column(table: TextTable, name: str) -> str:
    return find_column(table, name, table.title)


def _is_covid_chestxray(head: TextTable) -> bool:
    return has(head, "patientid", "finding", "view", "filename")


def _covid_chestxray(shelf: Shelf, name: str, whole: bool) -> Known:
    """github.com/ieee8023/covid-chestxray-dataset: metadata.csv; early versions have no modality."""
    table = shelf.table(name)
    kinds = tuple(_column(table, kind) for kind in ("modality", "view") if has(table, kind))
    meaning = Meaning(
        _column(table, "filename"), (_column(table, "finding"),), _column(table, "patientid"), kinds=kinds
    )
    return Known((name,), table, meaning)


def _is_actualmed(head: TextTable) -> bool:
    return has(head, "patientid", "finding", "view", "modality", "imagename")


def _actualmed(shelf: Shelf, name: str, whole: bool) -> Known:
    """github.com/agchung/Actualmed-COVID-chestxray-dataset: metadata.csv; inconclusive pictures have no finding."""
    meaning = Meaning("imagename", ("finding",), "patientid", kinds=("modality", "view"))
    return Known((name,), shelf.table(name), meaning)


def _is_figure1(head: TextTable) -> bool:
    return has(head, "patientid", "finding", "view", "modality", "artifacts/distortion")


def _figure1(shelf: Shelf, name: str, whole: bool) -> Known:
    """github.com/agchung/Figure1-COVID-chestxray-dataset: metadata.csv.

    `patientid` names the file: COVID-00003a and COVID-00003b are two pictures of one person.
    """
    table = Extended(
        shelf.table(name), "patientid", (_PATIENT,), lambda cell: (re.sub(r"(?<=\d)[a-z]$", "", cell, flags=re.I),)
    )
    return Known((name,), table, Meaning("patientid", ("finding",), _PATIENT, kinds=("modality", "view")))


def _is_nih(head: TextTable) -> bool:
    return has(head, "Image Index", "Finding Labels")


def _nih(shelf: Shelf, name: str, whole: bool) -> Known:
    """NIH ChestX-ray14: Data_Entry_2017.csv, with train_val_list.txt and test_list.txt where they lie beside it."""
    table: Table = shelf.table(name)
    files, split = [name], ""
    lists = {"train_val_list.txt": "train", "test_list.txt": "test"}
    if set(lists) <= set(shelf.names):
        parts = {
            line.strip(): part for list_name, part in lists.items() for line in shelf.table(list_name).text.splitlines()
        }
        table, split = Extended(table, "Image Index", (_SPLIT,), lambda cell: (parts.get(cell, ""),)), _SPLIT
        files += lists
    patient = "Patient ID" if has(table, "Patient ID") else ""
    kinds = ("View Position",) if has(table, "View Position") else ()
    return Known(tuple(files), table, Meaning("Image Index", ("Finding Labels",), patient, split, "|", kinds))


def _is_chexpert(head: TextTable) -> bool:
    return has(head, "Path", "Frontal/Lateral", "No Finding")


def _chexpert(shelf: Shelf, name: str, whole: bool) -> Known:
    """CheXpert: train.csv and valid.csv; the patient stands in the path."""
    files = [name]
    if whole:
        found = [other for other in shelf.names if _is_chexpert(shelf.head(other))]
        files = [other for other in found if PurePosixPath(other).stem.lower() in SPLIT_NAMES] or found
    if len(files) > 1 and len({_split_in(file) for file in files}) < len(files):
        raise UserError(f"there are several versions of CheXpert's tables: give the path of one: {', '.join(files)}")
    table: Table = Stacked(tuple(_with_split(shelf.table(file), "Path", file) for file in files))
    table = Extended(table, "Path", (_PATIENT,), _patient_in_path)
    labels = tuple(label for label in FINDINGS if label in table.columns)
    return Known(tuple(files), table, Meaning("Path", labels, _PATIENT, _SPLIT, kinds=("Frontal/Lateral",)))


def _patient_in_path(path: str) -> tuple[str]:
    found = re.search(r"patient\d+", path)
    return (found.group() if found else "",)


def _with_split(table: Table, key: str, file: str) -> Table:
    """Add the split that the name of a table says."""
    return Extended(table, key, (_SPLIT,), lambda _: (_split_in(file),))


def _split_in(file: str) -> str:
    return SPLIT_NAMES.get(re.split(r"[-_. ]", PurePosixPath(file).name.lower())[0], "")


def _mimic_part(head: TextTable) -> str:
    """Return which of the tables of MIMIC-CXR this is, "" for none."""
    if not has(head, "subject_id", "study_id"):
        return ""
    if not has(head, "dicom_id"):
        return "labels" if has(head, "No Finding") else ""
    return "split" if has(head, "split") else "metadata" if has(head, "Rows", "Columns") else ""


def _mimic(shelf: Shelf, name: str, whole: bool) -> Known:
    """MIMIC-CXR: the labels are of studies, and the pictures of a study stand in the table of metadata."""
    parts: dict[str, str] = {}
    for other in [name, *sorted(shelf.names)]:  # the labels chexpert go before negbio
        parts.setdefault(_mimic_part(shelf.head(other)), other)
    for part, needed in (("labels", "chexpert"), ("metadata", "metadata")):
        if part not in parts:
            raise UserError(
                f"'{name}' of MIMIC-CXR does not say which picture has which label: "
                f"put mimic-cxr-2.0.0-{needed}.csv (or .csv.gz) beside it"
            )
    labels = shelf.table(parts["labels"])
    marks = tuple(label for label in FINDINGS if label in labels.columns)
    of_study = {row[0]: row[1:] for row in labels.rows(["study_id", *marks])}
    table: Table = Extended(shelf.table(parts["metadata"]), "study_id", marks, of_study.get)
    files, split = [parts["labels"], parts["metadata"]], ""
    if "split" in parts:
        of_picture = {row[0]: row[1:] for row in shelf.table(parts["split"]).rows(["dicom_id", "split"])}
        table, split = Extended(table, "dicom_id", (_SPLIT,), lambda cell: of_picture.get(cell, ("",))), _SPLIT
        files.append(parts["split"])
    kinds = ("ViewPosition",) if "ViewPosition" in table.columns else ()
    return Known(tuple(files), table, Meaning("dicom_id", marks, "subject_id", split, kinds=kinds))


def _rsna_part(head: TextTable) -> str:
    """Return which of the tables of RSNA's challenge this is, "" for none."""
    if has(head, "patientId", "x", "y", "width", "height", "Target"):
        return "boxes"
    return "classes" if [plain(name) for name in head.columns] == ["patientid", "class"] else ""


def _rsna(shelf: Shelf, name: str, whole: bool) -> Known:
    """RSNA Pneumonia Detection Challenge: a row for each box; `patientId` names the file.

    The pictures are of NIH ChestX-ray14, several of one person under different names: no column says who.
    """
    for other in [name, *shelf.names]:
        if _rsna_part(shelf.head(other)) == "classes":
            return Known((other,), shelf.table(other), Meaning("patientId", ("class",)))
    names = {"1": ("Lung Opacity",), "0": ("No Lung Opacity",)}
    table = Extended(shelf.table(name), "Target", (_CLASS,), lambda cell: names.get(cell, (cell,)))
    return Known((name,), table, Meaning("patientId", (_CLASS,)))


def _is_covidx(head: TextTable) -> bool:
    rows = [_covidx_row(line) for line in head.text.splitlines()[:_COVIDX_LINES] if line.strip()]
    return bool(rows) and all(row is not None and is_picture_name(row[1]) for row in rows)


def _covidx(shelf: Shelf, name: str, whole: bool) -> Known:
    """COVIDx: train.txt and test.txt, without a header: patient, file, class and source, divided by spaces."""
    files = [other for other in shelf.names if _is_covidx(shelf.head(other))] if whole else [name]
    if len(files) > 1 and len({_split_in(file) for file in files}) < len(files):
        raise UserError(f"there are several versions of COVIDx's tables: give the path of one: {', '.join(files)}")
    parts = []
    for file in files:
        lines = [row for line in shelf.table(file).text.splitlines() if (row := _covidx_row(line))]
        parts.append(_with_split(ListTable(("patient", "file", "class", "source"), tuple(lines)), "file", file))
    return Known(tuple(files), Stacked(tuple(parts)), Meaning("file", ("class",), "patient", _SPLIT))


def _covidx_row(line: str) -> tuple[str, ...] | None:
    words = line.split()
    if len(words) < 4:
        return None
    names, (label, source) = words[:-2], words[-2:]
    # A name with spaces occurs twice, as the patient and with a suffix: "COVID 1 COVID 1.png COVID-19 sirm".
    half = len(names) // 2
    if PurePosixPath(" ".join(names[half:])).stem != " ".join(names[:half]):
        half = 1
    return " ".join(names[:half]), " ".join(names[half:]), label, source


# The order counts: Figure1's table has all columns that Actualmed's has, but that of the file.
_COLLECTIONS = (
    _Collection("covid-chestxray-dataset", _is_covid_chestxray, _covid_chestxray),
    _Collection("Actualmed", _is_actualmed, _actualmed),
    _Collection("Figure1", _is_figure1, _figure1),
    _Collection("NIH ChestX-ray14", _is_nih, _nih),
    _Collection("CheXpert", _is_chexpert, _chexpert),
    _Collection("MIMIC-CXR", lambda head: bool(_mimic_part(head)), _mimic),
    _Collection("RSNA pneumonia", lambda head: bool(_rsna_part(head)), _rsna),
    _Collection("COVIDx", _is_covidx, _covidx),
)
