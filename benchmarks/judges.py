"""Answers of every shipped classifier about the pictures of a source, to tell a judge of disease from one of hospitals.

    python -m benchmarks.judges --data SOURCE [--held-out] [--weights FILE ...]

For each class and each classifier: the share of the pictures that it calls normal, with a 95 % interval (Wilson).
Pictures of proven infection in which nothing can be seen come from the hospitals of the sick: a judge of disease calls
them normal, a judge of hospitals does not. `--held-out` leaves out the train part, which classifiers may have learned.
Classifiers that need the lungs omit the pictures in which they are not found.
"""

import argparse
from pathlib import Path

import numpy as np

from gan_core import data
from gan_core.anatomy import lungs
from gan_core.evaluation import classification_report, classifiers
from gan_core.evaluation.classifiers import LUNGS_ALONE, OUTSIDE_LUNGS, SIZE, Classifier

HEALTHY = "normal"


def called_healthy(judge: Classifier, pictures: np.ndarray, masks: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return whether a classifier calls each picture normal, bool; masks of the lungs, and whether they were found."""
    if judge.sees in (OUTSIDE_LUNGS, LUNGS_ALONE):
        pictures, masks = pictures[found], masks[found]
    return judge.chances(pictures, masks).argmax(1) == judge.classes.index(HEALTHY)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--held-out", action="store_true", help="only the pictures of val and test")
    parser.add_argument("--weights", type=Path, nargs="*", help="files of classifiers, in place of the shipped ones")
    options = parser.parse_args()
    prepared = data.prepare(options.data, size=SIZE)
    judges = [classifiers.load(path) for path in options.weights or []]
    judges = judges or [classifiers.shipped(name) for name in classifiers.names()]
    for label, name in enumerate(prepared.classes):
        chosen = prepared.labels == label
        if options.held_out:
            chosen &= prepared.splits != "train"
        pictures = prepared.images[chosen].transpose(0, 2, 3, 1)
        patients = {patient for patient, own in zip(prepared.patients, chosen, strict=True) if own}
        print(f"{name}: {len(pictures)} pictures of {len(patients)} patients, called {HEALTHY} by")
        if not len(pictures):
            continue
        masks = lungs.find(pictures, visible=True)
        found = np.array([not lungs.sane(mask) for mask in masks])
        for judge in judges:
            calls = called_healthy(judge, pictures, masks, found)
            share = classification_report.share(int(calls.sum()), len(calls))
            interval = f"{share.low:.0%} to {share.high:.0%}"
            count = f"{calls.sum():4} of {len(calls):4}"
            print(f"  {judge.name:14} {count}  {share.value:4.0%} ({interval}), sees {judge.sees}")


if __name__ == "__main__":
    main()
