"""Folders of this process alone, for files that may show patients: they do not outlive the app.

Each is made under a name that nobody can guess, for its user alone: any user could have put another one under a name
that can be. The server removes them when it ends. A killed app cannot, so the next one that starts does.
"""

import atexit
import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

import psutil

KEPT_SECONDS = 1800  # lifetime of what a visitor uploads or receives; as often the app looks for older files
UPLOADS, RESULTS = "ganray-uploads", "ganray-results"
_made: set[Path] = set()


def make(prefix: str, base: Path | None = None) -> Path:
    """Make and return the folder PREFIX-PROCESS-RANDOM in `base`, None for the system's folder for temporary files.

    What ended processes of this user left is removed.
    """
    remove_left()
    made = Path(tempfile.mkdtemp(prefix=f"{prefix}-{os.getpid()}-", dir=base)).resolve()
    _made.add(made)
    return made


def is_own(path: Path) -> bool:
    """Return whether this process made the folder."""
    return path.resolve() in _made and _process(path) == os.getpid()


@atexit.register
def remove_own() -> None:
    """Remove the folders of this process."""
    for path in [path for path in _made if is_own(path)]:  # a fork has those of its parent too
        shutil.rmtree(path, ignore_errors=True)
        _made.discard(path)
        if os.environ.get("GRADIO_TEMP_DIR") == str(path):  # another one is made where this one lay
            del os.environ["GRADIO_TEMP_DIR"]
            if path.parent != Path(tempfile.gettempdir()).resolve():
                os.environ["GRADIO_TEMP_DIR"] = str(path.parent)


def remove_left() -> None:
    """Remove the folders that ended processes of this user left, also below GRADIO_TEMP_DIR."""
    given = os.environ.get("GRADIO_TEMP_DIR")
    for base in {Path(tempfile.gettempdir()), *([Path(given)] if given else [])}:
        for path in (*base.glob(f"{UPLOADS}-*-*"), *base.glob(f"{RESULTS}-*-*")):
            with contextlib.suppress(OSError):
                found = path.lstat()
                ours = stat.S_ISDIR(found.st_mode) and (not hasattr(os, "getuid") or found.st_uid == os.getuid())
                if ours and _is_left(path):
                    shutil.rmtree(path, ignore_errors=True)


def _is_left(path: Path) -> bool:
    number = _process(path)
    if number == os.getpid():  # in a container each app has the number of the one before
        return not is_own(path)
    return number is not None and not psutil.pid_exists(number)


def _process(path: Path) -> int | None:
    """Return the number of the process in the name of its folder."""
    number = path.name.split("-")[2]
    return int(number) if number.isdecimal() and len(number) < 12 else None
