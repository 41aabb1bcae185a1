"""Files that are written whole, and files from strangers that are opened with care.

Writes are atomic: a kill, a full disk or a lost permission leaves the previous file intact. Content goes to a temporary
file beside the target, is synced and renamed over the target; then the folder is synced.

A run folder may come from anybody. Its files are opened by `open_regular` alone, which follows no link, waits for no
pipe or device, and refuses a file that is larger than its kind can be.
"""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

import platformdirs

from gan_core.errors import UserError

# The largest file of each kind in a run folder, in bytes: far above what GANray writes, and small enough to be read.
JSON_BYTES = 4 * 1024**2
TABLE_BYTES = 64 * 1024**2
PICTURE_BYTES = 32 * 1024**2
ANIMATION_BYTES = 256 * 1024**2
WEIGHTS_BYTES = 8 * 1024**3

_KINDS = {
    stat.S_IFLNK: "a link, which GANray does not follow",
    stat.S_IFDIR: "a folder, not a file",
    stat.S_IFIFO: "a pipe, not a file",
    stat.S_IFCHR: "a device, not a file",
    stat.S_IFBLK: "a device, not a file",
    stat.S_IFSOCK: "a socket, not a file",
}
_UNITS = ((1024**3, "GB"), (1024**2, "MB"), (1024, "kB"))
_DEVICES = {"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(10))}


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the target's folder; the file written there replaces `path` on a clean exit.

    Raises:
        UserError: no space or no permission; `path` is unchanged.
    """
    with readable_os_errors(path):
        temporary, mode = _temporary(path)
        try:
            yield temporary
            temporary.chmod(mode)  # a library may have written a file of its own there
            sync_file(temporary)
            temporary.replace(path)
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def _temporary(path: Path) -> tuple[Path, int]:
    """Make an empty temporary file beside a path; return it and its permissions, which the umask decides."""
    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            continue
        mode = stat.S_IMODE(os.fstat(handle).st_mode)
        os.close(handle)
        return temporary, mode


def temporary_folder(path: Path) -> Path:
    """Make an empty folder beside `path`, to be filled and renamed to it; the umask decides who may read it."""
    while True:
        folder = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        with contextlib.suppress(FileExistsError):
            folder.mkdir(0o755)
            return folder


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` with `content` atomically.

    Raises:
        UserError: as `replacing`.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Replace `path` with `content` (UTF-8, newlines as given) atomically.

    Raises:
        UserError: as `replacing`.
    """
    write_bytes(path, content.encode())


def append_bytes(path: Path, content: bytes) -> None:
    """Append in one write, so that a reader never sees a partial line.

    Raises:
        UserError: no space or no permission; the file is unchanged.
    """
    with readable_os_errors(path):
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        # Not through a link, and not into a pipe, which would be waited for.
        handle = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), 0o644)
        try:
            _check_regular(path, os.fstat(handle))
            start = os.fstat(handle).st_size
            try:
                written = os.write(handle, content)
                if written != len(content):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError:
                os.ftruncate(handle, start)  # after the next append, a partial line would be read as a row
                raise
        finally:
            os.close(handle)


def replace_end(path: Path, start: int, content: bytes, before: bytes) -> None:
    """Write what follows the first `start` bytes of a file anew, in one write.

    before: what stood there, which is written back if there is no space.

    Raises:
        UserError: no space or no permission; the file is unchanged.
    """
    with readable_os_errors(path):
        flags = os.O_WRONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        handle = os.open(path, flags)
        try:
            _check_regular(path, os.fstat(handle))
            os.lseek(handle, start, os.SEEK_SET)
            try:
                if os.write(handle, content) != len(content):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.ftruncate(handle, start + len(content))
            except OSError:
                os.lseek(handle, start, os.SEEK_SET)
                os.write(handle, before)  # its blocks are there
                os.ftruncate(handle, start + len(before))
                raise
        finally:
            os.close(handle)


def expanded(text: str | Path) -> Path:
    """Return a path with the home folder in place of ~; the home of a user who does not exist is no error here."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def open_regular(path: Path, most: int) -> BufferedReader:
    """Open a file of a run folder for reading, as binary.

    most: its largest size in bytes.

    Raises:
        OSError: the file is missing or cannot be read; it is no regular file, but a link, a pipe or a device; or it is
            larger than `most`. `strerror` says which, for people.
    """
    _check_regular(path, path.lstat())  # opening a device may already do something
    # The file may be replaced meanwhile. O_NONBLOCK: a pipe without a writer would be waited for.
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    handle = os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
    try:
        found = os.fstat(handle)
        _check_regular(path, found)
        if found.st_size > most:
            raise OSError(errno.EFBIG, f"it has {_size(found.st_size)}, more than the {_size(most)} allowed", str(path))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: Path, most: int) -> bytes:
    """Return the content of a file of a run folder. Raises OSError: as `open_regular`."""
    with open_regular(path, most) as file:
        content = file.read(most + 1)  # it may grow while it is read
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it has more than the {_size(most)} allowed", str(path))
    return content


def is_regular(path: Path) -> bool:
    """Return whether the path is a file, and neither a link nor a pipe nor a device."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def link_below(folder: Path) -> Path | None:
    """Return the first link below a folder, in order of the names; None if there is none."""
    for place, folders, names in os.walk(folder):
        for name in sorted((*folders, *names)):
            if (path := Path(place) / name).is_symlink():
                return path
    return None


def _check_regular(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "no regular file")
        raise OSError(errno.EINVAL, f"it is {kind}", str(path))


def _size(count: int) -> str:
    return next((f"{count / unit:.3g} {name}" for unit, name in _UNITS if count >= unit), f"{count} bytes")


def cache_folder(given: Path | None = None) -> Path:
    """The folder for files that can be rebuilt: `given`, else GANRAY_CACHE, else the system's cache folder."""
    chosen = given or os.environ.get("GANRAY_CACHE")
    if chosen:
        return Path(chosen).expanduser().resolve()
    return platformdirs.user_cache_path("ganray", appauthor=False)


def is_device(name: str) -> bool:
    """Whether Windows reserves this name for a device, in every folder and with any suffix."""
    return name.split(".")[0].lower() in _DEVICES


def leftovers(folder: Path) -> list[Path]:
    """Temporary files that killed processes left below a folder: those of `replacing` and of safetensors."""
    return [*folder.rglob(".*.tmp"), *folder.rglob(".tmp*")]


def sync_file(path: Path) -> None:
    """Make a file's content survive a power cut."""
    handle = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0))
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut; does nothing on Windows, which cannot open a folder."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def readable_os_errors(path: Path) -> Iterator[None]:
    """Turn an OSError (full disk, missing permission, broken disk) into a one-line UserError that names `path`."""
    try:
        yield
    except OSError as error:
        reasons = {
            errno.ENOSPC: "the disk is full: free some space, then resume",
            errno.EDQUOT: "the disk quota is used up: free some space, then resume",
            errno.EFBIG: "the file would exceed the size limit (ulimit -f): raise the limit, then resume",
            errno.EACCES: "no permission to write there: choose another folder or change its permissions",
            errno.EPERM: "no permission to write there: choose another folder or change its permissions",
            errno.ELOOP: "it is a link: move the file itself there",
            errno.EROFS: "the file system is read-only: choose another folder",
            errno.ENOENT: "its folder is gone: it was deleted or moved meanwhile",
        }
        reason = reasons.get(error.errno or 0) or error.strerror or str(error)
        raise UserError(f"cannot write {path}: {reason}") from error
