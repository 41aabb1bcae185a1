"""The button that evaluates a run in a process of its own: how long it takes, how far it is, where its result is."""

import streamlit as st

from dashboard import jobs
from dashboard.jobs import Job
from dashboard.library import data_here, evaluation_time
from dashboard.library.store import Entry, Library
from dashboard.widgets import error_boundary
from dashboard.widgets.text import plain, plain_sentence
from gan_core import files
from gan_core.errors import UserError


def can_be_evaluated(entry: Entry) -> bool:
    """Return whether a run has what an evaluation measures: networks, and a training that is not under way."""
    return bool(entry.config and entry.config.source) and files.is_regular(entry.run.weights) and not entry.running


def show(library: Library, entry: Entry, key: str = "evaluate") -> None:
    """Draw the button with an estimate of time, or the evaluation that runs; nothing where there is no network.

    key: tells this place from others on the same page.
    """
    if not can_be_evaluated(entry):
        return
    job = jobs.jobs().evaluation(entry.name)
    active = job is not None and not job.over
    fragment = st.fragment(_draw, key=f"{key} {entry.name}", run_every=1.0 if active else None)
    fragment(library, entry, key, active)


@error_boundary.bounded
def _draw(library: Library, entry: Entry, key: str, active: bool) -> None:
    job = jobs.jobs().evaluation(entry.name)
    if active and (job is None or job.over):
        st.rerun()  # the rest of the page shows the result, and the redrawing ends
    with st.container(key=f"{key}-{entry.label}", gap="xsmall"):
        if job and not job.over:
            _show_progress(entry, job, key)
            return
        if job and job.failed:
            st.error(plain_sentence(job.error()), icon=":material/error:")
        elif job:
            _show_done(entry)
        _show_button(library, entry, key, again=library.evaluation(entry) is not None)


def _show_progress(entry: Entry, job: Job, key: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/hourglass_top: Evaluating: {plain(job.words()) or 'starting'}", width="stretch")
        st.button(
            "Cancel",
            icon=":material/close:",
            key=f"{key} cancel {entry.name}",
            on_click=error_boundary.action(jobs.jobs().cancel_evaluation),
            args=(entry.name,),
        )


def _show_done(entry: Entry) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(":green-badge[:material/check_circle: evaluated]", width="content")
        st.page_link(
            "views/evaluate/page.py",
            label="See the evaluation",
            icon=":material/analytics:",
            query_params={"evaluated": [entry.name]},
        )


def _show_button(library: Library, entry: Entry, key: str, again: bool) -> None:
    config = entry.config
    assert config is not None
    place = data_here.locate(config, str(st.session_state.get(f"data {config.source}", "")).strip())
    if not place:
        place = st.text_input(
            "Where the images are",
            key=f"{key} data {entry.name}",
            placeholder="a folder, a zip, or another source",
            help=f"An evaluation compares with real images. Those of this run, `{plain(config.source)}`, are not on "
            "this machine, or not where they were: name their place, and press Enter.",
        ).strip()
    other = jobs.jobs().evaluating()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Evaluate again" if again else "Evaluate",
            icon=":material/analytics:",
            key=f"{key} start {entry.name}",
            disabled=not place or bool(other),
            on_click=_start,
            args=(entry, place),
        )
        st.caption(_words(library, entry, place, other))
    if error := st.session_state.pop(f"evaluation error {entry.name}", None):
        st.error(plain_sentence(error), icon=":material/error:")


def _words(library: Library, entry: Entry, place: str, other: str) -> str:
    """Return what stands beside the button: how long it takes, or why it cannot be pressed."""
    if other:
        return plain_sentence(f"run {other} is being evaluated: one evaluation runs at a time")
    if not place:
        return "Say where its images are: an evaluation measures against real ones."
    return f":material/timer: {plain_sentence(evaluation_time.estimate(library, entry))}"


@error_boundary.action
def _start(entry: Entry, place: str) -> None:
    config = entry.config
    try:
        jobs.jobs().evaluate(entry.run, place if config and place != config.source else None)
    except UserError as error:
        st.session_state[f"evaluation error {entry.name}"] = str(error)
