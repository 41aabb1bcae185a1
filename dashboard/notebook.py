"""The comparison of runs in a cell of a notebook: the page that the app gives away, without the app.

    from dashboard import notebook

    notebook.compare("dcgan", "my_wgan")

The page stands in a frame that may run its script and nothing else: it has no access to the notebook.
"""

import html
import os
from pathlib import Path

from dashboard.report import comparison, frames, page
from dashboard.report.comparison import Comparison, Named
from gan_core import files, runs
from gan_core.errors import UserError

CELL_BYTES = 4_000_000  # of all sample grids: the notebook's file keeps the page, half as large again
LEAST_HEIGHT = 200  # pixels


class Page:
    """A comparison, which a notebook shows where it is the last value of a cell."""

    def __init__(self, compared: Comparison, height: int) -> None:
        self._compared = compared
        self._height = height

    def _repr_html_(self) -> str:
        document = html.escape(page.in_one_file(self._compared, CELL_BYTES), quote=True)
        title = html.escape(self._compared.options.title, quote=True)
        style = f"border: 1px solid #8884; border-radius: 6px; height: {self._height}px; width: 100%"
        return f'<iframe sandbox="allow-scripts" title="{title}" style="{style}" srcdoc="{document}"></iframe>'

    def __repr__(self) -> str:
        names = ", ".join(entry.name for entry in self._compared.chosen)
        return f"<comparison of {names}: a notebook shows it; .save('FILE.html') writes it>"

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page as one HTML file, with as many sample grids as a mail takes, and return its path.

        Raises:
            UserError: the file cannot be written.
        """
        target = Path(path)
        files.write_text(target, page.in_one_file(self._compared, frames.FILE_BYTES))
        return target


def compare(
    *given: Named,
    runs: str | os.PathLike[str] | None = None,
    height: int = 720,
    title: str = "",
    epoch: float | None = None,
) -> Page:
    """Return the comparison of runs for a notebook: sample grids that scrub, curves, events, settings and measures.

    given: the runs, each by its name, its folder, or as a `gan_core.runs.Run`.
    runs: the folder in which names are looked up (default: GANRAY_RUNS, else the folder `runs` of GANray).
    height: of the frame, in pixels. epoch: where the page opens; None for the last sample grids.

    Raises:
        UserError: no run is named, there is no such run, or its config cannot be read.
    """
    if height < LEAST_HEIGHT:
        raise UserError(f"height={height}: it must be at least {LEAST_HEIGHT} pixels")
    return Page(comparison.named(given, _root(runs), title, epoch), height)


def _root(given: str | os.PathLike[str] | None) -> Path:
    return runs.default_root().resolve() if given is None else Path(given).resolve()
