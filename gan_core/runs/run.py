"""The run folder, the public record of one training: its file names, and reading it.

    config.json  status.json  metrics.csv  epochs.csv  samples/epoch_0000.png  private/  progress.gif
    checkpoints/step_00000000.safetensors  snapshots/epoch_0000.safetensors
    weights.safetensors  last.safetensors  discriminator.safetensors  evaluation.json
    generator.onnx or generated.safetensors, of a run that GANray did not train

One trainer writes (`writer.RunWriter`, protected by a lock). Any number of readers (`Run`, `Table`) follow without
blocking it.

A run folder may come from anybody. Links inside one are neither read nor written through, and a run folder that is
itself a link is only read. `files.open_regular` opens its files.
"""

import contextlib
import json
import os
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np

from gan_core import config, files, images, schedule
from gan_core.config import Origin, RunConfig
from gan_core.errors import UserError, nearest
from gan_core.runs import lock, remote, tables
from gan_core.runs.status import MOST, Status
from gan_core.runs.tables import Table

CONFIG, STATUS, METRICS, EPOCHS = "config.json", "status.json", "metrics.csv", "epochs.csv"
SAMPLES, PRIVATE, CHECKPOINTS, GIF = "samples", "private", "checkpoints", "progress.gif"
SNAPSHOTS = "snapshots"
WEIGHTS, DISCRIMINATOR, EVALUATION = "weights.safetensors", "discriminator.safetensors", "evaluation.json"
LAST_WEIGHTS = "last.safetensors"  # beside weights.safetensors if that holds the weights of an earlier preview
# What a run that GANray did not train draws from: a graph, or pictures that were drawn in advance.
GENERATOR, GENERATED = "generator.onnx", "generated.safetensors"
_LONGEST_HEADER = 2**21  # bytes, of weights
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
REFERENCE = "reference"  # the folder of shipped runs below the root: read-only
EVALUATIONS = "evaluations"  # the folder of the user's own evaluations of runs that are only read, below the root


def default_root() -> Path:
    """Return the folder of runs: GANRAY_RUNS if set, else `runs/` beside the package or, without one, `./runs`.

    Raises:
        UserError: GANRAY_RUNS is a URL that cannot be reached.
    """
    if given := os.environ.get("GANRAY_RUNS"):
        return remote.root_of(given)
    beside = Path(__file__).resolve().parents[2] / "runs"
    return beside if beside.is_dir() else Path("runs")


def check_name(name: str) -> str:
    """Return the name if it can be a run's folder on every operating system.

    Raises:
        UserError: the name is empty, too long, a path, hidden, or reserved.
    """
    if not re.fullmatch(_NAME, name) or name.endswith("."):
        raise UserError(
            f"run name {name[:120]!r}: use up to 100 letters, digits, '.', '_' and '-', starting with a letter or digit"
        )
    if files.is_device(name) or name in (REFERENCE, EVALUATIONS):
        raise UserError(f"run name '{name}' is reserved: choose another")
    return name


