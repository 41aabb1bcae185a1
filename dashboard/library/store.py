"""What the pages read of the run folders, cached for all sessions and read only as far as it is new.

Every reader copes with a folder that vanishes, a half-written line or a missing picture: it returns less, never raises.
"""

import json
import math
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import streamlit as st

from dashboard.library.curves import Curve, FollowedTable
from gan_core import config, runs
from gan_core.config import BASELINE, RunConfig
from gan_core.errors import UserError
from gan_core.evaluation import results
from gan_core.evaluation.results import Evaluation
from gan_core.families import registry
from gan_core.runs import Run, Status, remote
from gan_core.traits import FamilyTraits

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

METRICS, EPOCHS = runs.METRICS, runs.EPOCHS
FIRST = ("reference/gan", "reference/dcgan", "reference/cgan", "reference/bigan")  # what a page begins with
ACCURACY = ("accuracy/d_real", "accuracy/d_fake")
SCORES = ("real", "held_out", "generated")
SCORE_EDGES = np.linspace(-10, 10, 41)  # of the histograms' 40 bins; the outer ones catch all beyond
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class SheetLayout:
    """What the sheet of a translator shows: two ways, (from, to) each, and three pictures of each."""

    ways: tuple[tuple[str, str], tuple[str, str]]
    pictures: tuple[str, str, str]


class LruCache(Generic[K, V]):
    """A small store of the values used last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value of `key`, made if it is not there."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            # Two sessions may have made it at once: both go on with the same one.
            value = self._values.setdefault(key, value)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return value


@dataclass(frozen=True)
class Entry:
    """A run as the pages show it; `config` is missing where it cannot be read, and `problem` says why."""

    run: Run
    status: Status
    config: RunConfig | None
    problem: str | None = None

    @cached_property
    def traits(self) -> FamilyTraits:
        """What the run's family says of itself: what it can do, and what its columns mean."""
        if self.config is None:
            return FamilyTraits()
        if self.config.traits:
            return self.config.traits
        header = self.run.metrics()
        header.poll()
        return registry.traits_of(self.config, header.names)

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def label(self) -> str:
        """The name without the folder of the shipped runs."""
        return self.name.removeprefix(f"{runs.REFERENCE}/")

    @property
    def family(self) -> str:
        return self.config.family if self.config else ""

    @property
    def running(self) -> bool:
        return self.status.state == "running"

    @property
    def title(self) -> str:
        """One line about the preset."""
        return about(self.config.preset) if self.config else ""

    @property
    def task(self) -> str:
        """What the run learns: losses of different tasks are not to be compared."""
        return "translate" if self.domains else self.traits.task

    @property
    def domains(self) -> tuple[str, str] | None:
        """The two classes that a translator goes between; None for other runs."""
        named = self.config.domains if self.config else ()
        return (named[0], named[1]) if len(named) == 2 else None

    @property
    def targets(self) -> tuple[str, ...]:
        """The domains that a translator translates to; empty for other runs."""
        return registry.targets(self.config) if self.config else ()

    @property
    def sheet(self) -> SheetLayout | None:
        """What a translator's sheet shows; None for other runs."""
        if self.config is None or self.domains is None:
            return None
        a, b = self.domains
        if self.traits.one_way:
            return SheetLayout(((a, b), (b, b)), ("input", "translated", "change"))
        return SheetLayout(((a, b), (b, a)), ("input", "translated", "truth" if self.traits.paired else "back"))

    @property
    def objective(self) -> str:
        """The objective that the run's losses belong to: see gan_core.objectives."""
        return self.traits.objective

    @property
    def boundary(self) -> float:
        """The score above which the discriminator takes an image for real."""
        return self.traits.objective_info.boundary or 0.0

    @property
    def light(self) -> bool:
        """Whether only its numbers were kept: a finished run without pictures and weights."""
        return self.status.state == "finished" and not self.sheets and not self.run.weights.is_file()

    @property
    def recipe(self) -> Hashable:
        """The same for runs that differ in nothing but their seed (and in how far they are)."""
        return self.config.recipe if self.config else self.name

    @property
    def private(self) -> bool:
        """Whether what there is to look at shows real images: on this machine only, and nothing to download."""
        return not self.run.samples() and bool(self.run.private_samples())

    @property
    def sheets(self) -> dict[int, Path]:
        """Epoch -> sample grid, in order; those of real inputs where there are no others."""
        return self.run.samples() or self.run.private_samples()

    @property
    def gif(self) -> Path | None:
        """The sheets from first to last epoch, if written."""
        path = self.run.folder / runs.PRIVATE / runs.GIF
        return (path if path.is_file() else None) if self.private else self.run.gif


