"""The app's memory at start, with Compare open and after a translation, and the time of its first views.

    python -m benchmarks.app_start

Serves the shipped runs on a free port, and opens the app in headless Chromium: first cold, then with a warm server and
a new browser profile. Run nothing else meanwhile.
"""

import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

import psutil
from playwright.sync_api import Browser, sync_playwright

from tests.helpers.browser import find_browser
from tests.helpers.repository import ROOT

VISITS = 5
COMPARE = "compare?" + "&".join(f"runs=reference%2F{name}" for name in ("gan", "dcgan", "cgan", "bigan"))
GRIDS = "article.card[aria-busy='false'] canvas"


def start() -> tuple["subprocess.Popen[bytes]", str, float]:
    """Start the server; return its process, its address, and the seconds until it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = time.perf_counter()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            "streamlit_app.py",
            f"--server.port={port}",
            "--server.headless=true",
        ],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name != "GANRAY_RUNS"},
    )
    url = f"http://127.0.0.1:{port}"
    while True:
        try:
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=1)
            return process, url, time.perf_counter() - began
        except OSError:
            time.sleep(0.02)


def visit(browser: Browser, url: str) -> tuple[float, float]:
    """Open Compare; return the seconds to its first contentful paint and to four complete grids, in a new profile."""
    page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
    began = time.perf_counter()
    page.goto(f"{url}/{COMPARE}")
    page.locator(GRIDS).nth(3).wait_for()
    drawn = time.perf_counter() - began
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000
    return paint, drawn


def live(browser: Browser, url: str) -> tuple[float, float]:
    """Return the seconds until the live tab is open, and from a click on an example to its translation."""
    page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
    began = time.perf_counter()
    page.goto(f"{url}/live")
    frame = page.frame_locator("iframe")
    example = frame.locator(".ganray-examples button").first
    example.wait_for(timeout=60_000)
    opened = time.perf_counter() - began
    began = time.perf_counter()
    example.click()
    frame.locator(".wipe").wait_for(timeout=60_000)
    return opened, time.perf_counter() - began


def main() -> None:
    process, url, healthy = start()
    memory = psutil.Process(process.pid)
    try:
        time.sleep(2)
        print(f"server answers after {healthy:.1f} s, memory {memory.memory_info().rss / 1e6:.0f} MB")
        chromium = find_browser()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            paint, drawn = visit(browser, url)
            print(f"first visit: first paint {paint:.2f} s, four grids {drawn:.2f} s")
            visits = [visit(browser, url) for _ in range(VISITS)]
            paint, drawn = (statistics.median(column) for column in zip(*visits, strict=True))
            print(f"warm visit (median of {VISITS}): first paint {paint:.2f} s, four grids {drawn:.2f} s")
            print(f"memory after Compare: {memory.memory_info().rss / 1e6:.0f} MB")
            opened, translated = live(browser, url)
            print(f"Live: open after {opened:.1f} s, first translation {translated:.1f} s later")
            print(f"memory after Live: {memory.memory_info().rss / 1e6:.0f} MB")
            browser.close()
    finally:
        process.kill()


if __name__ == "__main__":
    main()
