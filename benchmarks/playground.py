"""Whether the playground's experiments show what they claim, for several seeds, and how fast it plays.

    python -m benchmarks.playground [--only collapse ...] [--seeds 5] [--speed]

Each experiment is played as its page plays it, with the same settings but for the seed, and looked at every 5 turns.
The table has each claim, the number of seeds that show it, and the values. `--speed` times frames of two games at once,
each in a process of its own, without a browser.
"""

import argparse
import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from gan_core.playground import players
from gan_core.playground.diagnosis import diagnose
from gan_core.playground.experiments import EXPERIMENTS, HELD
from gan_core.playground.game import Game
from gan_core.playground.settings import Settings
from gan_core.playground.view import View

LOOK = 5  # turns
LAST = 50  # turns at the end of a stretch that a claim is about


@dataclass(frozen=True)
class Stretch:
    """What was seen in the last turns of a stretch of a game. covered: at each look; kinds: of events, at each look."""

    covered: np.ndarray
    accuracy: float
    grad_g: float
    distance: np.ndarray
    precision: float
    true_distance: np.ndarray
    kinds: list[set[str]]

    def share(self, kind: str) -> float:
        """The share of the looks at which something was diagnosed."""
        return sum(kind in kinds for kinds in self.kinds) / len(self.kinds)


@dataclass(frozen=True)
class Claim:
    """words: what is claimed; show: the measured value; holds: of the stretches of one seed."""

    words: str
    show: Callable[[list[Stretch]], str]
    holds: Callable[[list[Stretch]], bool]


def _change(name: str) -> dict[str, Any]:
    """What the page's button of an experiment sets."""
    return dict(EXPERIMENTS[name].change)


# Experiment -> its stretches (turns, what is set before; "anew" begins again), and its claims.
PLAYED: dict[str, tuple[list[tuple[int, dict[str, Any]]], list[Claim]]] = {
    "collapse": (
        [(600, {}), (600, _change("collapse"))],
        [
            Claim("at most 2 of 8 modes after 600 turns", lambda s: _modes(s[0]), lambda s: s[0].covered.max() <= 2),
            Claim(
                "mode collapse is diagnosed",
                lambda s: f"{s[0].share('collapse'):.0%}",
                lambda s: s[0].share("collapse") == 1,
            ),
            Claim(
                f"at least 7 of 8, 600 turns after R1 = {HELD:g}",
                lambda s: _modes(s[1]),
                lambda s: np.median(s[1].covered) >= 7,
            ),
            Claim(
                "and it is diagnosed no more",
                lambda s: f"{s[1].share('collapse'):.0%}",
                lambda s: s[1].share("collapse") == 0,
            ),
        ],
    ),
    "vanishing": (
        [(250, {}), (60, {"anew": True, **_change("vanishing")})],
        [
            Claim(
                "D is right of 99 % of the points", lambda s: f"{s[0].accuracy:.1%}", lambda s: s[0].accuracy >= 0.99
            ),
            Claim(
                "vanishing gradients are diagnosed",
                lambda s: f"{s[0].share('vanishing'):.0%}",
                lambda s: s[0].share("vanishing") >= 0.9,
            ),
            Claim(
                "the non-saturating loss' gradient is 100 times as large",
                lambda s: f"{s[0].grad_g:.1g} against {s[1].grad_g:.2g}",
                lambda s: s[1].grad_g >= 100 * s[0].grad_g,
            ),
        ],
    ),
    "strong": (
        [(300, {}), (700, {"anew": True, **_change("strong")})],
        [
            Claim(
                "D is right of 85 % of the points", lambda s: f"{s[0].accuracy:.1%}", lambda s: s[0].accuracy >= 0.85
            ),
            Claim("at most 4 of 8 modes", lambda s: _modes(s[0]), lambda s: np.median(s[0].covered) <= 4),
            Claim(
                "with one step and rates of 0.001 at least 7",
                lambda s: _modes(s[1]),
                lambda s: np.median(s[1].covered) >= 7,
            ),
        ],
    ),
    "oscillation": (
        [(400, {}), (400, {"anew": True, **_change("oscillation")})],
        [
            Claim(
                "oscillation is diagnosed",
                lambda s: f"{s[0].share('oscillation'):.0%}",
                lambda s: s[0].share("oscillation") >= 0.9,
            ),
            Claim(
                "without momentum it is not",
                lambda s: f"{s[1].share('oscillation'):.0%}",
                lambda s: s[1].share("oscillation") <= 0.1,
            ),
        ],
    ),
    "latent": (
        [(800, {}), (800, {"anew": True, **_change("latent")})],
        [
            Claim("at least 6 of 8 modes", lambda s: _modes(s[0]), lambda s: np.median(s[0].covered) >= 6),
            Claim(
                "with two numbers more points near the data",
                lambda s: f"{s[0].precision:.0%} against {s[1].precision:.0%}",
                lambda s: s[1].precision > s[0].precision,
            ),
        ],
    ),
    "wasserstein": (
        [(600, {})],
        [
            Claim(
                "the estimate falls to a third",
                lambda s: f"{s[0].distance.max():.2g} to {_end(s[0].distance):.2g}",
                lambda s: _end(s[0].distance) <= s[0].distance.max() / 3,
            ),
            Claim(
                "it follows the true distance: correlation above 0.5",
                lambda s: f"{_correlation(s[0]):.2f}",
                lambda s: _correlation(s[0]) > 0.5,
            ),
        ],
    ),
}


