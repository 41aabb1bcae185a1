"""Curves as SVG for pages without scripts: a static version of the app's charts, a few kilobytes each."""

import html
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dashboard.charts.run_metrics import number, share
from dashboard.library.curves import Curve, reduce

WIDTH, HEIGHT = 560, 270
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 14, 40
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


@dataclass(frozen=True)
class Trace:
    """A curve with its name, colour, dash and shape."""

    name: str
    curve: Curve
    color: str
    dash: str
    shape: str = ""


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
    """Return the smoothed curves over the raw ones, with axes, as SVG.

    traces: curves with at least one point; end: the end of the x axis; along: its title; cursor: a position on it to
    mark with a dashed line.
    """
    frame = _frame(traces, end, percent)
    names = ", ".join(trace.name for trace in traces)
    clip = f"clip-{zlib.crc32(repr((title, names)).encode()):08x}"
    lines = [_line(trace.curve.x, trace.curve.y, frame, trace.color, "1", "", 0.2) for trace in traces]
    lines += [
        _line(trace.curve.smooth_x, trace.curve.smooth_y, frame, trace.color, "2", DASHES[trace.dash], 1.0)
        for trace in traces
    ]
    lines += [_shapes(trace, frame, index) for index, trace in enumerate(traces) if trace.shape]
    line = ""
    if cursor is not None and 0 <= cursor <= frame.end:
        line = f'<path class="cursor" d="M{frame.x(cursor):.1f} {TOP}V{HEIGHT - BOTTOM}"/>'
    box = f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}"/>'
    alt = html.escape(f"{title} along {along} of {names}")
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{alt}">'
        f'<clipPath id="{clip}">{box}</clipPath>{_axes(frame, percent, along)}{line}'
        f'<g clip-path="url(#{clip})" fill="none" stroke-linejoin="round">{"".join(lines)}</g></svg>'
    )


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
    return [round(index * step, 12) for index in range(first, math.floor(high / step + 1e-9) + 1)]


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


def _line(x: np.ndarray, y: np.ndarray, frame: AxisRanges, color: str, width: str, dash: str, opacity: float) -> str:
    x, y = reduce(x, y, POINTS)
    if not len(x):
        return ""
    points = [f"{frame.x(float(a)):.1f} {frame.y(float(b)):.1f}" for a, b in zip(x, y, strict=True)]
    if len(points) == 1:
        points *= 2  # a line of length zero, which its round cap turns into a dot
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    cap = ' stroke-linecap="round"' if len(x) == 1 else ""
    style = f'stroke="{color}" stroke-width="{"6" if len(x) == 1 else width}" stroke-opacity="{opacity:g}"'
    return f'<path d="M{"L".join(points)}" {style}{dashes}{cap}/>'


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
        words = f"{value:.0%}" if percent else f"{value:g}"
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{words}</text>')
    if percent:
        parts.append(f'<path class="guess" d="M{LEFT} {frame.y(0.5):.1f}H{WIDTH - RIGHT}"/>')
    for value in ticks(0, frame.end, 7):
        place = f'x="{frame.x(value):.1f}" y="{HEIGHT - BOTTOM + 16}"'
        parts.append(f'<text {place} text-anchor="middle">{_short(value)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{html.escape(along)}</text>')
    return "".join(parts)


def _short(value: float) -> str:
    """Return a position on an axis in few characters: 5000, 20k, 1.5M."""
    for size, unit, letter in ((1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if value >= size:
            return f"{value / unit:g}{letter}"
    return f"{value:g}"
