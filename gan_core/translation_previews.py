"""What is looked at every few epochs of a translator: the same inputs each time, and how it does on held-out images.

Nothing here draws a random number that training would have drawn, or leaves a weight changed.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gan_core import images, losses
from gan_core.families.base import Family
from gan_core.previews import Part, histogram

ROWS = 4  # inputs shown of each domain
_SCORED_IMAGES = 16  # of each domain, training and held-out
_BATCH = 4


@dataclass(frozen=True)
class Fixed:
    """The same inputs for a whole run, on the family's device; domain A's first, then as many of domain B."""

    shown: Tensor  # (2 * ROWS, C, H, W)
    real: Tensor  # (2 n, C, H, W) training images
    held_out: Tensor  # (2 m, C, H, W) images that no network trains on; none where a domain has none

    def refresh(self, family: Family) -> None:
        """Translators have no batch norm whose statistics an average would need."""

    def look(self, family: Family) -> tuple[np.ndarray, dict[str, Any]]:
        """The sheet, uint8 (height, width, C), and the columns of epochs.csv.

        A row of the sheet is input, translated, cycled from A to B, then the same from B to A.
        """
        with family.evaluating():
            shown = torch.stack([self.shown, *_there_and_back(family, self.shown)], 1)
            judged = self.held_out if len(self.held_out) else self.real
            fake, cycled = _there_and_back(family, judged)
            domains = torch.arange(2, device=judged.device).repeat_interleave(len(judged) // 2)
            scores = {
                "real": _scores(family, self.real),
                "held_out": _scores(family, self.held_out),
                "generated": family.score(fake, 1 - domains).float().cpu().numpy(),
            }
        limit = losses.boundary(family.objective)
        # In shares of the grey scale, of which -1 to 1 is the whole.
        change = (fake - judged).abs().mean((1, 2, 3)).cpu() / 2
        error = (cycled - judged).abs().mean((1, 2, 3)).cpu() / 2
        half = len(judged) // 2
        row: dict[str, Any] = {
            "accuracy/d_held_out": float((scores["held_out"] > limit).mean()) if len(self.held_out) else float("nan"),
            "change/ab": float(change[:half].mean()),
            "change/ba": float(change[half:].mean()),
            "cycle_error/a": float(error[:half].mean()),
            "cycle_error/b": float(error[half:].mean()),
        }
        rows = shown.unflatten(0, (2, -1)).transpose(0, 1).flatten(0, 2)
        sheet = images.grid(images.to_uint8(rows), columns=6)
        return sheet, row | {f"scores/{name}": histogram(values) for name, values in scores.items()}


def fix_inputs(family: Family, train: Part, held_out: Part, seed: int, inputs: np.ndarray | None = None) -> Fixed:
    """Choose the inputs of all previews from (images uint8 (N, C, H, W), labels (N,) of 0 and 1) and the run's seed.

    inputs: uint8 (2 * ROWS, C, H, W) to show; held-out images where not given, training images where there are none.
    """

    def choose(part: Part, count: int) -> Tensor:
        pictures, labels = part
        groups = [np.random.default_rng(seed).permutation(np.flatnonzero(labels == domain)) for domain in (0, 1)]
        count = min(count, *map(len, groups))
        chosen = np.concatenate([group[:count] for group in groups])
        return images.to_float(torch.from_numpy(pictures[chosen]).to(family.device))

    def repeated(pictures: Tensor) -> Tensor:
        half = len(pictures) // 2
        index = torch.arange(ROWS, device=pictures.device) % half
        return pictures[torch.cat((index, index + half))]

    held = choose(held_out, _SCORED_IMAGES)
    real = choose(train, _SCORED_IMAGES)
    if inputs is None:
        shown = repeated(held if len(held) else real)
    else:
        shown = images.to_float(torch.from_numpy(inputs).to(family.device))
    return Fixed(shown, real, held)


def _there_and_back(family: Any, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Translations and their cycles (2 n, C, H, W) of pictures (2 n, C, H, W), the first half of domain A."""
    fakes, cycles = [], []
    for domain, part in enumerate(pictures.chunk(2)):
        for batch in part.split(_BATCH):
            fake = family.translate(batch, 1 - domain)
            fakes.append(fake.float())
            cycles.append(family.translate(fake, domain).float())
    return torch.cat(fakes), torch.cat(cycles)


def _scores(family: Family, pictures: Tensor) -> np.ndarray:
    if not len(pictures):
        return np.empty(0)
    domains = torch.arange(2, device=pictures.device).repeat_interleave(len(pictures) // 2)
    return family.score(pictures, domains).float().cpu().numpy()
