"""Which sample grids a page holds. One file cannot hold those of a long training: it then holds a spread of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dashboard.library.store import Entry

# Bytes of all grids in one file. Base64 adds a third, so that the file stays below 17 MB, which mail still takes.
FILE_BYTES = 12_000_000
FOLDER_BYTES = 300_000_000  # of all grids in a folder that the app packs, which is in memory until it is downloaded
NO_BOUND = 2**62


@dataclass(frozen=True)
class Frame:
    """One sample grid.

    number: its name in the run, which counts what the run counts. place: where it lies on the scrubber. size: of its
    file, in bytes.
    """

    number: int
    place: float
    path: Path
    size: int


@dataclass(frozen=True)
class Film:
    """The sample grids of one run that a page holds, in order."""

    entry: Entry
    frames: tuple[Frame, ...] = ()
    whole: int = 0  # number of grids that the run has
    reason: str = ""  # why there are none
    opening: Frame | None = None  # the grid that the page opens with

    def at(self, frame: Frame) -> str:
        """Return where a grid stands in the training, in words: "epoch 20", "step 3000"."""
        return f"{self.entry.unit} {frame.number}"

    @property
    def thinned(self) -> bool:
        """Whether the run has more grids than the page holds."""
        return 0 < len(self.frames) < self.whole


def films(chosen: Sequence[Entry], epoch: float | None, most: int = FILE_BYTES) -> list[Film]:
    """Return the film of each run, in their order.

    epoch: where the page opens; None for the last grids. Grids of real images stay on their machine.
    most: bytes of all grids together. If they are more, each run keeps those nearest to places that are spread evenly
    over the longest training, so that the runs stay comparable, and the grid that the page opens with. If not even
    that fits, each run keeps this one grid, as long as there is room.
    """
    every = {entry.name: [] if entry.private else _frames(entry) for entry in chosen}
    opening = {name: frames[_nearest(frames, epoch)] for name, frames in every.items() if frames}
    kept = _spread(every, opening, last_place(chosen), most)
    found = []
    for entry in chosen:
        name = entry.name
        if entry.private:
            found.append(Film(entry, reason="left out: its grids contain real images, which stay on their machine"))
        elif not every[name]:
            found.append(Film(entry, reason="no sample grid yet"))
        elif not kept[name]:
            found.append(Film(entry, whole=len(every[name]), reason="left out, to keep this page small enough"))
        else:
            found.append(Film(entry, tuple(kept[name]), len(every[name]), "", opening[name]))
    return found


def last_place(chosen: Sequence[Entry]) -> float:
    """Return the end of the scrubber: the last sample grid of any run, else where the last run stands."""
    ends = [entry.place(max(entry.sheets)) for entry in chosen if entry.sheets]
    return float(max(ends or [entry.place(entry.reached) for entry in chosen], default=0))


def _frames(entry: Entry) -> list[Frame]:
    found = []
    for number, path in entry.sheets.items():
        try:
            size = path.lstat().st_size
        except OSError:
            continue  # deleted meanwhile
        found.append(Frame(number, float(entry.place(number)), path, size))
    return found


def _nearest(frames: Sequence[Frame], epoch: float | None) -> int:
    if epoch is None:
        return len(frames) - 1
    return min(range(len(frames)), key=lambda index: (abs(frames[index].place - epoch), index))


def _spread(
    every: Mapping[str, Sequence[Frame]], opening: Mapping[str, Frame], last: float, most: int
) -> dict[str, list[Frame]]:
    """Return the grids of each run that fit into `most` bytes together, as many as possible."""
    if _size(every) <= most:
        return {name: list(frames) for name, frames in every.items()}
    low, high = 1, max(map(len, every.values()))  # a number of places that fits, and one that does not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _size(_at(every, opening, last, middle)) <= most else (low, middle)
    if low > 1:
        return _at(every, opening, last, low)
    left, kept = most, {}
    for name in every:
        one = opening.get(name)
        kept[name] = [one] if one and one.size <= left else []
        left -= sum(frame.size for frame in kept[name])
    return kept


def _at(
    every: Mapping[str, Sequence[Frame]], opening: Mapping[str, Frame], last: float, count: int
) -> dict[str, list[Frame]]:
    """Return the grids of each run that are nearest to `count` places, evenly spread from 0 to the last."""
    wanted = np.linspace(0, last, count)
    found = {}
    for name, frames in every.items():
        places = np.array([frame.place for frame in frames])
        nearest = np.searchsorted((places[1:] + places[:-1]) / 2, wanted).tolist() if len(places) else []
        kept = {*nearest, *(index for index, frame in enumerate(frames) if frame is opening.get(name))}
        found[name] = [frames[index] for index in sorted(kept)]
    return found


def _size(found: Mapping[str, Sequence[Frame]]) -> int:
    return sum(frame.size for frames in found.values() for frame in frames)
