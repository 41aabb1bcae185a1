"""DICOM decoding: bytes to a float array in [0, 1], with rescale slope, window, MONOCHROME1 and bit depth applied.

Call it through `gan_core.decode.image_files.decode`. Section numbers below refer to PS3.3 of the standard.

Stored values become grey in the order of the standard: modality (a table, or slope and intercept), then values of
interest. Where a file has both a VOI table and a window, the table is taken, as pydicom's `apply_voi_lut` does; of
several, the first. Without either, the image is `Unscaled`. Padding is black in every case.
"""

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pydicom
from PIL import Image
from pydicom.encaps import generate_frames
from pydicom.pixels import apply_color_lut, get_decoder, pixel_array
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from gan_core.decode.limits import check_size
from gan_core.decode.reasons import in_words
from gan_core.decode.unscaled import SHARES, Unscaled
from gan_core.errors import UserError, printable

_SENSELESS = "its header and its pixels do not fit together"
DEFLATED = b"1.2.840.10008.1.2.1.99"
_LONGEST_ID = 64  # characters, PS3.5 6.2: the most that PatientID may have
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
# In these, a value means the same whatever the number of bits that the machine stores; a rescale brings its unit.
_MEASURED = ("CT", "MR", "NM", "PT")
# Values of other machines are shares of what their bits can hold, and are counted as if there were 16.
_COMMON_BITS = 16
_PADDING = (
    ("PixelPaddingValue", "PixelPaddingRangeLimit"),
    ("FloatPixelPaddingValue", "FloatPixelPaddingRangeLimit"),
    ("DoubleFloatPixelPaddingValue", "DoubleFloatPixelPaddingRangeLimit"),
)


def decode(data: bytes, name: str, only_unscaled: bool = False) -> np.ndarray | Unscaled | None:
    """Decode the first frame.

    only_unscaled: return None in place of an image that says what is black and white, without decoding its pixels.

    Returns:
        float32 (H, W, 1 or 3) in [0, 1]. A grey image is rescaled, then mapped by the first VOI table of the file, or
        by its first window. MONOCHROME1 is inverted, so that air is black. Without table and window, `Unscaled`.

    Raises:
        UserError: the file contains no image, is too small or too large, is damaged, or has an unsupported compression.
    """
    with _checked(data, name) as dataset:
        return None if only_unscaled and _says_black_and_white(dataset) else _picture(dataset)


@contextlib.contextmanager
def _checked(data: bytes, name: str) -> Iterator[pydicom.Dataset]:
    """Yield the data set of a file, its header checked. What a damaged one raises meanwhile becomes one line."""
    if DEFLATED in data:
        # pydicom would decompress the whole file, of any size, before the header can be checked.
        raise UserError(f"{name}: deflated DICOM is not supported, save it uncompressed")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(io.BytesIO(data), force=True)
            _check(dataset, name)
            _gather_groups(dataset)
            yield dataset
    except (UserError, MemoryError):
        raise
    # A damaged file can make the decoder raise any error; the user needs only one message.
    except Exception as error:
        raise UserError(f"{name}: damaged or unusual DICOM{in_words(error, _SENSELESS)}") from error


def header(data: bytes) -> tuple[str, int]:
    """Return PatientID, one line of printable text or "", and the number of frames; ("", 1) from a damaged header."""
    if DEFLATED in data:
        return "", 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tags = ["PatientID", "NumberOfFrames"]
            found = pydicom.dcmread(io.BytesIO(data), True, stop_before_pixels=True, specific_tags=[*tags])
            patient = printable(" ".join(str(found.get("PatientID") or "").split()), _LONGEST_ID)
            return patient.encode("utf-8", "replace").decode(), max(1, int(found.get("NumberOfFrames") or 1))
    except MemoryError:
        raise
    # A damaged header can make the reader raise any error; the image may still be good.
    except Exception:
        return "", 1


def _check(dataset: pydicom.Dataset, name: str) -> None:
    """Check the header, before pixels are decoded.

    Raises:
        UserError: a required field is missing, the size is out of range, or the compression is not supported.
        ValueError: the pixel data does not fit the header.
    """
    if not any(dataset.get(key) for key in _PIXELS):
        raise UserError(f"{name}: not a DICOM image, it contains no pixel data")
    for key in ("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation"):
        if dataset.get(key) is None:
            raise UserError(f"{name}: damaged DICOM, {key} is missing")
    check_size(int(dataset.Columns), int(dataset.Rows), name)
    _fill_in(dataset, name)
    if dataset.PhotometricInterpretation == "PALETTE COLOR" and not dataset.get("RedPaletteColorLookupTableDescriptor"):
        raise UserError(f"{name}: damaged DICOM, its palette is missing")
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit = dataset.original_encoding[0]
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        readable = get_decoder(syntax).is_available
    except NotImplementedError:
        readable = False
    if not readable:
        raise UserError(
            f"{name}: its compression ({syntax.name}) is not supported; save it uncompressed, "
            "or try `pip install pylibjpeg[all]`"
        )
    if syntax.is_encapsulated:
        _check_frame(dataset, name)
    else:
        _check_length(dataset)


