"""Utility of generated images: a classifier trained on them is tested on real patients.

Train on synthetic, test on real (Esteban 2017, arXiv:1706.02633), beside the same training on real images and on both,
with one recipe, one number of steps and the same seeds. Each report is cached under a digest of everything it depends
on. So the real side is trained once for all runs, and an interrupted evaluation continues where it stopped.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from gan_core import files
from gan_core.config import from_dict, read_json, to_dict
from gan_core.data import Prepared
from gan_core.errors import UserError, nearest
from gan_core.evaluation import classification_report
from gan_core.evaluation.augmentation import jittered
from gan_core.evaluation.classifiers import Residual
from gan_core.evaluation.results import Scores
from gan_core.files import cache_folder
from gan_core.inference.precision import computes_in_bfloat16
from gan_core.training.sampler import Batches, mix

SIZE = 64  # pixels a side of the classifiers' input; other pictures are resized
TRAINING, HELD_OUT = "training images", "held-out patients"
LEAST = 10  # images of each class that a training needs
_GENERATION_STREAM = 11  # mixed into the seeds of generated images
_CACHE_FORMAT = 1  # version of the cached reports
_TEST_BATCH = 128


class Small(Residual):
    """The residual classifier with two thirds of its channels: architecture "resnet"."""

    widths = (16, 32, 64, 96)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) for (N, 1, SIZE, SIZE) in [-1, 1]."""
        return self.head(F.relu(self.depths(x)[-1]).mean((2, 3)))


class VGG(nn.Module):
    """torchvision's VGG-16 with batch norm (Simonyan 2014, arXiv:1409.1556) for one channel: architecture "vgg16_bn".

    Its head takes the 2 x 2 feature maps of a 64 px input; the original head takes 7 x 7.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        from torchvision.models import vgg  # slow to import, and only this architecture needs it

        layers = list(vgg.make_layers(vgg.cfgs["D"], batch_norm=True))
        layers[0] = nn.Conv2d(1, 64, 3, padding=1)
        self.features = nn.Sequential(*layers)
        hidden = (nn.Linear(512 * 2 * 2, 512), nn.ReLU(), nn.Dropout(0.5), nn.Linear(512, 512), nn.ReLU())
        self.head = nn.Sequential(nn.Flatten(), *hidden, nn.Dropout(0.5), nn.Linear(512, classes))
        for values in self.parameters():
            if values.ndim > 1:
                nn.init.kaiming_normal_(values, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) for (N, 1, SIZE, SIZE) in [-1, 1]."""
        return self.head(self.features(x))


@dataclass(frozen=True)
class Recipe:
    """How a classifier is trained: AdamW, a one-cycle learning rate, a loss that weights all classes equally."""

    steps: int
    batch: int
    learning_rate: float
    decay: float = 0.05


ARCHITECTURES: dict[str, type[Small] | type[VGG]] = {"resnet": Small, "vgg16_bn": VGG}
RECIPES = {"resnet": Recipe(960, 32, 2e-3), "vgg16_bn": Recipe(640, 64, 5e-4)}


class Generate(Protocol):
    """Makes pictures uint8 (count, H, W, C) of one class or of any, and names the class of each.

    It is the `generate` of a `picture_source.PictureSource`, which may have fewer than `count`.
    """

    def __call__(self, count: int, *, label: str | None = None, seed: int = 0) -> tuple[np.ndarray, list[str]]: ...


