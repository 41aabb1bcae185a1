"""What runs log, as pages show it: the charts that runs are compared by, names of columns, rows of the tables.

All of it is read from the metrics that a run carries (`gan_core.metrics`); no family is known here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from dashboard.library import store
from dashboard.library.curves import SMOOTHING
from dashboard.library.store import Entry, Library
from gan_core import metrics
from gan_core.config import RunConfig
from gan_core.metrics import Metric, in_order


@dataclass(frozen=True)
class Chart:
    """A quantity that several runs are compared by, over epochs.

    columns: of metrics.csv, in any of the runs; of each run, the mean of those that it logs is drawn.
    """

    title: str
    columns: tuple[str, ...]
    meaning: str = ""  # {domains} stands for both domains
    percent: bool = False
    by_objective: bool = False  # its size means something else under another objective
    declared: bool = False  # whether families say that they learn by it; else it is a column that a reader chose


ANIMATIONS = {
    "generate": ("From noise to images", "The same latents in every frame, from before training to the last epoch."),
    "translate": (
        "From input to translation",
        "The same inputs at every epoch, from before training to the last one.",
    ),
}
# Of epochs.csv, as shares; a run has those that fit its family.
CHANGES = tuple(metric.column for metric in metrics.CHANGES)
CHANGED = "mean absolute differences, in shares of the grey scale"
NOTES = {
    "generate": "Diversity is how far two images are apart on average: the samples' should come near the data's.",
    "translate": "They are means of both directions, before the losses are weighed. Change (of a picture by its "
    "translation), cycle error (of a picture there and back) and error (of a translation, against its true partner) "
    f"are {CHANGED}, at the last preview. A run that goes one way has no way back.",
}


def by_task(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """The runs of each task, in their order."""
    return {task: list(group) for task, group in groupby(sorted(entries, key=_task), key=_task)}


def domain_names(group: Sequence[Entry]) -> tuple[str, str]:
    """What to call the two domains of several translators: their own names, or A and B where those differ."""
    named = {entry.domains for entry in group if entry.domains}
    return named.pop() if len(named) == 1 else ("A", "B")


def meaning(chart: Chart, group: Sequence[Entry]) -> str:
    """What the chart shows, with the names of the domains where all runs have the same ones."""
    named = {entry.domains for entry in group}
    first = next(iter(named))
    return chart.meaning.replace("{domains}", " and ".join(first) if first and len(named) == 1 else "both domains")


def objective(entry: Entry) -> str:
    """The objective that the run's losses belong to, in words."""
    return entry.traits.objective_info.title


def usual(group: Sequence[Entry]) -> list[Chart]:
    """The charts that runs of one task are compared by, in the order of their metrics' roles."""
    found: dict[str, list[Metric]] = {}
    for metric in in_order(metric for entry in group for metric in entry.traits.metrics):
        if metric.chart_title:
            found.setdefault(metric.chart_title, []).append(metric)
    return [_chart_of(title, drawn) for title, drawn in found.items()]


def _chart_of(title: str, drawn: Sequence[Metric]) -> Chart:
    first = drawn[0]
    columns = tuple(dict.fromkeys(metric.column for metric in drawn))
    return Chart(
        # A title may speak of the domains; those of several runs may differ.
        _named(title, None),
        columns,
        next((metric.meaning for metric in drawn if metric.meaning), ""),
        first.percent,
        any(metric.objective for metric in drawn),
        declared=True,
    )


def measured(entry: Entry, chart: Chart) -> bool:
    """Whether the run learns by what the chart shows; a chart of one chosen column is drawn of every run."""
    if not chart.declared:
        return True
    own = [metric for metric in entry.traits.metrics if metric.column in chart.columns]
    return any(_named(metric.chart_title, None) == chart.title for metric in own)


def growth(entry: Entry) -> list[tuple[str, dict[str, tuple[str, ...]], bool]]:
    """What is watched while the run trains: a chart's title, its curves by name, and whether they are shares.

    Metrics of one unit share a chart.
    """
    found: dict[str, dict[str, list[Metric]]] = {}
    for metric in in_order(entry.traits.metrics):
        if metric.watch:
            curve = metric.name or _named(metric.chart_title or metric.title, entry.domains)
            found.setdefault(metric.unit, {}).setdefault(curve, []).append(metric)
    charts = []
    for curves in found.values():
        drawn = [metric for group in curves.values() for metric in group]
        names = {metric.chart_title for metric in drawn}
        title = names.pop() if len(names) == 1 else "Discriminator accuracy" if drawn[0].percent else "Losses"
        columns = {name: tuple(metric.column for metric in group) for name, group in curves.items()}
        charts.append((_named(title, entry.domains), columns, drawn[0].percent))
    return charts


def split(chart: Chart, group: Sequence[Entry]) -> list[tuple[str, list[Entry]]]:
    """(title, runs) of each figure that the chart needs: losses of two objectives are never in one."""
    runs = [entry for entry in group if measured(entry, chart)]
    objectives = sorted({objective(entry) for entry in runs})
    if not chart.by_objective or len(objectives) < 2:
        return [(chart.title, runs)]
    return [(f"{chart.title}, {name}", [e for e in runs if objective(e) == name]) for name in objectives]


def titles(entry: Entry) -> dict[str, str]:
    """What a run's columns are called, in the order to show them; columns that are not named here follow."""
    return {metric.column: _named(metric.title, entry.domains) for metric in in_order(entry.traits.metrics)}


def metric_of(column: str, entries: Sequence[Entry]) -> Metric | None:
    """What the first run that has such a column says of it."""
    return next((m for entry in entries for m in entry.traits.metrics if m.column == column), None)


def _named(text: str, domains: tuple[str, str] | None) -> str:
    """A title with the names of the domains put in."""
    a, b = domains or ("A", "B")
    return text.replace("{a}", "\0").replace("{b}", b).replace("\0", a)


def last_values(library: Library, entry: Entry, group: Sequence[Entry]) -> dict[str, str]:
    """Where a run has come to; the rows are the same for every run of the group."""
    logged, previews = library.table(entry, store.METRICS), library.table(entry, store.EPOCHS)
    mixed = len({other.objective for other in group}) > 1
    rows = {}
    for chart in usual(group):
        last = library.curve(entry, chart.columns, SMOOTHING).last if measured(entry, chart) else math.nan
        note = f" ({objective(entry)})" if mixed and chart.by_objective and measured(entry, chart) else ""
        rows[chart.title] = share(last) if chart.percent else number(last) + note
    summary = {metric.column: metric for other in group for metric in other.traits.metrics if metric.summary}
    for column, metric in summary.items():
        digits = 1 if column in CHANGES else 0
        value = share(previews.last(column), digits) if metric.percent else number(previews.last(column))
        rows[_named(metric.title, domain_names(group))] = value
    rows["Images per second"] = number(logged.last("images_per_second"))
    rows["Time"] = store.duration(logged.last("seconds")) or "–"
    return rows


def training_images(config: RunConfig) -> str:
    """How many there are: of each domain of a translator, else in all."""
    return " and ".join(map(str, config.class_counts)) if config.domains else str(config.train_images)


def number(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")


def share(value: float, digits: int = 0) -> str:
    return f"{value:.{digits}%}" if math.isfinite(value) else "–"


def _task(entry: Entry) -> str:
    return entry.task
