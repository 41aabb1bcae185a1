"""The deep structures of the MRI phantom's brain: ventricles, cisterns and nuclei.

Each structure is a row of merged balls, in cm of a brain 13.6 cm wide and 16.6 cm long. It is given at a few levels of
the slice and interpolated linearly between them. A radius below 0 means that the slice does not cut that ball. The
proportions follow anatomical atlases, by eye.
"""

from itertools import pairwise

import numpy as np

Knots = tuple[tuple[float, float, float], ...]  # (x, y, radius) from front to back, on the patient's left
Loft = dict[float, Knots]  # level -> knots, the same number at each level


def gone(knots: Knots) -> Knots:
    """Return the same row at a level where the slice does not cut it."""
    return tuple((x, y, -0.35) for x, y, _ in knots)


_BODY: Knots = (
    (1.75, -2.8, 0.0),
    (1.42, -2.1, 0.24),
    (1.05, -1.0, 0.34),
    (0.95, 0.2, 0.34),
    (1.1, 1.3, 0.34),
    (1.5, 2.3, 0.24),
    (1.8, 3.0, -0.1),
)
LATERAL: Loft = {
    0.0: (
        (1.75, -3.1, 0.08),
        (1.28, -2.4, 0.28),
        (0.7, -1.5, 0.24),
        (0.7, 0.2, -0.6),
        (1.5, 1.9, -0.1),
        (2.1, 2.9, 0.2),
        (2.5, 4.2, 0.1),
    ),
    0.18: (
        (1.75, -3.3, 0.12),
        (1.25, -2.4, 0.34),
        (0.6, -1.3, 0.26),
        (0.7, 0.2, -0.25),
        (1.0, 1.9, 0.08),
        (1.6, 2.9, 0.34),
        (2.1, 4.0, 0.14),
    ),
    0.35: (
        (1.65, -3.3, 0.12),
        (1.15, -2.4, 0.34),
        (0.55, -1.1, 0.3),
        (0.6, 0.3, 0.26),
        (0.85, 1.6, 0.32),
        (1.35, 2.7, 0.36),
        (1.8, 3.6, 0.08),
    ),
    0.48: _BODY,
    0.62: gone(_BODY),
}

_CAUDATE: Knots = ((1.95, -1.6, 0.1), (1.7, -0.6, 0.14), (1.6, 0.5, 0.08))
CAUDATE: Loft = {
    0.0: ((1.75, -2.6, 0.35), (1.72, -2.0, 0.52), (1.55, -1.4, 0.32)),
    0.18: ((1.95, -2.6, 0.28), (1.7, -1.8, 0.42), (1.35, -0.7, 0.22)),
    0.35: ((1.9, -2.3, 0.2), (1.5, -1.2, 0.27), (1.3, 0.2, 0.15)),
    0.48: _CAUDATE,
    0.6: gone(_CAUDATE),
}

_PUTAMEN: Knots = ((2.7, -1.6, 0.2), (3.0, -0.5, 0.34), (3.05, 0.8, 0.12))
PUTAMEN: Loft = {
    0.0: ((2.7, -2.0, 0.42), (3.1, -0.6, 0.48), (3.2, 0.9, 0.18)),
    0.2: _PUTAMEN,
    0.34: gone(_PUTAMEN),
}

_PALLIDUM: Knots = ((2.1, -0.9, 0.22), (2.4, -0.1, 0.36), (2.6, 0.5, 0.18))
PALLIDUM: Loft = {0.0: _PALLIDUM, 0.2: gone(_PALLIDUM)}

_THALAMUS: Knots = ((0.8, 0.1, 0.4), (1.05, 0.8, 0.6), (1.6, 1.6, 0.42))
THALAMUS: Loft = {
    0.0: ((0.72, -0.2, 0.5), (0.98, 0.7, 0.74), (1.5, 1.5, 0.58)),
    0.2: _THALAMUS,
    0.42: gone(_THALAMUS),
}

_THIRD: Knots = ((0.0, -1.0, 0.05), (0.0, 0.1, 0.15), (0.0, 1.3, 0.18))
THIRD: Loft = {0.0: _THIRD, 0.24: gone(_THIRD)}

_CISTERN: Knots = ((0.0, 2.5, 0.3), (0.0, 3.0, 0.4), (0.0, 3.7, 0.12))
CISTERN: Loft = {0.0: _CISTERN, 0.24: ((0.0, 3.2, 0.0), (0.0, 3.5, 0.18), (0.0, 4.0, 0.1)), 0.4: gone(_CISTERN)}

_WING: Knots = ((0.0, 2.6, 0.2), (0.8, 2.4, 0.16), (1.35, 1.95, 0.04))
WING: Loft = {0.0: _WING, 0.16: gone(_WING)}


def at_level(loft: Loft, level: float, growth: float = 1.0) -> np.ndarray | None:
    """Return the knots (K, 3) of a structure at `level`, radii times `growth`; None where the slice does not cut it."""
    levels = list(loft)
    if level >= levels[-1]:
        return None
    above = next(index for index, other in enumerate(levels) if other > level) if level > levels[0] else 1
    low, high = levels[above - 1], levels[above]
    share = float(np.clip((level - low) / (high - low), 0.0, 1.0))
    knots = (1 - share) * np.array(loft[low]) + share * np.array(loft[high])
    knots[:, 2] *= np.where(knots[:, 2] > 0, growth, 1.0)
    return knots if knots[:, 2].max() > 0 else None


def inside(knots: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the depth in cm inside a row of merged balls (K, 3): positive inside, float32 of the shape of `x`."""
    depth = np.full(x.shape, -9.0, np.float32)
    for (x0, y0, r0), (x1, y1, r1) in pairwise(knots):
        if max(r0, r1) <= 0:
            continue
        dx, dy = x1 - x0, y1 - y0
        along = 1.0 / (dx * dx + dy * dy)
        px, py = x - np.float32(x0), y - np.float32(y0)
        share = np.clip(px * np.float32(dx * along) + py * np.float32(dy * along), 0.0, 1.0)
        px -= share * np.float32(dx)
        py -= share * np.float32(dy)
        np.maximum(depth, r0 + share * np.float32(r1 - r0) - np.sqrt(px * px + py * py), out=depth)
    return depth
