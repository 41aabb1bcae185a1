"""Load on the app: a list of 200 runs, and eight browser sessions at once on one server.

    python -m benchmarks.many_runs

Makes the runs in a scratch folder, serves them on a free port, and opens Compare in eight headless Chromium profiles.
Prints the time to list the runs, the time of each session until its page is complete, the response time of the server
for one session and for eight at once, and the server's memory for each session.
"""

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from dashboard.library.store import Library
from tests.helpers.browser import find_browser
from tests.helpers.repository import ROOT
from tests.helpers.run_folders import make_run

RUNS, SESSIONS, ROUNDS = 200, 8, 3
PRESETS = ("gan", "dcgan", "cgan", "bigan")
WAIT = 120_000  # ms
TOGGLE = ".st-key-every-setting-generate input"
ROWS = ".settings-table tr"
DONE = "[data-testid='stApp'][data-test-script-state='notRunning']"


def make(root: Path) -> None:
    """Make 200 runs: a few new ones, and copies of them."""
    for seed, preset in enumerate(PRESETS):
        make_run(root, f"run-{seed:03d}", preset, 10, 100, seed=seed)
    for number in range(len(PRESETS), RUNS):
        shutil.copytree(root / f"run-{number % len(PRESETS):03d}", root / f"run-{number:03d}")


def list_runs(root: Path) -> tuple[float, float]:
    """Return the seconds to list the runs at first, and after that (median of five)."""
    library = Library(root)
    times = []
    for _ in range(6):
        began = time.perf_counter()
        assert len(library.entries()) == RUNS
        times.append(time.perf_counter() - began)
    return times[0], statistics.median(times[1:])


def start(root: Path) -> tuple["subprocess.Popen[bytes]", str]:
    """Start the server; return its process and address once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py"]
    command += [f"--server.port={port}", "--server.headless=true", "--server.fileWatcherType=none"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "GANRAY_RUNS": str(root)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    while True:
        try:
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=1)
            return process, url
        except OSError:
            time.sleep(0.05)


def visit(browser: Browser, url: str, first: int) -> tuple[Page, float]:
    """Open four runs in a new browser profile; return the page and the seconds until it is complete."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(WAIT)
    began = time.perf_counter()
    page.goto(f"{url}/compare?{'&'.join(f'runs=run-{first + n:03d}' for n in range(4))}")
    page.locator(TOGGLE).wait_for(state="attached")
    page.locator(DONE).wait_for()
    return page, time.perf_counter() - began


def ask(pages: list[Page]) -> list[float]:
    """Click in all of these pages at once; return the seconds until each is updated."""
    before = [page.locator(ROWS).count() for page in pages]
    began = time.perf_counter()
    for page in pages:
        page.eval_on_selector(TOGGLE, "box => box.click()")
    times = []
    for page, count in zip(pages, before, strict=True):
        page.wait_for_function(
            f"old => document.querySelectorAll('{ROWS}').length !== old",
            arg=count,
            timeout=WAIT,
            polling=50,  # a background page renders no frames to wait for
        )
        times.append(time.perf_counter() - began)
    for page in pages:
        page.locator(DONE).wait_for()
    return times


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "runs"
        root.mkdir()
        make(root)
        cold, warm = list_runs(root)
        print(f"list of {RUNS} runs: {cold:.2f} s at first, then {warm:.3f} s")
        path = find_browser()
        process, url = start(root)
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=path, headless=True, args=["--no-sandbox", "--disable-gpu"]
                )
                measure(browser, url, psutil.Process(process.pid))
                browser.close()
        finally:
            process.kill()


def measure(browser: Browser, url: str, server: psutil.Process) -> None:
    """Open the sessions one after the other, then click in all of them at once, and print the results."""

    def memory() -> float:
        return server.memory_info().rss / 1e6

    page, seconds = visit(browser, url, 0)
    time.sleep(2)
    pages, sizes = [page], [memory()]
    print(f"first session: Compare after {seconds:.2f} s, server at {sizes[0]:.0f} MB")
    alone = min(ask(pages)[0] for _ in range(ROUNDS))
    waits = []
    for number in range(1, SESSIONS):
        page, seconds = visit(browser, url, number * 4)
        time.sleep(1)
        pages.append(page)
        waits.append(seconds)
        sizes.append(memory())
    grown = (sizes[-1] - sizes[0]) / (SESSIONS - 1)
    print(f"{SESSIONS - 1} more sessions: Compare after {statistics.median(waits):.2f} s (median), {max(waits):.2f} s")
    print(f"memory: {sizes[-1]:.0f} MB, {grown:.1f} MB a session")
    rounds = [ask(pages) for _ in range(ROUNDS)]
    every = [seconds for each in rounds for seconds in each]
    print(
        f"response of the server: {alone:.2f} s for one session; {SESSIONS} at once: "
        f"median {statistics.median(every):.2f} s, slowest {max(every):.2f} s; server at {memory():.0f} MB"
    )


if __name__ == "__main__":
    main()
