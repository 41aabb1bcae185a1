"""Picture files made for a test: ordinary ones, and one that claims to be enormous."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from gan_core.decode.image_files import decode

RAMP = np.linspace(0, 255, 40 * 30).reshape(30, 40).astype(np.uint8)


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def grey(data: bytes) -> np.ndarray:
    picture = decode(data)
    assert picture.dtype == np.float32 and picture.shape[2] == 1
    return picture[..., 0]


PNG = b"\x89PNG\r\n\x1a\n"


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def huge_png(width: int, height: int) -> bytes:
    """A PNG whose header promises more than there is."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return PNG + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def png16(values: np.ndarray, extra: bytes = b"") -> bytes:
    """A PNG of 16 bits, (H, W) or (H, W, 2 to 4): grey, grey and opacity, RGB or RGBA; with more chunks."""
    values = values if values.ndim == 3 else values[..., None]
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[values.shape[2]]
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, colour, 0, 0, 0))
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return PNG + header + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff(
    values: np.ndarray, order: str = "<", kind: int | None = None, extra: int | None = None, packed: bool = False
) -> bytes:
    """A TIFF of any kind of numbers, (H, W) or (H, W, bands), in either order of bytes.

    kind: tag PhotometricInterpretation, 0 if zero is white, 5 for inks. extra: tag ExtraSamples. packed: deflated.
    """
    bands = values.shape[2] if values.ndim == 3 else 1
    pixels = values.astype(values.dtype.newbyteorder(order)).tobytes()
    pixels = zlib.compress(pixels) if packed else pixels
    numbers_are = {"u": 1, "i": 2, "f": 3, "c": 6}[values.dtype.kind]
    tags: dict[int, list[int]] = {
        256: [values.shape[1]],
        257: [values.shape[0]],
        258: [8 * values.dtype.itemsize] * bands,
        259: [8 if packed else 1],
        262: [kind if kind is not None else 2 if bands > 2 else 1],
        273: [8],
        277: [bands],
        278: [values.shape[0]],
        279: [len(pixels)],
        **({338: [extra]} if extra is not None else {}),
        339: [numbers_are] * bands,
    }
    at = 8 + len(pixels) + len(pixels) % 2
    beyond, entries = b"", b""
    for tag, numbers in tags.items():
        content = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            place = at + 2 + 12 * len(tags) + 4 + len(beyond)
            beyond, content = beyond + content, struct.pack(f"{order}I", place)
        entries += struct.pack(f"{order}HHI", tag, 4, len(numbers)) + content
    head = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, at)
    return head + pixels + bytes(len(pixels) % 2) + struct.pack(f"{order}H", len(tags)) + entries + bytes(4) + beyond
