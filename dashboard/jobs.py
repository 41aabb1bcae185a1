"""Trainings that the app starts: each its own detached process, which goes on when the app is closed.

The process writes its run folder, which the pages follow, and its words into a log file in the cache folder.
"""

import itertools
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import streamlit as st

from gan_core import files, runs
from gan_core.errors import UserError
from gan_core.options import RunOptions
from gan_core.runs import Run

PACKAGE_ROOT = Path(__file__).resolve().parent.parent
TAIL = 16_384  # bytes of a log that are looked at
LOGS_KEPT = 50


@dataclass(frozen=True)
class Job:
    """A training process of this app."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def over(self) -> bool:
        return self.process.poll() is not None

    @property
    def failed(self) -> bool:
        return self.process.poll() not in (None, 0)

    def words(self, lines: int = 1) -> str:
        """The last lines of its log."""
        return last_lines(self.log, lines)

    def error(self) -> str:
        """The line that says why it ended: the command line's own, else the last one."""
        found = [line for line in last_lines(self.log, 200).splitlines() if line.startswith("error: ")]
        return found[-1].removeprefix("error: ") if found else self.words() or "it ended without a word"


class Jobs:
    """The trainings started since the app began, by run name. One of it serves all sessions."""

    def __init__(self, root: Path, logs: Path) -> None:
        self.root = root
        self.logs = logs
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def train(self, name: str, options: RunOptions) -> Job:
        """Start a training; `name` is that of the run.

        Raises:
            UserError: the name is bad, taken, or being prepared; the process cannot be started.
        """
        runs.check_name(name)
        with self._lock:
            if self.taken(name):
                raise UserError(f"run '{name}' exists already: choose another name")
            return self._start(name, ["train", *options.words(), "--name", name])

    def resume(self, run: Run) -> Job:
        """Go on with a run from its last checkpoint.

        Raises:
            UserError: it is a reference run or running; the process cannot be started.
        """
        if run.reference:
            raise UserError(f"run '{run.name}' is a reference run and stays as it is: train its preset again")
        with self._lock:
            known = self._jobs.get(run.name)
            if run.status().state == "running" or (known and not known.over):
                raise UserError(f"run '{run.name}' is being trained already")
            return self._start(run.name, ["resume", run.name])

    def taken(self, name: str) -> bool:
        """Whether a run of that name is there, or about to be."""
        job = self._jobs.get(name)
        return runs.is_taken(self.root, name) or (job is not None and not job.over)

    def free_name(self, preset: str) -> str:
        """A run name that is not in use: the preset's and the first free number."""
        return next(name for n in itertools.count(1) if not self.taken(name := f"{preset}-{n}"))

    def all(self) -> dict[str, Job]:
        """By run name, the newest last."""
        with self._lock:
            return dict(self._jobs)

    def forget(self, name: str) -> None:
        """Drop a job that is over from the list."""
        with self._lock:
            if name in self._jobs and self._jobs[name].over:
                del self._jobs[name]

    def _start(self, name: str, arguments: list[str]) -> Job:
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            _drop_old(self.logs)
            log = self.logs / f"{name}-{time.time_ns()}.log"
            with log.open("wb") as output:
                process = subprocess.Popen(
                    [sys.executable, "-m", "gan_core", *arguments, "--runs", str(self.root)],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=_environment(),
                    **_detached(),
                )
        except OSError as error:
            raise UserError(f"the training cannot be started: {error.strerror or error}") from error
        self._jobs.pop(name, None)
        self._jobs[name] = Job(name, process, log)
        return self._jobs[name]


def stop(run: Run) -> None:
    """Ask the process that trains a run to stop; it writes a checkpoint first.

    Raises:
        UserError: nothing trains it on this machine, or it may not be stopped by us.
    """
    status = run.status()
    try:
        process = psutil.Process(status.process) if status.state == "running" and status.process else None
        # Process numbers are used again: only the one that began when the status says so is the trainer.
        if process is None or round(process.create_time(), 2) != status.process_started:
            raise UserError(f"no process on this machine trains run '{run.name}': there is nothing to stop")
        process.terminate()
    except psutil.NoSuchProcess:
        raise UserError(f"run '{run.name}' has just ended: there is nothing to stop") from None
    except psutil.AccessDenied:
        raise UserError(f"run '{run.name}' was started by another user, who alone can stop it") from None


def cancel(job: Job) -> None:
    """End a training that has no run folder yet (its data is being prepared)."""
    if not job.over:
        job.process.terminate()


def last_lines(path: Path, count: int) -> str:
    """The last lines of a log that say something, without a terminal's control characters; empty if there are none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    lines = [line.strip() for line in re.split(r"[\r\n]+", plain) if line.strip()]
    return "\n".join(lines[-count:])


def log_folder() -> Path:
    """Where logs are kept: with whatever else can be made again."""
    return files.cache_folder() / "logs"


@st.cache_resource(max_entries=4, show_spinner=False)
def _jobs(root: str) -> Jobs:
    return Jobs(Path(root), log_folder())


def jobs() -> Jobs:
    """The trainings over this program's own root of runs."""
    return _jobs(str(runs.default_root().resolve()))


def _environment() -> Mapping[str, str]:
    # The trainer must find the package also when the app was started from another folder.
    paths = [str(PACKAGE_ROOT), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONUNBUFFERED": "1"}


def _detached() -> dict[str, Any]:
    """A process group of its own, so that the app's end or Ctrl-C in its terminal does not end the training."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _drop_old(logs: Path) -> None:
    for path in sorted(logs.glob("*.log"), key=lambda log: log.stat().st_mtime)[:-LOGS_KEPT]:
        path.unlink(missing_ok=True)
