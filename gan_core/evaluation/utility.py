"""What generated images are good for: a classifier that learned from them is tested on real patients.

Train on synthetic, test on real (Esteban 2017, arXiv:1706.02633), beside the same training on real images and on both:
one recipe, one number of steps, the same seeds. What a training reached is kept in the cache folder under all that it
depends on, so that the real side is trained once for all runs and a long evaluation goes on where it was stopped.
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
from gan_core.training.sampler import Batches, mix

SIZE = 64  # pixels a side that the classifiers see; other pictures are resized
TRAINING, HELD_OUT = "training images", "held-out patients"
LEAST = 10  # images of each class, below which there is nothing to learn from
_DRAWN = 11  # the stream of randomness that generated images come from
_KEPT = 1  # number of the layout of kept reports
_TEST_BATCH = 128


class Small(Residual):
    """The residual classifier with two thirds of its channels: architecture "resnet"."""

    widths = (16, 32, 64, 96)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, SIZE, SIZE) in [-1, 1] -> logits (N, classes)."""
        return self.head(F.relu(self.depths(x)[-1]).mean((2, 3)))


class VGG(nn.Module):
    """Sixteen layers with batch norm (Simonyan 2014, arXiv:1409.1556), torchvision's, for one channel: "vgg16_bn".

    Its head fits the 2 x 2 maps that 64 pixels come down to; the original one is made for 7 x 7.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        from torchvision.models import vgg  # slow to import, and needed by this architecture alone

        layers = list(vgg.make_layers(vgg.cfgs["D"], batch_norm=True))
        layers[0] = nn.Conv2d(1, 64, 3, padding=1)
        self.features = nn.Sequential(*layers)
        hidden = (nn.Linear(512 * 2 * 2, 512), nn.ReLU(), nn.Dropout(0.5), nn.Linear(512, 512), nn.ReLU())
        self.head = nn.Sequential(nn.Flatten(), *hidden, nn.Dropout(0.5), nn.Linear(512, classes))
        for values in self.parameters():
            if values.ndim > 1:
                nn.init.kaiming_normal_(values, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, SIZE, SIZE) in [-1, 1] -> logits (N, classes)."""
        return self.head(self.features(x))


@dataclass(frozen=True)
class Recipe:
    """How a classifier is trained: AdamW, one cycle of the learning rate, classes weighted alike."""

    steps: int
    batch: int
    learning_rate: float
    decay: float = 0.05


ARCHITECTURES: dict[str, type[Small] | type[VGG]] = {"resnet": Small, "vgg16_bn": VGG}
RECIPES = {"resnet": Recipe(960, 32, 2e-3), "vgg16_bn": Recipe(640, 64, 5e-4)}


class Generate(Protocol):
    """Pictures uint8 (count, H, W, C) of one class, or of any, and the class of each; as `Model.generate`."""

    def __call__(self, count: int, *, label: str | None = None, seed: int = 0) -> tuple[np.ndarray, list[str]]: ...


