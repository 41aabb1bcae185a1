"""Compare in a real browser: the sheets are the film, a narrow page stays narrow, eight runs and none."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks import app_start, many_runs
from tests.helpers.run_folders import make_run
from tests.helpers.sheets import cards, ready, slider, wait_for_epochs

FOUR = ("gan", "dcgan", "cgan", "bigan")
WIDE = "document.querySelector('[data-testid=stMain]').scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    for seed, preset in enumerate(FOUR):
        make_run(folder, f"reference/{preset}", preset, 10, 20, seed=seed)
        make_run(folder, f"reference/{preset}_seed", f"{preset}_seed", 6, 10, seed=seed)
    make_run(folder, "translator", "cyclegan_resnet_light", 4, 5)
    return folder


@pytest.fixture(scope="module")
def url(start_app: Callable[[Path], str], root: Path) -> str:
    return start_app(root)


def test_the_sheets_are_the_film_and_the_page_is_short(browser: Browser, url: str) -> None:
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        page = context.new_page()
        page.goto(f"{url}/{app_start.COMPARE}")
        ready(page, 4)
        expect(page.locator(app_start.GRIDS)).to_have_count(4)  # what the benchmarks wait for is there
        page.locator(many_runs.TOGGLE).wait_for(state="attached")
        many_runs.ask([page])
        gifs = page.get_by_role("link", name="GIF")
        expect(gifs).to_have_count(4)
        given = page.request.get(urljoin(url, gifs.first.get_attribute("href") or ""))
        assert given.headers["content-type"] == "image/gif" and given.body().startswith(b"GIF89a")
        for name in ("Settings (", "Write notes and tags", "Share: "):
            expect(page.get_by_test_id("stExpander").get_by_text(name)).to_be_visible()
        expect(page.get_by_text("The same latent vectors in every frame")).to_be_visible()
        expect(page.get_by_role("heading", name="Last values")).to_be_hidden()
        assert page.get_by_test_id("stMain").evaluate("main => main.scrollHeight") < 2400
        slider(page).press("Home")
        wait_for_epochs(page, 0, 0, 0, 0)
        page.get_by_label("Speed").select_option("16")
        page.get_by_role("button", name="Play").click()
        wait_for_epochs(page, 10, 10, 10, 10)
        page.get_by_test_id("stExpander").get_by_text("Settings (").click()
        name = page.locator(".settings-table details", has_text="Seed")
        expect(name).to_have_attribute("title", "random seed of weights, image order and latents")
        name.locator("summary").click()
        expect(name.locator("p")).to_be_visible()


def test_the_scrubber_stays_in_sight_and_moves_eight_runs(page: Page, url: str) -> None:
    names = [f"reference%2F{preset}{end}" for preset in FOUR for end in ("", "_seed")]
    page.goto(f"{url}/compare?{'&'.join(f'runs={name}' for name in names)}")
    ready(page, 8)
    tops = {round(box["y"]) for card in cards(page).all() if (box := card.bounding_box())}
    assert len(tops) == 2  # rows of four
    page.get_by_role("heading", name="Curves").scroll_into_view_if_needed()
    page.mouse.move(600, 500)
    page.mouse.wheel(0, 600)
    expect(slider(page)).to_be_in_viewport()
    slider(page).press("ArrowLeft")
    wait_for_epochs(page, *[9, 6] * 4)


def test_a_page_begins_at_its_own_epoch(page: Page, url: str) -> None:
    """The epoch of the page before is not carried along."""
    page.goto(f"{url}/compare?epoch=3")
    ready(page, 4)
    wait_for_epochs(page, 3, 3, 3, 3)
    page.get_by_role("link", name="Run", exact=True).click()
    page.wait_for_url("**/run*")
    ready(page, 1)
    wait_for_epochs(page, 10)
    expect(slider(page)).to_have_value("10")


@pytest.mark.parametrize(
    ("path", "scheme"),
    [
        ("train", "light"),
        ("compare?runs=translator&real=1", "light"),
        ("run?run=translator", "dark"),
    ],
)
def test_a_narrow_page_does_not_scroll_sideways(browser: Browser, url: str, path: str, scheme: str) -> None:
    with browser.new_context(viewport={"width": 400, "height": 800}, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(f"{url}/{path}")
        page.get_by_role("heading", level=1).first.wait_for()
        if "translator" in path:
            expect(cards(page).first).to_have_attribute("aria-busy", "false")
        page.wait_for_timeout(1500)
        page.wait_for_function(f"{WIDE} <= 0")  # a busy machine lays the page out piece by piece
        images = page.locator("[data-testid='stImage'] img").all()
        assert all(image.get_attribute("alt") for image in images)
        drawn = cards(page).locator("canvas").all()
        assert all(canvas.get_attribute("aria-label") for canvas in drawn)
        # What stands beside a button elsewhere has a row of its own here, without an empty space.
        for row in page.locator(".st-key-start-row, .st-key-choice").all():
            parts = row.evaluate("row => [...row.children].map(one => one.getBoundingClientRect().toJSON())")
            assert len({part["left"] for part in parts}) == 1 and max(part["height"] for part in parts) < 100


def test_two_fingers_enlarge_the_sheets_and_one_opens_a_sample(browser: Browser, url: str) -> None:
    with browser.new_context(viewport={"width": 400, "height": 800}, has_touch=True) as context:
        page = context.new_page()
        page.goto(f"{url}/compare")
        ready(page, 4)
        assert page.evaluate(WIDE) <= 0
        view = cards(page).first.locator(".view")
        view.scroll_into_view_if_needed()
        box = view.bounding_box()
        assert box
        middle, across = box["y"] + box["height"] / 2, box["x"] + box["width"] / 2
        session = context.new_cdp_session(page)

        def touch(kind: str, *places: float) -> None:
            points = [{"x": across + place, "y": middle, "id": number} for number, place in enumerate(places)]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        scrolled = page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop")
        touch("touchStart", -30)
        touch("touchStart", -30, 30)
        for step in (40, 50, 60):
            touch("touchMove", -step, step)
        touch("touchEnd")
        expect(page).to_have_url(re.compile(r"zoom=2_50_50"))
        # The finger's own place stays below it: both to the right by a quarter of the sheet's width.
        touch("touchStart", -30, 30)
        touch("touchMove", -30 + box["width"] / 4, 30 + box["width"] / 4)
        touch("touchEnd")
        expect(page).to_have_url(re.compile(r"zoom=2_37.5_50"))
        expect(page.get_by_role("dialog")).to_have_count(0)
        assert page.evaluate("visualViewport.scale") == 1
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") == scrolled
        page.touchscreen.tap(across, middle)
        expect(page.get_by_role("dialog")).to_be_visible()
