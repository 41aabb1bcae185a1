"""Every figure that was designed for, measured: median and spread of several rounds, and what has moved.

    python -m benchmarks [epochs] [cyclegan] [translate] [app] [compare] [--rounds 5] [--save]

Each round measures all of it once, and a yardstick before and after each part: work that none of our code touches.
Times are compared with the stored ones in yardsticks, so that a slower or busier machine moves nothing by itself; a
figure has moved where its rounds differ from the stored ones by more than 5 % in the median and by more than chance
(Mann-Whitney, p < 0.05). `--save` stores what was measured. Nothing else should run meanwhile; five rounds take about
ten minutes.
"""

import argparse
import json
import math
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.stats import mannwhitneyu

from benchmarks.figures import FIGURES, Figure, sources, yardstick

BASELINE = Path(__file__).with_name("baseline.json")
LEAST = 0.05  # of a median, below which nothing is said to have moved
CHANCE = 0.05


@dataclass(frozen=True)
class Rounds:
    """A figure's values, one a round in its unit, and the seconds of the yardstick beside each."""

    values: list[float]
    yards: list[float]

    def compared(self, timed: bool) -> np.ndarray:
        """The values as they are compared with others: times in yardsticks."""
        return np.divide(self.values, self.yards) if timed else np.asarray(self.values)


def moved(figure: Figure, now: Rounds, before: Rounds) -> str:
    """What to say of a figure beside its stored rounds."""
    new, old = (rounds.compared(figure.timed) for rounds in (now, before))
    change = float(np.median(new) / np.median(old) - 1)
    if min(len(new), len(old)) < 4:
        return f"{change:+.0%}, too few rounds to tell"
    if abs(change) <= LEAST or mannwhitneyu(new, old).pvalue >= CHANCE:
        return "as before"
    worse = (change > 0) != (figure.unit == "times")
    return f"{change:+.0%}: {'WORSE' if worse else 'better'}"


def line(figure: Figure, now: Rounds, before: Rounds | None) -> str:
    """A row of the table."""
    low, middle, high = np.percentile(now.values, (0, 50, 100))
    met = figure.met(float(middle))
    word = {None: "", True: "met", False: "MISSED"}[met]
    aim = "" if figure.aim is None else f"{figure.aim:g}"
    news = moved(figure, now, before) if before else "not stored"
    digits = 2 if high < 10 else 1 if high < 100 else 0
    middle_, low_, high_ = (f"{value:.{digits}f}" for value in (middle, low, high))
    return f"| {figure.name} | {middle_} {figure.unit} | {low_} to {high_} | {aim} | {word} | {news} |"


def load(path: Path) -> dict[str, Rounds]:
    """The stored rounds by figure; empty where nothing was stored."""
    if not path.is_file():
        return {}
    stored = json.loads(path.read_text(encoding="utf-8"))
    return {name: Rounds(**rounds) for name, rounds in stored["figures"].items()}


def save(path: Path, found: dict[str, Rounds]) -> None:
    """Store these rounds beside those of the figures that were not measured now."""
    figures = {**load(path), **found}
    listed = {name: {"values": _short(r.values), "yards": _short(r.yards)} for name, r in figures.items()}
    machine = f"{torch.get_num_threads()} threads, {platform.machine()}, torch {torch.__version__}"
    path.write_text(json.dumps({"machine": machine, "figures": listed}, indent=1) + "\n", encoding="utf-8")


def _short(values: list[float]) -> list[float]:
    return [float(f"{value:.4g}") for value in values]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    with sources() as parts:
        parser.add_argument("parts", metavar="PART", nargs="*", help=f"of {', '.join(parts)} (default: all)")
        parser.add_argument("--rounds", type=int, default=5)
        parser.add_argument("--baseline", type=Path, default=BASELINE, metavar="FILE")
        parser.add_argument("--save", action="store_true", help="store what was measured as the baseline")
        options = parser.parse_args()
        if unknown := set(options.parts) - set(parts):
            parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
        if options.rounds < 1:
            parser.error("--rounds must be at least 1")
        found: dict[str, Rounds] = {}
        yardstick()  # the first one pays for set-up
        for number in range(options.rounds):
            for name in options.parts or parts:
                before = yardstick()
                measured = parts[name]()
                yard = (before + yardstick()) / 2
                for what, value in measured.items():
                    if not math.isfinite(value):
                        sys.exit(f"{what}: nothing was measured, the machine was too slow or too busy")
                    rounds = found.setdefault(what, Rounds([], []))
                    rounds.values.append(value)
                    rounds.yards.append(yard)
                print(f"round {number + 1} of {options.rounds}: {name}", file=sys.stderr, flush=True)
    stored = load(options.baseline)
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, {options.rounds} rounds")
    print("| what | median | lowest to highest | aim | | beside the stored rounds |")
    print("| --- | --- | --- | --- | --- | --- |")
    for figure in FIGURES:
        if figure.name in found:
            print(line(figure, found[figure.name], stored.get(figure.name)))
    if options.save:
        save(options.baseline, found)


if __name__ == "__main__":
    main()
