"""Where the lungs are found, by both methods, and what is said of a mask that cannot be right."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage

from gan_core import tensor_files
from gan_core.anatomy import lungs
from gan_core.decode import image_files
from gan_core.errors import UserError
from gan_core.phantoms.chest import xray
from tools import train_lungs

Method = Callable[[np.ndarray], np.ndarray]


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, np.ndarray]:
    return train_lungs.phantoms(40, 77_000_000)


@pytest.fixture(scope="module")
def pictures(drawn: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return drawn[0]


@pytest.fixture(scope="module")
def masks(drawn: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return drawn[1]


@pytest.fixture(scope="module")
def both_lungs(masks: np.ndarray) -> np.ndarray:
    """To their borders."""
    return masks[:, 0]


@pytest.fixture(scope="module")
def seen_lungs(masks: np.ndarray) -> np.ndarray:
    """What the heart's shadow leaves of them."""
    return masks[:, 1]


def resized(pictures: np.ndarray, height: int, width: int) -> np.ndarray:
    tensor = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
    larger = F.interpolate(tensor, (height, width), mode="bilinear", antialias=True)
    return larger.round().byte().permute(0, 2, 3, 1).numpy()


def two_boxes(left: tuple[int, int, int, int], right: tuple[int, int, int, int]) -> np.ndarray:
    """A mask 100 x 100 of two rectangles: top, bottom, left, right."""
    mask = np.zeros((100, 100), bool)
    for top, bottom, start, stop in (left, right):
        mask[top:bottom, start:stop] = True
    return mask


@pytest.mark.slow
def test_the_lungs_of_drawn_chests_are_found(
    pictures: np.ndarray, both_lungs: np.ndarray, seen_lungs: np.ndarray
) -> None:
    scores = train_lungs.dice(lungs.find(pictures), both_lungs)
    assert scores.mean() >= 0.95
    assert scores.min() >= 0.85
    assert scores.mean() > train_lungs.dice(lungs.simple(pictures), both_lungs).mean() + 0.05
    visible = train_lungs.dice(lungs.find(pictures, visible=True), seen_lungs)
    assert visible.mean() >= 0.95
    assert visible.min() >= 0.85
    assert not any(lungs.sane(mask) for mask in lungs.find(pictures))


def test_lung_behind_the_heart_counts_unless_only_the_visible_is_asked_for(
    pictures: np.ndarray, both_lungs: np.ndarray, seen_lungs: np.ndarray
) -> None:
    behind = both_lungs & ~seen_lungs
    assert (behind.sum((1, 2)) / both_lungs.sum((1, 2)) > 0.1).all()
    whole, visible = lungs.find(pictures), lungs.find(pictures, visible=True)
    covered = [[mask[hidden].mean() for mask, hidden in zip(masks, behind, strict=True)] for masks in (whole, visible)]
    assert np.median(covered[0]) >= 0.9
    assert np.median(covered[1]) <= 0.1
    assert (visible & ~whole).sum() <= 0.01 * visible.sum()


def test_the_simple_method_finds_healthy_lungs(pictures: np.ndarray, seen_lungs: np.ndarray) -> None:
    healthy = slice(2, None, 4)  # the kinds are drawn in turn
    assert 0.6 <= np.median(train_lungs.dice(lungs.simple(pictures[healthy]), seen_lungs[healthy])) <= 0.95


def test_a_lung_as_bright_as_its_surroundings_is_lung(pictures: np.ndarray, both_lungs: np.ndarray) -> None:
    white, sides = [], []
    for picture, truth in zip(pictures, both_lungs, strict=True):
        parts, _ = ndimage.label(truth)
        side = ndimage.binary_erosion(parts == 1)
        outside = (~truth).astype(np.float32)
        near = ndimage.gaussian_filter(picture[..., 0] * outside, 8) / (ndimage.gaussian_filter(outside, 8) + 1e-6)
        soft = ndimage.gaussian_filter(side.astype(np.float32), 2)[..., None]
        white.append(np.rint(picture * (1 - soft) + soft * (0.85 * near[..., None] + 0.15 * picture)).astype(np.uint8))
        sides.append(side)

    def covered(masks: np.ndarray) -> np.ndarray:
        return np.array([mask[side].mean() for mask, side in zip(masks, sides, strict=True)])

    found = covered(lungs.find(np.stack(white)))
    assert np.median(found) >= 0.8  # where white lung ends and the mediastinum begins is a guess
    assert found.min() >= 0.7
    assert np.median(covered(lungs.simple(np.stack(white)))) <= 0.3


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 64), (96, 130), (300, 256), (1024, 1024)])
def test_any_size_gives_the_same_lungs(height: int, width: int, pictures: np.ndarray, both_lungs: np.ndarray) -> None:
    few = slice(0, 4)
    found = lungs.find(resized(pictures[few], height, width))
    assert (found.shape, found.dtype) == ((4, height, width), np.dtype(bool))
    back = resized(found[..., None].astype(np.uint8) * 255, 128, 128)[..., 0] > 127
    assert train_lungs.dice(back, both_lungs[few]).min() >= (0.85 if height < 64 else 0.9)
    assert lungs.simple(resized(pictures[few], height, width)).shape == (4, height, width)


