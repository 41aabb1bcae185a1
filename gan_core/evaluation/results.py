"""What `evaluate` measured, as a run's evaluation.json keeps it: plain values with counts, floors and intervals.

Read by the app, so without torch. Measures are named by the keys of `MEASURES`; shares are between 0 and 1, differences
of pictures in shares of the grey scale.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gan_core import files
from gan_core.config import from_dict, read_json, to_dict
from gan_core.errors import UserError

FORMAT = 2  # 1: without training and progress
OWN = "the run's own classes"  # where the labels of generated images came from, if not from a classifier


@dataclass(frozen=True)
class Measure:
    """One number with what is needed to judge it."""

    value: float
    low: float | None = None  # 95 % interval
    high: float | None = None
    floor: float | None = None  # the same of real images against real ones, as if they were as many
    count: int | None = None  # images, pairs or draws that it rests on


@dataclass(frozen=True)
class Fidelity:
    """How generated images lie to real ones, in one extractor's features."""

    extractor: str
    features: int
    generated: int
    real: int
    measures: dict[str, Measure]


@dataclass(frozen=True)
class Scores:
    """A classifier's report: trained on `trained`, tested on `tested`; of two classes the last is the positive one."""

    classifier: str
    trained: str  # real, synthetic, both
    tested: str  # training images, held-out patients
    images: int  # tested
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]  # rows: true class, columns: answers
    accuracy: Measure
    balanced_accuracy: float
    precision: float  # of two classes: of the positive one; of more: macro average. So are recall and F1
    recall: float
    f1: float
    roc_auc: float | None
    by_class: dict[str, dict[str, float]]  # precision, recall, f1, support
    labels: str = OWN  # where the synthetic images' labels came from
    seed: int = 0  # of the training


@dataclass(frozen=True)
class Memorisation:
    """How near generated images come to training images, beside how near held-out real images do."""

    generated: int
    held_out: int
    training: int
    space: dict[str, "Nearness"]  # pixels, features
    verdict: str  # "copies", "suspicious", "no sign of copying", "cannot tell"
    reason: str  # a sentence


@dataclass(frozen=True)
class Nearness:
    """Distances to the nearest training image, in one space."""

    generated_median: float
    held_out_median: float
    # A picture stands out by the distance to its nearest training image over that to its tenth nearest.
    share_nearer: Measure  # of generated images that stand out more than all but 1 % of held-out ones; its floor: 0.01
    p_value: float  # that so many of those that stand out most are generated ones (hypergeometric)
    examples: tuple["Neighbour", ...] = ()


@dataclass(frozen=True)
class Neighbour:
    """A generated image and its nearest training image, which may be shown only where the data is."""

    generated: int  # number of the image: `generate` with the evaluation's seed draws it again
    training: str  # file name in the source
    distance: float


@dataclass(frozen=True)
class Flip:
    """Whether a classifier changes its mind about translated images."""

    classifier: str
    sees: str  # everything, outside the central box, outside the lungs
    held_out_accuracy: float  # on real images
    flipped: Measure  # of the images that it called source before, the share that it calls target after translation
    confidence_before: float  # mean chance that it gives the target domain
    confidence_after: float


@dataclass(frozen=True)
class Direction:
    """The audit of one direction of a translator."""

    source: str
    target: str
    images: int
    flips: tuple[Flip, ...]
    change: dict[str, Measure]  # mean absolute change: all, inside lungs, outside lungs
    cycle: dict[str, Measure]  # mean absolute error: from 8 bits, after noise
    distance: dict[str, Measure]  # frechet and kid of translated to target; its floor: real to real
    untranslated: dict[str, Measure]  # the same of untranslated to target
    truth: dict[str, Measure] = field(default_factory=dict)  # phantoms, pairs: error, ssim, psnr; floor: doing nothing
    extractor: str = ""  # of the features that distances are measured in
    features: int = 0


@dataclass(frozen=True)
class ProgressPoint:
    """How far a run had come at one of its previews."""

    epoch: int
    step: int
    images: int  # seen so far, each as often as it was seen
    seconds: float  # trained so far, by the run's own clock
    measures: dict[str, Measure]  # frechet, kid; their floor is the same at every epoch


