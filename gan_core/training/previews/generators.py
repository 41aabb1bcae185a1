"""Previews of a generator: samples of the fixed latents, their diversity, and the discriminator's logits.

A preview uses none of training's random numbers and leaves the weights unchanged.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gan_core import images, losses, objectives
from gan_core.families.base import BATCH_NORM_IMAGES, Family
from gan_core.training.previews.statistics import diversity, histogram, memory
from gan_core.training.sampler import Labelled

GRID_IMAGES = 16
_SCORED_IMAGES = 256  # real images, and as many held-out and generated ones
_BATCH = 128


@dataclass(frozen=True)
class GeneratorPreview:
    """The fixed inputs of all previews of a run, on the family's device; images are in [-1, 1]."""

    z: Tensor  # (_SCORED_IMAGES, latent_size); the grid shows the first GRID_IMAGES
    labels: Tensor  # (_SCORED_IMAGES,)
    grid_labels: Tensor  # (GRID_IMAGES,), the classes in order, in equal shares
    real: Tensor  # (n, C, H, W), training images
    real_labels: Tensor
    held_out: Tensor  # (n, C, H, W), images that no network trains on
    held_out_labels: Tensor
    batch_norm: Tensor  # (BATCH_NORM_IMAGES, C, H, W), training images
    batch_norm_labels: Tensor

    def refresh(self, family: Family) -> None:
        """Update the batch-norm statistics of the averaged (EMA) networks."""
        family.refresh_averages(self.batch_norm, self.batch_norm_labels)

    def look(self, family: Family) -> tuple[np.ndarray, dict[str, Any]]:
        """Return the grid of the fixed latents, uint8 (height, width, C), and the values of a row of epochs.csv."""
        self.refresh(family)
        with family.evaluating():
            grid = family.sample(self.z[:GRID_IMAGES], self.grid_labels)
            pairs = zip(self.z.split(_BATCH), self.labels.split(_BATCH), strict=True)
            samples = torch.cat([family.sample(z, labels).float() for z, labels in pairs])
            scores = self._logits(family, samples) if family.has_discriminator else {}
        row: dict[str, Any] = {"diversity/samples": diversity(samples), "diversity/data": diversity(self.real)}
        if scores:
            held_out = scores["held_out"] > losses.boundary(family.objective)
            labels = self.real_labels.cpu().numpy(), self.held_out_labels.cpu().numpy()
            row = {
                "accuracy/d_held_out": float(held_out.mean()) if len(held_out) else float("nan"),
                "memory/d": memory(scores["real"], scores["held_out"], *labels),
            } | row
        return images.grid(images.to_uint8(grid)), row | {f"scores/{k}": histogram(v) for k, v in scores.items()}

    def _logits(self, family: Family, samples: Tensor) -> dict[str, np.ndarray]:
        """Return the discriminator's logits of the real, held-out and generated images, (n,) each.

        A relativistic loss fixes no absolute level of the logits, and the level that training tracks (`r3gan.score`)
        lags behind. Such logits are centred, per class, on the midpoint of the real and the generated mean.
        """
        found = {
            "real": _scores(family, self.real, self.real_labels),
            "held_out": _scores(family, self.held_out, self.held_out_labels),
            "generated": _scores(family, samples, self.labels, self.z),
        }
        if not objectives.find(family.objective).pairs:
            return found
        labels = {"real": self.real_labels, "held_out": self.held_out_labels, "generated": self.labels}
        classes = {name: each.cpu().numpy() for name, each in labels.items()}
        midpoint = np.zeros(family.classes)
        for label in range(family.classes):
            sides = [found[name][classes[name] == label] for name in ("real", "generated")]
            midpoint[label] = np.mean([side.mean() for side in sides]) if all(map(len, sides)) else 0.0
        return {name: values - midpoint[classes[name]] for name, values in found.items()}


def fix_inputs(family: Family, train: Labelled, held_out: Labelled, seed: int) -> GeneratorPreview:
    """Choose the inputs of all previews of a run.

    train, held_out: images uint8 (N, C, H, W) and labels (N,). The latents depend on the seed only, so runs with the
    same seed use the same ones.
    """

    def choose(part: Labelled, count: int, repeat: bool = False) -> tuple[Tensor, Tensor]:
        pictures, labels = part
        order = np.random.default_rng(seed).permutation(len(labels))
        chosen = np.resize(order, count) if repeat else order[:count]
        return (
            images.to_float(torch.from_numpy(pictures[chosen]).to(family.device)),
            torch.from_numpy(labels[chosen]).to(family.device),
        )

    generator = torch.Generator().manual_seed(seed)
    real, real_labels = choose(train, _SCORED_IMAGES)
    held, held_labels = choose(held_out, _SCORED_IMAGES)
    many, many_labels = choose(train, BATCH_NORM_IMAGES, repeat=True)
    drawn = np.random.default_rng(seed).choice(train[1], _SCORED_IMAGES)  # follows the class proportions of the data
    return GeneratorPreview(
        z=torch.randn(_SCORED_IMAGES, family.latent_size, generator=generator).to(family.device),
        labels=torch.from_numpy(drawn).to(family.device),
        grid_labels=torch.arange(GRID_IMAGES, device=family.device) * family.classes // GRID_IMAGES,
        real=real,
        real_labels=real_labels,
        held_out=held,
        held_out_labels=held_labels,
        batch_norm=many,
        batch_norm_labels=many_labels,
    )


def _scores(family: Family, pictures: Tensor, labels: Tensor, z: Tensor | None = None) -> np.ndarray:
    """Return the discriminator's logits (n,) of images (n, C, H, W), computed in batches."""
    if not len(pictures):
        return np.empty(0)
    codes = [None] * len(labels.split(_BATCH)) if z is None else z.split(_BATCH)
    batches = zip(pictures.split(_BATCH), labels.split(_BATCH), codes, strict=True)
    return torch.cat([family.score(x, y, c).float() for x, y, c in batches]).cpu().numpy()
