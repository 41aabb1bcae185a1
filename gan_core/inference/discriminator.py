"""A trained discriminator on its own: how real does it find a picture?

    judge = discriminator(find_run("dcgan", default_root()))
    judge.score(pictures)                       # (N,) logits; above judge.boundary it takes a picture for real

A score says how much a picture looks like the training images to this one network. It is no chance that a picture is
real, no measure to compare two runs by, and says nothing of the health of a patient.
"""

from collections.abc import Sequence

import numpy as np

from gan_core import inference, losses
from gan_core.config import RunConfig
from gan_core.errors import UserError
from gan_core.inference import Model
from gan_core.runs import Run

_BATCH = 64  # pictures a call


class Discriminator:
    """What the discriminator of a run says of pictures; made by `discriminator`."""

    def __init__(self, model: Model) -> None:
        self.model = model

    @property
    def config(self) -> RunConfig:
        return self.model.config

    @property
    def labels(self) -> tuple[str, ...]:
        """As what a picture can be judged: the classes of a conditional run, the domains that a translator
        translates to; else empty."""
        return self.model.classes or self.model.targets

    @property
    def boundary(self) -> float:
        """The score above which it takes a picture for real."""
        return losses.boundary(self.model.family.objective)

    def score(self, images: np.ndarray, labels: str | Sequence[str] | None = None) -> np.ndarray:
        """Logits, float32 (N,), of pictures uint8 (N, H, W, C) of the run's own size.

        A BiGAN judges the pair of a picture and its latent: here always (x, E(x)), whoever made the picture. A
        translator's score is the mean of the picture's patches, by the discriminator of the domain it is judged as; one
        that learned from pairs judges the picture beside its translation into the other domain.

        labels: as what to judge them, one for all or one each; needed where `self.labels` are not empty.

        Raises:
            UserError: pictures of another size, no label where one is needed, or one that the run does not have.
        """
        names = [labels] * len(images) if isinstance(labels, str) else list(labels or ())
        if not names and self.labels:
            raise UserError(
                f"run '{self.model.run.name}' judges a picture as one of its classes: name one of "
                f"{', '.join(self.labels)}"
            )
        if names and len(names) != len(images):
            raise UserError(f"{len(names)} labels do not fit {len(images)} pictures")
        scores = np.empty(len(images), np.float32)
        groups: dict[str | None, list[int]] = {} if names else {None: list(range(len(images)))}
        for number, name in enumerate(names):
            groups.setdefault(name, []).append(number)
        for label, index in groups.items():
            for start in range(0, len(index), _BATCH):
                part = index[start : start + _BATCH]
                scores[part] = self.model.score(images[part], label)
        return scores


def discriminator(run: Run, device: str = "cpu") -> Discriminator:
    """The discriminator of a run, ready to score.

    Raises:
        UserError: its weights, or the run's own, are missing, damaged, or do not fit.
    """
    model = inference.load(run, device)
    if not model.family.has_discriminator:
        raise UserError(f"run '{run.name}' was trained without a discriminator: choose another run")
    if not run.discriminator.is_file():
        raise UserError(f"run '{run.name}' keeps no {run.discriminator.name}: train its preset again to have one")
    found = Discriminator(model)
    size, channels = model.config.image_size, model.config.channels
    # What is wrong with the weights is said now and not at the first score.
    found.score(np.zeros((1, size, size, channels), np.uint8), found.labels[:1])
    return found
