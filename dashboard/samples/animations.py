"""The animation of a run's samples from first to last epoch: a GIF of the same latent vectors or inputs."""

import html

import streamlit as st

from dashboard.library.store import Entry
from dashboard.server import frames
from dashboard.widgets import elements

NONE_YET = "No animation yet: it is made from the sample grids."
NONE = "This run has no animation: move through its sample grids instead."
PRIVATE = "Real inputs: this animation stays on this machine."


def is_due(entry: Entry) -> bool:
    """Whether the run has an animation or, while it trains, will have one."""
    return entry.running or bool(frames.animation(entry))


def show_one(entry: Entry) -> None:
    """Draw the animation of one run. The browser loads it when it becomes visible."""
    st.html(f'<figure class="animation">{_content(entry)}</figure>')


def _content(entry: Entry) -> str:
    address = frames.animation(entry)
    if not address:
        return f"<p>{NONE_YET if entry.running else NONE}</p>"
    headings = elements.headings(entry.sheet) if entry.sheet else ""
    alt = elements.described(f"Samples of {entry.label}, epoch by epoch", entry.sheet)
    picture = f'<img src="{html.escape(address)}" alt="{html.escape(alt)}" loading="lazy">'
    return f"{headings}{picture}" + (f"<p>{PRIVATE}</p>" if entry.private else "")
