"""What is done to a training in a child before it begins, so that something goes wrong at a known place.

Each is given its arguments by `children.Order.given`.
"""

import ctypes
import os
import resource
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch.nn.modules.module import register_module_forward_hook

from gan_core import cli, images
from gan_core.evaluation.preview_distance import PreviewDistance
from gan_core.families.base import Family
from gan_core.runs import Run
from gan_core.training import checkpoints
from gan_core.training.trainer import Trainer

_NEW_MOUNTS = 0x00020000  # CLONE_NEWNS of sched.h
_PRIVATE = 0x4000 | 0x40000  # MS_REC | MS_PRIVATE of sys/mount.h: what is mounted is seen here alone
NOT_ALLOWED = 77
FREE = (0, 20_000, 200_000, 1_500_000, 6_000_000)  # bytes that a run finds on a full disk


def _each_step(act: Any) -> None:
    """Call `act(trainer, step)` before each step; step: the number that it makes."""
    original = Trainer._step

    def step(self: Trainer) -> None:
        act(self, self.family.step + 1)
        original(self)

    Trainer._step = step


def signal_at(step: int, number: int) -> None:
    """The process is sent a signal when it begins a step."""
    _each_step(lambda _, here: os.kill(os.getpid(), number) if here == step else None)


def all_cores() -> None:
    """As a person's own training: it takes what the machine has."""
    torch.set_num_threads(os.cpu_count() or 1)


def hang_at(hang: int) -> None:
    """A step that takes very long."""
    _each_step(lambda _, here: time.sleep(60) if here == hang else None)


def slow_previews(seconds: float) -> None:
    """Every layer of a preview takes so long."""
    original = Trainer._preview

    def preview(self: Trainer) -> bool:
        hook = register_module_forward_hook(lambda *_: time.sleep(seconds))
        try:
            return original(self)
        finally:
            hook.remove()

    Trainer._preview = preview


def poison(at: int, place: str, value: float) -> None:
    """One number of a step is not finite: of the pictures, a loss, a gradient, or of a weight after it."""
    active = [False]
    _each_step(lambda _, here: active.__setitem__(0, here == at))
    if place == "data":
        to_float = images.to_float
        images.to_float = lambda pixels: _spoiled(to_float(pixels), value) if active[0] else to_float(pixels)
    if place == "loss":
        update = Family.update
        Family.update = lambda self, name, loss, rate=1.0: update(self, name, loss * value if active[0] else loss, rate)
    if place == "gradient":
        grad = torch.autograd.grad

        def spoiled(*arguments: Any, **named: Any) -> Any:
            found = grad(*arguments, **named)
            return (_spoiled(found[0], value), *found[1:]) if active[0] and len(found) > 1 else found

        torch.autograd.grad = spoiled
    if place == "weight":
        step = Trainer._step

        def stepped(self: Trainer) -> None:
            step(self)
            if active[0]:
                player = next(iter(self.family.players.values()))
                player.parameters[0].data.view(-1)[0] = value

        Trainer._step = stepped


def _spoiled(tensor: torch.Tensor, value: float) -> torch.Tensor:
    spoiled = tensor.clone()
    spoiled.flatten()[0] = value
    return torch.where(torch.arange(spoiled.numel()).view(spoiled.shape) == 0, value, spoiled)


def limit_files(limit: int) -> None:
    """No file can grow beyond so many bytes: the system refuses as it does on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def obey_permissions() -> None:
    """Root loses what lets it write where the permissions say no (all capabilities, capset(2) version 3)."""
    if sys.platform == "linux":
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)
        assert ctypes.CDLL(None).capset(header, (ctypes.c_uint32 * 6)()) == 0


def read_and_write(**given: Any) -> None:
    """See `readers`, whose imports wait until a child needs them."""
    from tests.robustness import readers

    readers.write_and_read(**given)


def on_a_full_disk(stopped: str, disk: str, result: str) -> None:
    """Resume a run on a disk of its own that is full, then on one with room, and copy what became of it."""
    libc = ctypes.CDLL(None)
    if sys.platform != "linux" or libc.unshare(_NEW_MOUNTS):
        sys.exit(NOT_ALLOWED)
    if libc.mount(None, b"/", None, _PRIVATE, None) or libc.mount(b"tmpfs", disk.encode(), b"tmpfs", 0, b"size=64m"):
        sys.exit(NOT_ALLOWED)
    run = Run(Path(shutil.copytree(stopped, Path(disk) / Path(stopped).name)))
    command = ["resume", run.name, "--runs", disk, "--device", "cpu"]
    filler = Path(disk) / "filler"
    for free in FREE:
        with filler.open("wb") as file:
            file.write(bytes(shutil.disk_usage(disk).free - free))
        code = cli.main(command)
        filler.unlink()
        assert code == 2, f"{free} bytes free: exit code {code}"
        assert checkpoints.newest(run)[0] == run.checkpoints()[0], "the newest checkpoint is damaged"
    assert cli.main(command) == 0
    shutil.copytree(run.folder, result)


def told_distances(distances: dict[int, float]) -> None:
    """Previews are told how far they are from real images, by their step, in place of being measured."""
    PreviewDistance.measure = lambda self, family: distances[family.step]
