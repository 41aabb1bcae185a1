"""Sharing of a comparison: the link to the view, the comparison as a page, and figures for a paper."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.charts.styles import Style
from dashboard.library import notes, store, units
from dashboard.library.curves import SMOOTHING
from dashboard.library.store import Entry, Library
from dashboard.report import comparison, figures, folder, frames, page
from dashboard.report.comparison import Comparison, ReportOptions
from dashboard.widgets import error_boundary, run_curves
from dashboard.widgets.components import component

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

_COMPONENTS = Path(__file__).resolve().parents[2] / "components"
LONGEST_TITLE, LONGEST_VIEW = 200, 4000

_link = component(
    "ganray_link",
    html='<button type="button">Copy link</button><span role="status"></span>\n',
    css=(_COMPONENTS / "link.css").read_text(encoding="utf-8"),
    js=(_COMPONENTS / "link.js").read_text(encoding="utf-8"),
)

# Only the browser knows the epoch and the address that the reader has set since the server drew the page.
_standing = component(
    "ganray_standing", js=(_COMPONENTS / "standing.js").read_text(encoding="utf-8"), html="<span hidden></span>\n"
)


@dataclass(frozen=True)
class ReaderPosition:
    """The reader's view: the epoch of the grids (None: the last one) and the query of the address."""

    epoch: float | None
    view: str


def show(library: Library, chosen: list[Entry], look: dict[str, Style]) -> None:
    """Draw the button that copies the link, and the form of the report."""
    title = "Share: a page for others, a folder for a web site, figures for a paper"
    maker = st.expander(title, icon=":material/share:", key="report", on_change="rerun")
    if maker.open:
        with maker:
            st.fragment(_draw_maker, key="report-maker")([entry.name for entry in chosen], dict(look))
    _link(key="link", width="content", data=[entry.name for entry in chosen])


@error_boundary.bounded
def _draw_maker(names: list[str], look: Mapping[str, Style]) -> None:
    library = store.library()
    readable = sorted((e for e in library.readable() if e.name in names), key=lambda entry: names.index(entry.name))
    chosen = units.aligned(readable)
    first = comparison.title_of(chosen)
    title = st.text_input("Title", key="report title", placeholder=first, max_chars=LONGEST_TITLE)
    body = st.container()
    at = reader_position()  # drawn last, because its invisible element takes some room
    word = units.word(chosen)
    opens = f"the last {word}" if at.epoch is None else f"{word} {units.written(at.epoch)}"
    body.caption(
        f"A page that scrubs without a server: grids, events, curves, settings, measures and notes of {len(chosen)} "
        f"{'run' if len(chosen) == 1 else 'runs'}. It opens at {opens}. One file holds as many grids as a mail takes; "
        "a folder holds all, for a disk or a web site. Figures are for a paper."
    )
    if any(entry.private for entry in chosen):
        body.caption(":material/lock: Images of real patients stay on this machine: what you download leaves them out.")
    written, _ = notes.known(library)
    made = time.strftime("%Y-%m-%d %H:%M")
    smoothing = float(st.session_state.get("smoothing", SMOOTHING))
    axis = run_curves.AXIS_CHOICES.get(str(st.session_state.get("x", "")), "epoch")
    options = partial(
        ReportOptions, (title or "").strip() or first, made, at.epoch, smoothing, at.view, written, axis=axis
    )
    _draw_buttons(body, partial(_made, library, chosen, dict(look), options), _file_name(title or first))


def _draw_buttons(body: "DeltaGenerator", made: Callable[[], Comparison], name: str) -> None:
    """Draw a button for each download. What it brings is made when the reader clicks on it."""
    row = body.container(horizontal=True)
    for label, key, icon, make, suffix, mime in (
        ("One file", "report file", "description", _page, ".html", "text/html"),
        ("Folder", "report folder", "folder_zip", _folder, ".zip", "application/zip"),
        ("Figures", "report figures", "insert_chart", _figures, "-figures.zip", "application/zip"),
    ):
        row.download_button(
            label,
            partial(make, made, name),
            file_name=f"{name}{suffix}",
            mime=mime,
            icon=f":material/{icon}:",
            on_click="ignore",
            key=key,
        )


def reader_position() -> ReaderPosition:
    """Return the reader's view as the browser reports it, else from the address when the page was drawn."""
    text = st.query_params.get("epoch", "")
    epoch = float(text) if re.fullmatch(r"\d{1,9}(\.\d{1,2})?", text) else None
    state = st.session_state.get("standing")
    known = state.get("standing") if state else None
    found = _standing(key="standing", data=known, height="content", on_standing_change=_nothing).standing or known
    if not isinstance(found, dict):
        return ReaderPosition(epoch, "")
    view = str(found.get("view", ""))[:LONGEST_VIEW]
    wanted = found.get("epoch")
    known_epoch = float(wanted) if isinstance(wanted, int | float) and 0 <= wanted < 1e9 else epoch
    return ReaderPosition(known_epoch, view if view.startswith("?") else "")


def _nothing() -> None:
    """Do nothing: the value is read where the element is drawn."""


def _made(library: Library, chosen: list[Entry], look: dict[str, Style], options: partial[ReportOptions]) -> Comparison:
    """Return all that a report is made from; called when the reader clicks on a download."""
    return Comparison(library, chosen, look, options(*comparison.happened(library, chosen)))


def _page(made: Callable[[], Comparison], _: str) -> bytes:
    return page.in_one_file(made()).encode()


def _folder(made: Callable[[], Comparison], name: str) -> bytes:
    return folder.packed(folder.contents(made(), frames.FOLDER_BYTES), name)


def _figures(made: Callable[[], Comparison], name: str) -> bytes:
    return folder.packed(figures.contents(made()), f"{name}-figures")


def _file_name(title: str) -> str:
    """Return a title as a file name that is valid on every system."""
    words = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60].strip("-")
    return f"ganray-{words or 'comparison'}"
