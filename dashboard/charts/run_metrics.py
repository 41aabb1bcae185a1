"""The logged metrics of runs for the pages: the charts of a comparison, the titles of columns, the rows of tables.

Everything is read from the metrics that a run declares (`gan_core.metrics`). No family is named here.
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
    """A quantity of several runs over epochs.

    columns: columns of a table, in any of the runs. The curve of a run is the mean of those that it has: see
    `columns_of`.
    """

    title: str
    columns: tuple[str, ...]
    meaning: str = ""  # {domains} is replaced by the names of both domains
    percent: bool = False
    by_objective: bool = False  # its values are comparable only under one objective
    declared: bool = False  # True: families declare it; False: a column that the reader chose


_MOST_WATCHED = 8  # charts of a training that goes on
ANIMATIONS = {
    "generate": (
        "From noise to images",
        "The same latent vectors in every frame, from the first epoch that is here to the last.",
    ),
    "translate": (
        "From input to translation",
        "The same inputs at every epoch, from the first that is here to the last.",
    ),
}
# Columns of epochs.csv with shares; a run has those of its family.
CHANGES = tuple(metric.column for metric in metrics.CHANGES)
CHANGED = "mean absolute differences, in shares of the grey scale"
NOTES = {
    "generate": "Diversity is the mean distance between two images. The diversity of the samples should be close to "
    "that of the data.",
    "translate": "Losses are means of both directions, before weighting. Change (of an image by its translation), "
    "cycle error (of an image translated there and back) and error (of a translation against its true partner) "
    f"are {CHANGED}, at the last preview. A one-way run has no cycle.",
}


def by_task(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Return the runs of each task, in their order."""
    return {task: list(group) for task, group in groupby(sorted(entries, key=_task), key=_task)}


def domain_names(group: Sequence[Entry]) -> tuple[str, str]:
    """Return the names of the two domains of several translators, or ("A", "B") if they differ."""
    named = {entry.domains for entry in group if entry.domains}
    return named.pop() if len(named) == 1 else ("A", "B")


def meaning(chart: Chart, group: Sequence[Entry]) -> str:
    """Return the meaning of a chart, with the names of the domains if all runs share them."""
    named = {entry.domains for entry in group}
    first = next(iter(named))
    return chart.meaning.replace("{domains}", " and ".join(first) if first and len(named) == 1 else "both domains")


def objective(entry: Entry) -> str:
    """Return the title of the objective of the run's losses."""
    return entry.traits.objective_info.title


def usual(group: Sequence[Entry]) -> list[Chart]:
    """Return the default charts of runs of one task, in the order of their metrics' roles."""
    found: dict[str, list[Metric]] = {}
    for metric in in_order(metric for entry in group for metric in entry.traits.metrics):
        if metric.chart_title:
            found.setdefault(metric.chart_title, []).append(metric)
    return [_chart_of(title, drawn) for title, drawn in found.items()]


def _chart_of(title: str, drawn: Sequence[Metric]) -> Chart:
    first = drawn[0]
    columns = tuple(dict.fromkeys(metric.column for metric in drawn))
    return Chart(
        # A title may contain the domains, which may differ between the runs.
        _named(title, None),
        columns,
        next((metric.meaning for metric in drawn if metric.meaning), ""),
        first.percent,
        any(metric.objective for metric in drawn),
        declared=True,
    )


def measured(entry: Entry, chart: Chart) -> bool:
    """Whether the run declares the metric of the chart; always True for a column that the reader chose."""
    if not chart.declared:
        return True
    own = [metric for metric in entry.traits.metrics if metric.column in chart.columns]
    return any(_named(metric.chart_title, None) == chart.title for metric in own)


def columns_of(entry: Entry, chart: Chart) -> tuple[str, ...]:
    """Return the columns of a chart that the run declares for it; all of them if it declares none."""
    if not chart.declared:
        return chart.columns
    own = {metric.column for metric in entry.traits.metrics if _named(metric.chart_title, None) == chart.title}
    return tuple(column for column in chart.columns if column in own) or chart.columns


