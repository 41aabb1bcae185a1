"""A zip of images as a source: members are read into memory, and nothing is unpacked to the disk.

The archive is refused if its directory names a path outside it, overlapping members, or far more bytes than it can hold
(a zip bomb). Each member that is read is then checked against the directory.
"""

import re
import stat
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from gan_core.data.layout import Arrange, arrange, check_class_names, is_picture_name, is_unclear_name
from gan_core.data.readers.zip_names import member_names
from gan_core.data.source import Entry
from gan_core.data.unread import is_unread_name, warning
from gan_core.decode.image_files import HEAD, MAX_BYTES, is_dicom_head
from gan_core.decode.nifti import is_volume_name
from gan_core.errors import UserError

MAX_MEMBERS = 1_000_000
MAX_TOTAL = 256 * 1024**3
# Large images hardly compress by a larger factor; a small black bitmap may.
MAX_RATIO = 200
LARGE = 16 * 1024**2
# LZMA is not read, because unpacking it may claim any amount of memory.
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)


@dataclass(frozen=True)
class ZipSource:
    """Images inside a zip, arranged like those of a folder."""

    path: Path
    entries: tuple[Entry, ...]
    members: tuple[str, ...]  # the member names in the zip, one for each entry
    warnings: tuple[str, ...]
    patients_from: str = ""  # who states the patients of the entries, for people

    @property
    def identity(self) -> str:
        return str(self.path)

    def load(self, index: int, size: int) -> bytes:
        return read_member(self.path, self.members[index])

    def part(self, start: int, stop: int) -> "ZipSource":
        return replace(self, entries=self.entries[start:stop], members=self.members[start:stop], warnings=())


@dataclass(frozen=True)
class ZipFiles:
    """The members of a zip, by their names as paths."""

    path: Path
    infos: Mapping[str, zipfile.ZipInfo]

    def size(self, path: str) -> int:
        return self.infos[path].file_size

    def read(self, path: str) -> bytes:
        try:
            return read_member(self.path, self.infos[path].filename)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise UserError(f"{path}: cannot be read ({error})") from error


def read_member(path: Path, name: str) -> bytes:
    """Return the bytes of a member of a zip, by its name in the zip's directory as Python reads it.

    Raises:
        OSError, UserError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError: it cannot be read.
    """
    opened = _opened(path, path.stat().st_mtime_ns)
    info = opened.getinfo(name)
    with opened.open(info) as member:
        data = member.read(info.file_size + 1)
    if len(data) != info.file_size:
        raise UserError("the member's length differs from the zip's directory")
    return data


@lru_cache(maxsize=1)
def _opened(path: Path, changed: int) -> zipfile.ZipFile:
    """Open a zip once per process: reading the directory of a large zip takes longer than reading an image."""
    return zipfile.ZipFile(path)


def is_archive(path: Path) -> bool:
    """Return whether a file is a zip, by its content."""
    return zipfile.is_zipfile(path)


def open_archive(path: Path, arranged: Arrange = arrange) -> ZipSource:
    """Return a zip as a source, with its images listed; `arranged` reads classes and splits from their paths.

    Raises:
        UserError: the zip is damaged, encrypted or dangerous, or holds no image.
    """
    path = path.resolve()
    unread: list[str] = []
    members = list_members(path, unread)
    beside = warning(unread, members)
    if not members:
        left = "".join(f"; {line}" for line in beside)
        raise UserError(f"there are no images in the zip '{path.name}' (PNG, JPEG, BMP, TIFF, WebP and DICOM){left}")
    places, warnings = arranged(list(members), path.stem, ZipFiles(path, members))
    check_class_names(places)
    entries = tuple(Entry(place.path, place.label, place.split, stamp(members[place.path])) for place in places)
    names = tuple(members[place.path].filename for place in places)
    return ZipSource(path, entries, names, (*warnings, *beside))


def stamp(info: zipfile.ZipInfo) -> str:
    """Return the checksum and size of a member as text, which changes when its content changes."""
    return f"{info.CRC} {info.file_size}"


