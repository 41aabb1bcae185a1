"""The lock of a run folder: which process trains the run. The system releases it when that process ends.

Two locks are one: a lock on the folder itself, which is there as long as the run is, and a lock on the file `.lock` in
it. The file serves where a folder cannot be locked: on Windows, where a locked file cannot be deleted either, and on
some network disks.
"""

import contextlib
import os
import stat
import sys
import time
from pathlib import Path

import filelock
import psutil

if sys.platform != "win32":
    import fcntl

FILE = ".lock"
_PROC = Path("/proc")  # of Linux
_PATIENCE = 0.2  # seconds: a reader holds the lock for an instant while it looks, see `is_held`


class RunLock:
    """The lock of a run folder, for the one process that writes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = filelock.FileLock(folder / FILE)
        self._handle: int | None = None

    def acquire(self) -> bool:
        """Take the lock, with a wait of a fraction of a second; return whether it was free.

        Raises:
            OSError: the folder cannot be read, or the file cannot be made.
        """
        if not self._acquire_folder():
            return False
        try:
            self._file.acquire(timeout=_PATIENCE, poll_interval=_PATIENCE / 20)
        except filelock.Timeout:
            self._release_folder()
            return False
        except BaseException:
            self._release_folder()
            raise
        return True

    def release(self) -> None:
        self._file.release()
        self._release_folder()

    def _acquire_folder(self) -> bool:
        if sys.platform == "win32":
            return True
        handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._handle = handle
                return True
            except BlockingIOError:
                if time.monotonic() > end:
                    os.close(handle)
                    return False
                time.sleep(_PATIENCE / 20)
            except OSError:  # this file system does not lock folders
                os.close(handle)
                return True

    def _release_folder(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def is_held(folder: Path) -> bool:
    """Return whether any process holds the lock of a run folder; False where this cannot be told (Windows)."""
    if sys.platform == "win32":
        return False
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    for path, more in ((folder, os.O_DIRECTORY), (folder / FILE, 0)):
        with contextlib.suppress(OSError):
            handle = os.open(path, flags | more)
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            finally:
                os.close(handle)
    return False


def is_held_by(folder: Path, process: int) -> bool:
    """Return whether this process holds the lock of a run folder, whatever status.json says of it.

    Raises:
        PermissionError: the process belongs to another user, and the system does not tell.
    """
    if (_PROC / "self" / "fdinfo").is_dir():
        return _holds(process, _marks(folder))
    try:
        opened = psutil.Process(process).open_files()
    except (psutil.NoSuchProcess, ValueError, OverflowError):
        return False
    except psutil.AccessDenied:
        raise PermissionError from None
    own = (folder / FILE).resolve()
    return (sys.platform == "win32" or is_held(folder)) and any(Path(file.path) == own for file in opened)


def _marks(folder: Path) -> set[tuple[int, int]]:
    """Return the device and inode of the folder and of its lock file, unless that is another file by a second name."""
    marks = set()
    for path in (folder, folder / FILE):
        with contextlib.suppress(OSError):
            found = path.lstat()
            if stat.S_ISDIR(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1):
                marks.add((found.st_dev, found.st_ino))
    return marks


def _holds(process: int, marks: set[tuple[int, int]]) -> bool:
    """Return whether a process has locked one of the files for itself alone, as Linux tells of its open files."""
    proc = _PROC / str(process)
    try:
        handles = [entry.name for entry in (proc / "fd").iterdir()]
    except (FileNotFoundError, ProcessLookupError):
        return False
    for handle in handles:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found = (proc / "fd" / handle).stat()
            if (found.st_dev, found.st_ino) in marks:
                locks = [line.split() for line in (proc / "fdinfo" / handle).read_text().splitlines()]
                if any(words[:1] == ["lock:"] and {"FLOCK", "WRITE"} <= set(words) for words in locks):
                    return True
    return False
