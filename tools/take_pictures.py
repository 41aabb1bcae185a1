"""Takes the pictures in docs/pictures from a running app.

python -m tools.take_pictures http://127.0.0.1:8501
"""

import argparse
import io
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from tests.helpers.browser import find_browser
from tests.helpers.repository import ROOT

FOLDER = ROOT / "docs" / "pictures"
STUDY = "&".join(
    f"evaluated=reference%2F{name}"
    for name in ("gan", "dcgan", "cgan", "bigan", "acgan", "r3gan", "vae")
    if (ROOT / "runs" / "reference" / name).is_dir()
)
SHOTS: tuple[tuple[str, str, int, int, Literal["light", "dark"]], ...] = (  # name, path, width, height, scheme
    ("home", "", 1440, 900, "light"),
    ("compare", "compare?epoch=20", 1440, 1000, "light"),
    ("run", "run?run=reference%2Fdcgan", 1440, 1400, "light"),
    ("large", "compare?epoch=20&sample=6&large=reference%2Fdcgan", 1440, 900, "light"),
    ("quiz", "quiz", 1440, 900, "light"),
    ("evaluate", "evaluate", 1440, 1360, "light"),
    ("time_to_quality", f"evaluate?{STUDY}", 1100, 900, "light"),
    ("train", "train", 1440, 900, "light"),
    ("live", "live", 1440, 960, "light"),
    ("live_generate", "live", 1240, 1000, "light"),
    ("explore", "live", 1440, 900, "dark"),
    ("playground", "playground?experiment=collapse", 1280, 720, "light"),
)
PARTS = {"time_to_quality": ".st-key-time-to-quality"}  # name -> CSS selector, for pictures of only a part of the page


def take(page: Page, url: str, target: Path) -> None:
    """Take one screenshot of a page once it has finished rendering."""
    page.goto(url)
    if target.stem == "live_generate":
        every_class(page, "r3gan_long_128")
    elif target.stem == "explore":
        explored(page)
    elif target.stem == "live":
        painted(page)
    elif target.stem == "playground":
        expect(page.locator("[data-kind=collapse]")).to_be_visible(timeout=60_000)
    else:
        page.get_by_role("heading", level=1).first.wait_for()
        page.wait_for_load_state("networkidle")
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=60_000)
    page.wait_for_timeout(2000)
    part = PARTS.get(target.stem)
    content = page.locator(part).screenshot() if part else page.screenshot()
    Image.open(io.BytesIO(content)).convert("RGB").save(target, optimize=True)


def painted(page: Page) -> None:
    """Wait until the live tab shows its opening picture and what was painted into it."""
    expect(page.frame_locator("iframe").locator(".severity input").first).to_be_visible(timeout=60_000)


def explored(page: Page) -> None:
    """Open the latent space of the first run, and wait until it is told what its directions change."""
    frame = page.frame_locator("iframe")
    frame.get_by_role("tab", name="Explore").click()
    expect(frame.get_by_text("a pixel changes by").first).to_be_visible(timeout=120_000)


def every_class(page: Page, run: str) -> None:
    """Generate the same latents in each class of a run, with the classifiers' predictions."""
    frame = page.frame_locator("iframe")
    frame.locator(".ganray-examples button").locator("visible=true").first.wait_for(timeout=60_000)
    frame.get_by_role("tab", name="Generate").click()
    frame.get_by_label("Run").locator("visible=true").first.click()
    frame.get_by_role("option", name=run).locator("visible=true").first.click()
    frame.get_by_role("button", name="Same latents, every class").locator("visible=true").first.click()
    expect(frame.get_by_text("child-b").locator("visible=true").first).to_be_visible(timeout=60_000)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.take_pictures", description=__doc__.splitlines()[0])
    parser.add_argument("url", help="address of the running app")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for the pictures")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="take only these pictures (default: all)")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    path_of_browser = find_browser()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path_of_browser, args=["--no-sandbox", "--disable-gpu"])
        for name, path, width, height, scheme in (shot for shot in SHOTS if shot[0] in (given.only or [shot[0]])):
            with chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme) as context:
                context.add_init_script("localStorage.setItem('ganray-tour', 'ended')")  # else Home offers it
                take(context.new_page(), f"{given.url.rstrip('/')}/{path}", given.out / f"{name}.png")
        chromium.close()


if __name__ == "__main__":
    main()
