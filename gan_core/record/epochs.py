"""Where a step lies in the epochs of a training, as a fraction: what charts against the epoch are drawn by."""

import math
from dataclasses import dataclass

import numpy as np

_LOOKED_AT = 1000  # rows of a run that goes on


@dataclass(frozen=True)
class Stretch:
    """Steps of one epoch, whose place was not known while they were logged: from `first` up to `end`. epoch: those done
    before it."""

    epoch: int
    first: int
    end: int


class EpochPlaces:
    """Turns whole epochs, as a loop counts them, into places.

    A script that says `epoch=3` for every step of its fourth epoch does not say how far it is. The number of steps of
    an epoch is learned when the epoch changes, unless it was stated. Loops count from 0 or from 1, which the first
    epoch tells if it has several steps; an epoch with one step alone is taken for what is done then.
    """

    def __init__(self, steps_per_epoch: int = 0) -> None:
        self.steps_per_epoch = steps_per_epoch
        self._stated = bool(steps_per_epoch)
        self._epoch: int | None = None
        self._first = 0  # step at which the epoch began, as far as it was logged
        self._last = 0.0
        self._base: int | None = None  # what the loop calls its first epoch; None before it is known
        self._before: tuple[float, float] | None = None  # step and place of the last row of a run that goes on

    def resume(self, steps: np.ndarray, places: np.ndarray) -> None:
        """Go on after rows that are there, which tell by their places how long an epoch is.

        steps, places: (n,) in order of steps, all of them numbers.
        """
        self._epoch = self._base = self._before = None
        self._last = float(places[-1]) if len(places) else 0.0
        if not self._stated:
            rise = np.diff(steps[-_LOOKED_AT:])
            slopes = np.diff(places[-_LOOKED_AT:])[rise > 0] / rise[rise > 0]
            slope = float(np.median(slopes[slopes > 0])) if (slopes > 0).any() else 0.0
            self.steps_per_epoch = round(1 / slope) if 0 < slope <= 1 else 0
        if len(steps):
            self._before = float(steps[-1]), self._last

    def place(self, step: int, epoch: float | None) -> tuple[float, Stretch | None]:
        """Return the place of a step, and the steps before it whose places are known only now."""
        if self._stated and (epoch is None or float(epoch).is_integer()):
            self._last = step / self.steps_per_epoch
            return self._last, None
        if epoch is None or not math.isfinite(epoch):
            return self._last, None
        if not float(epoch).is_integer():
            self._base = self._base or 0
            self._last = float(epoch)
            return self._last, None
        learned = self._counted(step, int(epoch)) or self._enter(step, int(epoch))
        # A longer epoch than the last one stays below the next.
        share = min((step - self._first) / self.steps_per_epoch, 0.999) if self.steps_per_epoch else 0.0
        self._last = epoch - (self._base or 0) + max(share, 0.0)
        return self._last, learned

    def _counted(self, step: int, epoch: int) -> Stretch | None:
        """Find out what the loop calls its first epoch; return the steps whose place that changes."""
        if self._base is not None:
            return None
        if self._before is not None:
            last, place = self._before
            length = self.steps_per_epoch
            # Half a step more, as places are rounded and an epoch may begin with this step.
            expected = math.floor(place + (step - last + 0.5) / length) if length else math.ceil(place)
            self._base = 1 if epoch == expected + 1 else 0
            if length and math.floor(place) == epoch - self._base:  # the epoch goes on
                self._epoch, self._first = epoch, round(last - (place % 1) * length)
            return None
        if epoch == 0 or self._epoch not in (None, epoch):
            self._base = 0
            return None
        if self._epoch is None:
            return None
        self._base = 1
        return Stretch(epoch - 1, self._first, step) if step > self._first else None

    def _enter(self, step: int, epoch: int) -> Stretch | None:
        before, first = self._epoch, self._first
        if epoch == before:
            return None
        self._epoch, self._first = epoch, step
        if before is None or epoch != before + 1 or step <= first:
            return None
        unknown = not self.steps_per_epoch
        self.steps_per_epoch = step - first
        return Stretch(before - (self._base or 0), first, step) if unknown else None
