"""Long curves made short: smoothed over all rows, then reduced to at most 1000 points that keep every spike.

A followed curve costs what was appended: the smoothing goes on from where it stopped.
"""

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tsdownsample import MinMaxLTTBDownsampler

from gan_core.tables import Table

POINTS = 1000  # a trace
_KEPT = 64  # curves a followed table keeps ready


@dataclass(frozen=True)
class Curve:
    """One column, ready to be drawn: float32 arrays of at most POINTS points."""

    x: np.ndarray  # (n,)
    y: np.ndarray  # (n,)
    smooth_x: np.ndarray  # (m,)
    smooth_y: np.ndarray  # (m,)
    last: float  # of the smoothed curve, not-a-number if there is none


EMPTY = Curve(*(np.empty(0, np.float32),) * 4, last=math.nan)


class Smoother:
    """Exponential smoothing that goes on over appended values, debiased as Adam's moments are (Kingma and Ba 2015).

    smoothing: weight of the past, from 0 (none) to below 1. Values that are not finite are passed over.
    """

    def __init__(self, smoothing: float) -> None:
        self.smoothing = smoothing
        self._value = self._weight = 0.0
        self._parts: list[np.ndarray] = []

    def extend(self, values: np.ndarray) -> None:
        """values: (n,), the ones that follow those already given."""
        if not len(values):
            return
        finite = np.isfinite(values)
        value = self._average(self._value, np.where(finite, values, 0.0))
        weight = self._average(self._weight, finite.astype(np.float64))
        self._value, self._weight = float(value[-1]), float(weight[-1])
        with np.errstate(invalid="ignore", divide="ignore"):
            self._parts.append(np.where(finite, value / weight, np.nan).astype(np.float32))

    def _average(self, start: float, values: np.ndarray) -> np.ndarray:
        """start, (n,) -> (n,): y[t] = s y[t-1] + (1 - s) x[t] with y[-1] = start."""
        chain = pd.Series(np.concatenate(([start], values)))
        return chain.ewm(alpha=1 - self.smoothing, adjust=False).mean().to_numpy()[1:]

    @property
    def last(self) -> float:
        return self._value / self._weight if self._weight else math.nan

    def values(self) -> np.ndarray:
        """All smoothed values so far, float32 (n,)."""
        if len(self._parts) > 1:
            self._parts = [np.concatenate(self._parts)]
        return self._parts[0] if self._parts else np.empty(0, np.float32)


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


class Followed:
    """One growing table of a run, shared by all sessions: polled under a lock, its curves kept until it grows."""

    def __init__(self, path: Path) -> None:
        self.table = Table(path)
        self.lock = threading.RLock()
        self._curves: OrderedDict[tuple[tuple[str, ...], str, float], tuple[int, Curve, Smoother]] = OrderedDict()

    def poll(self) -> tuple[int, int]:
        """Read what was appended; returns (version, rows), which change when there is something new to draw."""
        with self.lock:
            before = self.table.version
            self.table.poll()
            if self.table.version != before:
                self._curves.clear()
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
            rows = len(self.table)
            known, curve, smoother = self._curves.pop(key, (0, EMPTY, Smoother(smoothing)))
            if known != rows:
                if any(name not in self.table.names for name in (*columns, x)):
                    return EMPTY
                along = self.table.column(x)
                parts = [self.table.column(name) for name in columns]
                values = parts[0] if len(parts) == 1 else np.mean(parts, axis=0)
                smoother.extend(values[known:])
                smooth = reduce(along, smoother.values())
                curve = Curve(*reduce(along, values), *smooth, last=smoother.last)
            self._curves[key] = (rows, curve, smoother)
            while len(self._curves) > _KEPT:
                self._curves.popitem(last=False)
            return curve

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
