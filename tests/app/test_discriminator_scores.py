"""Discriminator scores on the Run page: sorted grids, a picture of one's own, runs that can show neither."""

import base64
import io
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from dashboard.library.store import Entry, Library
from dashboard.views.run import discriminator_scores
from dashboard.views.run.discriminator_scores import ScoredPicture, ScoringRequest
from gan_core.errors import UserError
from gan_core.inference.discriminator import discriminator
from gan_core.runs import Run
from tests.helpers.configs import CONFIG
from tests.helpers.pages import healthy, new_app
from tests.helpers.training import SMALL_TRANSLATOR, make_pictures, small, train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    pictures = make_pictures(root.parent / "eyes-source", 20)
    for preset in ("cgan", "bigan"):
        train(preset, pictures, root, preset, 1, *small(preset)[1])
    train("cyclegan_resnet_light", pictures, root, "cyclegan", 1, *SMALL_TRANSLATOR, "--domains", "bar,disc")
    return root


@pytest.fixture
def full(trained: Path, runs_root: Path) -> Path:
    shutil.copytree(trained, runs_root, dirs_exist_ok=True)
    return runs_root


def entry(root: Path, name: str) -> Entry:
    found = Library(root).find(name)
    assert found
    return found


def request(root: Path, name: str, count: int = 16, seed: int = 0, kind: str = "") -> ScoringRequest:
    one = entry(root, name)
    return ScoringRequest(str(one.run.folder), str(one.run.root), discriminator_scores._changed(one), count, seed, kind)


@pytest.mark.parametrize("name", ["cgan", "bigan"])
def test_generated_pictures_come_the_most_real_first(full: Path, name: str) -> None:
    found = discriminator_scores.generated(request(full, name))
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) > 1
    assert sorted(one.number for one in found) == list(range(16))
    judge = discriminator(Run(full / name))
    again = judge.score(np.stack([one.pixels for one in found]), [one.kind for one in found] if judge.labels else None)
    assert again == pytest.approx(scores, abs=1e-4)
    made, _ = judge.model.generate(16, seed=0)
    assert np.array_equal(made[found[0].number], found[0].pixels)


def test_a_class_and_a_seed_are_what_is_generated(full: Path) -> None:
    bars = discriminator_scores.generated(request(full, "cgan", kind="bar"))
    assert {one.kind for one in bars} == {"bar"}
    other = discriminator_scores.generated(request(full, "cgan", seed=1, kind="bar"))
    assert not np.array_equal(bars[0].pixels, other[0].pixels)


def test_a_translators_pictures_are_judged_in_their_new_domain(full: Path) -> None:
    found = discriminator_scores.generated(request(full, "cyclegan", 4, kind="disc"))
    judge = discriminator(Run(full / "cyclegan"))
    assert [one.kind for one in found] == ["disc"] * 4
    scores = judge.score(np.stack([one.pixels for one in found]), "disc")
    assert scores == pytest.approx([one.score for one in found], abs=1e-3)


def test_the_line_lies_where_the_score_crosses_the_boundary() -> None:
    pixels = np.zeros((8, 8, 1), np.uint8)
    found = [ScoredPicture(pixels, score, "<b>", number) for number, score in enumerate((1.5, 0.2, -0.4))]
    html = discriminator_scores.sorted_grid(found, 0.0, "a run")
    before, after = html.split("eyes-line")
    assert before.count("<img") == 2 and after.count("<img") == 1
    assert "+1.500" in before and "\u22120.400" in after
    assert "&lt;b&gt;" in html and "<b>, " not in html
    assert "score +0.200, classified as real" in before and "classified as generated" in after
    assert "eyes-line" not in discriminator_scores.sorted_grid(found[:2], 0.0, "a run")
    assert "all classified as generated" in discriminator_scores.sorted_grid(found, 2.0, "a run")


def test_generated_pictures_say_inside_that_they_are_synthetic() -> None:
    html = discriminator_scores.sorted_grid([ScoredPicture(np.zeros((8, 8, 1), np.uint8), 1.0, "", 0)], 0.0, "dcgan")
    content = re.search(r"base64,([^\"]+)", html)
    assert content
    with Image.open(io.BytesIO(base64.b64decode(content[1]))) as picture:
        assert picture.info["Description"] == "synthetic, not for diagnosis"


