"""The budget of a run: its time, memory and disk on this machine, before anything is trained.

    python -m gan_core plan r3gan --data my_xrays --size 128

A process of its own checks every option and prepares the data as for a training. Then it makes the same training, times
a few steps and one preview, and reports how much memory it had. The prepared data is kept for the training itself.
"""

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from gan_core import child_processes, config, run_costs, schedule
from gan_core.config import RunConfig
from gan_core.data import Prepared
from gan_core.errors import UserError, printable
from gan_core.families import registry, widths
from gan_core.run_costs import Speed, duration, size
from gan_core.run_options import RunOptions
from gan_core.runs import remote

N = TypeVar("N", int, float)
_WORTH_SAYING = 0.1  # of a training's time, by which it would be another on an idle machine


@dataclass(frozen=True)
class Budget:
    """What a run is made of and what it takes; its JSON has these names. Sizes are in bytes, times in seconds."""

    preset: str
    source: str
    image_size: int  # pixels per side
    channels: int
    batch_size: int
    width: int | None  # channels at the image's resolution; None of networks without
    device: str
    precision: str
    classes: dict[str, int]  # training images of each class
    held_out: dict[str, int]  # images of the other splits
    epochs: int
    steps_per_epoch: int
    steps: int
    images_seen: int
    previews: int
    seconds_per_step: float
    seconds_per_preview: float
    seconds: dict[str, float]  # of each part, and in total
    seconds_alone: dict[str, float]  # the same if no other program used the processors
    busy: float  # share of the processors that were at work before the measurement
    memory: int  # the most that the process needs
    memory_free: int
    device_memory: int  # the same of a graphics card; 0 on a processor
    device_memory_free: int
    disk: dict[str, int]  # of each part of the run folder, and in total
    disk_free: int
    warnings: tuple[str, ...]
    begins: str = ""  # the weights that it begins with, as the end of a sentence; "" if they are random


