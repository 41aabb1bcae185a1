"""app: open the app of the package `dashboard`, of which this package knows no more than the name."""

import argparse
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from gan_core.cli import arguments
from gan_core.errors import UserError
from gan_core.runs import remote


def register(found: arguments.Commands) -> None:
    command = arguments.command(found, "app", app, "open the app, which compares runs in the browser")
    arguments.runs_folder(command)
    command.add_argument("--port", type=int, metavar="N", help="of the address http://127.0.0.1:N (default 8501)")


def app(options: argparse.Namespace) -> int:
    root = Path(__file__).resolve().parents[2]  # where the packages are
    if not (root / "dashboard").is_dir() or importlib.util.find_spec("streamlit") is None:
        raise UserError("the app is not installed here: run `pip install .` in a copy of the repository")
    port = [] if options.port is None else ["--port", str(options.port)]
    # -P: a file dashboard.py in the current folder is not ours.
    command = [sys.executable, "-P", "-m", "dashboard", "--runs", remote.shown(options.runs), *port]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), *_python_path()])}
    sys.stdout.flush()
    if os.name == "posix":  # the app takes this process's place, so that a signal to it reaches the app
        os.execve(sys.executable, command, environment)
    return subprocess.call(command, env=environment)


def _python_path() -> list[str]:
    given = os.environ.get("PYTHONPATH")
    return [given] if given else []
