"""A comparison as one HTML file: no script, no network, light and dark colours, small enough for a mail.

Texts from runs and notes are escaped. Sheets with real images are left out, and the file says so.
"""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dashboard.charts import curve_payloads, run_metrics
from dashboard.charts.run_metrics import Chart
from dashboard.charts.styles import Style
from dashboard.charts.svg import DASHES, Trace, beyond, chart, shape
from dashboard.library import evaluation_files, evaluations, store
from dashboard.library.evaluations import EvaluatedRun, MeasureTable
from dashboard.library.notes import Note
from dashboard.library.store import Entry, Library, origin_word
from dashboard.widgets import settings_table
from dashboard.widgets.text import source_name
from gan_core import __version__
from gan_core.evaluation.results import Evaluation
from gan_core.images import NOTICE

PICTURES = 4_000_000  # bytes of all sample grids: base64 adds a third, so the file stays below 6 MB
_STYLE = Path(__file__).with_name("report.css")
_HEAD = """<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
"""


@dataclass(frozen=True)
class ReportedEvent:
    """An event of a run's training."""

    title: str
    when: str
    sentence: str
    advice: str  # empty if there is nothing to change
    ailment: bool = False


@dataclass(frozen=True)
class ReportOptions:
    """The reader's choices for the report, and the data of the page."""

    title: str
    made: str  # date and time
    epoch: int | None  # of the sample grids; None: the last ones
    smoothing: float
    view: str  # the query of the address, which opens the same view in the app
    written: Mapping[str, Note]  # by run name
    happened: Mapping[str, Sequence[ReportedEvent]]  # by run name
    compared: str  # the paragraph that compares the runs
    axis: str = "epoch"  # the x axis of the curves: a key of curve_payloads.AXIS_LABELS


def page(library: Library, chosen: Sequence[Entry], look: Mapping[str, Style], options: ReportOptions) -> str:
    """Return the whole report as HTML."""
    sections = (
        _runs(chosen, look, options),
        _samples(library, chosen, look, options),
        _happened(chosen, look, options),
        _curves(library, chosen, look, options),
        _settings(chosen, options),
        _last_values(library, chosen),
        _evaluations(library, chosen),
        _notes(chosen, look, options),
    )
    style = f"<style>\n{_STYLE.read_text(encoding='utf-8')}</style>\n"
    title = f"<title>{html.escape(options.title)}</title>\n"
    body = f"<main>\n{_head(chosen, options)}{''.join(sections)}</main>\n{_foot(options)}"
    return f'<!doctype html>\n<html lang="en">\n<head>\n{_HEAD}{title}{style}</head>\n<body>\n{body}</body>\n</html>\n'


def _head(chosen: Sequence[Entry], options: ReportOptions) -> str:
    count = f"{len(chosen)} {'run' if len(chosen) == 1 else 'runs'}"
    return (
        f"<header><h1>{html.escape(options.title)}</h1><p class='quiet'>{count}, {html.escape(options.made)}</p>"
        f"<p class='notice'>Generated pictures: {NOTICE}.</p></header>\n"
    )


def _foot(options: ReportOptions) -> str:
    view = f" The same view in the app: <code>{html.escape(options.view)}</code>" if options.view else ""
    return f"<footer class='quiet'><p>Made with GANray {html.escape(__version__)}.{view}</p></footer>\n"


def _runs(chosen: Sequence[Entry], look: Mapping[str, Style], options: ReportOptions) -> str:
    lines = []
    for entry in chosen:
        config = entry.config
        assert config is not None
        tags = options.written.get(entry.name, Note()).tags
        cells = (
            html.escape(f"{config.preset} ({origin_word(entry.origin)})" if entry.origin else config.preset),
            html.escape(source_name(config.source)) or "–",
            html.escape(run_metrics.training_images(config)) if config.classes or not entry.origin else "–",
            html.escape(entry.progress),
            html.escape(entry.status.state),
            "".join(f"<span class='tag'>{html.escape(tag)}</span>" for tag in tags) or "–",
        )
        row = "".join(f"<td>{cell}</td>" for cell in cells)
        lines.append(f"<tr><th scope='row'>{_name(entry, look)}</th>{row}</tr>")
    heads = ("Run", "Preset", "Data", "Training images", "Epochs", "State", "Tags")
    return _section("Runs", _table(heads, "".join(lines), "The runs of this comparison"))


