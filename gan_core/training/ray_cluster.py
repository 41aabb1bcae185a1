"""Many runs at once, on one machine or on a cluster, as tasks of Ray.

    python -m gan_core compare gan dcgan --data phantom:cxr --seeds 3 --on ray
    python -m gan_core compare gan dcgan --data /data/chests --seeds 3 --on ray:10.0.0.1:6379 --runs /shared/runs

Each run is a task with its own process. If the process or its machine dies, Ray starts the task again elsewhere, and
the run resumes from its checkpoint. Therefore all machines must reach the folder of runs: a network disk or a URL.
"""

import argparse
import contextlib
import logging
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

from gan_core import child_processes
from gan_core.errors import UserError
from gan_core.optional_dependencies import need
from gan_core.runs import Run, remote

RETRIES = 5  # of a task whose process or machine died
_POLL_SECONDS = 1.0
_LAST_SECONDS = 30.0  # for the tasks to save a checkpoint after Ctrl-C

Train = Callable[[argparse.Namespace, str, str, int], int]


@dataclass(frozen=True)
class Job:
    """One run of a comparison."""

    name: str
    preset: str
    seed: int


@dataclass(frozen=True)
class Outcome:
    """The result of a job: the command line's exit code, and an error message ("" if there is none)."""

    code: int
    message: str = ""


def train_all(
    jobs: list[Job], train: Train, options: argparse.Namespace, address: str, cpus: float, gpus: float | None
) -> dict[str, Outcome]:
    """Train every job as a task of Ray; return each outcome by the job's name.

    train: called in a task with the options and the job's name, preset and seed; it resumes a run that exists.
    address: of the cluster's head node, or "" to start Ray on this machine. cpus, gpus: per task; by default one GPU
    each if any machine has one.

    Raises:
        UserError: Ray is not installed, does not answer, or has no machine that is large enough.
        KeyboardInterrupt: Ctrl-C; the runs have stopped with a checkpoint.
    """
    ray = _connect(address)
    try:
        sizes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        run_gpus = min(1.0, max(size.get("GPU", 0.0) for size in sizes)) if gpus is None else gpus
        if not any(size.get("CPU", 0) >= cpus and size.get("GPU", 0) >= run_gpus for size in sizes):
            raise UserError(
                f"no machine of this Ray cluster has {cpus:g} CPUs and {run_gpus:g} GPUs for a run: "
                "lower --cpus or --gpus"
            )
        # One process per run, so that no run inherits leftovers or damage from another.
        task = ray.remote(max_calls=1, max_retries=RETRIES, num_cpus=cpus, num_gpus=run_gpus)(_task)
        place = remote.place_of(options.runs)
        location = place.url if place else str(options.runs.resolve())
        given = {key: value for key, value in vars(options).items() if key not in ("runs", "run")}
        waiting = {task.remote(train, given, location, job): job for job in jobs}
        return _wait_for_all(ray, waiting, [Run(options.runs / job.name) for job in jobs], options.epochs, place)
    finally:
        ray.shutdown()


def _connect(address: str) -> Any:
    """Return the module `ray`, connected to the cluster at the address or to a new one on this machine."""
    (ray,) = need("--on ray", "ray", "ray")
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        if host:  # Ray itself would retry for minutes
            socket.create_connection((host, int(port)), timeout=5).close()
        local: Mapping[str, Any] = {} if address else {"include_dashboard": False}
        # Ray gives its workers the current folder, to start in and to import from: that of the package is safe.
        with child_processes.safe_environment(), contextlib.chdir(child_processes.ROOT):
            ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **local)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        raise UserError(f"--on ray:{address}: Ray does not answer ({' '.join(str(error).split())[:200]})") from error
    return ray


def _task(train: Train, given: Mapping[str, Any], location: str, job: Job) -> Outcome:
    """Train one run in a worker, from the start or from the checkpoint of an earlier worker."""
    root = remote.root_of(location)
    try:
        if place := remote.place_of(root):
            remote.Lease(place, job.name).wait()  # a machine that died may still hold it
        return Outcome(train(argparse.Namespace(**given, runs=root), job.name, job.preset, job.seed))
    except UserError as error:
        return Outcome(2, str(error))


def _wait_for_all(
    ray: Any, waiting: dict[Any, Job], runs: list[Run], epochs: int, place: remote.RemoteFolder | None
) -> dict[str, Outcome]:
    """Wait until all tasks have ended, with a progress bar; return the outcomes by the job's name."""
    ended: dict[str, Outcome] = {}
    with tqdm(total=epochs * len(runs), unit="epoch", dynamic_ncols=True) as bar:
        try:
            while waiting:
                done, _ = ray.wait(list(waiting), timeout=_POLL_SECONDS)
                for task in done:
                    ended[waiting.pop(task).name] = _outcome(ray, task)
                if place:
                    place.fetch()
                _show(bar, runs, ended)
        except KeyboardInterrupt:
            for task in waiting:
                ray.cancel(task)  # acts like Ctrl-C in the task
            end = time.monotonic() + _LAST_SECONDS
            ray.wait(list(waiting), num_returns=len(waiting), timeout=max(0.0, end - time.monotonic()))
            raise
    return ended


def _outcome(ray: Any, task: Any) -> Outcome:
    try:
        outcome: Outcome = ray.get(task)
        return outcome
    except ray.exceptions.RayError as error:
        return Outcome(1, f"its process died repeatedly ({type(error).__name__})")


def _show(bar: Any, runs: list[Run], ended: Mapping[str, Outcome]) -> None:
    statuses = [run.status() for run in runs]
    states = [status.state for status in statuses]
    failed = sum(one.code != 0 for one in ended.values())
    bar.n = sum(status.epoch for status in statuses)
    bar.set_postfix_str(f"{len(ended) - failed} finished, {states.count('running')} running, {failed} failed")
