"""A source that combines classes from several folders: `classes:NAME=FOLDER;NAME=FOLDER;...`.

    python -m gan_core prepare "classes:normal=covid/*/NORMAL;COVID-19=covid/*/COVID;viral=kermany/*/*/*virus*"

A folder may contain * and ?, it may be a pattern of files, and a class may occur more than once. Each data set keeps
its own splits, or is split as if it were alone; patients of two data sets are always different patients. Classes of
different origin may differ in more than the disease: `caution` returns the warning.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePath

from gan_core.data.layout import SPLIT_NAMES, LabelledPath, check_class_names, is_picture_name, is_unclear_name
from gan_core.data.masks import without_masks_below
from gan_core.data.readers.folder import FolderFiles, FolderSource, list_pictures, stamp
from gan_core.data.readers.links import Links
from gan_core.data.source import COMBINED, LINKS, Entry
from gan_core.data.unread import is_unread_name, warning
from gan_core.decode.image_files import is_dicom_file
from gan_core.errors import UserError, nearest
from gan_core.files import expanded

_WILD = re.compile(r"[*?\[]")
APART = "the classes come from different folders"  # how the warning of `caution` begins
_EXAMPLE = f"{COMBINED}normal=covid/*/NORMAL;COVID-19=covid/*/COVID"


def open_combined(rest: str) -> FolderSource:
    """Return the source with the images of all classes, named by their paths below the common folder.

    Args:
        rest: the source's text behind the colon.

    Raises:
        UserError: the text is malformed, a folder is missing or holds no image, or an image has two classes.
    """
    labels: dict[Path, str] = {}
    found: dict[Path, tuple[Path, str | None, str]] = {}  # picture -> its data set, its split, its stamp
    left: list[str] = []
    for name, pattern in parse(rest):
        for path, folder, when in _pictures(name, pattern, left):
            if labels.setdefault(path, name) != name:
                raise UserError(f"'{path}' belongs to two classes, '{labels[path]}' and '{name}': give it one")
            found[path] = (*_data_set(path, folder), when)
    base = _common([root for root, _, _ in found.values()])
    places = []
    for path, (root, split, when) in found.items():
        place = LabelledPath(path.relative_to(base).as_posix(), labels[path], split)
        origin = "" if root == base else root.relative_to(base).as_posix()
        places.append((place, Entry(place.path, place.label, split, when, origin)))
    check_class_names([place for place, _ in places])
    entries = tuple(entry for _, entry in sorted(places, key=lambda pair: pair[0].path))
    doubt = caution(f"{COMBINED}{rest}")
    return FolderSource(base, entries, (*left, *([doubt] if doubt else [])))


def parse(rest: str) -> list[tuple[str, str]]:
    """Return (class, folder or pattern) in the given order.

    Raises:
        UserError: a part is not NAME=FOLDER.
    """
    pairs = []
    for part in filter(None, (part.strip() for part in rest.split(";"))):
        name, equals, pattern = (text.strip() for text in part.partition("="))
        if not (name and equals and pattern):
            raise UserError(f"'{part}' names no class and its folder: write NAME=FOLDER, as in {_EXAMPLE}")
        pairs.append((name, pattern))
    if not pairs:
        raise UserError(f"{COMBINED} needs classes and their folders, as in {_EXAMPLE}")
    return pairs


def is_here(source: str) -> bool:
    """Return whether every folder of a combined source is on this machine; no file is read."""
    try:
        return all(next(_matches(pattern), None) is not None for _, pattern in parse(source.removeprefix(COMBINED)))
    except (UserError, OSError, ValueError, RuntimeError):  # RuntimeError: ~name of no user
        return False


def origins(source: str) -> dict[str, tuple[str, ...]]:
    """Return class -> its folders, from the text alone: each path up to a split folder or a wildcard.

    Empty for any other source, and for a malformed one.
    """
    if not source.startswith(COMBINED):
        return {}
    try:
        pairs = parse(source.removeprefix(COMBINED))
    except UserError:
        return {}
    found: dict[str, set[PurePath]] = {}
    short: dict[PurePath, str] = {}
    for name, pattern in pairs:
        parts = PurePath(pattern).parts
        end = next((i for i, part in enumerate(parts) if _WILD.search(part) or part.lower() in SPLIT_NAMES), len(parts))
        folder = PurePath(*parts[:end])
        found.setdefault(name, set()).add(folder)
        # The short name of a class folder includes its parent; the location on the machine is left out.
        short[folder] = folder.name if end < len(parts) else "/".join(parts[-2:])
    clear = len(set(short.values())) == len(short) and all(short.values())
    return {
        name: tuple(sorted(short[path] if clear else path.as_posix() for path in paths))
        for name, paths in sorted(found.items())
    }


def caution(source: str, classes: tuple[str, ...] = ()) -> str:
    """Return a warning, without a full stop, if the classes come from different folders, else "".

    Args:
        source: the source, in the user's words.
        classes: the classes that are used; by default all.
    """
    found = {name: from_ for name, from_ in origins(source).items() if not classes or name in classes}
    if len(set(found.values())) < 2:
        return ""
    named = "; ".join(
        f"{', '.join(name for name, from_ in found.items() if from_ == each)} from {' and '.join(each)}"
        for each in sorted(set(found.values()))
    )
    return f"{APART} ({named}): age, hospital or scanner may tell them apart as well as the disease does"


def _pictures(name: str, pattern: str, left: list[str]) -> Iterator[tuple[Path, Path, str]]:
    """Yield (image, folder of its class, stamp) of all images that a pattern matches, but for masks among them.

    left: gets the warnings about those, about links that are left out, and about pictures that are not read. A folder
    of masks that a class names itself is not looked through.
    """
    matches = sorted(_matches(pattern))
    if not matches:
        before = expanded(pattern)
        beside = [path.name for path in before.parent.iterdir()] if before.parent.is_dir() else []
        raise UserError(f"class '{name}': there is no '{pattern}'.{nearest(before.name, beside)}")
    count = 0
    unread: list[str] = []
    for match in matches:
        if match.is_dir():
            links, below = Links(match), list[str]()
            stamps = list_pictures(links, below)
            unread += [f"{match.name}/{inner}" for inner in below]
            kept, lines = without_masks_below(sorted(stamps), FolderFiles(match))
            left += [*lines, *links.warnings()]
            inside = [(match / inner, match, stamps[inner]) for inner in kept]
        else:
            is_picture = is_picture_name(match.name) or (is_unclear_name(match.name) and is_dicom_file(match))
            inside = [(match, match.parent, stamp(match))] if is_picture else []
            unread += [match.name] if is_unread_name(match.name) else []
        count += len(inside)
        yield from inside
    beside = warning(unread)
    if not count:
        why = "".join(f"; {line}" for line in [*(line for line in left if LINKS in line), *beside])
        raise UserError(f"class '{name}': there are no images in '{pattern}'{why}")
    left += [f"class '{name}': {line}" for line in beside]


def fixed_part(pattern: str) -> Path:
    """Return the folder of a pattern before its first wildcard, from the text alone."""
    parts = Path(pattern).expanduser().parts
    return Path(*parts[: next((i for i, part in enumerate(parts) if _WILD.search(part)), len(parts))])


def _matches(pattern: str) -> Iterator[Path]:
    """Return the folders and files of a pattern; links are resolved only before the first wildcard."""
    parts = expanded(pattern).parts
    wild = next((i for i, part in enumerate(parts) if _WILD.search(part)), len(parts))
    if wild == len(parts) or Path(*parts).exists():
        whole = Path(*parts).resolve()
        return iter([whole] if whole.exists() else [])
    return Path(*parts[:wild]).resolve().glob("/".join(parts[wild:]))


def _data_set(path: Path, folder: Path) -> tuple[Path, str | None]:
    """Return the folder of the image's data set, and the image's split there.

    The data set's folder holds the class folders, or train, val and test folders, which may also lie inside a class.
    """
    inside = [folder / inner for inner in reversed(path.relative_to(folder).parents[:-1])]
    for where in (folder.parent, folder, *inside):
        if split := SPLIT_NAMES.get(where.name.lower()):
            return where.parent, split
    return folder.parent, None


def _common(folders: list[Path]) -> Path:
    """Return the deepest folder that holds all folders.

    Raises:
        UserError: the folders lie on different drives.
    """
    first = folders[0]
    for base in (first, *first.parents):
        if all(folder.is_relative_to(base) for folder in folders):
            return base
    raise UserError("the folders of the classes lie on different drives: move them to one drive")
