"""How long an epoch is, and after which epochs a run is looked at: plain numbers, known before a training begins."""

from collections.abc import Sequence
from typing import Literal

Start = Literal["dense", "even"]  # of a run's previews


def steps_per_epoch(images: Sequence[int], batch_size: int) -> int:
    """Return the steps of an epoch; 0 where a batch is larger than what it is drawn from.

    images: the number of training images, for a translator that of each domain: its epoch covers the larger one.
    """
    return max(images, default=0) // batch_size


def has_preview(epoch: int, every: int, start: str, epochs: int) -> bool:
    """Return whether a run is looked at after an epoch: at 0, at each multiple of `every`, and at the last.

    start: where "dense", also at 1, 2, 3, 5, 8, 12, ... below `every`, each half as far again as the one before, since
    most of what can be seen of a training happens in its first epochs.
    """
    return epoch % every == 0 or epoch == epochs or (start == "dense" and epoch in early(every))


def early(every: int) -> list[int]:
    """Return the epochs below `every` at which previews with a dense start are made: 1, 2, 3, 5, 8, 12, 18, ..."""
    found = []
    epoch = 1
    while epoch < every:
        found.append(epoch)
        epoch = max(epoch + 1, (3 * epoch + 1) // 2)
    return found


def previews(every: int, start: str, epochs: int) -> int:
    """Return how often a run is looked at from epoch 0 to `epochs`."""
    between = [epoch for epoch in early(every) if epoch < epochs] if start == "dense" else []  # no multiples of it
    return epochs // every + 1 + len(between) + (epochs % every != 0)
