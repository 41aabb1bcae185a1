"""From the rows of a table to one class, patient and split for each picture."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from unicodedata import normalize
from urllib.parse import quote

from gan_core.data.doubts import few_names
from gan_core.data.layout import SPLIT_NAMES
from gan_core.data.readers.known_tables import Known, Meaning
from gan_core.data.readers.table_options import NO, YES, Options
from gan_core.data.readers.table_pictures import PictureNames
from gan_core.data.readers.table_text import find_column, listed, plain
from gan_core.data.source import TABLE
from gan_core.data.splits import moved_line, one_side
from gan_core.errors import UserError, nearest

SPLITS = SPLIT_NAMES | {"validate": "val", "dev": "val", "evaluation": "val"}
MAX_CLASSES = 100
_UNCERTAIN = "uncertain"
_MARKS = {
    **dict.fromkeys(("1", "1.0", "true", "yes"), YES),
    **dict.fromkeys(("", "0", "0.0", "false", "no", "nan"), NO),
    **dict.fromkeys(("-1", "-1.0"), _UNCERTAIN),
}


@dataclass(frozen=True, slots=True)
class Labelled:
    """One picture with what a table says of it."""

    index: int  # of the picture in the names
    label: str
    split: str | None
    patient: str | None


@dataclass(frozen=True)
class Labelling:
    """The pictures that get one class from a table, in their order."""

    pictures: list[Labelled]
    patients_from: str  # who states the patients, for people
    warnings: tuple[str, ...]  # about all that is left out


def label_pictures(known: Known, options: Options, pictures: PictureNames, text: str) -> Labelling:
    """Return what a table says of pictures.

    Args:
        known: the table and what its columns mean.
        options: what the user says of it.
        pictures: the names of all pictures.
        text: the source in the user's words, for examples in errors.

    Raises:
        UserError: an option does not fit the table, rows contradict each other or lead out of the folder, the table
            names none of the pictures, or what counts as classes has to be said.
    """
    title = known.files[0]
    meaning = _meaning(known, options, title)
    where = [(find_column(known.table, column, title), cell) for column, cell in options.where]
    rows = _read(known, meaning, options, where, pictures)
    _check_names(rows, pictures.names, title, meaning)
    spellings = _same_spelling(rows.pictures.values())
    classes = _classes(rows.pictures, meaning, options, title, text)
    kept, lines = _decide(rows.pictures, classes, options)
    if not kept:
        raise UserError(f"no picture of '{title}' is left: {'; '.join(lines) or 'none has one of the classes'}")
    stated, patient_lines = _patients(rows.pictures, meaning)
    found = []
    for index in sorted(kept):
        picture = rows.pictures[index]
        part = SPLITS[picture.split.lower()] if picture.split else None
        if not meaning.split:
            part = _folder_split(pictures.names[index].removeprefix(pictures.prefix))
        found.append(Labelled(index, kept[index], part, (stated and picture.patient) or None))
    moved = ""
    if not meaning.split:
        persons, before = [one.patient or "" for one in found], [one.split for one in found]
        after = one_side(persons, before)
        moved = moved_line(persons, before, after)
        found = [replace(one, split=part) for one, part in zip(found, after, strict=True)]
    warnings = (
        *_row_lines(rows, pictures.names, where, title),
        *spellings,
        *lines,
        *patient_lines,
        *([moved] if moved else []),
        *_kind_lines(rows.pictures, kept, meaning, {column for column, _ in where}),
    )
    # A name in parentheses is of no column, but found in the names of the files.
    by_name = meaning.patient.startswith("(") or not meaning.patient
    patients_from = f"the names in {title}" if by_name else f"the column '{meaning.patient}' of {title}"
    return Labelling(found, patients_from, warnings)


@dataclass(slots=True)
class _Found:
    """What the rows say of one picture."""

    cell: str  # the file, as the table names it
    yes: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    patient: str = ""
    split: str = ""
    kinds: tuple[str, ...] = ()


@dataclass
class _Rows:
    """What the rows of a table say of the pictures."""

    pictures: dict[int, _Found] = field(default_factory=dict)
    count: int = 0
    left: int = 0  # rows that `where` leaves out
    named: set[int] = field(default_factory=set)  # pictures that any row names
    missing: list[str] = field(default_factory=list)  # cells that name no picture
    ambiguous: dict[str, Sequence[int]] = field(default_factory=dict)


def _meaning(known: Known, options: Options, title: str) -> Meaning:
    """Return what the columns mean: what the user says of them, or else what is known of the collection's tables."""

    def found(given: str, otherwise: str) -> str:
        return find_column(known.table, given, title) if given else otherwise

    return replace(
        known.meaning,
        file=found(options.file, known.meaning.file),
        labels=tuple(found(label, "") for label in options.labels) or known.meaning.labels,
        patient=found(options.patient, known.meaning.patient),
        split=found(options.split, known.meaning.split),
        separator=options.separator or known.meaning.separator,
    )


