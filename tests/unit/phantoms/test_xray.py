"""Chest X-ray phantoms: their ranges, their truth, and where each disease lies."""

from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from gan_core.errors import UserError
from gan_core.phantoms.chest.xray import CLASSES, Phantom, draw, draw_layers

SIZE = 48
BODIES = range(50)


@cache
def drawn(kind: str, seed: int, size: int = SIZE) -> Phantom:
    return draw(kind, seed, size)


def lung_sides(phantom: Phantom) -> tuple[np.ndarray, np.ndarray]:
    """The lung on the picture's left and the one on its right."""
    parts, count = ndimage.label(phantom.lungs)
    assert count == 2
    centres = ndimage.center_of_mass(phantom.lungs, parts, [1, 2])
    first = 1 if centres[0][1] < centres[1][1] else 2
    return parts == first, parts == 3 - first


def side_shares(phantom: Phantom) -> tuple[float, float]:
    left, right = (float(phantom.opacity[lung].sum()) for lung in lung_sides(phantom))
    return left / (left + right), right / (left + right)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("size", [16, 64, 100, 160])
def test_shapes_and_ranges(kind: str, size: int) -> None:
    phantom = draw(kind, 3, size)
    for name in ("image", "healthy", "opacity"):
        array = getattr(phantom, name)
        assert array.shape == (size, size) and array.dtype == np.float32 and np.isfinite(array).all()
        assert array.min() >= 0
    assert phantom.lungs.shape == (size, size) and phantom.lungs.dtype == np.bool_
    assert phantom.image.max() <= 1 and phantom.healthy.max() <= 1
    assert phantom.image.std() > 0.08


def test_the_lungs_of_the_layers_go_on_behind_the_heart() -> None:
    for seed in range(12):
        phantom, layers = draw_layers("normal", seed, 96)
        assert ndimage.label(layers.lungs)[1] == 2
        assert (phantom.lungs & layers.lungs).sum() >= 0.98 * phantom.lungs.sum()
        hidden = layers.lungs & layers.heart
        assert 0.1 <= hidden.sum() / layers.lungs.sum() <= 0.4
        dense = phantom.image[ndimage.binary_erosion(hidden, iterations=2)].mean()
        assert dense > phantom.image[layers.lungs & ~layers.heart].mean() + 0.05


def test_classes_are_sorted() -> None:
    assert tuple(sorted(CLASSES)) == CLASSES == ("bacterial", "covid", "normal", "viral")


@pytest.mark.parametrize("kind", CLASSES)
def test_the_same_seed_is_the_same_picture(kind: str) -> None:
    one, two = draw(kind, 11, SIZE), draw(kind, 11, SIZE)
    for name in ("image", "healthy", "lungs", "opacity"):
        assert np.array_equal(getattr(one, name), getattr(two, name))
    assert not np.array_equal(one.image, draw(kind, 12, SIZE).image)


def test_one_body_for_every_kind() -> None:
    normal = drawn("normal", 7)
    for kind in CLASSES:
        assert np.array_equal(drawn(kind, 7).healthy, normal.image)
        assert np.array_equal(drawn(kind, 7).lungs, normal.lungs)


@pytest.mark.parametrize("seed", range(4))
def test_one_body_at_every_size(seed: int) -> None:
    small, large = draw("covid", seed, 64), draw("covid", seed, 256)
    reduced = large.image.reshape(64, 4, 64, 4).mean(axis=(1, 3))
    assert np.corrcoef(small.image.ravel(), reduced.ravel())[0, 1] > 0.97
    overlap = (small.lungs & large.lungs[2::4, 2::4]).sum() / small.lungs.sum()
    assert 0.9 < overlap <= 1.0
    assert small.opacity.sum() * 16 == pytest.approx(large.opacity.sum(), rel=0.1)


