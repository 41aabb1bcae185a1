"""How runs are drawn: one colour per family everywhere; and Plotly figures of what is not compared along epochs.

Plotly is imported when the first chart is drawn. Every trace has at most 1000 points, kept as float32.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dashboard.curves import Curve
from dashboard.store import Entry

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# Okabe and Ito's colours, told apart by the colour-blind, legible on white and on near black. The second word is
# Streamlit's name of the same colour (see .streamlit/config.toml), for text.
FAMILIES = {
    "gan": ("#0072B2", "blue"),
    "dcgan": ("#D55E00", "orange"),
    "cgan": ("#009E73", "green"),
    "bigan": ("#CC79A7", "violet"),
    "cyclegan": ("#C08A00", "yellow"),  # theirs darkened, to be seen on white
}
OTHERS = (("#56B4E9", "primary"), ("#7F8C9B", "gray"))
DASHES = ("solid", "dash", "dot", "dashdot")
SIGNS = ("━━", "╍╍", "┅┅", "┉┉")  # the dashes, as text
KINDS = {"real": ("Training", "#7F8C9B"), "held_out": ("Held out", "#56B4E9")}

GREY = "#7F8C9B"
FAINT = "rgba(127,140,155,0.22)"
LEGEND = {"showlegend": True, "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "title": ""}}
CONFIG = {"displayModeBar": False, "scrollZoom": False}


@dataclass(frozen=True)
class Style:
    """How a run is drawn: its family's colour, and a dash that tells it from others of the family."""

    color: str
    word: str  # Streamlit's name of the colour
    dash: str
    sign: str

    @property
    def dot(self) -> str:
        """A full dot for a solid line, a ring for a dashed one."""
        return "●" if self.dash == "solid" else "○"


def family_color(family: str) -> tuple[str, str]:
    """(hex colour, Streamlit's name of it), the same for a family on every page."""
    if family in FAMILIES:
        return FAMILIES[family]
    return OTHERS[sum(family.encode()) % len(OTHERS)] if family else (GREY, "gray")


def styles(entries: Sequence[Entry]) -> dict[str, Style]:
    """A style for each run by name. The plain `_seed` presets are dashed; further runs of a family get other dashes."""
    found: dict[str, Style] = {}
    used: dict[str, set[int]] = {}
    for entry in entries:
        taken = used.setdefault(entry.family, set())
        seed_twin = bool(entry.config and entry.config.preset.endswith("_seed"))
        order = (1, 2, 3, 0) if seed_twin else (0, 2, 3, 1)
        index = next((i for i in order if i not in taken), order[0])
        taken.add(index)
        found[entry.name] = Style(*family_color(entry.family), DASHES[index], SIGNS[index])
    return found


@dataclass(frozen=True)
class Line:
    """A curve with its name and style."""

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
    """Curves over epochs, the raw ones pale behind; `end` is the last epoch of the axis."""
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
    """A run in a plane, with the reach of its intervals: (low, high) of each axis."""

    name: str
    x: float
    y: float
    style: Style
    x_reach: tuple[float, float] | None = None
    y_reach: tuple[float, float] | None = None


def plane(points: Sequence[Point], x: str, y: str, height: int = 380) -> "Figure":
    """Runs by two shares, from 0 to 1."""
    figure = _figure(height)
    for point in points:
        hollow = "" if point.style.dash == "solid" else "-open"
        figure.add_scatter(
            x=[point.x],
            y=[point.y],
            name=point.name,
            mode="markers",
            marker={"color": point.style.color, "size": 12, "symbol": f"circle{hollow}"},
            error_x=_error(point.x, point.x_reach, point.style.color),
            error_y=_error(point.y, point.y_reach, point.style.color),
            hovertemplate=f"{x} %{{x:.3f}}<br>{y} %{{y:.3f}}",
        )
    figure.update_layout(hovermode="closest", **LEGEND)
    figure.update_xaxes(title={"text": x, "standoff": 4}, range=[0, 1.03], showgrid=True, gridcolor=FAINT)
    figure.update_yaxes(title={"text": y, "standoff": 4}, range=[0, 1.03])
    return figure


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
    """A y range that shows the smoothed curves well and the raw ones but for rare spikes."""
    parts = [curve.smooth_y for curve in found] + [np.quantile(c.y, [0.01, 0.99]) for c in found if len(c.y)]
    values = np.concatenate(parts) if parts else np.empty(0)
    if not len(values):
        return None
    low, high = float(values.min()), float(values.max())
    margin = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return [low - margin, high + margin]
