"""SIGTERM and Ctrl-C ask a training run for a clean end."""

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any


class StopSignals:
    """While open, SIGTERM and Ctrl-C ask for a clean end; a second one ends at once."""

    def __init__(self, ask: Callable[[str], None]) -> None:
        self.ask = ask
        self.before: dict[int, Any] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self.before[number] = signal.signal(number, self._received)

    def _received(self, number: int, frame: FrameType | None) -> None:
        self.ask(f"stopped by {signal.Signals(number).name}")
        signal.signal(number, self.before[number])

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
