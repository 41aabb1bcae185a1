"""What can be said of a training: an event, and the words for each kind of it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of event: its name for people, whether it is an ailment, and what one would try."""

    title: str
    ailment: bool
    advice: str = ""


KINDS = {
    "diverged": Kind("Losses explode", True, "lower the learning rate, by ten to begin with"),
    "saturated": Kind(
        "Discriminator far ahead",
        True,
        "hold the discriminator back: a gradient penalty (r1), a lower learning rate or fewer steps for it, "
        "or a smaller network",
    ),
    "fooled": Kind(
        "Discriminator left behind",
        True,
        "give the discriminator more steps or a higher learning rate, or slow the generator down",
    ),
    "vanishing": Kind(
        "Generator's gradients vanish",
        True,
        "use the non-saturating loss or least squares, and hold the discriminator with a gradient penalty (r1)",
    ),
    "collapse": Kind(
        "Mode collapse",
        True,
        "strengthen the discriminator, lower the generator's learning rate, or use larger batches; "
        "take the weights of an earlier epoch",
    ),
    "overfitting": Kind(
        "Discriminator over-fits",
        True,
        "more training images or augmented ones, dropout or a smaller discriminator; stop at an earlier epoch",
    ),
    "oscillation": Kind(
        "Oscillation",
        True,
        "less momentum (beta1 = 0), lower learning rates, a gradient penalty (r1), or an average of the weights",
    ),
    "critic_ahead": Kind(
        "Critic runs ahead",
        True,
        "fewer critic steps for each step of the generator, a lower learning rate for the critic, or a smaller critic",
    ),
    "nothing_learned": Kind(
        "Nothing learned yet",
        True,
        "train for longer, or raise the learning rate",
    ),
    "unchanged": Kind(
        "Pictures come back unchanged",
        True,
        "train for longer, weigh the cycle and the identity less; if the domains do not differ, this is right",
    ),
    "head_start": Kind("Discriminator ahead at first", False),
    "guessing": Kind(
        "Discriminator guesses",
        False,
        "where the samples do not look like the data yet, give the discriminator more steps, or a larger network",
    ),
    "narrow": Kind(
        "Less diverse than the data",
        False,
        "train for longer; where it stays so, see what one would try for a collapse",
    ),
    "critic_follows": Kind("Critic's distance falls", False),
    "balance": Kind("Balance", False),
    "converged": Kind(
        "Settled",
        False,
        "see whether the pictures still get better, which curves do not tell (train with --snapshots, then "
        "evaluate --parts progress): if not, stop here",
    ),
    "nearer": Kind("Curves settled, pictures still get better", False, "train for longer"),
    "nearer_until": Kind("Curves settled, pictures got better after that", False),
    "past_best": Kind(
        "Past its best",
        False,
        "take the generator of that epoch (its snapshot), or train again for as long, or with a stronger average",
    ),
}


@dataclass(frozen=True)
class Event:
    """Something that a training's records show.

    epoch: where it begins; until: where it ends, None if it lasts to the newest row; columns: of metrics.csv and
    epochs.csv, or a measured distance, where it is to be seen; evidence: the numbers that the sentence speaks of.
    """

    kind: str
    epoch: float
    until: float | None
    sentence: str
    evidence: Mapping[str, float]
    columns: tuple[str, ...]

    @property
    def title(self) -> str:
        return KINDS[self.kind].title

    @property
    def when(self) -> str:
        """Its epochs in words."""
        if self.until is None:
            return f"from epoch {self.epoch:.0f}" if self.epoch else "from the start"
        if round(self.until) == round(self.epoch):
            return f"epoch {self.epoch:.0f}"
        return f"epochs {self.epoch:.0f} to {self.until:.0f}"

    @property
    def ailment(self) -> bool:
        return KINDS[self.kind].ailment

    @property
    def advice(self) -> str:
        """What one would try; empty where there is nothing to mend."""
        return KINDS[self.kind].advice
