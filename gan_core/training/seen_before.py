"""Does a run hold out images that it was trained on before, as the run was whose weights it begins with?

Another pattern of patients, a corrected table or new pictures move images between train and held-out. What a run was
trained on is known while its prepared images lie in the cache.
"""

from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import numpy as np

from gan_core.config import Ancestry, RunConfig
from gan_core.data import Prepared, cache
from gan_core.data.source import location
from gan_core.errors import UserError
from gan_core.files import expanded
from gan_core.runs import find_run

_LOOKS = "what is measured on held-out images looks better than it is"


def with_doubt(prepared: Prepared, patient_pattern: str | None, ancestry: Ancestry, root: Path) -> Prepared:
    """Return the data with a first warning if a run of these beginnings was trained on images that it holds out.

    patient_pattern: that the data was prepared with. ancestry: the run that it begins with; those before it count as
    well. root: the folder of runs.
    """
    known: set[str] = set()
    before: Ancestry | None = ancestry
    while before and before.run not in known:
        known.add(before.run)
        try:
            found = find_run(before.run, root).config()
        except UserError:  # it was deleted since
            break
        if words := _doubt(prepared, patient_pattern, found, before.name):
            return replace(prepared, warnings=(f"{words}; {_LOOKS}", *prepared.warnings))
        before = found.grown_from
    return prepared


def doubt_in(run_config: RunConfig) -> str:
    """Return the warning that a run keeps from `with_doubt`; "" if there is none."""
    warnings = run_config.data.warnings if run_config.data else ()
    return next((line for line in warnings if line.endswith(_LOOKS)), "")


def _doubt(prepared: Prepared, patient_pattern: str | None, found: RunConfig, name: str) -> str:
    """Return a clause on the held-out images that the run `found` was trained on; "" if it saw none of them."""
    same_place = _place(prepared.source) == _place(found.source)
    if same_place and found.data and found.data.held_out == prepared.held_out:
        return ""
    held_out = np.flatnonzero(prepared.splits != "train")
    if trained := cache.find(found):
        seen = _seen(prepared, held_out, trained, same_place)
        return f"'{name}' was trained on {seen} of the {len(held_out)} images that are held out now" if seen else ""
    if not same_place:
        return ""
    if not (found.data and found.data.held_out):  # a run of an older GANray
        now = (patient_pattern, tuple(prepared.counts()["train"].values()))
        if now == (found.patient_pattern, found.class_counts):
            return ""
    return f"'{name}' knew another split, and may have seen some of the {len(held_out)} images that are held out now"


def _place(source: str) -> Path:
    text = location(source)
    try:
        return expanded(text).resolve()
    except (OSError, RuntimeError, ValueError):  # no path, in a config that came from anybody
        return Path(text)


def _seen(prepared: Prepared, index: np.ndarray, trained: Prepared, same_place: bool) -> int:
    """Return how many of these images were training images, by their names or by their pixels."""
    theirs = trained.indices("train").tolist()
    names = {trained.names[i] for i in theirs} if same_place else set()
    # Images of another size cannot be compared.
    alike = trained.images.shape[1:] == prepared.images.shape[1:]
    pixels = {_digest(trained.images[i]) for i in theirs} if alike else set()
    return sum(prepared.names[i] in names or (alike and _digest(prepared.images[i]) in pixels) for i in index.tolist())


def _digest(image: np.ndarray) -> bytes:
    return blake2b(np.ascontiguousarray(image).tobytes(), digest_size=16).digest()
