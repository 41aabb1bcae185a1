"""Which run the Run page opens on, and the way from a run without a discriminator to one that has it."""

from pathlib import Path

import pytest

from dashboard.library import store
from dashboard.samples import animations
from dashboard.views.run import opening
from tests.helpers import made_evaluations
from tests.helpers.pages import healthy, open_page, texts
from tests.helpers.run_folders import make_run


@pytest.fixture
def three(runs_root: Path) -> Path:
    """The first by its name keeps no discriminator, the second has everything, the third is the newest."""
    make_run(runs_root, "reference/acgan", "gan", 2, 2)
    whole = make_run(runs_root, "reference/dcgan", "dcgan", 2, 2)
    whole.discriminator.write_bytes(bytes(2048))
    made_evaluations.write(whole)
    make_run(runs_root, "mine", "gan", 2, 2)
    return runs_root


def test_it_opens_on_the_run_with_most_to_show(three: Path) -> None:
    app = open_page("run")
    assert app.selectbox(key="run").value == "reference/dcgan"
    assert app.selectbox(key="run").options == ["reference/acgan", "reference/dcgan", "mine"]


def test_it_opens_on_the_last_run_that_was_looked_at(three: Path) -> None:
    app = open_page("run")
    app.selectbox(key="run").select("mine").run()
    app.switch_page("views/train/page.py").run()
    app.query_params.clear()
    app.switch_page("views/run/page.py").run()
    assert healthy(app).selectbox(key="run").value == "mine"


@pytest.mark.parametrize(
    ("cookie", "expected"),
    [
        ("mine", "mine"),
        ("reference%2Facgan", "reference/acgan"),
        ("%2E%2E/etc", "reference/dcgan"),
        ("", "reference/dcgan"),
    ],
)
def test_the_browser_remembers_it(three: Path, monkeypatch: pytest.MonkeyPatch, cookie: str, expected: str) -> None:
    monkeypatch.setattr(type(opening.st.context), "cookies", {"ganray_run": cookie})
    assert open_page("run").selectbox(key="run").value == expected


@pytest.mark.parametrize("name", ["mine", "reference/acgan"])
def test_an_address_that_names_a_run_wins(three: Path, name: str) -> None:
    assert open_page("run", run=name).selectbox(key="run").value == name


def test_a_field_that_was_emptied_gets_its_run_back(three: Path) -> None:
    app = open_page("run", run="mine")
    app.selectbox(key="run").set_value(None).run()
    assert healthy(app).selectbox(key="run").value == "mine"


def test_a_run_without_a_discriminator_leads_to_one_that_has_it(three: Path) -> None:
    app = open_page("run", run="mine")
    assert "Runs whose discriminator is here" in texts(app)
    assert "dcgan" in [link.value for link in app.page_link]
    (three / "reference" / "dcgan" / "discriminator.safetensors").unlink()
    assert "No run here keeps a discriminator yet" in texts(healthy(app.run()))


def test_one_run_alone_and_a_broken_one(runs_root: Path) -> None:
    (runs_root / "broken").mkdir()
    (runs_root / "broken" / "config.json").write_text("{")
    make_run(runs_root, "older", "gan", 1, 1)
    assert opening.richest(store.library().entries()) == "older"
    assert opening.richest([]) == ""


def test_a_run_without_an_animation_says_so(runs_root: Path) -> None:
    make_run(runs_root, "ended", "gan", 2, 2).gif.unlink(missing_ok=True)
    make_run(runs_root, "going", "gan", 2, 2, "running").gif.unlink(missing_ok=True)
    ended, going = open_page("run", run="ended"), open_page("run", run="going")
    assert animations.NONE in texts(ended) and "From noise to images" not in texts(ended)
    assert any(animations.NONE_YET in element.proto.body for element in going.get("html"))
    assert animations.NONE not in texts(going) and "From noise to images" in texts(going)
