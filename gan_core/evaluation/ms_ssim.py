"""Diversity of a set of pictures: MS-SSIM of random pairs, after Odena 2017 (arXiv:1610.09585, section 4.2)."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy import special

from gan_core.errors import UserError
from gan_core.evaluation.results import Measure

WINDOW, _DEVIATION = 11, 1.5  # pixels: size and standard deviation of SSIM's Gaussian window (Wang 2004)
_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales (Wang 2003, section 3.2), finest first
_C1, _C2 = 0.01**2, 0.03**2
_FEWEST = 5  # pairs
_BATCH = 100


def scales(size: int) -> int:
    """Return how many scales, each half of the one before, fit the window: 2 at 32 px, 3 at 64, 4 at 128, 5 at 256."""
    return next((count for count in range(len(_WEIGHTS), 0, -1) if size >> (count - 1) >= WINDOW), 0)


def ms_ssim(pictures: np.ndarray, *, pairs: int, seed: int, classes: Sequence[str] | None = None) -> Measure:
    """Return the mean MS-SSIM of random pairs; higher means less diverse, and 1 means that all pictures are equal.

    No picture is in two pairs, so the pairs are independent draws and the 95 % interval of the mean (Student's t) is
    valid. Of Wang's five scales, those that fit the pictures are used, with weights normalised to a sum of 1. So values
    of different picture sizes cannot be compared.

    Args:
        pictures: uint8 (N, H, W, C).
        pairs: number of pairs, at most half of the pictures.
        seed: seed of the pairing.
        classes: the class of each picture; pairs then stay within a class. None: pairs cross classes.

    Raises:
        UserError: there are fewer than five pairs, pictures are under 11 px, or none has any contrast.
    """
    count = scales(min(pictures.shape[1:3]))
    if not count:
        height, width = pictures.shape[1:3]
        raise UserError(f"pictures of {width} x {height} px are too small for SSIM: take {WINDOW} px or more")
    chosen = _pairs(len(pictures), classes, np.random.default_rng(seed))[:pairs]
    if len(chosen) < _FEWEST:
        raise UserError(f"{len(pictures)} pictures make {len(chosen)} pairs, too few for MS-SSIM: take more")
    if not pictures.std((1, 2, 3)).any():
        raise UserError("every picture is a uniform grey: there is nothing to compare")
    batches = [chosen[start : start + _BATCH] for start in range(0, len(chosen), _BATCH)]
    values = np.concatenate([similarity(pictures[part[:, 0]], pictures[part[:, 1]], count) for part in batches])
    mean = float(values.mean())
    # Student's t: scipy.stats, which has it too, takes half a second to import.
    half_width = float(special.stdtrit(len(values) - 1, 0.975) * values.std(ddof=1) / np.sqrt(len(values)))
    return Measure(mean, max(mean - half_width, 0.0), min(mean + half_width, 1.0), count=len(values))


def similarity(a: np.ndarray, b: np.ndarray, count: int) -> np.ndarray:
    """Return the MS-SSIM float64 (N,) of pictures uint8 (N, H, W, C) on `count` scales (Wang 2003, equation 7).

    As in Wang's own program, only positions where the whole window lies inside the picture count. A scale with negative
    mean structure counts as 0, because a negative number has no fractional power.
    """
    x, y = (each.transpose(0, 3, 1, 2) / 255 for each in (a, b))
    found = np.ones(len(x))
    for scale, weight in enumerate(_WEIGHTS[:count]):
        luminance, structure = _ssim(x, y)
        both = luminance * structure if scale == count - 1 else structure
        found *= both.mean((1, 2, 3)).clip(0) ** (weight / sum(_WEIGHTS[:count]))
        x, y = _downsample(x), _downsample(y)
    return found


def _ssim(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return maps of SSIM's luminance and of its contrast times structure, for pictures (N, C, H, W) in [0, 1]."""
    down, across = _window(x.shape[2]), _window(x.shape[3]).T

    def blurred(values: np.ndarray) -> np.ndarray:
        return down @ values @ across

    mean_x, mean_y = blurred(x), blurred(y)
    variance = np.maximum(blurred(x * x) - mean_x**2, 0) + np.maximum(blurred(y * y) - mean_y**2, 0)
    covariance = blurred(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    return luminance, (2 * covariance + _C2) / (variance + _C2)


@cache
def _window(size: int) -> np.ndarray:
    """Return the Gaussian at every position where it fits a line of `size` pixels: (size - WINDOW + 1, size)."""
    gaussian = np.exp(-(np.arange(-(WINDOW // 2), WINDOW // 2 + 1) ** 2) / (2 * _DEVIATION**2))
    places = np.arange(size - WINDOW + 1)[:, None] + np.arange(WINDOW)
    found = np.zeros((len(places), size))
    np.put_along_axis(found, places, gaussian / gaussian.sum(), 1)
    return found


def _downsample(x: np.ndarray) -> np.ndarray:
    """Average blocks of 2 x 2 pixels; drop an odd last row or column."""
    height, width = (side // 2 * 2 for side in x.shape[2:])
    return x[..., :height, :width].reshape(*x.shape[:2], height // 2, 2, width // 2, 2).mean((3, 5))


def _pairs(count: int, classes: Sequence[str] | None, rng: np.random.Generator) -> np.ndarray:
    """Return positions (pairs, 2) in random order, each position at most once."""
    order = rng.permutation(count)
    listed = np.zeros(count, np.int64) if classes is None else np.asarray(classes)
    if len(listed) != count:
        raise UserError(f"{len(listed)} classes for {count} pictures: name the class of each picture")
    found = []
    for name in np.unique(listed):
        members = order[listed[order] == name]
        found.append(members[: len(members) // 2 * 2].reshape(-1, 2))
    return rng.permutation(np.concatenate(found)) if found else np.empty((0, 2), np.int64)
