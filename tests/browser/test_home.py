"""Home and what stands around every page: the tour through the real pages, Help, old links, and contrast everywhere."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Frame, Locator, Page, expect

from tests.conftest import ROOT
from tests.helpers.contrast import too_faint
from tests.helpers.sheets import slider

FORMER = ["ganray-tour", "ended"]  # of a visitor who knows the tour
STEPS = ("families", "first_epoch", "scrub", "diagnosis", "evaluate", "translate", "playground", "train")
GROUND = "getComputedStyle(document.querySelector('.stApp')).backgroundColor"
TURNS = "one => one.getRootNode().getAnimations().map(each => String(each.effect.getTiming().iterations))"
WIDE = "document.querySelector('.stMain').scrollWidth - document.querySelector('.stMain').clientWidth"


@pytest.fixture(scope="module")
def url(start_app: Callable[[Path], str]) -> str:
    return start_app(ROOT / "runs")


@pytest.fixture(scope="module")
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    """A visitor who was offered the tour before."""
    with browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce") as context:
        context.add_init_script(f"localStorage.setItem(...{FORMER})")
        yield context


@pytest.fixture
def known(visitor: BrowserContext) -> Iterator[Page]:
    """A new page of that visitor, whose theme each test leaves as it found it.

    A page that another test had left while it still went somewhere would not take a new address.
    """
    page = visitor.new_page()
    yield page
    page.close()


def arrived(card: Locator, step: str) -> None:
    expect(card).to_have_attribute("data-step", step)
    expect(card).to_have_attribute("data-state", "done")


def test_the_tour_goes_through_the_real_pages(page: Page, url: str) -> None:
    page.goto(url)
    card = page.get_by_role("dialog", name="New here?")
    card.get_by_role("button", name="Start the tour").click()
    card = page.locator(".tour")
    next_, place = card.get_by_role("button", name="Next"), card.locator(".place")
    expect(place).to_have_text(f"Step 1 of {len(STEPS)}")
    expect(next_).to_be_focused()
    expect(page.get_by_role("tab", name="DCGAN")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".ring[popover]")).to_be_visible()
    card.get_by_role("button", name="Pause").click()

    next_.focus()
    page.keyboard.press("ArrowRight")
    arrived(card, "first_epoch")
    expect(page).to_have_url(re.compile(r"/compare\?.*bigan_seed"))
    expect(slider(page)).to_have_value("0")
    next_.click()
    arrived(card, "scrub")
    expect(slider(page)).to_have_value("50")
    next_.click()
    arrived(card, "diagnosis")
    expect(page.locator(".happened-ailment").first).to_be_in_viewport()
    expect(slider(page)).not_to_have_value("50")  # it went to where the discriminator was ahead
    next_.click()
    arrived(card, "evaluate")
    next_.click()
    arrived(card, "translate")
    frame = page.frame_locator("iframe[src*='/gradio/']")
    expect(frame.locator(".wipe img, .wipe canvas").first).to_be_visible()
    assert frame.locator(".wipe").first.evaluate("one => one.style.getPropertyValue('--at')") == "50%"
    card.get_by_role("button", name="Back").click()
    arrived(card, "evaluate")
    page.evaluate("sessionStorage.setItem('ganray-tour-step', 6)")
    page.reload()  # it goes on where it was
    arrived(card, "playground")
    next_.click()
    arrived(card, "train")
    card.get_by_role("button", name="Done").click()
    expect(card).to_be_hidden()
    expect(page.locator("button.help")).to_be_focused()
    page.goto(url)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator(".st-key-families >> .panel svg")).to_be_visible()
    assert page.evaluate("localStorage.getItem('ganray-tour')") == "ended"
    expect(card).to_be_hidden()  # it is offered once
    page.get_by_role("button", name="Take the tour (90 seconds)").click()
    expect(place).to_have_text(f"Step 1 of {len(STEPS)}")
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()


def test_an_old_link_opens_compare_and_links_stay_in_the_app(known: Page, url: str) -> None:
    known.goto(f"{url}/?runs=reference%2Fgan&epoch=20&mine=a+b")
    expect(slider(known)).to_have_value("20")
    assert known.url.startswith(f"{url}/compare?")
    assert {"runs=reference%2Fgan", "epoch=20", "mine=a+b"} <= set(known.url.split("?")[1].split("&"))
    known.evaluate("window.same = true")
    known.locator(".words").get_by_role("link", name="Mode collapse").click()
    expect(known).to_have_url(f"{url}/glossary?term=mode-collapse")
    expect(known.locator(".glossary .asked dt")).to_have_text("Mode collapse")
    expect(known.locator(".glossary .asked")).to_be_in_viewport()
    known.go_back()
    expect(slider(known)).to_be_visible()
    known.locator(".help").click()
    known.get_by_role("link", name="Glossary the words").click()
    expect(known).to_have_url(f"{url}/glossary")
    assert known.evaluate("window.same")  # nothing was loaded anew


def test_help_has_themes_and_a_projector_mode(known: Page, url: str) -> None:
    known.goto(url)
    menu = known.get_by_role("dialog", name="Help")
    known.locator(".help").click()
    light = known.evaluate(f"{GROUND}")
    menu.get_by_role("radio", name="Dark").click()
    known.wait_for_function(f"{GROUND} !== '{light}'")
    menu.get_by_role("radio", name="System").click()
    known.wait_for_function(f"{GROUND} === '{light}'")
    before = known.locator("h1").evaluate("one => parseFloat(getComputedStyle(one).fontSize)")
    menu.get_by_role("switch", name="Projector mode").check()
    assert known.locator("h1").evaluate("one => parseFloat(getComputedStyle(one).fontSize)") > 1.1 * before
    expect(known).to_have_url(f"{url}/?projector=1")
    menu.get_by_text("About").click()
    expect(menu.get_by_text("CC BY 4.0")).to_be_visible()
    assert known.evaluate(WIDE) <= 0
    known.goto(f"{url}/?projector=0")
    assert known.locator("h1").evaluate("one => parseFloat(getComputedStyle(one).fontSize)") == before


def test_home_fits_a_telephone_and_a_first_screen(browser: Browser, url: str, known: Page) -> None:
    known.goto(url)
    known.locator(".st-key-starts >> a").last.wait_for()
    for part in ("h1", ".st-key-families >> svg", ".st-key-starts >> a >> nth=0", ".st-key-starts >> a >> nth=2"):
        expect(known.locator(part).first).to_be_in_viewport(ratio=0.95)
    with browser.new_context(viewport={"width": 400, "height": 800}) as context:
        page = context.new_page()
        page.goto(url)
        page.locator(".st-key-starts >> a").last.wait_for()
        page.wait_for_function(f"{WIDE} <= 0")
        assert page.evaluate("document.querySelector('.stMain').scrollHeight") < 2500
        labels = page.locator(".st-key-families >> text")
        network, picture = (labels.filter(has_text=words).first.bounding_box() for words in ("Generator", "generated"))
        assert network and picture and network["x"] + network["width"] + 20 < picture["x"]
        # What moves for ever costs a processor for ever: only what the pointer is on does.
        for part in (".st-key-families >> .drawing", ".st-key-starts >> a >> nth=-1"):
            moving = page.locator(part)
            assert moving.evaluate(TURNS) and "Infinity" not in moving.evaluate(TURNS)
            moving.hover()
            assert "Infinity" in moving.evaluate(TURNS)


# Page, and what of it has to be there.
PAGES = {
    "": ".st-key-starts >> a >> nth=0",
    "compare": ".st-key-notebook",
    "run?run=reference%2Fdcgan": ".st-key-settings-Run",
    "evaluate?evaluated=reference%2Fdcgan&evaluated=reference%2Fcovid_opacity&part=measures": ".ev-table >> nth=1",
    "train": ".st-key-start",
    "playground": ".playground .sentences",
    "quiz": ".stMain h1",
    "glossary": ".glossary >> nth=0",
    "live": "iframe",
}


@pytest.mark.parametrize("place", PAGES)
def test_every_text_has_contrast_in_light_and_dark(known: Page, url: str, place: str) -> None:
    known.goto(f"{url}/{place}")
    known.locator(PAGES[place]).wait_for()
    if place != "glossary":
        expect(known.get_by_text("Words on this page:")).to_be_visible()  # the last element of a page
    expect(known.get_by_test_id("stSkeleton")).to_have_count(0)
    for scheme in ("light", "dark"):
        known.emulate_media(color_scheme=scheme)
        known.wait_for_function(
            f"dark => ({GROUND} === 'rgb(255, 255, 255)') !== dark",
            arg=scheme == "dark",
        )
        if place == "live":
            expect(known.frame_locator("iframe").get_by_role("tab", name="Translate")).to_be_visible()
        for frame in known.frames:
            faint = lasting_faint(known, frame)
            assert not faint, "\n".join([scheme, frame.url, *faint])
    known.emulate_media(color_scheme="light")


def lasting_faint(page: Page, frame: Frame) -> list[str]:
    """What `too_faint` finds once the page is at rest: a change of theme reaches its parts one after the other."""
    for _ in range(12):
        count, faint = too_faint(frame)
        if count > 5 and not faint:
            return []
        page.wait_for_timeout(250)
    return faint or [f"only {count} texts"]


def test_a_faint_text_is_found(known: Page) -> None:
    """On white, behind a half-transparent group, in a shadow root; and what is legible or no text is not."""
    known.set_content(
        "<body style='background: #fff; color: #000'><p style='color: #888'>faint</p><p style='opacity: .5'>half</p>"
        "<p>plain</p><p style='color: #888; font-size: 30px'>large</p><p style='visibility: hidden'>gone</p>"
        "<p style='color: #bbb; background: #333'>on dark</p><button disabled style='color: #999'>off</button>"
        "<div></div>"
    )
    known.evaluate(
        "document.querySelector('div').attachShadow({ mode: 'open' }).innerHTML = \"<i style='color: #999'>deep</i>\""
    )
    count, faint = too_faint(known.main_frame)
    assert count == 6
    assert [line.split("'")[1] for line in faint] == ["faint", "half", "deep"]
