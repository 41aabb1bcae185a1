"""Notes and tags of runs on a page, and the fields to edit them."""

from collections.abc import Mapping, Sequence

import streamlit as st

from dashboard.charts.styles import Style
from dashboard.library import notes, store
from dashboard.library.notes import Note
from dashboard.library.store import Entry, Library
from dashboard.widgets import error_boundary
from dashboard.widgets.text import name_line, plain, plain_sentence
from gan_core.errors import UserError


def show(library: Library, chosen: Sequence[Entry], look: Mapping[str, Style], heading: bool = True) -> None:
    """Draw the notes and tags of these runs, and the fields to edit them.

    heading: whether there is a heading, even without any note.
    """
    found, problem = notes.known(library)
    if heading or any(entry.name in found for entry in chosen):
        st.subheader("Notes")
    if problem:
        st.error(f"{plain_sentence(problem)} Until then no note is saved.", icon=":material/broken_image:")
        return
    for entry in chosen:
        if note := found.get(entry.name):
            st.markdown(f"{name_line(entry, look[entry.name])} {badges(note.tags)}  \n{_lines(note.note)}")
    if not notes.notes(library).writable():
        st.caption(f"Notes cannot be saved: {plain(str(library.root))} is read\\-only.")
        return
    writing = st.expander("Write notes and tags", icon=":material/edit_note:", key="writing", on_change="rerun")
    if writing.open:
        with writing:
            names = [entry.name for entry in chosen]
            st.fragment(_draw_fields, key="note-fields")(names, dict(look))


def badges(tags: Sequence[str]) -> str:
    """Return tags as Markdown badges."""
    return " ".join(f":gray-badge[{plain(tag)}]" for tag in tags)


@error_boundary.bounded
def _draw_fields(names: list[str], look: Mapping[str, Style]) -> None:
    library = store.library()
    found, problem = notes.known(library)
    if problem:
        st.error(plain_sentence(problem))
        return
    in_use = notes.notes(library).tags()
    chosen = [entry for entry in library.readable() if entry.name in names]
    with st.grid(2, min_column_width=280, key="note-cards"):
        for entry in sorted(chosen, key=lambda entry: names.index(entry.name)):
            with st.container(border=True, gap="small"):
                st.markdown(name_line(entry, look[entry.name]))
                _draw_field(entry.name, notes.digest(entry), found.get(entry.name, Note()), in_use)
    for message in st.session_state.pop("notes said", []):
        st.warning(plain_sentence(message), icon=":material/info:")
    st.caption(f"Saved in {plain(notes.notes(library).path.name)} beside the runs when you leave a field.")


def _draw_field(name: str, run: str, note: Note, in_use: list[str]) -> None:
    """Draw the two fields of a run, updated with the changes of other sessions."""
    seen, tags, text = f"note seen {name}", f"tags {name}", f"note {name}"
    if st.session_state.get(seen) != note or tags not in st.session_state or text not in st.session_state:
        st.session_state[tags], st.session_state[text] = list(note.tags), note.note
        st.session_state[seen] = note
    st.multiselect(
        "Tags",
        list(dict.fromkeys([*in_use, *st.session_state[tags]])),
        key=tags,
        accept_new_options=True,
        placeholder="None",
        on_change=_change,
        args=(name, run),
    )
    st.text_area("Note", key=text, max_chars=notes.LONGEST_NOTE, height=110, on_change=_change, args=(name, run))


@error_boundary.action
def _change(name: str, run: str) -> None:
    """Save the change of a field. Problems appear beside the fields, not at the top of the page."""
    before: Note = st.session_state[f"note seen {name}"]
    saved, messages = notes.notes(store.library()), st.session_state.setdefault("notes said", [])
    try:
        saved.change_tags(name, before.tags, st.session_state[f"tags {name}"], run)
        if not saved.change_note(name, before.note, st.session_state[f"note {name}"], run):
            messages.append(f"somebody else changed the note of {name} meanwhile: both notes were kept")
        st.session_state.pop(f"note seen {name}")
    except UserError as error:
        messages.append(str(error))


def _lines(text: str) -> str:
    return "  \n".join(plain(line) for line in text.splitlines())
