"""Curves as SVG: a static version of the app's charts, a few kilobytes each.

On a page its style sheet decides the colours of axes and texts; a file of its own has those of paper. A page's script
finds what it needs to move a cursor in the attributes `data-...`.
"""

import html
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dashboard.charts.run_metrics import number, share
from dashboard.library.curves import Curve, reduce

WIDTH, HEIGHT = 560, 270
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 14, 40
POINTS = 400  # per line: the picture has too few pixels to show more
DASHES = {"solid": "", "dash": "9 5", "dot": "2 4", "dashdot": "9 4 2 4"}
# Corners of the shapes on lines, relative to the centre, as in components/plots_paint.js.
SHAPES = {
    "square": ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)),
    "diamond": ((0.0, -1.4), (1.4, 0.0), (0.0, 1.4), (-1.4, 0.0)),
    "triangle-up": ((0.0, -1.3), (1.3, 1.0), (-1.3, 1.0)),
    "triangle-down": ((0.0, 1.3), (1.3, -1.0), (-1.3, -1.0)),
}
SHAPE_EVERY = 80
QUIET, RULE = "#5c6773", "#d5dadf"  # of texts and grid lines on paper; a page overrides them
_LETTER = 6.2  # mean width of a letter of the legend, in pixels
_LEGEND_LINE = 20


@dataclass(frozen=True)
class Trace:
    """A curve with its name, colour, dash and shape.

    run: number of its run on a page whose script moves a cursor; None: none does.
    """

    name: str
    curve: Curve
    color: str
    dash: str
    shape: str = ""
    run: int | None = None


@dataclass(frozen=True)
class AxisRanges:
    """The ranges of both axes; `x` and `y` map a position and a value to pixels of the picture."""

    end: float
    low: float
    high: float

    def x(self, place: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * place / self.end

    def y(self, value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (self.high - value) / (self.high - self.low)


def chart(
    traces: Sequence[Trace],
    title: str,
    end: float,
    *,
    along: str = "epoch",
    percent: bool = False,
    cursor: float | None = None,
) -> str:
    """Return the smoothed curves over the raw ones, with axes, as SVG for a page.

    traces: curves with at least one point; end: the end of the x axis; along: its title; cursor: a position on it to
    mark with a dashed line.
    """
    frame = _frame(traces, end, percent)
    alt = html.escape(f"{title} along {along} of {', '.join(trace.name for trace in traces)}")
    box = f"{LEFT} {TOP} {WIDTH - RIGHT} {HEIGHT - BOTTOM}"
    told = f'data-box="{box}" data-end="{frame.end:.9g}" data-span="{frame.low:.9g} {frame.high:.9g}"'
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{alt}" {told}>'
        f"{_drawing(traces, title, frame, percent, along, cursor)}</svg>"
    )


def file(
    traces: Sequence[Trace], title: str, end: float, caption: str, *, along: str = "epoch", percent: bool = False
) -> str:
    """Return the chart as an SVG file for print: white ground, a legend below, generic fonts, nothing from elsewhere.

    caption: what the chart shows, for those who cannot see it and for programs that read it.
    """
    frame = _frame(traces, end, percent)
    legend, height = _legend(traces)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'role="img" aria-labelledby="title caption">'
        f'<title id="title">{_xml(title)}</title><desc id="caption">{_xml(caption)}</desc>'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
        '<g font-family="Helvetica, Arial, sans-serif" font-size="12">'
        f"{_drawing(traces, title, frame, percent, along, None)}{legend}</g></svg>\n"
    )


def _drawing(
    traces: Sequence[Trace], title: str, frame: AxisRanges, percent: bool, along: str, cursor: float | None
) -> str:
    """Return axes and curves, without the element around them."""
    names = ", ".join(trace.name for trace in traces)
    clip = f"clip-{zlib.crc32(repr((title, names)).encode()):08x}"
    lines = [_line(trace.curve.x, trace.curve.y, frame, trace.color, "1", "", 0.2) for trace in traces]
    for trace in traces:
        run = f' data-run="{trace.run}"' if trace.run is not None else ""
        curve = trace.curve
        lines.append(_line(curve.smooth_x, curve.smooth_y, frame, trace.color, "2", DASHES[trace.dash], 1.0, run))
    lines += [_shapes(trace, frame, index) for index, trace in enumerate(traces) if trace.shape]
    line = ""
    if cursor is not None and 0 <= cursor <= frame.end:
        line = f'<path class="cursor" d="M{frame.x(cursor):.1f} {TOP}V{HEIGHT - BOTTOM}"/>'
    box = f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}"/>'
    return (
        f'<clipPath id="{clip}">{box}</clipPath>{_axes(frame, percent, along)}{line}'
        f'<g clip-path="url(#{clip})" fill="none" stroke-linejoin="round">{"".join(lines)}</g>'
    )


def _legend(traces: Sequence[Trace]) -> tuple[str, int]:
    """Return a line and a name for each curve, in rows below the chart, and the height of the whole picture."""
    parts, x, y = [], float(LEFT), HEIGHT + 12
    for trace in traces:
        name = trace.name if len(trace.name) <= 60 else f"{trace.name[:59]}…"
        width = 36 + _LETTER * len(name) + 18
        if x > LEFT and x + width > WIDTH:
            x, y = float(LEFT), y + _LEGEND_LINE
        dash = f' stroke-dasharray="{DASHES[trace.dash]}"' if DASHES[trace.dash] else ""
        parts.append(f'<path d="M{x:.1f} {y}h28" stroke="{trace.color}" stroke-width="2" fill="none"{dash}/>')
        parts.append(shape(trace.shape, x + 14, y, trace.color) if trace.shape else "")
        parts.append(f'<text x="{x + 36:.1f}" y="{y + 4}" fill="#000000">{_xml(name)}</text>')
        x += width
    return "".join(parts), y + 16


