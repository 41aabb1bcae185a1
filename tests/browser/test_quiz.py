"""The quiz in a real browser: keys, reloads, results, at any width; and the discriminator scores."""

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

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
    expect(shown(page, 1)).to_be_visible(timeout=90_000)


def shown(page: Page, number: int) -> Locator:
    return page.get_by_role("img", name=f"Image {number} of 20: Real or generated?", exact=True)


def answer_button(page: Page, word: str) -> Locator:
    return page.locator(".st-key-quiz-question").get_by_role("button", name=word)


def test_no_key_is_lost_at_three_a_second(page: Page, url: str) -> None:
    """What is typed is what is counted, though a reload comes between, and a key was pressed right before it."""
    begun(page, url)
    typed = "grrgggrgrrgrggrrgrgg"
    first = page.locator("figure img").get_attribute("src")
    for number, key in enumerate(typed[:9], start=1):
        expect(shown(page, number)).to_be_visible(timeout=100)  # it is there: nothing is fetched
        page.keyboard.press(key)
        if number < 9:
            page.wait_for_timeout(1000 / 3)
    page.reload()  # before the server answered the ninth
    expect(shown(page, 10)).to_be_visible()
    assert page.locator("figure img").get_attribute("src") != first
    for key in typed[9:]:
        page.keyboard.press(key)
        page.wait_for_timeout(1000 / 3)
    expect(page.get_by_role("heading", name="of 20 right")).to_be_visible()
    expect(page).to_have_url(re.compile(f"answers=[0-9a-f]{{6}}-{typed.upper()}$"))
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Answers (CSV)").click()
    rows = list(csv.DictReader(waiting.value.path().read_text(encoding="utf-8").splitlines()))
    assert "".join(row["answer"][0] for row in rows) == typed
    page.get_by_role("button", name="Restart").click()
    expect(shown(page, 1)).to_be_visible()  # the answers of the last time are forgotten


def test_keys_are_for_the_quiz_only_where_nobody_types(page: Page, url: str) -> None:
    begun(page, url)
    page.get_by_test_id("stExpander").get_by_text("Settings").click()
    page.get_by_role("textbox", name="Folder of the real images").press_sequentially("rg")  # a letter in a field
    page.get_by_role("heading", name="Quiz").click()
    page.keyboard.press("Control+g")  # the browser's own
    page.keyboard.down("g")
    page.keyboard.down("g")  # held down: one answer
    expect(shown(page, 2)).to_be_visible()
    page.get_by_role("button", name="Help", exact=True).click()
    page.keyboard.press("g")  # for what lies open over the page
    page.keyboard.press("Escape")
    expect(shown(page, 2)).to_be_visible()
    expect(page).to_have_url(re.compile("quiz=gan&quiz=cgan&quiz_seed=3&answers=[0-9a-f]{6}-G$"))


def test_the_same_address_is_the_same_quiz_and_a_narrow_page_shows_all_of_it(browser: Browser, url: str) -> None:
    pictures = []
    for width, height, scheme in ((1280, 900, "light"), (400, 850, "dark")):
        with browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme) as context:
            page = context.new_page()
            page.set_default_timeout(30_000)
            begun(page, url)
            pictures.append(page.locator("figure img").get_attribute("src"))
            for name in ("Real", "Generated"):
                box = answer_button(page, name).bounding_box()
                assert box and box["y"] + box["height"] <= height and box["x"] >= 0 and box["x"] + box["width"] <= width
    assert pictures[0] == pictures[1]


def test_buttons_lead_to_results_and_a_table(page: Page, url: str) -> None:
    begun(page, url)
    for _ in range(20):
        answer_button(page, "Generated").click()
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
