"""Predictions of the shipped classifiers for a run's pictures: a second look, and no diagnosis.

    names = fitting(model.config)
    opinion = ask(names[0], model.classes, pictures)

No generator was trained against these classifiers. They choose one of the classes for any input, noise included.
"""

from dataclasses import dataclass

import numpy as np

from gan_core.config import RunConfig
from gan_core.evaluation import classifier_choice, classifiers
from gan_core.evaluation.classifiers import EVERYTHING, OUTSIDE_LUNGS, ROLES, Card


@dataclass(frozen=True)
class Opinion:
    """One classifier's predictions for pictures."""

    judge: Card
    names: tuple[str, ...]  # the run's classes
    chances: np.ndarray  # predicted probabilities, float32 (N, names); each row sums to 1

    @property
    def taken_for(self) -> list[str]:
        """The most probable class of each picture."""
        return [self.names[place] for place in self.chances.argmax(1)]

    def of(self, name: str) -> np.ndarray:
        """Predicted probability of one class for each picture, float32 (N,)."""
        return self.chances[:, self.names.index(name)]


def refusal(run_config: RunConfig) -> str:
    """Return why no classifier fits a run's pictures, as a sentence; empty if one does."""
    if run_config.subject not in classifier_choice.subjects():
        return "The classifiers here know chest X-rays only."
    if run_config.source.startswith("phantom:"):
        return "The classifiers here learned from real X-rays; this run learned from drawn ones."
    if len(run_config.classes) < 2:
        return "The run has one class: there is nothing to classify."
    if not _classifiers_for(run_config):
        return f"No classifier here knows all of these classes: {', '.join(run_config.classes)}."
    return ""


def fitting(run_config: RunConfig) -> tuple[str, ...]:
    """Return the names of the classifiers that fit a run's pictures, the reporting one first; () if none fits."""
    return () if refusal(run_config) else _classifiers_for(run_config)


def _classifiers_for(run_config: RunConfig) -> tuple[str, ...]:
    """Return the classifiers that know the run's classes: those trained on the run's data come first, and of each data
    set the reporting classifier comes first.
    """
    known = [
        card
        for card in classifier_choice.cards()
        if card.sees == EVERYTHING and classifiers.shipped(card.name).knows(run_config.classes)
    ]
    fits = classifier_choice.match(run_config.source, run_config.fingerprint, run_config.classes)

    def rank(card: Card) -> tuple[bool, int, str, int]:
        return card.fingerprint != fits, -card.train_images, card.fingerprint, ROLES.index(card.role)

    return tuple(card.name for card in sorted(known, key=rank))


def blind(judge: str) -> Card | None:
    """Return the control classifier trained on the same data with the lungs hidden; None if there is none."""
    trained_on = classifiers.shipped(judge).card.fingerprint
    alike = (card for card in classifier_choice.cards() if card.fingerprint == trained_on)
    return next((card for card in alike if card.sees == OUTSIDE_LUNGS), None)


def ask(judge: str, names: tuple[str, ...], pictures: np.ndarray) -> Opinion:
    """Return one classifier's predictions among the classes `names` for pictures uint8 (N, H, W, C).

    Raises:
        UserError: the classifier does not know a class.
    """
    classifier = classifiers.shipped(judge)
    return Opinion(classifier.card, names, classifier.chances_of(names, pictures))
