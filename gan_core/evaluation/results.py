"""The contents of a run's evaluation.json: plain values with counts, floors and intervals.

The app reads this module, so it imports no torch. Measures are named by the keys of `MEASURES`. Shares are between 0
and 1; differences of pictures are shares of the grey scale.
"""

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gan_core import files
from gan_core.config import Kept, from_dict, read_json, to_dict
from gan_core.errors import UserError

# 1: without training and progress; 2: an audit without comparison and doses; 3: of a run's own networks, against the
# images that it learned from. Such evaluations are still written as 3, so that older GANrays read them. 4: of
# weights that no preview chose. 5: of snapshots that were measured against the images that the run learned from, as
# its weights were.
FORMAT = 6
_OF_NETWORKS, _OF_LAST_WEIGHTS, _OF_SNAPSHOTS = 3, 4, 5
TRAIN, HELD_OUT, ALL_IMAGES = "train", "held-out", "all"
REFERENCES = (TRAIN, HELD_OUT, "val", "test", ALL_IMAGES)  # the real images that generated ones are compared with
UNKNOWN = "unknown part"  # the reference of snapshots where their file does not tell it
OWN = "the run's own classes"  # source of the labels of generated images, if not a classifier


@dataclass(frozen=True)
class Measure:
    """One number with its 95 % interval, its floor and its count."""

    value: float
    low: float | None = None  # 95 % interval
    high: float | None = None
    floor: float | None = None  # the same for real images against real ones, at the same number of images
    count: int | None = None  # number of images, pairs or draws behind the value


@dataclass(frozen=True)
class Fidelity:
    """Distances between generated and real images in one extractor's features."""

    extractor: str
    features: int
    generated: int
    real: int
    measures: dict[str, Measure]
    reference: str = TRAIN  # which real images: one of `REFERENCES`


@dataclass(frozen=True)
class GeneratedFolder:
    """The folder that the pictures of an evaluation came from, in place of a run's networks; counts are of pictures."""

    folder: str  # its name
    pictures: int
    repeated: int  # equal to another one
    resized: int  # of another size than the prepared real images
    coloured: int


@dataclass(frozen=True)
class Scores:
    """A classifier's report: trained on `trained`, tested on `tested`. Of two classes, the last is the positive one."""

    classifier: str
    trained: str  # real, synthetic, both
    tested: str  # training images, held-out patients
    images: int  # number of tested images
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]  # rows: true class, columns: predicted class
    accuracy: Measure
    balanced_accuracy: float
    precision: float  # two classes: of the positive one; more: macro average. Recall and F1 follow the same rule
    recall: float
    f1: float
    roc_auc: float | None
    by_class: dict[str, dict[str, float]]  # precision, recall, f1, support
    labels: str = OWN  # source of the synthetic images' labels
    seed: int = 0  # of the training


@dataclass(frozen=True)
class Memorisation:
    """How near generated images come to training images, beside held-out real images as the reference."""

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
    # A picture's ratio is the distance to its nearest training image over that to its tenth nearest.
    share_nearer: Measure  # share of generated images with a ratio below the held-out 1 % quantile; floor: 0.01
    p_value: float  # probability of so many generated images among the lowest ratios by chance (hypergeometric)
    examples: tuple["Neighbour", ...] = ()


@dataclass(frozen=True)
class Neighbour:
    """A generated image and its nearest training image; only a machine that holds the data may show the latter."""

    generated: int  # index of the image: `generate` with the evaluation's seed makes it again
    training: str  # file name in the source
    distance: float


@dataclass(frozen=True)
class Flip:
    """How often a classifier's prediction changes when images are translated."""

    classifier: str
    sees: str  # one of `classifiers.SEES`
    held_out_accuracy: float  # on real images
    flipped: Measure  # share of the images predicted as source before translation that are predicted as target after it
    confidence_before: float  # mean predicted probability of the target domain before translation
    confidence_after: float  # the same after translation


# What the pictures of a column are: translated by the audited run, by another run, made without a network, or real ones
# of the source and of the target.
TRANSLATED, BESIDE, CONTROL, SOURCE, TARGET = ROLES = ("translated", "beside", "control", "source", "target")


