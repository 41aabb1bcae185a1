"""What a user should know of a data set before trusting a number: short lines with counts.

`prepare` collects them; a run keeps them. Names of files and patients stand at the end of a line, behind a colon or
"for example": `config.nameless` cuts them off there, where a line goes elsewhere.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

FEW_IMAGES = 10  # a class with fewer is a handful
UNLIKE = 2.0  # images whose side differs from the median by more than this factor are counted


def small_classes(labels: Sequence[str]) -> list[str]:
    """Return a line for each class with a handful of images."""
    return [
        f"class '{name}' has only {count} {'image' if count == 1 else 'images'}"
        for name, count in sorted(Counter(labels).items())
        if count < FEW_IMAGES
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
