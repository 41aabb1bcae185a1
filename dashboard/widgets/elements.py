"""Small elements that several pages share: images with headings, chips, cards, empty states, redrawing on changes."""

import html
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.charts.styles import Style
from dashboard.library import other_folders, store
from dashboard.library.curves import SMOOTHING as SMOOTHING
from dashboard.library.store import Entry, SheetLayout
from dashboard.widgets import error_boundary
from dashboard.widgets.text import plain, plain_sentence
from gan_core import runs
from gan_core.images import NOTICE

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator
    from streamlit.elements.lib.grid_container import GridContainer

SYNTHETIC = f"Generated pictures: {NOTICE}."


def picture(content: bytes | None, alt: str, key: str, sheet: SheetLayout | None = None) -> None:
    """Draw a PNG, enlarged to its column without blur; a caption if there is none.

    sheet: the layout of a translator's sheet, which gets headings above its columns.
    """
    with st.container(key=f"picture-{_slug(key)}", gap="xxsmall"):
        if content is None:
            st.caption(":material/hide_image: no image yet")
            return
        if sheet:
            st.html(headings(sheet))
        st.image(content, width="stretch", output_format="PNG", alt=described(alt, sheet))


def headings(sheet: SheetLayout) -> str:
    """Return the headings of a translator's sheet as HTML: its two directions and its six columns."""
    ways = "".join(f'<span class="way">{html.escape(a)} → {html.escape(b)}</span>' for a, b in sheet.ways)
    columns = "".join(f"<span>{word}</span>" for word in sheet.pictures * 2)
    return f'<div class="sheet-headings">{ways}{columns}</div>'


def described(alt: str, sheet: SheetLayout | None) -> str:
    """Return the alternative text of a sheet, with the columns of a translator's sheet."""
    if sheet is None:
        return alt
    first, second, third = sheet.pictures
    ways = " and then ".join(f"from {a} to {b}" for a, b in sheet.ways)
    return f"{alt}: {first}, {second} and {third}, {ways}"


def chip_colors(key: str, chosen: list[Entry], look: dict[str, Style]) -> None:
    """Draw the coloured dots of the chips in the multiselect `key`. The chips have the order of the runs."""
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
    """Return a bordered card in a grid, as tall as its row. A wide card takes two columns, if there are two."""
    cell = grid.cell(column_span=2) if wide else grid
    return cell.container(border=True, height="stretch", gap="xsmall")


def privacy(entry: Entry) -> None:
    """Draw a badge if the run's sheets contain images of real patients."""
    if entry.private:
        st.markdown(":gray-badge[:material/lock: real inputs: stays on this machine]")


def smoothing_slider(key: str) -> float:
    """Draw the slider of the smoothing, which the URL keeps, and return its value."""
    words = "Exponential moving average of the logged values, which stay visible behind it in pale. 0: no smoothing."
    return st.slider("Smoothing", 0.0, 0.99, SMOOTHING, 0.01, key=key, bind="query-params", width=220, help=words)


def no_runs() -> None:
    """Draw the empty state: what a run is and how to train the first one."""
    with st.container(border=True, horizontal_alignment="center", key="empty"):
        st.space("medium")
        st.markdown("### No runs yet", text_alignment="center", width="content")
        st.markdown(
            "A run is one training of one GAN. Train the first one on phantom X-rays, which the program draws: "
            "it needs no data and takes a few minutes.",
            text_alignment="center",
            width=460,
        )
        st.page_link("views/train/page.py", label="Train a GAN", icon=":material/play_arrow:")
        st.caption(
            "GANray's repository contains trained runs: start the app in a clone of it, or give the clone's folder "
            "`runs` with `ganray app --runs FOLDER`. To use a model of the Hugging Face Hub, run "
            "`ganray generate hub:owner/name`.",
            text_alignment="center",
            width=460,
        )
        st.caption(f"The app looks for runs in `{store.library().root}`.", width="content", text_alignment="center")
        st.space("medium")


def unreadable(entries: list[Entry]) -> None:
    """Draw the runs that cannot be read, each with the reason, and the folders that are none, with their import."""
    root = store.library().root
    broken = {entry.name: entry.problem for entry in entries if entry.problem}
    broken |= dict.fromkeys(runs.linked(root), "it is a link, which GANray does not follow: move the run itself here")
    # Two such names may look alike, so they are no keys.
    unnamed = runs.misnamed(root)
    others = other_folders.among(root)
    count = len(broken) + len(unnamed) + len(others)
    if not count:
        return
    word = "folder" if unnamed or others else "run"
    with st.expander(f"{count} {word}{'' if count == 1 else 's'} cannot be read", icon=":material/warning:"):
        for name, problem in broken.items():
            st.markdown(f"**{plain(name)}**: {plain(problem)}")
        for name in unnamed:
            st.markdown(f"**{plain(name)}**: its name is not UTF-8: rename the folder")
        for other in others:
            st.markdown(f"**{plain(other.name)}**: {plain_sentence(other.reason)}")
            if command := other.command(root):
                st.code(command, language=None)


def wait_for_news(seen: Callable[[], object], key: str, seconds: float = 3.0) -> None:
    """Draw the page again when the return value of `seen` changes. Call it only while something can change."""
    first = seen()

    @st.fragment(run_every=seconds, key=key)
    @error_boundary.bounded
    def watch() -> None:
        if seen() != first:
            st.rerun()

    watch()


def _slug(key: str) -> str:
    """Return a valid CSS class for a key; different keys give different classes."""
    return re.sub(r"[^A-Za-z0-9_-]", lambda match: f"_{ord(match[0]):x}_", key)
