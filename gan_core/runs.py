"""The run folder, the public record of one training: the only code that knows its file names.

    config.json  status.json  metrics.csv  epochs.csv  samples/epoch_0000.png  private/  progress.gif
    checkpoints/step_00000000.safetensors  snapshots/epoch_0000.safetensors
    weights.safetensors  discriminator.safetensors  evaluation.json

One trainer writes (`RunWriter`, held by a lock), any number of readers read what was appended (`Run`, `Table`) and
never lock it out.
"""

import itertools
import json
import os
import re
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import psutil

from gan_core import config, files, images
from gan_core.config import RunConfig
from gan_core.errors import UserError, nearest
from gan_core.tables import Table

CONFIG, STATUS, METRICS, EPOCHS = "config.json", "status.json", "metrics.csv", "epochs.csv"
SAMPLES, PRIVATE, CHECKPOINTS, GIF = "samples", "private", "checkpoints", "progress.gif"
SNAPSHOTS = "snapshots"
WEIGHTS, DISCRIMINATOR, EVALUATION = "weights.safetensors", "discriminator.safetensors", "evaluation.json"
REFERENCE = "reference"  # the folder of shipped runs below the root: read-only

# Windows gives these names to devices in every folder.
_DEVICES = {"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(1, 10))}


def default_root() -> Path:
    """Where runs are kept: GANRAY_RUNS if set, else `runs/` beside the package, else `runs/` in the current folder."""
    if given := os.environ.get("GANRAY_RUNS"):
        return Path(given)
    beside = Path(__file__).resolve().parent.parent / "runs"
    return beside if beside.is_dir() else Path("runs")


def check_name(name: str) -> str:
    """The name, if it can be a run's folder on every system.

    Raises:
        UserError: it is empty, too long, a path, hidden, or a device's name.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name) or name.endswith("."):
        raise UserError(
            f"run name {name[:120]!r}: use up to 100 letters, digits, '.', '_' and '-', starting with a letter or digit"
        )
    if name.split(".")[0].lower() in _DEVICES or name == REFERENCE:
        raise UserError(f"run name '{name}' is reserved: choose another")
    return name


@dataclass(frozen=True)
class Status:
    """Where a run stands. `state` is running, finished, stopped, failed, or unknown (no status to be read)."""

    state: str
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps: int = 0
    eta_seconds: float | None = None
    reason: str | None = None
    process: int | None = None
    process_started: float | None = None
    host: str | None = None
    device: str | None = None
    updated: float = 0.0

    def alive(self) -> bool:
        """Whether the process that trains is there, as far as this machine can tell."""
        if self.state != "running":
            return False
        if self.host != socket.gethostname():
            return time.time() - self.updated < 300  # another machine's: believed as long as it keeps writing
        return _process_started(self.process) == self.process_started


def _process_started(process: int | None) -> float | None:
    """When a process began: process numbers are used again, the pair is not."""
    try:
        return round(psutil.Process(process).create_time(), 2) if process else None
    except psutil.Error:
        return None


class Run:
    """A run folder, for reading. Nothing here raises because a file is not there yet."""

    def __init__(self, folder: Path, root: Path | None = None) -> None:
        self.folder = folder
        self.root = root or folder.parent
        self.name = folder.relative_to(root).as_posix() if root else folder.name

    @property
    def reference(self) -> bool:
        """Whether this is one of the shipped runs, which nothing may change."""
        return self.folder.parent.name == REFERENCE

    def config(self) -> RunConfig:
        """Raises UserError: missing, damaged, from a newer version."""
        return config.read_run_config(self.folder / CONFIG)

    def status(self) -> Status:
        """What status.json says, corrected where the process behind it has died."""
        try:
            status = config.from_dict(Status, config.read_json(self.folder / STATUS), str(self.folder / STATUS))
        except UserError as error:
            return Status("unknown", reason=str(error))
        if status.state == "running" and not status.alive():
            reason = "the training process ended without a word (killed, or the machine went down): resume it"
            return Status(**{**asdict(status), "state": "stopped", "reason": reason, "eta_seconds": None})
        return status

    def metrics(self) -> Table:
        """A row a logged step; `poll()` it to follow a running run."""
        return Table(self.folder / METRICS)

    def epochs(self) -> Table:
        """A row a preview: held-out accuracy, score histograms, diversity."""
        return Table(self.folder / EPOCHS)

    def samples(self) -> dict[int, Path]:
        """Epoch -> grid of the fixed latents, or of the fixed synthetic inputs, in order."""
        return self._by_epoch(self.folder / SAMPLES)

    def private_samples(self) -> dict[int, Path]:
        """Epoch -> sheet of translated real images, in order: to be looked at here, and not to leave the machine."""
        return self._by_epoch(self.folder / PRIVATE)

    @property
    def gif(self) -> Path | None:
        """The fixed latents from first to last epoch, if written."""
        path = self.folder / GIF
        return path if path.is_file() else None

    @property
    def weights(self) -> Path:
        return self.folder / WEIGHTS

    @property
    def discriminator(self) -> Path:
        return self.folder / DISCRIMINATOR

    @property
    def evaluation(self) -> Path:
        """What `evaluate` measured; `gan_core.evaluation.results` reads it."""
        return self.folder / EVALUATION

    def checkpoints(self) -> list[Path]:
        """Complete checkpoints, the newest first."""
        found = (self.folder / CHECKPOINTS).glob("step_*.safetensors")
        return sorted((p for p in found if re.fullmatch(r"step_\d+\.safetensors", p.name)), reverse=True)

    def snapshots(self) -> dict[int, Path]:
        """Epoch -> weights of the generators as that preview saw them, in order; only of a run that was asked to."""
        return self._by_epoch(self.folder / SNAPSHOTS, "safetensors")

    def downloads(self) -> list[Path]:
        """The files a person may take away: never private previews, never checkpoints."""
        names = [CONFIG, STATUS, METRICS, EPOCHS, EVALUATION, GIF, WEIGHTS, DISCRIMINATOR]
        return [self.folder / name for name in names if (self.folder / name).is_file()] + list(self.samples().values())

    @staticmethod
    def _by_epoch(folder: Path, kind: str = "png") -> dict[int, Path]:
        found = ((re.fullmatch(rf"epoch_(\d+)\.{kind}", path.name), path) for path in folder.glob(f"epoch_*.{kind}"))
        return dict(sorted((int(match[1]), path) for match, path in found if match))


def list_runs(root: Path) -> list[Run]:
    """Every run below `root`, the shipped ones first, then the newest first."""
    shipped = sorted((root / REFERENCE).glob(f"*/{CONFIG}"))
    own = []
    for path in root.glob(f"*/{CONFIG}"):
        try:
            own.append((-path.stat().st_mtime, path))
        except FileNotFoundError:
            continue  # deleted while we looked
    return [Run(path.parent, root) for path in shipped + [path for _, path in sorted(own)]]


def find_run(name: str, root: Path) -> Run:
    """A run by its folder, its name below `root`, or the name of a shipped one.

    Raises:
        UserError: there is none of that name.
    """
    for folder in (root / name, root / REFERENCE / name):
        if (folder / CONFIG).is_file() and folder.resolve().is_relative_to(root.resolve()):
            return Run(folder, root)
    if (Path(name) / CONFIG).is_file():
        return Run(Path(name))
    known = [run.name for run in list_runs(root)]
    hint = nearest(name, known) or (" Runs there: " + ", ".join(known[:12]) if known else " There are no runs yet.")
    raise UserError(f"no run '{name}' in {root}.{hint}")


class RunWriter:
    """The one process that may write a run folder; use `create` or `reopen`, then `close`."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._lock = filelock.FileLock(run.folder / ".lock")
        try:
            # The system drops the lock with the process that held it, so that of a dead trainer is free.
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            raise UserError(f"run '{run.name}' is being trained by another process: stop that one first") from None

    @classmethod
    def create(cls, root: Path, name: str, settings: RunConfig) -> "RunWriter":
        """A new run folder with its config.json.

        Raises:
            UserError: a bad name, a name that is taken, a place that cannot be written.
        """
        folder = root / check_name(name)
        with files.readable_os_errors(folder):
            root.mkdir(parents=True, exist_ok=True)
            try:
                folder.mkdir()
            except FileExistsError:
                raise UserError(f"run '{name}' exists already: choose another --name, or resume it") from None
            for part in (SAMPLES, CHECKPOINTS):
                (folder / part).mkdir()
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
        self._lock.release()

    def log(self, rows: Sequence[Mapping[str, Any]], table: str = METRICS) -> None:
        """Append rows of the same columns as whole lines, in one write."""
        if not rows:
            return
        path = self.run.folder / table
        lines = [",".join(_cell(value) for value in row.values()) for row in rows]
        if not path.exists():
            lines.insert(0, ",".join(rows[0]))
        files.append_bytes(path, ("\n".join(lines) + "\n").encode())

    def keep_rows(self, table: str, column: str, last: int) -> None:
        """Replace a table by its rows up to `column` <= `last`: what a checkpoint knows."""
        path = self.run.folder / table
        if not path.exists():
            return
        # No unfinished last line, and nothing parsed and printed again: the rows stay the same to the byte.
        lines = path.read_bytes().split(b"\n")[:-1]
        index = lines[0].decode().split(",").index(column) if lines else 0
        kept = lines[:1] + [line for line in lines[1:] if int(line.split(b",")[index]) <= last]
        files.write_bytes(path, b"".join(line + b"\n" for line in kept))

    def keep_samples(self, last: int) -> None:
        """Drop the grids and snapshots of epochs after `last`."""
        kept = self.run.samples(), self.run.private_samples(), self.run.snapshots()
        for epoch, path in itertools.chain.from_iterable(found.items() for found in kept):
            if epoch > last:
                path.unlink()

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
            path.unlink()

    def write_status(self, **values: Any) -> None:
        """Replace status.json; `process`, `host` and `updated` are filled in."""
        process = os.getpid()
        status = Status(
            process=process,
            process_started=_process_started(process),
            host=socket.gethostname(),
            updated=round(time.time(), 1),
            **values,
        )
        files.write_text(self.run.folder / STATUS, json.dumps(asdict(status), indent=2) + "\n")


def write_gif(run: Run, path: Path, private: bool = False) -> Path:
    """Join a run's grids to a GIF, first to last epoch; the private ones only where that is asked for.

    Raises:
        UserError: the run has no grids yet.
    """
    samples = run.private_samples() if private else run.samples()
    frames = [images.read_png(sample) for sample in samples.values()]
    if not frames:
        raise UserError(f"run '{run.name}' has no sample grids yet: train it for an epoch first")
    images.save_gif(path, frames)
    return path


def _cell(value: Any) -> str:
    """A CSV cell: whole numbers as they are, others with seven digits, enough for float32."""
    if isinstance(value, str):
        if any(character in value for character in ',"\n'):
            raise AssertionError(f"a table's text has no commas, quotes or line ends: {value!r}")
        return value
    if isinstance(value, bool | int | np.integer):
        return str(int(value))
    return f"{float(value):.7g}"
