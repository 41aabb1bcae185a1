"""Time to quality: how far generators are from real images, against what it cost.

Runs that differ in their seed alone are one line. What is drawn was measured at the snapshots of a training:
`python -m gan_core evaluate RUN --parts progress`.
"""

import csv
import io
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.charts import plotly_figures, run_metrics
from dashboard.charts.measured_distance import means
from dashboard.charts.plotly_figures import Band
from dashboard.charts.styles import Style
from dashboard.library import evaluation_files
from dashboard.library.evaluations import EvaluatedRun
from dashboard.widgets import error_boundary
from dashboard.widgets.text import plain
from gan_core.diagnostics.measured_distance import KEYS
from gan_core.evaluation.results import MEASURES, ProgressPoint

AXES = {"Minutes": "minutes", "Images seen": "images"}  # the words stand in the URL
NEAR = (4, 2)  # floors
Look = Mapping[Hashable, Style]
HEADER = ("run", "preset", "seed", "epoch", "step", "images", "seconds", "measure", "value", "low", "high", "floor")
CLOCK = (
    "Minutes are those of the fastest seed, as runs that were trained side by side slow each other down; another "
    "machine has other minutes. Images seen are the same everywhere."
)


@dataclass(frozen=True, eq=False)
class QualityCurve:
    """A recipe on its way to quality: the mean of its seeds."""

    label: str
    style: Style
    runs: tuple[EvaluatedRun, ...]
    images: np.ndarray  # (n,) seen at each stand
    minutes: np.ndarray  # (n,) trained till then, of the seed that was fastest
    values: np.ndarray  # (seeds, n) of the measure
    floor: float | None

    @property
    def mean(self) -> np.ndarray:
        return self.values.mean(axis=0)

    def along(self, axis: str) -> np.ndarray:
        return self.minutes if axis == "minutes" else self.images

    def reached(self, distance: float, axis: str) -> float | None:
        """Where the mean first comes as near as that, between two stands in proportion; None if it never does."""
        below = np.flatnonzero(self.mean <= distance)
        if not len(below):
            return None
        at, along = int(below[0]), self.along(axis)
        if at == 0:
            return float(along[0])
        share = (self.mean[at - 1] - distance) / (self.mean[at - 1] - self.mean[at])
        return float(along[at - 1] + share * (along[at] - along[at - 1]))


def show(runs: Sequence[EvaluatedRun], twins: Sequence[EvaluatedRun], look: dict[str, Style]) -> None:
    """The section of the Evaluate page; twins: the runs' other seeds, of which `look` does not know."""
    kept, others = comparable([*runs, *twins])
    if not kept:
        return
    key = next((key for key in KEYS if all(_has(run, key) for run in kept)), "")
    if not key:
        return
    st.subheader("Time to quality")
    st.fragment(_draw)(kept, others, {run.entry.recipe: look[run.entry.name] for run in reversed(runs)}, key)


@error_boundary.bounded
def _draw(kept: Sequence[EvaluatedRun], others: Sequence[EvaluatedRun], look: Look, key: str) -> None:
    found = quality_curves(kept, look, key)
    words = st.segmented_control(
        "Against", list(AXES), default="Minutes", required=True, key="against", bind="query-params"
    )
    axis = AXES.get(str(words), "minutes")
    title = MEASURES[key][0]
    with st.container(border=True, gap="xsmall", key="time-to-quality"):
        bands = [
            Band(
                curve.label,
                curve.style,
                curve.along(axis),
                curve.mean,
                curve.values.min(axis=0),
                curve.values.max(axis=0),
            )
            for curve in found
        ]
        along = "minutes of training" if axis == "minutes" else "images seen in training"
        figure = plotly_figures.bands(bands, along, title, found[0].floor)
        st.plotly_chart(figure, key="progress", config=plotly_figures.CONFIG, alt=described(found, axis, title))
        st.markdown(summary(found, axis, title))
        st.caption(basis(kept, found, axis))
    if others:
        names = ", ".join(plain(run.label) for run in others)
        st.caption(f":material/warning: Not in the chart, as measured against other images or by other means: {names}.")
    with st.expander("The same as a table"):
        st.table(pd.DataFrame(listing(found, axis)), border="horizontal", alt=f"{title} on the way")
        st.download_button(
            "Time to quality (CSV)",
            to_csv(kept),
            "time_to_quality.csv",
            icon=":material/download:",
            on_click="ignore",
            key="file time_to_quality.csv",
        )


def comparable(runs: Sequence[EvaluatedRun]) -> tuple[list[EvaluatedRun], list[EvaluatedRun]]:
    """The runs whose progress can be drawn in one chart, and those measured otherwise than the first of them."""
    found = [run for run in runs if run.found.progress and run.found.progress.stands]
    first = means(found[0].found) if found else None
    return [run for run in found if means(run.found) == first], [run for run in found if means(run.found) != first]


def quality_curves(runs: Sequence[EvaluatedRun], look: Look, key: str) -> list[QualityCurve]:
    """A line for each recipe, in the order of its first run; look: by recipe."""
    groups: dict[Hashable, list[EvaluatedRun]] = {}
    for run in runs:
        groups.setdefault(run.entry.recipe, []).append(run)
    found = []
    names = labels(list(groups.values()))
    for group in groups.values():
        # Where seeds were looked at at other times, those of the one with the fewest looks are taken.
        grid = min((_column(run, "images") for run in group), key=len)
        grid = grid[grid <= min(_column(run, "images")[-1] for run in group)]
        minutes = [np.interp(grid, _column(run, "images"), _column(run, "seconds")) / 60 for run in group]
        values = [np.interp(grid, _column(run, "images"), _measured(run, key)) for run in group]
        label = names.pop(0)
        floor = _stands(group[0])[-1].measures[key].floor
        # Seeds cost the same; what one took longer than another is other work on its machine.
        style, fastest = look[group[0].entry.recipe], min(minutes, key=lambda taken: float(taken[-1]))
        found.append(QualityCurve(label, style, tuple(group), grid, fastest, np.array(values), floor))
    return found


