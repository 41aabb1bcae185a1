"""Finding runs in a real browser: typing a filter, ticking rows; notes of two people at once."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, WebSocketRoute, expect

from dashboard.library.notes import FILE, Notes
from tests.helpers.run_folders import make_run

HEAD, ROW = 35, 35  # pixels of the table's heading and of each row


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finding")
    make_run(folder, "reference/gan", "gan", 4, 5)
    for number in range(12):
        make_run(folder, f"run-{number:02d}", ("dcgan", "cgan")[number % 2], 2 + number % 3, 5)
    return folder


@pytest.fixture(scope="module")
def url(start_app: Callable[[Path], str], root: Path) -> str:
    return start_app(root)


class Late:
    """The way from a page to its app, on which messages can be held back."""

    def __init__(self, page: Page) -> None:
        self._held: list[str | bytes] | None = None
        page.route_web_socket("**/_stcore/stream", self._pass_on)

    def hold(self) -> None:
        self._held = []

    def release(self) -> None:
        held, self._held = self._held or [], None
        for message in held:
            self._server.send(message)

    def _pass_on(self, route: WebSocketRoute) -> None:
        self._server = route.connect_to_server()
        route.on_message(self._sent)

    def _sent(self, message: str | bytes) -> None:
        if self._held is None:
            self._server.send(message)
        else:
            self._held.append(message)


def chips(page: Page) -> Locator:
    return page.locator(".st-key-runs [data-tag]")


def tick(page: Page, row: int) -> None:
    """The box before a row of the table, 0 for the first."""
    table = page.get_by_test_id("stDataFrame")
    expect(table).to_have_count(1)
    page.wait_for_timeout(1000)
    box = table.bounding_box()
    assert box
    page.mouse.click(box["x"] + 16, box["y"] + HEAD + ROW * row + ROW / 2)


def test_a_filter_is_typed_and_rows_are_ticked(page: Page, url: str) -> None:
    page.goto(f"{url}/compare?runs=reference%2Fgan")
    expect(chips(page)).to_have_text(["reference/gan"])
    page.get_by_role("button", name="Find runs").click()
    field = page.get_by_label("Filter", exact=True)
    field.fill("preset:cgan epochs<4")
    expect(page.get_by_text("4 of 13 runs; 1 chosen")).to_be_visible()
    tick(page, 0)
    expect(chips(page)).to_have_text(["reference/gan", "run-09"])
    tick(page, 2)
    expect(chips(page)).to_have_text(["reference/gan", "run-09", "run-03"])
    tick(page, 0)
    expect(chips(page)).to_have_text(["reference/gan", "run-03"])
    field.fill("epoch>>4")
    expect(page.get_by_text("is not a number")).to_be_visible()
    expect(chips(page)).to_have_text(["reference/gan", "run-03"])


def test_the_ticks_are_those_of_the_chips(page: Page, url: str) -> None:
    """However slow the way to the server is: three clicks reach it at once."""
    late = Late(page)
    page.goto(f"{url}/compare?runs=run-01&runs=run-03&find=preset%3Acgan")
    page.get_by_role("button", name="Find runs").click()
    expect(page.get_by_text("6 of 13 runs; 2 chosen")).to_be_visible()
    late.hold()
    page.keyboard.press("Escape")
    chips(page).first.get_by_role("button").click()
    expect(chips(page)).to_have_text(["run-03"])
    page.get_by_role("button", name="Find runs").click()
    page.wait_for_timeout(300)  # the table sends its ticks a moment after it is shown
    late.release()
    expect(page.get_by_text("6 of 13 runs; 1 chosen")).to_be_visible()
    tick(page, 0)  # run-11; what was taken away by its chip stays away
    expect(chips(page)).to_have_text(["run-03", "run-11"])


def test_two_people_write_about_a_run_at_once(page: Page, browser: Browser, url: str, root: Path) -> None:
    with browser.new_context() as other:
        pages = [page, other.new_page()]
        for each in pages:
            each.goto(f"{url}/compare?runs=run-05")
            each.locator(".st-key-writing summary").click()
            each.get_by_label("Note", exact=True).wait_for()
        for each, words in zip(pages, ("sharp", "all alike"), strict=True):
            each.get_by_label("Note", exact=True).fill(words)
            each.get_by_label("Note", exact=True).blur()
            each.wait_for_timeout(1500)
        expect(pages[1].get_by_text("both notes were kept")).to_be_visible()
        expect(pages[1].get_by_label("Note", exact=True)).to_have_value("sharp\n\nall alike")
        page.get_by_label("Tags", exact=True).fill("to show")
        page.keyboard.press("Enter")
        page.wait_for_timeout(1500)
        page.reload()
        expect(page.locator(".stMarkdownBadge").get_by_text("to show", exact=True)).to_be_visible()
    assert Notes(root).get("run-05").tags == ("to show",)
    assert (root / FILE).is_file()
