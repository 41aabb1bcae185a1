"""DICOM: which stored value becomes which grey, with padding, tables, windows and units, and with imperfect headers."""

import io

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, RLELossless

from gan_core.decode.image_files import SCALED, decode, sample
from gan_core.errors import UserError
from tests.helpers.dicom_files import STORED, dicom, lying
from tests.helpers.image_files import grey

SIGNED = np.linspace(-1000, 1000, 900).reshape(30, 30).astype(np.int16)


def table(entries: np.ndarray, first: int = 0, bits: int = 16, kind: str = "OW") -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US" if first >= 0 else "SS", [len(entries) % 65536, first, bits])
    item.add_new("LUTData", kind, entries.astype("<u2").tobytes() if kind == "OW" else entries.tolist())
    return item


def changed(data: bytes, old: bytes, new: bytes) -> bytes:
    assert data.count(old) == 1 and len(old) == len(new)
    return data.replace(old, new)


def with_field(data: bytes, tag: int, kind: str, value: object) -> bytes:
    """The file with a field of any value representation, whatever the standard says that it is."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    dataset.add_new(tag, kind, value)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


# Padding


@pytest.mark.parametrize("kind", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("field", ["US", "SS"])
@pytest.mark.parametrize("window", [False, True])
def test_padding_is_black_and_has_no_part_in_the_contrast(kind: str, signed: bool, field: str, window: bool) -> None:
    """The field's sign is what programs get wrong: -2000 may be written as 63536, and 63536 as -2000."""
    values = SIGNED.copy() if signed else (SIGNED + 1000).astype(np.uint16)
    values[:5] = -2000 if signed else 63536
    options = {"WindowCenter": 0, "WindowWidth": 500, "VOILUTFunction": "LINEAR_EXACT"} if window else {}
    data = dicom(values, bits=16, PhotometricInterpretation=kind, **options)
    data = with_field(data, 0x00280120, field, -2000 if field == "SS" else 63536)
    shown = values[5:].astype(float)
    expected = np.clip(shown / 500 + 0.5, 0, 1) if window else (shown - shown.min()) / (shown.max() - shown.min())
    found = grey(data)
    assert found[:5].max() == 0
    np.testing.assert_allclose(found[5:], 1 - expected if kind == "MONOCHROME1" else expected, atol=1e-6)
    if not window:
        values = values[5:].astype(int)
        opposite = -1 if signed else 65535  # the smallest and the largest value of 16 bits together
        values = opposite - values if kind == "MONOCHROME1" else values
        looked_at = sample(data, "x").values
        assert values.min() <= looked_at.min() and looked_at.max() <= values.max()


