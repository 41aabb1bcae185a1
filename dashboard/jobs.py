"""Trainings, imports and evaluations that the app starts: each is a process that goes on when the app is closed.

The process writes its run folder, which the pages follow, and prints into a log file in the cache folder. At most
`most()` of them run at a time; the others wait for their turn. Of evaluations one runs at a time.
"""

import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
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
_BAR = re.compile(r"(?P<done>\d{1,9})/(?P<of>\d{1,9}) \[[\d:]+<(?:(?P<left>[\d:]+)|\?)")  # as tqdm draws it
_PATIENCE = 5.0  # seconds for a cancelled evaluation to end by itself
_NOTICE = 1.0  # seconds for a training to say that it stops; it does so between two operations of a network


@dataclass
class Job:
    """A training that this app started, or that waits for its turn."""

    name: str
    arguments: list[str]  # of the command line
    log: Path
    process: "subprocess.Popen[bytes] | None" = None
    began: float = 0.0  # seconds since 1970, when its turn had come
    problem: str = ""  # why its process could not be started, when its turn had come
    cancelled: bool = False  # by a user, while it ran

    @property
    def imports(self) -> bool:
        """Whether it brings in what another program trained."""
        return self.arguments[:1] == ["import"]

    @property
    def queued(self) -> bool:
        return self.process is None and not self.problem

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def over(self) -> bool:
        return not (self.queued or self.running)

    @property
    def failed(self) -> bool:
        return self.over and (self.process is None or self.process.returncode != 0)

    @property
    def stopped(self) -> bool:
        """Whether a user ended it: by its button, or by Ctrl-C."""
        if self.process is None:
            return False
        ended = self.process.poll()
        return ended in (130, -signal.SIGINT) or (self.cancelled and ended not in (None, 0))

    @property
    def draws(self) -> bool:
        """Whether its images are drawn by the program."""
        return any(word.removeprefix("--data=").startswith("phantom:") for word in self.arguments)

    def words(self, lines: int = 1) -> str:
        """Return the last lines of the job's log."""
        return last_lines(self.log, lines)

    def error(self) -> str:
        """Return the reason why the job ended: the last "error: " line of its log, else the log's last line."""
        if self.problem:
            return self.problem
        found = [line for line in last_lines(self.log, 200).splitlines() if line.startswith("error: ")]
        return found[-1].removeprefix("error: ") if found else self.words() or "the training ended without a message"


