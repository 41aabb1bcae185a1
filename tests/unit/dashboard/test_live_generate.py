"""The live tab's Generate: new pictures, a class in the hand, and what classifiers say of them."""

import html
import io
import json
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dashboard.live import explore, explore_tab, generate, input_fields, predictions
from dashboard.live.generate import ANY, SHARES, GenerateRequest, GenerationUpdate
from dashboard.live.models import ModelCache
from gan_core import images
from gan_core.errors import UserError
from gan_core.evaluation import classifiers
from gan_core.evaluation import predicted_classes as classified
from tests.conftest import ROOT
from tests.helpers.live_html import embedded_pngs
from tests.helpers.untrained import untrained

CGAN, DCGAN = "reference/cgan", "reference/dcgan"


@pytest.fixture(scope="module")
def models() -> Iterator[ModelCache]:
    made = ModelCache(ROOT / "runs")
    yield made
    made.decoder.close()


def drawn(models: ModelCache, wanted: GenerateRequest) -> GenerationUpdate:
    return list(generate.draw(models, wanted))[-1]


def words(shown: GenerationUpdate) -> list[str]:
    """What stands below each picture, once it has arrived."""
    (found,) = re.findall(r'data-words="([^"]*)"', shown.opinion)
    return json.loads(html.unescape(found))


def percents(said: list[str]) -> np.ndarray:
    return np.array([int(re.findall(r"(\d+)%", one)[0]) for one in said])


def test_generating(models: ModelCache) -> None:
    grid = drawn(models, GenerateRequest("new", CGAN, "PNEUMONIA", seed=3, count=5, truncation=0.8)).page
    assert "cgan, PNEUMONIA, seed 3, truncation 0.8: synthetic, not for diagnosis" in grid
    shown = embedded_pngs(grid)
    assert len(shown) == 5
    assert all(picture.text["Description"] == images.NOTICE for picture in shown)
    rows = drawn(models, GenerateRequest("classes", CGAN, seed=3, count=4)).page
    assert rows.count("<b>") == 2
    assert len(embedded_pngs(rows)) == 8
    walked = drawn(models, GenerateRequest("walk", CGAN, opinions=True))
    gif = re.search(r'src="(data:image/gif;base64,[^"]+)"', walked.page)
    assert gif
    assert Image.open(io.BytesIO(urllib.request.urlopen(gif[1]).read())).n_frames == 2 * generate.STEPS - 2
    assert not walked.opinion


def test_what_else_tells_the_classes_apart_is_said_above_the_pictures(models: ModelCache) -> None:
    for kind in ("new", "classes", "between"):
        page = drawn(models, GenerateRequest(kind, "reference/three_classes", "normal", "viral", count=2)).page
        assert "age, hospital or scanner may tell them apart" in page
        assert "age, hospital" not in drawn(models, GenerateRequest(kind, CGAN, "NORMAL", "PNEUMONIA", count=2)).page


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (GenerateRequest("new", DCGAN, "NORMAL"), "not conditional"),
        (GenerateRequest("classes", DCGAN), "no classes to compare"),
        (GenerateRequest("between", DCGAN), "no two classes"),
        (GenerateRequest("between", CGAN, "NORMAL", "NORMAL"), "both classes are NORMAL: choose two"),
        (GenerateRequest("between", CGAN, "NORMAL", "viral"), "no class &#x27;viral&#x27;"),
        (GenerateRequest("new", CGAN, count=1000), "ask for 1 to 64"),
        (GenerateRequest("new", CGAN, seed=-1), "take a whole number from 0"),
        (GenerateRequest("new", CGAN, seed=None), "a field is empty"),
        (GenerateRequest("new", CGAN, seed=1e300), "take a whole number from 0"),
        (GenerateRequest("between", CGAN, truncation=0.0), "truncation 0"),
        (GenerateRequest("new", "reference/phantom_cxr_cyclegan"), "does not generate any"),
        (GenerateRequest("new", ""), "no run here generates"),
    ],
)
def test_whatever_is_wrong_is_one_sentence(models: ModelCache, wanted: GenerateRequest, words: str) -> None:
    told = drawn(models, wanted).page
    assert words.lower() in told.lower()
    assert told.count('class="message error"') == told.count("<div") == 1


def test_truncation_makes_pictures_more_alike(models: ModelCache) -> None:
    model = models.get(DCGAN)
    spreads = [model.generate(24, truncation=cut)[0].astype(float).std(0).mean() for cut in (1.0, 0.6, 0.2)]
    assert spreads[0] > 1.15 * spreads[1] > 1.15**2 * spreads[2]


