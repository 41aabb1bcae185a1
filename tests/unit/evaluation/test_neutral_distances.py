"""Distances of neutral lungs: a feature that never varies decides nothing."""

from typing import Any

import numpy as np

from gan_core.evaluation import neutral_distances
from gan_core.evaluation.neutral_distances import Space


class Drawn:
    """As many lungs as there are rows of features."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows
        self.patients = [str(number) for number in range(len(rows))]


def space(name: str, shift: float = 0.0) -> Space:
    def features(lungs: Any) -> np.ndarray:
        """The last feature is that of a dead channel, which wakes up in other pictures."""
        return np.column_stack((lungs.rows, np.full(len(lungs.rows), shift if lungs.rows.mean() > 1 else 0.0)))

    return Space(name, features)


def test_a_dead_feature_is_left_out() -> None:
    rng = np.random.default_rng(0)
    real, other = (Drawn(rng.normal(mean, 1, (60, 5))) for mean in (0, 3))
    notes: list[str] = []
    given: Any = real
    dead, awake = neutral_distances.targets(given, 60, [space("still"), space("wakes", 5.0)], 0, notes.append)
    made: Any = other
    one, two = (target.distance(made, 0) for target in (dead, awake))
    assert one["frechet"].value == two["frechet"].value and one["kid"].value == two["kid"].value
    assert 10 < one["frechet"].value < 100 and dead.alive.tolist() == [True] * 5 + [False]
