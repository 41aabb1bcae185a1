"""Answers about generators: a sentence or two for each question, as Markdown.

No answer claims more than the intervals allow.
"""

from collections.abc import Sequence

from dashboard.library import evaluations
from dashboard.library.evaluations import (
    COPIES,
    HOW_REAL,
    HOW_USEFUL,
    HOW_VARIED,
    EvaluatedRun,
    MeasureRow,
    MeasureTable,
)
from dashboard.library.leaders import leaders
from dashboard.library.measure_names import BOTH, HELD_OUT, SYNTHETIC
from dashboard.views.evaluate.verdicts import Answer, of_hundred, times
from dashboard.widgets.text import plain, plain_sentence
from gan_core.evaluation.results import OWN, Measure

NO_SIGN = "no sign of copying"
VERDICTS = {  # verdict on memorisation -> (icon, colour)
    NO_SIGN: (":material/check_circle:", "green"),
    "suspicious": (":material/warning:", "orange"),
    "copies": (":material/content_copy:", "red"),
    "cannot tell": (":material/help:", "gray"),
}


def of_generators(runs: Sequence[EvaluatedRun], table: MeasureTable) -> list[Answer]:
    """Return the answers to the four questions, without those that nothing was measured for."""
    real, varied = table.row("frechet"), table.row("coverage") or table.row("recall")
    useful = next((row for row in table.rows if row.key.startswith(f"{SYNTHETIC} {HELD_OUT}")), None)
    near = table.row("nearer features") or table.row("nearer pixels")
    found = []
    if real:
        words = _ranked(runs, table, real, "comes closest to real images") if len(runs) > 1 else _real(table)
        found.append(Answer(HOW_REAL, words, real, "Fréchet distance: lower is better"))
    if varied:
        words = _ranked(runs, table, varied, "covers most of the real images") if len(runs) > 1 else _varied(table)
        found.append(Answer(HOW_VARIED, words, varied, f"{varied.title}: the share of real images that it covers"))
    if useful:
        found.append(Answer(HOW_USEFUL, _useful(runs, table, useful), useful, "Accuracy on held-out patients"))
    if any(run.found.memorisation for run in runs):
        found.append(Answer(COPIES, _copies(runs), near, "Share of images suspiciously close to a training image"))
    return found


def verdict_badge(run: EvaluatedRun) -> str:
    """Return the verdict on memorisation as a Markdown badge; empty where there is none."""
    if run.found.memorisation is None:
        return ""
    icon, color = VERDICTS.get(run.found.memorisation.verdict, VERDICTS["cannot tell"])
    return f":{color}-badge[{icon} {plain(run.found.memorisation.verdict)}]"


def _ranked(runs: Sequence[EvaluatedRun], table: MeasureTable, row: MeasureRow, does: str) -> str:
    """Return a sentence about which run is ahead, as far as the intervals allow one."""
    if unlike := evaluations.differences(runs):
        return f"These runs cannot be ranked: {unlike}. Compare each with its own real images."
    names = [f"**{plain(column.run.label)}**" for column in table.columns]
    first = leaders(row.cells, row.more)
    measured = sum(cell is not None for cell in row.cells)
    if measured < 2:
        return "Only one of these runs has this measure." if measured else ""
    if not first:
        return "Without intervals the runs cannot be ranked."
    if len(first) == 1:
        return f"{names[first[0]]} {does}: its interval overlaps no other."
    together = _joined([names[index] for index in first])
    if len(first) == measured:
        return f"No run is ahead: the intervals of {together} overlap with the best one's."
    behind = [names[index] for index, cell in enumerate(row.cells) if cell and index not in first]
    others = behind[0] if len(behind) == 1 else "the others"
    return f"{together} are ahead of {others}. Their intervals overlap, so the best of them is unknown."


