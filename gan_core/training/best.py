"""The best weights of a training: those of the preview whose images came nearest to real ones.

A run with `keep="best"` ends with them, and one with `patience` stops where they have not got better for so long.

Which preview is the best follows from the rows of epochs.csv alone, never from memory: a run that was killed loses the
rows after its checkpoint and measures them again, so it ends with the same choice as one that was not.

What measures is handed in (`Measuring`), because the room of evaluations is built upon that of trainings.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
from torch import Tensor

from gan_core import files, tensor_files
from gan_core.config import Kept, RunConfig
from gan_core.data import Prepared
from gan_core.errors import UserError
from gan_core.families.base import Family
from gan_core.metrics import PREVIEW_DISTANCE, Metric
from gan_core.run_options import RunOptions
from gan_core.runs import Run, RunWriter

COLUMN = PREVIEW_DISTANCE.column

Note = Callable[[str], object]
Options = RunConfig | RunOptions


class PreviewDistance(Protocol):
    """What measures how far a generator's images are from real ones; it draws none of training's random numbers."""

    @property
    def metric(self) -> Metric:
        """The column of epochs.csv, in words that name the images and the features."""
        ...

    def described(self) -> Kept:
        """Return how it measures, as the record of last weights that were not measured."""
        ...

    def measure(self, family: Family) -> float:
        """Return the distance of the averaged generator's images; lower is nearer.

        Raises:
            UserError: it cannot be measured, for example because all images are equal.
        """
        ...


Measuring = Callable[[RunConfig, Prepared], PreviewDistance]  # raises UserError where nothing can be measured


def begin(run_config: RunConfig, prepared: Prepared, measuring: Measuring | None, note: Note) -> PreviewDistance | None:
    """Return what measures the previews of a run; None if its options ask for nothing, or if nothing can be measured.

    note: receives a line if nothing can be measured, so that the last weights are kept.
    """
    if not asked(run_config):
        return None
    try:
        if measuring is None:
            raise UserError("this training was started without what measures it")
        return measuring(run_config, prepared)
    except UserError as error:
        note(f"warning: previews are not measured, and the last weights are kept: {error}")
        return None


def asked(run_config: RunConfig) -> bool:
    """Return whether the options of a run ask for distances at its previews."""
    return wanted(run_config, translates=bool(run_config.domains))


def wanted(options: Options, *, translates: bool) -> bool:
    """Return whether options ask for distances at previews, which only generators have."""
    return options.snapshots and not translates and (options.keep == "best" or options.patience > 0)


def declared(run_config: RunConfig, distance: PreviewDistance | None) -> RunConfig:
    """Return a new run's configuration with the column that `distance` logs among its metrics."""
    if distance is None or run_config.traits is None:
        return run_config
    others = [metric for metric in run_config.traits.metrics if metric.column != COLUMN]
    return replace(run_config, traits=replace(run_config.traits, metrics=(*others, distance.metric)))


def same(run_config: RunConfig, distance: PreviewDistance | None, note: Note) -> PreviewDistance | None:
    """Return what goes on measuring a resumed run; None, with a line, if its values would not be comparable."""
    before = [metric for metric in run_config.traits.metrics if metric.column == COLUMN] if run_config.traits else []
    if distance is None or not before or before == [distance.metric]:
        return distance if before else None
    note(
        "warning: previews would be measured otherwise than before, as this is another version of GANray or its data "
        "has moved to a folder of another name: no more of them are measured"
    )
    return None


def row(
    distance: PreviewDistance | None, family: Family, epoch: int, note: Note, *, trained_before: bool = False
) -> dict[str, float]:
    """Return the column of a preview for epochs.csv, empty if the run does not measure.

    The value is not-a-number where it cannot be measured, and before the first step, whose images are noise.
    trained_before: the run began with another's weights, so its first images are none.
    """
    if distance is None:
        return {}
    try:
        return {COLUMN: distance.measure(family) if epoch or trained_before else float("nan")}
    except UserError as error:
        note(f"warning: the preview of epoch {epoch} is not measured: {error}")
        return {COLUMN: float("nan")}


def ranked(run: Run) -> list[tuple[float, int]]:
    """Return (distance, epoch) of the measured previews, the nearest first, the earlier of two equal ones."""
    return sorted((distance, epoch) for epoch, distance in _measured(run) if np.isfinite(distance))


def without_progress(run: Run) -> tuple[int, int]:
    """Return how many previews the run has made since its best one, and the epoch of that; (0, 0) if there is none."""
    best = ranked(run)[:1]
    later = sum(epoch > best[0][1] for epoch, _ in _measured(run)) if best else 0
    return (later, best[0][1]) if best else (0, 0)


def _measured(run: Run) -> list[tuple[int, float]]:
    table = run.epochs()
    table.poll()
    epochs, values = table.column("epoch"), table.column(COLUMN)
    return [(int(epoch), float(value)) for epoch, value in zip(epochs, values, strict=False) if np.isfinite(epoch)]


def keep(
    writer: RunWriter, run_config: RunConfig, distance: PreviewDistance | None, family: Family, epoch: int, note: Note
) -> Kept | None:
    """Replace the weights of the last step, just written, by those of the best preview; keep both.

    epoch: that of the last step. note: receives a line where the snapshot of a better preview is gone or damaged.

    Returns:
        The record of the choice; None if the run did not ask for distances.
    """
    if not asked(run_config):
        return None
    run = writer.run
    known = {at: value for value, at in ranked(run)}
    why = "no preview was measured after a resume" if known else "previews could not be measured"
    about = distance.described() if distance else replace(run_config.kept or Kept("last", epoch), note=why)
    chosen = _best_snapshot(run, family.served_state(), note) if run_config.keep == "best" else None
    if chosen is None:
        writer.drop_last_weights()
        if run_config.keep == "best" and known:
            about = replace(about, note="no snapshot of a measured preview is left")
        at_preview = run.snapshots().get(epoch) is not None and _step(run, epoch) == family.step
        return replace(about, which="last", epoch=epoch, distance=known.get(epoch) if at_preview else None)
    best, path = chosen
    if _step(run, best) == family.step:
        writer.drop_last_weights()
    else:
        files.write_bytes(run.last_weights, files.read_regular(run.weights, files.WEIGHTS_BYTES))
        files.write_bytes(run.weights, files.read_regular(path, files.WEIGHTS_BYTES))
    return replace(about, which="best", epoch=best, distance=known[best])


def _best_snapshot(run: Run, expected: Mapping[str, Tensor], note: Note) -> tuple[int, Path] | None:
    """Return epoch and file of the nearest preview whose snapshot is whole; None if there is none."""
    there = run.snapshots()
    for _, epoch in ranked(run):
        try:
            if epoch not in there:
                raise UserError("its file is missing")
            tensors, _ = tensor_files.load(there[epoch])
            tensor_files.check_fit(expected, tensors, there[epoch])
            if wrong := tensor_files.not_finite(tensors):
                raise UserError(f"{there[epoch]} is damaged: '{wrong}' holds values that are not finite")
        except UserError as error:
            note(f"warning: the snapshot of epoch {epoch} is not kept as the best: {error}")
        else:
            return epoch, there[epoch]
    return None


def _step(run: Run, epoch: int) -> int:
    """Return the step of an epoch's preview; -1 if there was none."""
    table = run.epochs()
    table.poll()
    found = np.flatnonzero(table.column("epoch") == epoch)
    return int(table.column("step")[found[-1]]) if len(found) else -1
