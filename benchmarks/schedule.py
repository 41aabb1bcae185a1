"""Cost of a comparison of 500 runs on 64 graphics cards: the schedule, and the load on the shared run folder.

    python -m benchmarks.schedule [--runs 500] [--slots 64] [--faster 1]

It simulates the schedule from measured parts: the durations and file sizes of the shipped runs, and this machine's time
to start a worker, to write a status and to list the runs. Tasks run longest first; the requested order is simulated for
comparison. `--faster` divides the durations, which are those of one processor; measure that factor on a graphics card.
"""

import argparse
import heapq
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gan_core import runs
from gan_core.runs import Run, RunWriter
from gan_core.runs.remote import SEND_SECONDS
from gan_core.training.trainer import _CHECKPOINT_SECONDS, _STATUS_SECONDS
from tests.helpers.repository import ROOT

SPREAD = 0.05  # of a run's duration, from seed to seed
DEATHS = 1 / 200  # worker deaths an hour, each of which costs the time since the last checkpoint and a start


@dataclass(frozen=True)
class Kind:
    """The measured duration and file sizes of one shipped run."""

    name: str
    seconds: float
    table: int  # bytes of metrics.csv at the end
    checkpoint: int  # bytes of all weights; a checkpoint with its optimizers has about four times as many


def measured() -> list[Kind]:
    """Return the shipped runs that have weights and metrics."""
    found = []
    for run in runs.list_runs(ROOT / "runs"):
        metrics = run.folder / runs.METRICS
        if run.reference and metrics.is_file() and run.weights.is_file():
            seconds = float(pd.read_csv(metrics)["seconds"].iloc[-1])
            size = sum(path.stat().st_size for path in (run.weights, run.discriminator) if path.is_file())
            found.append(Kind(run.folder.name, seconds, metrics.stat().st_size, size))
    return found


def schedule(durations: list[float], slots: int, start: float, rng: np.random.Generator) -> tuple[float, float, int]:
    """Run tasks in order; return seconds to the last end, the share of slot time in training, and worker deaths."""
    free = [0.0] * slots
    trained = deaths = 0.0
    for duration in durations:
        begun = heapq.heappop(free)
        died = int(rng.poisson(duration / 3600 * DEATHS))
        lost = died * (start + _CHECKPOINT_SECONDS / 2)
        deaths += died
        trained += duration
        heapq.heappush(free, begun + start + duration + lost)
    end = max(free)
    return end, trained / (end * slots), int(deaths)


def start_seconds() -> float:
    """Return the median seconds to start a worker: a process that imports torch and the trainer's modules."""
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", "import gan_core.training.trainer, gan_core.training.run_plan"], cwd=ROOT, check=True
        )
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def folder_costs(count: int) -> tuple[float, float]:
    """Return the milliseconds to write a status, and to list `count` runs with their statuses."""
    (first, *_) = (run for run in runs.list_runs(ROOT / "runs") if run.reference)
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        writers = [RunWriter.create(root, f"run-{number}", first.config()) for number in range(count)]
        begun = time.perf_counter()
        for writer in writers:
            writer.write_status(state="running", epoch=1, epochs=50, step=1, steps=50)
        status = (time.perf_counter() - begun) / count
        begun = time.perf_counter()
        for run in runs.list_runs(root):
            run.status()
        listing = time.perf_counter() - begun
        for writer in writers:
            writer.close()
        assert Run(root / "run-0").status().state == "running"
    return 1000 * status, 1000 * listing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--faster", type=float, default=1.0, help="speed-up over the training of the shipped runs")
    options = parser.parse_args()
    kinds, rng = measured(), np.random.default_rng(0)
    start = start_seconds()
    status, listing = folder_costs(options.runs)
    print(f"measured here: start of a worker {start:.1f} s; status {status:.1f} ms, listing {listing:.0f} ms")
    chosen = list(itertools.islice(itertools.cycle(kinds), options.runs))
    durations = [kind.seconds / options.faster * float(rng.normal(1, SPREAD)) for kind in chosen]
    bound = max(sum(durations) / options.slots, max(durations))
    for order, tasks in (("requested order", durations), ("longest first", sorted(durations, reverse=True))):
        end, busy, deaths = schedule(tasks, options.slots, start, np.random.default_rng(1))
        print(
            f"{options.runs} runs on {options.slots} slots, {order}: {end / 3600:.2f} h ({end / bound:.2f} of the "
            f"minimum), {busy:.1%} of the time in training, {deaths} deaths"
        )
    rows = statistics.mean(kind.table for kind in chosen)
    checkpoints = statistics.mean(4 * 2 * kind.checkpoint for kind in chosen)  # shipped in half precision
    load = options.slots / _STATUS_SECONDS * status / 1000
    print(
        f"shared folder on a disk: {options.slots / _STATUS_SECONDS:.0f} statuses a second ({load:.0%} of one such "
        f"disk's time), checkpoints {options.slots / _CHECKPOINT_SECONDS * checkpoints / 1e6:.1f} MB/s"
    )
    print(
        f"shared folder on an object storage: {3 * options.slots / SEND_SECONDS:.0f} requests a second, repeated "
        f"upload of tables {options.slots / SEND_SECONDS * rows / 2 / 1e6:.1f} MB/s"
    )


if __name__ == "__main__":
    main()
