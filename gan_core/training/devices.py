"""Devices, precision and processes: the set-up of Lightning Fabric, and the choice of the faster precision."""

import ctypes
import logging
import os
import platform
import time
from collections.abc import Callable
from typing import Literal

import numpy as np
import psutil
import torch
from torch import Tensor

from gan_core.errors import UserError
from gan_core.families.base import Family
from gan_core.training.fabric import Fabric

Precision = Literal["32-true", "bf16-mixed"]
_TIMED_STEPS = 4
_HOPELESS = 4  # times as slow as float32 in its first step: no further one is timed

# Parameters of glibc's mallopt, from malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8


def keep_freed_memory() -> None:
    """Make the C library reuse freed memory instead of returning it to the system.

    By default it returns every large tensor, and the system clears each page of the next one again: a tenth of the time
    of a DCGAN's step. Does nothing on systems without glibc.
    """
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    for number, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, -1), (_TOP_PAD, 1 << 26), (_ARENA_MAX, 1)):
        libc.mallopt(number, value)


def accelerator(device: str) -> str:
    """Return "cpu" or "cuda" for the value of --device ("auto", "cpu" or "cuda").

    Raises:
        UserError: the device is not available.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: no CUDA device is usable here; use --device cpu or auto")
    return {"auto": "cuda" if torch.cuda.is_available() else "cpu"}.get(device, device)


def processes() -> int:
    """Return the number of processes that train together: 1, or WORLD_SIZE under torchrun."""
    return int(os.environ.get("WORLD_SIZE", 1))


def make_fabric(device: str, precision: Precision) -> Fabric:
    """Return a launched Fabric: for one of several processes under torchrun, otherwise for a single process.

    Raises:
        UserError: the device is not available.
    """
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # config.json already records the precision
    kind = accelerator(device)
    if kind == "cpu":
        keep_freed_memory()
    if processes() > 1:
        local = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
        nodes = processes() // local
        fabric = Fabric(accelerator=kind, strategy="ddp", devices=local, num_nodes=nodes, precision=precision)
    else:
        fabric = Fabric(accelerator=kind, devices=1, precision=precision)
    fabric.launch()
    return fabric


def mean(fabric: Fabric, tensor: Tensor) -> Tensor:
    """Return the mean of a tensor over all processes; every process gets the result."""
    reduced = fabric.all_reduce(tensor, reduce_op="mean")
    assert isinstance(reduced, Tensor)
    return reduced


def place(pixels: np.ndarray, labels: np.ndarray, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return all training images and labels as tensors, on the device if they need less than a quarter of its free
    memory, otherwise on the CPU.
    """
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
    target = device if pixels.nbytes < free / 4 else torch.device("cpu")
    return torch.from_numpy(pixels).to(target), torch.from_numpy(labels).to(target)


def faster_precision(device: str, build: Callable[[], Family], real: Tensor, labels: Tensor) -> Precision:
    """Return the faster precision, float32 or bfloat16 autocast, measured over a few steps of throw-away copies.

    build: makes the family on `device`; real: one batch (N, C, H, W) in [-1, 1]; labels: its classes, (N,).
    """
    families: dict[Precision, Family] = {"32-true": build(), "bf16-mixed": build()}

    def seconds(precision: Precision, every: int = 1) -> float:
        family, start = families[precision], time.perf_counter()
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16-mixed"):
            family.train_step(real[::every].clone(), labels[::every])
        if device == "cuda":
            torch.cuda.synchronize()
        family.step += 1
        return time.perf_counter() - start

    # The first steps set things up and choose nothing, but a processor without bfloat16 only emulates it: a whole step
    # of a large network would then take minutes. A part of the batch is enough to notice that.
    every = 4 if len(labels) % 8 == 0 and len(labels) >= 16 else 1
    first = {precision: seconds(precision, every) for precision in families}
    if first["bf16-mixed"] > _HOPELESS * first["32-true"]:
        return "32-true"
    best = {precision: min(seconds(precision) for _ in range(_TIMED_STEPS)) for precision in families}
    return min(families, key=lambda precision: best[precision])
