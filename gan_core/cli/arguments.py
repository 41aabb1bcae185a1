"""Arguments and helpers that several commands share. The options of a run are in `gan_core.run_options`."""

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

from gan_core.runs import default_root

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
