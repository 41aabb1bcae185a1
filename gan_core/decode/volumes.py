"""Volumes as slices: one orientation, one range of grey a volume, square pixels; and slices put back into the volume.

    volume = volumes.read(Path("sub-01_T1w.nii.gz"), "sub-01")
    picture = volume.picture("axial", 90)           # float32 (H, W) in [0, 1]

Axes are those of the patient: the axes of the file are turned and flipped to the nearest of Right, Anterior, Superior
(RAS+), by its affine and without resampling, so that a tilt stays. Slices are numbered from 0 along these axes: axial
ones from below, coronal ones from behind, sagittal ones from the patient's left. They are shown as radiologists see
them: axial from below, with the forehead at the top and the patient's left at the right; coronal from in front, with
the head at the top and the patient's left at the right; sagittal from the patient's left, with the face at the left.

Greys run from `BLACK` to `WHITE`, two percentiles of the whole volume, so that neighbouring slices are alike.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from PIL import Image

from gan_core.decode import nifti
from gan_core.decode.volume_names import PREFIX
from gan_core.errors import UserError, nearest

PLANES = ("sagittal", "coronal", "axial")  # in the order of the axes: Right, Anterior, Superior
BLACK = 1.0  # percentile of all voxels that becomes black
WHITE = 99.5  # percentile of the voxels above the mean that becomes white
SPACING = 2.0  # mm between two slices by default: nearer ones are nearly one picture
MIDDLE = 0.6  # share of the slices, around the middle one, that is used by default: above and below, there is no brain
BLANK = 0.05  # share of a slice's pixels that are brighter than a tenth of the scale, below which it shows nothing
COVERED = 0.5  # share of a slice that must lie inside a volume that is brought onto its grid
_SAMPLES = 1_000_000  # voxels that the percentiles rest on
_EXAMPLE = f"{PREFIX}FOLDER?plane=axial&every=2&middle=0.6"
RULE = 2  # version of the greys and grids below; prepared data of another version is prepared again


@dataclass(frozen=True)
class Slicing:
    """Which slices of a volume are used."""

    plane: str = "axial"
    every: int | None = None  # every n-th slice; None: slices at least about `SPACING` apart
    middle: float = MIDDLE

    def indices(self, count: int, spacing: float) -> range:
        """Return the numbers of the slices among `count` that lie `spacing` mm apart; at least one."""
        covered = self.covered(count)
        step = self.every or max(1, round(SPACING / spacing))
        # The middle slice is one of them, so that a volume of few slices gives the best of them.
        first = covered.start + (len(covered) // 2) % step
        return range(first, covered.stop, step)

    def covered(self, count: int) -> range:
        """Return all slices of the middle share: those that a network learned from lie among them."""
        used = max(1, round(count * self.middle))
        return range((count - used) // 2, (count - used) // 2 + used)

    def __str__(self) -> str:
        apart = f"one in {self.every}" if self.every else f"about {SPACING:g} mm apart"
        return f"{self.plane} slices, {apart}, of the middle {self.middle:.0%}"


def split_source(text: str) -> tuple[str, dict[str, str]]:
    """Return the folder and the options of `volumes:FOLDER?key=value&...`; values are percent-encoded.

    Raises:
        UserError: an option is not key=value.
    """
    folder, _, query = text.removeprefix(PREFIX).partition("?")
    options: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        key, equals, value = part.partition("=")
        if not equals:
            raise UserError(f"'{part}' of {text} is not an option: write {_EXAMPLE}")
        options[key] = unquote(value)
    return folder, options


def slicing(options: dict[str, str]) -> Slicing:
    """Return the slicing of a source's options; keys of other meaning are left alone.

    Raises:
        UserError: a value is not one of those possible.
    """
    plane = options.get("plane", "axial")
    if plane not in PLANES:
        raise UserError(f"plane must be one of {', '.join(PLANES)}, not '{plane}'.{nearest(plane, PLANES)}")
    every = options.get("every")
    if every is not None and not (every.isdecimal() and 1 <= int(every) <= nifti.MAX_SIDE):
        raise UserError(f"every must be a whole number from 1, not '{every}': every=2 takes every second slice")
    try:
        middle = float(options.get("middle", MIDDLE))
    except ValueError:
        middle = 0.0
    if not 0 < middle <= 1:
        raise UserError(
            f"middle must be a share above 0 and up to 1, not '{options['middle']}': middle=0.6, for example"
        )
    return Slicing(plane, int(every) if every else None, middle)


def of_source(source: str) -> Slicing:
    """Return the slicing of a run's source, as its config.json names it; the defaults for any other kind of source."""
    return slicing(split_source(source)[1]) if source.startswith(PREFIX) else Slicing()


