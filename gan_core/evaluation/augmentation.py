"""Augmentation of X-rays, and of their lungs alone, for training classifiers."""

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


def jittered_lungs(x: Tensor, masks: Tensor, generator: torch.Generator, air: float) -> Tensor:
    """Mirror, move, sharpen or blur, and re-expose lungs (N, 1, S, S) that are `air` outside and where darkest.

    A judge of the lungs must learn neither a hospital's processing nor the outline, which is that of the lung finder
    and of the body. So each picture is seen through the outline of another one, too.

    masks: (N, 1, S, S) in [0, 1], of the lungs.
    """
    count = len(x)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator)

    mirrored = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    angle = uniform(-0.05, 0.05)
    across, down = uniform(0.95, 1.05), uniform(0.95, 1.05)
    rows = (
        torch.stack((mirrored * across * angle.cos(), -across * angle.sin(), uniform(-0.05, 0.05)), 1),
        torch.stack((mirrored * down * angle.sin(), down * angle.cos(), uniform(-0.05, 0.05)), 1),
    )
    grid = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    density = (x - air).clamp_min(0)
    gamma, sharpness = uniform(-0.35, 0.35).exp()[:, None, None, None], uniform(-0.7, 0.7)[:, None, None, None]
    density = density**gamma
    smooth = F.avg_pool2d(F.pad(density, (1, 1, 1, 1), mode="replicate"), 3, 1)
    density = (density + sharpness * (density - smooth)).clamp(0, 1 - air)
    shared = masks * masks[torch.randperm(count, generator=generator)]
    moved = F.grid_sample(density * shared, grid, align_corners=False)
    return moved + air
