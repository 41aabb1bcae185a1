"""Generators that settle before they draw, while several visitors wait for one of them."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gan_core import inference
from gan_core.phantoms.chest import xray


def test_visitors_who_come_at_once_get_the_same_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would choose the precision: one does, the others wait."""
    monkeypatch.setattr("gan_core.inference.precision.GREYS", 1e9)
    drawn = np.stack([xray.draw("normal", seed, 128).image for seed in range(4)])
    pictures = np.rint(drawn[..., None] * 255).astype(np.uint8)
    model = inference.load("reference/phantom_cxr_cyclegan")
    with ThreadPoolExecutor(8) as visitors:
        made = list(visitors.map(lambda number: model.translate(pictures[number % 4 :][:1], "covid"), range(16)))
    for number, picture in enumerate(made):
        assert np.array_equal(picture, made[number % 4])
