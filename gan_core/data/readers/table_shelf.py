"""Where tables lie: in a folder of the disk or of a zip, above the pictures or beside them."""

import os
import zipfile
import zlib
from abc import ABC, abstractmethod
from functools import cached_property
from itertools import islice
from pathlib import Path

from gan_core.data.layout import LabelledPath
from gan_core.data.readers.archive import PACKINGS, ZipSource, is_archive, open_archive
from gan_core.data.readers.folder import FolderSource, open_folder
from gan_core.data.readers.table_text import HEAD, MAX_BYTES, SPREADSHEETS, SUFFIXES, TextTable, read_head, read_table
from gan_core.data.source import Files
from gan_core.errors import UserError
from gan_core.files import expanded

MAX_BESIDE = 50  # tables beside each other that are looked at
_LISTS = (".txt",)  # of COVIDx and NIH


def is_table_name(name: str) -> bool:
    """Return whether a file is a table by its name."""
    return name.lower().endswith((*SUFFIXES, *_LISTS))


class TableShelf(ABC):
    """The tables in one folder, of the disk or of a zip, and the pictures below it."""

    folder: Path | None = None  # where the source's pictures are on the disk
    prefix = ""  # the tables' folder inside the source, "" or ending in a slash
    everything: tuple[str, ...] = ()  # names of the tables and spreadsheets

    @abstractmethod
    def address(self, name: str) -> str:
        """Return the path of a table, as a user writes it."""

    @abstractmethod
    def pictures(self) -> FolderSource | ZipSource:
        """Return all pictures as a source, without labels."""

    @abstractmethod
    def _bytes(self, name: str, most: int) -> bytes: ...

    @cached_property
    def names(self) -> tuple[str, ...]:
        tables = [name for name in self.everything if is_table_name(name)][:MAX_BESIDE]
        return tuple(name for name in tables if self._is_readable(name))

    def _is_readable(self, name: str) -> bool:
        try:
            self.head(name)
        except UserError:
            return False
        return True

    @cached_property
    def _heads(self) -> dict[str, TextTable]:
        return {}

    @cached_property
    def _tables(self) -> dict[str, TextTable]:
        return {}

    def head(self, name: str) -> TextTable:
        if name not in self._heads:
            self._heads[name] = read_head(name, self._bytes(name, HEAD))
        return self._heads[name]

    def table(self, name: str) -> TextTable:
        if name not in self._tables:
            self._tables[name] = read_table(name, self._bytes(name, MAX_BYTES + 1))
        return self._tables[name]


class FolderShelf(TableShelf):
    def __init__(self, root: Path, prefix: str) -> None:
        self.folder, self.prefix = root, prefix

    @cached_property
    def everything(self) -> tuple[str, ...]:  # type: ignore[override]
        try:
            with os.scandir(self._path("")) as found:
                return tuple(sorted(each.name for each in found if _may_be_table(each.name) and self._is_inside(each)))
        except OSError as error:
            raise UserError(f"'{self._path('')}' cannot be read: {error.strerror}") from error

    def _is_inside(self, each: "os.DirEntry[str]") -> bool:
        """Return whether this is a file, and not a link that leads out of the folder."""
        try:
            if not each.is_file():
                return False
        except OSError:  # a link to itself
            return False
        assert self.folder is not None
        return not each.is_symlink() or Path(each.path).resolve().is_relative_to(self.folder)

    def _path(self, name: str) -> Path:
        assert self.folder is not None
        return self.folder / self.prefix / name

    def address(self, name: str) -> str:
        return str(self._path(name))

    def pictures(self) -> FolderSource:
        assert self.folder is not None
        return open_folder(self.folder, _without_labels)

    def _bytes(self, name: str, most: int) -> bytes:
        try:
            with self._path(name).open("rb") as file:
                return file.read(most)
        except OSError as error:
            raise UserError(f"the table '{self._path(name)}' cannot be read: {error.strerror}") from error


class ZipShelf(TableShelf):
    def __init__(self, path: Path, folder: str | None = None) -> None:
        """folder: that of the tables inside the zip; None takes the topmost that holds any."""
        self._file = path
        try:
            with zipfile.ZipFile(path) as opened:
                infos = {info.filename: info for info in opened.infolist() if _may_be_table(info.filename)}
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
            raise UserError(f"the zip '{path.name}' cannot be opened: {error}") from error
        folders = {name: name[: name.rfind("/") + 1] for name in infos}
        top = min(folders.values(), key=lambda one: (one.count("/"), one), default="") if folder is None else folder
        self.prefix = top
        self._infos = {name.removeprefix(top): infos[name] for name, one in folders.items() if one == top}
        self.everything = tuple(sorted(self._infos))

    def address(self, name: str) -> str:
        return f"{self._file}/{self.prefix}{name}"

    def pictures(self) -> ZipSource:
        return open_archive(self._file, _without_labels)

    def _bytes(self, name: str, most: int) -> bytes:
        if name not in self._infos:
            raise UserError(f"the zip '{self._file.name}' has no table '{self.prefix}{name}'")
        info = self._infos[name]
        if info.flag_bits & 0x1 or info.compress_type not in PACKINGS:
            raise UserError(f"the table '{name}' of the zip '{self._file.name}' is packed in an unusual way")
        try:
            with zipfile.ZipFile(self._file) as opened, opened.open(info) as member:
                return member.read(most)
        # A damaged member may raise any of these.
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, zlib.error) as error:
            raise UserError(f"the table '{name}' of the zip '{self._file.name}' cannot be read: {error}") from error


def shelf_at(path: Path) -> tuple[TableShelf, str]:
    """Return the shelf at a path, and the name of the table on it, "" for a folder or zip."""
    path = expanded(path)
    if path.is_dir():
        return FolderShelf(path.resolve(), _top(path.resolve())), ""
    if inside := in_zip(path):
        archive, member = inside
        folder, _, name = member.rpartition("/")
        return ZipShelf(archive.resolve(), f"{folder}/" if folder else ""), name
    if path.is_file() and is_archive(path) and path.suffix.lower() not in SPREADSHEETS:
        return ZipShelf(path.resolve()), ""
    if not path.is_file():
        raise UserError(f"'{path}' is neither a folder nor a file")  # a pipe or a device may never end
    return FolderShelf(path.parent.resolve(), ""), path.name


def in_zip(path: Path) -> tuple[Path, str] | None:
    """Return the zip and the member of a path such as set.zip/labels.csv."""
    for parent in path.parents:
        if parent.suffix.lower() == ".zip" and parent.is_file():
            return parent, path.relative_to(parent).as_posix()
    return None


def _top(root: Path) -> str:
    """Return the outer folders that hold nothing but one folder, "" or ending in a slash."""
    prefix = ""
    while True:
        try:
            with os.scandir(root / prefix) as found:
                inside = list(islice((each for each in found if not each.name.startswith((".", "__MACOSX"))), 2))
        except OSError:
            return prefix
        if len(inside) != 1 or inside[0].is_symlink() or not inside[0].is_dir():
            return prefix
        prefix += f"{inside[0].name}/"


def _may_be_table(path: str) -> bool:
    name = path.rpartition("/")[2]
    hidden = name.startswith((".", "~$")) or path.startswith("__MACOSX")
    return not hidden and (is_table_name(name) or name.lower().endswith(SPREADSHEETS))


def _without_labels(paths: list[str], title: str, files: Files | None) -> tuple[list[LabelledPath], list[str]]:
    """List pictures like `layout.arrange`, and read nothing from their folders."""
    return [LabelledPath(path, "", None) for path in sorted(paths)], []
