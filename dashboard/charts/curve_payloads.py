"""The JSON that the browser draws curves and histograms from: numbers in base64, names, colours.

Each run is one series. Runs that differ only in their seed may share a series, drawn as mean and band. The JavaScript
that draws them is components/plots*.js and scores.js, which call a series a lane.
"""

import base64
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dashboard.charts import distance_chart, run_metrics
from dashboard.charts.run_metrics import Chart
from dashboard.charts.styles import GREY, Style, run_styles
from dashboard.library import store, units
from dashboard.library.curves import EMPTY, SMOOTHING, Curve
from dashboard.library.store import Entry, Library
from gan_core import metrics

BAND_POINTS = 400  # points of a mean and its band
AXIS_LABELS = {"epoch": "epoch", "step": "step", "seconds": "time", "images": "images seen"}
_COLUMN = {"images": "step"}  # axis -> the column that it is read from, if the names differ
Pairs = list[list[str]]
NOT_DRAWN = {"step", "epoch", "seconds", "diversity/data"}  # axes, and a column that is drawn beside another curve


@dataclass(frozen=True)
class EventMarker:
    """An event of a run: a small sign at the top of the charts of its columns.

    epoch: its start; until: its end, None if it lasts as long as the run; kind: the kind of event; title: the text of
    the sign.
    """

    epoch: float
    until: float | None
    kind: str
    title: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class CurveSeries:
    """One run, or several runs with different seeds that are drawn as one."""

    label: str
    style: Style
    members: tuple[Entry, ...]

    @property
    def name(self) -> str:
        return self.members[0].name


@dataclass(frozen=True)
class CurveView:
    """The reader's settings of the curves."""

    axis: str = "epoch"
    smoothing: float = SMOOTHING
    log_x: bool = False
    log_y: bool = False
    clip: bool = True
    multiples: bool = False
    together: bool = True
    wanted: tuple[str, ...] | None = None  # titles or columns of the charts; None: the usual ones

    def as_data(self, unit: str = "epoch") -> dict[str, Any]:
        """Return the settings for the browser; unit: what the runs count, on the axis of epochs."""
        names = ("log_x", "log_y", "clip", "multiples")
        along = unit if self.axis == "epoch" else AXIS_LABELS[self.axis]
        return {name: getattr(self, name) for name in names} | {"axis": self.axis, "along": along, "unit": unit}


def payload(
    library: Library,
    group: Sequence[Entry],
    look: dict[str, Style],
    view: CurveView,
    marks: Mapping[str, Sequence[EventMarker]],
) -> dict[str, Any]:
    """Return the legend and the charts of the runs of one task, as the browser draws them."""
    all_series = curve_series(group, look, view.together)
    mixed = len({entry.objective for entry in group}) > 1
    charts = []
    for chart, table in chosen_charts(library, group, view.wanted):
        for title, runs in figures(library, chart, table, group):
            names = {entry.name for entry in runs}
            # A series of several seeds contains only the runs that have this chart.
            members = [tuple(entry for entry in series.members if entry.name in names) for series in all_series]
            drawn = [(i, replace(all_series[i], members=present)) for i, present in enumerate(members) if present]
            charts.append(_chart(library, chart, table, title, group, drawn, view, marks))
    return {
        "view": view.as_data(units.word(group)),
        "dense": False,
        "end": last_epoch(group, view.axis),
        "lanes": [legend_entry(library, series, view.axis, _legend_notes(series, mixed)) for series in all_series],
        "charts": charts,
    }


def _chart(
    library: Library,
    chart: Chart,
    table: str,
    title: str,
    group: Sequence[Entry],
    drawn: Sequence[tuple[int, CurveSeries]],
    view: CurveView,
    marks: Mapping[str, Sequence[EventMarker]],
) -> dict[str, Any]:
    found = [series_payload(library, series, i, chart, table, view.axis, view.smoothing) for i, series in drawn]
    pins = [
        pin
        for i, series in drawn
        for e in series.members
        for pin in marker_payloads(library, marks.get(e.name, ()), e, chart, i)
    ]
    return {
        "title": title,
        "meaning": run_metrics.meaning(chart, group),
        "percent": chart.percent,
        "empty": "Nothing is logged yet." if drawn else "None of these runs logs it.",
        "curves": [curve for curve in found if curve],
        "marks": pins,
    }


