"""What a call of `record` costs the thread that trains.

    python -m benchmarks.record_overhead

It logs steps with eight columns, as numbers of Python, numpy, or torch on the processor or a device, and prints the
median and the 99th percentile of a call: 100,000 steps without work between them, where the writer's thread asks for
the same processor all the time, and 5,000 with about a millisecond of work between them, as in a small training.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from gan_core import record, runs

COLUMNS = ("loss/d", "loss/g", "accuracy/d_real", "accuracy/d_fake", "grad_norm/d", "grad_norm/g", "penalty", "fid")


def values(kind: str) -> dict[str, Any]:
    """The same numbers, as a library holds them."""
    numbers = np.linspace(0.1, 2, len(COLUMNS), dtype=np.float32)
    if kind == "numpy":
        return dict(zip(COLUMNS, numbers, strict=True))
    if kind.startswith("torch"):
        import torch

        return dict(zip(COLUMNS, torch.from_numpy(numbers).to(kind.partition(":")[2] or "cpu").unbind(), strict=True))
    return dict(zip(COLUMNS, map(float, numbers), strict=True))


def measure(kind: str, steps: int, work: int) -> tuple[list[int], float, int]:
    """Return the nanoseconds of each call, the seconds of `finish`, and the rows that were written.

    work: products of two matrices between two calls.
    """
    row = values(kind)
    matrix = np.random.default_rng(0).normal(size=(256, 256)).astype(np.float32)
    with tempfile.TemporaryDirectory() as root:
        run = record.start("measured", runs=root)
        spent = []
        for step in range(steps):
            for _ in range(work):
                matrix @ matrix
            began = time.perf_counter_ns()
            run.log(row, step=step)
            spent.append(time.perf_counter_ns() - began)
        began = time.perf_counter_ns()
        run.finish()
        finish = (time.perf_counter_ns() - began) / 1e9
        table = runs.find_run("measured", Path(root)).metrics()
        table.poll()
        return spent, finish, len(table)


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--kinds", nargs="*", default=["float", "numpy", "torch"], help="or torch:cuda")
    options = parser.parse_args(words)
    print("| values | between calls | median | 99 % | finish | rows |\n| --- | --- | --- | --- | --- | --- |")
    for kind in options.kinds:
        for work, count in ((0, options.steps), (2, min(options.steps, 5000))):
            spent, finish, rows = measure(kind, count, work)
            median, high = statistics.median(spent) / 1000, statistics.quantiles(spent, n=100)[-1] / 1000
            between = "work" if work else "nothing"
            print(f"| {kind} | {between} | {median:.1f} us | {high:.1f} us | {finish:.1f} s | {rows} |")


if __name__ == "__main__":
    main(sys.argv[1:])
