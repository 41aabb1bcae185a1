"""What a user should know of a data set before trusting a number: short lines with counts.

`prepare` collects them; a run keeps them. Names of files and patients stand at the end of a line, behind a colon or
"for example": `config.nameless` cuts them off there, where a line goes elsewhere.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

FEW_IMAGES = 10  # a class with fewer is a handful
_PATIENT_CLASSES = 3  # classes at least that are taken for patients where each has a PatientID of its own
_SHOWN = 120  # characters of the names in a line, beyond which only the first is shown
UNLIKE = 2.0  # images whose side differs from the median by more than this factor are counted


def few_names(names: Sequence[str]) -> str:
    """Return the first three names, or only the first where three are longer than a line, and dots for the others."""
    first = names[:3] if sum(map(len, names[:3])) <= _SHOWN else names[:1]
    return ", ".join([*first, *(["..."] if len(names) > len(first) else [])])


def small_classes(labels: Sequence[str]) -> list[str]:
    """Return a line about the classes with a handful of images: one line for all of them, however many there are."""
    few = [(name, count) for name, count in sorted(Counter(labels).items()) if count < FEW_IMAGES]
    if len(few) > 1:
        return [f"{len(few)} classes have fewer than {FEW_IMAGES} images each: {few_names([name for name, _ in few])}"]
    return [f"class '{name}' has only {count} {'image' if count == 1 else 'images'}" for name, count in few]


def patient_classes(labels: Sequence[str], headers: Sequence[str]) -> list[str]:
    """Return a line where DICOM headers name one patient for each class: folders of patients were taken for classes.

    Two classes are no sign of it: an anonymised data set may have one PatientID for each of them.

    Args:
        labels: the class of each image.
        headers: PatientID of each image that is a DICOM file, else "".
    """
    pairs = set(zip(labels, headers, strict=True))
    classes = len(set(labels))
    if classes < _PATIENT_CLASSES or "" in headers or len(pairs) > classes or len(set(headers)) < classes:
        return []
    return [
        f"each of the {classes} classes has a PatientID of its own, so they may be patients: 'classes:NAME=FOLDER' "
        "trains on all folders below FOLDER as one class"
    ]


def untrained_classes(labels: Sequence[str], splits: Sequence[str]) -> list[str]:
    """Return a line for each class that has images, but none in the training part: no network learns it."""
    trained = {label for label, part in zip(labels, splits, strict=True) if part == "train"}
    return [
        f"class '{name}' has no image in train, so no network can learn it" for name in sorted(set(labels) - trained)
    ]


def one_patient_classes(labels: Sequence[str], patients: Sequence[str]) -> list[str]:
    """Return a line for each class of several images that all show one patient."""
    classes: dict[str, list[str]] = {}
    for label, patient in zip(labels, patients, strict=True):
        classes.setdefault(label, []).append(patient)
    return [
        f"all {len(own)} images of class '{name}' show one patient, so this class cannot be divided"
        for name, own in sorted(classes.items())
        if len(classes) > 1 and len(own) > 1 and len(set(own)) == 1
    ]


def further_frames(names: Sequence[str], frames: Sequence[int]) -> list[str]:
    """Return a line about files of several frames or pages, of which only the first is used."""
    several = [(name, count) for name, count in zip(names, frames, strict=True) if count > 1]
    if not several:
        return []
    left = sum(count - 1 for _, count in several)
    name, count = several[0]
    files = "1 file holds" if len(several) == 1 else f"{len(several)} files hold"
    return [f"{files} several frames; the first of each is used and {left} are left out: {name} ({count} frames)"]


def mixed_sizes(shapes: np.ndarray, size: int, fit: str) -> list[str]:
    """Return lines about images that are enlarged, and about images of very different sizes.

    Args:
        shapes: height and width of the images before preparation, pixels, int (N, 2).
        size: side of the prepared images, pixels.
        fit: how they are made square, see `arrays.resize`: the shorter side fills a crop, the longer one a pad.
    """
    sides = shapes.min(axis=1) if fit == "crop" else shapes.max(axis=1)
    side = "shorter side" if fit == "crop" else "longer side"
    small = int(np.sum(sides < size))
    found = [f"{small} of {len(sides)} images are smaller than {size} pixels and are enlarged"] if small else []
    middle = float(np.median(sides))
    unlike = int(np.sum((sides > UNLIKE * middle) | (sides * UNLIKE < middle)))
    if unlike:
        found.append(
            f"{unlike} of {len(sides)} images are more than twice or less than half as large as the others: "
            f"their {side} is {sides.min()} to {sides.max()} pixels, the median {middle:g}"
        )
    return found
