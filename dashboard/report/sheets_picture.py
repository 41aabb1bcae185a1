"""The sample grids of several runs as one picture for print: at their own pixels, each below its run's name."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dashboard.library.store import Entry
from dashboard.report.frames import Film
from gan_core import images
from gan_core.errors import UserError

WIDTH = 522  # pixels of a sheet, at least: a smaller one is enlarged by a whole factor
GAP, LINE, SMALL, LARGE = 24, 30, 17, 22  # pixels: between sheets, of a line of text, and of letters
MOST_COLUMNS = 4


@dataclass(frozen=True)
class _Cell:
    """A sheet, uint8 (H, W, C), already enlarged, with the lines above it."""

    sheet: np.ndarray
    name: str
    headings: tuple[tuple[str, ...], ...]  # lines of texts, each text above its share of the width


def comparison(films: Sequence[Film]) -> tuple[bytes, list[Film]] | None:
    """Return (PNG bytes, films): the opening grids of these runs side by side, and the films whose grids these are.

    Every pixel of a grid is a square of whole pixels: nothing is interpolated. None if no grid can be read, or if they
    are too large together.
    """
    found = [(film, cell) for film in films if (cell := _cell(film))]
    cells = [cell for _, cell in found]
    if not cells:
        return None
    columns = 2 if any(len(cell.headings) for cell in cells) else MOST_COLUMNS
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    heights = [max(_height(cell) for cell in row) for row in rows]
    width = max(sum(cell.sheet.shape[1] + GAP for cell in row) for row in rows) + GAP
    height = sum(heights) + GAP * (len(rows) + 1)
    if width * height > images.MOST:
        return None
    paper = Image.new("RGB", (width, height), "white")
    top = GAP
    for row, tall in zip(rows, heights, strict=True):
        left = GAP
        for cell in row:
            _draw(paper, cell, left, top)
            left += cell.sheet.shape[1] + GAP
        top += tall + GAP
    return images.png_bytes(np.asarray(paper)), [film for film, _ in found]


def _cell(film: Film) -> _Cell | None:
    if film.opening is None:
        return None
    try:
        sheet = images.read_png(film.opening.path)
    except UserError:
        return None
    factor = max(1, -(-WIDTH // sheet.shape[1])) if sheet.shape[1] < WIDTH else 1
    enlarged = np.repeat(np.repeat(sheet, factor, 0), factor, 1)
    return _Cell(enlarged, f"{film.entry.label}, {film.at(film.opening)}", _headings(film.entry))


def _headings(entry: Entry) -> tuple[tuple[str, ...], ...]:
    """Return the headings of a translator's sheet: its directions, and the pictures of each."""
    if not entry.sheet:
        return ()
    return tuple(f"{a} to {b}" for a, b in entry.sheet.ways), entry.sheet.pictures * 2


def _height(cell: _Cell) -> int:
    return LINE * (1 + len(cell.headings)) + cell.sheet.shape[0]


def _draw(paper: Image.Image, cell: _Cell, left: int, top: int) -> None:
    pen, width = ImageDraw.Draw(paper), cell.sheet.shape[1]
    pen.text((left, top), _fitted(pen, cell.name, LARGE, width), "black", _font(LARGE))
    for number, texts in enumerate(cell.headings, 1):
        share = width / len(texts)
        for index, text in enumerate(texts):
            middle = left + share * (index + 0.5)
            pen.text(
                (middle, top + LINE * number),
                _fitted(pen, text, SMALL, share - 4),
                "#444444",
                _font(SMALL),
                anchor="ma",
            )
    picture = images.to_pil(cell.sheet).convert("RGB")
    paper.paste(picture, (left, top + LINE * (1 + len(cell.headings))))


def _fitted(pen: ImageDraw.ImageDraw, text: str, size: int, width: float) -> str:
    """Return a text that is no wider than `width`, on one line; a longer one is cut."""
    text = "".join(letter if letter.isprintable() else " " for letter in text)[:200]
    cut = text
    while cut and pen.textlength(cut + ("…" if cut != text else ""), _font(size)) > width:
        cut = cut[:-1]
    return cut if cut == text else f"{cut}…"


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
