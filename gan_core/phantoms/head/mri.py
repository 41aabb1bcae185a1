"""Brain MRI drawn from physics: `draw("T2", seed=7, size=128)`, an axial slice.

The same seed is the same slice of the same head in both weightings and at every size, so that a translation from T1 to
T2 can be held against the truth. The signal is the spin-echo equation over maps of tissue, with relaxation times of
1.5 T. Needs no data, no network, no torch.

Fluid, grey and white matter, muscle and the T1 of fat: the values of the BrainWeb simulator (Kwan, Evans and Pike 1999,
IEEE Transactions on Medical Imaging 18). Fat's T2 is the longer one that it seems to have in the fast spin echo of
today (Henkelman and others 1994, Journal of Magnetic Resonance Imaging 4). Deep nuclei lie between grey and white
matter, set by eye so that the T2 falls with the iron they hold and is shortest in the pallidum (as measured at 1.5 T in
Neuroradiology 35, 1993, page 119). Skin, and the mixture that is marrow, are set by eye as well; cortical bone and
flowing blood give next to no signal.
"""

from dataclasses import dataclass

import numpy as np

from gan_core.errors import UserError, nearest
from gan_core.phantoms.fields import clouds
from gan_core.phantoms.head.tissues import AIR, TISSUES, draw_head, tissues

CLASSES = ("T1", "T2")

# Repetition and echo time in ms, and the signal that is shown white.
_SEQUENCES = {"T1": (420.0, 14.0, 0.56), "T2": (3300.0, 100.0, 0.50)}

# T1 and T2 in ms at 1.5 T and proton density, of `TISSUES`.
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

_BLACK = 0.05  # the signal that is shown black

# Separate random streams, so that one part can draw more numbers without changing the others.
_HEAD, _SCANNER, _NOISE = range(3)
_FINE = 256  # pixels a side at least that a head is drawn with: tissues share a pixel, as they do in a scanner


@dataclass(frozen=True)
class Phantom:
    """One slice with its truth."""

    image: np.ndarray  # float32 (S, S) in [0, 1], the forehead at the top
    tissues: np.ndarray  # float32 (T, S, S): the share of each of phantom_head.TISSUES in a pixel
    head: np.ndarray  # bool (S, S): everything but the air around it


def draw(kind: str, seed: int, size: int) -> Phantom:
    """The slice of this weighting, head and size in pixels. Raises UserError: unknown kind, bad size or seed."""
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
    stretch = float(scanner.normal(1.0, 0.05))  # no two scanners are set alike
    signal = spin_echo(relaxation, repetition * stretch, echo * stretch)
    clean = np.tensordot(signal.astype(np.float32), shares, 1) * uneven
    strength = float(np.exp(scanner.normal(np.log(0.006), 0.4)))
    # The magnitude of a signal with noise in both of its channels (Rice).
    noise = np.random.default_rng([seed, _NOISE, CLASSES.index(kind)]).normal(0, strength, (2, size, size))
    image = np.clip((np.hypot(clean + noise[0], noise[1]) - _BLACK) / (white - _BLACK), 0, 1).astype(np.float32)
    return Phantom(image=image, tissues=shares, head=shares[AIR] < 0.5)


def spin_echo(relaxation: np.ndarray, repetition: float, echo: float) -> np.ndarray:
    """Signal (T,) of tissues (T, 3) with T1, T2 (ms) and proton density, for repetition and echo times in ms.

    PD (1 - exp(-TR / T1)) exp(-TE / T2), for an echo much shorter than the repetition.
    """
    assert len(relaxation) == len(TISSUES)
    t1, t2, density = relaxation.T
    return density * (1.0 - np.exp(-repetition / t1)) * np.exp(-echo / t2)
