"""Answers about generators: a sentence or two for each question, as Markdown.

No answer claims more than the intervals allow.
"""

import math
from collections.abc import Sequence

from dashboard.library import evaluations, seed_means
from dashboard.library.evaluations import (
    COPIES,
    HOW_REAL,
    HOW_USEFUL,
    HOW_VARIED,
    EvaluatedRun,
    MeasureRow,
    MeasureTable,
    RunColumn,
)
from dashboard.library.measure_names import BOTH, HELD_OUT, SYNTHETIC
from dashboard.views.evaluate.verdicts import Answer, of_hundred, times
from dashboard.widgets.text import plain, plain_sentence
from gan_core.evaluation.results import OWN, Measure, Scores

NO_SIGN = "no sign of copying"
ASKED = " asked for a class"  # what is said of ranked runs beside others, whose images a classifier named
VERDICTS = {  # verdict on memorisation -> (icon, colour)
    NO_SIGN: (":material/check_circle:", "green"),
    "suspicious": (":material/warning:", "orange"),
    "copies": (":material/content_copy:", "red"),
    "cannot tell": (":material/help:", "gray"),
}


def of_generators(table: MeasureTable) -> list[Answer]:
    """Return the answers to the four questions, without those that nothing was measured for."""
    real, varied = table.row("frechet"), table.row("coverage") or table.row("recall")
    useful = next((row for row in table.rows if row.key.startswith(f"{SYNTHETIC} {HELD_OUT}")), None)
    near = table.row("nearer features") or table.row("nearer pixels")
    several = len(table.columns) > 1
    found = []
    if real:
        words = _ranked(table, real, "comes closest to real images") if several else _real(table)
        found.append(Answer(HOW_REAL, words + _again(table, real), real, "Fréchet distance: lower is better"))
    if varied:
        words = _ranked(table, varied, "covers most of the real images") if several else _varied(table)
        scale = f"{varied.title}: the share of real images that it covers"
        found.append(Answer(HOW_VARIED, words + _again(table, varied), varied, scale))
    if useful:
        scale = "Classifier trained on synthetic images (TSTR): accuracy on held-out patients"
        found.append(Answer(HOW_USEFUL, _useful(table, useful), useful, scale))
    if any(run.found.memorisation for run in _members(table)):
        found.append(
            Answer(COPIES, _copies(table), near, "Near-duplicates of training images: share of generated images")
        )
    return found


def _members(table: MeasureTable) -> list[EvaluatedRun]:
    return [run for column in table.columns for run in column.members]


def _again(table: MeasureTable, row: MeasureRow) -> str:
    """Return whether a second extractor agrees with a ranking over seeds; empty where there is none."""
    if len(table.columns) < 2 or not row.over_seeds or not row.ahead:
        return ""
    extractor, other = seed_means.second_opinion(_members(table), row)
    if other is None or not other.ahead:
        return ""
    if set(other.ahead) == set(row.ahead):
        return f" The features of {plain(extractor)} give the same ranking."
    by = f" By the features of another classifier ({plain(extractor)}), "
    if not _behind(other):
        return f"{by}no difference to the best is significant."
    if len(other.ahead) > 1:
        return f"{by}{_order(table, other)}"
    return f"{by}**{plain(table.columns[other.ahead[0]].label)}** is ahead."


def verdict_badge(run: EvaluatedRun) -> str:
    """Return the verdict on memorisation as a Markdown badge; empty where there is none."""
    if run.found.memorisation is None:
        return ""
    icon, color = VERDICTS.get(run.found.memorisation.verdict, VERDICTS["cannot tell"])
    return f":{color}-badge[{icon} {plain(run.found.memorisation.verdict)}]"


def _ranked(table: MeasureTable, row: MeasureRow, does: str) -> str:
    """Return a sentence about which column is ahead, as far as intervals or seeds allow one."""
    if unlike := evaluations.differences(_members(table)):
        return f"These runs cannot be ranked: {unlike}. Compare each with its own real images."
    measured = sum(cell is not None for cell in row.cells)
    if measured < 2:
        return "Only one of these runs has this measure." if measured else ""
    if not row.ahead:
        return "Without intervals the runs cannot be ranked."
    if len(row.ahead) == 1:
        if row.over_seeds:
            end = f"the difference to all others{ASKED if row.has_unranked else ''} is significant"
        else:
            end = f"its interval overlaps no other{f' of those{ASKED}' if row.has_unranked else ''}"
        return f"**{plain(table.columns[row.ahead[0]].label)}** {does}: {end}."
    return _order(table, row)


