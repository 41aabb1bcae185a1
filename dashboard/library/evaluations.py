"""Tables that compare the evaluations of several runs: rows of measures, their floors, and the best run.

The Evaluate page draws these tables; `evaluation_files` writes them to files. Nothing here decides their appearance.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from dashboard.library.leaders import leaders
from dashboard.library.measure_names import (
    CHANGED,
    CHANGES,
    CYCLE,
    CYCLES,
    DISTANCE,
    DISTANCES,
    FLIPPED,
    KNOWN,
    NEARER,
    REAL,
    SPACES,
    TRUTH,
    UNTRANSLATED,
    UTILITY,
)
from dashboard.library.store import Entry
from gan_core.evaluation.results import MEASURES, OWN, Direction, Evaluation, Fidelity, Measure, Scores, same_floor

ALL = "all"  # the images of every class together
SECOND = "second opinion"  # all images, measured with another feature extractor
EVERYTHING = "everything"
CONTROLS = ("outside the central box", "outside the lungs")  # what a control sees: not the disease

HOW_REAL, HOW_VARIED, HOW_USEFUL, COPIES = "How real?", "How varied?", "How useful?", "Does it copy?"
TURNS, WHERE, HONEST, NEAR, TRUE = (
    "Does it flip a classifier?",
    "Where does it change the image?",
    "Does it hide information?",
    "How close does it come?",
    "Is it correct?",
)
# Neither higher nor lower is always better: the value of real images is the target.
UNRANKED = frozenset({"density", "ms_ssim"})
FIDELITY = {HOW_REAL: ("frechet", "kid", "precision", "density"), HOW_VARIED: ("recall", "coverage", "ms_ssim")}
UNITS = frozenset({"ssim", "psnr", "both lungs"})  # ground-truth measures that are no shares
UNBOUNDED = frozenset({"frechet", "kid", "density"})  # the others lie between 0 and 1


@dataclass(frozen=True)
class EvaluatedRun:
    """A run and its evaluation."""

    entry: Entry
    found: Evaluation
    label: str  # unique on the page

    @property
    def labelled(self) -> Evaluation:
        """The evaluation under the run's label. By itself it has the name that the run's folder had when measured."""
        return replace(self.found, run=self.label)

    @property
    def classes(self) -> set[str]:
        """The classes that it learned or was measured for."""
        learned = self.entry.config.classes if self.entry.config else ()
        return {*learned, *self.found.fidelity} - {ALL}

    @property
    def drawn_by(self) -> str:
        """Where its pictures come from if its own networks did not draw them; "" if they did."""
        return "pictures of a folder" if self.found.pictures else ""


@dataclass(frozen=True)
class MeasureRow:
    """One measure, with a cell for each run or each translation direction."""

    key: str
    title: str
    meaning: str
    cells: tuple[Measure | None, ...]
    more: bool | None = None  # whether higher is better; None where neither is
    shows: str = "number"  # format: number, share (between 0 and 1) or percent
    whole: bool = False  # whether its strips span 0 to 1
    group: str = ""  # rows of one group share a scale
    best: int | None = None  # index of the cell that is better than all others
    ahead: tuple[int, ...] = ()  # indices of the leading cells, best first; empty where they cannot be ranked
    ranked: tuple[bool, ...] = ()  # which cells may be ranked; empty: all
    seeds: tuple[int, ...] = ()  # trainings behind each cell; empty where cells are of single runs
    each: tuple[str, ...] = ()  # for each cell the value of every training; empty where `seeds` is

    @property
    def over_seeds(self) -> bool:
        """Whether every cell that may be ranked is a mean over several trainings."""
        counts = [self.seeds[index] for index in self.candidates] if self.seeds else []
        return bool(counts) and min(counts) > 1

    @property
    def candidates(self) -> list[int]:
        """The indices of the cells that may be ranked, in their order."""
        may = self.ranked or (True,) * len(self.cells)
        return [index for index, cell in enumerate(self.cells) if cell and may[index]]

    @property
    def has_unranked(self) -> bool:
        """Whether there is a cell that may not be ranked."""
        return len(self.candidates) < sum(cell is not None for cell in self.cells)

    @property
    def floors(self) -> list[float | None]:
        """The reference value of each cell that was measured."""
        return [cell.floor for cell in self.cells if cell]

    @property
    def floor(self) -> float | None:
        """The reference value of all cells; None where the cells have different ones, or none."""
        floors = self.floors
        return floors[0] if floors and same_floor(floors) else None


@dataclass(frozen=True)
class RunColumn:
    """The run, and for a translator the direction, of one column; or the trainings of one recipe."""

    run: EvaluatedRun
    way: Direction | None = None  # only for a translator
    others: tuple[EvaluatedRun, ...] = ()  # trainings of the same recipe with other seeds
    name: str = ""  # of the recipe, where it has several trainings

    @property
    def label(self) -> str:
        return self.name or self.run.label

    @property
    def members(self) -> tuple[EvaluatedRun, ...]:
        return self.run, *self.others

    @property
    def direction(self) -> str:
        """'source → target' of a translator; empty for a generator."""
        return f"{self.way.source} → {self.way.target}" if self.way else ""


@dataclass(frozen=True)
class MeasureSection:
    """The rows that answer one question."""

    question: str
    rows: tuple[MeasureRow, ...]


@dataclass(frozen=True)
class MeasureTable:
    """Sections of rows, one column for each run or direction."""

    columns: tuple[RunColumn, ...]
    sections: tuple[MeasureSection, ...]

    @property
    def rows(self) -> list[MeasureRow]:
        return [row for section in self.sections for row in section.rows]

    def row(self, key: str) -> MeasureRow | None:
        return next((row for row in self.rows if row.key == key), None)

    @property
    def one_floor(self) -> bool:
        """Whether every row has a single floor, so that one column of real images can show them."""
        return not any(column.way for column in self.columns) and all(same_floor(row.floors) for row in self.rows)


def generators(runs: Sequence[EvaluatedRun], scope: str = ALL) -> MeasureTable:
    """Return the table of generators for a scope; utility and memorisation are included only for all images.

    Args:
        scope: ALL, the name of a class, or SECOND.
    """
    rank = not differences(runs, scope)
    found = [fidelity(run.found, scope) for run in runs]
    sections = []
    for question, keys in FIDELITY.items():
        rows = []
        for key in keys:
            title, more, meaning = MEASURES[key]
            cells = tuple(one.measures.get(key) if one else None for one in found)
            row = MeasureRow(
                key, title, meaning, cells, None if key in UNRANKED else more, _shows(key), key not in UNBOUNDED
            )
            rows.append(marked(row) if rank else row)
        sections.append(MeasureSection(question, tuple(rows)))
    if scope == ALL:
        sections += [
            MeasureSection(HOW_USEFUL, tuple(_utility(runs, rank))),
            MeasureSection(COPIES, tuple(_memorisation(runs))),
        ]
    return _table([RunColumn(run) for run in runs], sections)


def class_rows(run: EvaluatedRun, classes: Sequence[str]) -> list[MeasureRow]:
    """Return precision, recall and coverage of one run, with a cell for each class."""
    found = [run.found.fidelity.get(name) for name in classes]
    rows = []
    for key in ("precision", "recall", "coverage"):
        cells = tuple(one.measures.get(key) if one else None for one in found)
        rows.append(MeasureRow(key, MEASURES[key][0], MEASURES[key][2], cells, None, "share", True))
    return [row for row in rows if any(row.cells)]


def translators(runs: Sequence[EvaluatedRun]) -> MeasureTable:
    """Return the table of audits, one column for each direction.

    No cell is marked best: a translator that flips a classifier more often may only be exploiting artefacts.
    """
    columns = [RunColumn(run, direction) for run in runs for direction in run.found.audit]
    directions = [column.way for column in columns if column.way]
    classifiers = dict.fromkeys((flip.classifier, flip.sees) for direction in directions for flip in direction.flips)
    sections = [
        MeasureSection(
            TURNS, tuple(_flipped(directions, name, sees) for name, sees in classifiers if sees not in CONTROLS)
        ),
        MeasureSection(
            WHERE,
            tuple(_flipped(directions, name, sees) for name, sees in classifiers if sees in CONTROLS)
            + _rows([direction.change for direction in directions], CHANGES, CHANGED, "percent", "change"),
        ),
        MeasureSection(HONEST, _rows([direction.cycle for direction in directions], CYCLES, CYCLE, "percent", "cycle")),
        MeasureSection(
            NEAR,
            _rows([direction.distance for direction in directions], DISTANCES, DISTANCE)
            + _rows([direction.untranslated for direction in directions], UNTRANSLATED, DISTANCE),
        ),
        MeasureSection(TRUE, _ground_truth(directions)),
    ]
    return _table(columns, sections)


def fidelity(found: Evaluation, scope: str) -> Fidelity | None:
    """Return the fidelity of a scope (ALL, a class or SECOND); None where it was not measured."""
    return found.second_opinion.get(ALL) if scope == SECOND else found.fidelity.get(scope)


def scopes(runs: Sequence[EvaluatedRun]) -> list[str]:
    """Return the scopes that fidelity was measured for in any run: ALL first, then classes, SECOND last."""
    classes = dict.fromkeys(name for run in runs for name in run.found.fidelity if name != ALL)
    return [ALL, *classes, *([SECOND] if any(run.found.second_opinion for run in runs) else [])]


def differences(runs: Sequence[EvaluatedRun], scope: str = ALL) -> str:
    """Return a clause that says why the runs cannot be compared; empty if they can."""
    found = [one for one in (fidelity(run.found, scope) for run in runs) if one]
    if len({run.found.fingerprint for run in runs}) > 1:
        return "they were measured against different real images"
    if len({(one.extractor, one.features) for one in found}) > 1:
        return "they were measured by different extractors"
    if len({one.reference for one in found}) > 1:
        return "they were measured against different parts of the real images"
    if len({(one.generated, one.real) for one in found}) > 1:
        return "they were measured with different numbers of images"
    return ""


def marked(row: MeasureRow) -> MeasureRow:
    """Return the row with its best cell marked, if one cell is better than all others."""
    cells = row.cells
    if row.ranked:
        cells = tuple(cell if may else None for cell, may in zip(cells, row.ranked, strict=True))
    first = leaders(cells, row.more)
    return replace(row, best=first[0] if len(first) == 1 else None, ahead=first)


def scores(found: Evaluation, trained: str, tested: str, classifier: str | None = None) -> Scores | None:
    """Return the scores of a classifier, or of any classifier if none is named; None where not measured."""
    protocol = (trained, tested)
    return next(
        (s for s in found.utility if (s.trained, s.tested) == protocol and classifier in (None, s.classifier)), None
    )


def decimals(measures: Iterable[Measure | None], shows: str = "number") -> int:
    """Return the number of decimals for a row of cells.

    The median half-width of the intervals is shown with two digits. Without intervals, the median value gets three.
    """
    found = [measure for measure in measures if measure]
    widths = [(m.high - m.low) / 2 for m in found if m.high is not None and m.low is not None and m.high > m.low]
    sizes = widths or [abs(m.value) / 10 for m in found if m.value and math.isfinite(m.value)]
    size = statistics.median(sizes) if sizes else 0.01
    most = 4 if shows == "number" else 3
    return min(max(1 - math.floor(math.log10(size)), 0), most) if 0 < size < math.inf else 2


def _utility(runs: Sequence[EvaluatedRun], rank: bool) -> list[MeasureRow]:
    rows = []
    classifiers = dict.fromkeys(one.classifier for run in runs for one in run.found.utility)
    for name in classifiers:
        for (trained, tested), (title, meaning) in UTILITY.items():
            found = [scores(run.found, trained, tested, name) for run in runs]
            real = [scores(run.found, REAL, tested, name) for run in runs]
            cells = tuple(
                replace(one.accuracy, floor=beside.accuracy.value if beside else None) if one else None
                for one, beside in zip(found, real, strict=True)
            )
            suffix = f", {name}" if len(classifiers) > 1 else ""
            row = MeasureRow(f"{trained} {tested} {name}", title + suffix, meaning, cells, True, "share", True)
            row = replace(row, ranked=by_class(found))
            rows.append(marked(row) if rank else row)
    return rows


def by_class(found: Sequence[Scores | None]) -> tuple[bool, ...]:
    """Return which scores may be ranked: those of runs that generate by class, if there are any, else all.

    Where a classifier assigned the labels, its own knowledge enters the score, so such runs are not comparable.
    """
    own = tuple(one is not None and one.labels == OWN for one in found)
    return own if any(own) else ()


def _memorisation(runs: Sequence[EvaluatedRun]) -> list[MeasureRow]:
    found = [run.found.memorisation for run in runs]
    rows = []
    for space, title in SPACES.items():
        near = [one.space.get(space) if one else None for one in found]
        cells = tuple(one.share_nearer if one else None for one in near)
        rows.append(MeasureRow(f"nearer {space}", title, NEARER, cells, None, "percent"))
    return rows


def _flipped(directions: Sequence[Direction], name: str, sees: str) -> MeasureRow:
    found = [
        next((f for f in direction.flips if (f.classifier, f.sees) == (name, sees)), None) for direction in directions
    ]
    title = f"Flipped: {name}" if sees == EVERYTHING else f"Flipped: {name}, sees {sees}"
    return MeasureRow(
        f"turned {name} {sees}",
        title,
        FLIPPED[sees in CONTROLS],
        tuple(f.flipped if f else None for f in found),
        shows="percent",
        whole=True,
    )


def _rows(
    found: Sequence[dict[str, Measure]], titles: dict[str, str], meaning: str, shows: str = "number", group: str = ""
) -> tuple[MeasureRow, ...]:
    rows = []
    for key, title in titles.items():
        cells = tuple(one.get(key) for one in found)
        rows.append(MeasureRow(f"{title} {key}", title, meaning, cells, shows=shows, group=group or key))
    return tuple(rows)


def _ground_truth(directions: Sequence[Direction]) -> tuple[MeasureRow, ...]:
    rows = _rows([direction.truth for direction in directions], TRUTH, KNOWN, "percent")
    return tuple(replace(row, shows="number") if row.group in UNITS else row for row in rows)


def _table(columns: Sequence[RunColumn], sections: Sequence[MeasureSection]) -> MeasureTable:
    """Return a table without empty rows and empty sections."""
    nonempty = [MeasureSection(s.question, tuple(row for row in s.rows if any(row.cells))) for s in sections]
    return MeasureTable(tuple(columns), tuple(section for section in nonempty if section.rows))


def _shows(key: str) -> str:
    return "number" if key in UNBOUNDED else "share"
