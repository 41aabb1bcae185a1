"""Pictures of more than 8 bits, of floats and of signed integers: no value is lost, wrapped or swapped."""

import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from gan_core.decode.image_files import SCALED, decode, decode_opened, sample
from gan_core.errors import UserError
from tests.helpers.image_files import RAMP, chunk, encode, grey, png16, tiff

RAMP12 = np.linspace(0, 4095, 30 * 40).reshape(30, 40).astype(np.uint16)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["i1", "u2", "i2", "f2", "u4", "i4", "f4", "u8", "i8", "f8"])
def test_every_kind_of_tiff_keeps_its_values(kind: str, order: str, packed: bool) -> None:
    """The scale is that of the values as they were written: a wrapped or swapped one would be far off."""
    values = RAMP12 / 40 if kind == "i1" else RAMP12.astype(np.float64)
    if kind[0] != "u":
        values = values - 60
    values = values.astype(kind)
    if kind == "u4":
        values = values * np.uint32(1_000_000)  # above what a signed integer holds
    if kind == "f8":
        values = values + 2.0**40  # steps that 32 bits do not resolve
    low, high = float(values.min()), float(values.max())
    expected = (values.astype(np.float64) - low) / (high - low)
    data = tiff(values, order, packed=packed)
    found = decode(data, scale=(low, high))[..., 0]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    inverted = decode(tiff(values, order, kind=0, packed=packed), scale=(low, high))[..., 0]
    np.testing.assert_allclose(inverted, 1 - expected, atol=1e-4)


@pytest.mark.parametrize("values", [np.uint32(3_000_000_000), np.uint32(2**32 - 1)])
def test_unsigned_32_bits_are_not_negative(values: np.uint32) -> None:
    picture = np.zeros((16, 16), np.uint32)
    picture[:, 8:] = values
    assert grey(tiff(picture))[:, 8:].min() == 1 and grey(tiff(picture))[:, :8].max() == 0


def test_signed_8_bits_are_not_wrapped() -> None:
    picture = np.linspace(-128, 127, 256).reshape(16, 16).astype(np.int8)
    np.testing.assert_allclose(grey(tiff(picture)), (picture + 128.0) / 255, atol=1e-6)


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "big-endian TIFF", "packed TIFF", "packed big-endian TIFF"])
def test_12_bits_in_16_are_the_same_in_grey_and_in_colour(kind: str, bands: int) -> None:
    """Opacity of 16 bits belongs to two and to four values."""
    values = np.stack([RAMP12, RAMP12[::-1], RAMP12[:, ::-1]], 2)[..., : bands - 1 if bands in (2, 4) else bands]
    opaque = np.full((*RAMP12.shape, 1), 65535, np.uint16)
    stored = np.concatenate([values, opaque], 2) if bands in (2, 4) else values
    if kind == "PNG":
        data = png16(stored)
    else:
        order = ">" if "big" in kind else "<"
        extra = 2 if bands in (2, 4) else None
        data = tiff(stored if bands > 1 else stored[..., 0], order, extra=extra, packed="packed" in kind)
    found = decode(data, channels=None)
    np.testing.assert_allclose(found, np.broadcast_to(values / 4095, found.shape), atol=1e-6)
    assert len(np.unique(found[..., 0])) == len(np.unique(RAMP12))
    scaled = decode(data, channels=None, scale=(95, 2095))
    np.testing.assert_allclose(scaled, np.clip((values - 95.0) / 2000, 0, 1), atol=1e-6)
    np.testing.assert_array_equal(np.unique(sample(data, "x").values)[[0, -1]], [0, 4095])


