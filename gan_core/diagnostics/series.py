"""Features of a series that the rules use: the longest stretch, swings, and the samples' diversity."""

import math

import numpy as np

from gan_core.diagnostics.history import Record

SWING = 0.2  # least amplitude of a swing of a log loss: a fifth up and down
LOUDER = 2.0  # times the noise of the smoothed rows: least amplitude in a noisy series
POINTS = 500  # a longer series is averaged to this length


def diversity(record: Record) -> np.ndarray:
    """Return the samples' diversity as a share of the data's, shape (k,); empty where it is not logged."""
    samples, data = (record.previews.get(f"diversity/{name}", np.empty(0)) for name in ("samples", "data"))
    return samples / data if len(samples) == len(data) else np.empty(0)


def longest(mask: np.ndarray) -> tuple[int, int]:
    """Return (first, last + 1) of the longest stretch of True, the later one of equals; (0, 0) if there is none."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0]))))
    stretches = [(int(b - a), int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return max(stretches)[1:] if stretches else (0, 0)


def bridged(mask: np.ndarray) -> np.ndarray:
    """Return the mask (b,) with gaps of one or two blocks between stretches of True filled."""
    filled = mask.copy()
    for index in np.flatnonzero(~mask):
        if mask[max(index - 2, 0) : index].any() and mask[index + 1 : index + 3].any():
            filled[index] = True
    return filled


def until(record: Record, last: int, count: int) -> float | None:
    """Return the epoch at which a stretch of blocks ends; None if it lasts to the newest row."""
    return None if last >= count else record.block_end(last - 1)


def swings(values: np.ndarray) -> tuple[int, float, float]:
    """Return (turns, amplitude, start) of the swings of a series (n,) about its own slow trend.

    turns: changes of side. start: where they begin, as a share of the series.
    """
    if len(values) > POINTS:
        values = np.array([part.mean() for part in np.array_split(values, POINTS)])
    count = len(values)
    narrow, wide = max(count // 50, 2), max(count // 5, 5)
    smooth = np.convolve(values, np.ones(narrow) / narrow, "valid")
    padded = np.pad(smooth, wide // 2, mode="edge")
    rest = smooth - np.convolve(padded, np.ones(wide) / wide, "valid")[: len(smooth)]
    start = count // 5  # the start of a run has a trend of its own
    noise = float(np.std(np.diff(values[start:]))) / math.sqrt(2 * narrow)  # of the rows, after smoothing
    least = max(SWING, LOUDER * noise)
    turns, side, first = 0, 0, start
    for index, value in enumerate(rest[start:], start):
        if abs(value) > least and np.sign(value) != side:
            side, turns = int(np.sign(value)), turns + 1
            first = index if turns == 1 else first
    return turns, float(np.abs(rest[start:]).max(initial=0.0)), first / count


def smoothed(blocks: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the running mean of five blocks (b,), same shape, and how far two of its values may differ by noise alone.

    That is six standard errors of the mean, since the highest of many values is compared. They are estimated from the
    differences of neighbouring blocks, which a slow trend hardly changes.
    """
    mean = np.convolve(np.pad(blocks, 2, mode="edge"), np.ones(5) / 5, "valid")
    return mean, float(6 * np.std(np.diff(blocks)) / np.sqrt(2 * 5))
