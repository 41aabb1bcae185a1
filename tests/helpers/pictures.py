"""Small pictures for the tests of the data package."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from gan_core.data import Prepared, prepare


def picture(seed: int, height: int = 24, width: int = 20) -> np.ndarray:
    """uint8 (height, width): smooth blobs, so that no two seeds look alike."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def png(seed: int, height: int = 24, width: int = 20) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture(seed, height, width)).save(buffer, "PNG")
    return buffer.getvalue()


def fill(root: Path, names: list[str], first: int = 0) -> None:
    """Write a different picture under every name."""
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(first + number))


def kermany(root: Path, children: int = 20) -> list[str]:
    """A small set named like the pneumonia images: two images a sick child, one a healthy one."""
    names = []
    for number in range(children):
        names += [f"PNEUMONIA/person{number}_virus_{number}.png", f"PNEUMONIA/person{number}_bacteria_{number}.png"]
        names += [f"NORMAL/IM-{number:04}-0001.png"]
    fill(root, names)
    return names


def ready(source: object, cache: Path, **options: object) -> Prepared:
    """`prepare` at 16 pixels without a bar."""
    return prepare(str(source), **{"size": 16, "cache": cache, "progress": False, **options})
