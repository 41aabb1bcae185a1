"""Sheets of other programs, cut into their pictures."""

import numpy as np
import pytest
import torch
from torchvision.utils import make_grid

from gan_core import images
from gan_core.errors import UserError
from gan_core.importers import grids
from gan_core.importers.grids import Layout


def pictures(count: int, side: int = 16, seed: int = 0) -> np.ndarray:
    """Noise with a black margin of two pixels, as X-rays often have."""
    found = np.random.default_rng(seed).integers(20, 256, (count, 1, side, side), np.uint8)
    found[:, :, :2] = found[:, :, -2:] = 0
    return found


@pytest.mark.parametrize(
    ("count", "columns", "padding"), [(16, 4, 2), (25, 5, 2), (6, 6, 2), (12, 4, 1), (9, 3, 5), (16, 4, 5)]
)
def test_the_sheets_of_torchvision_are_cut_by_their_borders(count: int, columns: int, padding: int) -> None:
    given = [pictures(count, seed=seed) for seed in range(3)]
    sheets = [
        make_grid(torch.from_numpy(one), nrow=columns, padding=padding).numpy().transpose(1, 2, 0)[:, :, :1]
        for one in given
    ]
    layout = grids.by_borders(sheets)
    assert layout == Layout(count // columns, columns, 16, 16, padding)
    np.testing.assert_array_equal(grids.cut(sheets[1], layout, 100), given[1])


def test_white_borders_are_borders_too() -> None:
    sheet = 255 - images.grid(255 - pictures(4))
    found = grids.by_borders([sheet])
    assert found is not None and (found.rows, found.columns) == (2, 2)


def test_a_picture_alone_and_plots_are_not_cut() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 1), np.uint8)
    assert grids.by_borders([noise]) is None
    assert grids.by_borders([]) is None
    assert grids.by_borders([noise, noise[:32]]) is None


def test_a_line_that_is_dark_once_is_no_border() -> None:
    whole = np.random.default_rng(0).integers(20, 256, (38, 38, 1), np.uint8)
    framed = whole.copy()
    framed[:2] = framed[-2:] = framed[:, :2] = framed[:, -2:] = framed[18:20] = framed[:, 18:20] = 0
    assert grids.by_borders([framed]) == Layout(2, 2, 16, 16, 2)
    assert grids.by_borders([framed, whole]) is None


def test_rows_and_columns_may_be_given() -> None:
    plain = pictures(12).reshape(3, 4, 16, 16).transpose(0, 2, 1, 3).reshape(48, 64, 1)
    assert grids.by_count([plain], 3, 4) == Layout(3, 4, 16, 16, 0)
    assert grids.by_count([images.grid(pictures(12), 4)], 3, 4) == Layout(3, 4, 16, 16, 2)
    with pytest.raises(UserError, match="--grid 5x4: a picture of 64 x 48 pixels does not hold so many of one size"):
        grids.by_count([plain], 5, 4)
    with pytest.raises(UserError, match="different sizes"):
        grids.by_count([plain, plain[:20]], 3, 4)


def test_a_sheet_of_ours_has_sixteen_pictures_four_in_a_row() -> None:
    given = pictures(25)
    made = grids.laid_out(images.grid(given, 5), Layout(5, 5, 16, 16, 2))
    np.testing.assert_array_equal(made, images.grid(given[:16], 4))
    assert Layout(1, 2, 16, 20, 0).size == 0 and Layout(1, 2, 2048, 2048, 0).size == 0
