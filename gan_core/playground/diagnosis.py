"""What is happening in a game, in words with numbers: rules over what was seen of its newest steps.

The titles are those of `gan_core.diagnostics`, and so are the thresholds where both measure the same. A training on
X-rays is diagnosed from its tables once they are long; a game is watched, so its rules look at the last steps alone.
"""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from gan_core import objectives
from gan_core.diagnostics import KINDS
from gan_core.diagnostics.ailments import AHEAD, EXPLODED, FAINT

RECENT = 200  # steps that the rules look back
KEPT = 600  # looks that are kept
WARM_UP = 250  # steps before which nothing is called a loss: an untrained generator covers nothing
FEWEST = 8  # looks that a rule needs

LEFT = 0.25  # of the modes: this many may be uncovered by chance
CERTAIN = 0.99  # accuracy of a discriminator that is certain of every point
FAINT_GRADIENT = 1e-3  # norm of the generator's gradient that moves nothing
SWING = 0.25  # of the modes: fewer that come and go are no oscillation
TURNS = 4  # times that coverage turns from falling to rising and back
FARTHER = 1.15  # factor by which a critic's distance must have changed to be said to fall or rise

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


@dataclass(frozen=True)
class Look:
    """What was seen of a game at a step; the numbers are those of `game.Scores`."""

    step: int
    covered: np.ndarray
    precision: float
    loss_d: float = math.nan
    loss_g: float = math.nan
    accuracy: float = math.nan
    grad_g: float = math.nan
    grad_d: float = math.nan
    distance: float = math.nan


@dataclass(frozen=True)
class Happening:
    """One thing that happens now. kind: a key of `diagnostics.KINDS`, or "covered"; evidence: the sentence's numbers."""

    kind: str
    title: str
    ailment: bool
    sentence: str
    advice: str
    evidence: dict[str, float]


@dataclass
class History:
    """The looks at one game, the newest last. modes: how many its data has; noun: what they are called."""

    objective: str
    noun: str
    modes: int
    looks: deque[Look] = field(default_factory=lambda: deque(maxlen=KEPT))
    ever: np.ndarray = field(init=False)
    strongest: float = 0.0  # the generator's largest gradient norm
    farthest: float = 0.0  # a critic's largest estimate of the distance

    def __post_init__(self) -> None:
        self.ever = np.zeros(self.modes, bool)

    def add(self, look: Look) -> None:
        """Add a look; one at the same step replaces the newest."""
        if self.looks and self.looks[-1].step >= look.step:
            self.looks.pop()
        self.looks.append(look)
        self.ever |= look.covered
        if math.isfinite(look.grad_g):
            self.strongest = max(self.strongest, look.grad_g)
        if math.isfinite(look.distance):
            self.farthest = max(self.farthest, look.distance)

    def recent(self, steps: int = RECENT) -> list[Look]:
        """The looks at the last steps."""
        newest = self.looks[-1].step if self.looks else 0
        return [look for look in self.looks if look.step > newest - steps]


def diagnose(history: History) -> list[Happening]:
    """What happens now, the gravest first; empty before there is anything to say."""
    recent = history.recent()
    if len(recent) < FEWEST:
        return []
    found = [event for rule in RULES for event in rule(history, recent)]
    return found if any(event.ailment for event in found) else [*found, *all_covered(history, recent)]


def diverged(history: History, recent: list[Look]) -> Iterator[Happening]:
    """The discriminator's loss explodes, or a loss is no number."""
    newest, chance = recent[-1], objectives.find(history.objective).chance or math.log(2)
    if not math.isfinite(newest.loss_g + newest.loss_d) and newest.step > 1:
        yield _happening("diverged", "A loss is no longer a finite number.", {"step": newest.step})
    elif history.objective != "wasserstein" and (level := _mean(recent, "loss_d")) > EXPLODED * chance:
        words = f"The discriminator's loss is {level:.3g} on average, where guessing gives {chance:.2g}."
        yield _happening("diverged", words, {"loss": level, "chance": chance})


def vanishing(history: History, recent: list[Look]) -> Iterator[Happening]:
    """The discriminator is certain of every point, and the generator's gradient has vanished."""
    accuracy, norm = _mean(recent, "accuracy"), _mean(recent, "grad_g")
    if not accuracy >= CERTAIN or not norm < max(FAINT_GRADIENT, FAINT * history.strongest):
        return
    loss = "saturating loss" if history.objective == "saturating" else "loss"
    yield _happening(
        "vanishing",
        f"The discriminator is certain of every point ({accuracy:.1%} right): the {loss} gives no gradient. "
        f"Its norm is {norm:.1g}; the largest so far was {history.strongest:.2g}.",
        {"accuracy": accuracy, "norm": norm, "strongest": history.strongest},
    )


