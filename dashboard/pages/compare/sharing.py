"""To keep and to share: the link to the view, and the comparison as one HTML file that can be mailed."""

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
from dashboard.pages.compare import report
from dashboard.pages.compare.report import ReportedEvent, ReportOptions
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

# The browser alone knows where the reader has moved to since the server drew the page.
_standing = st.components.v2.component(
    "ganray_standing", js=(_COMPONENTS / "standing.js").read_text(encoding="utf-8"), html="<span hidden></span>\n"
)


@dataclass(frozen=True)
class ReaderPosition:
    """Where the reader stands: the epoch of the grids, the last one if None, and the address's query."""

    epoch: int | None
    view: str


def show(library: Library, chosen: list[Entry], look: dict[str, Style]) -> None:
    """What keeps this comparison: the link to it, and the file."""
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.subheader("Keep this comparison", width="content")
        _link(key="link", width="content")
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
    at = reader_position()  # below all that is seen: it takes some room
    grids = "the last epoch" if at.epoch is None else f"epoch {at.epoch}"
    body.caption(
        f"One HTML file without scripts: the grids of {grids}, what happened, curves, settings, measures and notes of "
        f"{len(chosen)} {'run' if len(chosen) == 1 else 'runs'}. It opens without a network."
    )
    if any(entry.private for entry in chosen):
        body.caption(":material/lock: Pictures of real patients stay on this machine: they are left out.")
    written, _ = notes.known(library)
    made = time.strftime("%Y-%m-%d %H:%M")
    smoothing = float(st.session_state.get("smoothing", SMOOTHING))
    axis = run_curves.AXIS_CHOICES.get(str(st.session_state.get("x", "")), "epoch")
    wanted = partial(
        ReportOptions, (title or "").strip() or first, made, at.epoch, smoothing, at.view, written, axis=axis
    )
    body.download_button(
        "Download",
        partial(_made, library, chosen, dict(look), wanted),
        file_name=f"{_file_name(title or first)}.html",
        mime="text/html",
        icon=":material/download:",
        on_click="ignore",
        key="report file",
    )


def reader_position() -> ReaderPosition:
    """What the browser says, else what the address said when the page was drawn."""
    text = st.query_params.get("epoch", "")
    epoch = int(text) if re.fullmatch(r"\d{1,9}", text) else None
    told = st.session_state.get("standing")
    known = told.get("standing") if told else None
    found = _standing(key="standing", data=known, height="content", on_standing_change=_nothing).standing or known
    if not isinstance(found, dict):
        return ReaderPosition(epoch, "")
    view = str(found.get("view", ""))[:LONGEST_VIEW]
    wanted = found.get("epoch")
    known_epoch = int(wanted) if isinstance(wanted, int | float) and 0 <= wanted < 1e9 else epoch
    return ReaderPosition(known_epoch, view if view.startswith("?") else "")


def _nothing() -> None:
    """The value is read where the element is drawn."""


def _made(library: Library, chosen: list[Entry], look: dict[str, Style], wanted: partial[ReportOptions]) -> bytes:
    """The file; made when it is asked for."""
    found = {entry.name: run for entry in chosen if (run := diagnosis.diagnosed(library, entry))}
    events = {
        name: [
            ReportedEvent(event.title, event.when, event.sentence, event.advice, event.ailment) for event in run.events
        ]
        for name, run in found.items()
    }
    return report.page(library, chosen, look, wanted(events, diagnostics.compare(list(found.values())))).encode()


def _file_name(title: str) -> str:
    """A title as the name of a file on every system."""
    words = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60].strip("-")
    return f"ganray-{words or 'comparison'}"
