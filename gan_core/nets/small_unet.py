"""A small U-Net for maps: each output pixel sees the whole of a small picture (Ronneberger 2015, arXiv:1505.04597)."""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_core.errors import UserError

_GROUPS = 8  # of group norm (Wu 2018, arXiv:1803.08494), which knows no batch and is the same at inference


class SmallUNet(nn.Module):
    """Planes (N, channels_in, S, S) -> (N, channels_out, S, S) without a last activation; it starts at zero.

    widths: channels at each resolution, from S down, each a multiple of 8. S must be divisible by 2 ** (levels - 1).

    Raises:
        UserError: a width is no multiple of 8.
    """

    def __init__(self, channels_in: int, channels_out: int, widths: Sequence[int]) -> None:
        super().__init__()
        if any(width % _GROUPS or width < 1 for width in widths):
            # The nearest above and below; group norm takes 8 groups of channels.
            nearest = [max(_GROUPS, round(width / _GROUPS) * _GROUPS) for width in widths]
            raise UserError(
                f"widths is {','.join(map(str, widths))}: use multiples of {_GROUPS}, for example "
                f"--set widths={','.join(map(str, nearest))}"
            )
        self.down = nn.ModuleList(_block(fine, coarse) for fine, coarse in itertools.pairwise((channels_in, *widths)))
        pairs = list(itertools.pairwise(widths))[::-1]
        self.up = nn.ModuleList(_block(coarse + fine, fine) for fine, coarse in pairs)
        self.last = nn.Conv2d(widths[0], channels_out, 1)
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)

    def forward(self, planes: Tensor) -> Tensor:
        y = planes.contiguous(memory_format=torch.channels_last)
        maps = []
        for level, down in enumerate(self.down):
            y = down(F.avg_pool2d(y, 2) if level else y)
            maps.append(y)
        for up, fine in zip(self.up, maps[-2::-1], strict=True):
            y = up(torch.cat((F.interpolate(y, scale_factor=2.0), fine), 1))
        return self.last(y)


def _block(channels_in: int, channels_out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in (channels_in, channels_out):
        layers += [nn.Conv2d(width, channels_out, 3, padding=1), nn.GroupNorm(_GROUPS, channels_out), nn.SiLU()]
    return nn.Sequential(*layers)
