"""A folder of zips as one source: `train.zip valid.zip test.zip`, a zip for each class, or numbered parts.

Each zip counts as a folder of its name. The outer folders inside it, and one of the zip's own name, are looked through.
"""

import os
import re
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from gan_core.data.layout import SPLIT_NAMES, arrange, check_class_names, is_picture_name, is_unclear_name
from gan_core.data.readers.archive import (
    ZipFiles,
    ZipSource,
    is_archive,
    list_members,
    open_archive,
    read_member,
    stamp,
)
from gan_core.data.readers.table_text import SUFFIXES, unused
from gan_core.data.source import Entry
from gan_core.data.unread import warning
from gan_core.decode.image_files import is_dicom_file
from gan_core.decode.nifti import is_volume_name
from gan_core.errors import UserError

_SUFFIX = ".zip"
UNPACK = "unpack the zips to use their labels"  # how the warning about tables beside them ends
# Zips that hold parts of one folder: images_001.zip, part-2.zip.
_PART = re.compile(
    r"(?:images?|img|pictures?|part|batch|data|chunk|shard|archive|volume|set)?[ _.-]*\d+", re.IGNORECASE
)


@dataclass(frozen=True)
class ZipFolderSource:
    """Images inside the zips of a folder."""

    root: Path
    entries: tuple[Entry, ...]
    places: tuple[tuple[str, str], ...]  # of each entry: its zip below the root, and the member's name there
    warnings: tuple[str, ...]

    @property
    def identity(self) -> str:
        return str(self.root)

    def load(self, index: int, size: int) -> bytes:
        archive, member = self.places[index]
        return read_member(self.root / archive, member)

    def part(self, start: int, stop: int) -> "ZipFolderSource":
        return replace(self, entries=self.entries[start:stop], places=self.places[start:stop], warnings=())


def open_zips(root: Path) -> ZipSource | ZipFolderSource | None:
    """Return a folder that holds zips and no pictures as a source; None for any other folder.

    Raises:
        UserError: a zip cannot be read or is dangerous, or no zip holds an image.
    """
    root = root.resolve()
    archives = _archives(root)
    if not archives:
        return None
    if len(archives) == 1 and len(PurePosixPath(archives[0]).parts) == 1:
        return open_archive(root / archives[0])
    unread: dict[str, list[str]] = {archive: [] for archive in archives}
    members = {archive: list_members(root / archive, unread[archive]) for archive in archives}
    beside = warning(
        [f"{archive}/{path}" for archive, names in unread.items() for path in names],
        [f"{archive}/{path}" for archive, inside in members.items() for path in inside],
    )
    # Two parts may hold files of one name; then each zip is a folder after all.
    parts = all(_PART.fullmatch(PurePosixPath(archive).stem) for archive in archives)
    paths = [path for inside in members.values() for path in inside]
    if not paths:
        left = "".join(f"; {line}" for line in beside)
        raise UserError(f"there are no images in the zips of '{root}', for example in {archives[0]}{left}")
    parts = parts and len(set(paths)) == len(paths)
    places: dict[str, tuple[str, str]] = {}  # path in the source -> zip, path in the zip
    for archive, inside in members.items():
        folder = archive[: -len(_SUFFIX)]
        outer = "" if parts else _outer(list(inside), folder)
        for path in inside:
            place = path if parts else f"{folder}/{path[len(outer) :]}"
            if place in places:
                raise UserError(f"two zips of '{root}' hold '{place}': rename one of them")
            places[place] = (archive, path)
    found, warnings = arrange(list(places), root.name or "images", _Files(root, members, places))
    check_class_names(found)
    infos = {place: members[archive][path] for place, (archive, path) in places.items()}
    return ZipFolderSource(
        root,
        tuple(Entry(one.path, one.label, one.split, stamp(infos[one.path])) for one in found),
        tuple((places[one.path][0], infos[one.path].filename) for one in found),
        (*warnings, *beside, *unused_beside_zips(root)),
    )


@dataclass(frozen=True)
class _Files:
    """The images of all zips, by their paths in the source."""

    root: Path
    members: dict[str, dict[str, zipfile.ZipInfo]]
    places: dict[str, tuple[str, str]]

    def size(self, path: str) -> int:
        archive, inside = self.places[path]
        return self.members[archive][inside].file_size

    def read(self, path: str) -> bytes:
        archive, inside = self.places[path]
        return ZipFiles(self.root / archive, self.members[archive]).read(inside)


def unread_zips(root: Path) -> list[str]:
    """Return a warning about zips beside the pictures of a folder, which are not read."""
    zips = sorted(path.name for path in root.iterdir() if path.suffix.lower() == _SUFFIX and path.is_file())
    return [f"a folder of pictures is read without the zips in it: {', '.join(zips[:3])}"] if zips else []


def unused_beside_zips(root: Path, used: str = "") -> list[str]:
    """Return a warning about tables beside the zips: their rows cannot be looked up in zips.

    used: name of a table that is used after all.
    """
    tables = sorted(path.name for path in root.iterdir() if path.name.lower().endswith(SUFFIXES) and path.name != used)
    return [f"{unused(tables)}: {UNPACK}"] if tables else []


def _archives(root: Path) -> list[str]:
    """Return the zips below a folder, sorted; none if it holds a picture or a volume of its own."""
    found: list[str] = []
    for folder, below, files in os.walk(root):
        below[:] = sorted(name for name in below if not name.startswith((".", "__MACOSX")))
        prefix = Path(folder).relative_to(root).as_posix()
        for file in files:
            name = file if prefix == "." else f"{prefix}/{file}"
            if is_picture_name(name) or is_volume_name(name):
                return []
            if is_unclear_name(name) and is_dicom_file(root / name):
                return []
            if file.lower().endswith(_SUFFIX) and not file.startswith("."):
                found.append(name)
    return sorted(name for name in found if (root / name).is_file() and is_archive(root / name))


def _outer(paths: list[str], archive: str) -> str:
    """Return the outer folders inside a zip that say no more than its name, "" or ending in a slash."""
    own = archive.rpartition("/")[2].casefold()
    split = SPLIT_NAMES.get(own)
    outer = ""
    while True:
        inside = [path[len(outer) :] for path in paths]
        tops = {path.partition("/")[0] for path in inside}
        if len(tops) != 1 or not all("/" in path for path in inside):
            return outer
        (top,) = tops
        named = top.casefold() == own or (split is not None and SPLIT_NAMES.get(top.lower()) == split)
        # A folder of pictures may be a class; one of folders only is no more than a wrapping.
        if not named and not all(path.count("/") > 1 for path in inside):
            return outer
        if not named and top.lower() in SPLIT_NAMES:
            return outer
        outer += f"{top}/"
