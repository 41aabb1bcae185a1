"""What a source of images is: the contract of every reader."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

COMBINED = "classes:"  # begins the name of a source that is put together from several folders


@dataclass(frozen=True)
class Entry:
    """One picture of a source, not yet read."""

    name: str  # unique inside the source; its last part is the file's name
    label: str
    split: str | None  # None where the source leaves the split to us
    stamp: str  # changes when the picture changes, cheap to get
    origin: str = ""  # the data set inside the source, where there are several: patients of two are never one


class Source(Protocol):
    """A list of pictures, and a way to get at one from any process (parts are pickled to the workers)."""

    @property
    def entries(self) -> tuple[Entry, ...]: ...

    @property
    def warnings(self) -> tuple[str, ...]: ...

    @property
    def identity(self) -> str:
        """Tells two sources apart whose entries have equal names and stamps."""
        ...

    def load(self, index: int, size: int) -> bytes | np.ndarray:
        """The file's bytes, or for drawn images float32 (size, size) or (size, size, 3) in [0, 1].

        Raises OSError or UserError.
        """
        ...

    def part(self, start: int, stop: int) -> "Source":
        """The same source with some of its entries only."""
        ...
