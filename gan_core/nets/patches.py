"""Feature vectors of image patches, for contrastive translation."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PatchHeads(nn.Module):
    """Feature maps of several depths -> a unit vector per chosen patch (Park 2020, arXiv:2007.15651, section 3.2).

    widths: channels of each map. Each map has its own head, a two-layer perceptron of width `size`.
    """

    def __init__(self, widths: tuple[int, ...], size: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(width, size), nn.ReLU(), nn.Linear(size, size)) for width in widths
        )

    def forward(self, maps: list[Tensor], places: list[Tensor]) -> list[Tensor]:
        """Return (N, S, size) per map, float32. maps: (N, D, h, w) each; places: (S,) each, flat pixel indices."""
        vectors = []
        for head, features, chosen in zip(self.heads, maps, places, strict=True):
            pixels = features.permute(0, 2, 3, 1).flatten(1, 2)
            vectors.append(F.normalize(head(pixels.index_select(1, chosen)).float(), dim=2))
        return vectors


def draw_places(maps: list[Tensor], count: int) -> list[Tensor]:
    """Random flat pixel indices (S,) of each map (N, D, h, w), S <= `count`, distinct; the same for all images."""
    return [torch.randperm(m.shape[2] * m.shape[3], device=m.device)[:count] for m in maps]