def _fill_in(dataset: pydicom.Dataset, name: str) -> None:
    """Set fields that old files leave out, to what they mean there.

    Raises:
        UserError: a field without such a meaning is missing.
    """
    if dataset.get("BitsAllocated") is None:
        raise UserError(f"{name}: damaged DICOM, BitsAllocated is missing")
    if dataset.get("BitsStored") is None:
        dataset.BitsStored = dataset.BitsAllocated
    if dataset.get("PixelRepresentation") is None:
        dataset.PixelRepresentation = 0
    if int(dataset.SamplesPerPixel) > 1 and dataset.get("PlanarConfiguration") is None:
        dataset.PlanarConfiguration = 0


def _check_length(dataset: pydicom.Dataset) -> None:
    """Raise ValueError if uncompressed pixel data is too long: rows of the wrong length would give a slanted image."""
    pixels = next(filter(None, map(dataset.get, _PIXELS)))
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    # PS3.3 C.7.6.3.1.2: in YBR_FULL_422, two pixels share their chroma.
    samples = 2 if dataset.PhotometricInterpretation == "YBR_FULL_422" else int(dataset.SamplesPerPixel)
    pixel = samples * int(dataset.BitsAllocated) / 8
    frames = int(dataset.get("NumberOfFrames") or 1)
    excess = len(pixels) - rows * columns * pixel * frames
    # A smaller excess is padding. A row of padding is as long as a column that the header forgets.
    if excess < min(rows, columns) * pixel:
        return
    if excess > columns * pixel + 1 or _is_slanted(dataset, pixels, rows, columns, frames):
        raise ValueError(f"it contains more pixels than its {rows} rows and {columns} columns")


