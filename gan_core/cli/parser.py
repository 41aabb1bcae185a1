"""The command-line parser: runs one command. An error that the user can correct gives one line and exit code 2.

Each group of commands is a module in this package, with a function per command; its `register` adds the commands and
their options. Commands import slow packages only when they run.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

from gan_core.cli import (
    app,
    data,
    evaluation,
    export,
    importing,
    inference,
    listing,
    managing,
    planning,
    report,
    training,
)
from gan_core.errors import UserError
from gan_core.runs.remote import root_of
from gan_core.version import __version__

PROGRAM = "python -m gan_core"
# In the order of --help.
GROUPS = (training, planning, listing, managing, inference, evaluation, data, importing, export, report, app)


def ganray() -> int:
    """Run the command `ganray` of the installed package; the same as `python -m gan_core`."""
    return main(prog="ganray")


def main(arguments: list[str] | None = None, prog: str = PROGRAM) -> int:
    """Run one command and return its exit code.

    0: success; 1: the training failed, or an internal error; 2: the user can correct the request; 130: stopped.
    """
    options = _parser(prog).parse_args(arguments)
    try:
        if "runs" in options:
            options.runs = root_of(options.runs)
        return int(options.run(options) or 0)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output, such as `head`, has closed it
        # Otherwise Python flushes the rest at exit and reports an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _unexpected(error)


def _unexpected(error: Exception) -> int:
    """Print a message for the user, and a traceback if the error is a bug; return the exit code."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        print(
            "error: not enough memory: use a smaller --batch-size or --size, or close other programs", file=sys.stderr
        )
        return 1
    if isinstance(error, OSError) and error.filename:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    if "gan_core.families" in sys.modules:  # only then can a plug-in be the cause
        from gan_core.families import loading

        if line := loading.blamed(error):
            print(f"error: {line}", file=sys.stderr)
            return 1
    traceback.print_exception(error)
    message = " ".join(str(error).split())
    print(
        f"error: internal error ({type(error).__name__}: {message}): please report it with the lines above",
        file=sys.stderr,
    )
    return 1


class _Parser(argparse.ArgumentParser):
    _given: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self._given = sys.argv[1:] if args is None else args
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Print one line, as for every other user error, instead of the whole usage text."""
        known = self._option_string_actions
        odd = [word for word in self._given if word.startswith("-") and word.partition("=")[0] not in known]
        if odd and message.startswith(("the following arguments are required", "argument")):
            message += f"; if '{odd[0]}' is a name, write ./{odd[0]}, or -- before it, or --option={odd[0]}"
        self.exit(2, f"error: {message}; see {self.prog} --help\n")


def _parser(prog: str = PROGRAM) -> argparse.ArgumentParser:
    parser = _Parser(prog=prog, description="Train generative adversarial networks on chest X-rays and brain MRI.")
    parser.add_argument(
        "--version", action="version", version=f"GANray {__version__}", help="print the version, and stop"
    )
    found = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for group in GROUPS:
        group.register(found)
    return parser
