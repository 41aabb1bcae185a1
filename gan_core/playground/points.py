"""What the playground's networks learn: distributions of points in the plane whose modes are known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

REACH = 1.6  # the plane that is drawn: both coordinates in [-REACH, REACH]
SPREAD = 0.08  # standard deviation of a point about its mode
NEAR = 3 * SPREAD  # a generated point within this distance belongs to a mode
FAIR = 0.25  # of an even share of the generated points: with fewer near it, a mode is not covered

RING, GRID_SIDE, PIECES = 8, 5, 12
FEWEST, MOST = 3, 400  # points of a drawing
APART = 0.3  # distance of the modes that a drawing is divided into

Sampler = Callable[[int, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Distribution:
    """A distribution of points.

    modes: float32 (M, 2), their centres. noun: what a mode is called, in the plural: a curve has no modes, and is
    divided into pieces of equal length. draw: (count, rng) -> float32 (count, 2).
    """

    modes: np.ndarray
    noun: str
    near: float
    draw: Sampler

    def covered(self, points: np.ndarray) -> np.ndarray:
        """Whether each mode is covered, bool (M,): it has a quarter of an even share of the points (N, 2) near it."""
        distance = np.linalg.norm(points[:, None] - self.modes[None], axis=2)
        nearest = distance.argmin(1)
        belongs = distance[np.arange(len(points)), nearest] <= self.near
        counts = np.bincount(nearest[belongs], minlength=len(self.modes))
        return counts >= max(1.0, FAIR * len(points) / len(self.modes))

    def precision(self, points: np.ndarray) -> float:
        """Share of the points (N, 2) that lie near a mode."""
        distance = np.linalg.norm(points[:, None] - self.modes[None], axis=2)
        return float((distance.min(1) <= self.near).mean())


def ring() -> Distribution:
    """Eight Gaussians on a circle of radius 1 (Metz 2016, arXiv:1611.02163, section 3.1, there of radius 2)."""
    angles = np.arange(RING) * 2 * np.pi / RING
    return _gaussians(np.stack([np.cos(angles), np.sin(angles)], 1))


def grid() -> Distribution:
    """25 Gaussians on a grid (Dumoulin 2016, arXiv:1606.00704, section 4.1)."""
    places = np.linspace(-1.2, 1.2, GRID_SIDE)
    return _gaussians(np.stack(np.meshgrid(places, places), 2).reshape(-1, 2))


def moons() -> Distribution:
    """Two half circles that reach into each other, as of scikit-learn's make_moons."""

    def at(place: np.ndarray) -> np.ndarray:
        angle = np.pi * np.where(place < 0.5, 2 * place, 2 * place - 1)
        upper = np.stack([np.cos(angle) - 0.5, np.sin(angle) - 0.25], 1)
        lower = np.stack([0.5 - np.cos(angle), 0.25 - np.sin(angle)], 1)
        return 0.85 * np.where(place[:, None] < 0.5, upper, lower)

    return _curve(at)


def line() -> Distribution:
    """A straight line from corner to corner."""
    return _curve(lambda place: np.stack([2.4 * place - 1.2, 1.6 * place - 0.8], 1))


def drawn(points: Sequence[Sequence[float]]) -> Distribution:
    """Points that a visitor drew, (N, 2) inside the plane; each is as likely as any other."""
    given = np.asarray(points, np.float64).reshape(-1, 2)
    return Distribution(_divided(given), "parts", APART / 2 + SPREAD, _about(given, SPREAD / 2))


BY_NAME: dict[str, Callable[[], Distribution]] = {"ring": ring, "moons": moons, "grid": grid, "line": line}


def _gaussians(modes: np.ndarray) -> Distribution:
    return Distribution(modes.astype(np.float32), "modes", NEAR, _about(modes, SPREAD))


def _about(centres: np.ndarray, spread: float) -> Sampler:
    def draw(count: int, rng: np.random.Generator) -> np.ndarray:
        chosen = centres[rng.integers(len(centres), size=count)]
        return (chosen + spread * rng.standard_normal((count, 2))).astype(np.float32)

    return draw


def _curve(at: Callable[[np.ndarray], np.ndarray]) -> Distribution:
    """A curve: `at` maps places (N,) in [0, 1), evenly along it, to points (N, 2)."""

    def draw(count: int, rng: np.random.Generator) -> np.ndarray:
        return (at(rng.random(count)) + SPREAD / 2 * rng.standard_normal((count, 2))).astype(np.float32)

    pieces = at((np.arange(PIECES) + 0.5) / PIECES)
    steps = np.linalg.norm(at((np.arange(PIECES) + 0.99) / PIECES) - at(np.arange(PIECES) / PIECES), axis=1)
    return Distribution(pieces.astype(np.float32), "pieces", float(steps.mean()) / 2 + SPREAD, draw)


def _divided(points: np.ndarray) -> np.ndarray:
    """Points (M, 2) of a drawing such that each of its points is within APART of one: the farthest first."""
    chosen = [points[0]]
    distance = np.linalg.norm(points - chosen[0], axis=1)
    while distance.max() > APART:
        chosen.append(points[int(distance.argmax())])
        distance = np.minimum(distance, np.linalg.norm(points - chosen[-1], axis=1))
    return np.asarray(chosen, np.float32)
