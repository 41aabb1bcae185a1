"""Curves and sample grids of a run as a TensorBoard event file, written by TensorBoard's own record writer.

python -m gan_core export RUN --tensorboard
tensorboard --logdir tensorboard
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gan_core import export, files, optional_dependencies, runs
from gan_core.errors import UserError
from gan_core.runs import Run
from gan_core.runs.tables import Table

FOLDER = "tensorboard"  # in the current folder, with one folder per run: TensorBoard names runs by their folders
FILE = "events.out.tfevents.0.ganray"
_EPOCHS_PREFIX = "epochs/"  # of the columns of epochs.csv, because metrics.csv has some of the same names


def write(run: Run, out: Path | None = None, overwrite: bool = False) -> Path:
    """Write the scalars of metrics.csv and epochs.csv at their steps and times, and the sample grid of every preview.

    out: the folder of the event file. Private previews are left out.

    Raises:
        UserError: the run has logged nothing yet, a package is missing, or the file cannot be written.
    """
    record, events, summaries = optional_dependencies.need(
        "--tensorboard",
        "tensorboard",
        "tensorboard.summary.writer.record_writer",
        "tensorboard.compat.proto.event_pb2",
        "tensorboard.compat.proto.summary_pb2",
    )
    folder = out or Path(FOLDER) / export.default(run, "").name
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--out {folder} is a file: name a folder")
    with files.readable_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    path = export.free(folder / FILE, overwrite)
    metrics, epochs = run.metrics(), run.epochs()
    metrics.poll()
    epochs.poll()
    if not len(metrics) and not len(epochs):
        raise UserError(f"run '{run.name}' has logged nothing yet: train it for an epoch first")
    clock = _Clock(run, metrics)
    with files.replacing(path) as temporary, temporary.open("wb") as raw:
        writer = record.RecordWriter(raw)
        head = events.Event(wall_time=clock.start, file_version="brain.Event:2")
        writer.write(head.SerializeToString())
        for step, values in _values(run, summaries, metrics, epochs):
            summary = summaries.Summary(value=values)
            writer.write(events.Event(wall_time=clock.at(step), step=step, summary=summary).SerializeToString())
        writer.flush()
    return path


class _Clock:
    """The wall-clock time of each step: the start of the run plus the seconds of metrics.csv."""

    def __init__(self, run: Run, metrics: Table) -> None:
        seconds, steps = metrics.column("seconds"), metrics.column("step")
        known = np.isfinite(seconds) & np.isfinite(steps) if len(seconds) == len(steps) else np.zeros(0, bool)
        self._seconds, self._steps = seconds[known], steps[known]
        spent = float(self._seconds[-1]) if len(self._seconds) else 0.0
        self.start = max(run.status().updated - spent, 0.0)

    def at(self, step: int) -> float:
        """Return the time of a step in seconds since 1970; the pauses of a resumed run do not count."""
        if not len(self._steps):
            return self.start
        steps, seconds = np.append(0, self._steps), np.append(0.0, self._seconds)
        return self.start + float(np.interp(step, steps, seconds))


def _values(run: Run, summaries: Any, metrics: Table, epochs: Table) -> Iterator[tuple[int, list[Any]]]:
    """Yield (step, summary values) in order of steps."""
    found: dict[int, list[Any]] = {}
    for table, prefix in ((metrics, ""), (epochs, _EPOCHS_PREFIX)):
        steps = table.column("step")
        for name in table.numeric():
            if name != "step":
                for step, value in zip(steps, table.column(name), strict=True):
                    if np.isfinite(step) and np.isfinite(value):
                        scalar = summaries.Summary.Value(tag=f"{prefix}{name}", simple_value=float(value))
                        found.setdefault(int(step), []).append(scalar)
    previews = zip(epochs.column("epoch"), epochs.column("step"), strict=True)
    step_of = {int(epoch): int(step) for epoch, step in previews if np.isfinite(epoch) and np.isfinite(step)}
    for epoch, grid in (runs.grids(run) if run.samples() else {}).items():
        height, width, channels = grid.shape
        picture = summaries.Summary.Image(
            height=height,
            width=width,
            colorspace=channels,
            encoded_image_string=files.read_regular(run.samples()[epoch], files.PICTURE_BYTES),
        )
        value = summaries.Summary.Value(tag="samples", image=picture)
        found.setdefault(step_of.get(epoch, epoch), []).append(value)
    yield from sorted(found.items())
