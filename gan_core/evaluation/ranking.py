"""Evaluations side by side: a table, means and intervals over seeds, and a ranking if the intervals allow one.

    python -m gan_core rank

The app imports this module too, so it needs neither torch nor scipy.
"""

import itertools
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gan_core import files
from gan_core.errors import UserError
from gan_core.evaluation import results
from gan_core.evaluation.results import MEASURES, Evaluation, Measure, Training
from gan_core.runs import Run

ALL = "all"
_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)  # t at 97.5 % for 1 to 9 degrees of freedom
SHARES = ("precision", "recall", "coverage", "ms_ssim")  # measures between 0 and 1
SHOWN = ("frechet", "kid", "precision", "recall", "density", "coverage", "ms_ssim")


@dataclass(frozen=True)
class Group:
    """The runs of one recipe, which differ only in their seed."""

    name: str  # the run's name; of several runs, the preset's
    runs: tuple[Evaluation, ...]

    def values(self, key: str, second_extractor: bool = False) -> list[float]:
        """Return a measure of each run that has it, by the first or the second extractor."""
        return [measures[key].value for run in self.runs if key in (measures := _measures(run, second_extractor))]

    def measure(self, key: str, second_extractor: bool = False) -> Measure | None:
        """Return a measure: one run with its own interval; several: the mean with its interval over seeds (Student)."""
        found = [measures[key] for run in self.runs if key in (measures := _measures(run, second_extractor))]
        if len(found) < 2:
            return found[0] if found else None
        return mean_of(found, key)

    def second(self) -> str | None:
        """Return the second extractor's name, if it is the same for all runs and differs from the first; else None."""
        names = {run.second_opinion[ALL].extractor if ALL in run.second_opinion else None for run in self.runs}
        own = {run.fidelity[ALL].extractor for run in self.runs if ALL in run.fidelity}
        return names.pop() if len(names) == 1 and not names & own else None


