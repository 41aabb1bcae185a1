"""Trainings that the app starts: each is a detached process that continues when the app is closed.

The process writes its run folder, which the pages follow, and prints into a log file in the cache folder.
"""

import itertools
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import streamlit as st

from gan_core import child_processes, files, runs
from gan_core.errors import UserError
from gan_core.run_options import RunOptions
from gan_core.runs import Run

TAIL = 16_384  # bytes read from the end of a log
LOGS_KEPT = 50


@dataclass(frozen=True)
class Job:
    """A training process that this app started."""

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
        """Return the last lines of the job's log."""
        return last_lines(self.log, lines)

    def error(self) -> str:
        """Return the reason why the job ended: the last "error: " line of its log, else the log's last line."""
        found = [line for line in last_lines(self.log, 200).splitlines() if line.startswith("error: ")]
        return found[-1].removeprefix("error: ") if found else self.words() or "the training ended without a message"


class Jobs:
    """The trainings started since the app began, by run name. One object serves all sessions."""

    def __init__(self, root: Path, logs: Path) -> None:
        self.root = root
        self.logs = logs
        self.folder = Path.cwd()  # where the app was started: sources are named from there
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def train(self, name: str, options: RunOptions) -> Job:
        """Start the training of a new run called `name`.

        Raises:
            UserError: the name is invalid or taken, or the process cannot be started.
        """
        runs.check_name(name)
        with self._lock:
            if self.taken(name):
                raise UserError(f"run '{name}' exists already: choose another name")
            return self._start(name, ["train", *options.words(), "--name", name, *self._runs])

    def resume(self, run: Run) -> Job:
        """Resume a run from its last checkpoint.

        Raises:
            UserError: it is a reference run, it is running, or the process cannot be started.
        """
        if run.reference:
            raise UserError(f"run '{run.name}' is a reference run and must not change: train its preset again")
        with self._lock:
            known = self._jobs.get(run.name)
            if run.status().state == "running" or (known and not known.over):
                raise UserError(f"run '{run.name}' is being trained already")
            return self._start(run.name, ["resume", *self._runs, "--", run.name])

    @property
    def _runs(self) -> list[str]:
        return ["--runs", str(self.root)]

    def taken(self, name: str) -> bool:
        """Whether a run of that name exists, or a job for it is running."""
        job = self._jobs.get(name)
        return runs.is_taken(self.root, name) or (job is not None and not job.over)

    def free_name(self, preset: str) -> str:
        """Return a run name that is not in use: the preset's name and the first free number."""
        return next(name for n in itertools.count(1) if not self.taken(name := f"{preset}-{n}"))

    def all(self) -> dict[str, Job]:
        """Return the jobs by run name, the newest last."""
        with self._lock:
            return dict(self._jobs)

    def forget(self, name: str) -> None:
        """Remove a finished job from the list."""
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
                    child_processes.command("gan_core", *arguments),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=child_processes.environment(PYTHONUNBUFFERED="1"),
                    cwd=self.folder,
                    **_detached(),
                )
        except OSError as error:
            raise UserError(f"the training cannot be started: {error.strerror or error}") from error
        self._jobs.pop(name, None)
        self._jobs[name] = Job(name, process, log)
        return self._jobs[name]


def stop(run: Run) -> None:
    """Ask the process that trains a run to stop. It writes a checkpoint first.

    The process is the one of status.json, if it holds the run's lock: a file from others may name any process.

    Raises:
        UserError: no process on this machine trains it, or the process belongs to another user.
    """
    status = run.status()
    try:
        process = psutil.Process(status.process) if status.state == "running" and status.process else None
        if process is None or not runs.is_held_by(run.folder, process.pid):
            raise UserError(f"no process on this machine trains run '{run.name}': there is nothing to stop")
        process.terminate()
    except (psutil.NoSuchProcess, ValueError, OverflowError):
        raise UserError(f"run '{run.name}' has just ended: there is nothing to stop") from None
    except (psutil.AccessDenied, PermissionError):
        raise UserError(f"run '{run.name}' was started by another user: only that user can stop it") from None


def cancel(job: Job) -> None:
    """End a training that has no run folder yet (its data is being prepared)."""
    if not job.over:
        job.process.terminate()


def last_lines(path: Path, count: int) -> str:
    """Return the last `count` lines of a log that are not blank, without terminal escape codes; "" if none."""
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
    """Return the folder of the logs, inside the cache folder."""
    return files.cache_folder() / "logs"


@st.cache_resource(max_entries=4, show_spinner=False)
def _jobs(root: str) -> Jobs:
    return Jobs(Path(root), log_folder())


def jobs() -> Jobs:
    """Return the trainings of the program's root of runs (GANRAY_RUNS)."""
    return _jobs(str(runs.default_root().resolve()))


def _detached() -> dict[str, Any]:
    """Return the options of a separate process group: neither closing the app nor Ctrl-C in its terminal ends it."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _drop_old(logs: Path) -> None:
    for path in sorted(logs.glob("*.log"), key=lambda log: log.stat().st_mtime)[:-LOGS_KEPT]:
        path.unlink(missing_ok=True)
