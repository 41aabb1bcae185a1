"""Several evaluations side by side: a table, mean and spread over seeds, a ranking where the intervals allow one."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from gan_core.evaluation.results import MEASURES, Evaluation, Measure

ALL = "all"
SHOWN = ("frechet", "kid", "precision", "recall", "density", "coverage", "ms_ssim")


@dataclass(frozen=True)
class Group:
    """The runs of one preset: what differs between them is the seed."""

    name: str  # the run's, or the preset's where there are several
    runs: tuple[Evaluation, ...]

    def measure(self, key: str) -> Measure | None:
        """Of one run with its own interval; of several the mean with the interval of the mean over seeds (Student)."""
        found = [run.fidelity[ALL].measures[key] for run in self.runs if key in _measures(run)]
        if len(found) < 2:
            return found[0] if found else None
        values = np.array([one.value for one in found])
        reach = float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
        mean, floors = float(values.mean()), [one.floor for one in found if one.floor is not None]
        return Measure(mean, mean - reach, mean + reach, float(np.mean(floors)) if floors else None, len(found))


def groups(evaluations: Sequence[Evaluation]) -> list[Group]:
    """By preset, and by what the measures depend on: other data or another extractor is another group."""
    found: dict[tuple[str, str, str], list[Evaluation]] = {}
    for one in evaluations:
        extractor = one.fidelity[ALL].extractor if ALL in one.fidelity else ""
        found.setdefault((one.preset, one.fingerprint, extractor), []).append(one)
    return [
        Group(runs[0].run if len(runs) == 1 else f"{runs[0].preset} x {len(runs)}", tuple(runs))
        for runs in found.values()
    ]


def table(evaluations: Sequence[Evaluation]) -> str:
    """Runs, or presets with several seeds, by measures, as text for a terminal."""
    generators = [group for group in groups(evaluations) if group.measure("kid")]
    lines: list[str] = []
    if generators:
        rows = [("", *(MEASURES[key][0] for key in SHOWN))]
        rows += [(group.name, *(_cell(group.measure(key)) for key in SHOWN)) for group in generators]
        floors = [generators[0].measure(key) for key in SHOWN]
        rows.append(("real images", *(f"{one.floor:.3g}" if one and one.floor is not None else "-" for one in floors)))
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines += [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        ]
    for one in evaluations:
        lines += [f"{one.run}: {line}" for line in _more(one)]
    for line in ranking(generators, "frechet") if len(generators) > 1 else []:
        lines.append(line)
    return "\n".join(lines)


def ranking(found: Sequence[Group], key: str) -> list[str]:
    """Sentences on which of them is better by a measure, each only if the intervals lie apart."""
    known = [(group, measure) for group in found if (measure := group.measure(key))]
    if len({(g.runs[0].fingerprint, g.runs[0].fidelity[ALL].extractor) for g, _ in known}) > 1:
        return ["No ranking: the runs were measured against different images or with different extractors."]
    better = MEASURES[key][1]
    known.sort(key=lambda pair: pair[1].value, reverse=better)
    lines = []
    for (first, ours), (second, theirs) in itertools.pairwise(known):
        apart = _apart(theirs, ours) if better else _apart(ours, theirs)
        verdict = "is better than" if apart else "cannot be told from"
        lines.append(f"{MEASURES[key][0]}: {first.name} {verdict} {second.name}")
    return lines


def _apart(lower: Measure, higher: Measure) -> bool:
    return lower.high is not None and higher.low is not None and lower.high < higher.low


def _measures(run: Evaluation) -> dict[str, Measure]:
    return run.fidelity[ALL].measures if ALL in run.fidelity else {}


def _cell(measure: Measure | None) -> str:
    if measure is None:
        return "-"
    if measure.low is None or measure.high is None:
        return f"{measure.value:.3g}"
    return f"{measure.value:.3g} ({measure.low:.3g} to {measure.high:.3g})"


def _compared(measure: Measure) -> str:
    return "" if measure.floor is None else f", to compare {measure.floor:.3g}"


def _more(one: Evaluation) -> list[str]:
    """What does not fit into a column: use, copies, audit, and what could not be measured."""
    lines = [
        f"{report.classifier} trained on {report.trained} images, tested on {report.tested}: accuracy "
        f"{report.accuracy.value:.1%}, balanced {report.balanced_accuracy:.1%}, F1 {report.f1:.3f}"
        for report in one.utility
    ]
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