def figures(library: Library, chart: Chart, table: str, group: Sequence[Entry]) -> list[tuple[str, list[Entry]]]:
    """Return (title, runs) of each figure of a chart, without runs that it could not compare."""
    known = distance_chart.comparable(library, group) if table == distance_chart.TABLE else group
    return run_metrics.split(chart, known)


def chosen_charts(
    library: Library, group: Sequence[Entry], wanted: tuple[str, ...] | None = None
) -> list[tuple[Chart, str]]:
    """Return the charts to draw, each with its table; wanted: their titles or columns, None for the usual ones."""
    known = run_metrics.usual(group)
    usual = {chart.title: (chart, _table_of(library, group, chart.columns[0]) or store.METRICS) for chart in known}
    if distance := distance_chart.chart(library, group):
        usual[distance.title] = distance, distance_chart.TABLE
    if wanted is None:
        return list(usual.values())
    found = []
    for name in wanted:
        if name in usual:
            found.append(usual[name])
        elif table := _table_of(library, group, name):
            found.append((of_column(name, group), table))
    return found


def of_column(column: str, entries: Sequence[Entry]) -> Chart:
    """Return the chart of a single column."""
    metric = run_metrics.metric_of(column, entries) or metrics.of_column(column)
    return Chart(column_title(column, entries), (column,), "", metric.percent, bool(metric.objective))


def _table_of(library: Library, entries: Sequence[Entry], column: str) -> str:
    """Return the table that contains a column; "" if there is none."""
    for table in (store.METRICS, store.EPOCHS):
        if any(column in library.table(entry, table).numeric() for entry in entries):
            return table
    return ""


def _legend_notes(series: CurveSeries, mixed: bool) -> list[str]:
    """Return the domains, the objective where the group has several, and what a run counts that is brought to scale."""
    entry = series.members[0]
    if entry.scale != 1:
        notes = [run_metrics.objective(entry)] if mixed else []
        return [*notes, f"{entry.end:,} steps, drawn by its share of the training"]
    notes = [" ↔ ".join(entry.domains)] if entry.domains else []
    return notes + ([run_metrics.objective(entry)] if mixed else [])


def run_payload(library: Library, entry: Entry, view: CurveView, marks: Sequence[EventMarker] = ()) -> dict[str, Any]:
    """Return a chart for each column of a run."""
    style = run_styles([entry])[entry.name]
    series = CurveSeries(entry.label, style, (entry,))
    floor = CurveSeries("the data's", Style(GREY, "dot"), (entry,))
    found = {c: table for table in (store.METRICS, store.EPOCHS) for c in library.table(entry, table).numeric()}
    names = run_metrics.titles(entry)
    columns = [column for column in names if column in found.keys() - NOT_DRAWN]
    columns += sorted(found.keys() - NOT_DRAWN - names.keys())
    charts = []
    for column in columns:
        chart, table = of_column(column, [entry]), found[column]
        one = _chart(
            library, chart, table, names.get(column, column), [entry], [(0, series)], view, {entry.name: marks}
        )
        beside = column.replace("/samples", "/data")
        if beside != column and beside in found:
            data = series_payload(library, floor, 1, of_column(beside, [entry]), table, view.axis, 0.0)
            one["curves"] += [data] if data else []
            one["title"] += ", the data's dotted" if data else ""
        charts.append(one)
    charts = [*_distance_chart(library, entry, series, view, marks), *charts]
    return {
        "view": view.as_data(entry.unit),
        "dense": True,
        "end": last_epoch([entry], view.axis),
        "lanes": [legend_entry(library, one, view.axis) for one in (series, floor)],
        "charts": charts,
    }