@pytest.mark.parametrize(
    ("score", "low", "high"), [(-11, 0, 0), (-0.3, 0.0, 0.25), (0.0, 0.25, 1.0), (0.5, 1.0, 1.0), (11, 1.0, 1.0)]
)
def test_where_a_score_lies_in_a_histogram(score: float, low: float, high: float) -> None:
    counts = np.zeros(40)
    counts[19], counts[20] = 1, 3  # from -0.5 to 0, and from 0 to 0.5
    assert discriminator_scores.below(counts, score) == pytest.approx((low, high))


def test_a_picture_of_ones_own_is_judged_as_each_class(full: Path) -> None:
    one = entry(full, "cgan")
    seen = discriminator_scores.fitted(np.random.default_rng(0).random((50, 40, 3), np.float32), one)
    assert seen.shape == (32, 32, 1) and seen.dtype == np.uint8
    scores = discriminator_scores.own(str(one.run.folder), str(one.run.root), discriminator_scores._changed(one), seen)
    assert list(scores) == ["bar", "disc"]
    expected = discriminator(one.run).score(seen[None], "disc")
    assert scores["disc"] == pytest.approx(float(expected[0]), abs=1e-4)
    one = entry(full, "bigan")
    assert list(
        discriminator_scores.own(str(one.run.folder), str(one.run.root), discriminator_scores._changed(one), seen)
    ) == [""]


def test_a_picture_that_shows_something_else_is_doubted() -> None:
    colours = np.random.default_rng(0).random((64, 64, 3), np.float32)
    assert "its score will mean little" in discriminator_scores.doubt(colours, replace(CONFIG, subject="chest X-ray"))
    assert discriminator_scores.doubt(colours, replace(CONFIG, subject=None)) == ""


def test_a_file_that_is_no_picture_is_refused() -> None:
    with pytest.raises(UserError, match=r"notes\.png: not a readable image"):
        discriminator_scores.decoder().decode(b"nothing of the kind", "notes.png")


def opened(name: str, **query: str) -> AppTest:
    app = new_app("run", 60)
    for key, value in {"run": name, **query}.items():
        app.query_params[key] = value
    return healthy(app.run())


def texts(app: AppTest) -> str:
    return "\n".join(
        element.value for kind in (app.markdown, app.caption, app.error, app.subheader) for element in kind
    )


def test_the_section_waits_until_it_is_asked(full: Path) -> None:
    app = opened("cgan")
    assert "not a chance that a patient is ill" in texts(app)
    assert app.selectbox(key="eyes_class").options == [discriminator_scores.EVERY, "bar", "disc"]
    assert "of 36" not in texts(app)
    app.selectbox(key="eyes_class").set_value("disc")
    healthy(app.toggle(key="eyes").set_value(True).run())
    assert re.search(r"\*\*\d+ of 36\*\*", texts(app))


def test_the_address_opens_the_grid(full: Path) -> None:
    app = opened("cyclegan", eyes="true", eyes_count="4", eyes_class="disc")
    assert re.search(r"\*\*\d of 4\*\* .*above 0\.5", texts(app))
    assert "discriminator of disc" in texts(app)


def test_an_upload_is_scored(full: Path) -> None:
    app = opened("cgan")
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 40), np.uint8)).save(buffer, "PNG")
    healthy(app.file_uploader[0].set_value(("mine.png", buffer.getvalue(), "image/png")).run())
    assert "as bar: " in texts(app) and "as disc: " in texts(app)
    assert "of 64 generated images" in texts(app) and "first of" not in texts(app)
    one = Image.open(buffer)
    one.save(film := io.BytesIO(), "TIFF", save_all=True, append_images=[one])
    healthy(app.file_uploader[0].set_value(("film.tif", film.getvalue(), "image/tiff")).run())
    assert "the first of 2 pictures in this file" in texts(app)


@pytest.mark.parametrize(
    ("missing", "words"), [("discriminator", "keeps no discriminator"), ("weights", "has no weights yet")]
)
def test_a_run_without_its_networks(full: Path, missing: str, words: str) -> None:
    (full / "bigan" / f"{missing}.safetensors").unlink()
    assert words in texts(opened("bigan", eyes="true"))


def test_damaged_networks_are_told_in_a_sentence(full: Path) -> None:
    (full / "bigan" / "discriminator.safetensors").write_bytes(bytes(64))
    app = opened("bigan", eyes="true")
    assert "is damaged" in app.error[0].value
