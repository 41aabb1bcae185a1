"""Many runs at once, on this machine or on many: Ray knows where there is room, GANray what a run is.

    python -m gan_core compare gan dcgan --data phantom:cxr --seeds 3 --on ray
    python -m gan_core compare gan dcgan --data /data/chests --seeds 3 --on ray:10.0.0.1:6379 --runs /shared/runs

Each run is a task with its own process. A task whose process or machine dies is given to another one, where the run
goes on from its checkpoint: the folder of runs must be one that all machines reach, a network disk or a URL.
"""

import argparse
import logging
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

from gan_core.errors import UserError
from gan_core.extras import need
from gan_core.runs import Run, remote

RETRIES = 5  # of a task whose process or machine died
_POLL_SECONDS = 1.0
_LAST_SECONDS = 30.0  # that tasks have for a checkpoint after Ctrl-C

Train = Callable[[argparse.Namespace, str, str, int], int]


@dataclass(frozen=True)
class Job:
    """One run of a comparison."""

    name: str
    preset: str
    seed: int


@dataclass(frozen=True)
class Outcome:
    """How a job ended: the command line's exit code, and what there is to say."""

    code: int
    words: str = ""


def train_all(
    jobs: list[Job], train: Train, options: argparse.Namespace, address: str, cpus: float, gpus: float | None
) -> dict[str, Outcome]:
    """Train every job as a task of Ray; how each ended, by its name.

    train: what a task does with the options and a job's name, preset and seed, gone on with where the run is there.
    address: of a cluster's head, or "" for a Ray of this machine alone. cpus, gpus: of a task; by default one graphics
    card each where there are any.

    Raises:
        UserError: Ray is not installed, does not answer, or has no machine that large. KeyboardInterrupt: Ctrl-C; the
            runs have stopped with a checkpoint.
    """
    ray = _started(address)
    try:
        sizes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        cards = min(1.0, max(size.get("GPU", 0.0) for size in sizes)) if gpus is None else gpus
        if not any(size.get("CPU", 0) >= cpus and size.get("GPU", 0) >= cards for size in sizes):
            raise UserError(f"no machine of this Ray has {cpus:g} processors and {cards:g} graphics cards for a run")
        # A process a run: what one left behind, or broke, is not there for the next.
        task = ray.remote(max_calls=1, max_retries=RETRIES, num_cpus=cpus, num_gpus=cards)(_task)
        place = remote.place_of(options.runs)
        where = place.url if place else str(options.runs.resolve())
        given = {key: value for key, value in vars(options).items() if key not in ("runs", "run")}
        waiting = {task.remote(train, given, where, job): job for job in jobs}
        return _followed(ray, waiting, [Run(options.runs / job.name) for job in jobs], options.epochs, place)
    finally:
        ray.shutdown()


def _started(address: str) -> Any:
    (ray,) = need("--on ray", "ray", "ray")
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        if host:  # Ray itself tries for minutes, in words of its own
            socket.create_connection((host, int(port)), timeout=5).close()
        local: Mapping[str, Any] = {} if address else {"include_dashboard": False}
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **local)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        raise UserError(f"--on ray:{address}: no Ray answers there ({' '.join(str(error).split())[:200]})") from error
    return ray


def _task(train: Train, given: Mapping[str, Any], where: str, job: Job) -> Outcome:
    """What a worker does: one run, from its beginning or from the checkpoint of the worker before."""
    root = remote.root_of(where)
    try:
        if place := remote.place_of(root):
            remote.Lease(place, job.name).wait()  # of a machine that died
        return Outcome(train(argparse.Namespace(**given, runs=root), job.name, job.preset, job.seed))
    except UserError as error:
        return Outcome(2, str(error))


def _followed(
    ray: Any, waiting: dict[Any, Job], runs: list[Run], epochs: int, place: remote.RemoteFolder | None
) -> dict[str, Outcome]:
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
                ray.cancel(task)  # as if each had heard the Ctrl-C
            end = time.monotonic() + _LAST_SECONDS
            ray.wait(list(waiting), num_returns=len(waiting), timeout=max(0.0, end - time.monotonic()))
            raise
    return ended


def _outcome(ray: Any, task: Any) -> Outcome:
    try:
        found: Outcome = ray.get(task)
        return found
    except ray.exceptions.RayError as error:
        return Outcome(1, f"its process died again and again ({type(error).__name__})")


def _show(bar: Any, runs: list[Run], ended: Mapping[str, Outcome]) -> None:
    found = [run.status() for run in runs]
    states = [status.state for status in found]
    failed = sum(one.code != 0 for one in ended.values())
    bar.n = sum(status.epoch for status in found)
    bar.set_postfix_str(f"{len(ended) - failed} finished, {states.count('running')} running, {failed} failed")