def test_each_picture_is_looked_at_by_itself_and_the_same_way_twice(pictures: np.ndarray) -> None:
    together = lungs.find(pictures[:6])
    assert np.array_equal(together, lungs.find(pictures[:6]))
    alone = np.concatenate([lungs.find(pictures[i : i + 1]) for i in range(6)])
    assert train_lungs.dice(together, alone).min() >= 0.999


def test_lungs_are_the_same_within_a_training_step_of_half_precision() -> None:
    pictures = (xray.draw("normal", 51, 64).image * 255).astype(np.uint8)[None, ..., None]
    expected = lungs.find(pictures)
    with torch.autocast("cpu", torch.bfloat16):
        assert np.array_equal(lungs.find(pictures), expected)


def test_exposure_and_colour_hardly_matter(pictures: np.ndarray) -> None:
    first = lungs.find(pictures[:8])
    faint = np.rint(80 + 0.4 * pictures[:8]).astype(np.uint8)
    assert train_lungs.dice(lungs.find(faint), first).min() >= 0.97
    assert np.array_equal(lungs.find(pictures[:8].repeat(3, 3)), first)


def test_no_more_than_two_parts_without_holes(pictures: np.ndarray) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (8, 64, 64, 1), dtype=np.uint8)
    for mask in lungs.find(np.concatenate((resized(pictures[:8], 64, 64), noise))):
        assert ndimage.label(mask)[1] <= 2
        assert np.array_equal(ndimage.binary_fill_holes(mask), mask)


@pytest.mark.parametrize("method", [lungs.find, lungs.simple])
@pytest.mark.parametrize("grey", [0, 120, 255])
def test_a_picture_of_one_shade_has_no_lungs_that_could_be_right(method: Method, grey: int) -> None:
    assert lungs.sane(method(np.full((1, 64, 64, 1), grey, np.uint8))[0])


@pytest.mark.parametrize("method", [lungs.find, lungs.simple])
def test_no_pictures_have_no_masks(method: Method) -> None:
    assert method(np.zeros((0, 64, 48, 1), np.uint8)).shape == (0, 64, 48)


@pytest.mark.parametrize("method", [lungs.find, lungs.simple])
@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        (np.zeros((1, 64, 64, 1), np.float32), "not float32"),
        (np.zeros((64, 64, 1), np.uint8), "not uint8"),
        (np.zeros((1, 64, 64, 2), np.uint8), "1 or 3"),
        (np.zeros((1, 31, 64, 1), np.uint8), "not 31 x 64"),
        (np.zeros((1, 64, 1025, 1), np.uint8), "not 64 x 1025"),
    ],
)
def test_what_is_no_picture_is_said_in_a_line(method: Method, pictures: np.ndarray, said: str) -> None:
    with pytest.raises(UserError, match=said):
        method(pictures)


def test_a_hull_covers_what_lies_between_the_lungs() -> None:
    mask = two_boxes((20, 80, 15, 40), (30, 70, 60, 85))
    tight = lungs.hull(mask[None], margin=0)[0]
    assert tight[50, 15:85].all()  # the heart
    assert not tight[20, 84]  # a corner that only a bounding box has
    assert (tight | mask).sum() == tight.sum()
    wide = lungs.hull(mask[None], margin=0.05)[0]
    assert np.array_equal(wide, ndimage.distance_transform_edt(~tight) <= 5)
    assert np.flatnonzero(wide.any(0))[[0, -1]].tolist() == [10, 89]


