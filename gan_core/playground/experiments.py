"""Prepared experiments: settings that show one thing, with a question. `benchmarks/playground.py` measures each."""

from dataclasses import dataclass

from gan_core.playground.settings import Settings


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    sentences: what is seen, and what to try. answer: to the question. pace: how fast it plays at first, as the page
    names it. manifold: whether the latent grid is drawn at first.
    """

    name: str
    title: str
    sentences: str
    question: str
    answer: str
    settings: Settings
    pace: str = "five"
    manifold: bool = False


COLLAPSED = Settings(lr_d=3e-4, lr_g=3e-3, beta1=0.25)
HELD = 3.0  # weight of R1 that brings the modes back

_KNOWN = (
    Experiment(
        "collapse",
        "Mode collapse",
        "The generator learns ten times as fast as the discriminator, and soon all its points sit on one mode or two. "
        f"Now set the R1 weight to {HELD:g}, without restarting, and watch the modes come back.",
        "Why does a penalty on the discriminator's slope help the generator to cover modes?",
        "Without it the discriminator rises steeply at the one place where the generator sits, and is flat elsewhere: "
        "the generator chases one peak after the other. R1 keeps D's slope at real points small, so that D changes slowly "
        "and gently, every mode stays a hill, and points are drawn to the nearest one.",
        COLLAPSED,
    ),
    Experiment(
        "vanishing",
        "Vanishing gradients",
        "The generator minimises log(1 - D(x)), as in equation 1 of the first paper, against a discriminator that takes "
        "five steps for each of its own. The discriminator becomes certain, the arrows vanish, and nothing moves.",
        "The non-saturating loss has the same fixed point. Why does the generator learn with it?",
        "The gradient of log(1 - D) contains the factor D(x), which is nearly 0 where the discriminator is certain; that "
        "of -log D contains 1 - D(x), which is nearly 1 there. Choose the non-saturating objective and compare.",
        Settings(objective="saturating", d_steps=5, lr_d=5e-3, lr_g=1e-4),
    ),
)
EXPERIMENTS = {experiment.name: experiment for experiment in _KNOWN}

