"""Reading of run folders for the pages, cached for all sessions. Only new rows of tables are read.

Every reader tolerates a deleted folder, a half-written line and a missing image: it returns less and never raises.
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
from gan_core import config, files, images, runs
from gan_core.config import BASELINE, Origin, RunConfig
from gan_core.errors import UserError
from gan_core.evaluation import results
from gan_core.evaluation.results import Evaluation
from gan_core.families import registry
from gan_core.family_traits import FamilyTraits
from gan_core.runs import Run, Status, remote

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

METRICS, EPOCHS = runs.METRICS, runs.EPOCHS
FIRST = ("reference/gan", "reference/dcgan", "reference/cgan", "reference/bigan")  # the runs chosen by default
ACCURACY = ("accuracy/d_real", "accuracy/d_fake")
SCORES = ("real", "held_out", "generated")
SCORE_EDGES = np.linspace(-10, 10, 41)  # edges of the histograms' 40 bins; the outer bins hold all scores beyond
PICTURES = "folder"  # kind of an origin: pictures that `evaluate --generated` measured
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class SheetLayout:
    """The layout of a translator's sheet: two directions, (source, target) each, and three pictures per direction."""

    ways: tuple[tuple[str, str], tuple[str, str]]
    pictures: tuple[str, str, str]


class LruCache(Generic[K, V]):
    """A thread-safe cache of the `most` values used last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return the cached value of `key`, or make and cache it."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            # Two sessions may have made it at once: both use the first.
            value = self._values.setdefault(key, value)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return value


@dataclass(frozen=True)
class Entry:
    """A run as the pages display it. If its config cannot be read, `config` is None and `problem` says why."""

    run: Run
    status: Status
    config: RunConfig | None
    problem: str | None = None
    scale: float = 1.0  # what its sheets count, for each unit of the page's axis: see library/units.py

    @cached_property
    def traits(self) -> FamilyTraits:
        """Return the traits of the run's family: its abilities and the meaning of its columns."""
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
        """Return the name without the folder of the reference runs."""
        return self.name.removeprefix(f"{runs.REFERENCE}/")

    @property
    def family(self) -> str:
        return self.config.family if self.config else ""

    @property
    def running(self) -> bool:
        return self.status.state == "running"

    @property
    def title(self) -> str:
        """Return one line about the preset, or about where the run comes from."""
        if self.config is None:
            return ""
        return coming_from(self.config) if self.config.origin else about(self.config.preset)

    @property
    def origin(self) -> Origin | None:
        """Return where a run comes from that GANray did not train; None for others."""
        return self.config.origin if self.config else None

    @property
    def only_pictures(self) -> bool:
        """Whether it is no training: pictures of a folder that were measured."""
        return self.origin is not None and self.origin.kind == PICTURES

    @property
    def unit(self) -> str:
        """Return what the numbers of its sheets count: "epoch" or "step"."""
        return self.origin.counts if self.origin else "epoch"

    @cached_property
    def reached(self) -> int:
        """Return the last epoch or step so far: see `Run.reached`."""
        return self.run.reached(self.status, self.origin)

    @property
    def weights_epoch(self) -> int:
        """Return the last epoch or step of its weights, which may be those of an earlier preview."""
        return self.run.weights_epoch(self.status, self.config) if self.config else self.reached

    @property
    def kept_earlier(self) -> int | None:
        """Return the epoch of its weights if a preview chose them and training went on after it; else None."""
        kept = self.config.kept if self.config else None
        return kept.epoch if kept and kept.which == "best" and kept.epoch < self.reached else None

    @property
    def chosen(self) -> str:
        """Return a sentence on the weights if a preview chose them; "" if they are the last ones."""
        kept = self.config.kept if self.config else None
        if kept is None or kept.which != "best":
            return ""
        doubt = f" A doubt about these distances: {kept.note}." if kept.note else ""
        how = f" by the features of the shipped classifier {kept.extractor}" if kept.extractor else ""
        images = f" against {kept.against} images" if kept.against else ""
        is_later = self.kept_earlier is not None and files.is_regular(self.run.discriminator)
        later = " Its discriminator is that of the last epoch." if is_later else ""
        return f"Its weights are those of epoch {kept.epoch}, the best preview{how}{images}.{later}{doubt}"

    @property
    def end(self) -> int:
        """Return the last epoch or step: planned, or reached where no plan is known or the run has ended before it."""
        planned = self.config.epochs if self.config and self.status.state != "finished" else 0
        return planned or max((self.reached, *self.sheets))

    @property
    def progress(self) -> str:
        """Return how far it is in words: "12 of 40", "step 3000 of 9000"; without the end where that is not known."""
        if self.only_pictures:
            return "–"
        planned = self.config.epochs if self.config else 0
        done = f"{self.reached} of {planned}" if planned else str(self.reached)
        return f"step {done}" if self.unit == "step" else done

    def place(self, number: float) -> float:
        """Return the place of one of its own numbers on the page's axis."""
        return number if self.scale == 1 else number / self.scale

    @property
    def task(self) -> str:
        """Return the run's task, "translate" or that of its family. Losses of different tasks are not comparable."""
        return "translate" if self.domains else self.traits.task

    @property
    def domains(self) -> tuple[str, str] | None:
        """Return the two domains of a translator; None for other runs."""
        named = self.config.domains if self.config else ()
        return (named[0], named[1]) if len(named) == 2 else None

    @property
    def targets(self) -> tuple[str, ...]:
        """Return the target domains of a translator; empty for other runs."""
        return registry.targets(self.config) if self.config else ()

    @property
    def sheet(self) -> SheetLayout | None:
        """Return the layout of a translator's sheet; None for other runs."""
        if self.config is None or self.domains is None:
            return None
        a, b = self.domains
        if self.traits.one_way:
            return SheetLayout(((a, b), (b, b)), ("input", "translated", "change"))
        return SheetLayout(((a, b), (b, a)), ("input", "translated", "truth" if self.traits.paired else "back"))

    @property
    def objective(self) -> str:
        """Return the objective of the run's losses: see gan_core.objectives."""
        return self.traits.objective

    @property
    def boundary(self) -> float:
        """Return the score (logit) above which the discriminator classifies an image as real."""
        return self.traits.objective_info.boundary or 0.0

    @property
    def light(self) -> bool:
        """Whether the run keeps only its numbers: it is finished and has neither sheets nor weights."""
        return self.status.state == "finished" and not self.sheets and not files.is_regular(self.run.weights)

    @property
    def seed(self) -> int | None:
        """Return the seed of its training; None where nobody knows it."""
        return self.config.known_seed if self.config else None

    @property
    def recipe(self) -> Hashable:
        """Return a key that runs share if they differ only in their seed and their progress."""
        return self.config.recipe if self.config else self.name

    @property
    def private(self) -> bool:
        """Whether the run's sheets contain real images: they stay on this machine and cannot be downloaded."""
        return not self.run.samples() and bool(self.run.private_samples())

    @property
    def sheets(self) -> dict[int, Path]:
        """Return epoch -> sample grid, in order; the private grids (real inputs) if there are no others."""
        return self.run.samples() or self.run.private_samples()

    @property
    def gif(self) -> Path | None:
        """Return the path of the animation of the sheets; None if it was not written."""
        return self.run.private_gif if self.private else self.run.gif


