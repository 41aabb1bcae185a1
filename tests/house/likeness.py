"""Tells whether a picture is a copy of a real image, resized, recompressed, brightened or mirrored.

Chest X-rays look alike, so there are two steps. A difference hash of 256 bits picks the real images to look at; then
the fine detail of both, 32 x 32 pixels less their 5 x 5 mean, must correlate. The limits lie between what was measured
on the 6539 real images:

                                                         bits that differ     correlation of detail
    a copy of 64 px (JPEG of quality 75, brightened)     99.9 in 100: <= 35   99.9 in 100: >= 0.91
    the likest image of another patient                  1 in 100: <= 16      <= 0.89
    drawn from the images' own principal components      >= 11                <= 0.83

The hash alone would not do: other patients come nearer than copies.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

from gan_core.data.duplicates import difference_hash
from gan_core.images import GRID_PADDING

NEAR_BITS = 48
SAME_DETAIL = 0.90
DETAIL = 32  # pixels a side
BLACK = 8  # grey levels up to here may be a padded bar
CELLS = (32, 64, 128)  # pixels a side of the pictures in a grid
RASTER = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


@dataclass(frozen=True)
class Prints:
    """What is compared of N pictures: hashes uint64 (N, 4), details float32 (N, 1024) of length 1, and their names."""

    hashes: np.ndarray
    details: np.ndarray
    names: tuple[str, ...]


def prints(pictures: Iterable[tuple[str, np.ndarray]]) -> Prints:
    """Of named grey pictures, uint8 (H, W)."""
    hashes, small, names = [], [], []
    for name, picture in pictures:
        hashes.append(difference_hash(picture))
        small.append(np.asarray(Image.fromarray(picture).resize((DETAIL, DETAIL), Image.Resampling.BOX)))
        names.append(name)
    if not names:
        return Prints(np.zeros((0, 4), np.uint64), np.zeros((0, DETAIL * DETAIL), np.float32), ())
    return Prints(np.stack(hashes), _details(np.stack(small)), tuple(names))


def copies(pictures: Prints, real: Prints) -> list[tuple[str, str]]:
    """(picture, real image) where the one is a copy of the other."""
    found: list[tuple[str, str]] = []
    words = np.ascontiguousarray(real.hashes.T)  # (4, N): each is counted along the pictures
    for name, hashed, detail in zip(pictures.names, pictures.hashes, pictures.details, strict=True):
        bits = np.bitwise_count(words ^ hashed[:, None]).sum(axis=0, dtype=np.uint16)
        near = np.flatnonzero(bits <= NEAR_BITS)
        alike = real.details[near] @ detail >= SAME_DETAIL
        found += [(name, real.names[place]) for place in near[alike]]
    return found


def real_prints(folder: Path) -> Prints:
    """Of every image below the folder and its `_shapes`."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in RASTER)

    def of_one(path: Path) -> Prints:
        return prints((str(path.relative_to(folder)), shape) for shape in _shapes(_reduced(path)))

    with ThreadPoolExecutor() as pool:  # Pillow decodes without holding the others up
        return together(list(pool.map(of_one, paths)))


def together(parts: list[Prints]) -> Prints:
    """All prints of several sets, in their order."""
    return Prints(
        np.concatenate([part.hashes for part in parts]),
        np.concatenate([part.details for part in parts]),
        tuple(name for part in parts for name in part.names),
    )


def picture_prints(paths: Iterable[Path]) -> Prints:
    """Of image files: every frame and all its `views`."""
    return prints((name, view) for path in paths for name, picture in _frames(path) for view in views(picture))


def views(picture: np.ndarray) -> Iterator[np.ndarray]:
    """All that a grey picture (H, W) could show of a real image: itself, its cells, all their `_shapes`, mirrored."""
    for part in (picture, *_cells(picture)):
        for view in _shapes(part):
            yield view
            yield np.ascontiguousarray(view[:, ::-1])


def _details(small: np.ndarray) -> np.ndarray:
    """uint8 (N, 32, 32) -> float32 (N, 1024): less the mean of 5 x 5 pixels, of mean 0 and length 1."""
    pictures = small.astype(np.float32)
    padded = np.pad(pictures, ((0, 0), (2, 2), (2, 2)), mode="edge")
    mean = sum(padded[:, y : y + DETAIL, x : x + DETAIL] for y in range(5) for x in range(5)) / 25
    rest = (pictures - mean).reshape(len(small), -1)
    rest -= rest.mean(axis=1, keepdims=True)
    return rest / (np.linalg.norm(rest, axis=1, keepdims=True) + 1e-6)


def _reduced(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        image.draft("L", (64, 64))  # a JPEG is decoded at the fraction of its size that suffices
        return np.asarray(image.convert("L"))


def _frames(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    with Image.open(path) as image:
        for number, frame in enumerate(ImageSequence.Iterator(image)):
            yield f"{path} frame {number}", np.asarray(frame.convert("L"))


def _shapes(picture: np.ndarray) -> list[np.ndarray]:
    """The picture (H, W) whole, cropped to a square, and without black bars as padding leaves them; each shape once."""
    height, width = picture.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    shapes = [picture, picture[top : top + side, left : left + side]]
    rows, columns = (np.flatnonzero((picture > BLACK).any(axis=axis)) for axis in (1, 0))
    if len(rows) > 1 and len(columns) > 1:
        shapes.append(picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    return list({shape.shape: np.ascontiguousarray(shape) for shape in shapes}.values())


def _cells(picture: np.ndarray) -> Iterator[np.ndarray]:
    """The pictures of a grid as `gan_core.images.grid` lays them out; nothing if it is none."""
    height, width = picture.shape
    for cell in CELLS:
        step = cell + GRID_PADDING
        if height > step and height % step == width % step == GRID_PADDING:
            for top in range(GRID_PADDING, height - 1, step):
                for left in range(GRID_PADDING, width - 1, step):
                    yield np.ascontiguousarray(picture[top : top + cell, left : left + cell])
