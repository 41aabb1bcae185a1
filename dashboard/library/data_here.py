"""Where a run's data is on this machine, if it is: nothing is fetched for it."""

import os
from pathlib import Path

from dashboard.library import source_check
from gan_core.config import RunConfig
from gan_core.data.readers import combined
from gan_core.data.source import COMBINED

DATA_VARIABLE = "GANRAY_DATA"  # names a folder that sources given by a relative path lie in


def is_here(source: str) -> bool:
    """Whether a source can be read without leaving this machine: folders, a zip, or drawn pictures."""
    if source.startswith("phantom:"):
        return True
    if source.startswith(COMBINED):
        return combined.is_here(source)
    try:
        return bool(source) and not source.startswith("hf:") and Path(source).expanduser().exists()
    except (OSError, ValueError):
        return False


def locate(config: RunConfig, folder: str = "") -> str:
    """Where a run's data is on this machine; empty if it is not.

    Looked for below `folder`, and in it where it holds the run's classes, below GANRAY_DATA, and where the run says.
    """
    source, places = config.source, []
    if not source.startswith(("phantom:", "hf:", COMBINED)) and not Path(source).is_absolute():
        places = [str(Path(base).expanduser() / source) for base in (folder, os.environ.get(DATA_VARIABLE, "")) if base]
        if folder and set(config.classes) <= set(source_check.classes(folder)):
            places.insert(1, folder)
    return next((place for place in (*places, source) if is_here(place)), "")
