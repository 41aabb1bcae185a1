"""What an importer finds: a training of another program, as values and pictures that are read when asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gan_core.metrics import Metric

Unit = Literal["epoch", "step"]
Picture = Callable[[], np.ndarray]  # returns uint8 (H, W, 1 or 3); raises UserError if the file is damaged


@dataclass(frozen=True)
class ImportOptions:
    """What a user may say of a training that its files do not.

    x: the column or the unit that the rows are counted by. names: names of columns, theirs to ours. images: a regular
    expression with one group, the number of a picture. grid: rows and columns of the pictures. steps_per_epoch: 0 if
    not given. log: the file with what the program printed. objective: a name of `gan_core.objectives`.
    """

    x: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    images: str = ""
    grid: tuple[int, int] | None = None
    steps_per_epoch: int = 0
    log: Path | None = None
    objective: str = ""


@dataclass(frozen=True, eq=False)
class FoundTraining:
    """One training that another program ran.

    kind: the importer. program: what trained it, for people. place: name of the file or folder, no path. watched: the
    files and folders that it was read from, as far as they do not lie at the path that was named or right below it.
    columns: float64 (n,) each, NaN where nothing was logged, with `step`, and `epoch` where it is known. pictures:
    sample sheets by their number, which `counts` says the unit of. own_pixels: False if they are plots or were
    resampled. private: whether they show real patients. image_size: pixels per side of one picture of a sheet, 0 if it
    is not known. epochs: planned ones, 0 if not known. state, reason: as in `runs.Status`.
    """

    kind: str
    place: str
    watched: tuple[Path, ...] = ()
    program: str = ""
    preset: str = ""
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    metrics: tuple[Metric, ...] = ()
    pictures: Mapping[int, Picture] = field(default_factory=dict)
    counts: Unit = "epoch"
    own_pixels: bool = True
    private: bool = False
    objective: str = ""
    task: str = "generate"
    domains: tuple[str, ...] = ()
    source: str = ""  # the name of the data, as far as it is known
    settings: Mapping[str, Any] = field(default_factory=dict)
    image_size: int = 0
    epochs: int = 0
    batch_size: int = 0
    seed: int | None = None
    state: str = "finished"
    reason: str = ""
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows its table has."""
        return len(next(iter(self.columns.values()), ()))

    @property
    def last(self) -> tuple[int, int]:
        """The last step and the last epoch that are known, of the table or of the pictures; 0 if not known.

        Of a training that counts steps both are the step. The last row of one that is finished may lie just before the
        end of its last epoch.
        """
        ends = {}
        for name in ("step", "epoch"):
            values = self.columns.get(name, np.empty(0))
            values = values[np.isfinite(values)]
            ends[name] = int(values.max()) if len(values) else 0
        ends[self.counts] = max([ends[self.counts], *self.pictures])
        if self.counts == "step":
            ends["epoch"] = ends["step"]  # its column `epoch` counts steps as well
        elif self.state == "finished" and ends["epoch"] == self.epochs - 1:
            ends["epoch"] = self.epochs
        return ends["step"], ends["epoch"]
