"""How fast this machine trains a preset: a few steps and one preview of networks that are thrown away.

    python -m gan_core speed dcgan --size 64 --batch-size 32

The pictures are drawn, so that nothing is prepared or downloaded: what a step costs does not depend on what they show.
"""

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import torch

from gan_core import config, images, tensor_files
from gan_core.data.readers import phantom
from gan_core.errors import UserError
from gan_core.families import loading
from gan_core.families.registry import find_preset
from gan_core.run_options import RunOptions
from gan_core.training import devices
from gan_core.training.previews import generators, translators

_DRAWN = 8  # pictures of each of two classes
_SEED = 5 * 10**15  # of their bodies: beyond those of every training set
_SECONDS, _STEPS = 2.5, 40  # after either, no further step is timed


@dataclass(frozen=True)
class Speed:
    """Seconds that parts of a training take on this machine."""

    step: float
    alone: float  # of a step, if no other program used the processors: its processor time over the threads
    preview: float  # with the checkpoint that is written beside it
    start: float  # from the start of the process to the first step, without the data
    device: str
    busy: float  # share of the processors that were at work before the measurement; 1 and more: all of them


def measure(options: RunOptions) -> Speed:
    """Time a few steps and one preview of a preset; `source`, `epochs` and `seed` do not matter.

    Raises:
        UserError: the preset, a setting or the size is unknown, or the device is not there.
    """
    busy = os.getloadavg()[0] / (os.cpu_count() or 1) if hasattr(os, "getloadavg") else 0.0
    entry = find_preset(options.preset)
    size = entry.image_size if options.image_size is None else options.image_size
    count = entry.batch_size if options.batch_size is None else options.batch_size
    if not 1 <= count <= config.MOST_BATCH:
        raise UserError(f"--batch-size {count}: give a number from 1 to {config.MOST_BATCH}")
    if size not in config.IMAGE_SIZES:
        raise UserError(f"--size {size}: choose one of {', '.join(map(str, config.IMAGE_SIZES))}")
    translates = entry.task == "translate"
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
    family.study(torch.from_numpy(pixels).to(name), torch.from_numpy(labels).to(name))
    family.train()
    family.averages.eval()
    started = time.time() - psutil.Process().create_time()
    with fabric.autocast():
        step, alone = _step(family, real, given)
        preview = _preview(family, (pixels, labels), translates)
    return Speed(step, alone, preview, started, str(fabric.device), round(busy, 2))


def _drawn(size: int, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return phantoms, uint8 (2 * _DRAWN, C, S, S), of two classes and their labels."""
    found = [
        phantom.picture("cxr", name, _SEED + number, size, channels)
        for name in ("normal", "covid")
        for number in range(_DRAWN)
    ]
    pixels = np.rint(np.stack(found) * 255).astype(np.uint8).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(pixels), np.repeat(np.arange(2), _DRAWN)


def _step(family: loading.Family, real: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
    """Return the seconds of a step, and those if nothing else ran: means after the first, which sets things up."""
    family.steps = 10**6
    times: list[float] = []
    working = 0.0
    while len(times) < 2 or (sum(times[1:]) < _SECONDS and len(times) < _STEPS):
        begun, worked = time.perf_counter(), time.process_time()
        family.train_step(real.clone(), labels)
        _wait(real.device)
        family.step += 1
        times.append(time.perf_counter() - begun)
        working += time.process_time() - worked if len(times) > 1 else 0
    step = float(np.mean(times[1:]))
    waits_for_card = real.device.type != "cpu"
    return step, step if waits_for_card else min(step, working / (len(times) - 1) / torch.get_num_threads())


def _preview(family: loading.Family, drawn: tuple[np.ndarray, np.ndarray], translates: bool) -> float:
    """Return the seconds of a preview and of the checkpoint beside it."""
    # A preview scores 256 pictures of each kind; which ones does not change how long that takes.
    pixels, labels = (np.resize(part, (256, *part.shape[1:])) for part in drawn)
    given = drawn if translates else (pixels, labels)
    look = (translators if translates else generators).fix_inputs(family, given, given, 0)
    begun = time.perf_counter()
    look.look(family)
    tensors, numbers = family.training_state()
    with tempfile.TemporaryDirectory(prefix="ganray-speed-") as folder:
        tensor_files.save(Path(folder) / "checkpoint.safetensors", tensors, {"optimizers": numbers})
    return time.perf_counter() - begun


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