def ask(options: RunOptions, root: Path, name: str | None) -> Budget:
    """Return the budget of a run, made by a process of its own, which prepares the data as well.

    Its progress and its errors appear on this process's standard error.

    Raises:
        Failed: the process found an error, or was killed.
    """
    words = ["plan", *options.words(), "--runs", remote.shown(root), *(["--name", name] if name else [])]
    done = subprocess.run(
        child_processes.command("gan_core", *words, "--json", "--here"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env=child_processes.environment(),
        check=False,
    )
    if done.returncode < 0:
        raise UserError(
            "the process that timed a few steps was killed, most likely because the memory was not enough: use a "
            "smaller --batch-size or --size"
        )
    if done.returncode:
        raise Failed(done.returncode)
    return config.from_dict(Budget, json.loads(done.stdout.splitlines()[-1]), "what was measured")


class Failed(Exception):
    """The process that measures has said what is wrong, and ended with this exit code."""


def measure(
    options: RunOptions, root: Path, measuring: Callable[[Any, Prepared | None], float] | None = None
) -> Budget:
    """Prepare the data, time a few steps and say what the whole training takes.

    root: the folder of runs. measuring: as in `speed.measure`.

    Memory is that of this process, so ask in a process of its own.

    Raises:
        UserError: as `run_plan.plan`.
    """
    from gan_core.training import growth, run_plan, speed  # importing torch takes a second

    busy, free, begun = run_costs.busy(), run_costs.free_memory(), time.perf_counter()
    # Prepares the data, once for all. The precision is chosen later, where it belongs to the start of the training.
    fixed = "32-true" if options.precision == "auto" else options.precision
    run_config, prepared = run_plan.plan(replace(options, precision=fixed), root)
    apart = time.perf_counter() - begun
    speed.forget_peak_memory()
    found = replace(speed.measure(options, root, apart, measuring), busy=busy)
    computed = _computed(run_config, prepared, found, (free, speed.free_on_card(), run_costs.free_disk(root)))
    return replace(computed, begins=growth.described(run_config, root))


def _computed(run_config: RunConfig, prepared: Prepared, speed: Speed, free: tuple[int, int, int]) -> Budget:
    """Return the budget. free: bytes of memory, of a card's memory and of the disk."""
    counts = prepared.counts()
    trained = counts["train"]
    translates = bool(run_config.domains)
    pictures = list(trained.values()) if translates else [sum(trained.values())]
    each = schedule.steps_per_epoch(pictures, run_config.batch_size)
    steps = each * run_config.epochs
    previews = schedule.previews(run_config.preview_every, run_config.preview_start, run_config.epochs)
    disk = run_costs.disk(speed.sizes, steps, previews, run_config.log_every, run_config.snapshots)
    found = Budget(
        preset=run_config.preset,
        source=run_config.source,
        image_size=run_config.image_size,
        channels=run_config.channels,
        batch_size=run_config.batch_size,
        width=run_config.settings["width"] if widths.follows_size(run_config.settings) else None,
        device=speed.device,
        precision=speed.precision,
        classes=trained,
        held_out={split: sum(of_split.values()) for split, of_split in counts.items() if split != "train"},
        epochs=run_config.epochs,
        steps_per_epoch=each,
        steps=steps,
        images_seen=steps * run_config.images_per_step,
        previews=previews,
        seconds_per_step=speed.step,
        seconds_per_preview=speed.preview,
        seconds=_with_total(run_costs.seconds(speed, steps, previews)),
        seconds_alone=_with_total(run_costs.seconds(speed.undisturbed, steps, previews)),
        busy=speed.busy,
        memory=speed.memory,
        memory_free=free[0],
        device_memory=speed.device_memory,
        device_memory_free=free[1],
        disk=_with_total(disk),
        disk_free=free[2],
        warnings=(),
    )
    return replace(found, warnings=(*prepared.doubts, *_warnings(found)))


def _with_total(parts: Mapping[str, N]) -> dict[str, N]:
    return {**parts, "total": sum(parts.values())}


def _warnings(found: Budget) -> list[str]:
    """Return a line for each thing that this machine lacks."""
    lines = []
    for needed, free, what in (
        (found.memory, found.memory_free, "memory: a smaller --batch-size or --size needs less"),
        (found.device_memory, found.device_memory_free, "memory of the graphics card: use a smaller --batch-size"),
        (found.disk["total"], found.disk_free, "disk where the runs are: see --runs, or preview less often"),
    ):
        if needed > free:
            lines.append(f"{size(needed)} are needed and {size(free)} are free of the {what}")
    if found.busy > run_costs.BUSY:
        now, alone = found.seconds["total"], found.seconds_alone["total"]
        if duration(now) != duration(alone) and abs(now - alone) > _WORTH_SAYING * now:
            lines.append(
                f"other programs keep this machine busy: alone the training would take about {duration(alone)}"
            )
    return lines


def text(found: Budget) -> str:
    """Return the budget for people, on one screen."""
    kind = "grey" if found.channels == 1 else "colour"
    width = f", width {found.width}" if found.width else ""
    title = registry.find_preset(found.preset).title.partition(":")[0]
    classes = ", ".join(f"{printable(name, 60)} {count:,}" for name, count in list(found.classes.items())[:8])
    more = f", and {len(found.classes) - 8} more classes" if len(found.classes) > 8 else ""
    held = ", ".join(f"{split} {count:,}" for split, count in found.held_out.items())
    seconds, disk = found.seconds, found.disk
    parts = ", ".join(f"{name} {size(value)}" for name, value in disk.items() if value and name != "total")
    card = f"; {size(found.device_memory)} of the graphics card ({size(found.device_memory_free)} free)"
    rows = {
        "run": f"{found.preset} ({title}), {found.image_size} px, {kind}, batch {found.batch_size}{width}",
        "data": f"{printable(found.source, 300)}: {sum(found.classes.values()):,} images to train on "
        f"({classes}{more}); held out: {held}",
        "steps": f"{found.epochs:,} x {found.steps_per_epoch:,} = {found.steps:,} steps, {found.images_seen:,} images "
        f"seen, {found.previews:,} previews",
        "time": f"about {duration(seconds['total'])} on {found.device} in {found.precision}: start "
        f"{duration(seconds['start'])}, steps {duration(seconds['steps'])} ({found.seconds_per_step:.3g} s each), "
        f"previews {duration(seconds['previews'])} ({found.seconds_per_preview:.3g} s each)",
        "memory": f"{size(found.memory)} ({size(found.memory_free)} free){card if found.device_memory else ''}",
        "disk": f"{size(disk['total'])} ({size(found.disk_free)} free): {parts}",
    }
    lines = [f"{name:<8}{line}" for name, line in rows.items()]
    return "\n".join([*lines, *(f"warning: {line}" for line in found.warnings)])
