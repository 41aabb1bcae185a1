"""Which picture a cell of a table names.

A cell is compared with the names of pictures that were listed before; no path of a table is ever opened.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from gan_core.data.layout import SPLIT_NAMES, is_picture_name
from gan_core.errors import UserError


class PictureNames:
    """The names of the pictures of a source, to be found by paths, by parts of paths, and without their suffix."""

    def __init__(self, names: Sequence[str], folder: Path | None, prefix: str, table: str) -> None:
        """Take the names.

        names: paths inside the source, with forward slashes. folder: where they are on this machine, None in a zip.
        prefix: the table's folder inside the source, "" or ending in a slash. table: the table's name, for errors.
        """
        self.names = names
        self.prefix = prefix
        self._folder = f"{folder.as_posix().rstrip('/')}/" if folder else None
        self._table = table
        self._paths = _Paths(names)

    def find(self, cell: str, split: str | None = None) -> Sequence[int]:
        """Return the pictures that a cell may mean: none, one, or several where the name is ambiguous.

        A path may start above the pictures' folder (CheXpert-v1.0-small/train/...), or be only the end of theirs. A
        name without a picture's suffix, or with another one, means the picture of that name. `split` decides between
        folders.

        Raises:
            UserError: the path leads out of the folder.
        """
        path = self._inside(cell)
        found = self._paths.whole.get(f"{self.prefix}{path}") or self._paths.find(path)
        found = found or self._bare_paths.find(_bare(path))
        if len(found) > 1 and split:
            inside = [index for index in found if split in _splits_in(self.names[index])]
            found = inside if len(inside) == 1 else found
        return found

    def _inside(self, cell: str) -> str:
        """Return a cell as a relative path with forward slashes."""
        path = cell.replace("\\", "/")
        if ".." in path and ".." in path.split("/"):
            raise UserError(f"the table '{self._table}' is refused: the path '{cell}' leads out of its folder")
        if path.startswith("/") or path[1:3] == ":/":
            if self._folder is None or not path.startswith(self._folder):
                raise UserError(
                    f"the table '{self._table}' is refused: the path '{cell}' leads out of its folder; "
                    "write paths as they are below the table"
                )
            return path.removeprefix(self._folder).removeprefix(self.prefix)
        while path.startswith("./"):
            path = path[2:]
        return path

    @cached_property
    def _bare_paths(self) -> "_Paths":
        return _Paths([_bare(name) for name in self.names])


class _Paths:
    """Paths that are found by their end, without looking at each: a data set has a hundred thousand."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._by_end: dict[int, _Groups] = {}  # number of last parts -> those parts -> indices

    @cached_property
    def whole(self) -> "_Groups":
        return _Groups(self._names)

    def find(self, path: str) -> Sequence[int]:
        """Return the names that end in the path; if there are none, those that are the longest end of the path."""
        parts = path.count("/") + 1
        if parts not in self._by_end:
            self._by_end[parts] = _Groups(_end(name, parts) for name in self._names)
        found = self._by_end[parts].get(path)
        while not found and "/" in path:
            path = path.partition("/")[2]
            found = self.whole.get(path)
        return found


class _Groups:
    """Texts -> the places where each occurs; most occur once."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._first: dict[str, int] = {}
        self._all: dict[str, list[int]] = {}
        for index, text in enumerate(texts):
            first = self._first.setdefault(text, index)
            if first != index:
                self._all.setdefault(text, [first]).append(index)

    def get(self, text: str) -> Sequence[int]:
        if text in self._all:
            return self._all[text]
        return (self._first[text],) if text in self._first else ()


def _end(name: str, parts: int) -> str:
    """Return the last parts of a path."""
    if parts == 1:
        return name[name.rfind("/") + 1 :]
    return "/".join(name.rsplit("/", parts)[-parts:])


def _bare(path: str) -> str:
    """Return a path without a picture's suffix, in lower case."""
    return (path[: path.rindex(".")] if is_picture_name(path) else path).casefold()


def _splits_in(name: str) -> set[str]:
    return {SPLIT_NAMES.get(part.lower(), "") for part in PurePosixPath(name).parts[:-1]}
