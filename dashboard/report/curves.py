"""The charts of a report: which curves each has, and along what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dashboard.charts import curve_payloads, run_metrics, svg
from dashboard.charts.run_metrics import Chart
from dashboard.charts.svg import Trace
from dashboard.library import units
from dashboard.library.store import Entry
from dashboard.report.comparison import Comparison


@dataclass(frozen=True)
class ReportedChart:
    """One chart: its curves, and the axis that it shares with the other charts of its task."""

    title: str
    meaning: str  # a sentence, and what lies outside the picture
    traces: tuple[Trace, ...]
    end: float  # of the x axis
    along: str  # title of the x axis
    percent: bool
    table: str  # that its values are from: only those of metrics.csv are smoothed


@dataclass(frozen=True)
class Group:
    """The charts of the runs of one task."""

    task: str
    members: tuple[Entry, ...]
    charts: tuple[ReportedChart, ...]
    unit: float  # of the x axis, in what is logged: seconds, steps


def groups(compared: Comparison) -> list[Group]:
    """Return the charts of each task, all with the same x axis, without charts that have no curve."""
    found = []
    for task, members in run_metrics.by_task(compared.chosen).items():
        unit, charts = _charts(compared, members)
        found.append(Group(task, tuple(members), tuple(charts), unit))
    return found


def places(compared: Comparison, entry: Entry, unit: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Return (places on the scrubber, a run's on the x axis), (n,) each; None where the axis is the scrubber's."""
    if compared.options.axis == "epoch":
        return None
    scrubbed, along = curve_payloads.axis_positions(compared.library, entry, compared.options.axis)
    known = np.isfinite(along)
    return scrubbed[known], along[known] / unit


def _charts(compared: Comparison, group: Sequence[Entry]) -> tuple[float, list[ReportedChart]]:
    axis = compared.options.axis
    numbers = {entry.name: index for index, entry in enumerate(compared.chosen)}
    found = [
        (each, table, title, runs, _traces(compared, each, table, runs, numbers))
        for each, table in curve_payloads.chosen_charts(compared.library, group)
        for title, runs in curve_payloads.figures(compared.library, each, table, group)
    ]
    last = max((float(line.curve.x[-1]) for *_, traces in found for line in traces), default=1.0)
    end = curve_payloads.last_epoch(group, axis) or last
    unit, word = _unit(end) if axis == "seconds" else (1.0, "")
    along = f"{curve_payloads.AXIS_LABELS[axis]} ({word})" if word else curve_payloads.AXIS_LABELS[axis]
    if axis == "epoch":
        along = _epochs(compared, group)
    charts = []
    for each, table, title, runs, traces in found:
        drawn = tuple(replace(line, curve=line.curve.stretched(1 / unit)) for line in traces)
        if drawn:
            outside = svg.beyond(drawn, end / unit, each.percent)
            meaning = run_metrics.meaning(each, runs)
            words = f"{meaning}. {outside}" if meaning else outside
            charts.append(ReportedChart(title, words, drawn, end / unit, along, each.percent, table))
    return unit, charts


def _traces(
    compared: Comparison, each: Chart, table: str, runs: Sequence[Entry], numbers: Mapping[str, int]
) -> list[Trace]:
    """Return the curves of a chart, for the runs that logged it."""
    options = compared.options
    found = []
    for entry in runs:
        curve = curve_payloads.run_curve(compared.library, entry, each, table, options.axis, options.smoothing)
        if len(curve.x) and len(curve.smooth_x):
            style = compared.look[entry.name]
            found.append(Trace(entry.label, curve, style.color, style.dash, style.shape, numbers[entry.name]))
    return found


def _epochs(compared: Comparison, group: Sequence[Entry]) -> str:
    """Return the title of the axis that the scrubber moves along."""
    shared = any(entry.scale != 1 for entry in group)
    return f"{units.word(compared.chosen)}{' (of runs that count steps: share of the training)' if shared else ''}"


def _unit(seconds: float) -> tuple[float, str]:
    """Return (seconds per unit, unit) for the longest time, as on the page."""
    if seconds >= 7200:
        return 3600.0, "h"
    return (60.0, "min") if seconds >= 180 else (1.0, "s")
