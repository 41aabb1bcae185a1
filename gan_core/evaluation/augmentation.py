"""Small changes of real X-rays that a classifier must not mind."""

import torch
import torch.nn.functional as F
from torch import Tensor


def jittered(x: Tensor, generator: torch.Generator) -> Tensor:
    """Small turns, zooms, shifts and exposure of (N, 1, H, W) in [-1, 1]; no mirror, which would move the heart."""

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(len(x), generator=generator)

    turn, zoom = uniform(-0.12, 0.12), uniform(0.9, 1.1)
    rows = torch.stack((zoom * turn.cos(), -zoom * turn.sin(), uniform(-0.08, 0.08)), 1)
    more = torch.stack((zoom * turn.sin(), zoom * turn.cos(), uniform(-0.08, 0.08)), 1)
    where = F.affine_grid(torch.stack((rows, more), 1), list(x.shape), align_corners=False)
    x = F.grid_sample(x, where, padding_mode="border", align_corners=False)
    contrast, brightness = uniform(0.8, 1.2)[:, None, None, None], uniform(-0.15, 0.15)[:, None, None, None]
    return (x * contrast + brightness).clamp(-1, 1)
