"""DICOM series as volumes: which files are slices of one, in which order, and how they lie in the patient.

A series is told by its SeriesInstanceUID, and its slices are ordered by their positions along the normal of their
plane (PS3.3 C.7.6.2.1.1), not by their names or numbers. DICOM counts millimetres to the Left and Posterior; a `Header`
counts them to the Right and Anterior, as NIfTI does.
"""

import io
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom

from gan_core.decode import dicom
from gan_core.decode.limits import MAX_BYTES, MIN_SIDE
from gan_core.decode.nifti import Header
from gan_core.errors import UserError, first_line

FEWEST = 5  # slices of a volume; a scout has fewer
_UNEVEN = 0.1  # share of the spacing by which two neighbours may be nearer or farther
_TAGS = [
    *("SeriesInstanceUID", "SeriesDescription", "PatientID", "ImagePositionPatient", "ImageOrientationPatient"),
    *("PixelSpacing", "Rows", "Columns", "NumberOfFrames", "PhotometricInterpretation", "InstanceNumber"),
    *("StudyInstanceUID", "EchoTime", "AcquisitionNumber"),
]


@dataclass(frozen=True, eq=False)
class Series:
    """One volume out of several files."""

    files: tuple[str, ...]  # in the order of the third axis
    header: Header
    patient: str  # PatientID; empty where there is none
    description: str


@dataclass(frozen=True)
class _Slice:
    file: str
    series: tuple[str, ...]  # what the files of one series share
    patient: str
    description: str
    position: tuple[float, float, float]
    plane: tuple[float, ...]  # direction of a row, then of a column
    spacing: tuple[float, float]  # mm between rows, between columns
    rows: int
    columns: int
    order: tuple[float, ...]  # of several images at one position


def find(root: Path, files: list[str]) -> tuple[list[Series], dict[str, str]]:
    """Return the volumes that files make, and why the others make none: a file, for each series -> the reason.

    Only headers are read. Of several images at one position, as of a series over time, the first is used.
    """
    members: dict[tuple[str, ...], list[_Slice]] = defaultdict(list)
    reasons: dict[str, str] = {}
    for file in files:
        try:
            one = _header(root / file, file)
        except UserError as error:
            reasons[file] = str(error)
            continue
        members[one.series].append(one)
    found = []
    for slices in members.values():
        try:
            found.append(_volume(slices))
        except UserError as error:
            reasons[slices[0].file] = str(error)
    return sorted(found, key=lambda series: series.files[0]), reasons


def read(root: Path, files: tuple[str, ...]) -> np.ndarray:
    """Return the rescaled values of a series, float32 (columns, rows, slices), in the order of the files.

    Padding is NaN.

    Raises:
        UserError: a file cannot be read, or its size differs from the first one's.
    """
    stack: np.ndarray | None = None
    for place, file in enumerate(files):
        try:
            values = dicom.values((root / file).read_bytes(), file)
        except OSError as error:
            raise UserError(f"{file}: cannot be read ({error.strerror or error})") from error
        if stack is None:
            stack = np.empty((len(files), *values.shape), np.float32)
        if stack.shape[1:] != values.shape:
            raise UserError(f"{file}: not of the size of the other slices of its series")
        stack[place] = values
    assert stack is not None
    return stack.T


