"""Generators that settle before they draw, while several visitors wait for one of them."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gan_core import inference
from gan_core.inference.precision import LowPrecision
from gan_core.phantoms.chest import xray


def test_visitors_who_come_at_once_get_the_same_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would choose the precision: one does, the others wait."""
    monkeypatch.setattr("gan_core.inference.precision.GREYS", 1e9)
    monkeypatch.setattr("gan_core.inference.precision.computes_in_bfloat16", lambda: True)
    drawn = np.stack([xray.draw("normal", seed, 128).image for seed in range(4)])
    pictures = np.rint(drawn[..., None] * 255).astype(np.uint8)
    model = inference.load("reference/phantom_cxr_cyclegan")
    with ThreadPoolExecutor(8) as visitors:
        made = list(visitors.map(lambda number: model.translate(pictures[number % 4 :][:1], "covid"), range(16)))
    for number, picture in enumerate(made):
        assert np.array_equal(picture, made[number % 4])


@pytest.mark.parametrize("computes", [True, False])
def test_a_processor_that_emulates_bfloat16_is_not_asked(computes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gan_core.inference.precision.computes_in_bfloat16", lambda: computes)
    layer = nn.Conv2d(1, 1, 3)
    asked: list[torch.dtype] = []

    def draw(precision: torch.dtype) -> Tensor:
        asked.append(precision)
        return torch.zeros(1, 1, 8, 8)

    chosen = LowPrecision([layer], "run").choose(draw)
    assert (torch.bfloat16 in asked) == computes
    assert layer.weight.dtype == chosen
    assert computes or chosen == torch.float32