def mean_of(found: Sequence[Measure], key: str = "") -> Measure:
    """Return the mean over two or more trainings with its 95 % interval (Student), clipped to the measure's range.

    `count` of the result is the number of trainings.
    """
    values = [one.value for one in found]
    mean = statistics.mean(values)
    reach = student(len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    floors = [one.floor for one in found if one.floor is not None]
    least, most = (-math.inf, math.inf) if key in ("", "kid") else (0.0, 1.0 if key in SHARES else math.inf)
    low, high = max(mean - reach, least), min(mean + reach, most)
    return Measure(mean, low, high, statistics.mean(floors) if floors else None, len(values))


def differ(first: Sequence[float], second: Sequence[float]) -> bool:
    """Return whether the means of two samples differ: Welch's 95 % interval of the difference (1947) excludes zero."""
    samples = first, second
    parts = [statistics.variance(sample) / len(sample) for sample in samples]
    difference = abs(statistics.mean(first) - statistics.mean(second))
    if not any(parts):
        return difference > 0
    # Degrees of freedom are rounded down, which makes the test slightly conservative.
    freedom = sum(parts) ** 2 / sum(p**2 / (len(s) - 1) for p, s in zip(parts, samples, strict=True))
    return difference > student(max(int(freedom), 1)) * sum(parts) ** 0.5


def student(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's t distribution.

    From ten degrees of freedom on, it uses the first terms of the expansion (Abramowitz and Stegun 1964, 26.7.5), with
    an error below 0.003.
    """
    if freedom <= len(_STUDENT):
        return _STUDENT[freedom - 1]
    z = statistics.NormalDist().inv_cdf(0.975)
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def read(runs: Sequence[Run]) -> tuple[list[Evaluation], list[str]]:
    """Return the evaluations of these runs, named by their folders, and an error line for each that cannot be read.

    Recipes come from the runs' settings, because older evaluations have none or an outdated one.
    """
    found, unreadable = [], []
    folders = [run.folder.name for run in runs]
    for run in runs:
        if files.is_regular(run.evaluation):
            try:
                run_config, one = run.config(), results.read(run.evaluation)
                images = run.status().step * run_config.images_per_step
                training = one.training or Training(run_config.seed, images, math.nan, "")
                name = run.folder.name if folders.count(run.folder.name) == 1 else run.name
                # Trainings elsewhere whose seeds nobody knows are no seeds of one preset.
                recipe = run_config.recipe if run_config.known_seed is not None else f"of {run.name} alone"
                found.append(replace(one, run=name, training=replace(training, recipe=recipe)))
            except UserError as error:
                unreadable.append(str(error))
    return found, unreadable


def groups(evaluations: Sequence[Evaluation]) -> list[Group]:
    """Group evaluations by recipe and by the conditions of measurement, such as data and extractor.

    A run that repeats a seed is a group of its own: it says nothing about the spread over seeds.
    """
    found: dict[tuple[object, ...], list[Evaluation]] = {}
    taken = set()
    for one in evaluations:
        own = kind(one), one.training.seed if one.training else one.run
        key = (*own, len(found)) if own in taken else own[0]
        taken.add(own)
        found.setdefault(key, []).append(one)
    presets = [runs[0].preset for runs in found.values() if len(runs) > 1]
    made = []
    for runs in found.values():
        first = runs[0]
        name = first.preset if presets.count(first.preset) == 1 else first.run
        made.append(Group(f"{name} x {len(runs)}" if len(runs) > 1 else first.run, tuple(runs)))
    return made


def kind(one: Evaluation) -> tuple[object, ...]:
    """Return preset, recipe, choice of weights and conditions: equal if evaluations differ only in the seed."""
    return one.preset, one.training.recipe if one.training else "", results.of_best(one), *conditions(one)


def with_seeds(chosen: Iterable[Evaluation], others: Iterable[Evaluation] = ()) -> list[Evaluation]:
    """Return the chosen evaluations and those of the others that differ from one of them only in their seed.

    Each seed counts once, because a repetition says nothing about the spread over seeds.
    """
    found: dict[object, Evaluation] = {}
    for one in chosen:
        found.setdefault((kind(one), one.training.seed if one.training else one.run), one)
    kinds = {kind(one) for one in found.values()}
    for one in others:
        if one.training and kind(one) in kinds:
            found.setdefault((kind(one), one.training.seed), one)
    return list(found.values())


def budgets(evaluations: Sequence[Evaluation]) -> str:
    """Return a sentence if the runs saw different numbers of images; empty if they saw the same or it is unknown."""
    seen: dict[int, list[str]] = {}
    for one in evaluations:
        if one.training and one.training.images:  # 0: not known, of a training elsewhere
            seen.setdefault(one.training.images, []).append(one.run)
    if len(seen) < 2:
        return ""
    budget_list = "; ".join(f"{', '.join(seen[count])} saw {count:,} images" for count in sorted(seen))
    return f"Unequal budgets: {budget_list}."


def choices(evaluations: Sequence[Evaluation]) -> str:
    """Return a sentence if the weights of some runs were chosen and those of others were not; else empty.

    The best of several previews is nearer to real images than the last one, by the choice alone.
    """
    chosen = [one for one in evaluations if results.of_best(one)]
    last = [one.run for one in evaluations if not results.of_best(one)]
    if not chosen or not last:
        return ""
    named = ", ".join(f"{one.run} (epoch {one.epoch})" for one in chosen)
    verb = "has" if len(chosen) == 1 else "have"
    return f"Unequal choice of weights: {named} {verb} those of the best preview; {', '.join(last)}, the last ones."


def cautions(evaluations: Sequence[Evaluation]) -> list[str]:
    """Return what a comparison of these runs must say: unequal budgets, unequal choice of weights."""
    return [line for line in (budgets(evaluations), choices(evaluations)) if line]


def table(evaluations: Sequence[Evaluation]) -> str:
    """Return a table of runs, or of presets with several seeds, by measures, as text for a terminal."""
    generators = [group for group in groups(evaluations) if group.measure("kid")]
    lines = _columns(_measured_alike(generators)) if generators else []
    for one in evaluations:
        lines += [f"{one.run}: {line}" for line in _details(one)]
    for line in ranking(generators, "frechet") if len(generators) > 1 else []:
        lines.append(line)
    return "\n".join([*lines, *cautions([run for group in generators for run in group.runs])])


def standing(evaluations: Sequence[Evaluation]) -> str:
    """Return a table of the generators, the one nearest to real images first, and their ranking, as text.

    Each set of real images has its own table. The text is empty if there are no generators.
    """
    blocks = []
    for found in _measured_alike([group for group in groups(evaluations) if group.measure("kid")]):
        found.sort(key=lambda group: one.value if (one := group.measure("frechet")) else math.inf)
        first = found[0].runs[0]
        how = first.fidelity[ALL]
        lines = [
            f"{how.generated:,} generated against {results.real_images(how)} of {first.source}, features of "
            f"{how.extractor}:",
            *_columns([found]),
        ]
        if any(len(group.runs) > 1 for group in found):
            lines.append("Several seeds: their mean and its 95 % interval (Student). One run: its own interval.")
        lines += ranking(found, "frechet") if len(found) > 1 else []
        blocks.append("\n".join([*lines, *cautions([run for group in found for run in group.runs])]))
    return "\n\n".join(blocks)


def _measured_alike(found: Sequence[Group]) -> list[list[Group]]:
    """Return the groups by their conditions of measurement, in the order of the first of each."""
    sets: dict[tuple[object, ...], list[Group]] = {}
    for group in found:
        sets.setdefault(conditions(group.runs[0]), []).append(group)
    return list(sets.values())


def _columns(sets: Sequence[Sequence[Group]]) -> list[str]:
    """Return the lines of a table: a row for each group and, below those measured alike, one for their real images."""
    rows = [("", *(MEASURES[key][0] for key in SHOWN))]
    for found in sets:
        rows += [(group.name, *(_cell(group.measure(key)) for key in SHOWN)) for group in found]
        floors = [found[0].measure(key) for key in SHOWN]
        rows.append(("real images", *(f"{one.floor:.3g}" if one and one.floor is not None else "-" for one in floors)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def ranking(found: Sequence[Group], key: str) -> list[str]:
    """Return sentences that say which group is better by a measure.

    Groups of several trainings differ by Welch's test; single trainings differ if their intervals do not overlap.
    """
    known = [(group, measure) for group in found if (measure := group.measure(key))]
    if len({conditions(group.runs[0]) for group, _ in known}) > 1:
        return ["No ranking: the runs were measured with different images, numbers of images or extractors."]
    known.sort(key=lambda pair: pair[1].value, reverse=MEASURES[key][1])
    name = MEASURES[key][0]
    lines = []
    for (first, _), (second, _) in itertools.pairwise(known):
        verdict = "is better than" if better(first, second, key) else "is not clearly better than"
        lines.append(f"{name}: {first.name} {verdict} {second.name}{_second_opinion(first, second, key)}")
    return lines


def better(first: Group, second: Group, key: str, second_extractor: bool = False) -> Group | None:
    """Return the group that is clearly better by a measure, by the first or second extractor; None if neither is."""
    ours, theirs = first.measure(key, second_extractor), second.measure(key, second_extractor)
    if ours is None or theirs is None:
        return None
    if MEASURES[key][1] == (ours.value < theirs.value):
        first, second, ours, theirs = second, first, theirs, ours
    values = first.values(key, second_extractor), second.values(key, second_extractor)
    if min(map(len, values)) > 1:
        return first if differ(*values) else None
    return first if (_disjoint(theirs, ours) if MEASURES[key][1] else _disjoint(ours, theirs)) else None


def _second_opinion(first: Group, second: Group, key: str) -> str:
    """Return what the second extractor adds to a verdict; empty if there is none, or nothing to add."""
    extractor = first.second()
    if extractor is None or extractor != second.second():
        return ""
    ours, theirs = better(first, second, key), better(first, second, key, second_extractor=True)
    if theirs is ours:
        return f", by the features of {extractor} as well" if ours else ""
    if theirs is None:
        return f", but not clearly by the features of {extractor}"
    return f"; by the features of {extractor} {theirs.name} is better"


def _disjoint(lower: Measure, higher: Measure) -> bool:
    return lower.high is not None and higher.low is not None and lower.high < higher.low


def conditions(run: Evaluation) -> tuple[object, ...]:
    """Return the conditions that distances depend on: real images, numbers of images, extractor."""
    how = run.fidelity.get(ALL)
    return run.fingerprint, *((how.extractor, how.features, how.generated, how.real, how.reference) if how else ())


def _measures(run: Evaluation, second_extractor: bool = False) -> dict[str, Measure]:
    scopes = run.second_opinion if second_extractor else run.fidelity
    return scopes[ALL].measures if ALL in scopes else {}


def _cell(measure: Measure | None) -> str:
    if measure is None:
        return "-"
    if measure.low is None or measure.high is None:
        return f"{measure.value:.3g}"
    return f"{measure.value:.3g} ({measure.low:.3g} to {measure.high:.3g})"


def _floor(measure: Measure) -> str:
    return "" if measure.floor is None else f", floor {measure.floor:.3g}"


def _details(one: Evaluation) -> list[str]:
    """Return lines on utility, time to quality, memorisation and audit, and the notes."""
    lines = [
        f"{report.classifier} trained on {report.trained} images, tested on {report.tested}: accuracy "
        f"{report.accuracy.value:.1%}, balanced {report.balanced_accuracy:.1%}, F1 {report.f1:.3f}"
        for report in one.utility
    ]
    if one.progress:
        key = "frechet" if all("frechet" in point.measures for point in one.progress.stands) else "kid"
        steps = (f"{point.measures[key].value:.3g} at {point.images}" for point in one.progress.stands)
        lines.append(f"{MEASURES[key][0]} by images seen: {', '.join(steps)}")
    if one.memorisation:
        lines.append(f"{one.memorisation.verdict}: {one.memorisation.reason}")
    for direction in one.audit:
        route = f"{direction.source} to {direction.target}"
        flips = [f"{flip.classifier} ({flip.sees}) {flip.flipped.value:.0%}" for flip in direction.flips]
        change = ", ".join(f"{name} {measure.value:.2%}" for name, measure in direction.change.items())
        lines.append(f"{route}, {direction.images:,} images: flipped {', '.join(flips) or '-'}; change {change}")
        for name, measure in direction.truth.items():
            lines.append(f"{route}: {name} {_cell(measure)}{_floor(measure)}")
    return [*lines, *one.notes]
