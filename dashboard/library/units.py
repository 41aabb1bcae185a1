"""What the numbers of a page's scrubber count, where some of its runs count epochs and others steps.

Runs of one kind share their numbers. Where both kinds stand side by side, a run that counts steps is placed by its
share of the training: its end lies at the last epoch of the longest of the others.
"""

from collections.abc import Sequence
from dataclasses import replace

from dashboard.library.store import Entry

MIXED = (
    "Some of these runs count steps and the others epochs. A run that counts steps is placed by its share of the "
    "training: its end lies at the last epoch of the longest of the others."
)


def aligned(entries: Sequence[Entry]) -> list[Entry]:
    """Return the runs, those that count steps with the `scale` that brings them onto the page's axis."""
    last = max((entry.end for entry in entries if entry.unit == "epoch"), default=0)
    if not last:
        return list(entries)
    return [replace(one, scale=one.end / last) if one.unit == "step" and one.end else one for one in entries]


def word(entries: Sequence[Entry]) -> str:
    """Return what the page's axis counts: "step" if all runs do, else "epoch"."""
    return "step" if entries and all(entry.unit == "step" for entry in entries) else "epoch"


def heading(entries: Sequence[Entry]) -> str:
    """Return the heading of how far the runs are: what they count."""
    return "Epochs or steps" if mixed(entries) else "Steps" if word(entries) == "step" else "Epochs"


def progress(entry: Entry, entries: Sequence[Entry]) -> str:
    """Return how far a run is, below the heading of all of them, which may say what it counts."""
    return entry.progress if mixed(entries) else entry.progress.removeprefix("step ")


def mixed(entries: Sequence[Entry]) -> bool:
    return len({entry.unit for entry in entries}) > 1


def written(place: float) -> str:
    """Return a place on the page's axis as text: with decimals only where runs of both kinds stand side by side."""
    return f"{place:.2f}".rstrip("0").rstrip(".")