class Labeller(Protocol):
    """Predicts the class of a picture, as a shipped classifier does."""

    @property
    def name(self) -> str: ...

    def chances_of(self, names: Sequence[str], pictures: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class Trained:
    """A trained classifier."""

    network: nn.Module

    def chances(self, pictures: np.ndarray) -> np.ndarray:
        """Return predicted probabilities float64 (N, classes) of pictures uint8 (N, H, W, C); each row sums to 1."""
        found = []
        with torch.inference_mode():
            for start in range(0, len(pictures), _TEST_BATCH):
                x = _to_input(pictures[start : start + _TEST_BATCH]).contiguous(memory_format=torch.channels_last)
                with torch.autocast("cpu", torch.bfloat16, enabled=computes_in_bfloat16()):
                    logits = self.network(x)
                found.append(logits.double().softmax(1).numpy())
        return np.concatenate(found)


def utility(
    prepared: Prepared,
    generate: Generate,
    *,
    architecture: str = "resnet",
    recipe: Recipe | None = None,
    labeller: Labeller | None = None,
    count: int | None = None,
    seeds: Sequence[int] = (0,),
    seed: int = 0,
    note: Callable[[str], object] = lambda line: None,
    progress: Callable[[str], object] = lambda line: None,
) -> list[Scores]:
    """Return reports of classifiers trained on real, synthetic and both, each tested on `TRAINING` and `HELD_OUT`.

    `TRAINING` is the published protocol: it tests on the real images that the generator learned from, which the "real"
    and "both" classifiers have seen too. `HELD_OUT` shows what generated images are worth: it tests on the patients
    of val and test, whom neither the generator nor the classifier has seen.

    Args:
        labeller: labels the pictures of a generator without classes. It learned from real images, so its knowledge of
            the classes enters the result. None: the generator makes each class by name.
        count: number of generated images; None: as many as real ones.
        seeds: one training of each kind for each seed, in this order; `classification_report.over_seeds` averages them.
        seed: seed of the generated images.
        note: receives a sentence if there are fewer generated images than were asked for.

    Raises:
        UserError: the architecture is unknown, a class has too few images on either side, no image is held out, or
            the generator or the labeller does not know a class.
    """
    if architecture not in ARCHITECTURES:
        hint = nearest(architecture, ARCHITECTURES)
        raise UserError(f"no classifier '{architecture}' to train.{hint} There are: {', '.join(ARCHITECTURES)}")
    pictures = np.ascontiguousarray(prepared.images.transpose(0, 2, 3, 1))
    training = prepared.splits == "train"
    real = _TrainingSet("real", pictures[training], prepared.labels[training])
    _check_counts(real.labels, prepared.classes, f"{prepared.source}, split train")
    if training.all():
        raise UserError(f"{prepared.source}: no image is held out of training: prepare it with a split by patient")
    progress(f"generating {count or len(real.labels)} images to learn from")
    made = _generate_training_set(prepared.classes, real.labels, generate, labeller, count, seed)
    if len(made.labels) < (count or len(real.labels)):
        note(f"the classifiers learned from {len(made.labels)} generated images and {len(real.labels)} real ones")
    both = np.concatenate((real.pictures, made.pictures)), np.concatenate((real.labels, made.labels))
    trainer = _ClassifierTraining(
        architecture,
        recipe or RECIPES[architecture],
        prepared.classes,
        {TRAINING: (real.pictures, real.labels), HELD_OUT: (pictures[~training], prepared.labels[~training])},
    )
    found: list[Scores] = []
    for number in seeds:
        for training_set in (real, made, _TrainingSet("both", *both, made.label_source)):
            images = len(training_set.labels)
            progress(f"{architecture} learns from {images} images: {training_set.name}, seed {number}")
            found += trainer.reports(training_set, number)
    return found


def train_classifier(
    pictures: np.ndarray, labels: np.ndarray, classes: int, *, architecture: str, recipe: Recipe, seed: int
) -> Trained:
    """Train on pictures uint8 (N, H, W, C) with labels int64 (N,) below `classes`; keep the global random state.

    The number of steps does not depend on the number of pictures: the more there are, the less often each is seen.

    Raises:
        UserError: the loss is not finite at the end.
    """
    x, truth = _to_input(pictures), torch.from_numpy(labels)
    counts = torch.bincount(truth, minlength=classes).float()
    weights = counts.sum() / (classes * counts.clamp_min(1))
    batches = Batches(labels, min(recipe.batch, len(labels)), seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # for the initial weights and for dropout
        network = ARCHITECTURES[architecture](classes).train().to(memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(network.parameters(), recipe.learning_rate, weight_decay=recipe.decay)
        rate = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, recipe.learning_rate, total_steps=recipe.steps, pct_start=0.2
        )
        for step in tqdm(range(recipe.steps), desc=architecture, unit="step", disable=None):
            index = torch.from_numpy(batches.choose(step))
            batch = jittered(x[index], generator).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=computes_in_bfloat16()):
                logits = network(batch)
            loss = F.cross_entropy(logits.float(), truth[index], weights)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 2.0)
            optimizer.step()
            rate.step()
    if not loss.isfinite():
        raise UserError(f"the training of {architecture} diverged at learning rate {recipe.learning_rate:g}: lower it")
    return Trained(network.eval().requires_grad_(False))


@dataclass(frozen=True, eq=False)
class _TrainingSet:
    """Pictures and labels that a classifier is trained on."""

    name: str  # real, synthetic, both
    pictures: np.ndarray  # uint8 (N, H, W, C)
    labels: np.ndarray  # int64 (N,)
    label_source: str = classification_report.OWN  # where the labels of generated pictures came from