def far_ahead(history: History, recent: list[Look]) -> Iterator[Happening]:
    """The discriminator has been almost always right for long."""
    accuracy, norm = _mean(recent, "accuracy"), _mean(recent, "grad_g")
    if not accuracy >= AHEAD or recent[-1].step < WARM_UP or any(vanishing(history, recent)):
        return
    yield _happening(
        "saturated",
        f"The discriminator classified {accuracy:.1%} of the points of the last {RECENT} steps correctly; the "
        f"generator's loss is {_mean(recent, 'loss_g'):.2g}.",
        {"accuracy": accuracy, "norm": norm},
    )


def collapse(history: History, recent: list[Look]) -> Iterator[Happening]:
    """For the whole of the last steps, more modes of the data were without generated points than may be by chance."""
    if recent[-1].step < WARM_UP:
        return
    counts = np.array([look.covered.sum() for look in recent])
    if (history.modes - counts).min() <= LEFT * history.modes:
        return
    gone = ~np.any([look.covered for look in recent[-FEWEST:]], axis=0)
    left, never = int((gone & history.ever).sum()), int((gone & ~history.ever).sum())
    if not left and not never:
        return
    of_all = f" of {_word(history.modes)} {history.noun}"
    words = f"The generator has left {_word(left)}{of_all}" if left else f"The generator has never reached {_word(never)}{of_all}"
    if left and never:
        words += f", and has never reached {_word(never)}"
    yield _happening("collapse", f"{words}.", {"left": left, "never": never, "modes": history.modes})


def oscillation(history: History, recent: list[Look]) -> Iterator[Happening]:
    """The generated points move from mode to mode and back."""
    if recent[-1].step < WARM_UP:
        return
    counts = [int(look.covered.sum()) for look in recent]
    turns = _turns(counts, max(2.0, SWING * history.modes))
    if turns < TURNS:
        return
    yield _happening(
        "oscillation",
        f"The points come and go: {_word(min(counts))} to {_word(max(counts))} of {_word(history.modes)} {history.noun} "
        f"were covered in the last {RECENT} steps, up and down {turns // 2} times.",
        {"low": min(counts), "high": max(counts), "turns": turns},
    )


def distance(history: History, recent: list[Look]) -> Iterator[Happening]:
    """A critic's estimate of the distance to the data has fallen, or grows."""
    if history.objective != "wasserstein" or recent[-1].step < WARM_UP:
        return
    now, best = _mean(recent, "distance"), history.farthest
    if now <= best / FARTHER:
        yield _happening(
            "critic_follows",
            f"The estimated distance to the data is {now:.2g}; it was {best:.2g} at most.",
            {"distance": now, "farthest": best},
        )


def all_covered(history: History, recent: list[Look]) -> Iterator[Happening]:
    """Every mode is covered."""
    newest = recent[-1]
    if not newest.covered.all():
        return
    yield Happening(
        "covered",
        f"All {history.noun} covered",
        False,
        f"All {_word(history.modes)} {history.noun} have generated points, and {newest.precision:.0%} of the generated "
        f"points lie near one.",
        "",
        {"modes": history.modes, "near": newest.precision},
    )


RULES = (diverged, vanishing, far_ahead, oscillation, collapse, distance)


def _happening(kind: str, sentence: str, evidence: dict[str, float]) -> Happening:
    known = KINDS[kind]
    return Happening(kind, known.title, known.ailment, sentence, known.advice, evidence)


def _mean(recent: list[Look], name: str) -> float:
    """The mean of a number over the looks that have it; nan if none has."""
    values = [value for look in recent if math.isfinite(value := getattr(look, name))]
    return sum(values) / len(values) if values else math.nan


def _turns(values: list[int], least: float) -> int:
    """How often a series turns after it rose or fell by `least` or more."""
    extreme, rising, turns = values[0], None, 0
    for value in values[1:]:
        if rising is None:
            rising = value > extreme if abs(value - extreme) >= least else None
            extreme = value if rising is not None else extreme
        elif (value > extreme) is rising and value != extreme:
            extreme = value
        elif abs(value - extreme) >= least:
            extreme, rising, turns = value, not rising, turns + 1
    return turns


def _word(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)
