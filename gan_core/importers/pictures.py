"""Numbered pictures in a folder: which number counts what, how they are cut, and reading one when it is asked for.

A picture of a stranger is decoded by `gan_core.decode` in a process of its own, with its limits.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from gan_core import files, name_patterns
from gan_core.decode import image_files
from gan_core.decode.worker import WHOLE, DecodeWorker
from gan_core.errors import UserError
from gan_core.importers import grids, texts
from gan_core.importers.found import FoundTraining, ImportOptions, Picture, Unit
from gan_core.importers.grids import Layout

SUFFIXES = tuple(suffix for suffix in image_files.SUFFIXES if suffix not in (".dcm", ".dicom"))  # no script draws DICOM
MOST = 1000  # sheets of a run
_MOST_FOLDERS = 200  # that are looked into
_MOST_LOGS = 20  # that are looked into
_TRIED = 3  # sheets that a layout is found from
_SECONDS = 30.0  # to decode one sheet
_MEMORY = 3 * 1024**3  # bytes: sheets of 80 megapixels in colour are floats of 960 MB
_LARGEST_NUMBER = 10**9
_WORKER = DecodeWorker(seconds=_SECONDS, memory=_MEMORY)


@contextmanager
def decoding() -> Iterator[None]:
    """End the process that decodes pictures when a training was read."""
    try:
        yield
    finally:
        _WORKER.close()


@dataclass(frozen=True)
class Numbered:
    """Numbered pictures of one folder. unit: what the numbers count by their names, "" if the names do not say."""

    folder: Path
    files: Mapping[int, str]
    unit: str = ""
    notes: tuple[str, ...] = ()

    def paths(self) -> dict[int, Path]:
        return {number: self.folder / name for number, name in self.files.items()}

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders in which they lie."""
        return tuple(dict.fromkeys(path.parent for path in self.paths().values()))


def decoded(content: bytes, name: str) -> np.ndarray:
    """Return a picture of a stranger, uint8 (H, W, 1 or 3), at its own pixels.

    Raises:
        UserError: it is damaged, too large, or took too long.
    """
    return np.rint(_WORKER.decode(content, name, longest=WHOLE) * 255).astype(np.uint8)


def of_file(path: Path) -> Picture:
    """Return a picture that is read from a file when it is asked for."""

    def read() -> np.ndarray:
        with texts.readable(path):
            content = files.read_regular(path, files.PICTURE_BYTES)
        return decoded(content, path.name)

    return read


def find(folder: Path, pattern: str = "", deep: bool = True) -> Numbered | None:
    """Return the numbered pictures of a folder, or of the folder below it that has the most; None if there are none.

    pattern: `--images`, a regular expression with one group, searched in the path below `folder`.

    Raises:
        UserError: a folder cannot be read, or the expression is none, finds nothing or takes too long.
    """
    places = [Path()] + ([] if not deep else list(islice(_below(folder), _MOST_FOLDERS)))
    listed = {place: _pictures(folder / place) for place in places}
    if pattern:
        return _by_pattern(folder, listed, pattern)
    best: Numbered | None = None
    for place, names in listed.items():
        one = numbered(folder / place, names)
        if one and (best is None or len(one.files) > len(best.files)):
            best = one
    return best


def _below(folder: Path) -> Iterator[Path]:
    """The folders below a folder, two levels deep."""
    for first in texts.folders(folder):
        yield Path(first)
        for second in texts.folders(folder / first):
            yield Path(first, second)


def _pictures(folder: Path) -> list[str]:
    return [name for name in texts.names(folder) if name.lower().endswith(SUFFIXES)]


def numbered(folder: Path, names: Sequence[str]) -> Numbered | None:
    """Return the pictures whose names differ only in a number, the largest such group; None if there is none.

    Of two numbers in a name, as in `12_400.png`, the first that is different in every name counts; if none is, the
    first that differs, and of the pictures with the same number the last one is taken.
    """
    groups: dict[str, list[tuple[str, list[int]]]] = defaultdict(list)
    for name in names:
        parts = re.split(r"(\d+)", Path(name).stem)
        numbers = [int(part[:12]) for part in parts[1::2]]
        if numbers:
            groups["#".join(parts[::2])].append((name, numbers))
    if not groups:
        return None
    skeleton, group = max(groups.items(), key=lambda item: (len(item[1]), item[0]))
    width = len(group[0][1])
    distinct = [len({numbers[place] for _, numbers in group}) for place in range(width)]
    unique = [place for place in range(width) if distinct[place] == len(group)]
    place = next(iter(unique if len(group) > 1 else [width - 1]), None)
    notes = []
    if place is None:
        place = next(at for at in range(width) if distinct[at] > 1) if max(distinct) > 1 else 0
    ordered = sorted(group, key=lambda one: one[1])
    found = {numbers[place]: name for name, numbers in ordered if numbers[place] <= _LARGEST_NUMBER}
    if len(found) < len(group):
        notes.append(f"{len(group) - len(found)} of {len(group)} pictures share a number with a later one")
    others = sum(map(len, groups.values())) - len(group)
    if others:
        notes.append(f"{others} pictures with other names were left out")
    before = skeleton.split("#")[place]
    return Numbered(folder, dict(sorted(found.items())), unit_of(before or skeleton), tuple(notes))


