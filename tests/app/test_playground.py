"""The page Playground, as the browser is told of it."""

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.server import paths
from gan_core.errors import UserError
from gan_core.playground import players
from gan_core.playground.experiments import EXPERIMENTS
from tests.helpers.pages import MAIN, healthy, texts


@pytest.fixture(autouse=True)
def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page prepares a process for the browser's game; here nobody plays."""
    monkeypatch.setattr(players, "prepare", lambda: None)


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(MAIN, default_timeout=30).run()
    app.switch_page("views/playground/page.py")
    for key, value in query.items():
        app.query_params[key] = value
    return healthy(app.run())


def told(app: AppTest) -> dict[str, Any]:
    [found] = [e.proto for e in app.get("bidi_component") if e.proto.component_name.endswith("ganray_playground")]
    return dict(json.loads(found.json))


def test_the_page_offers_six_experiments_and_every_setting(runs_root: object) -> None:
    app = opened(experiment="collapse")
    data = told(app)
    assert data["socket"] == paths.playing()
    assert [one["name"] for one in data["experiments"]] == list(EXPERIMENTS)
    assert "There is no experiment" not in texts(app)
    assert "There is no experiment" in "".join(warning.value for warning in opened(experiment="<b>x").warning)


def test_the_number_of_places_is_set_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(players.MOST_VARIABLE, "3")
    assert players.most() == 3
    monkeypatch.setenv(players.MOST_VARIABLE, "many")
    with pytest.raises(UserError, match="GANRAY_PLAYGROUNDS: a whole number"):
        players.most()
    monkeypatch.delenv(players.MOST_VARIABLE)
    assert players.most() >= 4
    monkeypatch.setenv(players.MOST_VARIABLE, "0")
    with pytest.raises(players.Full), players.seat():
        pass
