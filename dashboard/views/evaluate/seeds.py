"""Runs of one recipe with several seeds: the recipes ranked by their means, and the spread between seeds."""

import statistics
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from dashboard.charts import interval_strips
from dashboard.charts.styles import Style
from dashboard.library import evaluation_files, evaluations
from dashboard.library.evaluations import EvaluatedRun, MeasureRow
from dashboard.library.store import Entry, Library
from dashboard.widgets.text import plain
from gan_core.evaluation import ranking
from gan_core.evaluation.results import MEASURES, Evaluation, Measure

RANKED = ("frechet", "recall")


def beside(library: Library, readable: Sequence[Entry], runs: Sequence[EvaluatedRun]) -> list[EvaluatedRun]:
    """Return the other seeds of the chosen runs that were evaluated on the same images."""
    chosen = {run.entry.name for run in runs}
    recipes = {(run.entry.recipe, run.found.fingerprint) for run in runs}
    seeds = {(run.entry.recipe, _seed(run.entry)) for run in runs}
    found = []
    for entry in readable:
        if entry.name in chosen or (entry.recipe, _seed(entry)) in seeds:
            continue
        one = library.evaluation(entry)
        if isinstance(one, Evaluation) and (entry.recipe, one.fingerprint) in recipes:
            seeds.add((entry.recipe, _seed(entry)))
            found.append(EvaluatedRun(entry, one, entry.label))
    return found


def together(runs: Sequence[EvaluatedRun]) -> list[list[EvaluatedRun]]:
    """Group runs by recipe and evaluation images, in the order of the first run of each group."""
    groups: dict[object, list[EvaluatedRun]] = {}
    for run in runs:
        groups.setdefault((run.entry.recipe, run.found.fingerprint), []).append(run)
    return list(groups.values())


def show(runs: Sequence[EvaluatedRun], look: dict[str, Style]) -> None:
    """Show mean, interval and spread over the seeds of each recipe that was trained more than once."""
    groups = [group for group in together(runs) if len({_seed(run.entry) for run in group}) > 1]
    if not groups:
        return
    names = labels(groups)
    styles = [look[group[0].entry.name] for group in groups]
    st.subheader("Several seeds")
    rows = [found for key in RANKED if (found := over_seeds(groups, key))] if len(groups) > 1 else []
    with st.grid(2, min_column_width=340, key="seeds-ranked"):
        for row, first in rows:
            with st.container(border=True, height="stretch", gap="small"):
                again = second_opinion(groups, row.key, first, names)
                st.markdown(f"**{plain(row.title)}**: {verdict(row, first, names)}{again}")
                st.html(interval_strips.strips(row, names, styles))
    if rows:
        st.caption(
            "Mean over seeds with its 95% interval (Student's t). The recipes ahead are the best one and those that "
            "do not differ from it significantly (pairwise Welch's t-test at 5%)."
        )
    if budget := ranking.budgets([run.found for group in groups for run in group]):
        st.caption(f":material/warning: {plain(budget)}")
    columns = {}
    for name, group in zip(names, groups, strict=True):
        cells = {row.title: row.cells for row in evaluations.generators(group).rows}
        columns[plain(name)] = {plain(title): spread(found) for title, found in cells.items()}
    with st.container(key="settings-seeds"):
        st.table(pd.DataFrame(columns), border="horizontal", alt="Mean and standard deviation over seeds")
    st.caption("Mean ± standard deviation over trainings. A difference between presets must exceed this spread.")


def labels(groups: Sequence[Sequence[EvaluatedRun]]) -> list[str]:
    """Return a label for each group: its preset, or its first run where presets repeat, with the number of seeds."""
    presets = [group[0].found.preset for group in groups]
    return [
        f"{preset if presets.count(preset) == 1 else group[0].label}, {len(group)} seeds"
        for preset, group in zip(presets, groups, strict=True)
    ]


def verdict(row: MeasureRow, first: Sequence[int], names: Sequence[str]) -> str:
    """Return a clause in Markdown about which recipe is ahead; `first` holds the indices of the leading cells."""
    ahead = [f"**{plain(names[index])}**" for index in first]
    if not ahead:
        return "these recipes cannot be ranked."
    if len(ahead) == 1:
        return f"{ahead[0]} is ahead of all others."
    if len(ahead) == sum(cell is not None for cell in row.cells):
        return "no recipe differs significantly from the best."
    return f"{', '.join(ahead[:-1])} and {ahead[-1]} are ahead, without a significant difference between them."


def second_opinion(
    groups: Sequence[Sequence[EvaluatedRun]], key: str, first: Sequence[int], names: Sequence[str]
) -> str:
    """Return whether a second extractor agrees with a verdict, as Markdown.

    Empty where not all runs were measured with the same second extractor.
    """
    members = [run.found for group in groups for run in group]
    extractors = {one.second_opinion[evaluations.ALL].extractor if one.second_opinion else "" for one in members}
    first_extractors = {one.fidelity[evaluations.ALL].extractor for one in members if one.fidelity}
    found = over_seeds(groups, key, evaluations.SECOND)
    if len(extractors) > 1 or "" in extractors or extractors & first_extractors or found is None or not found[1]:
        return ""
    row, ahead = found
    if set(ahead) == set(first):
        return f" The features of {plain(*extractors)} give the same ranking."
    return f" With the features of {plain(*extractors)}: {verdict(row, ahead, names)}"


def over_seeds(
    groups: Sequence[Sequence[EvaluatedRun]], key: str, scope: str = evaluations.ALL
) -> tuple[MeasureRow, tuple[int, ...]] | None:
    """Return the means of a measure over seeds and the indices of the leading cells, best first.

    None where it was not measured; no cell leads where the runs cannot be compared.
    """
    measured = [[cell for run in group if (cell := _cell(run, key, scope))] for group in groups]
    cells = [ranking.mean_of(found, key) if len(found) > 1 else None for found in measured]
    if not any(cells):
        return None
    title, more, meaning = MEASURES[key]
    row = MeasureRow(key, title, meaning, tuple(cells), more)
    if evaluations.differences([run for group in groups for run in group], scope):
        return row, ()
    sign = -1 if more else 1
    values = {index: [cell.value for cell in found] for index, found in enumerate(measured) if len(found) > 1}
    order = sorted(values, key=lambda index: sign * statistics.fmean(values[index]))
    best = order[0]
    first = tuple(index for index in order if index == best or not ranking.differ(values[best], values[index]))
    return replace(row, best=best if len(first) == 1 < len(order) else None), first


def _cell(run: EvaluatedRun, key: str, scope: str) -> Measure | None:
    found = evaluations.fidelity(run.found, scope)
    return found.measures.get(key) if found else None


def spread(cells: Sequence[Measure | None]) -> str:
    """Return 'mean ± standard deviation' of the cells; a dash for fewer than two."""
    values = [cell.value for cell in cells if cell]
    if len(values) < 2:
        return "–"
    deviation = statistics.stdev(values)
    digits = evaluations.decimals([Measure(0.0, -deviation, deviation)]) if deviation else 3
    return f"{evaluation_files.written(statistics.mean(values), digits)} ± {deviation:.{digits}f}"


def _seed(entry: Entry) -> int | None:
    return entry.config.seed if entry.config else None