def _read(
    known: Known, meaning: Meaning, options: Options, where: list[tuple[str, str]], pictures: PictureNames
) -> _Rows:
    """Read all rows.

    Raises:
        UserError: a cell leads out of the folder or is no mark, rows contradict each other, or `where` fits none.
    """
    title = known.files[0]
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for column, cell in where:
        wanted[column].add(cell)
    optional = [name for name in (meaning.patient, meaning.split) if name]
    columns = list(dict.fromkeys([meaning.file, *meaning.labels, *optional, *wanted, *meaning.kinds]))
    at = {name: place for place, name in enumerate(columns)}
    patient, part = (at.get(name, -1) for name in (meaning.patient, meaning.split))
    kinds, filters = [at[name] for name in meaning.kinds], [(at[name], cells) for name, cells in wanted.items()]
    values: dict[int, Counter[str]] = {place: Counter() for place, _ in filters}
    labels = _label_reader(meaning, options, at, title)
    found = _Rows()
    for row in known.table.rows(columns):
        cell, split = row[0], row[part] if part >= 0 else ""
        found.count += 1
        if split and split.lower() not in SPLITS:
            raise UserError(f"the column '{meaning.split}' of '{title}' holds '{split}': a split is train, val or test")
        indices = pictures.find(cell, SPLITS[split.lower()] if split else None) if cell else ()
        found.named.update(indices)
        for place, _ in filters:
            values[place][row[place]] += 1
        if any(row[place] not in cells for place, cells in filters):
            found.left += 1
            continue
        if len(indices) > 1:
            found.ambiguous[cell] = indices
            continue
        if not indices:
            found.missing.append(cell)
            continue
        picture = found.pictures.get(indices[0])
        if picture is None:
            picture = found.pictures[indices[0]] = _Found(cell, split=split, kinds=tuple([row[kind] for kind in kinds]))
            picture.patient = row[patient] if patient >= 0 else ""
        else:
            _check_same(picture, cell, row[patient] if patient >= 0 else "", split, title)
        labels(row, picture)
    for column, cell in where:
        _check_where(values[at[column]], column, cell, title)
    return found


def _label_reader(
    meaning: Meaning, options: Options, at: dict[str, int], title: str
) -> Callable[[tuple[str, ...], _Found], None]:
    """Return the function that adds the labels of a row to its picture."""
    if len(meaning.labels) == 1:
        place, separator = at[meaning.labels[0]], meaning.separator

        def read_names(row: tuple[str, ...], picture: _Found) -> None:
            cell = row[place]
            for name in cell.split(separator) if separator else (cell,):
                label = " ".join(name.split())
                if label and label not in picture.yes:
                    picture.yes.append(label)

        return read_names
    columns = [(at[name], name) for name in meaning.labels]

    def read_marks(row: tuple[str, ...], picture: _Found) -> None:
        for place, label in columns:
            if not (cell := row[place]):
                continue
            mark = _MARKS.get(cell.lower())
            if mark is None:
                raise UserError(
                    f"the column '{label}' of '{title}' holds '{cell}': where several columns are labels, each holds "
                    "1, 0, -1 (uncertain) or nothing"
                )
            if mark == _UNCERTAIN:
                mark = options.uncertain or mark
            if mark == YES and label not in picture.yes:
                picture.yes.append(label)
            elif mark == _UNCERTAIN and label not in picture.unsure:
                picture.unsure.append(label)

    return read_marks


def _check_same(picture: _Found, cell: str, patient: str, split: str, title: str) -> None:
    """Refuse rows of one picture that contradict each other."""
    if cell != picture.cell:
        raise UserError(f"the rows '{picture.cell}' and '{cell}' of '{title}' mean the same picture: write its path")
    for word, one, other in (("patients", picture.patient, patient), ("splits", picture.split, split)):
        if one != other:
            raise UserError(f"the picture '{cell}' has two {word} in '{title}', '{one}' and '{other}'")


