"""MS-SSIM against scikit-image, on every size, and what it says of sets that repeat themselves."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage.metrics import structural_similarity

from gan_core.data.readers import phantom
from gan_core.errors import UserError
from gan_core.evaluation import ms_ssim


def phantoms(count: int, size: int = 64) -> np.ndarray:
    drawn = [phantom.drawer("cxr").draw("normal", seed, size).image for seed in range(count)]
    return np.rint(np.stack(drawn)[..., None] * 255).astype(np.uint8)


@pytest.fixture(scope="module")
def chests() -> np.ndarray:
    return phantoms(60)


def noise(count: int, size: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, channels), dtype=np.uint8)


@pytest.mark.parametrize(
    ("size", "expected"),
    [(10, 0), (11, 1), (21, 1), (22, 2), (32, 2), (43, 2), (44, 3), (64, 3), (88, 4), (128, 4), (256, 5), (1024, 5)],
)
def test_as_many_scales_as_hold_the_window(size: int, expected: int) -> None:
    assert ms_ssim.scales(size) == expected


def similar(a: np.ndarray, b: np.ndarray, k1: float) -> float:
    """Wang's SSIM of two (C, H, W) images in [0, 1], where his window of 11 px lies inside."""
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    _, full = structural_similarity(a, b, data_range=1.0, K1=k1, channel_axis=0, full=True, **settings)
    return float(full[:, 5:-5, 5:-5].mean())


@pytest.mark.parametrize(("size", "channels"), [(16, 1), (32, 1), (64, 1), (64, 3), (90, 1), (192, 1)])
def test_equal_to_scikit_image_scale_by_scale(size: int, channels: int) -> None:
    """Pairs that share some of what they show, from nothing to nearly all."""
    a, b = (noise(4, size, channels, seed).astype(np.float64) for seed in (1, 2))
    share = np.linspace(0, 0.9, 4)[:, None, None, None]
    b = share * a + (1 - share) * b
    count = ms_ssim.scales(size)
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333][:count])
    theirs = np.ones(4)
    x, y = (torch.from_numpy(each.astype(np.uint8).transpose(0, 3, 1, 2) / 255) for each in (a, b))
    for scale, weight in enumerate(weights / weights.sum()):
        # So large a K1 makes the luminance's term 1 and leaves contrast and structure, as all scales but the last have.
        k1 = 0.01 if scale == count - 1 else 1e6
        theirs *= [max(similar(p, q, k1), 0) ** weight for p, q in zip(x.numpy(), y.numpy(), strict=True)]
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    ours = ms_ssim.similarity(a.astype(np.uint8), b.astype(np.uint8), count)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    assert ours[-1] > 0.5


@pytest.mark.parametrize("size", [44, 63, 88, 90, 100, 177])
def test_odd_sizes_have_a_number(size: int) -> None:
    found = ms_ssim.ms_ssim(noise(12, size), pairs=6, seed=0)
    assert 0 <= found.value < 0.2


def test_chests_are_alike_noise_is_not_and_copies_are_the_same(chests: np.ndarray) -> None:
    likeness = ms_ssim.ms_ssim(chests, pairs=30, seed=0)
    assert likeness.low is not None and likeness.high is not None
    assert 0.1 < likeness.low < likeness.value < likeness.high < 0.9
    assert likeness.count == 30
    assert ms_ssim.ms_ssim(noise(60, 64), pairs=30, seed=0).value < 0.05
    same = ms_ssim.ms_ssim(np.repeat(chests[:1], 20, 0), pairs=10, seed=0)
    assert same.value == pytest.approx(1, abs=1e-9)


def test_a_generator_of_few_pictures_is_found_out(chests: np.ndarray) -> None:
    """Five pictures over and over: a fifth of the pairs are equal."""
    collapsed = ms_ssim.ms_ssim(np.repeat(chests[:5], 12, 0), pairs=30, seed=0)
    varied = ms_ssim.ms_ssim(chests, pairs=30, seed=0)
    assert collapsed.value > varied.value + 0.05


def test_the_interval_holds_the_mean_of_all_pairs(chests: np.ndarray) -> None:
    chests = chests[:40]
    first, second = np.triu_indices(len(chests), 1)
    every = float(ms_ssim.similarity(chests[first], chests[second], 3).mean())
    found = [ms_ssim.ms_ssim(chests, pairs=20, seed=seed) for seed in range(20)]
    held = [one.low is not None and one.high is not None and one.low <= every <= one.high for one in found]
    assert np.mean(held) >= 0.85


def test_pairs_are_of_one_class(chests: np.ndarray) -> None:
    """Black against white would be a likeness of nothing."""
    pictures = np.concatenate([chests[:20], 255 - chests[:20]])
    classes = ["chest"] * 20 + ["inverted"] * 20
    within = ms_ssim.ms_ssim(pictures, pairs=20, seed=0, classes=classes)
    across = ms_ssim.ms_ssim(pictures, pairs=20, seed=0)
    alone = ms_ssim.ms_ssim(chests[:20], pairs=10, seed=0)
    assert within.value > across.value + 0.1
    assert within.value == pytest.approx(alone.value, abs=0.1)


def test_the_seed_decides_and_global_state_stays(chests: np.ndarray) -> None:
    before = np.random.get_state()[1].copy()
    found = [ms_ssim.ms_ssim(chests, pairs=10, seed=seed).value for seed in (3, 3, 4)]
    assert found[0] == found[1] != found[2]
    np.testing.assert_array_equal(before, np.random.get_state()[1])


@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        (noise(9, 32), "9 pictures make 4 pairs"),
        (noise(1, 32), "1 pictures make 0 pairs"),
        (noise(20, 10), "10 x 10 px are too small"),
        (np.full((20, 32, 32, 1), 7, np.uint8), "uniform grey"),
    ],
)
def test_what_cannot_be_said_is_an_error(pictures: np.ndarray, said: str) -> None:
    with pytest.raises(UserError, match=said):
        ms_ssim.ms_ssim(pictures, pairs=10, seed=0)


def test_some_pictures_without_contrast_do_no_harm(chests: np.ndarray) -> None:
    mixed = np.concatenate([chests[:20], np.zeros((20, 64, 64, 1), np.uint8)])
    assert np.isfinite(ms_ssim.ms_ssim(mixed, pairs=20, seed=0).value)


def test_classes_are_counted(chests: np.ndarray) -> None:
    with pytest.raises(UserError, match="3 classes for 60 pictures"):
        ms_ssim.ms_ssim(chests, pairs=10, seed=0, classes=["a"] * 3)
