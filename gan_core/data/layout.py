"""Classes and splits from the paths inside a source, for folders, zips and rows of parquet files."""

from collections import Counter
from collections.abc import Callable
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
    """The class and split of one image."""

    path: str  # inside the source, with forward slashes
    label: str
    split: str | None  # given by the source, else None


Arrange = Callable[[list[str], str], tuple[list[LabelledPath], list[str]]]  # the form of `arrange`


def is_picture_name(path: str) -> bool:
    """Return whether a path has an image suffix; hidden files and the files that macOS adds to zips do not count."""
    # By the text alone: a data set may have a hundred thousand names, and PurePosixPath takes seconds for them.
    dot = path.rfind(".")
    if dot < 1 or path[dot:].lower() not in SUFFIXES:
        return False
    return not any(part.startswith((".", "__MACOSX")) and part != "." for part in path.split("/"))


def arrange(paths: list[str], title: str) -> tuple[list[LabelledPath], list[str]]:
    """Read classes and splits from the folders of the images.

    Args:
        paths: paths of the images inside the source, with forward slashes.
        title: name of the only class, where there are no class folders.

    Returns:
        The labelled paths, sorted by path, and warnings about images that are left out.
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
    """Return the outer folders, each of which holds nothing but one folder of folders; most zips have one."""
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
    """Make each folder a class, or all images one class where there are no folders."""
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
    """Refuse class names with control characters, because they become file names in exports and text on pages.

    Raises:
        UserError: a class name has unprintable characters.
    """
    for label in Counter(place.label for place in places):
        if not label.isprintable():
            raise UserError(f"the class folder {label!r} has unprintable characters in its name: rename it")
