"""Early ends of a training: values that are not finite, a stop signal, a lost process."""

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

OTHERS_SECONDS = 10.0  # how long the other processes may take to answer after a signal
_SHARED = str(Path("torch", "distributed"))  # a thread whose stack is in here waits for another process


class Diverged(ArithmeticError):
    """A loss, a gradient or a weight is not finite (NaN or infinity)."""


class ProcessLost(UserError):
    """Another process of the same training has ended."""

    def __init__(self) -> None:
        super().__init__(
            "another process of this training has ended (killed, or its machine went down): resume the run"
        )

    @staticmethod
    def is_behind(error: Exception) -> bool:
        """Return whether a lost process caused the error. Gloo's errors have no type of their own."""
        return isinstance(error, torch.distributed.DistError) or "gloo" in str(error)


class FiniteCheck:
    """Checks the values that each step returns, one per column.

    Values on the CPU are checked at once. On a GPU that would force a wait, so the values are copied asynchronously and
    checked during the next step.
    """

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns
        self._copied: tuple[int, Tensor, torch.cuda.Event] | None = None

    def see(self, step: int, values: Tensor) -> None:
        """Check the values (n,) of a step; on a GPU, those of the previous step.

        Raises:
            Diverged: a value is not finite.
        """
        previous, self._copied = self._copied, None
        if values.device.type == "cuda":
            copy = values.to("cpu", non_blocking=True)
            arrived = torch.cuda.Event()
            arrived.record()
            self._copied = step, copy, arrived
        else:
            self.check(step, values)
        if previous is not None:
            previous[2].synchronize()
            self.check(*previous[:2])

    def check(self, step: int, values: Tensor) -> None:
        """Check the values (n,) of a step now.

        Raises:
            Diverged: a value is not finite; the message names the first column.
        """
        if torch.isfinite(values).all():
            return
        first = self.columns[int(torch.isfinite(values).logical_not().nonzero()[0])]
        raise Diverged(f"{first} is not finite at step {step}: try a lower learning rate (--set lr=...)")


def exit_if_others_hang(report: Callable[[], None], is_open: Callable[[], bool]) -> None:
    """End this process if the others have not answered for `OTHERS_SECONDS` after a signal.

    report: called before the exit; is_open: whether the training still runs.

    A killed process usually closes its connections, so the others fail at once. A process that hangs does not.
    Therefore this function inspects the stack of the main thread: has it waited for another process the whole time?
    """
    waiting_since = time.monotonic()
    while is_open():
        frame = sys._current_frames().get(threading.main_thread().ident or 0)
        if not any(_SHARED in at.f_code.co_filename for at, _ in traceback.walk_stack(frame)):
            waiting_since = time.monotonic()
        elif time.monotonic() - waiting_since > OTHERS_SECONDS:
            with suppress(UserError):  # a full disk must not prevent the exit
                report()
            os._exit(1)
        time.sleep(0.1)


class Interrupted(Exception):
    """The computation of a network was stopped on request."""


@contextmanager
def until(stop_requested: Callable[[], bool]) -> Iterator[None]:
    """Run the networks in the block until `stop_requested()` is true; it is checked before every layer.

    Raises:
        Interrupted: a stop was requested.
    """

    def check(*_: object) -> None:
        if stop_requested():
            raise Interrupted

    hook = register_module_forward_pre_hook(check)
    try:
        yield
    finally:
        hook.remove()


BY_USER = "stopped by you"
# SIGINT is what Ctrl-C and the app's button Stop send; SIGTERM comes from whatever else ends processes.
REASONS = {
    signal.SIGINT: BY_USER,
    signal.SIGTERM: "stopped from outside by SIGTERM, as a machine that shuts down or a job scheduler sends it",
}


class StopSignals:
    """Within the block, SIGTERM or Ctrl-C requests a clean stop; a second signal stops the process at once.

    request_stop: called with the reason; a signal that comes before it has returned is no second one. watch: called in
    a separate thread at the first signal; its argument returns whether the block is still open. The thread is needed
    because Python handles a signal only between two operations, and an operation that waits for a lost process never
    ends.
    """

    def __init__(
        self, request_stop: Callable[[str], None], watch: Callable[[Callable[[], bool]], None] | None = None
    ) -> None:
        self.request_stop, self.watch = request_stop, watch
        self.previous_handlers: dict[int, Any] = {}
        self._closing = ExitStack()
        self._open = True

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self.previous_handlers[number] = signal.signal(number, self._received)
            if self.watch:
                self._listen(self.watch)

    def _listen(self, watch: Callable[[Callable[[], bool]], None]) -> None:
        receiver, sender = socket.socketpair()
        sender.setblocking(False)
        self._closing.callback(receiver.close)
        self._closing.callback(sender.close)
        previous = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        self._closing.callback(signal.set_wakeup_fd, previous)

        def listen() -> None:
            with suppress(OSError):
                if receiver.recv(1):
                    watch(lambda: self._open)

        threading.Thread(target=listen, daemon=True).start()

    def _received(self, number: int, frame: FrameType | None) -> None:
        self.request_stop(REASONS[signal.Signals(number)])
        previous = self.previous_handlers[number]
        # A shell without job control lets what it starts in the background ignore Ctrl-C.
        signal.signal(number, signal.SIG_DFL if previous is signal.SIG_IGN else previous)

    def __exit__(self, *_: object) -> None:
        self._open = False
        self._closing.close()
        for number, handler in self.previous_handlers.items():
            signal.signal(number, handler)
