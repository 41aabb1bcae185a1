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
from gan_core.diagnostics.ailments import AHEAD, EXPLODED
from gan_core.playground.points import REACH

RECENT = 200  # steps that the rules look back
KEPT = 600  # looks that are kept
WARM_UP = 250  # steps before which nothing is called a loss: an untrained generator covers nothing
FEWEST = 8  # looks that a rule needs

LEFT = 0.25  # of the modes: this many may be uncovered by chance
CERTAIN = 0.99  # accuracy of a discriminator that is certain of every point
RIGHT = 0.8  # accuracy of a discriminator that is mostly right: more speed of its own would not help the generator
PASSED = 0.05  # share of the discriminator's slope that a loss passes on: less is no gradient
STRIDE = 5  # steps between the places of the points' centre whose way is measured
TRAVELS = 12.0  # length of that way in RECENT steps: the centre of a balanced game trembles along 3 to 7
FARTHER = 1.15  # factor by which a critic's distance must have changed to be said to fall or rise
NOTHING = 0.005  # a critic's distance below it is within its error, and may be negative

# What to try, where a training on X-rays has other means.
_HOLD_BACK = "a gradient penalty (R1), or fewer steps and a lower rate of the discriminator"
_ADVICE = {
    "collapse": "a gradient penalty (R1), a slower generator or a faster discriminator",
    "saturated": "a gradient penalty (R1), a lower learning rate or fewer steps of the discriminator",
    "vanishing": "the non-saturating loss or least squares, and a gradient penalty (R1)",
    "oscillation": "less momentum (beta1 = 0), lower learning rates, or a gradient penalty (R1)",
    "diverged": "lower learning rates",
}
LOSSES = ("loss_d", "loss_g")
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


@dataclass(frozen=True)
class Look:
    """What was seen of a game at a step. centre: of the generated points, (2,); the numbers: see `game.Scores`.

    waiting: of LOSSES, those of players that have taken no step yet.
    """

    step: int
    covered: np.ndarray
    precision: float
    centre: np.ndarray
    loss_d: float = math.nan
    loss_g: float = math.nan
    accuracy: float = math.nan
    grad_g: float = math.nan
    grad_d: float = math.nan
    passed: float = math.nan
    distance: float = math.nan
    waiting: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Happening:
    """One thing that happens now. kind: of `diagnostics.KINDS`, "covered" or "unreached"; evidence: its numbers."""

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
    farthest: float = 0.0  # a critic's largest estimate of the distance

    def __post_init__(self) -> None:
        self.ever = np.zeros(self.modes, bool)

    def add(self, look: Look) -> None:
        """Add a look; one at the same step replaces the newest."""
        if self.looks and self.looks[-1].step >= look.step:
            self.looks.pop()
        self.looks.append(look)
        self.ever |= look.covered
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
    lost = (name for name in LOSSES if not math.isfinite(getattr(newest, name)))
    if not newest.waiting.issuperset(lost) and newest.step > 1:
        yield _happening("diverged", "A loss is no longer a finite number.", {"step": newest.step})
    elif history.objective != "wasserstein" and (level := _mean(recent, "loss_d")) > EXPLODED * chance:
        words = f"The discriminator's loss is {level:.3g} on average, where guessing gives {chance:.2g}."
        yield _happening("diverged", words, {"loss": level, "chance": chance})


