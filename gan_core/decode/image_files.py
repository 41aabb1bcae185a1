"""Decoding of untrusted image files to float arrays in [0, 1].

Pillow decodes PNG, JPEG, BMP, TIFF and WebP; `decode.dicom` decodes DICOM. Any problem with an image raises one
`UserError` that names it. Windowing comes before 8-bit quantisation, so that 12- and 16-bit images keep their contrast.
Images that say which values are black and white are 8-bit ones and DICOM with a window; all others need a scale.
"""

import io
import warnings
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from gan_core.decode import deep_files
from gan_core.decode.arrays import FITS, enlarged, placed, quantise, resize, to_channels
from gan_core.decode.limits import MAX_BYTES, MAX_PIXELS, MIN_SIDE, check_size
from gan_core.decode.reasons import in_words
from gan_core.decode.unscaled import FLOATS, SHARES, TURNED, Scale, Unscaled, ranges, rule_of, with_rule
from gan_core.errors import UserError

# Includes the operations and limits that callers need with `decode`.
__all__ = [
    "FITS",
    "FLOATS",
    "FORMATS",
    "HEAD",
    "MAX_BYTES",
    "MAX_PIXELS",
    "MIN_SIDE",
    "SCALED",
    "SHARES",
    "SUFFIXES",
    "TURNED",
    "Sample",
    "Scale",
    "decode",
    "decode_opened",
    "enlarged",
    "is_dicom_file",
    "is_dicom_head",
    "may_be_dicom",
    "may_be_unscaled",
    "placed",
    "quantise",
    "ranges",
    "read",
    "resize",
    "rule_of",
    "sample",
    "to_channels",
    "with_rule",
]

SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".tif", ".tiff", ".webp", ".dcm", ".dicom")
HEAD = 132  # bytes that tell a DICOM file
# Pillow also opens formats that run an interpreter (EPS) or read other files, so allow only these.
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
_PNG, _PNG_PIXELS = b"\x89PNG\r\n\x1a\n", (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


class Sample(NamedTuple):
    """What an image tells of its data set's scale."""

    kind: str  # what its values are, for people
    values: np.ndarray  # float32 (n,); empty if the image says what is black and what is white


MOST_FRAMES = 10_000  # counted in one file
_SUBFILE_TYPE = 254  # TIFF tag NewSubfileType
_COPY_OR_MASK = 0b101  # its bits for a reduced copy and for a transparency mask of another page

SCALED = Sample("", np.empty(0, np.float32))


def decode(
    source: Path | str | bytes, *, channels: int | None = 1, name: str | None = None, scale: Scale | None = None
) -> np.ndarray:
    """Decode one image.

    Args:
        source: a path (`str` or `Path`), or the bytes of a file.
        channels: 1 (colours become luma, ITU-R BT.601), 3 (grey is repeated), or None for the channels of the file.
        name: the image's name in errors; by default the file's name.
        scale: the values that become black and white in images that do not say so, the same for a data set: `prepare`
            finds it, and `RunConfig.scale` keeps it; two more numbers are those of files of floats, and one more is the
            version of the rule. None scales each image by its own values: integers are divided by the largest value of
            the smallest usual bit depth (8, 10, 12, 14 or 16) that contains them; negative or larger ones, floats
            outside [0, 1] and DICOM are scaled from their smallest to their largest value.

    Returns:
        float32 (H, W, channels) in [0, 1]: upright (EXIF), the first frame of several, transparency on black. 8-bit
        images are divided by 255, whatever the scale. DICOM: see `gan_core.decode.dicom`.

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
    found = _decode_any(data, name)
    assert found is not None
    picture = found.picture(scale, name) if isinstance(found, Unscaled) else found
    return picture if channels is None else to_channels(picture, channels)


def decode_opened(image: Image.Image, name: str, scale: Scale | None = None) -> np.ndarray:
    """Return a PIL image as `decode` would return its file, float32 (H, W, 1 or 3) in [0, 1].

    Colours of more than 8 bits have lost the others when Pillow opened them.

    Raises:
        UserError: as `decode`, or no value is finite.
    """
    check_size(*image.size, name)
    try:
        if not image.mode.startswith(("I", "F")):
            return _pixels(image)
        values = np.asarray(ImageOps.exif_transpose(image))[..., None]
    except MemoryError:
        raise
    # Pillow reads the pixels of a file only now, and a damaged file can make it raise any error.
    except Exception as error:
        raise UserError(f"{name}: damaged or truncated image{in_words(error)}") from error
    kind, inverted = FLOATS if image.mode == "F" else image.mode, deep_files.is_inverted(image)
    return Unscaled(values, kind, inverted, outside=deep_files.outside(image, values)).picture(scale, name)


def sample(data: bytes, name: str) -> "Sample":
    """Return what an image tells of its data set's scale.

    Raises:
        UserError: as `decode`.
    """
    found = _decode_any(data, name, only_unscaled=True)
    return Sample(found.kind, found.sample()) if isinstance(found, Unscaled) else SCALED


def may_be_unscaled(data: bytes, name: str) -> bool:
    """Return whether `sample` may find values, by the first bytes of a file: JPEG and PNG of 8 bits have none."""
    if data.startswith(b"\x89PNG"):
        return data[24:25] > b"\x08"
    return data[:2] in (b"II", b"MM") or is_dicom(data, name)


def may_be_dicom(path: str) -> bool:
    """Return whether a name says nothing of what is in the file, as those of many DICOM files: `IM000001`,
    `1.2.840.113619`, `SLICE.IMA`."""
    pure = PurePosixPath(path)
    suffix = pure.suffix.lower()
    # DICOMDIR is a list of files.
    return (suffix in ("", ".ima") or suffix[1:].isdecimal()) and pure.name.upper() != "DICOMDIR"


def is_dicom_head(head: bytes) -> bool:
    """Return whether the first `HEAD` bytes of a file are those of DICOM."""
    return head[128:HEAD] == b"DICM"


def is_dicom_file(path: Path) -> bool:
    """Return whether a file is DICOM by its first bytes; False for what cannot be read, and for pipes and devices."""
    try:
        if not path.is_file():
            return False
        with path.open("rb", buffering=0) as file:
            return is_dicom_head(file.read(HEAD))
    except OSError:
        return False


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
    return is_dicom_head(data) or name.lower().endswith((".dcm", ".dicom"))


class Header(NamedTuple):
    """What the header of a file says beside its picture."""

    patient: str = ""  # PatientID of a DICOM file, one line of printable text; "" where there is none
    frames: int = 1  # pictures in the file, of which `decode` takes the first


NO_HEADER = Header()


def may_say_more(data: bytes, name: str) -> bool:
    """Return whether `header` may find something, by the first bytes of a file."""
    return data[:2] in (b"II", b"MM") or data[8:12] == b"WEBP" or is_dicom(data, name)


def header(data: bytes, name: str) -> Header:
    """Return what the header of a file says; a damaged header says nothing, since the picture may still be good.

    Pages of a TIFF that are smaller copies or masks of the first one (tag 254) are no further pictures.
    """
    if not may_say_more(data, name):
        return NO_HEADER
    if is_dicom(data, name):
        # pydicom is slow to import, and most data sets do not need it.
        from gan_core.decode import dicom

        return Header(*dicom.header(data))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                frames = 1
                for page in range(1, min(getattr(image, "n_frames", 1), MOST_FRAMES)):
                    image.seek(page)
                    tags: dict[int, int] = getattr(image, "tag_v2", {})
                    frames += not int(tags.get(_SUBFILE_TYPE, 0)) & _COPY_OR_MASK
                return Header(frames=frames)
    except MemoryError:
        raise
    # A damaged file can make Pillow raise any error.
    except Exception:
        return NO_HEADER


def _decode_any(data: bytes, name: str, only_unscaled: bool = False) -> np.ndarray | Unscaled | None:
    """Return float32 (H, W, 1 or 3) in [0, 1], or the values of an image that needs a scale.

    only_unscaled: return None in place of an image that needs none, without decoding its pixels.
    """
    if not data:
        raise UserError(f"{name}: the file is empty")
    if is_dicom(data, name):
        from gan_core.decode import dicom

        return dicom.decode(data, name, only_unscaled)
    try:
        with warnings.catch_warnings():
            # Our size limit is lower than Pillow's and its message is clearer; metadata warnings do not affect pixels.
            warnings.simplefilter("ignore")
            try:
                return _decode_pillow(data, name, only_unscaled)
            except (ValueError, OSError, SyntaxError):
                # Pillow refuses PNG with large texts or a damaged colour profile. Only their pixels are needed.
                pixels = _only_pixels(data)
                if len(pixels) == len(data):
                    raise
                return _decode_pillow(pixels, name, only_unscaled)
    except (UserError, MemoryError):
        raise
    except Image.UnidentifiedImageError as error:
        kinds = f"supported formats: {', '.join(FORMATS)}, DICOM"
        if unsupported := deep_files.unsupported(data):
            raise UserError(f"{name}: {unsupported}, which is not supported; save it as PNG of 8 or 16 bits") from error
        raise UserError(f"{name}: not a readable image ({kinds})") from error
    except Image.DecompressionBombError as error:
        raise UserError(f"{name}: far above the limit of {MAX_PIXELS // 10**6} megapixels") from error
    # A damaged file can make a decoder raise any error; the user needs only one message.
    except Exception as error:
        raise UserError(f"{name}: damaged or truncated image{in_words(error)}") from error


def _decode_pillow(data: bytes, name: str, only_unscaled: bool) -> np.ndarray | Unscaled | None:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        check_size(*image.size, name)
        if deep_files.is_deep(image):
            return deep_files.read(image, data, name)
        if only_unscaled:
            return None
        image.load()
        return _pixels(image)


def _only_pixels(data: bytes) -> bytes:
    """Return a PNG without everything that its pixels do not need; other files as they are."""
    if not data.startswith(_PNG):
        return data
    kept, place = [_PNG], len(_PNG)
    while place < len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        if data[place + 4 : place + 8] in _PNG_PIXELS:
            kept.append(data[place:end])
        place = end
    return b"".join(kept)


def _pixels(image: Image.Image) -> np.ndarray:
    """Convert a Pillow image of 8 bits to float32 (H, W, 1 or 3) in [0, 1]."""
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"), dtype=np.float32) / 255.0
        return rgba[..., :3] * rgba[..., 3:]
    grey = image.mode in ("1", "L")
    picture = np.array(image.convert("L" if grey else "RGB"), dtype=np.float32)
    picture /= 255.0  # in place, to save memory
    return picture[..., None] if grey else picture