@dataclass(frozen=True, eq=False)
class Grid:
    """The voxels of a volume along the patient's axes: Right, Anterior, Superior."""

    shape: tuple[int, int, int]
    affine: np.ndarray  # float64 (4, 4): voxel numbers to mm
    turned: np.ndarray  # (3, 2): for each axis of the file, the patient's axis and 1, or -1 where it is flipped
    placed: bool  # whether the file says how it lies

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Sides of a voxel in mm."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0).tolist()
        return x, y, z

    def same_as(self, other: "Grid") -> bool:
        """Return whether both have the same voxels at the same places, to a twentieth of a voxel."""
        if self.shape != other.shape:
            return False
        corners = np.array([[0, 0, 0, 1], [*(side - 1 for side in self.shape), 1], [self.shape[0] - 1, 0, 0, 1]]).T
        far = np.abs(self.affine @ corners - other.affine @ corners).max()
        return bool(far < 0.05 * min(self.spacing))


def grid(header: nifti.Header) -> Grid:
    """Return the grid of a file, in the order of the patient's axes."""
    from nibabel import orientations  # `nifti` has checked that it is installed

    turned = orientations.io_orientation(header.affine)
    affine = header.affine @ orientations.inv_ornt_aff(turned, header.shape)
    order = turned[:, 0].astype(int)
    shape = [0, 0, 0]
    for axis, place in enumerate(order):
        shape[place] = header.shape[axis]
    return Grid((shape[0], shape[1], shape[2]), affine, turned, header.placed)


@dataclass(frozen=True, eq=False)
class Volume:
    """A volume in memory, its voxels as stored: a value is slope * stored + intercept."""

    name: str
    grid: Grid
    stored: np.ndarray  # (x, y, z) along the patient's axes; a view of what was read
    slope: float
    intercept: float
    volumes: int = 1  # in the file, of which this is the first

    @cached_property
    def scale(self) -> tuple[float, float]:
        """The values that become black and white.

        Raises:
            UserError: the volume shows nothing.
        """
        step = max(1, round((self.stored.size / _SAMPLES) ** (1 / 3)))
        with np.errstate(all="ignore"):  # sums of absurd values; the range is checked below
            values = self._values(self.stored[::step, ::step, ::step])
            values = values[np.isfinite(values)]
        bright = values[values > values.mean()] if values.size else values
        low, high = (
            (float(np.percentile(values, BLACK)), float(np.percentile(bright, WHITE))) if bright.size else (0, 0)
        )
        if not low < high or not np.isfinite(high - low):
            raise UserError(f"{self.name}: all voxels are equal, or not finite: it shows nothing")
        return low, high

    def picture(self, plane: str, place: int, onto: Grid | None = None) -> np.ndarray:
        """Return a slice, float32 (H, W) in [0, 1], with square pixels; what is not a number is black.

        onto: the grid whose slice is meant, where another volume gives the places; values between voxels are linear.

        Raises:
            UserError: the volume shows nothing, or covers less than half of the slice.
        """
        low, high = self.scale
        axis = PLANES.index(plane)
        target = onto or self.grid
        values = (
            self._resampled(target, axis, place, low)
            if onto
            else self._values(np.moveaxis(self.stored, axis, 0)[place])
        )
        grey = np.clip((np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) / (high - low), 0.0, 1.0)
        return _square(grey.astype(np.float32)[::-1, ::-1].T, target, axis, self.name)

    def _values(self, stored: np.ndarray) -> np.ndarray:
        return stored * np.float64(self.slope) + self.intercept

    def _resampled(self, target: Grid, axis: int, place: int, outside: float) -> np.ndarray:
        """Return the values (u, v) at the voxels of a slice of another grid."""
        from scipy import ndimage  # slow to import, and only pairs need it

        to_here = np.linalg.inv(self.grid.affine) @ target.affine
        shape = list(target.shape)
        shape[axis] = 1
        start = np.zeros(3)
        start[axis] = place
        matrix, offset = to_here[:3, :3], to_here[:3, :3] @ start + to_here[:3, 3]
        at = [np.arange(side) for side in shape]
        where = offset[:, None, None, None] + sum(
            matrix[:, i, None, None, None] * np.expand_dims(at[i], tuple({0, 1, 2} - {i})) for i in range(3)
        )
        limits = np.array(self.grid.shape)[:, None, None, None]
        inside = ((where > -0.5) & (where < limits - 0.5)).all(0)
        if inside.mean() < COVERED:
            raise UserError(f"{self.name}: covers less than half of this slice")
        stored = ndimage.affine_transform(
            self.stored, matrix, offset, tuple(shape), np.float64, order=1, mode="nearest", prefilter=False
        )
        return np.where(inside, self._values(stored), outside).take(0, axis)