@dataclass(frozen=True)
class Column:
    """Pictures of one kind in the comparison of a direction: what was painted into their lungs, and who notices."""

    name: str  # of a run, a control, or a domain
    role: str  # one of `ROLES`
    images: int  # those in which lungs were found
    measures: dict[str, Measure] = field(default_factory=dict)  # by key of `lung_changes.MEANINGS`
    flips: tuple[Flip, ...] = ()  # of role `target`: the share of these real pictures that is assigned to the target
    # Feature space -> frechet, kid: neutral lungs, painted at mixed severity, to real ones of the target.
    distance: dict[str, dict[str, Measure]] = field(default_factory=dict)


@dataclass(frozen=True)
class Dose:
    """What a graded translator paints at one severity, into the same pictures with the same patterns."""

    severity: float
    measures: dict[str, Measure]  # by key of `dose_response.MEANINGS`, and "chance CLASSIFIER"


@dataclass(frozen=True)
class Direction:
    """The audit of one direction of a translator."""

    source: str
    target: str
    images: int
    flips: tuple[Flip, ...]
    change: dict[str, Measure]  # mean absolute change: all, inside lungs, outside lungs
    cycle: dict[str, Measure]  # mean absolute error: from 8 bits, after noise, moved by noise, inside lungs
    distance: dict[str, Measure]  # frechet and kid of translated to target; floor: real to real
    untranslated: dict[str, Measure]  # the same of untranslated to target
    truth: dict[str, Measure] = field(default_factory=dict)  # phantoms, pairs: error, ssim, psnr; floor: no translation
    extractor: str = ""  # its features give the distances
    features: int = 0
    adds: bool = True  # whether the target is the domain with more opacity in the lungs
    columns: tuple[Column, ...] = ()  # the lungs of this translator's pictures beside those of controls and real ones
    doses: tuple[Dose, ...] = ()  # of a graded translator, by severity
    grading: dict[str, Measure] = field(default_factory=dict)  # shares of pictures: input at 0, never darker


@dataclass(frozen=True)
class ProgressPoint:
    """The distances of one snapshot and the training that it took."""

    epoch: int
    step: int
    images: int  # seen so far, repeats included
    seconds: float  # training time so far, by the run's own clock
    measures: dict[str, Measure]  # frechet, kid; the floors are the same at every epoch


@dataclass(frozen=True)
class Progress:
    """Time to quality: images of every snapshot from the same latents, against the same real images."""

    extractor: str
    features: int
    generated: int
    real: int
    stands: tuple[ProgressPoint, ...]  # by epoch
    reference: str = TRAIN  # as that of `Fidelity`, or UNKNOWN


@dataclass(frozen=True)
class Training:
    """The whole training of a run, also where its weights are those of an earlier preview: the choice took it all."""

    seed: int  # of the training; `Evaluation.seed` is that of the measurement
    images: int  # seen, repeats included
    seconds: float
    recipe: str  # `RunConfig.recipe`


@dataclass(frozen=True)
class Evaluation:
    """All results of `evaluate` for one run."""

    run: str
    preset: str
    epoch: int  # of the weights
    weights: str  # digest of weights.safetensors, or of a folder's pictures: shows whether they have changed since
    source: str
    fingerprint: str  # of the real data in the measurement
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
    pictures: GeneratedFolder | None = None  # None: the run's networks drew them
    kept: Kept | None = None  # which weights were measured, if previews had a say; None: the last ones
    format: int = _OF_NETWORKS


def real_images(one: Fidelity | Progress) -> str:
    """Return how many real images, and which ones if not those of training: "1,017 real images (held-out)"."""
    return f"{one.real:,} real images{'' if one.reference == TRAIN else f' ({one.reference})'}"


def same_floor(floors: Sequence[float | None]) -> bool:
    """Return whether all floors are one value, or none is known; machines differ in the last digits."""
    return all(
        one == other or (one is not None and other is not None and math.isclose(one, other, rel_tol=1e-6))
        for one, other in itertools.pairwise(floors)
    )


def of_best(found: Evaluation) -> bool:
    """Return whether the weights are those of the best preview, not the last ones."""
    return found.kept is not None and found.kept.which == "best"


