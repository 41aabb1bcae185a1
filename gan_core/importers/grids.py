"""Sheets of other programs, cut into their pictures and laid out as ours are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gan_core import images
from gan_core.errors import UserError

SHOWN = 16  # pictures of a sheet: 4 x 4, as our own
COLUMNS = 4
_WIDEST = 16  # pixels of a border
_LEAST = 8  # pixels per side of a picture
_MOST = 128  # pictures along one side
_FLAT = 6  # grey levels within which a line counts as a border
_LARGEST = 1024  # pixels per side that a run may have


@dataclass(frozen=True, order=True)
class Layout:
    """How a sheet holds its pictures: so many rows and columns of `height` x `width` pixels, `border` pixels around."""

    rows: int
    columns: int
    height: int
    width: int
    border: int

    @property
    def count(self) -> int:
        return self.rows * self.columns

    @property
    def size(self) -> int:
        """Pixels per side of a picture; 0 if it is no square, or too large to be the picture of a run."""
        return self.height if self.height == self.width <= _LARGEST else 0


def by_borders(sheets: Sequence[np.ndarray]) -> Layout | None:
    """Return the layout of sheets whose square pictures have borders of one colour between and around them.

    sheets: uint8 (H, W, C) of one size, several of a training: a dark line of one picture is no border of all. None if
    there are no such borders. Where several layouts fit, the one with the most pictures is the layout: larger cells
    are several pictures with the border between them. Of equal ones, that in which all pictures lie alike.
    """
    if not sheets or len({sheet.shape for sheet in sheets}) > 1:
        return None
    height, width = sheets[0].shape[:2]
    flat_rows, flat_columns = (np.logical_and.reduce([_flat(sheet, axis) for sheet in sheets]) for axis in (0, 1))
    found = []
    for border in range(1, _WIDEST + 1):
        for columns in range(1, min(_MOST, (width - border) // (_LEAST + border)) + 1):
            side, rest = divmod(width - border, columns)
            side -= border
            rows, left = divmod(height - border, side + border)
            if rest or left or rows < 1 or rows * columns < 2 or rows > _MOST:
                continue
            if _are_flat(flat_columns, side, border) and _are_flat(flat_rows, side, border):
                uneven = _uneven(flat_columns, side, border) + _uneven(flat_rows, side, border)
                found.append(((rows * columns, -uneven, -border), Layout(rows, columns, side, side, border)))
    return max(found)[1] if found else None


def _flat(sheet: np.ndarray, axis: int) -> np.ndarray:
    """Return which lines along an axis are black or white, or of the colour of the sheet's corner, bool (n,)."""
    corner = sheet[0, 0].astype(np.int16)
    away = np.abs(sheet.astype(np.int16) - corner).max(2) > _FLAT
    return ~away.any(1 - axis)


def _are_flat(flat: np.ndarray, side: int, border: int) -> bool:
    starts = np.arange(0, len(flat) - border + 1, side + border)
    return bool(flat[(starts[:, None] + np.arange(border)).ravel()].all())


def _uneven(flat: np.ndarray, side: int, border: int) -> int:
    """Return how many lines of a picture are flat in some pictures and not in others.

    Black margins of the pictures, or a wide border, let other widths of the border fit as well; these move from one
    picture to the next.
    """
    cells = flat[border:].reshape(-1, side + border)
    return int((cells.any(0) & ~cells.all(0)).sum())


def by_count(sheets: Sequence[np.ndarray], rows: int, columns: int) -> Layout:
    """Return the layout of sheets of so many rows and columns, with or without borders.

    Raises:
        UserError: the sheets are of different sizes, or cannot hold so many pictures of one size.
    """
    if len({sheet.shape for sheet in sheets}) > 1:
        raise UserError(f"--grid {rows}x{columns}: the pictures have different sizes")
    height, width = sheets[0].shape[:2]
    flat = [np.logical_and.reduce([_flat(sheet, axis) for sheet in sheets]) for axis in (0, 1)]
    for border in (*range(1, _WIDEST + 1), 0):
        tall, over = divmod(height - border, rows)
        wide, left = divmod(width - border, columns)
        tall, wide = tall - border, wide - border
        fits = not over and not left and min(tall, wide) >= _LEAST
        if fits and (not border or (_are_flat(flat[0], tall, border) and _are_flat(flat[1], wide, border))):
            return Layout(rows, columns, tall, wide, border)
    raise UserError(
        f"--grid {rows}x{columns}: a picture of {width} x {height} pixels does not hold so many of one size"
    )


def cut(sheet: np.ndarray, layout: Layout, most: int = SHOWN) -> np.ndarray:
    """Return the first pictures of a sheet (H, W, C), row by row, as uint8 (n, C, height, width)."""
    found = []
    for index in range(min(layout.count, most)):
        row, column = divmod(index, layout.columns)
        top = layout.border + row * (layout.height + layout.border)
        left = layout.border + column * (layout.width + layout.border)
        found.append(sheet[top : top + layout.height, left : left + layout.width].transpose(2, 0, 1))
    return np.stack(found)


def laid_out(sheet: np.ndarray, layout: Layout) -> np.ndarray:
    """Return the first 16 pictures of a sheet as one of ours, uint8 (H, W, C): four in a row, on black."""
    pictures = cut(sheet, layout)
    return images.grid(pictures, columns=min(COLUMNS, len(pictures)))
