"""Places of a picture as vectors, to be told apart: what contrastive translation learns from."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PatchHeads(nn.Module):
    """Maps of several depths -> a unit vector for each chosen place of each (Park 2020, arXiv:2007.15651, section 3.2).

    widths: channels of each map. A head is a perceptron of two layers, `size` numbers wide.
    """

    def __init__(self, widths: tuple[int, ...], size: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(width, size), nn.ReLU(), nn.Linear(size, size)) for width in widths
        )

    def forward(self, maps: list[Tensor], places: list[Tensor]) -> list[Tensor]:
        """maps: (N, D, h, w) each; places: (S,) each, numbers of pixels. Returns (N, S, size) each, float32."""
        found = []
        for head, one, chosen in zip(self.heads, maps, places, strict=True):
            pixels = one.permute(0, 2, 3, 1).flatten(1, 2)
            found.append(F.normalize(head(pixels.index_select(1, chosen)).float(), dim=2))
        return found


def draw_places(maps: list[Tensor], count: int) -> list[Tensor]:
    """Places (S,) of each map (N, D, h, w), up to `count`, none twice; the same for every picture and process."""
    return [torch.randperm(m.shape[2] * m.shape[3], device=m.device)[:count] for m in maps]
