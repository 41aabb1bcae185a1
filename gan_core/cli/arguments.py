"""What several commands take and do: the run, the folder of runs, how pictures are prepared."""

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

from gan_core.runs import default_root

Commands = Any  # what argparse's `add_subparsers` returns, which has no public name

FIRST = os.environ.get("RANK", "0") == "0"  # of several processes that torchrun started, the one that speaks

SOURCE = (
    "a folder with one sub-folder per class, a zip of one, hf:owner/name, phantom:cxr, phantom:mri or "
    "phantom:colour, or 'classes:NAME=FOLDER;NAME=FOLDER' for classes from several folders"
)


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


def data(command: argparse.ArgumentParser, size: int | None = None) -> None:
    note = f"default {size}" if size else "default 64, for a translator 128"
    command.add_argument("--size", type=int, default=size, help=f"pixels a side: 32, 64, 128 or 256 ({note})")
    command.add_argument("--channels", type=int, choices=(1, 3), default=1, help="grey (default) or colour")
    command.add_argument("--fit", choices=("crop", "pad"), default="crop", help="how a picture is made square")
    command.add_argument("--patient-pattern", metavar="REGEX", help="one group that finds the patient in a file's name")


def names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def speak(line: str) -> None:
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)