class Library:
    """The runs below one root. One of it serves all sessions."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._configs: LruCache[tuple[Path, int, int], RunConfig | str] = LruCache(2048)
        self._statuses: LruCache[tuple[Path, int, int, int], Status] = LruCache(2048)
        self._tables: LruCache[Path, FollowedTable] = LruCache(48)
        self._pictures: LruCache[tuple[Path, int, int], bytes | None] = LruCache(128)
        self._evaluations: LruCache[tuple[Path, int, int], Evaluation | str] = LruCache(128)
        if place := remote.place_of(root):
            place.follow()

    def entries(self) -> list[Entry]:
        """Every run there is, the shipped ones first, then the newest first; also those that cannot be read."""
        return [self._entry(run) for run in runs.list_runs(self.root)]

    def readable(self) -> list[Entry]:
        return [entry for entry in self.entries() if entry.config]

    def find(self, name: str) -> Entry | None:
        """The run of that name, looked up in the list: a name from a URL opens nothing else."""
        return next((self._entry(run) for run in runs.list_runs(self.root) if run.name == name), None)

    def _entry(self, run: Run) -> Entry:
        try:
            stat = (run.folder / runs.CONFIG).stat()
        except OSError:
            return Entry(run, run.status(), None, "its folder was deleted")
        config = self._configs.get((run.folder, stat.st_mtime_ns, stat.st_size), lambda: _config(run))
        if isinstance(config, str):
            return Entry(run, self._status(run), None, config.replace(f"{run.folder}/", ""))
        return Entry(run, self._status(run), config)

    def _status(self, run: Run) -> Status:
        """Where a run stands; read again when its file was replaced, and always while its process may end."""
        try:
            stat = (run.folder / runs.STATUS).stat()
        except OSError:
            return run.status()
        key = run.folder, stat.st_ino, stat.st_mtime_ns, stat.st_size
        status = self._statuses.get(key, run.status)
        return run.status() if status.state == "running" else status

    def table(self, entry: Entry, name: str) -> FollowedTable:
        """A table of a run, polled."""
        path = entry.run.folder / name
        followed = self._tables.get(path, lambda: FollowedTable(path))
        followed.poll()
        return followed

    def curve(self, entry: Entry, columns: tuple[str, ...], smoothing: float, table: str = runs.METRICS) -> Curve:
        """A curve over epochs; EMPTY where the run has none of it."""
        return self.table(entry, table).curve(columns, "epoch", smoothing)

    def previews(self, entry: Entry) -> list[int]:
        """The epochs with a sample grid, in order."""
        return list(entry.sheets)

    def picture(self, path: Path | None) -> bytes | None:
        """A PNG file as it is; None if it is missing or only partly there."""
        try:
            stat = path.stat() if path else None
        except OSError:
            return None
        if path is None or stat is None:
            return None
        return self._pictures.get((path, stat.st_mtime_ns, stat.st_size), lambda: _png(path))

    def evaluation(self, entry: Entry) -> Evaluation | str | None:
        """What was measured of a run; a sentence if it cannot be read, None if it was not evaluated."""
        path = entry.run.evaluation
        try:
            stat = path.stat()
        except OSError:
            return None
        return self._evaluations.get((path, stat.st_mtime_ns, stat.st_size), lambda: _evaluation(path))

    def histograms(self, entry: Entry, epoch: int) -> dict[str, np.ndarray]:
        """Counts (40,) of the discriminator's scores for real, held-out and generated images at a preview."""
        row = self.table(entry, runs.EPOCHS).row("epoch", epoch)
        found = {}
        for kind in SCORES:
            try:
                counts = np.array([float(word) for word in str(row.get(f"scores/{kind}", "")).split()])
            except ValueError:
                continue
            if counts.shape == (len(SCORE_EDGES) - 1,):
                found[kind] = counts
        return found


@st.cache_resource(max_entries=4, show_spinner=False)
def _library(root: str) -> Library:
    return Library(Path(root))


def library() -> Library:
    """The runs of this program's own root (GANRAY_RUNS)."""
    return _library(str(runs.default_root().resolve()))


def nearest(epochs: list[int], wanted: int) -> int | None:
    """The epoch of the list that is closest to the wanted one, the earlier of two; None of an empty list."""
    return min(epochs, key=lambda epoch: (abs(epoch - wanted), epoch), default=None)


def about(preset: str) -> str:
    """One line about a preset; empty for one that this version does not have."""
    known = registry.presets().get(preset)
    plain_version = " The baseline that comparisons start from." if preset.endswith(BASELINE) else ""
    return f"{summary(known.title)}{plain_version}" if known else ""


def summary(title: str) -> str:
    """A family's title as a sentence: without its name before the colon and the papers in brackets."""
    words = re.sub(r"\s*\([^()]*(\)|$)", "", title.partition(": ")[2] or title).strip(" .")
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def duration(seconds: float | None) -> str:
    """A length of time in words; empty if unknown."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _config(run: Run) -> RunConfig | str:
    try:
        return run.config()
    except UserError as error:
        return str(error)


def _evaluation(path: Path) -> Evaluation | str:
    try:
        found = results.read(path)
        json.dumps(config.to_dict(found), allow_nan=False)
    except UserError as error:
        return str(error).replace(f"{path.parent}/", "")
    except ValueError:
        return f"{path.name} is damaged: a number in it is not one"
    return found


def whole_gif(path: Path) -> bool:
    """Whether a GIF is there from its first byte to its last."""
    try:
        with path.open("rb") as file:
            first = file.read(6)
            file.seek(-1, os.SEEK_END)
            return first in (b"GIF87a", b"GIF89a") and file.read(1) == b";"
    except OSError:
        return False


def _png(path: Path) -> bytes | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    # A PNG ends with its IEND chunk: without it the file is still being copied.
    return content if content.startswith(PNG) and b"IEND" in content[-12:] else None
