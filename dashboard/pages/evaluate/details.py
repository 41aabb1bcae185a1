"""Details of the Evaluate page: planes, seeds, classifiers, nearest neighbours, notes, and tables to take away."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.charts import interval_strips, plotly_figures, run_metrics
from dashboard.charts.plotly_figures import Point
from dashboard.charts.styles import GREY, Style
from dashboard.library import data_here, evaluation_files, evaluations, store
from dashboard.library.evaluations import ALL, EvaluatedRun, MeasureTable
from dashboard.library.image_encoding import png
from dashboard.library.measure_names import HELD_OUT, REAL, SYNTHETIC
from dashboard.pages.evaluate import generator_answers, html_tables, neighbours
from dashboard.widgets import elements
from dashboard.widgets.text import name_line, plain, plain_sentence, source_name
from gan_core.errors import UserError
from gan_core.evaluation.results import Measure, Memorisation, Neighbour, Scores

LESSONS = {"real": "real images", "synthetic": "its images", "both": "both"}
SPACES = {"pixels": "in pixels", "features": "in a classifier's features"}


def show_plane(table: MeasureTable, look: dict[str, Style]) -> None:
    """Precision against recall."""
    precision, recall = table.row("precision"), table.row("recall")
    if precision is None or recall is None:
        return
    points = [
        Point(column.run.label, x.value, y.value, look[column.run.entry.name], _reach(x), _reach(y))
        for column, x, y in zip(table.columns, precision.cells, recall.cells, strict=True)
        if x and y
    ]
    if precision.floor is not None and recall.floor is not None:
        grey = Style(GREY, "dash")
        points.append(Point("real images", precision.floor, recall.floor, grey))
    with st.container(border=True, height="stretch", gap="xsmall"):
        st.markdown("**Precision against recall**")
        figure = plotly_figures.plane(points, "precision", "recall")
        alt = f"Recall over precision of {', '.join(point.name for point in points)}"
        st.plotly_chart(figure, key="plane", config=plotly_figures.CONFIG, alt=alt)
        st.caption(
            "To the right: more of what it draws looks real. Up: more of what is real is drawn. Bottom right: a few "
            "things, well drawn."
        )


def show_classes(runs: Sequence[EvaluatedRun], look: dict[str, Style]) -> None:
    """How near and how varied class by class: a generator may forget one."""
    classes = [scope for scope in evaluations.scopes(runs) if scope not in (ALL, evaluations.SECOND)]
    if not classes:
        return
    styles = [look[run.entry.name] for run in runs]
    with st.container(border=True, height="stretch", gap="small"):
        st.markdown("**Class by class**")
        if len(runs) == 1:
            for row in evaluations.class_rows(runs[0], classes):
                st.markdown(f":small[{row.title}]")
                st.html(interval_strips.strips(row, classes, styles * len(classes)))
            st.caption("A generator that neglects a class shows it here.")
            return
        for name in classes:
            if covered := evaluations.generators(runs, name).row("coverage"):
                st.markdown(f":small[{plain(name)}]")
                st.html(interval_strips.strips(covered, [run.label for run in runs], styles))
        st.caption("Coverage: the share of a class's real images that generated ones of the class reach.")


def show_utility(runs: Sequence[EvaluatedRun], look: dict[str, Style]) -> None:
    """Confusion matrices and reports of one lesson and one test."""
    found = [score for run in runs for score in run.found.utility]
    if not found:
        return
    st.subheader("Classifiers in detail")
    classifiers = list(dict.fromkeys(score.classifier for score in found))
    lessons = list(dict.fromkeys(score.trained for score in found))
    with st.container(horizontal=True):
        tested = _pick("Tested on", list(dict.fromkeys(s.tested for s in found)), HELD_OUT, "tested")
        if len(runs) > 1:  # of one run every lesson is shown
            lessons = [_pick("Taught by", lessons, SYNTHETIC, "trained")]
        classifier = _pick("Classifier", classifiers, classifiers[0], "classifier") if len(classifiers) > 1 else None
    with st.grid(4 if len(runs) > 3 else 3, min_column_width=260, key="confusions"):
        for run in runs:
            for lesson in lessons:
                with st.container(border=True, height="stretch", gap="small"):
                    if len(runs) > 1:
                        st.markdown(name_line(run.entry, look[run.entry.name]))
                    else:
                        st.markdown(f"**Taught by {LESSONS.get(lesson, plain(lesson))}**")
                    score = evaluations.scores(run.found, lesson, tested, classifier)
                    if score:
                        show_scores(score, run.label)
                    else:
                        st.caption("This was not measured.")
    st.caption(
        "Of two classes the last is the positive one. Rows are what an image is, columns what it is taken for; a row's "
        "shades are shares of that class."
    )


def show_scores(score: Scores, label: str) -> None:
    st.html(html_tables.confusion(score))
    numbers = {
        "Accuracy": _with_interval(score.accuracy),
        "Balanced accuracy": f"{score.balanced_accuracy:.3f}",
        "Precision": f"{score.precision:.3f}",
        "Recall": f"{score.recall:.3f}",
        "F1": f"{score.f1:.3f}",
        "ROC AUC": "–" if score.roc_auc is None else f"{score.roc_auc:.3f}",
    }
    st.table(numbers, border="horizontal", alt=f"Scores of the classifier of {label}")
    with st.expander("Each class"):
        report = {
            plain(k): {n: f"{v:.0f}" if n == "support" else f"{v:.3f}" for n, v in one.items()}
            for k, one in score.by_class.items()
        }
        st.table(pd.DataFrame(report), border="horizontal", alt="Report of each class")
    words = f"{score.images} images, {score.classifier}."
    labelled = "" if score.trained == REAL else f" Labels of generated images: {score.labels}."
    st.caption(plain(words + labelled))


def show_neighbours(runs: Sequence[EvaluatedRun], look: dict[str, Style]) -> None:
    """What generated images lie nearest to, drawn again on a click."""
    found = [(run, run.found.memorisation) for run in runs if run.found.memorisation]
    if not found:
        return
    st.subheader("Nearest neighbours")
    st.caption(
        "Each generated image is held against every training image. A copy stands out: it is far nearer to one of them "
        "than to all others, as real images of other patients seldom are."
    )
    columns = {plain(run.label): _distances(one) for run, one in found}
    with st.container(key="settings-neighbours"):
        st.table(pd.DataFrame(columns), border="horizontal", alt="Distances to the nearest training image")
    run = found[0][0]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if len(found) > 1:
            named = {one.label: one for one, _ in found}
            run = named[_pick("Pairs of", list(named), run.label, "pairs of")]
        one = run.found.memorisation
        assert one
        spaces = [space for space in one.space if neighbours.nearest(one, space)]
        space = _pick("Nearest in", spaces, spaces[0], "space") if len(spaces) > 1 else "".join(spaces)
        kept = run.entry.run.weights.is_file()
        wanted = bool(space) and kept and st.toggle("Draw the pairs that stand out most", key="pairs")
    st.markdown(f"{name_line(run.entry, look[run.entry.name])} {generator_answers.verdict_badge(run)}")
    st.caption(plain_sentence(one.reason))
    if wanted:
        show_pairs(run, neighbours.nearest(one, space))


def show_pairs(run: EvaluatedRun, near: Sequence[Neighbour]) -> None:
    """Generated images, drawn again, beside the real ones that they are nearest to where the data is here."""
    config = run.entry.config
    assert config
    source = st.text_input(
        "Where the training images are",
        config.source if data_here.is_here(config.source) else "",
        key=f"data {run.entry.name}",
        placeholder=f"the folder or zip '{source_name(config.source)}' on this machine",
        help="They are read here and shown here, and kept nowhere.",
    )
    real = {}
    try:
        if source:
            real = neighbours.training(source.strip(), config, [pair.training for pair in near])
            if not real:
                st.warning("None of the nearest training images is there: is it another data set?")
    except UserError as error:
        st.error(plain(str(error)), icon=":material/error:")
    with st.spinner("The run draws them again…"):
        made = neighbours.generated(run.entry.run, run.found.seed, [pair.generated for pair in near])
    if real:
        st.markdown(":gray-badge[:material/lock: real images: they stay on this machine]")
    with st.grid(4, min_column_width=220, key="neighbours"):
        for number, pair in enumerate(near):
            with st.container(border=True, gap="xsmall"):
                left, right = st.columns(2, gap="xsmall")
                with left:
                    alt = f"Generated image {pair.generated} of {run.label}"
                    elements.picture(png(made[pair.generated], True), alt, f"made-{number}")
                    st.caption("generated")
                with right:
                    show_real(real.get(pair.training), number)
                st.caption(plain(f"Distance {run_metrics.number(pair.distance)} to {pair.training}"))


def show_real(picture: np.ndarray | None, number: int) -> None:
    if picture is None:
        st.caption(":material/visibility_off: its training image is not shown: the data is not here")
        return
    elements.picture(png(picture, False), "The nearest training image", f"real-{number}")
    st.caption("training image")


def show_notes(runs: Sequence[EvaluatedRun]) -> None:
    """What is stale or could not be measured, and how all of it was made."""
    for run in runs:
        reached = run.entry.status.epoch
        if reached > run.found.epoch:
            words = f"measured at epoch {run.found.epoch}, and trained on to epoch {reached} since: evaluate it again."
            st.warning(f"**{plain(run.label)}** was {words}", icon=":material/history:")
    noted: dict[str, list[str]] = {}
    for run in runs:
        for note in run.found.notes:
            noted.setdefault(note, []).append(run.label)
    if noted:
        st.subheader("What to bear in mind")
        st.markdown("\n".join(f"- **{plain(', '.join(names))}**: {plain(note)}" for note, names in noted.items()))
    with st.expander("How this was measured"), st.container(key="settings-made"):
        columns = {plain(run.label): _made(run) for run in runs}
        st.table(pd.DataFrame(columns), border="horizontal", alt="How the evaluations were made")


def show_exports(runs: Sequence[EvaluatedRun]) -> None:
    """Everything as CSV, the tables for a paper."""
    st.subheader("Take away")
    generate = [run for run in runs if not run.found.audit and run.entry.task != "translate"]
    translate = [run for run in runs if run not in generate]
    tables = [evaluations.generators(generate)] if generate else []
    tables += [evaluations.translators(translate)] if translate else []
    files = {
        "evaluations.csv": evaluation_files.to_csv(runs),
        "evaluations.tex": "\n".join(map(evaluation_files.to_latex, tables)),
        "evaluations.md": "\n".join(map(evaluation_files.to_markdown, tables)),
    }
    names = ("Every number (CSV)", "LaTeX table", "Markdown table")
    with st.container(horizontal=True):
        for label, (name, text) in zip(names, files.items(), strict=True):
            st.download_button(label, text, name, icon=":material/download:", on_click="ignore", key=f"file {name}")
    with st.expander("To copy"):
        latex, markdown = st.tabs(["LaTeX", "Markdown"])
        latex.code(files["evaluations.tex"], language="latex")
        markdown.code(files["evaluations.md"], language="markdown")


def _pick(label: str, options: list[str], first: str, key: str) -> str:
    """One of a few; the first one where the wanted is not there."""
    default = first if first in options else options[0]
    return str(st.segmented_control(label, options, default=default, required=True, key=key) or default)


def _distances(found: Memorisation) -> dict[str, str]:
    rows = {"Images": f"{found.generated} generated, {found.held_out} held out, {found.training} training"}
    for space, words in SPACES.items():
        if near := found.space.get(space):
            rows[f"Median distance, {words}"] = run_metrics.number(near.generated_median)
            rows[f"The same of held-out images, {words}"] = run_metrics.number(near.held_out_median)
            rows[f"Suspiciously near, {words}"] = _with_interval(near.share_nearer, "percent")
            rows[f"p-value, {words}"] = f"{near.p_value:.2g}"
    return {plain(key): plain(value) for key, value in rows.items()}


def _made(run: EvaluatedRun) -> dict[str, str]:
    found = run.found
    rows = {"Preset": found.preset, "Epoch": str(found.epoch), "Data": source_name(found.source)}
    for split, counts in found.counts.items():
        rows[f"Images, {split}"] = ", ".join(f"{name} {count}" for name, count in counts.items())
    for scope, title in ((ALL, "Features"), (evaluations.SECOND, "Second opinion")):
        if one := evaluations.fidelity(found, scope):
            rows[title] = f"{one.extractor}, {one.features} numbers"
    rows |= {"Seed": str(found.seed), "Data's fingerprint": found.fingerprint, "Weights": found.weights}
    rows["Time"] = ", ".join(f"{part} {store.duration(seconds)}" for part, seconds in found.seconds.items()) or "–"
    rows["Made with"] = ", ".join(f"{name} {version}" for name, version in found.versions.items()) or "–"
    return {plain(key): plain(value) for key, value in rows.items()}


def _with_interval(cell: Measure, shows: str = "share") -> str:
    digits = evaluations.decimals([cell], shows)
    reach = evaluation_files.interval(cell, digits, shows)
    return (
        f"{evaluation_files.written(cell.value, digits, shows)} ({reach})"
        if reach
        else evaluation_files.written(cell.value, digits, shows)
    )


def _reach(cell: Measure) -> tuple[float, float] | None:
    return None if cell.low is None or cell.high is None else (cell.low, cell.high)
