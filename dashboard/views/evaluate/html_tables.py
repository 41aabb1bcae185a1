"""The page's tables as HTML: all measures, confusion matrices, and audits as a drawing; dashboard/styles lays them out.

Every text from a run is escaped.
"""

import html
import math

from dashboard.charts.interval_strips import Scale, dot, of_seeds, scale_of, strip
from dashboard.charts.styles import Style
from dashboard.library.evaluation_files import small_print, written
from dashboard.library.evaluations import CONTROLS, EVERYTHING, MeasureRow, MeasureTable, RunColumn, decimals
from gan_core.evaluation.results import Direction, Flip, Scores

ARROWS = {True: "higher is better", False: "lower is better", None: ""}
_FULL = 0.15  # change, as a share of the grey scale, that gets full colour


def table(found: MeasureTable, styles: dict[str, Style], caption: str) -> str:
    """Return the table as HTML: measures are rows, runs are columns, and a click on a measure opens its explanation."""
    heads = ["<th scope='col'>Measure</th>"]
    heads += ["<th scope='col' class='ev-floor'>Real images</th>"] if found.one_floor else []
    heads += [_heading(column, styles) for column in found.columns]
    lines = []
    for section in found.sections:
        lines.append(f"<tr class='ev-section'><th colspan='{len(heads)}'>{html.escape(section.question)}</th></tr>")
        lines += [_line(row, found, styles) for row in section.rows]
    body = f"<thead><tr>{''.join(heads)}</tr></thead><tbody>{''.join(lines)}</tbody>"
    frame = f'<div class="ev-scroll" tabindex="0" role="region" aria-label="{html.escape(caption)}">'
    return f'{frame}<table class="ev-table">{body}</table></div>'


def _heading(column: RunColumn, styles: dict[str, Style]) -> str:
    more = column.direction or column.run.drawn_by
    way = f"<small>{html.escape(more)}</small>" if more else ""
    return f"<th scope='col'>{dot(styles[column.run.entry.name])}{html.escape(column.label)}{way}</th>"


def _line(row: MeasureRow, found: MeasureTable, styles: dict[str, Style]) -> str:
    digits = decimals(row.cells, row.shows)
    group_cells = [cell for other in found.rows if row.group and other.group == row.group for cell in other.cells]
    scale = scale_of(row, group_cells)
    cells = []
    if found.one_floor:
        floor = "–" if row.floor is None else written(row.floor, digits, row.shows)
        cells.append(f"<td class='ev-floor'>{floor}</td>")
    for index, (cell, column) in enumerate(zip(row.cells, found.columns, strict=True)):
        if cell is None:
            cells.append("<td>–</td>")
            continue
        best = index == row.best
        value = written(cell.value, digits, row.shows)
        bounds = small_print(cell, digits, row.shows, not found.one_floor)
        if row.seeds:
            bounds = " · ".join(filter(None, (bounds, of_seeds(row.seeds[index]))))
        drawn = strip(cell, scale, styles[column.run.entry.name].color)
        badge = "<span class='ev-badge'>best</span>" if best else ""
        cells.append(f"<td{' class=ev-best' if best else ''}><b>{value}</b>{badge}<small>{bounds}</small>{drawn}</td>")
    way = f" <small>{ARROWS[row.more]}</small>" if row.more is not None else ""
    trainings = "; ".join(text for text, count in zip(row.each, row.seeds, strict=True) if count > 1)
    each = f"<p>Each seed: {html.escape(trainings)}.</p>" if trainings else ""
    words = f"<p>{html.escape(row.meaning)}</p>{each}"
    name = f"<details><summary>{html.escape(row.title)}{way}</summary>{words}</details>"
    return f"<tr><th scope='row'>{name}</th>{''.join(cells)}</tr>"


def confusion(found: Scores) -> str:
    """Return a confusion matrix as HTML, each cell shaded by its share of the row."""
    names = [html.escape(name) for name in found.classes]
    heads = "".join(f"<th scope='col'>{name}</th>" for name in names)
    lines = []
    for name, row in zip(names, found.confusion, strict=True):
        total = max(sum(row), 1)
        cells = "".join(
            f"<td style='--share:{count / total:.3f}'><b>{count}</b><small>{count / total:.0%}</small></td>"
            for count in row
        )
        lines.append(f"<tr><th scope='row'>{name}</th>{cells}</tr>")
    corner = "<th class='ev-corner'><small>true \\ predicted</small></th>"
    return f"<table class='ev-confusion'><thead><tr>{corner}{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def audit(way: Direction, color: str) -> str:
    """Return one direction as a drawing: where the images change, and which classifiers are flipped."""
    flips = "".join(_flip_line(flip, color) for flip in way.flips)
    classifiers = (
        f"<ul class='ev-judges'>{flips}</ul>" if flips else "<p class='ev-none'>No classifier knows these domains.</p>"
    )
    return f"<div class='ev-audit' style='--run:{color}'>{_chest(way)}{classifiers}</div>"


def _chest(way: Direction) -> str:
    """Return a chest as HTML, lungs and surroundings coloured by their change; a plain square without lungs."""
    change = {key: cell.value for key, cell in way.change.items() if math.isfinite(cell.value)}
    inside, outside = change.get("inside lungs"), change.get("outside lungs")
    around = outside if outside is not None else change.get("all")
    if around is None:
        return ""
    ground = f"style='--much:{min(around / _FULL, 1):.3f}'"
    if inside is None:
        return f"<div class='ev-place' {ground}><span class='ev-around'>{around:.1%}<small>changed</small></span></div>"
    lung = f"style='--much:{min(inside / _FULL, 1):.3f}'"
    return (
        f"<div class='ev-place' {ground}><i class='ev-lung ev-left' {lung}></i><i class='ev-lung ev-right' {lung}></i>"
        f"<span class='ev-inside'>{inside:.1%}<small>inside</small></span>"
        f"<span class='ev-outside'>{around:.1%} <small>outside</small></span></div>"
    )


_EYES = {EVERYTHING: "ev-all", CONTROLS[0]: "ev-box", CONTROLS[1]: "ev-hull"}  # others see the lungs alone


def _flip_line(flip: Flip, color: str) -> str:
    cell = flip.flipped
    kind = _EYES.get(flip.sees, "ev-alone")
    name = f"sees {html.escape(flip.sees)}"
    of = f"{html.escape(flip.classifier)}, right for {flip.held_out_accuracy:.0%} of real images"
    sure = f"mean probability of the target {flip.confidence_before:.0%} → {flip.confidence_after:.0%}"
    return (
        f"<li><i class='ev-eye {kind}'><i></i><i></i></i><span><b>{name}</b><small>{of}; {sure}</small>"
        f"{strip(cell, Scale(0, 1), color)}</span><b class='ev-number'>{written(cell.value, 2, 'percent')}</b></li>"
    )
