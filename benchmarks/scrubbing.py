"""Time from the release of the epoch scrubber until all grids have changed, and the requests sent for it.

    python -m benchmarks.scrubbing [--runs 8] [--epochs 50] [--moves 100]

Makes the runs, opens them in Chromium, waits until every frame is loaded, and moves the scrubber to random epochs. The
time ends when every card shows the new epoch and the browser has rendered it. Then it repeats this with a grey-level
window and with differences, which compute every pixel. Run nothing else meanwhile.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, WebSocket, expect, sync_playwright

from tests.helpers.browser import FLAGS, find_browser
from tests.helpers.run_folders import make_run
from tests.helpers.serving import serve
from tests.helpers.sheets import cards, ready, wait_for_all

PRESETS = ("gan", "dcgan", "cgan", "bigan")
GOAL = 150  # ms, for the 95th percentile
LOOKS = {"plain": {}, "windowed": {"window": 50, "level": 60}, "difference": {"against": 0}}

# Releases the slider at an epoch, as the mouse does, and waits for the cards and then for the rendered frame.
MOVE = """async epoch => {
    const find = (selector) => {
        for (const host of document.querySelectorAll("[data-testid=stBidiComponentIsolated]")) {
            const found = host.shadowRoot?.querySelectorAll(selector);
            if (found?.length) return [...found];
        }
        return [];
    };
    const [range] = find("input.range");
    const cards = find("article.card");
    const there = () => cards.every(card => card.dataset.epoch === String(epoch)
        && card.getAttribute("aria-busy") === "false");
    range.value = epoch;
    range.dispatchEvent(new Event("input", { bubbles: true }));
    const released = performance.now();
    range.dispatchEvent(new Event("change", { bubbles: true }));
    while (!there()) await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    await new Promise(done => setTimeout(done));
    return performance.now() - released;
}"""


def measure(page: Page, epochs: int, moves: int) -> list[float]:
    """Return the milliseconds of each move to a random epoch that differs from the one before."""
    rng = np.random.default_rng(0)
    took, at = [], epochs
    for _ in range(moves):
        at = int((at + rng.integers(1, epochs + 1)) % (epochs + 1))
        took.append(float(page.evaluate(MOVE, at)))
    return took


def visit(page: Page, url: str, count: int, epochs: int, moves: int) -> None:
    """Print the times of each view of the runs."""
    sent: list[str] = []

    def follow(socket: WebSocket) -> None:
        socket.on("framesent", lambda _: sent.append("message"))

    page.on("websocket", follow)
    for name, look in LOOKS.items():
        address = "&".join([*(f"runs=run-{number}" for number in range(count)), *(f"{k}={v}" for k, v in look.items())])
        began = time.perf_counter()
        page.goto(f"{url}/?{address}")
        ready(page, count)
        seen = time.perf_counter() - began
        wait_for_all(page)
        page.wait_for_timeout(1000)
        measure(page, epochs, 5)
        sent.clear()
        asked = page.evaluate("performance.getEntriesByType('resource').length")
        took = measure(page, epochs, moves)
        asked = page.evaluate("performance.getEntriesByType('resource').length") - asked
        middle, slow = np.percentile(took, (50, 95))
        verdict = "" if slow < GOAL else f", over {GOAL} ms"
        print(
            f"{name:<11} first grids {seen:5.1f} s; released to drawn: p50 {middle:.0f} ms, p95 {slow:.0f} ms, "
            f"worst {max(took):.0f} ms of {moves}{verdict}; {asked} requests and {len(sent)} messages sent",
            flush=True,
        )
        assert cards(page).count() == count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=50, help="epochs of each run, each with a sheet")
    parser.add_argument("--moves", type=int, default=100)
    options = parser.parse_args()
    expect.set_options(timeout=120_000)
    browser = find_browser()
    with tempfile.TemporaryDirectory(prefix="ganray-scrubbing-") as scratch, sync_playwright() as playwright:
        root = Path(scratch) / "runs"
        root.mkdir()
        for number in range(options.runs):
            make_run(root, f"run-{number}", PRESETS[number % 4], options.epochs, 10, seed=number)
        chromium = playwright.chromium.launch(executable_path=browser, args=FLAGS)
        with serve(root, Path(scratch) / "log.txt") as url:
            page = chromium.new_page(viewport={"width": 1440, "height": 900})
            page.set_default_timeout(120_000)
            page.add_init_script("performance.setResourceTimingBufferSize(10000)")
            visit(page, url, options.runs, options.epochs, options.moves)
        chromium.close()


if __name__ == "__main__":
    main()
