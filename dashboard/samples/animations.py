"""Animations of the runs' samples from first to last epoch: GIFs of the same latent vectors or inputs.

All cards are one piece of HTML: as Streamlit cards they would be a third of the elements of a page of eight runs. The
browser loads a GIF when it becomes visible.
"""

import html
from collections.abc import Callable, Sequence

import streamlit as st

from dashboard.charts import run_metrics
from dashboard.charts.styles import Style
from dashboard.library.store import Entry
from dashboard.server import frames
from dashboard.widgets import elements
from dashboard.widgets.text import STATE_BADGES

NONE_YET = "No animation yet: it is made from the sample grids."
PRIVATE = "Real inputs: this animation stays on this machine."


def show(entries: Sequence[Entry], look: dict[str, Style], columns: Callable[[Sequence[Entry]], int]) -> None:
    """Draw a card for each run.

    columns: returns the number of cells per row for the runs of one task. A translator's card takes two cells.
    """
    for task, group in run_metrics.by_task(list(entries)).items():
        title, words = run_metrics.ANIMATIONS[task]
        st.subheader(title)
        foreign = " A run of another program shows what that one drew." if any(one.origin for one in group) else ""
        st.caption(words + foreign)
        cards = "".join(_card(entry, look[entry.name]) for entry in group)
        st.html(f'<div class="animations" style="--columns: {columns(group)}">{cards}</div>')


def show_one(entry: Entry) -> None:
    """Draw the animation of one run without a card."""
    st.html(f'<figure class="animation">{_content(entry)}</figure>')


def _card(entry: Entry, style: Style) -> str:
    wide = " animation-wide" if entry.domains else ""
    name = f'<span style="color: {style.color}">{style.dot}</span> <strong>{html.escape(entry.label)}</strong>'
    word = STATE_BADGES[entry.status.state][2] if entry.status.state in STATE_BADGES else ""
    state = f" <small>{word}</small>" if word else ""
    caption = f"<figcaption>{name}{state}</figcaption>"
    return f'<figure class="animation animation-card{wide}">{caption}{_content(entry)}</figure>'


def _content(entry: Entry) -> str:
    address = frames.animation(entry)
    if not address:
        return f"<p>{NONE_YET}</p>"
    headings = elements.headings(entry.sheet) if entry.sheet else ""
    alt = elements.described(f"Samples of {entry.label}, epoch by epoch", entry.sheet)
    picture = f'<img src="{html.escape(address)}" alt="{html.escape(alt)}" loading="lazy">'
    return f"{headings}{picture}" + (f"<p>{PRIVATE}</p>" if entry.private else "")
