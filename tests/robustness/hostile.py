"""Pictures as strangers send them: lawful ones of every kind, and crafted, damaged and false ones. All made by code.

What is lawful shows one and the same chest phantom, so that whatever becomes of it can be held against the plain PNG.
"""

import gzip
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageCms, TiffImagePlugin

from gan_core.phantoms.chest import xray

SIDE = 128
ORIENTATION = 274  # the tag of EXIF
MAGIC = {
    "png": b"\x89PNG\r\n\x1a\n",
    "jpg": b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0",
    "bmp": b"BM\x36\x40\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
    "tif": b"II*\0\x08\0\0\0",
    "webp": b"RIFF\x24\x10\0\0WEBPVP8 ",
    "dcm": bytes(128) + b"DICM",
}


@dataclass(frozen=True)
class File:
    """One upload. right: the phantom comes out of it, within so many greys; None: refused, or any picture at all."""

    name: str
    data: bytes
    right: float | None = None
    refused: bool = False


@cache
def base() -> np.ndarray:
    """The phantom, uint8 (128, 128)."""
    return np.rint(xray.draw("normal", 51, SIDE).image * 255).astype(np.uint8)


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, content: bytes, length: int | None = None, check: int | None = None) -> bytes:
    crc = zlib.crc32(kind + content) if check is None else check
    return struct.pack(">I", len(content) if length is None else length) + kind + content + struct.pack(">I", crc)


