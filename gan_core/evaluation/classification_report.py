"""A classifier's report from its answers: scikit-learn's numbers where they are defined, zero or None elsewhere."""

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
    """One number of several trainings that differ in nothing but their seed."""

    mean: float
    deviation: float | None  # of a sample (n - 1); None for one training
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
    """Scores of a classifier's chances (N, classes) for pictures of the classes `truth` (N,), indices into `classes`.

    Of two classes the last is the positive one; of more, precision, recall and F1 are averages over the classes. A
    class that is never answered has precision 0, and one that is never there recall 0, without a warning.

    Precision is the share of the positive answers that are right, recall the share of the positive images that are
    found. Beware of comparing by name: the work that this follows reached a recall of 92.62 % and a precision of
    99.12 %, as its accuracy of 93.90 % shows, and prints them under each other's names.

    Raises:
        UserError: no images, one class only, or chances that are not numbers.
    """
    count = len(truth)
    if count == 0:
        raise UserError(f"{tested}: there are no images to test a classifier on")
    if len(classes) < 2:
        raise UserError(f"a classifier needs two classes to tell apart, found {len(classes)}: {', '.join(classes)}")
    if chances.shape != (count, len(classes)):
        raise UserError(f"chances {chances.shape} do not fit {count} images of {len(classes)} classes")
    if not np.isfinite(chances).all():
        raise UserError(f"classifier {classifier}: its chances are not numbers, its training has come apart")
    numbers = range(len(classes))
    answers = chances.argmax(1)
    confusion = metrics.confusion_matrix(truth, answers, labels=list(numbers))
    each = metrics.precision_recall_fscore_support(truth, answers, labels=list(numbers), zero_division=0)
    by_class = {
        name: {
            "precision": float(each[0][number]),
            "recall": float(each[1][number]),
            "f1": float(each[2][number]),
            "support": float(each[3][number]),
        }
        for number, name in enumerate(classes)
    }
    precision, recall, f1 = (
        float(values[-1] if len(classes) == 2 else values.mean()) for values in (each[0], each[1], each[2])
    )
    present = confusion.sum(1) > 0
    return Scores(
        classifier=classifier,
        trained=trained,
        tested=tested,
        images=count,
        classes=tuple(classes),
        confusion=tuple(tuple(int(cell) for cell in row) for row in confusion),
        accuracy=share(int(confusion.trace()), count),
        balanced_accuracy=float(each[1][present].mean()),
        precision=precision,
        recall=recall,
        f1=f1,
        roc_auc=_roc_auc(truth, chances.astype(np.float64), present),
        by_class=by_class,
        labels=labels,
    )


def share(hits: int, count: int) -> Measure:
    """A share with its 95 % interval (Wilson 1927), which takes the images for independent of each other."""
    assert 0 <= hits <= count and count > 0
    reach = stats.binomtest(hits, count).proportion_ci(0.95, "wilson")
    return Measure(hits / count, float(reach.low), float(reach.high), count=count)


def over_seeds(reports: Iterable[Scores]) -> dict[tuple[str, str, str], dict[str, Spread]]:
    """(classifier, trained, tested) -> each of `AVERAGED` over the trainings, but for what one of them lacks."""
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
    """Of more than two classes the mean of each against the rest; None where a class has no images."""
    if not present.all():
        return None
    if chances.shape[1] == 2:
        return float(metrics.roc_auc_score(truth == 1, chances[:, 1]))
    return float(np.mean([metrics.roc_auc_score(truth == one, chances[:, one]) for one in range(chances.shape[1])]))