def _distance_chart(
    library: Library, entry: Entry, series: CurveSeries, view: CurveView, marks: Sequence[EventMarker]
) -> Iterator[dict[str, Any]]:
    """Yield the chart of the distance to real images with the level of real images, if it was measured."""
    chart = distance_chart.chart(library, [entry])
    if chart is None:
        return
    one = _chart(library, chart, distance_chart.TABLE, chart.title, [entry], [(0, series)], view, {entry.name: marks})
    score = distance_chart.floor(library, entry, chart)
    if score is not None and one["curves"]:
        x = run_curve(library, entry, chart, distance_chart.TABLE, view.axis, 0.0).x[[0, -1]]
        level = packed(np.full(2, score))
        one["title"] += ", real images dotted"
        one["curves"].append({"lane": 1, "runs": [], "raw": [], "x": packed(x), "y": level})
    yield one


def curve_series(entries: Sequence[Entry], look: dict[str, Style], together: bool) -> list[CurveSeries]:
    """Return a series for each run; with `together`, one for all runs that differ only in their seed.

    A run that repeats a seed, or whose seed nobody knows, is no further seed: it has a series of its own.
    """
    groups: dict[Hashable, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.recipe if together else entry.name, []).append(entry)
    presets = [group[0].config.preset for group in groups.values() if group[0].config]
    found = []
    for group in groups.values():
        first: dict[int, Entry] = {}
        for entry in group:
            if entry.seed is not None:
                first.setdefault(entry.seed, entry)
        seeds, config = tuple(first.values()), group[0].config
        if config and len(seeds) > 1:
            name = config.preset if presets.count(config.preset) == 1 else seeds[0].label
            found.append(CurveSeries(f"{name}, {len(seeds)} seeds", look[seeds[0].name], seeds))
        alone = [entry for entry in group if len(seeds) < 2 or entry not in seeds]
        found += [CurveSeries(entry.label, look[entry.name], (entry,)) for entry in alone]
    return found


def legend_entry(library: Library, series: CurveSeries, axis: str, notes: Sequence[str] = ()) -> dict[str, Any]:
    """Return the legend entry of a series, with its epochs and their positions on the axis."""
    epochs, along = axis_positions(library, series.members[0], axis)
    return {
        "name": series.name,
        "label": series.label,
        "note": ", ".join(notes),
        "colour": series.style.color,
        "dash": series.style.dash,
        "shape": series.style.shape,
        "places": [] if axis == "epoch" else [packed(epochs), packed(along)],
    }


def axis_positions(library: Library, entry: Entry, axis: str) -> tuple[np.ndarray, np.ndarray]:
    """Return (epochs of a run, their positions on the axis), float64 (n,) each."""
    epochs, along = library.table(entry, store.METRICS).places(_COLUMN.get(axis, axis))
    factor = _axis_factor(entry, axis)
    return (epochs / entry.scale, along * factor) if factor else (np.empty(0), np.empty(0))


def run_curve(library: Library, entry: Entry, chart: Chart, table: str, axis: str, smoothing: float) -> Curve:
    """Return a run's curve against the axis."""
    if axis == "images" and entry.config and not entry.config.images_per_step:
        return EMPTY  # nobody knows how many images a step of it has
    columns = run_metrics.columns_of(entry, chart)
    if table == store.METRICS:
        curve = library.table(entry, table).curve(columns, _COLUMN.get(axis, axis), smoothing)
        return curve.stretched(_axis_factor(entry, axis))
    if table == distance_chart.TABLE:
        curve = distance_chart.curve(library, entry, chart)
    else:
        curve = library.table(entry, table).curve(columns, "epoch", 0.0)
    curve = curve.stretched(1 / entry.scale)
    if axis == "epoch" or not len(curve.x):
        return curve
    # Previews are logged by epoch only; the table of steps gives the position of each epoch on the other axes.
    epochs, along = axis_positions(library, entry, axis)
    if not len(epochs):
        return Curve(*(np.empty(0, np.float32),) * 4, last=curve.last)
    x = np.interp(curve.x, epochs, along).astype(np.float32)
    return Curve(x, curve.y, x, curve.y, curve.last)


