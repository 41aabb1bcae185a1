"""A U-Net whose answer depends on a time and a class, as flow matching and diffusion models use it.

The residual blocks, the time embedding and the attention at the lowest resolution follow Ho 2020 (arXiv:2006.11239,
appendix B); the class sets scale and shift of a normalisation together with the time (Dhariwal and Nichol 2021,
arXiv:2105.05233, section 3).
"""

import itertools
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_core.nets.classes import ClassEmbedding
from gan_core.nets.convolutional import Shape, UpConv

_GROUPS = 8  # of group norm (Wu 2018, arXiv:1803.08494)
_HEADS = 4  # of attention
_SCALE = 100.0  # of the time, so that the fastest waves turn many times between 0 and 1
_SLOWEST = 1e-3  # waves, as a share of the fastest
_AT_FIRST = 0.1  # of the usual weights of a layer that should say little when training begins


class VelocityUNet(nn.Module):
    """Image (N, C, H, W), time (N,) in [0, 1] and labels -> a map (N, C, H, W) without a last activation, float32.

    Labels are classes (N,), or class weights (N, classes) whose rows sum to 1. The label `classes`, one more than
    there are, stands for no class. channels: at each resolution, from the lowest to half the image's. The image's own
    resolution has no blocks, which would cost as much as all others together: four neighbouring pixels are channels of
    one place, as in Shi 2016 (arXiv:1609.05158).
    """

    def __init__(self, channels: Sequence[int], image_shape: Shape, classes: int) -> None:
        super().__init__()
        widths = channels[::-1]
        told = 2 * widths[0]
        self.time = TimeEmbedding(told)
        self.embedding = OptionalClassEmbedding(classes, told)
        self.first = nn.Conv2d(image_shape[0], widths[0], 4, stride=2, padding=1)
        self.down = nn.ModuleList(ToldBlock(width, width, told) for width in widths[:-1])
        self.coarser = nn.ModuleList(
            nn.Conv2d(fine, coarse, 3, stride=2, padding=1) for fine, coarse in itertools.pairwise(widths)
        )
        self.lowest = ToldBlock(widths[-1], widths[-1], told)
        self.attention = Attention(widths[-1])
        self.finer = nn.ModuleList(UpConv(*pair) for pair in itertools.pairwise(channels))
        self.up = nn.ModuleList(ToldBlock(2 * width, width, told) for width in channels[1:])
        self.norm = _norm(widths[0])
        self.last = _quiet(nn.Conv2d(widths[0], 4 * image_shape[0], 3, padding=1))

    def forward(self, images: Tensor, times: Tensor, labels: Tensor) -> Tensor:
        told = F.silu(self.time(times) + self.embedding(labels))
        y = self.first(images.contiguous(memory_format=torch.channels_last))
        maps = []
        for block, coarser in zip(self.down, self.coarser, strict=True):
            y = block(y, told)
            maps.append(y)
            y = coarser(y)
        y = self.attention(self.lowest(y, told))
        for finer, block, fine in zip(self.finer, self.up, reversed(maps), strict=True):
            y = block(torch.cat((finer(y), fine), 1), told)
        return F.pixel_shuffle(self.last(F.silu(self.norm(y))).float(), 2)


class TimeEmbedding(nn.Module):
    """Time (N,) in [0, 1] -> (N, size): sines and cosines of many frequencies, then a perceptron.

    Vaswani 2017 (arXiv:1706.03762, section 3.5), for a time that is no whole number.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.waves = size // 2
        self.layers = nn.Sequential(nn.Linear(2 * self.waves, size), nn.SiLU(), nn.Linear(size, size))

    def forward(self, times: Tensor) -> Tensor:
        powers = torch.arange(self.waves, device=times.device, dtype=torch.float32) / max(1, self.waves - 1)
        angles = _SCALE * times.float()[:, None] * torch.exp(math.log(_SLOWEST) * powers)
        return self.layers(torch.cat((angles.sin(), angles.cos()), 1))


class OptionalClassEmbedding(ClassEmbedding):
    """Labels as `ClassEmbedding` takes them -> (N, size); the label `classes` is that of no class."""

    def __init__(self, classes: int, size: int) -> None:
        super().__init__(classes + 1, size)
        self.none = classes

    def forward(self, labels: Tensor) -> Tensor:
        return super().forward(F.pad(labels, (0, 1)) if labels.is_floating_point() else labels)


class ToldBlock(nn.Module):
    """Maps (N, A, H, W) and what is told (N, T) -> (N, B, H, W): two convolutions beside a shortcut (He 2016,
    arXiv:1603.05027); what is told scales and shifts the maps between them (Perez 2018, arXiv:1709.07871).
    """

    def __init__(self, channels_in: int, channels_out: int, told: int) -> None:
        super().__init__()
        self.first_norm, self.second_norm = _norm(channels_in), _norm(channels_out)
        self.first = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.second = _quiet(nn.Conv2d(channels_out, channels_out, 3, padding=1))
        self.film = nn.Linear(told, 2 * channels_out)
        self.shortcut = nn.Conv2d(channels_in, channels_out, 1) if channels_in != channels_out else nn.Identity()

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        y = self.first(F.silu(self.first_norm(x)))
        scale, shift = self.film(told)[:, :, None, None].chunk(2, 1)
        y = self.second(F.silu(self.second_norm(y) * (1 + scale) + shift))
        return self.shortcut(x) + y


class Attention(nn.Module):
    """(N, C, H, W) -> (N, C, H, W): each place asks all others, so that both sides of an image agree (Vaswani 2017)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = math.gcd(channels, _HEADS)
        self.norm = _norm(channels)
        self.ask = nn.Conv2d(channels, 3 * channels, 1)
        self.answer = _quiet(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        # (N, 3 C, H, W) -> three of (N, heads, places, C / heads)
        parts = self.ask(self.norm(x)).flatten(2).unflatten(1, (3, self.heads, -1)).transpose(3, 4)
        found = F.scaled_dot_product_attention(parts[:, 0], parts[:, 1], parts[:, 2])
        return x + self.answer(found.transpose(2, 3).reshape(x.shape))


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(math.gcd(channels, _GROUPS), channels)


def _quiet(layer: nn.Conv2d) -> nn.Conv2d:
    """The layer with small weights. Not with none: then the class would mean nothing to an untrained network."""
    with torch.no_grad():
        layer.weight.mul_(_AT_FIRST)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