def unit_of(words: str) -> str:
    """Return what a number counts by the words before it: "epoch", "step", or ""."""
    words = words.lower()
    if re.search(r"epoch|(?<![a-z])ep(?![a-z])", words):
        return "epoch"
    return "step" if re.search(r"step|iter|batch|(?<![a-z])it(?![a-z])", words) else ""


def _by_pattern(folder: Path, listed: Mapping[Path, list[str]], pattern: str) -> Numbered:
    try:
        groups = re.compile(pattern).groups
    except (re.error, RecursionError, OverflowError) as error:
        raise UserError(f"--images '{pattern}' is no regular expression: {error}") from None
    if groups != 1:
        raise UserError(f"--images '{pattern}' needs one group in brackets, the number: epoch_(\\d+).png")
    paths = [(place / name).as_posix() for place, names in listed.items() for name in names]
    found: dict[int, str] = {}
    doubled = 0
    for path, number in zip(paths, name_patterns.search(pattern, paths, "--images"), strict=True):
        if number is not None and number.isdecimal() and int(number[:12]) <= _LARGEST_NUMBER:
            doubled += int(number) in found
            found[int(number)] = path
    if not found:
        some = f": {', '.join(paths[:3])}" if paths else ""
        raise UserError(f"--images '{pattern}' finds no number in the {len(paths)} pictures below {folder}{some}")
    notes = (f"{doubled} pictures share a number with a later one",) if doubled else ()
    return Numbered(folder, dict(sorted(found.items())), unit_of(pattern), notes)


@dataclass(frozen=True)
class Sheets:
    """Sheets ready for a run. size: pixels per side of one picture, 0 if the sheets are not cut."""

    pictures: Mapping[int, Picture]
    size: int = 0
    notes: tuple[str, ...] = ()


def thinned(pictures: Mapping[int, Picture]) -> tuple[dict[int, Picture], tuple[str, ...]]:
    """Return at most `MOST` pictures, evenly chosen, the first and the last among them, and a note if some are left."""
    numbers = sorted(pictures)
    if len(numbers) <= MOST:
        return {number: pictures[number] for number in numbers}, ()
    chosen = [numbers[place] for place in np.linspace(0, len(numbers) - 1, MOST).round().astype(int)]
    note = f"{len(numbers) - MOST} of {len(numbers)} sheets were left out, evenly: a run has at most {MOST}"
    return {number: pictures[number] for number in chosen}, (note,)


def sheets(
    pictures: Mapping[int, Picture], grid: tuple[int, int] | None, *, cells: bool = True, known_size: int = 0
) -> Sheets:
    """Return pictures as sheets of ours: cut by their borders, by `--grid`, or by a size that is known.

    cells: whether to look for borders. known_size: pixels per side of one picture, of sheets without borders.

    Raises:
        UserError: `--grid` does not fit, or no picture can be read.
    """
    chosen, notes = thinned(pictures)
    if not chosen:
        return Sheets({})
    layout, words = _layout(chosen, grid, cells, known_size)
    if layout is None:
        return Sheets(chosen, 0, (*notes, *words))
    if layout.count > grids.SHOWN:
        words = (*words, f"the first {grids.SHOWN} of {layout.count} pictures of each sheet")
    made = {number: _cut(picture, layout) for number, picture in chosen.items()}
    return Sheets(made, layout.size, (*notes, *words))


