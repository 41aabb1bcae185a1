"""A folder of images as a source."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from gan_core.data.layout import Arrange, arrange, check_class_names, check_file_names, is_picture_name, is_unclear_name
from gan_core.data.readers.links import Links
from gan_core.data.source import Entry
from gan_core.data.unread import is_unread_name, warning
from gan_core.decode.image_files import MAX_BYTES, is_dicom_file
from gan_core.errors import UserError


@dataclass(frozen=True)
class FolderFiles:
    """The files below a folder."""

    root: Path

    def size(self, path: str) -> int:
        try:
            return (self.root / path).stat().st_size
        except OSError:
            return 0

    def read(self, path: str) -> bytes:
        file = self.root / path
        if file.exists() and not file.is_file():
            raise UserError("it is a pipe or a device, not a file")  # reading it may never end
        if file.stat().st_size > MAX_BYTES:
            raise UserError(f"the file is larger than the limit of {MAX_BYTES // 1024**2} MB")
        return file.read_bytes()


@dataclass(frozen=True)
class FolderSource:
    """Images in class folders, in split folders with class folders, or all in one folder."""

    root: Path
    entries: tuple[Entry, ...]
    warnings: tuple[str, ...]
    patients_from: str = ""  # who states the patients of the entries, for people

    @property
    def identity(self) -> str:
        return str(self.root)

    def load(self, index: int, size: int) -> bytes:
        return FolderFiles(self.root).read(self.entries[index].name)

    def part(self, start: int, stop: int) -> "FolderSource":
        return replace(self, entries=self.entries[start:stop], warnings=())


def open_folder(root: Path, arranged: Arrange = arrange) -> FolderSource:
    """Return a folder as a source, with its images listed; `arranged` reads classes and splits from their paths.

    Raises:
        UserError: the folder cannot be read or holds no image.
    """
    root = root.resolve()
    links = Links(root)
    unread: list[str] = []
    stamps = list_pictures(links, unread)
    beside = [*warning(unread, stamps), *links.warnings()]
    if not stamps:
        left = "".join(f"; {line}" for line in beside)
        raise UserError(f"there are no images in '{root}' (PNG, JPEG, BMP, TIFF, WebP or DICOM files){left}")
    places, warnings = arranged(list(stamps), root.name or "images", FolderFiles(root))
    check_class_names(places)
    entries = tuple(Entry(place.path, place.label, place.split, stamps[place.path]) for place in places)
    return FolderSource(root, entries, (*warnings, *beside))


def list_pictures(links: Links, unread: list[str] | None = None) -> dict[str, str]:
    """Return image path inside the folder -> stamp. Links that leave the folder are not followed.

    unread: gets the paths of the pictures in formats that are not read.

    Raises:
        UserError: a folder cannot be read, or a name is not UTF-8.
    """
    stamps: dict[str, str] = {}
    for folder, _, files in links.walk():
        inside = Path(folder).relative_to(links.root).as_posix()
        prefix = "" if inside == "." else f"{inside}/"
        for file in files:
            name, path = f"{prefix}{file}", f"{folder}{os.sep}{file}"
            named = is_picture_name(name)
            if not (named or is_unclear_name(name)):
                if unread is not None and is_unread_name(name):
                    unread.append(name)
                continue
            if links.leaves(path):
                continue
            if named or is_dicom_file(Path(path)):
                stamps[name] = stamp(path)
    check_file_names(stamps)
    return stamps


def stamp(path: Path | str) -> str:
    """Return the size and times of a file as text, which changes when the file changes."""
    try:
        status = os.stat(path)  # noqa: PTH116, a Path for each of many thousand files takes seconds
    except OSError as error:
        return f"unreadable: {error.strerror}"
    # The change time (ctime) reveals a file that was rewritten with its old size and modification time.
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
