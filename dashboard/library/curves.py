"""Long curves made short: smoothed over all rows, then reduced to at most 1000 points that keep every spike.

A followed curve costs what was appended, however long it has become: smoothing and reduction go on from where they
stopped.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from tsdownsample import MinMaxLTTBDownsampler

from gan_core.runs.tables import Table

V = TypeVar("V")

POINTS = 1000  # a trace
SMOOTH_POINTS = 500  # a smoothed one, which has few spikes to keep
SMOOTHING = 0.9  # of the curves at first, and of the last values in tables
_KEPT = 64  # curves a followed table keeps ready


@dataclass(frozen=True)
class Curve:
    """One column, ready to be drawn: float32 arrays of at most POINTS points."""

    x: np.ndarray  # (n,)
    y: np.ndarray  # (n,)
    smooth_x: np.ndarray  # (m,)
    smooth_y: np.ndarray  # (m,)
    last: float  # of the smoothed curve, not-a-number if there is none

    def stretched(self, factor: float) -> "Curve":
        """Along another unit of the axis."""
        return replace(self, x=self.x * factor, smooth_x=self.smooth_x * factor)


EMPTY = Curve(*(np.empty(0, np.float32),) * 4, last=math.nan)


class Smoother:
    """Exponential smoothing that goes on over appended values, debiased as Adam's moments are (Kingma and Ba 2015).

    smoothing: weight of the past, from 0 (none) to below 1. Values that are not finite are passed over.
    """

    def __init__(self, smoothing: float) -> None:
        self.smoothing = smoothing
        self._value = self._weight = 0.0

    def extend(self, values: np.ndarray) -> np.ndarray:
        """values: (n,), the ones that follow those already given. Returns them smoothed, (n,)."""
        if not len(values):
            return np.empty(0)
        finite = np.isfinite(values)
        whole = bool(finite.all())
        value = self._average(self._value, values if whole else np.where(finite, values, 0.0))
        weight = self._full(len(values)) if whole else self._average(self._weight, finite.astype(np.float64))
        self._value, self._weight = float(value[-1]), float(weight[-1])
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(finite, value / weight, np.nan)

    def _average(self, start: float, values: np.ndarray) -> np.ndarray:
        """start, (n,) -> (n,): y[t] = s y[t-1] + (1 - s) x[t] with y[-1] = start."""
        chain = pd.Series(np.concatenate(([start], values)))
        return chain.ewm(alpha=1 - self.smoothing, adjust=False).mean().to_numpy()[1:]

    def _full(self, count: int) -> np.ndarray:
        """(n,): the weights where every value is finite. They soon differ from 1 by nothing that a number can hold."""
        rising = min(count, math.ceil(-40 / math.log(self.smoothing)) if self.smoothing else 1)
        weight = np.ones(count)
        weight[:rising] -= (1 - self._weight) * self.smoothing ** np.arange(1.0, rising + 1)
        return weight

    @property
    def last(self) -> float:
        return self._value / self._weight if self._weight else math.nan


class Reducer:
    """The highest and the lowest value of every stretch of a growing column, and its two ends.

    The stretches are of one length, which doubles when there are too many of them: so the extremes of all rows are
    always among the points, and appending costs what is appended. Values that are not finite are passed over.
    """

    def __init__(self, points: int = POINTS) -> None:
        self._most = (points - 4) // 2  # two points a stretch; the unfinished one and the two ends besides
        self._width = 1
        self._rows = 0
        # Of each stretch, the row and the value of its lowest and of its highest point; row -1 where it has none.
        self._at = np.empty((2, 0), np.int64)
        self._extremes = np.empty((2, 0))
        self._begun = _nothing(1)
        self._ends: list[tuple[int, float]] = []  # the first point and the last

    def extend(self, values: np.ndarray) -> None:
        """values: (n,), the ones that follow those already given."""
        if not len(values):
            return
        self._keep_ends(values)
        while (self._rows + len(values)) // self._width > self._most:
            self._widen()
        begin = min(-self._rows % self._width, len(values))  # what still belongs to the unfinished stretch
        if begin:
            self._begun = _merged(self._begun, _found(values[:begin], self._rows, begin))
        if begin and (self._rows + begin) % self._width == 0:
            self._finish(self._begun)
            self._begun = _nothing(1)
        whole = (len(values) - begin) // self._width * self._width
        if whole:
            self._finish(_found(values[begin : begin + whole], self._rows + begin, self._width))
        if rest := len(values) - begin - whole:
            self._begun = _merged(self._begun, _found(values[-rest:], self._rows + begin + whole, rest))
        self._rows += len(values)

    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """(rows, values): int64 and float64 (n,), in order, n at most the wanted number."""
        ends = np.array([row for row, _ in self._ends], np.int64), np.array([value for _, value in self._ends])
        at = np.concatenate((*self._at, *self._begun[0], ends[0]))
        values = np.concatenate((*self._extremes, *self._begun[1], ends[1]))
        rows, where = np.unique(at, return_index=True)
        there = rows >= 0
        return rows[there], values[where[there]]

    def _keep_ends(self, values: np.ndarray) -> None:
        finite = np.isfinite(values)
        if finite.any():
            first, last = int(finite.argmax()), len(values) - 1 - int(finite[::-1].argmax())
            ends = self._ends[:1] or [(self._rows + first, float(values[first]))]
            self._ends = [*ends, (self._rows + last, float(values[last]))]

    def _finish(self, stretches: tuple[np.ndarray, np.ndarray]) -> None:
        self._at = np.concatenate((self._at, stretches[0]), axis=1)
        self._extremes = np.concatenate((self._extremes, stretches[1]), axis=1)

    def _widen(self) -> None:
        pairs = self._at.shape[1] // 2 * 2
        if self._at.shape[1] > pairs:  # the odd one is the first half of a stretch that is not finished
            self._begun = _merged((self._at[:, pairs:], self._extremes[:, pairs:]), self._begun)
        self._at, self._extremes = _merged(
            (self._at[:, 0:pairs:2], self._extremes[:, 0:pairs:2]),
            (self._at[:, 1:pairs:2], self._extremes[:, 1:pairs:2]),
        )
        self._width *= 2


def _nothing(count: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` stretches without a point: rows (2, count) and values (2, count)."""
    return np.full((2, count), -1), np.repeat([[np.inf], [-np.inf]], count, axis=1)


