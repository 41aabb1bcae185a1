"""Cost of Compare's curves: first view, warm rerun, bytes, redraw, and following a running run.

    python -m benchmarks.compare_view

Makes 20 runs of 100 000 steps with 8 columns in a scratch folder, draws them with the server's own functions and opens
them in headless Chromium; then follows a table of 100 steps and one of 1 000 000. Run nothing else meanwhile.
"""

import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from playwright.sync_api import Page, sync_playwright

from dashboard.charts import curve_payloads
from dashboard.charts.curve_payloads import CurveView
from dashboard.charts.styles import run_styles
from dashboard.library.curves import FollowedTable
from dashboard.library.store import METRICS, Entry, Library
from gan_core.config import RunConfig
from gan_core.runs import RunWriter
from tests.helpers.browser import find_browser
from tests.helpers.repository import ROOT
from tests.helpers.run_folders import settings

RUNS, STEPS, EPOCHS = 20, 100_000, 100
COLUMNS = (
    "loss/d",
    "loss/g",
    "accuracy/d_real",
    "accuracy/d_fake",
    "grad_norm/d",
    "grad_norm/g",
)  # besides step and epoch
LIMITS = {"first view": 2.0, "warm rerun": 0.3, "a chart": 500_000, "redraw": 0.5, "following": 0.05}
REPEATS = 7


def table(steps: int, seed: int, epochs: int = EPOCHS) -> pd.DataFrame:
    """Return `steps` rows of noise around converging curves, with one spike up and one down in each column."""
    rng = np.random.default_rng(seed)
    step = np.arange(1, steps + 1)
    frame = {"step": step, "epoch": step / steps * epochs}
    for column in COLUMNS:
        level = rng.uniform(0.4, 0.9)
        values = level + 0.5 * np.exp(-step / steps * 9) + 0.05 * rng.standard_normal(steps)
        values[rng.integers(steps)], values[rng.integers(steps)] = 9.0, -3.0
        frame[column] = values
    return pd.DataFrame(frame)


def write_runs(root: Path) -> list[str]:
    """Write the runs and return their names."""
    presets = ("gan", "dcgan", "cgan", "bigan")
    names = []
    for index in range(RUNS):
        config: RunConfig = settings(presets[index % 4], EPOCHS, index)
        writer = RunWriter.create(root, f"run-{index:02}", config)
        table(STEPS, index).to_csv(writer.run.folder / METRICS, index=False, float_format="%.7g")
        writer.write_status(state="finished", epoch=EPOCHS, epochs=EPOCHS, step=STEPS, steps=STEPS)
        writer.close()
        names.append(writer.run.name)
    return names


def drawn(library: Library, entries: list[Entry], smoothing: float) -> tuple[float, dict[str, Any]]:
    """Return the server's seconds for all charts, with each run on its own, and the payload."""
    look = run_styles(entries)
    began = time.perf_counter()
    data = curve_payloads.payload(library, entries, look, CurveView(smoothing=smoothing, together=False), {})
    json.dumps(data)
    return time.perf_counter() - began, data


def check_extremes(library: Library, entries: list[Entry]) -> None:
    """Assert that the drawn points contain the extremes of every column of every run."""
    for entry in entries:
        followed = library.table(entry, METRICS)
        for column in COLUMNS:
            values, curve = followed.table.column(column), followed.curve((column,), "step", 0.9)
            assert np.float32(values.min()) == curve.y.min() and np.float32(values.max()) == curve.y.max()


def following(steps: int, folder: Path) -> float:
    """Return the median seconds to read one appended step and to compute all six curves again."""
    path = folder / f"{steps}.csv"
    frame = table(steps, 0)
    frame.to_csv(path, index=False, float_format="%.7g")
    line = ",".join(f"{value:.7g}" for value in frame.iloc[-1])
    followed = FollowedTable(path)
    times = []
    for _ in range(REPEATS + 1):
        with path.open("a") as file:
            file.write(f"{line}\n")
        began = time.perf_counter()
        followed.poll()
        for column in COLUMNS:
            followed.curve((column,), "epoch", 0.9)
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])


def views(page: Page, url: str) -> tuple[float, float, float]:
    """Return the seconds to the first charts, to new charts after a change of smoothing, and of a redraw."""
    began = time.perf_counter()
    page.goto(url)
    # Charts outside the viewport are not drawn.
    page.locator(".plot").first.wait_for(state="attached", timeout=120_000)
    page.locator(".plot").first.scroll_into_view_if_needed()
    page.wait_for_function(DRAWN, timeout=60_000)
    first = time.perf_counter() - began
    page.wait_for_timeout(2000)
    slider = page.get_by_role("slider", name="Smoothing")
    slider.focus()
    before = page.evaluate(PICTURE)
    began = time.perf_counter()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"before => ({PICTURE})() !== before", arg=before)
    again = time.perf_counter() - began
    return first, again, statistics.median(page.evaluate(REDRAW) / 1000 for _ in range(REPEATS))


# The components live in shadow roots.
ALL = "css => [...document.querySelectorAll('*')].flatMap(e => [...(e.shadowRoot?.querySelectorAll(css) ?? [])])"
CANVASES = f"({ALL})('.plot canvas')"
DRAWN = f"() => {{ const all = {CANVASES}; return all.length > 2 && all.slice(0, 3).every(one => one.width > 300) }}"
PICTURE = f"() => {CANVASES}[0].toDataURL()"
# Time from a click on the legend, which redraws every chart with one run more or less, to the next frame.
REDRAW = f"""() => new Promise(done => {{
    const button = ({ALL})('.run')[0];
    const began = performance.now();
    button.click();
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
}})"""


@contextlib.contextmanager
def serving(root: Path) -> Iterator[str]:
    """Serve these runs and yield the address of the app."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", f"--server.port={port}"]
    environment = os.environ | {"GANRAY_RUNS": str(root)}
    process = subprocess.Popen(
        [*command, "--server.headless=true"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=1)
                break
            time.sleep(0.05)
        yield url
    finally:
        process.kill()
        process.wait(10)


def report(name: str, value: float, unit: str = "s") -> None:
    """Print a value and whether it meets its limit."""
    limit = next((limit for key, limit in LIMITS.items() if name.startswith(key)), None)
    words = f"{value:,.0f} bytes" if unit == "bytes" else f"{value:.3f} s"
    print(f"{name:46} {words:>16}" + (f"   limit {limit:g}, {'met' if value <= limit else 'MISSED'}" if limit else ""))


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "runs"
        root.mkdir()
        names = write_runs(root)
        library = Library(root)
        entries = library.entries()
        report("server, cold: read and reduce everything", drawn(library, entries, 0.9)[0])
        warm, data = drawn(library, entries, 0.9)
        report("warm rerun, server", warm)
        report("warm rerun, server, new smoothing", drawn(library, entries, 0.8)[0])
        report("a chart", max(len(json.dumps(chart)) for chart in data["charts"]), "bytes")
        check_extremes(library, entries)
        print("every curve contains its lowest and its highest value")
        for steps in (100, 1_000_000):
            report(f"following, six curves, at step {steps:,}", following(steps, Path(scratch)))
        with serving(root) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
            query = "&".join(f"runs={name}" for name in names)
            first, again, redraw = views(page, f"{url}/?{query}&seeds=false")
            report("first view, cold server", first)
            report("new smoothing, from key press to charts", again)
            report("redraw", redraw)
            second = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
            report("first view, warm server", views(second, f"{url}/?{query}&seeds=false")[0])
            browser.close()


EXECUTABLE = find_browser()  # before Playwright starts, because the search starts one of its own

if __name__ == "__main__":
    main()
