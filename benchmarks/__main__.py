"""Measures every figure that has a design goal: median and range over several rounds, and what has changed.

    python -m benchmarks [epochs] [cyclegan] [translate] [app] [compare] [--rounds 5] [--save]

Each round measures every part once, and before and after each part a yardstick: a task that uses none of GANray's code.
Times are compared with the stored ones in units of the yardstick, so a slow or busy machine alone changes nothing. A
figure has changed if its median differs from the stored one by more than 5 % and its rounds differ significantly
(Mann-Whitney, p < 0.05). `--save` stores the results. Run nothing else meanwhile; five rounds take about ten minutes.
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
LEAST = 0.05  # smallest relative change of a median that counts
CHANCE = 0.05  # significance level


@dataclass(frozen=True)
class Rounds:
    """A figure's values, one for each round in its unit, and the yardstick's seconds in the same rounds."""

    values: list[float]
    yards: list[float]

    def compared(self, timed: bool) -> np.ndarray:
        """Return the values for comparison: times in units of the yardstick, others unchanged."""
        return np.divide(self.values, self.yards) if timed else np.asarray(self.values)


def moved(figure: Figure, now: Rounds, before: Rounds) -> str:
    """Return the change of a figure against its stored rounds, in words."""
    new, old = (rounds.compared(figure.timed) for rounds in (now, before))
    change = float(np.median(new) / np.median(old) - 1)
    if min(len(new), len(old)) < 4:
        return f"{change:+.0%}, too few rounds to tell"
    if abs(change) <= LEAST or mannwhitneyu(new, old).pvalue >= CHANCE:
        return "as before"
    worse = (change > 0) != (figure.unit == "times")
    return f"{change:+.0%}: {'WORSE' if worse else 'better'}"


def line(figure: Figure, now: Rounds, before: Rounds | None) -> str:
    """Return a row of the table."""
    low, middle, high = np.percentile(now.values, (0, 50, 100))
    met = figure.met(float(middle))
    word = {None: "", True: "met", False: "MISSED"}[met]
    aim = "" if figure.aim is None else f"{figure.aim:g}"
    news = moved(figure, now, before) if before else "not stored"
    digits = 2 if high < 10 else 1 if high < 100 else 0
    middle_, low_, high_ = (f"{value:.{digits}f}" for value in (middle, low, high))
    return f"| {figure.name} | {middle_} {figure.unit} | {low_} to {high_} | {aim} | {word} | {news} |"


def load(path: Path) -> dict[str, Rounds]:
    """Return the stored rounds by figure; empty if there is no file."""
    if not path.is_file():
        return {}
    stored = json.loads(path.read_text(encoding="utf-8"))
    return {name: Rounds(**rounds) for name, rounds in stored["figures"].items()}


def save(path: Path, found: dict[str, Rounds]) -> None:
    """Store these rounds, and keep the stored rounds of all other figures."""
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
        parser.add_argument("parts", metavar="PART", nargs="*", help=f"one of {', '.join(parts)} (default: all)")
        parser.add_argument("--rounds", type=int, default=5)
        parser.add_argument("--baseline", type=Path, default=BASELINE, metavar="FILE")
        parser.add_argument("--save", action="store_true", help="store the results as the baseline")
        options = parser.parse_args()
        if unknown := set(options.parts) - set(parts):
            parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
        if options.rounds < 1:
            parser.error("--rounds must be at least 1")
        found: dict[str, Rounds] = {}
        yardstick()  # the first call includes set-up
        for number in range(options.rounds):
            for name in options.parts or parts:
                before = yardstick()
                measured = parts[name]()
                yard = (before + yardstick()) / 2
                for what, value in measured.items():
                    if not math.isfinite(value):
                        sys.exit(f"{what}: no measurement, the machine was too slow or too busy: run it again")
                    rounds = found.setdefault(what, Rounds([], []))
                    rounds.values.append(value)
                    rounds.yards.append(yard)
                print(f"round {number + 1} of {options.rounds}: {name}", file=sys.stderr, flush=True)
    stored = load(options.baseline)
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, {options.rounds} rounds")
    print("| figure | median | lowest to highest | aim | | change from the stored rounds |")
    print("| --- | --- | --- | --- | --- | --- |")
    for figure in FIGURES:
        if figure.name in found:
            print(line(figure, found[figure.name], stored.get(figure.name)))
    if options.save:
        save(options.baseline, found)


if __name__ == "__main__":
    main()