def list_members(path: Path, unread: list[str] | None = None) -> dict[str, zipfile.ZipInfo]:
    """Return path -> member of all images in a zip.

    unread: gets the paths of the pictures in formats that are not read.

    Raises:
        UserError: the zip is damaged, encrypted or dangerous, or has two members of one name.
    """
    try:
        with zipfile.ZipFile(path) as opened:
            infos = opened.infolist()
            _check(path, infos)
            written = member_names(infos)
            pictures = [info for info in infos if _is_picture(opened, info, _plain(written[info.filename]))]
            if unread is not None:
                names = (_plain(written[info.filename]) for info in infos if not info.is_dir())
                unread += [name for name in names if is_unread_name(name)]
    except UserError:
        raise
    # A damaged directory may raise any of these.
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
        raise UserError(f"the zip '{path.name}' cannot be opened: {error}") from error
    members: dict[str, zipfile.ZipInfo] = {}
    for info in pictures:
        _check_picture(f"the zip '{path.name}'", info)
        name = _plain(written[info.filename])
        if name in members:
            raise UserError(f"the zip '{path.name}' has two members named '{name}': pack it again")
        if leads_out(name):
            raise UserError(f"the zip '{path.name}' is refused: the name of its member {name!r} leads out of it")
        members[name] = info
    if not members and any(is_volume_name(info.filename) for info in infos):
        raise UserError(f"the zip '{path.name}' holds NIfTI volumes: unpack it and give the folder")
    return members


def _is_picture(opened: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> bool:
    """Return whether a member is an image, by its name or, where that says nothing, as DICOM by its first bytes."""
    if info.is_dir():
        return False
    if is_picture_name(name):
        return True
    if not is_unclear_name(name) or info.compress_type not in PACKINGS:
        return False
    try:
        with opened.open(info) as member:
            return is_dicom_head(member.read(HEAD))
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError):
        return False


def _plain(name: str) -> str:
    """Return a member's name with forward slashes: some Windows programs write backslashes."""
    return name.replace("\\", "/").removeprefix("./")


def leads_out(name: str) -> bool:
    """Return whether a member's name, with forward slashes, is no path inside the zip."""
    return name.startswith("/") or bool(re.match(r"[A-Za-z]:", name)) or "\0" in name or ".." in name.split("/")


def _check(path: Path, infos: list[zipfile.ZipInfo]) -> None:
    title = f"the zip '{path.name}'"
    if len(infos) > MAX_MEMBERS:
        raise UserError(f"{title} has {len(infos)} members, more than {MAX_MEMBERS}: split it into several")
    for info in infos:
        _check_member(title, info)
    size, packed, held = sum(i.file_size for i in infos), sum(i.compress_size for i in infos), path.stat().st_size
    if packed > held:
        raise UserError(f"{title} is refused: its members overlap, as in a zip bomb")
    if size > MAX_TOTAL or (size > 8 * LARGE and size > MAX_RATIO * held):
        raise UserError(f"{title} is refused: {held:,} bytes would unpack to {size:,}, as in a zip bomb")


def _check_member(title: str, info: zipfile.ZipInfo) -> None:
    # orig_filename is the name before Python cuts it at a null byte.
    for name in (info.orig_filename.replace("\\", "/"), _plain(info.filename)):
        if leads_out(name):
            raise UserError(f"{title} is refused: the name of its member {info.orig_filename!r} leads out of it")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise UserError(f"{title} is refused: its member '{info.filename}' is a link")
    if info.flag_bits & 0x1:
        raise UserError(f"{title} is encrypted: unpack it and give the folder")


def _check_picture(title: str, info: zipfile.ZipInfo) -> None:
    if info.compress_type not in PACKINGS:
        raise UserError(f"{title}: '{info.filename}' is packed in an unusual way: pack it again with deflate")
    if info.file_size > MAX_BYTES:
        raise UserError(f"{title} is refused: '{info.filename}' is larger than {MAX_BYTES // 1024**2} MB")
    if info.file_size > LARGE and info.file_size > MAX_RATIO * max(info.compress_size, 1):
        raise UserError(
            f"{title} is refused: '{info.filename}' would unpack from {info.compress_size:,} to {info.file_size:,} "
            "bytes, as in a zip bomb"
        )