@pytest.mark.parametrize("seed", BODIES)
def test_lungs_are_two_and_of_human_size(seed: int) -> None:
    phantom = drawn("normal", seed)
    left, right = lung_sides(phantom)
    assert 0.15 < phantom.lungs.mean() < 0.45
    assert 0.4 < left.sum() / right.sum() < 2.5
    inside = phantom.healthy[phantom.lungs].mean()
    between = phantom.healthy[SIZE // 4 : -SIZE // 4, SIZE * 7 // 16 : SIZE * 9 // 16].mean()
    assert 0.05 < inside < between - 0.1


def test_bodies_differ() -> None:
    shares = [float(drawn("normal", seed).lungs.mean()) for seed in BODIES]
    brightness = [float(drawn("normal", seed).image.mean()) for seed in BODIES]
    assert 0.02 < np.std(shares) < 0.1
    assert 0.03 < np.std(brightness) < 0.15


def test_the_heart_points_to_the_right_of_the_picture() -> None:
    lower = slice(SIZE // 2, SIZE * 3 // 4)
    narrower = 0
    for seed in BODIES:
        left, right = lung_sides(drawn("normal", seed))
        narrower += right[lower].sum() < left[lower].sum()
    assert narrower > 0.85 * len(BODIES)


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if kind != "normal"])
def test_disease_is_inside_the_lungs_and_brighter(kind: str) -> None:
    shares, gains = [], []
    for seed in BODIES:
        phantom = drawn(kind, seed)
        shares.append(phantom.opacity[phantom.lungs].sum() / phantom.opacity.sum())
        gains.append((phantom.image - phantom.healthy)[phantom.lungs].mean())
        assert (phantom.image >= phantom.healthy - 1e-5).all()
        untouched = ndimage.grey_dilation(phantom.opacity, 5) == 0
        assert np.abs(phantom.image - phantom.healthy)[untouched].max() < 1e-5
    assert 0.75 < np.mean(shares) <= 1.0 and min(shares) > 0.4
    assert min(gains) > 0.003 and 0.02 < np.mean(gains) < 0.2


def test_normal_has_no_disease() -> None:
    for seed in BODIES:
        phantom = drawn("normal", seed)
        assert not phantom.opacity.any()
        assert np.array_equal(phantom.image, phantom.healthy)


def test_bacterial_is_on_one_side_and_the_others_on_both() -> None:
    weaker = {k: [min(side_shares(drawn(k, seed))) for seed in BODIES] for k in CLASSES if k != "normal"}
    assert max(weaker["bacterial"]) < 0.05
    assert 0.2 < np.median(weaker["covid"]) <= 0.5
    assert 0.35 < np.median(weaker["viral"]) <= 0.5
    sides = [side_shares(drawn("bacterial", seed))[0] > 0.5 for seed in BODIES]
    assert 0.3 < np.mean(sides) < 0.8


def test_covid_is_peripheral_and_basal() -> None:
    rows, columns = np.mgrid[:SIZE, :SIZE]

    def place(kind: str) -> tuple[float, float]:
        outward, down = [], []
        for seed in BODIES:
            phantom = drawn(kind, seed)
            for lung in lung_sides(phantom):
                weight = phantom.opacity * lung
                if weight.sum() < 0.05 * phantom.opacity.sum():
                    continue
                distance = np.abs(columns - SIZE / 2)
                outward.append((weight * distance).sum() / weight.sum() - distance[lung].mean())
                down.append((weight * rows).sum() / weight.sum() - rows[lung].mean())
        return float(np.mean(outward)), float(np.mean(down))

    covid, viral, bacterial = place("covid"), place("viral"), place("bacterial")
    assert covid[0] > bacterial[0] + 0.3 and covid[0] > viral[0] + 1.0
    assert covid[1] > bacterial[1] + 0.5 and covid[1] > viral[1] + 1.0


@pytest.mark.parametrize(
    ("kind", "seed", "size", "words"),
    [
        ("covd", 0, 64, "Did you mean 'covid'"),
        ("tumour", 0, 64, "bacterial, covid, normal, viral"),
        ("normal", -1, 64, "negative"),
        ("normal", 0, 8, "16 or more"),
    ],
)
def test_bad_input_gets_a_clear_line(kind: str, seed: int, size: int, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        draw(kind, seed, size)
    assert "\n" not in str(caught.value)