class Library:
    """The runs below one root. One object serves all sessions."""

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
        """Return every run, including unreadable ones: the reference runs first, then the newest first."""
        return [self.entry(run) for run in runs.list_runs(self.root)]

    def readable(self) -> list[Entry]:
        return [entry for entry in self.entries() if entry.config]

    def find(self, name: str) -> Entry | None:
        """Return the run of that name. It is looked up in the list, so a name from a URL cannot open another folder."""
        return next((self.entry(run) for run in runs.list_runs(self.root) if run.name == name), None)

    def entry(self, run: Run) -> Entry:
        """Return a run as the pages display it; it may lie elsewhere."""
        try:
            stat = (run.folder / runs.CONFIG).lstat()
        except OSError:
            return Entry(run, run.status(), None, "its folder was deleted")
        config = self._configs.get((run.folder, stat.st_mtime_ns, stat.st_size), lambda: _config(run))
        if isinstance(config, str):
            return Entry(run, self._status(run), None, config.replace(f"{run.folder}/", ""))
        return Entry(run, self._status(run), config)

    def _status(self, run: Run) -> Status:
        """Return the status of a run, cached until its file is replaced.

        A running run is always read again, because its process may have ended.
        """
        try:
            stat = (run.folder / runs.STATUS).lstat()
        except OSError:
            return run.status()
        key = run.folder, stat.st_ino, stat.st_mtime_ns, stat.st_size
        status = self._statuses.get(key, run.status)
        return run.status() if status.state == "running" else status

    def table(self, entry: Entry, name: str) -> FollowedTable:
        """Return a table of a run after polling it."""
        path = entry.run.folder / name
        followed = self._tables.get(path, lambda: FollowedTable(path))
        followed.poll()
        return followed

    def curve(self, entry: Entry, columns: tuple[str, ...], smoothing: float, table: str = runs.METRICS) -> Curve:
        """Return the mean of the columns against the epoch; EMPTY if the run lacks one of them."""
        return self.table(entry, table).curve(columns, "epoch", smoothing)

    def previews(self, entry: Entry) -> list[int]:
        """Return the epochs that have a sample grid, in order."""
        return list(entry.sheets)

    def picture(self, path: Path | None) -> bytes | None:
        """Return the bytes of a PNG file; None if it is missing or incomplete."""
        try:
            stat = path.lstat() if path else None
        except OSError:
            return None
        if path is None or stat is None:
            return None
        return self._pictures.get((path, stat.st_mtime_ns, stat.st_size), lambda: _png(path))

    def evaluation(self, entry: Entry) -> Evaluation | str | None:
        """Return the evaluation of a run; a sentence if it cannot be read, None if the run was not evaluated."""
        path = entry.run.evaluation
        try:
            stat = path.lstat()
        except OSError:
            return None
        return self._evaluations.get((path, stat.st_mtime_ns, stat.st_size), lambda: _evaluation(path))

    def histograms(self, entry: Entry, epoch: int) -> dict[str, np.ndarray]:
        """Return the histogram counts (40,) of the discriminator's scores at a preview, by the kinds in SCORES."""
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
    """Return the runs of the program's root (GANRAY_RUNS)."""
    return _library(str(runs.default_root().resolve()))


