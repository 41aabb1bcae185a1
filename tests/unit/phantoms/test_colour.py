"""Coloured chest X-rays: the grey picture's lightness, the tissues' colours."""

import numpy as np
import pytest

from gan_core import data
from gan_core.data.readers import phantom
from gan_core.errors import UserError
from gan_core.phantoms.chest import colour as phantom_colour
from gan_core.phantoms.chest import xray


def test_both_pictures_show_one_body() -> None:
    grey, colour = (phantom_colour.draw(kind, 3, 64) for kind in ("grey", "colour"))
    assert (grey.image.shape, colour.image.shape, colour.image.dtype) == ((64, 64), (64, 64, 3), np.float32)
    assert 0 <= colour.image.min() < colour.image.max() <= 1
    assert grey.disease == colour.disease
    assert np.array_equal(grey.image, xray.draw(grey.disease, 3, 64).image)
    assert np.array_equal(grey.shares, colour.shares)
    np.testing.assert_allclose(colour.shares.sum(0), 1, atol=1e-6)


def test_each_tissue_has_its_colour() -> None:
    """Where a tissue is nearly all there is, the colour is its own, as light as the grey picture says."""
    found = dict.fromkeys(phantom_colour.TISSUES, 0)
    for seed in range(12):
        drawn, grey = phantom_colour.draw("colour", seed, 64), phantom_colour.draw("grey", seed, 64).image
        for number, name in enumerate(phantom_colour.TISSUES):
            most = (drawn.shares[number] > 0.9) & (grey > 0.1)
            found[name] += int(most.sum())
            if most.any():
                tint = drawn.image[most] / grey[most][:, None] ** 0.75
                assert np.abs(tint - phantom_colour.TINTS[number]).max() < 0.13
    assert found["soft tissue"] > 100 and found["bone"] > 100 and found["opacity"] > 10


def test_opacity_is_coloured_where_disease_is_drawn() -> None:
    seen = set()
    for seed in range(12):
        drawn = phantom_colour.draw("colour", seed, 64)
        truth = xray.draw(drawn.disease, seed, 64)
        opacity = drawn.shares[phantom_colour.TISSUES.index("opacity")]
        assert (opacity.max() == 0) == (drawn.disease == "normal")
        assert ((opacity > 0.01) <= (truth.opacity > 0)).all()
        seen.add(drawn.disease)
    assert len(seen) > 2


def test_a_source_in_colour_is_of_pairs() -> None:
    prepared = data.prepare("phantom:colour?bodies=8", size=32, channels=3, progress=False)
    assert prepared.classes == ("colour", "grey")
    found = data.of_domains(prepared, ("grey", "colour"), paired=True)
    grey, colour = (found.images[found.labels == label].astype(int) for label in (0, 1))
    assert (np.ptp(grey, axis=1) == 0).all()
    assert np.ptp(colour, axis=1).mean() > 20
    assert len(phantom.open_phantom("colour").entries) == 1000
    luma = phantom.picture("colour", "colour", 3, 32, 1)
    assert luma.shape == (32, 32, 1)


@pytest.mark.parametrize(("kind", "seed", "words"), [("gray", 0, "Did you mean 'grey'"), ("grey", -1, "is negative")])
def test_what_cannot_be_drawn_is_one_line(kind: str, seed: int, words: str) -> None:
    with pytest.raises(UserError, match=words):
        phantom_colour.draw(kind, seed, 64)
