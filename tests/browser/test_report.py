"""The report in a real browser: downloaded from the page, opened from the disk without a network; the link copied."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.library.notes import Notes
from tests.helpers import sheets
from tests.helpers.run_folders import make_run

VIEW = "runs=reference%2Fgan&runs=mine&runs=private&epoch=2"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    make_run(folder, "reference/gan", "gan", 6, 20)
    make_run(folder, "mine", "dcgan", 6, 20, seed=1)
    make_run(folder, "private", "cyclegan_unet_light", 4, 20, private=True)
    Notes(folder).change_note("mine", "", "<b>sharper</b> than the other")
    return folder


@pytest.fixture(scope="module")
def url(start_app: Callable[[Path], str], root: Path) -> str:
    return start_app(root)


def open_maker(page: Page) -> None:
    """Open what makes the report, once the page above it is drawn."""
    summary = page.locator(".st-key-report summary")
    summary.wait_for()
    expect(page.locator("[data-testid='stApp'][data-test-script-state='notRunning']")).to_be_visible()
    summary.click()


def test_a_report_is_whole_without_a_network(page: Page, browser: Browser, url: str, tmp_path: Path) -> None:
    page.goto(f"{url}/?{VIEW}")
    open_maker(page)
    expect(page.get_by_text("the grids of epoch 2")).to_be_visible()
    expect(page.get_by_text("leaves them out")).to_be_visible()
    page.get_by_label("Title", exact=True).fill("Two & a half GANs")
    page.keyboard.press("Enter")
    page.wait_for_timeout(1500)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download", exact=True).click()
    assert waiting.value.suggested_filename == "ganray-two-a-half-gans.html"
    path = tmp_path / "report.html"
    waiting.value.save_as(path)
    assert path.stat().st_size < 6_000_000
    for scheme, width, dark in (("light", 1280, False), ("dark", 400, True)):
        with browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, java_script_enabled=True
        ) as context:
            look_through(context.new_page(), path, dark)


def look_through(report: Page, path: Path, dark: bool) -> None:
    """The file as a reader sees it."""
    asked: list[str] = []
    said: list[str] = []
    report.on("request", lambda request: asked.append(request.url))
    report.on("console", lambda message: said.append(message.text))
    report.goto(path.as_uri())
    expect(report.get_by_role("heading", level=1)).to_have_text("Two & a half GANs")
    assert said == []
    assert [address for address in asked if not address.startswith("data:")] == [path.as_uri()]
    sizes = report.eval_on_selector_all("img", "images => images.map(image => [image.naturalWidth, image.alt])")
    assert [size > 100 and "epoch 2" in alt for size, alt in sizes] == [True, True]
    expect(report.get_by_text("its grids contain real images")).to_be_visible()
    expect(report.get_by_text("<b>sharper</b> than the other")).to_be_visible()
    for title in ("Samples: epoch 2", "What happened", "Curves", "Settings", "Last values", "Notes"):
        expect(report.get_by_role("heading", name=title, exact=True)).to_be_visible()
    assert report.locator("svg[role=img]").count() == 3 + 5
    ground = report.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 150) == dark
    assert report.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_the_report_is_of_the_epoch_that_the_reader_has_moved_to_and_the_link_too(browser: Browser, url: str) -> None:
    with browser.new_context(permissions=["clipboard-read", "clipboard-write"]) as context:
        page = context.new_page()
        page.goto(f"{url}/?{VIEW}")
        slider = sheets.slider(page)
        expect(slider).to_have_value("2")
        page.locator(".st-key-report summary").wait_for()
        slider.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        expect(page).to_have_url(re.compile(r"epoch=4\b"))
        page.get_by_role("button", name="Copy link").click()
        expect(page.get_by_text("Copied", exact=True)).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == page.url
        assert "epoch=4" in page.url and "runs=mine" in page.url
        open_maker(page)
        expect(page.get_by_text("the grids of epoch 4")).to_be_visible()
