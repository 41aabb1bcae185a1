"""DICOM files made for a test: whole ones, and ones that are damaged or lie about their pixels."""

import io
import struct

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit

from tests.helpers.image_files import encode


def dicom(
    stored: np.ndarray | None = None, *, bits: int = 12, syntax: str = ExplicitVRLittleEndian, **tags: object
) -> bytes:
    """A small secondary capture; a tag given as None is left out."""
    stored = np.linspace(0, 4095, 900).reshape(30, 30).astype(np.uint16) if stored is None else stored
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset = Dataset()
    dataset.file_meta = meta
    frames = stored.shape[0] if stored.ndim == 3 and stored.shape[2] != 3 else 1
    plane = stored[0] if frames > 1 else stored
    values: dict[str, object] = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7",
        "SOPInstanceUID": "1.2.3",
        "Rows": plane.shape[0],
        "Columns": plane.shape[1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 8 * stored.dtype.itemsize,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(stored.dtype.kind == "i"),
        **({"NumberOfFrames": frames} if frames > 1 else {}),
        **tags,
    }
    for key, value in values.items():
        if value is not None:
            setattr(dataset, key, value)
    dataset.PixelData = stored.tobytes()
    dataset["PixelData"].VR = "OW"
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


STORED = np.linspace(0, 4095, 900).reshape(30, 30).astype(np.uint16)


def lying(**tags: object) -> bytes:
    """A file whose header was changed after the pixels were written."""
    dataset = pydicom.dcmread(io.BytesIO(dicom()))
    for key, value in tags.items():
        setattr(dataset, key, value)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def unreadable(syntax: str) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(dicom()))
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = pydicom.encaps.encapsulate([b"\0" * 100])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, little_endian=True, implicit_vr=False, enforce_file_format=False)
    return buffer.getvalue()


def compressed(kind: str, inner: int = 30, **tags: object) -> bytes:
    """A DICOM around a compressed picture, which itself says that it is `inner` pixels wide and high."""
    options = {"JPEG": {"quality": 98}, "JPEG2000": {"no_jp2": True}}[kind]
    ramp = Image.fromarray(np.linspace(0, 255, 900).reshape(30, 30).astype(np.uint8))
    frame = encode(ramp, kind, **options).replace(struct.pack(">HH", 30, 30), struct.pack(">HH", inner, inner), 1)
    dataset = pydicom.dcmread(io.BytesIO(dicom((STORED // 16).astype(np.uint8), bits=8, **tags)))
    dataset.file_meta.TransferSyntaxUID = {"JPEG": JPEGBaseline8Bit, "JPEG2000": JPEG2000Lossless}[kind]
    dataset.PixelData = pydicom.encaps.encapsulate([frame])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, little_endian=True, implicit_vr=False, enforce_file_format=False)
    return buffer.getvalue()


def without_pixels() -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(dicom(PatientName="Doe^Jane")))
    del dataset.PixelData
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()
