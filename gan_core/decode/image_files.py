"""Untrusted picture files and bytes -> float arrays in [0, 1].

PNG, JPEG, BMP, TIFF and WebP are read by Pillow, DICOM by `decode.dicom`. Whatever is wrong with a picture ends in one
`UserError` that names it. Windowing comes before the step to 8 bits, so that 12 and 16 bits keep their contrast.
"""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from gan_core.decode.arrays import FITS, placed, quantise, resize, stretch, to_channels
from gan_core.decode.limits import MAX_BYTES, MAX_PIXELS, MIN_SIDE, check_size
from gan_core.errors import UserError, first_line

# With what callers do to a picture next, and what they check before.
__all__ = [
    "FITS",
    "FORMATS",
    "MAX_BYTES",
    "MAX_PIXELS",
    "MIN_SIDE",
    "SUFFIXES",
    "decode",
    "placed",
    "quantise",
    "read",
    "resize",
    "to_channels",
]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".dcm", ".dicom")
# Pillow also opens formats that run an interpreter (EPS) or fetch other files: only these are asked for.
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")


def decode(source: Path | str | bytes, *, channels: int | None = 1, name: str | None = None) -> np.ndarray:
    """Read one picture.

    Args:
        source: a file, or the bytes of one. A `str` is a path.
        channels: 1 (colours become luma, ITU-R BT.601), 3 (grey is repeated), or None for what the file has.
        name: what errors call the picture; the file's name by default.

    Returns:
        float32 (H, W, channels) in [0, 1], upright (EXIF), the first frame where there are several, transparent parts
        black. 8 bit pictures keep their values. 16 bit pictures are divided by the largest number of the smallest usual
        depth (8, 10, 12, 14 or 16 bits) that holds them. Float pictures outside [0, 1] are stretched from their
        smallest to their largest value. DICOM: see `gan_core.decode.dicom`.

    Raises:
        UserError: not a picture, damaged, truncated, smaller than 8 x 8 or larger than 80 megapixels.
    """
    if channels not in (1, 3, None):
        raise UserError(f"channels must be 1 or 3, not {channels}")
    if isinstance(source, bytes):
        name, data = name or "the picture", source
    else:
        path = Path(source)
        name, data = name or path.name, read(path, name or path.name)
    if not data:
        raise UserError(f"{name}: the file is empty")
    picture = _decode_dicom(data, name) if _is_dicom(data, name) else _decode_pillow(data, name)
    return picture if channels is None else to_channels(picture, channels)


def read(path: Path, name: str) -> bytes:
    """A picture's file as it is. Raises UserError: no such file, not a file, too large, no permission."""
    try:
        if not path.exists():
            raise UserError(f"{name}: there is no such file")
        if not path.is_file():
            raise UserError(f"{name}: not a file")
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"{name}: larger than the {MAX_BYTES // 1024**2} MB that are read")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{name}: cannot be read ({error.strerror or error})") from error


def _is_dicom(data: bytes, name: str) -> bool:
    # Files from before 1993 lack the mark; for those the suffix is believed.
    return data[128:132] == b"DICM" or name.lower().endswith((".dcm", ".dicom"))


def _decode_dicom(data: bytes, name: str) -> np.ndarray:
    # pydicom is slow to import and most data sets never need it.
    from gan_core.decode import dicom

    return dicom.decode(data, name)


def _decode_pillow(data: bytes, name: str) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            # Pillow's own limit is higher than ours, and ours has a clearer line; metadata warnings change no pixel.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                check_size(*image.size, name)
                image.load()
                return _pixels(image, name)
    except (UserError, MemoryError):
        raise
    except Image.UnidentifiedImageError as error:
        kinds = ", ".join(FORMATS)
        raise UserError(f"{name}: not a picture that can be read ({kinds} and DICOM can)") from error
    except Image.DecompressionBombError as error:
        raise UserError(f"{name}: many more pixels than the {MAX_PIXELS // 10**6} megapixels that are read") from error
    # Decoders of damaged files raise whatever the damage leads to: all of it means the same to the user.
    except Exception as error:
        raise UserError(f"{name}: damaged or truncated picture ({first_line(error)})") from error


def _pixels(image: Image.Image, name: str) -> np.ndarray:
    """A loaded Pillow image -> float32 (H, W, 1 or 3) in [0, 1]."""
    inverted = image.mode.startswith("I;16") and _white_is_zero(image)
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        picture = _deep(np.asarray(image), name)
        return (1.0 - picture if inverted else picture)[..., None]
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"), dtype=np.float32) / 255.0
        return rgba[..., :3] * rgba[..., 3:]
    grey = image.mode in ("1", "L")
    picture = np.array(image.convert("L" if grey else "RGB"), dtype=np.float32)
    picture /= 255.0  # in place: photographs are large
    return picture[..., None] if grey else picture


def _white_is_zero(image: Image.Image) -> bool:
    # TIFF tag 262, PhotometricInterpretation; Pillow inverts 8 bit pictures for it but not 16 bit ones.
    return getattr(image, "tag_v2", {}).get(262) == 0


def _deep(values: np.ndarray, name: str) -> np.ndarray:
    """More than 8 bits, integer or float, (H, W) -> float32 in [0, 1]."""
    if values.dtype.kind == "f":
        inside = np.isfinite(values).all() and values.min() >= 0.0 and values.max() <= 1.0
        return values.astype(np.float32) if inside else stretch(values, name)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        return stretch(values, name)
    depth = next(bits for bits in (8, 10, 12, 14, 16) if high < 2**bits)
    return values.astype(np.float32) / np.float32(2**depth - 1)
