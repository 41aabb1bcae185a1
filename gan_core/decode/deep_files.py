"""PNG and TIFF files of more than 8 bits, of floats and of signed integers, read by Pillow without loss.

Pillow reads 16-bit colours down to 8 bits, gives unsigned 32-bit and signed 8-bit integers as the other kind, swaps the
bytes of compressed big-endian TIFFs, and refuses floats of 16 and 64 bits. All of them are choices of how it unpacks a
row of bytes ("raw mode"), so this module chooses others, and takes the bytes for what the file says that they are.
"""

import io
import sys
import warnings
from typing import Any

import numpy as np
from PIL import Image, ImageFile, ImageOps, TiffImagePlugin

from gan_core.decode.unscaled import FLOATS, Unscaled, usual_share
from gan_core.errors import UserError

_BITS, _COMPRESSION, _PHOTOMETRIC, _PLANES, _EXTRA, _FORMAT = 258, 259, 262, 284, 338, 339  # tags of TIFF
_WHITE_IS_ZERO, _SEPARATE, _SIGNED, _FLOAT, _OPACITY = 0, 2, 2, 3, 2
_WIDE = {1: "u8", 2: "i8", 3: "f8"}  # kinds of values of 64 bits
_FORMATS = {1: "integers", 2: "signed integers", 3: "floats", 5: "complex integers", 6: "complex floats"}


def _extend_pillow() -> None:
    """Add the kinds of TIFF that Pillow would refuse; those that it knows stay as they are."""
    known = TiffImagePlugin.OPEN_INFO
    for order, short, long, colours in (
        (b"II", "I;16", "I;32", "RGBA;16L"),
        (b"MM", "I;16B", "I;32B", "RGBA;16B"),
    ):
        for white in (0, 1):
            grey = {
                ((1,), (16,)): (short, short),
                ((2,), (8,)): ("L", "L"),
                ((2,), (16,)): ("I", short + "S"),
                ((3,), (16,)): (short, short),
                ((1,), (32,)): ("I", long),
                ((2,), (32,)): ("I", long + "S"),
                ((3,), (32,)): ("F", "F;32F" if order == b"II" else "F;32BF"),
            }
            # A value of 64 bits is unpacked as four of 16 bits, and two of 16 bits as four of 8 bits.
            grey |= {((kind,), (64,)): ("RGBA", colours) for kind in _WIDE}
            for (kind, bits), modes in grey.items():
                known.setdefault((order, white, kind, 1, bits, ()), modes)
            for extra in (0, 1, 2):
                known.setdefault((order, white, (1,), 1, (16, 16), (extra,)), ("RGBA", "RGBA"))


_extend_pillow()


def is_deep(image: ImageFile.ImageFile) -> bool:
    """Return whether an opened image, not yet loaded, has values that do not say what is black and what is white."""
    if image.format == "PNG":
        return _raw_mode(image).endswith("16B")
    # Pillow converts inks of 16 bits, and these say what is black and white.
    if image.format != "TIFF" or image.mode in ("CMYK", "LAB", "YCbCr", "P", "PA", "1"):
        return False
    return max(_tag(image, _BITS, (1,))) > 8 or _sample_format(image) in (_SIGNED, _FLOAT)


def read(image: ImageFile.ImageFile, data: bytes, name: str) -> Unscaled:
    """Read an opened image that `is_deep`.

    Raises:
        UserError: the kind of file is not supported.
        OSError, ValueError: the file is damaged.
    """
    if image.format == "TIFF" and len(_tag(image, _BITS, (1,))) > 1 and _tag(image, _PLANES, (1,))[0] == _SEPARATE:
        raise UserError(f"{name}: its 16-bit colours lie in separate planes: save them pixel by pixel")
    if _tag(image, _BITS, (16,)) == (64,):
        values, kind = _wide(image, data), FLOATS if _sample_format(image) == _FLOAT else "64 bits"
    elif image.mode in ("RGB", "RGBA"):
        values, kind = _bands(image, data), "16 bits"
    else:
        values, kind = _grey(image)
    colours, alpha = values, None
    if values.shape[2] in (2, 4):
        colours, alpha = _without_opacity(image, values)
    return Unscaled(colours, kind, is_inverted(image), outside=outside(image, colours), alpha=alpha)


def is_inverted(image: Image.Image) -> bool:
    """Return whether high values are black in a TIFF whose values Pillow hands on as they are."""
    return image.format == "TIFF" and _tag(image, _PHOTOMETRIC, (None,))[0] == _WHITE_IS_ZERO


def outside(image: Image.Image, values: np.ndarray) -> np.ndarray | None:
    """Return where values (H, W, C) have the one colour that a PNG may call transparent, bool (H, W); None without."""
    transparent = image.info.get("transparency")
    if transparent is None or image.format != "PNG":
        return None
    found: np.ndarray = (values == np.array(transparent).reshape(1, 1, -1)).all(axis=2)
    return found


