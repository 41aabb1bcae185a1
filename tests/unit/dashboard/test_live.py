"""The live tab: what is computed for a visitor."""

import io
import re
import shutil
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from dashboard.live import app, encode, examples, input_fields, picture_html, translate
from dashboard.live.models import ModelCache
from dashboard.live.translate import TranslationUpdate, Upload
from gan_core import images
from gan_core.errors import UserError
from gan_core.phantoms.chest import xray
from gan_core.phantoms.head import mri
from tests.conftest import ROOT
from tests.helpers.dicom_files import dicom
from tests.helpers.live_html import embedded_pngs

RUN = "reference/phantom_cxr_cyclegan"


def png(picture: np.ndarray) -> bytes:
    return images.png_bytes((picture * 255).astype(np.uint8))


NORMAL = Upload("normal.png", png(xray.draw("normal", 51, 256).image))
BRAIN = Upload("brain.png", png(mri.draw("T1", 51, 128).image))


@pytest.fixture(scope="module")
def models() -> Iterator[ModelCache]:
    made = ModelCache(ROOT / "runs")
    yield made
    made.decoder.close()


def steps(
    models: ModelCache, *given: Upload, to: str = "covid", run: str = RUN, insist: bool = False
) -> list[TranslationUpdate]:
    return list(translate.translate(models, given, run, to, insist))


def page(shown: TranslationUpdate) -> str:
    return shown.picture + shown.below + shown.side


def has_result(shown: TranslationUpdate) -> bool:
    return "<img" in shown.picture


def test_the_first_tab_with_a_run_is_open(models: ModelCache, tmp_path: Path) -> None:
    assert app.first_tab(models) == gr.skip(), "Translate, the first of all"
    shutil.copytree(ROOT / "runs" / "reference" / "cgan", tmp_path / "cgan")
    generators = ModelCache(tmp_path)
    assert app.first_tab(generators).selected == "generate"
    shutil.rmtree(tmp_path / "cgan")
    assert app.first_tab(generators) == gr.skip(), "no run at all: each tab says so"
    generators.decoder.close()


def test_a_tab_without_a_run_holds_one_line(tmp_path: Path) -> None:
    """As of a visitor's arrival, however it was when the tabs were built."""
    models = ModelCache(tmp_path)
    with gr.Blocks(), input_fields.body(models, "generate") as tab:
        pass
    assert (tab.line.visible, tab.column.visible) == (True, False)
    assert tab.now(models) == (gr.skip(), gr.skip())
    shutil.copytree(ROOT / "runs" / "reference" / "cgan", tmp_path / "cgan")
    assert [part.visible for part in tab.now(models)] == [False, True]
    models.decoder.close()


def test_the_shelf_knows_what_each_run_can_do(models: ModelCache) -> None:
    assert RUN in models.names("translate")
    assert not set(models.names("translate")) & set(models.names("generate"))
    assert "reference/bigan" in models.names("encode")
    assert not models.names("generate")[0].endswith("_seed")
    assert models.classes("reference/cgan") == ("NORMAL", "PNEUMONIA")
    assert models.classes("reference/dcgan") == ()
    assert models.get(RUN) is models.get("phantom_cxr_cyclegan")
    for name in ("none", "../reference/cgan", "/etc", "reference/../reference/cgan"):
        with pytest.raises(UserError, match="there is no run"):
            models.get(name)


