"""Prepared experiments: settings that show one thing, with a question. `benchmarks/playground.py` measures each."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gan_core.playground.settings import Settings


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    sentences: what is seen, and what to try. answer: to the question. change: the settings of what to try, which one
    button sets and takes back; action: what stands on that button; anew: whether the game then begins again even where
    it could go on. pace: how fast it plays at first, as the page names it. manifold: whether the latent grid is drawn
    at first.
    """

    name: str
    title: str
    sentences: str
    question: str
    answer: str
    settings: Settings
    action: str
    change: Mapping[str, float | str] = field(default_factory=dict)
    anew: bool = False
    pace: str = "five"
    manifold: bool = False


HELD = 5.0  # weight of R1 that brings the modes back

_KNOWN = (
    Experiment(
        "collapse",
        "Mode collapse",
        "The generator learns ten times as fast as the discriminator, and soon all its points sit together and "
        f"wander from mode to mode. Now set the R1 weight to {HELD:g}, without a restart, and watch the modes come "
        "back.",
        "Why does a penalty on the discriminator's slope help the generator to cover all modes?",
        "Without it the discriminator turns against the one place where the points sit, all of them flee to the "
        "next place, and so on. R1 keeps D's slope small at real points: D changes gently and keeps a hill at every"
        " mode, and each point climbs the hill that is nearest to it.",
        Settings(lr_d=3e-4, lr_g=3e-3, beta1=0.25),
        f"Set R1 to {HELD:g}",
        {"r1": HELD},
    ),
    Experiment(
        "vanishing",
        "Vanishing gradients",
        "The generator minimises log(1 - D(x)), equation 1 of the first GAN paper, against a discriminator that "
        "takes five steps for each of its own. D is soon certain of every point, and the arrows disappear: there is"
        " nothing to follow.",
        "Choose the non-saturating objective. D is as certain as before; why are there long arrows now?",
        "The slope of log(1 - s), with s the sigmoid of the logit, is -s: nearly 0 where D is certain that a point "
        "is generated. The slope of -log s is -(1 - s), nearly -1 there. Both have the same optimum, but only the "
        "second shows the way to it.",
        Settings(objective="saturating", d_steps=5, lr_d=1e-2, lr_g=1e-5),
        "Choose the non-saturating objective",
        {"objective": "cross_entropy"},
        pace="one",
    ),
    Experiment(
        "strong",
        "Discriminator too strong",
        "The discriminator takes five steps at a high learning rate for each small step of the generator: it is "
        "nearly always right, and a wall around each clump of points. Set both learning rates to 0.001, D to one "
        "step, and restart (R): the button does all three.",
        "D tells real from generated almost perfectly. Why is that bad for the generator?",
        "Far from its boundary D is flat, and at the boundary it is a cliff: the gradient says nothing about where "
        "the data is, and the points stay at the modes that they met first. In balance D is unsure, and its slopes "
        "reach far.",
        Settings(d_steps=5, lr_d=1e-2, lr_g=1e-4),
        "Restart with one step and rates of 0.001",
        {"d_steps": 1, "lr_d": 1e-3, "lr_g": 1e-3},
        anew=True,
        pace="one",
    ),
    Experiment(
        "oscillation",
        "Oscillation",
        "Both networks learn at a rate of 0.01 with a momentum of 0.8: each step goes too far, and the players "
        "chase each other in circles. Set the momentum to 0, or both rates to 0.001, and it settles.",
        "The losses stay near their chance level while the points jump about. What do losses tell of a GAN's quality?",
        "Little: each loss is measured against the other player, who moves too. Both can stay level while the "
        "points circle, and both can swing while the points improve. Look at the samples, or measure a distance to "
        "the data.",
        Settings(lr_d=1e-2, lr_g=1e-2, beta1=0.8),
        "Set the momentum to 0",
        {"beta1": 0.0},
        pace="one",
    ),
    Experiment(
        "latent",
        "A latent of one number",
        "The latent vector is one number, so that all the generator can draw is one curve through the plane. It "
        "runs through many modes, but between them it has to cross gaps: those points lie where no data is.",
        "Set the latent size to 2. Are there still points between the modes, and why?",
        "Fewer, but yes: the networks are continuous, so that the image of a connected latent space is connected. A"
        " plane can be folded more tightly onto the modes than a line; no latent size can cut it into pieces.",
        Settings(latent_size=1, lr_d=1e-3, lr_g=1e-3, beta1=0.0, r1=0.1),
        "Set the latent size to 2",
        {"latent_size": 2},
        manifold=True,
    ),
    Experiment(
        "wasserstein",
        "Wasserstein distance",
        "The critic's loss is an estimate of how far the generated points are from the data, and it falls while "
        "they come nearer. Compare its curve with the points, and with the losses of the other objectives.",
        "Why can this loss be read as a distance, and the others not?",
        "With its slope held near 1 the best critic's score difference is the least mean way that points must be "
        "moved to become the data. The others say how well D tells the two apart, which is the same for near and "
        "far.",
        Settings(objective="wasserstein", d_steps=3, lr_d=3e-3, lr_g=1e-3, beta1=0.5, penalty=1.0),
        "Play the non-saturating GAN in its place",
        {"objective": "cross_entropy"},
    ),
)
EXPERIMENTS = {experiment.name: experiment for experiment in _KNOWN}
