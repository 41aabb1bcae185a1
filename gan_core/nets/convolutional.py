"""Convolutional networks that double or halve the resolution at each stage (Radford 2015, arXiv:1511.06434)."""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gan_core.errors import UserError
from gan_core.nets import growing
from gan_core.nets.dropout import Dropout
from gan_core.nets.norm import BatchNorm2d

Shape = tuple[int, int, int]  # channels, height, width


def stages(image_size: int, width: int, max_width: int, smallest: int = 4) -> tuple[int, ...]:
    """Channels at each resolution, from `smallest` pixels per side up to `image_size`.

    The highest resolution has `width` channels; each halving doubles them, up to `max_width`.
    """
    halvings = (image_size // smallest).bit_length() - 1
    return tuple(min(width * 2**level, max_width) for level in range(halvings, -1, -1))


class UpConv(nn.Conv2d):
    """Nearest-neighbour upsampling by 2, then a 3 x 3 convolution: (N, C, H, W) -> (N, D, 2H, 2W).

    Computed as one transposed convolution with the equivalent 4 x 4 kernel: four multiply-adds instead of nine.
    """

    folded: Tensor | None = None  # cached kernel at inference: see `inference.precision`

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.folded
        if kernel is None or not (kernel.dtype == x.dtype or torch.is_autocast_enabled(x.device.type)):
            kernel = self.fold()
        return F.conv_transpose2d(x, kernel, stride=2, padding=1)

    def fold(self) -> Tensor:
        """The equivalent kernel (C, D, 4, 4) of the transposed convolution."""
        # Upsampling repeats each row and column, so neighbouring kernel rows and columns add up in pairs.
        padded = F.pad(self.weight.flip(2, 3), (1, 1, 1, 1))
        rows = padded[:, :, :-1] + padded[:, :, 1:]
        return (rows[..., :-1] + rows[..., 1:]).transpose(0, 1)


class ToImage(nn.Conv2d):
    """The 3 x 3 output convolution of a generator: (N, C, H, W) -> (N, D, H, W) with few channels D.

    Computed as a 1 x 1 convolution to nine maps per channel, which are shifted and added: with so few output channels a
    3 x 3 convolution would spend most of its time on memory access.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        assert self.bias is not None
        # `fold` scatters to neighbours where a convolution gathers from them, so the kernel is flipped.
        kernels = self.weight.flip(2, 3).permute(0, 2, 3, 1).reshape(-1, self.in_channels, 1, 1)
        maps = F.conv2d(x, kernels).float().flatten(2)
        return F.fold(maps, x.shape[2:], self.kernel_size, padding=1) + self.bias[:, None, None]


class ConvGenerator(nn.Module):
    """Latent (N, latent_size) -> image (N, C, H, W) in [-1, 1].

    A linear layer makes channels[0] maps of the lowest resolution. Each further stage doubles the resolution by
    nearest-neighbour upsampling and a 3 x 3 convolution, which avoids checkerboard artefacts (Odena 2016). The last
    stage has the image's resolution. skips: how many resolutions below it draw an image of their own, see
    `growing.Pictures`.
    """

    def __init__(
        self, latent_size: int, channels: Sequence[int], image_shape: Shape, momentum: float = 0.1, skips: int = 0
    ) -> None:
        super().__init__()
        self.start = (channels[0], image_shape[1] >> (len(channels) - 1), image_shape[2] >> (len(channels) - 1))
        self.project = nn.Linear(latent_size, self.start[0] * self.start[1] * self.start[2], bias=False)
        layers: list[nn.Module] = [BatchNorm2d(channels[0], momentum=momentum), nn.ReLU(inplace=True)]
        for width_in, width_out in itertools.pairwise(channels):
            layers += [
                UpConv(width_in, width_out),
                BatchNorm2d(width_out, momentum=momentum),
                nn.ReLU(inplace=True),
            ]
        layers += [ToImage(channels[-1], image_shape[0]), nn.Tanh()]
        self.body = nn.Sequential(*layers)
        self.skips = nn.ModuleList(ToImage(width, image_shape[0]) for width in growing.below(channels, skips))

    def forward(self, z: Tensor) -> Tensor:
        maps = self.project(z).unflatten(1, self.start).contiguous(memory_format=torch.channels_last)
        if not self.skips:
            return self.body(maps)
        *layers, _ = self.body
        drawn = growing.Pictures(self.skips, sum(isinstance(layer, UpConv) for layer in layers))
        for layer in layers:
            if isinstance(layer, UpConv):
                if drawn.due:
                    drawn.add(maps)
                drawn.enlarge()
            maps = layer(maps)
        return drawn.finished(maps)

    @property
    def to_image(self) -> nn.Module:
        """The layer that draws at the image's resolution."""
        return self.body[-2]

    def grow_from(self, smaller: nn.Module) -> None:
        """Take over a generator of half the image size; then each image is the smaller one's, enlarged.

        Batch norm of the taken layers keeps its statistics.
        """
        assert isinstance(smaller, ConvGenerator)
        growing.copy(self.project, smaller.project)
        growing.copy_first(self.body[:-2], smaller.body[:-2])
        growing.copy_pictures(self, smaller)

    def added(self) -> list[nn.Module]:
        """The modules that `grow_from` does not take over."""
        return [*self.body[-5:-2], self.to_image]


class ConvDiscriminator(nn.Module):
    """Image (N, C, H, W) in [-1, 1] -> features (N, feature_size), or a logit (N,) with `classify`.

    channels: of each stage; strides: of each stage, 2 halves the resolution, 1 keeps it (default: all 2).
    normalize: batch norm from the second stage on. spectral: spectral norm on every layer (Miyato 2018).
    """

    def __init__(
        self,
        channels: Sequence[int],
        image_shape: Shape,
        *,
        strides: Sequence[int] | None = None,
        kernel: int = 4,
        normalize: bool = False,
        spectral: bool = False,
        dropout: float = 0.0,
        momentum: float = 0.1,
        classify: bool = True,
    ) -> None:
        super().__init__()
        wrap = spectral_norm if spectral else lambda layer: layer
        strides = strides or [2] * len(channels)
        layers: list[nn.Module] = []
        width_in, height, width = image_shape
        for index, (width_out, stride) in enumerate(zip(channels, strides, strict=True)):
            layers.append(wrap(nn.Conv2d(width_in, width_out, kernel, stride, padding=(kernel - 1) // 2)))
            if normalize and index:
                layers.append(BatchNorm2d(width_out, momentum=momentum))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            if dropout:
                layers.append(Dropout(dropout))
            width_in, height, width = width_out, height // stride, width // stride
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.feature_size = width_in * height * width
        self.classify = wrap(nn.Linear(self.feature_size, 1)) if classify else None

    def forward(self, images: Tensor) -> Tensor:
        features = self.body(images.contiguous(memory_format=torch.channels_last))
        return features if self.classify is None else self.classify(features).squeeze(1)

    def grow_from(self, smaller: nn.Module) -> None:
        """Take over a discriminator of half the image size; then an image has the features of its averaged one.

        Raises:
            UserError: something else than a leaky ReLU stands behind its first layer.
        """
        assert isinstance(smaller, ConvDiscriminator)
        if not (isinstance(self.body[1], nn.LeakyReLU) and isinstance(self.body[2], nn.Conv2d)):
            raise UserError("its discriminator has dropout behind its first layer")
        if not isinstance(self.body[3], nn.LeakyReLU):
            raise UserError("its discriminator has batch norm")
        growing.average_first(self.body[0], self.body[2], smaller.body[0], self.body[1].negative_slope)
        growing.copy_last(self.body, smaller.body, but_first=True)
        if self.classify is not None:
            growing.copy(self.classify, smaller.classify)  # type: ignore[arg-type]