def test_a_class_in_the_hand(models: ModelCache) -> None:
    """All pictures of the way are on the page: it begins and ends as the classes themselves, in small steps."""
    wanted = GenerateRequest("between", CGAN, "PNEUMONIA", seed=4, count=3, truncation=0.7)
    page = drawn(models, wanted).page
    assert page.count('class="frames"') == 3
    frames = np.array([np.asarray(one, float) for one in embedded_pngs(page)]).reshape(3, len(SHARES), 64, 64)
    for place, name in ((0, "PNEUMONIA"), (-1, "NORMAL")):
        alone, _ = models.get(CGAN).generate(3, label=name, seed=4, truncation=0.7)
        assert np.abs(frames[:, place] - alone[..., 0]).max() <= 1
    steps = np.abs(np.diff(frames, axis=1)).mean((0, 2, 3))
    whole = np.abs(frames[:, -1] - frames[:, 0]).mean()
    assert whole > 5
    assert steps.max() < 0.5 * whole
    assert 'data-first="PNEUMONIA" data-second="NORMAL"' in page
    assert embedded_pngs(page)[3].text["Class"] == "70% PNEUMONIA, 30% NORMAL"


def test_opinions_come_after_the_pictures(models: ModelCache) -> None:
    models.get(CGAN)
    bare, first, both = generate.draw(
        models, GenerateRequest("new", CGAN, "PNEUMONIA", seed=3, count=12, opinions=True)
    )
    assert bare.page == first.page == both.page
    assert bare.page.count('class="said"') == 12
    assert (words(bare), len(words(first)), len(words(both))) == ([], 12, 12)
    assert "child-b" in first.opinion and "child-a" not in first.opinion
    assert re.search(
        r"<b>child-b</b>, trained on X-rays of children, predicts the class that was drawn for \d+ of 12", both.opinion
    )
    assert re.search(r"they agree on \d+ of 12", both.opinion)
    for said in ("no generator was trained against", "4,199 real X-rays of children", "prediction is no diagnosis"):
        assert said in both.disclaimer
    (marks,) = re.findall(r'data-differs="([^"]*)"', both.opinion)
    assert [mark == "1" for mark in marks] == [not one.startswith("PNEUMONIA") for one in words(both)]


def test_opinions_follow_the_class_in_the_hand(models: ModelCache) -> None:
    shown = drawn(models, GenerateRequest("between", CGAN, "NORMAL", "PNEUMONIA", count=4, opinions=True))
    said = words(shown)
    assert all(one.startswith("PNEUMONIA ") for one in said)
    way = percents(said).reshape(len(SHARES), 4).mean(1)
    assert way[0] < 25
    assert way[-1] > 75
    assert shown.opinion.count("<polyline") == 4 + 2
    assert "Probability of PNEUMONIA by share. child-b: 0%" in shown.opinion


def test_where_nothing_was_asked_for_classes_are_counted(models: ModelCache) -> None:
    shown = drawn(models, GenerateRequest("new", DCGAN, count=6, opinions=True))
    normal, ill = map(
        int,
        re.findall(
            r"<b>child-b</b>, trained on X-rays of children, predicts NORMAL for (\d+), PNEUMONIA for (\d+)",
            shown.opinion,
        )[0],
    )
    assert normal + ill == 6
    assert "1" not in re.findall(r'data-differs="([^"]*)"', shown.opinion)[0]


def test_a_control_that_sees_no_lungs_is_named_where_there_is_one(models: ModelCache) -> None:
    names, settled = ("COVID", "NORMAL"), models.config("reference/adult_cgan")
    assert classified.fitting(settled) == ("adult-b", "adult-a")
    card = classifiers.shipped("adult-b").card
    found = [classified.Opinion(card, names, np.array([[0.9, 0.1], [0.2, 0.8]], np.float32))]
    assert "adult-hull, trained without the lungs, is right for 94%, too" in predictions.disclaimer(settled)
    said = predictions.per_image(found, ("COVID", "COVID"))
    assert 'data-differs="01"' in said
    assert "predicts the class that was drawn for 1 of 2" in said


