"""The distance of a training's previews from real images: what chooses its best weights, and stops it early.

Weights must not be chosen by the very measurement that is then reported: the least of many noisy values looks better
than it is. `evaluate` reports features of `Choice.reports` against training images. So this measures by
`Choice.second`, from latents of its own, and against held-out images where there are enough of them.
"""

import time
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from gan_core import images
from gan_core.config import Kept, RunConfig
from gan_core.data import Prepared
from gan_core.errors import UserError
from gan_core.evaluation import classifier_choice, classifiers, fidelity
from gan_core.evaluation.features import ClassifierFeatures
from gan_core.evaluation.results import MEASURES
from gan_core.metrics import Metric, measured_at_previews

IMAGES = 1000  # generated for each measurement of a Fréchet distance
FEWEST_KID = 100  # generated for a kernel distance, which few real images allow: as many as those, but no fewer
ENOUGH = 500  # held-out images; with fewer, training images are the better reference
MOST = 5000  # real images; of more, these many are chosen at random
_SEED = 20_170_626  # of latents and of the choice of real images: the same in every run
_BATCH = 16  # of the classifier and the generator: small feature maps stay in the processor's cache
_DOUBT = "no shipped classifier was clearly trained on this data"


class Generator(Protocol):
    """What is asked of a family in training."""

    @property
    def latent_size(self) -> int: ...

    @property
    def device(self) -> torch.device: ...

    def sample(self, z: Tensor, labels: Tensor) -> Tensor: ...

    def evaluating(self) -> AbstractContextManager[None]: ...


def seconds(family: Generator, prepared: Prepared | None = None) -> float:
    """Return about how long a measurement takes on this machine, without reading the real images at the first one.

    prepared: the data, which decides about the number of images; None: there will be enough of it.
    """
    name = classifier_choice.extractors()[0]
    extractor = ClassifierFeatures(classifiers.shipped(name))
    chance = torch.Generator().manual_seed(_SEED)
    z = torch.randn(_BATCH, family.latent_size, generator=chance).to(family.device)
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        with family.evaluating():
            pictures = images.to_uint8(family.sample(z, torch.zeros(_BATCH, dtype=torch.long, device=family.device)))
        extractor(pictures.transpose(0, 2, 3, 1))
        times.append(time.perf_counter() - begun)
    size = extractor(pictures[:1].transpose(0, 2, 3, 1)).shape[1]
    return min(times) * (_design(prepared, size)[2] if prepared else IMAGES) / _BATCH


def _design(prepared: Prepared, size: int) -> tuple[np.ndarray, str, int]:
    """Return the indices of the real images, the measure, and the number of images to generate.

    size: of the features. There may be too few real images for either measure.
    """
    training, held_out = prepared.indices("train"), np.flatnonzero(prepared.splits != "train")
    index = held_out if len(held_out) >= max(ENOUGH, size + 1) else training
    chosen = np.sort(np.random.default_rng(_SEED).permutation(index)[:MOST])
    measure = "frechet" if min(len(chosen), IMAGES) > size else "kid"
    return chosen, measure, IMAGES if measure == "frechet" else max(FEWEST_KID, len(chosen))


class PreviewDistance:
    """Measures a generator during its training; see `gan_core.training.best.PreviewDistance`.

    Everything is fixed by the data and the run's latent size, so equal weights have equal distances. The features of
    the real images are computed at the first measurement and stay in memory.
    """

    def __init__(self, run_config: RunConfig, prepared: Prepared) -> None:
        """Raises UserError: there are too few real images."""
        chosen = classifier_choice.choose(prepared.source, prepared.fingerprint, prepared.classes)
        self.extractor = ClassifierFeatures(classifiers.shipped(chosen.second))
        self.note = _DOUBT if chosen.note else ""
        self._prepared = prepared
        training = prepared.indices("train")
        size = self._features(self._pictures(training[:1])).shape[1]
        self._index, self.measured_by, self.images = _design(prepared, size)
        if len(self._index) < fidelity.LEAST:
            raise UserError(f"{len(self._index)} real images are too few to compare: take {fidelity.LEAST} or more")
        self.against = "training" if prepared.splits[self._index[0]] == "train" else "held-out"
        # In the proportions of the training data; the latents of each class are independent of the others'.
        ordered = np.sort(prepared.labels[training])
        self._labels = ordered[np.arange(self.images) * len(ordered) // self.images]
        self._real: np.ndarray | None = None

    @property
    def metric(self) -> Metric:
        """The column of epochs.csv that it fills."""
        meaning = (
            f"{self.images:,} generated against {len(self._index):,} {self.against} images, features of "
            f"{self.extractor.name}; lower: nearer to real images. It chooses the weights and is no result"
        )
        return measured_at_previews(MEASURES[self.measured_by][0], self.against, self.extractor.name, meaning)

    def described(self) -> Kept:
        """Return how it measures, for the run's record."""
        about = Kept("last", 0, self.measured_by, None, self.extractor.name, self.images, self.against)
        return replace(about, note=self.note)

    def measure(self, family: Generator) -> float:
        """Return the distance of images of the averaged generator, whose batch-norm statistics must be current.

        Raises:
            UserError: images or features are not finite, or all images are equal.
        """
        if self._real is None:
            batches = np.array_split(self._index, -(-len(self._index) // _BATCH))
            self._real = np.concatenate([self._features(self._pictures(batch)) for batch in batches])
        made = self._generated(family)
        if self.measured_by == "frechet":
            return fidelity.frechet(self._real, made)
        return fidelity.kid(self._real, made).value

    def _generated(self, family: Generator) -> np.ndarray:
        chance = np.random.default_rng(_SEED)
        found = []
        with family.evaluating():
            for labels in torch.from_numpy(self._labels).split(_BATCH):
                # Drawn batch by batch: a latent may be as large as an image.
                latents = chance.standard_normal((len(labels), family.latent_size)).astype(np.float32)
                pictures = family.sample(torch.from_numpy(latents).to(family.device), labels.to(family.device))
                if not torch.isfinite(pictures).all():
                    raise UserError("the generator draws values that are not finite")
                found.append(self._features(images.to_uint8(pictures).transpose(0, 2, 3, 1)))
        return np.concatenate(found)

    def _pictures(self, index: np.ndarray) -> np.ndarray:
        """Return real images, uint8 (N, H, W, C)."""
        return np.ascontiguousarray(self._prepared.images[index].transpose(0, 2, 3, 1))

    def _features(self, pictures: np.ndarray) -> np.ndarray:
        with torch.autocast("cpu", enabled=False):  # features must not depend on the precision of the training
            return self.extractor(pictures)
