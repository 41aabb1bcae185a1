"""The page Train: start a training and follow it. It runs in its own process, which outlives this page."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from dashboard import jobs
from dashboard.charts import plotly_figures, run_metrics
from dashboard.charts.plotly_figures import Line
from dashboard.charts.styles import DASHES, GREY, Style, family_color
from dashboard.jobs import Job
from dashboard.library import store
from dashboard.library.curves import SMOOTHING, Curve
from dashboard.library.store import Entry, Library
from dashboard.views.train import add_run, form
from dashboard.widgets import data_doubts, elements, error_boundary, evaluating
from dashboard.widgets.text import name_line, plain, plain_sentence
from gan_core.errors import UserError

EARLIER = 6  # most runs listed under "Earlier runs"


def main() -> None:
    library = store.library()
    st.title("Train")
    form.show()
    add_run.show()
    follow = st.fragment(_follow, key="follow", run_every=1.0 if _active(library) else None)
    follow()


@error_boundary.bounded
def _follow() -> None:
    """Show the trainings; redrawn every second while one is active."""
    library = store.library()
    started = jobs.jobs().all()
    entries = {entry.name: entry for entry in library.entries() if not entry.run.reference}
    # What ended well or was stopped, and was then deleted or renamed, is no training that failed.
    waiting = [
        job
        for name, job in reversed(started.items())
        if name not in entries and not job.stopped and (job.failed or not job.over)
    ]
    # A training started by this app stays visible after it ends, so that the user sees the result.
    visible = [e for e in entries.values() if e.running or e.name in started]
    if waiting or visible:
        st.subheader("Trainings")
    # Each on its own: a broken run must not take the buttons of the others along.
    error_boundary.each(waiting, show_waiting, lambda job: f"The training {job.name}")
    error_boundary.each(
        visible, lambda entry: show_training(library, entry, started.get(entry.name)), lambda entry: f"Run {entry.name}"
    )
    earlier = [entry for entry in entries.values() if entry not in visible][:EARLIER]
    if earlier:
        st.subheader("Earlier runs")
        with st.container(border=True, key="earlier", gap="xsmall"):
            error_boundary.each(earlier, show_earlier, lambda entry: f"Run {entry.name}")
    before, active = st.session_state.get("training before"), _active(library)
    st.session_state["training before"] = active
    if before is not None and before != active:
        st.rerun()  # start or stop the redraw every second


def show_waiting(job: Job) -> None:
    """Show a training without a run folder: its data is being prepared, or it failed before the first step."""
    with st.container(border=True, key=f"job-{job.name}"):
        st.markdown(f"**{plain(job.name)}**")
        if job.over:
            st.error(plain(job.error()), icon=":material/error:")
            st.button(
                "Dismiss",
                key=f"dismiss {job.name}",
                on_click=error_boundary.action(jobs.jobs().forget),
                args=(job.name,),
            )
            return
        if job.queued:
            st.progress(0.0, text=":material/schedule: Waiting for its turn")
            st.caption(_queued_text())
        else:
            doing = "Importing" if job.imports else f"Preparing: {'drawing' if job.draws else 'reading'} the images"
            said = job.words()
            share, words = jobs.counted(said) or (0.0, plain(said) or "starting")
            st.progress(share, text=f":material/hourglass_top: {doing}")
            st.caption(words)
        _cancel(job)


def _cancel(job: Job) -> None:
    st.button(
        "Cancel",
        icon=":material/close:",
        key=f"cancel {job.name}",
        on_click=error_boundary.action(jobs.jobs().cancel),
        args=(job.name,),
    )


def _queued_text() -> str:
    most = jobs.most()
    trainings = "one training runs" if most == 1 else f"{most} trainings run"
    return f"At most {trainings} at a time. This one starts when another ends, as long as the app is open."


def show_training(library: Library, entry: Entry, job: Job | None) -> None:
    status = entry.status
    with st.container(border=True, key=f"training-{entry.name}"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(_headline(entry), width="content")
            with st.container(horizontal=True, width="content", vertical_alignment="center"):
                show_actions(entry, job)
        if entry.problem:
            st.caption(plain(entry.problem))
            return
        st.progress(min(1.0, status.step / status.steps) if status.steps else 0.0, text=_progress_text(entry, job))
        if problem := _problem(entry, job):
            st.error(problem, icon=":material/error:")
        elif status.state == "finished":
            evaluating.show(library, entry)
        data_doubts.show_brief(entry)
        show_growth(library, entry)


def _problem(entry: Entry, job: Job | None) -> str:
    """Return why the last attempt to train a run failed, as Markdown; "" if it did not, or if another is under way."""
    status = entry.status
    if entry.running or (job and not job.over):
        return ""
    # A resume that is refused leaves status.json as it was.
    refused = job is not None and job.failed and job.began > status.updated
    if status.state == "failed" and not refused:
        return plain_sentence(status.reason or "the training failed")
    return plain(job.error()) if job and job.failed else ""


def show_growth(library: Library, entry: Entry) -> None:
    """Show the newest samples and the curves so far."""
    solid, beside = Style(family_color(entry), "solid"), Style(GREY, "solid")
    samples = entry.sheets
    end = entry.config.epochs or None if entry.config else None
    grid = st.grid(4 if entry.domains else 3, min_column_width=260)
    with grid:
        with grid.cell(column_span=2 if entry.domains else 1), st.container(gap="xsmall"):
            newest = max(samples, default=None)
            content = library.picture(samples[newest]) if newest is not None else None
            elements.picture(content, f"Newest samples of {entry.label}", f"newest-{entry.name}", entry.sheet)
            elements.privacy(entry)
            st.caption(f"Samples at {entry.unit} {newest}" if newest is not None else _no_samples(entry))
        for title, columns, percent in run_metrics.growth(entry):
            styles = itertools.chain((solid, beside), (replace(beside, dash=dash) for dash in DASHES[1:]))
            pairs = zip(columns.items(), styles, strict=False)
            lines = [Line(name, _curve(library, entry, of), style) for (name, of), style in pairs]
            lines = [line for line in lines if len(line.curve.x)]
            with st.container(gap="xsmall"):
                st.markdown(f"**{title}**")
                if not lines:
                    st.caption("No values logged yet.")
                    continue
                figure = plotly_figures.curves(lines, height=250, end=end, percent=percent, legend=len(lines) > 1)
                alt = f"{title} of {entry.label} over {entry.unit}s"
                st.plotly_chart(figure, key=f"{title} {entry.name}", config=plotly_figures.CONFIG, alt=alt)


def _curve(library: Library, entry: Entry, columns: tuple[str, ...]) -> Curve:
    """Return a curve over epochs: smoothed, unless previews measured it."""
    found = library.curve(entry, columns, SMOOTHING)
    return found if len(found.x) else library.curve(entry, columns, 0.0, store.EPOCHS)


def show_actions(entry: Entry, job: Job | None = None) -> None:
    """Show the actions of a run; an error appears beside its button."""
    state = entry.status.state
    if entry.origin:
        pass  # what another program trains is stopped and resumed there
    elif entry.status.stopping:
        st.button("Stopping…", icon=":material/stop_circle:", key=f"stopping {entry.name}", disabled=True)
    elif entry.running:
        _button("Stop", ":material/stop_circle:", entry, lambda: jobs.stop(entry.run))
    elif job and job.queued:
        _cancel(job)
    elif state in ("stopped", "failed") and not (job and not job.over):
        _button("Resume", ":material/play_arrow:", entry, lambda: jobs.jobs().resume(entry.run))
    if entry.config:
        link = {"runs": [entry.name]}
        st.page_link("views/compare/page.py", label="Compare", icon=":material/grid_view:", query_params=link)
        st.page_link(
            "views/run/page.py", label="Details", icon=":material/monitoring:", query_params={"run": entry.name}
        )


def show_earlier(entry: Entry) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(_headline(entry), width="content")
        with st.container(horizontal=True, width="content", vertical_alignment="center"):
            show_actions(entry)


def _button(label: str, icon: str, entry: Entry, action: Callable[[], object]) -> None:
    @error_boundary.action
    def act() -> None:
        try:
            action()
            st.session_state.pop(f"error {entry.name}", None)
        except UserError as error:
            st.session_state[f"error {entry.name}"] = str(error)

    if problem := st.session_state.get(f"error {entry.name}"):
        st.markdown(f":red[{plain(problem)}]", width="content")
    st.button(label, icon=icon, key=f"{label} {entry.name}", on_click=act)


def _headline(entry: Entry) -> str:
    preset = f":gray[{plain(entry.config.preset)}]" if entry.config else ":gray[cannot be read]"
    done = ":green-badge[:material/check_circle: finished]" if entry.status.state == "finished" else ""
    return f"{name_line(entry)} {done} {preset}"


def _progress_text(entry: Entry, job: Job | None) -> str:
    status = entry.status
    words = []
    if entry.origin:
        of = f" of {status.steps}" if status.steps else ""
        words = [] if entry.unit == "step" else [f"epoch {entry.progress}"]
        words.append(f"step {entry.reached if entry.unit == 'step' else status.step}{of}")
    elif status.steps:
        words = [f"epoch {status.epoch} of {status.epochs}", f"step {status.step} of {status.steps}"]
    if status.stopping:
        words.append("stopping: the training writes a checkpoint first")
    elif entry.running and (left := store.duration(status.eta_seconds)):
        words.append(f"about {left} left")
    elif job and job.queued:
        words.append(f"waiting for its turn. {_queued_text()}")
    elif job and not job.over and not entry.running:
        words.append(plain(job.words().replace(str(entry.run.folder), entry.label)) or "starting")
    elif status.state == "stopped":
        words.append(plain(status.reason or "stopped"))
    elif status.state == "finished" and status.reason:
        words.append(plain(status.reason))
    return ", ".join(words) or "starting"


def _no_samples(entry: Entry) -> str:
    return "No samples yet." if entry.origin else "The first samples appear after epoch 1."


def _active(library: Library) -> list[str]:
    """Return the names of running runs and of processes that have no run yet."""
    processes = {name for name, job in jobs.jobs().all().items() if not job.over}
    return sorted(processes | {entry.name for entry in library.entries() if entry.running})


main()
