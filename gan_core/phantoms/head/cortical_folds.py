"""The cortical folds of the MRI phantom: sulci that grow inwards from the brain's surface and keep a distance.

Lengths are centimetres in the coordinates of `tissues`. A sulcus is a chain of short segments; each end has half the
width of the fluid, and below zero the walls touch. The distance to the nearest segment separates fluid, cortex and
white matter, so that the cortex is equally thick everywhere.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np

from gan_core.phantoms.fields import View

STRIDE = 0.3  # cm that a sulcus grows in one step
_CLEARANCE = 0.57  # cm between two sulci: two cortices and a little white matter
_SIGHT = 1.4  # cm: a sulcus turns away from another that is nearer
_FAR = 9.0  # cm, larger than any distance that matters

Depth = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Segments:
    """M line segments of sulci and fissures."""

    start: np.ndarray  # (M, 2) in cm
    end: np.ndarray  # (M, 2) in cm
    wide: np.ndarray  # (M, 2): half the width of the fluid at each end, in cm


@dataclass(frozen=True)
class Habit:
    """The parameters of growth of the sulci in one slice."""

    surface: Depth  # depth below the brain's surface, in cm
    core: Depth  # below 1 inside the deep white matter, where no sulcus goes
    length: float  # cm, of a typical sulcus
    width: float  # cm, half the width of the fluid in the middle of a sulcus
    islands: int  # maximum number of sulci that the slice cuts apart from the surface


def chain(points: np.ndarray, wide: np.ndarray) -> Segments:
    """Return the segments along (K, 2) points, with half widths (K,), in cm."""
    return Segments(points[:-1], points[1:], np.stack([wide[:-1], wide[1:]], 1))


def join(parts: list[Segments]) -> Segments:
    """Return all segments of the parts as one."""
    return Segments(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("start", "end", "wide")))


def grow(roots: np.ndarray, inward: np.ndarray, fixed: Segments, habit: Habit, rng: np.random.Generator) -> Segments:
    """Grow sulci from (K, 2) roots along (K, 2) unit directions; return them with the `fixed` segments they avoid."""
    lengths = habit.length * np.where(np.arange(len(roots)) % 2, 1.0, 0.45) * np.exp(rng.normal(0, 0.35, len(roots)))
    forest = _Forest(fixed, habit, rng)
    forest.extend(roots, inward, lengths, opened=True)
    if habit.islands:
        spots = rng.uniform(-9, 9, (240, 2))
        deep = (habit.surface(*spots.T) > 0.75) & (habit.core(*spots.T) > 1.0)
        lonely = forest.lonely(spots[deep], 0.85, habit.islands)
        turn = rng.uniform(0, 2 * np.pi, len(lonely))
        ahead = np.stack([np.cos(turn), np.sin(turn)], 1)
        directions = np.stack([ahead, -ahead], 1).reshape(-1, 2)
        reach = habit.length * rng.uniform(0.2, 0.7, len(lonely))
        forest.extend(np.repeat(lonely, 2, 0), directions, np.repeat(reach, 2), False)
    return join([fixed, *forest.grown])


@dataclass(frozen=True)
class _Tips:
    """The growing tips of K sulci."""

    at: np.ndarray  # (K, 2) in cm
    direction: np.ndarray  # (K, 2) unit vectors
    owner: np.ndarray  # (K,) number of the sulcus, or of its branch
    length: np.ndarray  # (K,) cm, final length
    width: np.ndarray  # (K,) cm, half the width of the fluid at the root
    grown: np.ndarray  # (K,) cm from the root
    since: np.ndarray  # (K,) strides since the last fork

    def where(self, mask: np.ndarray) -> "_Tips":
        return _Tips(*(getattr(self, field.name)[mask] for field in fields(self)))

    def and_also(self, other: "_Tips") -> "_Tips":
        return _Tips(*(np.concatenate([getattr(part, field.name) for part in (self, other)]) for field in fields(self)))


class _Forest:
    """The growing sulci; all tips grow at the same time."""

    def __init__(self, fixed: Segments, habit: Habit, rng: np.random.Generator) -> None:
        self.habit, self.rng = habit, rng
        self.points = (fixed.start + fixed.end) / 2
        self.owners = np.full(len(self.points), -1)
        self.grown: list[Segments] = []
        self.count = 0

    def lonely(self, spots: np.ndarray, room: float, most: int) -> np.ndarray:
        """Return up to `most` spots (K, 2), `room` cm from every sulcus and 1.7 times that from each other."""
        clear = spots[_distances(spots, self.points).min(1) > room]
        kept: list[np.ndarray] = []
        for spot in clear:
            if len(kept) < most and all(np.hypot(*(spot - other)) > 1.7 * room for other in kept):
                kept.append(spot)
        return np.array(kept).reshape(-1, 2)

    def extend(self, roots: np.ndarray, directions: np.ndarray, lengths: np.ndarray, opened: bool) -> None:
        """Grow sulci from the roots until each has its length or no room is left.

        A sulcus that is not `opened` to the surface grows in both directions: it has two consecutive roots.
        """
        count = len(roots)
        owner = self.count + np.arange(count) // (1 if opened else 2)
        self.count += count
        width = self.habit.width * np.exp(np.clip(self.rng.normal(0, 0.45, count), -1, 0.8)) - (
            0.025 if opened else 0.05
        )
        tips = _Tips(roots, directions, owner, lengths, width, np.zeros(count), np.full(count, 9))
        self._remember(tips)
        while len(tips.at):
            before = tips
            direction = self._steer(tips)
            at, grown = tips.at + direction * STRIDE, tips.grown + STRIDE
            tips = replace(tips, at=at, direction=direction, grown=grown, since=tips.since + 1)
            free = self._free(tips, opened)
            before, tips = before.where(free), tips.where(free)
            wide = np.stack([_half_width(before, opened), _half_width(tips, opened)], 1)
            self.grown.append(Segments(before.at, tips.at, wide))
            self._remember(tips)
            tips = self._fork(tips)

    def _remember(self, tips: _Tips) -> None:
        self.points = np.concatenate([self.points, tips.at])
        self.owners = np.concatenate([self.owners, tips.owner])

    def _free(self, tips: _Tips, opened: bool) -> np.ndarray:
        """Return which of the tips may stay at their new positions, bool (K,)."""
        others = _distances(tips.at, self.points) + _FAR * (self.owners == tips.owner[:, None])
        young = opened & (tips.grown < 1.5 * STRIDE)
        free = (others.min(1) > np.where(tips.since < 4, 0.2, _CLEARANCE)) | young
        free &= self.habit.core(*tips.at.T) > 1.0
        free &= (self.habit.surface(*tips.at.T) > 0.55) | (opened & (tips.grown < 2.5 * STRIDE))
        return free & (tips.grown < tips.length + STRIDE)

    def _fork(self, tips: _Tips) -> _Tips:
        """Return the tips and the tips of new branches, where some have forked."""
        rng = self.rng
        forked = (rng.random(len(tips.at)) < 0.2) & (tips.grown > 0.5) & (tips.since > 2)
        count = int(forked.sum())
        angle = rng.choice([-1.0, 1.0], count) * rng.uniform(0.7, 1.2, count)
        branch = tips.where(forked)
        owner = self.count + np.arange(count)
        self.count += count
        aside = _turn(branch.direction, angle)
        branch = replace(branch, direction=aside, owner=owner, width=branch.width * 0.7, since=0 * owner)
        turned = tips.direction.copy()
        turned[forked] = _turn(turned[forked], -0.6 * angle)
        return replace(tips, direction=turned, since=np.where(forked, 0, tips.since)).and_also(branch)

    def _steer(self, tips: _Tips) -> np.ndarray:
        """Return the unit directions (K, 2) of the next stride: ahead, with a random turn, away from the neighbours."""
        across, down = (tips.at[:, axis, None] - self.points[:, axis] for axis in (0, 1))
        squared = across * across + down * down + 0.05
        other = self.owners != tips.owner[:, None]
        push = np.maximum(1.0 / squared - _SIGHT**-2, 0.0) * other / np.sqrt(squared)
        away = np.stack([np.einsum("km,km->k", push, across), np.einsum("km,km->k", push, down)], 1)
        direction = _turn(tips.direction, self.rng.normal(0, 0.3, len(tips.direction))) + 0.25 * away
        return np.asarray(direction / np.sqrt((direction**2).sum(1, keepdims=True)))


def _half_width(tips: _Tips, opened: bool) -> np.ndarray:
    """Return half the width of the fluid at the tips: wide at the surface, narrow towards the end."""
    mouth = 0.07 * np.exp(-tips.grown / 0.3) if opened else 0.0
    return np.asarray(tips.width * (1.1 - 0.7 * np.minimum(tips.grown / tips.length, 1.0)) + mouth)


def _turn(vectors: np.ndarray, angle: np.ndarray) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([vectors[:, 0] * cos - vectors[:, 1] * sin, vectors[:, 0] * sin + vectors[:, 1] * cos], 1)


def _distances(spots: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the (K, M) distances between (K, 2) and (M, 2) points."""
    across, down = (spots[:, axis, None] - points[:, axis] for axis in (0, 1))
    return np.asarray(np.sqrt(across * across + down * down))