class Run:
    """A run folder, for reading. A file that does not exist yet raises no error, except in `config`."""

    def __init__(
        self, folder: Path, root: Path | None = None, name: str | None = None, blobs: Path | None = None
    ) -> None:
        """blobs: the folder in a download cache whose files the run's files may be links to."""
        self.folder = folder
        self._blobs = blobs.resolve() if blobs and not blobs.is_symlink() else None
        self.root = root or folder.parent
        self.label = name or folder.name  # the run's name in the metadata of its images
        self.name = name or (folder.relative_to(root).as_posix() if root else folder.name)

    @property
    def reference(self) -> bool:
        """Whether this is one of the shipped, read-only runs."""
        return self.folder.parent.name == REFERENCE

    def file(self, name: str) -> Path:
        """Return the path of one of the run's files; of a model in a download cache, the file behind its link."""
        path = self.folder / name
        if self._blobs and path.is_symlink() and (target := path.resolve()).parent == self._blobs:
            return target
        return path

    def check_writable(self) -> None:
        """Check that writing into this run folder changes nothing outside it.

        Raises:
            UserError: the folder is a link, or there is a link in it.
        """
        if self.folder.is_symlink():
            raise UserError(f"run '{self.name}' is a link and is only read: move the run itself here to change it")
        if link := files.link_below(self.folder):
            place = link.relative_to(self.folder).as_posix()
            raise UserError(
                f"run '{self.name}' is only read: '{place}' in it is a link; put the file or folder itself there"
            )

    def config(self) -> RunConfig:
        """Return the run's configuration.

        Raises:
            UserError: config.json is missing, damaged, or from a newer version.
        """
        return config.read_run_config(self.file(CONFIG))

    def status(self) -> Status:
        """Return the status from status.json; "stopped" if the training process has died."""
        try:
            status = config.from_dict(Status, config.read_json(self.folder / STATUS), str(self.folder / STATUS))
        except UserError as error:
            return Status("unknown", reason=str(error))
        if problem := status.problem():
            return Status("unknown", reason=f"{self.folder / STATUS} is damaged: {problem}")
        if status.state == "running" and not status.alive() and not self._trained_by(status):
            reason = "the training process ended without a message (killed, or the machine went down)"
            reason += "" if self._recorded() else ": resume it"
            return Status(**{**asdict(status), "state": "stopped", "reason": reason, "eta_seconds": None})
        return status

    def reached(self, status: Status, origin: Origin | None) -> int:
        """Return the last epoch of the run, or the last step where its origin counts steps.

        Of a run that GANray did not train, that is the last row of its table, or the status where that is further: the
        program may have been killed before it wrote one.
        """
        if origin is None:
            return status.epoch
        known = (status.epoch, status.step) if origin.counts == "step" else (status.epoch,)
        row = tables.last_number(self.folder / METRICS, origin.counts)
        return max(*known, int(row) if 0 <= row <= MOST else 0)

    def weights_epoch(self, status: Status, run_config: RunConfig) -> int:
        """Return the epoch of the weights, which may be an earlier one than the last: see `config.Kept`.

        While a run is resumed, and after a kill, its weights are those of its last stop. Without weights it is the
        epoch that was kept or `reached`.
        """
        step = None if run_config.origin else _step_in(self.weights)
        if step is not None:
            images = run_config.class_counts if run_config.domains else [run_config.train_images]
            return step // max(1, schedule.steps_per_epoch(images, run_config.batch_size))
        return run_config.kept.epoch if run_config.kept else self.reached(status, run_config.origin)

    def trained_step(self, status: Status) -> int:
        """Return the step of the last stop or the end, when the weights were written or chosen; else the last step."""
        try:
            kept = self.config().kept is not None
        except UserError:
            kept = False
        # Weights that were kept are those of a preview.
        found = (_step_in(path) for path in ((self.last_weights,) if kept else (self.last_weights, self.weights)))
        return next((step for step in found if step is not None), status.step)

    def _recorded(self) -> bool:
        """Return whether GANray did not train the run, and so cannot resume it."""
        try:
            return self.config().origin is not None
        except UserError:
            return False

    def _trained_by(self, status: Status) -> bool:
        """Return whether the process of the status holds the run's lock. No clock is asked, which may have been set."""
        try:
            return status.process is not None and lock.is_held_by(self.folder, status.process)
        except PermissionError:
            return lock.is_held(self.folder)

    def metrics(self) -> Table:
        """Return the table of metrics.csv, one row per logged step; call `poll()` to read new rows."""
        return Table(self.folder / METRICS)

    def epochs(self) -> Table:
        """Return the table of epochs.csv, one row per preview: held-out accuracy, score histograms, diversity."""
        return Table(self.folder / EPOCHS)

    def samples(self) -> dict[int, Path]:
        """Return epoch -> sample grid (fixed latents, or fixed synthetic inputs of a translator), in order."""
        return self._by_epoch(self.folder / SAMPLES)

    def private_samples(self) -> dict[int, Path]:
        """Return epoch -> sheet of translated real images, in order. They must not leave this machine."""
        return self._by_epoch(self.folder / PRIVATE)

    @property
    def gif(self) -> Path | None:
        """The animation of the sample grids from the first to the last epoch; None if not written."""
        path = self.folder / GIF
        return path if files.is_regular(path) else None

    @property
    def private_gif(self) -> Path | None:
        """The animation of the private sheets; None if not written."""
        path = self.folder / PRIVATE / GIF
        return path if files.is_regular(path) and not path.parent.is_symlink() else None

    @property
    def weights(self) -> Path:
        """The file that the run draws from: its weights or, of a run that GANray did not train, its generator."""
        for name in (GENERATOR, GENERATED):
            if files.is_regular(self.folder / name) and not files.is_regular(self.file(WEIGHTS)):
                return self.folder / name
        return self.file(WEIGHTS)

    @property
    def last_weights(self) -> Path:
        """The weights of the last step, where `weights` are those of an earlier preview."""
        return self.file(LAST_WEIGHTS)

    @property
    def discriminator(self) -> Path:
        """The discriminator of the last step, whichever weights the run draws from."""
        return self.file(DISCRIMINATOR)

    @property
    def evaluation(self) -> Path:
        """The results of `evaluate`; `gan_core.evaluation.results` reads them.

        Of a run that is only read, the user's own file is taken unless that in the run folder is newer.
        """
        inside, own = self.folder / EVALUATION, self.own_evaluation
        read = own and not link_on_the_way(own) and _changed(own) >= max(_changed(inside), 0)
        return own if own and read else inside

    @property
    def evaluated_here(self) -> bool:
        """Whether `evaluation` is the user's own, of a run that is only read."""
        return self.evaluation != self.folder / EVALUATION

    @property
    def own_evaluation(self) -> Path | None:
        """Where the user's evaluation lies if the run is only read: shipped, a link, or without permission; else None.

        It lies below the root of the runs, which git ignores, also where the run was named by the path of its folder.
        """
        if self.reference:
            root, name = self.folder.parent.parent, f"{REFERENCE}/{self.folder.name}"
        elif self.folder.is_symlink() or not os.access(self.folder, os.W_OK):
            root, name = self.root, self.name
        else:
            return None
        return root / EVALUATIONS / name / EVALUATION

    def evaluation_to_write(self, into_run: bool = False) -> Path:
        """Return where `evaluate` writes its results: into the run folder, or into the user's own if it is only read.

        into_run: also into the folder of a shipped run, for its maintainers.

        Raises:
            UserError: there is a link in the run folder or on the way to the user's own one, or it cannot be made.
        """
        own = self.own_evaluation
        if own is None or into_run:
            self.check_writable()
            return self.folder / EVALUATION
        if place := link_on_the_way(own):
            raise UserError(f"cannot write {own}: {place} is a link; put the folder itself there")
        with files.readable_os_errors(own.parent):
            own.parent.mkdir(parents=True, exist_ok=True)
        return own

    def checkpoints(self) -> list[Path]:
        """Return the complete checkpoints, newest first."""
        folder = self.folder / CHECKPOINTS
        found = [] if folder.is_symlink() else folder.glob("step_*.safetensors")
        return sorted((p for p in found if re.fullmatch(r"step_\d+\.safetensors", p.name)), reverse=True)

    def snapshots(self) -> dict[int, Path]:
        """Return epoch -> weights of the generators at that preview, in order; empty without --snapshots."""
        return self._by_epoch(self.folder / SNAPSHOTS, "safetensors")

    def downloads(self) -> list[Path]:
        """Return the files that may be downloaded: no private previews, no checkpoints."""
        places = [self.folder / name for name in (CONFIG, STATUS, METRICS, EPOCHS)]
        places += [
            self.evaluation,
            *(self.folder / name for name in (GIF, WEIGHTS, LAST_WEIGHTS, DISCRIMINATOR, GENERATOR, GENERATED)),
        ]
        own = [path for path in places if files.is_regular(path)]
        return own + list(self.samples().values())

    @staticmethod
    def _by_epoch(folder: Path, kind: str = "png") -> dict[int, Path]:
        if folder.is_symlink():
            return {}
        found = ((re.fullmatch(rf"epoch_(\d+)\.{kind}", path.name), path) for path in folder.glob(f"epoch_*.{kind}"))
        return dict(sorted((int(match[1]), path) for match, path in found if match and files.is_regular(path)))


