"""Train: start a training and follow it. It runs in a process of its own, which closing this page does not end."""

from collections.abc import Callable

import streamlit as st

from dashboard import charts, jobs, parts, sources, store, terms
from dashboard.charts import Line, Style
from dashboard.jobs import Job, Order
from dashboard.parts import plain
from dashboard.store import Entry, Library
from gan_core import catalog, runs
from gan_core.catalog import Preset
from gan_core.config import IMAGE_SIZES
from gan_core.errors import UserError

PHANTOM = "phantom:cxr"
DRAWN = {
    PHANTOM: "Chest X-rays drawn by the program: no data needed.",
    "phantom:mri": "Slices of heads drawn by the program: no data needed.",
}
EARLIER = 6  # runs listed below those in training
DATA_HELP = """
- `phantom:cxr` are chest X-rays that the program draws itself; `phantom:cxr?images=200` draws fewer
- a folder with one sub-folder per class, or a flat folder of images
- a zip file of either
- `hf:owner/name` for a data set from Hugging Face
- `classes:normal=a/NORMAL;covid=b/*/COVID` for classes from several folders
"""
DOMAIN_HELP = "One of the data's classes: the name of its folder. Both may stay empty where the data has just two."
INPUTS_HELP = """
The pictures that the previews translate, the same at every epoch. A translation is nearly a copy of its input:
previews of real images stay on this machine; drawn and generated inputs may be shown around.
"""


def main() -> None:
    library = store.library()
    st.title("Train")
    show_form()
    follow = st.fragment(_follow, key="follow", run_every=1.0 if _active(library) else None)
    follow()


def show_form() -> None:
    """What to train; each mistake is named below the field where it was made."""
    presets = catalog.presets()
    form = st.session_state
    form.setdefault("preset", "dcgan" if "dcgan" in presets else next(iter(presets)))
    form.setdefault("source", PHANTOM)
    _set_defaults(presets[form["preset"]], form.setdefault)
    with st.container(border=True, key="form"):
        left, right = st.columns(2, gap="medium")
        with left:
            names = sorted(presets, key=lambda name: presets[name].task)  # generators first
            st.selectbox("Preset", names, format_func=_preset_label, key="preset", on_change=_preset_chosen)
            preset = presets[form["preset"]]
            st.caption(plain(store.about(preset.name)))
        with right:
            st.text_input("Data", key="source", help=DATA_HELP)
            source = str(form["source"]).strip()
            problem = sources.problem(source)
            _note(problem, DRAWN.get(source, "") or plain(sources.hint(source)))
        translates = preset.task == "translate"
        with st.grid(5, min_column_width=130):
            st.number_input("Epochs", 1, 100_000, key="epochs")
            st.selectbox("Image size", IMAGE_SIZES, format_func="{} px".format, key="size")
            st.number_input("Batch size", 1 if translates else 2, 4096, key="batch")
            st.number_input("Seed", 0, 2**31 - 1, 0, key="seed")
            suggested = jobs.jobs().free_name(preset.name)
            typed = st.text_input("Name", placeholder=suggested, key="name", help="Left empty, the name shown is used.")
        domain_problem = show_domains(source) if translates and not problem else ""
        name_problem = _name_problem(typed.strip() or suggested)
        _note(name_problem, "")
        st.button(
            "Start training",
            type="primary",
            icon=":material/play_arrow:",
            disabled=bool(problem or domain_problem or name_problem),
            on_click=_start,
            key="start",
        )
        if error := st.session_state.pop("start error", None):
            st.error(plain(error), icon=":material/error:")
    form["preset before"] = preset.name


