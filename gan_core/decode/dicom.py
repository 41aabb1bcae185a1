"""DICOM decoding: bytes to a float array in [0, 1], with rescale slope, window, MONOCHROME1 and bit depth applied.

Call it through `gan_core.decode.image_files.decode`. Section numbers below refer to PS3.3 of the standard.
"""

import io
import warnings

import numpy as np
import pydicom
from PIL import Image
from pydicom.encaps import generate_frames
from pydicom.pixels import (
    apply_color_lut,
    apply_modality_lut,
    apply_voi,
    get_decoder,
    pixel_array,
)
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from gan_core.decode.arrays import stretch
from gan_core.decode.limits import check_size
from gan_core.errors import UserError, first_line, printable

DEFLATED = b"1.2.840.10008.1.2.1.99"
_LONGEST_ID = 64  # characters, PS3.5 6.2: the most that PatientID may have
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


def decode(data: bytes, name: str) -> np.ndarray:
    """Decode the first frame.

    Returns:
        float32 (H, W, 1 or 3) in [0, 1]. A grey image is rescaled, then mapped by the first window of the file, or by
        its VOI table, or else from its smallest to its largest value. MONOCHROME1 is inverted, so that air is black.

    Raises:
        UserError: the file contains no image, is too small or too large, is damaged, or has an unsupported compression.
    """
    if DEFLATED in data:
        # pydicom would decompress the whole file, of any size, before the header can be checked.
        raise UserError(f"{name}: deflated DICOM is not supported, save it uncompressed")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(io.BytesIO(data), force=True)
            _check(dataset, name)
            return _picture(dataset, name)
    except (UserError, MemoryError):
        raise
    # A damaged file can make the decoder raise any error; the user needs only one message.
    except Exception as error:
        raise UserError(f"{name}: damaged or unusual DICOM ({first_line(error)})") from error


def patient(data: bytes) -> str:
    """Return PatientID from the header, one line of printable text; "" where it is missing or cannot be read."""
    if DEFLATED in data:
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = pydicom.dcmread(io.BytesIO(data), True, stop_before_pixels=True, specific_tags=["PatientID"])
            found = printable(" ".join(str(header.get("PatientID") or "").split()), _LONGEST_ID)
            return found.encode("utf-8", "replace").decode()
    except MemoryError:
        raise
    # A damaged header can make the reader raise any error; the image may still be good.
    except Exception:
        return ""


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


def _check_length(dataset: pydicom.Dataset) -> None:
    """Raise ValueError if uncompressed pixel data is too long: rows of the wrong length would give a slanted image."""
    pixels = next(filter(None, map(dataset.get, _PIXELS)))
    # PS3.3 C.7.6.3.1.2: in YBR_FULL_422, two pixels share their chroma.
    samples = 2 if dataset.PhotometricInterpretation == "YBR_FULL_422" else int(dataset.SamplesPerPixel)
    pixel = samples * int(dataset.BitsAllocated) / 8
    frames = int(dataset.get("NumberOfFrames") or 1)
    excess = len(pixels) - dataset.Rows * dataset.Columns * pixel * frames
    # A smaller excess is padding; an excess of one row or column means that the header is wrong.
    if excess >= min(dataset.Rows, dataset.Columns) * pixel:
        raise ValueError(f"it contains more pixels than its {dataset.Rows} rows and {dataset.Columns} columns")


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


def _picture(dataset: pydicom.Dataset, name: str) -> np.ndarray:
    stored = pixel_array(dataset, index=0)
    kind = str(dataset.PhotometricInterpretation).strip()
    if kind == "PALETTE COLOR":
        bits = int(dataset.RedPaletteColorLookupTableDescriptor[2])
        return apply_color_lut(stored, dataset).astype(np.float32)[..., :3] / np.float32(2**bits - 1)
    if stored.ndim == 3:
        return np.clip(stored.astype(np.float32) / np.float32(2 ** int(dataset.BitsStored) - 1), 0.0, 1.0)
    _gather_groups(dataset)
    dark_is_high = kind == "MONOCHROME1"
    grey = _windowed(stored, dataset, dark_is_high, name)
    return (1.0 - grey if dark_is_high else grey)[..., None]


def _gather_groups(dataset: pydicom.Dataset) -> None:
    """Copy the first frame's rescale and window to the top level; enhanced DICOM keeps them in functional groups."""
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in list(dataset.get(groups) or [])[:1]:
            for inner in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
                for item in list(group.get(inner) or [])[:1]:
                    dataset.update(item)


def _windowed(stored: np.ndarray, dataset: pydicom.Dataset, dark_is_high: bool, name: str) -> np.ndarray:
    """Convert stored values (H, W) to float32 (H, W) in [0, 1], not yet inverted."""
    values = np.asarray(apply_modality_lut(stored, dataset), dtype=np.float64)
    window = _window(dataset)
    if window:
        return _apply_window(values, *window, str(dataset.get("VOILUTFunction") or "LINEAR").strip())
    if dataset.get("VOILUTSequence"):
        bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        table = apply_voi(np.rint(values).astype(np.int64), dataset)
        return np.clip(table.astype(np.float32) / np.float32(2**bits - 1), 0.0, 1.0)
    padding = stored == dataset.get("PixelPaddingValue")
    if np.any(padding) and not np.all(padding):
        # Padding around the image must not affect its contrast, and must become black.
        inside = values[~padding]
        values[padding] = inside.max() if dark_is_high else inside.min()
    return stretch(values, name)


def _window(dataset: pydicom.Dataset) -> tuple[float, float] | None:
    """Return the centre and width of the first window, in rescaled values; None if there is no valid one."""
    pair = []
    for key in ("WindowCenter", "WindowWidth"):
        value = dataset.get(key)
        if value is not None and not isinstance(value, (str, int, float)):
            value = value[0] if len(value) else None
        if value is None or value == "":
            return None
        pair.append(float(value))
    return (pair[0], pair[1]) if np.isfinite(pair).all() and pair[1] > 0 else None


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