def nearest(segments: Segments, view: View, x: np.ndarray, y: np.ndarray, reach: float) -> np.ndarray:
    """Return the distance in cm to the fluid of the nearest segment, at most `reach`: float32 (n, n), below 0 inside.

    `x` and `y` are the coordinates of the pixels. Each segment updates only the pixels around it.
    """
    n = len(x)
    around = int(np.ceil((STRIDE / 2 + reach + 0.06) * n / (2.0 * view.half)))
    line = np.arange(-around, around + 1)
    down, across = (offset.ravel() for offset in np.meshgrid(line, line, indexing="ij"))
    disc = down**2 + across**2 <= around**2
    middle = (segments.start + segments.end) / 2
    columns, rows = view.pixels(middle[:, 0], middle[:, 1], n)
    columns, rows = np.rint(columns).astype(np.intp), np.rint(rows).astype(np.intp)
    inside = (np.minimum(columns, rows) >= around) & (np.maximum(columns, rows) < n - around)
    at = ((rows * n + columns)[inside, None] + (down * n + across)[disc]).ravel()
    start, end, wide = (part[inside].astype(np.float32) for part in (segments.start, segments.end, segments.wide))
    along = end - start
    along /= np.maximum((along**2).sum(1, keepdims=True), 1e-9)
    shape = len(start), -1
    px, py = x.ravel()[at].reshape(shape) - start[:, :1], y.ravel()[at].reshape(shape) - start[:, 1:]
    share = np.clip(px * along[:, :1] + py * along[:, 1:], 0.0, 1.0)
    px -= share * (end - start)[:, :1]
    py -= share * (end - start)[:, 1:]
    away = np.sqrt(px * px + py * py) - (wide[:, :1] + share * (wide[:, 1:] - wide[:, :1]))
    field = np.full(n * n, reach, np.float32)
    np.minimum.at(field, at, away.ravel())
    return field.reshape(n, n)
