"""The live tab for a run that paints opacity: what the page gets, and what its buttons bring."""

import base64
import html
import io
import json
import re
import shutil
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from dashboard.live import examples, graded, input_fields, painting_page, translate_tab
from dashboard.live.models import ModelCache
from dashboard.live.painting_page import Chosen
from dashboard.live.translate import TranslationUpdate, Upload
from gan_core import images
from gan_core.errors import UserError
from gan_core.phantoms.chest import xray
from gan_core.phantoms.head import mri
from tests.conftest import ROOT
from tests.helpers.graded_run import NAME, graded_run
from tests.helpers.live_html import embedded_pngs

RIVAL = "phantom_cxr_cyclegan"


def chest(size: int = 256, kind: str = "normal") -> np.ndarray:
    return (xray.draw(kind, 51, size).image * 255).astype(np.uint8)[..., None]


NORMAL = Upload("normal.png", images.png_bytes(chest()))
BRAIN = Upload("brain.png", images.png_bytes((mri.draw("T1", 51, 128).image * 255).astype(np.uint8)))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelCache]:
    root = tmp_path_factory.mktemp("runs")
    shutil.copytree(ROOT / "runs" / "reference" / RIVAL, root / "reference" / RIVAL)
    graded_run(root)
    made = ModelCache(root)
    made.get(NAME)
    yield made
    made.decoder.close()


def steps(models: ModelCache, *given: Upload, to: str = "covid", insist: bool = False) -> list[TranslationUpdate]:
    return list(graded.steps(models, given, NAME, to, insist, 0.4, 3))


def numbers(page: str) -> dict[str, Any]:
    """What the page's script reads, with its maps as arrays (64, 64)."""
    found = re.search(r'data-numbers="([^"]+)"', page)
    assert found
    given: dict[str, Any] = json.loads(html.unescape(found[1]))
    for name in ("logits", "density", "mask", "soft"):
        given[name] = np.frombuffer(base64.b64decode(given[name]), "<f4").reshape(64, 64)
    return given


def enlarged(opacity: np.ndarray, box: list[float], shape: tuple[int, int]) -> np.ndarray:
    """A map of the frame in the picture, as painting.js enlarges it."""
    padded = np.pad(opacity, 1)

    def places(count: int, start: float, end: float) -> tuple[np.ndarray, np.ndarray]:
        place = ((np.arange(count) + 0.5) / count - start) / (end - start) * 64 + 0.5
        place[(place <= 0) | (place >= 65)] = 0
        return np.floor(place).astype(int), place % 1

    (row, down), (column, across) = places(shape[0], *box[:2]), places(shape[1], *box[2:])
    line = padded[row] + down[:, None] * (padded[row + 1] - padded[row])
    return line[:, column] + across * (line[:, column + 1] - line[:, column])


def painted(given: dict[str, Any], before: np.ndarray, room: np.ndarray, severity: float) -> np.ndarray:
    """The picture uint8 (H, W) as painting.js draws it."""
    if severity <= 0:
        return before
    bias = given["biases"][round(severity * painting_page.STEPS)]
    opacity = given["density"] / (1 + np.exp(-(given["logits"] + bias)))
    return np.rint(np.clip(before + enlarged(opacity, given["box"], before.shape) * room, 0, 255)).astype(np.uint8)


@pytest.mark.parametrize("rows", [slice(None), slice(30, None)], ids=["whole", "the frame begins above the picture"])
def test_the_page_can_paint_what_the_run_paints(models: ModelCache, rows: slice) -> None:
    picture = chest()[rows]
    *_, last = steps(models, Upload("a.png", images.png_bytes(picture)))
    before, room = (np.asarray(one) for one in embedded_pngs(last.picture))
    assert np.array_equal(before, picture[..., 0])
    given = numbers(last.pattern)
    assert given["box"][0] < 0 or rows.start is None
    painting = models.get(NAME).painting(picture.astype(np.float32) / 255)
    for severity in (0.0, 0.01, 0.35, 0.7, 1.0):
        wanted = images.to_uint8(2 * painting.painted(severity)[0, 0] - 1).astype(int)
        found = painted(given, before, room, severity)
        assert np.abs(found - wanted).max() <= 1, severity
        assert np.abs(found.astype(int) - before).max() > 3 or severity < 0.1
    assert np.array_equal(painted(given, before, room, 0.0), picture[..., 0])


