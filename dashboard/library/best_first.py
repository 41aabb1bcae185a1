"""Which run a page offers first, where its visitor has not chosen one."""

import math

from gan_core.config import BASELINE, RunConfig
from gan_core.errors import UserError
from gan_core.evaluation import results
from gan_core.families import registry
from gan_core.runs import Run

NEAR = 3.0  # floors: a generator of at most this Fréchet distance is near to real images


def place(run: Run, config: RunConfig) -> tuple[bool, bool, bool, int, bool, float]:
    """Return a key that sorts runs, the best first.

    Graded translators come first and baselines last. Of the rest, generators that were measured to be near to real
    images come before others, so that a first try of many pixels is not shown to everybody. Then come larger images
    before smaller ones, real data before drawn ones, and the nearest to real images first.
    """
    distance = _times_floor(run)
    graded = registry.traits_of(config).graded
    drawn = config.source.startswith("phantom:")
    return config.preset.endswith(BASELINE), not graded, distance > NEAR, -config.image_size, drawn, distance


def _times_floor(run: Run) -> float:
    """Return a generator's Fréchet distance as a multiple of its floor; infinite where it was not measured."""
    try:
        measure = results.read(run.evaluation).fidelity["all"].measures["frechet"]
    except (UserError, KeyError):
        return math.inf
    return measure.value / measure.floor if measure.floor else math.inf
