"""What was known and doubted of a run's data when it was prepared, as its config.json keeps it."""

import streamlit as st

from dashboard.library.store import Entry
from dashboard.widgets.text import plain_sentence
from gan_core import config as configs
from gan_core.data.readers import combined

BRIEF = 3  # lines that stand beside a training; the others are one click away


def patients(entry: Entry) -> str:
    """Return how many patients the images show and how they were found; "" in a run of an older GANray."""
    summary = entry.config.data if entry.config else None
    if summary is None:
        return ""
    found = summary.patients_from
    return f"{summary.patients}, from {found}" if found else "not known, one for each picture"


def show(entry: Entry) -> None:
    """Draw all lines in full but that of classes from different folders, which the page shows on its own."""
    lines = [line for line in _lines(entry) if not line.startswith(combined.APART)]
    if not lines:
        return
    with st.container(border=True, gap="xsmall", key="data-doubts"):
        st.markdown(":material/info: **What to know about the data**")
        st.markdown("\n".join(f"- {plain_sentence(line)}" for line in lines))


def show_brief(entry: Entry) -> None:
    """Draw the lines as captions without the names of images: the first ones, and the others below a heading."""
    lines = list(dict.fromkeys(configs.nameless(line) for line in _lines(entry)))
    if not lines:
        return
    with st.container(gap="xxsmall", key=f"data-doubts-{entry.name}"):
        for line in lines[:BRIEF]:
            _caption(line)
        if len(lines) > BRIEF:
            with st.expander(f"{len(lines) - BRIEF} more to know about the data", key=f"more-doubts-{entry.name}"):
                for line in lines[BRIEF:]:
                    _caption(line)


def _caption(line: str) -> None:
    st.caption(f":material/info: {plain_sentence(line)}")


def _lines(entry: Entry) -> tuple[str, ...]:
    return entry.config.data.warnings if entry.config and entry.config.data else ()