def _check_where(values: Counter[str], column: str, cell: str, title: str) -> None:
    if not values[cell]:
        del values[cell]
        hint = nearest(cell, values)
        raise UserError(f"no row of '{title}' has {column}={cell}.{hint} The values of '{column}': {_counted(values)}")


def _check_names(rows: _Rows, names: Sequence[str], title: str, meaning: Meaning) -> None:
    """Refuse a table that names no picture, or one name in several folders."""
    if rows.ambiguous:
        cell, indices = next(iter(rows.ambiguous.items()))
        raise UserError(
            f"{len(rows.ambiguous):,} names of '{title}' lie in several folders, for example '{cell}': "
            f"{listed([names[index] for index in indices], 3)}; give a folder that holds each picture once, or write "
            "paths into the table"
        )
    if not rows.pictures and rows.missing:
        raise UserError(
            f"the column '{meaning.file}' of '{title}' names none of the {len(names):,} pictures: it holds for example "
            f"'{rows.missing[0]}', and a picture is named '{names[0]}'"
        )
    if not rows.named:
        raise UserError(f"the table '{title}' has no rows")


def _same_spelling(pictures: Collection[_Found]) -> list[str]:
    """Make labels that differ only in case or in their Unicode form the same; return a warning about them."""
    counts: Counter[str] = Counter()
    for picture in pictures:
        counts.update(picture.yes)
    forms: defaultdict[str, list[str]] = defaultdict(list)
    for label, _ in counts.most_common():
        if not label.isprintable():
            raise UserError(f"the label {label!r} has unprintable characters: change it in the table")
        forms[normalize("NFC", label).casefold()].append(label)
    same = {form: spellings for form, spellings in forms.items() if len(spellings) > 1}
    if not same:
        return []
    chosen = {spelling: spellings[0] for spellings in same.values() for spelling in spellings}
    for picture in pictures:
        picture.yes = list(dict.fromkeys(chosen.get(label, label) for label in picture.yes))
    shown = "; ".join(" = ".join(spellings) for spellings in list(same.values())[:3])
    return [f"labels that differ only in their spelling count as one: {shown}"]


def _classes(pictures: dict[int, _Found], meaning: Meaning, options: Options, title: str, text: str) -> tuple[str, ...]:
    """Return the labels that count as classes.

    Raises:
        UserError: a class is not among the labels, or pictures have several labels and nobody said which count.
    """
    counts = Counter(label for picture in pictures.values() for label in picture.yes)
    columns = meaning.labels if len(meaning.labels) > 1 else ()
    known = {plain(label): label for label in (*columns, *counts)}
    for name in options.classes:
        if plain(name) not in known:
            hint = nearest(name, known.values())
            raise UserError(
                f"none of the {len(pictures):,} pictures of '{title}' has the label '{name}'.{hint} "
                f"Labels: {_counted(counts)}"
            )
    if options.classes:
        return tuple(known[plain(name)] for name in options.classes)
    several = sum(len(picture.yes) > 1 for picture in pictures.values())
    most = [label for label, _ in counts.most_common(2)]
    address = text if "?" in text else f"{TABLE}{text.removeprefix(TABLE)}"
    example = f"{address}{'&' if '?' in address else '?'}classes={','.join(quote(label) for label in most)}"
    if several:
        raise UserError(
            f"{several:,} of {len(pictures):,} pictures of '{title}' have several labels: say which count as classes, "
            f"as in '{example}'; a picture is used if it has exactly one of them. Labels: {_counted(counts)}"
        )
    if len(counts) > MAX_CLASSES:
        raise UserError(
            f"'{title}' has {len(counts):,} labels, more than {MAX_CLASSES}: name another column, or say which count "
            f"as classes, as in '{example}'. Labels: {_counted(counts)}"
        )
    return tuple(counts)


def _counted(counts: Counter[str]) -> str:
    return listed([f"{label or '(empty)'} ({count:,})" for label, count in counts.most_common(25)], 20)


