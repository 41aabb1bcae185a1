"""How long an evaluation will take, from how long others took: here, or else where the shipped runs were evaluated."""

import socket
from collections.abc import Iterable
from statistics import median

from dashboard.library.store import Entry, Library, duration


def estimate(library: Library, entry: Entry) -> str:
    """Return how long evaluating a run takes, in words: measured, or that nothing like it was measured yet."""
    alike = [other for other in library.readable() if _alike(entry, other)]
    if here := _seconds(library, (other for other in alike if _measured_here(other))):
        return f"about {duration(median(here))}, as long as {_evaluations(len(here))} of its kind took on this machine"
    if elsewhere := _seconds(library, alike):
        return (
            f"not measured on this machine yet; where {_evaluations(len(elsewhere))} of its kind "
            f"{'was' if len(elsewhere) == 1 else 'were'} made it took about {duration(median(elsewhere))}"
        )
    return "not measured yet: no run of its kind was evaluated here"


def _alike(entry: Entry, other: Entry) -> bool:
    """Return whether evaluating both is the same work: pictures of one size, of runs of one task."""
    a, b = entry.config, other.config
    assert a is not None and b is not None
    return (entry.task, a.image_size, a.channels) == (other.task, b.image_size, b.channels) and not other.origin


def _measured_here(entry: Entry) -> bool:
    return entry.run.evaluated_here or (not entry.run.reference and entry.status.host == socket.gethostname())


def _seconds(library: Library, entries: Iterable[Entry]) -> list[float]:
    """Return how long the parts of each evaluation took; time to quality only counts where it is measured again."""
    found = []
    for entry in entries:
        evaluation = library.evaluation(entry)
        if evaluation is None or isinstance(evaluation, str):
            continue
        total = sum(seconds for part, seconds in evaluation.seconds.items() if part != "progress")
        found += [total] if total > 0 else []
    return found


def _evaluations(count: int) -> str:
    return "an evaluation" if count == 1 else f"{count} evaluations"
