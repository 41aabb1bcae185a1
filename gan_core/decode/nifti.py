"""NIfTI volumes (.nii, .nii.gz): the header, checked before a voxel is read; the voxels; and writing one.

A NIfTI file is a header of fixed length and then the voxels as they lie in memory, so that sizes are known, and
limited, before anything is read or unpacked. nibabel interprets and writes the header; the voxels are read here, since
a file of any length may claim any number of them.
"""

import contextlib
import gzip
import io
import logging
import math
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gan_core.decode.limits import MAX_BYTES, MIN_SIDE
from gan_core.errors import UserError, first_line
from gan_core.optional_dependencies import need

if TYPE_CHECKING:
    import nibabel

SUFFIXES = (".nii", ".nii.gz")
MAX_SIDE = 4096  # voxels along an axis
MAX_OFFSET = 16 * 1024**2  # bytes before the first voxel; the header's extensions lie there
_TRAILING = 4096  # bytes that may follow the voxels; more say that the header's sizes or kind of voxel are wrong
_LENGTHS = {348: "Nifti1Header", 540: "Nifti2Header"}
_KINDS = "iuf"  # integers and floats; complex numbers, colours and long doubles are no grey picture
_WIDEST = 8  # bytes of a voxel
_DESCRIPTION = 79  # characters of the header's `descrip`, which ends with a zero byte


@dataclass(frozen=True, eq=False)
class Header:
    """What a NIfTI header says of the first volume of its file."""

    shape: tuple[int, int, int]  # voxels along the axes, as stored
    volumes: int  # in the file, above 1 in a series over time
    affine: np.ndarray  # float64 (4, 4): from voxel numbers to millimetres to the Right, Anterior and Superior
    placed: bool  # whether the file says how the volume lies in the patient (sform or qform)
    dtype: np.dtype  # of the stored voxels
    offset: int  # bytes before the first voxel
    slope: float  # value = slope * stored + intercept
    intercept: float

    @property
    def bytes(self) -> int:
        """Length of the first volume, unpacked."""
        return math.prod(self.shape) * self.dtype.itemsize


class _Packed(gzip.GzipFile):
    """A gzip file that closes the file below it."""

    def __init__(self, below: io.BufferedReader) -> None:
        super().__init__(fileobj=below, mode="rb")
        self._below = below

    def close(self) -> None:
        super().close()
        self._below.close()


_Stream = io.BufferedReader | _Packed


def is_volume_name(name: str) -> bool:
    """Return whether a file name ends like a NIfTI file."""
    return name.lower().endswith(SUFFIXES)


def read_header(path: Path, name: str) -> Header:
    """Read a file's header; of a packed file only the beginning is unpacked.

    Raises:
        UserError: the file cannot be read, is no NIfTI file, holds no grey volume, or is larger than the limits.
    """
    with _opened(path, name) as file:
        return _header(_raw(file, name), name)[0]


def read(path: Path, name: str) -> tuple[Header, np.ndarray]:
    """Read a file's header and its first volume, as stored: an array (x, y, z) in the header's dtype.

    Raises:
        UserError: see `read_header`; or the file is damaged or ends too early.
    """
    with _opened(path, name) as file:
        raw = _raw(file, name)
        header, _ = _header(raw, name)
        _skip(file, header.offset - len(raw), name)
        # Fortran order: the first volume of a series is the beginning of the voxels.
        stored = np.empty(header.shape[::-1], header.dtype)
        _fill(file, memoryview(stored).cast("B"), name)  # type: ignore[arg-type]
        # Of a packed series, the other volumes would have to be unpacked.
        if header.volumes == 1 or not isinstance(file, _Packed):
            _check_end(file, header.bytes * (header.volumes - 1), name)
    if not stored.dtype.isnative:
        stored = stored.byteswap(inplace=True).view(stored.dtype.newbyteorder("="))
    return header, stored.T


def to_bytes(values: np.ndarray, like: Path, description: str) -> bytes:
    """Return a volume, uint8 (x, y, z), as a packed NIfTI file (.nii.gz) that lies in the patient like the file `like`.

    The geometry of its header is taken over (shape, voxel sizes, sform, qform, units), and nothing else of it: its
    texts and extensions may name the patient. description: at most 79 ASCII characters.

    Raises:
        UserError: `like` cannot be read, see `read_header`.
    """
    assert values.dtype == np.uint8 and len(description) <= _DESCRIPTION and description.isascii()
    nib = _nibabel()
    with _opened(like, like.name) as file:
        head, source = _header(_raw(file, like.name), like.name)
    assert values.shape == head.shape
    result = type(source)(endianness="<")
    result.set_data_shape(values.shape)
    result.set_data_dtype(np.uint8)
    result["pixdim"] = source["pixdim"]
    result["pixdim"][4:] = 1
    for key in ("qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d", "xyzt_units"):
        result[key] = source[key]
    for key in ("qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z"):
        result[key] = source[key]
    result["descrip"] = description.encode()
    result["cal_min"], result["cal_max"] = 0, 255
    result.set_slope_inter(1, 0)
    kind = nib.Nifti2Image if len(result.binaryblock) == 540 else nib.Nifti1Image
    # No time and no name: equal volumes are equal files.
    return gzip.compress(kind(values, None, result).to_bytes(), 6, mtime=0)


def _nibabel() -> Any:
    return need("reading a NIfTI volume", "volumes", "nibabel")[0]


