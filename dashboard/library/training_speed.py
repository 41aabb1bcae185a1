"""What a training will take on this machine, before it is started: time, memory and disk.

A process of its own measures. One measurement runs at a time, and nobody waits for it: a page asks again until it is
there. What was measured while the machine was at rest is kept in the cache folder; what was measured while it was busy
is kept for this app alone.
"""

import bisect
import importlib.metadata
import json
import logging
import os
import platform
import subprocess
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from gan_core import child_processes, config, files, run_costs, schedule
from gan_core.errors import UserError, printable
from gan_core.families import registry
from gan_core.run_costs import Speed
from gan_core.run_options import RunOptions
from gan_core.version import __version__

OFF = "GANRAY_MEASURE"  # set to "off", nothing is measured
_SECONDS = 180  # after which a measurement is given up
_MOST = 4  # measurements that wait or are kept in memory, the newest ones
_KEPT = 200  # measurements in the cache folder
_FILE = "training-costs.json"
_COPIES = 3  # of the training images that a training has in memory: the prepared file, its own, and one on the way
_log = logging.getLogger("ganray.dashboard")


@dataclass(eq=False)
class Measurement:
    """A measurement that is under way, waits for its turn, or is done; then it has a speed or a problem."""

    speed: Speed | None = None
    problem: str = ""
    done: threading.Event = field(default_factory=threading.Event)


_found: OrderedDict[str, Measurement] = OrderedDict()
_lock = threading.Lock()
_turn = threading.Semaphore(1)


def words(options: RunOptions) -> list[str]:
    """Return the command that measures: those options alone that change how long a step or a preview takes."""
    asked = RunOptions(
        options.preset,
        "",
        batch_size=options.batch_size,
        image_size=options.image_size,
        channels=options.channels,
        snapshots=options.snapshots,
        keep=options.keep,
        patience=options.patience,
        device=options.device,
        precision=options.precision,
        settings=options.settings,
        grow_from=options.grow_from,
        freeze=options.freeze,
    )
    given = asked.words()
    place = given.index("--data")
    return ["speed", *given[:place], *given[place + 2 :], "--json"]


def measured(options: RunOptions) -> Measurement:
    """Return the measurement for these options, which is begun if there is none."""
    given = words(options)
    key = json.dumps(given)
    with _lock:
        if found := _found.get(key):
            _found.move_to_end(key)
            return found
        found = _found[key] = Measurement(None if options.grow_from else _kept().get(_place(given)))
        while len(_found) > _MOST:
            _found.popitem(last=False)
    if found.speed:
        found.done.set()
    elif os.environ.get(OFF, "").strip().lower() == "off":
        found.problem = f"not measured, as {OFF} is off"
        found.done.set()
    else:
        keeps = options.grow_from is None  # a run's name may be another run's tomorrow
        threading.Thread(target=_run, args=(key, given, found, keeps), name="speed", daemon=True).start()
    return found


def seconds(speed: Speed, steps: int, options: RunOptions) -> float:
    """Return how long a training takes, without reading its images. steps: of an epoch."""
    return sum(run_costs.seconds(speed, options.epochs * steps, _previews(options)).values())


def memory(speed: Speed, images: int, options: RunOptions) -> int:
    """Return the bytes that the process of a training has in memory at most. images: that it trains on."""
    preset = registry.find_preset(options.preset)
    size = preset.image_size if options.image_size is None else options.image_size
    return speed.memory + _COPIES * images * options.channels * size**2


def disk(speed: Speed, steps: int, options: RunOptions) -> int:
    """Return the bytes of the folder of a finished run. steps: of an epoch."""
    snapshots, every = options.snapshots, options.log_every
    return sum(run_costs.disk(speed.sizes, options.epochs * steps, _previews(options), every, snapshots).values())


def _previews(options: RunOptions) -> int:
    return schedule.previews(options.preview_every, options.preview_start, options.epochs)


def epochs_within(speed: Speed, steps: int, allowed: float, options: RunOptions) -> int:
    """Return how many of the epochs that are asked for end within `allowed` seconds; 0 if not even one does."""

    def taken(epochs: int) -> float:
        return seconds(speed, steps, replace(options, epochs=epochs))

    return bisect.bisect_right(range(1, options.epochs + 1), allowed, key=taken)


def steps_of_epoch(counts: Sequence[int], batch_size: int, translates: bool) -> int:
    """Return the steps of an epoch. counts: training images of each class, of a translator of both domains."""
    return schedule.steps_per_epoch(counts if translates else [sum(counts)], batch_size)


def _run(key: str, given: list[str], found: Measurement, keeps: bool) -> None:
    try:
        with _turn:
            with _lock:
                superseded = key not in _found
            if superseded:
                found.problem = "not measured: other settings were asked for meanwhile"
            else:
                found.speed = _measure(given)
                if keeps and not found.speed.doubtful:
                    _keep(_place(given), found.speed)
    except UserError as error:
        found.problem = str(error)
    except Exception:
        _log.exception("measuring the speed of a training failed")
        found.problem = "not measured because of an internal error: the log names it"
    finally:
        found.done.set()


def _measure(given: list[str]) -> Speed:
    try:
        done = subprocess.run(
            child_processes.command("gan_core", *given),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=child_processes.environment(),
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"not measured: {_SECONDS // 60} minutes were not enough for a few steps") from None
    except OSError as error:
        raise UserError(f"not measured: {error.strerror or error}") from None
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        raise UserError(printable(lines[-1].removeprefix("error: "), 300) if lines else "not measured: it failed")
    return config.from_dict(Speed, json.loads(done.stdout.splitlines()[-1]), "what was measured")


def _place(given: list[str]) -> str:
    """Return the key of a measurement in the cache folder: the machine, what of it may be used, the versions, and what
    was measured.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads, cards = os.environ.get("OMP_NUM_THREADS"), os.environ.get("CUDA_VISIBLE_DEVICES")
    torch = importlib.metadata.version("torch")
    return json.dumps([platform.node(), os.cpu_count(), cores, threads, cards, __version__, torch, given])


def _kept() -> dict[str, Speed]:
    try:
        values: dict[str, Any] = json.loads(_path().read_text(encoding="utf-8"))
        return {str(key): config.from_dict(Speed, value, key) for key, value in values.items()}
    except (OSError, ValueError, AttributeError, UserError):
        return {}  # none yet, or a damaged file, which the next measurement replaces


def _keep(place: str, speed: Speed) -> None:
    with _lock:
        kept = {**_kept(), place: speed}
        newest = dict(list(kept.items())[-_KEPT:])
        _path().parent.mkdir(parents=True, exist_ok=True)
        files.write_text(_path(), json.dumps({key: asdict(one) for key, one in newest.items()}, indent=1))


def _path() -> Path:
    return files.cache_folder() / _FILE