def show_domains(source: str) -> str:
    """The two classes to translate between and the inputs of the previews; returns what is wrong with them."""
    form = st.session_state
    classes = sources.classes(source)
    if form.get("domains of") != source or "domain_a" not in form:
        form["domain_a"], form["domain_b"] = sources.suggested(classes)
        form["domains of"] = source
    with st.grid(3, min_column_width=200):
        for key, label in (("domain_a", "Domain A"), ("domain_b", "Domain B")):
            st.selectbox(
                label,
                classes,
                index=None,
                key=key,
                accept_new_options=True,
                placeholder="a class of the data",
                help=DOMAIN_HELP,
            )
        inputs = sources.preview_inputs(_domains(), form["size"], store.library().readable())
        if form.get("preview_inputs") not in inputs:
            form["preview_inputs"] = sources.HELD_OUT
        named = sources.inputs_name
        st.selectbox("Previews show", inputs, format_func=named, key="preview_inputs", help=INPUTS_HELP)
    problem = sources.domain_problem(_domains(), classes)
    private = form["preview_inputs"] == sources.HELD_OUT and not source.startswith("phantom:")
    _note(problem, "Previews of real images stay in a private folder of the run, on this machine." if private else "")
    return problem


def _set_defaults(preset: Preset, put: Callable[[str, int], object]) -> None:
    """The numbers that a preset is trained with where the user names none."""
    put("epochs", 10 if preset.task == "translate" else 50)  # a translator's epoch has many more steps
    put("size", preset.image_size)
    put("batch", preset.batch_size)


def _preset_chosen() -> None:
    """Another task has other numbers; another preset of the same task keeps what was typed."""
    form, presets = st.session_state, catalog.presets()
    before = presets.get(form.get("preset before", ""))
    chosen = presets[form["preset"]]
    if before is None or before.task != chosen.task:
        _set_defaults(chosen, form.__setitem__)


def _domains() -> tuple[str, ...]:
    """What stands in the two fields; one alone stays one, for the complaint about it."""
    fields = (st.session_state.get(key) for key in ("domain_a", "domain_b"))
    return tuple(str(field).strip() for field in fields if field and str(field).strip())


def _start() -> None:
    """Start what the form says now; what was typed just before the click is known only here."""
    form = st.session_state
    preset, source = str(form["preset"]), str(form["source"]).strip()
    try:
        translates = catalog.find_preset(preset).task == "translate"
        domains = _domains() if translates else ()
        problem = sources.problem(source)
        if translates:
            problem = problem or sources.domain_problem(domains, sources.classes(source))
        if problem:
            raise UserError(problem)
        order = Order(
            preset=preset,
            source=source,
            name=str(form["name"]).strip() or jobs.jobs().free_name(preset),
            epochs=int(form["epochs"]),
            size=int(form["size"]),
            batch_size=int(form["batch"]),
            seed=int(form["seed"]),
            domains=domains,
            preview_inputs=str(form.get("preview_inputs", "")) if translates else "",
        )
        jobs.jobs().train(order)
        form["name"] = ""
    except UserError as error:
        form["start error"] = str(error)


@parts.bounded
def _follow() -> None:
    """The trainings, drawn again every second while one of them goes on."""
    library = store.library()
    started = jobs.jobs().all()
    entries = {entry.name: entry for entry in library.entries() if not entry.run.reference}
    waiting = [job for name, job in reversed(started.items()) if name not in entries]
    # What this app started stays on show when it has ended, so that its end is seen.
    shown = [e for e in entries.values() if e.running or e.name in started]
    if waiting or shown:
        st.subheader("Trainings")
    for job in waiting:
        show_waiting(job)
    for entry in shown:
        show_training(library, entry, started.get(entry.name))
    earlier = [entry for entry in entries.values() if entry not in shown][:EARLIER]
    if earlier:
        st.subheader("Earlier runs")
        with st.container(border=True, key="earlier", gap="xsmall"):
            for entry in earlier:
                show_earlier(entry)
    was, now = st.session_state.get("training before"), _active(library)
    st.session_state["training before"] = now
    if was is not None and was != now:
        st.rerun()  # begin or end drawing every second


def show_waiting(job: Job) -> None:
    """A training without a run folder: its data is being prepared, or it ended before it began."""
    with st.container(border=True, key=f"job-{job.name}"):
        st.markdown(f"**{plain(job.name)}**")
        if job.over:
            st.error(plain(job.error()), icon=":material/error:")
            st.button("Dismiss", key=f"dismiss {job.name}", on_click=jobs.jobs().forget, args=(job.name,))
        else:
            st.progress(0.0, text=":material/hourglass_top: Preparing: reading the images")
            st.caption(plain(job.words()) or "starting")
            st.button("Cancel", icon=":material/close:", key=f"cancel {job.name}", on_click=jobs.cancel, args=(job,))


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
        if status.state == "failed":
            st.error(parts.sentence(status.reason or "the training failed"), icon=":material/error:")
        elif job and job.failed and not entry.running:
            st.error(plain(job.error()), icon=":material/error:")
        show_growth(library, entry)