def _found(values: np.ndarray, begin: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The extremes of whole stretches: (n width,) -> rows (2, n) and values (2, n); `begin`: the row of the first."""
    stretches = values.reshape(-1, width)
    at, extremes = _nothing(len(stretches))
    finite = np.isfinite(stretches)
    begins = begin + np.arange(len(stretches)) * width
    for side, pick in enumerate((np.argmin, np.argmax)):
        filled = np.where(finite, stretches, extremes[side, 0])
        where = pick(filled, axis=1)
        extremes[side] = filled[np.arange(len(stretches)), where]
        at[side] = np.where(np.isfinite(extremes[side]), begins + where, -1)
    return at, extremes


def _merged(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The extremes of stretches that lie side by side."""
    first = np.stack((one[1][0] <= other[1][0], one[1][1] >= other[1][1]))
    return np.where(first, one[0], other[0]), np.where(first, one[1], other[1])


def reduce(x: np.ndarray, y: np.ndarray, points: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """At most `points` of the finite points of a curve (n,), float32; the highest and the lowest are always among them.

    MinMaxLTTB (Van Der Donckt et al. 2023) keeps the extremes of every stretch and the shape between them.
    """
    finite = np.isfinite(y) & np.isfinite(x)
    x, y = x[finite].astype(np.float32), np.ascontiguousarray(y[finite], np.float32)
    if len(y) <= points:
        return x, y
    chosen = MinMaxLTTBDownsampler().downsample(y, n_out=points - 2)
    chosen = np.union1d(chosen.astype(np.int64), [int(y.argmin()), int(y.argmax())])
    return x[chosen], y[chosen]


class _Raw:
    """A column, or the mean of several, reduced as far as it was read."""

    def __init__(self) -> None:
        self.rows = 0
        self.reducer = Reducer()


class _Smooth:
    """The same, smoothed before."""

    def __init__(self, smoothing: float) -> None:
        self.rows = 0
        self.smoother, self.reducer = Smoother(smoothing), Reducer(SMOOTH_POINTS)


class FollowedTable:
    """One growing table of a run, shared by all sessions: polled under a lock, its curves kept until it grows."""

    def __init__(self, path: Path) -> None:
        self.table = Table(path)
        self.lock = threading.RLock()
        self._raw: OrderedDict[Hashable, _Raw] = OrderedDict()
        self._smooth: OrderedDict[Hashable, _Smooth] = OrderedDict()
        self._curves: OrderedDict[Hashable, tuple[int, Curve]] = OrderedDict()

    def poll(self) -> tuple[int, int]:
        """Read what was appended; returns (version, rows), which change when there is something new to draw."""
        with self.lock:
            before = self.table.version
            self.table.poll()
            if self.table.version != before:
                for kept in (self._raw, self._smooth, self._curves):
                    kept.clear()
            return self.table.version, len(self.table)

    def names(self) -> list[str]:
        with self.lock:
            return list(self.table.names)

    def numeric(self) -> list[str]:
        """The columns that hold numbers."""
        with self.lock:
            return self.table.numeric()

    def curve(self, columns: tuple[str, ...], x: str, smoothing: float) -> Curve:
        """The mean of `columns` over the column `x`; EMPTY if one of them is not there."""
        key = (columns, x, smoothing)
        with self.lock:
            known, curve = self._curves.pop(key, (0, EMPTY))
            if known != len(self.table):
                if any(name not in self.table.names for name in (*columns, x)):
                    return EMPTY
                curve = self._extended(columns, x, smoothing)
            _keep(self._curves, key, (len(self.table), curve))
            return curve

    def _extended(self, columns: tuple[str, ...], x: str, smoothing: float) -> Curve:
        raw = _kept(self._raw, columns, _Raw)
        raw.reducer.extend(self._mean(columns, raw.rows))
        raw.rows = len(self.table)
        pair = self._along(x, raw.reducer)
        if not smoothing:
            return Curve(*pair, *pair, last=float(pair[1][-1]) if len(pair[1]) else math.nan)
        smooth = _kept(self._smooth, (columns, smoothing), lambda: _Smooth(smoothing))
        smooth.reducer.extend(smooth.smoother.extend(self._mean(columns, smooth.rows)))
        smooth.rows = len(self.table)
        return Curve(*pair, *self._along(x, smooth.reducer), last=smooth.smoother.last)

    def _mean(self, columns: tuple[str, ...], begin: int) -> np.ndarray:
        """(n,) of the rows from `begin` on."""
        parts = [self.table.column(name)[begin:] for name in columns]
        return parts[0] if len(parts) == 1 else np.mean(parts, axis=0)

    def _along(self, x: str, reducer: Reducer) -> tuple[np.ndarray, np.ndarray]:
        rows, values = reducer.points()
        along = self.table.column(x)[rows]
        there = np.isfinite(along)
        return along[there].astype(np.float32), values[there].astype(np.float32)

    def places(self, x: str, count: int = 200) -> tuple[np.ndarray, np.ndarray]:
        """At most `count` epochs and where the column `x` stands at them, float64 (n,) each, from (0, 0) on."""
        with self.lock:
            epochs, along = self.table.column("epoch"), self.table.column(x)
            if not len(epochs) or not len(along):
                return np.empty(0), np.empty(0)
            rows = np.unique(np.linspace(0, len(epochs) - 1, count - 1).astype(np.int64))
            epochs, along = epochs[rows], along[rows]
            there = np.isfinite(epochs) & np.isfinite(along)
            return np.append(0.0, epochs[there]), np.append(0.0, along[there])

    def texts(self, column: str) -> dict[float, str]:
        """A column of words by epoch, the last of each; empty if there is no such column."""
        with self.lock:
            return dict(zip(self.table.column("epoch").tolist(), self.table.text(column), strict=False))

    def row(self, column: str, value: float) -> dict[str, object]:
        """The last row whose `column` is `value`; empty if there is none."""
        with self.lock:
            found = np.flatnonzero(self.table.column(column) == value)
            if not len(found):
                return {}
            texts = {name: self.table.text(name) for name in self.table.names}
            return {n: texts[n][found[-1]] if texts[n] else self.table.column(n)[found[-1]] for n in self.table.names}

    def last(self, column: str) -> float:
        """The last value of a column; not-a-number if there is none."""
        with self.lock:
            values = self.table.column(column)
            return float(values[-1]) if len(values) else math.nan


def _kept(store: OrderedDict[Hashable, V], key: Hashable, make: Callable[[], V]) -> V:
    """The value of `key`, made if it is not there; those used last are kept."""
    value = store.pop(key) if key in store else make()
    _keep(store, key, value)
    return value


def _keep(store: OrderedDict[Hashable, V], key: Hashable, value: V) -> None:
    store[key] = value
    while len(store) > _KEPT:
        store.popitem(last=False)