def nearest(epochs: list[int], wanted: int) -> int | None:
    """Return the epoch closest to the wanted one, the earlier if two are equally close; None for an empty list."""
    return min(epochs, key=lambda epoch: (abs(epoch - wanted), epoch), default=None)


def about(preset: str) -> str:
    """Return one line about a preset; "" if this version does not have it."""
    known = registry.presets().get(preset)
    plain_version = " The baseline that comparisons start from." if preset.endswith(BASELINE) else ""
    return f"{summary(known.title)}{plain_version}" if known else ""


def coming_from(config: RunConfig) -> str:
    """Return one line about the origin of a run that GANray did not train."""
    origin = config.origin
    assert origin is not None
    place = f", from {origin.place}" if origin.place and origin.kind != PICTURES else ""
    notes = "".join(f" {note.rstrip('.')}." for note in origin.notes)
    word = origin_word(origin)
    what = origin.place if origin.kind == PICTURES else origin.program or config.preset
    return f"{word[:1].upper()}{word[1:]}: {what}{place}.{notes}"


def origin_word(origin: Origin) -> str:
    """Return "recorded", "pictures of a folder", or "imported from ..."."""
    if origin.kind == PICTURES:
        return "pictures of a folder"
    return "recorded" if origin.kind == "recorded" else f"imported from {origin.kind}"


def summary(title: str) -> str:
    """Return a family's title as a sentence, without the name before the colon and the citations in brackets."""
    words = re.sub(r"\s*\([^()]*(\)|$)", "", title.partition(": ")[2] or title).strip(" .")
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def duration(seconds: float | None) -> str:
    """Return a duration as text in s, min or h; "" if unknown or negative."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return ""
    if seconds < 0.5:
        return "under 1 s"
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
        return f"{path.name} is damaged: it contains NaN or infinity"
    return found


def whole_gif(path: Path) -> bool:
    """Whether a file is a complete GIF, by its first and last bytes."""
    try:
        with files.open_regular(path, files.ANIMATION_BYTES) as file:
            first = file.read(6)
            file.seek(-1, os.SEEK_END)
            return first in (b"GIF87a", b"GIF89a") and file.read(1) == b";"
    except OSError:
        return False


def _png(path: Path) -> bytes | None:
    try:
        content = files.read_regular(path, files.PICTURE_BYTES)
    except OSError:
        return None
    # A PNG ends with its IEND chunk. Without it the file is still being copied.
    if not content.startswith(PNG) or b"IEND" not in content[-12:] or len(content) < 24:
        return None
    width, height = (int.from_bytes(content[place : place + 4], "big") for place in (16, 20))
    return content if width * height <= images.MOST else None  # a page would unpack it
