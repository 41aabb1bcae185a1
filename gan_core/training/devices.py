"""Devices, precision and processes: what Lightning Fabric is told, and what is measured before a run starts."""

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
from lightning_fabric import Fabric
from torch import Tensor

from gan_core.errors import UserError
from gan_core.families.base import Family

Precision = Literal["32-true", "bf16-mixed"]
_TIMED_STEPS = 4

# Numbers of glibc's mallopt, from malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8


def keep_freed_memory() -> None:
    """Let the C library reuse what a step frees instead of handing it back to the system.

    It would return each large tensor and have every page of the next one cleared again: a tenth of a plain DCGAN's
    step. Systems without glibc are left as they are.
    """
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    for number, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, -1), (_TOP_PAD, 1 << 26), (_ARENA_MAX, 1)):
        libc.mallopt(number, value)


def accelerator(device: str) -> str:
    """cpu or cuda, for what --device says.

    Raises:
        UserError: the device is not there.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: no CUDA device is usable here; take --device cpu or auto")
    return {"auto": "cuda" if torch.cuda.is_available() else "cpu"}.get(device, device)


def processes() -> int:
    """How many processes train together: one, unless torchrun says more."""
    return int(os.environ.get("WORLD_SIZE", 1))


def make_fabric(device: str, precision: Precision) -> Fabric:
    """A launched Fabric; under torchrun one of several processes, else the only one.

    Raises:
        UserError: the device is not there.
    """
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # which precision is used stands in config.json
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
    """The mean of a tensor over the processes, in each of them."""
    reduced = fabric.all_reduce(tensor, reduce_op="mean")
    assert isinstance(reduced, Tensor)
    return reduced


def place(pixels: np.ndarray, labels: np.ndarray, device: torch.device) -> tuple[Tensor, Tensor]:
    """Training images, whole, on the device where they take less than a quarter of the free memory, else in reach."""
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
    where = device if pixels.nbytes < free / 4 else torch.device("cpu")
    return torch.from_numpy(pixels).to(where), torch.from_numpy(labels).to(where)


def faster_precision(device: str, build: Callable[[], Family], real: Tensor, labels: Tensor) -> Precision:
    """Time a few steps of a throw-away copy in float32 and in bfloat16 autocast; the faster one.

    build: makes the family on `device`; real: one batch (N, C, H, W) in [-1, 1]; labels: (N,).
    """
    seconds: dict[Precision, float] = {}
    precisions: tuple[Precision, ...] = ("32-true", "bf16-mixed")
    for precision in precisions:
        family = build()
        times = []
        for step in range(1 + _TIMED_STEPS):
            start = time.perf_counter()
            with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16-mixed"):
                family.train_step(real.clone(), labels)
            if device == "cuda":
                torch.cuda.synchronize()
            family.step += 1
            times.append(time.perf_counter() - start if step else float("inf"))  # the first one pays for set-up
        seconds[precision] = min(times)
    return min(precisions, key=lambda precision: seconds[precision])