@dataclass(frozen=True)
class Progress:
    """Time to quality: the same latents of every snapshot against the same real images."""

    extractor: str
    features: int
    generated: int
    real: int
    stands: tuple[ProgressPoint, ...]  # by epoch


@dataclass(frozen=True)
class Training:
    """What the weights cost."""

    seed: int  # of the training, where `Evaluation.seed` is of what was measured
    images: int  # seen
    seconds: float
    recipe: str  # `RunConfig.recipe`


@dataclass(frozen=True)
class Evaluation:
    """Everything that `evaluate` found out about one run."""

    run: str
    preset: str
    epoch: int
    weights: str  # digest of weights.safetensors: tells whether the run was trained on since
    source: str
    fingerprint: str  # of the data that it was measured against
    counts: dict[str, dict[str, int]]  # images by split and class
    seed: int
    fidelity: dict[str, Fidelity] = field(default_factory=dict)  # "all", and each class
    second_opinion: dict[str, Fidelity] = field(default_factory=dict)  # "all", by another extractor
    utility: tuple[Scores, ...] = ()
    memorisation: Memorisation | None = None
    audit: tuple[Direction, ...] = ()
    progress: Progress | None = None
    training: Training | None = None
    notes: tuple[str, ...] = ()  # what could not be measured and why, a sentence each
    seconds: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT


def write(path: Path, found: Evaluation) -> None:
    """Replace the file as a whole. Raises UserError: no space, no permission."""
    files.write_text(path, json.dumps(to_dict(found), indent=1, allow_nan=False) + "\n")


def read(path: Path) -> Evaluation:
    """Raises UserError: missing, damaged, or written by a newer version."""
    values = read_json(path)
    version = values.get("format") if isinstance(values, dict) else None
    if isinstance(version, int) and version > FORMAT:
        raise UserError(f"{path} was written by a newer GANray (format {version}, this one reads {FORMAT}): update it")
    return from_dict(Evaluation, values, str(path))


def shareable(path: Path) -> bytes:
    """An evaluation's file without the names of training images, which may be those of patients.

    Raises:
        UserError: missing, damaged, or written by a newer version.
    """
    return json.dumps(_nameless(to_dict(read(path))), indent=1, allow_nan=False).encode()


def _nameless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "" if key == "training" and isinstance(one, str) else _nameless(one) for key, one in value.items()}
    return [_nameless(one) for one in value] if isinstance(value, list | tuple) else value


# Key -> what it is called, whether more is better, and two sentences for who sees it for the first time.
MEASURES: dict[str, tuple[str, bool, str]] = {
    "frechet": (
        "Frechet distance",
        False,
        "How far the cloud of generated images lies from the cloud of real ones in a classifier's features, both taken "
        "for Gaussian (Heusel 2017). Its size depends on the features and on the number of images: compare it with "
        "its floor, never with another paper's.",
    ),
    "kid": (
        "KID",
        False,
        "The same question without the Gaussian assumption: a polynomial kernel compares the clouds (Binkowski 2018). "
        "It is unbiased for few images, so that a perfect generator scores around zero.",
    ),
    "precision": (
        "Precision",
        True,
        "The share of generated images that lie where real ones are (Kynkaanniemi 2019). High precision with low "
        "recall is a generator that draws a few things well.",
    ),
    "recall": (
        "Recall",
        True,
        "The share of real images that lie where generated ones are (Kynkaanniemi 2019). It falls when the generator "
        "forgets kinds of patients.",
    ),
    "density": (
        "Density",
        True,
        "Precision that counts how many real neighbourhoods a generated image lies in, so that one outlier does not "
        "open a wide field (Naeem 2020). It may pass 1 where images crowd in the middle.",
    ),
    "coverage": (
        "Coverage",
        True,
        "The share of real images with a generated one near by (Naeem 2020). Like recall, but an outlier among the "
        "generated images cannot raise it.",
    ),
    "ms_ssim": (
        "MS-SSIM among themselves",
        False,
        "How alike two generated images are on average (Odena 2017). Above what real images score, the generator "
        "repeats itself.",
    ),
}
