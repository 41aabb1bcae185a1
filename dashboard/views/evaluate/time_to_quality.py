"""Time to quality: the distance of generators to real images, over minutes or images seen.

Runs that differ only in their seed form one line. The distances were measured at the snapshots of each training:
`python -m gan_core evaluate RUN --parts progress`.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.charts import plotly_figures, run_metrics
from dashboard.charts.distance_chart import means
from dashboard.charts.plotly_figures import Band
from dashboard.charts.styles import Style
from dashboard.library import csv_text, evaluation_files, seed_means
from dashboard.library.evaluations import EvaluatedRun
from dashboard.widgets import error_boundary
from dashboard.widgets.text import plain
from gan_core.diagnostics.measured_distance import KEYS
from gan_core.evaluation.results import MEASURES, ProgressPoint, real_images

AXES = {"Minutes": "minutes", "Images seen": "images"}  # the keys appear in the URL
FLOOR_MULTIPLES = (4, 2)  # thresholds, as multiples of the value of real images
Look = Mapping[Hashable, Style]
HEADER = ("run", "preset", "seed", "epoch", "step", "images", "seconds", "measure", "value", "low", "high", "floor")
CLOCK = (
    "Minutes are those of the fastest seed, because runs that train side by side slow each other down. They depend on "
    "the machine; the number of images seen does not."
)


@dataclass(frozen=True, eq=False)
class QualityCurve:
    """The progress of one recipe over its snapshots, for all its seeds."""

    label: str
    style: Style
    runs: tuple[EvaluatedRun, ...]
    images: np.ndarray  # (n,) images seen at each snapshot
    minutes: np.ndarray  # (n,) minutes trained at each snapshot, of the fastest seed
    values: np.ndarray  # (seeds, n) values of the measure
    floor: float | None

    @property
    def mean(self) -> np.ndarray:
        return self.values.mean(axis=0)

    def along(self, axis: str) -> np.ndarray:
        return self.minutes if axis == "minutes" else self.images

    def reached(self, distance: float, axis: str) -> float | None:
        """Return where the mean first reaches a distance, interpolated linearly; None if it never does."""
        below = np.flatnonzero(self.mean <= distance)
        if not len(below):
            return None
        at, along = int(below[0]), self.along(axis)
        if at == 0:
            return float(along[0])
        share = (self.mean[at - 1] - distance) / (self.mean[at - 1] - self.mean[at])
        return float(along[at - 1] + share * (along[at] - along[at - 1]))


def show(runs: Sequence[EvaluatedRun], twins: Sequence[EvaluatedRun], look: dict[str, Style]) -> None:
    """Show the section of the Evaluate page; `twins` are other seeds of these runs, which `look` does not hold."""
    measured, others = comparable([*runs, *twins])
    if not measured:
        return
    key = next((key for key in KEYS if all(_has(run, key) for run in measured)), "")
    if not key:
        return
    st.subheader("Time to quality")
    styles: dict[Hashable, Style] = {run.entry.recipe: look[run.entry.name] for run in reversed(runs)}
    st.fragment(_draw)(measured, others, styles | look, key)


@error_boundary.bounded
def _draw(measured: Sequence[EvaluatedRun], others: Sequence[EvaluatedRun], look: Look, key: str) -> None:
    found = quality_curves(measured, look, key)
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
        st.markdown(summary(found, axis))
        st.caption(basis(measured, found, axis))
    if others:
        names = ", ".join(plain(run.label) for run in others)
        st.caption(
            f":material/warning: Not in the chart, because measured with other images or another extractor: {names}."
        )
    with st.expander("The chart as a table"):
        st.table(pd.DataFrame(listing(found, axis)), border="horizontal", alt=f"{title} during training")
        st.download_button(
            "Time to quality (CSV)",
            to_csv(measured),
            "time_to_quality.csv",
            icon=":material/download:",
            on_click="ignore",
            key="file time_to_quality.csv",
        )


def comparable(runs: Sequence[EvaluatedRun]) -> tuple[list[EvaluatedRun], list[EvaluatedRun]]:
    """Split runs into those measured like the first one, which share a chart, and the others."""
    found = [run for run in runs if run.found.progress and run.found.progress.stands]
    first = means(found[0].found) if found else None
    return [run for run in found if means(run.found) == first], [run for run in found if means(run.found) != first]


def quality_curves(runs: Sequence[EvaluatedRun], look: Look, key: str) -> list[QualityCurve]:
    """Return a curve for each recipe, in the order of its first run; `look` holds styles by name and by recipe.

    A run that repeats a seed has a curve of its own.
    """
    groups = seed_means.together(runs, means)
    found = []
    names = labels(groups)
    for group in groups:
        # Seeds may have different snapshots: use those of the seed with the fewest.
        grid = min((_along(run, "images") for run in group), key=len)
        grid = grid[grid <= min(_along(run, "images")[-1] for run in group)]
        minutes = [np.interp(grid, _along(run, "images"), _along(run, "seconds")) / 60 for run in group]
        values = [np.interp(grid, _along(run, "images"), _measured(run, key)) for run in group]
        label = names.pop(0)
        floor = _points(group[0])[-1].measures[key].floor
        # Every seed costs the same; any extra time comes from other work on the machine.
        first = group[0].entry
        style, fastest = look.get(first.name, look[first.recipe]), min(minutes, key=lambda elapsed: float(elapsed[-1]))
        found.append(QualityCurve(label, style, tuple(group), grid, fastest, np.array(values), floor))
    return found


def labels(groups: Sequence[Sequence[EvaluatedRun]]) -> list[str]:
    """Return a label for each group: the run if it is alone, else the preset, with the number of seeds if it varies."""
    presets = [group[0].found.preset for group in groups]
    alike = len({len(group) for group in groups}) == 1
    found = []
    for group, preset in zip(groups, presets, strict=True):
        name = preset if len(group) > 1 and presets.count(preset) == 1 else group[0].label
        found.append(name if alike or len(group) == 1 else f"{name}, {len(group)} seeds")
    return found


def summary(found: Sequence[QualityCurve], axis: str) -> str:
    """Return when each curve comes within twice the value of real images, as Markdown.

    The distances at the end are left to the table of measures: those here rest on fewer images.
    """
    floor = found[0].floor
    if floor is None or floor <= 0:
        return ""
    mark = FLOOR_MULTIPLES[-1] * floor
    there = [(at, curve) for curve in found if (at := curve.reached(mark, axis)) is not None]
    there.sort(key=lambda pair: pair[0])
    what = f"{run_metrics.number(mark)}, twice the distance of real images ({run_metrics.number(floor)})"
    if not there:
        return f"{'It does not reach' if len(found) == 1 else 'None reaches'} {what}."
    reached = ", ".join(f"**{plain(curve.label)}** (after {amount(at, axis)})" for at, curve in there)
    verb = "reaches" if len(there) == 1 else "reach"
    return f"{reached} {verb} {what}." if len(there) == len(found) else f"Only {reached} {verb} {what}."


def described(found: Sequence[QualityCurve], axis: str, title: str) -> str:
    """Return a text alternative for the chart."""
    lines = [
        f"{curve.label} from {run_metrics.number(float(curve.mean[0]))} to {run_metrics.number(float(curve.mean[-1]))} "
        f"after {amount(float(curve.along(axis)[-1]), axis)}"
        for curve in found
    ]
    floor = f"; real images: {run_metrics.number(found[0].floor)}" if found[0].floor is not None else ""
    return f"{title} against {'minutes' if axis == 'minutes' else 'images seen'}: {'; '.join(lines)}{floor}"


def basis(runs: Sequence[EvaluatedRun], found: Sequence[QualityCurve], axis: str) -> str:
    """Return the extractor and image counts behind the chart, and the meaning of its bands."""
    one = runs[0].found.progress
    assert one
    lines = [
        f"Measured with {plain(one.extractor)} ({one.features} features), {one.generated:,} generated and "
        f"{plain(real_images(one))} at every snapshot. The dashed line is the distance of real images of other "
        "patients."
    ]
    counts = {len(curve.runs) for curve in found}
    if max(counts) > 1:
        of = f"{counts.pop()} seeds" if len(counts) == 1 else "seeds"
        lines.append(f"Lines are means over {of}; bands span the lowest to the highest seed.")
    if axis == "minutes":
        lines.append(CLOCK)
    return " ".join(lines)


def listing(found: Sequence[QualityCurve], axis: str) -> dict[str, dict[str, str]]:
    """Return the chart as a table: column -> curve -> text."""
    columns: dict[str, dict[str, str]] = {}
    for curve in found:
        row = {
            "Runs": ", ".join(run.label for run in curve.runs),
            "At the end": run_metrics.number(float(curve.mean[-1])),
        }
        row["Lowest"] = run_metrics.number(float(curve.mean.min()))
        for times in FLOOR_MULTIPLES:
            if curve.floor is not None and curve.floor > 0:
                at = curve.reached(times * curve.floor, axis)
                row[f"{times} x real images after"] = "not reached" if at is None else amount(at, axis)
        row["Minutes"] = f"{curve.minutes[-1]:.0f}"
        row["Images seen"] = f"{round(curve.images[-1]):,}"
        for name, value in row.items():
            columns.setdefault(name, {})[plain(curve.label)] = plain(value)
    return columns


def to_csv(runs: Sequence[EvaluatedRun]) -> str:
    """Return every snapshot of every run as CSV, one measure per line."""
    rows: list[tuple[object, ...]] = [HEADER]
    for run in runs:
        seed = "" if run.entry.seed is None else run.entry.seed
        for point in _points(run):
            place = (point.epoch, point.step, point.images, f"{point.seconds:g}")
            for name, cell in point.measures.items():
                numbers = map(evaluation_files.as_text, (cell.value, cell.low, cell.high, cell.floor))
                rows.append((run.entry.name, run.found.preset, seed, *place, name, *numbers))
    return csv_text.text(rows)


def amount(at: float, axis: str) -> str:
    """Return minutes or a number of images as text."""
    return f"{at:.0f} min" if axis == "minutes" else f"{round(at):,} images"


def _points(run: EvaluatedRun) -> tuple[ProgressPoint, ...]:
    assert run.found.progress
    return run.found.progress.stands


def _has(run: EvaluatedRun, key: str) -> bool:
    return all(key in point.measures for point in _points(run))


def _along(run: EvaluatedRun, name: str) -> np.ndarray:
    return np.array([getattr(point, name) for point in _points(run)], float)


def _measured(run: EvaluatedRun, key: str) -> np.ndarray:
    return np.array([point.measures[key].value for point in _points(run)])
