"""DICOM keeps its meaning: rescale, windows, inverted greys, several frames, and what cannot be read."""

import io

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    MPEG2MPML,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from gan_core.decode.image_files import MAX_PIXELS, decode, header
from gan_core.decode.worker import DecodeWorker
from gan_core.errors import UserError
from tests.helpers.dicom_files import STORED, compressed, dicom, lying, unreadable, without_pixels
from tests.helpers.image_files import RAMP, encode, grey


def test_dicom_without_a_window_spans_its_values() -> None:
    stored = (STORED // 4 + 1000).astype(np.uint16)
    expected = (stored - 1000.0) / (stored.max() - 1000.0)
    np.testing.assert_allclose(grey(dicom(stored)), expected, atol=1e-6)
    assert len(np.unique(grey(dicom()))) > 800


def test_dicom_monochrome1_is_inverted() -> None:
    np.testing.assert_allclose(grey(dicom(PhotometricInterpretation="MONOCHROME1")), 1 - STORED / 4095, atol=1e-6)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID", None])
def test_dicom_window_after_rescale(function: str | None) -> None:
    """Stored 0..4095, times 2 minus 1000; the window is in rescaled values, the first of two is taken."""
    data = dicom(
        RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=[1000, 5], WindowWidth=[2000, 5], VOILUTFunction=function
    )
    x = STORED * 2.0 - 1000
    expected = {
        "LINEAR_EXACT": (x - 1000) / 2000 + 0.5,
        "SIGMOID": 1 / (1 + np.exp(-4 * (x - 1000) / 2000)),
    }.get(function or "LINEAR", (x - 999.5) / 1999 + 0.5)
    np.testing.assert_allclose(grey(data), np.clip(expected, 0, 1), atol=1e-5)


def test_dicom_of_width_one_is_a_threshold() -> None:
    picture = grey(dicom(WindowCenter=2048, WindowWidth=1))
    assert np.array_equal(picture, (STORED > 2047.5).astype(np.float32))


def test_dicom_16_bits_signed() -> None:
    stored = np.linspace(-2000, 2000, 900).reshape(30, 30).astype(np.int16)
    np.testing.assert_allclose(grey(dicom(stored, bits=16)), (stored + 2000) / 4000, atol=1e-6)


def test_dicom_first_of_several_frames() -> None:
    frames = np.stack([STORED, STORED[::-1], STORED * 0])
    np.testing.assert_allclose(grey(dicom(frames)), STORED / 4095, atol=1e-6)


def test_dicom_colour() -> None:
    rgb = np.zeros((12, 14, 3), np.uint8)
    rgb[..., 1] = 100
    data = dicom(rgb, bits=8, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0)
    np.testing.assert_allclose(decode(data, channels=3)[3, 3], [0, 100 / 255, 0], atol=1e-6)
    assert decode(data).shape == (12, 14, 1)


def test_dicom_padding_takes_no_part_in_the_contrast() -> None:
    stored = (STORED // 8 + 1000).astype(np.uint16)
    stored[:5] = 65535
    for kind in ("MONOCHROME1", "MONOCHROME2"):
        picture = grey(dicom(stored, bits=16, PixelPaddingValue=65535, PhotometricInterpretation=kind))
        assert picture[:5].max() == 0 and picture[5:].max() == 1


def test_dicom_voi_table() -> None:
    table = Dataset()
    table.LUTDescriptor = [4096, 0, 10]
    table.LUTData = np.linspace(1023, 0, 4096).astype(np.uint16).tobytes()
    table["LUTData"].VR = "OW"
    data = dicom(VOILUTSequence=Sequence([table]))
    np.testing.assert_allclose(grey(data), 1 - STORED / 4095, atol=0.01)


def test_dicom_enhanced_keeps_its_window_in_groups() -> None:
    window, group = Dataset(), Dataset()
    window.WindowCenter, window.WindowWidth, window.VOILUTFunction = 1000, 100, "LINEAR_EXACT"
    group.FrameVOILUTSequence = Sequence([window])
    data = dicom(SharedFunctionalGroupsSequence=Sequence([group]))
    np.testing.assert_allclose(grey(data), np.clip((STORED - 1000.0) / 100 + 0.5, 0, 1), atol=1e-5)


def test_dicom_run_length_and_no_preamble() -> None:
    dataset = pydicom.dcmread(io.BytesIO(dicom()))
    dataset.compress(RLELossless)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    np.testing.assert_allclose(grey(buffer.getvalue()), STORED / 4095, atol=1e-6)
    np.testing.assert_allclose(decode(dicom()[132:], name="old.dcm")[..., 0], STORED / 4095, atol=1e-6)


@pytest.mark.parametrize("kind", ["JPEG", "JPEG2000"])
def test_dicom_compressed(kind: str) -> None:
    np.testing.assert_allclose(grey(compressed(kind)), STORED / 4095, atol=0.02)


def test_dicom_with_padding_after_its_pixels() -> None:
    dataset = pydicom.dcmread(io.BytesIO(dicom()))
    dataset.PixelData += bytes(30)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    np.testing.assert_allclose(grey(buffer.getvalue()), STORED / 4095, atol=1e-6)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (without_pixels(), "it contains no pixel data"),
        (lying(PixelData=b""), "it contains no pixel data"),
        (lying(Columns=29), "more pixels than its 30 rows and 29 columns"),
        (lying(Rows=15), "more pixels than its 15 rows"),
        (lying(Columns=31), "damaged or unusual DICOM"),
        (lying(NumberOfFrames=1000), "damaged or unusual DICOM"),
        (compressed("JPEG", Rows=15, Columns=60), "30 rows and 30 columns, but its header says 15 and 60"),
        (compressed("JPEG2000", Columns=20), "30 rows and 30 columns, but its header says 30 and 20"),
        (compressed("JPEG", 9000), f"more than the limit of {MAX_PIXELS // 10**6} megapixels"),
        (unreadable("1.2.3.4.5"), r"compression \(1.2.3.4.5\) is not supported"),
        (lying(Rows=300), "damaged or unusual DICOM"),
        (lying(Rows=60_000, Columns=60_000), f"more than the limit of {MAX_PIXELS // 10**6} megapixels"),
        (lying(Rows=1, Columns=1), "too few"),
        (lying(Rows=None), "Rows is missing"),
        (dicom()[:-500], "damaged or unusual DICOM"),
        (dicom()[:200], "no pixel data"),
        (b"this is a text\n" * 30, "DICOM"),
        (unreadable(JPEGLSLossless), "compression \\(JPEG-LS Lossless.*is not supported"),
        (unreadable(MPEG2MPML), "compression \\(MPEG2.*is not supported"),
        (unreadable(JPEG2000Lossless), "damaged or unusual DICOM"),
        (dicom().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99"), "deflated"),
    ],
)
def test_bad_dicom_is_refused_in_one_line(data: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        decode(data, name="scan.dcm")
    assert str(caught.value).startswith("scan.dcm: ") and "\n" not in str(caught.value)


def test_random_damage_never_raises_anything_else() -> None:
    """Bytes flipped at random: a picture or a UserError, nothing third."""
    rng = np.random.default_rng(0)
    samples = [
        encode(Image.fromarray(RAMP)),
        encode(Image.fromarray(RAMP), "JPEG"),
        encode(Image.fromarray(RAMP), "TIFF"),
        encode(Image.fromarray(RAMP).convert("RGB"), "WEBP"),
        dicom(),
    ]
    refused = 0
    for data in samples:
        for _ in range(60):
            broken = np.frombuffer(data, np.uint8).copy()
            broken[rng.integers(0, len(broken), 8)] = rng.integers(0, 256, 8)
            try:
                picture = decode(broken.tobytes(), name="scan")
            except UserError as error:
                refused += 1
                assert "\n" not in str(error)
            else:
                assert np.isfinite(picture).all() and picture.min() >= 0 and picture.max() <= 1
    assert refused > 50


@pytest.mark.filterwarnings("ignore:The value length")
def test_what_a_header_says() -> None:
    def patient(data: bytes) -> str:
        return header(data, "x.dcm").patient

    assert patient(dicom(PatientID=" A^12  b")) == "A^12 b"
    assert patient(dicom(PatientID="")) == patient(dicom()) == ""
    assert patient(without_pixels()) == ""
    assert header(encode(Image.new("L", (9, 9)), "PNG"), "x.png") == ("", 1)
    assert header(dicom(NumberOfFrames=30), "x.dcm") == ("", 30)
    # Nothing of a damaged or hostile header is an error: the picture may still be good.
    whole = dicom(PatientID="P1")
    assert all(patient(whole[:cut]) in ("", "P1") for cut in range(0, len(whole), 7))
    assert header(b"\0" * 128 + b"DICM" + bytes(range(256)) * 4, "x") == ("", 1)
    assert len(patient(dicom(PatientID="x" * 5000))) <= 64
    with DecodeWorker() as worker:
        assert worker.header(whole, "x.dcm") == ("P1", 1) and worker.header(b"DICM", "x.dcm") == ("", 1)
        assert worker.decode(whole, "x.dcm").shape == (30, 30, 1)


def test_pages_that_are_copies_or_masks_of_the_first_are_no_further_pictures() -> None:
    pages = [Image.new("L", (16, 16), grey) for grey in (10, 20, 30, 40)]
    assert header(encode(pages[0], "TIFF", save_all=True, append_images=pages[1:]), "x.tif").frames == 4
    assert header(encode(pages[0], "TIFF"), "x.tif").frames == 1
    pages[1].encoderinfo = {"tiffinfo": {254: 1}}  # a reduced copy
    pages[2].encoderinfo = {"tiffinfo": {254: 4}}  # a mask
    assert header(encode(pages[0], "TIFF", save_all=True, append_images=pages[1:]), "x.tif").frames == 2
    whole = encode(pages[0], "TIFF", save_all=True, append_images=pages[3:])
    assert all(header(whole[:cut], "x.tif").frames in (1, 2) for cut in range(0, len(whole), 11))
