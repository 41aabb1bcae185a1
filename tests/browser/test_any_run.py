"""Trainings of other programs in a browser: one is added by hand, one scrubber moves them and ours."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from gan_core import runs
from tests.helpers import wgan_gp
from tests.helpers.run_folders import make_run
from tests.helpers.sheets import cards, ready, slider
from tests.helpers.trainings_elsewhere import stylegan

STEPS = 10


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    make_run(root, "dcgan", "dcgan", 5, 4)
    options = ("--steps", str(STEPS), "--sheet_every", "2", "--batch_size", "4", "--width", "4")
    wgan_gp.train(tmp_path_factory.mktemp("script"), root, *options)
    return root


@pytest.fixture(scope="module")
def url(start_app: Callable[[Path], str], root: Path) -> str:
    return start_app(root)


def test_the_run_of_a_script_is_scrubbed_beside_ours(page: Page, url: str, root: Path) -> None:
    run = runs.find_run("my_wgan", root)
    assert (run.status().state, run.status().step, list(run.samples())) == ("finished", STEPS, [1, 2, 4, 6, 8, 10])
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(f"{url}/compare?runs=dcgan&runs=my_wgan")
    ready(page, 2)
    ours, theirs = cards(page).nth(0), cards(page).nth(1)
    expect(theirs.locator(".state")).to_have_text("recorded")
    expect(theirs.locator(".at")).to_have_text("step 10")
    expect(page.get_by_text("placed by its share of the training")).to_be_visible()
    slider(page).press("Home")
    expect(ours.locator(".at")).to_have_text("epoch 0")
    expect(theirs.locator(".at")).to_have_text("step 1, the nearest this run has to 0")
    page.evaluate("dispatchEvent(new CustomEvent('ganray:seek', { detail: { epoch: 3 } }))")
    expect(ours.locator(".at")).to_have_text("epoch 3")
    expect(theirs.locator(".at")).to_have_text("step 6")
    slider(page).press("ArrowLeft")  # to the nearest sheet of any run
    expect(ours.locator(".at")).to_have_text("epoch 2")
    expect(theirs.locator(".at")).to_have_text("step 4")
    expect(page.locator(".plots .legend").first).to_contain_text("10 steps, drawn by its share of the training")
    for title in ("Distance by the critic", "Generator loss, Wasserstein", "Generator loss, cross entropy"):
        expect(page.locator(".plots h3", has_text=title)).to_have_count(1)
    # Alone, it counts its own steps.
    page.goto(f"{url}/compare?runs=my_wgan&epoch=4")
    ready(page, 1)
    expect(page.locator("output.epoch")).to_have_text("Step 4 of 10")
    expect(cards(page).locator(".at")).to_have_text("step 4")
    assert not wrong


def test_a_training_is_added_by_hand(page: Page, url: str, tmp_path: Path) -> None:
    folder = stylegan(tmp_path / "elsewhere")
    page.goto(f"{url}/train")
    page.get_by_text("Add a run that another program trained").click()
    add = page.get_by_role("button", name="Add this run")
    expect(add).to_be_disabled()
    path = page.get_by_role("textbox", name="Folder or file")
    path.fill(str(folder))
    path.press("Enter")
    expect(page.get_by_text("stylegan: 4 rows up to step 16; 4 sheets, step 1 to 16")).to_be_visible()
    add.click()
    expect(path).to_have_value("")
    page.locator(".st-key-training-elsewhere").get_by_role("link", name="Compare").click()
    ready(page, 1)
    expect(cards(page).locator(".at")).to_have_text("step 16")
