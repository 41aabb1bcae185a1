"""Location of a run's data on this machine. Nothing is downloaded."""

import os
from pathlib import Path

from dashboard.library import source_check
from gan_core.config import RunConfig
from gan_core.data.relocated import is_here
from gan_core.data.source import COMBINED, location, moved
from gan_core.files import expanded

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
    return next((place for place in (*places, source) if is_here(place)), "")
