"""The page that is given away, in a real browser: from a disk, from a static host, in a cell; the link copied."""

import re
import zipfile
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard import notebook
from dashboard.charts import svg
from dashboard.charts.styles import run_styles
from dashboard.library.notes import Notes
from dashboard.library.store import Library
from dashboard.report import folder
from dashboard.report import page as pages
from dashboard.report.comparison import Comparison, ReportedEvent, ReportOptions
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
    page.goto(f"{url}/compare?{VIEW}")
    open_maker(page)
    expect(page.get_by_text("It opens at epoch 2")).to_be_visible()
    expect(page.get_by_text("leaves them out")).to_be_visible()
    page.get_by_label("Title", exact=True).fill("Two & a half GANs")
    page.keyboard.press("Enter")
    page.wait_for_timeout(1500)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="One file").click()
    assert waiting.value.suggested_filename == "ganray-two-a-half-gans.html"
    path = tmp_path / "report.html"
    waiting.value.save_as(path)
    assert path.stat().st_size < 6_000_000
    for button, name, inside in (
        ("Folder", "ganray-two-a-half-gans", "index.html"),
        ("Figures", "ganray-two-a-half-gans-figures", "references.bib"),
    ):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=button, exact=True).click()
        assert waiting.value.suggested_filename == f"{name}.zip"
        waiting.value.save_as(tmp_path / "given.zip")
        with zipfile.ZipFile(tmp_path / "given.zip") as archive:
            assert f"{name}/{inside}" in archive.namelist() and archive.testzip() is None
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
    scrub(report)
    expect(report.get_by_text("its grids contain real images")).to_be_visible()
    expect(report.get_by_text("<b>sharper</b> than the other")).to_be_visible()
    for title in ("Samples", "What happened", "Curves", "Settings", "Last values", "Notes"):
        expect(report.get_by_role("heading", name=title, exact=True)).to_be_visible()
    assert report.locator("svg[role=img]").count() == 3 + 5
    ground = report.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 150) == dark
    assert report.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def scrub(report: Page) -> None:
    """The arrow keys move every sheet and the cursor of every chart; the address remembers where."""
    epochs, cursors = report.locator(".at").all_text_contents(), places(report)
    pictures = report.eval_on_selector_all("img", "images => images.map(image => image.src)")
    report.keyboard.press("ArrowRight")
    expect(report.locator(".at").first).to_have_text("epoch 3")
    assert epochs[:2] == ["epoch 2", "epoch 2"]
    assert report.locator(".at").all_text_contents()[:2] == ["epoch 3", "epoch 3"]
    after = report.eval_on_selector_all("img", "images => images.map(image => image.src)")
    assert all(one != other for one, other in zip(pictures, after, strict=True))
    assert len(cursors) == len(places(report)) == report.locator(".chart").count()
    assert all(x < moved for x, moved in zip(cursors, places(report), strict=True))
    assert report.url.endswith("#epoch=3")
    report.keyboard.press(" ")  # plays to the end
    expect(report.locator(".at").first).to_have_text("epoch 6")
    report.keyboard.press("ArrowLeft")
    expect(report.locator(".at").first).to_have_text("epoch 5")


def places(report: Page) -> list[float]:
    """Where the cursor of each chart stands, in pixels of the chart."""
    found = report.eval_on_selector_all(".chart .cursor", "paths => paths.map(path => path.getAttribute('d'))")
    return [float(re.findall(r"[\d.]+", path)[0]) for path in found]


def made(root: Path, names: tuple[str, ...] = ("reference/gan", "mine")) -> Comparison:
    library = Library(root)
    chosen = [entry for name in names if (entry := library.find(name))]
    happened = {names[0]: [ReportedEvent("Balance", "from epoch 4 on", "It is.", "", epoch=4)]}
    options = ReportOptions("Given away", "2026-01-02", 2, 0.9, "", {}, happened, "")
    return Comparison(library, chosen, run_styles(chosen), options)


