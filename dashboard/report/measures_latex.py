"""The table of measures for a paper: LaTeX with booktabs, and below it how the numbers were measured."""

from collections.abc import Callable, Sequence

from dashboard.library import evaluation_files, evaluations
from dashboard.library.evaluations import EvaluatedRun, MeasureTable
from dashboard.library.latex import escaped
from dashboard.library.measure_names import HELD_OUT, REAL
from gan_core.evaluation import ranking
from gan_core.evaluation.results import Scores, real_images


def table(found: MeasureTable, runs: Sequence[EvaluatedRun], number: int) -> str:
    """Return a floating table with its caption, label and footnote; it needs the package booktabs."""
    names = evaluation_files.listed([run.label for run in runs])
    caption = f"Measures of {names} on generated images."
    if any(run.found.audit for run in runs):
        caption = f"Measures of {names} on translated images."
    notes = "\n".join(escaped(note) for note in footnote(found, runs))
    return (
        "% \\usepackage{booktabs}\n"
        "\\begin{table}\n\\centering\n"
        f"\\caption{{{escaped(caption)}}}\n\\label{{tab:measures-{number}}}\n"
        f"{evaluation_files.to_latex(found)}"
        f"\\par\\smallskip\n\\begin{{minipage}}{{\\linewidth}}\\footnotesize\n{notes}\n\\end{{minipage}}\n\\end{{table}}\n"
    )


def footnote(found: MeasureTable, runs: Sequence[EvaluatedRun]) -> list[str]:
    """Return what a reader must know of the numbers: extractor, counts, intervals and seeds, a sentence each."""
    notes = ["In brackets: 95 % intervals"]
    if found.one_floor:
        notes[0] += "; real images: the same measure of real images of other patients."
    else:
        notes[0] += "; behind the semicolon: the reference value."
    notes += _told(runs, "Distances and shares: {}.", _extractors)
    notes += _told(runs, "Classifiers, tested: {}.", _classifiers)
    notes += _told(runs, "Labels of the generated images: {}.", _labels)
    notes += _told(runs, "Copies: {}.", _copies)
    notes += _told(runs, "Weights of epoch {}.", lambda run: str(run.found.epoch))
    notes += ranking.cautions([run.labelled for run in runs])
    notes += _told(runs, "Seed of the training: {}.", _seed)
    notes += _told(runs, "Seed of the measurement: {}.", lambda run: str(run.found.seed))
    notes += _told(runs, "Images by split: {}.", _counts)
    if any(row.best is not None for row in found.rows):
        notes.append("Bold: better than every other run of this table.")
    if reason := evaluations.differences(runs):
        notes.append(f"These runs cannot be ranked: {reason}.")
    return notes


def _told(runs: Sequence[EvaluatedRun], sentence: str, words: Callable[[EvaluatedRun], str]) -> list[str]:
    """Return a sentence with what is told of every run, once if all are alike; [] where there is nothing to tell."""
    found: dict[str, list[str]] = {}
    for run in runs:
        if told := words(run):
            found.setdefault(told, []).append(run.label)
    if not found:
        return []
    alike = len(found) == 1 and len(next(iter(found.values()))) == len(runs)
    each = [told if alike else f"{told} ({evaluation_files.listed(names)})" for told, names in found.items()]
    return [sentence.format("; ".join(each))]


def _extractors(run: EvaluatedRun) -> str:
    fidelity = evaluations.fidelity(run.found, evaluations.ALL)
    if fidelity:
        counts = f"{fidelity.generated:,} generated and {real_images(fidelity)}"
        return f"{fidelity.features} features of {fidelity.extractor}, {counts}"
    ways = [
        f"{way.features} features of {way.extractor}, {way.images:,} images from {way.source} to {way.target}"
        for way in run.found.audit
        if way.extractor
    ]
    return evaluation_files.listed(ways)


def _classifiers(run: EvaluatedRun) -> str:
    of = {HELD_OUT: "images of held-out patients"}
    tested = (f"{one.classifier} on {one.images} {of.get(one.tested, one.tested)}" for one in _taught(run))
    found = dict.fromkeys(tested)
    return evaluation_files.listed(list(found))


def _labels(run: EvaluatedRun) -> str:
    return evaluation_files.listed(list(dict.fromkeys(one.labels for one in _taught(run))))


def _taught(run: EvaluatedRun) -> list[Scores]:
    """Return the scores of classifiers that learned from generated images."""
    return [one for one in run.found.utility if one.trained != REAL]


def _copies(run: EvaluatedRun) -> str:
    near = run.found.memorisation
    if near is None:
        return ""
    beside = f"{near.generated:,} generated beside {near.held_out:,} held-out images"
    return f"{beside}, against {near.training:,} training images"


def _seed(run: EvaluatedRun) -> str:
    return "" if run.entry.seed is None else str(run.entry.seed)


def _counts(run: EvaluatedRun) -> str:
    counts = {split: sum(of.values()) for split, of in run.found.counts.items()}
    return ", ".join(f"{count} {split}" for split, count in counts.items() if count)
