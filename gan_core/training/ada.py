"""How likely adaptive augmentation is: enough to keep a discriminator from learning its training pictures by heart.

Every few steps it scores training pictures beside held-out ones of the same classes, augmented alike. Where it tells
them apart too surely, augmentation becomes more likely, else less. Nothing else of the held-out pictures reaches a
training.

Karras 2020 (arXiv:2006.06676, eq. 1) asks how far held-out logits have moved towards generated ones (r_v), or for the
mean sign of training ones (r_t). A sign needs logits that know where 0 is: those of a relativistic loss do not, and a
gradient penalty holds all near 0, whether pictures are learned by heart or not. Ranks need no scale.
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
LOOKED_AT = 32  # training pictures, and as many held-out ones
FEWEST = 32  # held-out pictures: with half as many, what knows nothing looks as if it did in one run of twelve
TARGET = 0.6  # of how surely training pictures are told from held-out ones; 0.5 is chance
FOLLOW = 0.05  # of the way to a new look at that, which the mean over looks goes
RISE = 50_000  # training pictures in which the probability could go from 0 to 1

_LOOK = 3  # the stream of randomness that chooses pictures and how they are augmented


def after_step(
    family: Family, pixels: Tensor, labels: Tensor, held_out: tuple[np.ndarray, np.ndarray], run_config: RunConfig
) -> Callable[[], None]:
    """What to call after each step of a run; it does nothing unless augmentation is adaptive.

    pixels uint8 (N, C, H, W), labels (N,): the training pictures; held_out: others, alike.

    Raises:
        UserError: too few held-out pictures.
    """
    if not family.adapts:
        return lambda: None
    others = torch.from_numpy(held_out[0]), torch.from_numpy(held_out[1])
    return Controller(family, ((pixels, labels), others), run_config.batch_size, run_config.seed).see


def eligible(labels: np.ndarray, held_out: np.ndarray, one_way: bool = False) -> np.ndarray:
    """Which of the held-out pictures can be looked at, by the labels of both: those of a class that is trained on; of a
    translator of one way only those that it is to look like, as the others have no discriminator.

    Raises:
        UserError: they are too few.
    """
    places = np.flatnonzero(np.isin(held_out, [1] if one_way else labels))
    if len(places) < FEWEST:
        raise UserError(
            f"augment=adaptive is steered by held-out images, of which there are {len(places)} and it takes {FEWEST}: "
            "take augment=fixed, or more data"
        )
    return places


class Controller:
    """Moves a family's `augment_p`, by (seed, step) and the discriminator alone, so that a resumed run does it again.

    parts: pictures and labels to train on, and held-out ones.

    Raises:
        UserError: too few held-out pictures.
    """

    def __init__(self, family: Family, parts: tuple[tuple[Tensor, Tensor], ...], batch_size: int, seed: int) -> None:
        self.family, self.parts, self.seed, self.count = family, parts, seed, batch_size * EVERY
        self.labels = [labels.cpu().numpy() for _, labels in parts]
        self.places = eligible(self.labels[0], self.labels[1], family.one_way)
        self.groups = [[np.flatnonzero(labels == c) for c in range(family.classes)] for labels in self.labels]

    def see(self) -> None:
        """After a step."""
        family = self.family
        if family.step % EVERY:
            return
        rng = np.random.default_rng(mix(_LOOK, self.seed, family.step))
        theirs = rng.permutation(self.places)[:LOOKED_AT]
        labels = self.labels[1][theirs]
        ours = np.array([rng.choice(self.groups[0][label]) for label in labels])
        numbers = torch.from_numpy(rng.random((len(theirs), augment.NUMBERS), np.float32)).to(family.device)
        with family.evaluating():
            scores = [self._scores(part, chosen, numbers).cpu().numpy() for part, chosen in enumerate((ours, theirs))]
        sure = torch.full_like(family.augment_p, memory(scores[0], scores[1], labels, labels))
        if family.reduce is not None:  # all go on with the same number
            sure = family.reduce(sure)
        family.augment_known = torch.lerp(family.augment_known, sure, FOLLOW)
        step = (family.augment_known - TARGET).sign() * self.count / RISE
        family.augment_p = (family.augment_p + step).clamp(0, 1)

    def _scores(self, part: int, chosen: np.ndarray, numbers: Tensor) -> Tensor:
        """The discriminator's logits of pictures of a part, each augmented by its numbers."""

        def shown(pictures: Tensor) -> Tensor:
            return augment.augment(pictures, numbers, self.family.augment_p)

        labels = torch.from_numpy(self.labels[part][chosen]).to(self.family.device)
        partners = self._pictures(part, self._partners(part, chosen)) if self.family.paired else None
        return self.family.score_augmented(self._pictures(part, chosen), labels, partners, shown).float()

    def _pictures(self, part: int, chosen: np.ndarray) -> Tensor:
        pixels = self.parts[part][0]
        return images.to_float(pixels[torch.from_numpy(chosen).to(pixels.device)].to(self.family.device))

    def _partners(self, part: int, chosen: np.ndarray) -> np.ndarray:
        """Of paired data, image k of the one domain belongs to image k of the other."""
        groups, labels = self.groups[part], self.labels[part][chosen]
        pairs = zip(chosen, labels, strict=True)
        return np.array([groups[1 - label][np.searchsorted(groups[label], index)] for index, label in pairs])
