"""Masks among the pictures of a source, which are no pictures of a class and are left out.

Collections for segmentation hold a mask for each picture: `COVID/masks/COVID-1.png` beside `COVID/images/COVID-1.png`,
`ManualMask/leftMask/MCUCXR_0001_0.png`, or `benign (1)_mask.png`. Names suggest masks; a few of them are decoded, in a
process of their own, to see whether they hold a few values only, as classes may be called `with_mask` too. A folder
inside a class whose files have the names of pictures beside them counts as masks under any name, if it holds a few
values and pictures of the same sizes.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gan_core.data.doubts import few_names
from gan_core.data.source import Files
from gan_core.decode.image_files import quantise
from gan_core.errors import UserError

Parts = tuple[str, ...]  # of a path: the folders, and the file's name

SAMPLES = 6  # pictures of one kind of mask that are decoded
_MOST_KINDS = 20  # kinds of masks that are looked at
# Values of a mask: background, lungs and a few more. Of a mask that was saved as JPEG, most pixels are near two values.
_FEW, _NEAR, _MOST = 8, 12, 0.97
_AGREED = 0.8  # share of the samples that must look like masks
_PAIRED = 0.9  # share of the files in a folder without a telling name that must have the names of pictures

_WORDS = frozenset(
    {"mask", "masks", "manualmask", "manualmasks", "segmentation", "segmentations", "seg", "groundtruth"}
)
_HINTS = ("mask", "seg", "truth")  # a part of each of them, which spares looking at most names
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SPLIT = re.compile(r"[^a-z0-9]+")
# 1_mask, 1_mask_2, mask_1 and 1-segmentation are masks of 1.
_BEHIND = re.compile(r"(.+?)[ _.-]+(?:mask|masks|seg|segmentation|groundtruth)(?:[ _-]?\d+)?", re.IGNORECASE)
_BEFORE = re.compile(r"(?:mask|seg|segmentation)[ _-]+(.+)", re.IGNORECASE)
# What a folder of the pictures themselves is called, beside one of masks.
_PLAIN = frozenset(
    {"image", "images", "img", "imgs", "picture", "pictures", "photo", "photos", "scan", "scans", "frame", "frames"}
    | {"original", "originals", "raw", "input", "inputs", "data", "cxr", "xray", "xrays"}
    | {"png", "jpg", "jpeg", "tif", "tiff", "bmp"}
)


@dataclass(frozen=True)
class Kept:
    """The pictures that are left, and what was left out."""

    parts: dict[str, Parts]  # path -> its parts, without a folder such as `images` beside a folder of masks
    warnings: list[str]


@dataclass(frozen=True)
class _Mask:
    """A picture that may be a mask."""

    path: str
    twin: str | None  # the picture whose mask it may be
    folder: Parts | None  # the folder beside that of the pictures; None if the file's own name suggests a mask
    kind: str  # masks of one kind are looked at together


def without_masks(parts: Mapping[str, Parts], files: Files | None) -> Kept:
    """Leave out the masks that names suggest and pixels confirm.

    Args:
        parts: path -> its parts, for all pictures of a source.
        files: the pictures' contents; None: names decide, where each mask has the name of a picture.
    """
    kinds = _suggested(parts)
    masks: list[_Mask] = []
    for number, found in enumerate(kinds.values()):
        twins = sum(mask.twin is not None for mask in found)
        looks = _look_like_masks(found, files) if files and number < _MOST_KINDS else None
        # Where nothing can be read, the names have to do.
        if looks or (looks is None and 2 * twins >= len(found)):
            masks += found
    if not masks or len(masks) == len(parts):
        return Kept(dict(parts), [])
    out = {mask.path for mask in masks}
    beside = {mask.folder[:-1] for mask in masks if mask.folder}
    kept = {path: _without_plain(own, beside) for path, own in parts.items() if path not in out}
    return Kept(kept, [_line([mask.path for mask in masks])])


def without_unnamed_masks(parts: Mapping[str, Parts], files: Files | None) -> tuple[set[str], list[str]]:
    """Return the masks in folders whose names do not tell, inside the classes, and the warning about them.

    Args:
        parts: path -> its parts from the class folder on.
        files: the pictures' contents; None: there are none, as only pixels could tell.
    """
    if files is None:
        return set(), []
    folders: dict[Parts, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for path, own in parts.items():
        if len(own) > 2:
            folders[own[:-2]][own[-2]][_stem(own[-1])] = path
    kinds: dict[str, list[_Mask]] = defaultdict(list)
    for above, named in folders.items():
        # Two to four folders of the same names are kinds of pictures; more are patients.
        if not 2 <= len(named) <= 4:
            continue
        for one, stems in named.items():
            other = max((n for n in named if n != one), key=lambda n: len(stems.keys() & named[n].keys()))
            if len(stems.keys() & named[other].keys()) >= max(3, _PAIRED * len(stems)):
                kinds[one.casefold()] += [
                    _Mask(path, named[other].get(stem), (*above, one), one) for stem, path in stems.items()
                ]
    masks = [
        mask
        for found in list(kinds.values())[:_MOST_KINDS]
        if _look_like_masks(found, files, same_size=True)
        for mask in found
    ]
    # Where pictures and masks cannot be told apart, all are pictures.
    if any(mask.twin in {other.path for other in masks} for mask in masks):
        return set(), []
    return {mask.path for mask in masks}, [_line([mask.path for mask in masks])] if masks else []


def without_masks_below(paths: Sequence[str], files: Files) -> tuple[list[str], list[str]]:
    """Return the pictures in one class's folder without the masks, in the given order, and the warnings about those.

    paths: inside the folder, with forward slashes.
    """
    named = without_masks({path: tuple(path.split("/")) for path in paths}, files)
    # The folder of the class stands above all.
    masks, lines = without_unnamed_masks({path: ("", *own) for path, own in named.parts.items()}, files)
    return [path for path in paths if path in named.parts and path not in masks], [*named.warnings, *lines]


def few_valued(picture: np.ndarray) -> bool:
    """Return whether a picture, float32 (H, W, C) in [0, 1], has the few values of a mask."""
    levels = quantise(picture).astype(np.int64)  # (C, H, W)
    colours = sum(channel << (8 * place) for place, channel in enumerate(levels))
    if len(np.unique(colours)) <= _FEW:
        return True
    grey = levels.mean(axis=0)
    near = (grey - grey.min() <= _NEAR) | (grey.max() - grey <= _NEAR)
    return float(near.mean()) >= _MOST


def _suggested(parts: Mapping[str, Parts]) -> dict[str, list[_Mask]]:
    """Return kind -> the pictures whose names suggest masks."""
    in_folders: dict[str, Parts] = {}
    by_file: dict[str, str] = {}
    pictures: dict[str, list[str]] = defaultdict(list)  # name without suffix -> pictures that no name suggests as masks
    known: dict[Parts, Parts | None] = {}
    hinted = any(hint in path.lower() for path in parts for hint in _HINTS)
    for path, own in parts.items() if hinted else ():
        folders, stem = own[:-1], _stem(own[-1])
        if folders not in known:
            known[folders] = _mask_folder(folders)
        if folder := known[folders]:
            in_folders[path] = folder
        elif (of := _mask_of(stem)) is not None:
            by_file[path] = of
        else:
            pictures[stem].append(path)
    kinds: dict[str, list[_Mask]] = defaultdict(list)
    for path, folder in in_folders.items():
        stem = _stem(parts[path][-1])
        twin = _twin(path, (stem, _mask_of(stem) or stem), pictures, len(folder) - 1, parts)
        kinds[f"/{folder[-1].casefold()}"].append(_Mask(path, twin, folder, folder[-1]))
    for path, stem in by_file.items():
        # A file's name alone does not make a mask: the picture has to be there.
        if twin := _twin(path, (stem,), pictures, max(0, len(parts[path]) - 2), parts):
            kinds["files"].append(_Mask(path, twin, None, "files"))
    return kinds


def _mask_folder(folders: Parts) -> Parts | None:
    """Return the folders up to the outermost of those at the end that are called masks; None if there is none.

    The folders `ManualMask/leftMask` are those of masks, whose pictures lie beside `ManualMask`.
    """
    last = next((place for place in reversed(range(len(folders))) if _is_mask_name(folders[place])), None)
    if last is None:
        return None
    while last and _is_mask_name(folders[last - 1]):
        last -= 1
    return folders[: last + 1]


def _is_mask_name(folder: str) -> bool:
    lower = folder.lower()
    return any(hint in lower for hint in _HINTS) and bool(_words(folder) & _WORDS or lower.endswith("groundtruth"))


def _words(folder: str) -> set[str]:
    return set(filter(None, _SPLIT.split(_CAMEL.sub(" ", folder).lower())))


def _mask_of(stem: str) -> str | None:
    """Return the name of the picture whose mask has this name, without suffix; None if it is no mask's."""
    match = _BEHIND.fullmatch(stem) or _BEFORE.fullmatch(stem)
    return match[1] if match else None