def write(path: Path, found: Evaluation) -> None:
    """Write an evaluation, replacing the whole file.

    Raises:
        UserError: there is no space or no permission.
    """
    files.write_text(path, json.dumps(_values(found), indent=1, allow_nan=False) + "\n")


def _values(found: Evaluation) -> dict[str, Any]:
    """Return an evaluation as plain values, in the oldest format that can say it."""
    values = to_dict(found)
    scopes = [*values["fidelity"].values(), *values["second_opinion"].values()]
    if found.progress:
        if not found.progress.reference == _untold(found) == TRAIN:
            values["format"] = FORMAT
            return values
        del values["progress"]["reference"]
    if found.kept is not None:
        values["format"] = _OF_SNAPSHOTS
        return values
    del values["kept"]
    if found.pictures is None and all(one["reference"] == TRAIN for one in scopes):
        del values["pictures"]
        for one in scopes:
            del one["reference"]
        values["format"] = min(found.format, _OF_NETWORKS)
    else:
        values["format"] = _OF_LAST_WEIGHTS
    return values


def _untold(found: Evaluation) -> str:
    """Return the reference of snapshots whose file has none: that of the weights' distances, if it is as large."""
    last = found.fidelity.get("all")
    return last.reference if last and found.progress and last.real == found.progress.real else UNKNOWN


def read(path: Path) -> Evaluation:
    """Read an evaluation.

    Raises:
        UserError: the file is missing, damaged, or written by a newer version.
    """
    values = read_json(path)
    version = values.get("format") if isinstance(values, dict) else None
    if isinstance(version, int) and version > FORMAT:
        raise UserError(f"{path} was written by a newer GANray (format {version}, this one reads {FORMAT}): update it")
    found = from_dict(Evaluation, values, str(path))
    if found.progress and "reference" not in values["progress"]:
        found = replace(found, progress=replace(found.progress, reference=_untold(found)))
    for one in found.utility:
        if {len(one.classes)} != {len(one.confusion), *map(len, one.confusion)}:
            raise UserError(f"{path}: 'confusion' must have a row and a column for each of 'classes'")
    return found


def shareable(path: Path) -> bytes:
    """Return an evaluation's file without the names of training images, which may identify patients.

    Raises:
        UserError: the file is missing, damaged, or written by a newer version.
    """
    return json.dumps(_nameless(_values(read(path))), indent=1, allow_nan=False).encode()


def _nameless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "" if key == "training" and isinstance(one, str) else _nameless(one) for key, one in value.items()}
    return [_nameless(one) for one in value] if isinstance(value, list | tuple) else value


# Key -> title, whether higher is better, and an explanation for first-time readers.
MEASURES: dict[str, tuple[str, bool, str]] = {
    "frechet": (
        "Fréchet distance",
        False,
        "How far the generated images lie from the real ones in a classifier's features, with a Gaussian fitted to "
        "each (Heusel 2017). The value depends on the features and on the number of images: compare it with its floor, "
        "never with another paper's values.",
    ),
    "kid": (
        "KID",
        False,
        "The same question without the Gaussian assumption: the kernel distance, with a polynomial kernel "
        "(Bińkowski 2018). It is unbiased even for few images, so a perfect generator scores about zero.",
    ),
    "precision": (
        "Precision",
        True,
        "The share of generated images that lie within the region of real ones (Kynkäänniemi 2019). High precision "
        "with low recall means that the generator makes good images of a few kinds only.",
    ),
    "recall": (
        "Recall",
        True,
        "The share of real images that lie within the region of generated ones (Kynkäänniemi 2019). It falls when the "
        "generator leaves out some kinds of patients.",
    ),
    "density": (
        "Density",
        True,
        "Like precision, but it counts how many real neighbourhoods contain each generated image, so one real outlier "
        "has little effect (Naeem 2020). It can exceed 1 where images are dense.",
    ),
    "coverage": (
        "Coverage",
        True,
        "The share of real images with a generated image nearby (Naeem 2020). Like recall, but an outlier among the "
        "generated images cannot raise it.",
    ),
    "ms_ssim": (
        "MS-SSIM of pairs",
        False,
        "How similar two generated images are on average (Odena 2017). A value above that of real images means that "
        "the generator repeats itself.",
    ),
}
