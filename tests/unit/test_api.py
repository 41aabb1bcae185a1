"""The package as other programs use it: its public functions, and the tour that shows them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import gan_core
from gan_core import images, inference
from gan_core.config import DataSummary
from gan_core.inference import translation
from gan_core.runs import Run
from tests.conftest import ROOT
from tests.helpers.untrained import SIZE, untrained


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("api")
    untrained(folder, "drawer")
    untrained(folder, "translator", "cyclegan_resnet_light")
    return folder


@pytest.fixture(autouse=True)
def named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANRAY_RUNS", str(root))


def test_deep_pictures_are_scaled_as_the_runs_were(root: Path, tmp_path: Path) -> None:
    """A file and a PIL image of 16 bits become what the same grey of 8 bits becomes."""
    grey = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE), dtype=np.uint8)
    deep = Image.fromarray((grey.astype(np.uint16) * 10) + 300)
    deep.save(tmp_path / "deep.png")
    model = inference.load(Run(root / "translator"))
    domain = model.domains[1]
    expected = gan_core.translate(model, grey, domain, insist=True).arrays
    model.config = replace(model.config, data=DataSummary(1, "", 0, (), (300.0, 2850.0)))
    for picture in (str(tmp_path / "deep.png"), deep, Image.fromarray(np.asarray(deep).astype(np.float32))):
        np.testing.assert_array_equal(gan_core.translate(model, picture, domain, insist=True).arrays, expected)
    done = translation.translate_files(model, [tmp_path / "deep.png"], domain, tmp_path / "out", insist=True)
    with Image.open(done.written[0]) as written:
        np.testing.assert_array_equal(np.asarray(written).reshape(expected[0].shape), expected[0])


def test_pictures_are_arrays_and_images(root: Path, tmp_path: Path) -> None:
    pictures = gan_core.generate("drawer", 3, label="normal", seed=4)
    assert pictures.arrays.dtype == np.uint8
    assert pictures.arrays.shape == (3, SIZE, SIZE, 1)
    assert pictures.labels == ("normal",) * 3
    assert np.array_equal(pictures.arrays, inference.load(Run(root / "drawer")).generate(3, label="normal", seed=4)[0])
    assert [picture.mode for picture in pictures.images] == ["L"] * 3
    assert np.array_equal(np.asarray(pictures[1]), pictures.arrays[1, ..., 0])
    assert len(pictures[1:]) == len(list(pictures)) - 1 == 2
    assert pictures.sheet(3).size == (3 * (SIZE + 2) + 2, SIZE + 4)
    written = pictures.save(tmp_path / "out")
    assert [path.name for path in written] == ["00000.png", "00001.png", "00002.png"]
    with Image.open(written[2]) as picture:
        assert picture.text["Description"] == images.NOTICE
        assert picture.text["Run"] == "drawer"
        assert np.array_equal(np.asarray(picture), pictures.arrays[2, ..., 0])


def test_a_run_is_named_in_many_ways(root: Path) -> None:
    expected = gan_core.generate("drawer", 1).arrays
    for run in (
        root / "drawer",
        str(root / "drawer"),
        Run(root / "drawer"),
        gan_core.load("drawer"),
        f"hub:{root}/drawer",
    ):
        assert np.array_equal(gan_core.generate(run, 1).arrays, expected)


def test_files_images_and_arrays_are_translated_alike(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)
    Image.fromarray(array).save(tmp_path / "a.png")
    on_its_side = Image.Exif()
    on_its_side[0x0112] = 6
    Image.fromarray(np.rot90(array)).save(tmp_path / "turned.png", exif=on_its_side)
    model = gan_core.load("translator")
    kinds: tuple[Any, ...] = (
        tmp_path / "a.png",
        str(tmp_path / "a.png"),
        Image.fromarray(array),
        array,
        array[..., None],
        tmp_path / "turned.png",
        Image.open(tmp_path / "turned.png"),
    )
    results = [gan_core.translate(model, kind, to="normal") for kind in kinds]
    assert all(result.labels == ("normal",) for result in results)
    assert all(np.array_equal(result.arrays, results[0].arrays) for result in results)
    assert results[0].arrays.shape == (1, SIZE, SIZE, 1)
    many = gan_core.translate(model, [array, tmp_path / "a.png"], to="normal")
    batch = gan_core.translate(model, np.stack([array[..., None]] * 2), to="normal")
    assert np.array_equal(many.arrays, batch.arrays)


def test_mistakes_are_lines() -> None:
    for call, words in (
        (lambda: gan_core.generate("drawr"), "Did you mean 'drawer'"),
        (lambda: gan_core.generate("drawer", 0), "count=0: it must be a whole number, at least 1"),
        (lambda: gan_core.generate("drawer", 2.5), "count=2.5"),  # type: ignore[arg-type]
        (lambda: gan_core.generate("drawer", seed=-1), "seed=-1: it must be a whole number, at least 0"),
        (lambda: gan_core.translate("translator", np.zeros((9, 9), np.uint8), to="normal", seed=-1), "seed=-1"),
        (lambda: gan_core.evaluate("drawer", "phantom:cxr", seed=-1), "seed=-1"),
        (lambda: gan_core.generate("translator"), "does not generate"),
        (lambda: gan_core.translate("drawer", np.zeros((9, 9), np.uint8), to="normal"), "does not translate"),
        (lambda: gan_core.translate("translator", np.zeros((9, 9)), to="normal"), "float64"),
        (lambda: gan_core.translate("translator", [], to="normal"), "no picture"),
        (lambda: gan_core.evaluate("drawer", "phantom:cxr", count=0), "at least 1"),
        (lambda: gan_core.evaluate("drawer", "phantom:cxr", parts=("beauty",)), "choose from fidelity"),
    ):
        with pytest.raises(gan_core.UserError, match=words):
            call()
    with pytest.raises(AttributeError, match="no attribute 'trainn'"):
        _ = gan_core.trainn


def test_a_picture_that_does_not_look_like_the_training_images_is_refused(root: Path) -> None:
    untrained(root, "chests", "cyclegan_resnet_light", subject="chest X-ray")
    flat = np.full((40, 40), 7, np.uint8)
    with pytest.raises(gan_core.UserError, match=r"picture 0: .*insist=True"):
        gan_core.translate("chests", flat, to="normal")
    assert len(gan_core.translate("chests", flat, to="normal", insist=True)) == 1


@pytest.mark.slow
def test_the_tour_runs_from_its_first_cell_to_its_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every cell in one process, as a kernel would; drawing is left to the notebook."""
    monkeypatch.delenv("GANRAY_RUNS")
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((ROOT / "docs" / "tour.ipynb").read_text(encoding="utf-8"))
    assert (notebook["nbformat"], len(notebook["cells"])) == (4, 10)
    shelf = ROOT / "runs" / "reference" / "phantom_cxr_cyclegan" / "evaluation.json"
    before = shelf.read_bytes()
    names: dict[str, Any] = {"__name__": "tour"}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
    assert names["pictures"].arrays.shape == (16, 64, 64, 1)
    assert names["change"][names["chest"].lungs].mean() > 3 * abs(names["change"][~names["chest"].lungs].mean())
    assert set(names["found"].audit[0].change) == {"all", "inside lungs", "outside lungs"}
    assert "Did you mean 'PNEUMONIA'" in capsys.readouterr().out
    assert shelf.read_bytes() == before
