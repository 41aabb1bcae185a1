"""Adaptive augmentation: a controller that adjusts its probability to prevent discriminator overfitting.

Every few steps, the discriminator scores training images and held-out images of the same classes, with the same
augmentation. If it separates the two sets too well, augmentation becomes more likely; otherwise less likely. Training
uses the held-out images for nothing else.

Karras 2020 (arXiv:2006.06676, eq. 1) measures how far the held-out logits have moved towards the generated ones (r_v),
or the mean sign of the training logits (r_t). A sign is meaningful only if the decision boundary is at 0. A
relativistic loss fixes no boundary, and a gradient penalty keeps all logits near 0 with or without overfitting.
This controller compares ranks, which need no scale.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from gan_core import augment, images
from gan_core.config import RunConfig
from gan_core.errors import UserError
from gan_core.families.base import Family
from gan_core.training.previews.statistics import memory
from gan_core.training.sampler import mix

EVERY = 4  # steps
SCORED_IMAGES = 32  # training images per measurement, and as many held-out ones
MIN_HELD_OUT = 32  # images; with half as many, one run in twelve measured overfitting where there was none
TARGET = 0.6  # P(training logit > held-out logit) that the controller aims for; 0.5 is chance
EMA_WEIGHT = 0.05  # of a new measurement in the moving average
RISE = 50_000  # training images in which the probability can rise from 0 to 1

_STREAM = 3  # random stream that chooses the images and their augmentations


def after_step(
    family: Family, pixels: Tensor, labels: Tensor, held_out: tuple[np.ndarray, np.ndarray], run_config: RunConfig
) -> Callable[[], None]:
    """Return the function to call after each step of a run; it does nothing unless augmentation is adaptive.

    pixels: training images, uint8 (N, C, H, W); labels: their classes, (N,); held_out: the same two arrays for the
    held-out images.

    Raises:
        UserError: there are too few held-out images.
    """
    if not family.adapts:
        return lambda: None
    held_out_tensors = torch.from_numpy(held_out[0]), torch.from_numpy(held_out[1])
    controller = Controller(family, ((pixels, labels), held_out_tensors), run_config.batch_size, run_config.seed)
    return controller.update


def eligible(labels: np.ndarray, held_out: np.ndarray, one_way: bool = False) -> np.ndarray:
    """Return the indices of the held-out images that the controller can score.

    labels: classes of the training images; held_out: classes of the held-out images. A held-out image is eligible if
    its class is trained on. A one-way translator has a discriminator for domain B only, so only B is eligible.

    Raises:
        UserError: there are fewer than `MIN_HELD_OUT`.
    """
    indices = np.flatnonzero(np.isin(held_out, [1] if one_way else labels))
    if len(indices) < MIN_HELD_OUT:
        raise UserError(
            f"augment=adaptive needs at least {MIN_HELD_OUT} held-out images, but there are {len(indices)}: "
            "use augment=fixed, or more data"
        )
    return indices


class Controller:
    """Adjusts a family's `augment_p` after each step.

    The result depends on (seed, step) and the discriminator only, so a resumed run repeats it.

    parts: (images, labels) of the training set, then of the held-out set.

    Raises:
        UserError: there are too few held-out images.
    """

    def __init__(self, family: Family, parts: tuple[tuple[Tensor, Tensor], ...], batch_size: int, seed: int) -> None:
        self.family, self.parts, self.seed, self.count = family, parts, seed, batch_size * EVERY
        self.labels = [labels.cpu().numpy() for _, labels in parts]
        self.eligible = eligible(self.labels[0], self.labels[1], family.one_way)
        self.groups = [[np.flatnonzero(labels == c) for c in range(family.classes)] for labels in self.labels]

    def update(self) -> None:
        """Measure the overfitting and adjust `augment_p`; call it after each step, it acts on every `EVERY`-th."""
        family = self.family
        if family.step % EVERY:
            return
        rng = np.random.default_rng(mix(_STREAM, self.seed, family.step))
        held_out = rng.permutation(self.eligible)[:SCORED_IMAGES]
        labels = self.labels[1][held_out]
        training = np.array([rng.choice(self.groups[0][label]) for label in labels])
        numbers = torch.from_numpy(rng.random((len(held_out), augment.NUMBERS), np.float32)).to(family.device)
        with family.evaluating():
            scores = [
                self._scores(part, indices, numbers).cpu().numpy() for part, indices in enumerate((training, held_out))
            ]
        overfitting = torch.full_like(family.augment_p, memory(scores[0], scores[1], labels, labels))
        if family.reduce is not None:  # all processes must use the same value
            overfitting = family.reduce(overfitting)
        family.augment_known = torch.lerp(family.augment_known, overfitting, EMA_WEIGHT)
        step = (family.augment_known - TARGET).sign() * self.count / RISE
        family.augment_p = (family.augment_p + step).clamp(0, 1)

    def _scores(self, part: int, indices: np.ndarray, numbers: Tensor) -> Tensor:
        """Return the discriminator's logits, float32 (n,), of images of a part, augmented by their random numbers."""

        def augmented(pictures: Tensor) -> Tensor:
            return augment.augment(pictures, numbers, self.family.augment_p)

        labels = torch.from_numpy(self.labels[part][indices]).to(self.family.device)
        partners = self._images(part, self._partners(part, indices)) if self.family.paired else None
        return self.family.score_augmented(self._images(part, indices), labels, partners, augmented).float()

    def _images(self, part: int, indices: np.ndarray) -> Tensor:
        pixels = self.parts[part][0]
        return images.to_float(pixels[torch.from_numpy(indices).to(pixels.device)].to(self.family.device))

    def _partners(self, part: int, indices: np.ndarray) -> np.ndarray:
        """Return the index of each image's partner: image k of one domain belongs to image k of the other."""
        groups, labels = self.groups[part], self.labels[part][indices]
        pairs = zip(indices, labels, strict=True)
        return np.array([groups[1 - label][np.searchsorted(groups[label], index)] for index, label in pairs])