@pytest.mark.parametrize("most", [4095, 65535])
def test_opacity_has_its_own_depth(most: int) -> None:
    half = np.full(RAMP12.shape, most // 2, np.uint16)
    half[0] = most
    expected = RAMP12 / 4095 * (half / most)
    np.testing.assert_allclose(grey(png16(np.stack([RAMP12, half], 2))), expected, atol=1e-4)


def test_the_transparent_colour_of_a_png_is_black_and_has_no_part_in_the_depth() -> None:
    values = RAMP12.copy()
    values[:5] = 65535
    data = png16(values, chunk(b"tRNS", (65535).to_bytes(2, "big")))
    np.testing.assert_allclose(grey(data)[5:], RAMP12[5:] / 4095, atol=1e-6)
    assert grey(data)[:5].max() == 0
    assert sample(data, "x").values.max() == 4095


def test_scaled_pictures_are_turned_as_their_file_says() -> None:
    exif = Image.Exif()
    exif[274] = 6
    data = encode(Image.fromarray(RAMP12), "TIFF", tiffinfo={274: 6})
    np.testing.assert_allclose(grey(data), np.rot90(RAMP12, -1) / 4095, atol=1e-6)


def test_8_bits_take_no_scale() -> None:
    for kind in ("PNG", "TIFF", "BMP"):
        data = encode(Image.fromarray(RAMP), kind)
        np.testing.assert_array_equal(decode(data, scale=(0, 4095)), decode(data))
        assert sample(data, "x") is SCALED


def test_values_outside_the_scale_are_black_and_white() -> None:
    values = np.linspace(-1000, 3000, 1200, dtype=np.float32).reshape(30, 40)
    values[3, 3], values[4, 4], values[5, 5] = np.nan, np.inf, -np.inf
    found = decode(tiff(values), scale=(0.0, 1000.0))[..., 0]
    assert found[3, 3] == 0 and found[4, 4] == 1 and found[5, 5] == 0
    values[3, 3] = values[4, 4] = values[5, 5] = 0
    values[5, 5], values[4, 4] = -1, 2000
    np.testing.assert_allclose(found, np.clip(values / 1000, 0, 1), atol=1e-6)


def test_inks_of_16_bits_say_what_is_black() -> None:
    inks = np.zeros((16, 16, 4), np.uint16)
    inks[:, 8:, 3] = 65535
    data = tiff(inks, kind=5)
    assert sample(data, "x") is SCALED
    np.testing.assert_allclose(decode(data, scale=(0, 10))[..., 0], [[1] * 8 + [0] * 8] * 16, atol=0.01)


def test_pil_images_of_more_than_8_bits_keep_their_values() -> None:
    np.testing.assert_allclose(decode_opened(Image.fromarray(RAMP12), "x")[..., 0], RAMP12 / 4095, atol=1e-6)
    scaled = decode_opened(Image.fromarray(RAMP12.astype(np.float32)), "x", (0, 8190))
    np.testing.assert_allclose(scaled[..., 0], RAMP12 / 8190, atol=1e-6)


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"tEXt", b"iCCP"])
def test_large_texts_and_damaged_profiles_of_a_png_do_not_matter(kind: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PngImagePlugin, "MAX_TEXT_MEMORY", 10_000)  # of 64 MB
    packed = zlib.compress(bytes(2_000_000))
    content = {
        b"zTXt": b"Comment\0\0" + packed,
        b"iTXt": b"Comment\0\1\0\0\0" + packed,
        b"tEXt": b"Comment\0" + b"x" * 20_000,
        b"iCCP": b"profile\0\0" + packed,
    }[kind]
    np.testing.assert_allclose(grey(png16(RAMP12, chunk(kind, content))), RAMP12 / 4095, atol=1e-6)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            tiff(np.zeros((16, 16), np.complex64)),
            "a TIFF of 1 x 64-bit complex floats a pixel, which is not supported",
        ),
        (tiff(np.zeros((16, 16, 3), np.float32)), "a TIFF of 3 x 32-bit floats a pixel, which is not supported"),
        (tiff(np.zeros((16, 16), np.uint16))[:300], "damaged or truncated image|not a readable image"),
    ],
)
def test_what_is_not_read_says_what_it_is(data: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words):
        decode(data, name="scan.tif")
