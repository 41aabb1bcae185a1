"""Chest X-rays simulated from physics: `draw("covid", seed=7, size=64)`.

The simulation integrates the attenuation along the beam through an analytic chest, whose measures vary with the seed.
It then adds scatter, blur and noise, and displays the result as a radiograph. The same seed gives the same body at
every size and for every kind, so that each image with disease has a healthy twin. The module needs no data, no network
and no torch.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from gan_core.errors import UserError, nearest
from gan_core.phantoms.chest import anatomy, detector, disease
from gan_core.phantoms.chest.body import Body, draw_body
from gan_core.phantoms.fields import shrink

CLASSES = disease.KINDS

# Separate random streams: one part may draw more numbers without changing the others.
_BODY, _EXPOSURE, _TREE, _DISEASE, _NOISE = range(5)

_AT_THE_BORDER = 0.15  # share of the ray through the chest that is lung where radiologists draw the lung's border


@dataclass(frozen=True)
class Phantom:
    """One chest X-ray with its ground truth; every array is (S, S)."""

    image: np.ndarray  # float32 in [0, 1], bone bright; the patient's left is on the image's right
    healthy: np.ndarray  # float32 in [0, 1]: the same body, exposure and noise without disease
    lungs: np.ndarray  # bool: the visible part of both lungs, above the diaphragm and beside the heart
    opacity: np.ndarray  # float32 >= 0: optical depth added by disease


@dataclass(frozen=True)
class Layers:
    """The tissues that each ray crosses; every array is (S, S), float32 unless stated otherwise."""

    aerated: np.ndarray  # share of its path through the chest that is lung, 0 to 1
    bone: np.ndarray  # optical depth that bone adds, relative to soft tissue
    opacity: np.ndarray  # optical depth that disease adds
    lungs: np.ndarray  # bool: both lungs to their borders, also where they lie behind or before the heart
    heart: np.ndarray  # bool: the shadow of heart, great vessels and hila


def draw(kind: str, seed: int, size: int) -> Phantom:
    """Draw the phantom of a kind, a body (seed) and a size in pixels.

    Raises:
        UserError: the kind is unknown, the size is below 16 pixels, or the seed is negative.
    """
    return draw_layers(kind, seed, size)[0]


def draw_layers(kind: str, seed: int, size: int) -> tuple[Phantom, Layers]:
    """Draw the phantom as `draw` does, and return it with its tissue layers. Raises UserError as `draw`."""
    if kind not in CLASSES:
        raise UserError(f"Unknown phantom kind '{kind}': choose one of {', '.join(CLASSES)}.{nearest(kind, CLASSES)}")
    if size < 16:
        raise UserError(f"A phantom of {size} pixels is too small: take a size of 16 or more.")
    if seed < 0:
        raise UserError(f"Phantom seed {seed} is negative: take 0 or more.")
    return draw_one(kind, draw_body(_stream(seed, _BODY)), seed, size)


def draw_one(kind: str, body: Body, seed: int, size: int) -> tuple[Phantom, Layers]:
    """Draw a given body as `draw_layers` draws the one of the seed; kind, seed and size are not checked."""
    exposure = detector.draw_exposure(_stream(seed, _EXPOSURE), body.child)
    step = 2 if size <= 128 else 1
    chest = anatomy.build(body, size * step, _stream(seed, _TREE))
    lost = disease.fill(kind, chest, body, _stream(seed, _DISEASE, CLASSES.index(kind)))
    opacity = lost * chest.lung * detector.air_gain(exposure, body)
    aerated = shrink(chest.aerated * (chest.floor > 0), step)
    lungs = _two_largest((aerated > 0.33) & (shrink(chest.reach, step) < 1.0))
    depth = detector.optical_depth(chest, body, exposure)
    healthy, sick = detector.expose(depth, opacity, lungs, body, exposure, _stream(seed, _NOISE), step)
    thick = shrink(opacity, step)
    bone = shrink(detector.bone_depth(chest, body, exposure), step)
    phantom = Phantom(image=sick, healthy=healthy, lungs=lungs, opacity=thick)
    whole = _two_largest(shrink(chest.outline, step) > _AT_THE_BORDER)
    return phantom, Layers(aerated, bone, thick, whole, shrink(chest.heart, step) < 1.0)


def _stream(seed: int, *part: int) -> np.random.Generator:
    return np.random.default_rng([seed, *part])


def _two_largest(mask: np.ndarray) -> np.ndarray:
    """Return the two largest components, without small pieces of lung behind the heart or below an arm."""
    parts, _ = ndimage.label(mask)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.isin(parts, np.argsort(sizes)[-2:]) & mask
