"""Previews of a translator: translations of the fixed inputs, and errors and logits on held-out images.

A preview uses none of training's random numbers and leaves the weights unchanged.
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

ROWS = 4  # inputs per domain
_SCORED_IMAGES = 16  # per domain, of the training and of the held-out images
_BATCH = 4


@dataclass(frozen=True)
class TranslatorPreview:
    """The fixed inputs of all previews of a run, in [-1, 1] on the family's device; domain A, then as many of B."""

    grid_inputs: Tensor  # (2 * ROWS, C, H, W)
    real: Tensor  # (2 n, C, H, W), training images
    held_out: Tensor  # (2 m, C, H, W), images that no network trains on; empty if a domain has none

    def refresh(self, family: Family) -> None:
        """Do nothing: translators have no batch-norm statistics to update."""

    def look(self, family: Family) -> tuple[np.ndarray, dict[str, Any]]:
        """Return the sheet, uint8 (height, width, C), and the values of a row of epochs.csv.

        A row of the sheet has three images for A to B, then three for B to A: input, translation, and the
        reconstruction or, for pairs, the true partner. A one-way translator shows translations of A and of B, which it
        should not change; its third image is the absolute change.
        """
        with family.evaluating():
            grid = torch.stack([self.grid_inputs, *_translations(family, self.grid_inputs)], 1)
            inputs = self.held_out if len(self.held_out) else self.real
            fake, third = _translations(family, inputs)
            translated = slice(0, len(inputs) // 2) if _judges_b_only(family) else slice(None)
            targets = 1 - _domains(inputs)[translated]
            scores = {
                "real": _scores(family, self.real),
                "held_out": _scores(family, self.held_out),
                "generated": family.score(fake[translated], targets, inputs[translated]).float().cpu().numpy(),
            }
        limit = losses.boundary(family.objective)
        domains = _scored_domains(self.real, family), _scored_domains(self.held_out, family)
        row: dict[str, Any] = {
            "accuracy/d_held_out": float((scores["held_out"] > limit).mean()) if len(self.held_out) else float("nan"),
            "memory/d": memory(scores["real"], scores["held_out"], *domains),
        }
        row |= _mean_differences(fake, inputs, "change/ab", "change/bb" if family.one_way else "change/ba")
        if family.paired:
            row |= _mean_differences(fake, third, "error/ab", "error/ba")
        elif not family.one_way:
            row |= _mean_differences(third, inputs, "cycle_error/a", "cycle_error/b")
        rows = grid.unflatten(0, (2, -1)).transpose(0, 1).flatten(0, 2)
        sheet = images.grid(images.to_uint8(rows), columns=6)
        return sheet, row | {f"scores/{name}": histogram(values) for name, values in scores.items()}


def fix_inputs(
    family: Family, train: Labelled, held_out: Labelled, seed: int, inputs: np.ndarray | None = None
) -> TranslatorPreview:
    """Choose the inputs of all previews of a run.

    train, held_out: images uint8 (N, C, H, W) and labels (N,) of 0 and 1. Both domains use the same order, so that
    pairs stay pairs. inputs: the images to translate, uint8 (2 * ROWS, C, H, W); by default held-out images, or
    training images if there are none.
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
        grid_inputs = repeated(held if len(held) else real)
    else:
        grid_inputs = images.to_float(torch.from_numpy(inputs).to(family.device))
    return TranslatorPreview(grid_inputs, real, held)


def _translations(family: Any, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Return translations and third images of the sheet, both like the inputs (2 n, C, H, W), domain A first."""
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
    """Return each image's partner, for pairs (2 n, C, H, W), domain A first."""
    return torch.cat(pictures.chunk(2)[::-1])


def _domains(pictures: Tensor) -> Tensor:
    return torch.arange(2, device=pictures.device).repeat_interleave(len(pictures) // 2)


def _scored_domains(pictures: Tensor, family: Family) -> np.ndarray:
    """Return the domains of the images that a discriminator scores."""
    return _domains(pictures)[len(pictures) // 2 if _judges_b_only(family) else 0 :].cpu().numpy()


def _judges_b_only(family: Family) -> bool:
    """Return whether only domain B has a discriminator."""
    return family.one_way or family.graded


def _mean_differences(outputs: Tensor, references: Tensor, first: str, second: str) -> dict[str, float]:
    """Return the mean absolute difference of each half, as a share of the whole grey scale from -1 to 1."""
    difference = (outputs - references).abs().mean((1, 2, 3)).cpu() / 2
    half = len(difference) // 2
    return {first: float(difference[:half].mean()), second: float(difference[half:].mean())}


def _scores(family: Family, pictures: Tensor) -> np.ndarray:
    """Return the discriminators' logits (n,) of images (2 n, C, H, W), domain A first."""
    if not len(pictures):
        return np.empty(0)
    part = slice(len(pictures) // 2, None) if _judges_b_only(family) else slice(None)
    partners = _partners(pictures)[part] if family.paired else None
    return family.score(pictures[part], _domains(pictures)[part], partners).float().cpu().numpy()
