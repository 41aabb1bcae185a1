"""Which picture a cell of a table names.

A cell is compared with the names of pictures that were listed before; no path of a table is ever opened.
"""

from collections import defaultdict
from collections.abc import Sequence
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
        self._folder = f"{folder.as_posix().rstrip('/')}/" if folder else None
        self.prefix = prefix
        self._table = table
        self._exact = {name: index for index, name in enumerate(names)}
        self._by_file: defaultdict[str, list[int]] = defaultdict(list)
        for index, name in enumerate(names):
            self._by_file[name.rpartition("/")[2]].append(index)

    def find(self, cell: str, split: str | None = None) -> list[int]:
        """Return the pictures that a cell may mean: none, one, or several where the name is ambiguous.

        A path may start above the pictures' folder (CheXpert-v1.0-small/train/...), or be only the end of theirs. A
        name without a picture's suffix, or with another one, means the picture of that name. `split` decides between
        folders.

        Raises:
            UserError: the path leads out of the folder.
        """
        path = self._inside(cell)
        if (index := self._exact.get(self.prefix + path)) is not None:
            return [index]
        found = self._related(path, self._by_file.get(path.rpartition("/")[2], ()), self.names)
        if not found:
            bare = _bare(path)
            found = self._related(bare, self._by_stem.get(bare.rpartition("/")[2], ()), self._bare_names)
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

    def _related(self, path: str, found: Sequence[int], names: Sequence[str]) -> list[int]:
        """Return those, all with the path's last part, whose name ends in the path or is the end of it."""
        if "/" not in path:
            return list(found)
        return [
            index
            for index in found
            if (name := names[index]) == path or name.endswith(f"/{path}") or path.endswith(f"/{name}")
        ]

    @cached_property
    def _bare_names(self) -> list[str]:
        return [_bare(name) for name in self.names]

    @cached_property
    def _by_stem(self) -> dict[str, list[int]]:
        found: defaultdict[str, list[int]] = defaultdict(list)
        for index, name in enumerate(self._bare_names):
            found[name.rpartition("/")[2]].append(index)
        return found


def _bare(path: str) -> str:
    """Return a path without a picture's suffix, in lower case."""
    return (path[: path.rindex(".")] if is_picture_name(path) else path).casefold()


def _splits_in(name: str) -> set[str]:
    return {SPLIT_NAMES.get(part.lower(), "") for part in PurePosixPath(name).parts[:-1]}
