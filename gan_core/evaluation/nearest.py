"""Two sets of features and who lies near whom; images can be left out again without measuring anew."""

from dataclasses import dataclass

import numpy as np

_KEPT = 64  # neighbours remembered: enough when some of them are left out
_ROWS = 1000  # of a matrix of distances at a time


@dataclass(frozen=True, eq=False)
class NearestNeighbours:
    """The nearest of a set's own images to each of them; squared distances."""

    distances: np.ndarray  # (N, kept), ascending
    places: np.ndarray  # (N, kept)

    @staticmethod
    def of(x: np.ndarray) -> "NearestNeighbours":
        kept, found = min(_KEPT, len(x) - 1), []
        for start in range(0, len(x), _ROWS):
            part = _squared(x[start : start + _ROWS], x)
            own = np.arange(len(part))
            part[own, start + own] = np.inf
            places = np.argpartition(part, kept - 1, 1)[:, :kept]
            order = np.argsort(np.take_along_axis(part, places, 1), 1)
            places = np.take_along_axis(places, order, 1)
            found.append((np.take_along_axis(part, places, 1), places))
        return NearestNeighbours(*(np.concatenate(each) for each in zip(*found, strict=True)))

    def radii(self, k: int, keep: np.ndarray) -> np.ndarray:
        """Squared distance from each kept image to its k-th nearest kept neighbour, shape (kept,)."""
        there = np.cumsum(keep[self.places[keep]], 1)
        place = (there < k).sum(1, keepdims=True).clip(max=there.shape[1] - 1)
        return np.take_along_axis(self.distances[keep], place, 1)[:, 0]


@dataclass(frozen=True, eq=False)
class TwoSampleNeighbours:
    """Neighbours within and across two sets, from which images can be left out without computing them anew."""

    real: NearestNeighbours
    fake: NearestNeighbours
    across: np.ndarray  # (real, fake), squared distances

    @staticmethod
    def of(real: np.ndarray, fake: np.ndarray) -> "TwoSampleNeighbours":
        middle = real.astype(np.float64).mean(0)  # smaller numbers lose less when they are squared
        a, b = real - middle, fake - middle
        return TwoSampleNeighbours(NearestNeighbours.of(a), NearestNeighbours.of(b), _squared(a, b))

    def shares(
        self, k: int, k_density: int, keep_real: np.ndarray | None = None, keep_fake: np.ndarray | None = None
    ) -> dict[str, float]:
        """The four shares by name, of the images that are kept."""
        keep_real = np.ones(len(self.across), bool) if keep_real is None else keep_real
        keep_fake = np.ones(self.across.shape[1], bool) if keep_fake is None else keep_fake
        across = self.across[np.ix_(keep_real, keep_fake)]
        in_more = across <= self.real.radii(k_density, keep_real)[:, None]
        return {
            "precision": float((across <= self.real.radii(k, keep_real)[:, None]).any(0).mean()),
            "recall": float((across <= self.fake.radii(k, keep_fake)).any(1).mean()),
            "density": float(in_more.sum(0).mean() / k_density),
            "coverage": float(in_more.any(1).mean()),
        }


def _squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared distances float32 (len(a), len(b)), computed in double precision."""
    found = np.empty((len(a), len(b)), np.float32)
    lengths = np.square(b).sum(1)
    for start in range(0, len(a), _ROWS):
        part = a[start : start + _ROWS]
        found[start : start + _ROWS] = (np.square(part).sum(1)[:, None] + lengths - 2 * part @ b.T).clip(0)
    return found
