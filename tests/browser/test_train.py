"""Train in a real browser: a small training is started, followed, and appears in Compare."""

from pathlib import Path

from playwright.sync_api import Page, expect

from gan_core.runs import Run
from tests.helpers.sheets import cards

MINUTES = 2 * 60_000


def fill(page: Page, role: str, name: str, value: str) -> None:
    field = page.get_by_role(role, name=name, exact=True)
    field.fill(value)
    field.press("Enter")


def test_a_training_is_started_followed_and_compared(page: Page, app_url: str, runs_root: Path, tmp_path: Path) -> None:
    """After a first try with a folder that has no images."""
    empty = tmp_path / "empty"
    empty.mkdir()
    page.goto(f"{app_url}/train")
    fill(page, "textbox", "Data", str(empty))
    fill(page, "textbox", "Name", "none")
    page.get_by_role("button", name="Start training").click()
    alert = page.locator(".st-key-job-none").get_by_role("alert")
    expect(alert).to_contain_text(str(empty), timeout=MINUTES)
    expect(alert).not_to_contain_text("Traceback")
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator(".st-key-job-none")).to_have_count(0)

    fill(page, "textbox", "Data", "phantom:cxr?images=64")
    expect(page.get_by_role("spinbutton", name="Epochs")).to_have_value("20")  # of phantoms, once the page knows them
    fill(page, "spinbutton", "Epochs", "2")
    fill(page, "spinbutton", "Batch size", "8")
    page.get_by_role("combobox", name="Image size").click()
    page.get_by_role("option", name="32 px").click()
    fill(page, "textbox", "Name", "first")
    page.get_by_role("button", name="Start training").click()
    card = page.locator(".st-key-job-first, .st-key-training-first")
    expect(card.first).to_be_visible()
    card = page.locator(".st-key-training-first")
    expect(card.get_by_text("finished").first).to_be_visible(timeout=MINUTES)
    expect(card.get_by_text("epoch 2 of 2").first).to_be_visible()
    expect(card.locator("img")).to_have_count(1)
    expect(card.locator(".js-plotly-plot .scatterlayer")).to_have_count(2)
    config = Run(runs_root / "first").config()
    assert (config.preset, config.epochs, config.image_size, config.batch_size) == ("dcgan", 2, 32, 8)

    # While the page is drawn anew, the link under the pointer may be exchanged between press and release.
    expect(page.locator("[data-testid='stApp'][data-test-script-state='notRunning']")).to_be_visible()
    card.get_by_role("link", name="Compare").click()
    expect(page.get_by_role("heading", name="Compare")).to_be_visible()
    expect(cards(page)).to_have_count(1)
    expect(cards(page)).to_have_attribute("data-epoch", "2")


def test_a_training_is_stopped_and_resumed(page: Page, app_url: str, runs_root: Path) -> None:
    page.goto(f"{app_url}/train")
    fill(page, "textbox", "Data", "phantom:cxr?images=64")
    fill(page, "spinbutton", "Epochs", "2000")
    fill(page, "spinbutton", "Batch size", "8")
    fill(page, "textbox", "Name", "long")
    page.get_by_role("button", name="Start training").click()
    card = page.locator(".st-key-training-long")
    stop = card.get_by_role("button", name="Stop")
    expect(stop).to_be_visible(timeout=MINUTES)
    expect(card.get_by_text("step ").first).to_be_visible(timeout=MINUTES)
    stop.click()
    resume = card.get_by_role("button", name="Resume")
    expect(resume).to_be_visible(timeout=MINUTES)
    assert Run(runs_root / "long").status().state == "stopped"
    resume.click()
    expect(stop).to_be_visible(timeout=MINUTES)
