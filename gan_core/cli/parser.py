"""Runs one command. An error that the user can mend is one line and exit code 2.

Each group of commands is a module here: `register` adds its commands and their options, and the function of a command
stands beside them. Heavy packages wait until a command needs them.
"""

import argparse
import os
import sys
import traceback
from typing import NoReturn

from gan_core.cli import app, data, evaluation, export, inference, listing, training
from gan_core.errors import UserError
from gan_core.runs.remote import root_of

PROGRAM = "python -m gan_core"
GROUPS = (training, listing, inference, evaluation, data, export, app)  # in the order of --help


def ganray() -> int:
    """The command `ganray` of the installed package; `python -m gan_core` is the same."""
    return main(prog="ganray")


def main(arguments: list[str] | None = None, prog: str = PROGRAM) -> int:
    """Run one command; returns the exit code: 0 done, 1 the training failed, 2 something to mend in the request."""
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
    except BrokenPipeError:  # what read our output, such as `head`, has seen enough
        # Else Python writes what is left on its way out, and says that it cannot.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _unexpected(error)


def _unexpected(error: Exception) -> int:
    """Say what a person can do about it; the traceback is for those who can do more."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        print(
            "error: not enough memory: use a smaller --batch-size or --size, or close other programs", file=sys.stderr
        )
        return 1
    if isinstance(error, OSError) and error.filename:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    if "gan_core.families" in sys.modules:  # else no plug-in has been imported
        from gan_core.families import loading

        if line := loading.blamed(error):
            print(f"error: {line}", file=sys.stderr)
            return 1
    traceback.print_exception(error)
    said = " ".join(str(error).split())
    print(
        f"error: a fault of the program ({type(error).__name__}: {said}): please report it with the lines above",
        file=sys.stderr,
    )
    return 1


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, as for every other mistake, in place of the whole usage."""
        self.exit(2, f"error: {message}; see {self.prog} --help\n")


def _parser(prog: str = PROGRAM) -> argparse.ArgumentParser:
    parser = _Parser(prog=prog, description="Train generative adversarial networks on chest X-rays and brain MRI.")
    found = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for group in GROUPS:
        group.register(found)
    return parser
