"""The playground in a browser: a collapse, its diagnosis, R1 by its own control, a drawing, the end of the process."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from playwright.sync_api import Page, expect

from gan_core.playground.experiments import HELD
from tests.robustness.visitor import server_of

STEPS = re.compile(r'"step": (\d+)')


def games(app: str) -> int:
    """How many processes play a game."""
    starters = [one for one in server_of(app).children() if "gan_core.playground.starter" in " ".join(one.cmdline())]
    return sum(len(starter.children()) for starter in starters)


def test_a_collapse_appears_and_goes_away_with_r1(page: Page, start_app: Callable[[Path], str], tmp_path: Path) -> None:
    app = start_app(tmp_path)
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(f"{app}/playground?experiment=collapse")
    board = page.locator(".playground[data-step]")
    expect(page.get_by_text("Why does a penalty on the discriminator's slope")).to_be_visible()
    for part in (page.get_by_role("button", name="Pause"), page.get_by_role("img", name=re.compile("^Step"))):
        box = part.bounding_box()
        assert box and box["y"] + box["height"] <= 720  # the plane and the buttons, without scrolling
    expect(page.locator(".says .ailment[data-kind=collapse]")).to_be_visible()
    assert int(board.get_attribute("data-covered") or 9) <= 4

    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    page.keyboard.press("g")
    expect(board).to_have_attribute("data-step", re.compile("[16]$"))  # it plays five at a time
    before = int(board.get_attribute("data-step") or 0)
    page.keyboard.press("Space")

    r1 = page.get_by_role("slider", name="R1 weight")
    r1.focus()
    for _ in range(10):
        if r1.get_attribute("aria-valuetext") != f"{HELD:g}":
            page.keyboard.press("ArrowRight")
    expect(r1).to_have_attribute("aria-valuetext", f"{HELD:g}")
    expect(page.get_by_role("button", name="Take it back")).to_be_visible()
    expect(page.locator("[data-kind=collapse]")).to_have_count(0)
    expect(page.locator("[data-covered='8'], [data-covered='7']")).to_be_visible()
    assert int(board.get_attribute("data-step") or 0) > before  # it went on, and did not begin anew

    page.get_by_role("combobox", name="Data").select_option("drawn")
    use = page.get_by_role("button", name="Learn this drawing")
    expect(use).to_be_disabled()
    for x in (80, 160, 240):
        page.locator("canvas.plot").click(position={"x": x, "y": x})
    page.get_by_role("slider", name="Learning rate of G").press("ArrowRight")
    page.get_by_role("button", name="New seed").click()
    expect(use).to_be_enabled()  # the points that were drawn are still there
    use.click()
    expect(board).to_have_attribute("data-step", re.compile(r"^\d\d"))

    assert games(app) == 1
    page.close()
    end = time.monotonic() + 30
    while games(app):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert psutil.pid_exists(server_of(app).pid)