class Jobs:
    """The trainings started since the app began, by run name. One object serves all sessions."""

    def __init__(self, root: Path, logs: Path) -> None:
        self.root = root
        self.logs = logs
        self.folder = Path.cwd()  # where the app was started: sources are named from there
        self._jobs: dict[str, Job] = {}
        self._evaluations: dict[str, Job] = {}  # the last one of each run
        self._lock = threading.Lock()

    def train(self, name: str, options: RunOptions) -> Job:
        """Start the training of a new run called `name`, or queue it if `most()` run already.

        Raises:
            UserError: the name is invalid or taken, or the process cannot be started.
        """
        return self._new(name, ["train", *options.words()])

    def import_training(self, name: str, words: Sequence[str]) -> Job:
        """Start an import that writes a new run called `name`, or queue it as a training.

        words: of the command line, the command first; see `library.import_look.words`.

        Raises:
            UserError: the name is invalid or taken, or the process cannot be started.
        """
        return self._new(name, words)

    def resume(self, run: Run) -> Job:
        """Resume a run from its last checkpoint, or queue that if `most()` trainings run already.

        Raises:
            UserError: it is a reference run, it is running, or the process cannot be started.
        """
        if run.reference:
            raise UserError(f"run '{run.name}' is a reference run and must not change: train its preset again")
        with self._lock:
            known = self._jobs.get(run.name)
            if run.status().state == "running" or (known and not known.over):
                raise UserError(f"run '{run.name}' is being trained already")
            return self._add(run.name, ["resume", *self._runs, "--", run.name])

    @property
    def _runs(self) -> list[str]:
        return ["--runs", str(self.root)]

    def taken(self, name: str) -> bool:
        """Whether a run of that name exists, or a job for it is running or waits."""
        return runs.is_taken(self.root, name) or self.busy(name)

    def busy(self, name: str) -> bool:
        """Whether a job for the run of that name is running or waits."""
        job = self._jobs.get(name)
        return job is not None and not job.over

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

    def cancel(self, name: str) -> None:
        """End a training that has no run folder yet (its data is being prepared), or that waits for its turn."""
        with self._lock:
            job = self._jobs.get(name)
            if job and job.queued:
                del self._jobs[name]
            elif job and job.process and not job.over and not job.cancelled:
                job.cancelled = True  # once: a training that has just begun would be ended at once by a second signal
                job.process.terminate()

    def evaluate(self, run: Run, source: str | None = None) -> Job:
        """Start the evaluation of a run, as `python -m gan_core evaluate` does it.

        source: the real images, where they are not those that its config names.

        Raises:
            UserError: an evaluation is running already, or the process cannot be started.
        """
        with self._lock:
            if other := self.evaluating():
                raise UserError(f"run '{other}' is being evaluated: wait until that has ended")
            data = [f"--data={source}"] if source else []
            arguments = ["evaluate", *self._runs, *data, "--", run.name]
            job = Job(run.name, arguments, self.logs / f"evaluate-{run.folder.name}-{time.time_ns()}.log")
            self._start(job)
            self._evaluations[run.name] = job
            return job

    def evaluation(self, name: str) -> Job | None:
        """Return the last evaluation of a run that this app started; None if there was none."""
        return self._evaluations.get(name)

    def evaluating(self) -> str:
        """Return the name of the run that is being evaluated; "" if none is."""
        return next((name for name, job in list(self._evaluations.items()) if not job.over), "")

    def cancel_evaluation(self, name: str) -> None:
        """End the evaluation of a run; what it has measured so far stays in its file."""
        with self._lock:
            job = self._evaluations.get(name)
            if job and job.process and not job.over:
                job.process.terminate()
                try:
                    job.process.wait(_PATIENCE)
                except subprocess.TimeoutExpired:
                    job.process.kill()
                    job.process.wait()
            self._evaluations.pop(name, None)  # not before its process has ended: another would measure beside it

    def _new(self, name: str, words: Sequence[str]) -> Job:
        """Start what writes a new run, or queue it. Raises UserError: as `train`."""
        runs.check_name(name)
        with self._lock:
            if self.taken(name):
                raise UserError(f"run '{name}' exists already: choose another name")
            return self._add(name, [*words, "--name", name, *self._runs])

    def _add(self, name: str, arguments: list[str]) -> Job:
        job = Job(name, arguments, self.logs / f"{name}-{time.time_ns()}.log")
        if self._running() < most():
            self._start(job)
        self._jobs.pop(name, None)
        self._jobs[name] = job
        return job

    def _running(self) -> int:
        return sum(job.running for job in self._jobs.values())

    def _start_queued(self) -> None:
        """Start the jobs whose turn has come, the oldest first."""
        with self._lock:
            for job in [job for job in self._jobs.values() if job.queued]:
                try:
                    if self._running() >= most():
                        return
                    self._start(job)
                except UserError as error:
                    job.problem = str(error)

    def _start(self, job: Job) -> None:
        job.began = time.time()
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            _drop_old(self.logs)
            with job.log.open("wb") as output:
                process = subprocess.Popen(
                    child_processes.command("gan_core", *job.arguments),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=child_processes.environment(PYTHONUNBUFFERED="1"),
                    cwd=self.folder,
                    **_detached(),
                )
        except OSError as error:
            raise UserError(f"the process cannot be started: {error.strerror or error}") from error
        job.process = process
        threading.Thread(target=self._follow, args=(process,), daemon=True).start()

    def _follow(self, process: "subprocess.Popen[bytes]") -> None:
        """Wait until a training has ended, and give its place to the next one."""
        process.wait()
        self._start_queued()


def most() -> int:
    """Return the number of trainings that run at a time: GANRAY_TRAININGS, by default one for each core.

    Raises:
        UserError: the variable is no number from 1.
    """
    given = os.environ.get("GANRAY_TRAININGS", "").strip()
    if not given:
        # A container may use fewer cores than the machine has.
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not (given.isascii() and given.isdecimal() and 1 <= int(given[:9]) <= 10_000):
        raise UserError(f"GANRAY_TRAININGS={given[:20]}: give the number of trainings at a time, from 1 to 10000")
    return int(given)


def stop(run: Run) -> None:
    """Ask the process that trains a run to stop. It writes a checkpoint first. Where it stops already, do nothing.

    The process is the one of status.json, if it holds the run's lock: a file from others may name any process.

    Raises:
        UserError: no process on this machine trains it, or the process belongs to another user.
    """
    status = run.status()
    if status.stopping:
        return  # a second signal would end it at once, without a checkpoint
    try:
        process = psutil.Process(status.process) if status.state == "running" and status.process else None
        if process is None or not runs.is_held_by(run.folder, process.pid):
            raise UserError(f"no process on this machine trains run '{run.name}': there is nothing to stop")
        # SIGTERM would say that something else than a user ended it. Windows has no SIGINT for other processes.
        process.terminate() if sys.platform == "win32" else process.send_signal(signal.SIGINT)
        end = time.monotonic() + _NOTICE
        while (now := run.status()).state == "running" and not now.stopping and time.monotonic() < end:
            time.sleep(0.02)
    except (psutil.NoSuchProcess, ValueError, OverflowError):
        raise UserError(f"run '{run.name}' has just ended: there is nothing to stop") from None
    except (psutil.AccessDenied, PermissionError):
        raise UserError(f"run '{run.name}' was started by another user: only that user can stop it") from None


def counted(line: str) -> tuple[float, str] | None:
    """Return the share and the words of a progress bar in a log; None for another line."""
    found = _BAR.search(line)
    if found is None:
        return None
    done, of = int(found["done"]), int(found["of"])
    left = f", about {found['left']} left" if found["left"] else ""
    return min(1.0, done / max(of, 1)), f"{done} of {of} images{left}"


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
