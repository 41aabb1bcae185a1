"""Curves in a real browser: cursors, values at the pointer, seeking, legend, axes, files, a run that grows."""

import csv
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from gan_core import runs
from tests.helpers.run_folders import make_run, metric_rows
from tests.helpers.sheets import slider

PLOTS = ".st-key-curves-generate"
EPOCHS = 10
TWINS = "runs=twin-0&runs=twin-1&runs=twin-2"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plots")
    make_run(folder, "gan", "gan", EPOCHS, 20)
    make_run(folder, "slow", "dcgan", EPOCHS, 60)  # as many epochs in three times as many steps
    # A folder may have a name that GANray gives to none.
    make_run(folder, "named", "dcgan", EPOCHS, 20).folder.rename(folder / "lr=1e-4,bs=64")
    for seed in range(3):
        make_run(folder, f"twin-{seed}", "bigan", EPOCHS, 20, seed=seed)
    return folder


@pytest.fixture(scope="module")
def url(start_app: Callable[[Path], str], root: Path) -> str:
    return start_app(root)


def opened(page: Page, address: str) -> Locator:
    """The layers of the three charts that take the pointer, scrolled to and drawn."""
    page.goto(address)
    hits = page.locator(f"{PLOTS} .hit")
    expect(hits).to_have_count(3)
    hits.first.scroll_into_view_if_needed()
    for hit in hits.all():
        expect(hit).to_have_attribute("aria-valuemax", re.compile(r"\d"))  # it is set when the chart is drawn
    expect(slider(page)).to_be_visible()
    page.wait_for_function("window.ganrayEpoch !== undefined")
    return hits


def cursors(page: Page) -> list[list[float]]:
    """Where the cursors of each chart stand, in pixels."""
    return page.locator(f"{PLOTS} .cursors").evaluate_all(
        "all => all.map(one => [...one.children].map(line => new DOMMatrix(getComputedStyle(line).transform).e))"
    )


def pointed(page: Page, hit: Locator, share: float) -> None:
    """The pointer over a chart, at a share of its axis."""
    box = hit.bounding_box()
    assert box
    page.mouse.move(box["x"] + 52 + share * (box["width"] - 64), box["y"] + 100)


def test_values_are_read_clicks_seek_and_cursors_follow_without_the_server(page: Page, url: str) -> None:
    hits = opened(page, f"{url}/compare?runs=gan&runs=slow")
    last = cursors(page)
    assert [len(places) for places in last] == [1, 1, 1]

    pointed(page, hits.first, 0.5)
    boxes = page.locator(f"{PLOTS} .box")
    for box in boxes.all():
        expect(box).to_be_visible()
        expect(box.locator("b")).to_have_text(re.compile(r"epoch (4\.9|5|5\.1)$"))
        expect(box.locator("p")).to_have_count(2)
    assert re.search(r"\d %$", boxes.nth(2).locator("p").first.inner_text())
    expect(hits.nth(2)).to_have_attribute("aria-valuetext", re.compile("gan .*, slow|slow .*, gan"))
    page.mouse.move(5, 5)
    expect(boxes.first).to_be_hidden()

    pointed(page, hits.nth(1), 0.4)
    page.mouse.down()
    page.mouse.up()
    page.wait_for_function("window.ganrayEpoch === 4")
    expect(page).to_have_url(re.compile(r"epoch=4\b"))
    hits.nth(2).focus()  # and from the keyboard
    page.keyboard.press("End")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowLeft")  # by a tenth of the axis
    page.keyboard.press("Enter")
    page.wait_for_function("window.ganrayEpoch === 7")

    page.wait_for_timeout(1000)
    page.context.set_offline(True)
    slider(page).focus()
    page.keyboard.press("Home")
    page.wait_for_function("window.ganrayEpoch === 0")
    first = cursors(page)
    page.keyboard.press("ArrowRight")
    page.wait_for_function("window.ganrayEpoch === 1")
    for begin, second, end in zip(first, cursors(page), last, strict=True):
        assert second[0] - begin[0] == pytest.approx((end[0] - begin[0]) / EPOCHS, abs=1.5)


def test_along_steps_each_run_has_its_own_cursor_and_a_click_goes_to_the_nearest(page: Page, url: str) -> None:
    hits = opened(page, f"{url}/compare?runs=gan&runs=slow&x=Step&epoch=5")
    places = sorted(cursors(page)[0])
    assert len(places) == 2
    assert (places[1] - 52) / (places[0] - 52) == pytest.approx(3, rel=0.03)
    # Beyond the end of the one run there is only the other.
    pointed(page, hits.first, 0.8)
    page.mouse.down()
    page.mouse.up()
    page.wait_for_function("window.ganrayEpoch === 8")


def test_the_legend_shows_a_run_alone_and_the_address_says_so(page: Page, browser: Browser, url: str) -> None:
    hits = opened(page, f"{url}/compare?runs=gan&runs=slow")
    page.locator(PLOTS).get_by_role("button", name="slow", exact=True).click()
    expect(hits.first).to_have_attribute("aria-label", re.compile(": slow$"))
    expect(page).to_have_url(re.compile(r"shown=slow\b"))
    with browser.new_context() as elsewhere:
        other = elsewhere.new_page()
        there = opened(other, page.url)
        expect(there.first).to_have_attribute("aria-label", re.compile(": slow$"))
    page.locator(PLOTS).get_by_role("button", name="Show all").click()
    expect(hits.first).to_have_attribute("aria-label", re.compile(": gan, slow$"))
    expect(page).not_to_have_url(re.compile("shown="))

    hits = opened(page, f"{url}/compare?runs=gan&runs=lr%3D1e-4%2Cbs%3D64")
    page.locator(PLOTS).get_by_role("button", name="lr=1e-4,bs=64", exact=True).click()
    expect(hits.first).to_have_attribute("aria-label", re.compile(": lr=1e-4,bs=64$"))
    expect(page).to_have_url(re.compile("shown="))
    expect(opened(page, page.url).first).to_have_attribute("aria-label", re.compile(": lr=1e-4,bs=64$"))