def _xml(text: str) -> str:
    """Return a text for an XML file: escaped, without the characters that XML cannot hold."""
    return html.escape("".join(letter if letter.isprintable() else " " for letter in text))


def beyond(traces: Sequence[Trace], end: float, percent: bool = False) -> str:
    """Return a sentence about values outside the picture; "" if there are none."""
    frame = _frame(traces, end, percent)
    raw = np.concatenate([trace.curve.y for trace in traces])
    outside = raw[(raw < frame.low) | (raw > frame.high)]
    if not len(outside):
        return ""
    word = share if percent else number
    return f"Single steps lie outside the picture, from {word(float(raw.min()))} to {word(float(raw.max()))}."


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return at most `most` round numbers from low to high."""
    if not high > low:
        return [low]
    size = 10 ** math.floor(math.log10((high - low) / most))
    step = next(factor * size for factor in (1, 2, 5, 10, 20) if (high - low) / (factor * size) <= most)
    first = math.ceil(low / step - 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, math.floor(high / step + 1e-9) + 1)]


def _frame(traces: Sequence[Trace], end: float, percent: bool) -> AxisRanges:
    """Return ranges that hold the smoothed curves and 98 % of the raw values of each curve."""
    smooth = np.concatenate([trace.curve.smooth_y for trace in traces])
    if percent:
        return AxisRanges(max(end, 1e-9), max(min(0.4, float(smooth.min()) - 0.05), 0), 1.02)
    usual = [np.quantile(trace.curve.y, [0.01, 0.99]) for trace in traces]
    values = np.concatenate([smooth, *usual])
    low, high = float(values.min()), float(values.max())
    margin = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return AxisRanges(max(end, 1e-9), low - margin, high + margin)


def _line(
    x: np.ndarray,
    y: np.ndarray,
    frame: AxisRanges,
    color: str,
    width: str,
    dash: str,
    opacity: float,
    more: str = "",
) -> str:
    x, y = reduce(x, y, POINTS)
    if not len(x):
        return ""
    points = [f"{frame.x(float(a)):.1f} {frame.y(float(b)):.1f}" for a, b in zip(x, y, strict=True)]
    if len(points) == 1:
        points *= 2  # a line of length zero, which its round cap turns into a dot
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    cap = ' stroke-linecap="round"' if len(x) == 1 else ""
    style = f'stroke="{color}" stroke-width="{"6" if len(x) == 1 else width}" stroke-opacity="{opacity:g}"'
    return f'<path d="M{"L".join(points)}" {style}{dashes}{cap}{more}/>'


def shape(name: str, x: float, y: float, color: str) -> str:
    """Return a shape centred at a pixel of the picture, as SVG."""
    corners = " ".join(f"{x + 3.5 * right:.1f},{y + 3.5 * down:.1f}" for right, down in SHAPES[name])
    return f'<polygon points="{corners}" fill="{color}" stroke="none"/>'


def _shapes(trace: Trace, frame: AxisRanges, index: int) -> str:
    """Return the shapes along a curve, every SHAPE_EVERY pixels, shifted so that those of several curves differ."""
    x = np.array([frame.x(float(place)) for place in trace.curve.smooth_x])
    wanted = np.arange(LEFT + 20 + index * 31 % SHAPE_EVERY, x[-1] + 1, SHAPE_EVERY) if len(x) > 1 else x
    places = np.unique(np.searchsorted(x, wanted).clip(0, len(x) - 1))
    return "".join(shape(trace.shape, x[i], frame.y(float(trace.curve.smooth_y[i])), trace.color) for i in places)


def _axes(frame: AxisRanges, percent: bool, along: str) -> str:
    """Return the grid lines, numbers and title of the axes."""
    parts = []
    for value in ticks(frame.low, min(frame.high, 1.0) if percent else frame.high, 5):
        y = frame.y(value)
        words = f"{value:.0%}" if percent else _short(value)
        parts.append(f'<path class="grid" stroke="{RULE}" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{words}</text>')
    if percent:
        line = f'd="M{LEFT} {frame.y(0.5):.1f}H{WIDTH - RIGHT}"'
        parts.append(f'<path class="guess" stroke="{QUIET}" stroke-dasharray="2 4" {line}/>')
    for value in ticks(0, frame.end, 7):
        place = f'x="{frame.x(value):.1f}" y="{HEIGHT - BOTTOM + 16}"'
        parts.append(f'<text {place} text-anchor="middle">{_short(value)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{html.escape(along)}</text>')
    return f'<g fill="{QUIET}">{"".join(parts)}</g>'


def _short(value: float) -> str:
    """Return a position on an axis in few characters: 5000, 20k, 1.5M, 1.05e-4."""
    for size, unit, letter in ((1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if size <= abs(value) < 1e9:
            return f"{value / unit:g}{letter}"
    if 1e-3 <= abs(value) < 1e9 or not value:
        return f"{value:g}"
    digits, power = f"{value:e}".split("e")
    return f"{float(digits):.4g}e{int(power)}"
