"""MRI phantoms: pairs of the same head, and the contrast that the spin-echo equation gives."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from gan_core.data import prepare
from gan_core.errors import UserError
from gan_core.phantoms.head.mri import CLASSES, Phantom, draw, spin_echo
from gan_core.phantoms.head.tissues import (
    AIR,
    BONE,
    CSF,
    FAT,
    GREY,
    PALLIDUM,
    STRIATUM,
    THALAMUS,
    TISSUES,
    WHITE,
    draw_head,
)

HEADS = range(24)


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
    assert level("T2", CSF) == max(level("T2", tissue) for tissue in (FAT, CSF, GREY, WHITE, STRIATUM))
    for kind in CLASSES:
        assert level(kind, AIR) < 0.05
        assert level(kind, BONE) < 0.2


def test_deep_nuclei_lie_between_grey_and_white_matter() -> None:
    seen = 0
    for seed in range(40):
        phantom = drawn("T1", seed)
        grey, white = (float(phantom.image[phantom.tissues[tissue] > 0.9].mean()) for tissue in (GREY, WHITE))
        for nucleus in (STRIATUM, PALLIDUM, THALAMUS):
            there = phantom.image[phantom.tissues[nucleus] > 0.9]
            if len(there) > 12:
                seen += 1
                assert grey - 0.07 < there.mean() < white + 0.07  # scanners and coils vary
    assert seen > 12


@pytest.mark.parametrize("large", [128, 192, 320])
@pytest.mark.parametrize("seed", range(3))
def test_the_same_head_at_every_size(seed: int, large: int) -> None:
    small, step = drawn("T2", seed, 64), large // 64
    other = draw("T2", seed, large)
    shares = other.tissues.reshape(len(TISSUES), 64, step, 64, step).mean((2, 4))
    assert np.abs(small.tissues - shares).mean() < 0.004
    image = other.image.reshape(64, step, 64, step).mean((1, 3))
    assert np.corrcoef(small.image.ravel(), image.ravel())[0, 1] > 0.98


def test_heads_vary() -> None:
    areas = [drawn("T1", seed).head.mean() for seed in HEADS]
    assert 0.02 < np.std(areas) < 0.1
    fluid = [drawn("T1", seed).tissues[CSF].mean() / drawn("T1", seed).head.mean() for seed in HEADS]
    assert max(fluid) > 1.3 * min(fluid)


def test_the_head_lies_inside_the_picture_in_one_piece() -> None:
    for seed in HEADS:
        head = drawn("T1", seed).head
        assert ndimage.label(head)[1] == 1 and ndimage.binary_fill_holes(head).sum() == head.sum()
        assert not (head[0].any() or head[-1].any() or head[:, 0].any() or head[:, -1].any())


def test_the_brain_is_folded_and_of_human_make() -> None:
    ratios = []
    for seed in HEADS:
        shares = drawn("T1", seed).tissues
        ratios.append(shares[GREY].sum() / shares[WHITE].sum())
        brain = ndimage.binary_fill_holes(shares[CSF] + shares[GREY] + shares[WHITE] > 0.5)
        rim = brain & ~ndimage.binary_erosion(brain, iterations=9)
        deeper = (shares[GREY] > 0.5) & brain & ~rim
        assert deeper.sum() > 0.03 * brain.sum()  # cortex does not only line the surface
    assert 0.6 < np.median(ratios) < 1.4


def test_deep_parts_are_in_the_lower_slices_only() -> None:
    levels = {seed: draw_head(np.random.default_rng([seed, 0])).level for seed in range(40)}
    low, high = min(levels, key=levels.__getitem__), max(levels, key=levels.__getitem__)
    assert levels[low] < 0.15 and levels[high] > 0.85
    for nucleus in (STRIATUM, PALLIDUM, THALAMUS):
        assert drawn("T1", low).tissues[nucleus].sum() > 20
        assert drawn("T1", high).tissues[nucleus].sum() == 0
    centre = slice(36, 60)
    fluid = [drawn("T1", seed).tissues[CSF, centre, centre].mean() for seed, level in levels.items() if level < 0.45]
    assert min(fluid) > 0.02 and max(fluid) > 1.5 * min(fluid)


def test_one_side_is_not_the_mirror_of_the_other() -> None:
    for seed in HEADS:
        grey = drawn("T1", seed).tissues[GREY]
        assert np.corrcoef(grey.ravel(), grey[:, ::-1].ravel())[0, 1] < 0.8


def test_a_source_of_pairs_of_classes(tmp_path: Path) -> None:
    prepared = prepare("phantom:mri?images=20", size=32, cache=tmp_path, progress=False)
    assert prepared.images.shape == (20, 1, 32, 32) and prepared.classes == CLASSES
    assert np.bincount(prepared.labels).tolist() == [10, 10]


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
