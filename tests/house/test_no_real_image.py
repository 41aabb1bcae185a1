"""No real image is in the repository: not resized, not in a grid, not as a frame of a GIF."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from gan_core import images
from tests.conftest import ROOT
from tests.helpers.repository import tracked_files
from tests.house.likeness import RASTER, Prints, copies, picture_prints, prints, real_prints, together, views

pytestmark = pytest.mark.slow

EVERY = 97  # of the real images, one in so many is tried as a stowaway


def folders(real_data: Path) -> list[Path]:
    """The real images, and beside them those with masks; masks themselves are no pictures."""
    with_masks = real_data.parent / "lesions" / "images"
    return [real_data, with_masks] if with_masks.is_dir() else [real_data]


@pytest.fixture(scope="module")
def real(real_data: Path) -> Prints:
    return together([real_prints(folder) for folder in folders(real_data)])


@pytest.fixture(scope="module")
def stowaways(real_data: Path) -> list[Image.Image]:
    """One in EVERY of the images of each folder."""
    found = [
        sorted(path for path in folder.rglob("*") if path.suffix.lower() in RASTER) for folder in folders(real_data)
    ]
    return [Image.open(path).convert("L") for paths in found for path in paths[::EVERY]]


def fit(image: Image.Image, size: int = 64) -> Image.Image:
    """Centre crop and resize, as the data are prepared."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.resize((size, size), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side))


def as_jpeg(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=75)
    return Image.open(buffer)


CHANGES = {
    "itself": lambda image: image,
    "64 px": fit,
    "64 px JPEG": lambda image: as_jpeg(fit(image)),
    "squeezed": lambda image: image.resize((64, 64), Image.Resampling.BICUBIC),
    "padded": lambda image: ImageOps.pad(image, (64, 64)),
    "mirrored": lambda image: fit(image).transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "brighter": lambda image: fit(image).point([min(255, int(value * 1.1)) for value in range(256)]),
}


def caught(pictures: list[np.ndarray], real: Prints) -> set[str]:
    """Names, "0", "1" ..., of the pictures that are copies of a real image."""
    named = ((str(number), view) for number, picture in enumerate(pictures) for view in views(picture))
    return {name for name, _ in copies(prints(named), real)}


def test_no_tracked_picture_is_a_copy_of_a_real_image(real: Prints) -> None:
    pictures = [ROOT / path for path in tracked_files() if path.suffix.lower() in RASTER]
    assert copies(picture_prints(pictures), real) == []


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_is_caught(change: str, real: Prints, stowaways: list[Image.Image]) -> None:
    pictures = [np.asarray(CHANGES[change](image).convert("L")) for image in stowaways]
    assert len(pictures) > 20
    missed = {str(number) for number in range(len(pictures))} - caught(pictures, real)
    assert missed == set()


def test_a_copy_in_a_grid_and_in_a_gif_is_caught(real: Prints, stowaways: list[Image.Image], tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (9, 1, 64, 64), dtype=np.uint8)
    clean = images.grid(noise)
    noise[4, 0] = np.asarray(fit(stowaways[0]))
    images.save_png(tmp_path / "grid.png", images.grid(noise))
    images.save_gif(tmp_path / "progress.gif", [clean, images.grid(noise)])
    found = copies(picture_prints([tmp_path / "grid.png", tmp_path / "progress.gif"]), real)
    assert {Path(name).name for name, _ in found} == {"grid.png frame 0", "progress.gif frame 1"}


def test_another_patient_is_not_taken_for_a_copy(real: Prints) -> None:
    # Slices of one brain are alike, and most of the images with masks are also among the others, under another name.
    told_apart = np.array([not name.startswith(("mri", "lesion_")) for name in real.names])
    real = chosen_of(real, np.flatnonzero(told_apart))
    some = chosen_of(real, np.arange(0, len(real.names), 7))
    assert [pair for pair in copies(some, real) if patient(pair[0]) != patient(pair[1])] == []


def chosen_of(some: Prints, places: np.ndarray) -> Prints:
    return Prints(some.hashes[places], some.details[places], tuple(some.names[place] for place in places))


def patient(name: str) -> str:
    """The number after `person` or `IM`, else the file."""
    match = re.search(r"person\d+|IM-\d+", name)
    return match.group() if match else name
