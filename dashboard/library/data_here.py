"""Location of a run's data on this machine. Nothing is downloaded."""

import os
from pathlib import Path

from dashboard.library import source_check
from gan_core.config import RunConfig
from gan_core.data.readers import combined
from gan_core.data.relocated import is_here
from gan_core.data.source import COMBINED, location, moved
from gan_core.errors import UserError
from gan_core.files import expanded

_MOST_FOLDERS = 200  # of a combined source
DATA_VARIABLE = "GANRAY_DATA"  # the folder that relative paths of sources start from


def locate(config: RunConfig, folder: str = "") -> str:
    """Return the path of a run's data on this machine; "" if it is not here.

    The places, in order: below `folder`; `folder` itself if it has the run's classes; below GANRAY_DATA; the path in
    the run's config.
    """
    source, places = config.source, []
    path = location(source)
    if not source.startswith(("phantom:", "hf:", COMBINED)) and not Path(path).is_absolute():
        bases = [base for base in (folder, os.environ.get(DATA_VARIABLE, "")) if base]
        places = [moved(source, str(expanded(base) / path)) for base in bases]
        if folder and set(config.classes) <= set(source_check.classes(folder)):
            places.insert(1, folder)
    return next((place for place in (*places, source) if is_named_here(place)), "")


def is_named_here(source: str) -> bool:
    """Return whether the data that a run names seems to be on this machine: no folder is listed, and nothing is read.

    A run may come from anybody, and name any place of this machine. Of a combined source each folder is looked up as
    far as its first wildcard. One that searches whole trees (`**`) counts as not here: the reader has to name it.
    """
    if not source.startswith(COMBINED):
        return is_here(source)
    try:
        patterns = [pattern for _, pattern in combined.parse(source.removeprefix(COMBINED))]
        return len(patterns) <= _MOST_FOLDERS and all(map(_starts_here, patterns))
    except (UserError, OSError, ValueError, RuntimeError):  # RuntimeError: ~name of no user
        return False


def _starts_here(pattern: str) -> bool:
    return "**" not in pattern and combined.fixed_part(pattern).exists()
