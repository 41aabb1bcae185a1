"""Translators of drawn chests whose behaviour is known: the perfect one, the idle one, and those made of a function."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gan_core.data import Prepared
from gan_core.phantoms.chest import xray

SOURCE = "phantom:cxr?images=240&seed=4"
DOMAINS = ("normal", "covid")


@dataclass(frozen=True)
class Made:
    """A translator made of two functions, uint8 (N, S, S, 1) -> the same, by the domain that they go to."""

    ways: dict[str, Callable[[np.ndarray], np.ndarray]]
    domains: tuple[str, ...] = DOMAINS
    graded: bool = False

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(name for name in self.domains if name in self.ways)

    def translate(self, pictures: np.ndarray, to: str) -> np.ndarray:
        return self.ways[to](pictures)


def both(way: Callable[[np.ndarray], np.ndarray], domains: tuple[str, ...] = DOMAINS) -> Made:
    return Made(dict.fromkeys(domains, way), domains)


IDLE = both(lambda pictures: pictures)


class Bodies:
    """The held-out bodies, found again by their pictures."""

    def __init__(self, prepared: Prepared) -> None:
        held = np.flatnonzero((prepared.splits != "train") & np.isin(prepared.labels, (1, 2)))
        seeds = [4 * 1_000_000 + int(Path(prepared.names[i]).stem.rpartition("_")[2]) for i in held]
        self.drawn = [xray.draw("covid", seed, 64) for seed in seeds]
        self.pictures = np.stack([levels(body.image) for body in self.drawn] + [levels(b.healthy) for b in self.drawn])

    def of(self, pictures: np.ndarray) -> list[xray.Phantom]:
        """The body that each picture is nearest to: noise does not hide it."""
        far = [np.abs(self.pictures.astype(np.int16) - picture).mean((1, 2, 3)) for picture in pictures]
        return [self.drawn[int(distances.argmin()) % len(self.drawn)] for distances in far]

    def lungs(self, pictures: np.ndarray) -> np.ndarray:
        return np.stack([body.lungs for body in self.of(pictures)])

    def translator(self) -> Made:
        return Made(
            {
                "covid": lambda pictures: np.stack([levels(body.image) for body in self.of(pictures)]),
                "normal": lambda pictures: np.stack([levels(body.healthy) for body in self.of(pictures)]),
            }
        )


def levels(picture: np.ndarray) -> np.ndarray:
    return np.rint(picture * 255).astype(np.uint8)[..., None]
