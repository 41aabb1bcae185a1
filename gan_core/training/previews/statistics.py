"""Statistics of a preview: diversity of the samples, overfitting of the discriminator, histograms of its logits."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

_BIN_EDGES = np.linspace(-10, 10, 41)
_DIVERSITY_SIZE = 16  # pixels per side; averages out grain and stripes, keeps the anatomy


def diversity(pictures: Tensor) -> float:
    """Compute the mean pairwise root-mean-square difference of images (N, C, H, W) in [-1, 1], a number in [0, 2].

    The images are first averaged down to 16 x 16 pixels, so that noise does not count as diversity. The value is near 0
    after a mode collapse to one image, and not-a-number for fewer than two images.
    """
    small = F.interpolate(pictures.float(), size=(_DIVERSITY_SIZE, _DIVERSITY_SIZE), mode="area").flatten(1)
    count = len(small)
    if count < 2:
        return float("nan")
    distances = torch.cdist(small, small, compute_mode="donot_use_mm_for_euclid_dist") / small.shape[1] ** 0.5
    return float(distances.sum() / (count * (count - 1)))


def memory(training: np.ndarray, held_out: np.ndarray, classes: np.ndarray, held_out_classes: np.ndarray) -> float:
    """Compute the discriminator's overfitting: P(logit of a training image > logit of a held-out image), in [0, 1].

    training: logits (N,), held_out: logits (M,). Only pairs of the same class are compared, and ties count half (the
    Mann-Whitney U statistic, divided by the number of pairs). 0.5 means no overfitting; not-a-number means that there
    are no pairs.
    """
    same_class = classes[:, None] == held_out_classes
    signs = np.sign(training[:, None] - held_out)[same_class]
    return float((signs.mean() + 1) / 2) if len(signs) else float("nan")


def histogram(scores: np.ndarray) -> str:
    """Return the counts of logits (N,) in 40 bins of width 0.5 from -10 to 10, as text for a CSV cell.

    The outer bins also count the logits beyond them.
    """
    counts, _ = np.histogram(np.clip(scores, _BIN_EDGES[0], _BIN_EDGES[-1]), _BIN_EDGES)
    return " ".join(map(str, counts))