def _samples(library: Library, chosen: Sequence[Entry], look: Mapping[str, Style], options: ReportOptions) -> str:
    """Return the sample grids of the chosen epoch, or of the nearest epoch that a run has."""
    figures, room = [], PICTURES
    for entry in chosen:
        epoch = store.nearest(list(entry.sheets), options.epoch) if options.epoch is not None else None
        epoch = max(entry.sheets, default=None) if options.epoch is None else epoch
        content = library.picture(entry.sheets[epoch]) if epoch is not None and not entry.private else None
        words = "no sample grid yet"
        if entry.private:
            words = "left out: its grids contain real images, which stay on their machine"
        elif content and len(content) > room:
            words, content = "left out, to keep this file small enough for a mail", None
        elif epoch is not None:
            other = options.epoch is not None and epoch != options.epoch
            words = f"epoch {epoch}{f', the nearest this run has to {options.epoch}' if other else ''}"
        room -= len(content or b"")
        figures.append(_figure(entry, look, content, words, epoch))
    at = f"Epoch {options.epoch}" if options.epoch is not None else "The last epochs"
    return _section(f"Samples: {at[:1].lower()}{at[1:]}", f"<div class='row'>{''.join(figures)}</div>")


def _figure(entry: Entry, look: Mapping[str, Style], content: bytes | None, words: str, epoch: int | None) -> str:
    picture = ""
    if content:
        alt = html.escape(f"Sample grid of {entry.label} at epoch {epoch}")
        data = base64.b64encode(content).decode()
        picture = f'{_headings(entry)}<img alt="{alt}" src="data:image/png;base64,{data}">'
    wide = " class='translator'" if entry.domains else ""
    title = f"<br>{html.escape(entry.title)}" if entry.title else ""
    caption = f"<figcaption>{_name(entry, look)}, {html.escape(words)}{title}</figcaption>"
    return f"<figure{wide}>{picture}{caption}</figure>\n"


def _headings(entry: Entry) -> str:
    """Return the headings of the six columns of a translator's sheet."""
    if not entry.sheet:
        return ""
    ways = "".join(f"<b>{html.escape(a)} → {html.escape(b)}</b>" for a, b in entry.sheet.ways)
    columns = "".join(f"<span>{word}</span>" for word in entry.sheet.pictures * 2)
    return f"<div class='headings'>{ways}{columns}</div>"


def _happened(chosen: Sequence[Entry], look: Mapping[str, Style], options: ReportOptions) -> str:
    found = []
    for entry in chosen:
        if entry.name in options.happened:
            lines = "".join(map(_event_line, options.happened[entry.name]))
            found.append(f"<h3>{_name(entry, look)}</h3><ul>{lines or '<li>Nothing to report.</li>'}</ul>")
    paragraph = f"<p>{html.escape(options.compared)}</p>" if options.compared else ""
    return _section("What happened", paragraph + "".join(found)) if found or paragraph else ""


def _event_line(each: ReportedEvent) -> str:
    sign = "⚠ " if each.ailment else ""
    advice = f" <span class='quiet'>Try: {html.escape(each.advice)}.</span>" if each.advice else ""
    title = f"<b>{sign}{html.escape(each.title)}</b>"
    return f"<li>{title}, {html.escape(each.when)}: {html.escape(each.sentence)}{advice}</li>"


def _curves(library: Library, chosen: Sequence[Entry], look: Mapping[str, Style], options: ReportOptions) -> str:
    drawn = []
    tasks = run_metrics.by_task(chosen)
    for task, group in tasks.items():
        if len(tasks) > 1:
            drawn.append(f"<h3>Runs that learn to {html.escape(task)}</h3>")
        drawn.append(f"<p class='quiet'>{' &emsp; '.join(_name(entry, look) for entry in group)}</p>")
        parts = "".join(_cards(library, task, group, look, options))
        drawn.append(f"<div class='row wide'>{parts}</div>" if parts else "<p>Nothing is logged yet.</p>")
    along = "" if options.axis == "epoch" else f", along {curve_payloads.AXIS_LABELS[options.axis]}"
    note = f"<p class='quiet'>Smoothing {options.smoothing:g}{along}; the pale curves are the logged values.</p>"
    return _section("Curves", "".join(drawn) + note)


