"""Parts of the Evaluate page: precision and recall, classes, classifiers, near-duplicates, notes and downloads."""

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
from dashboard.views.evaluate import generator_verdicts, html_tables, neighbours
from dashboard.widgets import elements
from dashboard.widgets.text import name_line, plain, plain_sentence, source_name
from gan_core import files
from gan_core.errors import UserError
from gan_core.evaluation.results import Measure, Memorisation, Neighbour, Scores, real_images

TRAINING_SETS = {"real": "real images", "synthetic": "generated images", "both": "both"}
SPACES = {"pixels": "in pixels", "features": "in a classifier's features"}


def show_plane(table: MeasureTable, look: dict[str, Style]) -> None:
    """Show recall over precision."""
    precision, recall = table.row("precision"), table.row("recall")
    if precision is None or recall is None:
        return
    points = [
        Point(column.label, x.value, y.value, look[column.run.entry.name], _bounds(x), _bounds(y))
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
            "Right: more of the generated images look real. Up: more of the real images are covered. Bottom right: "
            "realistic images with little variety."
        )


def show_differences(runs: Sequence[EvaluatedRun], scope: str) -> None:
    """Say why no run is marked best, if the runs cannot be compared."""
    if unlike := evaluations.differences(runs, scope):
        st.caption(f":material/warning: Nothing is marked best: {unlike}.")


def show_classes(runs: Sequence[EvaluatedRun], look: dict[str, Style]) -> None:
    """Show the measures class by class, each for the runs that have the class: a generator may neglect one class."""
    classes = [scope for scope in evaluations.scopes(runs) if scope not in (ALL, evaluations.SECOND)]
    if not classes:
        return
    with st.container(border=True, height="stretch", gap="small"):
        st.markdown("**Class by class**")
        if len(runs) == 1:
            for row in evaluations.class_rows(runs[0], classes):
                st.markdown(f":small[{row.title}]")
                st.html(interval_strips.strips(row, classes, [look[runs[0].entry.name]] * len(classes)))
            st.caption("A neglected class has low values here.")
            return
        for name in classes:
            own = [run for run in runs if name in run.classes]
            covered = evaluations.generators(own, name).row("coverage")
            if covered:
                st.markdown(f":small[{plain(name)}]")
                styles = [look[run.entry.name] for run in own]
                st.html(interval_strips.strips(covered, [run.label for run in own], styles))
                show_differences([run for run in own if name in run.found.fidelity], name)
        st.caption("Coverage: the share of the real images of a class that have a generated image of the class nearby.")


