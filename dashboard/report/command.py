"""The command `report`: the comparison of runs as a page, and as figures. `ganray report` starts it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dashboard.report import comparison, figures, folder, page
from gan_core import files
from gan_core.errors import UserError
from gan_core.runs import default_root
from gan_core.runs.remote import root_of


def main(arguments: Sequence[str]) -> int:
    """Make a report and return the exit code: 0, or 2 for what the user can correct."""
    options = parser().parse_args(arguments)
    try:
        for line in written(options):
            print(line)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command; gan_core/cli/report.py declares the same options for `ganray report`."""
    found = argparse.ArgumentParser(prog="python -m dashboard report", description="Compare runs as a page.")
    found.add_argument("names", metavar="RUN", nargs="+")
    found.add_argument("--out", type=Path, metavar="FILE.html|FOLDER")
    found.add_argument("--figures", type=Path, metavar="FOLDER")
    found.add_argument("--title", default="")
    found.add_argument("--epoch", type=int, metavar="N")
    found.add_argument("--runs", metavar="DIR")
    return found


def written(options: argparse.Namespace) -> list[str]:
    """Write what is wanted and return a line for each.

    Raises:
        UserError: there is no such run, or a place cannot be written.
    """
    if not options.out and not options.figures:
        raise UserError("nothing to write: name the page with --out FILE.html or --out FOLDER, or --figures FOLDER")
    root = root_of(options.runs) if options.runs else default_root()
    compared = comparison.named(options.names, root.resolve(), " ".join(options.title.split()), options.epoch)
    lines = []
    if options.out and options.out.suffix.lower() in (".html", ".htm"):
        if not options.out.parent.is_dir():
            raise UserError(f"there is no folder '{options.out.parent}': make it first")
        files.write_text(options.out, page.in_one_file(compared))
        lines.append(f"{options.out}: the page, one file")
    elif options.out:
        folder.write(folder.contents(compared), options.out)
        lines.append(f"{options.out / folder.INDEX}: the page, with its pictures beside it")
    if options.figures:
        folder.write(figures.contents(compared), options.figures)
        lines.append(f"{options.figures}: figures, captions and references; {figures.README} lists them")
    return lines