def labels(groups: Sequence[Sequence[EvaluatedRun]]) -> list[str]:
    """A run's own name where it stands alone; of several seeds the preset's, with their number where it differs."""
    presets = [group[0].found.preset for group in groups]
    alike = len({len(group) for group in groups}) == 1
    found = []
    for group, preset in zip(groups, presets, strict=True):
        name = preset if len(group) > 1 and presets.count(preset) == 1 else group[0].label
        found.append(name if alike or len(group) == 1 else f"{name}, {len(group)} seeds")
    return found


def summary(found: Sequence[QualityCurve], axis: str, title: str) -> str:
    """Who comes within twice the floor, and after how much; who is nearest at the end, as Markdown."""
    order = sorted(found, key=lambda curve: float(curve.mean[-1]))
    ends = ", ".join(f"**{plain(curve.label)}** {run_metrics.number(float(curve.mean[-1]))}" for curve in order)
    lines = [f"{title} at the end: {ends}."]
    floor = found[0].floor
    if floor is not None and floor > 0:
        mark = NEAR[-1] * floor
        there = [(at, curve) for curve in found if (at := curve.reached(mark, axis)) is not None]
        there.sort(key=lambda pair: pair[0])
        said = ", ".join(f"**{plain(curve.label)}** after {amount(at, axis)}" for at, curve in there)
        within = f"within twice what real images score ({run_metrics.number(mark)})"
        lines.append(f"{within[:1].upper()}{within[1:]}: {said}." if there else f"None of them comes {within}.")
    return " ".join(lines)


def described(found: Sequence[QualityCurve], axis: str, title: str) -> str:
    """The chart in words."""
    lines = [
        f"{curve.label} from {run_metrics.number(float(curve.mean[0]))} to {run_metrics.number(float(curve.mean[-1]))} "
        f"after {amount(float(curve.along(axis)[-1]), axis)}"
        for curve in found
    ]
    floor = f"; real images score {run_metrics.number(found[0].floor)}" if found[0].floor is not None else ""
    return f"{title} against {'minutes' if axis == 'minutes' else 'images seen'}: {'; '.join(lines)}{floor}"


def basis(runs: Sequence[EvaluatedRun], found: Sequence[QualityCurve], axis: str) -> str:
    """What the chart was measured with, and what its bands are."""
    one = runs[0].found.progress
    assert one
    lines = [
        f"Features of {plain(one.extractor)} ({one.features}), at every snapshot {one.generated} generated against "
        f"{one.real} real images; the dashed line is what real images of other patients score."
    ]
    counts = {len(curve.runs) for curve in found}
    if max(counts) > 1:
        of = f"{counts.pop()} seeds" if len(counts) == 1 else "seeds"
        lines.append(f"Lines are means over {of}, bands go from the lowest seed to the highest.")
    if axis == "minutes":
        lines.append(CLOCK)
    return " ".join(lines)


def listing(found: Sequence[QualityCurve], axis: str) -> dict[str, dict[str, str]]:
    """Column -> way -> what stands there."""
    columns: dict[str, dict[str, str]] = {}
    for curve in found:
        row = {
            "Runs": ", ".join(run.label for run in curve.runs),
            "At the end": run_metrics.number(float(curve.mean[-1])),
        }
        row["Nearest"] = run_metrics.number(float(curve.mean.min()))
        for times in NEAR:
            if curve.floor is not None and curve.floor > 0:
                at = curve.reached(times * curve.floor, axis)
                row[f"{times} x real images after"] = "not reached" if at is None else amount(at, axis)
        row["Minutes"] = f"{curve.minutes[-1]:.0f}"
        row["Images seen"] = _thousands(curve.images[-1])
        for name, value in row.items():
            columns.setdefault(name, {})[plain(curve.label)] = plain(value)
    return columns


def to_csv(runs: Sequence[EvaluatedRun]) -> str:
    """Every snapshot of every run, a measure a line."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(HEADER)
    for run in runs:
        seed = run.entry.config.seed if run.entry.config else ""
        for stand in _stands(run):
            place = (stand.epoch, stand.step, stand.images, f"{stand.seconds:g}")
            for name, cell in stand.measures.items():
                numbers = map(evaluation_files.as_text, (cell.value, cell.low, cell.high, cell.floor))
                writer.writerow((run.entry.name, run.found.preset, seed, *place, name, *numbers))
    return buffer.getvalue()


def amount(at: float, axis: str) -> str:
    """So many minutes, or images."""
    return f"{at:.0f} min" if axis == "minutes" else f"{_thousands(at)} images"


def _thousands(count: float) -> str:
    return f"{round(count):,}".replace(",", " ")


def _stands(run: EvaluatedRun) -> tuple[ProgressPoint, ...]:
    assert run.found.progress
    return run.found.progress.stands


def _has(run: EvaluatedRun, key: str) -> bool:
    return all(key in stand.measures for stand in _stands(run))


def _column(run: EvaluatedRun, name: str) -> np.ndarray:
    return np.array([getattr(stand, name) for stand in _stands(run)], float)


def _measured(run: EvaluatedRun, key: str) -> np.ndarray:
    return np.array([stand.measures[key].value for stand in _stands(run)])
