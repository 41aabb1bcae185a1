"""Renaming and deleting run folders: only the user's own, never one that is being trained, and never through a link.

A deleted run first gets a hidden name, under which nothing takes it for a run, and is then removed. What a killed
process leaves is removed by the next call, see `sweep`; a run that was about to be replaced is brought back. Notes and
tags of a run follow its name and go with it.
"""

import contextlib
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from gan_core import files
from gan_core.errors import UserError
from gan_core.runs import lock as locks
from gan_core.runs import notes, remote
from gan_core.runs.lock import RunLock
from gan_core.runs.notes import Notes
from gan_core.runs.run import CONFIG, EVALUATIONS, Run, check_name, link_on_the_way

_DELETED = re.compile(r"\..+\.[0-9a-f]{8}\.deleted")  # names of run folders that are being deleted
_IMPORTING = re.compile(r"\..+\.[0-9a-f]{8}\.importing")  # folders in which a run is made
_REPLACED = re.compile(r"\.(.+)\.replaced")  # runs that another one takes the place of
_YOUNG = 60.0  # seconds: a folder that is just being made has no lock yet


def check_own(run: Run, root: Path) -> None:
    """Check that a run below `root` is the user's own: that it may be renamed and deleted here.

    Raises:
        UserError: it is a shipped run, a link, in remote storage or in another folder of runs, or is being trained.
    """
    if run.reference:
        raise UserError(f"run '{run.name}' is a reference run and stays as it is: only your own can be changed")
    if remote.place_of(root):
        raise UserError(
            f"run '{run.name}' lies in {remote.shown(root)}: rename or delete it there, with the tools of that storage"
        )
    if run.folder.is_symlink():
        raise UserError(f"run '{run.name}' is a link to a run elsewhere: change the run there, or remove the link")
    if run.folder.parent.resolve() != root.resolve():
        raise UserError(f"run '{run.name}' does not lie in {root}: name its folder of runs with --runs")
    if run.status().state == "running":
        raise UserError(f"run '{run.name}' is being trained: stop that first")


def rename(run: Run, name: str, root: Path) -> Run:
    """Give a run below `root` another name, and its notes with it; return it.

    Raises:
        UserError: the name is invalid or taken, there is a link in the run, or it is not the user's own: see
            `check_own`.
    """
    check_own(run, root)
    run.check_writable()
    target = root / check_name(name)
    with _held(run):
        if os.path.lexists(target):
            raise UserError(f"run '{name}' exists already: choose another name")
        digest = notes.digest(run.folder)
        with files.readable_os_errors(run.folder):
            run.folder.rename(target)
            files.sync_folder(root)
    # There may be one if the run folder could only be read for a while.
    if (own := root / EVALUATIONS / run.name).is_dir() and not link_on_the_way(own):
        with files.readable_os_errors(own):
            own.rename(own.with_name(name))
    try:
        Notes(root).move(run.name, name, digest)
    except UserError as error:
        raise UserError(f"run '{run.name}' is now '{name}', but its notes kept the old name: {error}") from error
    return Run(target, root)


def delete(run: Run, root: Path) -> None:
    """Delete a run below `root`, with its notes. Links in it are removed, and what they lead to stays.

    Raises:
        UserError: the run is not the user's own, see `check_own`, or it cannot be removed completely.
    """
    check_own(run, root)
    sweep(root)
    hidden = root / f".{run.folder.name}.{secrets.token_hex(4)}.deleted"
    if (file := run.folder / locks.FILE).is_symlink():
        with files.readable_os_errors(file):
            file.unlink()  # the lock would be taken on what it leads to
    with _held(run):
        digest = notes.digest(run.folder)
        with files.readable_os_errors(run.folder):
            run.folder.rename(hidden)
            files.sync_folder(root)
    with files.readable_os_errors(hidden):
        _remove(hidden)
    if (own := root / EVALUATIONS / run.name).is_dir() and not link_on_the_way(own):
        shutil.rmtree(own, ignore_errors=True)
    try:
        Notes(root).forget(run.name, digest)
    except UserError as error:
        raise UserError(f"run '{run.name}' is deleted, but its notes are still there: {error}") from error


def delete_evaluation(run: Run) -> Path:
    """Delete the evaluation of a run and return its path; of a run that is only read, the user's own.

    The shipped evaluation of a reference run then counts again.

    Raises:
        UserError: there is none, there is a link in the run, or it cannot be removed.
    """
    path = run.evaluation
    if run.own_evaluation and not run.evaluated_here:
        raise UserError(f"run '{run.name}' has no evaluation of your own: there is nothing to delete")
    if not files.is_regular(path):
        raise UserError(f"run '{run.name}' has no evaluation: there is nothing to delete")
    if run.own_evaluation is None:
        run.check_writable()
    with files.readable_os_errors(path):
        path.unlink()
    return path


def importing_name(name: str, token: str) -> str:
    """Return the hidden name of the folder in which a run is made; token: eight hexadecimal digits."""
    return f".{name}.{token}.importing"


def replaced_name(name: str) -> str:
    """Return the hidden name of a run while another one takes its place."""
    return f".{name}.replaced"


def sweep(root: Path) -> None:
    """Remove what interrupted deletions and imports left below `root`; what cannot be removed stays hidden.

    A run that was to be replaced is brought back if none is at its place.
    """
    try:
        found = [entry for entry in os.scandir(root) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return
    for entry in found:
        with contextlib.suppress(OSError):
            if _DELETED.fullmatch(entry.name):
                _remove(Path(entry.path))
            elif _IMPORTING.fullmatch(entry.name):
                if time.time() - entry.stat().st_mtime > _YOUNG:
                    _settle(Path(entry.path), None)
            elif match := _REPLACED.fullmatch(entry.name):
                _settle(Path(entry.path), root / match[1])


def _settle(hidden: Path, place: Path | None) -> None:
    """Move what an interrupted import left to its place if that is free, or remove it, unless an import still works.

    Raises:
        OSError: it cannot be moved or removed.
    """
    lock = RunLock(hidden)
    if not lock.acquire():
        return
    try:
        if sys.platform == "win32":
            lock.release()  # a folder with an open file in it cannot be renamed there
        if place and not os.path.lexists(place) and files.is_regular(hidden / CONFIG):
            hidden.rename(place)
        else:
            _remove(hidden)
    finally:
        lock.release()


def size(run: Run) -> tuple[int, int]:
    """Return how many files a run folder holds, and their bytes; links count as themselves."""
    count = total = 0
    for place, _, names in os.walk(run.folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118
            except OSError:
                continue  # deleted meanwhile
            count += 1
    return count, total


@contextmanager
def _held(run: Run) -> Iterator[None]:
    """Hold the lock of a run, so that no training starts meanwhile."""
    lock = RunLock(run.folder)
    with files.readable_os_errors(run.folder):
        if not lock.acquire():
            raise UserError(f"run '{run.name}' is being trained: stop that first")
    try:
        if sys.platform == "win32":
            lock.release()  # a folder with an open file in it cannot be renamed there
        yield
    finally:
        lock.release()


def _remove(folder: Path) -> None:
    """Remove a folder; config.json goes first, so that no program takes the rest for a run.

    Raises:
        OSError: something in it cannot be removed.
    """
    (folder / CONFIG).unlink(missing_ok=True)
    # rmtree removes links as links, and another process may sweep the same folder.
    shutil.rmtree(folder, onerror=_unless_gone)


def _unless_gone(
    _: object, path: str, error: tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]
) -> None:
    if error[1] is not None and not isinstance(error[1], FileNotFoundError):
        raise error[1]
