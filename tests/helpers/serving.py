"""The app in a process of its own: as a user starts it, or forked with its libraries imported."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import ROOT
from tests.helpers import forks

START_SECONDS = 60


@contextlib.contextmanager
def serve(runs: Path, log: Path, *, folder: Path = ROOT, **environment: str) -> Iterator[str]:
    """Serve the app over that folder of runs as a user does, started in `folder`; its address."""
    port = free_port()
    command = [sys.executable, "-m", *_arguments(port)]
    url = f"http://127.0.0.1:{port}"
    with running(command, url, log, folder=folder, GANRAY_RUNS=str(runs), **environment):
        yield url


@contextlib.contextmanager
def serve_forked(runs: Path, log: Path, **environment: str) -> Iterator[str]:
    """Serve the app over that folder of runs, without the time that its imports take; its address.

    For what is seen in a browser. `environment` holds nothing that is read when a library is imported.
    """
    if sys.platform != "linux":  # elsewhere, what has threads of the system does not survive a fork
        with serve(runs, log, **environment) as url:
            yield url
        return
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = forks.start(_live, _arguments(port), log, {"GANRAY_RUNS": str(runs), **environment})
    try:
        _wait_until_healthy(url, process.is_alive, log)
        yield url
    finally:
        if process.pid is not None:
            _stop_tree(process.pid)
        process.join(10)


def _arguments(port: int) -> list[str]:
    own = ["--server.port", str(port), "--server.headless", "true", "--server.fileWatcherType", "none"]
    return ["streamlit", "run", str(ROOT / "streamlit_app.py"), *own]


def _live(arguments: list[str], log: Path, environment: dict[str, str]) -> None:
    """What a forked app does."""
    nothing, output = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for number, file in enumerate((nothing, output, output)):
        os.dup2(file, number)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs the tests in the background ignores it
    os.environ.update(environment)
    os.chdir(ROOT)
    from streamlit.web import cli

    sys.argv = arguments  # Streamlit reads it in several places
    cli.main(prog_name="streamlit")


@contextlib.contextmanager
def running(
    command: list[str], url: str, log: Path, *, folder: Path = ROOT, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """The app that a command starts, which answers below `url`."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_healthy(url, lambda: process.poll() is None, log)
        yield process
    finally:
        if process.pid is not None:
            _stop_tree(process.pid)
        process.wait(10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_healthy(url: str, lives: Callable[[], bool], log: Path) -> None:
    """Wait until the app answers; the test fails where it ends before."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and lives():
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"the app did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _stop_tree(pid: int) -> None:
    """Stop the app and what it started; a training that runs in a process of its own must not outlive the test."""
    try:
        family = [*psutil.Process(pid).children(recursive=True), psutil.Process(pid)]
    except psutil.NoSuchProcess:
        family = []
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
