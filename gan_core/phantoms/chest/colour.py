"""Chest X-rays with their tissues in colour: `draw("colour", seed=7, size=64)`, and the same body as `grey`.

The grey picture is `phantom_cxr`'s, of a healthy body or of one with any of its diseases. The coloured one keeps its
lightness and says what each ray crossed: air of the lungs blue, soft tissue red, bone yellow, opacity of disease green.
The four are told apart by eyes that confuse red and green as well (Okabe and Ito 2008, Color Universal Design). Needs
no data, no network, no torch.
"""

from dataclasses import dataclass

import numpy as np

from gan_core.errors import UserError, nearest
from gan_core.phantoms.chest import xray
from gan_core.phantoms.chest.xray import Layers

CLASSES = ("colour", "grey")
TWINS = True  # each body is drawn as both, unless the source asks for single images

TISSUES = ("air", "soft tissue", "bone", "opacity")
TINTS = np.array(
    [(0x56, 0xB4, 0xE9), (0xD5, 0x5E, 0x00), (0xF0, 0xE4, 0x42), (0x00, 0x9E, 0x73)], np.float32
) / np.float32(255)

# Optical depths that cover what lies behind them to 63 %; set by eye, so that single ribs and ground glass show.
_BONE, _OPACITY = 0.25, 0.4
_LIGHT = 0.75  # exponent of the grey level: below 1 the dark lungs show their colour
_KIND = 101  # a random stream of its own: which disease a body has says nothing about the body


@dataclass(frozen=True)
class Phantom:
    """One picture with its truth."""

    image: np.ndarray  # float32 in [0, 1]: (S, S) grey, (S, S, 3) in colour
    shares: np.ndarray  # float32 (4, S, S): how much of the colour is each of `TISSUES`, 1 together
    disease: str  # one of phantom_cxr.CLASSES


def draw(kind: str, seed: int, size: int) -> Phantom:
    """The picture of this kind, body and size in pixels. Raises UserError: unknown kind, bad size or seed."""
    if kind not in CLASSES:
        raise UserError(f"Unknown phantom kind '{kind}': choose one of {', '.join(CLASSES)}.{nearest(kind, CLASSES)}")
    if seed < 0:
        raise UserError(f"Phantom seed {seed} is negative: take 0 or more.")
    disease = str(np.random.default_rng([seed, _KIND]).choice(xray.CLASSES))
    drawn, layers = xray.draw_layers(disease, seed, size)
    found = shares(layers)
    return Phantom(drawn.image if kind == "grey" else coloured(drawn.image, found), found, disease)


def shares(layers: Layers) -> np.ndarray:
    """How much each of `TISSUES` shows, float32 (4, S, S): opacity covers bone, and bone the rest of the ray."""
    opacity, bone = 1 - np.exp(-layers.opacity / _OPACITY), 1 - np.exp(-np.maximum(layers.bone, 0) / _BONE)
    air = np.clip(layers.aerated, 0, 1)
    behind = (1 - opacity) * (1 - bone)
    return np.stack([behind * air, behind * (1 - air), (1 - opacity) * bone, opacity]).astype(np.float32)


def coloured(image: np.ndarray, found: np.ndarray) -> np.ndarray:
    """A grey picture (S, S) in [0, 1] in the colours of its tissues (4, S, S): float32 (S, S, 3) in [0, 1]."""
    tint = np.tensordot(found, TINTS, (0, 0))
    return (image[..., None] ** np.float32(_LIGHT) * tint).astype(np.float32)
