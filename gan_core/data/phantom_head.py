"""The head of the MRI phantom: which tissue fills how much of each pixel of an axial slice.

Lengths are centimetres; x to the image's right, y downwards, the frontal pole at the top. Everything is drawn from a
`Head`, whose measures vary with its seed; nothing random depends on the picture's size.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from gan_core.data.phantom_fields import View, clouds, ellipse, segment, smoothstep

TISSUES = ("air", "skin", "fat", "bone", "marrow", "csf", "grey", "white", "deep grey")
AIR, SKIN, FAT, BONE, MARROW, CSF, GREY, WHITE, DEEP = range(len(TISSUES))

_FIELD = 192  # samples a side of the fields that fold the cortex
_CORTEX = 0.30  # cm, of its thickness


@dataclass(frozen=True)
class Head:
    """The measures of one head and of the slice through it."""

    view: View
    level: float  # of the slice: 0 through the third ventricle and the deep nuclei, 1 near the vertex
    width: float  # cm, half of the head's at its widest
    length: float  # cm, half
    narrow: float  # how much narrower the forehead is than the back
    scalp: float  # cm
    skull: float  # cm
    space: float  # cm, of fluid around the brain
    sulcus: float  # cm, half the width of a sulcus at the surface
    reach: float  # cm, how deep sulci go
    ventricles: float  # size, about 1
    lean: float  # how far the midline bends, cm
    folds: np.ndarray  # (_FIELD, _FIELD) of angle and depth: sulci lie where it is 0
    bend: np.ndarray  # (2, _FIELD, _FIELD) in cm: how the slice is bent before the deep parts are drawn
    rim: np.ndarray  # (16,) Fourier terms of the outline


def draw_head(rng: np.random.Generator) -> Head:
    """A head of plausible measures."""
    level = float(rng.uniform(0.0, 1.0)) ** 1.3
    view = View(
        half=float(rng.uniform(10.6, 11.3)),
        stretch=float(rng.uniform(0.97, 1.03)),
        rotation=float(np.deg2rad(rng.normal(0, 3))),
        shift_x=float(rng.normal(0, 0.15)),
        shift_y=float(rng.normal(0, 0.15)),
    )
    fades = 1.0 / (1.0 + np.arange(8)) ** 1.5
    return Head(
        view=view,
        level=level,
        width=float(rng.normal(8.6, 0.25)),
        length=float(rng.normal(10.2, 0.25)),
        narrow=float(rng.uniform(0.05, 0.12)),
        scalp=float(rng.uniform(0.35, 0.6)),
        skull=float(rng.uniform(0.5, 0.75)),
        space=float(rng.uniform(0.08, 0.25)),
        sulcus=float(rng.uniform(0.05, 0.11)),
        reach=float(rng.uniform(1.6, 2.3)),
        ventricles=float(np.exp(rng.normal(0, 0.22))),
        lean=float(rng.normal(0, 0.12)),
        folds=clouds(rng, _FIELD, (46, 92), 0.4),
        bend=np.stack([clouds(rng, _FIELD, (5, 10, 20), 0.6) * 0.2 for _ in range(2)]),
        rim=(rng.normal(0, 0.004, (2, 8)) * fades).ravel(),
    )


def tissues(head: Head, n: int) -> np.ndarray:
    """Shares of `TISSUES` in each pixel of an n x n slice: float32 (9, n, n), 1 together."""
    x, y = head.view.grid(n)
    edge = head.view.half / n  # cm, half a pixel: how soft the outlines are
    shares = np.zeros((len(TISSUES), n, n), np.float32)
    shares[AIR] = 1.0

    def paint(depth: np.ndarray, tissue: int) -> None:
        """Fill where `depth` (cm) is positive, over whatever was there."""
        cover = smoothstep(depth, -edge, edge)
        shares[:] *= 1.0 - cover
        shares[tissue] += cover

    depth, angle = _outline(head, x, y)
    paint(depth, SKIN)
    paint(depth - 0.12, FAT)
    skull = depth - 0.12 - head.scalp
    paint(skull, BONE)
    paint(skull - 0.3 * head.skull, MARROW)
    paint(skull - 0.7 * head.skull, BONE)
    paint(skull - head.skull, CSF)
    x, y = _bend(head, x, y)
    brain = skull - head.skull - head.space
    fluid = np.minimum(_sulci(head, x, y, brain, angle), brain)
    paint(fluid, GREY)
    paint(fluid - _CORTEX, WHITE)
    _paint_inside(head, x, y, paint)
    return shares


def _outline(head: Head, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Depth below the skin in cm, and the angle from the back of the head in (-pi, pi)."""
    shrunk = np.sqrt(1.0 - (0.62 * head.level) ** 2)
    width, length = head.width * shrunk, head.length * shrunk
    taper = 1.0 + head.narrow * np.clip(-y / length, -1, 1)  # narrower towards the forehead
    across = x * taper / width
    angle = np.arctan2(-x, y)
    order = np.arange(2, 10, dtype=np.float32)[:, None, None]
    wave = angle[None] * order
    wobble = np.tensordot(head.rim[:8], np.cos(wave), 1) + np.tensordot(head.rim[8:], np.sin(wave), 1)
    radius = np.sqrt(across**2 + (y / length) ** 2) * (1.0 + wobble)
    return ((1.0 - radius) * np.sqrt(width * length)).astype(np.float32), angle