def vanishing(history: History, recent: list[Look]) -> Iterator[Happening]:
    """The discriminator is certain of every point, and the generator's loss passes next to nothing on of its slope."""
    accuracy, norm, passed = (_mean(recent, name) for name in ("accuracy", "grad_g", "passed"))
    if not (accuracy >= CERTAIN and passed < PASSED):
        return
    loss = "saturating loss" if history.objective == "saturating" else "loss"
    yield _happening(
        "vanishing",
        f"The discriminator is certain of every point ({accuracy:.1%} right): the {loss} gives no gradient. On "
        f"average it passes on {passed:.2%} of the discriminator's slope, and leaves a gradient norm of {norm:.1g}.",
        {"accuracy": accuracy, "norm": norm, "passed": passed},
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
    """For the whole of the last steps, more modes of the data were without generated points than may be by chance.

    A generator that never reached a mode has nothing to collapse from: see `unreached`.
    """
    if recent[-1].step < WARM_UP or not history.ever.any():
        return
    covered = np.array([look.covered for look in recent])
    most = int(covered.sum(1).max())
    if history.modes - most <= LEFT * history.modes:
        return
    of_all = f"of {_word(history.modes)} {history.noun}"
    gone = ~covered[-FEWEST:].any(0)
    left, never = int((gone & history.ever).sum()), int((gone & ~history.ever).sum())
    if int(covered.any(0).sum()) > most + 1:
        words = f"The generator covers at most {_word(most)} {of_all} at a time: it leaves each for the next."
    elif left and never:
        words = f"The generator has left {_word(left)} {of_all}, and has never reached {_word(never)}."
    elif left:
        words = f"The generator has left {_word(left)} {of_all}."
    else:
        words = f"The generator has never reached {_word(never)} {of_all}."
    evidence: dict[str, float] = {"most": most, "left": left, "never": never, "modes": history.modes}
    accuracy = _mean(recent, "accuracy")
    if accuracy >= RIGHT:  # a faster discriminator would make it worse
        yield _happening("collapse", words, evidence | {"accuracy": accuracy}, _HOLD_BACK)
    else:
        yield _happening("collapse", words, evidence)


def unreached(history: History, recent: list[Look]) -> Iterator[Happening]:
    """No mode was ever covered."""
    if recent[-1].step < WARM_UP or history.ever.any():
        return
    yield Happening(
        "unreached",
        "The generator has not reached the data yet",
        False,
        f"None of the {_word(history.modes)} {history.noun} has had generated points so far.",
        "",
        {"modes": history.modes},
    )


def oscillation(history: History, recent: list[Look]) -> Iterator[Happening]:
    """The generated points travel through the plane as a whole, and back."""
    if recent[-1].step < WARM_UP:
        return
    centres = [recent[0]]
    for look in recent[1:]:
        if look.step >= centres[-1].step + STRIDE:
            centres.append(look)
    places = np.array([look.centre for look in centres])
    way = float(np.linalg.norm(np.diff(places, axis=0), axis=1).sum())
    steps = centres[-1].step - centres[0].step
    if steps < RECENT / 2 or not way >= TRAVELS * steps / RECENT:
        return
    across = way / (2 * REACH)
    yield _happening(
        "oscillation",
        f"The centre of the points has moved {across:.1f} times the width of the picture in the last {steps} steps: "
        "the players chase each other.",
        {"way": way, "steps": steps},
    )


def distance(history: History, recent: list[Look]) -> Iterator[Happening]:
    """A critic's estimate of the distance to the data has fallen, or grows."""
    if history.objective != "wasserstein" or recent[-1].step < WARM_UP:
        return
    now, best = _mean(recent, "distance"), history.farthest
    if now <= best / FARTHER:
        level = "about 0, less than the critic can tell" if now < NOTHING else f"{now:.2g}"
        yield _happening(
            "critic_follows",
            f"The estimated distance to the data is {level}; it was {best:.2g} at most.",
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


RULES = (diverged, vanishing, far_ahead, collapse, unreached, oscillation, distance)


def _happening(kind: str, sentence: str, evidence: dict[str, float], advice: str = "") -> Happening:
    known = KINDS[kind]
    return Happening(kind, known.title, known.ailment, sentence, advice or _ADVICE.get(kind, ""), evidence)


def _mean(recent: list[Look], name: str) -> float:
    """The mean of a number over the looks that have it; nan if none has."""
    values = [value for look in recent if math.isfinite(value := getattr(look, name))]
    return sum(values) / len(values) if values else math.nan


def _word(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)
