"""Runs side by side: all that a report is made from, chosen in the app or named in a notebook or on a command line."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dashboard.charts.styles import Style, run_styles
from dashboard.library import notes, units
from dashboard.library.curves import SMOOTHING
from dashboard.library.notes import Note
from dashboard.library.store import Entry, Library
from dashboard.widgets import diagnosis
from gan_core import diagnostics
from gan_core.errors import UserError
from gan_core.runs import Run, find_run

Named = str | os.PathLike[str] | Run  # a run: its name, its folder, or the run itself


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
    epoch: float | None  # where the page opens, on the axis of library/units.py; None: at the last sample grids
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
    """Return (the events of each run by its name, the paragraph that compares the runs).

    Pictures without a training are left out.
    """
    trained = [entry for entry in chosen if not entry.only_pictures]
    found = {entry.name: run for entry in trained if (run := diagnosis.diagnosed(library, entry))}
    events = {
        name: [
            ReportedEvent(event.title, event.when, event.sentence, event.advice, event.ailment, event.epoch)
            for event in run.events
        ]
        + [ReportedEvent(title, "", sentence, "") for _, title, sentence in diagnosis.remarks(run)]
        for name, run in found.items()
    }
    return events, diagnostics.compare(list(found.values()))


def title_of(chosen: Sequence[Entry]) -> str:
    """Return the title of a comparison that was given none."""
    names = " and ".join(entry.label for entry in chosen[:4])
    return f"Comparison of {names}{' and others' * (len(chosen) > 4)}"


def named(given: Sequence[Named], root: Path, title: str = "", epoch: float | None = None) -> Comparison:
    """Return the comparison of runs that are named, in their order.

    root: the folder of runs in which names are looked up, and whose notes are shown. epoch: where the page opens; None
    for the last sample grids.

    Raises:
        UserError: no run is named, there is no such run, or its config cannot be read.
    """
    if not given:
        raise UserError("name at least one run to compare")
    library = Library(root)
    chosen = units.aligned([library.entry(run) for run in _unlike([_found(one, root) for one in given])])
    for entry in chosen:
        if entry.config is None:
            raise UserError(f"run '{entry.name}' cannot be read: {entry.problem}")
    own = {entry.name for entry in chosen if entry.run.root == root}
    written = {name: note for name, note in notes.known(library)[0].items() if name in own}
    made, look = time.strftime("%Y-%m-%d %H:%M"), run_styles(chosen)
    options = ReportOptions(title or title_of(chosen), made, epoch, SMOOTHING, "", written, *happened(library, chosen))
    return Comparison(library, chosen, look, options)


def _found(one: Named, root: Path) -> Run:
    return one if isinstance(one, Run) else find_run(os.fspath(one), root)


def _unlike(found: Sequence[Run]) -> list[Run]:
    """Return the runs, each once. Runs of one name in several folders get the name of their folder before their own."""
    each = list({run.folder.resolve(): run for run in found}.values())
    names = [run.name for run in each]
    renamed = [_with_its_folder(run) if names.count(run.name) > 1 else run for run in each]
    if twice := next((run.name for run in renamed if [one.name for one in renamed].count(run.name) > 1), ""):
        raise UserError(f"two of these runs are called '{twice}': rename the folder of one")
    return renamed


def _with_its_folder(run: Run) -> Run:
    return Run(run.folder, run.root, f"{run.folder.resolve().parent.name}/{run.name}")
