"""Events of a training run, and the title and advice of each kind."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of event: its title, whether it is an ailment, and what to try.

    elsewhere: what to try with a training of another program, where `advice` names what only GANray has.
    """

    title: str
    ailment: bool
    advice: str = ""
    elsewhere: str = ""


KINDS = {
    "diverged": Kind("Losses explode", True, "lower the learning rate, first by a factor of ten"),
    "saturated": Kind(
        "Discriminator far ahead",
        True,
        "hold the discriminator back: add a gradient penalty (r1), lower its learning rate, train it for fewer steps, "
        "or make its network smaller",
    ),
    "fooled": Kind(
        "Discriminator left behind",
        True,
        "give the discriminator more steps or a higher learning rate, or lower the generator's learning rate",
    ),
    "vanishing": Kind(
        "Generator's gradients vanish",
        True,
        "use the non-saturating loss or least squares, and add a gradient penalty (r1) to the discriminator",
    ),
    "collapse": Kind(
        "Mode collapse",
        True,
        "strengthen the discriminator, lower the generator's learning rate, or use larger batches; "
        "use the weights of an earlier epoch",
    ),
    "overfitting": Kind(
        "Discriminator overfits",
        True,
        "use more training images, augmentation, dropout or a smaller discriminator; stop at an earlier epoch",
    ),
    "oscillation": Kind(
        "Oscillation",
        True,
        "use less momentum (beta1 = 0), lower learning rates, a gradient penalty (r1), or a moving average of the "
        "weights (EMA)",
    ),
    "critic_ahead": Kind(
        "Critic runs ahead",
        True,
        "use fewer critic steps for each generator step, a lower learning rate for the critic, or a smaller critic",
    ),
    "nothing_learned": Kind(
        "Nothing learned yet",
        True,
        "train for longer, or raise the learning rate",
    ),
    "unchanged": Kind(
        "Translator returns its input",
        True,
        "train for longer, or lower the weights of the cycle and identity losses; if the domains do not differ, "
        "this is correct",
    ),
    "head_start": Kind("Discriminator ahead at first", False),
    "guessing": Kind(
        "Discriminator guesses",
        False,
        "if the samples do not look like the data yet, give the discriminator more steps or a larger network",
    ),
    "narrow": Kind(
        "Less diverse than the data",
        False,
        "train for longer; if this does not help, try what helps against mode collapse",
    ),
    "critic_follows": Kind("Critic's distance falls", False),
    "balance": Kind("Balance", False),
    "converged": Kind(
        "Converged",
        False,
        "check whether the images still improve, which the curves do not show (train with --snapshots, then "
        "evaluate --parts progress); if they do not, stop here",
        elsewhere="look at the samples: whether they still improve, the curves do not show",
    ),
    "nearer": Kind("Curves converged, images still improve", False, "train for longer"),
    "nearer_until": Kind("Curves converged, images improved afterwards", False),
    "past_best": Kind(
        "Past its best",
        False,
        "use the generator of that epoch (its snapshot), train again up to that epoch, or use a longer moving "
        "average (EMA)",
    ),
    "past_best_kept": Kind("Past its best, which was kept", False),
}


@dataclass(frozen=True)
class Event:
    """One event that the tables of a run show.

    epoch: where it begins. until: where it ends, None if it lasts to the newest row. evidence: the numbers that the
    sentence names. columns: the columns of metrics.csv and epochs.csv, or the measured distance, that show it.
    """

    kind: str
    epoch: float
    until: float | None
    sentence: str
    evidence: Mapping[str, float]
    columns: tuple[str, ...]
    unit: str = "epoch"  # what `epoch` and `until` count: of some runs that GANray did not train, "step"
    foreign: bool = False  # whether it is of a run that GANray did not train

    @property
    def title(self) -> str:
        return KINDS[self.kind].title

    @property
    def when(self) -> str:
        """The epochs in words, for example "epochs 3 to 8"."""
        if self.until is None:
            return f"from {self.unit} {self.epoch:.0f}" if self.epoch else "from the start"
        if round(self.until) == round(self.epoch):
            return f"{self.unit} {self.epoch:.0f}"
        return f"{self.unit}s {self.epoch:.0f} to {self.until:.0f}"

    @property
    def ailment(self) -> bool:
        return KINDS[self.kind].ailment

    @property
    def advice(self) -> str:
        """What to try; empty where nothing needs a remedy."""
        kind = KINDS[self.kind]
        return (self.foreign and kind.elsewhere) or kind.advice
