"""What the browser draws curves and histograms of: numbers in base64, names, colours.

A run is a lane; runs that differ in nothing but their seed may share one, as mean and band.
"""

import base64
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboard.charts import measured_distance, run_metrics
from dashboard.charts.run_metrics import Chart
from dashboard.charts.styles import Style
from dashboard.library import store
from dashboard.library.curves import Curve
from dashboard.library.store import Entry, Library

BAND_POINTS = 400  # of a mean and its band
AXES = {"epoch": "epoch", "step": "step", "seconds": "time", "images": "images seen"}
_COLUMN = {"images": "step"}  # that an axis is read from, where it has another name
Pairs = list[list[str]]


@dataclass(frozen=True)
class Mark:
    """Something that happened in a run: a small sign at the top of the charts of its columns.

    epoch: where it begins; until: where it ends, if it lasts; kind: a word, the same for what is alike; title: what is
    read on it.
    """

    epoch: float
    until: float | None
    kind: str
    title: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Lane:
    """One run, or several of different seeds that are drawn as one."""

    label: str
    style: Style
    members: tuple[Entry, ...]

    @property
    def name(self) -> str:
        return self.members[0].name


def lanes(entries: Sequence[Entry], look: dict[str, Style], together: bool) -> list[Lane]:
    """A lane for each run; with `together` one for all runs that differ in nothing but their seed."""
    groups: dict[Hashable, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.recipe if together else entry.name, []).append(entry)
    found = []
    for group in groups.values():
        if len({entry.config.seed for entry in group if entry.config}) > 1:
            config = group[0].config
            assert config is not None
            found.append(Lane(f"{config.preset}, {len(group)} seeds", look[group[0].name], tuple(group)))
        else:
            found += [Lane(entry.label, look[entry.name], (entry,)) for entry in group]
    return found


def describe(library: Library, lane: Lane, axis: str, notes: Sequence[str] = ()) -> dict[str, Any]:
    """A lane as it stands in the legend, and where the axis is at its epochs."""
    epochs, along = places(library, lane.members[0], axis)
    return {
        "name": lane.name,
        "label": lane.label,
        "note": ", ".join(notes),
        "colour": lane.style.color,
        "dash": lane.style.dash,
        "shape": lane.style.shape,
        "members": [entry.label for entry in lane.members],
        "places": [] if axis == "epoch" else [packed(epochs), packed(along)],
    }


def places(library: Library, entry: Entry, axis: str) -> tuple[np.ndarray, np.ndarray]:
    """Epochs of a run and where it is on the axis at them, float64 (n,) each."""
    epochs, along = library.table(entry, store.METRICS).places(_COLUMN.get(axis, axis))
    return epochs, along * _scale(entry, axis)


def curve(library: Library, entry: Entry, chart: Chart, table: str, axis: str, smoothing: float) -> Curve:
    """A run's curve along the axis."""
    if table == store.METRICS:
        made = library.table(entry, table).curve(chart.columns, _COLUMN.get(axis, axis), smoothing)
        return made.stretched(_scale(entry, axis))
    if table == measured_distance.TABLE:
        made = measured_distance.curve(library, entry, chart)
    else:
        made = library.table(entry, table).curve(chart.columns, "epoch", 0.0)
    if axis == "epoch" or not len(made.x):
        return made
    # A preview has an epoch and a step; when it was drawn, the table of the steps tells.
    epochs, along = places(library, entry, axis)
    if not len(epochs):
        return Curve(*(np.empty(0, np.float32),) * 4, last=made.last)
    x = np.interp(made.x, epochs, along).astype(np.float32)
    return Curve(x, made.y, x, made.y, made.last)