def show_utility(runs: Sequence[EvaluatedRun], look: dict[str, Style]) -> None:
    """Show confusion matrices and classification reports for one training set and one test set."""
    found = [score for run in runs for score in run.found.utility]
    if not found:
        return
    classifiers = list(dict.fromkeys(score.classifier for score in found))
    training_sets = list(dict.fromkeys(score.trained for score in found))
    with st.container(horizontal=True):
        tested = _pick("Tested on", list(dict.fromkeys(s.tested for s in found)), HELD_OUT, "tested")
        if len(runs) > 1:  # a single run shows every training set
            training_sets = [_pick("Trained on", training_sets, SYNTHETIC, "trained")]
        classifier = _pick("Classifier", classifiers, classifiers[0], "classifier") if len(classifiers) > 1 else None
    with st.grid(4 if len(runs) > 3 else 3, min_column_width=260, key="confusions"):
        for run in (run for run in runs if run.found.utility):
            for training_set in training_sets:
                score = evaluations.scores(run.found, training_set, tested, classifier)
                if score is None:
                    continue
                with st.container(border=True, height="stretch", gap="small"):
                    if len(runs) > 1:
                        st.markdown(name_line(run.entry, look[run.entry.name]))
                    else:
                        st.markdown(f"**Trained on {TRAINING_SETS.get(training_set, plain(training_set))}**")
                    show_scores(score, run.label)
    st.caption(
        "With two classes, the last is the positive class. Rows are true classes, columns are predicted classes; the "
        "shade of a cell is its share of the row."
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
    words = f"{score.images:,} images, {score.classifier}."
    labelled = "" if score.trained == REAL else f" Labels of generated images: {score.labels}."
    st.caption(plain(words + labelled))


def show_neighbours(runs: Sequence[EvaluatedRun], look: dict[str, Style]) -> None:
    """Show the distances of generated images to their nearest training images; a toggle draws the closest pairs."""
    found = [(run, run.found.memorisation) for run in runs if run.found.memorisation]
    if not found:
        return
    st.caption(
        "Each generated image is compared with every training image. A copy is far closer to one of them than to all "
        "others; real images of other patients seldom are."
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
        has_weights = files.is_regular(run.entry.run.weights) and not run.found.pictures
        draw_pairs = bool(space) and has_weights and st.toggle("Show the closest pairs", key="pairs")
    st.markdown(f"{name_line(run.entry, look[run.entry.name])} {generator_verdicts.verdict_badge(run)}")
    st.caption(plain_sentence(one.reason))
    if draw_pairs:
        show_pairs(run, neighbours.nearest(one, space))


def show_pairs(run: EvaluatedRun, near: Sequence[Neighbour]) -> None:
    """Show regenerated images beside their nearest training images, if the data is on this machine."""
    config = run.entry.config
    assert config
    source = st.text_input(
        "Training images",
        config.source if data_here.is_named_here(config.source) else "",
        key=f"data {run.entry.name}",
        placeholder=f"the folder or zip '{source_name(config.source)}' on this machine",
        help="The app reads and shows these images. It stores none of them.",
    )
    real = {}
    try:
        if source:
            real = neighbours.training(source.strip(), config, [pair.training for pair in near])
            if not real:
                st.warning("None of the nearest training images is there. Check that this is the data set of the run.")
    except UserError as error:
        st.error(plain(str(error)), icon=":material/error:")
    with st.spinner("Generating the images again…"):
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
        st.caption(":material/visibility_off: training image not shown: the data is not on this machine")
        return
    elements.picture(png(picture, False), "The nearest training image", f"real-{number}")
    st.caption("training image")


def show_origins(runs: Sequence[EvaluatedRun]) -> None:
    """Say which evaluations are of pictures of a folder, and which the user made in place of a shipped one."""
    for run in runs:
        if one := run.found.pictures:
            words = f"{one.pictures} pictures of the folder **{plain(one.folder)}**, measured without a network."
            st.caption(f":material/folder_open: **{plain(run.label)}**: {words}")
        if run.entry.run.evaluated_here:
            st.caption(
                f":material/person: **{plain(run.label)}**: your own evaluation, in place of the shipped one. "
                f"`ganray delete {run.entry.name} --evaluation` brings that one back."
            )


def show_outdated(runs: Sequence[EvaluatedRun]) -> None:
    """Show which evaluations are out of date."""
    for run in runs:
        trained = run.entry.weights_epoch
        if trained > run.found.epoch:
            words = f"measured at epoch {run.found.epoch}, but its weights are now of epoch {trained}: measure again."
            st.warning(f"**{plain(run.label)}** was {words}", icon=":material/history:")


def show_notes(runs: Sequence[EvaluatedRun]) -> None:
    """Show what could not be measured, and how each evaluation was made."""
    noted: dict[str, list[str]] = {}
    for run in runs:
        for note in run.found.notes:
            noted.setdefault(note, []).append(run.label)
    if noted:
        st.markdown("\n".join(f"- **{plain(', '.join(names))}**: {plain(note)}" for note, names in noted.items()))
    with st.container(key="settings-made"):
        columns = {plain(run.label): _made(run) for run in runs}
        st.table(pd.DataFrame(columns), border="horizontal", alt="How the evaluations were made")


def show_exports(tables: Sequence[MeasureTable], runs: Sequence[EvaluatedRun]) -> None:
    """Offer every number of these runs as CSV, and the tables of the page as LaTeX and Markdown."""
    tables = [table for table in tables if table.columns]
    files = {
        "evaluations.csv": evaluation_files.to_csv(runs),
        "evaluations.tex": "\n".join(map(evaluation_files.to_latex, tables)),
        "evaluations.md": "\n".join(map(evaluation_files.to_markdown, tables)),
    }
    names = ("Every number (CSV)", "LaTeX table", "Markdown table")
    with st.container(horizontal=True):
        for label, (name, text) in zip(names, files.items(), strict=True):
            st.download_button(label, text, name, icon=":material/download:", on_click="ignore", key=f"file {name}")
    latex, markdown = st.tabs(["LaTeX", "Markdown"])
    latex.code(files["evaluations.tex"], language="latex")
    markdown.code(files["evaluations.md"], language="markdown")


def _pick(label: str, options: list[str], first: str, key: str) -> str:
    """Return the option that the user picks. The default is `first`, or the first option where `first` is missing."""
    default = first if first in options else options[0]
    return str(st.segmented_control(label, options, default=default, required=True, key=key) or default)


def _distances(found: Memorisation) -> dict[str, str]:
    rows = {"Images": f"{found.generated:,} generated, {found.held_out:,} held out, {found.training:,} training"}
    for space, words in SPACES.items():
        if near := found.space.get(space):
            rows[f"Median distance, {words}"] = run_metrics.number(near.generated_median)
            rows[f"Median distance of held-out images, {words}"] = run_metrics.number(near.held_out_median)
            rows[f"Near-duplicates, {words}"] = _with_interval(near.share_nearer, "percent")
            rows[f"p-value, {words}"] = f"{near.p_value:.2g}"
    return {plain(key): plain(value) for key, value in rows.items()}


def _made(run: EvaluatedRun) -> dict[str, str]:
    found = run.found
    rows = {"Preset": found.preset, "Epoch": str(found.epoch), "Data": source_name(found.source)}
    if found.pictures:
        rows |= {"Preset": f"pictures of a folder, {found.pictures.folder}", "Epoch": run.entry.progress}
    elif (kept := found.kept) and kept.which == "best":
        against = f" against {kept.against} images by {kept.extractor}" if kept.extractor else ""
        rows["Epoch"] += f", the best preview{against}"
    if run.entry.only_pictures:
        rows["Epoch"] = "–"
    for split, counts in found.counts.items():
        rows[f"Images, {split}"] = ", ".join(f"{name} {count}" for name, count in counts.items())
    for scope, title in ((ALL, "Features"), (evaluations.SECOND, "Second opinion")):
        if one := evaluations.fidelity(found, scope):
            rows[title] = f"{one.extractor}, {one.features} features, {real_images(one)}"
    rows |= {"Seed": str(found.seed), "Fingerprint of the data": found.fingerprint}
    rows["Weights, or pictures"] = found.weights
    rows["Time"] = ", ".join(f"{part} {store.duration(seconds)}" for part, seconds in found.seconds.items()) or "–"
    rows["Made with"] = ", ".join(f"{name} {version}" for name, version in found.versions.items()) or "–"
    return {plain(key): plain(value) for key, value in rows.items()}


def _with_interval(cell: Measure, shows: str = "share") -> str:
    digits = evaluations.decimals([cell], shows)
    bounds = evaluation_files.interval(cell, digits, shows)
    return (
        f"{evaluation_files.written(cell.value, digits, shows)} ({bounds})"
        if bounds
        else evaluation_files.written(cell.value, digits, shows)
    )


def _bounds(cell: Measure) -> tuple[float, float] | None:
    return None if cell.low is None or cell.high is None else (cell.low, cell.high)
