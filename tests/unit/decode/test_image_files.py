"""Pictures of every kind that people have, whole and broken, become the right numbers or one clear line."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gan_core.decode.image_files import decode, decode_opened, quantise, resize
from gan_core.errors import UserError
from tests.helpers.image_files import RAMP, encode, grey, huge_png


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        ("PNG", {}, 1e-6),
        ("BMP", {}, 1e-6),
        ("TIFF", {}, 1e-6),
        ("TIFF", {"compression": "tiff_lzw"}, 1e-6),
        ("JPEG", {"quality": 98}, 0.02),
        ("WEBP", {"lossless": True}, 0.005),
    ],
)
def test_every_format_keeps_its_values(kind: str, options: dict[str, object], tolerance: float) -> None:
    data = encode(Image.fromarray(RAMP), kind, **options)
    np.testing.assert_allclose(grey(data), RAMP / 255, atol=tolerance)


def test_path_text_and_bytes_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode(Image.fromarray(RAMP)))
    assert np.array_equal(decode(path), decode(str(path)))
    assert np.array_equal(decode(path), decode(path.read_bytes()))


def test_16_bits_of_an_8_bit_picture_are_that_picture() -> None:
    data = encode(Image.fromarray(RAMP.astype(np.uint16) * 257))
    np.testing.assert_allclose(grey(data), RAMP / 255, atol=1e-4)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_12_bits_in_16_are_not_black(kind: str) -> None:
    values = np.linspace(0, 4095, 900).reshape(30, 30).astype(np.uint16)
    picture = grey(encode(Image.fromarray(values), kind))
    np.testing.assert_allclose(picture, values / 4095, atol=1e-6)
    # 900 different values are still there: the step to 8 bits comes after the window.
    assert len(np.unique(picture)) == len(np.unique(values))


def test_16_bit_tiff_where_white_is_zero_is_inverted() -> None:
    values = np.linspace(0, 65535, 900).reshape(30, 30).astype(np.uint16)
    data = encode(Image.fromarray(values), "TIFF", tiffinfo={262: 0})
    np.testing.assert_allclose(grey(data), 1 - values / 65535, atol=1e-4)


def test_float_tiff() -> None:
    unit = np.linspace(0.2, 0.7, 900, dtype=np.float32).reshape(30, 30)
    np.testing.assert_allclose(grey(encode(Image.fromarray(unit), "TIFF")), unit, atol=1e-6)
    wide = unit * 3000 - 1000
    wide[0, 0] = np.nan
    picture = grey(encode(Image.fromarray(wide), "TIFF"))
    assert picture.min() == 0 and picture.max() == 1 and np.isfinite(picture).all()


def test_float_tiff_without_a_number_is_refused() -> None:
    with pytest.raises(UserError, match="no finite value"):
        decode(encode(Image.fromarray(np.full((9, 9), np.nan, np.float32)), "TIFF"))


def test_colours() -> None:
    rgb = np.zeros((10, 10, 3), np.uint8)
    rgb[..., 0] = 200
    data = encode(Image.fromarray(rgb))
    np.testing.assert_allclose(decode(data), 0.299 * 200 / 255, atol=1e-4)
    np.testing.assert_allclose(decode(data, channels=3)[0, 0], [200 / 255, 0, 0], atol=1e-6)


def test_grey_in_three_channels_is_repeated() -> None:
    picture = decode(encode(Image.fromarray(RAMP)), channels=3)
    assert picture.shape == (30, 40, 3)
    assert np.array_equal(picture[..., 0], picture[..., 2])


def test_as_many_channels_as_the_file_has() -> None:
    assert decode(encode(Image.fromarray(RAMP)), channels=None).shape == (30, 40, 1)
    assert decode(encode(Image.fromarray(RAMP).convert("RGB")), channels=None).shape == (30, 40, 3)


@pytest.mark.parametrize("mode", ["P", "1", "CMYK", "YCbCr", "LA", "RGBA"])
def test_a_half_white_picture_in_every_mode(mode: str) -> None:
    half = Image.fromarray(np.repeat(np.repeat(np.array([[0, 255]], np.uint8), 20, axis=1), 20, axis=0))
    kind = {"CMYK": "TIFF", "YCbCr": "JPEG"}.get(mode, "PNG")
    image = half.convert("RGB").convert(mode) if mode in ("CMYK", "YCbCr", "RGBA") else half.convert(mode)
    picture = grey(encode(image, kind))
    np.testing.assert_allclose(picture[:, :20], 0, atol=0.01)
    np.testing.assert_allclose(picture[:, 20:], 1, atol=0.01)


def test_cmyk_jpeg_is_not_inverted() -> None:
    """Photoshop and all who follow it store such JPEG upside down, and say so by Adobe's mark."""
    colours = np.stack([RAMP, RAMP[::-1], 255 - RAMP], 2)
    data = encode(Image.fromarray(colours).convert("CMYK"), "JPEG", quality=98, subsampling=0)
    assert b"Adobe" in data[:100]
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "CMYK"
    np.testing.assert_allclose(decode(data, channels=3), colours / 255, atol=0.05)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_are_black(mode: str) -> None:
    if mode == "P":
        palette = Image.new("P", (20, 20), 1)
        palette.putpalette([0, 0, 0, 255, 255, 255])
        data = encode(palette, transparency=1)
        assert decode(data).max() == decode_opened(Image.open(io.BytesIO(data)), "x").max() == 0
        return
    white = Image.new("L", (20, 20), 255)
    alpha = Image.new("L", (20, 20), 128)
    image = Image.merge("LA", (white, alpha)) if mode == "LA" else Image.merge("RGBA", (white, white, white, alpha))
    np.testing.assert_allclose(decode(encode(image)), 128 / 255, atol=1e-3)
    np.testing.assert_allclose(decode_opened(image, "x"), 128 / 255, atol=1e-3)


