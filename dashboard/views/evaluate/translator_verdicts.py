"""Answers about translators: a sentence for each question and direction, as Markdown."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dashboard.library import evaluation_files
from dashboard.library.evaluations import (
    CONTROLS,
    EVERYTHING,
    HONEST,
    NEAR,
    TRUE,
    TURNS,
    WHERE,
    MeasureRow,
    MeasureTable,
    RunColumn,
)
from dashboard.library.measure_names import TRUTH
from dashboard.views.evaluate.verdicts import Answer, of_hundred, times
from dashboard.widgets.text import plain
from gan_core.evaluation.results import Direction, Flip, Measure

TRUTHS = ("error", "change in lungs")  # the first one that was measured gives the answer

LITTLE, MUCH = 1.1, 2  # growth factors of the noise from which on the answer names hidden information


@dataclass(frozen=True)
class _Question:
    """The rules that answer one question, for one direction and for many."""

    name: str
    scale: str  # caption of its strips
    say: Callable[[Direction], str]
    number: Callable[[Direction], float | None]
    text: Callable[[float], str]
    summary: str  # for many directions: {} is the range of their numbers
    measure: Callable[[Direction], Measure | None]  # shown by its strips
    shows: str = "percent"
    whole: bool = False  # whether its strips span 0 to 1
    beside: Callable[[Direction], Measure | None] = lambda direction: None
    kind: Callable[[Direction], str] = lambda direction: ""  # numbers of different kinds share no scale


def of_translators(table: MeasureTable) -> list[Answer]:
    """Return the answers of audits, without questions that nothing was measured for."""
    columns = [column for column in table.columns if column.way]
    directions = [column.way for column in columns if column.way]
    found = []
    for question in QUESTIONS:
        cells = tuple(question.measure(direction) for direction in directions)
        one_kind = (
            len({question.kind(direction) for direction, cell in zip(directions, cells, strict=True) if cell}) == 1
        )
        row = MeasureRow(question.name, "", "", cells, None, question.shows, question.whole) if one_kind else None
        if words := _words(question, columns):
            found.append(Answer(question.name, words, row, question.scale, tuple(map(question.beside, directions))))
    return found


def _words(question: _Question, columns: Sequence[RunColumn]) -> str:
    """Return a sentence for each direction of a single run, or one summary of several runs."""
    directions = [column.way for column in columns if column.way]
    if len({column.run.entry.name for column in columns}) == 1:
        sentences = [
            (column.direction, question.say(direction)) for column, direction in zip(columns, directions, strict=True)
        ]
        return "\n\n".join(f"{plain(name)}: {words}" for name, words in sentences if words)
    numbers = [
        number
        for direction in directions
        if (number := question.number(direction)) is not None and math.isfinite(number)
    ]
    if not numbers:
        return ""
    if len({question.kind(direction) for direction in directions if question.number(direction) is not None}) > 1:
        return "These runs have different measures: see the table."
    ends = list(dict.fromkeys(question.text(end) for end in (min(numbers), max(numbers))))
    return question.summary.format(f"**{' to '.join(ends)}**")


def _flips_answer(direction: Direction) -> str:
    classifier = _best_classifier(direction)
    if classifier is None:
        return ""
    right = of_hundred(classifier.held_out_accuracy)
    return (
        f"**{of_hundred(classifier.flipped.value)}** of 100 translated images are assigned to {_other(direction)} "
        f"by a classifier that is right for {right} of 100 real images."
    )


def _other(direction: Direction) -> str:
    """Return the class that a flipped classifier names; a classifier does not know the halves of a split domain."""
    whole = direction.source.removesuffix(" half 1").removesuffix(" half 2")
    halves = whole != direction.source and direction.target.startswith(whole)
    return f"a class other than {plain(whole)}" if halves else plain(direction.target)


def _where_answer(direction: Direction) -> str:
    words = []
    classifier, controls = _best_classifier(direction), [flip for flip in direction.flips if flip.sees in CONTROLS]
    if classifier and controls:
        words.append(_controlled(classifier, controls))
    inside, outside = direction.change.get("inside lungs"), direction.change.get("outside lungs")
    if inside and outside and outside.value > 0:
        if _below(outside, inside):
            words.append(f"The lungs change **{times(inside.value / outside.value)} times** as much as the rest.")
        else:
            how = "change less" if _below(inside, outside) else "do not clearly change more"
            words.append(f"The lungs {how} than the rest.")
    return " ".join(words)


def _controlled(classifier: Flip, controls: Sequence[Flip]) -> str:
    flipped = [control for control in controls if control.flipped.value > 0]
    if not flipped:
        return "No control that cannot see the disease is flipped."
    shares = [(of_hundred(control.flipped.value), control.sees) for control in flipped]
    counts = " and ".join(f"**{count}** of 100 for the control that sees {sees}" for count, sees in shares)
    apart = all(_below(control.flipped, classifier.flipped) for control in flipped)
    end = "The whole image flips more." if apart else "So what flips a classifier need not be the disease."
    return f"Controls that cannot see the disease are flipped, too: {counts}. {end}"


def _hiding_answer(direction: Direction) -> str:
    first, noisy, moved = (direction.cycle.get(key) for key in ("from 8 bits", "after noise", "moved by noise"))
    if not direction.cycle:
        return (
            f"This run has no way back: it translates only from {plain(direction.source)} to {plain(direction.target)}."
        )
    if not first or not noisy:
        return ""
    error = (
        f"Cycle reconstruction error: **{first.value:.1%}** of the grey scale, {noisy.value:.1%} after invisible noise"
    )
    if moved is None or not moved.floor:
        return f"{error}."
    ratio = moved.value / moved.floor
    if moved.low is None or moved.low <= moved.floor:
        return f"{error}. The way back does not amplify the noise: there is no sign of hidden information."
    if ratio < LITTLE:
        return f"{error}. The way back hardly amplifies the noise: there is no sign of hidden information."
    verdict = "it relies on invisible detail" if ratio >= MUCH else "it relies a little on invisible detail"
    return f"{error}. The way back amplifies the noise {times(ratio)} times: {verdict}."


def _closeness_answer(direction: Direction) -> str:
    made, nothing = direction.distance.get("kid"), direction.untranslated.get("kid")
    if made is None or nothing is None:
        return ""
    closed, target = _closed_gap(direction), plain(direction.target)
    if not _below(made, nothing):
        return f"Translated images come no closer to real {target} than untranslated ones, within the intervals."
    if closed is None:
        return f"Translated images come closer to real {target} than untranslated ones."
    return f"**{min(closed, 1):.0%}** of the way from untranslated images to real {target} (by KID)."


def _truth_answer(direction: Direction) -> str:
    for key in TRUTHS:
        if found := direction.truth.get(key):
            title = TRUTH[key]
            beside = "drawn disease" if key == "change in lungs" else "untranslated image"
            value = evaluation_files.written(found.value, 3, "percent")
            floor = (
                f"; {beside} {evaluation_files.written(found.floor, 3, 'percent')}" if found.floor is not None else ""
            )
            return f"{title}: **{value}**{floor}."
    return ""


def _best_classifier(direction: Direction) -> Flip | None:
    """Return the classifier with the highest held-out accuracy among those that see the whole image."""
    return max(
        (flip for flip in direction.flips if flip.sees == EVERYTHING), key=lambda f: f.held_out_accuracy, default=None
    )


def _control(direction: Direction) -> Flip | None:
    """Return the control that sees least of the disease: outside the lungs, else outside the middle."""
    return min(
        (flip for flip in direction.flips if flip.sees in CONTROLS), key=lambda f: "lungs" not in f.sees, default=None
    )


def _below(a: Measure, b: Measure) -> bool:
    """Whether the interval of a lies below that of b."""
    return (a.high if a.high is not None else a.value) < (b.low if b.low is not None else b.value)


def _closed_gap(direction: Direction) -> float | None:
    """Return the share of the KID gap to real images that the translation closes; negative if it widens the gap."""
    made, nothing = direction.distance.get("kid"), direction.untranslated.get("kid")
    if made is None or nothing is None or made.floor is None or nothing.value <= made.floor:
        return None
    return (nothing.value - made.value) / (nothing.value - made.floor)


def _growth(direction: Direction) -> float | None:
    """Return the factor by which the way back changes noise, below 1 if it damps it; None where not measured."""
    moved = direction.cycle.get("moved by noise")
    return moved.value / moved.floor if moved and moved.floor else None


def _ground_truth(direction: Direction) -> Measure | None:
    return next((direction.truth[key] for key in TRUTHS if key in direction.truth), None)


def _flipped(direction: Direction) -> Measure | None:
    classifier = _best_classifier(direction)
    return classifier.flipped if classifier else None


def _flipped_control(direction: Direction) -> Measure | None:
    control = _control(direction)
    return control.flipped if control else None


def _value(measure: Callable[[Direction], Measure | None]) -> Callable[[Direction], float | None]:
    def value(direction: Direction) -> float | None:
        found = measure(direction)
        return found.value if found else None

    return value


QUESTIONS = (
    _Question(
        TURNS,
        "Share of images assigned to the other domain",
        _flips_answer,
        _value(_flipped),
        of_hundred,
        "{} of 100 images are assigned to the other domain after translation.",
        _flipped,
        whole=True,
    ),
    _Question(
        WHERE,
        "The same share for the control that sees least of the disease",
        _where_answer,
        _value(_flipped_control),
        of_hundred,
        "Controls that cannot see the disease are flipped for {} of 100 images.",
        _flipped_control,
        whole=True,
    ),
    _Question(
        HONEST,
        "Cycle reconstruction error after noise; dashed mark: without noise",
        _hiding_answer,
        _growth,
        times,
        "The way back changes invisible noise by a factor of {}. Well above 1, it relies on invisible detail.",
        lambda direction: direction.cycle.get("after noise"),
        beside=lambda direction: direction.cycle.get("from 8 bits"),
    ),
    _Question(
        NEAR,
        "KID to real images of the target; dashed mark: untranslated images",
        _closeness_answer,
        _closed_gap,
        lambda share: evaluation_files.written(share, 2, "percent"),
        "Translated images go {} of the way from untranslated to real images of the target.",
        lambda direction: direction.distance.get("kid"),
        "number",
        beside=lambda direction: direction.untranslated.get("kid"),
    ),
    _Question(
        TRUE,
        "Compared with the ground truth; mark: untranslated image, or drawn disease",
        _truth_answer,
        _value(_ground_truth),
        lambda value: evaluation_files.written(value, 3, "percent"),
        "Where the ground truth is known: {}.",
        _ground_truth,
        kind=lambda direction: next((key for key in TRUTHS if key in direction.truth), ""),
    ),
)