def test_a_graded_run_comes_first_and_opens_with_a_picture_of_ours(models: ModelCache) -> None:
    assert models.names("translate") == [NAME, f"reference/{RIVAL}"]
    assert models.paints(NAME) and models.paints(NAME, "covid") and not models.paints(NAME, "normal")
    assert not models.paints(RIVAL)
    content = examples.opening(models, NAME, "normal")
    assert content
    assert Image.open(io.BytesIO(content)).text["Description"] == images.NOTICE
    assert steps(models, Upload("example.png", content))[-1].painted
    drawn = examples.opening(models, RIVAL, "normal")  # a run of another kind has no severity, and opens as well
    assert drawn and Image.open(io.BytesIO(drawn)).text["Description"] == images.NOTICE


def test_where_no_lungs_are_found_it_says_so(models: ModelCache) -> None:
    (asked,) = steps(models, BRAIN)
    assert asked.doubted and "brain MRI" in asked.message
    lying = Upload("lying.png", images.png_bytes(np.rot90(chest())))
    for to in ("covid", "normal"):
        last = steps(models, lying, insist=True, to=to)[-1]
        assert "Two lungs were not found in this image" in last.message
        assert not last.painted and not last.pattern


def test_another_pattern_has_the_next_seed(models: ModelCache) -> None:
    first = numbers(steps(models, NORMAL)[-1].pattern)
    other = numbers(graded.another(models, NORMAL, NAME, Chosen(seed=0)))
    assert (first["seed"], other["seed"]) == (0, 1)
    assert np.abs(first["logits"] - other["logits"]).mean() > 0.5
    assert first["box"] == other["box"]
    last = numbers(graded.another(models, NORMAL, NAME, Chosen(seed=painting_page.MOST_SEED)))
    assert last["seed"] <= painting_page.MOST_SEED


@pytest.mark.parametrize("to", ["covid", "normal"])
def test_of_a_file_of_several_pictures_a_line_says_so(models: ModelCache, to: str) -> None:
    pages = [Image.fromarray(chest()[..., 0])] * 2
    buffer = io.BytesIO()
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    *_, last = steps(models, Upload("film.tif", buffer.getvalue()), to=to, insist=True)
    assert "the first of 2 pictures in this file" in last.message and "<img" in last.picture


def test_another_pattern_takes_the_links_to_files_of_the_last_one_away(models: ModelCache) -> None:
    with gr.Blocks(analytics_enabled=False) as blocks:
        translate_tab.build(blocks, models)
    (button,) = (block for block in blocks.blocks.values() if getattr(block, "value", "") == "Another pattern")
    (event,) = (one for one in blocks.fns.values() if (button._id, "click") in one.targets)
    message, pattern, kept = event.fn(None, NORMAL, NAME, "covid", "")
    assert (message, kept) == ("", "") and numbers(pattern)["seed"] == 1
    message, *rest = event.fn(None, None, NAME, "covid", "")
    assert "upload one" in message and rest == [gr.skip(), gr.skip()]
    assert len(event.outputs) == 3


def test_files_have_the_pictures_own_resolution_and_say_what_they_are(models: ModelCache) -> None:
    large = Image.fromarray(chest()[..., 0]).resize((1100, 1300))
    picture = np.asarray(large)
    upload = Upload("large.png", images.png_bytes(picture))
    shown = embedded_pngs(steps(models, upload)[-1].picture)
    assert [one.size for one in shown] == [(866, 1024)] * 2
    links = graded.kept(models, upload, NAME, "covid", Chosen(0.35, 2))
    after, opacity = embedded_pngs(links)
    assert re.findall(r'download="([^"]+)"', links) == [
        "translated_covid_0.35_seed2.png",
        "translated_covid_0.35_seed2_opacity.png",
    ]
    assert "Severity 0.35, pattern of seed 2, " in links
    assert after.size == opacity.size == (1100, 1300)
    assert after.text["Severity"] == "0.35" and after.text["Seed"] == "2" and after.text["Run"] == NAME
    assert opacity.text["Content"].startswith("opacity map: share of air lost")
    change = np.asarray(after, int) - picture
    assert change.min() == 0 and change.max() > 3
    assert not change[np.asarray(opacity) == 0].any()
    untouched, nothing = embedded_pngs(graded.kept(models, upload, NAME, "covid", Chosen(0.0)))
    assert np.array_equal(np.asarray(untouched), picture) and not np.asarray(nothing).any()