def test_a_translation_comes_first_and_what_can_be_said_after_it(models: ModelCache) -> None:
    models.get(RUN)
    first, told, last = steps(models, NORMAL)
    assert (first.message, last.message, last.doubted) == ("", "", False)
    assert (len(embedded_pngs(page(first))), first.below) == (2, "")
    before, after = (np.asarray(picture, np.float32) for picture in embedded_pngs(first.picture))
    assert before.shape == after.shape == (128, 128)
    assert 0.002 < np.abs(after - before).mean() / 255 < 0.1
    assert embedded_pngs(first.picture)[1].text["Direction"] == "normal to covid"
    assert first.picture == told.picture == last.picture
    assert told.side == last.side
    for words in ("What changed", "Back to normal", "darker", "of the grey scale"):
        assert words in told.side
    for words in ("Mean change", "In the lungs", "Outside", "Largest change"):
        assert words in told.below
    names = ["translated_covid.png", "translated_covid_change.png"]
    assert re.findall(r'download="([^"]+)"', told.below) == names
    assert re.findall(r'download="([^"]+)"', last.below) == [names[0], "translated_covid_original_size.png", names[1]]
    files = embedded_pngs(last.below)
    assert [file.size for file in files] == [(128, 128), (256, 256), (128, 128)]
    assert all(file.text["Description"] == images.NOTICE for file in files)
    assert "patient" not in str([file.info for file in files]).lower()


def test_of_a_file_of_several_pictures_a_line_says_so(models: ModelCache) -> None:
    pages = [Image.open(io.BytesIO(NORMAL.data)).resize((64, 64))] * 3
    buffer = io.BytesIO()
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    film = Upload("film.tif", buffer.getvalue())
    line = picture_html.message("film.tif: the first of 3 pictures in this file.")
    assert steps(models, film, insist=True)[-1].message == line
    *_, last = steps(models, film, NORMAL, insist=True)
    assert last.message == line and not last.doubted
    *_, (shown, _) = encode.encode(models, film, "reference/bigan", True)
    assert shown.startswith(line)


def test_a_picture_of_the_networks_size_has_no_other_size(models: ModelCache) -> None:
    models.get(RUN)
    small = Upload("small.png", png(xray.draw("normal", 51, 128).image))
    assert "original_size" not in page(steps(models, small)[-1])


def test_the_change_lies_where_disease_is_drawn(models: ModelCache) -> None:
    """On phantoms the truth is known: the translation brightens the lungs and leaves the rest nearly alone."""
    inside, outside = [], []
    for seed in range(60, 68):
        body = xray.draw("normal", seed, 128)
        model = models.get(RUN)
        given = (body.image * 255).round().astype(np.uint8)[None, :, :, None]
        change = (model.translate(given, "covid").astype(float) - given)[0, :, :, 0] / 255
        inside.append(change[body.lungs].mean())
        outside.append(np.abs(change[~body.lungs]).mean())
    assert np.mean(inside) > 0.01
    assert np.mean(inside) > 2 * np.mean(outside)


def test_what_does_not_belong_is_translated_only_when_the_visitor_insists(models: ModelCache) -> None:
    models.get(RUN)
    (asked,) = steps(models, BRAIN)
    assert asked.doubted
    assert not has_result(asked)
    assert "it looks like a brain MRI, not a chest X-ray" in asked.message
    assert has_result(steps(models, BRAIN, insist=True)[-1])


def test_several_files_become_a_zip_and_bad_ones_are_named(models: ModelCache) -> None:
    models.get(RUN)
    *_, last = steps(
        models, NORMAL, Upload("broken.png", NORMAL.data[:500]), BRAIN, Upload("same/normal.jpg", NORMAL.data)
    )
    assert "broken.png: damaged or truncated" in last.message
    assert "brain MRI" in last.message
    assert last.doubted
    uri = re.search(r'href="(data:application/zip;base64,[^"]+)"', last.picture)
    assert uri
    with zipfile.ZipFile(io.BytesIO(urllib.request.urlopen(uri[1]).read())) as archive:
        assert archive.namelist() == ["translated_covid_001.png", "translated_covid_004.png"]
        assert Image.open(archive.open("translated_covid_001.png")).text["Run"] == "phantom_cxr_cyclegan"