class Labeller(Protocol):
    """Says which class a picture belongs to; as a shipped classifier."""

    @property
    def name(self) -> str: ...

    def chances_of(self, names: Sequence[str], pictures: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class Trained:
    """A trained classifier."""

    network: nn.Module

    def chances(self, pictures: np.ndarray) -> np.ndarray:
        """float64 (N, classes) of pictures uint8 (N, H, W, C), each row sums to 1."""
        found = []
        with torch.inference_mode():
            for start in range(0, len(pictures), _TEST_BATCH):
                x = _to_input(pictures[start : start + _TEST_BATCH]).contiguous(memory_format=torch.channels_last)
                with torch.autocast("cpu", torch.bfloat16, enabled=_computes_in_bfloat16()):
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
    progress: Callable[[str], object] = lambda line: None,
) -> list[Scores]:
    """Reports of classifiers trained on real, synthetic and both, each tested on `TRAINING` and `HELD_OUT` images.

    The first is the published protocol: real images that the generator learned from, and which "real" and "both"
    have seen themselves. What generated images are worth shows on the patients of val and test, of whom neither
    generator nor classifier knows anything.

    labeller: names the pictures of a generator without classes. It learned from real images, and what it knows of
    the classes goes into what is measured. None: the generator is asked for each class by name.
    count: generated images; None: as many as real ones. seeds: one training of each kind for each; the reports of
    the first come first, `scores.over_seeds` sums them up. seed: of the generated images.

    Raises:
        UserError: an unknown architecture, too few images of a class on either side, no held-out ones, or a class
            that the generator or the labeller does not know.
    """
    if architecture not in ARCHITECTURES:
        hint = nearest(architecture, ARCHITECTURES)
        raise UserError(f"no classifier '{architecture}' to train.{hint} There are: {', '.join(ARCHITECTURES)}")
    pictures = np.ascontiguousarray(prepared.images.transpose(0, 2, 3, 1))
    training = prepared.splits == "train"
    real = _TrainingSet("real", pictures[training], prepared.labels[training])
    _check(real.labels, prepared.classes, f"{prepared.source}, split train")
    if training.all():
        raise UserError(f"{prepared.source}: no image is held out of training: prepare it with a split by patient")
    progress(f"generating {count or len(real.labels)} images to learn from")
    made = _draw(prepared.classes, real.labels, generate, labeller, count, seed)
    both = np.concatenate((real.pictures, made.pictures)), np.concatenate((real.labels, made.labels))
    school = _ClassifierTraining(
        architecture,
        recipe or RECIPES[architecture],
        prepared.classes,
        {TRAINING: (real.pictures, real.labels), HELD_OUT: (pictures[~training], prepared.labels[~training])},
    )
    found: list[Scores] = []
    for one in seeds:
        for lesson in (real, made, _TrainingSet("both", *both, made.named)):
            progress(f"{architecture} learns from {len(lesson.labels)} images: {lesson.name}, seed {one}")
            found += school.reports(lesson, one)
    return found


def train_classifier(
    pictures: np.ndarray, labels: np.ndarray, classes: int, *, architecture: str, recipe: Recipe, seed: int
) -> Trained:
    """Train on pictures uint8 (N, H, W, C) with labels (N,) below `classes`; the global random state stays.

    The number of steps does not depend on the number of pictures: more of them are seen less often each.

    Raises:
        UserError: the training came apart.
    """
    x, truth = _to_input(pictures), torch.from_numpy(labels)
    counts = torch.bincount(truth, minlength=classes).float()
    weights = counts.sum() / (classes * counts.clamp_min(1))
    batches = Batches(labels, min(recipe.batch, len(labels)), seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # the first weights, and what dropout leaves out
        network = ARCHITECTURES[architecture](classes).train().to(memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(network.parameters(), recipe.learning_rate, weight_decay=recipe.decay)
        rate = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, recipe.learning_rate, total_steps=recipe.steps, pct_start=0.2
        )
        for step in tqdm(range(recipe.steps), desc=architecture, unit="step", disable=None):
            index = torch.from_numpy(batches.choose(step))
            batch = jittered(x[index], generator).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=_computes_in_bfloat16()):
                logits = network(batch)
            loss = F.cross_entropy(logits.float(), truth[index], weights)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 2.0)
            optimizer.step()
            rate.step()
    if not loss.isfinite():
        raise UserError(f"the training of {architecture} came apart at a learning rate of {recipe.learning_rate:g}")
    return Trained(network.eval().requires_grad_(False))


@dataclass(frozen=True, eq=False)
class _TrainingSet:
    """What a classifier learns from."""

    name: str  # real, synthetic, both
    pictures: np.ndarray  # uint8 (N, H, W, C)
    labels: np.ndarray  # int64 (N,)
    named: str = classification_report.OWN  # where the labels of generated pictures came from


