"""The status of a run, and whether its training process is alive."""

import os
import socket
import time
from dataclasses import dataclass
from typing import Any

import psutil

# Seconds. On Linux, the start of a process is known relative to that of the machine, whose time moves when the clock is
# corrected. If the clock was set, `lock.is_held_by` still tells.
_BOOT_SHIFT = 2.0
MOST = 253_402_300_799  # of any number; as seconds since 1970, the end of the year 9999


@dataclass(frozen=True)
class Status:
    """The status of a run; `state` is running, finished, stopped, failed, or unknown (status.json is unreadable).

    `reason`: why it ended; of a running one, why it is about to.
    """

    state: str
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps: int = 0
    eta_seconds: float | None = None
    reason: str | None = None
    process: int | None = None
    process_started: float | None = None
    host: str | None = None
    device: str | None = None
    updated: float = 0.0

    @classmethod
    def now(cls, **values: Any) -> "Status":
        """Return the status of a run that this process trains; fills in `process`, `host` and `updated`."""
        process, host = os.getpid(), socket.gethostname()
        return cls(
            process=process, process_started=_started(process), host=host, updated=round(time.time(), 1), **values
        )

    @property
    def stopping(self) -> bool:
        """Whether the training was told to stop and has not ended yet: it saves what a resume goes on from."""
        return self.state == "running" and self.reason is not None

    def problem(self) -> str:
        """Return the first value that no training writes, as text; "" if there is none."""
        for name in ("epoch", "epochs", "step", "steps", "eta_seconds", "updated"):
            value = getattr(self, name)
            # After the year 9999 no date can be displayed.
            if value is not None and not 0 <= value <= MOST:
                return f"'{name}' is {value}"
        return ""

    def alive(self) -> bool:
        """Return whether the training process is alive, as far as this machine can tell."""
        if self.state != "running":
            return False
        if self.host != socket.gethostname():
            # On another machine: alive if it wrote in the last 5 minutes. Its clock may be ahead, but not by more than
            # a day: else a run whose file names a time to come would be alive for ever.
            return -86_400 < time.time() - self.updated < 300
        started = _started(self.process)
        if started is None or self.process_started is None:
            return False
        return abs(started - self.process_started) < _BOOT_SHIFT


def _started(process: int | None) -> float | None:
    """Return the start time of a process, None if it has ended. It identifies the process, as its number is reused."""
    try:
        found = psutil.Process(process) if process else None
        if found is None or found.status() == psutil.STATUS_ZOMBIE:
            return None
        return round(found.create_time(), 2)
    except (psutil.Error, ValueError, OverflowError):  # a damaged status.json may contain any number
        return None