@pytest.mark.parametrize(
    ("given", "run", "to", "words"),
    [
        (Upload("a.png", b""), RUN, "covid", "the file is empty"),
        (Upload("a.png", b"%PDF-1.7"), RUN, "covid", "not a readable image"),
        (NORMAL, RUN, "pneumonia", "does not translate to &#x27;pneumonia&#x27;"),
        (NORMAL, "reference/cgan", "covid", "does not translate: choose another run"),
        (NORMAL, "none", "covid", "there is no run"),
        (NORMAL, "", "covid", "no run here translates yet"),
    ],
)
def test_whatever_is_wrong_is_one_sentence(models: ModelCache, given: Upload, run: str, to: str, words: str) -> None:
    last = steps(models, given, run=run, to=to)[-1]
    assert words.lower() in last.message.lower()
    assert 'class="message error"' in last.message
    assert not has_result(last)
    assert "Traceback" not in last.message


def saved(kind: str, mode: str = "L", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(NORMAL.data)).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def deep() -> bytes:
    """A 16 bit PNG."""
    buffer = io.BytesIO()
    Image.fromarray((xray.draw("normal", 51, 256).image * 65535).astype(np.uint16)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.jpg", saved("JPEG", "CMYK", quality=95), ""),
        ("a.tif", saved("TIFF"), ""),
        ("deep.png", deep(), ""),
        ("scan", dicom((xray.draw("normal", 51, 256).image * 4095).astype(np.uint16)), ""),
        (
            "a.gif",
            saved("GIF", save_all=True, append_images=[Image.new("L", (256, 256))]),
            "a.gif: not a readable image",
        ),
        ("tiny.png", images.png_bytes(np.full((1, 1, 1), 128, np.uint8)), "tiny.png: 1 x 1 pixels are too few"),
        ("grey.png", images.png_bytes(np.full((64, 64, 1), 128, np.uint8)), "it is blank"),
        ("colour.png", images.png_bytes(np.random.default_rng(0).integers(0, 255, (99, 99, 3), np.uint8)), "colour"),
        ("cut.png", NORMAL.data[:900], "cut.png: damaged or truncated"),
        ("fake.dcm", b"\0" * 128 + b"DICM", "fake.dcm"),
    ],
)
def test_every_upload_ends_in_a_picture_or_one_line(models: ModelCache, name: str, data: bytes, words: str) -> None:
    models.get(RUN)
    last = steps(models, Upload(name, data))[-1]
    assert has_result(last) is not bool(words)
    assert words in last.message
    assert last.message.count("<div") == bool(words)


def test_uploads_are_read_when_their_turn_comes_and_may_be_gone(models: ModelCache, tmp_path: Path) -> None:
    path = tmp_path / "normal.png"
    path.write_bytes(NORMAL.data)
    (given,) = translate.uploads([path])
    assert (given.name, given.data) == ("normal.png", NORMAL.data)
    path.unlink()
    assert "upload it again" in steps(models, given)[-1].message
    with pytest.raises(UserError, match="upload it again"):
        translate.uploads([path])
    with pytest.raises(UserError, match="too many at once"):
        translate.uploads([path] * (translate.MOST_FILES + 1))


def test_a_run_that_was_trained_meanwhile_can_be_chosen(tmp_path: Path) -> None:
    models = ModelCache(tmp_path)
    assert input_fields.runs(models, "translate") == {"choices": [], "value": None}
    shutil.copytree(ROOT / "runs" / RUN, tmp_path / "mine")
    assert input_fields.runs(models, "translate", None) == {"choices": [("mine", "mine")], "value": "mine"}
    assert input_fields.directions(models, "mine")["choices"] == [
        ("normal → covid", "covid"),
        ("covid → normal", "normal"),
    ]
    assert input_fields.runs(models, "translate", "gone")["value"] == "mine"
    assert input_fields.directions(models, "gone") == {"choices": [], "value": None}
    assert input_fields.classes(models, "gone")["interactive"] is False


def test_names_of_files_and_runs_cannot_draw_on_the_page(models: ModelCache) -> None:
    models.get(RUN)
    nasty = '"><img src=x onerror=alert(1)>.png'
    given = [(Upload(nasty, NORMAL.data),), (Upload(nasty, b""),), (Upload(nasty, NORMAL.data), Upload(nasty, b""))]
    for uploads in given:
        for step in steps(models, *uploads):
            assert "<img src=x" not in page(step) + step.message


