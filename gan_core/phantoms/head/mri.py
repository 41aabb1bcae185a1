"""Brain MRI simulated from physics: `draw("T2", seed=7, size=128)`, an axial slice.

The same seed gives the same slice of the same head in both weightings and at every size, so that a translation from T1
to T2 has a ground truth. The signal is the spin-echo equation over tissue maps, with relaxation times at 1.5 T. The
module needs no data, no network and no torch.

Fluid, grey and white matter, muscle and the T1 of fat have the values of the BrainWeb simulator (Kwan, Evans and Pike
1999, IEEE Transactions on Medical Imaging 18). The T2 of fat is the longer, apparent one of modern fast spin echo
(Henkelman et al. 1994, Journal of Magnetic Resonance Imaging 4). The deep nuclei lie between grey and white matter;
they are set by eye, so that T2 falls with the iron content and is shortest in the pallidum (as measured at 1.5 T in
Neuroradiology 35, 1993, page 119). Skin and the mixture in marrow are also set by eye. Cortical bone and flowing blood
give almost no signal.
"""

from dataclasses import dataclass

import numpy as np

from gan_core.errors import UserError, nearest
from gan_core.phantoms.fields import clouds
from gan_core.phantoms.head.tissues import AIR, TISSUES, draw_head, tissues

CLASSES = ("T1", "T2")

# Repetition time and echo time in ms, and the signal displayed as white.
_SEQUENCES = {"T1": (420.0, 14.0, 0.56), "T2": (3300.0, 100.0, 0.50)}

# T1 and T2 in ms at 1.5 T, and proton density, for each of `TISSUES`.
_RELAXATION = np.array(
    [
        (1.0, 1.0, 0.0),
        (900.0, 60.0, 0.8),
        (350.0, 130.0, 0.8),
        (900.0, 47.0, 0.85),
        (900.0, 10.0, 0.05),
        (420.0, 75.0, 0.65),
        (2569.0, 329.0, 1.0),
        (833.0, 83.0, 0.86),
        (500.0, 70.0, 0.77),
        (760.0, 80.0, 0.84),
        (540.0, 66.0, 0.8),
        (680.0, 77.0, 0.81),
    ]
)

_BLACK = 0.05  # the signal displayed as black

# Separate random streams: one part may draw more numbers without changing the others.
_HEAD, _SCANNER, _NOISE = range(3)
_FINE = 256  # least side in pixels at which a head is drawn, then averaged: partial volume, as in a scanner


@dataclass(frozen=True)
class Phantom:
    """One slice with its ground truth."""

    image: np.ndarray  # float32 (S, S) in [0, 1], the forehead at the top
    tissues: np.ndarray  # float32 (T, S, S): the share of each of `TISSUES` in a pixel
    head: np.ndarray  # bool (S, S): everything but the surrounding air


def draw(kind: str, seed: int, size: int) -> Phantom:
    """Draw the slice of a weighting, a head (seed) and a size in pixels.

    Raises:
        UserError: the kind is unknown, the size is below 16 pixels, or the seed is negative.
    """
    if kind not in CLASSES:
        raise UserError(f"Unknown phantom kind '{kind}': choose one of {', '.join(CLASSES)}.{nearest(kind, CLASSES)}")
    if size < 16:
        raise UserError(f"A phantom of {size} pixels is too small: take a size of 16 or more.")
    if seed < 0:
        raise UserError(f"Phantom seed {seed} is negative: take 0 or more.")
    step = -(-_FINE // size)
    fine = tissues(draw_head(np.random.default_rng([seed, _HEAD])), size * step)
    shares = fine.reshape(len(TISSUES), size, step, size, step)
    for axis in (4, 2):
        shares = np.add.reduce([shares.take(index, axis) for index in range(step)]) / np.float32(step)
    scanner = np.random.default_rng([seed, _SCANNER])
    relaxation = _RELAXATION * (1.0 + scanner.normal(0, 0.03, _RELAXATION.shape))
    uneven = 1.0 + 0.06 * clouds(scanner, size, (2, 4), 0.4)
    repetition, echo, white = _SEQUENCES[kind]
    stretch = float(scanner.normal(1.0, 0.05))  # protocols differ between scanners
    signal = spin_echo(relaxation, repetition * stretch, echo * stretch)
    clean = np.tensordot(signal.astype(np.float32), shares, 1) * uneven
    strength = float(np.exp(scanner.normal(np.log(0.006), 0.4)))
    # The magnitude of a complex signal with Gaussian noise in both channels has Rician noise.
    noise = np.random.default_rng([seed, _NOISE, CLASSES.index(kind)]).normal(0, strength, (2, size, size))
    image = np.clip((np.hypot(clean + noise[0], noise[1]) - _BLACK) / (white - _BLACK), 0, 1).astype(np.float32)
    return Phantom(image=image, tissues=shares, head=shares[AIR] < 0.5)


def spin_echo(relaxation: np.ndarray, repetition: float, echo: float) -> np.ndarray:
    """Return the signal (T,) of tissues (T, 3) with T1, T2 (ms) and proton density; repetition and echo times in ms.

    PD (1 - exp(-TR / T1)) exp(-TE / T2), for an echo much shorter than the repetition.
    """
    assert len(relaxation) == len(TISSUES)
    t1, t2, density = relaxation.T
    return density * (1.0 - np.exp(-repetition / t1)) * np.exp(-echo / t2)