def _cards(
    library: Library, task: str, group: Sequence[Entry], look: Mapping[str, Style], options: ReportOptions
) -> list[str]:
    """Return the charts with their titles and meanings, all with the same x axis, without charts that have no curve."""
    found = [(each, title, runs, _traces(library, each, runs, look, options)) for each, title, runs in _charts(group)]
    last = max((float(line.curve.x[-1]) for *_, lines in found for line in lines), default=1.0)
    end = curve_payloads.last_epoch(group, options.axis) or last
    unit, word = _unit(end) if options.axis == "seconds" else (1.0, "")
    along = f"{curve_payloads.AXIS_LABELS[options.axis]} ({word})" if word else curve_payloads.AXIS_LABELS[options.axis]
    cursor = options.epoch if options.axis == "epoch" else None  # on other axes each run has its own position
    cards = []
    for each, title, runs, lines in found:
        drawn = [replace(line, curve=line.curve.stretched(1 / unit)) for line in lines]
        if drawn:
            svg = chart(drawn, title, end / unit, along=along, percent=each.percent, cursor=cursor)
            words = html.escape(f"{run_metrics.meaning(each, runs)}. {beyond(drawn, end / unit, each.percent)}")
            cards.append(f"<div class='chart'><h3>{html.escape(title)}</h3>{svg}<p class='quiet'>{words}</p></div>\n")
    return cards


def _traces(
    library: Library, each: Chart, runs: Sequence[Entry], look: Mapping[str, Style], options: ReportOptions
) -> list[Trace]:
    """Return the curves of a chart, for the runs that logged it."""
    lines = []
    for entry in runs:
        curve, style = (
            curve_payloads.run_curve(library, entry, each, store.METRICS, options.axis, options.smoothing),
            look[entry.name],
        )
        if len(curve.x) and len(curve.smooth_x):
            lines.append(Trace(entry.label, curve, style.color, style.dash, style.shape))
    return lines


def _unit(seconds: float) -> tuple[float, str]:
    """Return (seconds per unit, unit) for the longest time, as on the page."""
    if seconds >= 7200:
        return 3600.0, "h"
    return (60.0, "min") if seconds >= 180 else (1.0, "s")


def _charts(group: Sequence[Entry]) -> list[tuple[Chart, str, list[Entry]]]:
    return [(each, title, runs) for each in run_metrics.usual(group) for title, runs in run_metrics.split(each, group)]


def _settings(chosen: Sequence[Entry], options: ReportOptions) -> str:
    parts = []
    tasks = run_metrics.by_task(chosen)
    for task, group in tasks.items():
        rows = settings_table.settings(group, options.written)
        different = {title: cells for title, cells in rows.items() if settings_table.differ(cells)}
        of = f" of runs that {html.escape(task)}" if len(tasks) > 1 else ""
        heads = ("", *(entry.label for entry in group))
        if len(group) > 1:
            parts.append(_table(heads, _lines(different), f"Settings that differ{of}") if different else "")
            same = [title for title in rows if title not in different]
            parts.append(f"<p class='quiet'>{html.escape(settings_table.summary(same, False))}</p>")
        every = _table(heads, _lines(rows), f"All settings{of}")
        parts.append(f"<details><summary>All settings{of}</summary>{every}</details>")
    return _section("Settings", "".join(parts))


def _last_values(library: Library, chosen: Sequence[Entry]) -> str:
    parts = []
    tasks = run_metrics.by_task(chosen)
    for task, group in tasks.items():
        columns = [run_metrics.last_values(library, entry, group) for entry in group]
        rows = {title: [column.get(title, "–") for column in columns] for title in columns[0]}
        of = f" of runs that {html.escape(task)}" if len(tasks) > 1 else ""
        parts.append(_table(("", *(entry.label for entry in group)), _lines(rows), f"Last values{of}"))
        parts.append(f"<p class='quiet'>{html.escape(run_metrics.NOTES[task])}</p>")
    return _section("Last values", "".join(parts))


