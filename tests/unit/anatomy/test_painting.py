"""Opacity in lungs: nothing changes outside, lungs only get denser, the mean is as asked, and it can be taken away."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from gan_core.anatomy import drawn_opacity, lung_view, painting
from gan_core.anatomy.lung_view import Chests
from gan_core.anatomy.painting import Painting
from gan_core.data.readers.phantom import drawer

SIZE = 160
QUANTILES = torch.linspace(0, 0.35, 21)
SEVERITIES = np.linspace(0, 1, 21).tolist()
DRAWN = [drawer("cxr").draw("normal", seed, SIZE) for seed in (11, 12)]
PICTURES = torch.from_numpy(np.stack([drawn.image for drawn in DRAWN]))[:, None].float()
MASKS = np.stack([drawn.lungs for drawn in DRAWN])


@pytest.fixture(scope="module")
def chests() -> Chests:
    levels = (255 * PICTURES).round().byte().permute(0, 2, 3, 1).numpy()
    return lung_view.described(levels, MASKS)


@pytest.fixture(scope="module")
def painted(chests: Chests) -> Painting:
    views = chests.views()
    logits, density = drawn_opacity.pattern(views, drawn_opacity.noise([1, 2]))
    canvas = painting.of_pictures(PICTURES, chests)
    return Painting(canvas, logits, density, views.mask, views.boxes, QUANTILES)


def outside(masks: np.ndarray) -> Tensor:
    """What lies beyond the lungs' soft border: a pixel more, as maps of 128 pixels are enlarged."""
    away = np.stack([ndimage.distance_transform_edt(~mask) for mask in masks])
    return torch.from_numpy(away > (lung_view.REACH + 1.5) * SIZE / lung_view.MAPS)[:, None]


def test_nothing_changes_outside_the_lungs_to_the_bit(painted: Painting) -> None:
    change = painted.painted(1.0) - PICTURES
    assert bool((change[outside(MASKS)] == 0).all())
    assert float(change[torch.from_numpy(MASKS)[:, None]].mean()) > 0.02


def test_lungs_only_get_denser(painted: Painting) -> None:
    assert float((painted.painted(0.7) - PICTURES).min()) >= 0


def test_severity_0_is_the_picture_to_the_bit(painted: Painting) -> None:
    assert torch.equal(painted.painted(0.0), PICTURES)


def test_opacity_grows_with_severity_at_every_pixel(painted: Painting) -> None:
    maps = torch.stack([painted.opacity(severity) for severity in SEVERITIES])
    assert bool((maps.diff(dim=0) > -1e-6).all()) and bool((maps[-1] > maps[1]).all())


@pytest.mark.parametrize("severity", [0.1, 0.5, 0.7, 1.0])
def test_the_mean_opacity_is_as_asked(painted: Painting, severity: float) -> None:
    means = (painted.opacity(severity) * painted.mask).sum((1, 2, 3)) / painted.mask.sum((1, 2, 3))
    torch.testing.assert_close(means, torch.full((2,), 0.35 * severity), atol=2e-4, rtol=0)


def test_the_gradient_of_the_bias_is_that_of_the_implicit_function() -> None:
    """Against finite differences: the map of a changed network, with the bias found anew."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 1, 6, 6, generator=generator, dtype=torch.float64).requires_grad_()
    density = torch.rand(1, 1, 6, 6, generator=generator, dtype=torch.float64) * 0.5 + 0.4
    mask, mean = torch.ones(1, 1, 6, 6, dtype=torch.float64), torch.tensor([0.2], dtype=torch.float64)
    weights = torch.randn(1, 1, 6, 6, generator=generator, dtype=torch.float64)

    def value(given: Tensor) -> Tensor:
        return (weights * painting.opacity_of(given, density, painting.bias_for(given, density, mask, mean))).sum()

    (gradient,) = torch.autograd.grad(value(logits), logits)
    step = torch.zeros_like(logits)
    step[0, 0, 2, 3] = 1e-3
    with torch.no_grad():
        numeric = (value(logits + step) - value(logits - step)) / 2e-3
    assert float(gradient[0, 0, 2, 3]) == pytest.approx(float(numeric), rel=1e-3)
    assert float(gradient.sum().abs()) < 1e-6  # a bias of the network's own changes nothing


def test_a_mean_that_cannot_be_reached_gives_all_there_is() -> None:
    logits, density = torch.zeros(1, 1, 4, 4), torch.full((1, 1, 4, 4), 0.3)
    bias = painting.bias_for(logits, density, torch.ones(1, 1, 4, 4), torch.tensor([0.9]))
    torch.testing.assert_close(painting.opacity_of(logits, density, bias), density)


def test_what_was_painted_can_be_taken_away(painted: Painting, chests: Chests) -> None:
    """With the map known; what is left comes from the smooth part of the picture, which is only nearly linear."""
    made = painted.painted(0.7)
    levels = (255 * made).round().byte().permute(0, 2, 3, 1).numpy()
    again = painting.of_pictures(made, lung_view.described(levels, MASKS))
    cleared = painting.cleared(again, painted.in_picture(0.7))
    inside = torch.from_numpy(MASKS)[:, None]
    left, there = (cleared - PICTURES)[inside].abs().mean(), (made - PICTURES)[inside].abs().mean()
    assert float(left) < 0.4 * float(there)
    assert bool((cleared[outside(MASKS)] == made[outside(MASKS)]).all())


def test_other_seeds_draw_other_patterns_and_the_same_seed_the_same() -> None:
    one, same, other = (drawn_opacity.noise([seed]) for seed in (5, 5, 6))
    assert torch.equal(one, same) and float((one - other).abs().mean()) > 0.3
    assert float(drawn_opacity.noise(range(200)).std()) == pytest.approx(1, abs=0.15)


def test_ribs_are_seen_through_haze_and_lose_contrast(painted: Painting) -> None:
    """Detail is weakened by half of the opacity, not drowned and not kept whole."""
    canvas = painting.of_pictures(
        PICTURES, lung_view.described((255 * PICTURES).byte().permute(0, 2, 3, 1).numpy(), MASKS)
    )
    even = canvas.painted(torch.full_like(PICTURES, 0.5))
    deep = torch.from_numpy(np.stack([ndimage.binary_erosion(mask, iterations=6) for mask in MASKS]))[:, None]
    detail = [
        np.stack([one[0] - ndimage.gaussian_filter(one[0], 3) for one in kind.numpy()]) for kind in (PICTURES, even)
    ]
    before, after = (part[deep[:, 0].numpy()].std() for part in detail)
    assert 0.6 < after / before < 0.95
