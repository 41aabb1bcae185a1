"""Classifiers as judges of a translator: which may judge two domains, and how often a translation convinces them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gan_core.evaluation import classification_report
from gan_core.evaluation.classifiers import GROUPS, LUNGS_ALONE, OUTSIDE_LUNGS, Classifier
from gan_core.evaluation.results import Flip
from gan_core.evaluation.sides import Lungs, Notify, Side

LEAST_RIGHT = 0.6  # share of a domain's real pictures that a classifier recognises at least, or it judges nothing
HALVES = (" half 1", " half 2")  # suffixes of the class names that `audit.write_halves` makes
NEED_LUNGS = (OUTSIDE_LUNGS, LUNGS_ALONE)


@dataclass(frozen=True, eq=False)
class Judge:
    """A classifier that may judge two domains, and what it says of their real pictures."""

    classifier: Classifier
    classes: dict[str, tuple[str, ...]]  # domain -> the classes that it chooses between, the domain first
    before: dict[str, np.ndarray]  # domain -> probabilities (N, classes) of real pictures: all, or those with lungs

    @property
    def needs_lungs(self) -> bool:
        """Whether it judges only pictures whose lungs are found."""
        return self.classifier.sees in NEED_LUNGS

    def chances(self, domain: str, pictures: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
        """Return probabilities (N, classes) for pictures uint8 (N, S, S, C) from a domain, and masks of their lungs."""
        return self.classifier.chances_of(self.classes[domain], pictures, masks if self.needs_lungs else None)

    def flip(self, before: np.ndarray, after: np.ndarray) -> Flip | None:
        """Compare probabilities (N, classes) before and after translation; None if none was right before."""
        correct = before.argmax(1) == 0
        if not correct.any():
            return None
        return Flip(
            classifier=self.classifier.name,
            sees=self.classifier.sees,
            held_out_accuracy=self.classifier.held_out,
            flipped=classification_report.share(int((after[correct].argmax(1) != 0).sum()), int(correct.sum())),
            confidence_before=float(1 - before[:, 0].mean()),
            confidence_after=float(1 - after[:, 0].mean()),
        )

    def recognises(self, chances: np.ndarray) -> Flip:
        """Return how many real pictures of the target, whose probabilities these are, it assigns to the target."""
        right = classification_report.share(int((chances.argmax(1) == 0).sum()), len(chances))
        sure = float(chances[:, 0].mean())
        return Flip(self.classifier.name, self.classifier.sees, self.classifier.held_out, right, sure, sure)


def admitted(
    classifiers: Sequence[Classifier], sides: Sequence[Side], lungs_of: Mapping[str, Lungs | None], note: Notify
) -> list[Judge]:
    """Return those classifiers that may judge."""
    return [judge for one in classifiers if (judge := _judge(one, sides, lungs_of, note))]


def _judge(
    classifier: Classifier, sides: Sequence[Side], lungs_of: Mapping[str, Lungs | None], note: Notify
) -> Judge | None:
    """Return a classifier as a judge; None if it does not qualify.

    It must know the domains and classify these real pictures about as well as its own held-out data: its accuracy there
    says nothing about pictures of another kind, such as phantoms. It must also be right about either domain by itself:
    one that calls most healthy adults ill is right about all ill ones, and judges nothing.
    """
    judge = Judge(classifier, {}, {})
    for side, other in (sides, sides[::-1]):
        names, masked = compared_classes(classifier, side.name, other.name), lungs_of[side.name]
        if not names or (judge.needs_lungs and (masked is None or not masked.kept.any())):
            return None
        judge.classes[side.name] = names
        kept, masks = (masked.kept, masked.masks) if judge.needs_lungs and masked else (slice(None), None)
        judge.before[side.name] = judge.chances(side.name, side.before[kept], masks)
    shares = {name: float((before.argmax(1) == 0).mean()) for name, before in judge.before.items()}
    right = float(np.mean(list(shares.values())))
    if right < (0.5 + classifier.held_out) / 2:
        note(
            f"Classifier {classifier.name} was not used: it is right about {right:.0%} of the real pictures here, and "
            f"about {classifier.held_out:.0%} of the kind that it was trained on."
        )
        return None
    worst = min(shares, key=lambda name: shares[name])
    if shares[worst] < LEAST_RIGHT:
        note(
            f"Classifier {classifier.name} was not used: it is right about {shares[worst]:.0%} of the real pictures of "
            f"{worst}, and a judge must be right about {LEAST_RIGHT:.0%} of either domain."
        )
        return None
    return judge


def compared_classes(classifier: Classifier, source: str, target: str) -> tuple[str, ...]:
    """Return the classes that a classifier chooses between, the source's first; empty if it does not know the domains.

    A classifier does not know the halves of a domain by name. For them it chooses between that domain and all others,
    and a flip is an error of the translator or of the classifier.
    """
    whole = half_of((source, target))
    if whole is None:
        return (source, target) if classifier.knows((source, target)) else ()
    members = GROUPS.get(whole.lower(), (whole.lower(),))
    others = tuple(name for name in classifier.classes if name.lower() not in members)
    return (whole, *others) if others and classifier.knows((whole,)) else ()


def half_of(domains: Sequence[str]) -> str | None:
    """Return the domain whose two halves these are; None if they are not two halves of one domain."""
    wholes = {name.removesuffix(end) for name, end in zip(sorted(domains), HALVES, strict=True) if name.endswith(end)}
    return wholes.pop() if len(wholes) == 1 and len(set(domains)) == 2 else None
