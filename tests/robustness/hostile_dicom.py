"""DICOM files as strangers send them; see `hostile`."""

import io
import struct
from collections.abc import Iterator

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless, RLELossless

from tests.helpers.dicom_files import dicom
from tests.robustness.hostile import SIDE, File, base, encoded, zeros

WINDOW = {"WindowCenter": 128, "WindowWidth": 256}


def grey(**tags: object) -> bytes:
    """The phantom in 8 bits; a window over all of them keeps every value as it is."""
    return dicom(base(), bits=8, **{**WINDOW, **tags})


def lawful() -> Iterator[File]:
    deep = base().astype(np.uint16) * 16
    yield File("grey.dcm", grey(), 1)
    yield File("no ending", grey(), 1)
    yield File("called png.png", grey(), 1)
    yield File("whites are zero.dcm", dicom(255 - base(), bits=8, PhotometricInterpretation="MONOCHROME1", **WINDOW), 1)
    window = {"WindowCenter": 2040 * 2 - 1000 + 0.5, "WindowWidth": 4080 * 2 + 1}
    yield File("rescaled.dcm", dicom(deep, RescaleSlope=2, RescaleIntercept=-1000, **window), 1)
    yield File("12 bits.dcm", dicom(deep, WindowCenter=2040.5, WindowWidth=4081), 1)
    yield File("16 bits.dcm", dicom(deep * 16, bits=16, WindowCenter=32640.5, WindowWidth=65281), 1)
    signed = deep.astype(np.int16) - 2000
    yield File("signed.dcm", dicom(signed, bits=16, WindowCenter=40.5, WindowWidth=4081), 1)
    frames = np.stack([base(), 255 - base(), base() * 0])
    yield File("frames.dcm", dicom(frames, bits=8, **WINDOW), 1)
    rgb = np.repeat(base()[..., None], 3, axis=2)
    colour = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    yield File("colours.dcm", dicom(rgb, bits=8, **colour), 1)
    yield File("no preamble.dcm", grey()[132:], 1)
    yield File("run lengths.dcm", _packed(RLELossless), 1)
    yield File(
        "of a patient.dcm",
        grey(PatientName="Doe^Jane\x1b[31m", PatientID="<b>4711</b>", PatientBirthDate="19500131"),
        1,
    )


def _read(**tags: object) -> Dataset:
    return pydicom.dcmread(io.BytesIO(grey(**tags)))


def _bytes(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, little_endian=True, implicit_vr=False, enforce_file_format=False)
    return buffer.getvalue()


def _packed(syntax: str, frame: bytes | None = None, **tags: object) -> bytes:
    """Compressed by pydicom, or around any bytes at all."""
    dataset = _read(**tags)
    if frame is None:
        dataset.compress(syntax)
        return _bytes(dataset)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return _bytes(dataset)


def _lying(**tags: object) -> bytes:
    dataset = _read()
    for key, value in tags.items():
        setattr(dataset, key, value)
    return _bytes(dataset)


def _nested(depth: int) -> bytes:
    """A sequence in a sequence in a sequence, written by hand: pydicom itself does not write so deep."""
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    start = struct.pack("<HH", 0x0040, 0xA730) + b"SQ\0\0\xff\xff\xff\xff" + item
    end = b"\xfe\xff\x0d\xe0" + bytes(4) + b"\xfe\xff\xdd\xe0" + bytes(4)
    whole = grey()
    place = whole.index(struct.pack("<HH", 0x7FE0, 0x0010))
    return whole[:place] + start * depth + end * depth + whole[place:]


