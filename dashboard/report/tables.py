"""The tables of a report: the runs, their settings, their last values and what `evaluate` measured."""

import html
from collections.abc import Sequence

from dashboard.charts import run_metrics
from dashboard.library import evaluation_files, evaluations, units
from dashboard.library.evaluations import EvaluatedRun, MeasureTable
from dashboard.library.notes import Note
from dashboard.library.store import Entry, Library, origin_word
from dashboard.report.comparison import Comparison
from dashboard.report.markup import lines, named, section, table
from dashboard.widgets import settings_table
from dashboard.widgets.text import source_name
from gan_core.evaluation.results import Evaluation


def runs(compared: Comparison) -> str:
    """Return the table of the runs: what each is and how far it came."""
    rows = []
    for entry in compared.chosen:
        config = entry.config
        assert config is not None
        tags = compared.options.written.get(entry.name, Note()).tags
        cells = (
            html.escape(f"{config.preset} ({origin_word(entry.origin)})" if entry.origin else config.preset),
            html.escape(source_name(config.source)) or "–",
            html.escape(run_metrics.training_images(config)) if config.classes or not entry.origin else "–",
            html.escape(units.progress(entry, compared.chosen)),
            html.escape(entry.status.state),
            "".join(f"<span class='tag'>{html.escape(tag)}</span>" for tag in tags) or "–",
        )
        row = "".join(f"<td>{cell}</td>" for cell in cells)
        rows.append(f"<tr><th scope='row'>{named(entry, compared.look)}</th>{row}</tr>")
    heads = ("Run", "Preset", "Data", "Training images", units.heading(compared.chosen), "State", "Tags")
    return section("Runs", table(heads, "".join(rows), "The runs of this comparison"))


def settings(compared: Comparison) -> str:
    """Return the settings in which the runs differ, and all of them folded away."""
    parts = []
    tasks = run_metrics.by_task(compared.chosen)
    for task, group in tasks.items():
        rows = settings_table.settings(group, compared.options.written)
        different = {title: cells for title, cells in rows.items() if settings_table.differ(cells)}
        of = f" of runs that {html.escape(task)}" if len(tasks) > 1 else ""
        heads = ("", *(entry.label for entry in group))
        if len(group) > 1:
            parts.append(table(heads, lines(different), f"Settings that differ{of}") if different else "")
            same = [title for title in rows if title not in different]
            parts.append(f"<p class='quiet'>{html.escape(settings_table.summary(same, False))}</p>")
        every = table(heads, lines(rows), f"All settings{of}")
        parts.append(f"<details><summary>All settings{of}</summary>{every}</details>")
    return section("Settings", "".join(parts))


def last_values(compared: Comparison) -> str:
    """Return the last values of the curves."""
    parts = []
    tasks = run_metrics.by_task(compared.chosen)
    for task, group in tasks.items():
        columns = [run_metrics.last_values(compared.library, entry, group) for entry in group]
        rows = {title: [column.get(title, "–") for column in columns] for title in columns[0]}
        of = f" of runs that {html.escape(task)}" if len(tasks) > 1 else ""
        parts.append(table(("", *(entry.label for entry in group)), lines(rows), f"Last values{of}"))
        parts.append(f"<p class='quiet'>{html.escape(run_metrics.NOTES[task])}</p>")
    return section("Last values", "".join(parts))


def measured(library: Library, chosen: Sequence[Entry]) -> list[tuple[MeasureTable, list[EvaluatedRun]]]:
    """Return the table of measures of the runs of each task, with its runs; without runs that were not evaluated."""
    labels = [entry.label for entry in chosen]
    found = []
    for entry in chosen:
        evaluation = library.evaluation(entry)
        if isinstance(evaluation, Evaluation):
            label = entry.label if labels.count(entry.label) == 1 else entry.name
            found.append(EvaluatedRun(entry, evaluation, label))
    tables = []
    for task, group in run_metrics.by_task([run.entry for run in found]).items():
        names = {entry.name for entry in group}
        members = [run for run in found if run.entry.name in names]
        made = evaluations.translators(members) if task == "translate" else evaluations.generators(members)
        tables.append((made, members))
    return tables


def measures(compared: Comparison) -> str:
    """Return the evaluations of the runs, with intervals and the values of real images."""
    parts = []
    for made, members in measured(compared.library, compared.chosen):
        if made.rows:
            parts.append(_measures(made))
        if members[0].entry.task != "translate" and (reason := evaluations.differences(members)):
            parts.append(f"<p class='quiet'>Nothing is marked best: {html.escape(reason)}.</p>")
    note = "<p class='quiet'>Small numbers are 95% intervals and, without a column of real images, references.</p>"
    return section("Evaluation", "".join(parts) + note) if parts else ""


def _measures(found: MeasureTable) -> str:
    heads = ["Measure", *(["Real images"] if found.one_floor else [])]
    heads += [f"{c.run.label}, {c.direction}" if c.way else c.run.label for c in found.columns]
    rows = []
    for part in found.sections:
        rows.append(f"<tr class='section'><th colspan='{len(heads)}'>{html.escape(part.question)}</th></tr>")
        for row in part.rows:
            digits = evaluations.decimals(row.cells, row.shows)
            cells = []
            if found.one_floor:
                cells.append("–" if row.floor is None else evaluation_files.written(row.floor, digits, row.shows))
            for index, cell in enumerate(row.cells):
                if cell is None:
                    cells.append("–")
                    continue
                best = " (best)" if index == row.best else ""
                reach = evaluation_files.small_print(cell, digits, row.shows, not found.one_floor)
                cells.append(f"{evaluation_files.written(cell.value, digits, row.shows)}{best}<small>{reach}</small>")
            body = "".join(f"<td>{cell}</td>" for cell in cells)
            rows.append(f"<tr><th scope='row'>{html.escape(row.title)}</th>{body}</tr>")
    return table(heads, "".join(rows), "Evaluations of these runs")