def series_payload(
    library: Library, series: CurveSeries, index: int, chart: Chart, table: str, axis: str, smoothing: float
) -> dict[str, Any] | None:
    """Return the curve of a series on a chart; None if it has none. `index`: its index in the legend."""
    curves = [(entry, run_curve(library, entry, chart, table, axis, smoothing)) for entry in series.members]
    drawn = [entry.label for entry, one in curves if len(one.smooth_x)]
    found = [one for _, one in curves if len(one.smooth_x)]
    if not found:
        return None
    smooth = bool(smoothing) and table == store.METRICS
    raw: Pairs = [[packed(one.x), packed(one.y)] for one in found] if smooth or len(found) > 1 else []
    own = {"lane": index, "runs": drawn, "raw": raw}
    if len(found) == 1:
        return own | {"x": packed(found[0].smooth_x), "y": packed(found[0].smooth_y)}
    x, mean, low, high = band(found)
    # The browser counts the seeds at a position from the ends of their curves.
    ends = sorted(float(one.smooth_x[-1]) for one in found)
    return own | {
        "x": packed(x),
        "y": packed(mean),
        "low": packed(low),
        "high": packed(high),
        "ends": ends,
    }


def band(found: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return (x, mean, lowest, highest) of several smoothed curves, each (n,).

    At each x only the curves that extend to it count.
    """
    begin = min(one.smooth_x[0] for one in found)
    end = max(one.smooth_x[-1] for one in found)
    x = np.linspace(begin, end, BAND_POINTS)
    rows = [np.interp(x, one.smooth_x, one.smooth_y, left=np.nan, right=np.nan) for one in found]
    values = np.array(rows)
    known = np.isfinite(values).any(axis=0)
    values = values[:, known]
    return x[known], np.nanmean(values, axis=0), np.nanmin(values, axis=0), np.nanmax(values, axis=0)


def last_epoch(entries: Sequence[Entry], axis: str) -> float | None:
    """Return the last epoch of the runs, planned or reached; None for other axes, which end where the curves end."""
    if axis != "epoch":
        return None
    return max((entry.place(float(entry.end)) for entry in entries if entry.config), default=None)


def marker_payloads(
    library: Library, marks: Sequence[EventMarker], entry: Entry, chart: Chart, index: int
) -> list[dict[str, Any]]:
    """Return the markers of a run that belong on a chart; `index`: the index of its series."""
    own_marks = [mark for mark in marks if set(mark.columns) & set(chart.columns)]
    logged, _ = axis_positions(library, entry, "epoch")
    end = float(logged[-1]) if len(logged) else entry.place(entry.reached)
    run = {"lane": index, "run": entry.label}
    return [
        run
        | {
            "epoch": entry.place(mark.epoch),
            "until": end if mark.until is None else entry.place(mark.until),
            "kind": mark.kind,
            "title": mark.title,
            "at": f"{entry.unit} {mark.epoch:.0f}",
        }
        for mark in own_marks
    ]


def score_histograms(library: Library, entry: Entry, style: Style) -> dict[str, Any] | None:
    """Return all score histograms of a run: shares (epochs, 40) for each kind of image; None if there are none."""
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
    """Return the title of a column if all runs that have one agree, else the column's own name."""
    named = {name for entry in entries if (name := run_metrics.titles(entry).get(column))}
    return named.pop() if len(named) == 1 else column


def packed(values: np.ndarray) -> str:
    """Return the values as float32, little endian, in base64."""
    return base64.b64encode(np.asarray(values, "<f4").tobytes()).decode()


def _axis_factor(entry: Entry, axis: str) -> float:
    """Return the factor from the logged column to the axis: of images those of a step, 0 if unknown."""
    if axis == "epoch":
        return 1 / entry.scale
    return float(entry.config.images_per_step) if axis == "images" and entry.config else 1.0
