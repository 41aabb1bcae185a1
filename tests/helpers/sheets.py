"""What the browser tests see of the stage: its cards, their epochs and pixels, the scrubber."""

import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Locator, Page, expect

from gan_core import images


def cards(page: Page) -> Locator:
    return page.locator("article.card")


def slider(page: Page) -> Locator:
    """The scrubber; the charts are sliders as well, and read "along Epoch"."""
    return page.get_by_role("slider", name="Epoch", exact=True)


def epochs(page: Page) -> list[str]:
    """The epoch that each card shows."""
    return cards(page).evaluate_all("cards => cards.map(card => card.dataset.epoch)")


def pixels(page: Page) -> list[str]:
    """The sheets as they are drawn, one text for each."""
    return cards(page).locator("canvas").evaluate_all("sheets => sheets.map(sheet => sheet.toDataURL())")


def red(canvas: Locator) -> np.ndarray:
    """The red band of a canvas, uint8 (height, width)."""
    width, height, values = canvas.evaluate(
        """canvas => {
            const { width, height } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            return [width, height, Array.from({ length: width * height }, (_, place) => data[4 * place])];
        }"""
    )
    return np.array(values, np.uint8).reshape(height, width)


def sheet(root: Path, run: str, epoch: int, folder: str = "samples") -> np.ndarray:
    """A sheet's file, uint8 (height, width)."""
    return images.read_png(root / run / folder / f"epoch_{epoch:04d}.png")[:, :, 0]


def ready(page: Page, count: int) -> None:
    """Wait until so many cards are drawn."""
    expect(cards(page)).to_have_count(count)
    for card in cards(page).all():
        expect(card).to_have_attribute("aria-busy", "false")


def wait_for_epochs(page: Page, *wanted: int, seconds: float = 30) -> None:
    """Wait until the cards show these epochs, drawn."""
    end = time.monotonic() + seconds
    found: list[str] = []
    while time.monotonic() < end:
        found = epochs(page)
        busy = cards(page).evaluate_all("cards => cards.some(card => card.getAttribute('aria-busy') === 'true')")
        if found == [str(epoch) for epoch in wanted] and not busy:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"the cards show the epochs {found}, not {wanted}")


def wait_for_all(page: Page) -> None:
    """Wait until every frame was fetched."""
    expect(page.locator("div.cards[data-left='0']")).to_have_count(1)
