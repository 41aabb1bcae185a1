"""Chest X-rays with tissues in colour: `draw("colour", seed=7, size=64)`, and the same body as `grey`.

The grey image is the one of `xray`, of a healthy body or with one of its diseases. The colour image keeps the lightness
and shows what each ray crosses: air of the lungs in blue, soft tissue in red, bone in yellow, opacity of disease in
green. The four colours also differ for people with red-green colour blindness (Okabe and Ito 2008, Color Universal
Design). The module needs no data, no network and no torch.
"""

from dataclasses import dataclass

import numpy as np

from gan_core.errors import UserError, nearest
from gan_core.phantoms.chest import xray
from gan_core.phantoms.chest.xray import Layers

CLASSES = ("colour", "grey")
TWINS = True  # by default a source draws each body in both classes

TISSUES = ("air", "soft tissue", "bone", "opacity")
TINTS = np.array(
    [(0x56, 0xB4, 0xE9), (0xD5, 0x5E, 0x00), (0xF0, 0xE4, 0x42), (0x00, 0x9E, 0x73)], np.float32
) / np.float32(255)

# Optical depths at which a tissue covers 63 % of what lies behind it; set by eye, so that single ribs and ground-glass
# opacities are visible.
_BONE, _OPACITY = 0.25, 0.4
_LIGHT = 0.75  # exponent of the grey level: below 1 it makes the colour of the dark lungs visible
_KIND = 101  # a separate random stream: the disease does not depend on the body


@dataclass(frozen=True)
class Phantom:
    """One image with its ground truth."""

    image: np.ndarray  # float32 in [0, 1]: (S, S) grey, (S, S, 3) in colour
    shares: np.ndarray  # float32 (4, S, S): the share of each of `TISSUES` in the colour, sum 1
    disease: str  # one of xray.CLASSES


def draw(kind: str, seed: int, size: int) -> Phantom:
    """Draw the image of a kind, a body (seed) and a size in pixels.

    Raises:
        UserError: the kind is unknown, the size is below 16 pixels, or the seed is negative.
    """
    if kind not in CLASSES:
        raise UserError(f"Unknown phantom kind '{kind}': choose one of {', '.join(CLASSES)}.{nearest(kind, CLASSES)}")
    if seed < 0:
        raise UserError(f"Phantom seed {seed} is negative: take 0 or more.")
    disease = str(np.random.default_rng([seed, _KIND]).choice(xray.CLASSES))
    drawn, layers = xray.draw_layers(disease, seed, size)
    found = shares(layers)
    return Phantom(drawn.image if kind == "grey" else coloured(drawn.image, found), found, disease)


def shares(layers: Layers) -> np.ndarray:
    """Return the visible share of each of `TISSUES`, float32 (4, S, S): opacity covers bone, and bone the rest."""
    opacity, bone = 1 - np.exp(-layers.opacity / _OPACITY), 1 - np.exp(-np.maximum(layers.bone, 0) / _BONE)
    air = np.clip(layers.aerated, 0, 1)
    behind = (1 - opacity) * (1 - bone)
    return np.stack([behind * air, behind * (1 - air), (1 - opacity) * bone, opacity]).astype(np.float32)


def coloured(image: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Colour a grey image (S, S) in [0, 1] by its tissue shares (4, S, S): float32 (S, S, 3) in [0, 1]."""
    tint = np.tensordot(found, TINTS, (0, 0))
    return (image[..., None] ** np.float32(_LIGHT) * tint).astype(np.float32)
