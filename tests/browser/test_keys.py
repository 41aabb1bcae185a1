"""Space and the arrows on the whole page of Compare and Run: not where somebody types, and not once it is left."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.helpers.run_folders import make_run
from tests.helpers.sheets import ready, wait_for_epochs


@pytest.fixture(scope="module")
def url(start_app: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("keys")
    for name in ("gan", "dcgan"):
        make_run(folder, f"reference/{name}", name, 10, 4)
    return start_app(folder)


def epoch(page: Page) -> float:
    return float(page.evaluate("window.ganrayEpoch"))


def settled(page: Page) -> None:
    expect(page.locator("[data-testid='stApp'][data-test-script-state='notRunning']")).to_be_visible()


def test_keys_work_wherever_nobody_types(page: Page, url: str) -> None:
    page.goto(f"{url}/?runs=reference/gan&runs=reference/dcgan")
    ready(page, 2)
    wait_for_epochs(page, 10, 10)
    playing = page.locator("button.play.playing")
    page.keyboard.press("ArrowLeft")
    wait_for_epochs(page, 9, 9)
    page.keyboard.press("ArrowRight")
    wait_for_epochs(page, 10, 10)
    expect(page.locator("select.speed")).to_have_value("1")  # few sheets: a film of one a second
    page.keyboard.press("Space")
    expect(playing).to_have_count(1)
    page.keyboard.press("Space")
    expect(playing).to_have_count(0)
    stood = epoch(page)

    # A focused button is pressed once by the space bar, and no other key is taken from it.
    page.get_by_role("button", name="Step back").focus()
    page.keyboard.press("Space")
    expect(playing).to_have_count(0)
    assert epoch(page) != stood or stood == 0
    box = page.get_by_role("combobox").first
    box.click()
    stood = epoch(page)
    page.keyboard.type("x y")
    page.keyboard.press("ArrowLeft")
    box.fill("")
    page.keyboard.press("Escape")
    page.get_by_role("heading", name="Compare", exact=True).click()
    expect(page.get_by_role("listbox")).to_have_count(0)
    assert epoch(page) == stood
    expect(playing).to_have_count(0)

    # Another page, without a reload: the handler of the first is gone, and Run has its own.
    page.get_by_role("link", name="Train", exact=True).click()
    expect(page.get_by_role("heading", name="Train", exact=True)).to_be_visible()
    settled(page)
    page.evaluate("() => { window.heard = 0; addEventListener('ganray:epoch', () => window.heard++); }")
    page.locator("body").press("ArrowLeft")
    page.locator("body").press("Space")
    assert page.evaluate("window.heard") == 0
    page.get_by_role("link", name="Run", exact=True).click()
    expect(page.locator("input.range")).to_be_visible()
    settled(page)
    page.evaluate("() => window.dispatchEvent(new CustomEvent('ganray:seek', { detail: { epoch: 5 } }))")
    page.evaluate("() => { window.heard = 0; document.activeElement.blur(); }")
    page.keyboard.press("ArrowLeft")
    wait_for_epochs(page, 4)
    assert page.evaluate("window.heard") == 1, "one handler, and one step"
    page.keyboard.press("Space")
    expect(playing).to_have_count(1)
    page.keyboard.press("Space")
    expect(playing).to_have_count(0)

    # Whoever goes on with the keyboard sees where it is in the top bar.
    for place in ("stTopNavLink", "stMainMenuButton"):
        page.get_by_test_id(place).first.focus()
        expect(page.get_by_test_id(place).first).to_have_css("outline-style", "solid")
