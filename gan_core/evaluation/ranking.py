"""Several evaluations side by side: a table, mean and spread over seeds, a ranking where the intervals allow one.

Read by the app too, so without torch and scipy.
"""

import itertools
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gan_core.errors import UserError
from gan_core.evaluation import results
from gan_core.evaluation.results import MEASURES, Evaluation, Measure, Training
from gan_core.runs import Run

ALL = "all"
_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)  # of 1 to 9 degrees of freedom
SHARES = ("precision", "recall", "coverage", "ms_ssim")  # from 0 to 1
SHOWN = ("frechet", "kid", "precision", "recall", "density", "coverage", "ms_ssim")


@dataclass(frozen=True)
class Group:
    """The runs of one preset: what differs between them is the seed."""

    name: str  # the run's, or the preset's where there are several
    runs: tuple[Evaluation, ...]

    def values(self, key: str, again: bool = False) -> list[float]:
        """Of each run; again: by the second extractor."""
        return [measures[key].value for run in self.runs if key in (measures := _measures(run, again))]

    def measure(self, key: str, again: bool = False) -> Measure | None:
        """Of one run with its own interval; of several the mean with the interval of the mean over seeds (Student)."""
        found = [measures[key] for run in self.runs if key in (measures := _measures(run, again))]
        if len(found) < 2:
            return found[0] if found else None
        return mean_of(found, key)

    def second(self) -> str | None:
        """The second extractor, where all runs were measured by the same, and by another one at first."""
        names = {run.second_opinion[ALL].extractor if ALL in run.second_opinion else None for run in self.runs}
        own = {run.fidelity[ALL].extractor for run in self.runs if ALL in run.fidelity}
        return names.pop() if len(names) == 1 and not names & own else None


