"""What counts the rows of a table: where another training starts, batches that are counted anew in every epoch, and
the place of a step among the epochs."""

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from gan_core.errors import UserError

_MOST_FALLS = 200  # of a counter that is in order but for trainings that were started again
_WITHIN = ("batch", "iter", "iters", "iteration", "iterations")  # what may be counted anew in every epoch


@dataclass(frozen=True)
class Counted:
    """Rows whose batches were counted anew in every epoch.

    steps: (n,), over the whole training; where the length of an epoch cannot be known, the rows are counted. epochs:
    (n,) that are done after each row, None if only the table's own are known.
    """

    steps: np.ndarray
    epochs: np.ndarray | None
    note: str


def over_epochs(steps: np.ndarray, epochs: np.ndarray, length: int, name: str) -> Counted | None:
    """Return what rows count whose steps start anew in every epoch, in the order of the table; None if they do not.

    steps, epochs: (n,), all of them numbers. length: steps of an epoch, 0 to learn it. name: of the column of steps.

    Raises:
        UserError: an epoch has more steps than `length`.
    """
    whole = np.floor(epochs)
    rises = np.flatnonzero(np.diff(whole) > 0)
    if not len(rises) or 2 * (steps[rises + 1] <= steps[rises]).sum() <= len(rises):
        return None
    first, last = steps.min(), steps.max()
    if length and last - min(first, 1) >= length:
        raise UserError(f"--steps-per-epoch {length}: the column '{name}' reaches {last:g} in an epoch")
    learned = length or _length(steps, whole)
    if not learned:
        note = f"'{name}' starts anew in every epoch, whose length is not known: the rows are counted as steps"
        return Counted(np.arange(len(steps), dtype=float), None, note)
    from_one = first >= 1 and (last >= learned or first == 1)
    done = whole - (0 if whole.min() == 0 else 1)
    share = np.minimum((steps + (0 if from_one else 1)) / learned, 1.0)
    how = "" if length else ", by its counts: if it has another number of them, give --steps-per-epoch"
    note = f"'{name}' starts anew in every epoch, which has {learned:,} steps{how}"
    return Counted(done * learned + steps, done + share, note)


def _length(steps: np.ndarray, whole: np.ndarray) -> int:
    """Return how many steps an epoch has whose rows lie evenly, over the ends of epochs too; 0 if that is not known.

    At an end, these are the last count and one distance between rows, less the first count of the next epoch.
    """
    fresh = np.append(True, (np.diff(whole) != 0) | (np.diff(steps) != 0))  # of several rows of a step the first
    steps, whole = steps[fresh], whole[fresh]
    inside, risen = np.diff(whole) == 0, np.diff(whole) > 0
    distances = np.diff(steps)
    if not (inside & (distances > 0)).any():
        return 0
    distance = Counter(distances[inside & (distances > 0)].tolist()).most_common(1)[0][0]
    ends = np.flatnonzero(risen & (distances <= 0))
    least = int(steps.max()) + int(steps.min() == 0)
    before = ends[ends > 0] - 1
    if (inside[before] & (distances[before] != distance)).sum() * 2 > len(ends):
        return least  # the last step of an epoch is logged out of turn
    return max(int(Counter((steps[ends] + distance - steps[ends + 1]).tolist()).most_common(1)[0][0]), least)


def within_epochs(name: str, steps: np.ndarray) -> bool:
    """Return whether a column counts the batches of an epoch, in a table that does not name the epochs: by its name,
    and as it starts anew from one number, of the name `batch` once, else several times."""
    plain = name.strip().lower()
    falls = np.flatnonzero(np.diff(steps) < 0)
    if plain not in _WITHIN or len(falls) < (1 if plain == "batch" else 2):
        return False
    return bool((steps[falls + 1] == steps[0]).all())


def starts(counter: np.ndarray, given: np.ndarray, headers: np.ndarray) -> list[int]:
    """Return the rows at which another training starts: where the counter falls and numbers are logged once more.

    counter: (n,) in the order of the table, all of them numbers. given: bool (n, c), the cells that hold one. headers:
    the rows before which the line of names stands again. A row alone that comes late, a row that fills other cells of
    an earlier step, and a table that is sorted some other way, such as with its newest row first, start nothing.
    """
    falls = np.flatnonzero(np.diff(counter) < 0) + 1
    again = [row for row in headers.tolist() if 0 < row < len(counter) and counter[row] <= counter[row - 1]]
    if not len(falls) or len(falls) > _MOST_FALLS or 3 * len(falls) > len(counter) or (np.diff(counter) <= 0).all():
        return again
    found = set(again)
    for row, end in zip(falls, [*falls[1:], len(counter)], strict=True):
        before = np.flatnonzero(counter[:row] >= counter[row])
        after = np.arange(row, end)[counter[row:end] <= counter[before].max()]
        twice = given[before].any(0) & given[after].any(0)
        late = len(after) == 1 and end > row + 1 and counter[row] not in counter[before]
        if twice.any() and not late:
            found.add(int(row))
    return sorted(found)


def fractions(steps: np.ndarray, epochs: np.ndarray) -> np.ndarray:
    """Return the epochs that are done after each step, where a table holds whole ones, as a loop counts them.

    steps, epochs: (n,) in order of steps. Loops count from 0 or from 1, which the first row tells. An epoch ends
    between its last row and the first of the next; where in between, the rows tell together, as epochs have one length.
    Epochs that are fractions already, that fall, or of which there is one alone, are returned as they are.
    """
    known = np.isfinite(epochs)
    whole = known.all() and len(epochs) and (epochs == np.floor(epochs)).all() and (np.diff(epochs) >= 0).all()
    begins = np.flatnonzero(np.diff(epochs, prepend=-1.0) > 0) if whole else np.empty(0, int)
    if len(begins) < 2 or (len(begins) == len(epochs) and (np.diff(steps) == np.diff(epochs)).all()):
        return epochs
    first, last = steps[begins], steps[np.append(begins[1:], len(steps)) - 1]
    distance = Counter(np.diff(steps).tolist()).most_common(1)[0][0]
    zero = 0 if first[0] in (0, distance - 1) else 1  # the training's first step
    opens = first[0] == zero  # whether an epoch's first step is logged, or its last one
    done = epochs[begins] - (0 if epochs[0] == 0 else 1)
    place = np.searchsorted(begins, np.arange(len(epochs)), "right") - 1
    shortest = math.ceil(((last[:-1] + 1 - zero) / (done[:-1] + 1)).max())
    longest = math.floor(((first[1:] - zero) / done[1:]).min())
    if 0 < shortest <= longest:
        share = (steps - zero + 1) / (longest if opens else shortest) - done[place]
    else:  # epochs of several lengths, or rows that begin in the middle of a training
        starts = first if opens else np.append(max(first[0] - distance + 1, min(zero, first[0])), last[:-1] + 1)
        lengths = np.diff(starts) / np.diff(done)
        share = (steps - starts[place] + 1) / np.append(lengths, np.median(lengths))[place]
    return done[place] + np.minimum(share, 1.0)


def filled(values: np.ndarray) -> np.ndarray:
    """Return a column with the last known number in place of each that is missing, and the first one before it."""
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return values
    places = np.maximum(np.searchsorted(known, np.arange(len(values)), "right") - 1, 0)
    return values[known[places]]
