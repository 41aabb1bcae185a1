"""Writing a run folder: one process at a time, held by a lock."""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from gan_core import config, files, images
from gan_core.config import RunConfig
from gan_core.errors import UserError
from gan_core.runs import remote, tables
from gan_core.runs.run import (
    CHECKPOINTS,
    CONFIG,
    EPOCHS,
    EVALUATION,
    GIF,
    METRICS,
    PRIVATE,
    SAMPLES,
    SNAPSHOTS,
    STATUS,
    Run,
    check_name,
    grids,
    is_taken,
)
from gan_core.runs.status import Status


class RunWriter:
    """The one process that may write a run folder; use `create` or `reopen`, then `close`."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._lock = filelock.FileLock(run.folder / ".lock")
        with files.readable_os_errors(run.folder):
            try:
                # The system drops the lock with the process that held it, so that of a dead trainer is free.
                self._lock.acquire(timeout=0)
            except filelock.Timeout:
                raise UserError(f"run '{run.name}' is being trained by another process: stop that one first") from None
        self._sweep()
        try:
            self._sender = remote.sender(run.root, run.name)
        except UserError:
            self._lock.release()
            raise

    @classmethod
    def create(cls, root: Path, name: str, settings: RunConfig) -> "RunWriter":
        """A new run folder with its config.json.

        Raises:
            UserError: a bad name, a name that is taken, a place that cannot be written.
        """
        folder = root / check_name(name)
        with files.readable_os_errors(folder):
            if is_taken(root, name):
                raise UserError(f"run '{name}' exists already: choose another --name, or resume it")
            for part in (SAMPLES, CHECKPOINTS):
                (folder / part).mkdir(parents=True, exist_ok=True)
            files.sync_folder(root)
        writer = cls(Run(folder, root))
        files.write_text(folder / CONFIG, json.dumps(config.to_dict(settings), indent=2) + "\n")
        return writer

    @classmethod
    def reopen(cls, run: Run) -> "RunWriter":
        """An existing run, to be gone on with.

        Raises:
            UserError: it is shipped, or another process trains it.
        """
        if run.reference:
            raise UserError(f"run '{run.name}' is a reference run and stays as it is: train its preset again")
        return cls(run)

    def close(self) -> None:
        """Raises UserError: the run is kept elsewhere and could not be sent; it is whole here."""
        try:
            if self._sender:
                self._sender.close()
        finally:
            self._lock.release()

    def _sweep(self) -> None:
        """Remove what killed trainers of this run left half written; an evaluation may just be writing its own."""
        for path in files.leftovers(self.run.folder):
            if not path.name.startswith(f".{EVALUATION}."):
                self._remove(path)

    def _remove(self, path: Path) -> None:
        with files.readable_os_errors(path):
            path.unlink(missing_ok=True)

    def log(self, rows: Sequence[Mapping[str, Any]], table: str = METRICS) -> None:
        """Append rows of the same columns as whole lines, in one write."""
        if not rows:
            return
        tables.append(self.run.folder / table, rows)

    def keep_rows(self, table: str, column: str, last: int) -> None:
        """Replace a table by its rows up to `column` <= `last`: what a checkpoint knows."""
        tables.keep(self.run.folder / table, column, last)

    def sync_tables(self) -> None:
        """Make the rows survive a power cut: no checkpoint may know more than its tables hold."""
        for path in (self.run.folder / METRICS, self.run.folder / EPOCHS):
            if path.exists():
                with files.readable_os_errors(path):
                    files.sync_file(path)

    def keep_samples(self, last: int) -> None:
        """Drop the grids and snapshots of epochs after `last`."""
        kept = self.run.samples(), self.run.private_samples(), self.run.snapshots()
        for epoch, path in itertools.chain.from_iterable(found.items() for found in kept):
            if epoch > last:
                self._remove(path)

    def save_samples(self, epoch: int, picture: np.ndarray, private: bool = False) -> None:
        """Write the grid of an epoch, uint8 (H, W, C); previews of real inputs go to the private folder."""
        folder = self.run.folder / (PRIVATE if private else SAMPLES)
        folder.mkdir(exist_ok=True)
        images.save_png(folder / f"epoch_{epoch:04d}.png", picture)

    def save_gif(self, private: bool = False) -> Path:
        """Write progress.gif from the grids there are, private ones into their folder; returns its path."""
        return write_gif(self.run, self.run.folder / (f"{PRIVATE}/{GIF}" if private else GIF), private)

    def checkpoint_path(self, step: int) -> Path:
        return self.run.folder / CHECKPOINTS / f"step_{step:08d}.safetensors"

    def snapshot_path(self, epoch: int) -> Path:
        folder = self.run.folder / SNAPSHOTS
        folder.mkdir(exist_ok=True)
        return folder / f"epoch_{epoch:04d}.safetensors"

    def drop_old_checkpoints(self, keep: int = 2) -> None:
        for path in self.run.checkpoints()[keep:]:
            self._remove(path)

    def set_aside(self, last: int) -> None:
        """Rename the checkpoints after step `last`, which are damaged, so that nothing goes on from them again."""
        for path in self.run.checkpoints():
            if path > self.checkpoint_path(last):
                with files.readable_os_errors(path):
                    path.replace(path.with_suffix(".damaged"))

    def write_status(self, **values: Any) -> None:
        """Replace status.json; `process`, `host` and `updated` are filled in."""
        status = asdict(Status.now(**values))
        files.write_text(self.run.folder / STATUS, json.dumps(status, indent=2) + "\n")


def write_gif(run: Run, path: Path, private: bool = False) -> Path:
    """Join a run's grids to a GIF, first to last epoch; the private ones only where that is asked for.

    Raises:
        UserError: the run has no grids yet.
    """
    images.save_gif(path, list(grids(run, private).values()))
    return path
