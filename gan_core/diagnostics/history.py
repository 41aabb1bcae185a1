"""What a run has logged, as plain arrays: all that the rules look at."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np

from gan_core.config import RunConfig
from gan_core.diagnostics.measured_distance import DistanceCurve, way
from gan_core.errors import UserError
from gan_core.evaluation import results
from gan_core.evaluation.results import Progress
from gan_core.families import registry
from gan_core.objectives import Objective
from gan_core.runs import Run, Status
from gan_core.runs.tables import Table
from gan_core.traits import FamilyTraits

BINS = 40  # of the score histograms, from -10 to 10
BIN_WIDTH = 0.5
BLOCKS = 40  # a run is looked at in so many parts at most ...
ROWS = 3  # ... of so many rows at least

_NORMAL = NormalDist()

# Both players' columns are looked at together.
_PLAYERS = ("generator_loss", "discriminator_loss", "accuracy_real", "accuracy_fake", "accuracy_pairs")


@dataclass(frozen=True)
class Record:
    """The tables of one run. Arrays of metrics are (n,) over rows, those of previews (k,), scores (k, BINS)."""

    metrics: Mapping[str, np.ndarray]
    previews: Mapping[str, np.ndarray] = field(default_factory=dict)
    scores: Mapping[str, np.ndarray] = field(default_factory=dict)  # of real, held_out and generated images
    traits: FamilyTraits = field(default_factory=FamilyTraits)  # what the run's family says of its columns
    state: str = "finished"
    reason: str | None = None
    epochs: int = 0  # planned
    way: DistanceCurve | None = None  # the distance to real images, where it was measured on the way

    @property
    def task(self) -> str:
        """generate or translate."""
        return self.traits.task

    @property
    def objective(self) -> Objective:
        """What is known of the objective that generator and discriminator play by."""
        return self.traits.objective_info

    def columns(self, role: str) -> tuple[str, ...]:
        """The columns of metrics.csv that play a role (see `gan_core.metrics.Metric`), if they are logged.

        A discriminator of pairs is right about both images of one or about neither: its accuracy is that on real
        images and that on generated ones.
        """
        roles = (role, "accuracy_pairs") if role in ("accuracy_real", "accuracy_fake") else (role,)
        return tuple(name for each in roles for name in self.traits.columns(each) if name in self.metrics)

    def mean(self, *roles: str) -> np.ndarray:
        """The mean of the columns of these roles, (n,); empty if there are none."""
        found = [self.metrics[name] for role in roles for name in self.columns(role)]
        return np.mean(found, axis=0) if found else np.empty(0)

    @property
    def chance(self) -> float:
        """Each player's loss where the discriminator guesses; NaN where the objective has no such value."""
        return math.nan if self.objective.chance is None else self.objective.chance

    @property
    def loss_scale(self) -> float:
        """The size that losses are measured by: that of guessing, or without one their median over the run."""
        if self.objective.chance is not None:
            return self.objective.chance
        values = np.abs(np.concatenate([self.mean(role) for role in ("generator_loss", "discriminator_loss")]))
        return float(np.nanmedian(values)) if np.isfinite(values).any() else math.nan

    @property
    def judged(self) -> str:
        """What the discriminator is right or wrong about."""
        return "pairs" if self.objective.pairs else "images"

    @property
    def found(self) -> str:
        """What it finds if it is right about what the generator made."""
        return "pairs' generated images" if self.objective.pairs else "generated images"

    def accuracy(self, share: float) -> float:
        """The accuracy that says as much as being right about `share` of single images.

        Whoever may look at a real and a generated image together is right more often: where the scores of both kinds
        are normal, at sqrt(2) times the distance from chance, in standard deviations.
        """
        if not self.objective.pairs:
            return share
        return _NORMAL.cdf(math.sqrt(2) * _NORMAL.inv_cdf(share))

    @property
    def epoch(self) -> np.ndarray:
        """(n,)"""
        return self.metrics.get("epoch", np.empty(0))

    @property
    def preview_epochs(self) -> np.ndarray:
        """(k,)"""
        return self.previews.get("epoch", np.empty(0))

    @property
    def boundary(self) -> int:
        """The bin of the histograms from which on an image is called real."""
        return BINS // 2 + round((self.objective.boundary or 0.0) / BIN_WIDTH)

    def blocks(self, values: np.ndarray) -> np.ndarray:
        """Means (b,) of values (n,) over b parts of the run of the same length; not-a-number where a part has one."""
        return np.array([part.mean() for part in np.array_split(values, self.block_count)]) if len(values) else values

    @property
    def block_count(self) -> int:
        return int(np.clip(len(self.epoch) // ROWS, 1, BLOCKS))

    def block_start(self, index: int) -> float:
        """The epoch at which a block begins, 0 for the first."""
        return float(index and np.array_split(self.epoch, self.block_count)[index][0])

    def block_end(self, index: int) -> float:
        return float(np.array_split(self.epoch, self.block_count)[index][-1])


def read(run: Run) -> Record:
    """What a run has logged so far.

    Raises:
        UserError: its config cannot be read.
    """
    metrics, previews = run.metrics(), run.epochs()
    metrics.poll()
    previews.poll()
    try:
        progress = results.read(run.evaluation).progress if run.evaluation.is_file() else None
    except UserError:
        progress = None  # who asks for the evaluation is told that it is damaged
    return record(run.config(), run.status(), metrics, previews, progress)


def record(
    run_config: RunConfig, status: Status, metrics: Table, previews: Table, progress: Progress | None = None
) -> Record:
    """From a run's tables, polled already, and from what was measured of it on the way."""
    traits = registry.traits_of(run_config, metrics.names)
    told = np.isfinite(previews.column("epoch"))
    return Record(
        metrics=_whole(_numbers(metrics), traits),
        previews=_numbers(previews),
        scores={
            name.removeprefix("scores/"): _histograms(previews.text(name))[told]
            for name in previews.names
            if name.startswith("scores/") and previews.text(name) and len(told)
        },
        traits=traits,
        state=status.state,
        reason=status.reason,
        epochs=run_config.epochs,
        way=way(progress, reached[-1] if len(reached := metrics.column("epoch")) else 0.0),
    )


def _numbers(table: Table) -> dict[str, np.ndarray]:
    """The columns of numbers, without the rows that a damaged file no longer tells the epoch of."""
    told = np.isfinite(table.column("epoch"))
    names = {*table.numeric(), "epoch"} if len(told) else set()
    found = {name: table.column(name) for name in table.names if name in names}
    return found if told.all() else {name: values[told] for name, values in found.items()}


def _whole(columns: dict[str, np.ndarray], traits: FamilyTraits) -> dict[str, np.ndarray]:
    """The columns; without the players' where a damaged file has lost those of one role."""
    roles = [names for role in _PLAYERS if (names := traits.columns(role))]
    if all(any(name in columns for name in names) for names in roles):
        return columns
    return {name: values for name, values in columns.items() if not any(name in names for names in roles)}


def _histograms(cells: list[str]) -> np.ndarray:
    """Counts (k, BINS); a cell that is damaged counts nothing."""
    found = np.zeros((len(cells), BINS))
    for row, cell in zip(found, cells, strict=True):
        words = str(cell).split()
        if len(words) == BINS and all(word.isdigit() for word in words):
            row[:] = [int(word) for word in words]
    return found
