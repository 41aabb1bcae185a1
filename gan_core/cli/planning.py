"""The commands plan and speed: what a training takes, measured before it."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from gan_core import run_options
from gan_core.cli import arguments
from gan_core.errors import UserError
from gan_core.families import registry
from gan_core.runs import check_name, is_taken
from gan_core.training import budget


def register(found: arguments.Commands) -> None:
    presets = "presets:\n" + "\n".join(f"  {p.name:<23}{p.title}" for p in registry.presets().values())

    command = arguments.command(
        found, "plan", plan, "say what a training takes on this machine: time, memory, disk", presets
    )
    arguments.training_options(command)
    arguments.runs_folder(command)
    command.add_argument("--name", help="name that the run is to have; checked, and otherwise without effect")
    command.add_argument("--json", action="store_true", help="print the numbers as JSON")
    command.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # in the process that measures

    command = arguments.command(found, "speed", speed, "measure how fast this machine trains a preset", presets)
    run_options.add_arguments(command, source="")
    arguments.runs_folder(command)
    command.add_argument("--json", action="store_true", help="print the numbers as JSON")


def plan(options: argparse.Namespace) -> int:
    registry.find_preset(options.preset)
    if options.name and is_taken(Path(options.runs), check_name(options.name)):
        raise UserError(f"run '{options.name}' exists already: choose another --name")
    asked = arguments.training(options, options.preset)
    try:
        if options.here:
            found = budget.measure(asked, options.runs, _measuring)
        else:
            found = budget.ask(asked, options.runs, options.name)
    except budget.Failed as error:
        return int(error.args[0])
    if found.begins and not options.here:
        name = options.name or arguments.free_name(options.preset, options.runs)
        print(f"{name} {found.begins}", file=sys.stderr)  # as `train` says it
    print(json.dumps(dataclasses.asdict(found)) if options.json else budget.text(found))
    return 0


def speed(options: argparse.Namespace) -> None:
    if options.grow_from is None:  # before torch is imported
        registry.check_settings(registry.find_preset(options.preset), options.settings or ())
    from gan_core.training import speed as speeds

    found = speeds.measure(run_options.RunOptions.of(vars(options)), options.runs, measuring=_measuring)
    if options.json:
        print(json.dumps(dataclasses.asdict(found)))
    else:
        print(f"{options.preset} on {found.device}: {found.step:.3g} s a step, {found.preview:.3g} s a preview")


def _measuring(family: Any, prepared: Any) -> float:
    """Return the seconds of a distance at a preview; prepared: the data, if there is any."""
    from gan_core.evaluation import preview_distance  # imports torch

    return preview_distance.seconds(family, prepared)
