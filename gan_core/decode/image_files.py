"""Decoding of untrusted image files to float arrays in [0, 1].

Pillow decodes PNG, JPEG, BMP, TIFF and WebP; `decode.dicom` decodes DICOM. Any problem with an image raises one
`UserError` that names it. Windowing comes before 8-bit quantisation, so that 12- and 16-bit images keep their contrast.
"""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from gan_core.decode.arrays import FITS, placed, quantise, resize, stretch, to_channels
from gan_core.decode.limits import MAX_BYTES, MAX_PIXELS, MIN_SIDE, check_size
from gan_core.errors import UserError, first_line

# Includes the operations and limits that callers need with `decode`.
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
# Pillow also opens formats that run an interpreter (EPS) or read other files, so allow only these.
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")


def decode(source: Path | str | bytes, *, channels: int | None = 1, name: str | None = None) -> np.ndarray:
    """Decode one image.

    Args:
        source: a path (`str` or `Path`), or the bytes of a file.
        channels: 1 (colours become luma, ITU-R BT.601), 3 (grey is repeated), or None for the channels of the file.
        name: the image's name in errors; by default the file's name.

    Returns:
        float32 (H, W, channels) in [0, 1]: upright (EXIF), the first frame of several, transparency on black. 8-bit
        images are divided by 255. 16-bit images are divided by the largest value of the smallest usual bit depth (8,
        10, 12, 14 or 16) that contains their values. Float images outside [0, 1] are scaled from their smallest to
        their largest value. DICOM: see `gan_core.decode.dicom`.

    Raises:
        UserError: the file is not an image, damaged, truncated, smaller than 8 x 8 or larger than 80 megapixels.
    """
    if channels not in (1, 3, None):
        raise UserError(f"channels must be 1 or 3, not {channels}")
    if isinstance(source, bytes):
        name, data = name or "the image", source
    else:
        path = Path(source)
        name, data = name or path.name, read(path, name or path.name)
    if not data:
        raise UserError(f"{name}: the file is empty")
    picture = _decode_dicom(data, name) if is_dicom(data, name) else _decode_pillow(data, name)
    return picture if channels is None else to_channels(picture, channels)


def read(path: Path, name: str) -> bytes:
    """Return the bytes of an image file.

    Raises:
        UserError: the path does not exist, is not a file, is larger than `MAX_BYTES`, or there is no permission.
    """
    try:
        if not path.exists():
            raise UserError(f"{name}: there is no such file")
        if not path.is_file():
            raise UserError(f"{name}: not a file")
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"{name}: larger than the limit of {MAX_BYTES // 1024**2} MB")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{name}: cannot be read ({error.strerror or error})") from error


def is_dicom(data: bytes, name: str) -> bool:
    """Return whether the bytes of a file are DICOM, from its first bytes or its suffix."""
    # Files from before 1993 have no DICM prefix, so the suffix decides for them.
    return data[128:132] == b"DICM" or name.lower().endswith((".dcm", ".dicom"))


def patient(data: bytes, name: str) -> str:
    """Return PatientID of a DICOM file, one line of printable text; "" where there is none, and for other files."""
    if not is_dicom(data, name):
        return ""
    from gan_core.decode import dicom

    return dicom.patient(data)


def _decode_dicom(data: bytes, name: str) -> np.ndarray:
    # pydicom is slow to import, and most data sets do not need it.
    from gan_core.decode import dicom

    return dicom.decode(data, name)


def _decode_pillow(data: bytes, name: str) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            # Our size limit is lower than Pillow's and its message is clearer; metadata warnings do not affect pixels.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                check_size(*image.size, name)
                image.load()
                return _pixels(image, name)
    except (UserError, MemoryError):
        raise
    except Image.UnidentifiedImageError as error:
        kinds = ", ".join(FORMATS)
        raise UserError(f"{name}: not a readable image (supported formats: {kinds}, DICOM)") from error
    except Image.DecompressionBombError as error:
        raise UserError(f"{name}: far above the limit of {MAX_PIXELS // 10**6} megapixels") from error
    # A damaged file can make a decoder raise any error; the user needs only one message.
    except Exception as error:
        raise UserError(f"{name}: damaged or truncated image ({first_line(error)})") from error


def _pixels(image: Image.Image, name: str) -> np.ndarray:
    """Convert a loaded Pillow image to float32 (H, W, 1 or 3) in [0, 1]."""
    inverted = image.mode.startswith("I;16") and _white_is_zero(image)
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        picture = _high_bit_depth(np.asarray(image), name)
        return (1.0 - picture if inverted else picture)[..., None]
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"), dtype=np.float32) / 255.0
        return rgba[..., :3] * rgba[..., 3:]
    grey = image.mode in ("1", "L")
    picture = np.array(image.convert("L" if grey else "RGB"), dtype=np.float32)
    picture /= 255.0  # in place, to save memory
    return picture[..., None] if grey else picture


def _white_is_zero(image: Image.Image) -> bool:
    # TIFF tag 262 is PhotometricInterpretation; Pillow applies it to 8-bit images but not to 16-bit ones.
    return getattr(image, "tag_v2", {}).get(262) == 0


def _high_bit_depth(values: np.ndarray, name: str) -> np.ndarray:
    """Convert integers of more than 8 bits, or floats, (H, W), to float32 in [0, 1]."""
    if values.dtype.kind == "f":
        inside = np.isfinite(values).all() and values.min() >= 0.0 and values.max() <= 1.0
        return values.astype(np.float32) if inside else stretch(values, name)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        return stretch(values, name)
    depth = next(bits for bits in (8, 10, 12, 14, 16) if high < 2**bits)
    return values.astype(np.float32) / np.float32(2**depth - 1)
