"""What the browser draws curves and histograms of: numbers in base64, names, colours, as JSON.

A run is one series; runs that differ in nothing but their seed may share one, as mean and band. The JavaScript that
draws them is components/plots*.js and scores.js, and calls a series a lane.
"""

import base64
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dashboard.charts import measured_distance, run_metrics
from dashboard.charts.run_metrics import Chart
from dashboard.charts.styles import GREY, Style, run_styles
from dashboard.library import store
from dashboard.library.curves import SMOOTHING, Curve
from dashboard.library.store import Entry, Library
from gan_core import metrics

BAND_POINTS = 400  # of a mean and its band
AXIS_LABELS = {"epoch": "epoch", "step": "step", "seconds": "time", "images": "images seen"}
_COLUMN = {"images": "step"}  # that an axis is read from, where it has another name
Pairs = list[list[str]]
NOT_DRAWN = {"step", "epoch", "seconds", "diversity/data"}  # axes, and what is drawn beside another curve


@dataclass(frozen=True)
class EventMarker:
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
class CurveSeries:
    """One run, or several of different seeds that are drawn as one."""

    label: str
    style: Style
    members: tuple[Entry, ...]

    @property
    def name(self) -> str:
        return self.members[0].name


@dataclass(frozen=True)
class CurveView:
    """How the reader wants the curves."""

    axis: str = "epoch"
    smoothing: float = SMOOTHING
    log_x: bool = False
    log_y: bool = False
    clip: bool = True
    multiples: bool = False
    together: bool = True
    wanted: tuple[str, ...] | None = None  # charts; None: the usual ones

    def as_data(self) -> dict[str, Any]:
        names = ("log_x", "log_y", "clip", "multiples")
        return {name: getattr(self, name) for name in names} | {"axis": self.axis, "along": AXIS_LABELS[self.axis]}


def payload(
    library: Library,
    group: Sequence[Entry],
    look: dict[str, Style],
    view: CurveView,
    marks: Mapping[str, Sequence[EventMarker]],
) -> dict[str, Any]:
    """The legend and the charts of the runs of one task, as the browser draws them."""
    all_series = curve_series(group, look, view.together)
    mixed = len({entry.objective for entry in group}) > 1
    made = []
    for chart, table in _charts(library, group, view.wanted):
        known = measured_distance.comparable(library, group) if table == measured_distance.TABLE else group
        for title, runs in run_metrics.split(chart, known):
            names = {entry.name for entry in runs}
            # A series of seeds shows those of them that have what is drawn.
            members = [tuple(entry for entry in series.members if entry.name in names) for series in all_series]
            shown = [(i, replace(all_series[i], members=kept)) for i, kept in enumerate(members) if kept]
            made.append(_chart(library, chart, table, title, group, shown, view, marks))
    return {
        "view": view.as_data(),
        "dense": False,
        "end": last_epoch(group, view.axis),
        "lanes": [legend_entry(library, series, view.axis, _notes(series, mixed)) for series in all_series],
        "charts": made,
    }


def _chart(
    library: Library,
    chart: Chart,
    table: str,
    title: str,
    group: Sequence[Entry],
    shown: Sequence[tuple[int, CurveSeries]],
    view: CurveView,
    marks: Mapping[str, Sequence[EventMarker]],
) -> dict[str, Any]:
    found = [series_payload(library, series, i, chart, table, view.axis, view.smoothing) for i, series in shown]
    pins = [
        pin
        for i, series in shown
        for e in series.members
        for pin in marker_payloads(marks.get(e.name, ()), e, chart, i)
    ]
    return {
        "title": title,
        "meaning": run_metrics.meaning(chart, group),
        "percent": chart.percent,
        "empty": "Nothing is logged yet." if shown else "None of these runs learns by it.",
        "curves": [curve for curve in found if curve],
        "marks": pins,
    }


def _charts(library: Library, group: Sequence[Entry], wanted: tuple[str, ...] | None) -> list[tuple[Chart, str]]:
    """The charts to draw and the table of each."""
    usual = {chart.title: (chart, store.METRICS) for chart in run_metrics.usual(group)}
    if distance := measured_distance.chart(library, group):
        usual[distance.title] = distance, measured_distance.TABLE
    if wanted is None:
        return list(usual.values())
    found = []
    for name in wanted:
        if name in usual:
            found.append(usual[name])
        elif table := _table(library, group, name):
            found.append((of_column(name, group), table))
    return found


def of_column(column: str, entries: Sequence[Entry]) -> Chart:
    """A chart of a single column."""
    metric = run_metrics.metric_of(column, entries) or metrics.of_column(column)
    return Chart(column_title(column, entries), (column,), "", metric.percent, bool(metric.objective))


def _table(library: Library, entries: Sequence[Entry], column: str) -> str:
    """The table that a column is logged in; empty if there is none."""
    for table in (store.METRICS, store.EPOCHS):
        if any(column in library.table(entry, table).numeric() for entry in entries):
            return table
    return ""


def _notes(series: CurveSeries, mixed: bool) -> list[str]:
    """What else tells a run's curves from those of others."""
    entry = series.members[0]
    notes = [" ↔ ".join(entry.domains)] if entry.domains else []
    return notes + ([run_metrics.objective(entry)] if mixed else [])


