"""The form *Add a run*: a training of another program becomes a run, which a process of its own writes."""

import streamlit as st

from dashboard import jobs
from dashboard.library import import_look
from dashboard.library.import_look import Look
from dashboard.widgets import error_boundary
from dashboard.widgets.text import plain, plain_sentence
from gan_core import importers, objectives
from gan_core.errors import UserError

_WAIT, _AGAIN = 0.5, 0.4  # seconds: a small training is shown at once; between two looks at whether it is done
HELP = {
    "path": "A folder that another program wrote, or its log or table. It stays as it is.",
    "kind": "\n".join(f"- `{kind}`: {about}" for kind, about in importers.KINDS.items()),
    "x": "The column that counts the steps or the epochs.",
    "names": "Names of columns, theirs=ours, separated by spaces: `d_loss=loss/d 'G loss=loss/g'`",
    "images": r"Which pictures are sheets; its one group is the number: `epoch_(\d+).png`",
    "grid": "Rows x columns of a sheet, such as 4x4, where its pictures have no borders.",
    "steps_per_epoch": "Where the log counts steps and the pictures epochs.",
    "log": "What the program printed, captured in a file.",
    "objective": "Of its losses: those of one objective share a chart.",
}


def show() -> None:
    """Show the form in an expander, and below it what was found at the path."""
    with st.expander("Add a run that another program trained", icon=":material/add_circle:", key="add-run"):
        left, right = st.columns([3, 1], gap="medium")
        with left:
            st.text_input(
                "Folder or file", key="import path", help=HELP["path"], placeholder="checkpoints/normal2covid"
            )
        with right:
            st.selectbox("Trained by", import_look.KINDS, format_func=_kind, key="import kind", help=HELP["kind"])
        with (
            st.expander("Optional: what its files do not tell", key="import options"),
            st.grid(4, min_column_width=160),
        ):
            _text("x", "Counted by")
            _text("names", "Columns")
            _text("images", "Pictures")
            _text("grid", "Grid")
            st.number_input("Steps per epoch", 0, 10**9, 0, key="import steps_per_epoch", help=HELP["steps_per_epoch"])
            _text("log", "Log")
            known = ["", *objectives.OBJECTIVES]
            st.selectbox("Objective", known, format_func=_objective, key="import objective", help=HELP["objective"])
            st.text_input("Name", key="import name", placeholder="the one that is shown below")
        ready = _show_found()
        st.button(
            "Add this run", type="primary", icon=":material/add:", disabled=not ready, on_click=_add, key="import start"
        )
        if problem := st.session_state.pop("import error", None):
            st.error(plain(problem), icon=":material/error:")


def _text(name: str, label: str) -> None:
    st.text_input(label, key=f"import {name}", help=HELP[name])


def _kind(kind: str) -> str:
    return "Recognise automatically" if kind == importers.AUTO else kind


def _objective(name: str) -> str:
    return objectives.find(name).title if name else "not known"


def _show_found() -> bool:
    """Show what is at the path; return whether it can be added."""
    if not str(st.session_state.get("import path") or "").strip():
        return False
    try:
        words = _words()
    except UserError as error:
        st.markdown(f":red[:material/error: {plain(str(error))}]")
        return False
    look = import_look.look(words)
    if not look.done.wait(_WAIT):
        look = import_look.last(words) or look  # enough of a log that is still being written
    pending = not look.done.is_set()
    st.fragment(_panel, key="import look", run_every=_AGAIN if pending else None)(look, pending)
    return bool(look.lines)


@error_boundary.bounded
def _panel(look: Look, pending: bool) -> None:
    if pending and look.done.is_set():
        st.rerun()  # ends the redrawing, and enables the button
    if look.problem:
        st.markdown(f":red[:material/error: {plain(look.problem)}]")
    elif not look.lines:
        st.caption(":material/hourglass_top: Looking at it …")
    else:
        head, *rest = look.lines
        st.markdown(f":material/check_circle: **{plain(head)}**")
        for line in rest:
            st.caption(plain_sentence(line[:1].upper() + line[1:]))


def _words() -> tuple[str, ...]:
    form = st.session_state
    options = {name: form.get(f"import {name}") for name in import_look.OPTIONS}
    return import_look.words(
        str(form["import kind"]), str(form["import path"]), options, str(form.get("import names") or "")
    )


@error_boundary.action
def _add() -> None:
    """Start the import with the values that the form has now."""
    form = st.session_state
    try:
        words = _words()
        name = str(form.get("import name") or "").strip() or _free(_name_found(words))
        jobs.jobs().import_training(name, words)
        # What was typed belongs to that training.
        for key in ("path", "name", *import_look.OPTIONS, "names"):
            form[f"import {key}"] = 0 if key == "steps_per_epoch" else ""
    except UserError as error:
        form["import error"] = str(error)


def _name_found(words: tuple[str, ...]) -> str:
    """Return the name that the last look at these words found.

    Raises:
        UserError: there is none yet, as they were typed just before the click, or nothing can be imported.
    """
    look = import_look.last(words) or import_look.look(words)
    if not look.name:
        raise UserError(look.problem or "it is still being looked at: wait until its name is shown, or type one")
    return look.name


def _free(name: str) -> str:
    """Return a name, or one with a number where it is taken."""
    return name if not jobs.jobs().taken(name) else jobs.jobs().free_name(name)
