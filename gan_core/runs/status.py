"""Where a run stands, and whether the process that trains it is still there."""

import os
import socket
import time
from dataclasses import dataclass
from typing import Any

import psutil


@dataclass(frozen=True)
class Status:
    """Where a run stands. `state` is running, finished, stopped, failed, or unknown (no status to be read)."""

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
        """That of a run which this process trains: `process`, `host` and `updated` are filled in."""
        process, host = os.getpid(), socket.gethostname()
        return cls(
            process=process, process_started=_started(process), host=host, updated=round(time.time(), 1), **values
        )

    def alive(self) -> bool:
        """Whether the process that trains is there, as far as this machine can tell."""
        if self.state != "running":
            return False
        if self.host != socket.gethostname():
            return time.time() - self.updated < 300  # another machine's: believed as long as it keeps writing
        return _started(self.process) == self.process_started


def _started(process: int | None) -> float | None:
    """When a process began: process numbers are used again, the pair is not. None of one that has ended."""
    try:
        found = psutil.Process(process) if process else None
        if found is None or found.status() == psutil.STATUS_ZOMBIE:
            return None
        return round(found.create_time(), 2)
    except (psutil.Error, ValueError, OverflowError):  # a damaged file may hold any number
        return None