def png(
    width: int,
    height: int,
    *,
    depth: int = 8,
    colour: int = 0,
    rest: tuple[int, int, int] = (0, 0, 0),
    body: bytes = b"",
) -> bytes:
    """A PNG with such a header, and whatever follows it."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, *rest)
    return MAGIC["png"] + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def zeros(count: int) -> bytes:
    """So many zeros, deflated."""
    packer, block = zlib.compressobj(9), bytes(1 << 20)
    return (
        b"".join(packer.compress(block[: min(1 << 20, count - at)]) for at in range(0, count, 1 << 20)) + packer.flush()
    )


def rows(pixels: np.ndarray) -> bytes:
    """A PNG's rows, each behind its filter's number."""
    return b"".join(b"\0" + row.tobytes() for row in pixels)


def lawful() -> Iterator[File]:
    """Every kind of picture that is read: the phantom must come out of it."""
    grey = Image.fromarray(base())
    rgb, deep = grey.convert("RGB"), Image.fromarray(base().astype(np.uint16) * 257)
    alpha = Image.new("L", grey.size, 255)
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    many = {"save_all": True, "append_images": [Image.new("L", grey.size, 7), Image.new("L", grey.size, 200)]}
    frames = {"save_all": True, "append_images": [rgb.point(lambda value: 255 - value)] * 2}
    palette = grey.convert("P", palette=Image.Palette.ADAPTIVE, colors=256)
    for name, picture in {"L": grey, "RGB": rgb, "I16": deep, "P": palette}.items():
        yield File(f"png {name}.png", encoded(picture, "PNG"), 0)
    yield File("png LA.png", encoded(Image.merge("LA", (grey, alpha)), "PNG"), 0)
    yield File("png RGBA.png", encoded(Image.merge("RGBA", (grey, grey, grey, alpha)), "PNG"), 0)
    yield File("png one bit of alpha.png", encoded(rgb, "PNG", transparency=(1, 2, 3)), 0)
    yield File("png animated.png", encoded(rgb, "PNG", **frames), 0)
    yield File("png profile.png", encoded(grey, "PNG", icc_profile=icc), 0)
    text = b"".join(chunk(b"tEXt", b"Key\0" + b"x" * 100) for _ in range(20_000))
    whole = chunk(b"IDAT", zlib.compress(rows(base())))
    yield File("png of 20,000 texts.png", png(SIDE, SIDE, body=text + whole), 0)
    yield File("png of one-byte parts.png", png(SIDE, SIDE, body=b"".join(_split(zlib.compress(rows(base()))))), 0)
    colours = np.repeat(base()[..., None], 3, 2).astype(">u2") * 257
    body = chunk(b"IDAT", zlib.compress(rows(colours)))
    yield File("png 16 bit colours.png", png(SIDE, SIDE, depth=16, colour=2, body=body), 1)
    fine = {"quality": 98, "subsampling": 0}
    for name, picture in {"L": grey, "RGB": rgb, "CMYK": rgb.convert("CMYK")}.items():
        yield File(f"jpeg {name}.jpg", encoded(picture, "JPEG", **fine), 6)
    yield File("jpeg progressive.jpeg", encoded(grey, "JPEG", progressive=True, **fine), 6)
    yield File("jpeg profile and comment.jpg", encoded(grey, "JPEG", icc_profile=icc, comment=b"x" * 60_000, **fine), 6)
    marks = (b"\xff\xe1" + struct.pack(">H", 65_533) + bytes(65_531)) * 100
    yield File("jpeg of 6 MB of marks.jpg", b"\xff\xd8" + marks + encoded(grey, "JPEG", **fine)[2:], 6)
    for kind, most in {"PNG": 0, "JPEG": 6, "TIFF": 0, "WEBP": 0}.items():
        for number in range(1, 9):
            yield File(f"turned {number}.{kind.lower()}", _turned(grey, kind, number), most)
    for name, picture in {"L": grey, "RGB": rgb, "P": palette}.items():
        yield File(f"bmp {name}.bmp", encoded(picture, "BMP"), 0)
    real = Image.fromarray(base().astype(np.float32) / 255)
    big = Image.fromarray((base().astype(np.uint16) * 257).astype(">u2"))
    tags = {256: SIDE, 257: SIDE, 258: 8, 259: 1, 262: 0, 273: 8, 277: 1, 278: SIDE, 279: SIDE * SIDE}
    whites = tiff({tag: (4, value) for tag, value in tags.items()}, (255 - base()).tobytes())
    modes = {"L": grey, "RGB": rgb, "I16": deep, "F": real, "P": palette, "I16B": big, "CMYK": rgb.convert("CMYK")}
    for name, picture in modes.items():
        yield File(f"tiff {name}.tif", encoded(picture, "TIFF"), 1)
    for packing in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "raw"):
        yield File(f"tiff {packing}.tiff", encoded(grey, "TIFF", compression=packing), 0)
    yield File("tiff whites are zero.tif", whites, 0)
    yield File("tiff pages.tif", encoded(grey, "TIFF", **many), 0)
    for name, picture in {"RGB": rgb, "RGBA": Image.merge("RGBA", (grey, grey, grey, alpha))}.items():
        yield File(f"webp {name}.webp", encoded(picture, "WEBP", lossless=True), 1)
    yield File("webp lossy.webp", encoded(rgb, "WEBP", quality=95), 12)
    yield File("webp animated.webp", encoded(rgb, "WEBP", lossless=True, **frames), 1)
    yield File("png called jpg.jpg", encoded(grey, "PNG"), 0)
    yield File("no ending", encoded(grey, "PNG"), 0)
    yield File("png with a tail.png", encoded(grey, "PNG") + b"<script>alert(1)</script>" * 1000, 0)


def _split(data: bytes) -> Iterator[bytes]:
    return (chunk(b"IDAT", data[at : at + 1]) for at in range(len(data)))


def _turned(upright: Image.Image, kind: str, number: int) -> bytes:
    """The phantom stored as EXIF's orientation `number` says."""
    way = Image.Transpose
    # What turns the stored picture upright is undone here: 6 and 8 are each other's.
    undo = {2: way.FLIP_LEFT_RIGHT, 3: way.ROTATE_180, 4: way.FLIP_TOP_BOTTOM, 5: way.TRANSPOSE}
    undo |= {6: way.ROTATE_90, 7: way.TRANSVERSE, 8: way.ROTATE_270}
    stored = upright.transpose(undo[number]) if number in undo else upright
    exif = Image.Exif()
    exif[ORIENTATION] = number
    if kind == "TIFF":
        return encoded(stored, kind, tiffinfo={ORIENTATION: number})
    options = {"JPEG": {"quality": 98}, "WEBP": {"lossless": True, "exact": True}}.get(kind, {})
    return encoded(stored.convert("RGB") if kind == "WEBP" else stored, kind, exif=exif.tobytes(), **options)


def cut() -> Iterator[File]:
    """Whole files that end too soon."""
    grey = Image.fromarray(base())
    for kind, suffix in {"PNG": "png", "JPEG": "jpg", "BMP": "bmp", "TIFF": "tif", "WEBP": "webp"}.items():
        whole = encoded(grey, kind)
        for share in (0.01, 0.1, 0.5, 0.9):
            yield File(f"cut at {share:.0%}.{suffix}", whole[: int(len(whole) * share)], refused=True)
    for length in (0, 1, 7, 100):
        yield File(f"only {length} bytes.png", encoded(grey, "PNG")[:length], refused=True)


