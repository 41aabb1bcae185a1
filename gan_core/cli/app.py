"""The command app: open the app of the package `dashboard`. This package knows only its name."""

import argparse
import importlib.util
import os
import subprocess
import sys

from gan_core import child_processes
from gan_core.cli import arguments
from gan_core.errors import UserError
from gan_core.runs import remote


def register(found: arguments.Commands) -> None:
    command = arguments.command(found, "app", app, "open the app, which compares runs in the browser")
    arguments.runs_folder(command)
    command.add_argument(
        "--port", type=arguments.whole(0, 65535), metavar="N", help="port of http://127.0.0.1:N (default 8501)"
    )


def check_installed() -> None:
    """Check that the package `dashboard` and what it needs are there.

    Raises:
        UserError: they are not.
    """
    if not (child_processes.ROOT / "dashboard").is_dir() or importlib.util.find_spec("streamlit") is None:
        raise UserError("the app is not installed here: run `pip install .` in a copy of the repository")


def app(options: argparse.Namespace) -> int:
    check_installed()
    port = [] if options.port is None else ["--port", str(options.port)]
    command = child_processes.command("dashboard", "--runs", remote.shown(options.runs), *port)
    environment = child_processes.environment()
    sys.stdout.flush()
    if os.name == "posix":  # replace this process, so that signals reach the app
        os.execve(sys.executable, command, environment)
    return subprocess.call(command, env=environment)