def test_a_folder_scrubs_from_a_disk_and_below_a_path_of_a_static_host(
    browser: Browser, root: Path, tmp_path: Path
) -> None:
    folder.write(folder.contents(made(root)), tmp_path / "host" / "team" / "given")
    handler = partial(Quiet, directory=str(tmp_path / "host"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        host = f"http://127.0.0.1:{server.server_port}/team/given/"
        for place in ((tmp_path / "host/team/given/index.html").as_uri(), host):
            with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
                report = context.new_page()
                asked: list[str] = []
                said: list[str] = []
                report.on("request", lambda request, asked=asked: asked.append(request.url))
                report.on("console", lambda message, said=said: said.append(message.text))
                report.goto(place)
                scrub(report)
                widths = report.eval_on_selector_all("img", "images => images.map(image => image.naturalWidth)")
                assert all(width > 100 for width in widths) and len(widths) == 2
                below = place.removesuffix("index.html")
                assert all(url.startswith(below) for url in asked if not url.endswith("favicon.ico"))
                assert [line for line in said if "favicon" not in line and "404" not in line] == []
        server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    """A static host that writes no log."""

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_click_on_a_curve_and_on_an_event_moves_the_page(page: Page, root: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.html"
    path.write_text(pages.in_one_file(made(root)), encoding="utf-8")
    page.goto(path.as_uri())
    page.get_by_role("button", name="from epoch 4 on").click()
    expect(page.locator(".at").first).to_have_text("epoch 4")
    box = page.locator(".chart svg").first.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * svg.LEFT / svg.WIDTH + 1, box["y"] + box["height"] / 2)
    expect(page.locator(".at").first).to_have_text("epoch 0")


def test_a_cell_of_a_notebook_scrubs_in_its_frame(page: Page, root: Path, tmp_path: Path) -> None:
    cell = notebook.compare("reference/gan", "mine", runs=root, epoch=2)._repr_html_()
    path = tmp_path / "notebook.html"
    path.write_text(f"<!doctype html><meta charset='utf-8'><body>{cell}</body>", encoding="utf-8")
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text))
    page.goto(path.as_uri())
    frame = page.frame_locator("iframe")
    expect(frame.locator(".at").first).to_have_text("epoch 2")
    frame.get_by_label("Epoch", exact=True).press("ArrowRight")
    expect(frame.locator(".at").first).to_have_text("epoch 3")
    for control in (frame.get_by_label("Epoch", exact=True), frame.get_by_label("Step forward")):
        for key, number in (("Home", 0), ("End", 6)):
            control.press(key)
            expect(frame.locator(".at").first).to_have_text(f"epoch {number}")
    assert wrong == []


def test_a_grid_can_be_made_large_with_the_keyboard_and_the_arrows_still_scrub(
    page: Page, root: Path, tmp_path: Path
) -> None:
    path = tmp_path / "one.html"
    path.write_text(pages.in_one_file(made(root)), encoding="utf-8")
    page.goto(path.as_uri())
    sheet = page.locator("figure img").first
    before = sheet.evaluate("image => image.clientWidth")
    sheet.press("Enter")
    expect(sheet).to_have_attribute("aria-pressed", "true")
    assert sheet.evaluate("image => image.clientWidth") > 1.5 * before
    height = sheet.evaluate("image => image.getBoundingClientRect().height")
    assert height < 900
    page.keyboard.press("ArrowRight")
    expect(page.locator(".at").first).to_have_text("epoch 3")
    sheet.click()
    assert sheet.evaluate("image => image.clientWidth") == before


def test_without_scripts_and_on_paper_it_is_the_page_of_one_epoch(browser: Browser, root: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.html"
    path.write_text(pages.in_one_file(made(root)), encoding="utf-8")
    with browser.new_context(java_script_enabled=False) as context:
        report = context.new_page()
        report.goto(path.as_uri())
        expect(report.get_by_role("heading", name="Samples: epoch 2")).to_be_visible()
        expect(report.locator("#scrubber")).to_be_hidden()
        assert report.locator("figure img").count() == 2 and report.locator(".chart .cursor").count() == 3
    with browser.new_context() as context:
        report = context.new_page()
        report.goto(path.as_uri())
        expect(report.locator("#scrubber")).to_be_visible()
        report.emulate_media(media="print")
        expect(report.locator("#scrubber")).to_be_hidden()
        expect(report.locator("figure img").first).to_be_visible()


def test_the_report_is_of_the_epoch_that_the_reader_has_moved_to_and_the_link_too(browser: Browser, url: str) -> None:
    with browser.new_context(permissions=["clipboard-read", "clipboard-write"]) as context:
        page = context.new_page()
        page.goto(f"{url}/compare?{VIEW}")
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
        expect(page.get_by_text("It opens at epoch 4")).to_be_visible()
