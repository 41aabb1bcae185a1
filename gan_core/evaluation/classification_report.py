"""A classifier's report from its predictions: scikit-learn's numbers, with zero or None where they are undefined."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from sklearn import metrics

from gan_core.errors import UserError
from gan_core.evaluation.results import OWN, Measure, Scores

AVERAGED = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "roc_auc")


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation of one number over trainings that differ only in their seed."""

    mean: float
    deviation: float | None  # sample standard deviation (n - 1); None for one training
    count: int


def report(
    truth: np.ndarray,
    chances: np.ndarray,
    classes: Sequence[str],
    *,
    classifier: str,
    trained: str,
    tested: str,
    labels: str = OWN,
) -> Scores:
    """Return the scores of predicted probabilities `chances` (N, classes) for true classes `truth` (N,), class indices.

    Of two classes, the last is the positive one. Of more, precision, recall and F1 are averages over the classes. A
    class that is never predicted has precision 0, and a class without images has recall 0, without a warning.

    Precision is the share of positive predictions that are right; recall is the share of positive images that are
    found. Do not compare by name with the work that this follows: it reached a recall of 92.62 % and a precision of
    99.12 %, as its accuracy of 93.90 % shows, and prints each under the other's name.

    Raises:
        UserError: there are no images, only one class, or probabilities that are not finite or have the wrong shape.
    """
    count = len(truth)
    if count == 0:
        raise UserError(f"{tested}: there are no images to test a classifier on")
    if len(classes) < 2:
        raise UserError(f"a classifier needs two classes, found {len(classes)}: {', '.join(classes)}")
    if chances.shape != (count, len(classes)):
        raise UserError(f"probabilities of shape {chances.shape} do not fit {count} images of {len(classes)} classes")
    if not np.isfinite(chances).all():
        raise UserError(f"classifier {classifier}: probabilities are not finite: its training diverged, train it again")
    numbers = range(len(classes))
    answers = chances.argmax(1)
    confusion = metrics.confusion_matrix(truth, answers, labels=list(numbers))
    per_class = metrics.precision_recall_fscore_support(truth, answers, labels=list(numbers), zero_division=0)
    by_class = {
        name: {
            "precision": float(per_class[0][number]),
            "recall": float(per_class[1][number]),
            "f1": float(per_class[2][number]),
            "support": float(per_class[3][number]),
        }
        for number, name in enumerate(classes)
    }
    precision, recall, f1 = (float(values[-1] if len(classes) == 2 else values.mean()) for values in per_class[:3])
    present = confusion.sum(1) > 0
    return Scores(
        classifier=classifier,
        trained=trained,
        tested=tested,
        images=count,
        classes=tuple(classes),
        confusion=tuple(tuple(int(cell) for cell in row) for row in confusion),
        accuracy=share(int(confusion.trace()), count),
        balanced_accuracy=float(per_class[1][present].mean()),
        precision=precision,
        recall=recall,
        f1=f1,
        roc_auc=_roc_auc(truth, chances.astype(np.float64), present),
        by_class=by_class,
        labels=labels,
    )


def share(hits: int, count: int) -> Measure:
    """Return a share with its 95 % interval (Wilson 1927), which treats the images as independent."""
    assert 0 <= hits <= count and count > 0
    interval = stats.binomtest(hits, count).proportion_ci(0.95, "wilson")
    return Measure(hits / count, float(interval.low), float(interval.high), count=count)


def over_seeds(reports: Iterable[Scores]) -> dict[tuple[str, str, str], dict[str, Spread]]:
    """Map (classifier, trained, tested) to the `AVERAGED` numbers over seeds; skip a number that one training lacks."""
    groups: dict[tuple[str, str, str], list[Scores]] = {}
    for one in reports:
        groups.setdefault((one.classifier, one.trained, one.tested), []).append(one)
    return {key: _spreads(group) for key, group in groups.items()}


def _spreads(group: Sequence[Scores]) -> dict[str, Spread]:
    found = {}
    for name in AVERAGED:
        values = [one.accuracy.value if name == "accuracy" else getattr(one, name) for one in group]
        if None not in values:
            deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
            found[name] = Spread(float(np.mean(values)), deviation, len(values))
    return found


def _roc_auc(truth: np.ndarray, chances: np.ndarray, present: np.ndarray) -> float | None:
    """Return the ROC AUC, for more than two classes the mean one-vs-rest AUC; None if a class has no images."""
    if not present.all():
        return None
    if chances.shape[1] == 2:
        return float(metrics.roc_auc_score(truth == 1, chances[:, 1]))
    return float(np.mean([metrics.roc_auc_score(truth == one, chances[:, one]) for one in range(chances.shape[1])]))