def _opened(path: Path, name: str) -> _Stream:
    """Open a file, unpacking it if its bytes say that it is packed, whatever its name."""
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"{name}: not a file")
        file = path.open("rb")
    except OSError as error:
        raise UserError(f"{name}: cannot be read ({error.strerror or error})") from error
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    return _Packed(file) if packed else file


def _raw(file: _Stream, name: str) -> bytes:
    """Return the bytes of the header, of version 1 or 2."""
    start = bytearray(4)
    _fill(file, memoryview(start), name)
    for length in (int.from_bytes(start, "little"), int.from_bytes(start, "big")):
        if length in _LENGTHS:
            rest = bytearray(length - 4)
            _fill(file, memoryview(rest), name)
            return bytes(start + rest)
    raise UserError(f"{name}: not a NIfTI file")


def _fill(file: _Stream, target: memoryview, name: str) -> None:
    """Read as many bytes as the target holds."""
    done = 0
    with _reasons(name):
        while done < len(target):
            got = file.readinto(target[done : done + (1 << 20)])
            if not got:
                raise EOFError
            done += got


def _check_end(file: _Stream, left: int, name: str) -> None:
    """Look whether a file ends where it should, `left` bytes from here.

    A packed file is read to its end, where the checksum of what was unpacked lies.
    """
    with _reasons(name):
        if isinstance(file, _Packed):
            more = len(file.read(_TRAILING + 1))
        else:
            more = os.fstat(file.fileno()).st_size - file.tell() - left
        if more > _TRAILING:
            raise UserError(f"{name}: damaged, it is longer than its header says")


@contextlib.contextmanager
def _reasons(name: str) -> Iterator[None]:
    """Turn the errors of reading into one line."""
    try:
        yield
    except EOFError:
        raise UserError(f"{name}: the file ends too early, it is cut off") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{name}: its gzip packing is damaged ({first_line(error)})") from error
    except OSError as error:
        raise UserError(f"{name}: cannot be read ({error.strerror or error})") from error


def _skip(file: _Stream, count: int, name: str) -> None:
    _fill(file, memoryview(bytearray(max(count, 0))), name)


def _header(raw: bytes, name: str) -> "tuple[Header, nibabel.Nifti1Header]":
    nib = _nibabel()
    try:
        header = getattr(nib, _LENGTHS[len(raw)])(raw, check=False)
        magic = bytes(header["magic"]).rstrip(b"\0")
        if not magic.startswith(b"n+"):
            pair = "one of a pair of files (.hdr and .img): save it as .nii.gz"
            raise UserError(f"{name}: {pair if magic.startswith(b'ni') else 'not a NIfTI file'}")
        # nibabel mends harmless values, such as a sign of zero, and complains of others by logging.
        header.check_fix(logger=_quiet, error_level=40)
        with np.errstate(all="ignore"):
            return _checked(header, name), header
    except UserError:
        raise
    # A damaged header can make nibabel raise any error; the user needs only one message.
    except Exception as error:
        raise UserError(f"{name}: damaged or unusual NIfTI header ({first_line(error)})") from error


_quiet = logging.Logger("nifti headers", level=logging.CRITICAL + 1)


def _checked(header: "nibabel.Nifti1Header", name: str) -> Header:
    full = tuple(int(side) for side in header.get_data_shape())
    shape = (*full, 1, 1, 1)[:3]
    dtype = np.dtype(header.get_data_dtype())
    if dtype.kind not in _KINDS or dtype.itemsize > _WIDEST or math.prod(full[4:]) > 1:
        what = "colours" if dtype.kind == "V" else f"{dtype.name} values" if math.prod(full[4:]) <= 1 else "vectors"
        raise UserError(f"{name}: a volume of {what}, not of grey levels")
    if min(full, default=0) < 1 or len(full) < 2 or sorted(shape)[1] < MIN_SIDE or max(shape) > MAX_SIDE:
        sides = " x ".join(map(str, full)) or "no"
        raise UserError(f"{name}: {sides} voxels are no volume of slices of {MIN_SIDE} to {MAX_SIDE} pixels a side")
    offset = int(header["vox_offset"])
    if not len(header.binaryblock) <= offset <= MAX_OFFSET:
        raise UserError(f"{name}: damaged NIfTI header, its voxels begin at byte {offset}")
    slope, intercept = header.get_slope_inter()
    affine = np.asarray(header.get_best_affine(), np.float64)
    sides_mm = np.linalg.norm(affine[:3, :3], axis=0)
    if (
        not np.isfinite(affine).all()
        or abs(np.linalg.det(affine[:3, :3])) < 1e-3 * np.prod(sides_mm)
        or not (sides_mm.max() < 100 * sides_mm.min())
    ):
        raise UserError(f"{name}: damaged NIfTI header, its affine describes no grid of voxels")
    found = Header(
        shape=(shape[0], shape[1], shape[2]),
        volumes=math.prod(full[3:4]),
        affine=affine,
        placed=bool(header["sform_code"] > 0 or header["qform_code"] > 0),
        dtype=dtype,
        offset=offset,
        slope=1.0 if slope is None else float(slope),
        intercept=0.0 if intercept is None else float(intercept),
    )
    if found.bytes > MAX_BYTES:
        raise UserError(
            f"{name}: {found.bytes // 1024**2} MB of voxels are more than the limit of {MAX_BYTES // 1024**2} MB"
        )
    return found
