"""Discriminators on their own: what they score, as what, and what is said where they cannot."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from gan_core import images, inference
from gan_core.errors import UserError
from gan_core.inference.discriminator import discriminator
from gan_core.runs import Run
from tests.helpers.training import SMALL_TRANSLATOR, make_pictures, small, train


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    pictures = make_pictures(root.parent / "discriminator-source", 20)
    for preset in ("gan", "cgan", "bigan"):
        train(preset, pictures, root, preset, 1, *small(preset)[1])
    train("cyclegan_resnet_light", pictures, root, "cyclegan", 1, *SMALL_TRANSLATOR, "--domains", "bar,disc")
    return root


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (70, 32, 32, 1), np.uint8)


def test_a_run_without_one_says_so(tmp_path: Path) -> None:
    source = make_pictures(tmp_path / "source", 20)
    folder = train("vae", source, tmp_path, "vae", 1, *small("vae")[1])
    assert not (folder / "discriminator.safetensors").exists()
    header = (folder / "epochs.csv").read_text().splitlines()[0]
    assert "diversity/samples" in header and "scores/" not in header and "held_out" not in header
    with pytest.raises(UserError, match="trained without a discriminator"):
        discriminator(Run(folder))


def test_a_score_is_the_networks_own_logit(runs: Path, pictures: np.ndarray) -> None:
    eye = discriminator(Run(runs / "gan"))
    scores = eye.score(pictures)
    assert scores.shape == (70,) and scores.dtype == np.float32
    x = images.to_float(torch.from_numpy(pictures[:3].transpose(0, 3, 1, 2).copy()))
    with torch.inference_mode():
        expected = eye.model.family.network("discriminator")(x).numpy()
    assert scores[:3] == pytest.approx(expected, abs=1e-5)
    assert eye.score(pictures[::-1])[::-1] == pytest.approx(scores, abs=1e-4)
    assert eye.score(pictures[:0]).shape == (0,)
    assert (eye.labels, eye.boundary) == ((), 0.0)


def test_a_conditional_one_judges_a_picture_as_one_of_a_class(runs: Path, pictures: np.ndarray) -> None:
    eye = discriminator(Run(runs / "cgan"))
    assert eye.labels == ("bar", "disc")
    bars, discs = eye.score(pictures, "bar"), eye.score(pictures, "disc")
    assert np.abs(bars - discs).max() > 1e-4
    mixed = eye.score(pictures, ["bar", "disc"] * 35)
    assert mixed[::2] == pytest.approx(bars[::2], abs=1e-4)
    assert mixed[1::2] == pytest.approx(discs[1::2], abs=1e-4)


def test_a_bigan_judges_the_pair_of_a_picture_and_its_latent(runs: Path, pictures: np.ndarray) -> None:
    eye = discriminator(Run(runs / "bigan"))
    x = images.to_float(torch.from_numpy(pictures[:3].transpose(0, 3, 1, 2).copy()))
    z = inference.load(Run(runs / "bigan")).encode(pictures[:3])
    with torch.inference_mode():
        expected = eye.model.family.network("discriminator")(x, z).numpy()
    assert eye.score(pictures[:3]) == pytest.approx(expected, abs=1e-4)


def test_a_translator_has_one_for_each_domain(runs: Path, pictures: np.ndarray) -> None:
    eye = discriminator(Run(runs / "cyclegan"))
    assert (eye.labels, eye.boundary) == (("bar", "disc"), 0.5)
    x = images.to_float(torch.from_numpy(pictures[:2].transpose(0, 3, 1, 2).copy()))
    for name, network in (("bar", "discriminator_a"), ("disc", "discriminator_b")):
        with torch.inference_mode():
            expected = eye.model.family.network(network)(x).mean((1, 2, 3)).numpy()
        assert eye.score(pictures[:2], name) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("labels", "words"),
    [(None, "name one of bar, disc"), ("disk", "Did you mean 'disc'"), (["bar"], "1 labels do not fit 70")],
)
def test_labels_that_do_not_fit(runs: Path, pictures: np.ndarray, labels: str | list[str] | None, words: str) -> None:
    with pytest.raises(UserError, match=words):
        discriminator(Run(runs / "cgan")).score(pictures, labels)


def test_pictures_of_another_size_and_labels_without_classes(runs: Path, pictures: np.ndarray) -> None:
    eye = discriminator(Run(runs / "gan"))
    with pytest.raises(UserError, match="resize them"):
        eye.score(np.zeros((1, 64, 64, 1), np.uint8))
    with pytest.raises(UserError, match="not conditional"):
        eye.score(pictures, "bar")


def test_weights_that_are_missing_or_of_another_run(runs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(runs / "gan", folder)
    (folder / "discriminator.safetensors").unlink()
    with pytest.raises(UserError, match="has no discriminator"):
        discriminator(Run(folder))
    shutil.copy(runs / "bigan" / "discriminator.safetensors", folder)
    with pytest.raises(UserError, match="does not fit"):
        discriminator(Run(folder))
    (folder / "discriminator.safetensors").write_bytes(bytes(100))
    with pytest.raises(UserError, match="damaged"):
        discriminator(Run(folder))