def run_payload(library: Library, entry: Entry, view: CurveView, marks: Sequence[EventMarker] = ()) -> dict[str, Any]:
    """A chart for each column of a run."""
    style = run_styles([entry])[entry.name]
    series = CurveSeries(entry.label, style, (entry,))
    floor = CurveSeries("the data's", Style(GREY, "dot"), (entry,))
    found = {c: table for table in (store.METRICS, store.EPOCHS) for c in library.table(entry, table).numeric()}
    names = run_metrics.titles(entry)
    columns = [column for column in names if column in found] + sorted(found.keys() - NOT_DRAWN - names.keys())
    made = []
    for column in columns:
        chart, table = of_column(column, [entry]), found[column]
        one = _chart(
            library, chart, table, names.get(column, column), [entry], [(0, series)], view, {entry.name: marks}
        )
        beside = column.replace("/samples", "/data")
        if beside != column and beside in found:
            data = series_payload(library, floor, 1, of_column(beside, [entry]), table, view.axis, 0.0)
            one["curves"] += [data] if data else []
        made.append(one)
    made = [*_distance(library, entry, series, view, marks), *made]
    return {
        "view": view.as_data(),
        "dense": True,
        "end": last_epoch([entry], view.axis),
        "lanes": [legend_entry(library, one, view.axis) for one in (series, floor)],
        "charts": made,
    }


def _distance(
    library: Library, entry: Entry, series: CurveSeries, view: CurveView, marks: Sequence[EventMarker]
) -> Iterator[dict[str, Any]]:
    """The chart of the distance to real images, with what real ones score, where it was measured."""
    chart = measured_distance.chart(library, [entry])
    if chart is None:
        return
    one = _chart(
        library, chart, measured_distance.TABLE, chart.title, [entry], [(0, series)], view, {entry.name: marks}
    )
    score = measured_distance.floor(library, entry, chart)
    if score is not None and one["curves"]:
        x = run_curve(library, entry, chart, measured_distance.TABLE, view.axis, 0.0).x[[0, -1]]
        level = packed(np.full(2, score))
        one["title"] += ", real images dotted"
        one["curves"].append({"lane": 1, "raw": [], "x": packed(x), "y": level})
    yield one


def curve_series(entries: Sequence[Entry], look: dict[str, Style], together: bool) -> list[CurveSeries]:
    """A series for each run; with `together` one for all runs that differ in nothing but their seed."""
    groups: dict[Hashable, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.recipe if together else entry.name, []).append(entry)
    found = []
    for group in groups.values():
        if len({entry.config.seed for entry in group if entry.config}) > 1:
            config = group[0].config
            assert config is not None
            found.append(CurveSeries(f"{config.preset}, {len(group)} seeds", look[group[0].name], tuple(group)))
        else:
            found += [CurveSeries(entry.label, look[entry.name], (entry,)) for entry in group]
    return found


def legend_entry(library: Library, series: CurveSeries, axis: str, notes: Sequence[str] = ()) -> dict[str, Any]:
    """A series as it stands in the legend, and where the axis is at its epochs."""
    epochs, along = axis_positions(library, series.members[0], axis)
    return {
        "name": series.name,
        "label": series.label,
        "note": ", ".join(notes),
        "colour": series.style.color,
        "dash": series.style.dash,
        "shape": series.style.shape,
        "members": [entry.label for entry in series.members],
        "places": [] if axis == "epoch" else [packed(epochs), packed(along)],
    }


def axis_positions(library: Library, entry: Entry, axis: str) -> tuple[np.ndarray, np.ndarray]:
    """Epochs of a run and where it is on the axis at them, float64 (n,) each."""
    epochs, along = library.table(entry, store.METRICS).places(_COLUMN.get(axis, axis))
    return epochs, along * _scale(entry, axis)


def run_curve(library: Library, entry: Entry, chart: Chart, table: str, axis: str, smoothing: float) -> Curve:
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
    epochs, along = axis_positions(library, entry, axis)
    if not len(epochs):
        return Curve(*(np.empty(0, np.float32),) * 4, last=made.last)
    x = np.interp(made.x, epochs, along).astype(np.float32)
    return Curve(x, made.y, x, made.y, made.last)


def series_payload(
    library: Library, series: CurveSeries, index: int, chart: Chart, table: str, axis: str, smoothing: float
) -> dict[str, Any] | None:
    """A series's curve on a chart, `index` of it in the legend; None where it has none."""
    found = [run_curve(library, entry, chart, table, axis, smoothing) for entry in series.members]
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


def last_epoch(entries: Sequence[Entry], axis: str) -> float | None:
    """The last epoch that the runs are to reach, for an axis of epochs; others end where the curves do."""
    if axis != "epoch":
        return None
    return max((float(entry.config.epochs) for entry in entries if entry.config), default=None)


def marker_payloads(marks: Sequence[EventMarker], entry: Entry, chart: Chart, index: int) -> list[dict[str, Any]]:
    """The marks of a run that belong on a chart; index: of its series."""
    seen = [mark for mark in marks if set(mark.columns) & set(chart.columns)]
    own = {"lane": index, "run": entry.label}
    return [own | {"epoch": mark.epoch, "until": mark.until, "kind": mark.kind, "title": mark.title} for mark in seen]


def score_histograms(library: Library, entry: Entry, style: Style) -> dict[str, Any] | None:
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


def column_title(column: str, entries: Sequence[Entry]) -> str:
    """What a column is called, where all runs that have a name for it agree."""
    named = {name for entry in entries if (name := run_metrics.titles(entry).get(column))}
    return named.pop() if len(named) == 1 else column


def packed(values: np.ndarray) -> str:
    """float32, little endian, in base64."""
    return base64.b64encode(np.asarray(values, "<f4").tobytes()).decode()


def _scale(entry: Entry, axis: str) -> float:
    """Images seen are steps times the images of a step."""
    return float(entry.config.batch_size) if axis == "images" and entry.config else 1.0