def test_hulls_of_next_to_nothing() -> None:
    masks = np.zeros((3, 40, 60), bool)
    masks[1, 7, 9] = masks[2, 5, 5:30] = True
    hulls = lungs.hull(masks, margin=2 / 60)
    assert [int(hull.sum()) for hull in hulls] == [0, 13, 5 * 25 + 8]
    assert lungs.hull(masks[:0]).shape == (0, 40, 60)
    with pytest.raises(UserError, match="share of the side"):
        lungs.hull(masks, margin=-0.1)
    with pytest.raises(UserError, match="bool"):
        lungs.hull(masks.astype(np.uint8))


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (two_boxes((20, 80, 15, 40), (20, 75, 60, 85)), ""),
        (two_boxes((20, 80, 15, 40), (20, 80, 60, 85)) | two_boxes((0, 2, 0, 2), (98, 100, 98, 100)), ""),  # crumbs
        (np.zeros((100, 100), bool), "area: 0%"),
        (np.ones((100, 100), bool), "area: 100%"),
        (two_boxes((40, 50, 30, 40), (40, 50, 60, 70)), "area: 2%"),
        (two_boxes((20, 80, 15, 50), (20, 80, 50, 85)), "parts: 1"),
        (two_boxes((20, 80, 15, 40), (20, 20, 0, 0)), "parts: 1"),
        (two_boxes((20, 80, 15, 40), (20, 80, 60, 85)) & (np.arange(100) % 30 < 24)[:, None], "parts: 4"),
        (two_boxes((10, 90, 15, 45), (40, 55, 60, 80)), "symmetry: one lung has"),
        (two_boxes((5, 45, 15, 60), (55, 95, 15, 60)), "symmetry: one part lies below"),
    ],
)
def test_masks_that_cannot_be_right(mask: np.ndarray, said: str) -> None:
    assert lungs.sane(mask).startswith(said)
    assert bool(lungs.sane(mask)) == bool(said)


def test_dice_is_twice_the_shared_area_over_both() -> None:
    a = np.zeros((3, 4, 4), bool)
    b = a.copy()
    a[0, :2], b[0, 1:3], a[1, 0] = True, True, True
    assert train_lungs.dice(a, b).tolist() == [0.5, 0.0, 1.0]


def test_the_weights_are_small_and_in_half_precision() -> None:
    tensors, _ = tensor_files.load(lungs.WEIGHTS)
    assert lungs.WEIGHTS.stat().st_size <= 2_000_000
    assert {tensor.dtype for tensor in tensors.values()} <= {torch.float16, torch.int64}


@pytest.mark.slow
def test_training_repeats_itself_and_leaves_the_global_state_alone(pictures: np.ndarray, masks: np.ndarray) -> None:
    few = pictures[:12], masks[:12]
    before = torch.random.get_rng_state()
    first, again, other = (train_lungs.train([few], steps=2, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.stem.weight, other.stem.weight)


def test_varied_pictures_stay_pictures_and_keep_their_lungs(pictures: np.ndarray, masks: np.ndarray) -> None:
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    y = torch.from_numpy(masks).float()
    pictures, masks = train_lungs.vary(x, y, np.random.default_rng(0))
    assert pictures.shape == x.shape
    assert masks.shape == y.shape
    assert 0 <= pictures.min() <= pictures.max() <= 1
    assert set(masks.unique().tolist()) == {0.0, 1.0}
    assert (masks.mean((1, 2, 3)) > 0.04).all()
    assert (pictures - x).abs().mean() > 0.1
    assert torch.equal(train_lungs.vary(x, y, np.random.default_rng(0))[0], pictures)


@pytest.mark.parametrize("kind", ["COVID", "NORMAL"])
def test_lungs_of_real_x_rays_can_be_right(real_data: Path, kind: str) -> None:
    paths = sorted((real_data / "covid" / "val" / kind).iterdir())[:24]
    if not paths:
        pytest.skip("no adult X-rays among the real images")
    shown = [image_files.resize(image_files.decode(path, channels=1), 128, "crop") for path in paths]
    found = lungs.find(np.stack([image_files.quantise(picture) for picture in shown]).transpose(0, 2, 3, 1))
    assert sum(not lungs.sane(mask) for mask in found) >= 0.8 * len(found)
