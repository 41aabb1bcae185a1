"""Residual networks without normalisation layers, for GANs that gradient penalties stabilise.

Each resolution has its own blocks, and one convolution doubles or halves the resolution between them. The second
convolution of a block starts at zero (Zhang 2019, arXiv:1901.09321), so every block starts as the identity and training
starts well without batch norm.
"""

import itertools
from collections.abc import Sequence
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_core.nets import growing
from gan_core.nets.convolutional import Shape, ToImage, UpConv

Layer = TypeVar("Layer", bound=nn.Conv2d)

_SLOPE = 0.2  # of the leaky ReLU below zero


class PlainBlock(nn.Module):
    """(N, C, H, W) -> (N, C, H, W): x + twice (leaky ReLU, 3 x 3 convolution) (He 2016, arXiv:1603.05027)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _initialised(nn.Conv2d(channels, channels, 3, padding=1))
        self.second = _initialised(nn.Conv2d(channels, channels, 3, padding=1))
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(_leaky_relu(self.first(_leaky_relu(x))))


class ResidualGenerator(nn.Module):
    """Latent (N, latent_size) -> image (N, C, H, W) in [-1, 1].

    channels: at each resolution, from the lowest to the image's. blocks: residual blocks at each resolution but the
    image's, where one would cost as much as all others together. skips: how many resolutions below the image's draw an
    image of their own, see `growing.Pictures`.
    """

    def __init__(
        self, latent_size: int, channels: Sequence[int], image_shape: Shape, blocks: int = 1, skips: int = 0
    ) -> None:
        super().__init__()
        self.start = (channels[0], image_shape[1] >> (len(channels) - 1), image_shape[2] >> (len(channels) - 1))
        self.project = nn.Linear(latent_size, self.start[0] * self.start[1] * self.start[2])
        nn.init.normal_(self.project.weight, std=latent_size**-0.5)
        self.stages = nn.ModuleList(
            nn.Sequential(*(PlainBlock(width) for _ in range(blocks))) for width in channels[:-1]
        )
        self.ups = nn.ModuleList(_initialised(UpConv(*pair)) for pair in itertools.pairwise(channels))
        self.skips = nn.ModuleList(ToImage(width, image_shape[0]) for width in growing.below(channels, skips))
        self.to_image = ToImage(channels[-1], image_shape[0])

    def forward(self, z: Tensor) -> Tensor:
        maps = self.project(z).unflatten(1, self.start).contiguous(memory_format=torch.channels_last)
        drawn = growing.Pictures(self.skips, len(self.stages))
        for stage, up in zip(self.stages, self.ups, strict=True):
            if drawn.due:
                drawn.add(_leaky_relu(maps))
            maps = up(_leaky_relu(stage(maps)))
            drawn.enlarge()
        return drawn.finished(self.to_image(_leaky_relu(maps)))

    def grow_from(self, smaller: nn.Module) -> None:
        """Take over a generator of half the image size; then each image is the smaller one's, enlarged."""
        assert isinstance(smaller, ResidualGenerator)
        growing.copy(self.project, smaller.project)
        growing.copy_first(self.stages, smaller.stages)
        growing.copy_first(self.ups, smaller.ups)
        growing.copy_pictures(self, smaller)

    def added(self) -> list[nn.Module]:
        """The modules that `grow_from` does not take over."""
        return [self.stages[-1], self.ups[-1], self.to_image]


class ResidualDiscriminator(nn.Module):
    """Image (N, C, H, W) in [-1, 1] -> features (N, feature_size): the generator's stages in reverse.

    channels: at each resolution, from half the image's to the lowest. There a depthwise convolution reduces each
    channel to one number (Huang 2024, arXiv:2501.05441, appendix).
    """

    def __init__(self, channels: Sequence[int], image_shape: Shape, blocks: int = 1) -> None:
        super().__init__()
        pairs = itertools.pairwise((image_shape[0], *channels))
        self.downs = nn.ModuleList(_initialised(nn.Conv2d(*pair, 4, stride=2, padding=1)) for pair in pairs)
        self.stages = nn.ModuleList(nn.Sequential(*(PlainBlock(width) for _ in range(blocks))) for width in channels)
        self.feature_size = channels[-1]
        lowest = image_shape[1] >> len(channels)
        self.weigh = _initialised(nn.Conv2d(self.feature_size, self.feature_size, lowest, groups=self.feature_size))

    def forward(self, images: Tensor) -> Tensor:
        maps = images.contiguous(memory_format=torch.channels_last)
        for down, stage in zip(self.downs, self.stages, strict=True):
            maps = _leaky_relu(stage(down(maps)))
        return self.weigh(maps).flatten(1)

    def grow_from(self, smaller: nn.Module) -> None:
        """Take over a discriminator of half the image size; then an image has the features of its averaged one."""
        assert isinstance(smaller, ResidualDiscriminator)
        growing.average_first(self.downs[0], self.downs[1], smaller.downs[0], _SLOPE)
        growing.copy_last(self.downs, smaller.downs, but_first=True)
        growing.copy_last(self.stages, smaller.stages)
        growing.copy(self.weigh, smaller.weigh)


def _leaky_relu(x: Tensor) -> Tensor:
    return F.leaky_relu(x, _SLOPE)


def _initialised(layer: Layer) -> Layer:
    """The layer with He initialisation, which keeps the variance of activations (He 2015)."""
    nn.init.kaiming_normal_(layer.weight, a=_SLOPE)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