@pytest.mark.parametrize(("kind", "options"), [("PNG", {"transparency": 60_000}), ("TIFF", {"tiffinfo": {262: 0}})])
def test_opened_deep_greys_are_transparent_and_inverted_as_their_files_are(kind: str, options: dict[str, Any]) -> None:
    data = encode(Image.fromarray(np.full((20, 20), 60_000, np.uint16)), kind, **options)
    assert decode(data).max() < 0.1
    np.testing.assert_array_equal(decode_opened(Image.open(io.BytesIO(data)), "x"), decode(data))


@pytest.mark.parametrize("values", [RAMP, RAMP.astype(np.uint16) * 257])
def test_exif_orientation_is_followed(values: np.ndarray) -> None:
    exif = Image.Exif()
    exif[274] = 6  # turned by a quarter
    data = encode(Image.fromarray(values), "PNG", exif=exif)
    np.testing.assert_allclose(grey(data), np.rot90(RAMP, -1) / 255, atol=1e-4)
    opened = decode_opened(Image.open(io.BytesIO(data)), "x")
    np.testing.assert_allclose(opened[..., 0], np.rot90(RAMP, -1) / 255, atol=1e-4)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (encode(Image.fromarray(RAMP))[:-40], "x: damaged or truncated image"),
        (encode(Image.new("L", (4, 4))), "x: 4 x 4 pixels are too few"),
    ],
)
def test_opened_images_are_refused_as_their_files_are(data: bytes, words: str) -> None:
    for read in (lambda: decode(data, name="x"), lambda: decode_opened(Image.open(io.BytesIO(data)), "x")):
        with pytest.raises(UserError, match=words):
            read()


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "TIFF"])
def test_the_first_frame_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), (value,) * 3) for value in (255, 0, 100)]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_allclose(grey(data), 1, atol=0.01)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"this is a text, and no picture at all\n" * 20, "not a readable image"),
        (encode(Image.new("L", (1, 1))), "1 x 1 pixels are too few"),
        (huge_png(30_000, 30_000), "megapixels"),
        (huge_png(10_000, 9_000), "10000 x 9000 pixels are more than the limit of 80 megapixels"),
        (huge_png(100, 100), "damaged or truncated"),
        (encode(Image.fromarray(RAMP), compress_level=0)[:-400], "damaged or truncated"),
        (encode(Image.fromarray(RAMP), "JPEG")[:300], "damaged or truncated|not a readable image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\nshowpage\n", "not a readable image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a readable image"),
        (b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\n%%EOF", "not a readable image"),
        (encode(Image.fromarray(RAMP), "GIF"), r"not a readable image \(supported formats: PNG, .*, DICOM\)"),
        (
            encode(Image.fromarray(RAMP), "GIF", save_all=True, append_images=[Image.fromarray(RAMP[::-1])]),
            "not a readable image",
        ),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(data: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        decode(data, name="scan.png")
    assert str(caught.value).startswith("scan.png: ") and "\n" not in str(caught.value)


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none\\.png: there is no such file"):
        decode(tmp_path / "none.png")
    with pytest.raises(UserError, match="not a file"):
        decode(tmp_path)
    with pytest.raises(UserError, match="channels must be 1 or 3"):
        decode(b"x", channels=2)


@pytest.mark.parametrize("shape", [(100, 60), (60, 100), (16, 300), (64, 64), (20, 20)])
@pytest.mark.parametrize("channels", [1, 3])
def test_resize_gives_a_square(shape: tuple[int, int], channels: int) -> None:
    picture = np.random.default_rng(0).random((*shape, channels), dtype=np.float32)
    for fit in ("crop", "pad"):
        small = resize(picture, 32, fit)
        assert small.shape == (32, 32, channels) and small.dtype == np.float32
        assert small.min() >= 0 and small.max() <= 1


def test_crop_takes_the_centre_and_pad_keeps_all() -> None:
    picture = np.zeros((40, 80, 1), np.float32)
    picture[:, :20] = picture[:, 60:] = 1  # bright ends, dark centre
    assert resize(picture, 20, "crop").max() < 0.15
    padded = resize(picture, 20, "pad")[..., 0]
    assert padded[:5].max() == 0 and padded[15:].max() == 0
    np.testing.assert_allclose(padded[10, [1, 10, 18]], [1, 0, 1], atol=0.02)


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_a_round_thing_stays_round(fit: str) -> None:
    y, x = np.mgrid[:120, :200]
    disc = (((x - 100) ** 2 + (y - 60) ** 2) < 40**2).astype(np.float32)[..., None]
    small = resize(disc, 64, fit)[..., 0] > 0.5
    assert abs(int(small.any(axis=0).sum()) - int(small.any(axis=1).sum())) <= 1


def test_shrinking_is_antialiased() -> None:
    """A fine chessboard has no detail that 16 pixels could hold: it must become even grey."""
    board = (np.indices((256, 256)).sum(axis=0) % 2).astype(np.float32)[..., None]
    np.testing.assert_allclose(resize(board, 16), 0.5, atol=0.02)


def test_quantise_rounds_and_turns() -> None:
    picture = np.array([[[0.0, 0.5, 1.0], [1.5, -1.0, 0.2]]], dtype=np.float32)
    assert quantise(picture).tolist() == [[[0, 255]], [[128, 0]], [[255, 51]]]
    values = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    assert np.array_equal(quantise(values / np.float32(255))[0], values[..., 0])


def test_unknown_fit_is_refused() -> None:
    with pytest.raises(UserError, match="fit must be one of crop, pad"):
        resize(np.zeros((9, 9, 1), np.float32), 8, "stretch")
