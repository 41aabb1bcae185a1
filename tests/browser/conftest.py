"""A Chromium, a page in it, and the app started as a user starts it."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

from tests.helpers.browser import FLAGS, find_browser
from tests.helpers.serving import serve_forked

HERE = Path(__file__).parent
WAIT = 60_000  # ms for what has to happen: a loaded machine is slow, and a test that passes never waits so long
expect.set_options(timeout=WAIT)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.processes)  # each opens an app that was started for it


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium. Closed after each module: Playwright keeps an event loop that other tests must not meet."""
    path = find_browser()
    if path is None:
        missing = "no browser: run `python -m tests.helpers.browser --install`, or name one in GANRAY_BROWSER"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Of a test that failed, what its page said at that moment."""
    report = yield
    shown = getattr(item, "funcargs", {}).get("page")
    if report.when == "call" and report.failed and isinstance(shown, Page):
        with contextlib.suppress(Error):
            for frame in shown.frames:
                report.sections.append((f"page {frame.url}", frame.locator("body").inner_text(timeout=5_000)))
    return report


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own context, 1280 x 900."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(WAIT)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def start_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], str]]:
    """`start_app(runs)` serves the app over that folder of runs and gives its address, until the module's tests end."""
    with contextlib.ExitStack() as stack:
        yield lambda runs: stack.enter_context(serve_forked(runs, tmp_path_factory.mktemp("app") / "log.txt"))


@pytest.fixture
def app_url(runs_root: Path, tmp_path: Path) -> Iterator[str]:
    """The address of an app of the test's own, over its `runs_root`."""
    with serve_forked(runs_root, tmp_path / "app.log") as url:
        yield url
