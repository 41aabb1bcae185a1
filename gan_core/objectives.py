"""Objectives: facts about each loss, without torch.

The loss functions are in `gan_core.losses`. A family names its objective, and the run's `config.json` stores the name.
Pages and diagnostics look up here how to read a loss of that objective. An objective that is not listed is allowed: its
losses share no chart with those of another objective, and no diagnosis compares them with chance level.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Objective:
    """Facts about one objective.

    chance: each player's loss when the discriminator guesses; None if there is no such value.
    boundary: the logit above which a single image is classified real; None if a single logit has no meaning.
    pairs: whether the discriminator decides which image of a pair is real, so that accuracy is counted over pairs.
    """

    name: str
    title: str
    chance: float | None = None
    boundary: float | None = None
    pairs: bool = False


_KNOWN = (
    Objective("cross_entropy", "cross entropy", chance=math.log(2), boundary=0.0),  # Goodfellow 2014
    # Goodfellow 2014, eq. 1: of guessing the players' losses are log 2 and -log 2, so that they share no chance level.
    Objective("saturating", "saturating cross entropy", boundary=0.0),
    Objective("hinge", "hinge", chance=1.0, boundary=0.0),  # Lim and Ye 2017
    Objective("least_squares", "least squares", chance=0.25, boundary=0.5),  # Mao 2017, labels 1 and 0
    # Huang 2024. A single logit has no meaning, so families centre the scores that they return for single images.
    Objective("relativistic", "relativistic", chance=math.log(2), boundary=0.0, pairs=True),
    Objective("wasserstein", "Wasserstein"),  # Arjovsky 2017: a critic's score has neither a zero nor a scale
    Objective("likelihood", "likelihood"),  # Kingma and Welling 2013: not adversarial
    Objective("flow_matching", "flow matching"),  # Lipman 2022: the error of a velocity, not adversarial
)
OBJECTIVES = {objective.name: objective for objective in _KNOWN}


def find(name: str) -> Objective:
    """The objective of that name; for an unlisted name an objective without chance level and boundary."""
    return OBJECTIVES.get(name) or Objective(name, name.replace("_", " "))
