"""A run whose every text is an attack: nothing of it is drawn as HTML, and no page asks anything of another host."""

import copy
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard import notebook
from dashboard.library import notes
from dashboard.report import comparison, figures, folder
from dashboard.report import page as pages
from gan_core import config
from gan_core.errors import UserError
from gan_core.evaluation import results
from gan_core.runs import Run
from tests.conftest import ROOT
from tests.helpers import made_evaluations
from tests.helpers.run_folders import make_run
from tests.helpers.sheets import ready

ATTACK = (
    '<img src="attack" onerror="window.hurt=1"><script>window.hurt=2</script>'
    "[a](javascript:window.hurt=3) ![p](https://outside.example/p.png) </style></script><svg onload=window.hurt=4>"
)
NAME = 'b<img src="attack" onerror="window.hurt=5">'  # of a folder, which can hold no slash


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hostile")
    for name, preset in (("a", "cgan"), ("b", "dcgan"), ("t", made_evaluations.LIGHT)):
        made_evaluations.write(run := make_run(root, name, preset, 2, 4))
        replaced = spoil(run.folder / "config.json", config.read_run_config)
        replaced += spoil(run.folder / "status.json", lambda path: _status(Run(path.parent)))
        replaced += spoil(run.evaluation, results.read)
        assert replaced > 5  # source, classes, reason, file names ...
    shutil.copytree(ROOT / "runs" / "reference" / "cgan", root / "real")
    spoil(root / "real" / "config.json", config.read_run_config, kept=("preset", "family", "network"))
    (root / "b").rename(root / NAME)
    note = {"note": ATTACK[:400], "tags": ["<b>hurt</b>"], "run": ""}
    (root / notes.FILE).write_text(json.dumps({"runs": {"a": note, NAME: note}}))
    broken = root / "broken"
    broken.mkdir()
    (broken / "config.json").write_text(json.dumps({ATTACK: ATTACK}))
    return root


def _status(run: Run) -> None:
    if run.status().state == "unknown":
        raise UserError("not readable")


def spoil(path: Path, read: Callable[[Path], object], kept: tuple[str, ...] = ()) -> int:
    """Add the attack to every text of a JSON file that can still be read with it; how many those are.

    kept: keys whose texts a network needs to be loaded.
    """
    values, count = json.loads(path.read_text()), 0
    for place in [place for place in _texts(values) if place[-1] not in kept]:
        tried = copy.deepcopy(values)
        here = tried
        for step in place[:-1]:
            here = here[step]
        here[place[-1]] = f"{here[place[-1]]}{ATTACK}"
        path.write_text(json.dumps(tried))
        try:
            read(path)
        except UserError:
            continue
        values, count = tried, count + 1
    path.write_text(json.dumps(values))
    return count


def _texts(value: Any) -> Iterator[tuple[Any, ...]]:
    """The way to every text: keys and indices."""
    for key, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if isinstance(one, str):
            yield (key,)
        else:
            yield from ((key, *rest) for rest in _texts(one))


@pytest.fixture(scope="module")
def url(start_app: Callable[[Path], str], root: Path) -> str:
    return start_app(root)


@pytest.fixture
def watched(page: Page) -> tuple[Page, list[str]]:
    """The page, and what it did that it must not."""
    wrong: list[str] = []

    def asked(address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            wrong.append(f"asked {address}")
        elif parts.path.endswith("/attack"):
            wrong.append(f"drew {address}")

    page.on("request", lambda request: asked(request.url))
    page.on("websocket", lambda socket: asked(socket.url))
    page.on("console", lambda line: wrong.append(line.text) if "Content Security Policy" in line.text else None)
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    return page, wrong


PAGES = ["", "?home", "run?run={b}", "run?run={t}", "evaluate", "quiz", "train", "live"]


@pytest.mark.parametrize("place", PAGES)
def test_no_text_of_a_run_is_drawn_as_html(watched: tuple[Page, list[str]], url: str, place: str) -> None:
    page, wrong = watched
    chosen = "&".join(f"runs={quote(name, safe='')}" for name in ("a", NAME))
    where = place.format(b=quote(NAME, safe=""), t="t") or f"compare?{chosen}"
    page.goto(f"{url}/{where}")
    if place == "":
        ready(page, 2)
    elif place == "live":
        frame = page.frame_locator("iframe")
        frame.get_by_role("tab", name="Generate").click()
        frame.get_by_role("button", name="Generate", exact=True).click()
        expect(frame.locator(".grid img").first).to_be_visible()  # torch is imported first
    else:
        expect(page.locator(".stApp, [data-testid=stApp]")).to_be_visible()
        expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    page.wait_for_timeout(700)
    for part in page.frames:
        assert part.evaluate("window.hurt") is None
        assert part.locator("img[src='attack'], svg[onload], a[href^='javascript:']").count() == 0
    assert not wrong
    assert page.get_by_text("could not be drawn completely").count() == 0


def test_no_text_of_a_run_runs_in_what_is_given_away(
    watched: tuple[Page, list[str]], root: Path, tmp_path: Path
) -> None:
    page, wrong = watched
    compared = comparison.named(["a", NAME, "t"], root, ATTACK)
    (tmp_path / "one.html").write_text(pages.in_one_file(compared), encoding="utf-8")
    folder.write(folder.contents(compared), tmp_path / "folder")
    folder.write(figures.contents(compared), tmp_path / "figures")
    cell = notebook.compare("a", NAME, "t", runs=root, title=ATTACK)._repr_html_()
    (tmp_path / "cell.html").write_text(f"<!doctype html><meta charset='utf-8'>{cell}", encoding="utf-8")
    charts = sorted((tmp_path / "figures").glob("*.svg"))[::4]
    for path in (tmp_path / "one.html", tmp_path / "folder/index.html", tmp_path / "cell.html", *charts):
        page.goto(path.as_uri())
        page.wait_for_timeout(100)
        for part in page.frames:
            assert part.evaluate("window.hurt") is None
            assert part.locator("img[src='attack'], svg[onload], a[href^='javascript:']").count() == 0
        if path.suffix == ".html":
            shown = page.frame_locator("iframe") if path.stem == "cell" else page
            expect(shown.locator("#scrubber")).to_be_visible()  # our own script has run
    assert charts
    assert [line for line in wrong if not line.startswith("asked file:")] == []


def test_the_watch_sees_an_attack(browser: Browser, url: str) -> None:
    """What the tests above look for would be seen: the same text, drawn as HTML."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{url}/compare")
    page.evaluate("text => { document.body.innerHTML = text; }", ATTACK)
    page.wait_for_function("window.hurt === 1")
    assert page.locator("img[src='attack']").count() == 1
    with page.expect_event("console", lambda line: "Content Security Policy" in line.text):
        page.evaluate("() => { const one = new Image(); one.src = 'https://outside.example/p.png'; }")
    context.close()