def mean_of(found: Sequence[Measure], key: str = "") -> Measure:
    """Of two or more trainings, with the interval of the mean over them (Student), as far as the measure can go;
    `count` is how many they are.
    """
    values = [one.value for one in found]
    mean = statistics.mean(values)
    reach = student(len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    floors = [one.floor for one in found if one.floor is not None]
    least, most = (-math.inf, math.inf) if key in ("", "kid") else (0.0, 1.0 if key in SHARES else math.inf)
    low, high = max(mean - reach, least), min(mean + reach, most)
    return Measure(mean, low, high, statistics.mean(floors) if floors else None, len(values))


def differ(first: Sequence[float], second: Sequence[float]) -> bool:
    """Whether the means of several trainings differ: Welch's 95 % interval of the difference (1947) leaves zero out."""
    samples = first, second
    parts = [statistics.variance(sample) / len(sample) for sample in samples]
    difference = abs(statistics.mean(first) - statistics.mean(second))
    if not any(parts):
        return difference > 0
    # Rounded down, the degrees of freedom make it a little harder to differ.
    freedom = sum(parts) ** 2 / sum(p**2 / (len(s) - 1) for p, s in zip(parts, samples, strict=True))
    return difference > student(max(int(freedom), 1)) * sum(parts) ** 0.5


def student(freedom: int) -> float:
    """The 97.5 % quantile of Student's distribution.

    From ten degrees of freedom on by the first terms of its expansion (Abramowitz and Stegun 1964, 26.7.5), which are
    right to 0.003 there.
    """
    if freedom <= len(_STUDENT):
        return _STUDENT[freedom - 1]
    z = statistics.NormalDist().inv_cdf(0.975)
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def read(runs: Sequence[Run]) -> tuple[list[Evaluation], list[str]]:
    """What there is of these runs, under the names of their folders; and a line for each that cannot be read.

    Their recipes are taken from their settings: older evaluations have none, or one that was told otherwise.
    """
    found, unreadable = [], []
    folders = [run.folder.name for run in runs]
    for run in runs:
        if run.evaluation.is_file():
            try:
                run_config, one = run.config(), results.read(run.evaluation)
                images = run.status().step * run_config.batch_size
                training = one.training or Training(run_config.seed, images, math.nan, "")
                name = run.folder.name if folders.count(run.folder.name) == 1 else run.name
                found.append(replace(one, run=name, training=replace(training, recipe=run_config.recipe)))
            except UserError as error:
                unreadable.append(str(error))
    return found, unreadable


def groups(evaluations: Sequence[Evaluation]) -> list[Group]:
    """By recipe, and by what the measures depend on: other data or another extractor is another group."""
    found: dict[tuple[object, ...], list[Evaluation]] = {}
    for one in evaluations:
        found.setdefault(kind(one), []).append(one)
    presets = [runs[0].preset for runs in found.values() if len(runs) > 1]
    made = []
    for runs in found.values():
        first = runs[0]
        name = first.preset if presets.count(first.preset) == 1 else first.run
        made.append(Group(f"{name} x {len(runs)}" if len(runs) > 1 else first.run, tuple(runs)))
    return made


def kind(one: Evaluation) -> tuple[object, ...]:
    """What evaluations share that differ in the seed of the training alone: preset and recipe, images and extractor."""
    return one.preset, one.training.recipe if one.training else "", *_means(one)


def with_seeds(chosen: Iterable[Evaluation], others: Iterable[Evaluation] = ()) -> list[Evaluation]:
    """The chosen ones and, of the others, those that differ from one of them in their seed alone; no seed twice, as a
    repetition says nothing of how far chance goes.
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
    """A sentence where the runs did not see the same number of images; empty where they did, or it is not known."""
    seen: dict[int, list[str]] = {}
    for one in evaluations:
        if one.training:
            seen.setdefault(one.training.images, []).append(one.run)
    if len(seen) < 2:
        return ""
    said = "; ".join(f"{count} images were seen by {', '.join(seen[count])}" for count in sorted(seen))
    return f"Not one budget: {said}."


def table(evaluations: Sequence[Evaluation]) -> str:
    """Runs, or presets with several seeds, by measures, as text for a terminal."""
    generators = [group for group in groups(evaluations) if group.measure("kid")]
    lines = _columns(generators) if generators else []
    for one in evaluations:
        lines += [f"{one.run}: {line}" for line in _more(one)]
    for line in ranking(generators, "frechet") if len(generators) > 1 else []:
        lines.append(line)
    budget = budgets([run for group in generators for run in group.runs])
    return "\n".join([*lines, *([budget] if budget else [])])


def standing(evaluations: Sequence[Evaluation]) -> str:
    """Generators held side by side, the nearest to real images first: a table, and who is better than whom, for each
    set of real images that some of them were measured against; empty where there are no generators.
    """
    sets: dict[tuple[object, ...], list[Group]] = {}
    for group in groups(evaluations):
        if group.measure("kid"):
            sets.setdefault(_means(group.runs[0]), []).append(group)
    blocks = []
    for found in sets.values():
        found.sort(key=lambda group: one.value if (one := group.measure("frechet")) else math.inf)
        first = found[0].runs[0]
        how = first.fidelity[ALL]
        lines = [
            f"{how.generated} generated against {how.real} real images of {first.source}, features of {how.extractor}:",
            *_columns(found),
        ]
        if any(len(group.runs) > 1 for group in found):
            lines.append("Of several seeds: their mean and its 95 % interval (Student); of one run: its own interval.")
        lines += ranking(found, "frechet") if len(found) > 1 else []
        budget = budgets([run for group in found for run in group.runs])
        blocks.append("\n".join([*lines, *([budget] if budget else [])]))
    return "\n\n".join(blocks)


def _columns(found: Sequence[Group]) -> list[str]:
    """A row for each, and one for real images."""
    rows = [("", *(MEASURES[key][0] for key in SHOWN))]
    rows += [(group.name, *(_cell(group.measure(key)) for key in SHOWN)) for group in found]
    floors = [found[0].measure(key) for key in SHOWN]
    rows.append(("real images", *(f"{one.floor:.3g}" if one and one.floor is not None else "-" for one in floors)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def ranking(found: Sequence[Group], key: str) -> list[str]:
    """Sentences on which of them is better by a measure: of several trainings only if they differ by more than their
    spread allows, of single ones only if the intervals lie apart.
    """
    known = [(group, measure) for group in found if (measure := group.measure(key))]
    if len({_means(group.runs[0]) for group, _ in known}) > 1:
        return ["No ranking: the runs were measured against different images, or with other numbers or extractors."]
    known.sort(key=lambda pair: pair[1].value, reverse=MEASURES[key][1])
    name = MEASURES[key][0]
    lines = []
    for (first, _), (second, _) in itertools.pairwise(known):
        verdict = "is better than" if better(first, second, key) else "cannot be told from"
        lines.append(f"{name}: {first.name} {verdict} {second.name}{_second_opinion(first, second, key)}")
    return lines


def better(first: Group, second: Group, key: str, again: bool = False) -> Group | None:
    """The one that is surely better by a measure, if either is; again: by the second extractor."""
    ours, theirs = first.measure(key, again), second.measure(key, again)
    if ours is None or theirs is None:
        return None
    if MEASURES[key][1] == (ours.value < theirs.value):
        first, second, ours, theirs = second, first, theirs, ours
    values = first.values(key, again), second.values(key, again)
    if min(map(len, values)) > 1:
        return first if differ(*values) else None
    return first if (_apart(theirs, ours) if MEASURES[key][1] else _apart(ours, theirs)) else None


def _second_opinion(first: Group, second: Group, key: str) -> str:
    """What the other extractor's features say of a verdict; empty where there are none, or nothing to add."""
    eyes = first.second()
    if eyes is None or eyes != second.second():
        return ""
    ours, theirs = better(first, second, key), better(first, second, key, again=True)
    if theirs is ours:
        return f", by the features of {eyes} as well" if ours else ""
    if theirs is None:
        return f", but not surely so by the features of {eyes}"
    return f"; by the features of {eyes} {theirs.name} is better"


def _apart(lower: Measure, higher: Measure) -> bool:
    return lower.high is not None and higher.low is not None and lower.high < higher.low


def _means(run: Evaluation) -> tuple[object, ...]:
    """Against which images, how many, and by whose features: what distances depend on."""
    how = run.fidelity.get(ALL)
    return run.fingerprint, *((how.extractor, how.features, how.generated, how.real) if how else ())


def _measures(run: Evaluation, again: bool = False) -> dict[str, Measure]:
    scopes = run.second_opinion if again else run.fidelity
    return scopes[ALL].measures if ALL in scopes else {}


def _cell(measure: Measure | None) -> str:
    if measure is None:
        return "-"
    if measure.low is None or measure.high is None:
        return f"{measure.value:.3g}"
    return f"{measure.value:.3g} ({measure.low:.3g} to {measure.high:.3g})"


def _compared(measure: Measure) -> str:
    return "" if measure.floor is None else f", to compare {measure.floor:.3g}"


def _more(one: Evaluation) -> list[str]:
    """What does not fit into a column: way to quality, use, copies, audit, and what could not be measured."""
    lines = [
        f"{report.classifier} trained on {report.trained} images, tested on {report.tested}: accuracy "
        f"{report.accuracy.value:.1%}, balanced {report.balanced_accuracy:.1%}, F1 {report.f1:.3f}"
        for report in one.utility
    ]
    if one.progress:
        key = "frechet" if all("frechet" in stand.measures for stand in one.progress.stands) else "kid"
        steps = (f"{stand.measures[key].value:.3g} at {stand.images}" for stand in one.progress.stands)
        lines.append(f"{MEASURES[key][0]} by images seen: {', '.join(steps)}")
    if one.memorisation:
        lines.append(f"{one.memorisation.verdict}: {one.memorisation.reason}")
    for way in one.audit:
        flips = [f"{flip.classifier} ({flip.sees}) {flip.flipped.value:.0%}" for flip in way.flips]
        change = ", ".join(f"{name} {measure.value:.2%}" for name, measure in way.change.items())
        lines.append(
            f"{way.source} to {way.target}, {way.images} images: turned {', '.join(flips) or '-'}; change {change}"
        )
        for name, measure in way.truth.items():
            lines.append(f"{way.source} to {way.target}: {name} {_cell(measure)}{_compared(measure)}")
    return [*lines, *one.notes]
