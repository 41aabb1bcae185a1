"""What two runs must share that went through the same training: all of it to the bit, but what a clock says."""

import csv
from pathlib import Path
from typing import Any

import torch

from gan_core import tensor_files
from gan_core.config import read_json
from gan_core.runs import Run
from gan_core.training import checkpoints

_CLOCKS = {"seconds", "images_per_second"}
_APART = {"status.json", "metrics.csv", ".lock"}  # compared by what they mean


def assert_same_run(whole: Run, other: Run) -> None:
    """Networks, averages, optimizers, pool and place in the random numbers; tables without gap or repeated row; and
    every other file: weights, grids, snapshots, GIF. Nothing half written lies about.
    """
    one, two = _files(whole), _files(other)
    assert one.keys() == two.keys()
    different = [name for name, path in one.items() if path.read_bytes() != two[name].read_bytes()]
    assert not different
    assert_same_checkpoint(whole.checkpoints()[0], other.checkpoints()[0])
    assert rows(whole) == rows(other)
    ends = [read_json(run.folder / "status.json") for run in (whole, other)]
    assert all(end["state"] == "finished" for end in ends)
    assert len({(end["step"], end["steps"], end["epoch"], end["reason"]) for end in ends}) == 1


def assert_same_checkpoint(first: Path, second: Path) -> None:
    (one, head_one), (two, head_two) = tensor_files.load(first), tensor_files.load(second)
    assert one.keys() == two.keys()
    assert not [name for name in one if one[name].dtype != two[name].dtype or not torch.equal(one[name], two[name])]
    assert _timeless(head_one) == _timeless(head_two)


def rows(run: Run) -> list[dict[str, str]]:
    """The rows of metrics.csv as they are written, without the time they took."""
    with (run.folder / "metrics.csv").open(newline="") as file:
        found = [{name: cell for name, cell in row.items() if name not in _CLOCKS} for row in csv.DictReader(file)]
    steps = [int(row["step"]) for row in found]
    every, last = run.config().log_every, steps[-1] if steps else 0
    epoch = run.config().train_images // run.config().batch_size
    previews = range(0, last + 1, max(1, epoch) * run.config().preview_every)
    expected = sorted({*range(every, last + 1, every), *previews, last} - {0})
    assert steps == expected, "a gap or a repeated row"
    return found


def assert_complete(run: Run) -> None:
    """Every checkpoint that is there can be gone on from, and one is there if ever a row was written."""
    found = run.checkpoints()
    assert found or not (run.folder / "metrics.csv").exists()
    if found:
        path, _, _, damaged = checkpoints.newest(run)
        assert (path, damaged) == (found[0], [])


def _files(run: Run) -> dict[str, Path]:
    found = (path for path in run.folder.rglob("*") if path.is_file() and path.parent.name != "checkpoints")
    return {path.relative_to(run.folder).as_posix(): path for path in found if path.name not in _APART}


def _timeless(header: dict[str, Any]) -> dict[str, Any]:
    pending = [(step, values) for step, _, values in header["pending"]]
    return {"step": header["step"], "optimizers": header["optimizers"], "pending": pending}
