"""Objectives: what is known of the loss that generator and discriminator play by, without torch.

The loss functions stand in `gan_core.losses`. A family names its objective, and the run's `config.json` carries the
name. Pages and diagnostics look up here what a loss of that objective means. An objective that is not listed here is
allowed: its losses share no chart with those of another one, and no rule takes a value of them for chance.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Objective:
    """Facts about one objective.

    chance: each player's loss where the discriminator guesses, None where there is no such value. boundary: the logit
    above which a single image is called real, None where a logit has no zero. pairs: the discriminator is asked which
    image of a pair is real, and its accuracy is counted over pairs.
    """

    name: str
    title: str
    chance: float | None = None
    boundary: float | None = None
    pairs: bool = False


_KNOWN = (
    Objective("cross_entropy", "cross entropy", chance=math.log(2), boundary=0.0),  # Goodfellow 2014
    Objective("hinge", "hinge", chance=1.0, boundary=0.0),  # Lim and Ye 2017
    Objective("least_squares", "least squares", chance=0.25, boundary=0.5),  # Mao 2017, labels 1 and 0
    # A logit alone says nothing; families centre the scores that they return for single images (Huang 2024).
    Objective("relativistic", "relativistic", chance=math.log(2), boundary=0.0, pairs=True),
    Objective("wasserstein", "Wasserstein"),  # Arjovsky 2017: a critic's score has neither a zero nor a scale
    Objective("likelihood", "likelihood"),  # Kingma and Welling 2013: no game
)
OBJECTIVES = {objective.name: objective for objective in _KNOWN}


def find(name: str) -> Objective:
    """The objective of that name; one that is not listed is known by its name alone."""
    return OBJECTIVES.get(name) or Objective(name, name.replace("_", " "))