@pytest.mark.parametrize("kind", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(("value", "limit"), [(0, 99), (99, 0), (-2000, -1500)])
def test_a_range_of_padding_is_black(kind: str, value: int, limit: int) -> None:
    values = np.linspace(-1200 if value < 0 else 100, 1000, 900).reshape(30, 30).astype(np.int16)
    shown = values[6:].astype(float)
    values[:6] = np.linspace(min(value, limit), max(value, limit), 6).astype(np.int16)[:, None]
    data = dicom(values, bits=16, PhotometricInterpretation=kind)
    data = with_field(with_field(data, 0x00280120, "SS", value), 0x00280121, "SS", limit)
    expected = (shown - shown.min()) / (shown.max() - shown.min())
    found = grey(data)
    assert found[:6].max() == 0
    np.testing.assert_allclose(found[6:], 1 - expected if kind == "MONOCHROME1" else expected, atol=1e-6)


def test_padding_above_the_stored_bits_is_found() -> None:
    """pydicom clears the bits that are not stored: 63536 of 12 bits would become an ordinary 2096."""
    values = (STORED // 2 + 1000).astype(np.uint16)
    values[:4] = 63536
    values[10, 10] = 2096
    found = grey(dicom(values, bits=12, PixelPaddingValue=63536))
    low, high = int(values[4:].min()), int(values[4:].max())
    assert found[:4].max() == 0
    np.testing.assert_allclose(found[4:], (values[4:] - float(low)) / (high - low), atol=1e-6)


def test_signed_padding_of_12_bits_may_be_written_with_12_bits() -> None:
    values = SIGNED.copy()
    values[:4] = -2000
    found = grey(with_field(dicom(values, bits=12), 0x00280120, "US", -2000 % 4096))
    assert found[:4].max() == 0 and found[4, 0] == 0 and found[5].min() > 0


def test_padding_of_floats() -> None:
    values = np.linspace(0.5, 2, 900, dtype=np.float32).reshape(30, 30)
    values[:4] = -999
    dataset = pydicom.dcmread(io.BytesIO(dicom(SIGNED, bits=16)))
    del dataset.PixelData, dataset.PixelRepresentation, dataset.BitsStored, dataset.HighBit
    dataset.FloatPixelData, dataset.BitsAllocated, dataset.FloatPixelPaddingValue = values.tobytes(), 32, -999.0
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    found = grey(buffer.getvalue())
    low = float(values[4:].min())
    assert found[:4].max() == 0
    np.testing.assert_allclose(found[4:], (values[4:] - low) / (2 - low), atol=1e-6)


def test_nothing_but_padding_is_black() -> None:
    for kind in ("MONOCHROME1", "MONOCHROME2"):
        data = dicom(np.full((16, 16), 7, np.uint16), PixelPaddingValue=7, PhotometricInterpretation=kind)
        assert decode(data).max() == 0 and decode(data, scale=(0, 5)).max() == 0


# Tables and windows


def test_a_voi_table_goes_before_a_window_as_in_pydicom() -> None:
    entries = np.linspace(65535, 0, 4096).astype(np.uint16)
    options = {"RescaleSlope": 2, "RescaleIntercept": -100, "WindowCenter": 100, "WindowWidth": 10}
    data = dicom(VOILUTSequence=Sequence([table(entries, first=50)]), **options)
    dataset = pydicom.dcmread(io.BytesIO(data))
    rescaled = apply_modality_lut(dataset.pixel_array, dataset).astype(np.int64)
    np.testing.assert_allclose(grey(data), apply_voi_lut(rescaled, dataset) / 65535, atol=1e-6)
    np.testing.assert_allclose(grey(data), entries[np.clip(STORED.astype(int) * 2 - 150, 0, 4095)] / 65535, atol=1e-6)
    # An empty table is none.
    empty = Dataset()
    empty.LUTDescriptor = [4096, 0, 16]
    window = grey(dicom(VOILUTSequence=Sequence([empty]), WindowCenter=1000, WindowWidth=101))
    np.testing.assert_allclose(window, np.clip((STORED - 999.5) / 100 + 0.5, 0, 1), atol=1e-5)


@pytest.mark.parametrize("kind", ["OW", "US"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_tables_of_every_depth(kind: str, bits: int) -> None:
    entries = (np.linspace(0, 1, 4096) ** 2 * (2**bits - 1)).astype(np.uint16)
    expected = entries[STORED] / (2**bits - 1)
    np.testing.assert_allclose(
        grey(dicom(VOILUTSequence=Sequence([table(entries, bits=bits, kind=kind)]))), expected, atol=1e-6
    )
    modality = dicom(
        ModalityLUTSequence=Sequence([table(entries, bits=bits, kind=kind)]),
        WindowCenter=2 ** (bits - 1),
        WindowWidth=2**bits,
        VOILUTFunction="LINEAR_EXACT",
    )
    np.testing.assert_allclose(grey(modality), entries[STORED] / 2**bits, atol=1e-6)


def test_a_table_of_8_bits_may_be_packed() -> None:
    item = table(np.zeros(1), bits=8)
    item.LUTDescriptor = [256, 0, 8]
    item.LUTData = np.arange(255, -1, -1, dtype=np.uint8).tobytes()
    stored = (STORED // 16).astype(np.uint16)
    np.testing.assert_allclose(grey(dicom(stored, VOILUTSequence=Sequence([item]))), 1 - stored / 255, atol=1e-6)


def test_the_first_value_of_a_signed_table_may_be_written_unsigned() -> None:
    entries = np.linspace(0, 65535, 2001).astype(np.uint16)
    expected = entries[SIGNED.astype(int) + 1000] / 65535
    for item in (table(entries, first=-1000), table(entries, first=65536 - 1000)):
        np.testing.assert_allclose(grey(dicom(SIGNED, bits=16, VOILUTSequence=Sequence([item]))), expected, atol=1e-6)


def test_tables_of_other_byte_orders() -> None:
    entries = np.linspace(0, 4095, 4096).astype(np.uint16)
    implicit = dicom(syntax=ImplicitVRLittleEndian, VOILUTSequence=Sequence([table(entries, bits=12)]))
    np.testing.assert_allclose(grey(implicit), STORED / 4095, atol=1e-6)
    dataset = pydicom.dcmread(io.BytesIO(dicom(VOILUTSequence=Sequence([table(entries, bits=12, kind="US")]))))
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    dataset.PixelData = STORED.astype(">u2").tobytes()
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, little_endian=False, implicit_vr=False)
    np.testing.assert_allclose(grey(buffer.getvalue()), STORED / 4095, atol=1e-6)


# Scale


def test_without_a_window_the_scale_of_the_set_holds() -> None:
    data = dicom(Modality="CT", RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU")
    expected = np.clip((STORED - 1024.0 + 1000) / 2000, 0, 1)
    np.testing.assert_allclose(decode(data, scale=(-1000, 1000))[..., 0], expected, atol=1e-6)
    inverted = dicom(Modality="CT", RescaleSlope=1, RescaleIntercept=-1024, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_allclose(decode(inverted, scale=(-1000, 1000))[..., 0], 1 - expected, atol=1e-6)
    found = sample(data, "x")
    assert found.kind == "DICOM in HU" and found.values.min() == -1024 and found.values.max() == 4095 - 1024


def test_a_window_or_a_table_needs_no_scale() -> None:
    for data in (
        dicom(WindowCenter=1000, WindowWidth=500),
        dicom(VOILUTSequence=Sequence([table(np.arange(4096), bits=12)])),
    ):
        assert sample(data, "x") is SCALED
        np.testing.assert_array_equal(decode(data, scale=(0, 10)), decode(data))


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_machines_without_a_unit_count_in_shares_of_their_bits(bits: int) -> None:
    stored = np.rint(np.linspace(0, 1, 900).reshape(30, 30) * (2**bits - 1)).astype(np.uint16)
    data = dicom(stored, bits=bits, Modality="CR")
    np.testing.assert_allclose(decode(data, scale=(0, 65535))[..., 0], stored / (2**bits - 1), atol=1e-6)
    assert sample(data, "x").values.max() == pytest.approx(65535)


@pytest.mark.parametrize(
    "options", [{"Modality": "MR"}, {"RescaleSlope": 2, "RescaleIntercept": 0}, {"Modality": "CT"}]
)
def test_machines_that_measure_keep_their_values(options: dict[str, object]) -> None:
    for bits in (12, 16):
        most = sample(dicom(bits=bits, **options), "x").values.max()
        assert most == 4095 * options.get("RescaleSlope", 1)


# Headers that are not quite right


@pytest.mark.parametrize(
    ("options", "slope", "intercept"),
    [
        ({"RescaleSlope": "", "RescaleIntercept": ""}, 1, 0),
        ({"RescaleSlope": "2", "RescaleIntercept": ""}, 2, 0),
        ({"RescaleSlope": "", "RescaleIntercept": "-1000"}, 1, -1000),
        ({"RescaleIntercept": "-1000"}, 1, -1000),
    ],
)
def test_empty_rescale_values_change_nothing(options: dict[str, str], slope: float, intercept: float) -> None:
    data = dicom(WindowCenter=500, WindowWidth=2000, VOILUTFunction="LINEAR_EXACT", **options)
    expected = np.clip((STORED * float(slope) + intercept - 500) / 2000 + 0.5, 0, 1)
    np.testing.assert_allclose(grey(data), expected, atol=1e-6)


def test_decimal_commas_are_read() -> None:
    data = dicom(
        RescaleSlope="2.25", RescaleIntercept="-10.5", WindowCenter="1000.5", WindowWidth="2000.25",
        VOILUTFunction="LINEAR_EXACT",
    )  # fmt: skip
    expected = np.clip((STORED * 2.25 - 10.5 - 1000.5) / 2000.25 + 0.5, 0, 1)
    for old in (b"2.25", b"-10.5", b"1000.5"):
        new = old.replace(b".", b",")
        data = data.replace(old, new) if old == b"2.25" else changed(data, old, new)
    np.testing.assert_allclose(grey(data), expected, atol=1e-6)
    two = changed(dicom(WindowCenter=["1000.5", "1"], WindowWidth=["2000.5", "1"]), b"1000.5\\1", b"1000,5\\1")
    np.testing.assert_allclose(grey(two), grey(dicom(WindowCenter="1000.5", WindowWidth="2000.5")), atol=1e-6)


@pytest.mark.parametrize("shape", [(30, 30), (20, 45), (45, 20)])
def test_a_row_of_padding_is_read_and_a_forgotten_column_is_not(shape: tuple[int, int]) -> None:
    rows, columns = shape
    y, x = np.mgrid[:rows, : columns + 1]
    wide = (1000 + 500 * np.sin(x / 4) + 300 * np.cos(y / 7)).astype(np.uint16)
    right = wide[:, :columns].copy()
    for more in (np.zeros(columns, np.uint16), right[-1]):
        dataset = pydicom.dcmread(io.BytesIO(dicom(right)))
        dataset.PixelData += more.tobytes()
        buffer = io.BytesIO()
        dataset.save_as(buffer)
        np.testing.assert_array_equal(grey(buffer.getvalue()), grey(dicom(right)))
    dataset = pydicom.dcmread(io.BytesIO(dicom(wide)))
    dataset.Columns = columns
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    with pytest.raises(UserError, match=f"more pixels than its {rows} rows and {columns} columns"):
        decode(buffer.getvalue(), name="scan.dcm")


def test_fields_that_old_files_leave_out() -> None:
    np.testing.assert_allclose(grey(dicom(PixelRepresentation=None)), STORED / 4095, atol=1e-6)
    np.testing.assert_allclose(
        decode(dicom(BitsStored=None, HighBit=None), scale=(0, 65535))[..., 0], STORED / 65535, atol=1e-6
    )


@pytest.mark.parametrize(
    "options",
    [
        {"BitsAllocated": None},
        {"BitsAllocated": 13},
        {"BitsStored": 60},
        {"SamplesPerPixel": 7},
        {"PhotometricInterpretation": "PALETTE COLOR"},
        {"PhotometricInterpretation": "NONSENSE"},
        {"PixelRepresentation": 3},
        {"NumberOfFrames": 0},
        {"NumberOfFrames": -1},
        {"ModalityLUTSequence": Sequence([Dataset()])},
    ],
)
def test_what_cannot_be_read_says_why_in_words(options: dict[str, object]) -> None:
    data = lying(**options)
    try:
        decode(data, name="scan.dcm")
    except UserError as error:
        words = str(error)
        assert words.startswith("scan.dcm: ")
        for python in ("Error", "NoneType", "object", "'str'", "'int'", "attribute", "subscript", "dtype"):
            assert python not in words


def test_a_compressed_file_keeps_its_padding() -> None:
    stored = (STORED // 2 + 1000).astype(np.uint16)
    stored[:5] = 4000
    dataset = pydicom.dcmread(io.BytesIO(dicom(stored, PixelPaddingValue=4000)))
    dataset.compress(RLELossless)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    found = grey(buffer.getvalue())
    assert found[:5].max() == 0 and found[5:].max() == 1
