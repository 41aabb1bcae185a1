"""Pieces that several pages share: pictures with their headings, chips, cards, empty states, redrawing on news."""

import html
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.charts.styles import Style
from dashboard.library import store
from dashboard.library.curves import SMOOTHING as SMOOTHING
from dashboard.library.store import Entry, SheetLayout
from dashboard.widgets import error_boundary
from dashboard.widgets.text import plain
from gan_core import runs
from gan_core.images import NOTICE

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator
    from streamlit.elements.lib.grid_container import GridContainer

SYNTHETIC = f"Generated pictures: {NOTICE}."


def picture(content: bytes | None, alt: str, key: str, sheet: SheetLayout | None = None) -> None:
    """A PNG as it is, enlarged to its column without blur; a quiet line where there is none.

    sheet: of a translator, which gets headings over its columns.
    """
    with st.container(key=f"picture-{_slug(key)}", gap="xxsmall"):
        if content is None:
            st.caption(":material/hide_image: no picture here (yet)")
            return
        if sheet:
            st.html(headings(sheet))
        st.image(content, width="stretch", output_format="PNG", alt=described(alt, sheet))


def headings(sheet: SheetLayout) -> str:
    """The two directions of a translator's sheet, and what its six columns show; the style sheet aligns them."""
    ways = "".join(f'<span class="way">{html.escape(a)} → {html.escape(b)}</span>' for a, b in sheet.ways)
    columns = "".join(f"<span>{word}</span>" for word in sheet.pictures * 2)
    return f'<div class="sheet-headings">{ways}{columns}</div>'


def described(alt: str, sheet: SheetLayout | None) -> str:
    """The alternative text of a sheet: of a translator's, what its columns show as well."""
    if sheet is None:
        return alt
    first, second, third = sheet.pictures
    ways = " and then ".join(f"from {a} to {b}" for a, b in sheet.ways)
    return f"{alt}: {first}, {second} and {third}, {ways}"


def chip_colors(key: str, chosen: list[Entry], look: dict[str, Style]) -> None:
    """The dots of the chips in the choice of runs of that key; the order of the chips is that of the runs."""
    rules = []
    for index, entry in enumerate(chosen):
        style = look[entry.name]
        fill = style.color if style.dash == "solid" else "transparent"
        dot = f"background: {fill}; border: 2px solid {style.color};"
        if style.shape:
            glyph = f'content: "{style.dot}"; color: {style.color}; font-size: 0.7rem; line-height: 0.5rem;'
            dot = f"{glyph} background: none; border: none;"
        rules.append(f'.st-key-{key} [data-tag-index="{index}"]::before {{ {dot} }}')
    st.html(f"<style>{' '.join(rules)}</style>")


def card(grid: "GridContainer", wide: bool) -> "DeltaGenerator":
    """A bordered card in a grid, as tall as its row; a wide one takes two columns, if there are two."""
    cell = grid.cell(column_span=2) if wide else grid
    return cell.container(border=True, height="stretch", gap="xsmall")


def privacy(entry: Entry) -> None:
    """A badge for pictures of real patients."""
    if entry.private:
        st.markdown(":gray-badge[:material/lock: real inputs: stays on this machine]")


def smoothing_slider(key: str) -> float:
    """How much the curves are smoothed, kept in the URL."""
    words = "Exponential mean over the logged steps; the steps themselves stay pale behind it. 0: no smoothing."
    return st.slider("Smoothing", 0.0, 0.99, SMOOTHING, 0.01, key=key, bind="query-params", width=220, help=words)


def no_runs() -> None:
    """The empty state: what this is and where to begin."""
    with st.container(border=True, horizontal_alignment="center", key="empty"):
        st.space("medium")
        st.markdown("### No runs yet", text_alignment="center", width="content")
        st.markdown(
            "A run is one training of one GAN. Train the first on X-rays that the program draws itself: "
            "it needs no data and takes some minutes.",
            text_alignment="center",
            width=460,
        )
        st.page_link("pages/train/page.py", label="Train a GAN", icon=":material/play_arrow:")
        st.caption(
            "Trained runs come with GANray's repository: start the app in a clone of it, or name the clone's folder "
            "`runs`, as in `ganray app --runs FOLDER`. A model of the Hugging Face Hub works on the command line: "
            "`ganray generate hub:owner/name`.",
            text_alignment="center",
            width=460,
        )
        st.caption(f"Runs are looked for in `{store.library().root}`.", width="content", text_alignment="center")
        st.space("medium")


def unreadable(entries: list[Entry]) -> None:
    """The runs that cannot be read, each with its reason."""
    broken = {entry.name: entry.problem for entry in entries if entry.problem}
    broken |= dict.fromkeys(
        runs.linked(store.library().root), "a link, which is not followed: move the run itself here"
    )
    if not broken:
        return
    word = "run" if len(broken) == 1 else "runs"
    with st.expander(f"{len(broken)} {word} cannot be read", icon=":material/warning:"):
        for name, problem in broken.items():
            st.markdown(f"**{plain(name)}**: {plain(problem)}")


def wait_for_news(seen: Callable[[], object], key: str, seconds: float = 3.0) -> None:
    """Draw the page again when what `seen` returns has changed; put on the page only while something can change."""
    first = seen()

    @st.fragment(run_every=seconds, key=key)
    @error_boundary.bounded
    def watch() -> None:
        if seen() != first:
            st.rerun()

    watch()


def _slug(key: str) -> str:
    """A key that is a valid CSS class, different for different keys."""
    return re.sub(r"[^A-Za-z0-9_-]", lambda match: f"_{ord(match[0]):x}_", key)
