"""How likely adaptive augmentation is: enough to keep a discriminator from learning its training pictures by heart.

Every few steps it scores training pictures beside held-out ones of the same classes, augmented alike. Where it tells
them apart too surely, augmentation becomes more likely, else less (after Karras 2020, arXiv:2006.06676, section 3.1).
Nothing else of the held-out pictures reaches a training.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from gan_core import augment, images
from gan_core.batches import mix
from gan_core.config import RunConfig
from gan_core.errors import UserError
from gan_core.families.base import Family

EVERY = 4  # steps
LOOKED_AT = 32  # training pictures, and as many held-out ones, where there are
FEWEST = 4  # held-out pictures that say anything

_LOOK = 3  # the stream of randomness that chooses pictures and how they are augmented


def after_step(
    family: Family, pixels: Tensor, labels: Tensor, held_out: tuple[np.ndarray, np.ndarray], settled: RunConfig
) -> Callable[[], None]:
    """What to call after each step of a run; it does nothing unless augmentation is adaptive.

    pixels uint8 (N, C, H, W), labels (N,): the training pictures; held_out: others, alike.

    Raises:
        UserError: too few held-out pictures.
    """
    if not family.adapts:
        return lambda: None
    others = torch.from_numpy(held_out[0]), torch.from_numpy(held_out[1])
    return Controller(family, ((pixels, labels), others), settled.batch_size, settled.seed).see


class Controller:
    """Moves a family's `augment_p`, by (seed, step) and the discriminator alone: alike in a resumed run, and in each of
    several processes. parts: pictures and labels to train on, and held-out ones.
    """

    def __init__(self, family: Family, parts: tuple[tuple[Tensor, Tensor], ...], batch_size: int, seed: int) -> None:
        self.family, self.parts, self.seed, self.count = family, parts, seed, batch_size * EVERY
        self.labels = tuple(labels.cpu().numpy() for _, labels in self.parts)
        self.groups = [[np.flatnonzero(labels == c) for c in range(family.classes)] for labels in self.labels]
        # Of a translator of one way, only the pictures it is to look like have a discriminator.
        asked = [c for c, group in enumerate(self.groups[0]) if len(group) and (c == 1 or not family.one_way)]
        self.places = np.flatnonzero(np.isin(self.labels[1], asked))
        if len(self.places) < FEWEST:
            raise UserError(
                f"augment=adaptive is steered by held-out images, of which there are {len(self.places)} and it takes "
                f"{FEWEST}: take augment=fixed, or more data"
            )

    def see(self) -> None:
        """After a step."""
        family = self.family
        if family.step % EVERY:
            return
        rng = np.random.default_rng(mix(_LOOK, self.seed, family.step))
        theirs = rng.permutation(self.places)[:LOOKED_AT]
        ours = np.array([rng.choice(self.groups[0][label]) for label in self.labels[1][theirs]])
        numbers = torch.from_numpy(rng.random((len(theirs), augment.NUMBERS), np.float32)).to(family.device)
        with family.evaluating():
            logits = [self._scores(part, chosen, numbers) for part, chosen in enumerate((ours, theirs))]
            sure = float(augment.known(*logits))
        family.augment_known = torch.lerp(family.augment_known, torch.full_like(family.augment_p, sure), augment.FOLLOW)
        family.augment_p = augment.adapted(family.augment_p, family.augment_known, self.count)

    def _scores(self, part: int, chosen: np.ndarray, numbers: Tensor) -> Tensor:
        """The discriminator's logits of pictures of a part, each augmented by its numbers."""
        labels = torch.from_numpy(self.labels[part][chosen]).to(self.family.device)
        partners = self._shown(part, self._partners(part, chosen), numbers) if self.family.paired else None
        return self.family.score(self._shown(part, chosen, numbers), labels, partners)

    def _shown(self, part: int, chosen: np.ndarray, numbers: Tensor) -> Tensor:
        pixels = self.parts[part][0]
        pictures = pixels[torch.from_numpy(chosen).to(pixels.device)].to(self.family.device)
        return augment.changed(images.to_float(pictures), numbers, self.family.augment_p)

    def _partners(self, part: int, chosen: np.ndarray) -> np.ndarray:
        """Of paired data, image k of the one domain belongs to image k of the other."""
        groups, labels = self.groups[part], self.labels[part][chosen]
        pairs = zip(chosen, labels, strict=True)
        return np.array([groups[1 - label][np.searchsorted(groups[label], index)] for index, label in pairs])
