"""Which run the Run page opens on: the last one that was looked at, else the one that has most to show."""

from pathlib import Path
from urllib.parse import unquote

import streamlit as st

from dashboard.library import pages
from dashboard.library.store import Entry
from dashboard.widgets.components import component
from gan_core import files

_COOKIE = "ganray_run"
_LAST = "run last"  # place in the session
_FILM = 6  # sheets from which on a film is one

_REMEMBER = component(
    "ganray_remember",
    js=(Path(__file__).resolve().parents[2] / "components" / "remember.js").read_text(encoding="utf-8"),
)


def preferred(entries: list[Entry]) -> str:
    """Return the name of the run to open where the address names none; "" if there are no runs."""
    names = {entry.name for entry in entries}
    # A browser may send anything: only the name of a run that is here counts.
    seen = (st.session_state.get(_LAST), unquote(st.context.cookies.get(_COOKIE, "")))
    return next((str(name) for name in seen if name in names), None) or richest(entries)


def remember(entry: Entry) -> None:
    """Remember that a run is looked at, in the session and in the browser."""
    st.session_state[_LAST] = entry.name
    _REMEMBER(
        data={"cookie": _COOKIE, "parameter": "run", "value": entry.name, "page": pages.href("run")}, key="remember run"
    )


def richest(entries: list[Entry]) -> str:
    """Return the name of the run with most parts, the first of several; "" if there are no runs."""
    return max(entries, key=_parts).name if entries else ""


def _parts(entry: Entry) -> tuple[int, int]:
    """Return how many parts of a page a run fills, and how many sheets its film has, up to a number that is enough."""
    if entry.config is None:
        return -1, 0
    run, sheets = entry.run, len(entry.sheets)
    kept = (run.weights, run.discriminator, run.evaluation)
    trained = not entry.only_pictures
    return (sheets > 1) + trained + sum(map(files.is_regular, kept)), min(sheets, _FILM)