def _order(table: MeasureTable, row: MeasureRow) -> str:
    """Return what is known where several columns may be the best.

    Each was compared with the best alone: of two others, nothing is known.
    """
    names = [f"**{plain(column.label)}**" for column in table.columns]
    best, *level = (names[index] for index in row.ahead)
    if not (behind := _behind(row)):
        reason = "no difference to the best is significant" if row.over_seeds else "their intervals overlap"
        return f"No run{ASKED if row.has_unranked else ''} is ahead: {reason}."
    reason = "the difference is not significant" if row.over_seeds else "their intervals overlap"
    ahead = f"{best} is ahead of {_joined([names[index] for index in behind])}"
    return f"{ahead}. It cannot be told from {_joined(level)}: {reason}."


def _behind(row: MeasureRow) -> list[int]:
    """Return the columns that are surely behind the best one, in their order."""
    return [index for index in row.candidates if index not in row.ahead]


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
        # The floor is a mean of as many pairs, with about the same error: that of the difference is larger by √2.
        reach = math.inf if similar.low is None else math.sqrt(2) * (similar.value - similar.low)
        more = similar.value - similar.floor > reach
        end = ": generated images are more alike." if more else "."
        values = f"{similar.value:.2f} for two generated images, {similar.floor:.2f} for two real ones"
        words.append(f"The MS-SSIM is {values}{end}")
    return " ".join(words)


def _scores(column: RunColumn, trained: str, classifier: str) -> Scores | None:
    """Return the scores of the first training of a column that has them."""
    found = (evaluations.scores(run.found, trained, HELD_OUT, classifier) for run in column.members)
    return next((one for one in found if one), None)


def _useful(table: MeasureTable, row: MeasureRow) -> str:
    """Return a sentence about utility; it ranks only runs that generate by class, if there are any."""
    classifier = row.key.removeprefix(f"{SYNTHETIC} {HELD_OUT} ")
    found = [_scores(column, SYNTHETIC, classifier) for column in table.columns]
    ranked = row.candidates
    words = [_classifier_accuracy(table, row, ranked, classifier)]
    if len(ranked) > 1:
        words.insert(0, _ranked(table, row, "trains the best classifier"))
    elif len(table.columns) > 1:
        words.insert(0, f"**{plain(table.columns[ranked[0]].label)}**:")
    if named := {one.labels for one in found if one} - {OWN}:
        by = plain(" or ".join(sorted(named)))
        others = [
            f"**{plain(column.label)}**"
            for column, one in zip(table.columns, found, strict=True)
            if one and one.labels in named
        ]
        words.append(f"The labels of {_joined(others)} were {by}: the score partly reflects that classifier.")
    return " ".join(word for word in words if word)


def _classifier_accuracy(table: MeasureTable, row: MeasureRow, ranked: Sequence[int], classifier: str) -> str:
    """Return a sentence that compares training on generated images with training on real ones."""
    best = max((cell for index in ranked if (cell := row.cells[index])), key=lambda cell: cell.value)
    if len(ranked) > 1:
        if best.floor is None or best.high is None or best.low is None or row.floor is None:
            return ""
        baseline = f"the accuracy from real images ({of_hundred(best.floor)} of 100 right)"
        if best.high < best.floor:
            return f"None{' of them' if row.has_unranked else ''} reaches {baseline}."
        return f"The best exceeds {baseline}." if best.low > best.floor else f"The best cannot be told from {baseline}."
    real = f"; trained on real images, about {of_hundred(best.floor)}" if best.floor is not None else ""
    right = f"**{of_hundred(best.value)}** of 100 images of held-out patients"
    line = f"A classifier trained on its images alone is right for {right}{real}."
    both = _scores(table.columns[ranked[0]], BOTH, classifier)
    return f"{line} Trained on both, about {of_hundred(both.accuracy.value)}." if both else line


def _copies(table: MeasureTable) -> str:
    """Return what was found about copies, and which runs were not measured."""
    members = _members(table)
    tested = [(run, found) for run in members if (found := run.found.memorisation)]
    if len(members) == 1:
        return f"{verdict_badge(members[0])} {plain_sentence(tested[0][1].reason)}"
    wrong = [f"**{plain(run.label)}**: {plain(found.verdict)}" for run, found in tested if found.verdict != NO_SIGN]
    well = [
        f"**{plain(column.label)}**"
        for column in table.columns
        if (measured := [one for run in column.members if (one := run.found.memorisation)])
        and all(one.verdict == NO_SIGN for one in measured)
    ]
    untested = [
        f"**{plain(column.label)}**"
        for column in table.columns
        if not any(run.found.memorisation for run in column.members)
    ]
    words = [", ".join(wrong)] if wrong else []
    if well and not wrong and not untested:
        words.append("No sign of copying in any of them")
    elif well:
        words.append(f"{_joined(well)} {'shows' if len(well) == 1 else 'show'} no sign of copying")
    if untested:
        words.append(f"{_joined(untested)} {'was' if len(untested) == 1 else 'were'} not measured for copies")
    return " ".join(f"{sentence}." for sentence in words)


def _only(table: MeasureTable, key: str) -> Measure | None:
    row = table.row(key)
    return row.cells[0] if row else None
