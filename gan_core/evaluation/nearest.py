"""Nearest neighbours within and across two sets of features; images can be left out without new distances."""

from dataclasses import dataclass

import numpy as np

_NEIGHBOURS = 64  # stored neighbours of each image: enough when a group is left out
_ROWS = 1000  # rows of a distance matrix at a time


@dataclass(frozen=True, eq=False)
class NearestNeighbours:
    """The nearest neighbours of each image within its own set."""

    distances: np.ndarray  # squared, (N, neighbours), ascending
    places: np.ndarray  # indices of the neighbours, (N, neighbours)

    @staticmethod
    def of(x: np.ndarray) -> "NearestNeighbours":
        """Find the neighbours of features float (N, D)."""
        count, found = min(_NEIGHBOURS, len(x) - 1), []
        for start in range(0, len(x), _ROWS):
            part = _squared(x[start : start + _ROWS], x)
            own = np.arange(len(part))
            part[own, start + own] = np.inf
            places = np.argpartition(part, count - 1, 1)[:, :count]
            order = np.argsort(np.take_along_axis(part, places, 1), 1)
            places = np.take_along_axis(places, order, 1)
            found.append((np.take_along_axis(part, places, 1), places))
        return NearestNeighbours(*(np.concatenate(each) for each in zip(*found, strict=True)))

    def radii(self, k: int, keep: np.ndarray) -> np.ndarray:
        """Return the squared distance from each kept image to its k-th nearest kept neighbour; keep: bool (N,)."""
        rank = np.cumsum(keep[self.places[keep]], 1)
        place = (rank < k).sum(1, keepdims=True).clip(max=rank.shape[1] - 1)
        return np.take_along_axis(self.distances[keep], place, 1)[:, 0]


@dataclass(frozen=True, eq=False)
class TwoSampleNeighbours:
    """Neighbours within and across two sets, computed once for any selection of their images."""

    real: NearestNeighbours
    fake: NearestNeighbours
    across: np.ndarray  # squared distances (real, fake)

    @staticmethod
    def of(real: np.ndarray, fake: np.ndarray) -> "TwoSampleNeighbours":
        """Measure two sets of features float (N, D) and (M, D)."""
        middle = real.astype(np.float64).mean(0)  # centred features lose less precision when squared
        a, b = real - middle, fake - middle
        return TwoSampleNeighbours(NearestNeighbours.of(a), NearestNeighbours.of(b), _squared(a, b))

    def shares(
        self, k: int, k_density: int, keep_real: np.ndarray | None = None, keep_fake: np.ndarray | None = None
    ) -> dict[str, float]:
        """Return precision, recall, density and coverage by name, of the kept images; None keeps all.

        k: neighbours for precision and recall. k_density: neighbours for density and coverage.
        """
        keep_real = np.ones(len(self.across), bool) if keep_real is None else keep_real
        keep_fake = np.ones(self.across.shape[1], bool) if keep_fake is None else keep_fake
        across = self.across[np.ix_(keep_real, keep_fake)]
        inside = across <= self.real.radii(k_density, keep_real)[:, None]
        return {
            "precision": float((across <= self.real.radii(k, keep_real)[:, None]).any(0).mean()),
            "recall": float((across <= self.fake.radii(k, keep_fake)).any(1).mean()),
            "density": float(inside.sum(0).mean() / k_density),
            "coverage": float(inside.any(1).mean()),
        }


def _squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return squared distances float32 (len(a), len(b)), computed in double precision."""
    found = np.empty((len(a), len(b)), np.float32)
    lengths = np.square(b).sum(1)
    for start in range(0, len(a), _ROWS):
        part = a[start : start + _ROWS]
        found[start : start + _ROWS] = (np.square(part).sum(1)[:, None] + lengths - 2 * part @ b.T).clip(0)
    return found
