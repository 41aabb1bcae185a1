"""Where a step lies in the epochs of a training, as a fraction: what charts against the epoch are drawn by."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Stretch:
    """Steps of one epoch, whose place was not known while they were logged: from `first` up to `end`."""

    epoch: int
    first: int
    end: int


class EpochPlaces:
    """Turns whole epochs, as a loop counts them, into places.

    A script that says `epoch=3` for every step of its fourth epoch does not say how far it is. The number of steps of
    an epoch is learned when the epoch changes, unless it was stated.
    """

    def __init__(self, steps_per_epoch: int = 0) -> None:
        self.steps_per_epoch = steps_per_epoch
        self._stated = bool(steps_per_epoch)
        self._epoch: int | None = None
        self._first = 0  # step at which the epoch began, as far as it was logged
        self._last = 0.0

    def place(self, step: int, epoch: float | None) -> tuple[float, Stretch | None]:
        """Return the place of a step, and the steps before it whose places are known only now."""
        if self._stated and (epoch is None or float(epoch).is_integer()):
            self._last = step / self.steps_per_epoch
            return self._last, None
        if epoch is None or not math.isfinite(epoch):
            return self._last, None
        if not float(epoch).is_integer():
            self._last = float(epoch)
            return self._last, None
        learned = self._enter(step, int(epoch))
        # A longer epoch than the last one stays below the next.
        share = min((step - self._first) / self.steps_per_epoch, 0.999) if self.steps_per_epoch else 0.0
        self._last = epoch + max(share, 0.0)
        return self._last, learned

    def _enter(self, step: int, epoch: int) -> Stretch | None:
        before, first = self._epoch, self._first
        if epoch == before:
            return None
        self._epoch, self._first = epoch, step
        if before is None or epoch != before + 1 or step <= first:
            return None
        unknown = not self.steps_per_epoch
        self.steps_per_epoch = step - first
        return Stretch(before, first, step) if unknown else None