def evil() -> Iterator[File]:
    whole = grey()
    bare = _read()
    del bare.PixelData
    yield File("without pixels.dcm", _bytes(bare), refused=True)
    yield File("with empty pixels.dcm", _lying(PixelData=b""), refused=True)
    for share in (0.005, 0.02, 0.5, 0.9):
        yield File(f"cut at {share:.1%}.dcm", whole[: int(len(whole) * share)], refused=True)
    lies: tuple[tuple[str, object], ...] = (
        *(("Rows", 2000), ("Rows", 65_535), ("Rows", 0), ("Rows", 5), ("Columns", 65_535), ("Columns", 64)),
        *(("NumberOfFrames", 10**9), ("BitsAllocated", 64), ("BitsAllocated", 7), ("SamplesPerPixel", 255)),
        *(("SamplesPerPixel", 0), ("PhotometricInterpretation", "PALETTE COLOR"), ("BitsAllocated", 16)),
    )
    for key, value in lies:
        yield File(f"{key} is {value}.dcm", _lying(**{key: value}), refused=True)
    both = {"Rows": 60_000, "Columns": 60_000}
    yield File("promises 60,000 x 60,000.dcm", _lying(**both), refused=True)
    odd: tuple[tuple[str, object], ...] = (
        *(("PhotometricInterpretation", "NONSENSE"), ("BitsStored", 64), ("HighBit", 200), ("PixelRepresentation", 7)),
        *(
            ("WindowWidth", 0),
            ("WindowWidth", -5),
            ("WindowCenter", "1e308"),
            ("RescaleSlope", 0),
            ("RescaleSlope", "1e300"),
        ),
        *(("RescaleIntercept", "nan"), ("VOILUTFunction", "NONSENSE"), ("NumberOfFrames", -1)),
        *(("SpecificCharacterSet", "NONSENSE"), ("PixelAspectRatio", ["0", "0"])),
    )
    for key, value in odd:
        with pydicom.config.disable_value_validation():
            yield File(f"odd {key} {value}.dcm", _lying(**{key: value}))
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [65_535, 0, 16], b"\0\0"
    yield File("short table.dcm", _lying(ModalityLUTSequence=Sequence([table])))
    for depth in (100, 900, 20_000):
        yield File(f"{depth} sequences deep.dcm", _nested(depth))
    text = b"\x10\x00\x10\x00PN"  # the patient's name
    named = grey(PatientName="x" * 60)
    place = named.index(text)
    for length in (0xFFFE, 0xFFFF):
        yield File(f"name of {length}.dcm", named[: place + 6] + struct.pack("<H", length) + named[place + 8 :])
    pixels = whole.index(struct.pack("<HH", 0x7FE0, 0x0010)) + 8
    for length in (2**32 - 2, 2**31, 2**32 - 1):
        lying = whole[:pixels] + struct.pack("<I", length) + whole[pixels + 4 :]
        yield File(f"pixels of {length} bytes.dcm", lying, refused=length == 2**32 - 1)
    from PIL import Image

    small = Image.fromarray(base())
    jpeg = encoded(small, "JPEG")
    huge = jpeg.replace(struct.pack(">HH", SIDE, SIDE), struct.pack(">HH", 60_000, 60_000), 1)
    frames = {
        "jpeg promises more": (JPEGBaseline8Bit, huge),
        "jpeg is cut": (JPEGBaseline8Bit, jpeg[:200]),
        "jpeg 2000 of noise": (JPEG2000Lossless, b"\xff\x4f\xff\x51" + bytes(range(200))),
        "jpeg 2000 is cut": (JPEG2000Lossless, encoded(small, "JPEG2000", no_jp2=True)[:300]),
        "jpeg-ls": (JPEGLSLossless, bytes(100)),
        "run lengths beyond the end": (RLELossless, struct.pack("<16I", 15, *[2**31] * 15)),
        "run lengths of zeros": (RLELossless, struct.pack("<16I", 1, 64, *[0] * 14) + b"\x81\0" * 50),
        "no compression": (ExplicitVRLittleEndian, bytes(50)),
        "unknown compression": ("1.2.3.4.5", bytes(100)),
        "a film": ("1.2.840.10008.1.2.4.100", bytes(100)),
    }
    for name, (syntax, frame) in frames.items():
        yield File(f"{name}.dcm", _packed(syntax, frame), refused=True)
    deflated = whole.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99", 1)
    yield File("deflate bomb.dcm", deflated[:300] + zeros(1 << 26), refused=True)


def pictures() -> Iterator[File]:
    yield from lawful()
    yield from evil()
