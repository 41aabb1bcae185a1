"""The Home page: what GANray is, a drawing of two networks, where to begin, and the newest runs."""

import html

import streamlit as st

from dashboard.charts.styles import run_styles
from dashboard.library import best_first, pages, store
from dashboard.library.store import Entry, Library
from dashboard.views.home import best, drawing, starts
from dashboard.widgets import elements, error_boundary, terms
from dashboard.widgets.text import STATE_BADGES

MOST = 6  # runs in the list
LEAD = (
    "GANray shows two neural networks that learn from each other to draw X-rays and brain scans: "
    "watch them, compare what they draw, and measure how good it is."
)


def main() -> None:
    library = store.library()
    entries = library.entries()
    readable = [entry for entry in entries if entry.config]
    show_lead(readable)
    with error_boundary.boundary("the drawing"):
        drawing.show()
    with error_boundary.boundary("the starting points"):
        starts.show(library, readable)
    show_newest(readable)
    elements.unreadable(entries)
    if any(entry.running for entry in readable):
        elements.wait_for_news(lambda: _progress(library), key="home-news")


def show_lead(readable: list[Entry]) -> None:
    """Draw the sentence that says what GANray is, and what it is not, beside what its best generator draws."""
    gan = terms.anchor("adversarial-network", "GAN")
    tour = '<a href="#tour" role="button" data-tour>Take the tour (90 seconds)</a>'
    words = f'<a href="{html.escape(pages.href("glossary"))}" data-in-app>Glossary</a>'
    drawn = ""
    with error_boundary.boundary("the pictures of the best run"):
        drawn = best.figure(readable)
    st.html(
        f'<div class="home-top"><div><h1 class="home-lead">{LEAD}</h1>'
        f'<p class="home-note">Two such networks are called a {gan}. '
        f"All that they draw is <b>synthetic, not for diagnosis</b>. {tour} · {words}</p></div>{drawn}</div>"
    )


def show_newest(readable: list[Entry]) -> None:
    """Draw the newest runs of the visitor's own folder, then shipped ones, each a link to the page Run.

    Of the shipped ones the four classics come first, then the best of the others.
    """
    if not readable:
        elements.no_runs()
        return
    own = [entry for entry in readable if not entry.run.reference]
    shipped = [entry for entry in readable if entry.run.reference and not entry.light]
    shipped.sort(key=_classics_then_best)
    shown = [*own, *shipped][:MOST]
    look = run_styles(shown)
    st.subheader("Newest runs" if own else "Shipped runs", anchor=False)
    lines = (_line(entry, look[entry.name].color, look[entry.name].dot) for entry in shown)
    st.html(f'<ul class="home-runs">{"".join(lines)}</ul>')


def _classics_then_best(entry: Entry) -> tuple[object, ...]:
    assert entry.config is not None  # the list is of readable runs
    place = store.FIRST.index(entry.name) if entry.name in store.FIRST else len(store.FIRST)
    return place, *best_first.place(entry.run, entry.config)


def _line(entry: Entry, color: str, dot: str) -> str:
    state = STATE_BADGES[entry.status.state][2] if entry.status.state in STATE_BADGES else ""
    told = ", ".join(filter(None, (state, f"{'' if entry.unit == 'step' else 'epoch '}{entry.progress}")))
    if entry.only_pictures:
        told = "pictures"
    if entry.config and entry.config.image_size:
        told = f"{entry.config.image_size} px, {told}"
    place = html.escape(pages.href("run", run=entry.name))
    return (
        f'<li><a href="{place}" data-in-app><span style="color: {color}" aria-hidden="true">{dot}</span>'
        f"<b>{html.escape(entry.label)}</b><small>{html.escape(told)}</small></a></li>"
    )


def _progress(library: Library) -> list[object]:
    """Return what the page shows of runs that can change."""
    return [(e.name, e.status.state, e.reached, len(e.sheets)) for e in library.readable()[: 4 * MOST] if e.running]


main()
