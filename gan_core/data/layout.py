"""Classes and splits from the paths inside a source, for folders, zips and rows of parquet files."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from gan_core.data.copies import without_copies
from gan_core.data.doubts import few_names
from gan_core.data.masks import without_masks, without_unnamed_masks
from gan_core.data.source import Files
from gan_core.decode.image_files import SUFFIXES, may_be_dicom
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
Parts = tuple[str, ...]  # of a path: the folders, and the file's name
# A split and a class in one name: trainA, train_normal, normal-test.
_JOINED = tuple(
    re.compile(pattern.format("|".join(SPLIT_NAMES)))
    for pattern in (
        r"(?P<split>(?i:{}))[ _.-]+(?P<label>.+)",
        r"(?P<split>(?i:{}))(?<=[a-z])(?P<label>[A-Z]\w*)",
        r"(?P<label>.+?)[ _.-]+(?P<split>(?i:{}))",
    )
)
_SURROGATE = re.compile("[\ud800-\udfff]")
# What a folder of a split is called beside the split: training_set, test-images. It is no class.
_NO_CLASS = frozenset(
    {"set", "sets", "data", "dataset", "datasets", "folder", "dir", "split", "image", "images", "img", "imgs"}
    | {"picture", "pictures", "photo", "photos", "png", "jpg", "jpeg", "dicom"}
)


@dataclass(frozen=True)
class LabelledPath:
    """The class and split of one image."""

    path: str  # inside the source, with forward slashes
    label: str
    split: str | None  # given by the source, else None


Arrange = Callable[[list[str], str, Files | None], tuple[list[LabelledPath], list[str]]]  # the form of `arrange`


def is_picture_name(path: str) -> bool:
    """Return whether a path has an image suffix; hidden files and the files that macOS adds to zips do not count."""
    # By the text alone: a data set may have a hundred thousand names, and PurePosixPath takes seconds for them.
    dot = path.rfind(".")
    return dot >= 1 and path[dot:].lower() in SUFFIXES and not is_hidden(path)


def is_unclear_name(path: str) -> bool:
    """Return whether a path may be that of a DICOM image, which only its first bytes tell."""
    return may_be_dicom(path) and not is_hidden(path)


def is_hidden(path: str) -> bool:
    """Return whether a path is that of a hidden file or of one that macOS adds to zips."""
    return any(part.startswith((".", "__MACOSX")) and part != "." for part in path.split("/"))


def arrange(paths: list[str], title: str, files: Files | None = None) -> tuple[list[LabelledPath], list[str]]:
    """Read classes and splits from the folders of the images; masks and second copies are left out.

    Args:
        paths: paths of the images inside the source, with forward slashes.
        title: name of the only class, where there are no class folders.
        files: the images' contents, where a few of them may be looked at; None: names decide alone.

    Returns:
        The labelled paths, sorted by path, and warnings about images that are left out.
    """
    pictures = without_masks({path: _parts(path) for path in sorted(paths)}, files)
    prefix = _wrapper(pictures.parts.values())
    title = prefix[-1] if prefix else title
    parts = {path: own[len(prefix) :] for path, own in pictures.parts.items()}
    parts, repeated = without_copies(parts, files, SPLIT_NAMES)
    parts = _divided(parts)
    if any(_split_of(inner) for inner in parts.values()):
        places, left_out = _arrange_splits(parts, title)
    else:
        places, beside = _arrange_classes(parts, None, title)
        left_out = _left_out(beside, "beside the class folders")
    masks, unnamed = without_unnamed_masks(_below_labels(places, parts), files)
    places, merged = merge_spellings([place for place in places if place.path not in masks])
    return places, [*pictures.warnings, *unnamed, *repeated, *left_out, *merged]


@lru_cache(maxsize=4096)
def split_and_class(folder: str) -> tuple[str, str] | None:
    """Return the split and the class in the name of one folder, as ("train", "A") for trainA; None if it has not both.

    The class is "" where the name has no more than a word such as `set` or `images`.
    """
    if folder.lower() in SPLIT_NAMES:
        return None
    for pattern in _JOINED:
        if match := pattern.fullmatch(folder):
            label = match["label"].strip(" _.-")
            return SPLIT_NAMES[match["split"].lower()], "" if label.lower() in _NO_CLASS else label
    return None


def merge_spellings(places: list[LabelledPath]) -> tuple[list[LabelledPath], list[str]]:
    """Make one class of names that differ by case, spaces or Unicode form only: COVID and Covid. The most frequent name
    counts.

    Returns:
        The labelled paths in the given order, and a warning for each class that had several names.
    """
    counts = Counter(place.label for place in places)
    spellings: dict[str, list[str]] = defaultdict(list)
    for label in counts:
        form = unicodedata.normalize("NFC", unicodedata.normalize("NFC", label).casefold())
        spellings[" ".join(form.split())].append(label)
    names: dict[str, str] = {}
    warnings = []
    for several in spellings.values():
        if len(several) == 1:
            continue
        name = unicodedata.normalize("NFC", min(several, key=lambda label: (-counts[label], label)))
        names |= dict.fromkeys(several, name)
        shown = " and ".join(f"'{label}' ({counts[label]} images)" for label in sorted(several))
        warnings.append(
            f"the class folders {shown} differ in case, spaces or Unicode form only and are one class, '{name}'"
        )
    if not names:
        return places, []
    return [replace(place, label=names.get(place.label, place.label)) for place in places], warnings


def _parts(path: str) -> Parts:
    return tuple(part for part in path.split("/") if part not in ("", "."))


def _split_of(parts: Parts) -> str | None:
    return SPLIT_NAMES.get(parts[0].lower()) if len(parts) > 1 else None


def _wrapper(parts: Iterable[Parts]) -> Parts:
    """Return the outer folders, each of which holds nothing but one folder of folders; most zips have one."""
    folders = [own[:-1] for own in parts]
    depth = 0
    while all(len(own) > depth + 1 for own in folders) and len({own[depth] for own in folders}) == 1:
        if folders[0][depth].lower() in SPLIT_NAMES:
            break
        depth += 1
    return folders[0][:depth] if folders else ()


def _divided(parts: Mapping[str, Parts]) -> dict[str, Parts]:
    """Return the paths with split and class as two folders, where all folders hold both in one name, as trainA does.

    Classes such as `test_positive` are none of these: there has to be a training part.
    """
    tops = {own[0] for own in parts.values() if len(own) > 1}
    both = {top: split_and_class(top) for top in tops}
    splits = {SPLIT_NAMES.get(top.lower()) or (both[top] or ("",))[0] for top in tops}
    if len(tops) < 2 or "" in splits or "train" not in splits or not any(both.values()):
        return dict(parts)
    return {path: _divided_one(own, both.get(own[0])) if len(own) > 1 else own for path, own in parts.items()}


def _divided_one(own: Parts, both: tuple[str, str] | None) -> Parts:
    if both is None:
        return own
    split, label = both
    inner = own[1:]
    # training_set/training_set/cats, as some zips are packed.
    while len(inner) > 1 and inner[0].casefold() == own[0].casefold():
        inner = inner[1:]
    return (split, label, *inner) if label else (split, *inner)


def _arrange_splits(parts: Mapping[str, Parts], title: str) -> tuple[list[LabelledPath], list[str]]:
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


def _arrange_classes(parts: Mapping[str, Parts], split: str | None, title: str) -> tuple[list[LabelledPath], list[str]]:
    """Make each folder a class, or all images one class where there are no folders."""
    if all(len(inner) == 1 for inner in parts.values()):
        return [LabelledPath(path, title, split) for path in parts], []
    places = [LabelledPath(path, inner[0], split) for path, inner in parts.items() if len(inner) > 1]
    return places, [path for path, inner in parts.items() if len(inner) == 1]


def _below_labels(places: list[LabelledPath], parts: Mapping[str, Parts]) -> dict[str, Parts]:
    """Return path -> its class folder as one part and those below it, for the images that lie in class folders."""
    found = {}
    for place in places:
        own, depth = parts[place.path], 1 if place.split else 0
        if own[depth] == place.label and len(own) > depth + 1:
            found[place.path] = ("/".join(own[: depth + 1]), *own[depth + 1 :])
    return found


def _left_out(paths: list[str], where: str) -> list[str]:
    if not paths:
        return []
    return [f"{len(paths)} images lie {where} and are left out: {few_names(sorted(paths))}"]


def check_file_names(names: Iterable[str]) -> None:
    """Refuse names of files that are no text: they cannot be written into an index, a table or a page.

    Raises:
        UserError: a name is not UTF-8.
    """
    # Python reads a byte that is no UTF-8 as a lone surrogate.
    bad = sorted(name for name in names if not name.isascii() and _SURROGATE.search(name))
    if bad:
        shown = bad[0].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        raise UserError(f"the names of {len(bad)} files are not UTF-8, for example '{shown}': rename them")


def check_class_names(places: list[LabelledPath]) -> None:
    """Refuse class names with control characters, because they become file names in exports and text on pages.

    Raises:
        UserError: a class name has unprintable characters.
    """
    for label in Counter(place.label for place in places):
        if not label.isprintable():
            raise UserError(f"the class folder {label!r} has unprintable characters in its name: rename it")
