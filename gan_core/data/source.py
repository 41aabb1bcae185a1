"""The interface of an image source, which every reader implements."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gan_core.decode.volume_names import PREFIX

COMBINED = "classes:"  # prefix of a source that combines several folders
TABLE = "table:"  # prefix of a source whose labels stand in a table
SIDE_BY_SIDE = "sidebyside:"  # prefix of a source whose images show two pictures side by side
LINKS = "links:"  # prefix of a source whose links are followed also where they leave its folder
PATIENTS = "patients:"  # prefix of a source whose patients stand in a table, and its classes in folders
VOLUMES = PREFIX  # of a source that is a folder of volumes, with options
_WITH_OPTIONS = (TABLE, SIDE_BY_SIDE, PATIENTS, VOLUMES)


def location(source: str) -> str:
    """Return the path in a source: of `table:PATH?OPTIONS` and its like the path, else the source.

    `links:` before any of them is left out.
    """
    prefix = _prefix(source)
    rest = source.removeprefix(prefix)
    return rest if prefix in ("", LINKS) else rest.partition("?")[0]


def moved(source: str, path: str) -> str:
    """Return the source with another path in place of its `location`; prefix and options stay."""
    place, prefix = location(source), _prefix(source)
    return f"{prefix}{path}{source[len(prefix) + len(place) :]}"


def _prefix(source: str) -> str:
    links = LINKS if source.startswith(LINKS) else ""
    rest = source.removeprefix(links)
    return links + next((prefix for prefix in _WITH_OPTIONS if rest.startswith(prefix)), "")


@dataclass(frozen=True)
class Entry:
    """One image of a source, not yet read."""

    name: str  # unique inside the source; its last part is the file's name
    label: str
    split: str | None  # None where the source has no splits
    stamp: str  # changes when the image changes, and is cheap to compute
    origin: str = ""  # the data set, where a source combines several; patients of two data sets differ
    patient: str | None = None  # as the source states it, in a table or as the subject of a volume; None: see the path
    volume: str | None = None  # the file that holds this image and others; they are loaded one after the other


class Files(Protocol):
    """The files of a source, for readers that have to look into a few of them to know its layout."""

    def size(self, path: str) -> int:
        """Return the number of bytes of a file; 0 if it cannot be read."""
        ...

    def read(self, path: str) -> bytes:
        """Return the bytes of a file.

        Raises:
            OSError, UserError: the file cannot be read.
        """
        ...


class Source(Protocol):
    """A list of images that any process can load; parts of it are pickled and sent to the workers.

    A source whose entries state patients may say how it knows them, for people, in an attribute `patients_from`. One
    whose entries are parts of images has a method `crop(index, picture)`, which returns the part of the decoded image.
    """

    @property
    def entries(self) -> tuple[Entry, ...]: ...

    @property
    def warnings(self) -> tuple[str, ...]: ...

    @property
    def identity(self) -> str:
        """A text that distinguishes two sources whose entries have equal names and stamps."""
        ...

    def load(self, index: int, size: int) -> bytes | np.ndarray:
        """Return the file's bytes, or for drawn images float32 (size, size) or (size, size, 3) in [0, 1].

        Raises:
            OSError, UserError: the image cannot be loaded.
        """
        ...

    def part(self, start: int, stop: int) -> "Source":
        """Return the source with only the entries from `start` to `stop`."""
        ...