def _sulci(head: Head, x: np.ndarray, y: np.ndarray, brain: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Distance in cm to the fluid of the nearest sulcus or fissure.

    Sulci are the zero lines of a smooth field over angle and depth, drawn out along the depth so that they run inwards;
    the field's slope turns its value into a distance.
    """
    n = len(x)
    rows = (angle / (2 * np.pi) + 0.5) * (_FIELD - 1)
    columns = np.clip(brain, 0, 8) * (_FIELD / 75.0) + 20
    folds = ndimage.map_coordinates(head.folds, [rows, columns], order=1, mode="nearest")
    down, across = np.gradient(folds, 2 * head.view.half / n)
    away = np.abs(folds) / np.sqrt(down**2 + across**2 + 0.05)
    beyond = np.maximum(brain - head.reach * (0.75 + 0.25 * np.tanh(folds * 3)), 0.0)
    opening = head.sulcus * np.clip(1.3 - brain / head.reach, 0.25, 1.0)
    sulci = np.hypot(away, beyond) - opening

    # The two halves of the brain: all the way above the corpus callosum, before and behind it below.
    middle = x + head.lean * (1 - np.cos(y * 0.35))
    gap = np.maximum(3.4 - np.abs(y + 0.2), 0.0) if head.level < 0.55 else np.zeros_like(y)
    fissure = np.hypot(middle, gap) - 0.07
    nearest = np.minimum(sulci, fissure)
    if head.level < 0.35:  # the Sylvian fissure, over the insula
        for side in (-1.0, 1.0):
            inward = np.sqrt(segment(x, y, (side * 6.9, 1.4), (side * 4.7, -0.2)))
            insula = np.sqrt(segment(x, y, (side * 4.4, -1.7), (side * 4.9, 0.9)))
            nearest = np.minimum(nearest, np.minimum(inward, insula) - head.sulcus * 1.3)
    return nearest.astype(np.float32)


def _bend(head: Head, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The coordinates that the inner parts are drawn in: no brain is as straight as a drawing."""
    n = len(x)
    at = (np.arange(n) + 0.5) * (_FIELD / n) - 0.5
    grid = np.meshgrid(at, at, indexing="ij")
    across, down = (ndimage.map_coordinates(field, grid, order=1, mode="nearest") for field in head.bend)
    return x + across - head.lean, y + down


def _paint_inside(head: Head, x: np.ndarray, y: np.ndarray, paint: Callable[[np.ndarray, int], None]) -> None:
    """Ventricles and deep nuclei, where the slice meets them."""

    def blob(centre: tuple[float, float], radii: tuple[float, float], tilt: float = 0.0) -> np.ndarray:
        """Depth inside an ellipse, in cm."""
        return (1.0 - np.sqrt(ellipse(x, y, centre, radii, tilt))) * float(np.sqrt(radii[0] * radii[1]))

    size, level = head.ventricles, head.level
    for side in (-1.0, 1.0):
        if level < 0.4:
            low = 1.0 - level  # nuclei shrink towards their tops
            paint(blob((side * 1.05, 1.0), (0.95 * low, 1.45 * low), side * 0.35), DEEP)
            paint(blob((side * 2.95, -0.7), (0.62 * low, 1.75 * low), side * -0.22), DEEP)
            paint(blob((side * 2.25, -0.2), (0.45 * low, 1.0 * low), side * -0.3), DEEP)
        if level < 0.6:
            paint(blob((side * 1.75, -2.5), (0.5, 1.0), side * 0.35), DEEP)
    for side in (-1.0, 1.0):
        if level < 0.35:
            paint(blob((side * 0.95, -2.9), (0.42 * size, 1.25), side * 0.42), CSF)
            paint(blob((side * 2.3, 4.1), (0.48 * size, 1.5), side * -0.45), CSF)
        elif level < 0.62:
            spread = (level - 0.35) / 0.27
            paint(blob((side * (1.0 + 0.3 * spread), -0.2), (0.55 * size, 3.4 - 1.6 * spread), side * -0.16), CSF)
    if level < 0.3:
        paint(blob((0.0, 0.6), (0.16 * size, 1.5)), CSF)
