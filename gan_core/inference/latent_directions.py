"""Directions of a latent space for what can be measured in a picture, and what a direction changes.

    found = fit(space, brightness, values)         a Direction, or why there is none
    told = effect(space, direction, measures)      what changes from one end to the other, measured in pairs

A direction is the slope of a linear regression of the measure on latent vectors (as Shen 2020, arXiv:1907.10786, and
Jahanian 2020, arXiv:1907.07171, have them), with a ridge penalty that trusts the principal components of the generator
as far as they vary. Its share is the variance explained in pictures that were left out, one at a time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from gan_core.inference.latent_space import Direction, LatentSpace

LEAST = 0.1  # share of variance, in pictures left out, below which a direction explains nothing worth a slider
FEWEST = 32  # pictures in which a measure has to be found
PAIRS = 8  # latent vectors whose pictures at both ends are compared
_PENALTIES = np.logspace(-2, 4, 25)
_SEED = 2**41  # of the latent vectors that effects are measured on; none that directions were fitted to
_APART = 2.0  # standard deviations to each side


@dataclass(frozen=True, eq=False)
class Measure:
    """A number that is measured in a picture."""

    name: str  # within a sentence: "lung area"
    title: str  # of its direction: "Lung area"
    unit: str  # of a difference: "grey levels", "%" of the first value, or "" of a probability
    of: Callable[[np.ndarray], np.ndarray]  # pictures uint8 (N, H, W, C) -> float (N,), NaN where it is not found
    samples: int = 1000  # most pictures that it is measured in, since some measures take long

    @property
    def probability(self) -> bool:
        return not self.unit


@dataclass(frozen=True)
class Absent:
    """A direction that is not offered, and why."""

    title: str
    reason: str


@dataclass(frozen=True)
class Change:
    """How much a measure differs between both ends of a direction, on average, with a 95 % confidence interval."""

    measure: Measure
    mean: float
    margin: float

    @property
    def clear(self) -> bool:
        return abs(self.mean) > self.margin

    def __str__(self) -> str:
        name = self.measure.name
        if not self.clear:
            return f"{name}: no clear change"
        digits = 2 if self.measure.probability else 0
        space = "" if self.measure.unit in ("", "%") else " "
        told = f"{self.mean:+.{digits}f}".replace("-", "\N{MINUS SIGN}")
        return f"{name} {told} \N{PLUS-MINUS SIGN} {self.margin:.{digits}f}{space}{self.measure.unit}"


@dataclass(frozen=True)
class Effect:
    """What a direction changes, from 2 standard deviations below the middle to 2 above it (a class code: all of it)."""

    changes: tuple[Change, ...]
    rest: float  # grey levels: mean absolute change of a pixel beyond that of the mean brightness
    pairs: int


def fit(space: LatentSpace, measure: Measure) -> Direction | Absent:
    """Return the direction in which a measure grows."""
    count = min(measure.samples, len(space.sample.pictures))
    values = np.asarray(measure.of(space.sample.pictures[:count]), np.float64)
    known = np.isfinite(values)
    if known.sum() < FEWEST:
        return Absent(measure.title, f"{measure.name} was found in {known.sum()} of {count} pictures only")
    values = _unbounded(values[known]) if measure.probability else values[known]
    if np.ptp(values) < 1e-6:
        return Absent(measure.title, f"{measure.name} is the same in all {count} pictures")
    steps, deviations = space.basis()
    places = (space.sample.z[:count][known] @ steps.T).astype(np.float64) * deviations
    slopes, share = ridge(places, values)
    if share < LEAST:
        return Absent(
            measure.title,
            f"no direction of the latent space explains {measure.name}: {max(share, 0):.0%} of its variance in "
            f"pictures left out, of {len(values)}",
        )
    step = steps.T @ (slopes * deviations)
    return Direction(measure.title, (step / np.linalg.norm(step)).astype(np.float32), float(share))


def ridge(inputs: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the slopes float64 (K,) of a ridge regression of values (N,) on inputs (N, K), and the share of variance
    that it explains in values left out one at a time. The penalty is the one with the largest share.
    """
    centre, middle = inputs.mean(0), values.mean()
    left, singular, right = np.linalg.svd(inputs - centre, full_matrices=False)
    target = left.T @ (values - middle)
    count = len(values)
    # What is left out is compared with the mean of the others.
    total = (((values - middle) * count / (count - 1)) ** 2).sum()
    best, slopes = -np.inf, np.zeros(inputs.shape[1])
    for penalty in _PENALTIES * max(float(singular[0]) ** 2, 1e-12) / count:
        kept = singular**2 / (singular**2 + penalty)
        leverage = (left**2 @ kept) + 1 / count
        missed = (values - middle - left @ (kept * target)) / np.maximum(1 - leverage, 1e-6)
        share = 1 - (missed**2).sum() / max(total, 1e-30)
        if share > best:
            best, slopes = float(share), right.T @ (singular / (singular**2 + penalty) * target)
    return slopes, best


def effect(space: LatentSpace, direction: Direction, measures: Sequence[Measure], pairs: int = PAIRS) -> Effect:
    """Measure what differs between pictures at both ends of a direction, drawn from the same latent vectors else."""
    bases = [space.point(_SEED + number) for number in range(pairs)]
    ends = (-_APART, _APART) if direction.to is None else direction.ends
    drawn = space.draw([space.moved(base, direction, end) for end in ends for base in bases])
    changes = tuple(_change(measure, *np.split(measure.of(drawn), 2)) for measure in measures)
    low, high = np.split(drawn.astype(np.float32), 2)
    difference = high - low
    rest = np.abs(difference - difference.mean((1, 2, 3), keepdims=True)).mean()
    return Effect(changes, float(rest), pairs)


def _change(measure: Measure, low: np.ndarray, high: np.ndarray) -> Change:
    differences = np.asarray(high, np.float64) - low
    found = np.isfinite(differences)
    differences = differences[found]
    if len(differences) < 3:
        return Change(measure, 0.0, np.inf)
    scale = 100 / max(float(low[found].mean()), 1e-9) if measure.unit == "%" else 1.0
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    # Student's t: scipy.stats, which has it too, takes half a second to import.
    margin = float(special.stdtrit(len(differences) - 1, 0.975) * error)
    return Change(measure, float(differences.mean()) * scale, margin * scale)


def _unbounded(chances: np.ndarray) -> np.ndarray:
    """Return log-odds, which are not bounded as probabilities are; those beyond 1 in 100 are as good as sure."""
    bounded = np.clip(chances, 0.01, 0.99)
    return np.log(bounded / (1 - bounded))