def _layout(
    chosen: Mapping[int, Picture], grid: tuple[int, int] | None, cells: bool, known_size: int
) -> tuple[Layout | None, tuple[str, ...]]:
    numbers = sorted(chosen)
    places = np.linspace(0, len(numbers) - 1, min(_TRIED, len(numbers))).round().astype(int)
    tried = []
    problem: UserError | None = None
    for place in dict.fromkeys([*places.tolist()[::-1]]):
        try:
            tried.append(chosen[numbers[place]]())
        except UserError as error:
            problem = error
    if not tried:
        assert problem is not None
        raise problem
    if grid:
        given = grids.by_count(tried, *grid)
        if not given.size:
            return None, (f"pictures of {given.width} x {given.height} pixels are no squares: shown as they are",)
        return given, ()
    height, width = tried[0].shape[:2]
    if known_size and not (height % known_size or width % known_size):
        return Layout(height // known_size, width // known_size, known_size, known_size, 0), ()
    layout = grids.by_borders(tried) if cells else None
    return (layout, ()) if layout and layout.size else (None, ())


def _cut(picture: Picture, layout: Layout) -> Picture:
    height = layout.rows * (layout.height + layout.border) + layout.border
    width = layout.columns * (layout.width + layout.border) + layout.border

    def read() -> np.ndarray:
        sheet = picture()
        if sheet.shape[:2] != (height, width):
            raise UserError(f"a sheet of {sheet.shape[1]} x {sheet.shape[0]} pixels among others of {width} x {height}")
        return grids.laid_out(sheet, layout)

    return read


def read(path: Path, options: ImportOptions) -> FoundTraining:
    """Return a training of which only numbered pictures are left.

    path: their folder, or one above it. They count what their names say, else epochs.

    Raises:
        UserError: there are none, or they cannot be read.
    """
    if not path.is_dir():
        raise UserError(f"{path} is no folder: name the folder that holds the numbered pictures")
    found = find(path, options.images)
    if found is None:
        raise UserError(f"{path} holds no numbered pictures: tell which with --images 'epoch_(\\d+).png'")
    made = sheets({number: of_file(one) for number, one in found.paths().items()}, options.grid)
    unit: Unit = "step" if (options.x or found.unit) == "step" else "epoch"
    return FoundTraining(
        kind="pictures",
        place=path.resolve().name,
        watched=found.folders,
        preset=path.resolve().name,
        pictures=made.pictures,
        counts=unit,
        own_pixels=True,
        image_size=made.size,
        notes=(*found.notes, *made.notes, f"{without_log(path)}: sheets without curves"),
    )


def without_log(folder: Path) -> str:
    """Return why there are no curves, in words: no file of a folder speaks of a loss, or one does that is not read."""
    logs = [name for name in texts.names(folder) if name.lower().endswith((*texts.LOGS, ".csv", ".tsv", ".jsonl"))]
    spoken = []
    for name in logs[:_MOST_LOGS]:
        first = texts.head(folder / name)
        if any(re.search(r"(?i)loss|err_?[dg]\b", line) for line in first) and any(
            map(re.compile(r"\d").search, first)
        ):
            spoken.append(texts.shown(name, 40))
    if not spoken:
        return "there is no log"
    return f"{', '.join(spoken[:4])} {'was' if len(spoken) == 1 else 'were'} not understood"


def with_pictures(training: FoundTraining, numbered: Numbered | None, options: ImportOptions) -> FoundTraining:
    """Return a training with the pictures of a folder, whose numbers count what its rows count.

    Pictures numbered by step become those of an epoch where the table knows the epochs and no two fall into one; else
    the run counts steps, so that none is lost.

    Raises:
        UserError: pictures count epochs, and rows count steps whose epochs are not known.
    """
    if numbered is None or not numbered.files:
        return training
    made = {number: of_file(one) for number, one in numbered.paths().items()}
    cut = sheets(made, options.grid, cells=training.own_pixels)
    placed, unit = placed_as(training, cut.pictures, numbered.unit)
    return replace(
        training,
        pictures=placed,
        counts=unit,
        watched=(*training.watched, *numbered.folders),
        image_size=cut.size or training.image_size,
        notes=(*training.notes, *numbered.notes, *cut.notes),
    )


def placed_as(training: FoundTraining, pictures: Mapping[int, Picture], unit: str) -> tuple[dict[int, Picture], Unit]:
    """Return pictures under numbers that fit the rows of a training, and what those count. Raises: `with_pictures`."""
    steps, epochs = training.columns.get("step"), training.columns.get("epoch")
    has_epochs = epochs is not None and bool(np.isfinite(epochs).any())
    if not training.rows:
        return dict(pictures), "step" if unit == "step" else "epoch"
    if not unit:
        last = np.nanmax(epochs) if has_epochs and epochs is not None else -np.inf
        unit = "epoch" if max(pictures) <= last + 1 else "step"
    if unit == "epoch" and not has_epochs:
        raise UserError("the pictures are numbered by epoch and the rows by step: give --steps-per-epoch")
    if unit == "epoch":
        return dict(pictures), "epoch"
    if has_epochs:
        assert steps is not None and epochs is not None
        known = np.isfinite(epochs)
        at = np.interp(sorted(pictures), steps[known], epochs[known])
        numbers = np.rint(at).astype(int).tolist()
        if len(set(numbers)) == len(numbers):
            return {number: pictures[old] for number, old in zip(numbers, sorted(pictures), strict=True)}, "epoch"
    return dict(pictures), "step"
