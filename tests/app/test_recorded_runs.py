"""Every page over runs that the last version of format 1 has written."""

from pathlib import Path

import pytest

from tests.helpers.pages import PAGES, healthy, open_page, plotted
from tests.helpers.recorded_runs import CASES, copy_run


@pytest.fixture
def recorded(runs_root: Path) -> Path:
    for case in CASES:
        copy_run(case, runs_root)
    return runs_root


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_over_them(recorded: Path, page: str) -> None:
    app = open_page(page, runs=CASES[:8], run=CASES[0])
    assert not app.error
    if page == "compare":
        assert app.multiselect(key="runs").value == CASES[:8]
        assert all(chart["curves"] for chart in plotted(app))


def test_each_of_them_has_its_page(recorded: Path) -> None:
    app = open_page("run")
    for case in CASES:
        healthy(app.selectbox(key="run").set_value(case).run())
        assert not app.error
        assert any(chart["curves"] for chart in plotted(app))