def test_names_of_classes_cannot_draw_on_the_page(models: ModelCache) -> None:
    names = ('"><img src=x onerror=alert(1)>', "b")
    chances = np.tile(np.array([[0.9, 0.1]], np.float32), (len(SHARES), 1))
    found = [classified.Opinion(classifiers.shipped("child-b").card, names, chances)]
    ways = [
        predictions.along_interpolation(found, names[0], "b", SHARES),
        predictions.along_interpolation(found, "b", names[0], SHARES),
    ]
    for page in [predictions.per_image(found, [""] * len(SHARES)), *ways]:
        assert "<img" not in page
    settled = replace(models.config(CGAN), classes=names)
    assert "<img" not in predictions.refusal(settled)
    assert "No second opinion: no classifier here knows all of these classes" in predictions.refusal(settled)


def test_what_stands_from_another_run_is_fitted_to_this_one(models: ModelCache) -> None:
    wanted = GenerateRequest("between", DCGAN, "NORMAL", "PNEUMONIA")
    assert generate.fitted(models, wanted) == replace(wanted, kind="new", label=ANY, second=None)
    wanted = GenerateRequest("between", CGAN, "PNEUMONIA", "PNEUMONIA")
    assert generate.fitted(models, wanted) == replace(wanted, second=None)
    wanted = GenerateRequest("classes", "reference/adult_cgan", "PNEUMONIA", "COVID")
    assert generate.fitted(models, wanted) == replace(wanted, label=ANY, second=None)
    wanted = GenerateRequest("walk", "gone")
    assert generate.fitted(models, wanted) == wanted


def test_fields_say_what_a_run_can_do(models: ModelCache) -> None:
    assert input_fields.seconds(models, CGAN) == {"choices": ["PNEUMONIA"], "value": "PNEUMONIA", "visible": False}
    assert input_fields.seconds(models, CGAN, "PNEUMONIA")["value"] == "NORMAL"
    assert input_fields.seconds(models, DCGAN) == {"choices": [], "value": None, "visible": False}
    assert input_fields.can_be_judged(models, DCGAN)
    assert not input_fields.can_be_judged(models, "gone")
    assert not input_fields.can_be_judged(models, None)


@pytest.fixture(scope="module")
def in_steps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelCache]:
    """A run that draws in steps, of networks that have learned nothing, and one that does not."""
    root = tmp_path_factory.mktemp("runs")
    untrained(root, "stepwise", "flow")
    untrained(root, "plain", "cgan")
    made = ModelCache(root)
    yield made
    made.decoder.close()


def test_the_way_from_noise_to_an_image(in_steps: ModelCache) -> None:
    """Two rows an image, a column a moment: the first state is the noise, and both rows end in the image itself."""
    wanted = GenerateRequest("path", "stepwise", "normal", seed=5, count=9, opinions=True)
    shown = drawn(in_steps, wanted)
    pictures = np.array([np.asarray(one, float) for one in embedded_pngs(shown.page)])
    ways = pictures.reshape(generate.PATHS, 2, generate.MOMENTS, 32, 32)
    made, _ = in_steps.get("stepwise").generate(generate.PATHS, label="normal", seed=5)
    assert np.abs(ways[:, 0, -1] - made[..., 0]).max() <= 1
    assert np.abs(ways[:, 1, -1] - made[..., 0]).max() <= 1
    noise = in_steps.get("stepwise").latents(generate.PATHS, 5).reshape(generate.PATHS, 32, 32)
    assert np.abs(ways[:, 0, 0] - images.to_uint8(noise)).max() <= 1
    assert ">0%<" in shown.page and ">100%<" in shown.page
    assert "begins as noise" in shown.page and shown.page.count("Expected end") > generate.PATHS
    assert embedded_pngs(shown.page)[0].text["Moment"] == "Now 0%"


def test_only_a_run_that_draws_in_steps_is_asked_for_its_way(in_steps: ModelCache) -> None:
    assert input_fields.in_steps(in_steps, "stepwise")
    assert not any(input_fields.in_steps(in_steps, name) for name in ("plain", "gone", None))
    wanted = GenerateRequest("path", "stepwise")
    assert generate.fitted(in_steps, wanted) == wanted
    assert generate.fitted(in_steps, replace(wanted, run="plain")).kind == "new"
    assert "draws an image in one step" in drawn(in_steps, replace(wanted, run="plain")).page


def test_the_explorer_opens_on_a_run_with_directions_and_says_why_another_has_none(in_steps: ModelCache) -> None:
    assert explore_tab._first(in_steps) == "plain"
    explorers = explore.Explorers(in_steps)
    with pytest.raises(UserError, match="no directions to explore: choose another run"):
        explorers.get("stepwise", "normal")
