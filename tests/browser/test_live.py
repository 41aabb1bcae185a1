"""Live in a real browser: upload a normal X-ray, see its translation, move the wipe; and what goes wrong."""

import base64
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import FrameLocator, Page, expect

from gan_core import images
from gan_core.phantoms.chest import xray
from gan_core.phantoms.head import mri
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def live_url(start_app: Callable[[Path], str]) -> str:
    return start_app(ROOT / "runs")


def written(folder: Path, name: str, picture: np.ndarray) -> Path:
    path = folder / name
    path.write_bytes(images.png_bytes((picture * 255).astype(np.uint8)))
    return path


def open_live(page: Page, url: str, *, link: bool = False) -> FrameLocator:
    page.goto(url if link else f"{url}/live")
    if link:
        page.get_by_role("link", name="Live").click()
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("tab", name="Translate")).to_be_visible()
    return frame


def assert_one_ground(page: Page, frame: FrameLocator) -> None:
    """The tab is as light or as dark as the page around it."""
    ground = "element => getComputedStyle(element).backgroundColor"
    around = page.locator(".stApp").evaluate(ground)
    expect(frame.locator(".gradio-container").first).to_have_css("background-color", around)


def assert_footer_follows(page: Page) -> None:
    """The page goes on below the frame, and the frame ends where its content does."""
    page.wait_for_function(
        """() => {
          const frame = document.querySelector("iframe");
          const words = [...document.querySelectorAll("p")].find((one) => one.textContent.startsWith("Words on this"));
          const tabs = frame.contentDocument.querySelector(".gradio-container .tabs");
          if (!words || !tabs) return false;
          const { top, bottom } = frame.getBoundingClientRect();
          const content = Math.max(tabs.getBoundingClientRect().bottom + top, window.innerHeight - 64);
          const below = words.getBoundingClientRect().top;
          return below >= bottom && below - content < 80;
        }"""
    )


def choose(frame: FrameLocator, run: str) -> None:
    box = frame.get_by_label("Run").locator("visible=true").first
    box.click()
    frame.get_by_role("option", name=run, exact=True).click()


def uncovered(frame: FrameLocator) -> str:
    return str(frame.locator(".wipe").evaluate("element => element.style.getPropertyValue('--at')"))


