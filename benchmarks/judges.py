"""Whether the shipped classifiers judge a disease or the hospitals of the sick, by pictures in which nothing is seen.

    python -m benchmarks.judges --data SOURCE --control SOURCE [--weights FILE ...]

The control holds pictures of people with a proven infection in which nothing can be seen: the hospitals of the sick,
without the disease. A judge of the disease calls them normal, a judge of hospitals does not. For the held-out pictures
of each class and for the control, each classifier's line says how many it calls normal, with a 95 % interval (Wilson).
Then come two areas under the curve of its probability of illness, with 95 % intervals of a bootstrap over patients:

    hospital    the control against the normal pictures: 0.5 if hospitals do not matter
    disease     the other classes against the control: 1 if the disease alone matters

Classifiers that need the lungs omit the pictures in which they are not found.
"""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from gan_core import data
from gan_core.anatomy import lungs
from gan_core.data import Prepared
from gan_core.evaluation import classification_report, classifiers
from gan_core.evaluation.classifiers import LUNGS_ALONE, OUTSIDE_LUNGS, SIZE, Classifier

HEALTHY = "normal"
CONTROL = "control"
_DRAWS = 1000


@dataclass(frozen=True)
class Group:
    """Pictures of one kind, uint8 (N, SIZE, SIZE, C), with masks of the lungs and whether these can be right."""

    name: str
    pictures: np.ndarray
    patients: np.ndarray
    masks: np.ndarray
    found: np.ndarray

    @classmethod
    def of(cls, name: str, prepared: Prepared, chosen: np.ndarray) -> "Group":
        pictures = prepared.images[chosen].transpose(0, 2, 3, 1)
        masks = lungs.find(pictures, visible=True)
        found = np.array([not lungs.sane(mask) for mask in masks], bool)
        return cls(name, pictures, np.asarray(prepared.patients)[chosen], masks, found)


@dataclass(frozen=True)
class Answers:
    """What a classifier says of a group: the chance of illness of each picture, and whether it calls it normal."""

    ill: np.ndarray
    normal: np.ndarray
    patients: np.ndarray

    @classmethod
    def of(cls, judge: Classifier, group: Group) -> "Answers":
        needed = judge.sees in (OUTSIDE_LUNGS, LUNGS_ALONE)
        used = group.found if needed else np.ones(len(group.pictures), bool)
        chances = judge.chances(group.pictures[used], group.masks[used])
        healthy = judge.classes.index(HEALTHY)
        return cls(1 - chances[:, healthy], chances.argmax(1) == healthy, group.patients[used])


def apart(well: Answers, ill: Answers) -> tuple[float, float, float]:
    """Return the area under the curve that tells two groups apart, and its 95 % interval over patients."""
    rng = np.random.default_rng(0)
    scores, truth = np.concatenate((well.ill, ill.ill)), np.repeat((0, 1), (len(well.ill), len(ill.ill)))
    drawn = []
    for _ in range(_DRAWS):
        index = np.concatenate((_resampled(well.patients, rng), len(well.ill) + _resampled(ill.patients, rng)))
        drawn.append(roc_auc_score(truth[index], scores[index]))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(roc_auc_score(truth, scores)), float(low), float(high)


def _resampled(patients: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    names, of_names = np.unique(patients, return_inverse=True)
    return np.concatenate([np.flatnonzero(of_names == one) for one in rng.integers(0, len(names), len(names))])


def lines(judge: Classifier, groups: Iterable[Group]) -> Iterable[str]:
    """Yield what there is to say of a classifier; the groups are named by class, and CONTROL."""
    answers = {group.name: Answers.of(judge, group) for group in groups}
    yield f"{judge.name}, sees {judge.sees}"
    for name, given in answers.items():
        share = classification_report.share(int(given.normal.sum()), len(given.normal))
        count = f"{given.normal.sum():4} of {len(given.normal):4}"
        yield f"  {name:8} called normal: {count}, {_interval(share.value, share.low, share.high)}"
    if CONTROL not in answers:
        return
    for name in answers:
        if name == HEALTHY:
            yield f"  hospital: {CONTROL} against {name} {_interval(*apart(answers[name], answers[CONTROL]))}"
        elif name != CONTROL:
            yield f"  disease: {name} against {CONTROL} {_interval(*apart(answers[CONTROL], answers[name]))}"


def _interval(value: float, low: float | None, high: float | None) -> str:
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--control")
    parser.add_argument("--weights", type=Path, nargs="*", help="files of classifiers, in place of the shipped ones")
    options = parser.parse_args()
    prepared = data.prepare(options.data, size=SIZE)
    held = prepared.splits != "train"
    groups = [
        Group.of(name.lower(), prepared, held & (prepared.labels == label))
        for label, name in enumerate(prepared.classes)
    ]
    if options.control:
        control = data.prepare(options.control, size=SIZE)
        groups.append(Group.of(CONTROL, control, np.ones(len(control.labels), bool)))
    judges = [classifiers.load(path) for path in options.weights or []]
    for judge in judges or [classifiers.shipped(name) for name in classifiers.names()]:
        print("\n".join(lines(judge, groups)), flush=True)


if __name__ == "__main__":
    main()
