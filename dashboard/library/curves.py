"""Curves for drawing: smoothed over all rows, then reduced to at most 1000 points that keep every spike.

Smoothing and reduction continue where they stopped. Updating a curve therefore costs time in proportion to the new
rows, not to its length.
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

POINTS = 1000  # per curve
SMOOTH_POINTS = 500  # per smoothed curve, which has few spikes to keep
SMOOTHING = 0.9  # the default of the curves, and the smoothing of the last values in tables
_CACHED = 64  # curves that a followed table caches


@dataclass(frozen=True)
class Curve:
    """One column, ready to draw: float32 arrays of at most POINTS points."""

    x: np.ndarray  # (n,)
    y: np.ndarray  # (n,)
    smooth_x: np.ndarray  # (m,)
    smooth_y: np.ndarray  # (m,)
    last: float  # last value of the smoothed curve, NaN if there is none

    def stretched(self, factor: float) -> "Curve":
        """Return the curve with its x values multiplied by `factor`, for another unit of the axis."""
        return replace(self, x=self.x * factor, smooth_x=self.smooth_x * factor)


EMPTY = Curve(*(np.empty(0, np.float32),) * 4, last=math.nan)


class Smoother:
    """Exponential moving average of a growing column, with the bias correction of Adam (Kingma and Ba 2015).

    smoothing: weight of the past, in [0, 1); 0 does not smooth. Values that are not finite are skipped.
    """

    def __init__(self, smoothing: float) -> None:
        self.smoothing = smoothing
        self._value = self._weight = 0.0

    def extend(self, values: np.ndarray) -> np.ndarray:
        """Return the next values of the column, shape (n,), smoothed; NaN where a value is not finite."""
        if not len(values):
            return np.empty(0)
        finite = np.isfinite(values)
        whole = bool(finite.all())
        value = self._average(self._value, values if whole else np.where(finite, values, 0.0))
        weight = self._correction(len(values)) if whole else self._average(self._weight, finite.astype(np.float64))
        self._value, self._weight = float(value[-1]), float(weight[-1])
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(finite, value / weight, np.nan)

    def _average(self, start: float, values: np.ndarray) -> np.ndarray:
        """Compute y[t] = s y[t-1] + (1 - s) x[t] with y[-1] = start, shape (n,)."""
        chain = pd.Series(np.concatenate(([start], values)))
        return chain.ewm(alpha=1 - self.smoothing, adjust=False).mean().to_numpy()[1:]

    def _correction(self, count: int) -> np.ndarray:
        """Return the bias-correction weights of `count` finite values, shape (count,).

        Only the first weights are computed: the later ones equal 1 in float64.
        """
        rising = min(count, math.ceil(-40 / math.log(self.smoothing)) if self.smoothing else 1)
        weight = np.ones(count)
        weight[:rising] -= (1 - self._weight) * self.smoothing ** np.arange(1.0, rising + 1)
        return weight

    @property
    def last(self) -> float:
        return self._value / self._weight if self._weight else math.nan


class Reducer:
    """The minimum and maximum of each bucket of a growing column, and the column's first and last value.

    All buckets have the same width in rows. It doubles when there are too many buckets. The extremes of all rows are
    therefore always among the points, and appending costs time in proportion to the new rows. Values that are not
    finite are skipped.
    """

    def __init__(self, points: int = POINTS) -> None:
        self._most = (points - 4) // 2  # two points per bucket; four for the open bucket and the two ends
        self._width = 1  # rows per bucket
        self._rows = 0
        # Rows and values of each bucket's minimum and maximum; row -1 where the bucket has no finite value.
        self._extreme_rows = np.empty((2, 0), np.int64)
        self._extremes = np.empty((2, 0))
        self._open = _empty_buckets(1)
        self._ends: list[tuple[int, float]] = []  # (row, value) of the first and the last finite value

    def extend(self, values: np.ndarray) -> None:
        """Add the next values of the column, shape (n,)."""
        if not len(values):
            return
        self._keep_ends(values)
        while (self._rows + len(values)) // self._width > self._most:
            self._widen()
        begin = min(-self._rows % self._width, len(values))  # values that still belong to the open bucket
        if begin:
            self._open = _merged(self._open, _extremes_of(values[:begin], self._rows, begin))
        if begin and (self._rows + begin) % self._width == 0:
            self._finish(self._open)
            self._open = _empty_buckets(1)
        whole = (len(values) - begin) // self._width * self._width
        if whole:
            self._finish(_extremes_of(values[begin : begin + whole], self._rows + begin, self._width))
        if rest := len(values) - begin - whole:
            self._open = _merged(self._open, _extremes_of(values[-rest:], self._rows + begin + whole, rest))
        self._rows += len(values)

    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (rows, values) in row order: int64 and float64, shape (n,), with n at most `points`."""
        ends = np.array([row for row, _ in self._ends], np.int64), np.array([value for _, value in self._ends])
        at = np.concatenate((*self._extreme_rows, *self._open[0], ends[0]))
        values = np.concatenate((*self._extremes, *self._open[1], ends[1]))
        rows, where = np.unique(at, return_index=True)
        exists = rows >= 0
        return rows[exists], values[where[exists]]

    def _keep_ends(self, values: np.ndarray) -> None:
        finite = np.isfinite(values)
        if finite.any():
            first, last = int(finite.argmax()), len(values) - 1 - int(finite[::-1].argmax())
            ends = self._ends[:1] or [(self._rows + first, float(values[first]))]
            self._ends = [*ends, (self._rows + last, float(values[last]))]

    def _finish(self, buckets: tuple[np.ndarray, np.ndarray]) -> None:
        self._extreme_rows = np.concatenate((self._extreme_rows, buckets[0]), axis=1)
        self._extremes = np.concatenate((self._extremes, buckets[1]), axis=1)

    def _widen(self) -> None:
        pairs = self._extreme_rows.shape[1] // 2 * 2
        if self._extreme_rows.shape[1] > pairs:  # the odd bucket becomes the first half of the open bucket
            self._open = _merged((self._extreme_rows[:, pairs:], self._extremes[:, pairs:]), self._open)
        self._extreme_rows, self._extremes = _merged(
            (self._extreme_rows[:, 0:pairs:2], self._extremes[:, 0:pairs:2]),
            (self._extreme_rows[:, 1:pairs:2], self._extremes[:, 1:pairs:2]),
        )
        self._width *= 2