def _twin(
    path: str, stems: Iterable[str], pictures: Mapping[str, list[str]], above: int, parts: Mapping[str, Parts]
) -> str | None:
    """Return the picture of a mask: it has one of the names, and shares most folders, the first `above` at least."""
    own = parts[path]
    found = [other for stem in stems for other in pictures.get(stem, ()) if parts[other][:above] == own[:above]]
    return max(found, key=lambda other: _shared(parts[other], own), default=None)


def _shared(one: Parts, other: Parts) -> int:
    return next(
        (depth for depth, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(map(len, (one, other)))
    )


def _stem(file: str) -> str:
    return (file[: file.rindex(".")] if "." in file else file).casefold()


def _look_like_masks(found: Sequence[_Mask], files: Files, same_size: bool = False) -> bool | None:
    """Return whether a sample has the values of masks, and each the size of its picture; None if none can be read."""
    step = max(1, len(found) // SAMPLES)
    looks = []
    for mask in found[::step][:SAMPLES]:
        picture = _picture(mask.path, files)
        if picture is None:
            continue
        good = few_valued(picture)
        if good and same_size:
            other = _picture(mask.twin, files) if mask.twin else None
            good = other is not None and other.shape[:2] == picture.shape[:2] and not few_valued(other)
        looks.append(good)
    return sum(looks) >= _AGREED * len(looks) if looks else None


def _picture(path: str, files: Files) -> np.ndarray | None:
    """Return a decoded picture; None if it cannot be read."""
    from gan_core.decode.worker import shared  # only few sources have masks

    try:
        with shared() as worker:
            return worker.decode(files.read(path), path, channels=None)
    except (UserError, OSError):
        return None


def _without_plain(own: Parts, beside: set[Parts]) -> Parts:
    """Return a path's parts without a folder such as `images` that lies beside a folder of masks: it is no class."""
    for place in range(len(own) - 1):
        if own[:place] in beside and _words(own[place]) and _words(own[place]) <= _PLAIN:
            return own[:place] + own[place + 1 :]
    return own


def _line(paths: list[str]) -> str:
    count = f"{len(paths)} masks are" if len(paths) > 1 else "1 mask is"
    return f"{count} left out (classes:NAME=FOLDER trains on masks too): {few_names(sorted(paths))}"
