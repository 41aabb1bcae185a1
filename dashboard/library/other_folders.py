"""Folders among the runs that are none: why they cannot be read, and which import would bring them in."""

import os
import shlex
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from gan_core import importers, runs
from gan_core.errors import UserError

MOST = 20  # folders that are listed


@dataclass(frozen=True)
class OtherFolder:
    """A folder without a run. kind: the importer that would read it, "" if none is known."""

    name: str
    reason: str
    kind: str = ""

    def command(self, root: Path) -> str:
        """Return the command that imports it; "" if no importer is known."""
        if not self.kind:
            return ""
        name = f"{importers.name_of(self.name)}-run"
        return f"ganray import {self.kind} {shlex.quote(str(root / self.name))} --name {name}"


def among(root: Path) -> list[OtherFolder]:
    """Return the folders directly below `root` that hold files and no run, in order of their names.

    Those that `runs.misnamed` lists are left out.
    """
    found = []
    try:
        with os.scandir(root) as entries:
            names = sorted(e.name for e in entries if e.is_dir(follow_symlinks=False) and not e.name.startswith("."))
    except OSError:
        return []
    for name in names:
        folder = root / name
        if name == runs.REFERENCE or not runs.is_utf8(name) or (folder / runs.CONFIG).exists():
            continue
        if not runs.is_taken(root, name):
            continue
        try:
            found.append(_described(folder, folder.stat().st_mtime_ns))
        except OSError:
            continue  # deleted meanwhile
        if len(found) == MOST:
            break
    return found


@lru_cache(maxsize=256)
def _described(folder: Path, _changed: int) -> OtherFolder:
    missing = f"it has no {runs.CONFIG}, so it is no run"
    try:
        guesses = importers.guesses(folder)
        if guesses:
            return OtherFolder(folder.name, f"{missing}; it holds {guesses[0].reason}", guesses[0].kind)
        return OtherFolder(folder.name, f"{missing}. {importers.contents(folder)}")
    except UserError as error:
        return OtherFolder(folder.name, f"{missing}: {error}")
