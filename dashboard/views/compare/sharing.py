"""Sharing of a comparison: the link to the view, and the report as one HTML file."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import streamlit as st

from dashboard.charts.styles import Style
from dashboard.library import notes, store
from dashboard.library.curves import SMOOTHING
from dashboard.library.store import Entry, Library
from dashboard.views.compare import report
from dashboard.views.compare.report import ReportedEvent, ReportOptions
from dashboard.widgets import diagnosis, error_boundary, run_curves
from gan_core import diagnostics

_COMPONENTS = Path(__file__).resolve().parents[2] / "components"
LONGEST_TITLE, LONGEST_VIEW = 200, 4000

_link = st.components.v2.component(
    "ganray_link",
    html='<button type="button">Copy link</button><span role="status"></span>\n',
    css=(_COMPONENTS / "link.css").read_text(encoding="utf-8"),
    js=(_COMPONENTS / "link.js").read_text(encoding="utf-8"),
)

# Only the browser knows the epoch and the address that the reader has set since the server drew the page.
_standing = st.components.v2.component(
    "ganray_standing", js=(_COMPONENTS / "standing.js").read_text(encoding="utf-8"), html="<span hidden></span>\n"
)


@dataclass(frozen=True)
class ReaderPosition:
    """The reader's view: the epoch of the grids (None: the last one) and the query of the address."""

    epoch: int | None
    view: str


def show(library: Library, chosen: list[Entry], look: dict[str, Style]) -> None:
    """Draw the button that copies the link, and the form of the report."""
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.subheader("Keep this comparison", width="content")
        _link(key="link", width="content", data=[entry.name for entry in chosen])
    maker = st.expander("Report as one file", icon=":material/description:", key="report", on_change="rerun")
    if maker.open:
        with maker:
            st.fragment(_draw_maker, key="report-maker")([entry.name for entry in chosen], dict(look))


@error_boundary.bounded
def _draw_maker(names: list[str], look: Mapping[str, Style]) -> None:
    library = store.library()
    chosen = sorted((e for e in library.readable() if e.name in names), key=lambda entry: names.index(entry.name))
    first = f"Comparison of {' and '.join(entry.label for entry in chosen[:4])}{' and others' * (len(chosen) > 4)}"
    title = st.text_input("Title", key="report title", placeholder=first, max_chars=LONGEST_TITLE)
    body = st.container()
    at = reader_position()  # drawn last, because its invisible element takes some room
    grids = "the last epoch" if at.epoch is None else f"epoch {at.epoch}"
    body.caption(
        f"One HTML file without scripts: the grids of {grids}, events, curves, settings, measures and notes of "
        f"{len(chosen)} {'run' if len(chosen) == 1 else 'runs'}. It opens without a network."
    )
    if any(entry.private for entry in chosen):
        body.caption(":material/lock: Images of real patients stay on this machine: the report leaves them out.")
    written, _ = notes.known(library)
    made = time.strftime("%Y-%m-%d %H:%M")
    smoothing = float(st.session_state.get("smoothing", SMOOTHING))
    axis = run_curves.AXIS_CHOICES.get(str(st.session_state.get("x", "")), "epoch")
    options = partial(
        ReportOptions, (title or "").strip() or first, made, at.epoch, smoothing, at.view, written, axis=axis
    )
    body.download_button(
        "Download",
        partial(_report, library, chosen, dict(look), options),
        file_name=f"{_file_name(title or first)}.html",
        mime="text/html",
        icon=":material/download:",
        on_click="ignore",
        key="report file",
    )


def reader_position() -> ReaderPosition:
    """Return the reader's view as the browser reports it, else from the address when the page was drawn."""
    text = st.query_params.get("epoch", "")
    epoch = int(text) if re.fullmatch(r"\d{1,9}", text) else None
    state = st.session_state.get("standing")
    known = state.get("standing") if state else None
    found = _standing(key="standing", data=known, height="content", on_standing_change=_nothing).standing or known
    if not isinstance(found, dict):
        return ReaderPosition(epoch, "")
    view = str(found.get("view", ""))[:LONGEST_VIEW]
    wanted = found.get("epoch")
    known_epoch = int(wanted) if isinstance(wanted, int | float) and 0 <= wanted < 1e9 else epoch
    return ReaderPosition(known_epoch, view if view.startswith("?") else "")


def _nothing() -> None:
    """Do nothing: the value is read where the element is drawn."""


def _report(library: Library, chosen: list[Entry], look: dict[str, Style], options: partial[ReportOptions]) -> bytes:
    """Return the report as bytes; called when the reader clicks on Download."""
    found = {entry.name: run for entry in chosen if (run := diagnosis.diagnosed(library, entry))}
    events = {
        name: [
            ReportedEvent(event.title, event.when, event.sentence, event.advice, event.ailment) for event in run.events
        ]
        for name, run in found.items()
    }
    return report.page(library, chosen, look, options(events, diagnostics.compare(list(found.values())))).encode()


def _file_name(title: str) -> str:
    """Return a title as a file name that is valid on every system."""
    words = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60].strip("-")
    return f"ganray-{words or 'comparison'}"