def test_a_normal_x_ray_is_translated_and_wiped(page: Page, live_url: str, tmp_path: Path) -> None:
    frame = open_live(page, live_url, link=True)
    assert_one_ground(page, frame)
    # It opens with an example at work, in every tab, and so does another run.
    expect(frame.get_by_text("An example, no patient's, translated by covid_opacity.")).to_be_visible()
    expect(frame.locator(".wipe canvas.painted")).to_be_visible()
    for width in (400, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert_footer_follows(page)
    frame.get_by_role("tab", name="Generate").click()
    expect(frame.locator(".generation .grid img")).to_have_count(16)
    frame.get_by_role("tab", name="Encode").click()
    expect(frame.locator(".three img")).to_have_count(3)
    frame.get_by_role("tab", name="Translate").click()
    choose(frame, "phantom_cxr_cyclegan")
    expect(frame.get_by_label("normal → covid", exact=True)).to_be_checked()
    expect(frame.get_by_text("An example, no patient's, translated by phantom_cxr_cyclegan.")).to_be_visible()
    expect(frame.locator(".wipe img")).to_have_count(2)
    given = written(tmp_path, "normal.png", xray.draw("normal", 71, 256).image)
    frame.locator(".ganray-upload input[type=file]").first.set_input_files(given)
    expect(frame.get_by_text("An example, no patient's")).to_have_count(0)
    expect(frame.locator(".wipe img")).to_have_count(2)
    expect(frame.locator(".wipe .over .tag")).to_have_text("covid, synthetic")
    expect(frame.get_by_role("figure", name="What changed")).to_be_visible()
    expect(frame.get_by_text("Back to normal", exact=True)).to_be_visible()
    expect(frame.get_by_text("What this is, and is not.").first).to_be_visible()

    wipe = frame.get_by_role("slider", name="Wipe between before and after")
    assert uncovered(frame) == "50%"
    box = wipe.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    assert 10 < float(uncovered(frame).rstrip("%")) < 30
    wipe.press("End")
    assert uncovered(frame) == "100%"

    frame.locator("[data-role=window]").fill("0.5")
    assert frame.locator("feFuncR").get_attribute("slope") == "2"
    with page.expect_download() as download:
        frame.get_by_role("link", name="Translation, 128 px").click()
    assert download.value.suggested_filename == "translated_covid.png"
    with Image.open(download.value.path()) as made:
        assert made.text["Description"] == images.NOTICE

    frame.get_by_role("button", name="Reset").click()
    assert frame.locator("feFuncR").get_attribute("slope") == "1"

    frame.get_by_label("covid → normal", exact=True).check()
    expect(frame.locator(".wipe .over .tag")).to_have_text("normal, synthetic")


PASTE = """([content]) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const held = new DataTransfer();
  held.items.add(new File([bytes], "image.png", { type: "image/png" }));
  document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: held, bubbles: true }));
}"""


def test_what_does_not_belong_what_is_broken_and_what_is_pasted(page: Page, live_url: str, tmp_path: Path) -> None:
    """A brain waits until the visitor insists, a broken file is one line, and the next picture works."""
    frame = open_live(page, live_url)
    choose(frame, "phantom_cxr_cyclegan")
    field = frame.locator(".ganray-upload input[type=file]").first
    field.set_input_files(written(tmp_path, "brain.png", mri.draw("T1", 71, 128).image))
    expect(frame.get_by_text("it looks like a brain MRI, not a chest X-ray")).to_be_visible()
    expect(frame.locator(".wipe")).to_have_count(0)
    frame.get_by_role("button", name="Translate anyway").click()
    expect(frame.locator(".wipe")).to_have_count(1)

    broken = tmp_path / "report.png"
    broken.write_bytes(b"%PDF-1.7 a report under a picture's name")
    field.set_input_files(broken)
    expect(frame.get_by_text("not a readable image")).to_be_visible()
    expect(frame.locator(".wipe")).to_have_count(0)
    frame.locator(".ganray-examples button").locator("visible=true").first.click()
    expect(frame.locator(".wipe")).to_have_count(1)

    for seed, focused in ((71, frame.locator("body")), (72, page.locator("body"))):
        picture = (xray.draw("normal", seed, 128).image * 255).astype(np.uint8)
        content = base64.b64encode(images.png_bytes(picture)).decode()
        known = frame.locator(".wipe img").first.get_attribute("src")
        focused.evaluate(f"(_, given) => ({PASTE})(given)", [content])
        expect(frame.locator(".wipe img")).to_have_count(2)
        expect(frame.locator(".wipe img").first).not_to_have_attribute("src", known or "")


def test_pictures_are_generated_in_every_class(page: Page, live_url: str) -> None:
    """In the dark, and after it; and one page scrolls, not a page inside a page, however much is shown."""
    page.emulate_media(color_scheme="dark")
    frame = open_live(page, live_url)
    assert_one_ground(page, frame)
    frame.get_by_role("tab", name="Generate").click()
    choose(frame, "cgan")
    heights = []
    for count in ("64", "4"):
        frame.get_by_label("How many").locator("visible=true").first.fill(count)
        frame.get_by_role("button", name="Generate", exact=True).click()
        expect(frame.locator(".grid img")).to_have_count(int(count))
        page.wait_for_timeout(500)
        box = page.locator("iframe").bounding_box()
        assert box
        heights.append(box["height"])
        assert frame.locator("html").evaluate("element => element.scrollHeight - element.clientHeight") <= 1
    assert heights[0] > heights[1] + 100
    frame.get_by_role("button", name="Same latents, every class").click()
    expect(frame.locator(".rows .row-of")).to_have_count(2)
    frame.get_by_role("button", name="Interpolate seeds").click()
    expect(frame.locator(".walk img")).to_be_visible()
    page.emulate_media(color_scheme="light")
    expect(page.locator(".stApp")).to_have_css("color-scheme", "light")
    assert_one_ground(page, frame)
    expect(frame.locator(".walk img")).to_be_visible()  # the tab was not loaded anew


def test_a_class_is_held_in_the_hand(page: Page, live_url: str) -> None:
    """The slider shows what is on the page already, and what a classifier says of it follows."""
    streams: list[str] = []
    page.on("request", lambda request: streams.append(request.url) if "/queue/data" in request.url else None)
    frame = open_live(page, live_url)
    frame.get_by_role("tab", name="Generate").click()
    choose(frame, "cgan")
    frame.get_by_label("How many").locator("visible=true").first.fill("2")
    frame.get_by_role("button", name="Interpolate classes").click()
    hand = frame.get_by_role("slider", name="From NORMAL to PNEUMONIA")
    expect(frame.locator(".frames img.now")).to_have_count(2)
    expect(frame.locator(".said").first).to_contain_text("PNEUMONIA")
    before = frame.locator(".frames img.now").first.get_attribute("src")
    said = frame.locator(".said").first.inner_text()
    hand.press("End")
    expect(hand).to_have_attribute("aria-valuetext", "0% NORMAL, 100% PNEUMONIA")
    expect(frame.locator(".frames img.now")).to_have_count(2)
    assert frame.locator(".frames img.now").first.get_attribute("src") != before
    assert frame.locator(".said").first.inner_text() != said
    frame.get_by_label("Second opinion").uncheck()
    expect(frame.locator(".said")).to_have_count(0)
    # What is drawn anew stays at the place where the hand holds it.
    expect(hand).to_have_attribute("aria-valuetext", "0% NORMAL, 100% PNEUMONIA")
    expect(frame.locator(".frames img.now")).to_have_count(2)
    assert len(streams) == 1, "an answer is lost when a page closes its stream and opens another"


# How long after a movement of the mouse the picture is on the screen, in ms.
DRAWN = """pad => {
  window.took = [];
  pad.addEventListener("pointermove", (event) => requestAnimationFrame(() => {
    const after = new MessageChannel();
    after.port1.onmessage = () => window.took.push(performance.now() - event.timeStamp);
    after.port2.postMessage(0);
  }));
}"""
START = "dcgan, seed 0: synthetic, not for diagnosis"
PIXELS = "canvas => canvas.toDataURL()"


def test_a_latent_space_is_explored_by_mouse_and_by_keyboard(page: Page, live_url: str) -> None:
    """A drag is answered by the page alone; what is let go becomes the place that everything else starts from."""
    frame = open_live(page, live_url)
    for tab in ("Explore", "Encode", "Explore"):  # away while the first view is drawn, and back
        frame.get_by_role("tab", name=tab).click()
    caption = frame.locator(".exploring .links span")
    expect(caption).to_have_text(START)
    pad, where = frame.locator(".pad"), frame.locator(".where")
    picture = frame.locator(".shown canvas").first
    expect(where).to_contain_text("Component 1")
    expect(frame.get_by_label("Across the plane")).to_have_value("Component 1")
    expect(frame.get_by_label("Up the plane")).to_have_value("Component 2")
    pad.scroll_into_view_if_needed()
    pad.evaluate(DRAWN)
    before, box = picture.evaluate(PIXELS), pad.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.05, box["y"] + box["height"] * 0.05)
    page.mouse.down()
    for step in range(1, 20):
        page.mouse.move(box["x"] + box["width"] * step / 20, box["y"] + box["height"] * step / 20)
    expect(where).to_contain_text("Component 1 +2.5 \u03c3, Component 2 \u22122.5 \u03c3")
    expect(caption).to_have_text(START)
    dragged = picture.evaluate(PIXELS)
    assert dragged != before
    took = sorted(pad.evaluate("() => window.took"))
    assert len(took) > 10 and took[len(took) // 2] < 100
    page.mouse.up()
    expect(caption).to_contain_text("seed 0, 1 step from it")
    assert picture.evaluate(PIXELS) == dragged  # what was shown is what is drawn anew from there

    pad.press("ArrowLeft")
    expect(where).to_contain_text("Component 1 +2.0 \u03c3")
    expect(caption).to_contain_text("2 steps from it")
    slider = frame.get_by_role("slider", name="Component 3")
    slider.press("End")
    expect(slider).to_have_attribute("aria-valuetext", "+2.5 \u03c3")
    expect(caption).to_contain_text("3 steps from it")
    frame.get_by_role("button", name="Go to neighbour 2").press("Enter")
    expect(caption).to_contain_text("4 steps from it")
    frame.get_by_role("button", name="Back to the seed").click()
    expect(caption).to_have_text(START)
    expect(frame.locator(".direction").first).to_be_visible()
    assert picture.evaluate(PIXELS) == before
