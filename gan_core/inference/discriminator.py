"""Scores of a trained discriminator: how real it finds an image.

    critic = discriminator(find_run("dcgan", default_root()))
    critic.score(images)                        # (N,) logits; above critic.boundary an image counts as real

A score says how much an image resembles the training images, according to this one network. It is not the probability
that the image is real, it cannot be compared between two runs, and it says nothing about the health of a patient.
"""

from collections.abc import Sequence

import numpy as np

from gan_core import files, inference, losses
from gan_core.config import RunConfig
from gan_core.errors import UserError
from gan_core.inference import Model
from gan_core.runs import Run

_BATCH = 64  # images per call


class Discriminator:
    """The discriminator of a run, for scoring images; made by `discriminator`."""

    def __init__(self, model: Model) -> None:
        self.model = model

    @property
    def config(self) -> RunConfig:
        return self.model.config

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels to score an image under: the classes of a conditional run, or the target domains of a translator;
        empty for other runs.
        """
        return self.model.classes or self.model.targets

    @property
    def boundary(self) -> float:
        """The score above which an image counts as real."""
        return losses.boundary(self.model.family.objective)

    def score(self, images: np.ndarray, labels: str | Sequence[str] | None = None) -> np.ndarray:
        """Return the logits, float32 (N,), of images uint8 (N, H, W, C) of the run's size.

        The discriminator of a BiGAN scores a pair of an image and a latent vector: here always (x, E(x)), for real and
        generated images alike. A translator's score is the mean over the image's patches, from the discriminator of the
        label's domain. A translator trained on pairs scores the image beside its translation into the other domain.

        labels: one label for all images, or one per image; required unless `self.labels` is empty.

        Raises:
            UserError: the image size is wrong, a required label is missing, or the run does not have the label.
        """
        names = [labels] * len(images) if isinstance(labels, str) else list(labels or ())
        if not names and self.labels:
            raise UserError(
                f"run '{self.model.run.name}' scores an image as one of its classes: name one of "
                f"{', '.join(self.labels)}"
            )
        if names and len(names) != len(images):
            raise UserError(f"{len(names)} labels do not fit {len(images)} images: give one label, or one per image")
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
    """Load the discriminator of a run.

    Raises:
        UserError: the run has no discriminator, or its weights are missing, damaged, or do not fit.
    """
    model = inference.load(run, device)
    if not model.family.has_discriminator:
        raise UserError(f"run '{run.name}' was trained without a discriminator: choose another run")
    if not files.is_regular(run.discriminator):
        raise UserError(f"run '{run.name}' has no {run.discriminator.name}: train its preset again to get one")
    found = Discriminator(model)
    size, channels = model.config.image_size, model.config.channels
    # Score one black image, so that damaged weights raise an error here and not at the first use.
    found.score(np.zeros((1, size, size, channels), np.uint8), found.labels[:1])
    return found
