"""What passes the gate before a translation, and what is stopped there."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gan_core.data.readers import phantom
from gan_core.decode import image_files
from gan_core.inference import input_check
from tests.helpers.configs import CONFIG
from tools import input_check_pictures as pictures
from tools import train_input_check


@pytest.fixture(scope="module")
def chests() -> list[np.ndarray]:
    return list(pictures.phantoms("cxr", 40, 800_000))


@pytest.fixture(scope="module")
def brains() -> list[np.ndarray]:
    return list(pictures.phantoms("mri", 40, 800_000))


def share(shown: list[np.ndarray], expected: str) -> float:
    return sum(input_check.judge(picture, expected).fits for picture in shown) / len(shown)


def test_phantoms_pass_as_what_they_are(chests: list[np.ndarray], brains: list[np.ndarray]) -> None:
    assert share(chests, "chest X-ray") >= 0.95
    assert share(brains, "brain MRI") >= 0.95


def test_the_tool_looks_at_pictures_as_the_check_does(chests: list[np.ndarray]) -> None:
    seen = train_input_check.looks(iter(chests[:3]))
    assert seen.shape == (3, input_check.SIZE, input_check.SIZE)
    assert (input_check.classify(seen).argmax(1) == 0).all()
    assert train_input_check.passed(iter(chests[:3]), "chest X-ray") == (3, 3)


def test_pictures_that_set_the_thresholds_are_not_learned_from() -> None:
    scarce = torch.arange(100) < 20
    train, calibrate = (part.tolist() for part in train_input_check.divided(scarce))
    assert not set(train) & set(calibrate)
    assert set(train) | set(calibrate) == set(range(100))
    assert len(calibrate) == len(set(calibrate)) == 20
    assert all(train.count(place) == (8 if place < 20 else 1) for place in set(train))


def test_the_other_organ_is_named(chests: list[np.ndarray], brains: list[np.ndarray]) -> None:
    assert share(brains, "chest X-ray") <= 0.05
    assert share(chests, "brain MRI") <= 0.05
    assert input_check.judge(brains[0], "chest X-ray").reason == "it looks like a brain MRI, not a chest X-ray"


@pytest.mark.parametrize("name", pictures.DISGUISES)
def test_turned_and_inverted_x_rays_are_caught(name: str, chests: list[np.ndarray]) -> None:
    changed = [pictures.DISGUISES[name](picture) for picture in chests]
    assert share(changed, "chest X-ray") <= 0.05
    word = "invert it first" if name == "inverted" else "rotate it first"
    assert sum(word in input_check.judge(picture, "chest X-ray").reason for picture in changed) >= 0.8 * len(changed)


@pytest.mark.parametrize("subject", input_check.SUBJECTS)
def test_kinds_that_the_gate_never_saw_are_caught(subject: str) -> None:
    found = pictures.unseen()
    assert {"photographs of scikit-image", "pieces of them in grey", "grids of codes"} <= set(found)
    everything = [picture for kind in found.values() for picture in kind]
    assert len(everything) > 300
    assert share(everything, subject) <= 0.05


def test_noise_drawings_and_nothing_are_caught() -> None:
    assert share(list(pictures.none(80, seed=77)), "chest X-ray") <= 0.05
    assert "blank" in input_check.judge(np.full((64, 64, 1), 0.4, np.float32), "chest X-ray").reason
    colour = np.random.default_rng(0).random((40, 40, 3)).astype(np.float32)
    assert "colour" in input_check.judge(colour, "brain MRI").reason


def test_a_run_in_colour_takes_pictures_in_colour(chests: list[np.ndarray], brains: list[np.ndarray]) -> None:
    coloured = phantom.picture("colour", "colour", 800_000, 128, 3)
    grey, colour = (replace(CONFIG, subject="chest X-ray", channels=channels) for channels in (1, 3))
    assert "colour" in input_check.for_run(coloured, grey).reason
    assert input_check.for_run(coloured, colour).fits
    # What is grey is looked at as ever.
    assert input_check.for_run(chests[0], colour).fits and not input_check.for_run(brains[0], colour).fits


def test_reasons_are_one_plain_line_and_a_fit_has_none(chests: list[np.ndarray]) -> None:
    verdict = input_check.judge(chests[0], "chest X-ray")
    assert (verdict.fits, verdict.reason) == (True, "")
    assert sum(verdict.scores.values()) == pytest.approx(1, abs=1e-4)
    assert input_check.judge(chests[0], None).fits


def test_any_size_and_shape_is_judged_quickly(chests: list[np.ndarray]) -> None:
    input_check.judge(chests[0], "chest X-ray")
    for shape in ((8, 8, 1), (20, 3000, 1), (3000, 20, 3), (1500, 1500, 1)):
        start = time.perf_counter()
        input_check.judge(np.random.default_rng(0).random(shape).astype(np.float32), "chest X-ray")
        assert time.perf_counter() - start < 1


def test_the_subject_of_a_data_set(chests: list[np.ndarray], brains: list[np.ndarray]) -> None:
    def stack(shown: list[np.ndarray]) -> np.ndarray:
        return np.stack([image_files.quantise(picture) for picture in shown])

    assert input_check.subject(stack(chests)) == "chest X-ray"
    assert input_check.subject(stack(brains)) == "brain MRI"
    assert input_check.subject(np.concatenate([stack(chests), stack(brains)])) is None
    assert input_check.subject(np.zeros((0, 1, 8, 8), np.uint8)) is None


def test_real_validation_images_pass(real_data: Path) -> None:
    for folder, subject in (("covid/val", "chest X-ray"), ("mri/val", "brain MRI")):
        paths = sorted(path for path in (real_data / folder).rglob("*") if path.is_file())
        assert share([image_files.decode(path, channels=3) for path in paths], subject) >= 0.95
