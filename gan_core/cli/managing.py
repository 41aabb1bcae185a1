"""The commands rename and delete."""

import argparse
import sys

from gan_core.cli import arguments
from gan_core.errors import UserError
from gan_core.runs import Run, find_run, managing


def register(found: arguments.Commands) -> None:
    command = arguments.command(found, "rename", rename, "give a run of your own another name; its notes follow")
    command.add_argument("name", metavar="RUN", help="name of a run")
    command.add_argument("new", metavar="NEW", help="its new name: letters, digits, '.', '_' and '-'")
    arguments.runs_folder(command)

    command = arguments.command(found, "delete", delete, "delete runs of your own, and their notes, for good")
    command.add_argument("names", metavar="RUN", nargs="+", help="names of runs")
    command.add_argument(
        "--evaluation",
        action="store_true",
        help="delete only their evaluations; of a shipped run that of your own, so that the shipped one counts again",
    )
    command.add_argument("--yes", action="store_true", help="do not ask")
    arguments.runs_folder(command)


def rename(options: argparse.Namespace) -> None:
    run = find_run(options.name, options.runs, heavy=False)
    renamed = managing.rename(run, options.new, options.runs)
    print(f"{run.name} is now {renamed.name}")


def delete(options: argparse.Namespace) -> int:
    runs = [find_run(name, options.runs, heavy=False) for name in dict.fromkeys(options.names)]
    if options.evaluation:
        return _delete_evaluations(runs, options.yes)
    for run in runs:
        managing.check_own(run, options.runs)  # all before the first is gone
    if not options.yes and not _agreed(f"Delete {', '.join(map(_described, runs))} for good?"):
        print("nothing deleted")
        return 0
    for run in runs:
        managing.delete(run, options.runs)
        print(f"{run.name} deleted")
    return 0


def _delete_evaluations(runs: list[Run], yes: bool) -> int:
    if not yes and not _agreed(f"Delete the evaluation of {', '.join(run.name for run in runs)}?"):
        print("nothing deleted")
        return 0
    for run in runs:
        own = run.own_evaluation is not None
        managing.delete_evaluation(run)
        print(f"{run.name}: {'your own evaluation' if own else 'its evaluation'} deleted")
    return 0


def _described(run: Run) -> str:
    count, size = managing.size(run)
    return f"{run.name} ({count} files, {size / 1e6:.1f} MB)"


def _agreed(question: str) -> bool:
    """Ask on the terminal.

    Raises:
        UserError: there is no terminal.
    """
    if not sys.stdin.isatty():
        raise UserError("delete asks before it removes anything, and there is no terminal here: add --yes")
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False
