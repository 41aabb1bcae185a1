"""How large a picture may be, in pixels and bytes."""

from gan_core.errors import UserError

MAX_PIXELS = 80_000_000
MAX_BYTES = 512 * 1024**2
MIN_SIDE = 8


def check_size(width: int, height: int, name: str) -> None:
    """Refuse a picture by its header, before any of it is decoded.

    Raises:
        UserError: a side is under 8 pixels, or there are more than 80 megapixels.
    """
    if width < MIN_SIDE or height < MIN_SIDE:
        raise UserError(f"{name}: {width} x {height} pixels are too few, at least {MIN_SIDE} x {MIN_SIDE} are needed")
    if width * height > MAX_PIXELS:
        raise UserError(
            f"{name}: {width} x {height} pixels are more than the {MAX_PIXELS // 10**6} megapixels that are read"
        )