def read(path: Path, name: str) -> Volume:
    """Read the first volume of a NIfTI file.

    Raises:
        UserError: see `nifti.read`.
    """
    return along_patient(name, *nifti.read(path, name))


def along_patient(name: str, header: nifti.Header, stored: np.ndarray) -> Volume:
    """Return voxels (x, y, z), in the order that a header says, as a volume along the patient's axes."""
    found = grid(header)
    return Volume(name, found, _turn(stored, found), header.slope, header.intercept, header.volumes)


def read_grid(path: Path, name: str) -> Grid:
    """Read where a file's voxels lie, from its header alone.

    Raises:
        UserError: see `nifti.read_header`.
    """
    return grid(nifti.read_header(path, name))


def shows_nothing(picture: np.ndarray) -> bool:
    """Return whether a slice (H, W) in [0, 1] is as good as black."""
    return float((picture > 0.1).mean()) < BLANK


def put_back(picture: np.ndarray, target: Grid, plane: str) -> np.ndarray:
    """Return a picture (H, W) with square pixels, as from `Volume.picture`, as its slice's voxels, float32 (u, v)."""
    axis = PLANES.index(plane)
    height, width = _voxels(target, axis)
    resized = _resized(np.ascontiguousarray(picture, np.float32), height, width)
    return resized.T[::-1, ::-1]


def as_stored(values: np.ndarray, target: Grid) -> np.ndarray:
    """Return an array along the patient's axes in the order of the file's: the inverse of reading it."""
    from nibabel import orientations

    identity = np.array([[0, 1], [1, 1], [2, 1]])
    return orientations.apply_orientation(values, orientations.ornt_transform(identity, target.turned))


def _turn(stored: np.ndarray, target: Grid) -> np.ndarray:
    from nibabel import orientations

    return orientations.apply_orientation(stored, target.turned)


def _voxels(target: Grid, axis: int) -> tuple[int, int]:
    """Return the rows and columns of a slice in voxels."""
    across, down = (target.shape[other] for other in range(3) if other != axis)
    return down, across


def _square(picture: np.ndarray, target: Grid, axis: int, name: str) -> np.ndarray:
    """Return a slice with pixels as wide as high: the longer side of its voxels becomes as short as the other."""
    across, down = (target.spacing[other] for other in range(3) if other != axis)
    height, width = picture.shape
    pixel = min(across, down)
    rows, columns = round(height * down / pixel), round(width * across / pixel)
    if max(rows, columns) > nifti.MAX_SIDE:
        sides = f"{across:.3g} x {down:.3g} mm"
        raise UserError(f"{name}: voxels of {sides} make a slice of {columns} x {rows} square pixels: too many")
    return _resized(picture, rows, columns)


def _resized(picture: np.ndarray, rows: int, columns: int) -> np.ndarray:
    if picture.shape == (rows, columns):
        return np.ascontiguousarray(picture)
    plane: Any = Image.fromarray(np.ascontiguousarray(picture))
    return np.clip(np.asarray(plane.resize((columns, rows), Image.Resampling.BICUBIC)), 0.0, 1.0)
