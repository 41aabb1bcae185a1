"""Augmentation of X-rays for training classifiers."""

import torch
import torch.nn.functional as F
from torch import Tensor


def jittered(x: Tensor, generator: torch.Generator) -> Tensor:
    """Rotate, zoom, shift and re-expose (N, 1, H, W) in [-1, 1] slightly; never mirror, which would move the heart."""

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(len(x), generator=generator)

    angle, zoom = uniform(-0.12, 0.12), uniform(0.9, 1.1)
    first_row = torch.stack((zoom * angle.cos(), -zoom * angle.sin(), uniform(-0.08, 0.08)), 1)
    second_row = torch.stack((zoom * angle.sin(), zoom * angle.cos(), uniform(-0.08, 0.08)), 1)
    grid = F.affine_grid(torch.stack((first_row, second_row), 1), list(x.shape), align_corners=False)
    x = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
    contrast, brightness = uniform(0.8, 1.2)[:, None, None, None], uniform(-0.15, 0.15)[:, None, None, None]
    return (x * contrast + brightness).clamp(-1, 1)
