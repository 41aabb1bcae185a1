"""The live tab's Explore: what a view holds, where a move leads, and what is refused."""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dashboard.live import explore
from dashboard.live.explore import Explorers, Place
from dashboard.live.models import ModelCache
from gan_core import images
from gan_core.errors import UserError
from gan_core.inference import Model
from gan_core.inference.latent_directions import Absent
from tests.conftest import ROOT
from tests.helpers.live_html import embedded_pngs

RUN = "reference/cgan"


@pytest.fixture(scope="module")
def explorers() -> Iterator[Explorers]:
    models = ModelCache(ROOT / "runs")
    yield Explorers(models)
    models.decoder.close()


@pytest.fixture(scope="module")
def place(explorers: Explorers) -> Place:
    explorer = explorers.get(RUN, "PNEUMONIA")
    return replace(explore.start(explorer, RUN, "PNEUMONIA", explore.FEATURES, 3, 0.3, None), number=7)


def told(view: str) -> dict[str, Any]:
    (found,) = re.findall(r'data-view="([^"]*)"', view)
    return json.loads(html.unescape(found))


def sheet(view: dict[str, Any], name: str, which: int = 0) -> Any:
    return embedded_pngs(f'src="{view["sheets"][which][name]}"')[0]


def test_a_view_holds_all_that_can_be_dragged(explorers: Explorers, place: Place) -> None:
    view = told(explore.view(explorers, replace(place, other="reference/gan"))[1])
    rows, plane, near = (sheet(view, name) for name in ("rows", "plane", "near"))
    names = [row["name"] for row in view["rows"]]
    assert names == [*(f"Component {n}" for n in range(1, 6)), "Class code to NORMAL"]
    assert (rows.size, plane.size, near.size) == ((11 * 64, 6 * 64), (11 * 64, 11 * 64), (8 * 64, 64))
    assert plane.text["Description"] == images.NOTICE
    own = np.asarray(explorers.get(RUN, "PNEUMONIA").space.model.generate(1, label="PNEUMONIA", seed=3)[0])[0, ..., 0]
    for found, (row, column) in ((plane, view["plane"]["at"]), (rows, (0, view["rows"][0]["at"]))):
        cell = np.asarray(found)[64 * row : 64 * row + 64, 64 * column : 64 * column + 64]
        assert np.abs(cell.astype(int) - own).max() <= 1
    assert view["other"] == "gan" and sheet(view, "plane", 1).size == plane.size
    assert view["caption"] == "cgan, PNEUMONIA, seed 3: synthetic, not for diagnosis"
    assert view["plane"]["ys"][0] > view["plane"]["ys"][-1]  # up is more


def test_a_move_leads_where_the_page_shows(explorers: Explorers, place: Place) -> None:
    rows = [*explorers.get(RUN, "PNEUMONIA").quick()]
    there = explore.moved(explorers, [place], json.dumps({"view": 7, "kind": "row", "cell": [1, 10]}))
    assert rows[1].place(there.point) == pytest.approx(2.5, abs=1e-3) and there.moves == 1
    again = explore.moved(explorers, [place, there], json.dumps({"view": 7, "kind": "plane", "cell": [0, 10]}))
    assert [one.place(again.point) for one in rows[:2]] == pytest.approx([2.5, 2.5], abs=1e-3)
    near = explore.moved(explorers, [place], json.dumps({"view": 7, "kind": "near", "cell": [0, 3]}))
    assert not np.array_equal(near.point.z, place.point.z)
    link = explore.download(explorers, near)
    assert "cgan, PNEUMONIA, seed 3, 1 step from it: synthetic, not for diagnosis" in link
    assert embedded_pngs(link)[0].text["Moves"] == "1"


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", "[" * 9999, '{"view": 6, "kind": "row", "cell": [0, 0]}'),
        *(
            f'{{"view": 7, "kind": {kind}, "cell": [{cell}, 0]}}'
            for kind, cell in (('"row"', 99), ('"up"', 0), ("0", -1))
        ),
    ],
)
def test_a_move_that_the_page_does_not_make_is_refused(explorers: Explorers, place: Place, text: str) -> None:
    with pytest.raises(UserError, match="did not arrive: reload it"):
        explore.moved(explorers, [place], text)


def test_directions_that_span_no_plane_say_so(explorers: Explorers, place: Place) -> None:
    view = told(explore.view(explorers, replace(place, up=place.across))[1])
    assert not view["plane"] and "nearly the same direction" in view["refusal"] and "plane" not in view["sheets"][0]


def test_odd_numbers_and_names(explorers: Explorers) -> None:
    explorer = explorers.get(RUN, "PNEUMONIA")
    assert explorer is explorers.get(RUN, "PNEUMONIA") and explorers.is_ready("cgan", "PNEUMONIA")
    assert not explorers.is_ready("cgan", "NORMAL")
    for seed, turn, of, words in ((None, 0.3, "features", "empty"), (1, 2, "features", "up to 1"), (1, 1, "x", "use")):
        with pytest.raises(UserError, match=words):
            explore.start(explorer, RUN, "PNEUMONIA", of, seed, turn, None)


def test_what_takes_too_long_is_drawn_with_fewer_steps(
    explorers: Explorers, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No visitor is told to ask for fewer pictures: nobody asked for a number."""
    limits = {RUN: 120, "reference/gan": 20}
    generate = Model.draw

    def slow(model: Model, z: Any, labels: Any) -> np.ndarray:
        if len(z) > limits["reference/" + model.run.folder.name]:
            raise UserError(f"run would take about 19 s here for {len(z)} images: ask for at most 20")
        return generate(model, z, labels)

    monkeypatch.setattr(Model, "draw", slow)
    drawn, page = explore.view(explorers, replace(place, other="reference/gan"))
    view = told(page)
    assert drawn.steps == 7 and sheet(view, "plane").size == (7 * 64, 7 * 64)
    assert sheet(view, "here", 1).size == (64, 64) and view["other"] == "gan"
    assert "7 steps instead of 11" in view["note"] and "ask for" not in view["note"]
    there = explore.moved(explorers, [drawn], json.dumps({"view": 7, "kind": "plane", "cell": [0, 6]}))
    assert there.moves == 1 and there.steps == 7
    limits[RUN] = 20
    with pytest.raises(UserError, match="too slowly here just now"):
        explore.view(explorers, place)


def test_an_empty_field_is_a_line(explorers: Explorers) -> None:
    explorer = explorers.get(RUN, "PNEUMONIA")
    with pytest.raises(UserError, match="choose one"):
        explorer.direction(None)
    with pytest.raises(UserError, match="components of 'None'"):
        explore.start(explorer, RUN, "PNEUMONIA", None, 0, 0.3, None)
    with pytest.raises(UserError, match="a field is empty"):
        explore.checked_turn(None)


def test_what_is_absent_says_why(explorers: Explorers) -> None:
    quick = explorers.get(RUN, "PNEUMONIA").quick()
    page = explore.rows(quick, [Absent("Class", "no classifier knows <these>")], measuring=False)
    assert page.count('type="range"') == len(quick) and "No classifier knows &lt;these&gt;." in page
