"""The page Evaluate: answers to four questions about the chosen runs, the table behind them, and details."""

from collections.abc import Sequence

import streamlit as st

from dashboard.charts import interval_strips, run_metrics
from dashboard.charts.styles import Style, run_styles
from dashboard.library import evaluations, store
from dashboard.library.evaluations import ALL, SECOND, EvaluatedRun, MeasureTable
from dashboard.library.store import Entry, Library
from dashboard.views.evaluate import (
    details,
    generator_verdicts,
    html_tables,
    lung_comparison,
    seeds,
    time_to_quality,
    translator_verdicts,
)
from dashboard.views.evaluate.verdicts import Answer
from dashboard.widgets import elements, linked_runs, run_picker
from dashboard.widgets.text import name_line, plain, source_name
from gan_core import files
from gan_core.evaluation.results import Evaluation

MOST = 8  # runs side by side
COMMAND = "python -m gan_core evaluate"
# Files of a run that draw pictures: without one of them, a folder of its pictures can be evaluated.
DRAWING = ("weights.safetensors", "generator.onnx", "generated.safetensors")
RANKED = (
    "**Best** is marked only where an interval overlaps no other. Density and MS-SSIM are never ranked: their target "
    "is the value of real images."
)
INTERVALS = (
    "Small numbers are 95% intervals. They hold for these weights: train with other seeds to see the variation between "
    "trainings."
)
AUDITS = (
    "Small numbers are 95% intervals and reference values: real target images for a distance, the noise itself for its "
    "effect, the untranslated image or the drawn disease for the ground truth. No run is marked best: one that flips a "
    "classifier more often may only exploit artefacts, as the controls show."
)


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
        st.html(interval_strips.legend())
    tasks = run_metrics.by_task([run.entry for run in runs])
    for task, group in tasks.items():
        if len(tasks) > 1:
            st.subheader(f"Runs that {task}")
        names = {entry.name for entry in group}
        members = [run for run in runs if run.entry.name in names]
        if task == "translate":
            show_translators(members, look)
        else:
            show_generators(members, seeds.beside(library, readable, members), look)
    if runs:
        details.show_notes(runs)
        details.show_exports(runs)
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
        names = ", ".join(f"**{plain(entry.label)}**" for entry in missing)
        verb = "is" if len(missing) == 1 else "are"
        st.markdown(f":material/pending: {names} {verb} not evaluated yet. Run in a terminal (a minute or two each):")
        st.code("\n".join(_command(entry) for entry in missing), language="bash")


def _command(entry: Entry) -> str:
    """Return the command that evaluates a run; of one without networks, that for a folder of its pictures."""
    if entry.origin and not any(files.is_regular(entry.run.folder / name) for name in DRAWING):
        return f"{COMMAND} {entry.name} --generated FOLDER --data SOURCE"
    return f"{COMMAND} {entry.name}"


def show_generators(runs: Sequence[EvaluatedRun], twins: Sequence[EvaluatedRun], look: dict[str, Style]) -> None:
    """Show the evaluation of generators; `twins` are other seeds of these runs, without a column of their own."""
    table = evaluations.generators(runs)
    show_answers(generator_verdicts.of_generators(runs, table), table, look, "generate")
    scope = show_scopes(runs)
    shown = table if scope == ALL else evaluations.generators(runs, scope)
    words = f"{INTERVALS} {RANKED}" if len(runs) > 1 else INTERVALS
    show_table(shown, look, "Measures of the chosen runs", words, "generate")
    st.caption(_basis(runs, scope))
    if unlike := evaluations.differences(runs, scope):
        st.caption(f":material/warning: Nothing is marked best: {unlike}.")
    time_to_quality.show(runs, twins, look)
    seeds.show([*runs, *twins], look)
    with st.grid(2, min_column_width=340, key="planes"):
        details.show_plane(shown, look)
        details.show_classes(runs, look)
    details.show_utility(runs, look)
    details.show_neighbours(runs, look)


def show_translators(runs: Sequence[EvaluatedRun], look: dict[str, Style]) -> None:
    table = evaluations.translators(runs)
    if not table.columns:
        st.info("No translation was audited yet: evaluate these runs with `--parts audit`.", icon=":material/info:")
        return
    show_answers(translator_verdicts.of_translators(table), table, look, "translate")
    st.subheader("The audit at a glance")
    st.caption("A stronger colour means a larger change. The icons show which part each classifier sees.")
    with st.grid(2, min_column_width=340, key="audits"):
        for column in table.columns:
            with st.container(border=True, height="stretch", gap="small"):
                run, way = column.run, column.way
                assert way
                st.markdown(f"{name_line(run.entry, look[run.entry.name])} {plain(column.direction)}")
                st.html(html_tables.audit(way, look[run.entry.name].color))
                st.caption(f"{way.images} held-out images of {plain(way.source)}")
    lung_comparison.show(runs, look)
    show_table(table, look, "Audits of the chosen runs", AUDITS, "translate")


def show_answers(answers: Sequence[Answer], table: MeasureTable, look: dict[str, Style], key: str) -> None:
    """Show a card for each answer."""
    names = [f"{c.run.label}, {c.direction}" if c.way else c.run.label for c in table.columns]
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


def show_scopes(runs: Sequence[EvaluatedRun]) -> str:
    """Show the heading of the table and return the scope that the user picks."""
    found = evaluations.scopes(runs)
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.subheader("Every measure", width="content")
        if len(found) == 1:
            return ALL
        words = {ALL: "All images", SECOND: "Second opinion"}
        scope = st.segmented_control(
            "Images",
            found,
            default=ALL,
            required=True,
            format_func=lambda name: words.get(name, name),
            key="scope",
            label_visibility="collapsed",
        )
    return str(scope or ALL)


def show_table(table: MeasureTable, look: dict[str, Style], caption: str, words: str, key: str) -> None:
    if key == "translate":
        st.subheader("Every measure")
    if not table.rows:
        st.caption("Nothing was measured for these images.")
        return
    with st.container(key=f"evaluation-{key}", gap="xsmall"):
        st.html(html_tables.table(table, look, caption))
        st.caption(f"Click a measure's name to read its definition. {words}")


def _basis(runs: Sequence[EvaluatedRun], scope: str) -> str:
    """Return the extractors, image counts and data behind the distances, as Markdown; empty where there are none."""
    found = [one for run in runs if (one := evaluations.fidelity(run.found, scope))]
    lines = {
        f"{one.extractor} ({one.features} features), {one.generated} generated and {one.real} real images"
        for one in found
    }
    sources = " and ".join(sorted({source_name(run.found.source) for run in runs}))
    return plain(f"Measured with {'; '.join(sorted(lines))} of {sources}.") if lines else ""


def _stamps(library: Library, names: list[str]) -> list[object]:
    """Return values that change when a run is evaluated or trained further."""
    found = [library.find(name) for name in names]
    return [(e.name, e.status.epoch, library.evaluation(e)) if e else None for e in found]


main()
