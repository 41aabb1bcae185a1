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
from gan_core.training.previews.statistics import histogram, memory
from gan_core.training.sampler import Labelled

ROWS = 4  # inputs shown of each domain
_SCORED_IMAGES = 16  # of each domain, training and held-out
_BATCH = 4


@dataclass(frozen=True)
class TranslatorPreview:
    """The same inputs for a whole run, on the family's device; domain A's first, then as many of domain B."""

    shown: Tensor  # (2 * ROWS, C, H, W)
    real: Tensor  # (2 n, C, H, W) training images
    held_out: Tensor  # (2 m, C, H, W) images that no network trains on; none where a domain has none

    def refresh(self, family: Family) -> None:
        """Translators have no batch norm whose statistics an average would need."""

    def look(self, family: Family) -> tuple[np.ndarray, dict[str, Any]]:
        """The sheet, uint8 (height, width, C), and the columns of epochs.csv.

        A row of the sheet is input, translation and a third picture, from A to B, then the same from B to A: the way
        back, or of pairs the true partner. One that goes one way shows what it makes of A and of B, which it should
        leave alone, and the third picture is what changed.
        """
        with family.evaluating():
            shown = torch.stack([self.shown, *_made(family, self.shown)], 1)
            judged = self.held_out if len(self.held_out) else self.real
            fake, third = _made(family, judged)
            first = slice(0, len(judged) // 2) if family.one_way else slice(None)  # what is translated
            targets = 1 - _domains(judged)[first]
            scores = {
                "real": _scores(family, self.real),
                "held_out": _scores(family, self.held_out),
                "generated": family.score(fake[first], targets, judged[first]).float().cpu().numpy(),
            }
        limit = losses.boundary(family.objective)
        domains = _judged(self.real, family), _judged(self.held_out, family)
        row: dict[str, Any] = {
            "accuracy/d_held_out": float((scores["held_out"] > limit).mean()) if len(self.held_out) else float("nan"),
            "memory/d": memory(scores["real"], scores["held_out"], *domains),
        }
        row |= _means(fake, judged, "change/ab", "change/bb" if family.one_way else "change/ba")
        if family.paired:
            row |= _means(fake, third, "error/ab", "error/ba")
        elif not family.one_way:
            row |= _means(third, judged, "cycle_error/a", "cycle_error/b")
        rows = shown.unflatten(0, (2, -1)).transpose(0, 1).flatten(0, 2)
        sheet = images.grid(images.to_uint8(rows), columns=6)
        return sheet, row | {f"scores/{name}": histogram(values) for name, values in scores.items()}


def fix_inputs(
    family: Family, train: Labelled, held_out: Labelled, seed: int, inputs: np.ndarray | None = None
) -> TranslatorPreview:
    """Choose the inputs of all previews from (images uint8 (N, C, H, W), labels (N,) of 0 and 1) and the run's seed.

    Both domains are chosen from in one order, so that pairs stay pairs.

    inputs: uint8 (2 * ROWS, C, H, W) to show; held-out images where not given, training images where there are none.
    """

    def choose(part: Labelled, count: int) -> Tensor:
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
    return TranslatorPreview(shown, real, held)


def _made(family: Any, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Translations, and the third pictures of the sheet, of pictures (2 n, C, H, W), the first half of domain A."""
    fakes, thirds = [], []
    for domain, part in enumerate(pictures.chunk(2)):
        for batch in part.split(_BATCH):
            fake = family.translate(batch, 1 if family.one_way else 1 - domain)
            fakes.append(fake.float())
            if family.one_way:
                thirds.append((fake.float() - batch).abs() - 1)
            elif not family.paired:
                thirds.append(family.translate(fake, domain).float())
    return torch.cat(fakes), _partners(pictures) if family.paired else torch.cat(thirds)


def _partners(pictures: Tensor) -> Tensor:
    """Of pairs (2 n, C, H, W), the first half of domain A, each one's other picture."""
    return torch.cat(pictures.chunk(2)[::-1])


def _domains(pictures: Tensor) -> Tensor:
    return torch.arange(2, device=pictures.device).repeat_interleave(len(pictures) // 2)


def _judged(pictures: Tensor, family: Family) -> np.ndarray:
    """The domains of the pictures that have a discriminator: of one way only B."""
    return _domains(pictures)[len(pictures) // 2 if family.one_way else 0 :].cpu().numpy()


def _means(made: Tensor, held_against: Tensor, first: str, second: str) -> dict[str, float]:
    """Mean differences of the first and of the second half, in shares of the grey scale, of which -1 to 1 is the
    whole.
    """
    size = (made - held_against).abs().mean((1, 2, 3)).cpu() / 2
    half = len(size) // 2
    return {first: float(size[:half].mean()), second: float(size[half:].mean())}


def _scores(family: Family, pictures: Tensor) -> np.ndarray:
    if not len(pictures):
        return np.empty(0)
    part = slice(len(pictures) // 2, None) if family.one_way else slice(None)  # only B has a discriminator
    partners = _partners(pictures)[part] if family.paired else None
    return family.score(pictures[part], _domains(pictures)[part], partners).float().cpu().numpy()
