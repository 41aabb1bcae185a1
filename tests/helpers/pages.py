"""The app's pages in Streamlit's own test runner: opening one, and reading what it shows."""

import html
import json
import re
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from tests.helpers.repository import ROOT

MAIN = str(ROOT / "dashboard" / "main.py")
PAGES = ("home", "compare", "run", "evaluate", "train")

# A server looks once for components among the installed packages, the test runner at each run of a page: half its time.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)


def new_app(page: str = "home", seconds: float = 30) -> AppTest:
    """The app as a browser opens it at the address of a page; not run yet."""
    app = AppTest.from_file(MAIN, default_timeout=seconds)
    # AppTest can only leave the page that the app opens on after a run of it; the hash is that of the page's address.
    app._page_hash = calc_hash(page) if page != "home" else ""
    return app


def open_page(page: str = "compare", **query: str | list[str]) -> AppTest:
    app = new_app(page)
    for key, value in query.items():
        app.query_params[key] = value
    return healthy(app.run())


def healthy(app: AppTest) -> AppTest:
    assert not app.exception, app.exception
    shown = " ".join(element.value for element in (*app.error, *app.markdown, *app.caption))
    assert "could not be drawn" not in shown
    assert "Traceback" not in shown
    return app


def texts(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.error, app.warning, app.info, app.title, app.subheader)
    return "\n".join(element.value for kind in kinds for element in kind)


def animated(app: AppTest) -> int:
    """How many animations the page shows."""
    return sum(element.proto.body.count(".gif") for element in app.get("html"))


def settings_of(app: AppTest) -> list[pd.DataFrame]:
    """The tables of settings on the page: settings in rows, runs in columns."""
    found = []
    for body in (
        element.proto.body for element in app.get("html") if '<table class="settings-table"' in element.proto.body
    ):
        columns = _cells(body, "<th scope='col'>(.*?)</th>")
        names = [re.sub("</?summary>|<p>.*", "", cell) for cell in _cells(body, "<th scope='row'>(.*?)</th>")]
        cells = np.reshape(_cells(body, "<td>(.*?)</td>"), (len(names), len(columns)))
        found.append(pd.DataFrame(cells, index=[re.sub("<.*?>", "", name) for name in names], columns=columns))
    return found


def _cells(body: str, pattern: str) -> list[str]:
    return [html.unescape(cell) for cell in re.findall(pattern, body, re.DOTALL)]


def plotted(app: AppTest) -> list[dict[str, Any]]:
    """The charts of curves on the page, in order, as the browser is told of them."""
    found = [e.proto for e in app.get("bidi_component") if e.proto.component_name.endswith("ganray_plots")]
    return [chart for proto in found for chart in json.loads(proto.json)["charts"]]


def staged(app: AppTest, element: str = "ganray_stage") -> dict[str, Any]:
    """What the stage is told, or the scrubber."""
    [found] = [e.proto for e in app.get("bidi_component") if e.proto.component_name.endswith(element)]
    told: dict[str, Any] = json.loads(found.json)
    return told


def evaluate_page(**query: str | list[str]) -> AppTest:
    app = new_app("evaluate", 60)
    for key, value in query.items():
        app.query_params[key] = value
    return healthy(app.run())
