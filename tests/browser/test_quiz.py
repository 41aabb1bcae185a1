"""The quiz in a real browser: keys, reloads, results, at any width; and the discriminator scores."""

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.helpers.training import make_pictures, train

QUIZ = "quiz=gan&quiz=cgan&quiz_seed=3"


@pytest.fixture(scope="module")
def url(start_app: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("quiz-runs")
    pictures = make_pictures(root.parent / "quiz-pictures", 60)
    for preset in ("gan", "cgan"):
        train(preset, pictures, root, preset, 1)
    return start_app(root)


def begun(page: Page, url: str) -> None:
    """The first picture, and the keys."""
    page.goto(f"{url}/quiz?{QUIZ}")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator(".st-key-answer-real-1")).to_be_visible(timeout=90_000)
    keys_are_there(page)


def keys_are_there(page: Page) -> None:
    """The script that listens comes on its own, on a busy machine late."""
    expect(page.locator(".st-key-quiz-keys .stBidiComponent")).to_be_attached()
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)


def test_the_keys_answer_and_a_reload_goes_on(page: Page, url: str) -> None:
    begun(page, url)
    page.get_by_test_id("stExpander").get_by_text("Settings").click()
    page.get_by_role("textbox", name="Folder of the real images").press_sequentially("rg")  # a letter in a field
    page.get_by_role("heading", name="Quiz").click()
    page.keyboard.press("Control+g")  # the browser's own
    page.wait_for_timeout(1000)  # what must not happen would have happened by now
    expect(page.locator(".st-key-answer-real-1")).to_be_visible()
    expect(page).to_have_url(re.compile("answers=[0-9a-f]{6}-$"))
    expect(page.get_by_role("img", name="Image 1 of 20")).to_be_visible()
    first = page.locator(".quiz-one img").get_attribute("src")
    page.keyboard.press("r")
    expect(page.locator(".st-key-answer-real-2")).to_be_visible()
    expect(page).to_have_url(re.compile("answers=[0-9a-f]{6}-R$"))
    assert page.locator(".quiz-one img").get_attribute("src") != first
    page.keyboard.press("Shift+G")
    page.keyboard.press("g")  # a second press at once is not for the next picture, which nobody has seen
    expect(page.locator(".st-key-answer-real-3")).to_be_visible()
    expect(page).to_have_url(re.compile("answers=[0-9a-f]{6}-RG$"))
    third = page.locator(".quiz-one img").get_attribute("src")
    page.reload()
    expect(page.locator(".st-key-answer-real-3")).to_be_visible()
    expect(page).to_have_url(re.compile("quiz=gan&quiz=cgan&quiz_seed=3&answers=[0-9a-f]{6}-RG$"))
    assert page.locator(".quiz-one img").get_attribute("src") == third


def test_the_same_address_is_the_same_quiz_and_a_narrow_page_shows_all_of_it(browser: Browser, url: str) -> None:
    shown = []
    for width, height, scheme in ((1280, 900, "light"), (400, 850, "dark")):
        with browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme) as context:
            page = context.new_page()
            page.set_default_timeout(30_000)
            begun(page, url)
            shown.append(page.locator(".quiz-one img").get_attribute("src"))
            for name in ("real", "generated"):
                box = page.locator(f".st-key-answer-{name}-1 button").bounding_box()
                assert box and box["y"] + box["height"] <= height and box["x"] >= 0 and box["x"] + box["width"] <= width
    assert shown[0] == shown[1]


def test_buttons_lead_to_results_and_a_table(page: Page, url: str) -> None:
    begun(page, url)
    for number in range(1, 21):
        page.locator(f".st-key-answer-generated-{number} button").click()
    expect(page.get_by_role("heading", name="10 of 20 right: 50%")).to_be_visible()
    expect(page.locator(".quiz-told img")).to_have_count(20)
    expect(page.locator(".ev-strips li")).to_have_count(3)  # all, gan, cgan
    expect(page.locator(".ev-strips li").first).to_contain_text("10 of 20, 95% interval 30% to 70%")
    cells = page.locator(".ev-confusion tbody tr")
    expect(cells.first).to_contain_text("1010")  # real pictures, all of them classified as generated
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Answers (CSV)").click()
    rows = list(csv.DictReader(waiting.value.path().read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 20 and {row["answer"] for row in rows} == {"generated"}
    page.get_by_role("button", name="Next quiz").click()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile("quiz_seed=4$"))


def test_the_discriminators_eyes_sort_and_score(page: Page, url: str, tmp_path: Path) -> None:
    page.goto(f"{url}/run?run=cgan&eyes=true&eyes_count=16")
    grid = page.locator(".eyes-grid")
    expect(grid.locator("img")).to_have_count(16, timeout=90_000)
    words = [text.replace("\u2212", "-") for text in grid.locator("figcaption b").all_inner_texts()]
    scores = [float(word) for word in words]
    assert scores == sorted(scores, reverse=True)
    picture = make_pictures(tmp_path / "own", 1) / "bar" / "bar000.png"
    page.locator(".st-key-eyes-own input[type=file]").set_input_files(picture)
    expect(page.locator(".eyes-mine img")).to_be_visible()
    expect(page.get_by_text("as disc:")).to_be_visible()
