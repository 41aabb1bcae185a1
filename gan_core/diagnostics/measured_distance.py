"""Events from the distance to real images, measured at snapshots: images still improve, or the best epoch is past.

The loss curves show which player is ahead; they do not show image quality.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gan_core.diagnostics.events import Event
from gan_core.evaluation.results import MEASURES, Progress

KEYS = ("frechet", "kid")  # the first that was measured is used
LEAST = 3  # snapshots that an event needs
FALLS = 5  # snapshots that fall in a row: by chance one order of 120


@dataclass(frozen=True)
class DistanceCurve:
    """A distance at the s epochs at which it was measured, with the ends of its intervals; arrays (s,)."""

    key: str
    epoch: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def title(self) -> str:
        return MEASURES[self.key][0]


def column(key: str) -> str:
    """Return the name of a measured distance among the logged columns."""
    return f"distance/{key}"


def distance_curve(
    progress: Progress | None, epoch: float = 0.0, *, trained_before: bool = False
) -> DistanceCurve | None:
    """Return the Fréchet distance if all snapshots have it, else KID; epoch 0 (untrained networks) is left out.

    epoch: the newest epoch of the run. trained_before: the run began with another's weights, so epoch 0 counts. None
    where nothing was measured, or the run was trained further since.
    """
    stands = [stand for stand in progress.stands if stand.epoch > 0 or trained_before] if progress else []
    if not stands or epoch - stands[-1].epoch > max(np.diff([0, *(stand.epoch for stand in stands)])):
        return None
    for key in KEYS:
        if all(key in stand.measures for stand in stands):
            found = [stand.measures[key] for stand in stands]
            ends = [(one.value, one.low, one.high) for one in found]
            value, low, high = np.array([[one[0] if end is None else end for end in one] for one in ends], float).T
            return DistanceCurve(key, np.array([stand.epoch for stand in stands], float), value, low, high)
    return None


def nearer(event: Event, found: DistanceCurve | None) -> Event:
    """Return the event "converged", reworded where the images improved after the curves had converged."""
    if found is None:
        return event
    later = np.flatnonzero(found.epoch >= event.epoch)
    if len(later) < LEAST or found.high[later[-1]] >= found.low[later[0]]:
        return event
    first, last = later[0], later[-1]
    late = later[-max(len(later) // 2, FALLS) :]
    # Snapshots share latents and real images, so several falls in a row are stronger evidence than the intervals.
    in_a_row = len(late) >= FALLS and bool((np.diff(found.value[late]) < 0).all())
    falling = (in_a_row or found.high[last] < found.low[late[0]]) and not _is_past(found)
    return replace(
        event,
        kind="nearer" if falling else "nearer_until",
        sentence=f"{event.sentence} But the {found.title} to real images fell from {found.value[first]:.3g} at epoch "
        f"{found.epoch[first]:.0f} to {found.value[last]:.3g} at epoch {found.epoch[last]:.0f}: "
        "the curves do not show image quality.",
        evidence={**event.evidence, "first": float(found.value[first]), "last": float(found.value[last])},
        columns=(*event.columns, column(found.key)),
    )


def _is_past(found: DistanceCurve) -> bool:
    """Return whether the last generator is farther from real images than the best one, beyond the intervals."""
    return bool(found.high[np.argmin(found.value)] < found.low[-1])


def past_best(found: DistanceCurve | None, kept: int | None = None) -> Iterator[Event]:
    """Yield an event where the last generator is farther from real images than an earlier one, beyond the intervals.

    kept: the epoch of the run's weights if a preview chose them. If they cannot be told from the best ones, nothing is
    left to do.
    """
    if found is None or len(found.epoch) < LEAST:
        return
    if not _is_past(found):
        return
    best = int(np.argmin(found.value))
    saved = bool(np.any((found.epoch == kept) & (found.low <= found.high[best])))
    sentence = (
        f"The {found.title} to real images was {found.value[best]:.3g} at epoch {found.epoch[best]:.0f} and is "
        f"{found.value[-1]:.3g} at epoch {found.epoch[-1]:.0f}; the intervals do not overlap."
    )
    yield Event(
        "past_best_kept" if saved else "past_best",
        float(found.epoch[best]),
        None,
        f"{sentence} The run kept the weights of epoch {kept}." if saved else sentence,
        {"best": float(found.value[best]), "last": float(found.value[-1])},
        (column(found.key),),
    )