def _modes(stretch: Stretch) -> str:
    low, high = int(stretch.covered.min()), int(stretch.covered.max())
    return str(low) if low == high else f"{low} to {high}"


def _end(values: np.ndarray) -> float:
    return float(np.mean(values[-LAST // LOOK :]))


def _correlation(stretch: Stretch) -> float:
    """Of the means of 25 turns, without the first 25, in which the critic knows nothing yet."""
    pairs = [values[5:].reshape(-1, 5).mean(1) for values in (stretch.distance, stretch.true_distance)]
    return float(np.corrcoef(*pairs)[0, 1])


def moved(one: np.ndarray, other: np.ndarray) -> float:
    """The mean way that points (N, 2) must be moved to become the others: the Wasserstein distance of both samples."""
    from scipy.optimize import linear_sum_assignment

    ways = np.linalg.norm(one[:, None] - other[None], axis=2)
    return float(ways[linear_sum_assignment(ways)].mean())


def play(settings: Settings, stretches: list[tuple[int, dict[str, Any]]]) -> Iterator[Stretch]:
    """Play a game, and yield what was seen of each stretch."""
    view = View(Game(settings))
    for turns, changes in stretches:
        given = {name: value for name, value in changes.items() if name != "anew"}
        wanted = replace(view.game.settings, **given)
        if changes.get("anew"):
            view = View(Game(replace(settings, **given)))
        elif given:
            view.game.change(wanted)
        looks, kinds, far = [], [], []
        for turn in range(1, turns + 1):
            view.game.turn()
            if turn % LOOK == 0:
                looks.append(view.note())
                kinds.append({event.kind for event in diagnose(view.history)})
                if settings.objective == "wasserstein":
                    far.append(moved(view.generated(), view.real))
        last = looks[-LAST // LOOK :]
        yield Stretch(
            np.array([look.covered.sum() for look in last]),
            float(np.mean([look.accuracy for look in last])),
            float(np.mean([look.grad_g for look in last])),
            np.array([look.distance for look in looks]),
            float(np.mean([look.precision for look in last])),
            np.array(far),
            kinds[-LAST // LOOK :],
        )


def experiments(names: list[str], seeds: int) -> None:
    print("| experiment | claim | seeds | values |\n| --- | --- | --- | --- |")
    for name in names:
        stretches, claims = PLAYED[name]
        begun = time.perf_counter()
        found = [list(play(replace(EXPERIMENTS[name].settings, seed=seed), stretches)) for seed in range(1, seeds + 1)]
        for claim in claims:
            held = sum(claim.holds(each) for each in found)
            print(f"| {name} | {claim.words} | {held} of {seeds} | {'; '.join(map(claim.show, found))} |", flush=True)
        turns = seeds * sum(length for length, _ in stretches)
        print(f"<!-- {name}: {turns / (time.perf_counter() - begun):.0f} turns a second -->", flush=True)


def speed(viewers: int, seconds: float) -> None:
    """Print how many frames a second each of several viewers gets, one turn a frame."""
    counts = [0] * viewers
    until = math.inf
    ready = threading.Barrier(viewers + 1)

    def watch(number: int) -> None:
        with players.seat() as player:
            player.ask(b'{"begin": {"r1": 1}}')
            player.ask(b'{"turns": 5}')
            ready.wait()
            while time.perf_counter() < until:
                player.ask(b'{"turns": 1}')
                counts[number] += 1

    begun = time.perf_counter()
    threads = [threading.Thread(target=watch, args=(number,)) for number in range(viewers)]
    for thread in threads:
        thread.start()
    ready.wait()
    print(f"start of {viewers} games: {time.perf_counter() - begun:.1f} s")
    until = time.perf_counter() + seconds
    for thread in threads:
        thread.join()
    print(f"{viewers} viewers, frames a second: {', '.join(f'{count / seconds:.0f}' for count in counts)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(PLAYED), default=list(PLAYED))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--speed", action="store_true")
    options = parser.parse_args()
    if options.speed:
        speed(1, 5.0)
        speed(2, 5.0)
        return
    torch.set_num_threads(1)
    experiments(options.only, options.seeds)


if __name__ == "__main__":
    main()