def _is_slanted(dataset: pydicom.Dataset, pixels: bytes, rows: int, columns: int, frames: int) -> bool:
    """Return whether rows of one more column, as many as the pixel data holds, would fit together better."""
    bits, samples = int(dataset.BitsAllocated), int(dataset.SamplesPerPixel)
    if bits not in (8, 16) or samples != 1:
        return True
    order = "<" if dataset.file_meta.TransferSyntaxUID.is_little_endian else ">"
    values = np.frombuffer(pixels, f"{order}{'iu'[dataset.PixelRepresentation == 0]}{bits // 8}", count=-1)
    values = values[: len(values) // frames].astype(np.int32)

    def step(width: int) -> float:
        whole = values[: len(values) // width * width].reshape(-1, width)[:rows]
        return float(np.abs(np.diff(whole, axis=0)).mean())

    return step(columns) > step(columns + 1)


def _check_frame(dataset: pydicom.Dataset, name: str) -> None:
    """Check that the size inside the first compressed frame, if it has one, equals the size in the header.

    Raises:
        UserError: the size is out of range.
        ValueError: the sizes differ.
    """
    frame = next(generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames") or 1)))
    try:
        with Image.open(io.BytesIO(frame), formats=("JPEG", "JPEG2000")) as image:
            size = image.size
    except Image.UnidentifiedImageError:
        return  # run-length encoding stores no size; decoding finds the damage
    check_size(*size, name)
    if size != (dataset.Columns, dataset.Rows):
        raise ValueError(
            f"{size[1]} rows and {size[0]} columns, but its header says {dataset.Rows} and {dataset.Columns}"
        )


def _says_black_and_white(dataset: pydicom.Dataset) -> bool:
    grey = str(dataset.PhotometricInterpretation).strip().startswith("MONOCHROME")
    return not grey or _voi_table(dataset) is not None or _window(dataset) is not None


def _picture(dataset: pydicom.Dataset) -> np.ndarray | Unscaled:
    stored = pixel_array(dataset, index=0)
    kind = str(dataset.PhotometricInterpretation).strip()
    if kind == "PALETTE COLOR":
        bits = int(dataset.RedPaletteColorLookupTableDescriptor[2])
        return apply_color_lut(stored, dataset).astype(np.float32)[..., :3] / np.float32(2**bits - 1)
    if stored.ndim == 3:
        return np.clip(stored.astype(np.float32) / np.float32(2 ** int(dataset.BitsStored) - 1), 0.0, 1.0)
    inverted = kind == "MONOCHROME1"
    outside = _padding(dataset, stored)
    values, unit = _rescaled(stored, dataset)
    table, window = _voi_table(dataset), _window(dataset)
    if table is not None:
        grey = _looked_up(np.rint(values), table).astype(np.float32) / np.float32(2**table.bits - 1)
    elif window:
        grey = _apply_window(values, *window, str(dataset.get("VOILUTFunction") or "LINEAR").strip())
    else:
        words = f"{SHARES} in {unit}" if unit else SHARES
        least, most = _storable(dataset)
        factor, ends = 1.0, None
        if not _is_measured(dataset, unit):
            factor, ends = (2**_COMMON_BITS - 1) / (most - least), float(least + most) if inverted else None
        return Unscaled(values[..., None], words, inverted, ends, outside, factor=factor, by_depth=False)
    grey = 1.0 - grey if inverted else grey
    if outside is not None:
        grey[outside] = 0.0
    return grey[..., None]


def _gather_groups(dataset: pydicom.Dataset) -> None:
    """Copy the first frame's rescale and window to the top level; enhanced DICOM keeps them in functional groups."""
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in list(dataset.get(groups) or [])[:1]:
            for inner in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
                for item in list(group.get(inner) or [])[:1]:
                    dataset.update(item)


def _number(dataset: pydicom.Dataset, key: str) -> float | None:
    """Return the first value of a field as a number; None if it is missing, empty or no number.

    Some programs write decimal commas, which pydicom refuses.
    """
    try:
        value = dataset.get(key)
    except (ValueError, TypeError, OverflowError):
        raw = dataset.get_item(key)
        value = getattr(raw, "value", None)
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace").split("\\")[0]
    if value is not None and not isinstance(value, (str, int, float)):
        value = value[0] if len(value) else None
    try:
        number = float(str(value).strip(" \0").replace(",", "."))
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _padding(dataset: pydicom.Dataset, stored: np.ndarray) -> np.ndarray | None:
    """Return where an image (H, W) is padding (C.7.5.1.1.2), bool (H, W); None if it has none."""
    numbers = ((_number(dataset, value), _number(dataset, limit)) for value, limit in _PADDING)
    first, last = next((pair for pair in numbers if pair[0] is not None), (None, None))
    if first is None:
        return None
    ends = [first, first if last is None else last]
    if stored.dtype.kind in "iu":
        bits, allocated = int(dataset.BitsStored), int(dataset.BitsAllocated)
        signed = stored.dtype.kind == "i"
        ends = [_as_stored(int(end), bits, allocated, signed) for end in ends]
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        if not all(low <= end <= high for end in ends) and not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
            # Padding may lie above the stored bits, which pydicom clears.
            stored = pixel_array(dataset, index=0, correct_unused_bits=False)
    found = (stored >= min(ends)) & (stored <= max(ends))
    return found if found.any() else None


def _as_stored(value: int, bits: int, allocated: int, signed: bool) -> int:
    """Return a padding value as a pixel of the image holds it: its field may have the other sign (US for SS)."""
    value %= 2**allocated
    if not signed:
        return value
    width = bits if value < 2**bits else allocated
    return value - 2**width if value >= 2 ** (width - 1) else value


def _rescaled(stored: np.ndarray, dataset: pydicom.Dataset) -> tuple[np.ndarray, str]:
    """Return values after the modality transformation (C.11.1), float64 (H, W), and their unit, empty without one."""
    tables = list(dataset.get("ModalityLUTSequence") or [])
    table = _table(tables[0], dataset) if tables else None
    if table is not None:
        return _looked_up(stored, table).astype(np.float64), str(tables[0].get("ModalityLUTType") or "").strip()
    slope, intercept = _number(dataset, "RescaleSlope") or 1.0, _number(dataset, "RescaleIntercept") or 0.0
    unit = str(dataset.get("RescaleType") or "").strip().upper()
    modality = str(dataset.get("Modality") or "").strip().upper()
    unit = "" if unit == "US" else unit  # unspecified
    if not unit and modality == "CT" and intercept:
        unit = "HU"
    return stored.astype(np.float64) * slope + intercept, unit


def _storable(dataset: pydicom.Dataset) -> tuple[int, int]:
    """Return the smallest and the largest value that the bits of a file can hold."""
    bits = int(dataset.BitsStored)
    least = -(2 ** (bits - 1)) if dataset.PixelRepresentation else 0
    return least, least + 2**bits - 1


def _is_measured(dataset: pydicom.Dataset, unit: str) -> bool:
    """Return whether values count in a unit of the machine, and not in shares of what their bits can hold."""
    modality = str(dataset.get("Modality") or "").strip().upper()
    rescaled = (_number(dataset, "RescaleSlope") or 1.0, _number(dataset, "RescaleIntercept") or 0.0) != (1.0, 0.0)
    known = unit or rescaled or modality in _MEASURED or dataset.get("ModalityLUTSequence")
    return bool(known) or "PixelData" not in dataset


class _Table(NamedTuple):
    """A look-up table (C.11.1.1, C.11.2.1.1)."""

    first: int  # the value that the first entry belongs to
    bits: int  # of an entry
    entries: np.ndarray  # unsigned integers


def _voi_table(dataset: pydicom.Dataset) -> _Table | None:
    tables = list(dataset.get("VOILUTSequence") or [])
    return _table(tables[0], dataset) if tables else None


def _table(item: pydicom.Dataset, dataset: pydicom.Dataset) -> _Table | None:
    """Return a table, whatever the kind of its field (US or OW) and its number of bits; None if it is empty."""
    descriptor, data = item.get("LUTDescriptor"), item.get("LUTData")
    if descriptor is None or data is None or len(descriptor) != 3:
        return None
    count, first, bits = (int(value) for value in descriptor)
    count = count % 2**16 or 2**16  # C.11.1.1: 0 stands for 65536
    if isinstance(data, bytes):
        order = "<" if dataset.file_meta.TransferSyntaxUID.is_little_endian else ">"
        # Entries of 8 bits may be packed, two in a word.
        packed = bits <= 8 and len(data) < 2 * count
        entries = np.frombuffer(data, "u1" if packed else f"{order}u2", count=min(count, len(data) // (2 - packed)))
    else:
        entries = np.atleast_1d(np.asarray(data)).astype(np.int64)[:count] % 2**16
    if not entries.size:
        return None
    # A few programs state fewer bits than they use.
    return _Table(first, max(bits, int(entries.max()).bit_length()), entries)


def _looked_up(values: np.ndarray, table: _Table) -> np.ndarray:
    """Return the entries for values (H, W); values outside the table get its first or last entry."""
    first = table.first
    if first >= 2**15 and values.min() < 0:
        first -= 2**16  # the field of a signed image may hold its first value as if it were unsigned
    return table.entries[np.clip(values.astype(np.int64) - first, 0, len(table.entries) - 1)]


def _window(dataset: pydicom.Dataset) -> tuple[float, float] | None:
    """Return the centre and width of the first window, in rescaled values; None if there is no valid one."""
    centre, width = _number(dataset, "WindowCenter"), _number(dataset, "WindowWidth")
    return (centre, width) if centre is not None and width is not None and width > 0 else None


def _apply_window(values: np.ndarray, centre: float, width: float, function: str) -> np.ndarray:
    """Apply one of the three VOI functions of C.11.2.1.2 and C.11.2.1.3; return float32 in [0, 1]."""
    if function == "SIGMOID":
        grey = 1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - centre) / width, -700.0, 700.0)))
    elif function == "LINEAR_EXACT":
        grey = (values - centre) / width + 0.5
    elif width <= 1.0:
        grey = (values > centre - 0.5).astype(np.float64)
    else:
        grey = (values - (centre - 0.5)) / (width - 1.0) + 0.5
    return np.clip(grey, 0.0, 1.0).astype(np.float32)


def values(data: bytes, name: str) -> np.ndarray:
    """Return the rescaled values of a grey image, float32 (H, W), without a window: slices of a volume share one scale.

    Padding is NaN, so that it is black and takes no part in that scale. Unlike `decode` it may run in the process that
    asks, since it leaves compressed pixels alone.

    Raises:
        UserError: see `decode`; or the pixels are compressed other than by run lengths, which need no foreign decoder.
    """
    with _checked(data, name) as dataset:
        syntax = dataset.file_meta.TransferSyntaxUID
        if syntax.is_encapsulated and syntax != RLELossless:
            raise UserError(
                f"{name}: compressed slices ({syntax.name}) are not read as a series: save them uncompressed, or "
                "as NIfTI with dcm2niix"
            )
        stored = pixel_array(dataset, index=0)
        if stored.ndim != 2:
            raise UserError(f"{name}: not a grey image")
        found = _rescaled(stored, dataset)[0].astype(np.float32)
        if (outside := _padding(dataset, stored)) is not None:
            found[outside] = np.nan
        return found
