"""Limits on the size of an image, in pixels and bytes."""

from gan_core.errors import UserError

MAX_PIXELS = 80_000_000
MAX_BYTES = 512 * 1024**2
MIN_SIDE = 8


def check_size(width: int, height: int, name: str) -> None:
    """Check the size in an image's header, before its pixels are decoded.

    Raises:
        UserError: a side is shorter than 8 pixels, or there are more than 80 megapixels.
    """
    if width < MIN_SIDE or height < MIN_SIDE:
        raise UserError(f"{name}: {width} x {height} pixels are too few, at least {MIN_SIDE} x {MIN_SIDE} are needed")
    if width * height > MAX_PIXELS:
        raise UserError(
            f"{name}: {width} x {height} pixels are more than the limit of {MAX_PIXELS // 10**6} megapixels"
        )
