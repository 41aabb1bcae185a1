"""The address holds the whole view: opened by somebody else it shows the same."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.helpers import sheets
from tests.helpers.run_folders import make_run

# A hash (FNV-1a) of all pixels: a tenth of the time that encoding them takes.
PIXELS = """canvas => {
    const { width, height } = canvas;
    if (!width || !height) return "";
    let hash = 2166136261;
    for (const pixel of new Uint32Array(canvas.getContext("2d").getImageData(0, 0, width, height).data.buffer))
        hash = Math.imul(hash ^ pixel, 16777619);
    return `${width} x ${height}: ${hash >>> 0}`;
}"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("permalink")
    for seed, preset in enumerate(("gan", "dcgan", "cgan")):
        make_run(folder, f"reference/{preset}", preset, 8, 30, seed=seed)
    make_run(folder, "mine", "dcgan", 6, 30, seed=5, preview_every=2)
    return folder


@pytest.fixture(scope="module")
def url(start_app: Callable[[Path], str], root: Path) -> str:
    return start_app(root)


def at_rest(page: Page) -> None:
    """Wait until everything is drawn: nothing on any canvas changes any more."""
    page.get_by_role("button", name="Copy link").wait_for()
    page.locator(".st-key-runs [data-tag]").first.wait_for()  # the picker's code is loaded apart, and may come last
    expect(page.locator("[data-testid='stApp'][data-test-script-state='notRunning']")).to_be_visible()
    before: Any = None
    for _ in range(40):
        page.wait_for_timeout(400)
        now = page.eval_on_selector_all("canvas", f"canvases => canvases.map({PIXELS})")
        if now and now == before:
            return
        before = now
    raise AssertionError("the page does not come to rest")


def pictures(page: Page) -> list[str]:
    """Every sheet and every chart; what is out of sight is drawn when it comes into sight."""
    page.mouse.move(2, 2)  # what lies under the mouse is read out in the charts
    found = []
    for canvas in page.locator("canvas").all():
        canvas.scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        found.append(canvas.evaluate(PIXELS))
    return found


def seen(page: Page) -> dict[str, Any]:
    """What a reader sees of the view."""
    return {
        "chips": page.locator(".st-key-runs [data-tag]").all_inner_texts(),
        "epoch": sheets.slider(page).input_value(),
        "smoothing": page.get_by_role("slider", name="Smoothing").first.get_attribute("aria-valuenow")
        or page.get_by_role("slider", name="Smoothing").first.input_value(),
        "axis": page.locator(".st-key-x [aria-checked=true], .st-key-x [aria-pressed=true]").all_inner_texts(),
        "canvases": pictures(page),
        "tables": page.locator(".settings-table, [data-testid=stTable]").all_inner_texts(),
    }


def show_all(page: Page) -> None:
    page.get_by_test_id("stExpander").get_by_text("Settings (").click()
    page.get_by_text("Show all").first.click()


def elsewhere(browser: Browser, address: str) -> dict[str, Any]:
    """The same address in a browser that has never seen the page."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        other = context.new_page()
        other.set_default_timeout(20_000)
        other.goto(address)
        at_rest(other)
        assert other.url == address
        return seen(other)


def test_a_view_made_by_hand_opens_the_same_elsewhere(page: Page, browser: Browser, url: str) -> None:
    page.goto(f"{url}/compare?runs=mine&runs=reference%2Fcgan")
    at_rest(page)
    plain = seen(page)
    sheets.slider(page).focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    page.get_by_role("radio", name="step", exact=False).first.click()
    smoothing = page.get_by_role("slider", name="Smoothing").first
    smoothing.focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    show_all(page)
    expect(page).to_have_url(re.compile(r"smoothing=0\.85"))
    at_rest(page)
    address, mine = page.url, seen(page)
    for word in ("runs=mine", "epoch=5", "smoothing=0.85", "x=Step", "every-setting-generate="):
        assert word in address
    assert mine["canvases"] != plain["canvases"] and mine["tables"] != plain["tables"]
    theirs = elsewhere(browser, address)
    assert [theirs[what] == mine[what] for what in mine] == [True] * len(mine), list(mine)


def test_what_the_browser_keeps_survives_what_the_server_draws(page: Page, url: str) -> None:
    page.goto(f"{url}/compare?runs=mine&runs=reference%2Fcgan&epoch=4")
    at_rest(page)
    show_all(page)
    expect(page).to_have_url(re.compile("every-setting"))
    at_rest(page)
    assert "epoch=4" in page.url
    expect(sheets.slider(page)).to_have_value("4")
    page.reload()
    at_rest(page)
    assert "epoch=4" in page.url and "every-setting" in page.url


def test_the_page_of_a_run_is_in_the_address(page: Page, browser: Browser, url: str) -> None:
    page.goto(f"{url}/run?run=mine&epoch=2")
    slider = sheets.slider(page)
    expect(slider).to_have_value("2")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"epoch=4\b"))
    with browser.new_context() as context:
        other = context.new_page()
        other.goto(page.url)
        expect(other.get_by_role("heading", level=1)).to_contain_text("mine")
        expect(sheets.slider(other)).to_have_value("4")
