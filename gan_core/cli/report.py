"""The command report: a comparison of runs as a page. The package `dashboard` makes it, in a process of its own."""

import argparse
import subprocess
import sys

from gan_core import child_processes
from gan_core.cli import app, arguments
from gan_core.runs import remote


def register(found: arguments.Commands) -> None:
    command = arguments.command(
        found,
        "report",
        report,
        "compare runs as a page that scrubs without a server, and as figures for a paper",
        "A page that ends in .html is one file, with as many sample grids as a mail takes; any other name is a folder\n"
        "with index.html and every grid, for a disk or a static host.",
    )
    command.add_argument("names", metavar="RUN", nargs="+", help="names or folders of runs")
    command.add_argument("--out", metavar="PAGE", help="FILE.html, or a new folder")
    command.add_argument("--figures", metavar="FOLDER", help="a new folder for PNG, SVG, LaTeX and BibTeX")
    command.add_argument("--title", metavar="TEXT", help="title of the page")
    command.add_argument(
        "--epoch", type=arguments.whole(0), metavar="N", help="where the page opens, and of the figures (default last)"
    )
    arguments.runs_folder(command)


def report(options: argparse.Namespace) -> int:
    app.check_installed()
    given = {"out": options.out, "figures": options.figures, "title": options.title, "epoch": options.epoch}
    wanted = [f"--{name}={value}" for name, value in given.items() if value is not None]
    command = child_processes.command(
        "dashboard", "report", f"--runs={remote.shown(options.runs)}", *wanted, "--", *options.names
    )
    sys.stdout.flush()
    return subprocess.call(command, env=child_processes.environment())
