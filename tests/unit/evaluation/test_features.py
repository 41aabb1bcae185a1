from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy import ndimage
from torch import nn

from gan_core.data.readers import phantom
from gan_core.errors import UserError
from gan_core.evaluation import features, fidelity


@pytest.fixture(scope="module")
def chests() -> np.ndarray:
    """Phantoms of 64 px, uint8 (60, 64, 64, 1)."""
    drawn = [phantom.drawer("cxr").draw("normal", 910_000 + number, 64).image for number in range(60)]
    return np.rint(np.stack(drawn)[..., None] * 255).astype(np.uint8)


@pytest.fixture(scope="module")
def clean(chests: np.ndarray) -> Callable[[str], np.ndarray]:
    """Their features by an extractor, each computed once."""
    return cache(lambda extractor: features.find(extractor)(chests))


def spoiled(kind: str, strength: float, pictures: np.ndarray) -> np.ndarray:
    """What a generator does wrong and a classifier's last layer forgives; in grey levels, for blur in pixels."""
    changed = pictures.astype(np.float32)
    if kind == "grain":
        changed += np.random.default_rng(0).normal(0, strength, changed.shape)
    elif kind == "stripes":
        changed[:, ::2] += strength
    else:
        changed = ndimage.gaussian_filter(changed, (0, strength, strength, 0))
    return np.rint(changed).clip(0, 255).astype(np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "weak", "strong", "extractor"),
    [
        ("grain", 8, 20, "child-b"),
        ("stripes", 4, 12, "child-b"),
        ("stripes", 4, 12, "adult-a"),
        ("blur", 0.6, 1.0, "adult-a"),
    ],
)
def test_distances_grow_with_grain_stripes_and_blur(
    extractor: str, kind: str, weak: float, strong: float, chests: np.ndarray, clean: Callable[[str], np.ndarray]
) -> None:
    extract, real = features.find(extractor), clean(extractor)
    some, much = (fidelity.kid(real, extract(spoiled(kind, strength, chests))).value for strength in (weak, strong))
    assert fidelity.kid(real, real).value < some < much
    assert much > 0


def test_any_network_from_image_to_vector_will_do(chests: np.ndarray) -> None:
    network = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
    found = features.ModuleFeatures("means", network)(chests[:5])
    assert found.shape == (5, 4)
    whole = chests[:5].astype(np.float32).mean((1, 2, 3)) / 127.5 - 1
    np.testing.assert_allclose(found.mean(1), whole, atol=1e-5)
    colours = features.ModuleFeatures("means", network, channels=3)(chests[:5])
    assert colours.shape == (5, 12)


def test_a_network_that_gives_no_vector_is_told(chests: np.ndarray) -> None:
    with pytest.raises(UserError, match="not a vector"):
        features.ModuleFeatures("maps", nn.Identity())(chests[:2])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("child-z", r"no extractor 'child-z'.*child-a"),
        ("adult-box", "no extractor 'adult-box'"),  # half of the picture is hidden from it
        ("inception", "name their file: inception:FILE"),
        ("inception:/nowhere.safetensors", "nowhere.safetensors is missing"),
    ],
)
def test_what_cannot_be_had_is_told(name: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        features.find(name)


def test_inception_reads_its_weights_from_safetensors(
    tmp_path: Path, chests: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With weights drawn by lot: those that the field uses cannot be fetched here."""
    from torch_fidelity import feature_extractor_inceptionv3 as source

    with monkeypatch.context() as untouched:
        untouched.setattr(source, "load_state_dict_from_url", lambda *_, **__: {})
        untouched.setattr(nn.Module, "load_state_dict", lambda *_, **__: None)
        torch.manual_seed(0)
        network = source.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"])
    path = tmp_path / "inception.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, path)
    found = features.find(f"inception:{path}")
    assert found.name == "inception-2048"
    vectors = found(chests[:2])
    assert vectors.shape == (2, 2048)
    assert np.abs(np.diff(vectors, axis=0)).max() > 0

    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(UserError, match="does not hold the Inception weights"):
        features.find(f"inception:{path}")
