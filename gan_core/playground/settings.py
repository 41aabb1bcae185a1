"""What a visitor can set in the playground, with bounds: the settings arrive from a browser."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gan_core.errors import UserError
from gan_core.playground import points
from gan_core.playground.points import Distribution

# Name in gan_core.objectives -> its title in the playground.
OBJECTIVES = {
    "cross_entropy": "Non-saturating GAN",
    "saturating": "Saturating GAN",
    "least_squares": "Least squares",
    "hinge": "Hinge",
    "wasserstein": "Wasserstein with penalty",
    "relativistic": "Relativistic",
}
DATA = {
    "ring": "Ring of 8 Gaussians",
    "moons": "Two moons",
    "grid": "5 × 5 grid",
    "line": "A line",
    "drawn": "Draw your own",
}


@dataclass(frozen=True)
class Bound:
    """The lowest and the highest value of a setting; whole: whether it is an integer."""

    low: float
    high: float
    whole: bool = False


BOUNDS = {
    "d_steps": Bound(1, 10, whole=True),
    "lr_d": Bound(1e-5, 0.1),
    "lr_g": Bound(1e-5, 0.1),
    "beta1": Bound(0.0, 0.9),
    "r1": Bound(0.0, 10.0),
    "r2": Bound(0.0, 10.0),
    "penalty": Bound(0.0, 20.0),
    "latent_size": Bound(1, 16, whole=True),
    "batch_size": Bound(8, 512, whole=True),
    "width": Bound(8, 128, whole=True),
    "seed": Bound(0, 2**31 - 1, whole=True),
}
# What may change while the networks play; anything else begins anew.
WHILE_PLAYING = frozenset({"d_steps", "lr_d", "lr_g", "r1", "r2", "penalty", "batch_size"})


@dataclass(frozen=True)
class Settings:
    """The rules of one game of two networks.

    Raises:
        UserError: a value is outside its bounds.
    """

    data: str = "ring"
    objective: str = "cross_entropy"
    d_steps: int = 1  # of the discriminator for each step of the generator
    lr_d: float = 1e-3
    lr_g: float = 1e-3
    beta1: float = 0.5  # of Adam; beta2 is 0.999
    r1: float = 0.0  # weight of the gradient penalty at real points ...
    r2: float = 0.0  # ... and at generated ones
    penalty: float = 1.0  # weight of the penalty on the slope of a Wasserstein critic
    latent_size: int = 2
    batch_size: int = 128
    width: int = 64  # of the two hidden layers of both networks
    seed: int = 1
    drawing: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if self.data not in DATA:
            raise UserError(f"data '{self.data}': choose {', '.join(DATA)}")
        if self.objective not in OBJECTIVES:
            raise UserError(f"objective '{self.objective}': choose {', '.join(OBJECTIVES)}")
        for name, bound in BOUNDS.items():
            _check(name, getattr(self, name), bound)
        if self.data == "drawn" and not points.FEWEST <= len(self.drawing) <= points.MOST:
            raise UserError(f"drawing: {points.FEWEST} to {points.MOST} points are needed, not {len(self.drawing)}")
        if any(not abs(number) <= points.REACH for point in self.drawing for number in point):
            raise UserError("drawing: a point lies outside the plane")

    def distribution(self) -> Distribution:
        return points.drawn(self.drawing) if self.data == "drawn" else points.BY_NAME[self.data]()

    def begins_anew(self, other: "Settings") -> bool:
        """Whether a game under the other settings begins anew, or can go on from a game under these."""
        return any(
            getattr(self, field.name) != getattr(other, field.name)
            for field in dataclasses.fields(self)
            if field.name not in WHILE_PLAYING
        )


def read(given: Any) -> Settings:
    """Settings from the JSON of a browser; what is not given has its default.

    Raises:
        UserError: it is no mapping, a name is unknown, or a value has the wrong type or is outside its bounds.
    """
    if not isinstance(given, Mapping):
        raise UserError("settings: a JSON object is needed")
    fields = {field.name: field for field in dataclasses.fields(Settings)}
    if unknown := sorted(str(name) for name in set(given) - set(fields)):
        raise UserError(f"settings: there is no '{unknown[0]}'")
    values: dict[str, Any] = dict(given)
    for name in ("data", "objective"):
        if not isinstance(values.get(name, ""), str):
            raise UserError(f"{name}: a name is needed")
    if "drawing" in values:
        values["drawing"] = _drawing(values["drawing"])
    found = Settings(**values)
    # A browser writes 1.0 as 1, and Adam takes no whole numbers.
    kinds = {name: int if bound.whole else float for name, bound in BOUNDS.items()}
    numbers: dict[str, Any] = {name: kind(getattr(found, name)) for name, kind in kinds.items()}
    return dataclasses.replace(found, **numbers)


def _check(name: str, value: Any, bound: Bound) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    # Comparisons alone: they refuse a value that is no number, and a whole number may be too large for a float.
    if not number or not bound.low <= value <= bound.high or (bound.whole and value != int(value)):
        kind = "a whole number" if bound.whole else "a number"
        raise UserError(f"{name}: {kind} from {bound.low:g} to {bound.high:g} is needed")


def _drawing(given: Any) -> tuple[tuple[float, float], ...]:
    if not isinstance(given, list | tuple) or len(given) > points.MOST:
        raise UserError(f"drawing: a list of at most {points.MOST} points is needed")
    for point in given:
        numbers = (
            isinstance(point, list | tuple) and len(point) == 2 and all(type(one) in (int, float) for one in point)
        )
        if not numbers:
            raise UserError("drawing: a point is a pair of numbers")
        if any(not abs(number) <= points.REACH for number in point):  # before `float`, which not every number fits in
            raise UserError("drawing: a point lies outside the plane")
    return tuple((float(x), float(y)) for x, y in given)
