"""Operations on decoded images, float arrays (H, W, C) in [0, 1]: channels, size, and 8-bit quantisation."""

from math import ceil, floor

import numpy as np
from PIL import Image

from gan_core.errors import UserError

FITS = ("crop", "pad")
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601


def to_channels(picture: np.ndarray, channels: int) -> np.ndarray:
    """Convert an image (H, W, 1 or 3) in [0, 1] to (H, W, channels): colours become luma, and grey is repeated."""
    if picture.shape[2] == channels:
        return picture
    if channels == 3:
        return np.repeat(picture, 3, axis=2)
    return np.clip(picture @ LUMA, 0.0, 1.0)[..., None]


def resize(picture: np.ndarray, size: int, fit: str = "crop") -> np.ndarray:
    """Resize an image (H, W, C) in [0, 1] to float32 (size, size, C) in [0, 1], antialiased, with its aspect ratio.

    fit: `crop` fills the square and cuts both ends of the longer side; `pad` keeps the whole image and adds black.

    Raises:
        UserError: fit is not one of `FITS`.
    """
    height, width, channels = picture.shape
    box, (left, top, right, bottom) = placed(height, width, size, fit)
    result = np.zeros((size, size, channels), dtype=np.float32)
    for channel in range(channels):
        plane = Image.fromarray(np.ascontiguousarray(picture[..., channel], dtype=np.float32))
        scaled = plane.resize((right - left, bottom - top), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)
        result[top:bottom, left:right, channel] = np.asarray(scaled)
    # The negative lobes of the filter overshoot at sharp edges.
    return np.clip(result, 0.0, 1.0)


def placed(
    height: int, width: int, size: int, fit: str
) -> tuple[tuple[float, float, float, float], tuple[int, int, int, int]]:
    """Return two boxes (left, top, right, bottom) of `resize`: the part of the image that it uses, and its place in the
    square of side `size`.

    Raises:
        UserError: fit is not one of `FITS`.
    """
    if fit not in FITS:
        raise UserError(f"fit must be one of {', '.join(FITS)}, not '{fit}'")
    if fit == "crop":
        side = min(height, width)
        x, y = (width - side) / 2, (height - side) / 2
        return (x, y, x + side, y + side), (0, 0, size, size)
    longest = max(height, width)
    inner = (max(1, round(width * size / longest)), max(1, round(height * size / longest)))
    left, top = (size - inner[0]) // 2, (size - inner[1]) // 2
    return (0.0, 0.0, float(width), float(height)), (left, top, left + inner[0], top + inner[1])


def enlarged(square: np.ndarray, shape: tuple[int, int], fit: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture of the network's size, float32 (S, S, C), at the size (H, W) of the image that it was made from.

    Returns:
        float32 (H, W, C), 0 outside of the square, and bool (H, W): which pixels lie inside of it.
    """
    height, width = shape
    box, inner = placed(height, width, len(square), fit)
    # The square may start in the middle of a pixel: take the whole pixels inside it, and their place in the change.
    left, top, right, bottom = ceil(box[0]), ceil(box[1]), floor(box[2]), floor(box[3])
    across, down = (inner[2] - inner[0]) / (box[2] - box[0]), (inner[3] - inner[1]) / (box[3] - box[1])
    part = (
        inner[0] + (left - box[0]) * across,
        inner[1] + (top - box[1]) * down,
        inner[0] + (right - box[0]) * across,
        inner[1] + (bottom - box[1]) * down,
    )
    result = np.zeros((height, width, square.shape[2]), np.float32)
    for channel in range(square.shape[2]):
        plane = Image.fromarray(np.ascontiguousarray(square[..., channel]))
        resized = plane.resize((right - left, bottom - top), Image.Resampling.BICUBIC, box=part)
        result[top:bottom, left:right, channel] = np.asarray(resized)
    inside = np.zeros((height, width), bool)
    inside[top:bottom, left:right] = True
    return result, inside


def quantise(picture: np.ndarray) -> np.ndarray:
    """Convert an image (H, W, C) in [0, 1] to uint8 (C, H, W), rounded to the nearest of 256 levels."""
    return np.rint(np.clip(picture, 0.0, 1.0) * 255.0).astype(np.uint8).transpose(2, 0, 1).copy()