def drawn(
    library: Library, lane: Lane, index: int, chart: Chart, table: str, axis: str, smoothing: float
) -> dict[str, Any] | None:
    """A lane's curve on a chart, `index` of it in the legend; None where it has none."""
    found = [curve(library, entry, chart, table, axis, smoothing) for entry in lane.members]
    found = [one for one in found if len(one.smooth_x)]
    if not found:
        return None
    smooth = bool(smoothing) and table == store.METRICS
    raw: Pairs = [[packed(one.x), packed(one.y)] for one in found] if smooth or len(found) > 1 else []
    if len(found) == 1:
        return {"lane": index, "raw": raw, "x": packed(found[0].smooth_x), "y": packed(found[0].smooth_y)}
    x, mean, low, high = band(found)
    # How many of the seeds have come so far can be told from where each one ends.
    ends = sorted(float(one.smooth_x[-1]) for one in found)
    return {
        "lane": index,
        "raw": raw,
        "x": packed(x),
        "y": packed(mean),
        "low": packed(low),
        "high": packed(high),
        "ends": ends,
    }


def band(found: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(x, mean, lowest, highest) of several smoothed curves, each (n,), of those that have come so far."""
    begin = min(one.smooth_x[0] for one in found)
    end = max(one.smooth_x[-1] for one in found)
    x = np.linspace(begin, end, BAND_POINTS)
    rows = [np.interp(x, one.smooth_x, one.smooth_y, left=np.nan, right=np.nan) for one in found]
    there = np.array(rows)
    kept = np.isfinite(there).any(axis=0)
    there = there[:, kept]
    return x[kept], np.nanmean(there, axis=0), np.nanmin(there, axis=0), np.nanmax(there, axis=0)


def end(entries: Sequence[Entry], axis: str) -> float | None:
    """The last epoch that the runs are to reach, for an axis of epochs; others end where the curves do."""
    if axis != "epoch":
        return None
    return max((float(entry.config.epochs) for entry in entries if entry.config), default=None)


def marked(marks: Sequence[Mark], entry: Entry, chart: Chart, index: int) -> list[dict[str, Any]]:
    """The marks of a run that belong on a chart; index: of its lane."""
    seen = [mark for mark in marks if set(mark.columns) & set(chart.columns)]
    own = {"lane": index, "run": entry.label}
    return [own | {"epoch": mark.epoch, "until": mark.until, "kind": mark.kind, "title": mark.title} for mark in seen]


def scores(library: Library, entry: Entry, style: Style) -> dict[str, Any] | None:
    """Every histogram of a run's discriminator: shares (epochs, 40) of each kind of image; None without any."""
    table = library.table(entry, store.EPOCHS)
    kinds: dict[str, dict[float, np.ndarray]] = {}
    bins = len(store.SCORE_EDGES) - 1
    for kind in store.SCORES:
        for epoch, words in table.texts(f"scores/{kind}").items():
            try:
                counts = np.array([float(word) for word in words.split()])
            except ValueError:
                continue
            if counts.shape == (bins,) and np.isfinite(counts).all() and counts.min() >= 0:
                kinds.setdefault(kind, {})[epoch] = counts / max(counts.sum(), 1)
    epochs = sorted({epoch for found in kinds.values() for epoch in found})
    if not epochs:
        return None
    missing = np.full(bins, np.nan)
    return {
        "name": entry.name,
        "label": entry.label,
        "colour": style.color,
        "epochs": epochs,
        "boundary": entry.boundary,
        "word": "Translated" if entry.domains else "Generated",
        "kinds": {
            kind: packed(np.concatenate([found.get(epoch, missing) for epoch in epochs]))
            for kind, found in kinds.items()
        },
    }


def title(column: str, entries: Sequence[Entry]) -> str:
    """What a column is called, where all runs that have a name for it agree."""
    named = {name for entry in entries if (name := run_metrics.titles(entry).get(column))}
    return named.pop() if len(named) == 1 else column


def packed(values: np.ndarray) -> str:
    """float32, little endian, in base64."""
    return base64.b64encode(np.asarray(values, "<f4").tobytes()).decode()


def _scale(entry: Entry, axis: str) -> float:
    """Images seen are steps times the images of a step."""
    return float(entry.config.batch_size) if axis == "images" and entry.config else 1.0
