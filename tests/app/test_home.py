"""Home, the glossary, the words below the pages, the steps of the tour, and old links to Compare."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from dashboard.library import glossary, pages, store, tour
from dashboard.server.old_links import KEYS, OldLinks
from dashboard.views.home import drawing, networks_svg, starts
from dashboard.widgets import terms
from gan_core.family_traits import FamilyTraits
from gan_core.playground.experiments import EXPERIMENTS
from gan_core.runs import list_runs
from tests.conftest import ROOT
from tests.helpers import made_evaluations
from tests.helpers.pages import open_page
from tests.helpers.run_folders import make_run

FOUR = ("gan", "dcgan", "cgan", "bigan")


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("home")
    for name in FOUR:
        make_run(root, f"reference/{name}", name, 3, 10)
    make_run(root, "mine", "dcgan", 2, 10, "stopped", reason="stopped by SIGTERM")
    return root


def sent(app: AppTest, component: str) -> Any:
    [found] = [e.proto for e in app.get("bidi_component") if e.proto.component_name.endswith(component)]
    return json.loads(found.json)


def html(app: AppTest) -> str:
    return "".join(element.proto.body for element in app.get("html"))


def links(text: str) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """(page, query) of every link within the app."""
    for place in re.findall(r'href="(/[^"]*)"', text.replace("&amp;", "&")):
        split = urlsplit(place)
        yield split.path.strip("/") or pages.HOME, parse_qs(split.query)


def test_home_says_what_it_is_and_where_to_begin(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANRAY_RUNS", str(shipped))
    app = open_page("home")
    assert "two neural networks" in html(app)
    assert "synthetic, not for diagnosis" in html(app)
    films = {card["title"]: card for card in sent(app, "ganray_starts")}
    assert [film["label"] for film in films["Compare four GANs"]["films"]] == list(FOUR)
    assert films["Compare four GANs"]["films"][0]["frames"][0][0] == "epoch 0"
    assert parse_qs(urlsplit(films["Compare four GANs"]["href"]).query)["runs"] == list(store.FIRST)
    assert all(len(curve.split()) > 5 for curve in films["Train one now"]["curves"])
    assert "picture" not in films["Turn a normal X-ray into COVID-19"]  # no run here translates
    runs = [query["run"][0] for page, query in links(html(app)) if page == "run"]
    assert runs[0] == "mine"
    assert sorted(runs[1:]) == sorted(store.FIRST)
    assert "stopped" in html(app)
    assert all(page in {one.address for one in pages.PAGES} for page, _ in links(html(app)))


def test_a_training_that_goes_on_is_the_one_on_the_card(runs_root: Path) -> None:
    make_run(runs_root, "old", "dcgan", 2, 10)
    make_run(runs_root, "now", "gan", 2, 10, "running")
    card = next(card for card in sent(open_page("home"), "ganray_starts") if card["kind"] == "training")
    assert (card["films"][0]["label"], card["running"]) == ("now", True)


def test_the_shipped_runs_give_the_x_ray_before_and_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANRAY_RUNS", str(ROOT / "runs"))
    entries = [entry for entry in store.library().readable() if entry.sheets and not entry.private]
    card = starts.translate(entries)
    assert card["title"] == "Turn a normal X-ray into COVID-19"
    assert (card["labels"], card["columns"]) == (["NORMAL", "COVID"], 6)
    assert "covid" in card["picture"]
    assert [step["page"] for step in tour.steps()][:2] == ["home", "compare"]
    assert tour.COMPARED[-1] in parse_qs(urlsplit(tour.steps()[1]["href"]).query)["runs"]


def test_the_list_names_the_four_classics_then_what_translates_and_draws_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANRAY_RUNS", str(ROOT / "runs"))
    text = html(open_page("home"))
    listed = [query["run"][0] for page, query in links(text[text.index("home-runs") :]) if page == "run"]
    assert listed == [*store.FIRST, "reference/covid_opacity", "reference/r3gan_long_128"]
    assert "128 px, epoch 18 of 18" in text


def test_no_picture_of_a_patient_is_on_a_card(runs_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(runs_root, "private", "dcgan", 2, 10)
    monkeypatch.setattr(store.Entry, "private", True)
    cards = sent(open_page("home"), "ganray_starts")
    assert "/frames/" not in json.dumps(cards)


def test_the_best_generator_shows_what_it_draws(shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(shipped, tmp_path / "runs")
    monkeypatch.setenv("GANRAY_RUNS", str(tmp_path / "runs"))
    assert "Drawn by" not in html(open_page("home")), "nothing was measured"
    for run in list_runs(tmp_path / "runs"):
        if run.name in ("reference/dcgan", "reference/bigan"):
            run.weights.write_bytes(b"weights")
            made_evaluations.write(run, 0.99 if run.name == "reference/dcgan" else 0.2)
    shown = html(open_page("home"))
    assert "Drawn by" in shown and ("run", {"run": ["reference/dcgan"]}) in list(links(shown))
    assert re.search(r'<img src="[^"]*/frames/[^"]*reference/dcgan/3-', shown)
    monkeypatch.setattr(store.Entry, "private", True)
    assert "Drawn by" not in html(open_page("home")), "its pictures are patients'"


def test_the_four_families_differ_in_the_drawing() -> None:
    drawn = {family["title"]: family for family in map(drawing.describe, drawing.families())}
    assert [family["sign"] for family in drawn.values()] == [
        *("dense layers", "convolutions"),
        *("takes a class", "has an encoder"),
    ]
    assert len({family["drawing"] for family in drawn.values()}) == 4
    assert len({family["color"] for family in drawn.values()}) == 4


def test_the_drawing_follows_what_a_family_declares() -> None:
    plain = networks_svg.draw(FamilyTraits(layers="dense"), "X")
    assert 'class="threads"' in plain and 'class="map"' not in plain and "Encoder" not in plain
    rich = networks_svg.draw(FamilyTraits(layers="convolutional", conditional=True, encodes=True), "<b>")
    assert 'class="map"' in rich and "Encoder" in rich and ">class<" in rich and "<b>" not in rich


def test_a_curve_keeps_to_its_card() -> None:
    assert starts.line(np.array([1.0])) == starts.line(np.array([np.nan] * 9)) == ""
    points = [tuple(map(float, point.split(","))) for point in starts.line(np.r_[0, 5, np.inf, np.arange(999)]).split()]
    assert (points[0][0], points[-1]) == (0.0, (100.0, 0.0))
    assert all(0 <= x <= 100 and 0 <= y <= 30 for x, y in points)
    assert starts.line(np.ones(4)).endswith("100.0,30.0")  # it does not change


def test_every_term_is_short_and_leads_somewhere() -> None:
    assert set(glossary.WORDS) - {"playground"} <= {page.address for page in pages.PAGES}
    for page in pages.PAGES:
        assert page.address == "glossary" or 4 <= len(glossary.WORDS[page.address]) <= 12
    for page, keys in glossary.WORDS.items():
        assert set(keys) <= set(glossary.TERMS), page
        assert len(set(keys)) == len(keys), page
    titles = {page.title: page.address for page in pages.PAGES}
    for key, term in glossary.TERMS.items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", key)
        assert 20 < len(term.meaning) < 260 and term.meaning.endswith("."), key
        assert len(re.findall(r"[.?](?:\s|$)", term.meaning)) <= 2, key
        assert 8 < len(term.where) < 140 and term.group in glossary.GROUPS, key
        assert term.page == "playground" or pages.known(term.page), key
        assert not term.experiment or term.experiment in EXPERIMENTS, key
        named = re.search(rf"\b({'|'.join(titles)})\b", term.where)
        assert not named or titles[named[1]] == term.page or key == "run", key  # the words name where the link leads
    names = [term.name.lower() for term in glossary.TERMS.values()]
    assert len(set(names)) == len(names)


def test_the_glossary_marks_the_term_that_is_asked_for(runs_root: Path) -> None:
    app = open_page("glossary", term="mode-collapse")
    shown = html(app)
    assert re.findall(r'class="asked" aria-current="true" id="term-([a-z0-9-]+)"', shown) == ["mode-collapse"]
    assert re.findall(r'data-term="([^"]+)"', shown).__len__() == len(glossary.TERMS)
    assert all(pages.known(page) for page, _ in links(shown))
    assert not app.info
    for key, term in glossary.TERMS.items():
        if term.experiment:
            line = shown.split(f'data-term="{key}"')[1].split("</div>")[0]
            assert list(links(line)) == [("compare", {}), ("playground", {"experiment": [term.experiment]})]
    assert "not here" in open_page("glossary", term="<b>").info[0].value


@pytest.mark.parametrize("page", ["home", "train"])
def test_a_page_links_its_words(runs_root: Path, page: str) -> None:
    found = [query["term"][0] for place, query in links(html(open_page(page))) if place == "glossary" and query]
    assert found[-len(glossary.WORDS[page]) :] == list(glossary.WORDS[page])


def test_a_term_in_a_sentence() -> None:
    link = terms.link("kid", "the *KID*")
    assert link.startswith(r"[the \*KID\*](/glossary?term=kid ")
    assert glossary.TERMS["kid"].meaning in link
    assert terms.anchor("kid").count("<") == 2


def test_the_frame_tells_the_browser_its_pages_and_steps(runs_root: Path) -> None:
    told = sent(open_page("glossary"), "ganray_frame")
    assert told["home"] == "/"
    assert "/compare" in told["pages"]
    for step in told["steps"]:
        assert urlsplit(step["href"]).path in told["pages"]
        assert step["words"] and step["target"]
    assert sum(step["seconds"] for step in told["steps"]) <= 95
    acts = (ROOT / "dashboard" / "components" / "tour_acts.js").read_text("utf-8")
    assert all(f"async {step.act}(" in acts for step in tour.STEPS if step.act)


@pytest.fixture
def client() -> TestClient:
    async def home(request: Request) -> PlainTextResponse:
        return PlainTextResponse("home")

    routes = [Route("/{rest:path}", home, methods=["GET", "POST"])]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(OldLinks)]), follow_redirects=False)


@pytest.mark.parametrize("key", sorted(KEYS))
def test_an_old_link_opens_compare_with_its_whole_query(client: TestClient, key: str) -> None:
    query = f"utm=a%26b&{key}=reference%2Fgan&runs=%C3%A4+b"
    answer = client.get(f"/?{query}")
    assert answer.status_code == 307
    assert answer.headers["location"] == f"/compare?{query}"
    assert client.get(f"/run?{key}=1").text == "home"


def test_other_addresses_stay(client: TestClient) -> None:
    for place in ("/", "/?projector=1", "/?embed=true", "/?run=a", "/compare?runs=a"):
        assert client.get(place).text == "home", place
    assert client.post("/?runs=a").text == "home"


def test_old_links_know_every_setting_of_compare() -> None:
    """What the page's own sources keep in the address."""
    folder = ROOT / "dashboard"
    scripts = "".join(path.read_text("utf-8") for path in folder.glob("components/*.js"))
    shared = {"term", "projector", "experiment"}
    found = set(re.findall(r'address\.get\("(\w+)"\)', scripts)) - shared
    assert found <= KEYS
    widgets = "".join((folder / "widgets" / f"{name}.py").read_text("utf-8") for name in ("run_picker", "run_curves"))
    kept = set(re.findall(r'key="(\w+)",(?:\s+\w+="[^"]*",|\s+\w+=\w+,)*\s+bind="query-params"', widgets))
    assert kept and kept <= KEYS
