"""A second copy of a source's folders inside one of them: `yes no brain_tumor/yes brain_tumor/no`.

Pictures of the copy that are equal to those beside it are left out. Others belong to the class of their inner folder.
"""

from collections import defaultdict
from collections.abc import Container, Mapping

from gan_core.data.doubts import few_names
from gan_core.data.source import Files
from gan_core.errors import UserError

Parts = tuple[str, ...]  # of a path: the folders, and the file's name

_COMPARED = 16  # pairs whose bytes are compared; all, if one of them differs


def without_copies(
    parts: Mapping[str, Parts], files: Files | None, splits: Container[str] = ()
) -> tuple[dict[str, Parts], list[str]]:
    """Return path -> parts without the pictures of a second copy, and a warning for each copy.

    A folder holds a copy, or more pictures of the same classes, if its folders are called like those beside it.

    Args:
        parts: path -> its parts, from the first level that has several folders on.
        files: the pictures' contents; None: equal names are equal pictures.
        splits: names of split folders, in lower case. What is new in a second copy of those joins no split.
    """
    below: dict[str, dict[str, Parts]] = defaultdict(dict)
    for path, own in parts.items():
        if len(own) > 1:
            below[own[0]][path] = own
    names = {name.casefold() for name in below}
    places = {tuple(part.casefold() for part in own): path for path, own in parts.items()}
    kept, warnings = dict(parts), []
    for top in sorted(below):
        inner = _inside(below[top])
        firsts = {own[0].casefold() for own in inner.values() if len(own) > 1}
        # Most folders are told by this line alone: a data set may have ten thousand.
        if len(firsts) < 2 or not firsts <= names or top.casefold() in firsts:
            continue
        if any(len(own) < 2 for own in inner.values()):
            continue
        twins = {path: places.get(tuple(part.casefold() for part in own)) for path, own in inner.items()}
        copies = _equal({path: twin for path, twin in twins.items() if twin}, files)
        others = {path: own for path, own in inner.items() if path not in copies and own[0].lower() not in splits}
        kept = {path: others.get(path, own) for path, own in kept.items() if path not in copies}
        if copies or others:
            warnings.append(_line(top, len(copies), len(others), sorted(copies or others)))
    return kept, warnings


def _inside(parts: Mapping[str, Parts]) -> dict[str, Parts]:
    """Return the parts below a folder, and below the only folder in it as long as there is one."""
    inner = {path: own[1:] for path, own in parts.items()}
    while all(len(own) > 2 for own in inner.values()) and len({own[0] for own in inner.values()}) == 1:
        inner = {path: own[1:] for path, own in inner.items()}
    return inner


def _equal(twins: Mapping[str, str], files: Files | None) -> set[str]:
    """Return the pictures that equal their twins: all of one size, if a sample of them has the same bytes."""
    if files is None:
        return set(twins)
    alike = [path for path, twin in twins.items() if files.size(path) == files.size(twin)]
    sample = alike[:: max(1, len(alike) // _COMPARED)]
    if all(_same(path, twins[path], files) for path in sample):
        return set(alike)
    return {path for path in alike if _same(path, twins[path], files)}


def _same(one: str, other: str, files: Files) -> bool:
    try:
        return files.read(one) == files.read(other)
    except (OSError, UserError):
        return False


def _line(folder: str, copies: int, others: int, paths: list[str]) -> str:
    words = []
    if copies:
        words.append(f"{copies} copies are left out")
    if others:
        words.append(f"{others} other images join the classes of its folders")
    return f"folder '{folder}' has the folders beside it once more, {' and '.join(words)}: {few_names(paths)}"
