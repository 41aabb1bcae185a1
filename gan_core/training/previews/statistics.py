"""Numbers of a preview, whatever it shows: diversity, and what a discriminator's logits say."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

# Logits fall into bins of 0.5 from -10 to 10; the outer ones also hold all beyond.
_BIN_EDGES = np.linspace(-10, 10, 41)
_DIVERSITY_SIZE = 16  # pixels a side: grain and stripes average out, the body's shape remains


def diversity(pictures: Tensor) -> float:
    """Mean root-mean-square difference between pictures (N, C, H, W) averaged down to 16 pixels a side, in [0, 2].

    Near 0 where a generator has collapsed to one picture. Grain, however different, does not count.
    """
    small = F.interpolate(pictures.float(), size=(_DIVERSITY_SIZE, _DIVERSITY_SIZE), mode="area").flatten(1)
    count = len(small)
    if count < 2:
        return float("nan")
    distances = torch.cdist(small, small, compute_mode="donot_use_mm_for_euclid_dist") / small.shape[1] ** 0.5
    return float(distances.sum() / (count * (count - 1)))


def memory(training: np.ndarray, held_out: np.ndarray, classes: np.ndarray, held_out_classes: np.ndarray) -> float:
    """How surely a discriminator tells training images from held-out ones: how often its logit of one of the former,
    (N,), is above that of one of the latter, (M,), of the same class (Mann and Whitney's U, ties counted half).

    0.5: not at all. Not-a-number where there is nothing to compare.
    """
    alike = classes[:, None] == held_out_classes
    signs = np.sign(training[:, None] - held_out)[alike]
    return float((signs.mean() + 1) / 2) if len(signs) else float("nan")


def histogram(scores: np.ndarray) -> str:
    """Counts of logits (N,) in 40 bins of 0.5 from -10 to 10, the outer ones open, as text for a CSV cell."""
    counts, _ = np.histogram(np.clip(scores, _BIN_EDGES[0], _BIN_EDGES[-1]), _BIN_EDGES)
    return " ".join(map(str, counts))
