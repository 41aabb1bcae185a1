"""Strips as HTML for styles/: a value on a scale with its interval and its reference marks.

Every text from a run is escaped. Positions are in per cent of the width, so that a strip fits any width.
"""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.charts.styles import GREY, Style
from dashboard.library.evaluation_files import written
from dashboard.library.evaluations import MeasureRow, decimals
from gan_core.evaluation.results import Measure


@dataclass(frozen=True)
class Scale:
    """The range of a strip; `at` maps a number to its position, in per cent of the strip's width."""

    low: float
    high: float

    def at(self, value: float) -> float:
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0) * 100


def scale_of(row: MeasureRow, beside: Sequence[Measure | None] = ()) -> Scale:
    """Return a scale that contains zero and every value, interval and mark of a row."""
    if row.whole:
        return Scale(0, 1)
    cells = [cell for cell in (*row.cells, *beside) if cell]
    numbers = [n for cell in cells for n in (cell.value, cell.low, cell.high, cell.floor) if n is not None]
    finite = [n for n in numbers if math.isfinite(n)]
    low, high = min([0.0, *finite]), max([0.0, *finite])
    return Scale(low, high * 1.04) if high > low else Scale(0, 1)


def strips(row: MeasureRow, names: Sequence[str], looks: Sequence[Style], beside: Sequence[Measure | None] = ()) -> str:
    """Return a line for each cell: its name, its strip on the row's scale, and its number.

    Cells without a number are named in a last line. beside: a second reference value for each cell.
    """
    scale, digits = scale_of(row, beside), decimals(row.cells, row.shows)
    lines = []
    for index, (cell, name, look) in enumerate(zip(row.cells, names, looks, strict=True)):
        if cell is None:
            continue
        trainings = f" <small>{of_seeds(row.seeds[index])}</small>" if row.seeds else ""
        label = f'<span class="ev-name">{dot(look)}{html.escape(name)}{trainings}</span>'
        other = beside[index] if index < len(beside) else None
        best = ' class="ev-best"' if index == row.best else ""
        value = written(cell.value, digits, row.shows)
        lines.append(f"<li{best}>{label}{strip(cell, scale, look.color, other)}<b>{value}</b></li>")
    long = " ev-long" if max(map(len, names), default=0) > 16 else ""
    missing = [html.escape(name) for cell, name in zip(row.cells, names, strict=True) if cell is None]
    rest = f'<p class="ev-none">Not measured: {", ".join(missing)}.</p>' if missing else ""
    return f'<ul class="ev-strips{long}">{"".join(lines)}</ul>{rest}'


def of_seeds(count: int) -> str:
    return f"{count} seed{'' if count == 1 else 's'}"


def legend() -> str:
    """Return the legend of the strips."""
    signs = {
        "the number": '<i class="ev-at" style="left:50%"></i>',
        "its 95% interval": '<i class="ev-reach" style="left:0;width:100%"></i>',
        "real images, or another reference": '<i class="ev-mark" style="left:50%"></i>',
    }
    strips = (
        f'<span><span class="ev-strip" style="--run:{GREY}" aria-hidden="true">{mark}</span>{words}</span>'
        for words, mark in signs.items()
    )
    return f'<div class="ev-legend">{"".join(strips)}</div>'


def strip(cell: Measure, scale: Scale, color: str, beside: Measure | None = None) -> str:
    """Return one strip: the interval as a bar, the value as a dot, the floor as a mark, `beside` as a hollow mark."""
    parts = []
    if cell.low is not None and cell.high is not None:
        left, right = scale.at(cell.low), scale.at(cell.high)
        parts.append(f'<i class="ev-reach" style="left:{left:.1f}%;width:{max(right - left, 0.5):.1f}%"></i>')
    if cell.floor is not None and math.isfinite(cell.floor):
        parts.append(f'<i class="ev-mark" style="left:{scale.at(cell.floor):.1f}%"></i>')
    if beside is not None and math.isfinite(beside.value):
        parts.append(f'<i class="ev-mark ev-second" style="left:{scale.at(beside.value):.1f}%"></i>')
    if math.isfinite(cell.value):
        parts.append(f'<i class="ev-at" style="left:{scale.at(cell.value):.1f}%"></i>')
    return f'<span class="ev-strip" style="--run:{color}" aria-hidden="true">{"".join(parts)}</span>'


def dot(look: Style) -> str:
    """Return a run's dot: filled for a solid line, a ring for a dashed one; or its shape."""
    if look.shape:
        return f'<i class="ev-shape" style="color:{look.color}" aria-hidden="true">{look.dot}</i>'
    fill = look.color if look.dash == "solid" else "transparent"
    return f'<i class="ev-dot" style="background:{fill};border-color:{look.color}"></i>'