def test_broken_runs_are_named(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "runs" / RUN, tmp_path / "half")
    weights = tmp_path / "half" / "weights.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[: len(content) // 2])
    models = ModelCache(tmp_path)
    last = steps(models, NORMAL, run="half")[-1]
    assert "weights.safetensors" in last.message
    weights.write_bytes(content)
    assert has_result(steps(models, NORMAL, run="half")[-1])
    weights.unlink()
    assert "half" not in models.names("translate")
    models.decoder.close()


def test_encoding(models: ModelCache) -> None:
    *_, (shown, doubted) = encode.encode(models, NORMAL, "reference/bigan")
    assert not doubted
    given, drawn, missing, *files = embedded_pngs(shown)
    assert all(file.text["Description"] == images.NOTICE for file in files)
    assert given.size == drawn.size == missing.size == (64, 64)
    assert "Reconstruction" in shown
    *_, (shown, doubted) = encode.encode(models, BRAIN, "reference/bigan")
    assert doubted
    assert "is not encoded" in shown
    *_, (shown, _) = encode.encode(models, BRAIN, "reference/bigan", True)
    assert len(embedded_pngs(shown)) == 5
    *_, (shown, _) = encode.encode(models, NORMAL, "reference/cgan")
    assert "no encoder" in shown


@pytest.mark.slow
def test_examples_belong_to_us_and_pass_the_gate(models: ModelCache) -> None:
    for run in models.names("translate"):
        settled = models.config(run)
        for domain in settled.domains:
            found = list(examples.examples(models, settled, domain))
            assert len(found) >= examples.COUNT, (run, domain)
            to = next(name for name in settled.domains if name != domain)
            for content, caption in found:
                assert caption.endswith("synthetic")
                assert not steps(models, Upload("example.png", content), run=run, to=to)[-1].doubted, (run, caption)


def test_drawn_examples_are_there_before_a_generator_is_loaded(models: ModelCache) -> None:
    """The first pictures of a visit need no network; what they are called by, their number, stays theirs."""
    fresh = ModelCache(models.root)
    galleries = input_fields.shown(fresh, "reference/covid_cyclegan", "COVID")
    first = next(galleries)
    assert len(first.value) == examples.COUNT and not fresh.is_loaded("reference/adult_cgan")
    *_, last = galleries
    assert len(last.value) == 2 * examples.COUNT and fresh.is_loaded("reference/adult_cgan")
    wanted = [content for content, _ in input_fields.offered(fresh, "reference/covid_cyclegan", "COVID")]
    assert [input_fields.example(fresh, "reference/covid_cyclegan", n, "COVID") for n in range(6)] == wanted
    with pytest.raises(UserError, match="not there any more"):
        input_fields.example(fresh, "reference/covid_cyclegan", 6, "COVID")


def test_the_heat_map_is_signed_symmetric_and_has_its_scale() -> None:
    change = np.array([[[-0.3], [0.0], [0.3]]], np.float32)
    darker, same, brighter = picture_html.heat(change)[0].astype(int)
    assert same.min() > 240
    assert darker[2] > darker[0] and brighter[0] > brighter[2]
    assert abs(darker.sum() - brighter.sum()) < 120
    assert np.array_equal(picture_html.heat(change * 9), picture_html.heat(change))
    assert "30%" in picture_html.scale_bar()


def test_ones_own_run_is_not_taken_for_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    for name in (RUN, RUN.rpartition("/")[2], "rival"):
        shutil.copytree(ROOT / "runs" / RUN, tmp_path / name)
    own, models = RUN.rpartition("/")[2], ModelCache(tmp_path)
    assert models.weights_of(own)[0] == own and models.weights_of(RUN)[0] == RUN
    assert set(models.rivals(own)) == {"rival", RUN} and own in models.rivals(RUN)
    assert models.get(own).run.name == own
    assert models.is_loaded(own) and not models.is_loaded(RUN)
    shutil.rmtree(tmp_path / own)
    assert models.weights_of(own)[0] == RUN  # its short name, as links of older versions have it
    models.decoder.close()
