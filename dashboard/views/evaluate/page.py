"""The page Evaluate: answers to four questions about the chosen runs and time to quality; more is opened part by part.

The bar of contents opens one part, which the address names. What is not open is not computed.
"""

from collections.abc import Sequence

import streamlit as st

from dashboard.charts import interval_strips, run_metrics
from dashboard.charts.styles import Style, run_styles
from dashboard.library import evaluations, seed_means, store
from dashboard.library.evaluations import EvaluatedRun, MeasureTable
from dashboard.library.store import Entry, Library
from dashboard.views.evaluate import contents, details, generator_verdicts, time_to_quality, translator_verdicts
from dashboard.views.evaluate.contents import TaskGroup
from dashboard.views.evaluate.verdicts import Answer
from dashboard.widgets import elements, linked_runs, run_picker
from dashboard.widgets.text import plain
from gan_core import files
from gan_core.evaluation import ranking
from gan_core.evaluation.results import Evaluation

MOST = 8  # runs side by side
COMMAND = "python -m gan_core evaluate"
# Files of a run that draw pictures: without one of them, a folder of its pictures can be evaluated.
DRAWING = ("weights.safetensors", "generator.onnx", "generated.safetensors")


def main() -> None:
    library = store.library()
    entries = library.entries()
    readable = [entry for entry in entries if entry.config]
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.title("Evaluate", width="content")
        st.caption("How good these GANs are, and how certain the numbers are.", width="content")
    if not readable:
        elements.no_runs()
        elements.unreadable(entries)
        return
    chosen = choose(library, readable)
    if not chosen:
        st.info("Choose one run or more above to see their evaluation.", icon=":material/arrow_upward:")
        return
    look = run_styles(chosen)
    elements.chip_colors("evaluated", chosen, look)
    runs = evaluated(library, chosen)
    show_missing(library, chosen)
    if runs:
        details.show_origins(runs)
        details.show_outdated(runs)
        groups = by_task(library, readable, runs)
        for group in groups:
            if len(groups) > 1:
                st.subheader(f"Runs that {group.task}")
            show_overview(group, look)
        contents.show(groups, look)
        st.caption(elements.SYNTHETIC)
    elements.unreadable(entries)
    seen = [entry.name for entry in chosen]
    elements.wait_for_news(lambda: _stamps(library, seen), key="evaluate-news", seconds=10)


def choose(library: Library, readable: list[Entry]) -> list[Entry]:
    """Return the runs that the user picks. The default: evaluated reference runs, else evaluated runs, else any."""
    by_name = {entry.name: entry for entry in run_picker.in_order(readable)}
    done = [name for name, entry in by_name.items() if files.is_regular(entry.run.evaluation)]
    first = (
        [name for name in store.FIRST if name in done] or done[:4] or [name for name in store.FIRST if name in by_name]
    )
    default = first or list(by_name)[:4]
    names = linked_runs.multiselect("Runs", list(by_name), default, "evaluated", MOST, label_visibility="collapsed")
    linked_runs.say_missing("evaluated")
    return [by_name[name] for name in names if name in by_name]


def evaluated(library: Library, chosen: list[Entry]) -> list[EvaluatedRun]:
    """Return the chosen runs that have an evaluation."""
    labels = [entry.label for entry in chosen]
    found = []
    for entry in chosen:
        one = library.evaluation(entry)
        if isinstance(one, Evaluation):
            found.append(EvaluatedRun(entry, one, entry.label if labels.count(entry.label) == 1 else entry.name))
    return found


def show_missing(library: Library, chosen: list[Entry]) -> None:
    """Show the command for each run without an evaluation, and each evaluation that cannot be read."""
    found = [(entry, library.evaluation(entry)) for entry in chosen]
    for entry, one in found:
        if isinstance(one, str):
            st.error(f"**{plain(entry.label)}**: {plain(one)}", icon=":material/broken_image:")
    missing = [entry for entry, one in found if one is None]
    if not missing:
        return
    with st.container(border=True, gap="xsmall", key="missing"):
        for entry in missing:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f":material/pending: **{plain(entry.label)}** is not evaluated yet.", width="content")
                run = {"run": entry.name}
                label = "Evaluate it on the page Run"
                st.page_link("views/run/page.py", label=label, icon=":material/arrow_forward:", query_params=run)
        st.caption("Or in a terminal:")
        st.code("\n".join(_command(entry) for entry in missing), language="bash", wrap_lines=True)


def _command(entry: Entry) -> str:
    """Return the command that evaluates a run; of one without networks, that for a folder of its pictures."""
    if entry.origin and not any(files.is_regular(entry.run.folder / name) for name in DRAWING):
        return f"{COMMAND} {entry.name} --generated FOLDER --data SOURCE"
    return f"{COMMAND} {entry.name}"


def by_task(library: Library, readable: list[Entry], runs: Sequence[EvaluatedRun]) -> list[TaskGroup]:
    """Return the evaluated runs by their task; generators with the other seeds of their recipes."""
    found = []
    for task, entries in run_metrics.by_task([run.entry for run in runs]).items():
        names = {entry.name for entry in entries}
        members = tuple(run for run in runs if run.entry.name in names)
        twins = () if task == "translate" else tuple(seed_means.beside(library, readable, members))
        found.append(TaskGroup(task, members, twins))
    return found


def show_overview(group: TaskGroup, look: dict[str, Style]) -> None:
    """Show the answers about the runs of one task, and the time to quality of generators."""
    if group.translates:
        table = evaluations.translators(group.runs)
        if not table.columns:
            st.info("No translation was audited yet: evaluate these runs with `--parts audit`.", icon=":material/info:")
            return
        show_answers(translator_verdicts.of_translators(table), table, look, "translate")
        st.html(interval_strips.legend())
        return
    table = group.table()
    show_answers(generator_verdicts.of_generators(table), table, look, "generate")
    st.html(interval_strips.legend())
    st.caption(seed_means.CITE)
    for caution in ranking.cautions([run.labelled for run in group.members]):
        st.caption(f":material/warning: {plain(caution)}")
    time_to_quality.show(group.runs, group.twins, look)


def show_answers(answers: Sequence[Answer], table: MeasureTable, look: dict[str, Style], key: str) -> None:
    """Show a card for each answer."""
    names = [f"{c.label}, {c.direction}" if c.way else c.label for c in table.columns]
    if len({column.run.label for column in table.columns}) == 1 and table.columns[0].way:
        names = [column.direction for column in table.columns]
    styles = [look[column.run.entry.name] for column in table.columns]
    with st.grid(2, min_column_width=340, key=f"answers-{key}"):
        for answer in answers:
            with st.container(border=True, height="stretch", gap="small"):
                st.subheader(answer.question, anchor=False)
                st.markdown(answer.words)
                if answer.row:
                    st.html(interval_strips.strips(answer.row, names, styles, answer.beside))
                    st.caption(answer.scale)


def _stamps(library: Library, names: list[str]) -> list[object]:
    """Return values that change when a run is evaluated or trained further."""
    found = [library.find(name) for name in names]
    return [(e.name, e.status.epoch, library.evaluation(e)) if e else None for e in found]


main()
