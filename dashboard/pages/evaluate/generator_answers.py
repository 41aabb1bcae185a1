"""What evaluations of generators mean, in a sentence or two for each question.

Sentences are Markdown. None says more than the intervals allow.
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
from dashboard.library.measure_names import BOTH, HELD_OUT, SYNTHETIC
from dashboard.pages.evaluate.answers import Answer, of_hundred, times
from dashboard.widgets.text import plain, plain_sentence
from gan_core.evaluation.results import OWN, Measure

NO_SIGN = "no sign of copying"
VERDICTS = {  # of memorisation -> icon and colour
    NO_SIGN: (":material/check_circle:", "green"),
    "suspicious": (":material/warning:", "orange"),
    "copies": (":material/content_copy:", "red"),
    "cannot tell": (":material/help:", "gray"),
}


def of_generators(runs: Sequence[EvaluatedRun], table: MeasureTable) -> list[Answer]:
    """The four questions; those that nothing was measured for are missing."""
    real, varied = table.row("frechet"), table.row("coverage") or table.row("recall")
    useful = next((row for row in table.rows if row.key.startswith(f"{SYNTHETIC} {HELD_OUT}")), None)
    near = table.row("nearer features") or table.row("nearer pixels")
    found = []
    if real:
        words = _ranked(runs, table, real, "comes closest to real images") if len(runs) > 1 else _real(table)
        found.append(Answer(HOW_REAL, words, real, "Frechet distance: the less, the closer"))
    if varied:
        words = (
            _ranked(runs, table, varied, "covers most of what real images show") if len(runs) > 1 else _varied(table)
        )
        found.append(Answer(HOW_VARIED, words, varied, f"{varied.title}: the share of real images that it reaches"))
    if useful:
        found.append(Answer(HOW_USEFUL, _useful(runs, table, useful), useful, "Accuracy on patients never seen"))
    if any(run.found.memorisation for run in runs):
        found.append(Answer(COPIES, _copies(runs), near, "Share of images suspiciously near to a training image"))
    return found


def verdict_badge(run: EvaluatedRun) -> str:
    """The verdict on memorisation as Markdown; empty where there is none."""
    if run.found.memorisation is None:
        return ""
    icon, color = VERDICTS.get(run.found.memorisation.verdict, VERDICTS["cannot tell"])
    return f":{color}-badge[{icon} {plain(run.found.memorisation.verdict)}]"


def _ranked(runs: Sequence[EvaluatedRun], table: MeasureTable, row: MeasureRow, does: str) -> str:
    """Who is ahead, as far as the intervals say so."""
    if unlike := evaluations.differences(runs):
        return f"These runs cannot be ranked: {unlike}. Read each beside its own floor."
    names = [f"**{plain(column.run.label)}**" for column in table.columns]
    first = evaluations.leaders(row)
    measured = sum(cell is not None for cell in row.cells)
    if measured < 2:
        return "Only one of these runs was measured so." if measured else ""
    if not first:
        return "Without intervals nobody is ahead."
    if len(first) == 1:
        return f"{names[first[0]]} {does}: its interval lies apart from all others."
    together = _joined([names[index] for index in first])
    if len(first) == measured:
        return f"No run is ahead: the intervals of {together} overlap with the best one's."
    behind = [names[index] for index, cell in enumerate(row.cells) if cell and index not in first]
    others = behind[0] if len(behind) == 1 else "the others"
    return f"{together} are ahead of {others}. Which of them is best cannot be said: their intervals overlap."


def _joined(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _real(table: MeasureTable) -> str:
    words = []
    frechet, precision = _only(table, "frechet"), _only(table, "precision")
    if precision:
        beside = f"; of real images {of_hundred(precision.floor)} do" if precision.floor is not None else ""
        words.append(f"Of 100 generated images, **{of_hundred(precision.value)}** lie where real ones lie{beside}.")
    if frechet and frechet.floor and frechet.floor > 0:
        ratio = times(frechet.value / frechet.floor)
        words.append(f"Their distance to real images is **{ratio} times** that between two sets of real images.")
    return " ".join(words)


def _varied(table: MeasureTable) -> str:
    words = []
    reached, alike = _only(table, "coverage") or _only(table, "recall"), _only(table, "ms_ssim")
    if reached:
        beside = f"; by real images {of_hundred(reached.floor)} are" if reached.floor is not None else ""
        words.append(f"Of 100 real images, **{of_hundred(reached.value)}** are reached by generated ones{beside}.")
    if alike and alike.floor is not None:
        more = alike.low is not None and alike.low > alike.floor
        end = ": they are more alike than real ones." if more else "."
        words.append(f"Two generated images are alike to {alike.value:.2f}, two real ones to {alike.floor:.2f}{end}")
    return " ".join(words)


def _useful(runs: Sequence[EvaluatedRun], table: MeasureTable, row: MeasureRow) -> str:
    """Only runs that were asked for their classes are held against each other, as long as there are any."""
    classifier = row.key.removeprefix(f"{SYNTHETIC} {HELD_OUT} ")
    found = [evaluations.scores(run.found, SYNTHETIC, HELD_OUT, classifier) for run in runs]
    row = evaluations.comparable(row, found)
    those = [run for run, cell in zip(runs, row.cells, strict=True) if cell]
    words = [_taught(those, row)]
    if len(those) > 1:
        words.insert(0, _ranked(runs, table, row, "teaches a classifier best"))
    elif len(runs) > 1:
        words.insert(0, f"**{plain(those[0].label)}**:")
    if named := {one.labels for one in found if one} - {OWN}:
        by = plain(" or ".join(sorted(named)))
        others = [
            f"**{plain(run.label)}**" for run, one in zip(runs, found, strict=True) if one and one.labels in named
        ]
        words.append(f"The labels of {_joined(others)} were {by}: such a lesson is partly the classifier's own.")
    return " ".join(word for word in words if word)


def _taught(runs: Sequence[EvaluatedRun], row: MeasureRow) -> str:
    """Beside what real images teach."""
    known = [cell for cell in row.cells if cell]
    best = max(known, key=lambda cell: cell.value)
    if len(runs) > 1:
        if best.floor is None or best.high is None or best.low is None or row.floor is None:
            return ""
        taught = f"what real images teach ({of_hundred(best.floor)} of 100 right)"
        if best.high < best.floor:
            return f"None reaches {taught}."
        return f"The best is above {taught}." if best.low > best.floor else f"The best comes up to {taught}."
    real = f"; taught by real images, about {of_hundred(best.floor)}" if best.floor is not None else ""
    right = f"**{of_hundred(best.value)}** of 100 images of patients it never met"
    line = f"A classifier taught by its images alone is right about {right}{real}."
    both = evaluations.scores(runs[0].found, BOTH, HELD_OUT, row.key.removeprefix(f"{SYNTHETIC} {HELD_OUT} "))
    return f"{line} Taught by both, about {of_hundred(both.accuracy.value)}." if both else line


def _copies(runs: Sequence[EvaluatedRun]) -> str:
    judged = [(run, run.found.memorisation) for run in runs if run.found.memorisation]
    if len(runs) == 1:
        return f"{verdict_badge(judged[0][0])} {plain_sentence(judged[0][1].reason)}"
    wrong = [(run, found) for run, found in judged if found.verdict != NO_SIGN]
    if not wrong:
        return f"No sign of copying in {'any of them' if len(judged) == len(runs) else 'those that were looked at'}."
    named = ", ".join(f"**{plain(run.label)}**: {plain(found.verdict)}" for run, found in wrong)
    return f"{named}. {'The others show no sign of it.' if len(wrong) < len(judged) else ''}".strip()


def _only(table: MeasureTable, key: str) -> Measure | None:
    row = table.row(key)
    return row.cells[0] if row else None
