"""What a training will take, before it is started: time and disk, from what a few of its steps and one preview took.

`training.speed` measures, in a process of its own; the command `plan` and the Train page say what follows from it.
"""

import contextlib
import math
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

BUSY = 0.5  # share of the processors at work from which on a measurement is doubtful
CHECKPOINTS = 2  # that a run keeps, the newest


@dataclass(frozen=True)
class Sizes:
    """Bytes of what a training writes."""

    checkpoint: int
    weights: int  # of the final weights, and of a snapshot
    discriminator: int  # 0 without one
    sheet: int  # a sheet of samples as PNG
    frame: int  # the same in the animation
    row: int  # of metrics.csv
    epoch_row: int  # of epochs.csv


@dataclass(frozen=True)
class Speed:
    """Seconds that parts of a training take on a machine, and what it needs of memory and disk."""

    step: float
    alone: float  # of a step, if no other program used the processors: its processor time over the threads
    preview: float  # with the checkpoint that is written beside it, and the snapshot if there is one
    start: float  # from the start of the process to the first step; without the data where it was drawn for this
    device: str
    busy: float  # share of the processors that were at work before the measurement; 1 and more: all of them
    precision: str
    memory: int  # bytes: the most that the process had in memory
    device_memory: int  # bytes: the most that was reserved on a graphics card; 0 on a processor
    sizes: Sizes

    @property
    def undisturbed(self) -> "Speed":
        """The same if no other program used the processors."""
        share = self.alone / self.step if self.step else 1.0
        return replace(self, step=self.alone, preview=self.preview * share, start=self.start * share, busy=0.0)

    @property
    def doubtful(self) -> bool:
        return self.busy > BUSY


def busy() -> float:
    """Return the share of the processors that were at work in the last minute; 0 where the system does not say."""
    return round(os.getloadavg()[0] / (os.cpu_count() or 1), 2) if hasattr(os, "getloadavg") else 0.0


def seconds(speed: Speed, steps: int, previews: int) -> dict[str, float]:
    """Return the seconds of each part of a training, in their order; what else a run does at a preview is in these.

    steps, previews: of the whole run.
    """
    return {"start": speed.start, "steps": steps * speed.step, "previews": previews * speed.preview}


def disk(sizes: Sizes, steps: int, previews: int, log_every: int, snapshots: bool) -> dict[str, int]:
    """Return the bytes of each part of the folder of a finished run. steps, previews: of the whole run."""
    return {
        "checkpoints": min(CHECKPOINTS, previews) * sizes.checkpoint,
        "snapshots": previews * sizes.weights if snapshots else 0,
        "sheets": previews * sizes.sheet,
        "animation": previews * sizes.frame,
        # With snapshots, the best weights and the last ones may both be kept.
        "weights": (1 + snapshots) * sizes.weights + sizes.discriminator,
        "tables": math.ceil(steps / log_every) * sizes.row + previews * sizes.epoch_row,
    }


def free_disk(folder: Path) -> int:
    """Return the free bytes of the disk where a folder is, or will be made."""
    place = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    return shutil.disk_usage(place).free


def free_memory(groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Return the bytes of memory that this process may still take.

    That is what the machine has free, or less where a control group of Linux limits it, as containers and clusters do.
    groups: where the control groups are; own: names those of this process, in version 1 or 2.
    """
    free: float = psutil.virtual_memory().available
    with contextlib.suppress(OSError):
        for line in own.read_text(encoding="utf-8", errors="replace").splitlines():
            _, controllers, place = [*line.split(":", 2), "", ""][:3]
            if not controllers:
                base, names = groups, ("memory.max", "memory.current", "inactive_file")
            elif "memory" in controllers.split(","):
                base, names = (
                    groups / "memory",
                    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
                )
            else:
                continue
            inner = base / place.lstrip("/")
            # Inside a container, the group's own folder may be the topmost one.
            for folder in {base, inner, *(each for each in inner.parents if each.is_relative_to(base))}:
                free = min(free, _left(folder, *names))
    return int(free)


def _left(folder: Path, limit: str, used: str, cache: str) -> float:
    """Return the bytes that a control group may still take; infinite where it has no limit.

    What it keeps of files counts as used, and goes as soon as there is need (`cache` in memory.stat).
    """
    try:
        most, taken = int((folder / limit).read_text()), int((folder / used).read_text())
        numbers = dict(line.split(maxsplit=1) for line in (folder / "memory.stat").read_text().splitlines())
        return max(0, most - taken + int(numbers.get(cache, 0)))
    except (OSError, ValueError):  # "max": no limit
        return math.inf


def duration(seconds: float) -> str:
    """Return a time as people say it: 40 s, 12 min, 3.5 h."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"


def size(count: float) -> str:
    """Return a number of bytes as people say it: in kB, MB or GB of 1000."""
    if count < 999_500:
        return f"{max(1, round(count / 1e3))} kB"
    return f"{count / 1e6:.0f} MB" if count < 999.5e6 else f"{count / 1e9:.1f} GB"
