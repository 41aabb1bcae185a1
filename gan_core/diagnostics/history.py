"""The logged tables of a run as NumPy arrays: the only input of the rules."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np

from gan_core import files
from gan_core.config import RunConfig
from gan_core.diagnostics.measured_distance import DistanceCurve, distance_curve
from gan_core.errors import UserError
from gan_core.evaluation import results
from gan_core.evaluation.results import Evaluation, Progress
from gan_core.families import registry
from gan_core.family_traits import FamilyTraits
from gan_core.objectives import Objective
from gan_core.runs import Run, Status
from gan_core.runs.tables import Table

BINS = 40  # bins of the score histograms, from -10 to 10
BIN_WIDTH = 0.5
BLOCKS = 40  # the rules average a run over at most this many blocks ...
ROWS = 3  # ... of at least this many rows
LEAST_BLOCKS = 5  # of a run that is judged: with fewer no rule finds anything

_NORMAL = NormalDist()

# The rules need the columns of all these roles together.
_PLAYERS = ("generator_loss", "discriminator_loss", "accuracy_real", "accuracy_fake", "accuracy_pairs")


@dataclass(frozen=True)
class Record:
    """The tables of one run: arrays (n,) over the rows of metrics.csv, (k,) over previews, and scores (k, BINS)."""

    metrics: Mapping[str, np.ndarray]
    previews: Mapping[str, np.ndarray] = field(default_factory=dict)
    scores: Mapping[str, np.ndarray] = field(default_factory=dict)  # keys: real, held_out, generated
    traits: FamilyTraits = field(default_factory=FamilyTraits)  # roles of the columns, from the run's family
    state: str = "finished"
    reason: str | None = None
    epochs: int = 0  # planned
    foreign: bool = False  # whether another program trained the run
    filled: Mapping[str, np.ndarray] = field(default_factory=dict)  # column -> mask (n,) of its gaps that were filled
    counts: str = "epoch"  # what the column `epoch` counts: "step" in some runs that GANray did not train
    distance: DistanceCurve | None = None  # the distance to real images at snapshots, where it was measured
    kept: int | None = None  # the epoch of its weights if a preview chose them; None: the last
    problems: tuple[str, ...] = ()  # what of the tables could not be read or used, one sentence each

    @property
    def task(self) -> str:
        """The task: "generate" or "translate"."""
        return self.traits.task

    @property
    def objective(self) -> Objective:
        """The adversarial objective of the run."""
        return self.traits.objective_info

    def columns(self, role: str) -> tuple[str, ...]:
        """Return the logged columns of metrics.csv that have a role (see `gan_core.metrics.Metric`).

        A discriminator of pairs classifies both images of a pair correctly, or neither: its one accuracy counts as
        the accuracy on real images and as that on generated ones.
        """
        roles = (role, "accuracy_pairs") if role in ("accuracy_real", "accuracy_fake") else (role,)
        return tuple(name for each in roles for name in self.traits.columns(each) if name in self.metrics)

    def mean(self, *roles: str) -> np.ndarray:
        """Return the mean of the columns of these roles, shape (n,); empty if there are none."""
        found = [self.metrics[name] for role in roles for name in self.columns(role)]
        return np.mean(found, axis=0) if found else np.empty(0)

    def logged(self, role: str) -> np.ndarray:
        """Return the indices (m,) of the rows in which a column of a role was logged; empty if there is none."""
        every = np.zeros(len(self.epoch), bool)
        found = [~self.filled.get(name, every) for name in self.columns(role)]
        return np.flatnonzero(np.any(found, axis=0)) if found else np.empty(0, int)

    @property
    def chance(self) -> float:
        """The loss of each player where the discriminator guesses; NaN where the objective has no such value."""
        return math.nan if self.objective.chance is None else self.objective.chance

    @property
    def loss_scale(self) -> float:
        """The unit of the losses: the loss of guessing or, without one, the median loss over the run."""
        if self.objective.chance is not None:
            return self.objective.chance
        values = np.abs(np.concatenate([self.mean(role) for role in ("generator_loss", "discriminator_loss")]))
        return float(np.nanmedian(values)) if np.isfinite(values).any() else math.nan

    @property
    def unit(self) -> str:
        """What the discriminator classifies: "images" or "pairs"."""
        return "pairs" if self.objective.pairs else "images"

    @property
    def generated_unit(self) -> str:
        """What a correct discriminator recognises as generated, in words."""
        return "pairs' generated images" if self.objective.pairs else "generated images"

    def accuracy(self, share: float) -> float:
        """Return the run's accuracy that is equivalent to an accuracy of `share` on single images.

        A discriminator that compares a real with a generated image is right more often. Where the scores of both
        kinds are normal, its distance from chance is sqrt(2) times as large, in standard deviations.
        """
        if not self.objective.pairs:
            return share
        return _NORMAL.cdf(math.sqrt(2) * _NORMAL.inv_cdf(share))

    @property
    def epoch(self) -> np.ndarray:
        """The epoch of each row of metrics.csv, shape (n,)."""
        return self.metrics.get("epoch", np.empty(0))

    @property
    def preview_epochs(self) -> np.ndarray:
        """The epoch of each preview, shape (k,)."""
        return self.previews.get("epoch", np.empty(0))

    @property
    def boundary(self) -> int:
        """The first bin of the score histograms in which an image is called real."""
        return BINS // 2 + round((self.objective.boundary or 0.0) / BIN_WIDTH)

    def blocks(self, values: np.ndarray) -> np.ndarray:
        """Return the means (b,) of values (n,) over b equally long blocks of the run; NaN where a block holds one."""
        return np.array([part.mean() for part in np.array_split(values, self.block_count)]) if len(values) else values

    @property
    def block_count(self) -> int:
        return int(np.clip(len(self.epoch) // ROWS, 1, BLOCKS))

    def block_start(self, index: int) -> float:
        """Return the epoch at which a block begins; 0 for the first."""
        return float(index and np.array_split(self.epoch, self.block_count)[index][0])

    def block_end(self, index: int) -> float:
        return float(np.array_split(self.epoch, self.block_count)[index][-1])


def read(run: Run) -> Record:
    """Return the record of a run so far.

    Raises:
        UserError: the run's config.json cannot be read.
    """
    metrics, previews = run.metrics(), run.epochs()
    metrics.poll()
    previews.poll()
    measured = evaluation(run)
    return record(run.config(), run.status(), metrics, previews, measured.progress if measured else None)


def evaluation(run: Run) -> Evaluation | None:
    """Return what was measured of a run; None if nothing was, or if the file is damaged, as its own page reports."""
    try:
        return results.read(run.evaluation) if files.is_regular(run.evaluation) else None
    except UserError:
        return None


def record(
    run_config: RunConfig, status: Status, metrics: Table, previews: Table, progress: Progress | None = None
) -> Record:
    """Build the record of a run from its tables, already polled, and from the distances measured at its snapshots."""
    traits = registry.traits_of(run_config, metrics.names)
    has_epoch = np.isfinite(previews.column("epoch"))
    numbers = _numbers(metrics)
    if run_config.origin:  # a run that GANray trained logs each column in each row: its NaN is one
        numbers = _without_sparse(numbers)
    columns, filled = _whole(numbers, traits), dict[str, np.ndarray]()
    if run_config.origin:
        columns, filled = _without_gaps(columns)
    return Record(
        metrics=columns,
        previews=_numbers(previews),
        scores={
            name.removeprefix("scores/"): _histograms(previews.text(name))[has_epoch]
            for name in previews.names
            if name.startswith("scores/") and previews.text(name) and len(has_epoch)
        },
        traits=traits,
        state=status.state,
        reason=status.reason,
        epochs=run_config.epochs,
        foreign=run_config.origin is not None,
        filled=filled,
        counts=run_config.origin.counts if run_config.origin else "epoch",
        distance=distance_curve(
            progress,
            reached[-1] if len(reached := metrics.column("epoch")) else 0.0,
            trained_before=run_config.trained_before,
        ),
        kept=run_config.kept.epoch if run_config.kept and run_config.kept.which == "best" else None,
        problems=(*_problems(metrics), *_problems(previews), *_missing(metrics, numbers, traits)),
    )


def _problems(table: Table) -> list[str]:
    """Return what of a table is not used, one sentence each."""
    found = [table.problem] if table.problem else []
    lost = int(np.sum(~np.isfinite(table.column("epoch")))) if "epoch" in table.names else len(table)
    if lost:
        found.append(f"{lost} of {len(table)} rows of {table.path.name} name no epoch and are left out")
    return found


def _missing(table: Table, numbers: Mapping[str, np.ndarray], traits: FamilyTraits) -> list[str]:
    """Return a sentence about losses and accuracies that the run should have logged and that cannot be used."""
    roles = [names for role in _PLAYERS if (names := traits.columns(role))]
    absent = [names[0] for names in roles if not any(name in numbers for name in names)]
    if not len(table) or not absent:
        return []
    return [
        f"{table.path.name} has no usable column {' and '.join(absent)}: no rule that compares generator and "
        "discriminator can be applied"
    ]


def _numbers(table: Table) -> dict[str, np.ndarray]:
    """Return the numeric columns, without the rows of a damaged file that lack their epoch."""
    has_epoch = np.isfinite(table.column("epoch"))
    names = {*table.numeric(), "epoch"} if len(has_epoch) else set()
    found = {name: table.column(name) for name in table.names if name in names}
    return found if has_epoch.all() else {name: values[has_epoch] for name, values in found.items()}


def _whole(columns: dict[str, np.ndarray], traits: FamilyTraits) -> dict[str, np.ndarray]:
    """Return the columns, without those of both players where a damaged file lacks the columns of one role."""
    roles = [names for role in _PLAYERS if (names := traits.columns(role))]
    if all(any(name in columns for name in names) for names in roles):
        return columns
    return {name: values for name, values in columns.items() if not any(name in names for names in roles)}


def _without_gaps(columns: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the columns with their gaps filled, and the masks (n,) of what was filled in those that had any.

    Programs log their players at different steps, so a cell without a number may only be one that nobody logged.
    """
    whole = {name: _filled(values) for name, values in columns.items()}
    masks = {name: np.isnan(columns[name]) & ~np.isnan(values) for name, values in whole.items()}
    return whole, {name: mask for name, mask in masks.items() if mask.any()}


