"""The performance figures of the app and the trainer with their goals; each has its own benchmark."""

import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import torch
from playwright.sync_api import Page, sync_playwright
from torch import nn

from benchmarks import app_start, compare_view, cyclegan_step, epoch_time, live_latency
from dashboard.library.store import Library
from gan_core.decode.worker import DecodeWorker

SEEDS = ("gan_baseline", "cgan_baseline", "bigan_baseline", "dcgan_baseline")
TRAIN_SECONDS = {"dcgan_baseline": 16.0}  # seconds of training steps; 10 for other presets
VISITS = 10
MEGA = 1e6


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes:
        unit: "s", "ms", "MB", "kB" or "times".
        aim: the goal in this unit: a minimum if the unit is "times", else a maximum; None: no goal.
        timed: whether it is a time, which grows on a slow or busy machine as the yardstick does.
    """

    name: str
    unit: str
    aim: float | None
    timed: bool = True

    def met(self, value: float) -> bool | None:
        """Return whether the aim is met; None if there is none."""
        if self.aim is None:
            return None
        return value >= self.aim if self.unit == "times" else value <= self.aim


FIGURES = (
    *(
        Figure(f"an epoch of {preset}, 64 px, batch 32, 4077 images", "s", aim)
        for preset, aim in zip(SEEDS, (4, 5, 8, 19), strict=True)
    ),
    Figure("CycleGAN's step, ours against a plain loop's", "times", 1.4, timed=False),
    Figure("translate 256 px, light, from bytes to PNG", "ms", 120),
    Figure("the light network alone", "ms", 80),
    Figure("translate 256 px, width 64, from bytes to PNG", "ms", None),
    Figure("the network of width 64 alone", "ms", 300),
    Figure("start to first paint", "s", 2),
    Figure("a warm page", "s", 0.3),
    Figure("Live, from a cold start to the first picture", "s", 5),
    Figure("memory, started", "MB", 150, timed=False),
    Figure("memory, Compare opened", "MB", 220, timed=False),
    Figure("memory, with a model", "MB", 800, timed=False),
    Figure("Compare, 20 runs x 100,000 steps, a chart", "kB", 500, timed=False),
    Figure("Compare, 20 runs x 100,000 steps, the server's rerun", "ms", 300),
    Figure("following a run at step 1,000,000", "ms", 50),
)

Measured = Mapping[str, float]
Source = Callable[[], Measured]


def yardstick() -> float:
    """Return the seconds of a fixed task without GANray's code: the machine's speed at this moment."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 32, 3), nn.ReLU(), nn.Conv2d(32, 3, 3))
    images, numbers = torch.randn(8, 3, 96, 96), np.random.default_rng(0).random(500_000)
    times = []
    for _ in range(4):
        began = time.perf_counter()
        network(images).square().mean().backward()
        np.sort(numbers)
        sum(number * number for number in range(200_000))
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])


@contextlib.contextmanager
def sources() -> Iterator[dict[str, Source]]:
    """Yield the functions that measure the figures, by the command's part names; each call is one round."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        yield {
            "epochs": lambda: _epochs(folder),
            "cyclegan": _against_plain,
            "translate": _translations,
            "app": _app,
            "compare": lambda: _compare(folder),
        }


def _epochs(folder: Path) -> Measured:
    found = {}
    for figure, preset in zip(FIGURES, SEEDS, strict=False):
        with tempfile.TemporaryDirectory(dir=folder) as runs:
            speeds, _ = epoch_time.measure(preset, Path(runs), TRAIN_SECONDS.get(preset, 10.0))
        found[figure.name] = epoch_time.IMAGES / float(np.median(speeds))
    return found


def _against_plain() -> Measured:
    ours, plain = next(cyclegan_step.pairs("cyclegan_resnet", 128, 3))
    return {"CycleGAN's step, ours against a plain loop's": plain / ours}


def _translations() -> Measured:
    found = {}
    with DecodeWorker() as worker:
        for preset, whole, alone in (
            ("cyclegan_resnet_light", "translate 256 px, light, from bytes to PNG", "the light network alone"),
            ("cyclegan_resnet", "translate 256 px, width 64, from bytes to PNG", "the network of width 64 alone"),
        ):
            model, files = live_latency.untrained(preset, live_latency.SIZE), live_latency.uploads()
            took = [live_latency.visit(model, worker, files[i % len(files)]) for i in range(VISITS + 2)][2:]
            found[whole] = statistics.median(sum(one[name] for name in live_latency.FIRST) for one in took)
            found[alone] = statistics.median(one["translate"] for one in took)
    return found


def _app() -> Measured:
    process, url, healthy = app_start.start()
    try:
        memory = psutil.Process(process.pid)
        time.sleep(1)
        found = {"memory, started": memory.memory_info().rss / MEGA}
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=compare_view.EXECUTABLE, args=["--no-sandbox", "--disable-gpu"]
            )
            paint, _ = app_start.visit(browser, url)
            found["start to first paint"] = healthy + paint
            app_start.visit(browser, url)
            page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
            found["a warm page"] = _warm(page, url)
            found["memory, Compare opened"] = memory.memory_info().rss / MEGA
            page.close()
            found["Live, from a cold start to the first picture"] = sum(app_start.live(browser, url))
            found["memory, with a model"] = memory.memory_info().rss / MEGA
            browser.close()
        return found
    finally:
        process.kill()


def _warm(page: Page, url: str) -> float:
    """Return the median seconds from a click that changes the whole page until the server has finished."""
    page.goto(f"{url}/{app_start.COMPARE}")
    page.locator(app_start.GRIDS).nth(3).wait_for()
    page.wait_for_timeout(1000)
    times = []
    for name in ("Step", "Epoch") * 3:
        times.append(page.evaluate(_CLICK, name))
        page.wait_for_timeout(300)
    return statistics.median(times) / 1000


_CLICK = """name => new Promise((done, failed) => {
    setTimeout(() => failed(new Error("no rerun of the page was seen")), 20000);
    const app = document.querySelector("[data-test-script-state]");
    const radio = [...document.querySelectorAll("[role=radiogroup] label, [role=radio]")]
        .find(one => one.textContent.trim() === name);
    const began = performance.now();
    let ran = false;
    new MutationObserver((_, watcher) => {
        const state = app.getAttribute("data-test-script-state");
        if (state === "running") ran = true;
        if (ran && state === "notRunning") { watcher.disconnect(); done(performance.now() - began); }
    }).observe(app, { attributes: true });
    radio.click();
})"""


def _compare(folder: Path) -> Measured:
    root = folder / "compared"
    if not root.exists():
        root.mkdir()
        compare_view.write_runs(root)
    library = Library(root)
    entries = library.entries()
    compare_view.drawn(library, entries, 0.9)
    seconds, data = compare_view.drawn(library, entries, 0.9)
    return {
        "Compare, 20 runs x 100,000 steps, a chart": max(len(json.dumps(one)) for one in data["charts"]) / 1000,
        "Compare, 20 runs x 100,000 steps, the server's rerun": seconds * 1000,
        "following a run at step 1,000,000": compare_view.following(1_000_000, folder) * 1000,
    }
