"""How fast this machine trains a preset, and with how much memory: a few steps and one preview, thrown away.

    python -m gan_core speed dcgan --size 64 --batch-size 32
    python -m gan_core speed dcgan --size 64 --batch-size 32 --data my_xrays

Without data the pictures are drawn, so that nothing is prepared or downloaded: what a step costs does not depend on
what they show. With data, everything is made as a training makes it, so that memory and the start are its own.
"""

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from torch import Tensor

from gan_core import config, data, images, run_costs, runs, tensor_files
from gan_core.data.readers import phantom
from gan_core.errors import UserError
from gan_core.families import loading
from gan_core.families.registry import find_preset
from gan_core.run_costs import Sizes, Speed
from gan_core.run_options import RunOptions
from gan_core.runs import tables
from gan_core.training import best, devices, early_checks, growth, run_plan
from gan_core.training.fabric import Fabric
from gan_core.training.previews import generators, translators
from gan_core.training.trainer import Trainer

_DRAWN = 8  # pictures of each of two classes
_SEED = 5 * 10**15  # of their bodies: beyond those of every training set
_SECONDS, _STEPS = 2.5, 40  # after either, no further step is timed


@dataclass(frozen=True)
class _Training:
    """A training that is ready for its first step."""

    family: loading.Family
    fabric: Fabric
    precision: str
    step: Callable[[], Tensor]  # returns the values of the family's columns
    preview: generators.GeneratorPreview | translators.TranslatorPreview
    pictures: np.ndarray  # real ones, uint8 (n, C, S, S)
    prepared: data.Prepared | None = None  # None where the pictures were drawn for this


def measure(
    options: RunOptions,
    root: Path | None = None,
    apart: float = 0.0,
    measuring: Callable[[loading.Family, data.Prepared | None], float] | None = None,
) -> Speed:
    """Time a few steps and one preview of a preset, on the data of `source` or, if that is empty, on phantoms.

    Memory is that of the whole process until now, so ask in a process of its own. On phantoms, `epochs` and `seed` do
    not matter. root: the folder of runs, for previews that start from the images of another run. apart: seconds that
    this process did what no training does. measuring: returns the seconds of a distance at a preview, see `best`,
    with the data if there is any.

    Raises:
        UserError: the preset, a setting or the size is unknown, the device is not there, or the data is unusable.
    """
    busy = run_costs.busy()
    training = (_on_data if options.source else _on_phantoms)(options, root or runs.default_root())
    training.family.train()
    training.family.averages.eval()
    started = time.time() - psutil.Process().create_time() - apart
    step, alone, values = _step(training)
    preview, sizes = _preview(training, values, options.snapshots)
    if measuring and best.wanted(options, translates=find_preset(options.preset).task == "translate"):
        preview += measuring(training.family, training.prepared)
    on_card = training.family.device.type == "cuda"
    card = torch.cuda.max_memory_reserved(training.family.device) if on_card else 0
    device = str(training.fabric.device)
    return Speed(step, alone, preview, started, device, busy, training.precision, peak_memory(), card, sizes)


class _Unwritten(Trainer):
    """A training that writes no run folder."""

    def take(self) -> Tensor:
        self._step()
        return self.rows[-1][2]


def _on_data(options: RunOptions, root: Path) -> _Training:
    """Prepare a training as `train` does."""
    run_config, prepared = run_plan.plan(options, root)
    fabric = devices.make_fabric(options.device, run_config.precision)
    trainer = _Unwritten(run_config, prepared, fabric, None, root)
    pictures = prepared.images[prepared.indices("train")[: generators.GRID_IMAGES]]
    return _Training(trainer.family, fabric, run_config.precision, trainer.take, trainer.preview, pictures, prepared)


def _on_phantoms(options: RunOptions, root: Path) -> _Training:
    """Prepare a training on a few pictures that are drawn for it."""
    entry = find_preset(options.preset)
    early_checks.check_freeze(options)
    own = None
    if options.grow_from is not None:
        options, own, _ = growth.fitted(options, root)
    size = entry.image_size if options.image_size is None else options.image_size
    count = entry.batch_size if options.batch_size is None else options.batch_size
    if not 1 <= count <= config.MOST_BATCH:
        raise UserError(f"--batch-size {count}: give a number from 1 to {config.MOST_BATCH}")
    if size not in config.IMAGE_SIZES:
        raise UserError(f"--size {size}: choose one of {', '.join(map(str, config.IMAGE_SIZES))}")
    translates = entry.task == "translate"
    if own is None:
        own = loading.preset_settings(entry, size, options.settings)
    name = devices.accelerator(options.device)

    def build() -> loading.Family:
        return loading.build(entry.family, config.to_dict(own), (options.channels, size, size), 2).place(name)

    pixels, labels = _drawn(size, options.channels)
    halves = [np.resize(np.flatnonzero(labels == one), count) for one in (0, 1)]
    index = np.concatenate(halves) if translates else np.resize(np.arange(len(labels)), count)
    real, given = images.to_float(torch.from_numpy(pixels[index])).to(name), torch.from_numpy(labels[index]).to(name)
    # A training that may choose its precision times both as well, before its first step.
    chosen = devices.faster_precision(name, build, real, given) if options.precision == "auto" else options.precision
    fabric = devices.make_fabric(options.device, chosen)
    family = build()
    if options.freeze:
        family.freeze()
    family.study(torch.from_numpy(pixels).to(name), torch.from_numpy(labels).to(name))
    family.steps = 10**6

    def step() -> Tensor:
        with fabric.autocast():
            scalars = family.train_step(real.clone(), given)
        family.step += 1
        return torch.stack([value.detach().float().reshape(()) for value in scalars.values()])

    # A preview scores 256 pictures of each kind; which ones does not change how long that takes.
    many = np.resize(pixels, (256, *pixels.shape[1:])), np.resize(labels, 256)
    shown = (pixels, labels) if translates else many
    preview = (translators if translates else generators).fix_inputs(family, shown, shown, 0)
    return _Training(family, fabric, chosen, step, preview, pixels)


