"""Trainings in children forked from a process that has imported everything, so that each begins at once.

A child may be told to kill itself: after so much time of the processor, or at its N-th event, which is a file of the
run opened, half written, written, synced, renamed or removed. So a kill falls between any two system calls of a save.
"""

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from gan_core import cli, tensor_files
from gan_core.evaluation import preview_distance
from gan_core.training import trainer
from gan_core.training.previews import generators, translators
from tests.helpers import forks

_WATCHED = {"open", "os.rename", "os.remove", "os.mkdir", "os.chmod", "os.truncate"}
LONG = 120  # seconds that no child here needs
SCORED = 32  # pictures that a preview draws and scores; with more of them, a short run would be mostly previews


@dataclass(frozen=True)
class Order:
    """What a child does: a command line of gan_core, and how it is hindered."""

    command: tuple[str, ...]  # nothing more than `before` where it is empty
    folder: Path  # of the run
    log: Path  # what it says
    at_event: int | None = None  # kills itself at this event
    at_seconds: float | None = None  # kills itself after so much time of the processor
    events: Path | None = None  # where its events are listed when it ends
    save_every: float = 0.0  # seconds between checkpoints
    before: tuple[Callable[..., None], ...] = ()  # called first, each with `given`
    given: dict[str, Any] = field(default_factory=dict)


def start(order: Order) -> ForkServerProcess:
    return forks.start(_live, order)


def run(order: Order, seconds: float = LONG) -> int:
    """The child's exit code; that of a killed one is negative."""
    child = start(order)
    child.join(seconds)
    assert child.exitcode is not None, f"{order.command} did not end"
    return child.exitcode


class Events:
    """Counts what happens to the files of a run, and kills its own process at one of them."""

    def __init__(self, order: Order) -> None:
        self.order, self.names = order, []
        self.folder = f"{order.folder}{os.sep}"

    def watch(self) -> None:
        sys.addaudithook(self._heard)
        os.fsync = self._around("fsync", os.fsync)
        os.write = self._around("write", os.write, _half_appended)
        tensor_files.save_file = self._around("safetensors", tensor_files.save_file, _half_saved)
        Path.write_bytes = self._around("bytes", Path.write_bytes, _half_written)

    def happened(self, name: str, half: Callable[[], Any] | None = None) -> None:
        self.names.append(name)
        if len(self.names) == self.order.at_event:
            if half:
                half()
            with self.order.log.open("a") as log:
                log.write(f"killed at {name}\n")
            os.kill(os.getpid(), signal.SIGKILL)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _WATCHED and str(arguments[0]).startswith(self.folder):
            self.happened(f"{event} {_kind(str(arguments[0]).removeprefix(self.folder))}")

    def _around(self, name: str, function: Any, half: Any = None) -> Any:
        def called(*arguments: Any, **named: Any) -> Any:
            place = next((_place(a) for a in arguments if isinstance(a, int | Path)), "")
            if place and not f"{place}/".startswith(self.folder):
                return function(*arguments, **named)
            kind = _kind(place.removeprefix(self.folder))
            self.happened(f"before {name} {kind}")
            if half:
                self.happened(f"half of {name} {kind}", lambda: half(function, *arguments))
            result = function(*arguments, **named)
            self.happened(f"after {name} {kind}")
            return result

        return called


def _kind(place: str) -> str:
    """A path's file or folder, without numbers and the random part of a temporary name."""
    return re.sub(r"\.\w{8}\.tmp$|\d", "", place)


def _place(file: int | Path) -> str:
    """The path of a file, or of an open one where the system tells it."""
    if isinstance(file, int):
        return str(Path(f"/proc/self/fd/{file}").readlink()) if sys.platform == "linux" else ""
    return str(file)


def _half_saved(save_file: Any, tensors: Any, path: Path, notes: Any) -> None:
    torn = path.with_name(".tmpHALF00")  # as safetensors names what it writes to
    save_file(tensors, torn, notes)
    os.truncate(torn, torn.stat().st_size // 2)


def _half_written(write_bytes: Any, path: Path, content: bytes) -> None:
    write_bytes(path, content[: len(content) // 2])


def _half_appended(write: Any, handle: int, content: bytes) -> None:
    write(handle, content[: len(content) // 2])


def _live(order: Order) -> None:
    with order.log.open("a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs the tests in the background ignores it
    trainer._CHECKPOINT_SECONDS, trainer._STATUS_SECONDS = order.save_every, 0.0
    generators._SCORED_IMAGES, preview_distance.FEWEST_KID = SCORED, SCORED
    translators._SCORED_IMAGES, translators.ROWS = 2, 1
    events = Events(order)
    if order.at_event is not None or order.events is not None:
        events.watch()
    for hinder in order.before:
        hinder(**order.given)
    if order.at_seconds is not None:
        threading.Thread(target=_die, args=(time.process_time() + order.at_seconds,), daemon=True).start()
    code = cli.main(list(order.command)) if order.command else 0
    if order.events is not None:
        order.events.write_text("\n".join(list(events.names)))
    sys.stdout.flush()
    sys.exit(code)


def _die(at: float) -> None:
    while time.process_time() < at:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGKILL)
