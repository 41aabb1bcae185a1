"""The curves of runs, the controls of their view, and the histograms of the discriminators' scores.

Each task has one element that draws on canvases (components/plots*.js): a chart of twenty runs takes some milliseconds,
and the cursor, the values at the pointer and the choice of runs need neither the server nor a redraw.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.charts import curve_payloads, distance_chart, run_metrics
from dashboard.charts.curve_payloads import CurveView, EventMarker
from dashboard.charts.styles import HISTOGRAM_STYLES, Style, run_styles
from dashboard.library import store, units
from dashboard.library.store import Entry, Library
from dashboard.widgets import elements, error_boundary
from dashboard.widgets.components import component
from dashboard.widgets.text import plain

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

HERE = Path(__file__).resolve().parent.parent / "components"
MOST_SCORES = 8  # runs whose histograms stand side by side
AXIS_CHOICES = {
    "Epoch": "epoch",
    "Step": "step",
    "Time": "seconds",
    "Images seen": "images",
}  # the keys appear in the URL


def _text(*names: str) -> str:
    return "\n".join((HERE / name).read_text(encoding="utf-8") for name in names)


_COMMON = ("stage_address.js", "plots_numbers.js", "plots_paint.js")
_PLOTS = component(
    "ganray_plots",
    html="<div class='plots'></div>",
    css=_text("plots.css"),
    js=_text(*_COMMON, "plots_save.js", "plots_read.js", "plots_chart.js", "plots.js"),
)
_SCORES = component(
    "ganray_scores",
    html="<div class='plots'></div>",
    css=_text("plots.css"),
    js=_text(*_COMMON, "scores.js"),
)


def read_ahead(library: Library, chosen: Sequence[Entry]) -> None:
    """Read the runs' tables in parallel: reading takes most of the time of a first view of long runs."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(lambda entry: library.table(entry, store.METRICS), chosen))


def show(chosen: list[Entry], look: dict[str, Style], marks: Mapping[str, Sequence[EventMarker]] | None = None) -> None:
    """Draw the charts of the chosen runs with their controls; `marks`: run name -> its events."""
    running = any(entry.running for entry in chosen)
    names = [entry.name for entry in chosen]
    fixed = {name: tuple(found) for name, found in (marks or {}).items()}
    st.fragment(_draw_curves, key="curves", run_every=2.0 if running else None)(names, look, fixed)


@error_boundary.bounded
def _draw_curves(names: list[str], look: dict[str, Style], marks: dict[str, tuple[EventMarker, ...]]) -> None:
    library = store.library()
    chosen = [entry for entry in library.readable() if entry.name in look and entry.name in names]
    chosen = units.aligned(sorted(chosen, key=lambda entry: names.index(entry.name)))
    view = choose_view(library, chosen)
    tasks = run_metrics.by_task(chosen)
    for task, group in tasks.items():
        if len(tasks) > 1:
            st.markdown(f"**Runs that learn to {plain(task)}** (losses of another task are not comparable)")
        _PLOTS(data=curve_payloads.payload(library, group, look, view, marks), key=f"curves-{task}")
    title = "Discriminator scores of training, held-out and generated images, epoch by epoch"
    if any(has_scores(library, entry) for entry in chosen[:MOST_SCORES]):
        folded = st.expander(
            title, icon=":material/bar_chart:", key="discriminator_scores", on_change="rerun", bind="query-params"
        )
        if folded.open:
            with folded:
                show_scores(library, chosen[:MOST_SCORES], look)


def choose_view(library: Library, chosen: Sequence[Entry]) -> CurveView:
    """Draw the controls of the curves, which the URL keeps, and return their settings."""
    axis, smoothing, more = _header("Curves", "", chosen)
    with more:
        wanted = choose_charts(library, chosen)
        multiples = st.toggle("A small chart for each run", key="multiples", bind="query-params")
        log_x, log_y, clip = choose_scale("")
        together = True
        if len(curve_payloads.curve_series(chosen, run_styles(chosen), together=True)) < len(chosen):
            together = st.toggle("Seeds as mean and band", value=True, key="seeds", bind="query-params")
    return CurveView(axis, smoothing, log_x, log_y, clip, multiples, together, wanted)


def _header(title: str, prefix: str, shown: Sequence[Entry]) -> tuple[str, float, "DeltaGenerator"]:
    """Draw the title with the axis and the smoothing; return both and the popover for more controls.

    prefix: the prefix of the widget keys.
    """
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.subheader(title, width="content")
        with st.container(horizontal=True, vertical_alignment="bottom", width="content"):
            axis = choose_axis(f"{prefix}x", shown)
            smoothing = elements.smoothing_slider(f"{prefix}smoothing")
            return axis, smoothing, st.popover("View", icon=":material/tune:")


