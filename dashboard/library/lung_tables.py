"""The comparison of lungs as a table of questions: a translator beside controls, other translators and real pictures.

A cell is text; a verdict is a word that its interval supports, or nothing. The Evaluate page draws these tables, and
`evaluation_files` writes them to files.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from dashboard.library.evaluations import CONTROLS, EVERYTHING, EvaluatedRun
from gan_core.evaluation.results import BESIDE, CONTROL, SOURCE, TARGET, TRANSLATED, Column, Direction, Measure

GOOD, BAD, NEUTRAL = "good", "bad", "neutral"  # tones of a verdict

_SHARE, _PERCENT, _SIGNED, _NUMBER = "k of n", "percent", "signed percent", "number"
_ALONE = "alone"  # in the name of what a classifier sees, if it is the lungs alone
_CLOSE = 0.05  # difference of two shares of place that does not matter
_FEW, _SOME = 0.11, 0.05  # flips of a control: at most so many is hardly any, at least so many is some
_HAZE = "even haze"
_MOST = 10**9  # pictures that a share is written of; of more it is written in per cent


@dataclass(frozen=True)
class Verdict:
    """A word about a cell that its interval supports."""

    word: str
    tone: str = NEUTRAL


@dataclass(frozen=True)
class LungColumn:
    """The pictures of a column, the run whose audit they are from, and their maker if it is one of the chosen runs."""

    title: str
    subtitle: str
    found: Column
    audited: EvaluatedRun
    run: EvaluatedRun | None = None


@dataclass(frozen=True)
class LungCell:
    """A number as text, its interval as text, and a verdict."""

    measure: Measure
    text: str
    interval: str
    verdict: Verdict | None = None


@dataclass(frozen=True)
class LungRow:
    """A question, with a cell for each column that answers it."""

    question: str
    meaning: str
    cells: tuple[LungCell | None, ...]
    whole: bool = False  # whether its strips span 0 to 1


@dataclass(frozen=True)
class LungTable:
    """All columns and questions of one direction on the same pictures."""

    source: str
    target: str
    columns: tuple[LungColumn, ...]
    sections: tuple[tuple[str, tuple[LungRow, ...]], ...]


def lung_tables(runs: Sequence[EvaluatedRun]) -> list[LungTable]:
    """Return a table for each direction and set of pictures; runs that were audited on the same pictures share one."""
    groups: dict[tuple[str, str, str, int], list[tuple[EvaluatedRun, Direction]]] = {}
    for run in runs:
        for way in run.found.audit:
            if way.columns:
                key = (way.source, way.target, run.found.fingerprint, run.found.seed)
                groups.setdefault(key, []).append((run, way))
    return [_table(group) for group in groups.values()]


def _table(group: Sequence[tuple[EvaluatedRun, Direction]]) -> LungTable:
    way = group[0][1]
    columns = _columns(group)
    rows = _Rows(tuple(columns), way)
    sections = [
        ("Does it leave everything else alone?", rows.outside()),
        ("Do the lungs change as the disease changes them?", rows.inside()),
        ("Is opacity found that was not there?" if way.adds else "Is opacity gone that was there?", rows.findings()),
        ("Whom does it convince?", rows.judges()),
        (f"How near do the lungs come to real ones of {way.target}?", rows.distances()),
    ]
    filled = [(name, tuple(row for row in found if any(row.cells))) for name, found in sections]
    return LungTable(way.source, way.target, tuple(columns), tuple((name, found) for name, found in filled if found))


def _columns(group: Sequence[tuple[EvaluatedRun, Direction]]) -> list[LungColumn]:
    """Return the source, every chosen run, others that an audit put beside it, the controls and the target."""
    chosen = {run.found.run for run, _ in group}
    found: dict[tuple[str, str], LungColumn] = {}
    for role in (SOURCE, TRANSLATED, BESIDE, CONTROL, TARGET):
        for run, way in group:
            for column in way.columns:
                if column.role != role or (role == BESIDE and column.name in chosen):
                    continue
                own = run if role == TRANSLATED else None
                titles = {
                    SOURCE: (f"{column.name}, as it is", "untranslated"),
                    TRANSLATED: (run.label, "translated"),
                    BESIDE: (column.name, "translated"),
                    CONTROL: (column.name[:1].upper() + column.name[1:], f"control of {run.label}"),
                    TARGET: (f"Real {column.name}", "of other patients"),
                }
                title, subtitle = titles[role]
                of = subtitle if role == CONTROL else ""
                found.setdefault((role, f"{title} {of}"), LungColumn(title, subtitle, column, run, own))
    columns = list(found.values())
    owners = {column.subtitle for column in columns if column.found.role == CONTROL}
    return [
        replace(one, subtitle="control") if len(owners) == 1 and one.found.role == CONTROL else one for one in columns
    ]


_Judge = Callable[[Measure, LungColumn], Verdict | None]


class _Rows:
    """The rows of a table: each asks one question of all columns."""

    def __init__(self, columns: tuple[LungColumn, ...], way: Direction) -> None:
        self.columns, self.way = columns, way
        self.made = "adds" if way.adds else "takes away"

    def outside(self) -> list[LungRow]:
        return [
            self._row(
                "Does anything change outside the lungs?",
                "The largest change of any pixel outside the lungs and a narrow border around them, in any picture, as "
                "a share of the grey scale. Lung disease changes nothing there.",
                "largest outside",
                _PERCENT,
                lambda cell, _: Verdict("no, to the bit", GOOD) if cell.value == 0 else None,
            ),
            self._row(
                "Does it get brighter or darker there?",
                "Mean change outside the lungs, brighter above 0, as a share of the grey scale.",
                "signed outside",
                _SIGNED,
                lambda cell, _: _signed(cell, BAD, BAD),
            ),
            *(
                self._flipped(
                    name,
                    sees,
                    f"Is {name} fooled, which sees only what lies {sees}?",
                    "Of the pictures that this classifier knew before, how many it assigns to the other domain after "
                    "translation. It cannot see the disease: what convinces it is letters, borders, exposure, another "
                    "hospital. Of real pictures: how many it assigns to their own domain.",
                    lambda cell, _: _control_flips(cell),
                )
                for name, sees in self._classifiers()
                if sees in CONTROLS
            ),
        ]

    def inside(self) -> list[LungRow]:
        good, bad = (GOOD, BAD) if self.way.adds else (BAD, GOOD)
        place = f"Of what it {self.made}"
        reference = " The reference is where radiologists mark COVID-19 in these lungs."
        lungs = "denser" if self.way.adds else "clearer"
        return [
            self._row(
                f"Do the lungs get {lungs}?",
                "Mean change inside the lungs, brighter above 0, as a share of the grey scale. Disease that fills air "
                "makes lungs brighter.",
                "signed inside",
                _SIGNED,
                lambda cell, _: _signed(cell, good, bad),
            ),
            self._row(
                f"{place}, how much lies near the chest wall?",
                "The share in the outer half of each lung, of the air that the change makes a lung lose or regain."
                + reference,
                "periphery",
                _PERCENT,
                lambda cell, _: _as_reference(cell),
            ),
            self._row(
                f"{place}, how much lies in the lower half?",
                "The share in the lower half of each lung." + reference,
                "lower half",
                _PERCENT,
                lambda cell, _: _as_reference(cell),
            ),
            self._row(
                "How often is disease seen at these places?",
                "How often radiologists mark COVID-19 at the places of the change. The reference is the same for the "
                "places of their own marks.",
                "seen there",
                _PERCENT,
            ),
            self._row(
                "Is one lung affected more than the other?",
                "What the less affected lung has of it, compared with the other: 100 % if both are alike.",
                "sides",
                _PERCENT,
            ),
        ]

    def findings(self) -> list[LungRow]:
        finder = (
            "The finder is a network that learned from masks which radiologists drew, and from no drawn or generated "
            "opacity."
        )
        said = "more" if self.way.adds else "less"
        return [
            self._row(
                "In how many pictures is opacity found?",
                f"Pictures in which more than 5 % of the lungs are marked. {finder}",
                "opaque",
                _SHARE,
                lambda cell, _: self._than_before(cell, "opaque"),
            ),
            self._row(
                "How much of the lungs is marked?",
                f"The mean share of the lungs that the finder marks. {finder}",
                "opaque area",
                _PERCENT,
                lambda cell, _: self._than_before(cell, "opaque area"),
            ),
            self._row(
                "Is it found where it was painted?" if self.way.adds else "Is it gone where it was taken away?",
                f"Correlation of what the finder marks {said} than before with the opacity of the change, over the "
                "lungs of each picture: 1 for the same place and shape, 0 for chance.",
                "agreement",
                _NUMBER,
                lambda cell, _: _agreement(cell),
            ),
        ]

    def judges(self) -> list[LungRow]:
        alone = (
            "This classifier sees the lungs alone, without exposure, borders and letters. Of the pictures that it knew "
            "before, how many it assigns to the other domain after translation; of real pictures, how many it assigns "
            "to their own domain."
        )
        whole = (
            "This classifier sees the whole picture, and with it the hospital: read its number beside those of the "
            "classifiers that see only the outside."
        )
        rows = []
        ordered = sorted(self._classifiers(), key=lambda one: _ALONE not in one[1])
        for name, sees in ordered:
            if sees in CONTROLS:
                continue
            what = "the whole picture" if sees == EVERYTHING else "the lungs alone"
            question = f"Is {name} convinced, which sees {what}?"
            rows.append(
                self._flipped(name, sees, question, whole if sees == EVERYTHING else alone, self._than_haze(name, sees))
            )
        return rows

    def distances(self) -> list[LungRow]:
        spaces = dict.fromkeys(space for column in self.columns for space in column.found.distance)
        meaning = (
            "Kernel distance (KID) of the lungs, without exposure and surroundings, to real ones of the target in "
            "these features; each picture was painted at a severity of its own. 0 is best; the reference is that of "
            "real lungs among themselves."
        )
        return [
            LungRow(
                f"By {space}",
                meaning,
                tuple(
                    self._cell(column.found.distance.get(space, {}).get("kid"), column, _NUMBER, self._nearer(space))
                    for column in self.columns
                ),
            )
            for space in spaces
        ]

    def _classifiers(self) -> list[tuple[str, str]]:
        return list(dict.fromkeys((f.classifier, f.sees) for column in self.columns for f in column.found.flips))

    def _row(
        self, question: str, meaning: str, key: str, shows: str, judge: _Judge = lambda cell, column: None
    ) -> LungRow:
        cells = tuple(self._cell(one.found.measures.get(key), one, shows, judge) for one in self.columns)
        return LungRow(question, meaning, cells, shows == _SHARE)

    def _flipped(self, name: str, sees: str, question: str, meaning: str, judge: _Judge) -> LungRow:
        cells = tuple(self._cell(_flip(one.found, name, sees), one, _SHARE, judge) for one in self.columns)
        return LungRow(question, meaning, cells, True)

    def _cell(self, measure: Measure | None, column: LungColumn, shows: str, judge: _Judge) -> LungCell | None:
        if measure is None:
            return None
        # Real pictures are what others are compared with: nothing is said about them.
        verdict = None if column.found.role in (SOURCE, TARGET) else judge(measure, column)
        return LungCell(measure, _text(measure, shows), _interval(measure, shows), verdict)

    def _than_before(self, cell: Measure, key: str) -> Verdict | None:
        before = next((one.found.measures.get(key) for one in self.columns if one.found.role == SOURCE), None)
        if before and _below(before, cell):
            return Verdict("more than before", GOOD if self.way.adds else BAD)
        if before and _below(cell, before):
            return Verdict("less than before", BAD if self.way.adds else GOOD)
        return None

    def _than_haze(self, name: str, sees: str) -> _Judge:
        # Each haze is as strong as the painting of the audited run: it is a control of no other run.
        hazes = [(one.audited, _flip(one.found, name, sees)) for one in self.columns if one.found.name == _HAZE]

        def judge(cell: Measure, column: LungColumn) -> Verdict | None:
            haze = next((flip for run, flip in hazes if run is column.audited), None)
            if haze and column.found.role != CONTROL and _below(haze, cell):
                return Verdict("more than haze", GOOD if _ALONE in sees else NEUTRAL)
            return None

        return judge

    def _nearer(self, space: str) -> _Judge:
        sources = (one.found.distance.get(space, {}) for one in self.columns if one.found.role == SOURCE)
        before = next(sources, {}).get("kid")

        def judge(cell: Measure, column: LungColumn) -> Verdict | None:
            if before and _below(cell, before):
                return Verdict("nearer than before", GOOD)
            if before and _below(before, cell):
                return Verdict("farther than before", BAD)
            return None

        return judge


def _flip(column: Column, name: str, sees: str) -> Measure | None:
    return next((one.flipped for one in column.flips if (one.classifier, one.sees) == (name, sees)), None)


def _signed(cell: Measure, brighter: str, darker: str) -> Verdict | None:
    low, high = _bounds(cell)
    if low > 0:
        return Verdict("brighter", brighter)
    return Verdict("darker", darker) if high < 0 else None


def _control_flips(cell: Measure) -> Verdict | None:
    low, high = _bounds(cell)
    if high <= _FEW:
        return Verdict("hardly", GOOD)
    return Verdict("yes", BAD) if low >= _SOME else None


def _as_reference(cell: Measure) -> Verdict | None:
    if cell.floor is None:
        return None
    low, high = _bounds(cell)
    if abs(low - cell.floor) <= _CLOSE and abs(high - cell.floor) <= _CLOSE:
        return Verdict("as in disease", GOOD)
    if low > cell.floor + _CLOSE:
        return Verdict("too much", BAD)
    return Verdict("too little", BAD) if high < cell.floor - _CLOSE else None


def _agreement(cell: Measure) -> Verdict | None:
    low, high = _bounds(cell)
    if low >= 0.5:
        return Verdict("yes", GOOD)
    return Verdict("hardly", BAD) if high < 0.25 else None


def _bounds(cell: Measure) -> tuple[float, float]:
    """Return the interval; without one, everything: no verdict is supported."""
    unknown = cell.low is None or cell.high is None
    return (float("-inf"), float("inf")) if unknown else (cell.low or 0.0, cell.high or 0.0)


def _below(a: Measure, b: Measure) -> bool:
    return _bounds(a)[1] < _bounds(b)[0]


def _text(cell: Measure, shows: str) -> str:
    # A file from elsewhere may hold any number.
    count = cell.count or 0
    if shows == _SHARE and 0 <= cell.value <= 1 and 0 < count <= _MOST:
        return f"{round(cell.value * count)} of {count}"
    return _number(cell.value, shows, _digits(cell, shows))


def _interval(cell: Measure, shows: str) -> str:
    parts, digits = [], _digits(cell, shows)
    if cell.low is not None and cell.high is not None:
        low, high = (_number(end, shows, digits).removesuffix("%") for end in (cell.low, cell.high))
        parts.append(f"{low} to {high}{'' if shows == _NUMBER else '%'}")
    if cell.floor is not None:
        parts.append(f"reference {_number(cell.floor, shows, digits)}")
    return " · ".join(parts)


def _digits(cell: Measure, shows: str) -> int:
    """Return the decimals of a cell: of shares one if all of its numbers are small, else none."""
    if shows == _NUMBER:
        return 2
    largest = max(abs(end) for end in (cell.value, cell.low, cell.high) if end is not None)
    return 1 if largest < 0.2 else 0


def _number(value: float, shows: str, digits: int) -> str:
    if not math.isfinite(value):
        return "–"
    sign = "+" if shows == _SIGNED else ""
    text = f"{value:{sign}.{digits}f}" if shows == _NUMBER else f"{value:{sign}.{digits}%}"
    # A value that rounds to zero gets no sign.
    return text.replace("-", "−") if any(digit in text for digit in "123456789") else text.lstrip("+-")


@dataclass(frozen=True)
class DoseTable:
    """What each severity gives: a column for each, and sentences about all."""

    heads: tuple[str, ...]
    rows: tuple[LungRow, ...]
    sentences: tuple[str, ...]


def dose_table(way: Direction) -> DoseTable:
    """Return dose and response of a graded translator's direction."""
    names = list(dict.fromkeys(name for dose in way.doses for name in dose.measures))
    rows = [_dose_row(way, name) for name in names]
    steps = {"input at 0": "At severity 0, {} pictures are the input, to the bit.", "never darker": _NEVER_DARKER}
    sentences = [words.format(_text(way.grading[name], _SHARE)) for name, words in steps.items() if name in way.grading]
    falling = [row.question for row in rows if not _rises([cell.measure.value for cell in row.cells if cell])]
    sentences.append(
        f"Not every step goes up in: {'; '.join(falling)}"
        if falling
        else "Every number goes up, or stays, at every step."
    )
    return DoseTable(tuple(f"{dose.severity:g}" for dose in way.doses), tuple(rows), tuple(sentences))


