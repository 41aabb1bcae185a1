"""What the shipped classifiers take a run's pictures for: a second look, and no diagnosis.

    names = fitting(model.config)
    opinion = ask(names[0], model.classes, pictures)

No generator was trained against them. They choose one of the classes, whatever they are shown: noise, too.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from gan_core.config import RunConfig
from gan_core.evaluation import classifier_choice, classifiers
from gan_core.evaluation.classifiers import ROLES, SEES, Card, Classifier

_BATCH = 16  # pictures whose maps stay in a processor's cache


@dataclass(frozen=True)
class Opinion:
    """What one classifier makes of pictures."""

    judge: Card
    names: tuple[str, ...]  # the run's classes
    chances: np.ndarray  # float32 (N, names), each row sums to 1

    @property
    def taken_for(self) -> list[str]:
        """The likeliest class of each picture."""
        return [self.names[place] for place in self.chances.argmax(1)]

    def of(self, name: str) -> np.ndarray:
        """Chances of one class, float32 (N,)."""
        return self.chances[:, self.names.index(name)]


def refusal(run_config: RunConfig) -> str:
    """Why no classifier can be asked about a run's pictures, as a sentence; empty where one can."""
    if run_config.subject not in classifier_choice.subjects():
        return "The classifiers here know chest X-rays alone."
    if run_config.source.startswith("phantom:"):
        return "The classifiers here learned from real X-rays, this run from drawn ones."
    if len(run_config.classes) < 2:
        return "The run has one class: there is nothing to tell apart."
    if not _knowing(run_config):
        return f"No classifier here was taught all of these classes: {', '.join(run_config.classes)}."
    return ""


def fitting(run_config: RunConfig) -> tuple[str, ...]:
    """The classifiers that can be asked about a run's pictures, the one that reports first; () where none can."""
    return () if refusal(run_config) else _knowing(run_config)


def _knowing(run_config: RunConfig) -> tuple[str, ...]:
    """Classifiers that were taught the run's classes: those that fit its data first, of each data set the reporting one
    first.
    """
    known = [
        card
        for card in classifier_choice.cards()
        if card.sees == SEES[0] and classifiers.shipped(card.name).knows(run_config.classes)
    ]
    fits = classifier_choice.match(run_config.source, run_config.fingerprint, run_config.classes)

    def rank(card: Card) -> tuple[bool, int, str, int]:
        return card.fingerprint != fits, -card.train_images, card.fingerprint, ROLES.index(card.role)

    return tuple(card.name for card in sorted(known, key=rank))


def blind(judge: str) -> Card | None:
    """The control that learned from the same pictures without their lungs, if there is one."""
    trained_on = classifiers.shipped(judge).card.fingerprint
    alike = (card for card in classifier_choice.cards() if card.fingerprint == trained_on)
    return next((card for card in alike if card.sees == SEES[2]), None)


def ask(judge: str, names: tuple[str, ...], pictures: np.ndarray) -> Opinion:
    """One classifier's opinion of pictures uint8 (N, H, W, C) as these classes.

    Raises:
        UserError: a class that it does not know.
    """
    classifier = _quick(judge)
    parts = [classifier.chances_of(names, part) for part in np.array_split(pictures, -(-len(pictures) // _BATCH))]
    return Opinion(classifier.card, names, np.concatenate(parts))


@cache
def _quick(name: str) -> Classifier:
    """In the memory layout that convolutions run fastest in; evaluations keep their own, to the bit."""
    found = classifiers.load(classifiers.SHIPPED / f"{name}.safetensors")
    found.network.to(memory_format=torch.channels_last)
    return found
