"""SIGTERM and Ctrl-C ask a training run for a clean end."""

import contextlib
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any


class StopSignals:
    """While open, SIGTERM and Ctrl-C ask for a clean end; a second one ends at once.

    watch: called by a thread of its own at the first signal, and told whether this is still open. Python hears a signal
    only between two operations, and one that waits for a process that is gone never ends.
    """

    def __init__(self, ask: Callable[[str], None], watch: Callable[[Callable[[], bool]], None] | None = None) -> None:
        self.ask, self.watch = ask, watch
        self.before: dict[int, Any] = {}
        self._closing = contextlib.ExitStack()
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
            with contextlib.suppress(OSError):
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
