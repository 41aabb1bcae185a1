"""Notes and tags of the runs that the pages show: `gan_core.runs.notes` reads and writes them."""

from pathlib import Path

import streamlit as st

from dashboard.library.store import Entry, Library
from gan_core.errors import UserError
from gan_core.runs import notes as written
from gan_core.runs.notes import FILE, LONGEST_NOTE, Note, Notes

__all__ = ["FILE", "LONGEST_NOTE", "Note", "Notes", "digest", "known", "notes"]


def digest(entry: Entry) -> str:
    """Return the digest that tells a run from others of its name; "" if its config.json cannot be read."""
    return written.digest(entry.run.folder)


@st.cache_resource(max_entries=4, show_spinner=False)
def _notes(root: str) -> Notes:
    return Notes(Path(root))


def notes(library: Library) -> Notes:
    """Return the notes of these runs, one object for all sessions."""
    return _notes(str(library.root))


def known(library: Library) -> tuple[dict[str, Note], str]:
    """Return (notes by run name, problem): the notes of the existing runs, or the reason why they cannot be read."""
    try:
        found = notes(library).read()
    except UserError as error:
        return {}, str(error)
    # A key is a name, or "name digest"; a name may hold spaces itself.
    named = found.keys() | {key.rpartition(" ")[0] for key in found}
    return {
        entry.name: written.note_of(found, entry.name, digest(entry))
        for entry in library.entries()
        if entry.name in named
    }, ""
