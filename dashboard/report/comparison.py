"""What a report shows beside the run folders: the reader's choices, the notes, and what happened in each training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard.charts.styles import Style
from dashboard.library.notes import Note
from dashboard.library.store import Entry, Library
from dashboard.widgets import diagnosis
from gan_core import diagnostics


@dataclass(frozen=True)
class ReportedEvent:
    """An event of a run's training."""

    title: str
    when: str
    sentence: str
    advice: str  # empty if there is nothing to change
    ailment: bool = False
    epoch: float | None = None  # where it begins, which the page can show; None: nowhere in particular


@dataclass(frozen=True)
class ReportOptions:
    """The reader's choices for the report, and the data of the page."""

    title: str
    made: str  # date and time
    epoch: int | None  # where the page opens; None: at the last sample grids
    smoothing: float
    view: str  # the query of the address, which opens the same view in the app
    written: Mapping[str, Note]  # by run name
    happened: Mapping[str, Sequence[ReportedEvent]]  # by run name
    compared: str  # the paragraph that compares the runs
    axis: str = "epoch"  # the x axis of the curves: a key of curve_payloads.AXIS_LABELS


@dataclass(frozen=True)
class Comparison:
    """Runs side by side, and how to show them: all that a report is made from."""

    library: Library
    chosen: Sequence[Entry]
    look: Mapping[str, Style]  # by run name
    options: ReportOptions


def happened(library: Library, chosen: Sequence[Entry]) -> tuple[dict[str, list[ReportedEvent]], str]:
    """Return (the events of each run by its name, the paragraph that compares the runs)."""
    found = {entry.name: run for entry in chosen if (run := diagnosis.diagnosed(library, entry))}
    events = {
        name: [
            ReportedEvent(event.title, event.when, event.sentence, event.advice, event.ailment, event.epoch)
            for event in run.events
        ]
        for name, run in found.items()
    }
    return events, diagnostics.compare(list(found.values()))


def title_of(chosen: Sequence[Entry]) -> str:
    """Return the title of a comparison that was given none."""
    names = " and ".join(entry.label for entry in chosen[:4])
    return f"Comparison of {names}{' and others' * (len(chosen) > 4)}"