def _draw(
    classes: Sequence[str],
    real: np.ndarray,
    generate: Generate,
    labeller: Labeller | None,
    count: int | None,
    seed: int,
) -> _TrainingSet:
    """Generated pictures: in the real classes' shares, or as the labeller finds them."""
    if labeller is not None:
        pictures, _ = generate(count or len(real), seed=mix(_DRAWN, seed))
        labels = labeller.chances_of(classes, pictures).argmax(1).astype(np.int64)
        _check(labels, classes, f"generated images, named by {labeller.name}")
        return _TrainingSet("synthetic", pictures, labels, f"given by the classifier {labeller.name}")
    counts = np.bincount(real, minlength=len(classes))
    if count is not None:
        counts = np.maximum(1, np.rint(counts * count / len(real))).astype(np.int64)
    labels = np.repeat(np.arange(len(classes), dtype=np.int64), counts)
    _check(labels, classes, "generated images")
    parts = [
        generate(int(part), label=name, seed=mix(_DRAWN, seed, number))[0]
        for number, (name, part) in enumerate(zip(classes, counts, strict=True))
    ]
    return _TrainingSet("synthetic", np.concatenate(parts), labels)


def _check(labels: np.ndarray, classes: Sequence[str], where: str) -> None:
    if len(classes) < 2:
        raise UserError(f"{where}: one class only ({', '.join(classes)}): there is nothing to tell apart")
    counts = np.bincount(labels, minlength=len(classes))
    if counts.min() < LEAST:
        name = classes[int(counts.argmin())]
        raise UserError(f"{where}: {counts.min()} of class {name}, and a classifier needs {LEAST} to learn from")


@dataclass(frozen=True)
class _CachedReports:
    reports: tuple[Scores, ...]


@dataclass(frozen=True, eq=False)
class _ClassifierTraining:
    """Trains each lesson in the same way, and holds the same tests."""

    architecture: str
    recipe: Recipe
    classes: tuple[str, ...]
    tests: dict[str, tuple[np.ndarray, np.ndarray]]

    def reports(self, lesson: _TrainingSet, seed: int) -> tuple[Scores, ...]:
        """Of each test, after one training; or those that were kept of it."""
        path = cache_folder() / f"utility_{self._key(lesson, seed)}.json"
        if kept := _read(path):
            return kept
        judge = train_classifier(
            lesson.pictures,
            lesson.labels,
            len(self.classes),
            architecture=self.architecture,
            recipe=self.recipe,
            seed=seed,
        )
        about = {"classifier": self.architecture, "trained": lesson.name, "labels": lesson.named}
        found = tuple(
            classification_report.report(truth, judge.chances(pictures), self.classes, tested=tested, **about)
            for tested, (pictures, truth) in self.tests.items()
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(path, json.dumps(to_dict(_CachedReports(found)), allow_nan=False) + "\n")
        return found

    def _key(self, lesson: _TrainingSet, seed: int) -> str:
        """A digest of all that a report depends on."""
        settings = (_KEPT, self.architecture, self.recipe, self.classes, seed, lesson.name, lesson.named)
        key = blake2b(repr((*settings, torch.__version__, _computes_in_bfloat16())).encode(), digest_size=12)
        for pictures, labels in ((lesson.pictures, lesson.labels), *self.tests.values()):
            key.update(repr(pictures.shape).encode() + pictures.tobytes() + labels.tobytes())
        return key.hexdigest()


def _read(path: Path) -> tuple[Scores, ...]:
    if not path.is_file():
        return ()
    try:
        return from_dict(_CachedReports, read_json(path), str(path)).reports
    except UserError:
        return ()  # cut short, or of another version: trained anew


def _to_input(pictures: np.ndarray) -> Tensor:
    """uint8 (N, H, W, C) -> float (N, 1, SIZE, SIZE) in [-1, 1]; larger ones are averaged down, not sampled."""
    grey = torch.from_numpy(pictures.astype(np.float32).mean(3) / 127.5 - 1)[:, None]
    if grey.shape[2:] == (SIZE, SIZE):
        return grey
    return F.interpolate(grey, (SIZE, SIZE), mode="bilinear", align_corners=False, antialias=True)


def _computes_in_bfloat16() -> bool:
    """Whether this processor does; elsewhere autocast would be slower than float32."""
    able = torch.cpu.get_capabilities()
    return any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