def unsupported(data: bytes) -> str:
    """Return what kind of TIFF a file is, in words, where Pillow does not know it; empty if it is no TIFF."""
    if data[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = TiffImagePlugin.ImageFileDirectory_v2(data[: 16 if b"+" in data[:4] else 8])
            stream = io.BytesIO(data)
            stream.seek(header.next)
            header.load(stream)
            bits, kind = header.get(_BITS, (1,)), header.get(_FORMAT, (1,))[0]
            compression = header.get(_COMPRESSION, 1)
    # A damaged directory may raise anything; the caller has a general line for it.
    except Exception:
        return ""
    if compression not in TiffImagePlugin.COMPRESSION_INFO:
        return f"a TIFF of compression {compression}"
    return f"a TIFF of {len(bits)} x {max(bits)}-bit {_FORMATS.get(kind, 'values')} a pixel" if _BITS in header else ""


def _tag(image: Image.Image, number: int, default: tuple) -> tuple:
    found = _tags(image).get(number, default)
    return found if isinstance(found, tuple) else (found,)


def _tags(image: Image.Image) -> Any:
    return getattr(image, "tag_v2", {})


def _sample_format(image: ImageFile.ImageFile) -> int:
    return _tag(image, _FORMAT, (1,))[0]


def _raw_mode(image: ImageFile.ImageFile) -> str:
    args = image.tile[0].args if image.tile else None
    return args if isinstance(args, str) else str(args[0]) if args else ""


def _load(image: ImageFile.ImageFile, raw_mode: str) -> np.ndarray:
    """Load an opened image with another raw mode; return its values (H, W) or (H, W, bands), upright."""
    image.tile = [
        tile._replace(args=(raw_mode, *tile.args[1:]) if isinstance(tile.args, tuple) else raw_mode)
        for tile in image.tile
    ]
    image.load()
    return np.asarray(ImageOps.exif_transpose(image))


def _grey(image: ImageFile.ImageFile) -> tuple[np.ndarray, str]:
    """Return values (H, W, 1) and their kind."""
    raw_mode = _raw_mode(image)
    if image.format == "TIFF" and image.tile[0].codec_name == "libtiff":
        # libtiff gives the bytes in the machine's order, whatever the file's.
        for big, native in (("32BF", "32NF"), ("BS", "NS"), ("32B", "32N")):
            if raw_mode.endswith(big):
                raw_mode = raw_mode.removesuffix(big) + native
                break
    values = np.ascontiguousarray(_load(image, raw_mode))
    bits, kind = max(_tag(image, _BITS, (16,))), _sample_format(image)
    if kind == _FLOAT:
        floats = values.view(values.dtype.str.replace("u", "f")) if bits == 16 else values
        return floats[..., None], FLOATS
    if bits == 32 and kind != _SIGNED:
        values = values.view(np.uint32)
    if bits == 8:
        values = values.view(np.int8)
    return values[..., None], f"{bits} bits{', signed' if kind == _SIGNED else ''}"


def _bands(image: ImageFile.ImageFile, data: bytes) -> np.ndarray:
    """Return uint16 (H, W, 2, 3 or 4) of a file with several values of 16 bits a pixel.

    No mode of Pillow holds them. It unpacks the upper byte of each value, for either order of bytes, so that the file
    is read twice.
    """
    raw_mode, big_endian = _raw_mode(image), _is_big_endian(image)
    if raw_mode in ("LA;16B", "RGBA"):
        return np.ascontiguousarray(_load(image, "RGBA")).view(">u2" if big_endian else "<u2")
    swapped = Image.open(io.BytesIO(data), formats=(str(image.format),))
    stem = raw_mode.partition(";")[0].replace("RGBa", "RGBA")
    big, little = _load(image, f"{stem};16B"), _load(swapped, f"{stem};16L")
    upper, lower = (big, little) if big_endian else (little, big)
    return (upper.astype(np.uint16) << 8) | lower


def _wide(image: ImageFile.ImageFile, data: bytes) -> np.ndarray:
    """Return values (H, W, 1) of 64 bits."""
    kind, big_endian = _WIDE[_sample_format(image)], _is_big_endian(image)
    parts = _bands(image, data)
    lowest_first = np.ascontiguousarray(parts[..., ::-1] if big_endian else parts, dtype="<u2")
    return lowest_first.view(f"<{kind}")


def _is_big_endian(image: ImageFile.ImageFile) -> bool:
    if image.format == "PNG":
        return True
    if image.tile[0].codec_name == "libtiff":
        return sys.byteorder == "big"
    return bool(_tags(image).prefix == b"MM")


def _without_opacity(image: ImageFile.ImageFile, values: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Divide values (H, W, 2 or 4) into colours and float32 (H, W) in [0, 1]; None if the last value is no opacity.

    A TIFF may also hold colours that are multiplied by their opacity already.
    """
    stated = _tag(image, _EXTRA, (_OPACITY,))[0] == _OPACITY
    return values[..., :-1], usual_share(values[..., -1]) if stated else None
