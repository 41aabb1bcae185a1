"""The command list: the runs and their status."""

import argparse
import shutil
import sys

from gan_core.cli import arguments
from gan_core.config import RunConfig
from gan_core.errors import UserError, printable
from gan_core.runs import Run, Status, list_runs, misnamed, remote

_ALWAYS = 4  # columns that are shown in the narrowest window


def register(found: arguments.Commands) -> None:
    command = arguments.command(found, "list", show, "list the runs and their status")
    arguments.runs_folder(command)


def show(options: argparse.Namespace) -> None:
    runs = list_runs(options.runs)
    window = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    print(
        summary(runs, window)
        if runs
        else f"no runs in {remote.shown(options.runs)} yet: train one, for example on --data phantom:cxr"
    )
    for name in misnamed(options.runs):
        print(f"'{printable(name, 200)}' is left out: its name is not UTF-8: rename the folder")


def summary(runs: list[Run], window: int | None = None) -> str:
    """Return a text table of runs with their status and last values, and a line for each unreadable run.

    A run that kept earlier weights, stopped early or began with another's weights says so in a line below its own.
    window: characters in a line; columns that do not fit are left out and named at the end. None: all fit.
    """
    notes: list[str] = []
    below: dict[int, str] = {}  # row -> what stands below it
    rows: list[tuple[str, ...]] = [
        ("run", "preset", "state", "epoch", "loss/g", "loss/d", "real", "fake", "held out", "diversity")
    ]
    for run in runs:
        metrics, epochs, status = run.metrics(), run.epochs(), run.status()
        metrics.poll()
        epochs.poll()
        try:
            settings = run.config()
        except UserError as error:
            rows.append((run.name, "?", "unreadable", *["-"] * 7))
            notes.append(str(error))
            continue
        # Text from a table of another machine may contain terminal control characters, as may a preset.
        notes += [f"{run.name}: {printable(table.problem, 400)}" for table in (metrics, epochs) if table.problem]
        columns = [metrics.column(name) for name in ("loss/g", "loss/d", "accuracy/d_real", "accuracy/d_fake")]
        held_out, samples, data = (
            epochs.column(name) for name in ("accuracy/d_held_out", "diversity/samples", "diversity/data")
        )
        last = [f"{column[-1]:.3f}" if len(column) else "-" for column in columns]
        held = f"{held_out[-1]:.3f}" if len(held_out) else "-"
        diversity = f"{samples[-1]:.3f}/{data[-1]:.3f}" if len(samples) and len(data) else "-"
        if line := _history(settings, status):
            below[len(rows)] = line
        preset, state = printable(settings.preset, 40), printable(status.state, 20)
        rows.append((run.name, preset, state, _progress(run, settings, status), *last, held, diversity))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    shown = len(widths)
    while window and shown > _ALWAYS and sum(widths[:shown]) + 2 * (shown - 1) > window:
        shown -= 1
    if left_out := rows[0][shown:]:
        notes.append(f"left out, as the window is narrow: {', '.join(left_out)}")
    lines: list[str] = []
    for number, row in enumerate(rows):
        lines.append(
            "  ".join(cell.ljust(width) for cell, width in zip(row[:shown], widths[:shown], strict=True)).rstrip()
        )
        if number in below:
            lines.append(f"  {below[number]}")
    return "\n".join([*lines, *notes])


def _history(settings: RunConfig, status: Status) -> str:
    """Return what a run began with, whether it stopped early and which earlier weights it kept; "" if none of it."""
    parts = []
    if before := settings.grown_from:
        how = "goes on from" if before.image_size == settings.image_size else "grew from"
        frozen = ", frozen" if settings.freeze else ""
        parts.append(f"{how} {printable(before.name, 40)} (epoch {before.epoch}{frozen})")
    if settings.patience and status.state == "finished" and status.epoch < status.epochs:
        parts.append("stopped early")
    if (kept := settings.kept) and kept.which == "best" and kept.epoch != status.epoch:
        parts.append(f"kept epoch {kept.epoch}")
    return ", ".join(parts)


def _progress(run: Run, settings: RunConfig, status: Status) -> str:
    """Return how far a run is: "12/40"; "step 3000" of a run that counts steps, "-" for an end that is not known."""
    done = f"{run.reached(status, settings.origin)}/{status.epochs or '-'}"
    return f"step {done}" if settings.origin and settings.origin.counts == "step" else done
