"""The curves of several runs: what they log, over steps, epochs, time or images seen; and what discriminators think.

They are drawn on canvases in one element a task (components/plots*.js): a chart of twenty runs is drawn in some
milliseconds, and the cursor, the reading of values and the choice of runs need neither the server nor a redraw.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from dashboard.charts import measured_distance, run_metrics, traces
from dashboard.charts.run_metrics import Chart
from dashboard.charts.styles import GREY, HISTOGRAM_STYLES, Style, run_styles
from dashboard.charts.traces import Lane, Mark
from dashboard.library import store
from dashboard.library.curves import SMOOTHING
from dashboard.library.store import Entry, Library
from dashboard.widgets import elements, error_boundary
from dashboard.widgets.text import plain

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

__all__ = ["Mark", "every_curve", "read_ahead", "show", "show_scores"]

HERE = Path(__file__).resolve().parent.parent / "components"
HIDDEN = {"step", "epoch", "seconds", "diversity/data"}  # axes, and what is drawn beside another curve
MOST_SCORES = 8  # runs whose histograms stand side by side
AXES = {"Epoch": "epoch", "Step": "step", "Time": "seconds", "Images seen": "images"}  # the words stand in the URL


def _text(*names: str) -> str:
    return "\n".join((HERE / name).read_text(encoding="utf-8") for name in names)


_COMMON = ("stage_address.js", "plots_numbers.js", "plots_paint.js")
_PLOTS = st.components.v2.component(
    "ganray_plots",
    html="<div class='plots'></div>",
    css=_text("plots.css"),
    js=_text(*_COMMON, "plots_save.js", "plots_read.js", "plots_chart.js", "plots.js"),
)
_SCORES = st.components.v2.component(
    "ganray_scores",
    html="<div class='plots'></div>",
    css=_text("plots.css"),
    js=_text(*_COMMON, "scores.js"),
)


@dataclass(frozen=True)
class View:
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
        return {name: getattr(self, name) for name in names} | {"axis": self.axis, "along": traces.AXES[self.axis]}


def read_ahead(library: Library, chosen: Sequence[Entry]) -> None:
    """Read the runs' tables several at once: of a first view of long runs, reading is most of the time."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(lambda entry: library.table(entry, store.METRICS), chosen))


def show(chosen: list[Entry], look: dict[str, Style], marks: Mapping[str, Sequence[Mark]] | None = None) -> None:
    """The charts of the chosen runs and how to look at them; marks: by the run's name."""
    running = any(entry.running for entry in chosen)
    names = [entry.name for entry in chosen]
    kept = {name: tuple(found) for name, found in (marks or {}).items()}
    st.fragment(_draw_curves, key="curves", run_every=2.0 if running else None)(names, look, kept)


@error_boundary.bounded
def _draw_curves(names: list[str], look: dict[str, Style], marks: dict[str, tuple[Mark, ...]]) -> None:
    library = store.library()
    chosen = [entry for entry in library.readable() if entry.name in look and entry.name in names]
    chosen.sort(key=lambda entry: names.index(entry.name))
    view = choose_view(library, chosen)
    tasks = run_metrics.by_task(chosen)
    for task, group in tasks.items():
        if len(tasks) > 1:
            st.markdown(f"**Runs that learn to {plain(task)}** (losses of another task are not comparable)")
        _PLOTS(data=payload(library, group, look, view, marks), key=f"curves-{task}")
    st.markdown("**What the discriminators think** of training, held-out and generated images, epoch by epoch")
    if not show_scores(library, chosen[:MOST_SCORES], look):
        st.caption("No scores were written.")


def choose_view(library: Library, chosen: Sequence[Entry]) -> View:
    """How to look at the curves; all of it stands in the URL."""
    axis, smoothing, more = _header("Curves", "")
    with more:
        wanted = choose_charts(library, chosen)
        multiples = st.toggle("A small chart for each run", key="multiples", bind="query-params")
        log_x, log_y, clip = choose_scale("")
        together = True
        if len(traces.lanes(chosen, run_styles(chosen), together=True)) < len(chosen):
            together = st.toggle("Seeds as mean and band", value=True, key="seeds", bind="query-params")
    return View(axis, smoothing, log_x, log_y, clip, multiples, together, wanted)


def _header(title: str, prefix: str) -> tuple[str, float, "DeltaGenerator"]:
    """The title with the axis and the smoothing beside it, and where more can be chosen; prefix: of their keys."""
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.subheader(title, width="content")
        with st.container(horizontal=True, vertical_alignment="bottom", width="content"):
            axis = choose_axis(f"{prefix}x")
            smoothing = elements.smoothing_slider(f"{prefix}smoothing")
            return axis, smoothing, st.popover("View", icon=":material/tune:")


