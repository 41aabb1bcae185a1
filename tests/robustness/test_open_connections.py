"""Half requests under a low limit of open files: the app goes on answering, and its log stays small."""

import contextlib
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import ROOT
from tests.helpers.serving import free_port, running
from tests.robustness.visitor import Visitor

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform == "win32", reason="limits of Unix"),
]

FILES = 256
HALF_REQUESTS = 260
SECONDS = 10.0  # for one answer on a busy machine; before, the server stood still for half a minute
LOG_BYTES = 100_000


def test_half_requests_stop_nobody(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    port, log = free_port(), tmp_path / "log.txt"
    url = f"http://127.0.0.1:{port}"
    app = [sys.executable, "-m", "streamlit", "run", str(ROOT / "streamlit_app.py")]
    app += ["--server.port", str(port), "--server.headless", "true"]
    limited = ["/bin/sh", "-c", f'ulimit -n {FILES}; exec "$@"', "sh", *app]
    with running(limited, url, log, GANRAY_RUNS=str(tmp_path)), contextlib.ExitStack() as kept:
        visitor, slowest = Visitor(url), 0.0
        for number in range(HALF_REQUESTS):
            connection = socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=SECONDS)
            kept.enter_context(contextlib.closing(connection)).sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\n")
            if number % 20 == 19:
                begun = time.perf_counter()
                assert visitor.ask("GET", "/_stcore/health")[0] == 200
                slowest = max(slowest, time.perf_counter() - begun)
    assert slowest < SECONDS
    assert log.stat().st_size < LOG_BYTES, log.read_text(errors="replace")[:2000]
    words = f"{HALF_REQUESTS} half requests, {FILES} files: slowest answer {1000 * slowest:.0f} ms"
    record_property("measured", f"{words}, log {log.stat().st_size / 1000:.1f} kB")
