"""What ends a training before its time: numbers that are not finite, a signal to stop, a process that is gone."""

import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.module import register_module_forward_pre_hook

from gan_core.errors import UserError

OTHERS_SECONDS = 10.0  # after a signal, that other processes have to answer
_SHARED = str(Path("torch", "distributed"))  # where a process is that waits for another one


class Diverged(ArithmeticError):
    """A loss, a gradient or a weight is no longer a finite number."""


class ProcessLost(UserError):
    """Another of the processes that train one run together is gone."""

    def __init__(self) -> None:
        super().__init__(
            "another process of this training has ended (killed, or its machine went down): resume the run"
        )

    @staticmethod
    def is_behind(error: Exception) -> bool:
        """Whether this is how talking to a process that is gone fails. Gloo's errors have no type of their own."""
        return isinstance(error, torch.distributed.DistError) or "gloo" in str(error)


class FiniteCheck:
    """Looks at what each step returns, a row of one value a column.

    Numbers on a processor are looked at once. To look at those of a graphics card is to wait for it: they are copied
    while it goes on, and looked at when the next step is on its way.
    """

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns
        self._copied: tuple[int, Tensor, torch.cuda.Event] | None = None

    def see(self, step: int, values: Tensor) -> None:
        """Raises Diverged: these values (n,), or on a graphics card those of the step before, are not finite."""
        earlier, self._copied = self._copied, None
        if values.device.type == "cuda":
            copy = values.to("cpu", non_blocking=True)
            arrived = torch.cuda.Event()
            arrived.record()
            self._copied = step, copy, arrived
        else:
            self.check(step, values)
        if earlier is not None:
            earlier[2].synchronize()
            self.check(*earlier[:2])

    def check(self, step: int, values: Tensor) -> None:
        """Raises Diverged: one of the values (n,) of a step is not finite; the first is named."""
        if torch.isfinite(values).all():
            return
        first = self.columns[int(torch.isfinite(values).logical_not().nonzero()[0])]
        raise Diverged(f"{first} is not a finite number at step {step}: try a lower learning rate (--set lr=...)")


def exit_if_others_hang(say: Callable[[], None], is_open: Callable[[], bool]) -> None:
    """After a signal: end this process where the others do not answer any more. say: called before.

    A process that is killed mostly ends what the others share with it; one that hangs does not. So the main thread is
    looked at: whether it has waited for another process all along.
    """
    begun = time.monotonic()
    while is_open():
        frame = sys._current_frames().get(threading.main_thread().ident or 0)
        if not any(_SHARED in at.f_code.co_filename for at, _ in traceback.walk_stack(frame)):
            begun = time.monotonic()
        elif time.monotonic() - begun > OTHERS_SECONDS:
            with suppress(UserError):  # a full disk must not keep it
                say()
            os._exit(1)
        time.sleep(0.1)


class Interrupted(Exception):
    """What networks were computing was left, because it was asked to end."""


@contextmanager
def until(asked: Callable[[], bool]) -> Iterator[None]:
    """Let networks compute until it is asked to end; a batch may take long, one of their layers does not.

    Raises:
        Interrupted: it was asked.
    """

    def look(*_: object) -> None:
        if asked():
            raise Interrupted

    hook = register_module_forward_pre_hook(look)
    try:
        yield
    finally:
        hook.remove()


class StopSignals:
    """While open, SIGTERM and Ctrl-C ask for a clean end; a second one ends at once.

    watch: called by a thread of its own at the first signal, and told whether this is still open. Python hears a signal
    only between two operations, and one that waits for a process that is gone never ends.
    """

    def __init__(self, ask: Callable[[str], None], watch: Callable[[Callable[[], bool]], None] | None = None) -> None:
        self.ask, self.watch = ask, watch
        self.before: dict[int, Any] = {}
        self._closing = ExitStack()
        self._open = True

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self.before[number] = signal.signal(number, self._received)
            if self.watch:
                self._listen(self.watch)

    def _listen(self, watch: Callable[[Callable[[], bool]], None]) -> None:
        here, there = socket.socketpair()
        there.setblocking(False)
        self._closing.callback(here.close)
        self._closing.callback(there.close)
        before = signal.set_wakeup_fd(there.fileno(), warn_on_full_buffer=False)
        self._closing.callback(signal.set_wakeup_fd, before)

        def listen() -> None:
            with suppress(OSError):
                if here.recv(1):
                    watch(lambda: self._open)

        threading.Thread(target=listen, daemon=True).start()

    def _received(self, number: int, frame: FrameType | None) -> None:
        self.ask(f"stopped by {signal.Signals(number).name}")
        signal.signal(number, self.before[number])

    def __exit__(self, *_: object) -> None:
        self._open = False
        self._closing.close()
        for number, handler in self.before.items():
            signal.signal(number, handler)