def _filled(values: np.ndarray) -> np.ndarray:
    """Return a column (n,) with the NaN between its numbers interpolated, and those before and after them level.

    A start or an end that is longer than every pause between the numbers stays NaN: the player began later, or its
    numbers have ended. One row more than the pauses may be that of a last evaluation.
    """
    numbers = np.flatnonzero(np.isfinite(values))
    if not len(numbers):
        return values
    filled = np.where(np.isnan(values), np.interp(np.arange(len(values)), numbers, values[numbers]), values)
    if len(numbers) > 1:  # of one number, nobody knows the pauses
        pause = int(np.diff(numbers).max())
        if numbers[0] > pause:
            filled[: numbers[0]] = values[: numbers[0]]
        if len(values) - 1 - numbers[-1] > pause:
            filled[numbers[-1] + 1 :] = values[numbers[-1] + 1 :]
    return filled


def _without_sparse(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the columns (n,) without those that have pauses and fewer numbers than a rule needs.

    What fills their pauses would decide. Where numbers have ended before the rows do, all columns stay: that is told
    of a few numbers as well.
    """
    found = {name: np.flatnonzero(np.isfinite(values)) for name, values in columns.items()}
    pauses = {name: int(np.diff(numbers).max()) for name, numbers in found.items() if len(numbers) > 1}
    if any(len(columns[name]) - 1 - found[name][-1] > pause for name, pause in pauses.items()):
        return columns
    few = {name for name, numbers in found.items() if 0 < len(numbers) < min(LEAST_BLOCKS * ROWS, len(columns[name]))}
    return {name: values for name, values in columns.items() if name not in few or pauses.get(name, 2) == 1}


def _histograms(cells: list[str]) -> np.ndarray:
    """Return the counts of the histogram cells, shape (k, BINS); a damaged cell counts as zeros."""
    found = np.zeros((len(cells), BINS))
    for row, cell in zip(found, cells, strict=True):
        words = str(cell).split()
        if len(words) == BINS and all(word.isdigit() for word in words):
            row[:] = [int(word) for word in words]
    return found