def _empty_buckets(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `count` empty buckets: rows (2, count) of -1 and values (2, count) of +inf and -inf."""
    return np.full((2, count), -1), np.repeat([[np.inf], [-np.inf]], count, axis=1)


def _extremes_of(values: np.ndarray, begin: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the minimum and maximum of each bucket of values (n * width,): rows (2, n) and values (2, n).

    begin: the row of the first value.
    """
    buckets = values.reshape(-1, width)
    at, extremes = _empty_buckets(len(buckets))
    finite = np.isfinite(buckets)
    begins = begin + np.arange(len(buckets)) * width
    for side, pick in enumerate((np.argmin, np.argmax)):
        filled = np.where(finite, buckets, extremes[side, 0])
        where = pick(filled, axis=1)
        extremes[side] = filled[np.arange(len(buckets)), where]
        at[side] = np.where(np.isfinite(extremes[side]), begins + where, -1)
    return at, extremes


def _merged(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the extremes of pairs of neighbouring buckets."""
    first = np.stack((one[1][0] <= other[1][0], one[1][1] >= other[1][1]))
    return np.where(first, one[0], other[0]), np.where(first, one[1], other[1])


def reduce(x: np.ndarray, y: np.ndarray, points: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Return (x, y) of at most `points` finite points of a curve (n,), float32, its minimum and maximum among them.

    MinMaxLTTB (Van Der Donckt et al. 2023) keeps the extremes of every bucket and the shape of the curve.
    """
    finite = np.isfinite(y) & np.isfinite(x)
    x, y = x[finite].astype(np.float32), np.ascontiguousarray(y[finite], np.float32)
    if len(y) <= points:
        return x, y
    chosen = MinMaxLTTBDownsampler().downsample(y, n_out=points - 2)
    chosen = np.union1d(chosen.astype(np.int64), [int(y.argmin()), int(y.argmax())])
    return x[chosen], y[chosen]


class _RawReduction:
    """The reduction of a column, or of the mean of several columns, up to row `rows`."""

    def __init__(self) -> None:
        self.rows = 0
        self.reducer = Reducer()


class _SmoothReduction:
    """The reduction of a smoothed column up to row `rows`."""

    def __init__(self, smoothing: float) -> None:
        self.rows = 0
        self.smoother, self.reducer = Smoother(smoothing), Reducer(SMOOTH_POINTS)


class FollowedTable:
    """One growing table of a run, shared by all sessions: polled under a lock, its curves cached until it grows."""

    def __init__(self, path: Path) -> None:
        self.table = Table(path)
        self.lock = threading.RLock()
        self._raw: OrderedDict[Hashable, _RawReduction] = OrderedDict()
        self._smooth: OrderedDict[Hashable, _SmoothReduction] = OrderedDict()
        self._curves: OrderedDict[Hashable, tuple[int, Curve]] = OrderedDict()

    def poll(self) -> tuple[int, int]:
        """Read the appended rows and return (version, rows). Either changes when there is something new to draw."""
        with self.lock:
            before = self.table.version
            self.table.poll()
            if self.table.version != before:
                for cache in (self._raw, self._smooth, self._curves):
                    cache.clear()
            return self.table.version, len(self.table)

    def names(self) -> list[str]:
        with self.lock:
            return list(self.table.names)

    def numeric(self) -> list[str]:
        """Return the names of the columns that hold numbers."""
        with self.lock:
            return self.table.numeric()

    def curve(self, columns: tuple[str, ...], x: str, smoothing: float) -> Curve:
        """Return the mean of `columns` against the column `x`; EMPTY if one of them does not exist."""
        key = (columns, x, smoothing)
        with self.lock:
            known, curve = self._curves.pop(key, (0, EMPTY))
            if known != len(self.table):
                if any(name not in self.table.names for name in (*columns, x)):
                    return EMPTY
                curve = self._extended(columns, x, smoothing)
            _store(self._curves, key, (len(self.table), curve))
            return curve

    def _extended(self, columns: tuple[str, ...], x: str, smoothing: float) -> Curve:
        raw = _cached(self._raw, columns, _RawReduction)
        raw.reducer.extend(self._mean(columns, raw.rows))
        raw.rows = len(self.table)
        pair = self._along(x, raw.reducer)
        if not smoothing:
            return Curve(*pair, *pair, last=float(pair[1][-1]) if len(pair[1]) else math.nan)
        smooth = _cached(self._smooth, (columns, smoothing), lambda: _SmoothReduction(smoothing))
        smooth.reducer.extend(smooth.smoother.extend(self._mean(columns, smooth.rows)))
        smooth.rows = len(self.table)
        return Curve(*pair, *self._along(x, smooth.reducer), last=smooth.smoother.last)

    def _mean(self, columns: tuple[str, ...], begin: int) -> np.ndarray:
        """Return the mean of the columns from row `begin` on, shape (n,)."""
        parts = [self.table.column(name)[begin:] for name in columns]
        return parts[0] if len(parts) == 1 else np.mean(parts, axis=0)

    def _along(self, x: str, reducer: Reducer) -> tuple[np.ndarray, np.ndarray]:
        rows, values = reducer.points()
        with np.errstate(over="ignore"):  # what is too large for float32 is drawn as infinite: not at all
            along, values = self.table.column(x)[rows].astype(np.float32), values.astype(np.float32)
        finite = np.isfinite(along)
        return along[finite], values[finite]

    def places(self, x: str, count: int = 200) -> tuple[np.ndarray, np.ndarray]:
        """Return at most `count` epochs and the values of column `x` at them, float64 (n,) each, starting at (0, 0)."""
        with self.lock:
            epochs, along = self.table.column("epoch"), self.table.column(x)
            if not len(epochs) or not len(along):
                return np.empty(0), np.empty(0)
            rows = np.unique(np.linspace(0, len(epochs) - 1, count - 1).astype(np.int64))
            epochs, along = epochs[rows], along[rows]
            finite = np.isfinite(epochs) & np.isfinite(along)
            return np.append(0.0, epochs[finite]), np.append(0.0, along[finite])

    def texts(self, column: str) -> dict[float, str]:
        """Return the texts of a column by epoch, the last one of each epoch; empty if there is no such column.

        Rows without a finite epoch are left out.
        """
        with self.lock:
            found = zip(self.table.column("epoch").tolist(), self.table.text(column), strict=False)
            return {epoch: text for epoch, text in found if math.isfinite(epoch)}

    def row(self, column: str, value: float) -> dict[str, object]:
        """Return the last row whose `column` equals `value`, by column name; empty if there is none."""
        with self.lock:
            found = np.flatnonzero(self.table.column(column) == value)
            if not len(found):
                return {}
            texts = {name: self.table.text(name) for name in self.table.names}
            return {n: texts[n][found[-1]] if texts[n] else self.table.column(n)[found[-1]] for n in self.table.names}

    def last(self, column: str) -> float:
        """Return the last finite value of a column, as not every row has one; NaN if there is none."""
        with self.lock:
            values = self.table.column(column)
            known = np.flatnonzero(np.isfinite(values))
            return float(values[known[-1]]) if len(known) else math.nan


def _cached(store: OrderedDict[Hashable, V], key: Hashable, make: Callable[[], V]) -> V:
    """Return the cached value of `key`, or make and cache it. The least recently used values are dropped."""
    value = store.pop(key) if key in store else make()
    _store(store, key, value)
    return value


def _store(store: OrderedDict[Hashable, V], key: Hashable, value: V) -> None:
    store[key] = value
    while len(store) > _CACHED:
        store.popitem(last=False)