def choose_axis(key: str) -> str:
    """What the curves are drawn along."""
    chosen = st.segmented_control("Along", list(AXES), default="Epoch", required=True, key=key, bind="query-params")
    return AXES.get(chosen or "", "epoch")


def choose_charts(library: Library, chosen: Sequence[Entry]) -> tuple[str, ...] | None:
    """The charts to draw, by their titles or columns; None for the usual ones."""
    usual, others = options(library, chosen)
    # Each mixture of tasks has its own choice: what is usual for one is not for the other.
    key = "_".join(["columns", *(task for task in run_metrics.by_task(chosen) if task != "generate")])
    # Who has chosen nothing sees what is usual for the runs that are there now.
    before = st.session_state.get(f"{key} usual")
    if before and before != usual and st.session_state.get(key) == before:
        st.session_state[key] = usual
    st.session_state[f"{key} usual"] = usual
    wanted = st.multiselect(
        "Charts",
        usual + list(others),
        default=usual,
        key=key,
        bind="query-params",
        format_func=lambda name: others.get(name, name),
        help="The usual ones, and any column that was logged.",
    )
    return None if wanted == usual else tuple(wanted)


def choose_scale(prefix: str) -> tuple[bool, bool, bool]:
    """Whether the axis along is logarithmic, whether that of the values is, and whether spikes are left out of it."""
    log_y = st.toggle("Logarithmic values", key=f"{prefix}logy", bind="query-params")
    log_x = st.toggle("Logarithmic along", key=f"{prefix}logx", bind="query-params")
    clip = st.toggle(
        "Leave rare spikes out of the scale",
        value=True,
        key=f"{prefix}clip",
        bind="query-params",
        help="The scale shows the smoothed curves and most of the logged values; what lies beyond is named.",
    )
    return log_x, log_y, clip


def options(library: Library, chosen: Sequence[Entry]) -> tuple[list[str], dict[str, str]]:
    """The titles of the usual charts, and every other column that is logged with what it is called."""
    of_tasks = [
        chart for task, group in run_metrics.by_task(chosen).items() for chart in run_metrics.usual(task, group)
    ]
    if found := measured_distance.chart(library, chosen):
        of_tasks.append(found)
    usual = list(dict.fromkeys(chart.title for chart in of_tasks))
    alone = {chart.columns[0] for chart in of_tasks if len(chart.columns) == 1}
    tables = [library.table(entry, table) for entry in chosen for table in (store.METRICS, store.EPOCHS)]
    logged = dict.fromkeys(column for table in tables for column in table.numeric())
    return usual, {name: traces.title(name, chosen) for name in logged if name not in HIDDEN | alone}


def payload(
    library: Library,
    group: Sequence[Entry],
    look: dict[str, Style],
    view: View,
    marks: Mapping[str, Sequence[Mark]],
) -> dict[str, Any]:
    """The legend and the charts of the runs of one task, as the browser draws them."""
    lanes = traces.lanes(group, look, view.together)
    mixed = len({entry.objective for entry in group}) > 1
    made = []
    for chart, table in _charts(library, group, view.wanted):
        known = measured_distance.comparable(library, group) if table == measured_distance.TABLE else group
        for title, runs in run_metrics.split(chart, known):
            names = {entry.name for entry in runs}
            # A lane of seeds shows those of them that have what is drawn.
            members = [tuple(entry for entry in lane.members if entry.name in names) for lane in lanes]
            shown = [(i, replace(lanes[i], members=kept)) for i, kept in enumerate(members) if kept]
            made.append(_chart(library, chart, table, title, group, shown, view, marks))
    return {
        "view": view.as_data(),
        "dense": False,
        "end": traces.end(group, view.axis),
        "lanes": [traces.describe(library, lane, view.axis, _notes(lane, mixed)) for lane in lanes],
        "charts": made,
    }


def _chart(
    library: Library,
    chart: Chart,
    table: str,
    title: str,
    group: Sequence[Entry],
    shown: Sequence[tuple[int, Lane]],
    view: View,
    marks: Mapping[str, Sequence[Mark]],
) -> dict[str, Any]:
    found = [traces.drawn(library, lane, i, chart, table, view.axis, view.smoothing) for i, lane in shown]
    pins = [pin for i, lane in shown for e in lane.members for pin in traces.marked(marks.get(e.name, ()), e, chart, i)]
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
    usual = {chart.title: (chart, store.METRICS) for chart in run_metrics.usual(group[0].task, group)}
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
    percent = column.startswith(("accuracy/", "augment/", "memory/"))
    adversarial = column.startswith(("loss/g", "loss/d"))
    return Chart(traces.title(column, entries), (column,), "", percent=percent, by_objective=adversarial)