def _joined(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _real(table: MeasureTable) -> str:
    words = []
    frechet, precision = _only(table, "frechet"), _only(table, "precision")
    if precision:
        beside = f"; of 100 real images {of_hundred(precision.floor)} do" if precision.floor is not None else ""
        words.append(f"Of 100 generated images, **{of_hundred(precision.value)}** lie close to real ones{beside}.")
    if frechet and frechet.floor and frechet.floor > 0:
        ratio = times(frechet.value / frechet.floor)
        words.append(f"Their distance to real images is **{ratio} times** that between two sets of real images.")
    return " ".join(words)


def _varied(table: MeasureTable) -> str:
    words = []
    covered, similar = _only(table, "coverage") or _only(table, "recall"), _only(table, "ms_ssim")
    if covered:
        beside = f"; another set of real images covers {of_hundred(covered.floor)}" if covered.floor is not None else ""
        words.append(f"Of 100 real images, **{of_hundred(covered.value)}** are covered by generated ones{beside}.")
    if similar and similar.floor is not None:
        more = similar.low is not None and similar.low > similar.floor
        end = ": generated images are more alike." if more else "."
        values = f"{similar.value:.2f} for two generated images, {similar.floor:.2f} for two real ones"
        words.append(f"The MS-SSIM is {values}{end}")
    return " ".join(words)


def _useful(runs: Sequence[EvaluatedRun], table: MeasureTable, row: MeasureRow) -> str:
    """Return a sentence about utility; it ranks only runs that generate by class, if there are any."""
    classifier = row.key.removeprefix(f"{SYNTHETIC} {HELD_OUT} ")
    found = [evaluations.scores(run.found, SYNTHETIC, HELD_OUT, classifier) for run in runs]
    row = evaluations.comparable(row, found)
    comparable_runs = [run for run, cell in zip(runs, row.cells, strict=True) if cell]
    words = [_classifier_accuracy(comparable_runs, row)]
    if len(comparable_runs) > 1:
        words.insert(0, _ranked(runs, table, row, "trains the best classifier"))
    elif len(runs) > 1:
        words.insert(0, f"**{plain(comparable_runs[0].label)}**:")
    if named := {one.labels for one in found if one} - {OWN}:
        by = plain(" or ".join(sorted(named)))
        others = [
            f"**{plain(run.label)}**" for run, one in zip(runs, found, strict=True) if one and one.labels in named
        ]
        words.append(f"The labels of {_joined(others)} were {by}: the score partly reflects that classifier.")
    return " ".join(word for word in words if word)


def _classifier_accuracy(runs: Sequence[EvaluatedRun], row: MeasureRow) -> str:
    """Return a sentence that compares training on generated images with training on real ones."""
    known = [cell for cell in row.cells if cell]
    best = max(known, key=lambda cell: cell.value)
    if len(runs) > 1:
        if best.floor is None or best.high is None or best.low is None or row.floor is None:
            return ""
        baseline = f"the accuracy from real images ({of_hundred(best.floor)} of 100 right)"
        if best.high < best.floor:
            return f"None reaches {baseline}."
        return f"The best exceeds {baseline}." if best.low > best.floor else f"The best matches {baseline}."
    real = f"; trained on real images, about {of_hundred(best.floor)}" if best.floor is not None else ""
    right = f"**{of_hundred(best.value)}** of 100 images of held-out patients"
    line = f"A classifier trained on its images alone is right for {right}{real}."
    both = evaluations.scores(runs[0].found, BOTH, HELD_OUT, row.key.removeprefix(f"{SYNTHETIC} {HELD_OUT} "))
    return f"{line} Trained on both, about {of_hundred(both.accuracy.value)}." if both else line


def _copies(runs: Sequence[EvaluatedRun]) -> str:
    tested = [(run, run.found.memorisation) for run in runs if run.found.memorisation]
    if len(runs) == 1:
        return f"{verdict_badge(tested[0][0])} {plain_sentence(tested[0][1].reason)}"
    wrong = [(run, found) for run, found in tested if found.verdict != NO_SIGN]
    if not wrong:
        return f"No sign of copying in {'any of them' if len(tested) == len(runs) else 'those that were tested'}."
    words = [", ".join(f"**{plain(run.label)}**: {plain(found.verdict)}" for run, found in wrong)]
    well = [f"**{plain(run.label)}**" for run, found in tested if found.verdict == NO_SIGN]
    untested = [f"**{plain(run.label)}**" for run in runs if not run.found.memorisation]
    if well:
        others = "The others show" if not untested else f"{_joined(well)} {'shows' if len(well) == 1 else 'show'}"
        words.append(f"{others} no sign of copying")
    if untested:
        words.append(f"{_joined(untested)} {'was' if len(untested) == 1 else 'were'} not measured for copies")
    return " ".join(f"{sentence}." for sentence in words)


def _only(table: MeasureTable, key: str) -> Measure | None:
    row = table.row(key)
    return row.cells[0] if row else None
