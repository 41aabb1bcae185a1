"""Arguments and helpers that several commands share. The options of a run are in `gan_core.run_options`."""

import argparse
import dataclasses
import os
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from gan_core import run_options
from gan_core.errors import UserError
from gan_core.families import registry
from gan_core.runs import default_root, is_taken
from gan_core.training import early_checks

Commands = Any  # what argparse's `add_subparsers` returns, which has no public name

FIRST = os.environ.get("RANK", "0") == "0"  # whether this process prints; torchrun starts several


def command(
    found: Commands, name: str, function: Callable[[argparse.Namespace], int | None], summary: str, more: str = ""
) -> argparse.ArgumentParser:
    """Add a command and return its parser; `function` gets the parsed options and returns the exit code (None is 0)."""
    parser = found.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=function)
    return parser


def whole(least: int, most: int = 2**63 - 1) -> Callable[[str], int]:
    """Return a type of an argument: a whole number from `least` to `most`."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number") from None
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{number} is too {'small' if number < least else 'large'}")
        return number

    return parse


def training(options: argparse.Namespace, preset: str, *, data_is_here: bool = True) -> run_options.RunOptions:
    """Return the options of a training, refused at once where neither torch nor an image is needed to see it.

    data_is_here: False if other machines read the data.

    Raises:
        UserError: as `early_checks.checked`, or the best weights are asked for of a run that keeps none.
    """
    # `keep` is None unless it is given: see `training_options`.
    if options.keep == "best" and registry.find_preset(preset).task != "generate":
        raise UserError(f"--keep best: '{preset}' does not generate, and only generators' previews are measured")
    if options.keep == "best" and not options.snapshots:
        raise UserError("--keep best: it chooses among the snapshots of previews: add --snapshots")
    asked = run_options.RunOptions.of(vars(options), preset=preset)
    if foreign := of_others(options, preset):
        kept = tuple(pair for pair in asked.settings if pair.partition("=")[0] not in foreign)
        asked = dataclasses.replace(asked, settings=kept)
    early_checks.checked(asked, options.runs, data_is_here=data_is_here)
    return asked


def of_others(options: argparse.Namespace, preset: str) -> set[str]:
    """Return the settings of a comparison that this preset does not use and another one does.

    Raises:
        UserError: as `registry.idle`.
    """
    pairs = options.settings or ()
    idle = [set(registry.idle(registry.find_preset(name), pairs)) for name in getattr(options, "presets", ())]
    return set(registry.idle(registry.find_preset(preset), pairs)) - idle[0].intersection(*idle[1:]) if idle else set()


def training_options(command: argparse.ArgumentParser, *names: str) -> None:
    """Add options of a run, all without names, to a command that calls `training`."""
    run_options.add_arguments(command, *names, keep=None)


def free_name(stem: str, root: Path, others: Collection[str] = ()) -> str:
    """Return the stem, or the stem with the first number that no existing or planned run has."""
    names = [stem, *(f"{stem}-{number}" for number in range(2, 10_000))]
    return next(name for name in names if name not in others and not is_taken(root, name))


def runs_folder(command: argparse.ArgumentParser) -> None:
    """Add the option --runs."""
    given = os.environ.get("GANRAY_RUNS") or str(default_root())
    command.add_argument("--runs", default=given, metavar="DIR", help="folder of runs, or URL (default %(default)s)")


def run(command: argparse.ArgumentParser) -> None:
    """Add the argument RUN and the option --runs."""
    command.add_argument("name", metavar="RUN", help="name or folder of a run, or hub:owner/name (read-only)")
    runs_folder(command)


def speak(line: str) -> None:
    """Print a line to standard error without breaking a progress bar."""
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)