def _table(library: Library, entries: Sequence[Entry], column: str) -> str:
    """The table that a column is logged in; empty if there is none."""
    for table in (store.METRICS, store.EPOCHS):
        if any(column in library.table(entry, table).numeric() for entry in entries):
            return table
    return ""


def _notes(lane: Lane, mixed: bool) -> list[str]:
    """What else tells a run's curves from those of others."""
    entry = lane.members[0]
    notes = [" ↔ ".join(entry.domains)] if entry.domains else []
    return notes + ([run_metrics.objective(entry)] if mixed else [])


def every_curve(entry: Entry, marks: Sequence[Mark] = ()) -> None:
    """Every column that a run has logged, and what it would be for real images beside it."""
    st.fragment(_draw_run, key="run-curves", run_every=2.0 if entry.running else None)(entry.name, tuple(marks))


@error_boundary.bounded
def _draw_run(name: str, marks: tuple[Mark, ...]) -> None:
    library = store.library()
    entry = library.find(name)
    if entry is None or entry.config is None:
        st.caption("This run is no longer there.")
        return
    axis, smoothing, more = _header("Every curve", "run_")
    with more:
        log_x, log_y, clip = choose_scale("run_")
    view = View(axis, smoothing, log_x, log_y, clip)
    _PLOTS(data=run_payload(library, entry, view, marks), key="every-curve")


def run_payload(library: Library, entry: Entry, view: View, marks: Sequence[Mark] = ()) -> dict[str, Any]:
    """A chart for each column of a run."""
    style = run_styles([entry])[entry.name]
    lane = Lane(entry.label, style, (entry,))
    floor = Lane("the data's", Style(GREY, "gray", "dot", ""), (entry,))
    found = {c: table for table in (store.METRICS, store.EPOCHS) for c in library.table(entry, table).numeric()}
    names = run_metrics.titles(entry)
    columns = [column for column in names if column in found] + sorted(found.keys() - HIDDEN - names.keys())
    made = []
    for column in columns:
        chart, table = of_column(column, [entry]), found[column]
        one = _chart(library, chart, table, names.get(column, column), [entry], [(0, lane)], view, {entry.name: marks})
        beside = column.replace("/samples", "/data")
        if beside != column and beside in found:
            data = traces.drawn(library, floor, 1, of_column(beside, [entry]), table, view.axis, 0.0)
            one["curves"] += [data] if data else []
        made.append(one)
    made = [*_distance(library, entry, lane, view, marks), *made]
    return {
        "view": view.as_data(),
        "dense": True,
        "end": traces.end([entry], view.axis),
        "lanes": [traces.describe(library, one, view.axis) for one in (lane, floor)],
        "charts": made,
    }


def _distance(
    library: Library, entry: Entry, lane: Lane, view: View, marks: Sequence[Mark]
) -> Iterator[dict[str, Any]]:
    """The chart of the distance to real images, with what real ones score, where it was measured."""
    chart = measured_distance.chart(library, [entry])
    if chart is None:
        return
    one = _chart(library, chart, measured_distance.TABLE, chart.title, [entry], [(0, lane)], view, {entry.name: marks})
    score = measured_distance.floor(library, entry, chart)
    if score is not None and one["curves"]:
        x = traces.curve(library, entry, chart, measured_distance.TABLE, view.axis, 0.0).x[[0, -1]]
        level = traces.packed(np.full(2, score))
        one["title"] += ", real images dotted"
        one["curves"].append({"lane": 1, "raw": [], "x": traces.packed(x), "y": level})
    yield one


def show_scores(library: Library, entries: Sequence[Entry], look: dict[str, Style]) -> bool:
    """How real the discriminators find training, held-out and generated images by epoch; whether any were written."""
    found = [made for entry in entries if (made := traces.scores(library, entry, look[entry.name]))]
    if found:
        several = any(entry.domains for entry in entries)
        title = "The discriminators' scores" if several else "The discriminator's scores"
        data = {"runs": found, "edges": store.SCORE_EDGES.tolist(), "kinds": HISTOGRAM_STYLES, "title": title}
        _SCORES(data=data, key="scores")
    return bool(found)
