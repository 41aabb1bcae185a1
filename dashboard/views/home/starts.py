"""The starting points of Home: cards with thumbnails of what the runs here have drawn, each a link into a page."""

from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from dashboard.charts.styles import run_styles
from dashboard.library import pages, store
from dashboard.library.store import Entry, Library
from dashboard.server import frames
from dashboard.widgets.components import component
from gan_core.families import registry

COMPONENTS = Path(__file__).resolve().parents[2] / "components"
MOST_FRAMES = 12  # of a film on a card: spread over the training
_POINTS = 90  # of a curve on a card
_STARTS = component(
    "ganray_starts",
    html='<div class="cards"></div>',
    css=(COMPONENTS / "starts.css").read_text(encoding="utf-8"),
    js=(COMPONENTS / "starts.js").read_text(encoding="utf-8"),
)


def show(library: Library, readable: list[Entry]) -> None:
    """Draw the cards. Pictures of real patients are on none of them."""
    shown = [entry for entry in readable if entry.sheets and not entry.private]
    cards = [compare(shown), translate(shown), train(library, shown)]
    if pages.known("playground"):
        cards.append(
            {
                "href": pages.href("playground", experiment="collapse"),
                "title": "See two networks play",
                "words": "They learn a ring of points while you watch. Can you make one of them collapse?",
                "kind": "ring",
            }
        )
    with st.container(key="starts"):
        _STARTS(data=cards, key="starting points")


def compare(shown: list[Entry]) -> dict[str, Any]:
    """Return the card of Compare: the films of the runs that it begins with, or of the newest four generators."""
    generators = [entry for entry in shown if entry.task == "generate"]
    by_name = {entry.name: entry for entry in generators}
    first = [by_name[name] for name in store.FIRST if name in by_name] or generators[:4]
    look = run_styles(first)
    films = [{"label": entry.label, "color": look[entry.name].color, "frames": film(entry)} for entry in first]
    return {
        "href": pages.href("compare", **({"runs": [entry.name for entry in first]} if first else {})),
        "title": "Compare four GANs" if len(first) in (0, 4) else "Compare GANs",
        "words": "The same data and the same random numbers: see who learns to draw, and what goes wrong.",
        "kind": "film",
        "films": films,
    }


def translate(shown: list[Entry]) -> dict[str, Any]:
    """Return the card of Live: an X-ray before and after, of the last sheet of a run that translates."""
    translators = [entry for entry in shown if entry.task == "translate" and entry.sheet]
    best = max(translators, key=lambda entry: (entry.traits.graded, "normal" in _first_way(entry)), default=None)
    card: dict[str, Any] = {
        "href": pages.href("live"),
        "title": "Turn a normal X-ray into COVID-19",
        "words": "A network changes a drawn X-ray, or one of your own. See what it changes, and what it gets wrong.",
        "kind": "pair",
    }
    if best and best.sheet:
        a, b = best.sheet.ways[0]
        if "normal" not in a.lower() or "covid" not in b.lower():
            card["title"] = f"Turn {a} into {b}"
        columns = 2 * len(best.sheet.pictures)
        card |= {"picture": film(best)[-1][1], "labels": [a, b], "columns": columns}
    return card


def train(library: Library, shown: list[Entry]) -> dict[str, Any]:
    """Return the card of Train: the sheet and the losses of a training that goes on, or of a finished one."""
    generators = [entry for entry in shown if entry.task == "generate"]
    suggested = registry.suggested_preset().name

    def place(entry: Entry) -> tuple[bool, bool]:
        return entry.running, bool(entry.config and entry.config.preset == suggested)

    best = max(generators, key=place, default=None)
    card: dict[str, Any] = {
        "href": pages.href("train"),
        "title": "Train one now",
        "words": "On phantoms, which need no data: the first pictures come in a minute.",
        "kind": "training",
    }
    if best:
        roles = ("generator_loss", "discriminator_loss")
        columns = (best.traits.columns(role)[:1] for role in roles)
        curves = [line(library.curve(best, names, 0.9).smooth_y) for names in columns if names]
        color = run_styles([best])[best.name].color
        card |= {"films": [{"label": best.label, "color": color, "frames": film(best)}]}
        card |= {"curves": [curve for curve in curves if curve], "running": best.running}
    return card


def film(entry: Entry) -> list[tuple[str, str]]:
    """Return (epoch in words, address) of at most MOST_FRAMES sheets of a run, from the first to the last."""
    base, names = frames.sheets(entry)
    epochs = list(names)
    if len(epochs) > MOST_FRAMES:
        epochs = [epochs[round(i * (len(epochs) - 1) / (MOST_FRAMES - 1))] for i in range(MOST_FRAMES)]
    return [(f"{entry.unit} {epoch}", f"{base}{names[epoch]}") for epoch in epochs]


def line(values: np.ndarray) -> str:
    """Return a curve as the points of an SVG polyline, 100 wide and 30 high; "" where there is none.

    values: (n,). Rare spikes, beyond 98 of 100 values, are cut off.
    """
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return ""
    picked = values[np.linspace(0, len(values) - 1, min(_POINTS, len(values))).astype(int)]
    low, high = np.percentile(picked, (1, 99))
    shares = np.clip((picked - low) / ((high - low) or 1), 0, 1)
    return " ".join(f"{100 * i / (len(shares) - 1):.1f},{30 - 30 * share:.1f}" for i, share in enumerate(shares))


def _first_way(entry: Entry) -> str:
    return entry.sheet.ways[0][0].lower() if entry.sheet else ""
