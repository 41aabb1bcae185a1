"""What several commands take and do. The options of a run are in `gan_core.options`."""

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

from gan_core.runs import default_root

Commands = Any  # what argparse's `add_subparsers` returns, which has no public name

FIRST = os.environ.get("RANK", "0") == "0"  # of several processes that torchrun started, the one that speaks


def command(
    found: Commands, name: str, function: Callable[[argparse.Namespace], int | None], summary: str, more: str = ""
) -> argparse.ArgumentParser:
    added = found.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    added.set_defaults(run=function)
    return added


def runs_folder(command: argparse.ArgumentParser) -> None:
    given = os.environ.get("GANRAY_RUNS") or str(default_root())
    command.add_argument("--runs", default=given, metavar="DIR", help="folder of runs, or URL (default %(default)s)")


def run(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="RUN", help="a run's name or folder, or hub:owner/name where it is only read")
    runs_folder(command)


def speak(line: str) -> None:
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)
