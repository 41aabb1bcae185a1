"""Opacity where a brush has been, and the biases of many severities at once."""

import numpy as np
import pytest
import torch

from gan_core.anatomy import drawn_opacity, lung_view, painting
from gan_core.anatomy.painting import Painting
from gan_core.phantoms.chest import xray


@pytest.fixture(scope="module")
def drawn() -> Painting:
    """The drawn pattern in two drawn chests."""
    pictures = np.stack([(xray.draw("normal", seed, 128).image * 255).astype(np.uint8) for seed in (51, 52)])
    chests = lung_view.look(pictures[..., None])
    assert chests.kept.all()
    views = chests.views()
    logits, density = drawn_opacity.pattern(views, drawn_opacity.noise([0, 1]))
    canvas = painting.of_pictures(torch.from_numpy(pictures[:, None] / np.float32(255)), chests)
    return Painting(canvas, logits, density, views.mask, views.boxes, torch.linspace(0, 0.4, 21))


def test_biases_are_those_of_each_severity(drawn: Painting) -> None:
    severities = (0.05, 0.3, 0.7, 1.0)
    one_by_one = torch.stack([drawn.bias(severity) for severity in severities], 1)
    assert torch.allclose(drawn.biases(severities), one_by_one, atol=1e-4)


def test_opacity_lies_below_the_brush_and_has_the_mean_there(drawn: Painting) -> None:
    brush = torch.zeros(2, 1, lung_view.SIZE, lung_view.SIZE)
    brush[:, :, 20:40, 8:24] = 1
    painted = drawn.within(brush)
    found = painted.opacity(0.7)
    assert not found[brush == 0].any()
    below = drawn.mask * brush
    mean = (found * below).sum((1, 2, 3)) / below.sum((1, 2, 3))
    assert torch.allclose(mean, drawn.mean(0.7), atol=1e-3)
    assert float(found.max() - found[below > 0.5].min()) > 0.1, "the pattern is what fills the brush, and not even haze"
    changed = (painted.painted(0.7) - drawn.canvas.picture).abs()
    allowed = lung_view.paste(torch.nn.functional.max_pool2d(brush, 3, 1, 1), drawn.boxes, (128, 128)) > 0
    assert float(changed.max()) > 0.01
    assert not changed[~allowed].any()


def test_a_brush_everywhere_changes_nothing(drawn: Painting) -> None:
    everywhere = torch.ones_like(drawn.logits)
    assert torch.allclose(drawn.within(everywhere).opacity(0.7), drawn.opacity(0.7), atol=1e-4)