def _header(path: Path, name: str) -> _Slice:
    try:
        with path.open("rb") as file:
            if dicom.DEFLATED in file.read(4096):
                raise UserError(f"{name}: deflated DICOM is not supported, save it uncompressed")
            file.seek(0)
            tags = pydicom.dcmread(
                io.BufferedReader(file.raw), stop_before_pixels=True, force=True, specific_tags=_TAGS
            )
        if int(tags.get("NumberOfFrames") or 1) > 1:
            raise UserError(f"{name}: a file of several frames, which is not read as a series")
        if not str(tags.get("PhotometricInterpretation", "")).startswith("MONOCHROME2"):
            raise UserError(f"{name}: not a grey slice (MONOCHROME2)")
        missing = [key for key in ("SeriesInstanceUID", *_TAGS[3:8]) if tags.get(key) in (None, "")]
        if missing:
            raise UserError(f"{name}: it does not say how it lies in the patient, {missing[0]} is missing")
        x, y, z = (float(value) for value in tags.ImagePositionPatient)
        down, across = (float(value) for value in tags.PixelSpacing)
        plane = tuple(round(float(value), 4) for value in tags.ImageOrientationPatient)
        if len(plane) != 6 or not np.isfinite([x, y, z, down, across, *plane]).all() or min(down, across) <= 0:
            raise UserError(f"{name}: its position, orientation or spacing is not valid")
        return _Slice(
            file=name,
            # Programs that remove names may give the series of all patients one UID.
            series=tuple(str(tags.get(key) or "") for key in ("SeriesInstanceUID", "StudyInstanceUID", "PatientID")),
            patient=str(tags.get("PatientID") or ""),
            description=str(tags.get("SeriesDescription") or ""),
            position=(x, y, z),
            plane=plane,
            spacing=(down, across),
            rows=int(tags.Rows),
            columns=int(tags.Columns),
            # The echoes of one series may each be numbered from one.
            order=tuple(float(tags.get(key) or 0) for key in ("EchoTime", "AcquisitionNumber", "InstanceNumber")),
        )
    except UserError:
        raise
    # A damaged file can make the parser raise any error; the user needs only one message.
    except Exception as error:
        raise UserError(f"{name}: damaged or unusual DICOM ({first_line(error)})") from error


def _volume(slices: list[_Slice]) -> Series:
    """Return the volume of a series.

    Raises:
        UserError: the slices are too few, are not parallel or alike, or some are missing.
    """
    first = slices[0]
    ways = Counter((one.plane, one.spacing, one.rows, one.columns) for one in slices)
    if len(ways) > 1:
        raise UserError(f"{first.file}: the {len(slices)} files of its series differ in orientation, spacing or size")
    row, column = np.array(first.plane[:3]), np.array(first.plane[3:])
    normal = np.cross(row, column)
    if min(first.rows, first.columns) < MIN_SIDE or not 0.9 < np.linalg.norm(normal) < 1.1:
        raise UserError(f"{first.file}: its size or its orientation is not valid")
    placed: dict[float, _Slice] = {}
    for one in sorted(slices, key=lambda one: (one.order, one.file)):
        placed.setdefault(round(float(np.dot(normal, one.position)), 3), one)
    if len(placed) < FEWEST:
        raise UserError(f"{first.file}: its series has slices at {len(placed)} positions, fewer than {FEWEST}")
    heights = np.array(sorted(placed))
    steps = np.diff(heights)
    if np.abs(steps - np.median(steps)).max() > _UNEVEN * np.median(steps):
        apart = f"{steps.min():.3g} to {steps.max():.3g} mm apart"
        raise UserError(f"{first.file}: its {len(placed)} slices lie {apart}: some are missing")
    ordered = [placed[height] for height in heights.tolist()]
    begin, end = np.array(ordered[0].position), np.array(ordered[-1].position)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = row * first.spacing[1], column * first.spacing[0]
    affine[:3, 2] = (end - begin) / (len(ordered) - 1)
    affine[:3, 3] = begin
    header = Header(
        shape=(first.columns, first.rows, len(ordered)),
        volumes=len(slices) // len(placed),
        affine=np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine,
        placed=True,
        dtype=np.dtype(np.float32),
        offset=0,
        slope=1.0,
        intercept=0.0,
    )
    if header.bytes > MAX_BYTES:
        raise UserError(f"{first.file}: its series is larger than the limit of {MAX_BYTES // 1024**2} MB")
    return Series(tuple(one.file for one in ordered), header, first.patient, first.description)
