"""Generated images beside their nearest training images.

The run generates its images again from the seed of the evaluation. This needs torch, so it waits for a click. The
training images are read from this machine and stay on it.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import streamlit as st

from dashboard.library import data_here
from gan_core import runs
from gan_core.config import RunConfig
from gan_core.data.decode_pool import decode_one
from gan_core.data.prepared import Settings
from gan_core.data.readers import open_source
from gan_core.errors import UserError
from gan_core.evaluation.results import Memorisation, Neighbour
from gan_core.runs import Run

MOST = 8  # pairs for one space


def nearest(found: Memorisation, space: str) -> list[Neighbour]:
    """Return up to MOST pairs of a space, in the order of the evaluation: the most suspicious first."""
    near = found.space.get(space)
    return list(near.examples[:MOST]) if near else []


def generated(run: Run, seed: int, numbers: Sequence[int]) -> dict[int, np.ndarray]:
    """Generate images of a run again: number -> uint8 (C, H, W).

    Raises:
        UserError: The weights are missing or damaged, or the run does not generate.
    """
    try:
        changed = run.weights.stat().st_mtime_ns
    except OSError:
        changed = 0
    drawn = _drawn(str(run.folder), str(run.root), changed, seed, tuple(sorted(set(numbers))))
    return dict(zip(sorted(set(numbers)), drawn, strict=True))


def training(source: str, config: RunConfig, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return images of a source as the training saw them: name -> uint8 (C, H, W), without names that are missing.

    Raises:
        UserError: The source is not on this machine, or cannot be read.
    """
    if not data_here.is_here(source):
        raise UserError(f"there is no folder or zip '{source}' on this machine: name the one with the training images")
    opened = open_source(str(source))
    settings = Settings(config.image_size, config.channels, config.fit, config.patient_pattern, config.split_seed)
    # Names come from a file: only those that the source lists are opened.
    requested = set(names)
    found = {
        entry.name: decode_one(opened, index, settings, config.scale).pixels
        for index, entry in enumerate(opened.entries)
        if entry.name in requested
    }
    return {name: pixels for name, pixels in found.items() if pixels is not None}


@st.cache_data(max_entries=16, show_spinner=False)
def _drawn(folder: str, root: str, changed: int, seed: int, numbers: tuple[int, ...]) -> list[np.ndarray]:
    from gan_core import inference

    run = runs.Run(Path(folder), Path(root))
    model = inference.load(run, seconds_allowed=inference.VISITOR_SECONDS)
    pictures, _ = model.generate(max(numbers) + 1, seed=seed)
    return [pictures[number].transpose(2, 0, 1) for number in numbers]