def show_growth(library: Library, entry: Entry) -> None:
    """The newest samples and the curves so far."""
    color, word = charts.family_color(entry.family)
    solid, beside = Style(color, word, "solid", ""), Style(charts.GREY, "gray", "solid", "")
    samples = entry.sheets
    end = entry.config.epochs if entry.config else None
    grid = st.grid(4 if entry.domains else 3, min_column_width=260)
    with grid:
        with grid.cell(column_span=2 if entry.domains else 1), st.container(gap="xsmall"):
            newest = max(samples, default=None)
            content = library.picture(samples[newest]) if newest is not None else None
            parts.picture(content, f"Newest samples of {entry.label}", f"newest-{entry.name}", entry.domains)
            parts.privacy(entry)
            st.caption(f"Samples at epoch {newest}" if newest is not None else "Samples come after the first epoch.")
        for title, columns, percent in terms.growth(entry):
            pairs = zip(columns.items(), (solid, beside), strict=False)
            lines = [Line(name, library.curve(entry, of, parts.SMOOTHING), style) for (name, of), style in pairs]
            lines = [line for line in lines if len(line.curve.x)]
            with st.container(gap="xsmall"):
                st.markdown(f"**{title}**")
                if not lines:
                    st.caption("Nothing is logged yet.")
                    continue
                figure = charts.curves(lines, height=250, end=end, percent=percent, legend=len(lines) > 1)
                alt = f"{title} of {entry.label} over epochs"
                st.plotly_chart(figure, key=f"{title} {entry.name}", config=charts.CONFIG, alt=alt)


def show_actions(entry: Entry, job: Job | None = None) -> None:
    """What can be done with a run; an error stands beside its button."""
    state = entry.status.state
    if entry.running:
        _button("Stop", ":material/stop_circle:", entry, lambda: jobs.stop(entry.run))
    elif state in ("stopped", "failed") and not (job and not job.over):
        _button("Resume", ":material/play_arrow:", entry, lambda: jobs.jobs().resume(entry.run))
    if entry.config:
        link = {"runs": [entry.name]}
        st.page_link("views/compare.py", label="Compare", icon=":material/grid_view:", query_params=link)
        st.page_link("views/run.py", label="Details", icon=":material/monitoring:", query_params={"run": entry.name})


def show_earlier(entry: Entry) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(_headline(entry), width="content")
        with st.container(horizontal=True, width="content", vertical_alignment="center"):
            show_actions(entry)


def _button(label: str, icon: str, entry: Entry, action: Callable[[], object]) -> None:
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
    return f"{parts.name_line(entry)} {done} {preset}"


def _progress_text(entry: Entry, job: Job | None) -> str:
    status = entry.status
    words = []
    if status.steps:
        words = [f"epoch {status.epoch} of {status.epochs}", f"step {status.step} of {status.steps}"]
    if entry.running and (left := store.duration(status.eta_seconds)):
        words.append(f"about {left} left")
    elif job and not job.over and not entry.running:
        words.append(plain(job.words()) or "starting")
    elif status.state == "stopped":
        words.append(plain(status.reason or "stopped"))
    return ", ".join(words) or "starting"


def _active(library: Library) -> list[str]:
    """What is going on, by name: running runs and processes that have no run yet."""
    going = {name for name, job in jobs.jobs().all().items() if not job.over}
    return sorted(going | {entry.name for entry in library.entries() if entry.running})


def _name_problem(name: str) -> str:
    try:
        runs.check_name(name)
    except UserError as error:
        return str(error)
    return f"run '{name}' exists already: choose another name" if jobs.jobs().taken(name) else ""


def _preset_label(name: str) -> str:
    return f"{name} · translates" if catalog.presets()[name].task == "translate" else name


def _note(problem: str, otherwise: str) -> None:
    if problem:
        st.markdown(f":red[:material/error: {plain(problem)}]")
    elif otherwise:
        st.caption(otherwise)


main()
