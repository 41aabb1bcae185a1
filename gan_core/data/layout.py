"""From the paths inside a source to classes and splits; the same for folders, zips and parquet files' rows."""

from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath

from gan_core.decode.image_files import SUFFIXES
from gan_core.errors import UserError

SPLITS = ("train", "val", "test")
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class LabelledPath:
    """Where one picture belongs."""

    path: str  # inside the source, with forward slashes
    label: str
    split: str | None  # as the source gives it


def is_picture_name(path: str) -> bool:
    """Whether a path inside a source ends like a picture; hidden files and what macOS adds to zips do not count."""
    pure = PurePosixPath(path)
    hidden = any(part.startswith((".", "__MACOSX")) for part in pure.parts)
    return pure.suffix.lower() in SUFFIXES and not hidden


def arrange(paths: list[str], title: str) -> tuple[list[LabelledPath], list[str]]:
    """Read classes and splits from the folders that pictures lie in.

    Args:
        paths: of the pictures, inside the source, with forward slashes.
        title: the one class's name where there are no class folders.

    Returns:
        The places, sorted by path, and warnings about pictures that are left out.

    Raises:
        UserError: pictures beside the folders leave nothing to train on.
    """
    prefix = _wrapper(paths)
    parts = {path: PurePosixPath(path).parts[len(prefix) :] for path in sorted(paths)}
    title = prefix[-1] if prefix else title
    if any(_split_of(inner) for inner in parts.values()):
        return _arrange_splits(parts, title)
    places, left_out = _arrange_classes(parts, None, title)
    return places, _left_out(left_out, "beside the class folders")


def _split_of(parts: tuple[str, ...]) -> str | None:
    return SPLIT_NAMES.get(parts[0].lower()) if len(parts) > 1 else None


def _wrapper(paths: list[str]) -> tuple[str, ...]:
    """Folders around everything, as most zips have one: those that hold a single folder which holds folders."""
    folders = [PurePosixPath(path).parts[:-1] for path in paths]
    depth = 0
    while all(len(parts) > depth + 1 for parts in folders) and len({parts[depth] for parts in folders}) == 1:
        if folders[0][depth].lower() in SPLIT_NAMES:
            break
        depth += 1
    return folders[0][:depth] if folders else ()


def _arrange_splits(parts: dict[str, tuple[str, ...]], title: str) -> tuple[list[LabelledPath], list[str]]:
    places: list[LabelledPath] = []
    outside = [path for path, inner in parts.items() if _split_of(inner) is None]
    beside: list[str] = []
    for split in SPLITS:
        inside = {path: inner[1:] for path, inner in parts.items() if _split_of(inner) == split}
        found, left_out = _arrange_classes(inside, split, title)
        places += found
        beside += left_out
    warnings = _left_out(outside, "outside the train, val and test folders")
    return sorted(places, key=lambda place: place.path), warnings + _left_out(beside, "beside the class folders")


def _arrange_classes(
    parts: dict[str, tuple[str, ...]], split: str | None, title: str
) -> tuple[list[LabelledPath], list[str]]:
    """One class a folder, or one class of everything where there are no folders."""
    if all(len(inner) == 1 for inner in parts.values()):
        return [LabelledPath(path, title, split) for path in parts], []
    places = [LabelledPath(path, inner[0], split) for path, inner in parts.items() if len(inner) > 1]
    return places, [path for path, inner in parts.items() if len(inner) == 1]


def _left_out(paths: list[str], where: str) -> list[str]:
    if not paths:
        return []
    shown = ", ".join(sorted(paths)[:3])
    return [f"{len(paths)} images lie {where} and are left out: {shown}{', ...' if len(paths) > 3 else ''}"]


def check_class_names(places: list[LabelledPath]) -> None:
    """Class names become file names in exports and words on pages, so control characters are refused.

    Raises:
        UserError: a class name has characters that cannot be printed.
    """
    for label in Counter(place.label for place in places):
        if not label.isprintable():
            raise UserError(f"the class folder {label!r} has unprintable characters in its name: rename it")
