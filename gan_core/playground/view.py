"""What is drawn of a game: points, the discriminator's map, the generator's arrows, the latent grid, and numbers."""

import json
import math
import struct
from dataclasses import asdict

import numpy as np
import torch

from gan_core import losses, objectives
from gan_core.playground.diagnosis import LOSSES, History, Look, diagnose
from gan_core.playground.game import Game
from gan_core.playground.points import REACH
from gan_core.playground.settings import Settings

SHOWN = 400  # real points, and generated ones
ARROWS = 120  # generated points with an arrow
CELLS = 48  # of the map, on each side
LATENT_REACH = 2.0  # standard deviations: where the latent grid ends
LATENT_LINE, LATENT_SIDE = 161, 17  # points of the grid: of one latent number, of each of the first two
SCALE = 4096  # int16: coordinates in [-8, 8]


class View:
    """Looks at one game. It draws no random numbers of the game's, so that who looks changes nothing."""

    def __init__(self, game: Game) -> None:
        self.game = game
        settings = game.settings
        rng = np.random.default_rng(settings.seed + 1)
        self.real = game.points.draw(SHOWN, rng)
        self._z = torch.from_numpy(rng.standard_normal((SHOWN, settings.latent_size), np.float32))
        self._grid = torch.from_numpy(latent_grid(settings.latent_size))
        centres = (np.arange(CELLS, dtype=np.float32) + 0.5) / CELLS * 2 * REACH - REACH
        self._cells = torch.from_numpy(np.stack(np.meshgrid(centres, centres[::-1]), 2).reshape(-1, 2))
        self._real = torch.from_numpy(self.real)
        self.history = History(settings.objective, game.points.noun, len(game.points.modes))

    def first(self) -> bytes:
        """The frame of a game that begins: what stays, and what moves."""
        modes = self.game.points.modes
        facts = {"noun": self.game.points.noun, "near": self.game.points.near}
        facts["settings"] = asdict(self.game.settings)
        return self._frame(facts, {"real": coordinates(self.real), "modes": coordinates(modes)})

    def frame(self) -> bytes:
        """The frame of the game as it stands."""
        return self._frame({}, {})

    def generated(self) -> np.ndarray:
        """The shown generated points, float32 (SHOWN, 2)."""
        with torch.no_grad():
            return self.game.generator(self._z).numpy()

    def note(self, points: np.ndarray | None = None) -> Look:
        """Add the game as it stands to the history, and return what was noted; points: `generated`, where known."""
        points = self.generated() if points is None else points
        covered = self.game.points.covered(points)
        look = Look(
            self.game.step,
            covered,
            self.game.points.precision(points),
            points.mean(0),
            **asdict(self.game.newest()),
            waiting=frozenset(LOSSES) - self.game.scores.keys(),
        )
        self.history.add(look)
        return look

    def _frame(self, facts: dict[str, object], more: dict[str, np.ndarray]) -> bytes:
        points = self.generated()
        look = self.note(points)
        with torch.no_grad():
            manifold = self.game.generator(self._grid).numpy()
            logits, real_logits = self.game.judge(self._cells), self.game.judge(self._real)
        values = heat(logits.numpy(), real_logits.numpy(), self.game.settings)
        arrays = {
            "generated": coordinates(points),
            "arrows": coordinates(self.arrows(points[:ARROWS])),
            "manifold": coordinates(manifold),
            "heat": values,
            **more,
        }
        numbers = {name: finite(value) for name, value in asdict(self.game.newest()).items()}
        events = [asdict(event) for event in diagnose(self.history)]
        facts = {
            "step": look.step,
            "numbers": numbers,
            "covered": [bool(one) for one in look.covered],
            "near_data": round(look.precision, 3),
            "events": events,
            **facts,
        }
        return packed(facts, arrays)

    def arrows(self, points: np.ndarray) -> np.ndarray:
        """Minus the gradient of each generated point's own loss at the point, (N, 2): where the generator is pulled."""
        places = torch.from_numpy(points).requires_grad_()
        logits = self.game.judge(places)
        if self.game.settings.objective == "relativistic":
            real = self.game.judge(self._real[: len(points)]).detach()
            loss = losses.relativistic(logits, real)
        else:
            loss = losses.generator(logits, self.game.settings.objective)
        (gradient,) = torch.autograd.grad(loss * len(points), places)
        return -gradient.numpy()


def latent_grid(size: int) -> np.ndarray:
    """Latent vectors float32 (N, size): a line of the one number, or a grid of the first two, the others 0."""
    if size == 1:
        return np.linspace(-LATENT_REACH, LATENT_REACH, LATENT_LINE, dtype=np.float32)[:, None]
    side = np.linspace(-LATENT_REACH, LATENT_REACH, LATENT_SIDE, dtype=np.float32)
    found = np.zeros((LATENT_SIDE**2, size), np.float32)
    found[:, :2] = np.stack(np.meshgrid(side, side), 2).reshape(-1, 2)
    return found


def heat(logits: np.ndarray, real: np.ndarray, settings: Settings) -> np.ndarray:
    """How real the discriminator finds each cell, uint8: 0 generated, 255 real, 128 undecided.

    logits: of the cells; real: of real points. Where a logit has a boundary, 128 is the boundary. A critic's or a
    relativistic logit has none: then 255 is the score of the data, and the lowest score of the map is 0.
    """
    known = objectives.find(settings.objective)
    if settings.objective in ("cross_entropy", "saturating"):
        share = 0.5 + 0.5 * np.tanh(logits / 2)  # the sigmoid, without overflow
    elif known.boundary is not None and not known.pairs:
        half = 1.0 if settings.objective == "hinge" else 0.5  # from the boundary to the label of a real point
        share = 0.5 + (logits - known.boundary) / half / 2
    else:
        low, high = float(logits.min()), float(np.median(real))
        share = (logits - low) / max(high - low, 1e-6)
    return np.round(255 * np.clip(np.nan_to_num(share, nan=0.5), 0, 1)).astype(np.uint8)


def coordinates(points: np.ndarray) -> np.ndarray:
    """Coordinates as int16, in units of 1 / SCALE."""
    limit = 32767 / SCALE
    return np.round(np.clip(np.nan_to_num(points), -limit, limit) * SCALE).astype("<i2")


def finite(value: float) -> float | None:
    return float(f"{value:.5g}") if math.isfinite(value) else None


def packed(facts: dict[str, object], arrays: dict[str, np.ndarray]) -> bytes:
    """A frame: the length of a JSON header as uint32, the header, then the arrays that it names, in order."""
    named = [[name, array.dtype.itemsize, array.size] for name, array in arrays.items()]
    header = json.dumps({**facts, "arrays": named}).encode()
    header += b" " * (-len(header) % 4)  # typed arrays of a browser begin at multiples of their size
    contents = [array.tobytes() for array in arrays.values()]
    return (
        struct.pack("<I", len(header))
        + header
        + b"".join(content + b"\0" * (-len(content) % 4) for content in contents)
    )
