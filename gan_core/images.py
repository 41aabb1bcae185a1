"""Intensity conversion and image files: float in [-1, 1] inside, uint8 in [0, 255] outside, converted only here.

Black is -1 and 0, white is 1 and 255. Images are stored as lossless PNG. Animations of a training are GIFs with 48
greys: at most 3 of 255 off, at half the size.
"""

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from gan_core import files
from gan_core.errors import UserError
from gan_core.version import __version__

NOTICE = "synthetic, not for diagnosis"
_GIF_GREYS = 48
MOST = 4 * 10**7  # pixels of a grid, at most
_DAMAGE = (OSError, SyntaxError, ArithmeticError, LookupError, TypeError, struct.error, zlib.error)
_LARGE = 10**6  # pixels, beyond which the last tenth of a PNG's compression takes many seconds
GRID_PADDING = 2  # black pixels between and around the images of a grid


def to_float(images: Any) -> Any:
    """uint8 tensor or array of any shape -> the same as float32 in [-1, 1]."""
    if isinstance(images, np.ndarray):
        return images.astype(np.float32) / 127.5 - 1
    return images.float() / 127.5 - 1


def to_uint8(images: Any) -> np.ndarray:
    """Float tensor or array of any shape in [-1, 1] -> uint8 array; values outside are clipped, halves round up."""
    if not isinstance(images, np.ndarray):
        images = images.detach().float().cpu().numpy()
    return np.floor(np.clip((images.astype(np.float32) + 1) * 127.5, 0, 255) + 0.5).astype(np.uint8)


def grid(images: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Lay out uint8 images (N, C, H, W) as one image (height, width, C), row by row on black.

    columns: images per row; by default the grid is as square as possible.
    """
    count, channels, height, width = images.shape
    columns = columns or int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    pad = GRID_PADDING
    sheet = np.zeros((rows * (height + pad) + pad, columns * (width + pad) + pad, channels), np.uint8)
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        top, left = pad + row * (height + pad), pad + column * (width + pad)
        sheet[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    return sheet


def to_pil(picture: np.ndarray) -> Image.Image:
    """uint8 (H, W), (H, W, 1) or (H, W, 3) -> a Pillow image, grey or RGB."""
    if picture.ndim == 3 and picture.shape[2] == 1:
        picture = picture[:, :, 0]
    return Image.fromarray(picture)


def png_bytes(picture: np.ndarray, **notes: str) -> bytes:
    """Encode uint8 (H, W[, C]) as PNG with the synthetic notice and the keyword `notes` as text chunks."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Description", NOTICE)
    text.add_text("Software", f"GANray {__version__}")
    for key, value in notes.items():
        text.add_text(key, value)
    buffer = io.BytesIO()
    large = picture.shape[0] * picture.shape[1] > _LARGE
    options: dict[str, Any] = {"compress_level": 4} if large else {"optimize": True}
    to_pil(picture).save(buffer, "PNG", pnginfo=text, **options)
    return buffer.getvalue()


def save_png(path: Path, picture: np.ndarray, **notes: str) -> None:
    """Write uint8 (H, W[, C]) as PNG atomically; see `png_bytes`.

    Raises:
        UserError: the file cannot be written.
    """
    files.write_bytes(path, png_bytes(picture, **notes))


def read_png(path: Path) -> np.ndarray:
    """uint8 (H, W, C) of a PNG that this module wrote.

    Raises:
        UserError: the file is missing, damaged, or was not written by this module.
    """
    try:
        with files.open_regular(path, files.PICTURE_BYTES) as file, Image.open(file, formats=("PNG",)) as picture:
            if picture.mode not in ("L", "RGB") or picture.width * picture.height > MOST:
                raise UserError(f"{path} was not written by GANray: {picture.mode} {picture.size}")
            array = np.asarray(picture)
    # Pillow raises any of these on a damaged PNG, depending on where the damage is.
    except (
        Image.DecompressionBombError,
        OSError,
        SyntaxError,
        ArithmeticError,
        LookupError,
        TypeError,
        struct.error,
        zlib.error,
    ) as error:
        raise UserError(f"{path} is missing or damaged: it cannot be shown") from error
    return array[:, :, None] if array.ndim == 2 else array


def save_gif(path: Path, frames: Sequence[np.ndarray], milliseconds: int = 250, last: int = 1500) -> None:
    """Write frames as a GIF atomically; see `gif_bytes`.

    Raises:
        UserError: the file cannot be written.
    """
    files.write_bytes(path, gif_bytes(frames, milliseconds, last))


def gif_bytes(frames: Sequence[np.ndarray], milliseconds: int = 250, last: int = 1500) -> bytes:
    """Encode uint8 frames (H, W, C) of one shape as a looping GIF; the last frame stays `last` milliseconds.

    Grey frames share a palette of evenly spaced greys. They are not dithered: dithering would look like grain.
    """
    pictures = [_gif_frame(frame) for frame in frames]
    durations = [milliseconds] * (len(pictures) - 1) + [last]
    buffer = io.BytesIO()
    pictures[0].save(
        buffer, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0, comment=NOTICE.encode()
    )
    return buffer.getvalue()


def _gif_frame(frame: np.ndarray) -> Image.Image:
    if frame.shape[2] == 3:
        return to_pil(frame)
    levels = np.rint(frame[:, :, 0] / 255 * (_GIF_GREYS - 1)).astype(np.uint8)
    palette = np.rint(np.arange(_GIF_GREYS) * 255 / (_GIF_GREYS - 1)).astype(np.uint8)
    picture = Image.fromarray(levels)
    picture.putpalette(np.repeat(palette, 3).tobytes())
    return picture
