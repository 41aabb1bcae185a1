"""The menu of a run: another name for it, or its end. Both ask first, and the page goes on with a run that is there."""

from collections.abc import Callable, Sequence

import streamlit as st

from dashboard import jobs
from dashboard.library import notes, store
from dashboard.library.store import Entry
from dashboard.widgets import error_boundary, linked_runs
from dashboard.widgets.text import plain
from gan_core import runs
from gan_core.errors import UserError
from gan_core.runs import managing, remote

_DONE = "managed"  # what the last click did, said once


def show(entry: Entry, entries: Sequence[Entry]) -> None:
    """Draw the menu of a run of one's own; nothing for shipped runs and those in remote storage."""
    if words := st.session_state.pop(_DONE, ""):
        st.toast(words)
    if entry.run.reference or remote.place_of(store.library().root):
        return
    why = "Stop the training first." if entry.running else "Rename or delete this run."
    with st.popover("Manage", icon=":material/more_horiz:", help=why, disabled=entry.running, key="manage"):
        with st.form("rename", border=False):
            name = st.text_input("New name", entry.name, max_chars=100, key=f"new name {entry.name}")
            words = "Rename"
            if st.form_submit_button(words, icon=":material/edit:") and name != entry.name:
                _ask_rename(entry.name, name, notes.digest(entry))
        if st.button("Delete", icon=":material/delete:", key="delete"):
            _ask_delete(entry.name, _next(entry, entries), notes.digest(entry))


@st.dialog("Rename this run?")
def _ask_rename(name: str, new: str, digest: str) -> None:
    """Ask; digest: of the run that is meant, which tells it from others that may have its name by then."""
    try:
        runs.check_name(new)
    except UserError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    st.markdown(f"**{plain(name)}** becomes **{plain(new)}**. Its notes follow; links to the old name lead nowhere.")
    _choose("Rename", _rename, name, new, digest)


@st.dialog("Delete this run?")
def _ask_delete(name: str, then: str, digest: str) -> None:
    """Ask; digest: as in `_ask_rename`."""
    entry = store.library().find(name)
    if entry is None:  # the click below deleted it, or somebody else did: the dialog alone runs anew then
        st.rerun()
    count, size = managing.size(entry.run)
    st.markdown(
        f"**{plain(name)}** is deleted for good: {count} files, {size / 1e6:.1f} MB, and its notes and tags. "
        "Nothing can bring them back."
    )
    _choose("Delete", _delete, name, then, digest)


def _choose(word: str, does: Callable[..., None], *given: str) -> None:
    """Draw the two answers to a question."""
    with st.container(horizontal=True):
        sure = st.button(word, type="primary", key=f"sure {word}", on_click=error_boundary.action(does), args=given)
        if st.button("Keep it as it is", key="keep") or sure:
            st.rerun()


def _rename(name: str, new: str, digest: str) -> None:
    run = _own(name, digest)
    if jobs.jobs().busy(new):  # a training that has no folder yet
        raise UserError(f"run '{new}' exists already: choose another name")
    managing.rename(run, new, store.library().root)
    _leave(name, new, f"{name} is now {new}.")


def _delete(name: str, then: str, digest: str) -> None:
    run = _own(name, digest)
    managing.delete(run, store.library().root)
    _leave(name, then, f"{name} is deleted.")


def _own(name: str, digest: str) -> runs.Run:
    """Return the run that was asked about, if no training and no evaluation of this app needs it.

    Raises:
        UserError: it is gone, another one has its name now, or it is being trained or evaluated.
    """
    entry = store.library().find(name)
    if entry is None:
        raise UserError(f"run '{name}' is gone: it was deleted or renamed meanwhile")
    if notes.digest(entry) != digest:
        raise UserError(f"another run is called '{name}' by now: nothing was changed; look at it first")
    if jobs.jobs().busy(name):
        raise UserError(f"run '{name}' is being trained or waits for its turn: stop that first")
    if jobs.jobs().evaluating() == name:
        raise UserError(f"run '{name}' is being evaluated: wait until that has ended, or cancel it")
    return entry.run


def _leave(name: str, then: str, words: str) -> None:
    """Forget a run that has no longer this name, and show another, or the first one if none is given."""
    linked_runs.go_to("run", then)
    jobs.jobs().forget(name)
    st.session_state[_DONE] = words


def _next(entry: Entry, entries: Sequence[Entry]) -> str:
    """Return the run that stands below this one in the list, else the one above it; "" if there is none."""
    names = [one.name for one in entries]
    at = names.index(entry.name)
    return next(iter([*names[at + 1 :], *reversed(names[:at])]), "")