def _evaluations(library: Library, chosen: Sequence[Entry]) -> str:
    """Return the evaluations of the runs, with intervals and the values of real images."""
    labels = [entry.label for entry in chosen]
    runs = []
    for entry in chosen:
        found = library.evaluation(entry)
        if isinstance(found, Evaluation):
            runs.append(EvaluatedRun(entry, found, entry.label if labels.count(entry.label) == 1 else entry.name))
    parts = []
    for task, group in run_metrics.by_task([run.entry for run in runs]).items():
        names = {entry.name for entry in group}
        members = [run for run in runs if run.entry.name in names]
        found_table = evaluations.translators(members) if task == "translate" else evaluations.generators(members)
        if found_table.rows:
            parts.append(_measures(found_table))
        if task != "translate" and (reason := evaluations.differences(members)):
            parts.append(f"<p class='quiet'>Nothing is marked best: {html.escape(reason)}.</p>")
    note = "<p class='quiet'>Small numbers are 95% intervals.</p>"
    return _section("Evaluation", "".join(parts) + note) if parts else ""


def _measures(found: MeasureTable) -> str:
    heads = ["Measure", *(["Real images"] if found.one_floor else [])]
    heads += [f"{c.run.label}, {c.direction}" if c.way else c.run.label for c in found.columns]
    lines = []
    for section in found.sections:
        lines.append(f"<tr class='section'><th colspan='{len(heads)}'>{html.escape(section.question)}</th></tr>")
        for row in section.rows:
            digits = evaluations.decimals(row.cells, row.shows)
            cells = []
            if found.one_floor:
                cells.append("–" if row.floor is None else evaluation_files.written(row.floor, digits, row.shows))
            for index, cell in enumerate(row.cells):
                if cell is None:
                    cells.append("–")
                    continue
                best = " (best)" if index == row.best else ""
                reach = evaluation_files.interval(cell, digits, row.shows)
                cells.append(f"{evaluation_files.written(cell.value, digits, row.shows)}{best}<small>{reach}</small>")
            body = "".join(f"<td>{cell}</td>" for cell in cells)
            lines.append(f"<tr><th scope='row'>{html.escape(row.title)}</th>{body}</tr>")
    return _table(heads, "".join(lines), "Evaluations of these runs")


def _notes(chosen: Sequence[Entry], look: Mapping[str, Style], options: ReportOptions) -> str:
    found = [(entry, options.written[entry.name].note) for entry in chosen if entry.name in options.written]
    parts = [f"<h3>{_name(e, look)}</h3><p class='note'>{html.escape(note)}</p>" for e, note in found if note]
    return _section("Notes", "".join(parts)) if parts else ""


def _name(entry: Entry, look: Mapping[str, Style]) -> str:
    """Return a run's name with a sample of its line, as HTML."""
    style = look[entry.name]
    dash = f' stroke-dasharray="{DASHES[style.dash]}"' if DASHES[style.dash] else ""
    line = f'<path d="M0 6H28" stroke="{style.color}" stroke-width="3"{dash}/>'
    line += shape(style.shape, 14, 6, style.color) if style.shape else ""
    swatch = f'<svg class="swatch" viewBox="0 0 28 12" aria-hidden="true">{line}</svg>'
    return f"<span class='name'>{swatch}{html.escape(entry.label)}</span>"


def _section(title: str, body: str) -> str:
    return f"<section><h2>{html.escape(title)}</h2>{body}</section>\n"


def _table(heads: Sequence[str], body: str, caption: str) -> str:
    top = "".join(f"<th scope='col'>{html.escape(head)}</th>" for head in heads)
    frame = f"<div class='scroll' tabindex='0' role='region' aria-label='{html.escape(caption)}'>"
    return f"{frame}<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def _lines(rows: Mapping[str, Sequence[str]]) -> str:
    lines = []
    for title, cells in rows.items():
        body = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        lines.append(f"<tr><th scope='row'>{html.escape(title)}</th>{body}</tr>")
    return "".join(lines)
