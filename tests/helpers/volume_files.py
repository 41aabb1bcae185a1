"""NIfTI files made for a test: what they show is a function of the place in the patient, so that the truth is known for
any grid, however it is turned, tilted or spaced."""

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np

Shown = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]  # mm to the Right, Anterior, Superior -> values


def head(right: np.ndarray, front: np.ndarray, up: np.ndarray) -> np.ndarray:
    """An ellipsoid of 500 in air of 0, with a bright ball at the left, in front and above the middle."""
    inside = (right / 16) ** 2 + (front / 20) ** 2 + (up / 16) ** 2 < 1
    ball = (right + 7) ** 2 + (front - 9) ** 2 + (up - 4) ** 2 < 16
    return np.where(ball, 1000.0, np.where(inside, 500.0, 0.0))


def wave(right: np.ndarray, front: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Smooth and without symmetry, from 0 to 1000."""
    return 500 + 220 * np.sin(right / 7 + 0.3) + 160 * np.cos(front / 9 - up / 14) + 120 * np.sin(up / 6)


def grid(codes: str = "RAS", shape: tuple[int, int, int] = (40, 48, 40), spacing: float | tuple = 1.0) -> np.ndarray:
    """An affine whose voxel axes point to `codes`, with the middle voxel at the origin; (4, 4)."""
    toward = nib.orientations.axcodes2ornt(codes)
    affine = np.zeros((4, 4))
    for axis, ((place, sign), side) in enumerate(zip(toward, np.broadcast_to(spacing, 3), strict=True)):
        affine[int(place), axis] = sign * side
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    affine[3, 3] = 1
    return affine


def tilted(affine: np.ndarray, degrees: float, shift: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    """The affine turned about the axis from left to right, and moved by mm."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    turn = np.array([[1, 0, 0, shift[0]], [0, c, -s, shift[1]], [0, s, c, shift[2]], [0, 0, 0, 1]])
    return turn @ affine


def sample(shown: Shown, affine: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """The values at a grid's voxels, float64 (x, y, z)."""
    voxels = np.indices(shape).reshape(3, -1)
    places = affine[:3, :3] @ voxels + affine[:3, 3:]
    return shown(*places).reshape(shape)


def write(
    path: Path,
    shown: Shown | np.ndarray = head,
    affine: np.ndarray | None = None,
    shape: tuple[int, int, int] = (40, 48, 40),
    dtype: str = "int16",
    **header: object,
) -> Path:
    """Write a volume and its folders; header: fields such as scl_slope, which nibabel would reckon out itself."""
    affine = grid("RAS", shape) if affine is None else affine
    values = shown if isinstance(shown, np.ndarray) else sample(shown, affine, shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(values.astype(dtype), affine)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    for key, value in header.items():
        image.header[key] = value
    image.header.set_data_dtype(dtype)
    nib.save(image, path)
    return path
