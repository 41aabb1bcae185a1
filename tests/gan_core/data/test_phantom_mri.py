"""MRI phantoms: pairs of the same head, and the contrast that the spin-echo equation gives."""

from functools import cache

import numpy as np
import pytest

from gan_core.data.phantom_head import AIR, BONE, CSF, FAT, GREY, TISSUES, WHITE
from gan_core.data.phantom_mri import CLASSES, Phantom, draw, spin_echo
from gan_core.errors import UserError

HEADS = range(12)


@cache
def drawn(kind: str, seed: int, size: int = 96) -> Phantom:
    return draw(kind, seed, size)


def level(kind: str, tissue: int) -> float:
    """Mean grey of the pixels that a tissue fills, over many heads."""
    values = [drawn(kind, seed).image[drawn(kind, seed).tissues[tissue] > 0.95] for seed in HEADS]
    return float(np.concatenate(values).mean())


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("size", [16, 64, 100, 160])
def test_shapes_and_ranges(kind: str, size: int) -> None:
    phantom = draw(kind, 3, size)
    assert phantom.image.shape == (size, size) and phantom.image.dtype == np.float32
    assert phantom.image.min() >= 0 and phantom.image.max() <= 1 and phantom.image.std() > 0.05
    assert phantom.tissues.shape == (len(TISSUES), size, size)
    np.testing.assert_allclose(phantom.tissues.sum(0), 1, atol=1e-5)
    assert phantom.head.dtype == np.bool_ and 0.25 < phantom.head.mean() < 0.8


def test_both_weightings_show_the_same_head() -> None:
    for seed in HEADS:
        one, two = drawn("T1", seed), drawn("T2", seed)
        assert np.array_equal(one.tissues, two.tissues)
        assert not np.allclose(one.image, two.image, atol=0.1)
    assert np.array_equal(drawn("T1", 3).image, draw("T1", 3, 96).image)
    assert not np.array_equal(drawn("T1", 3).tissues, drawn("T1", 4).tissues)


def test_the_contrast_is_that_of_the_weighting() -> None:
    """Fluid dark and fat bright in T1, fluid brightest in T2, white and grey matter the other way round."""
    assert level("T1", CSF) < level("T1", GREY) - 0.1
    assert level("T1", GREY) < level("T1", WHITE) - 0.05
    assert level("T1", WHITE) < level("T1", FAT) - 0.05
    assert level("T2", CSF) > level("T2", GREY) + 0.3
    assert level("T2", GREY) > level("T2", WHITE) + 0.05
    for kind in CLASSES:
        assert level(kind, AIR) < 0.05
        assert level(kind, BONE) < 0.2


def test_the_same_head_at_every_size() -> None:
    small = drawn("T2", 5, 64).tissues
    large = drawn("T2", 5, 128).tissues.reshape(len(TISSUES), 64, 2, 64, 2).mean((2, 4))
    assert np.abs(small - large).mean() < 0.01


def test_heads_vary() -> None:
    areas = [drawn("T1", seed).head.mean() for seed in HEADS]
    assert np.std(areas) > 0.02
    fluid = [drawn("T1", seed).tissues[CSF].mean() / drawn("T1", seed).head.mean() for seed in HEADS]
    assert max(fluid) > 1.3 * min(fluid)


def test_the_spin_echo_equation() -> None:
    tissue = np.tile([[1000.0, 100.0, 0.8]], (len(TISSUES), 1))
    assert spin_echo(tissue, 1000.0, 100.0) == pytest.approx(0.8 * (1 - np.exp(-1)) * np.exp(-1))
    assert spin_echo(tissue, 1e6, 0.0) == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("T3", 1, 64), "choose one of T1, T2"), (("T1", 1, 8), "too small"), (("T1", -1, 64), "negative")],
)
def test_what_cannot_be_drawn_is_one_line(arguments: tuple[str, int, int], words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        draw(*arguments)
    assert "\n" not in str(caught.value)
