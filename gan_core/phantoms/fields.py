"""Building blocks of the phantoms: grids in body coordinates, smooth random fields, tabulated curves, blurs.

Arrays are float32 of shape (N, N). Lengths are centimetres of the model adult; x points to the image's right, which is
the patient's left, and y downwards.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import ndimage

_TABLE_SPAN = 48.0
_TABLE_SIZE = 2048
_TABLE_AT = np.linspace(-_TABLE_SPAN, _TABLE_SPAN, _TABLE_SIZE)


@dataclass(frozen=True)
class View:
    """The position of the body in the image: half the image height and shifts in cm, stretch, rotation in radians."""

    half: float
    stretch: float
    rotation: float
    shift_x: float
    shift_y: float

    def grid(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the body coordinates (x, y) in cm of the n x n pixel centres; two (n, n) float32 arrays."""
        line = ((np.arange(n, dtype=np.float32) + 0.5) * (2.0 / n) - 1.0) * self.half
        cos, sin = float(np.cos(self.rotation)), float(np.sin(self.rotation))
        across, down = line[None, :] * self.stretch, line[:, None]
        return across * cos - down * sin - self.shift_x, across * sin + down * cos - self.shift_y

    def pixels(self, x: np.ndarray, y: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the (column, row) positions, in pixels of an n x n image, of points in body coordinates."""
        cos, sin = float(np.cos(self.rotation)), float(np.sin(self.rotation))
        moved_x, moved_y = x + self.shift_x, y + self.shift_y
        across = (moved_x * cos + moved_y * sin) / self.stretch
        down = -moved_x * sin + moved_y * cos
        scale = n / (2.0 * self.half)
        return across * scale + (n - 1) / 2, down * scale + (n - 1) / 2


def table(points: dict[float, float], smooth: float = 1.0) -> np.ndarray:
    """Tabulate a curve through the points, smoothed over `smooth` cm, for `table_index`."""
    values = np.interp(_TABLE_AT, list(points), list(points.values()))
    width = int(smooth * _TABLE_SIZE / (2 * _TABLE_SPAN))
    if width > 1:
        values = ndimage.uniform_filter1d(
            ndimage.uniform_filter1d(values, width, mode="nearest"), width, mode="nearest"
        )
    return values.astype(np.float32)


def table_index(values: np.ndarray) -> np.ndarray:
    """Return the index of each value in a `table`."""
    index = (values + _TABLE_SPAN) * ((_TABLE_SIZE - 1) / (2 * _TABLE_SPAN)) + 0.5
    return np.clip(index, 0, _TABLE_SIZE - 1).astype(np.intp)


def smoothstep(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return 0 below `low`, 1 above `high` and a smooth cubic between; `low` > `high` gives a falling step."""
    t = np.clip((values - low) * (1.0 / (high - low)), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def chord(squared: np.ndarray) -> np.ndarray:
    """Return half the path of a ray through a unit ball at a squared distance from its centre."""
    return np.sqrt(np.maximum(1.0 - squared, 0.0))


def ellipse(
    x: np.ndarray, y: np.ndarray, centre: tuple[float, float], radii: tuple[float, float], tilt: float = 0.0
) -> np.ndarray:
    """Return the squared elliptical distance from `centre`, 1 on the outline.

    tilt: in radians, clockwise in the image.
    """
    cos, sin = float(np.cos(tilt)), float(np.sin(tilt))
    dx, dy = x - centre[0], y - centre[1]
    along = dx * (cos / radii[0]) + dy * (sin / radii[0])
    aside = dy * (cos / radii[1]) - dx * (sin / radii[1])
    return along * along + aside * aside


def segment(x: np.ndarray, y: np.ndarray, start: tuple[float, float], end: tuple[float, float]) -> np.ndarray:
    """Return the squared distance (cm^2) to the line segment from `start` to `end`."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    px, py = x - start[0], y - start[1]
    t = np.clip((px * dx + py * dy) * (1.0 / (dx * dx + dy * dy)), 0.0, 1.0)
    return (px - t * dx) ** 2 + (py - t * dy) ** 2


@lru_cache(maxsize=64)
def _cubic(n: int, m: int) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Return the four cubic B-spline taps that enlarge m samples to n: the (n,) indices and (n, 1) weights of each."""
    at = (np.arange(n) + 0.5) * (m / n) - 0.5
    first = np.floor(at).astype(np.intp) - 1
    taps = []
    for step in range(4):
        distance = np.abs(at - (first + step))
        near = 2.0 / 3.0 - distance**2 + distance**3 / 2.0
        far = np.maximum(2.0 - distance, 0.0) ** 3 / 6.0
        weights = np.where(distance < 1.0, near, far).astype(np.float32)[:, None]
        taps.append((np.clip(first + step, 0, m - 1), weights))
    return tuple(taps)


def enlarge(field: np.ndarray, n: int) -> np.ndarray:
    """Return a small (m, m) field enlarged smoothly to (n, n)."""
    # Gathered rows instead of a matrix product: a threaded BLAS is many times slower on a busy machine.
    for _ in range(2):
        turned = field.T
        (index, weights), *rest = _cubic(n, field.shape[1])
        field = turned[index] * weights
        for index, weights in rest:
            field += turned[index] * weights
    return field


def clouds(rng: np.random.Generator, n: int, cells: tuple[int, ...], fall: float) -> np.ndarray:
    """Return fractal noise (n, n) of about unit variance: octaves of `cells` cells a side, each `fall` times as strong.

    The random draws do not depend on n, so every size shows the same clouds.
    """
    total = np.zeros((cells[0], cells[0]), np.float32)
    strength = 1.0
    power = 0.0
    for count in cells:
        # A cubic B-spline of white noise keeps (151 / 315)^2 of its variance.
        total = enlarge(total, count) + rng.standard_normal((count, count), np.float32) * (strength * 2.086)
        power += strength * strength
        strength *= fall
    return enlarge(total, n) * (1.0 / float(np.sqrt(power)))


def splat(columns: np.ndarray, rows: np.ndarray, weights: np.ndarray, n: int) -> np.ndarray:
    """Sum point weights, each split over its four nearest pixels, to (n, n) float32; points outside are dropped."""
    inside = (columns >= 0) & (columns < n - 1) & (rows >= 0) & (rows < n - 1)
    columns, rows, weights = columns[inside], rows[inside], weights[inside]
    left, top = columns.astype(np.intp), rows.astype(np.intp)
    right_share, low_share = columns - left, rows - top
    base = top * n + left
    index = np.concatenate([base, base + 1, base + n, base + n + 1])
    shares = np.concatenate(
        [
            weights * (1 - right_share) * (1 - low_share),
            weights * right_share * (1 - low_share),
            weights * (1 - right_share) * low_share,
            weights * right_share * low_share,
        ]
    )
    return np.bincount(index, shares, n * n).reshape(n, n).astype(np.float32)


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Blur with a Gaussian of `sigma` pixels: not at all below 0.4 pixels, and on a reduced copy where it is wide."""
    if sigma < 0.4:
        return image
    n = image.shape[0]
    step = int(min(sigma / 2.0, n // 16))
    if step >= 2 and n % step == 0:
        small = shrink(image, step)
        return enlarge(ndimage.gaussian_filter(small, sigma / step, mode="nearest", truncate=2.5), n)
    return ndimage.gaussian_filter(image, sigma, mode="nearest", truncate=2.5)


def shrink(image: np.ndarray, step: int) -> np.ndarray:
    """Return the mean of each step x step block, shape (N / step, N / step)."""
    if step == 1:
        return image
    rows, columns = image.shape[0] // step, image.shape[1] // step
    return image.reshape(rows, step, columns, step).mean(axis=(1, 3), dtype=np.float32)