def _step_in(path: Path) -> int | None:
    """Return the training step in the header of weights; None if they are missing, damaged or do not say it."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        with files.open_regular(path, files.WEIGHTS_BYTES) as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size)) if size <= _LONGEST_HEADER else {}
        step = json.loads(header["__metadata__"]["ganray"])["step"]
        return step if type(step) is int and 0 <= step <= MOST else None
    return None


def _changed(path: Path) -> int:
    """Return when a file was written last, ns; -1 if it is none."""
    try:
        return path.lstat().st_mtime_ns if files.is_regular(path) else -1
    except OSError:
        return -1


def link_on_the_way(own: Path) -> Path | None:
    """Return the first link on the way from the folder of the user's own evaluations to one of its files or folders."""
    for place in (own, *own.parents):
        if place.is_symlink():
            return place
        if place.name == EVALUATIONS:
            break
    return None


def list_runs(root: Path) -> list[Run]:
    """Return every run below `root`: the shipped ones, then the others, newest first.

    Links are not followed, hidden folders hold no runs, and those that `misnamed` lists are left out.
    """
    shipped = sorted((root / REFERENCE).glob(f"*/{CONFIG}"))
    own = []
    for path in root.glob(f"*/{CONFIG}"):
        try:
            own.append((-path.lstat().st_mtime, path))
        except OSError:
            continue  # deleted meanwhile
    found = [path.parent for path in shipped + [path for _, path in sorted(own)]]
    wanted = (folder for folder in found if not (folder.is_symlink() or folder.name.startswith(".")))
    return [Run(folder, root) for folder in wanted if is_utf8(folder.name)]