def _generate_training_set(
    classes: Sequence[str],
    real: np.ndarray,
    generate: Generate,
    labeller: Labeller | None,
    count: int | None,
    seed: int,
) -> _TrainingSet:
    """Generate the synthetic training set: classes in the real proportions, or labels from the labeller."""
    if labeller is not None:
        pictures, _ = generate(count or len(real), seed=mix(_GENERATION_STREAM, seed))
        labels = labeller.chances_of(classes, pictures).argmax(1).astype(np.int64)
        _check_counts(labels, classes, f"generated images, named by {labeller.name}")
        return _TrainingSet("synthetic", pictures, labels, f"given by the classifier {labeller.name}")
    counts = np.bincount(real, minlength=len(classes))
    if count is not None:
        counts = np.maximum(1, np.rint(counts * count / len(real))).astype(np.int64)
    _check_counts(np.repeat(np.arange(len(classes)), counts), classes, "generated images")
    parts = [
        generate(int(part), label=name, seed=mix(_GENERATION_STREAM, seed, number))[0]
        for number, (name, part) in enumerate(zip(classes, counts, strict=True))
    ]
    # A folder of pictures may have fewer.
    labels = np.repeat(np.arange(len(classes), dtype=np.int64), [len(part) for part in parts])
    _check_counts(labels, classes, "generated images")
    return _TrainingSet("synthetic", np.concatenate(parts), labels)


def _check_counts(labels: np.ndarray, classes: Sequence[str], where: str) -> None:
    if len(classes) < 2:
        raise UserError(f"{where}: one class only ({', '.join(classes)}): a classifier needs two")
    counts = np.bincount(labels, minlength=len(classes))
    if counts.min() < LEAST:
        name = classes[int(counts.argmin())]
        raise UserError(f"{where}: {counts.min()} of class {name}, and a classifier needs {LEAST} to learn from")


@dataclass(frozen=True)
class _CachedReports:
    reports: tuple[Scores, ...]


@dataclass(frozen=True, eq=False)
class _ClassifierTraining:
    """Trains a classifier on each training set in the same way and tests it on the same images."""

    architecture: str
    recipe: Recipe
    classes: tuple[str, ...]
    tests: dict[str, tuple[np.ndarray, np.ndarray]]

    def reports(self, training_set: _TrainingSet, seed: int) -> tuple[Scores, ...]:
        """Return the report of each test after one training; read them from the cache if they are there."""
        path = cache_folder() / f"utility_{self._key(training_set, seed)}.json"
        if cached := _read_cached(path):
            return cached
        classifier = train_classifier(
            training_set.pictures,
            training_set.labels,
            len(self.classes),
            architecture=self.architecture,
            recipe=self.recipe,
            seed=seed,
        )
        about = {"classifier": self.architecture, "trained": training_set.name, "labels": training_set.label_source}
        found = tuple(
            classification_report.report(truth, classifier.chances(pictures), self.classes, tested=tested, **about)
            for tested, (pictures, truth) in self.tests.items()
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(path, json.dumps(to_dict(_CachedReports(found)), allow_nan=False) + "\n")
        return found

    def _key(self, training_set: _TrainingSet, seed: int) -> str:
        """Return a digest of everything that a report depends on."""
        about = (training_set.name, training_set.label_source)
        settings = (_CACHE_FORMAT, self.architecture, self.recipe, self.classes, seed, *about)
        key = blake2b(repr((*settings, torch.__version__, computes_in_bfloat16())).encode(), digest_size=12)
        for pictures, labels in ((training_set.pictures, training_set.labels), *self.tests.values()):
            key.update(repr(pictures.shape).encode() + pictures.tobytes() + labels.tobytes())
        return key.hexdigest()


def _read_cached(path: Path) -> tuple[Scores, ...]:
    if not path.is_file():
        return ()
    try:
        return from_dict(_CachedReports, read_json(path), str(path)).reports
    except UserError:
        return ()  # incomplete, or written by another version: train again


def _to_input(pictures: np.ndarray) -> Tensor:
    """Convert uint8 (N, H, W, C) to float (N, 1, SIZE, SIZE) in [-1, 1]; antialias larger pictures."""
    grey = torch.from_numpy(pictures.astype(np.float32).mean(3) / 127.5 - 1)[:, None]
    if grey.shape[2:] == (SIZE, SIZE):
        return grey
    return F.interpolate(grey, (SIZE, SIZE), mode="bilinear", align_corners=False, antialias=True)
