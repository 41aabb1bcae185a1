"""Compare in a real browser: the slider moves all grids, the animations play, the URL holds the view."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from gan_core import runs
from tests.dashboard.fixtures import draw_grid, make_run

expect.set_options(timeout=20_000)

FOUR = ("gan", "dcgan", "cgan", "bigan")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    for seed, preset in enumerate(FOUR):
        make_run(folder, f"reference/{preset}", preset, 10, 20, seed=seed)
    make_run(folder, "short", "dcgan", 4, 10, preview_every=2)
    return folder


@pytest.fixture(scope="module")
def url(start_app: Callable[[Path], str], root: Path) -> str:
    return start_app(root)


def grids(page: Page) -> Locator:
    return page.locator('[class*="st-key-picture-grid"] img')


def pixels(page: Page) -> list[str]:
    """The grids as the browser has decoded them, one text for each."""
    return page.evaluate(
        """() => [...document.querySelectorAll('[class*="st-key-picture-grid"] img')].map(image => {
            const canvas = document.createElement('canvas');
            canvas.width = image.naturalWidth;
            canvas.height = image.naturalHeight;
            canvas.getContext('2d').drawImage(image, 0, 0);
            return canvas.toDataURL();
        })"""
    )


def changed(before: list[str], page: Page, seconds: float = 10) -> list[str]:
    """The grids once each of them shows something else, and goes on showing it.

    While a picture is exchanged the browser may draw nothing, or the one of a slider position passed through.
    """
    end = time.monotonic() + seconds
    seen: list[str] = []
    while time.monotonic() < end:
        now = pixels(page)
        if now == seen and len(now) == len(before) and all(a != b for a, b in zip(before, now, strict=True)):
            return now
        seen = now
        page.wait_for_timeout(250)
    raise AssertionError("some grid did not change")


def ready(page: Page, count: int) -> None:
    expect(grids(page)).to_have_count(count)
    page.wait_for_function(
        """() => [...document.querySelectorAll('[class*="st-key-picture-grid"] img')]
            .every(image => image.complete && image.naturalWidth > 0)"""
    )


def epoch_slider(page: Page) -> Locator:
    return page.get_by_role("slider", name="Epoch").first  # while its range changes the old one is there as well


def test_the_slider_moves_every_grid_and_cursor(page: Page, url: str) -> None:
    page.goto(url)
    ready(page, 4)
    expect(page.locator(".js-plotly-plot .scatterlayer")).to_have_count(3)
    last = pixels(page)
    assert len(set(last)) == 4
    epoch_slider(page).focus()
    page.keyboard.press("ArrowLeft")
    before_last = changed(last, page)
    expect(page).to_have_url(f"{url}/?epoch=9")
    page.keyboard.press("Home")
    first = changed(before_last, page)
    page.keyboard.press("End")
    assert changed(first, page) == last


def test_the_slider_follows_the_mouse(page: Page, url: str) -> None:
    page.goto(url)
    ready(page, 4)
    before = pixels(page)
    rail = page.locator(".st-key-epoch [role='group'] > div").bounding_box()
    assert rail
    height = rail["y"] + rail["height"] / 2
    page.mouse.move(rail["x"] + rail["width"], height)
    page.mouse.down()
    page.mouse.move(rail["x"] + rail["width"] * 0.3, height, steps=8)
    page.mouse.up()
    changed(before, page)
    expect(epoch_slider(page)).to_have_value("3")


def test_what_the_browser_shows_is_the_file(page: Page, url: str, root: Path) -> None:
    page.goto(f"{url}/?epoch=7")
    ready(page, 4)
    for image, preset in zip(grids(page).all(), FOUR, strict=True):
        source = image.get_attribute("src")
        assert source
        body = page.request.get(f"{url}{source}" if source.startswith("/") else source).body()
        assert body == (root / "reference" / preset / "samples" / "epoch_0007.png").read_bytes()


def test_the_animations_play_and_are_of_one_size(page: Page, url: str) -> None:
    page.goto(url)
    ready(page, 4)
    animations = page.locator('[class*="st-key-picture-gif"] img')
    expect(animations).to_have_count(4)
    animations.first.scroll_into_view_if_needed()
    boxes = [image.bounding_box() for image in animations.all()]
    assert len({(round(box["width"]), round(box["height"])) for box in boxes if box}) == 1
    seen = set()
    for _ in range(10):
        seen.add(animations.first.screenshot())
        page.wait_for_timeout(200)
    assert len(seen) > 2


def test_a_view_opened_elsewhere_is_the_same(page: Page, browser: Browser, url: str) -> None:
    page.goto(f"{url}/?runs=short&runs=reference%2Fbigan&epoch=3&smoothing=0.5")
    ready(page, 2)
    expect(epoch_slider(page)).to_have_value("3")
    expect(page.get_by_text("epoch 2, the nearest this run has to 3")).to_be_visible()
    epoch_slider(page).focus()
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"epoch=4\b"))
    page.wait_for_timeout(1500)
    ready(page, 2)
    shown, address = pixels(page), page.url
    with browser.new_context() as other:
        elsewhere = other.new_page()
        elsewhere.goto(address)
        ready(elsewhere, 2)
        expect(epoch_slider(elsewhere)).to_have_value("4")
        assert pixels(elsewhere) == shown


def test_a_running_run_grows_while_it_is_looked_at(page: Page, url: str, root: Path) -> None:
    run = make_run(root, "growing", "gan", 9, 5, "running")
    page.goto(f"{url}/?runs=growing")
    ready(page, 1)
    expect(epoch_slider(page)).to_have_attribute("max", "6")
    writer = runs.RunWriter.reopen(run)
    writer.save_samples(7, draw_grid(0.8, "gan", 5))
    writer.close()
    expect(epoch_slider(page)).to_have_attribute("max", "7")
    expect(epoch_slider(page)).to_have_value("7")  # who stood at the end stays at the end
    epoch_slider(page).focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"epoch=1\b"))
    page.wait_for_timeout(1500)
    writer = runs.RunWriter.reopen(run)
    writer.save_samples(8, draw_grid(0.9, "gan", 5))
    writer.close()
    expect(epoch_slider(page)).to_have_attribute("max", "8")
    expect(epoch_slider(page)).to_have_value("1")  # who looks at an epoch stays there


@pytest.mark.parametrize("path", ["", "run", "evaluate", "train"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_page_does_not_scroll_sideways(browser: Browser, url: str, path: str, scheme: str) -> None:
    with browser.new_context(viewport={"width": 400, "height": 800}, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(f"{url}/{path}")
        page.get_by_role("heading", level=1).first.wait_for()
        page.wait_for_timeout(1500)
        wide = page.evaluate(
            "document.querySelector('[data-testid=stMain]').scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0
        images = page.locator("[data-testid='stImage'] img").all()
        assert all(image.get_attribute("alt") for image in images)