def _drawn(size: int, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return phantoms, uint8 (2 * _DRAWN, C, S, S), of two classes and their labels."""
    found = [
        phantom.picture("cxr", name, _SEED + number, size, channels)
        for name in ("normal", "covid")
        for number in range(_DRAWN)
    ]
    pixels = np.rint(np.stack(found) * 255).astype(np.uint8).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(pixels), np.repeat(np.arange(2), _DRAWN)


def _step(training: _Training) -> tuple[float, float, Tensor]:
    """Return the seconds of a step, those if nothing else ran, and the values of the last step.

    Both are means after the first step, which sets things up.
    """
    device = training.family.device
    times: list[float] = []
    working = 0.0
    while len(times) < 2 or (sum(times[1:]) < _SECONDS and len(times) < _STEPS):
        begun, worked = time.perf_counter(), time.process_time()
        values = training.step()
        _wait(device)
        times.append(time.perf_counter() - begun)
        working += time.process_time() - worked if len(times) > 1 else 0
    step = float(np.mean(times[1:]))
    waits_for_card = device.type != "cpu"
    alone = step if waits_for_card else min(step, working / (len(times) - 1) / torch.get_num_threads())
    return step, alone, values


def _preview(training: _Training, values: Tensor, snapshots: bool) -> tuple[float, Sizes]:
    """Return the seconds of a preview and of what is written beside it, and the bytes of all that a run writes.

    values: of a step, for a row of metrics.csv.
    """
    family = training.family
    with tempfile.TemporaryDirectory(prefix="ganray-speed-") as name:
        folder = Path(name)
        begun = time.perf_counter()
        with training.fabric.autocast():
            sheet, row = training.preview.look(family)
        png = len(images.png_bytes(sheet))
        tensors, numbers = family.training_state()
        tensor_files.save(folder / "checkpoint", tensors, {"optimizers": numbers})
        if snapshots:
            tensor_files.save_half(folder / "snapshot", family.served_state(), {})
        seconds = time.perf_counter() - begun
        tensor_files.save_half(folder / "weights", family.served_state(), {})
        if family.has_discriminator:
            tensor_files.save_half(folder / "discriminator", family.judging_state(), {})
        logged = {"step": 1000, "epoch": 10 / 3, "seconds": 1000 / 3, "images_per_second": 100 / 3}
        logged |= {f"value {number}": value for number, value in enumerate(values.tolist())}
        filled = _filled(sheet, training.pictures)
        return seconds, Sizes(
            checkpoint=(folder / "checkpoint").stat().st_size,
            weights=(folder / "weights").stat().st_size,
            discriminator=(folder / "discriminator").stat().st_size if family.has_discriminator else 0,
            # Networks of a few steps draw grey or noise. What trained ones draw fills a file as real pictures do.
            sheet=len(images.png_bytes(filled)) if len(filled) else png,
            frame=len(images.gif_bytes([filled if len(filled) else sheet])),
            row=_line(folder / "metrics.csv", logged),
            epoch_row=_line(folder / "epochs.csv", {"epoch": 100, "step": 10_000} | row),
        )


def _filled(sheet: np.ndarray, pictures: np.ndarray) -> np.ndarray:
    """Return a sheet (height, width, C) of the same layout that shows real pictures (n, C, S, S) uint8."""
    side = pictures.shape[2]
    cells = max(1, round(sheet.shape[0] * sheet.shape[1] / side**2))
    columns = max(1, sheet.shape[1] // side)
    return images.grid(np.resize(pictures, (cells, *pictures.shape[1:])), columns)


def _line(path: Path, row: dict[str, Any]) -> int:
    """Return the bytes of a row of a table, without the table's header."""
    tables.append(path, [row])
    before = path.stat().st_size
    tables.append(path, [row])
    return path.stat().st_size - before


def peak_memory() -> int:
    """Return the most bytes that this process has had in memory."""
    if sys.platform == "linux":
        # What `getrusage` says of a new process includes the memory of the one that started it.
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource  # missing on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def forget_peak_memory() -> None:
    """Let `peak_memory` begin anew, where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def free_on_card() -> int:
    """Return the free bytes of the graphics card; 0 without one."""
    return torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved() if torch.cuda.is_available() else 0


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
