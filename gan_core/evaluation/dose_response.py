"""Dose and response of a graded translator: the same pictures and patterns at several severities."""

from collections.abc import Sequence

import numpy as np

from gan_core.evaluation import classification_report, lung_changes
from gan_core.evaluation.classifiers import CONTROLS
from gan_core.evaluation.ground_truth import average
from gan_core.evaluation.judges import Judge
from gan_core.evaluation.lung_changes import LungPictures
from gan_core.evaluation.results import Dose, Measure
from gan_core.evaluation.sides import Painter

SEVERITIES = (0.0, 0.25, 0.5, 0.7, 1.0)
MEANINGS = {
    "painted": "mean opacity of the lungs that was painted, share of air lost",
    "signed inside": lung_changes.MEANINGS["signed inside"],
    "opaque": lung_changes.MEANINGS["opaque"],
    "opaque area": lung_changes.MEANINGS["opaque area"],
    "input at 0": "share of the pictures that severity 0 leaves as they are, to the bit",
    "never darker": "share of the pictures in which no pixel gets darker from one severity to the next",
}
CHANCE = "chance "  # and a classifier's name: the mean probability that it gives to the target


def doses(
    painter: Painter, before: LungPictures, source: str, target: str, judges: Sequence[Judge]
) -> tuple[tuple[Dose, ...], dict[str, Measure]]:
    """Return what each of SEVERITIES gives, and the shares of pictures `input at 0` and `never darker`.

    judges: all but the controls are asked.
    """
    found, pictures = [], []
    for severity in SEVERITIES:
        made, maps = painter.paint(before.pictures, target, severity=severity)
        after = before.of(made)
        inside = [float(one[mask].mean()) for one, mask in zip(maps, before.masks, strict=True)]
        changed = lung_changes.changed(before, after)
        measures = {"painted": average(inside, before.patients)}
        measures |= {name: changed[name] for name in ("signed inside", "opaque", "opaque area") if name in changed}
        for judge in judges:
            if judge.classifier.sees not in CONTROLS:
                chances = 1 - judge.chances(source, made, before.masks)[:, 0]
                measures[CHANCE + judge.classifier.name] = average(chances, before.patients)
        found.append(Dose(severity, measures))
        pictures.append(made)
    return tuple(found), _grading(before.pictures, np.stack(pictures))


def _grading(before: np.ndarray, pictures: np.ndarray) -> dict[str, Measure]:
    """pictures: uint8 (severities, K, S, S, C)."""
    count = len(before)
    same = np.all((pictures[0] == before).reshape(count, -1), 1)
    grows = np.all((np.diff(pictures.astype(np.int16), axis=0) >= 0).swapaxes(0, 1).reshape(count, -1), 1)
    return {
        "input at 0": classification_report.share(int(same.sum()), count),
        "never darker": classification_report.share(int(grows.sum()), count),
    }
