"""A run that paints opacity, in a real browser: the severity is drawn on the page, and the brush says where."""

import io
import re
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, FrameLocator, Page, Request, expect

from tests.browser.conftest import WAIT
from tests.conftest import ROOT
from tests.helpers.graded_run import graded_run

RIVAL = "phantom_cxr_cyclegan"
STEP_MS = 200  # of one severity, on a busy machine; 50 on an idle one


@pytest.fixture(scope="module")
def live_url(start_app: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("runs")
    graded_run(root)
    shutil.copytree(ROOT / "runs" / "reference" / RIVAL, root / "reference" / RIVAL)
    return start_app(root)


@pytest.fixture(scope="module")
def visit(browser: Browser, live_url: str) -> Iterator[Page]:
    """One visit for all tests, as opening the tab takes longer than they do."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(WAIT)
    page = context.new_page()
    page.goto(f"{live_url}/live")
    yield page
    context.close()


@pytest.fixture
def frame(visit: Page) -> FrameLocator:
    """The tab, which opens with a picture of ours that is translated; later, as it was then."""
    frame = visit.frame_locator("iframe")
    frame.get_by_label("normal → covid", exact=True).check()
    slider = frame.get_by_label("Severity", exact=True)
    expect(slider).to_be_visible()
    slider.fill("0.7")
    frame.get_by_role("button", name="Clear").click()
    expect(frame.locator(".severity output")).to_have_text("0.70: 28% of the air in both lungs is lost")
    return frame


# The page draws with the next frame of the screen.
SHOWN = """canvas => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => {
  done(canvas.toDataURL());
})))"""


def drawn(frame: FrameLocator, canvas: str = "canvas.painted") -> np.ndarray:
    """What a canvas shows once it is drawn, int (H, W, 4)."""
    return pixels(frame.locator(canvas).evaluate(SHOWN))


def before(frame: FrameLocator) -> np.ndarray:
    return pixels(str(frame.locator(".wipe img").first.get_attribute("src")))


def pixels(uri: str) -> np.ndarray:
    picture = Image.open(io.BytesIO(urllib.request.urlopen(uri).read()))
    return np.asarray(picture.convert("RGBA"), int)


def drag(page: Page, place: Any, *ways: tuple[float, float]) -> None:
    """Press the mouse at the first of these places in a box, as shares of its sides, and drag it over the others."""
    box = place.bounding_box()
    assert box
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in ways]
    page.mouse.move(*points[0])
    page.mouse.down()
    for x, y in points[1:]:
        page.mouse.move(x, y, steps=6)
    page.mouse.up()


def test_the_severity_is_drawn_on_the_page(visit: Page, frame: FrameLocator) -> None:
    expect(frame.get_by_label("normal → covid", exact=True)).to_be_checked()
    expect(frame.get_by_text("patchy opacity as COVID-19 pneumonia shows it")).to_be_visible()
    usual = drawn(frame)
    assert (usual - before(frame)).min() == 0 and (usual - before(frame)).max() > 10

    asked: list[Request] = []
    visit.on("request", lambda request: asked.append(request))
    slider = frame.get_by_label("Severity", exact=True)
    drag(visit, slider, (0.7, 0.5), (0.2, 0.5), (0.9, 0.5))
    high = drawn(frame)
    assert (high - usual).min() == 0 and (high - usual).max() > 5, "opacity grows at every pixel"
    took = slider.evaluate(
        """(slider) => Array.from({ length: 20 }, (_, step) => {
          slider.value = step / 20;
          const start = performance.now();
          ganrayPainting().draw();
          return performance.now() - start;
        })"""
    )
    assert float(np.median(took)) < STEP_MS
    slider.press("Home")
    assert np.array_equal(drawn(frame), before(frame))
    fader = frame.get_by_label("Show the opacity that was painted")
    overlay = frame.locator("canvas.overlay")
    expect(overlay).to_have_css("opacity", "0")
    slider.press("End")
    fader.fill("0.5")
    expect(overlay).to_have_css("opacity", "0.5")
    coloured = drawn(frame, "canvas.overlay")[..., 3] > 0
    assert 0.05 < coloured.mean() < 0.95
    assert [one.url for one in asked if not one.url.startswith("data:")] == [], "nothing is sent"

    first = drawn(frame)
    frame.get_by_role("button", name="Another pattern").click()
    expect(frame.locator(".pattern")).to_have_attribute("data-numbers", re.compile('"seed": 1,'))
    other = drawn(frame)
    assert np.abs(other - first).max() > 10
    assert slider.input_value() == "1" and fader.input_value() == "0.5"
    wipe = frame.get_by_role("slider", name="Wipe between before and after")
    wipe.press("End")
    assert frame.locator(".wipe").evaluate("element => element.style.getPropertyValue('--at')") == "100%"


def test_the_brush_changes_only_where_it_was(visit: Page, frame: FrameLocator) -> None:
    untouched = before(frame)
    frame.get_by_label("Severity", exact=True).fill("1")
    everywhere = drawn(frame) - untouched
    brush = frame.get_by_role("button", name="Brush")
    brush.click()
    expect(brush).to_have_attribute("aria-pressed", "true")
    paper = frame.get_by_role("application", name="Paint opacity")
    drag(visit, paper, (0.7, 0.4), (0.7, 0.55))
    expect(frame.locator(".severity output")).to_contain_text("below the brush")
    change = drawn(frame) - untouched
    rows, columns = np.nonzero(change[..., 0])
    height, width = change.shape[:2]
    assert change.max() > 5
    assert columns.min() / width > 0.61 and columns.max() / width < 0.79
    assert rows.min() / height > 0.31 and rows.max() / height < 0.64
    assert (everywhere[:, : width // 2] > 0).any() and not change[:, : width // 2].any()

    with visit.expect_download() as download:
        frame.get_by_role("button", name="Files at this severity").click()
        frame.get_by_role("link", name="Translation").click()
    assert re.fullmatch(r"translated_covid_1\.00_seed\d\.png", download.value.suggested_filename)
    with Image.open(download.value.path()) as made:
        assert np.abs(np.asarray(made, int) - drawn(frame)[..., 0]).max() <= 2

    frame.get_by_role("button", name="Erase").click()
    drag(visit, paper, (0.7, 0.4), (0.7, 0.55))
    assert np.array_equal(drawn(frame), untouched)
    frame.get_by_role("button", name="Clear").click()
    assert np.array_equal(drawn(frame) - untouched, everywhere)

    brush.click()
    paper.focus()
    for key in ("ArrowLeft", "ArrowUp", "Space"):
        paper.press(key)
    by_keys = drawn(frame) - untouched
    assert by_keys.any() and not by_keys[:, : width // 2].any()


def test_another_run_beside_it_and_the_way_back(visit: Page, frame: FrameLocator) -> None:
    visit.emulate_media(color_scheme="dark")
    frame.get_by_role("button", name=f"Compare with {RIVAL}").click()
    expect(frame.get_by_role("figure", name=f"{RIVAL}: covid")).to_be_visible()
    frame.get_by_label("covid → normal", exact=True).check()
    expect(frame.locator(".wipe .over .tag")).to_have_text("normal, synthetic")
    overlay = frame.locator("img.overlay")
    frame.get_by_label("Show the opacity that was read").fill("0.4")
    expect(overlay).to_have_css("opacity", "0.4")
    expect(frame.get_by_role("link", name="Opacity map")).to_be_visible()
    expect(frame.get_by_role("button", name="Another pattern")).to_have_count(0)
