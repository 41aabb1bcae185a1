"""The stage in a real browser: one scrubber moves every sheet without asking the server, and what looks closely."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, WebSocket, expect

from gan_core import runs
from tests.helpers import sheets
from tests.helpers.recorded import record_run
from tests.helpers.run_folders import draw_grid, make_run
from tests.helpers.sheets import cards, epochs, pixels, ready, red, sheet, slider, wait_for_epochs

FOUR = ("gan", "dcgan", "cgan", "bigan")
REFERENCE = [f"reference/{preset}" for preset in FOUR]
LIGHT = "cyclegan_resnet_light"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stage")
    for seed, preset in enumerate(FOUR):
        make_run(folder, f"reference/{preset}", preset, 10, 4, seed=0 if preset == "dcgan" else seed)
    make_run(folder, "short", "dcgan", 4, 4, preview_every=2)
    kept = make_run(folder, "kept", "dcgan", 10, 4).folder / runs.CONFIG
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"kept": {"which": "best", "epoch": 7}}))
    make_run(folder, "translator", LIGHT, 4, 4, private=True)
    return folder


@pytest.fixture(scope="module")
def url(start_app: Callable[[Path], str], root: Path) -> str:
    return start_app(root)


def heard(page: Page) -> list[dict[str, object]]:
    """What the scrubber has told since `listen`."""
    return page.evaluate("() => window.heard.splice(0)")


def listen(page: Page) -> None:
    page.evaluate("() => { window.heard = []; addEventListener('ganray:epoch', e => window.heard.push(e.detail)); }")


def seek(page: Page, epoch: float) -> None:
    page.evaluate("epoch => dispatchEvent(new CustomEvent('ganray:seek', { detail: { epoch } }))", epoch)


def test_keys_move_every_sheet_nothing_is_sent_and_a_place_is_shared(page: Page, url: str, root: Path) -> None:
    sent: list[str] = []

    def follow(socket: WebSocket) -> None:
        socket.on("framesent", lambda _: sent.append("message"))

    page.on("websocket", follow)
    page.goto(f"{url}/compare")
    ready(page, 4)
    wait_for_epochs(page, 10, 10, 10, 10)
    sheets.wait_for_all(page)
    page.wait_for_timeout(1000)
    page.on("request", lambda request: sent.append(request.url))
    sent.clear()
    last = pixels(page)
    assert len(set(last)) == 4
    slider(page).focus()
    page.keyboard.press("ArrowLeft")
    wait_for_epochs(page, 9, 9, 9, 9)
    expect(page).to_have_url(f"{url}/compare?epoch=9")
    assert all(old != new for old, new in zip(last, pixels(page), strict=True))
    page.keyboard.press("Home")
    wait_for_epochs(page, 0, 0, 0, 0)
    for epoch in range(1, 11):
        page.keyboard.press("ArrowRight")
        wait_for_epochs(page, *[epoch] * 4)
    assert pixels(page) == last
    page.keyboard.press("PageDown")
    wait_for_epochs(page, 9, 9, 9, 9)
    page.keyboard.press("End")
    wait_for_epochs(page, 10, 10, 10, 10)
    assert sent == []
    for card, name in zip(cards(page).all(), REFERENCE, strict=True):
        assert np.array_equal(red(card.locator("canvas")), sheet(root, name, 10))

    def places() -> set[str]:
        return set(cards(page).locator("canvas").evaluate_all("all => all.map(canvas => canvas.style.transform)"))

    assert places() == {""}
    view = cards(page).nth(1).locator(".view")
    view.focus()
    page.keyboard.press("+")
    expect(page).to_have_url(re.compile("zoom=1.5_50_50"))
    assert places() == {"translate(-25%, -25%) scale(1.5)"}
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile("zoom=1.5_56.7_50"))
    box = view.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    expect(page).to_have_url(re.compile("zoom=4.1_"))
    before = places()
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 - 40, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    page.wait_for_timeout(500)
    after = places()
    assert len(before) == len(after) == 1 and before != after
    expect(page.get_by_role("dialog")).to_have_count(0)  # it was drawn, not clicked
    view.focus()
    page.keyboard.press("0")
    expect(page).to_have_url(f"{url}/compare?epoch=10")
    assert places() == {""}


def test_the_mouse_draws_from_stop_to_stop_and_rests_at_the_end(page: Page, url: str) -> None:
    page.goto(f"{url}/compare?runs=short")
    ready(page, 1)
    listen(page)
    box = slider(page).bounding_box()
    assert box
    height = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] - 8, height)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.45, height, steps=8)
    told = heard(page)
    assert told and not any(event["final"] for event in told)
    assert {event["epoch"] for event in told} <= {0, 2, 4}  # the epochs it has a sheet of
    assert "epoch=" not in page.url
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"epoch=2\b"))
    assert heard(page)[-1] == {"epoch": 2, "final": True, "from": "stage"}
    wait_for_epochs(page, 2)


def test_whoever_asks_is_brought_to_an_epoch_and_play_runs_on_from_it(page: Page, url: str) -> None:
    page.goto(f"{url}/compare")
    ready(page, 4)
    listen(page)
    for asked, reached in ((3.4, 3), (99, 10), (-5, 0)):
        seek(page, asked)
        wait_for_epochs(page, *[reached] * 4)
        assert heard(page)[-1] == {"epoch": reached, "final": True, "from": "curves"}
        assert page.evaluate("window.ganrayEpoch") == reached
    seek(page, float("nan"))
    assert heard(page) == []
    page.evaluate(
        """() => {
            const link = document.createElement("a");
            Object.assign(link, { href: "#stage", tabIndex: 0, textContent: "epoch 7" });
            link.dataset.epochLink = "7";
            document.querySelector("h1").append(link);
        }"""
    )
    page.get_by_role("link", name="epoch 7").click()
    wait_for_epochs(page, 7, 7, 7, 7)
    assert heard(page)[-1]["from"] == "link"
    slider(page).press("Home")
    page.get_by_role("link", name="epoch 7").press("Enter")
    wait_for_epochs(page, 7, 7, 7, 7)
    expect(page).to_have_url(f"{url}/compare?epoch=7")

    sheets.wait_for_all(page)
    page.get_by_label("Speed").select_option("16")
    heard(page)
    page.get_by_role("button", name="Play").click()
    wait_for_epochs(page, 10, 10, 10, 10)
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    told = heard(page)
    assert [event["epoch"] for event in told] == [7, 8, 9, 10, 10]
    assert [event["final"] for event in told] == [False] * 4 + [True]
    page.get_by_label("Speed").select_option("1")
    expect(page).to_have_url(re.compile(r"speed=1\b"))
    slider(page).press(" ")
    wait_for_epochs(page, 0, 0, 0, 0)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    rested = epochs(page)
    page.wait_for_timeout(1500)
    assert epochs(page) == rested
    assert heard(page)[-1]["final"] is True


def test_a_run_without_that_epoch_shows_its_nearest_and_says_so(page: Page, url: str) -> None:
    page.goto(f"{url}/compare?runs=short&runs=reference%2Fbigan&epoch=3")
    ready(page, 2)
    wait_for_epochs(page, 2, 3)
    expect(cards(page).first.get_by_text(re.compile("^epoch 2, .*3$"))).to_be_visible()
    expect(cards(page).last.get_by_text("epoch 3", exact=True)).to_be_visible()
    expect(page.get_by_role("img", name="Sample grid of short at epoch 2", exact=True)).to_be_visible()


def test_a_star_leads_to_the_epoch_whose_weights_a_run_kept(page: Page, url: str) -> None:
    page.goto(f"{url}/compare?runs=kept&runs=short")
    ready(page, 2)
    star = page.get_by_role("button", name="kept kept the weights of epoch 7. Go there.")
    dot = page.locator(".dot").first
    assert star.evaluate("star => getComputedStyle(star).color") == dot.evaluate("dot => getComputedStyle(dot).color")
    star.click()
    wait_for_epochs(page, 7, 4)
    thumb = slider(page).evaluate(
        "range => { const box = range.getBoundingClientRect(); return box.x + 8 + "
        "(box.width - 16) * (range.value - range.min) / (range.max - range.min); }"
    )
    box = star.bounding_box()
    assert box and abs(box["x"] + box["width"] / 2 - thumb) < 1.5


def test_what_is_set_here_is_the_same_elsewhere(page: Page, browser: Browser, url: str) -> None:
    page.goto(f"{url}/compare?runs=short&runs=reference%2Fbigan")
    ready(page, 2)
    page.get_by_text("Look closely").click()
    page.get_by_label("Window").fill("40")
    page.get_by_label("Level").fill("30")
    page.get_by_role("button", name="Zoom in").click()
    slider(page).press("ArrowLeft")
    wait_for_epochs(page, 4, 9)
    for part in ("epoch=9", "zoom=1.5_50_50", "window=40", "level=30"):
        expect(page).to_have_url(re.compile(rf"[?&]{part}(&|$)"))
    # A widget of Streamlit's own runs the page again: the address keeps all of it.
    page.locator(".st-key-runs [data-tag] button").first.click()
    ready(page, 1)
    wait_for_epochs(page, 9)
    expect(page).to_have_url(re.compile(r"epoch=9\b"))
    shown, address = pixels(page), page.url
    assert "window=40" in address and "runs=reference%2Fbigan" in address and "short" not in address
    with browser.new_context() as other:
        elsewhere = other.new_page()
        elsewhere.goto(address)
        ready(elsewhere, 1)
        wait_for_epochs(elsewhere, 9)
        assert pixels(elsewhere) == shown
        expect(elsewhere.get_by_label("Window")).to_have_value("40")


def test_window_level_and_difference_are_what_they_say(page: Page, url: str, root: Path) -> None:
    page.goto(f"{url}/compare?window=50&level=60&epoch=8")
    ready(page, 4)
    wait_for_epochs(page, 8, 8, 8, 8)
    for card, name in zip(cards(page).all(), REFERENCE, strict=True):
        values = sheet(root, name, 8).astype(float)
        expected = np.clip((values - (0.6 - 0.25) * 255) / 0.5, 0, 255)
        assert np.abs(red(card.locator("canvas")) - expected).max() <= 1
    expect(page.locator("p.legend")).to_be_hidden()
    page.get_by_label("Difference from").select_option("2")
    expect(page.locator("p.legend")).to_contain_text("than at epoch 2")
    expect(page).to_have_url(re.compile(r"against=2\b"))
    expect(page.get_by_role("img", name=re.compile("dcgan at epoch 8, its difference from epoch 2"))).to_be_visible()
    now, then = (sheet(root, REFERENCE[0], epoch).astype(int) for epoch in (8, 2))
    colours = red(cards(page).first.locator("canvas"))
    assert set(np.unique(colours[now == then])) == {247}  # white: nothing changed
    assert set(np.unique(colours[now - then >= 77])) == {127}  # the strongest orange from 30 % on
    assert set(np.unique(colours[now - then <= -77])) == {45}
    page.get_by_role("button", name="Reset").click()
    expect(page).to_have_url(f"{url}/compare?epoch=8")
    assert np.array_equal(red(cards(page).first.locator("canvas")), sheet(root, REFERENCE[0], 8))


def test_one_sample_large_beside_the_same_of_the_others(page: Page, browser: Browser, url: str, root: Path) -> None:
    page.goto(f"{url}/compare?epoch=6")
    ready(page, 4)
    wait_for_epochs(page, 6, 6, 6, 6)
    box = cards(page).nth(1).locator(".view").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.3)  # third of the second row
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("Sample 7 of 16, epoch 6")
    expect(page).to_have_url(re.compile(r"epoch=6&sample=7&large=reference%2Fdcgan"))
    figures = dialog.locator("figure")
    expect(figures).to_have_count(4)
    names = [REFERENCE[1], REFERENCE[0], *REFERENCE[2:]]
    for figure, name in zip(figures.all(), names, strict=True):
        assert np.array_equal(red(figure.locator("canvas")), sheet(root, name, 6)[68:132, 134:198])
    expect(figures.nth(1)).to_contain_text("the same latent")
    expect(figures.nth(2)).to_contain_text("class covid, another latent vector (seed 2)")
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("heading")).to_have_text("Sample 7 of 16, epoch 7")
    wait_for_epochs(page, 7, 7, 7, 7)
    page.keyboard.press("ArrowDown")
    dialog.get_by_role("button", name="Make bigan the large one").click()
    expect(figures.first).to_contain_text("bigan")
    with browser.new_context() as other:
        elsewhere = other.new_page()
        elsewhere.goto(page.url)
        large = elsewhere.get_by_role("dialog")
        expect(large.get_by_role("heading")).to_have_text("Sample 8 of 16, epoch 7")
        expect(large.locator("figure").first).to_contain_text("bigan")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page).to_have_url(f"{url}/compare?epoch=7")


def test_a_sample_that_other_sheets_lack_is_not_shown_of_them(page: Page, url: str, root: Path) -> None:
    record_run(root, "many", samples=64, last=500)
    page.goto(f"{url}/compare?runs=many&runs=short&sample=40&large=many")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text(re.compile("^Sample 40 of 64"))
    expect(dialog.locator("figure")).to_have_count(1)
    expect(dialog).to_contain_text("With fewer samples: short (16)")
    expect(page).to_have_url(re.compile("sample=40&large=many"))


def test_drawn_images_stand_beside_generated_ones(page: Page, url: str) -> None:
    page.goto(f"{url}/compare?runs=short&real=1&sample=2")
    ready(page, 2)
    real = cards(page).last
    expect(real).to_contain_text("Drawn: phantom:cxr")
    assert red(real.locator("canvas")).std() > 20
    expect(page.get_by_role("dialog").locator("figure")).to_have_count(2)
    page.keyboard.press("Escape")
    page.get_by_label("Show real images").uncheck()
    expect(cards(page)).to_have_count(1)


def test_a_translators_sample_is_its_way_there_and_back(page: Page, url: str, root: Path) -> None:
    page.goto(f"{url}/run?run=translator&epoch=3")
    ready(page, 1)
    wait_for_epochs(page, 3)
    expect(cards(page)).to_contain_text("real inputs: stays on this machine")
    expect(cards(page)).to_contain_text("NORMAL → COVID")
    expect(cards(page)).to_contain_text("Changes at epoch 3")
    expect(cards(page)).to_contain_text("7.0%")  # the change there
    cards(page).locator(".view").press("Enter")
    page.keyboard.press("ArrowUp")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("COVID → NORMAL: input, translated, back")
    expect(dialog.get_by_role("heading")).to_have_text("Sample 2 of 8, epoch 3")
    whole = sheet(root, "translator", 3, "private")
    assert np.array_equal(red(dialog.locator("canvas")), whole[2:50, 152:300])


def test_a_running_run_grows_while_it_is_looked_at(page: Page, url: str, root: Path) -> None:
    run = make_run(root, "growing", "gan", 9, 5, "running")
    page.goto(f"{url}/compare?runs=growing")
    ready(page, 1)
    wait_for_epochs(page, 6)

    def grow(epoch: int) -> None:
        writer = runs.RunWriter.reopen(run)
        writer.save_samples(epoch, draw_grid(epoch / 9, "gan", 5))
        writer.close()
        expect(slider(page)).to_have_attribute("max", str(epoch))

    grow(7)
    wait_for_epochs(page, 7)  # who stood at the end stays at the end
    slider(page).press("Home")
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"epoch=1\b"))
    grow(8)
    wait_for_epochs(page, 1)  # who looks at an epoch stays there
    expect(page).to_have_url(re.compile(r"epoch=1\b"))


def test_a_torn_sheet_is_said_and_leaves_the_others_alone(page: Page, url: str, root: Path) -> None:
    run = make_run(root, "torn", "gan", 3, 4)
    path = run.samples()[2]
    path.write_bytes(path.read_bytes()[:500])
    page.goto(f"{url}/compare?runs=torn&runs=short&epoch=2")
    ready(page, 2)
    expect(cards(page).first).to_contain_text("no image")
    expect(cards(page).last.locator("canvas")).to_be_visible()
    slider(page).press("ArrowRight")
    wait_for_epochs(page, 3, 2)
    expect(cards(page).first.locator("canvas")).to_be_visible()
