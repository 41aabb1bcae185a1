"""A folder of this process alone, in the system's folder for temporary files, which does not outlive the app.

It is made under a name that nobody can guess, for its user alone: any user could have put another one under a name that
can be. A killed app cannot remove it, so the next one does: what lies there may show patients.
"""

import atexit
import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

import psutil


def make(prefix: str) -> Path:
    """Make and return the folder PREFIX-PROCESS-RANDOM; remove those that ended processes of this user left."""
    _remove_of_dead_processes(prefix)
    made = Path(tempfile.mkdtemp(prefix=f"{prefix}-{os.getpid()}-")).resolve()
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def _remove_of_dead_processes(prefix: str) -> None:
    for path in Path(tempfile.gettempdir()).glob(f"{prefix}-*-*"):
        number = path.name.removeprefix(f"{prefix}-").partition("-")[0]
        with contextlib.suppress(OSError):
            found = path.lstat()
            ours = stat.S_ISDIR(found.st_mode) and (not hasattr(os, "getuid") or found.st_uid == os.getuid())
            if ours and number.isdecimal() and len(number) < 12 and not psutil.pid_exists(int(number)):
                shutil.rmtree(path, ignore_errors=True)
