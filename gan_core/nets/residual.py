"""Residual networks without any normalisation, for generators and discriminators that penalties keep steady.

Each resolution has its own blocks; between two resolutions stands one convolution that doubles or halves. The second
convolution of a block starts at zero (Zhang 2019, arXiv:1901.09321): every network begins as the plain stack of its
steps between resolutions, and needs no batch norm to begin well.
"""

import itertools
from collections.abc import Sequence
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_core.nets.convolutional import Shape, ToImage, UpConv

Layer = TypeVar("Layer", bound=nn.Conv2d)

_SLOPE = 0.2  # of the leaky rectifiers below zero


class PlainBlock(nn.Module):
    """(N, C, H, W) -> the same: rectifier, 3 x 3 convolution, twice, added to the input (He 2016, arXiv:1603.05027)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _started(nn.Conv2d(channels, channels, 3, padding=1))
        self.second = _started(nn.Conv2d(channels, channels, 3, padding=1))
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(_rectified(self.first(_rectified(x))))


class ResidualGenerator(nn.Module):
    """Latent (N, latent_size) -> image (N, C, H, W) in [-1, 1].

    channels: at each resolution, the lowest first and the image's own last; blocks: at each but the image's own, where
    one would cost as much as all others together.
    """

    def __init__(self, latent_size: int, channels: Sequence[int], image_shape: Shape, blocks: int = 1) -> None:
        super().__init__()
        self.start = (channels[0], image_shape[1] >> (len(channels) - 1), image_shape[2] >> (len(channels) - 1))
        self.project = nn.Linear(latent_size, self.start[0] * self.start[1] * self.start[2])
        nn.init.normal_(self.project.weight, std=latent_size**-0.5)
        self.stages = nn.ModuleList(
            nn.Sequential(*(PlainBlock(width) for _ in range(blocks))) for width in channels[:-1]
        )
        self.ups = nn.ModuleList(_started(UpConv(*pair)) for pair in itertools.pairwise(channels))
        self.to_image = ToImage(channels[-1], image_shape[0])

    def forward(self, z: Tensor) -> Tensor:
        maps = self.project(z).unflatten(1, self.start).contiguous(memory_format=torch.channels_last)
        for stage, up in zip(self.stages, self.ups, strict=True):
            maps = up(_rectified(stage(maps)))
        return self.to_image(_rectified(maps)).tanh()


class ResidualDiscriminator(nn.Module):
    """Image (N, C, H, W) in [-1, 1] -> features (N, feature_size): the generator's stages from the other end.

    channels: at half the image's resolution first, the lowest one last. There each channel is weighed pixel by pixel
    into one number (Huang 2024, arXiv:2501.05441, appendix).
    """

    def __init__(self, channels: Sequence[int], image_shape: Shape, blocks: int = 1) -> None:
        super().__init__()
        pairs = itertools.pairwise((image_shape[0], *channels))
        self.downs = nn.ModuleList(_started(nn.Conv2d(*pair, 4, stride=2, padding=1)) for pair in pairs)
        self.stages = nn.ModuleList(nn.Sequential(*(PlainBlock(width) for _ in range(blocks))) for width in channels)
        self.feature_size = channels[-1]
        lowest = image_shape[1] >> len(channels)
        self.weigh = _started(nn.Conv2d(self.feature_size, self.feature_size, lowest, groups=self.feature_size))

    def forward(self, images: Tensor) -> Tensor:
        maps = images.contiguous(memory_format=torch.channels_last)
        for down, stage in zip(self.downs, self.stages, strict=True):
            maps = _rectified(stage(down(maps)))
        return self.weigh(maps).flatten(1)


def _rectified(x: Tensor) -> Tensor:
    return F.leaky_relu(x, _SLOPE)


def _started(layer: Layer) -> Layer:
    """The layer with weights that keep the size of what passes through it and a rectifier (He 2015)."""
    nn.init.kaiming_normal_(layer.weight, a=_SLOPE)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