def choose_axis(key: str, shown: Sequence[Entry]) -> str:
    """Draw the choice of the x axis and return it, a key of curve_payloads.AXIS_LABELS.

    Runs that count steps, alone, have no epochs to choose; their choice has a key of its own.
    """
    choices, default = list(AXIS_CHOICES), "Epoch"
    if units.word(shown) == "step":
        choices, default, key = choices[1:], "Step", f"{key}_of_steps"
    chosen = st.segmented_control("Along", choices, default=default, required=True, key=key, bind="query-params")
    return AXIS_CHOICES.get(chosen or "", AXIS_CHOICES[default])


def choose_charts(library: Library, chosen: Sequence[Entry]) -> tuple[str, ...] | None:
    """Draw the choice of charts and return their titles or columns; None for the usual ones."""
    usual, others = options(library, chosen)
    # Each combination of tasks has its own widget, because its usual charts differ.
    key = "_".join(["columns", *(task for task in run_metrics.by_task(chosen) if task != "generate")])
    # If the reader has not changed the choice, it follows the usual charts of the current runs.
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
        help="The usual charts, and every other logged column.",
    )
    return None if wanted == usual else tuple(wanted)


def choose_scale(prefix: str) -> tuple[bool, bool, bool]:
    """Draw the toggles of the scales; return (log x axis, log y axis, whether the y range ignores rare spikes)."""
    log_y = st.toggle("Logarithmic values", key=f"{prefix}logy", bind="query-params")
    log_x = st.toggle("Logarithmic x axis", key=f"{prefix}logx", bind="query-params")
    clip = st.toggle(
        "Leave rare spikes out of the scale",
        value=True,
        key=f"{prefix}clip",
        bind="query-params",
        help="The scale covers the smoothed curves and most of the logged values. A note names the values beyond it.",
    )
    return log_x, log_y, clip


def options(library: Library, chosen: Sequence[Entry]) -> tuple[list[str], dict[str, str]]:
    """Return (titles of the usual charts, other logged column -> its title)."""
    of_tasks = [chart for group in run_metrics.by_task(chosen).values() for chart in run_metrics.usual(group)]
    if found := distance_chart.chart(library, chosen):
        of_tasks.append(found)
    usual = list(dict.fromkeys(chart.title for chart in of_tasks))
    alone = {chart.columns[0] for chart in of_tasks if len(chart.columns) == 1}
    tables = [library.table(entry, table) for entry in chosen for table in (store.METRICS, store.EPOCHS)]
    logged = dict.fromkeys(column for table in tables for column in table.numeric())
    return usual, {
        name: curve_payloads.column_title(name, chosen)
        for name in logged
        if name not in curve_payloads.NOT_DRAWN | alone
    }


def every_curve(entry: Entry, marks: Sequence[EventMarker] = ()) -> None:
    """Draw a chart of every logged column of a run, with the value of real images where it is logged."""
    st.fragment(_draw_run, key="run-curves", run_every=2.0 if entry.running else None)(entry.name, tuple(marks))


@error_boundary.bounded
def _draw_run(name: str, marks: tuple[EventMarker, ...]) -> None:
    library = store.library()
    entry = library.find(name)
    if entry is None or entry.config is None:
        st.caption("This run was deleted.")
        return
    axis, smoothing, more = _header("Every curve", "run_", [entry])
    with more:
        log_x, log_y, clip = choose_scale("run_")
    view = CurveView(axis, smoothing, log_x, log_y, clip)
    _PLOTS(data=curve_payloads.run_payload(library, entry, view, marks), key="every-curve")


def has_scores(library: Library, entry: Entry) -> bool:
    """Return whether a run has score histograms."""
    return curve_payloads.score_histograms(library, entry, run_styles([entry])[entry.name]) is not None


def show_scores(library: Library, entries: Sequence[Entry], look: dict[str, Style]) -> bool:
    """Draw the score histograms of training, held-out and generated images; return whether any were logged."""
    found = [made for entry in entries if (made := curve_payloads.score_histograms(library, entry, look[entry.name]))]
    if found:
        several = any(entry.domains for entry in entries)
        title = "The discriminators' scores" if several else "The discriminator's scores"
        data = {"runs": found, "edges": store.SCORE_EDGES.tolist(), "kinds": HISTOGRAM_STYLES, "title": title}
        _SCORES(data=data, key="scores")
    return bool(found)