def linked(root: Path) -> list[str]:
    """Return the names below `root` that are links to runs elsewhere, without those that `misnamed` lists."""
    names = (path.parent.name for path in root.glob(f"*/{CONFIG}") if path.parent.is_symlink())
    return sorted(filter(is_utf8, names))


def misnamed(root: Path) -> list[str]:
    """Return the folders below `root`, also shipped ones, whose names are not UTF-8, with "?" for each such byte.

    Neither a page nor an address nor a table can hold such a name.
    """
    folders = (path for path in (*root.glob("*"), *(root / REFERENCE).glob("*")) if not is_utf8(path.name))
    found = (path.relative_to(root).as_posix() for path in folders if path.is_dir() and path.name[0] != ".")
    return sorted(name.encode("utf-8", "replace").decode() for name in found)


def is_utf8(name: str) -> bool:
    """Return whether the name of a folder is UTF-8: Python reads any other byte as a lone surrogate."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_taken(root: Path, name: str) -> bool:
    """Return whether a run has this name already. A folder without visible files, from a killed trainer, is free."""
    folder = root / name
    found = folder.rglob("*")
    visible = (path for path in found if path.is_symlink() or not (path.name.startswith(".") or path.is_dir()))
    return folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(True for _ in visible)))


def find_run(name: str, root: Path, *, heavy: bool = True) -> Run:
    """Return a run by its folder, its name below `root`, or the name of a shipped run.

    heavy: for a remote run, also download checkpoints, snapshots and private previews.

    Raises:
        UserError: there is no run of that name.
    """
    place = remote.place_of(root)
    if place and re.fullmatch(_NAME, name):
        place.fetch(name, heavy=heavy)
    for folder in (root / name, root / REFERENCE / name):
        inside = folder.is_relative_to(root) and folder.resolve().is_relative_to(root.resolve())
        if inside and not folder.name.startswith(".") and (folder / CONFIG).is_file():
            return Run(folder, root)
    if (Path(name) / CONFIG).is_file():
        return Run(Path(name))
    found = sorted(list_runs(root), key=lambda run: run.reference)  # the user's own first
    known = [run.name for run in found]
    more = f" and {len(known) - 12} more" if len(known) > 12 else ""
    hint = nearest(name, known) or (
        f" Runs there: {', '.join(known[:12])}{more}" if known else " There are no runs yet."
    )
    raise UserError(f"no run '{name}' in {root}.{hint}")


def grids(run: Run, private: bool = False) -> dict[int, np.ndarray]:
    """Return epoch -> sample grid, uint8 (height, width, C), in order; the private grids if `private`.

    Damaged grids are left out, so that a training does not fail at its end because of an early image.

    Raises:
        UserError: the run has no grids yet.
    """
    found = {}
    for epoch, sample in (run.private_samples() if private else run.samples()).items():
        with contextlib.suppress(UserError):
            found[epoch] = images.read_png(sample)
    if not found:
        raise UserError(f"run '{run.name}' has no sample grids yet: train it for an epoch first")
    return found