def _dose_row(way: Direction, name: str) -> LungRow:
    question, meaning, shows = _DOSES.get(name, ("", "", _PERCENT))
    if not question:
        judge = name.removeprefix(_CHANCE)
        question = f"How sure is {judge} that it is {way.target}?"
        meaning = "The mean probability that this classifier gives to the target domain."
    cells = []
    for dose in way.doses:
        cell = dose.measures.get(name)
        cells.append(LungCell(cell, _text(cell, shows), _interval(cell, shows)) if cell else None)
    return LungRow(question, meaning, tuple(cells), shows == _SHARE or name.startswith(_CHANCE))


def _rises(values: Sequence[float]) -> bool:
    return all(later >= earlier for earlier, later in pairwise(values))


_CHANCE = "chance "  # as `gan_core.evaluation.dose_response` names a classifier's answer; that module needs torch
_NEVER_DARKER = "In {} pictures no pixel gets darker from one severity to the next."
_DOSES = {
    "painted": ("How much opacity is painted?", "Mean share of air lost in the lungs.", _PERCENT),
    "signed inside": ("How much denser do the lungs get?", "Mean brightening, share of the grey scale.", _SIGNED),
    "opaque": ("In how many pictures is opacity found?", "More than 5 % of the lungs are marked.", _SHARE),
    "opaque area": ("How much of the lungs is marked?", "The mean share that the finder marks.", _PERCENT),
}