def test_a_stretch_is_zoomed_to_in_all_charts(page: Page, url: str) -> None:
    hits = opened(page, f"{url}/compare?runs=gan&zoom=1.5_50_50")
    pointed(page, hits.first, 0.2)
    page.mouse.down()
    pointed(page, hits.first, 0.4)
    pointed(page, hits.first, 0.6)
    page.mouse.up()
    for hit in hits.all():
        expect(hit).to_have_attribute("aria-valuemin", re.compile(r"^(1\.9|2)"))
        expect(hit).to_have_attribute("aria-valuemax", re.compile(r"^(5\.9|6)"))
    expect(page).to_have_url(re.compile(r"zoom=1\.5_50_50&.*zoom_x="))  # that of the sheets stays beside it
    elsewhere = page.context.new_page()
    expect(opened(elsewhere, page.url).first).to_have_attribute("aria-valuemin", re.compile(r"^(1\.9|2)"))
    elsewhere.close()
    page.bring_to_front()
    page.get_by_role("button", name="Whole range").click()
    expect(hits.first).to_have_attribute("aria-valuemax", str(EPOCHS))


def test_seeds_are_read_as_mean_and_band(page: Page, url: str) -> None:
    hits = opened(page, f"{url}/compare?{TWINS}")
    pointed(page, hits.first, 0.5)
    row = page.locator(f"{PLOTS} .box p").first
    expect(row).to_have_text(re.compile(r"bigan, 3 seeds.*\(.* to .*, N = 3\)"))
    page.locator(PLOTS).get_by_role("button", name="bigan, 3 seeds", exact=True).wait_for()
    apart = opened(page, f"{url}/compare?{TWINS}&seeds=false")
    expect(apart.first).to_have_attribute("aria-label", re.compile("twin-0, twin-1, twin-2$"))


def test_a_small_chart_for_each_run(page: Page, url: str) -> None:
    page.goto(f"{url}/compare?runs=gan&runs=slow&multiples=true")
    expect(page.locator(f"{PLOTS} .hit")).to_have_count(6)
    expect(page.locator(f"{PLOTS} .name").first).to_have_text("gan")


def test_a_chart_can_be_taken_away(page: Page, url: str, root: Path, tmp_path: Path) -> None:
    opened(page, f"{url}/compare?runs=gan&runs=slow&smoothing=0.5")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="CSV of Generator loss").click()
    path = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(path)
    assert path.name == "generator_loss.csv"
    rows = list(csv.DictReader(path.open(encoding="utf-8", newline="")))
    assert list(rows[0]) == ["run", "curve", "epoch", "Generator loss"]
    logged = [row for row in rows if (row["run"], row["curve"]) == ("gan", "logged")]
    written = np.genfromtxt(root / "gan" / runs.METRICS, delimiter=",", names=True, deletechars="")
    np.testing.assert_allclose([float(row["Generator loss"]) for row in logged], written["loss/g"], rtol=1e-5)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="PNG of Generator loss").click()
    with Image.open(waiting.value.path()) as picture:
        assert picture.size[0] == 1800
        colours = {colour[:3] for _, colour in picture.convert("RGB").getcolors(1 << 20)}
    assert {(0, 114, 178), (213, 94, 0), (255, 255, 255)} < colours


def test_a_running_run_is_followed(page: Page, url: str, root: Path) -> None:
    run = make_run(root, "growing", "gan", 9, 5, "running")
    hits = opened(page, f"{url}/compare?runs=growing")
    pointed(page, hits.first, 1)
    box = page.locator(f"{PLOTS} .box").first
    expect(box).to_be_visible()
    expect(box.locator("p")).to_have_count(0)  # nothing is logged there yet
    writer = runs.RunWriter.reopen(run)
    writer.log(metric_rows(9, 5, np.random.default_rng(1))[30:])
    writer.close()
    expect(box.locator("p")).to_have_count(1)


def test_curves_fit_a_narrow_dark_page_and_are_seen_on_it(browser: Browser, url: str) -> None:
    with browser.new_context(viewport={"width": 400, "height": 800}, color_scheme="dark") as context:
        context.set_default_timeout(30_000)
        page = context.new_page()
        page.goto(f"{url}/compare?runs=gan&runs=slow&smoothing=0")
        canvas = page.locator(f"{PLOTS} canvas").first
        canvas.scroll_into_view_if_needed()
        expect(page.locator(f"{PLOTS} .hit").first).to_have_attribute("aria-valuemax", str(EPOCHS))
        colours = canvas.evaluate(
            """canvas => {
                const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                const count = {};
                for (let i = 0; i < data.length; i += 4) {
                    const key = `${data[i]},${data[i + 1]},${data[i + 2]},${data[i + 3]}`;
                    count[key] = (count[key] ?? 0) + 1;
                }
                return count;
            }"""
        )
        assert colours.get("0,114,178,255", 0) > 100  # gan's blue
        assert colours.get("213,94,0,255", 0) > 100  # dcgan's orange
        wide = page.evaluate(
            "document.querySelector('[data-testid=stMain]').scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0
        # In projector mode the letters in the charts grow as the others do.
        page.evaluate("document.documentElement.classList.add('ganray-projector')")
        drawn = "canvas => canvas.getContext('2d').font.startsWith('13.2px')"
        page.wait_for_function(drawn, arg=canvas.element_handle())