def bombs() -> Iterator[File]:
    """Small files that promise or unpack to far more than they are."""
    for width, height in (
        (30_000, 30_000),
        (2**31 - 1, 2**31 - 1),
        (1, 10**6),
        (10**6, 1),
        (7, 7),
        (0, 100),
        (9000, 9000),
    ):
        body = chunk(b"IDAT", zlib.compress(bytes(1000)))
        yield File(f"promises {width} x {height}.png", png(width, height, body=body), refused=True)
    jpeg, bmp = encoded(Image.fromarray(base()), "JPEG"), encoded(Image.fromarray(base()), "BMP")
    frame = jpeg.index(struct.pack(">HH", SIDE, SIDE))
    for side in (65_500, 9000):
        yield File(
            f"promises {side}.jpg", jpeg[:frame] + struct.pack(">HH", side, side) + jpeg[frame + 4 :], refused=True
        )
    for sides in ((10**6, 10**6), (2**31 - 1, 2**31 - 1), (-5, 100), (1, 10**6)):
        yield File(f"promises {sides}.bmp", bmp[:18] + struct.pack("<ii", *sides) + bmp[26:], refused=True)
    for kind in ("PNG", "BMP", "TIFF"):
        data = encoded(Image.new("L", (1, 10**6)), kind)
        yield File(f"1 x 1,000,000.{kind.lower()}", data, refused=True)
    yield File("8 x 1,000,000.png", encoded(Image.new("L", (8, 10**6), 50), "PNG"))
    grey, colour = (
        png(8900, 8900, colour=c, body=chunk(b"IDAT", zeros(8900 * (8900 * n + 1)))) for c, n in ((0, 1), (2, 3))
    )
    yield File("79 megapixels of black.png", grey)
    yield File("79 megapixels of black colours.png", colour)
    packed = zeros(1 << 28)
    yield File("unpacks to more rows.png", png(64, 64, body=chunk(b"IDAT", packed)))
    small = chunk(b"IDAT", zlib.compress(rows(base())))
    for name, kind, head in (
        ("text", b"zTXt", b"a\0\0"),
        ("profile", b"iCCP", b"a\0\0"),
        ("words", b"iTXt", b"a\0\1\0\0\0"),
    ):
        yield File(f"bomb in its {name}.png", png(SIDE, SIDE, body=chunk(kind, head + packed) + small))
    for name, data in {"gz": gzip.compress(bytes(10**7)), "zip": _zip({"a.png": bytes(10**7)})}.items():
        yield File(f"{name}.png", data, refused=True)
    strip = {
        256: (4, 8000),
        257: (4, 8000),
        258: (3, 8),
        259: (3, 8),
        262: (3, 1),
        273: (4, 8),
        277: (3, 1),
        278: (4, 8000),
    }
    yield File("deflate bomb.tif", tiff(strip | {279: (4, len(packed))}, packed))


def tiff(tags: dict[int, tuple[int, int]], body: bytes = b"", after: int = 0) -> bytes:
    """A little-endian TIFF: pixels at byte 8, then one directory of single values, and where the next one is."""
    place = 8 + len(body)
    table = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in sorted(tags.items()))
    return b"II*\0" + struct.pack("<I", place) + body + struct.pack("<H", len(tags)) + table + struct.pack("<I", after)


def looping() -> Iterator[File]:
    """TIFFs whose directories lead in circles, and those that point to nowhere."""
    plain = {256: (3, 16), 257: (3, 16), 258: (3, 8), 259: (3, 1), 262: (3, 1), 273: (4, 8), 277: (3, 1), 278: (3, 16)}
    plain |= {279: (4, 256)}
    body = bytes(range(256))
    yield File("next directory is itself.tif", tiff(plain, body, after=8 + 256))
    yield File("first directory at 0.tif", b"II*\0" + bytes(4) + tiff(plain, body)[8:], refused=True)
    yield File("first directory at its own head.tif", b"II*\0\x04\0\0\0" + bytes(100), refused=True)
    yield File("directory beyond the end.tif", b"II*\0\xff\xff\xff\x7f", refused=True)
    yield File(
        "65,535 tags.tif", b"II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", 256, 3, 1, 64) * 65_535, refused=True
    )
    for tag, value in (
        (273, 2**32 - 1),
        (279, 2**32 - 1),
        (278, 0),
        (277, 60_000),
        (258, 60_000),
        (256, 0),
        (259, 60_000),
    ):
        kind = 4 if value > 65_535 else 3
        yield File(f"tag {tag} is {value}.tif", tiff(plain | {tag: (kind, value)}, body))
    yield File("part of itself.tif", tiff(plain | {330: (4, 8 + 256)}, body))
    yield File("exif is itself.tif", tiff(plain | {34665: (4, 8 + 256)}, body))
    many = TiffImagePlugin.ImageFileDirectory_v2()
    many[270] = "x" * 10**6
    yield File("a million letters.tif", encoded(Image.fromarray(base()), "TIFF", tiffinfo=many), 0)
    for number in (0, 9, 65_535):
        exif = Image.Exif()
        exif[ORIENTATION] = number
        yield File(f"orientation {number}.jpg", encoded(Image.fromarray(base()), "JPEG", exif=exif, quality=98), 6)
    grey = Image.fromarray(base())
    circle = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 34665, 4, 1, 8) + struct.pack("<I", 8)
    for name, exif_bytes in {
        "loop": circle,
        "noise": b"Exif\0\0" + random.Random(1).randbytes(60_000),
        "cut": b"Exif",
    }.items():
        for kind, suffix in {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}.items():
            picture = grey.convert("RGB") if kind == "WEBP" else grey
            yield File(f"exif {name}.{suffix}", encoded(picture, kind, exif=exif_bytes))


