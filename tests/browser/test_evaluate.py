"""Evaluate in a real browser: what is drawn is what was measured, at any width, and can be taken away."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import ROOT
from tests.helpers import made_evaluations

BOTH = "evaluated=reference%2Fdcgan&evaluated=chests&evaluated=heads&evaluated=later"


@pytest.fixture(scope="module")
def url(start_app: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"{start_app(made_evaluations.make_all(tmp_path_factory.mktemp('evaluate')))}/evaluate"


def opened(page: Page, address: str) -> None:
    """The page once its answers are there; the browser fetches its code piece by piece, on a busy machine slowly."""
    page.goto(address)
    expect(page.locator(".ev-strips").first).to_be_visible()
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)


@pytest.fixture(scope="module")
def four(browser: Browser, url: str) -> Iterator[Page]:
    """The page as it opens, with the four runs it begins with; for tests that change nothing but what they look at."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        opened(page, url)
        yield page


def place(page: Page, selector: str, index: int = 0) -> float:
    """The middle of an element, from left to right."""
    box = page.locator(selector).nth(index).bounding_box()
    assert box
    return box["x"] + box["width"] / 2


def test_strips_show_values_intervals_and_floors(four: Page) -> None:
    lines = four.locator(".ev-strips").first.locator("li")
    expect(lines).to_have_count(4)
    # Fréchet distances of gan, dcgan, cgan, bigan: in the order of their values, all above the floor.
    places = [place(four, ".ev-strips >> nth=0 >> .ev-at", index) for index in range(4)]
    assert places[0] > places[3] > places[2] > places[1]
    assert places[1] > place(four, ".ev-strips >> nth=0 >> .ev-mark", 1)
    reach = four.locator(".ev-strips >> nth=0 >> .ev-reach").first.bounding_box()
    assert reach and reach["x"] < places[0] < reach["x"] + reach["width"]


def test_a_measure_explains_itself(four: Page) -> None:
    expect(four.locator(".ev-table")).to_have_count(0)
    four.get_by_role("radio", name="Quality measures").or_(four.get_by_role("button", name="Quality measures")).click()
    expect(four).to_have_url(re.compile(r"[?&]part=measures"))
    row = four.locator(".ev-table details", has_text="KID")
    words = row.locator("p")
    expect(words).to_be_hidden()
    row.locator("summary").click()
    expect(words).to_be_visible()
    expect(words).to_contain_text("unbiased")


def test_tables_are_taken_away_audits_coloured_and_a_narrow_page_stays_narrow(page: Page, url: str) -> None:
    page.emulate_media(color_scheme="dark")
    opened(page, f"{url}?{BOTH}&part=download")
    for label, beginning in (("Every number", "run,preset"), ("LaTeX", r"\begin{tabular}"), ("Markdown", "| Measure")):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=label).first.click()
        content = waiting.value.path().read_text(encoding="utf-8")
        assert content.startswith(beginning)
        assert "dcgan" in content and "heads" in content

    opened(page, f"{url}?{BOTH}&part=audit")
    audits = page.locator(".ev-audit")
    expect(audits).to_have_count(4)

    def color(selector: str) -> str:
        return str(
            audits.first.locator(selector).first.evaluate("element => getComputedStyle(element).backgroundColor")
        )

    assert color(".ev-lung") != color(".ev-place")
    expect(audits.first).to_contain_text("sees outside the lungs")
    expect(audits.first).to_contain_text("20%")

    opened(page, f"{url}?{BOTH}&part=measures")
    page.set_viewport_size({"width": 400, "height": 800})
    page.wait_for_function(
        "document.querySelector('[data-testid=stMain]').scrollWidth <= document.documentElement.clientWidth"
    )
    frame = page.locator(".ev-scroll").last
    assert frame.evaluate("element => element.scrollWidth > element.clientWidth")  # it scrolls in its own frame
    frame.evaluate("element => { element.scrollLeft = 200 }")
    first = frame.locator("tbody th[scope=row]").first.bounding_box()
    box = frame.bounding_box()
    assert first and box and abs(first["x"] - box["x"]) < 2  # the measures stay in sight


def test_the_view_is_in_the_address(page: Page, url: str) -> None:
    opened(page, f"{url}?evaluated=reference%2Fdcgan")
    expect(page.get_by_text("Of 100 ").first).to_be_visible()
    page.get_by_role("combobox").first.fill("chests")  # opens the list too, whatever is still being laid out
    expect(page.get_by_role("option", name="chests")).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("evaluated=chests"))
    expect(page.get_by_role("heading", name="Runs that translate")).to_be_visible()


def test_the_page_of_the_shipped_runs_is_short_on_a_phone(browser: Browser, start_app: Callable[[Path], str]) -> None:
    with browser.new_context(viewport={"width": 400, "height": 850}) as context:
        page = context.new_page()
        opened(page, f"{start_app(ROOT / 'runs')}/evaluate")
        expect(page.get_by_text("To cite: the value")).to_be_visible()
        expect(page.locator(".js-plotly-plot .legend").first).to_be_visible()
        assert page.get_by_test_id("stMain").evaluate("main => main.scrollHeight") < 4000
