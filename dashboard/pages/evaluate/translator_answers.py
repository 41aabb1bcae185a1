"""What audits of translators mean, in a sentence for each question and direction."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dashboard.library import evaluation_files
from dashboard.library.evaluations import (
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
from dashboard.pages.evaluate.answers import Answer, of_hundred, times
from dashboard.widgets.text import plain
from gan_core.evaluation.results import Direction, Flip, Measure

TRUTHS = ("error", "change in lungs")  # the first that is there is spoken of

MUCH = 2  # times, from which on noise that grows on the way back tells of a hidden message


@dataclass(frozen=True)
class _Question:
    """How one question is answered, of one direction and of many."""

    name: str
    scale: str  # what its strips show
    say: Callable[[Direction], str]
    number: Callable[[Direction], float | None]
    shown: Callable[[float], str]
    summary: str  # of many: {} is the range of their numbers
    measure: Callable[[Direction], Measure | None]  # of its strips
    shows: str = "percent"
    whole: bool = False  # its strips go from 0 to 1
    beside: Callable[[Direction], Measure | None] = lambda way: None
    kind: Callable[[Direction], str] = lambda way: ""  # numbers of two kinds are not drawn on one scale


def of_translators(table: MeasureTable) -> list[Answer]:
    """What an audit answers; nothing of what was not measured."""
    columns = [column for column in table.columns if column.way]
    ways = [column.way for column in columns if column.way]
    found = []
    for question in QUESTIONS:
        cells = tuple(question.measure(way) for way in ways)
        one_kind = len({question.kind(way) for way, cell in zip(ways, cells, strict=True) if cell}) == 1
        row = MeasureRow(question.name, "", "", cells, None, question.shows, question.whole) if one_kind else None
        if words := _words(question, columns):
            found.append(Answer(question.name, words, row, question.scale, tuple(map(question.beside, ways))))
    return found


def _words(question: _Question, columns: Sequence[RunColumn]) -> str:
    """A sentence for each direction of one run; of several runs one about all, they would be too many."""
    ways = [column.way for column in columns if column.way]
    if len({column.run.entry.name for column in columns}) == 1:
        said = [(column.direction, question.say(way)) for column, way in zip(columns, ways, strict=True)]
        return "\n\n".join(f"{plain(direction)}: {words}" for direction, words in said if words)
    numbers = [number for way in ways if (number := question.number(way)) is not None and math.isfinite(number)]
    if not numbers:
        return ""
    if len({question.kind(way) for way in ways if question.number(way) is not None}) > 1:
        return "The table says how far, in which terms."
    ends = list(dict.fromkeys(question.shown(end) for end in (min(numbers), max(numbers))))
    return question.summary.format(f"**{' to '.join(ends)}**")


def _turns(way: Direction) -> str:
    judge = _judge(way)
    if judge is None:
        return ""
    right = of_hundred(judge.held_out_accuracy)
    return (
        f"**{of_hundred(judge.flipped.value)}** of 100 are taken for {_other(way)} afterwards, by a classifier "
        f"that is right for {right} of 100 real pictures."
    )


def _other(way: Direction) -> str:
    """What a turned classifier takes a picture for; of two halves of one domain neither is known to it."""
    whole = way.source.removesuffix(" half 1").removesuffix(" half 2")
    halves = whole != way.source and way.target.startswith(whole)
    return f"something else than {plain(whole)}" if halves else plain(way.target)


def _where(way: Direction) -> str:
    words = []
    judge, controls = _judge(way), [flip for flip in way.flips if flip.sees != EVERYTHING]
    if judge and controls:
        words.append(_controlled(judge, controls))
    inside, outside = way.change.get("inside lungs"), way.change.get("outside lungs")
    if inside and outside and outside.value > 0:
        more = f"**{times(inside.value / outside.value)} times** as much as"
        said = more if _below(outside, inside) else "no more than"
        words.append(f"The lungs change {said} the rest.")
    return " ".join(words)


def _controlled(judge: Flip, controls: Sequence[Flip]) -> str:
    turned = [control for control in controls if control.flipped.value > 0]
    if not turned:
        return "No control that cannot see the disease is turned."
    shares = [(of_hundred(control.flipped.value), control.sees) for control in turned]
    counts = " and ".join(f"**{count}** of 100 where one sees only what lies {sees}" for count, sees in shares)
    apart = all(_below(control.flipped, judge.flipped) for control in turned)
    end = "The whole picture turns more." if apart else "So what turns a classifier need not be the disease."
    return f"Controls that cannot see the disease are turned, too: {counts}. {end}"


def _honest(way: Direction) -> str:
    first, noisy, moved = (way.cycle.get(key) for key in ("from 8 bits", "after noise", "moved by noise"))
    if not way.cycle:
        return f"There is no way back to try: the run goes from {plain(way.source)} to {plain(way.target)} alone."
    if not first or not noisy:
        return ""
    lost = f"**{first.value:.1%}** of the grey scale is lost there and back, {noisy.value:.1%} after noise no eye sees"
    if moved is None or not moved.floor:
        return f"{lost}."
    ratio = moved.value / moved.floor
    if moved.low is not None and moved.low > moved.floor:
        much = "it reads invisible detail" if ratio >= MUCH else "it leans a little on invisible detail"
        return f"{lost}: the way back makes the noise {times(ratio)} times larger, {much}."
    return f"{lost}: the noise does not grow on the way, nothing speaks for a hidden message."


def _near(way: Direction) -> str:
    made, nothing = way.distance.get("kid"), way.untranslated.get("kid")
    if made is None or nothing is None:
        return ""
    closed, target = _closed(way), plain(way.target)
    if not _below(made, nothing):
        return f"The pictures come no nearer to real {target} than untranslated ones, as far as can be told."
    if closed is None:
        return f"The pictures come nearer to real {target} than untranslated ones."
    return f"**{min(closed, 1):.0%}** of the way from untranslated pictures to real {target}."


def _truth(way: Direction) -> str:
    for key in TRUTHS:
        if found := way.truth.get(key):
            title = TRUTH[key]
            beside = "of drawn disease" if key == "change in lungs" else "of doing nothing"
            value = evaluation_files.written(found.value, 3, "percent")
            floor = (
                f"; {beside} {evaluation_files.written(found.floor, 3, 'percent')}" if found.floor is not None else ""
            )
            return f"{title}: **{value}**{floor}."
    return ""


def _judge(way: Direction) -> Flip | None:
    """Of the classifiers that see everything, the surest."""
    return max((flip for flip in way.flips if flip.sees == EVERYTHING), key=lambda f: f.held_out_accuracy, default=None)


def _control(way: Direction) -> Flip | None:
    """The control that sees least of the disease: what lies outside the lungs, else outside the middle."""
    return min(
        (flip for flip in way.flips if flip.sees != EVERYTHING), key=lambda f: "lungs" not in f.sees, default=None
    )


def _below(a: Measure, b: Measure) -> bool:
    """Whether a lies below b, intervals and all."""
    return (a.high if a.high is not None else a.value) < (b.low if b.low is not None else b.value)


def _closed(way: Direction) -> float | None:
    """How much of the way from untranslated to real pictures the translation goes; negative if it goes away."""
    made, nothing = way.distance.get("kid"), way.untranslated.get("kid")
    if made is None or nothing is None or made.floor is None or nothing.value <= made.floor:
        return None
    return (nothing.value - made.value) / (nothing.value - made.floor)


def _growth(way: Direction) -> float | None:
    """How many times larger the way back makes noise."""
    moved = way.cycle.get("moved by noise")
    return moved.value / moved.floor if moved and moved.floor else None


def _known(way: Direction) -> Measure | None:
    return next((way.truth[key] for key in TRUTHS if key in way.truth), None)


def _turned(way: Direction) -> Measure | None:
    judge = _judge(way)
    return judge.flipped if judge else None


def _turned_blind(way: Direction) -> Measure | None:
    control = _control(way)
    return control.flipped if control else None


def _value(measure: Callable[[Direction], Measure | None]) -> Callable[[Direction], float | None]:
    def value(way: Direction) -> float | None:
        found = measure(way)
        return found.value if found else None

    return value


QUESTIONS = (
    _Question(
        TURNS,
        "Share of pictures taken for the other domain",
        _turns,
        _value(_turned),
        of_hundred,
        "{} of 100 pictures are taken for the other domain after translation.",
        _turned,
        whole=True,
    ),
    _Question(
        WHERE,
        "The same share by the control that sees least of the disease",
        _where,
        _value(_turned_blind),
        of_hundred,
        "Controls that cannot see the disease are turned by {} of 100 pictures.",
        _turned_blind,
        whole=True,
    ),
    _Question(
        HONEST,
        "Error of the way back after noise; dashed mark: without noise",
        _honest,
        _growth,
        times,
        "The way back makes noise that no eye sees {} times as large. Well above one, it reads invisible detail.",
        lambda way: way.cycle.get("after noise"),
        beside=lambda way: way.cycle.get("from 8 bits"),
    ),
    _Question(
        NEAR,
        "KID to real pictures of the target; dashed mark: untranslated pictures",
        _near,
        _closed,
        lambda share: evaluation_files.written(share, 2, "percent"),
        "They go {} of the way from untranslated pictures to real ones of the target.",
        lambda way: way.distance.get("kid"),
        "number",
        beside=lambda way: way.untranslated.get("kid"),
    ),
    _Question(
        TRUE,
        "Held against the truth; the mark: what doing nothing, or the drawing itself, scores",
        _truth,
        _value(_known),
        lambda value: evaluation_files.written(value, 3, "percent"),
        "Where the right answer is known: {}.",
        _known,
        kind=lambda way: next((key for key in TRUTHS if key in way.truth), ""),
    ),
)