def _decide(
    pictures: dict[int, _Found], classes: tuple[str, ...], options: Options
) -> tuple[dict[int, str], list[str]]:
    """Return the class of each picture that has exactly one, and lines that count the others."""
    wanted = set(classes)
    kept: dict[int, str] = {}
    unsure: Counter[str] = Counter()
    out: Counter[str] = Counter()
    beside = 0
    for index, picture in pictures.items():
        mine = [label for label in picture.yes if label in wanted]
        doubts = [label for label in picture.unsure if label in wanted and label not in mine]
        more = len(picture.yes) > 1 or bool(picture.unsure)
        if doubts or (picture.unsure and not wanted):
            out["unsure"] += 1
            unsure.update(doubts)
        elif len(mine) != 1:
            out["several" if mine else "other" if picture.yes else "none"] += 1
        elif options.alone and more:
            out["alone"] += 1
        else:
            kept[index] = mine[0]
            beside += more
    words = {
        "unsure": f"are left out, because a class is uncertain (-1): {_counted(unsure)}",
        "several": "are left out, because they have several of the classes",
        "other": "are left out, because they have none of the classes",
        "none": "are left out, because they have no label",
        "alone": "are left out, because they have further labels",
    }
    lines = [f"{out[reason]:,} pictures {words[reason]}" for reason in words if out[reason]]
    empty = [label for label in classes if label not in set(kept.values())]
    if empty:
        lines.append(f"no picture is left in the class {listed(empty)}")
    if beside:
        lines.append(
            f"{beside:,} of {len(kept):,} pictures have further labels beside their class: alone=yes leaves them out"
        )
    return kept, lines


def _patients(pictures: dict[int, _Found], meaning: Meaning) -> tuple[bool, list[str]]:
    """Return whether the column of patients names persons, and a warning if it names the files instead."""
    if not meaning.patient:
        return False, []
    if len(pictures) > 1 and all(_names_file(found) for found in pictures.values()):
        return False, [f"the column '{meaning.patient}' names the file and not the person: it is not used"]
    return True, _same_patients(pictures.values())


def _same_patients(pictures: Collection[_Found]) -> list[str]:
    """Make patients that differ only in case the same, lest one stands in two splits; return a warning about them."""
    forms: dict[str, dict[str, None]] = {}
    for picture in pictures:
        forms.setdefault(normalize("NFC", picture.patient).casefold(), {})[picture.patient] = None
    same = [list(spellings) for spellings in forms.values() if len(spellings) > 1]
    if not same:
        return []
    chosen = {spelling: spellings[0] for spellings in same for spelling in spellings}
    for picture in pictures:
        picture.patient = chosen.get(picture.patient, picture.patient)
    shown = listed([" = ".join(spellings) for spellings in same], 3)
    return [f"{len(same):,} patients are written in several ways, and count as one each: {shown}"]


def _names_file(found: _Found) -> bool:
    name = PurePosixPath(found.cell.replace("\\", "/")).name
    return found.patient in (name, PurePosixPath(name).stem)


def _folder_split(name: str) -> str | None:
    """Return the split of a picture whose table says none: that of its topmost folder."""
    first, slash, _ = name.partition("/")
    return SPLIT_NAMES.get(first.lower()) if slash else None


def _row_lines(rows: _Rows, names: Sequence[str], where: list[tuple[str, str]], title: str) -> list[str]:
    """Return warnings about rows without a picture, and pictures without a row."""
    lines = []
    if rows.left:
        columns = dict.fromkeys(column for column, _ in where)
        shown = " and ".join(f"{one}={' or '.join(cell for column, cell in where if column == one)}" for one in columns)
        lines.append(f"{rows.left:,} of {rows.count:,} rows of '{title}' are left out, where {shown} does not hold")
    if rows.missing:
        shown = listed([cell or "(empty)" for cell in rows.missing[:4]], 3)
        lines.append(
            f"{len(rows.missing):,} of {rows.count:,} rows of '{title}' name pictures that are not there: {shown}"
        )
    without = (
        [name for index, name in enumerate(names) if index not in rows.named] if len(rows.named) < len(names) else []
    )
    if without:
        lines.append(f"{len(without):,} pictures have no row in '{title}' and are left out: {few_names(without)}")
    return lines


def _kind_lines(pictures: dict[int, _Found], kept: dict[int, str], meaning: Meaning, chosen: set[str]) -> list[str]:
    """Return a warning for each column of kinds in which the pictures differ and about which nothing was said."""
    lines = []
    for place, column in enumerate(meaning.kinds):
        counts = Counter(pictures[index].kinds[place] for index in kept)
        if len(counts) > 1 and column not in chosen:
            most = next(kind for kind, _ in counts.most_common(2) if kind)
            lines.append(
                f"the pictures differ in '{column}': {_counted(counts)}; "
                f"where={quote(column)}={quote(most)} keeps one kind"
            )
    return lines