def false() -> Iterator[File]:
    """Other things under a picture's name."""
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100"><image href="file:///etc/passwd"/></svg>'
    laughs = b'<!DOCTYPE a [<!ENTITY a "ha">' + b"".join(
        b'<!ENTITY %c "%b">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(20)
    )
    gif = encoded(Image.fromarray(base()), "GIF")
    found = {
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n(/etc/passwd) (r) file pop\nshowpage\n%%EOF\n",
        "svg": svg,
        "laughs": laughs + b"]><svg>&t;</svg>",
        "html": b"<html><body><script>alert(document.cookie)</script></body></html>" * 10,
        "pdf": b"%PDF-1.7\n1 0 obj << /Type /Catalog /OpenAction << /S /JavaScript >> >> endobj\n%%EOF",
        "gif": gif,
        "ico": encoded(Image.fromarray(base()), "ICO"),
        "jp2": encoded(Image.fromarray(base()), "JPEG2000"),
        "pcx": encoded(Image.fromarray(base()), "PCX"),
        "ppm": encoded(Image.fromarray(base()), "PPM"),
        "tga": encoded(Image.fromarray(base()), "TGA"),
        "elf": b"\x7fELF\x02\x01\x01" + bytes(1000),
        "text": b"not a picture\n" * 100,
        "nothing but zeros": bytes(100_000),
        "json": b'{"a": ' * 10_000,
        "shell": b"#!/bin/sh\nrm -rf /\n",
    }
    for name, data in found.items():
        for suffix in ("png", "jpg", "dcm"):
            yield File(f"{name} as a.{suffix}", data, refused=True)
    for suffix, magic in MAGIC.items():
        for number in range(3):
            yield File(
                f"noise {number}.{suffix}", magic + random.Random(number).randbytes(5000), refused=suffix != "bmp"
            )


def crafted() -> Iterator[File]:
    """PNGs whose parts contradict each other."""
    body = chunk(b"IDAT", zlib.compress(rows(base())))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0))
    yield File("bit depth 3.png", png(SIDE, SIDE, depth=3, body=body), refused=True)
    yield File("colour 5.png", png(SIDE, SIDE, colour=5, body=body), refused=True)
    yield File("no palette.png", png(SIDE, SIDE, colour=3, body=body))
    yield File("empty palette.png", png(SIDE, SIDE, colour=3, body=chunk(b"PLTE", b"") + body))
    yield File("packed by 1.png", png(SIDE, SIDE, rest=(1, 0, 0), body=body))
    yield File("interlaced by 2.png", png(SIDE, SIDE, rest=(0, 0, 2), body=body))
    yield File("interlaced falsely.png", png(SIDE, SIDE, rest=(0, 0, 1), body=body))
    yield File("no pixels.png", png(SIDE, SIDE), refused=True)
    yield File(
        "two headers.png", png(SIDE, SIDE, body=header.replace(struct.pack(">I", SIDE), struct.pack(">I", 9999)) + body)
    )
    yield File("part of 2 GB.png", MAGIC["png"] + header + chunk(b"IDAT", b"x", length=2**31 - 1), refused=True)
    yield File("part of 4 GB.png", MAGIC["png"] + header + chunk(b"tEXt", b"x", length=2**32 - 1), refused=True)
    yield File("wrong sum.png", png(SIDE, SIDE, body=chunk(b"IDAT", zlib.compress(rows(base())), check=0)))
    yield File("filter 9.png", png(SIDE, SIDE, body=chunk(b"IDAT", zlib.compress(b"\x09" * (129 * 128)))))
    yield File(
        "clear as glass.png",
        png(SIDE, SIDE, colour=3, body=chunk(b"PLTE", bytes(3)) + chunk(b"tRNS", bytes(300)) + body),
    )


def _zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def pictures() -> Iterator[File]:
    """All but DICOM; see `hostile_dicom`."""
    for made in (lawful, cut, bombs, looping, false, crafted):
        yield from made()
