"""The comparison of lungs on the page: a table of questions, and what more severity does."""

import html
import math
from collections.abc import Sequence

import streamlit as st

from dashboard.charts.interval_strips import Scale, dot, strip
from dashboard.charts.styles import GREY, Style
from dashboard.library.evaluations import EvaluatedRun
from dashboard.library.lung_tables import LungCell, LungColumn, LungRow, LungTable, dose_table, lung_tables
from dashboard.widgets.text import name_line, plain

TITLE = "Is it the disease?"
HINT = (
    "Controls paint as much opacity into the same lungs, but without a network: what they reach as well is no merit. A "
    "word stands only where the 95% interval, the small numbers, supports it. Click a question to read more."
)


def has(runs: Sequence[EvaluatedRun]) -> bool:
    """Return whether the lungs of any of these runs were compared."""
    return bool(lung_tables(runs))


def show(runs: Sequence[EvaluatedRun], look: dict[str, Style]) -> None:
    """Show a table for each direction whose lungs were compared; nothing for evaluations without."""
    tables = lung_tables(runs)
    if not tables:
        return
    st.caption("Each question asks the same pictures: as they are, translated, painted without a network, and real.")
    several = len({(table.source, table.target) for table in tables}) < len(tables)
    for table in tables:
        own = ", ".join(dict.fromkeys(column.title for column in table.columns if column.run)) if several else ""
        st.markdown(f"**{plain(table.source)} → {plain(table.target)}** {plain(own)}")
        st.html(as_html(table, look))
    st.caption(HINT)
    _show_doses(runs, look)


def _show_doses(runs: Sequence[EvaluatedRun], look: dict[str, Style]) -> None:
    graded = [(run, way) for run in runs for way in run.found.audit if way.doses]
    if not graded:
        return
    st.markdown("**Does more severity mean more disease?**")
    for run, way in graded:
        found = dose_table(way)
        st.markdown(f"{name_line(run.entry, look[run.entry.name])} {plain(way.source)} → {plain(way.target)}")
        st.html(_doses(found.heads, found.rows, look[run.entry.name].color))
        st.caption(" ".join(found.sentences))


def as_html(table: LungTable, look: dict[str, Style]) -> str:
    """Return the table as HTML; every text from a run is escaped."""
    heads = "".join(_heading(column, look) for column in table.columns)
    colors = [look[column.run.entry.name].color if column.run else GREY for column in table.columns]
    lines = []
    for name, rows in table.sections:
        lines.append(f"<tr class='ev-section'><th colspan='{len(table.columns) + 1}'>{html.escape(name)}</th></tr>")
        lines += [_line(row, colors) for row in rows]
    caption = f"The lungs of {table.source} translated to {table.target}"
    return _framed(f"<th scope='col'>Question</th>{heads}", "".join(lines), caption)


def _heading(column: LungColumn, look: dict[str, Style]) -> str:
    mark = dot(look[column.run.entry.name]) if column.run else ""
    subtitle = f"{column.subtitle}, {column.found.images:,} pictures"
    return f"<th scope='col'>{mark}{html.escape(column.title)}<small>{html.escape(subtitle)}</small></th>"


def _line(row: LungRow, colors: Sequence[str]) -> str:
    scale = _scale(row)
    cells = "".join(_cell(cell, scale, color) for cell, color in zip(row.cells, colors, strict=True))
    return f"<tr><th scope='row'>{_explained(row.question, row.meaning)}</th>{cells}</tr>"


def _cell(cell: LungCell | None, scale: Scale, color: str) -> str:
    if cell is None:
        return "<td>–</td>"
    verdict = cell.verdict
    word = f"<span class='ev-word ev-{verdict.tone}'>{html.escape(verdict.word)}</span>" if verdict else ""
    return f"<td><b>{cell.text}</b>{word}<small>{cell.interval}</small>{strip(cell.measure, scale, color)}</td>"


def _scale(row: LungRow) -> Scale:
    if row.whole:
        return Scale(0, 1)
    measures = [cell.measure for cell in row.cells if cell]
    known = [end for one in measures for end in (one.value, one.low, one.high, one.floor, 0.0) if end is not None]
    ends = [end for end in known if math.isfinite(end)]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    return Scale(low, high + 0.04 * (high - low)) if high > low else Scale(0, 1)


def _doses(heads: Sequence[str], rows: Sequence[LungRow], color: str) -> str:
    columns = "".join(f"<th scope='col'>{html.escape(head)}</th>" for head in heads)
    lines = "".join(_line(row, [color] * len(heads)) for row in rows)
    return _framed(f"<th scope='col'>Severity</th>{columns}", lines, "Dose and response")


def _framed(heads: str, body: str, caption: str) -> str:
    frame = f'<div class="ev-scroll" tabindex="0" role="region" aria-label="{html.escape(caption)}">'
    table = f'<table class="ev-table ev-lungs"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>'
    return f"{frame}{table}</div>"


def _explained(question: str, meaning: str) -> str:
    return f"<details><summary>{html.escape(question)}</summary><p>{html.escape(meaning)}</p></details>"
