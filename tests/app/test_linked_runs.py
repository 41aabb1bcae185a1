"""Links to runs of which one is gone: the page says so, and shows no other run in its place."""

from pathlib import Path

import pytest

from tests.helpers.pages import healthy, open_page, texts
from tests.helpers.run_folders import make_run

GONE = "not here: **nosuch**"


@pytest.fixture(autouse=True)
def two_runs(runs_root: Path) -> None:
    for name in "ab":
        make_run(runs_root, name, epochs=2)


def test_a_run_that_is_gone_is_not_replaced_by_another() -> None:
    app = open_page("run", run="nosuch")
    assert GONE in texts(app)
    assert app.selectbox(key="run").value is None and not app.metric
    app = healthy(app.run())
    assert GONE in texts(app), "the message stays while nothing is chosen"
    app = healthy(app.selectbox(key="run").select("b").run())
    assert GONE not in texts(app)
    assert app.selectbox(key="run").value == "b" and app.metric


def test_the_runs_of_a_comparison_that_are_still_here_are_shown() -> None:
    app = open_page("compare", runs=["a", "nosuch"])
    assert GONE in texts(app)
    assert app.multiselect(key="runs").value == ["a"]
    app = healthy(app.multiselect(key="runs").select("b").run())
    assert GONE not in texts(app) and app.multiselect(key="runs").value == ["a", "b"]


def test_a_comparison_of_which_nothing_is_left_shows_nothing_else() -> None:
    app = open_page("compare", runs=["nosuch", "neither"])
    assert "not here: **nosuch**, **neither**" in texts(app)
    assert app.multiselect(key="runs").value == []


def test_a_link_without_runs_shows_the_default_ones() -> None:
    app = open_page("compare")
    assert "not here" not in texts(app) and sorted(app.multiselect(key="runs").value) == ["a", "b"]


def test_the_evaluation_of_a_run_that_is_gone_is_not_another_ones() -> None:
    app = open_page("evaluate", evaluated="nosuch")
    assert GONE in texts(app) and app.multiselect(key="evaluated").value == []
