"""A run that is written under a hidden name, and takes its place among the others when it is complete.

Until then nothing is at its place, or the run that it replaces. So an import that fails, that is killed, or that finds
its name taken meanwhile removes nothing but what it made itself. What a killed one leaves, `managing.sweep` removes or
brings back.
"""

import contextlib
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from gan_core import files
from gan_core.errors import UserError
from gan_core.runs import Run, check_name, find_run, is_taken, managing
from gan_core.runs.lock import RunLock
from gan_core.runs.recorded import RecordedWriter


@contextlib.contextmanager
def workshop(root: Path, name: str, replace: bool) -> Iterator[Path]:
    """Yield a hidden folder of runs below `root`. The run `name` that is written in it takes its place on a clean exit.

    replace: whether it may replace an imported run of that name.

    Raises:
        UserError: the name is taken, also by a run that was made meanwhile, or is no name; or a folder cannot be made.
    """
    managing.sweep(root)
    if is_taken(root, check_name(name)):
        if not replace:
            raise _taken(name)
        # This refuses runs that GANray trained, and one that is being written.
        RecordedWriter.reopen(find_run(name, root)).release()
    hidden = root / managing.importing_name(name, secrets.token_hex(4))
    with files.readable_os_errors(hidden):
        hidden.mkdir(parents=True)
    lock = RunLock(hidden)
    try:
        with files.readable_os_errors(hidden):
            lock.acquire()  # so that nobody sweeps it
        yield hidden
        _place(hidden / name, root, name, replace)
    finally:
        lock.release()
        shutil.rmtree(hidden, ignore_errors=True)


def _place(made: Path, root: Path, name: str, replace: bool) -> None:
    """Move a complete run to its place, and remove the one that it replaces."""
    folder, aside = root / name, root / managing.replaced_name(name)
    with contextlib.ExitStack() as held:
        if there := os.path.lexists(folder):
            _hold(Run(folder, root), replace, held)
            with files.readable_os_errors(folder):
                folder.rename(aside)
        try:
            made.rename(folder)  # fails where a folder with files is there
        except OSError as error:
            if there:
                with contextlib.suppress(OSError):
                    aside.rename(folder)
            if os.path.lexists(folder):
                raise _taken(name) from error
            with files.readable_os_errors(folder):
                raise
        with files.readable_os_errors(root):
            files.sync_folder(root)
    managing.sweep(root)


def _hold(run: Run, replace: bool, held: contextlib.ExitStack) -> None:
    """Hold the lock of what is at a run's place, as long as `held` is open."""
    if is_taken(run.root, run.name):
        if not replace:
            raise _taken(run.name)
        held.callback(RecordedWriter.reopen(run).release)
    else:  # hidden files that a killed program left, or a run that another process is just making
        lock = RunLock(run.folder)
        with files.readable_os_errors(run.folder):
            if not lock.acquire():
                raise _taken(run.name)
        held.callback(lock.release)
    if sys.platform == "win32":
        held.close()  # a folder with an open file in it cannot be renamed there


def _taken(name: str) -> UserError:
    return UserError(f"run '{name}' exists already: choose another --name, or import over it with --replace")
