"""One value for each measure: the mean over the seeds of a recipe, where it was trained more than once.

Recipes of several trainings are ranked by Welch's test. Where one of them has a single training, the intervals decide.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace

from dashboard.library import evaluations
from dashboard.library.evaluation_files import written
from dashboard.library.evaluations import EvaluatedRun, MeasureRow, MeasureSection, MeasureTable, RunColumn
from dashboard.library.store import Entry, Library
from gan_core.evaluation import ranking, results
from gan_core.evaluation.results import Evaluation, Measure

CITE = (
    "To cite: the value with its number of seeds. For several seeds it is the mean over trainings with its 95% "
    "interval (Student's t), and recipes differ where Welch's t-test says so (5%). For one seed the 95% interval "
    "covers the choice of images only: another training may differ by more."
)

Conditions = Callable[[Evaluation], tuple[object, ...]]  # what a measure depends on besides the run


def beside(library: Library, readable: Sequence[Entry], runs: Sequence[EvaluatedRun]) -> list[EvaluatedRun]:
    """Return the other seeds of the chosen runs that were measured as these: `together` makes no new group of them."""
    chosen = {run.entry.name for run in runs}
    known = [run for run in runs if run.entry.seed is not None]
    kinds = {_kind(run) for run in known}
    seeds = {(_kind(run), run.entry.seed) for run in known}
    recipes = {run.entry.recipe for run in known}
    found = []
    for entry in readable:
        if entry.name in chosen or entry.recipe not in recipes or entry.seed is None:
            continue
        one = library.evaluation(entry)
        if not isinstance(one, Evaluation):
            continue
        other = EvaluatedRun(entry, one, entry.label)
        kind, seed = _kind(other), entry.seed
        if kind in kinds and (kind, seed) not in seeds:
            seeds.add((kind, seed))
            found.append(other)
    return found


def _kind(run: EvaluatedRun, conditions: Conditions = ranking.conditions) -> tuple[object, ...]:
    """Return what runs have in common that may be seeds of each other: recipe, choice of weights and conditions."""
    return run.entry.recipe, results.of_best(run.found), *conditions(run.found)


def together(runs: Sequence[EvaluatedRun], conditions: Conditions = ranking.conditions) -> list[list[EvaluatedRun]]:
    """Group runs that differ only in their seed and were measured alike, in the order of the first run of each group.

    A run that repeats a seed, or whose seed nobody knows, is a group of its own: it is no further seed.
    """
    groups: dict[object, list[EvaluatedRun]] = {}
    taken = set()
    for run in runs:
        kind, seed = _kind(run, conditions), run.entry.seed
        alone = seed is None or (kind, seed) in taken
        taken.add((kind, seed))
        groups.setdefault((run.entry.name,) if alone else kind, []).append(run)
    return list(groups.values())


def columns(runs: Sequence[EvaluatedRun]) -> list[RunColumn]:
    """Return a column for each recipe. It has the name of its run; of several seeds, that of their preset."""
    groups = together(runs)
    presets = [group[0].found.preset for group in groups]
    found = []
    for group, preset in zip(groups, presets, strict=True):
        several = len(group) > 1 and presets.count(preset) == 1
        found.append(RunColumn(group[0], None, tuple(group[1:]), preset if several else ""))
    return found


def table(runs: Sequence[EvaluatedRun], twins: Sequence[EvaluatedRun], scope: str = evaluations.ALL) -> MeasureTable:
    """Return the table of generators with one column for each recipe; `twins` are other seeds of these runs."""
    made = columns([*runs, *twins])
    members = [run for column in made for run in column.members]
    single = evaluations.generators(members, scope)
    rank = not evaluations.differences(members, scope)
    sections = tuple(
        MeasureSection(section.question, tuple(_folded(row, made, rank, scope) for row in section.rows))
        for section in single.sections
    )
    return MeasureTable(tuple(made), sections)


def _folded(row: MeasureRow, made: Sequence[RunColumn], rank: bool, scope: str) -> MeasureRow:
    """Return a row of single runs with one cell for each column: of its seeds that were measured alike."""
    of_runs = iter(zip(row.cells, row.ranked or (True,) * len(row.cells), strict=True))
    digits = evaluations.decimals(row.cells, row.shows)
    cells, found, may, each = [], [], [], []
    for column in made:
        own = [(run, *next(of_runs)) for run in column.members]
        known = [(run, cell) for run, cell, _ in own if cell]
        # They are seeds by the distances of all images; a second extractor may be another one.
        known = [(run, cell) for run, cell in known if not evaluations.differences((known[0][0], run), scope)]
        found.append([cell for _, cell in known])
        cells.append(_mean(found[-1], row))
        may.append(any(ranked for _, _, ranked in own))
        each.append(", ".join(f"{run.label} {written(c.value, digits, row.shows)}" for run, c in known))
    folded = replace(
        row,
        cells=tuple(cells),
        best=None,
        ahead=(),
        ranked=tuple(may) if row.ranked else (),
        seeds=tuple(map(len, found)),
        each=tuple(each),
    )
    candidates = folded.candidates
    if not rank or row.more is None:
        return folded
    if len(candidates) < 2 or any(len(found[index]) < 2 for index in candidates):
        return evaluations.marked(folded)
    values = {index: [cell.value for cell in found[index]] for index in candidates}
    order = sorted(candidates, key=lambda index: statistics.fmean(values[index]), reverse=row.more)
    ahead = tuple(i for i in order if i == order[0] or not ranking.differ(values[order[0]], values[i]))
    return replace(folded, ahead=ahead, best=ahead[0] if len(ahead) == 1 else None)


def _mean(found: Sequence[Measure], row: MeasureRow) -> Measure | None:
    """Return the mean of the trainings that have a measure, or the one that has it; None without any."""
    if len(found) < 2:
        return next(iter(found), None)
    mean = ranking.mean_of(found, row.key)
    if row.shows == "number" or mean.low is None or mean.high is None:
        return mean
    return replace(mean, low=max(mean.low, 0.0), high=min(mean.high, 1.0))  # of a share


def second_opinion(runs: Sequence[EvaluatedRun], row: MeasureRow) -> tuple[str, MeasureRow | None]:
    """Return the name of a second extractor, and its row for the measure; ("", None) where the runs share none."""
    extractors = {one.extractor if (one := evaluations.fidelity(run.found, evaluations.SECOND)) else "" for run in runs}
    own = {one.extractor for run in runs if (one := evaluations.fidelity(run.found, evaluations.ALL))}
    if len(extractors) != 1 or "" in extractors or extractors & own:
        return "", None
    return extractors.pop(), table(runs, (), evaluations.SECOND).row(row.key)
