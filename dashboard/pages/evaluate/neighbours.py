"""Generated images beside their nearest training images.

The generated ones are drawn again by the run, from the evaluation's seed; that needs torch, so only on a click. The
training images are read where the data is on this machine, and go nowhere else.
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

MOST = 8  # pairs of a space


def nearest(found: Memorisation, space: str) -> list[Neighbour]:
    """The pairs of a space that stand out most, as the evaluation has put them in order."""
    near = found.space.get(space)
    return list(near.examples[:MOST]) if near else []


def generated(run: Run, seed: int, numbers: Sequence[int]) -> dict[int, np.ndarray]:
    """Images of a run by their number, uint8 (C, H, W).

    Raises:
        UserError: the weights are missing or damaged, or the run does not generate.
    """
    try:
        changed = run.weights.stat().st_mtime_ns
    except OSError:
        changed = 0
    drawn = _drawn(str(run.folder), str(run.root), changed, seed, tuple(sorted(set(numbers))))
    return dict(zip(sorted(set(numbers)), drawn, strict=True))


def training(source: str, config: RunConfig, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Images of a source by name, as the training saw them, uint8 (C, H, W); what is not there is left out.

    Raises:
        UserError: the source is not on this machine, or cannot be read.
    """
    if not data_here.is_here(source):
        raise UserError(f"there is no folder or zip '{source}' on this machine: name the one that holds the images")
    opened = open_source(str(source))
    settings = Settings(config.image_size, config.channels, config.fit, config.patient_pattern, config.split_seed)
    # Looked up among the pictures that the source lists: a name from a file opens nothing else.
    wanted = set(names)
    found = {
        entry.name: decode_one(opened, index, settings).pixels
        for index, entry in enumerate(opened.entries)
        if entry.name in wanted
    }
    return {name: pixels for name, pixels in found.items() if pixels is not None}


@st.cache_data(max_entries=16, show_spinner=False)
def _drawn(folder: str, root: str, changed: int, seed: int, numbers: tuple[int, ...]) -> list[np.ndarray]:
    from gan_core import inference

    model = inference.load(runs.Run(Path(folder), Path(root)))
    pictures, _ = model.generate(max(numbers) + 1, seed=seed)
    return [pictures[number].transpose(2, 0, 1) for number in numbers]
