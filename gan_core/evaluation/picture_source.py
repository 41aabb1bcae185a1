"""Where the generated pictures of an evaluation come from: what every measure asks of it, and no more."""

from typing import Protocol

import numpy as np

from gan_core.config import RunConfig


class PictureSource(Protocol):
    """A run's networks (`inference.Model`), or pictures that are there already (`picture_folder.PictureFolder`)."""

    @property
    def config(self) -> RunConfig:
        """The run that the pictures belong to: their size, channels and subject."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that `generate` makes by name; empty if it knows none."""
        ...

    def generate(self, count: int, *, label: str | None = None, seed: int = 0) -> tuple[np.ndarray, list[str]]:
        """Return pictures uint8 (N, H, W, C) of one class or of any, and the class of each ("" if it has none).

        N is `count`, or fewer where there are no more. Equal seeds give equal pictures.

        Raises:
            UserError: it has no such class.
        """
        ...
