"""Writing a run folder: one process at a time, enforced by a lock."""

import contextlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from gan_core import config, files, images
from gan_core.config import Kept, RunConfig
from gan_core.errors import UserError
from gan_core.runs import managing, notes, remote, tables
from gan_core.runs.lock import RunLock
from gan_core.runs.notes import Notes
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
        run.check_writable()
        self._lock = RunLock(run.folder)
        with files.readable_os_errors(run.folder):
            # The system releases the lock when its process ends, so a dead trainer does not block the run.
            if not self._lock.acquire():
                raise UserError(f"run '{run.name}' is being trained by another process: stop that one first")
        self._sweep()
        try:
            self._sender = remote.sender(run.root, run.name)
        except UserError:
            self._lock.release()
            raise

    @classmethod
    def create(cls, root: Path, name: str, settings: RunConfig) -> "RunWriter":
        """Create a run folder with its config.json.

        Raises:
            UserError: the name is invalid or taken, or the folder cannot be written.
        """
        folder = root / check_name(name)
        managing.sweep(root)
        with files.readable_os_errors(folder):
            if is_taken(root, name):
                raise UserError(f"run '{name}' exists already: choose another --name, or resume it")
            for part in (SAMPLES, CHECKPOINTS):
                (folder / part).mkdir(parents=True, exist_ok=True)
            files.sync_folder(root)
        writer = cls(Run(folder, root))
        if is_taken(root, name):  # by a run that another process made before this one had the lock
            writer.close()
            raise UserError(f"run '{name}' exists already: choose another --name, or resume it")
        writer.write_config(settings)
        return writer

    @classmethod
    def reopen(cls, run: Run) -> "RunWriter":
        """Open an existing run to resume it.

        Raises:
            UserError: the run is a shipped one, it is a link or holds one, or another process trains it.
        """
        if run.reference:
            raise UserError(f"run '{run.name}' is a reference run and stays as it is: train its preset again")
        return cls(run)

    def close(self) -> None:
        """Finish the uploads, if any, and release the lock.

        Raises:
            UserError: the upload of a remote run failed; its local files are complete.
        """
        try:
            if self._sender:
                self._sender.close()
        finally:
            self._lock.release()

    def _sweep(self) -> None:
        """Delete the temporary files of killed trainers, but not those of an evaluation, which may be running."""
        for path in files.leftovers(self.run.folder):
            if not path.name.startswith(f".{EVALUATION}."):
                self._remove(path)

    def _remove(self, path: Path) -> None:
        with files.readable_os_errors(path):
            path.unlink(missing_ok=True)

    def write_config(self, settings: RunConfig) -> None:
        """Replace config.json."""
        files.write_text(self.run.folder / CONFIG, json.dumps(config.to_dict(settings), indent=2) + "\n")

    def record_source(self, source: str) -> None:
        """Name another place of the run's data in config.json, which stays as it is otherwise."""
        self._record(source=source)

    def record_kept(self, kept: Kept | None) -> None:
        """Say in config.json which weights the run ended with; it stays as it is otherwise."""
        self._record(kept=None if kept is None else config.to_dict(kept))

    def _record(self, **changes: Any) -> None:
        """Replace values of config.json, or remove those that are None."""
        path = self.run.folder / CONFIG
        with files.readable_os_errors(path):
            before = config.read_json(path)
            values = {name: value for name, value in (before | changes).items() if changes.get(name, "") is not None}
            if values == before:
                return
            digest = notes.digest(self.run.folder)
            files.write_text(path, json.dumps(values, indent=2) + "\n")
        # Whoever writes a note during the training must find it afterwards. Without it the training is whole still.
        with contextlib.suppress(UserError):
            Notes(self.run.root).move(self.run.name, self.run.name, digest, notes.digest(self.run.folder))

    def log(self, rows: Sequence[Mapping[str, Any]], table: str = METRICS) -> None:
        """Append rows with the same columns as whole lines, in one write."""
        if not rows:
            return
        tables.append(self.run.folder / table, rows)

    def keep_rows(self, table: str, column: str, last: int) -> None:
        """Remove the rows with `column` > `last`, which are newer than the checkpoint."""
        tables.keep(self.run.folder / table, column, last)

    def sync_tables(self) -> None:
        """Flush the tables to the disk; call it before a checkpoint, which must not be newer than the tables."""
        for path in (self.run.folder / METRICS, self.run.folder / EPOCHS):
            if path.exists():
                with files.readable_os_errors(path):
                    files.sync_file(path)

    def keep_samples(self, last: int) -> None:
        """Delete the grids and snapshots of epochs after `last`."""
        by_epoch = self.run.samples(), self.run.private_samples(), self.run.snapshots()
        for epoch, path in itertools.chain.from_iterable(paths.items() for paths in by_epoch):
            if epoch > last:
                self._remove(path)

    def save_samples(self, epoch: int, picture: np.ndarray, private: bool = False) -> None:
        """Write the grid of an epoch, uint8 (H, W, C); with `private`, into the folder for previews of real images."""
        self.write_samples(epoch, images.png_bytes(picture), private)

    def write_samples(self, epoch: int, png: bytes, private: bool = False) -> None:
        """Write a grid that `images.png_bytes` has encoded."""
        folder = self.run.folder / (PRIVATE if private else SAMPLES)
        folder.mkdir(exist_ok=True)
        files.write_bytes(folder / f"epoch_{epoch:04d}.png", png)

    def save_gif(self, private: bool = False) -> Path:
        """Write progress.gif from the grids of the run; return its path. The private one goes to the private folder."""
        return write_gif(self.run, self.run.folder / (f"{PRIVATE}/{GIF}" if private else GIF), private)

    def checkpoint_path(self, step: int) -> Path:
        return self.run.folder / CHECKPOINTS / f"step_{step:08d}.safetensors"

    def drop_last_weights(self) -> None:
        """Delete the second copy of the weights of the last step, which an earlier end of the training left."""
        self._remove(self.run.last_weights)

    def snapshot_path(self, epoch: int) -> Path:
        folder = self.run.folder / SNAPSHOTS
        folder.mkdir(exist_ok=True)
        return folder / f"epoch_{epoch:04d}.safetensors"

    def drop_old_checkpoints(self, keep: int = 2) -> None:
        """Delete all but the newest `keep` checkpoints."""
        for path in self.run.checkpoints()[keep:]:
            self._remove(path)

    def set_aside(self, last: int) -> None:
        """Rename the checkpoints after step `last` to .damaged, so that no later resume uses them."""
        for path in self.run.checkpoints():
            if path > self.checkpoint_path(last):
                with files.readable_os_errors(path):
                    path.replace(path.with_suffix(".damaged"))

    def write_status(self, **values: Any) -> None:
        """Replace status.json; fills in `process`, `host` and `updated`."""
        status = asdict(Status.now(**values))
        files.write_text(self.run.folder / STATUS, json.dumps(status, indent=2) + "\n")


def write_gif(run: Run, path: Path, private: bool = False) -> Path:
    """Write the sample grids of a run as a GIF, first to last epoch; the private grids if `private`. Return the path.

    Raises:
        UserError: the run has no grids yet.
    """
    images.save_gif(path, list(grids(run, private).values()))
    return path