def test_what_was_painted_with_the_brush_is_in_the_file(models: ModelCache) -> None:
    brush = np.zeros((64, 64), np.uint8)
    brush[20:40, :32] = 255
    sent = json.dumps({"severity": 0.7, "seed": 0, "brush": base64.b64encode(brush.tobytes()).decode()})
    after, _ = embedded_pngs(graded.kept(models, NORMAL, NAME, "covid", Chosen.of(sent)))
    change = np.asarray(after, int) - chest()[..., 0]
    assert change[:, :128].max() > 3
    assert not change[:, 140:].any()


@pytest.mark.parametrize(
    "sent",
    [
        "7",
        "{}",
        "[" * 9999,
        '{"severity": 2, "seed": 0, "brush": ""}',
        '{"severity": NaN, "seed": 0, "brush": ""}',
        '{"severity": 0.5, "seed": -1, "brush": ""}',
        '{"severity": 0.5, "seed": 1e999, "brush": ""}',
        '{"severity": 0.5, "seed": 0, "brush": "AAAA"}',
        '{"severity": 0.5, "seed": 0, "brush": "not base64"}',
    ],
)
def test_what_no_page_sends_is_one_line(sent: str) -> None:
    with pytest.raises(UserError):
        Chosen.of(sent)


def test_nothing_chosen_is_the_usual_severity() -> None:
    assert Chosen.of("") == Chosen(0.7, 0, None)


def test_the_way_back_shows_what_it_read(models: ModelCache) -> None:
    sick = Upload("covid.png", images.png_bytes(chest(kind="covid")))
    *_, last = steps(models, sick, to="normal")
    before, after, overlay = embedded_pngs(last.picture)
    assert np.array_equal(np.asarray(before), chest(kind="covid")[..., 0])
    assert (np.asarray(after, int) - np.asarray(before)).max() == 0, "opacity is taken away, and nothing is added"
    assert overlay.mode == "RGBA" and overlay.size == before.size
    assert "Show the opacity that was read" in last.tools and not last.painted
    names = re.findall(r'download="([^"]+)"', last.below)
    assert names == ["translated_normal.png", "translated_normal_opacity.png"]


def test_the_rival_shows_the_same_picture(models: ModelCache) -> None:
    last = steps(models, NORMAL)[-1]
    assert last.rival == f"reference/{RIVAL}"
    figures = graded.compared(models, NORMAL, NAME, "covid")
    other, _ = embedded_pngs(figures)
    assert other.size == (256, 256) and other.text["Run"] == RIVAL
    assert f"{RIVAL}: covid" in figures
    assert models.rivals(RIVAL) == []


def test_many_files_have_one_severity_and_a_seed_each(models: ModelCache) -> None:
    *_, last = steps(models, NORMAL, BRAIN, Upload("again.png", NORMAL.data))
    assert "brain.png" in last.message
    uri = re.search(r'href="(data:application/zip;base64,[^"]+)"', last.picture)
    assert uri
    with zipfile.ZipFile(io.BytesIO(urllib.request.urlopen(uri[1]).read())) as archive:
        names = [f"translated_covid_{n}{what}.png" for n in ("001", "003") for what in ("", "_opacity")]
        assert archive.namelist() == names
        notes = [Image.open(archive.open(name)).text for name in names]
        assert [note["Seed"] for note in notes] == ["3", "3", "5", "5"]
        assert {note["Severity"] for note in notes} == {"0.4"}
        assert archive.read(names[0]) != archive.read(names[2])


def test_a_run_that_is_gone_is_one_line(models: ModelCache) -> None:
    (last,) = graded.steps(models, [NORMAL], "gone", "covid", False, 0.7, 0)
    assert "there is no run" in last.message.lower()
    assert input_fields.directions(models, NAME)["value"] == "covid"


@pytest.mark.parametrize(("domains", "said"), [([], "does not translate to"), (["covid", "covid"], "same name twice")])
def test_a_foreign_run_without_two_domains_is_one_line(
    models: ModelCache, tmp_path: Path, domains: list[str], said: str
) -> None:
    shutil.copytree(models.root / NAME, tmp_path / "foreign")
    path = tmp_path / "foreign" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"domains": domains}))
    foreign = ModelCache(tmp_path)
    *_, last = graded.steps(foreign, [NORMAL], "foreign", "covid", False, 0.7, 0)
    foreign.decoder.close()
    assert said in last.message


def test_colours_brighten_with_the_share_of_air_lost() -> None:
    found = painting_page.colours(np.linspace(0, 1, 21, dtype=np.float32)).astype(float)
    luminance = found[:, :3] @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(luminance) > 0).all(), "who sees no hues can read the map"
    assert found[0, 3] == 0 and (found[5:, 3] == 255).all()
