"""Plotly figures: the curves of a running training, precision against recall, and distance against cost.

Plotly is imported when the first chart is drawn. Every trace has at most 1000 float32 points.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dashboard.charts.styles import GREY, Style
from dashboard.library.curves import Curve

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

SHAPES = (
    "circle",
    "square",
    "diamond",
    "triangle-up",
    "x",
    "star",
    "cross",
    "triangle-down",
)  # of markers
FAINT = "rgba(127,140,155,0.22)"
LEGEND = {"showlegend": True, "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "title": ""}}
CONFIG = {"displayModeBar": False, "scrollZoom": False}


@dataclass(frozen=True)
class Line:
    """A curve with its name and its style."""

    name: str
    curve: Curve
    style: Style


def curves(
    lines: Sequence[Line],
    *,
    height: int = 260,
    end: float | None = None,
    percent: bool = False,
    smoothed: bool = True,
    legend: bool = False,
) -> "Figure":
    """Return the curves over epochs, with the raw values pale behind them; `end`: the last epoch of the axis."""
    figure = _figure(height)
    for line in lines:
        if smoothed and len(line.curve.x) > 1:
            figure.add_scatter(
                x=line.curve.x,
                y=line.curve.y,
                mode="lines",
                line={"color": line.style.color, "width": 1},
                opacity=0.12,
                hoverinfo="skip",
                showlegend=False,
            )
    for line in lines:
        x, y = (line.curve.smooth_x, line.curve.smooth_y) if smoothed else (line.curve.x, line.curve.y)
        figure.add_scatter(
            x=x,
            y=y,
            name=line.name,
            mode="lines" if len(x) > 1 else "markers",
            line={"color": line.style.color, "width": 2, "dash": line.style.dash},
            hovertemplate="%{y:.0%}" if percent else "%{y:.3g}",
        )
    figure.update_xaxes(title={"text": "epoch", "standoff": 4}, hoverformat=".1f")
    if end:
        figure.update_xaxes(range=[0, end])
    if percent:
        low = min([0.4, *(float(line.curve.smooth_y.min()) - 0.05 for line in lines if len(line.curve.smooth_y))])
        figure.update_yaxes(tickformat=".0%", range=[max(low, 0), 1.02])
        figure.add_hline(y=0.5, line={"color": GREY, "width": 1, "dash": "dot"}, layer="below")
    elif span := _span([line.curve for line in lines]):
        figure.update_yaxes(range=span)
    if legend:
        figure.update_layout(**LEGEND)
    return figure


@dataclass(frozen=True)
class Point:
    """A run in a plane, with its interval (low, high) on each axis."""

    name: str
    x: float
    y: float
    style: Style
    x_reach: tuple[float, float] | None = None
    y_reach: tuple[float, float] | None = None


def plane(points: Sequence[Point], x: str, y: str, height: int = 380) -> "Figure":
    """Return the runs as points in a plane of two shares, each in [0, 1]."""
    figure = _figure(height)
    for point in points:
        figure.add_scatter(
            x=[point.x],
            y=[point.y],
            name=point.name,
            mode="markers",
            marker={"color": point.style.color, "size": 12, "symbol": point.style.symbol},
            error_x=_error(point.x, point.x_reach, point.style.color),
            error_y=_error(point.y, point.y_reach, point.style.color),
            hovertemplate=f"{x} %{{x:.3f}}<br>{y} %{{y:.3f}}",
        )
    figure.update_layout(hovermode="closest", **LEGEND)
    figure.update_xaxes(title={"text": x, "standoff": 4}, range=[0, 1.03], showgrid=True, gridcolor=FAINT)
    figure.update_yaxes(title={"text": y, "standoff": 4}, range=[0, 1.03])
    return figure


@dataclass(frozen=True, eq=False)
class Band:
    """A mean curve with the lowest and the highest value at each point: float (n,) each."""

    name: str
    style: Style
    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def bands(found: Sequence[Band], x: str, y: str, floor: float | None, height: int = 400) -> "Figure":
    """Return mean curves with bands, of a distance against a cost; the y axis is logarithmic if all is above zero."""
    figure = _figure(height)
    for band in found:
        if (band.high > band.low).any():
            around = np.concatenate((band.x, band.x[::-1])), np.concatenate((band.high, band.low[::-1]))
            figure.add_scatter(
                x=around[0].astype(np.float32),
                y=around[1].astype(np.float32),
                mode="none",
                fill="toself",
                fillcolor=_faded(band.style.color),
                hoverinfo="skip",
                showlegend=False,
            )
    for band, shape in zip(found, itertools.cycle(SHAPES)):
        figure.add_scatter(
            x=band.x.astype(np.float32),
            y=band.mean.astype(np.float32),
            name=band.name,
            mode="lines+markers",
            line={"color": band.style.color, "width": 2, "dash": band.style.dash},
            marker={"size": 8, "symbol": shape},
            hovertemplate="%{y:.3g}",
        )
    lowest = min([float(band.low.min()) for band in found] + ([floor] if floor is not None else []))
    if floor is not None:
        words = {"text": "real images", "yanchor": "bottom", "font": {"size": 12}}
        figure.add_hline(y=floor, line={"color": GREY, "width": 1.5, "dash": "dash"}, label=words, layer="below")
    figure.update_layout(**LEGEND)
    figure.update_xaxes(
        title={"text": x, "standoff": 4}, rangemode="tozero", hoverformat=",.0f", separatethousands=True
    )
    figure.update_yaxes(title={"text": y, "standoff": 4})
    if lowest > 0:
        figure.update_yaxes(type="log", dtick="D2", tickformat="~g", nticks=None)  # 1, 2 and 5 of every decade
    return figure


def _faded(color: str) -> str:
    """Return a colour #rrggbb with an opacity of 0.16."""
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.16)"


def _error(value: float, reach: tuple[float, float] | None, color: str) -> dict[str, object]:
    if reach is None:
        return {"visible": False}
    up, down = [max(reach[1] - value, 0)], [max(value - reach[0], 0)]
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "color": color, "thickness": 1.5}


def _figure(height: int) -> "Figure":
    from plotly.graph_objects import Figure

    figure = Figure()
    figure.update_layout(
        height=height,
        margin={"l": 44, "r": 10, "t": 10, "b": 40},
        showlegend=False,
        hovermode="x unified",
        dragmode=False,
        uirevision="kept",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    figure.update_xaxes(showgrid=False, zeroline=False, nticks=7, ticks="", showspikes=False)
    figure.update_yaxes(gridcolor=FAINT, zeroline=False, nticks=5, automargin=False)
    return figure


def _span(found: Sequence[Curve]) -> list[float] | None:
    """Return a y range that holds the smoothed curves and 98 % of the raw values; None without values."""
    parts = [curve.smooth_y for curve in found] + [np.quantile(c.y, [0.01, 0.99]) for c in found if len(c.y)]
    values = np.concatenate(parts) if parts else np.empty(0)
    if not len(values):
        return None
    low, high = float(values.min()), float(values.max())
    margin = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return [low - margin, high + margin]