def growth(entry: Entry) -> list[tuple[str, dict[str, tuple[str, ...]], bool]]:
    """Return the charts to watch during training: (title, curve name -> columns, whether the values are shares).

    Metrics with the same unit share a chart. Of a run that GANray did not train, its own columns are drawn as well.
    """
    found: dict[tuple[str, bool, str], dict[str, list[Metric]]] = {}
    for metric in in_order(entry.traits.metrics):
        # Columns that only the program that trains knows: each has a chart of its own, as their scales differ.
        own = bool(entry.origin) and not metric.watch and metric.chart is None
        if metric.watch or own:
            curve = metric.name or _named(metric.chart_title or metric.title, entry.domains)
            alone = own or metric.column == metrics.PREVIEW_DISTANCE.column
            kind = metric.unit, metric.role == "critic_distance", metric.title if alone else ""
            found.setdefault(kind, {}).setdefault(curve, []).append(metric)
    charts = []
    for curves in list(found.values())[:_MOST_WATCHED]:
        drawn = [metric for group in curves.values() for metric in group]
        names = {metric.chart_title for metric in drawn}
        title = names.pop() if len(names) == 1 else "Discriminator accuracy" if drawn[0].percent else "Losses"
        columns = {name: tuple(metric.column for metric in group) for name, group in curves.items()}
        charts.append((_named(title, entry.domains), columns, drawn[0].percent))
    return charts


def split(chart: Chart, group: Sequence[Entry]) -> list[tuple[str, list[Entry]]]:
    """Return (title, runs) of each figure of a chart: losses of different objectives get separate figures."""
    runs = [entry for entry in group if measured(entry, chart)]
    objectives = sorted({objective(entry) for entry in runs})
    if not chart.by_objective or len(objectives) < 2:
        return [(chart.title, runs)]
    return [(f"{chart.title}, {name}", [e for e in runs if objective(e) == name]) for name in objectives]


def titles(entry: Entry) -> dict[str, str]:
    """Return column -> title of a run's declared metrics, in display order."""
    return {metric.column: _named(metric.title, entry.domains) for metric in in_order(entry.traits.metrics)}


def metric_of(column: str, entries: Sequence[Entry]) -> Metric | None:
    """Return the metric that the first run with this column declares; None if no run declares it."""
    return next((m for entry in entries for m in entry.traits.metrics if m.column == column), None)


def _named(text: str, domains: tuple[str, str] | None) -> str:
    """Return a title with {a} and {b} replaced by the names of the domains."""
    a, b = domains or ("A", "B")
    return text.replace("{a}", "\0").replace("{b}", b).replace("\0", a)


def last_values(library: Library, entry: Entry, group: Sequence[Entry]) -> dict[str, str]:
    """Return title -> last value of a run. All runs of the group get the same titles."""
    logged, previews = library.table(entry, store.METRICS), library.table(entry, store.EPOCHS)
    mixed = len({other.objective for other in group}) > 1
    rows = {}
    for chart in usual(group):
        last = _last(library, entry, columns_of(entry, chart)) if measured(entry, chart) else math.nan
        note = f" ({objective(entry)})" if mixed and chart.by_objective and measured(entry, chart) else ""
        rows[chart.title] = share(last) if chart.percent else number(last) + note
    summary = {metric.column: metric for other in group for metric in other.traits.metrics if metric.summary}
    for column, metric in summary.items():
        digits = 1 if column in CHANGES else 0
        value = share(previews.last(column), digits) if metric.percent else number(previews.last(column))
        rows[_named(metric.title, domain_names(group))] = value
    rows["Images per second"] = number(logged.last("images_per_second"))
    rows["Time"] = trained_for(logged.last("seconds"))
    return rows


def _last(library: Library, entry: Entry, columns: tuple[str, ...]) -> float:
    """Return the last value of a chart: smoothed, unless previews measured it."""
    previews = library.table(entry, store.EPOCHS)
    if columns[0] in previews.names():
        return previews.last(columns[0])
    return library.curve(entry, columns, SMOOTHING).last


def trained_for(seconds: float) -> str:
    """Return how long a training took; "–" where nobody knows: other programs write no time, or 0."""
    return store.duration(seconds or None) or "–"


def training_images(config: RunConfig) -> str:
    """Return the number of training images as text: for each domain of a translator, else in total."""
    counts = config.class_counts if config.domains else [config.train_images]
    return " and ".join(f"{count:,}" for count in counts)


def number(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")


def share(value: float, digits: int = 0) -> str:
    return f"{value:.{digits}%}" if math.isfinite(value) else "–"


def _task(entry: Entry) -> str:
    return entry.task
