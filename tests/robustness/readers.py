"""One process that writes a run at full speed, and the processes that read it meanwhile, for tests of both."""

import functools
import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dashboard.library import store
from gan_core.config import RunConfig
from gan_core.runs import EPOCHS, METRICS, Run, RunWriter
from gan_core.runs.tables import Table

KINDS = ("metrics", "metrics", "epochs", "status", "status", "frame", "library", "library")
_RESUMED_EVERY = 800  # rows, after which another writer cuts the tables back, as that of a resumed run does


def value(step: int) -> float:
    """What a row holds beside its step."""
    return (step * 37 % 1000) / 8


def write_and_read(root: Path, settings: RunConfig, seconds: float) -> None:
    """Fork the readers, for so long, and a writer that outlives them; each leaves what it saw in a file of `root`."""
    run = Run(root / "runs" / "busy", root / "runs")
    RunWriter.create(run.root, run.name, settings).close()
    over = root / "over"
    writer = _forked(root / "writer.json", lambda: _write(run, over))
    readers = [
        _forked(root / f"reader{number}.json", functools.partial(_read, run, kind, seconds))
        for number, kind in enumerate(KINDS)
    ]
    for reader in readers:
        os.waitpid(reader, 0)
    over.touch()
    os.waitpid(writer, 0)


def _forked(path: Path, work: Callable[[], dict[str, Any]]) -> int:
    if process := os.fork():
        return process
    try:
        path.write_text(json.dumps(work()))
    except BaseException as error:
        path.write_text(json.dumps({"error": repr(error)}))
    os._exit(0)


def _write(run: Run, over: Path) -> dict[str, Any]:
    rng = random.Random(0)
    writer, step, rows, resumes = RunWriter.reopen(run), 0, 0, 0
    while not over.exists():
        step, rows = step + 1, rows + 1
        writer.log([{"step": step, "epoch": step / 50, "seconds": rng.random(), "loss/d": value(step)}])
        if step % 50 == 0:
            writer.log([{"epoch": step // 50, "step": step, "scores/real": f"{step} 0 {step}"}], EPOCHS)
        if rows % _RESUMED_EVERY == 0:
            writer.close()
            writer, resumes, step = RunWriter.reopen(run), resumes + 1, rng.randint(0, step)
            writer.keep_rows(METRICS, "step", step)
            writer.keep_rows(EPOCHS, "step", step)
        if rows % 20 == 0:
            writer.write_status(state="running", step=step, epoch=resumes)
    writer.close()
    return {"rows": rows, "resumes": resumes}


def _read(run: Run, kind: str, seconds: float) -> dict[str, Any]:
    """Look as often as can be; every look must be at whole rows, one step after the other."""
    looks, seen = 0, (0, 0)
    table = Table(run.folder / (EPOCHS if kind == "epochs" else METRICS))
    library = store.Library(run.root)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        looks += 1
        if kind == "status":
            status = run.status()
            assert status.state == "running" or seen == (0, 0), status
            assert (status.epoch, status.step) >= seen, f"{status} after {seen}"
            seen = status.epoch, status.step
            continue
        if kind == "library":
            (entry,) = library.entries()
            assert entry.problem is None, entry.problem
            assert np.isfinite(library.curve(entry, ("loss/d",), 0.5).y).all()
            table = library.table(entry, METRICS).table
        else:
            table.poll()
        seen = _check(table, kind, seen)
        if kind == "frame":
            assert len(table.frame()) == len(table)
    return {"looks": looks, "versions": seen[0], "last": seen[1]}


def _check(table: Table, kind: str, seen: tuple[int, int]) -> tuple[int, int]:
    """What is new of a table, or all of it where the file is another; returns its version and its last step."""
    steps, every = table.column("step"), 50 if kind == "epochs" else 1
    if not len(steps):
        return table.version, 0
    first = seen[1] // every if table.version == seen[0] else 0
    assert (steps[first:] == np.arange(first + 1, len(steps) + 1) * every).all(), "a gap, a repeated row or a torn one"
    assert (table.version, steps[-1]) >= seen, "steps went back in the same file"
    if kind == "epochs":
        assert table.text("scores/real")[first:] == [f"{step:.0f} 0 {step:.0f}" for step in steps[first:]], "a torn row"
    else:
        expected = steps[first:] * 37 % 1000 / 8
        assert (table.column("loss/d")[first:] == expected).all(), "a torn row"
        assert (table.column("seconds")[first:] < 1).all(), "a torn row"
    return table.version, int(steps[-1])
