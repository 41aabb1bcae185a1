"""Image-to-image translators, and the patch discriminator.

Inputs and outputs are (N, C, H, W); images are in [-1, 1].
"""

import itertools
from typing import Literal

import torch
from torch import Tensor, nn

from gan_core.nets.convolutional import UpConv
from gan_core.nets.norm import InstanceNorm

Residual = Literal["add", "concatenate"]
Upsampling = Literal["resize", "transposed"]
_ATANH_SCALE = 0.995  # keeps the inverse of tanh finite at black and white


class ResNetTranslator(nn.Module):
    """The generator of CycleGAN (Zhu 2017, arXiv:1703.10593, appendix 7.2, after Johnson 2016).

    A 7 x 7 stem of `width` channels, two downsampling layers to 4 * width, `blocks` residual blocks, two upsampling
    layers and a 7 x 7 output convolution; instance norm, reflection padding.

    residual: whether a block's result is added to its input, or concatenated with it as further channels.
    upsampling: `resize` is nearest-neighbour upsampling and a 3 x 3 convolution, which avoids checkerboard artefacts
    (Odena 2016); `transposed` is the paper's strided transposed convolution.
    change: the network adds its output to its input before the last tanh, and starts as the identity. Regions that need
    no change keep their detail, however narrow the network.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        blocks: int,
        residual: Residual = "add",
        upsampling: Upsampling = "resize",
        change: bool = False,
    ) -> None:
        super().__init__()
        self.channels, self.change = channels, change
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 7, padding=3, padding_mode="reflect", bias=False)]
        layers += [InstanceNorm(), nn.ReLU(inplace=True)]
        for level in (1, 2):
            layers.append(nn.Conv2d(width * level, width * level * 2, 3, stride=2, padding=1, bias=False))
            layers += [InstanceNorm(), nn.ReLU(inplace=True)]
        inner = deep = 4 * width
        for _ in range(blocks):
            layers.append(ResidualBlock(deep, inner, residual))
            deep += inner if residual == "concatenate" else 0
        for width_out in (2 * width, width):
            layers += [up(deep, width_out, upsampling), InstanceNorm(), nn.ReLU(inplace=True)]
            deep = width_out
        layers.append(nn.Conv2d(width, channels, 7, padding=3, padding_mode="reflect"))
        self.body = nn.Sequential(*layers)
        self.body.apply(_initialise)
        if change:
            nn.init.zeros_(layers[-1].get_parameter("weight"))

    def forward(self, x: Tensor) -> Tensor:
        return self._to_image(x, self.body(x.contiguous(memory_format=torch.channels_last)))

    def _to_image(self, x: Tensor, y: Tensor) -> Tensor:
        return (torch.atanh(_ATANH_SCALE * x.float()) + y).tanh() if self.change else y.tanh()

    @property
    def feature_layers(self) -> tuple[int, ...]:
        """Indices in `body` of the layers that `features` returns: both downsampling layers, first and fifth block."""
        blocks = [place for place, layer in enumerate(self.body) if isinstance(layer, ResidualBlock)]
        downsampling = [place for place, layer in enumerate(self.body) if getattr(layer, "stride", 1) == (2, 2)][:2]
        return (*downsampling, *sorted({blocks[0], blocks[min(4, len(blocks) - 1)]}))

    @property
    def feature_widths(self) -> tuple[int, ...]:
        """Channels of each map that `features` returns."""
        layers = [self.body[place] for place in self.feature_layers]
        return (
            self.channels,
            *(layer.out_channels for layer in layers if isinstance(layer, nn.Conv2d | ResidualBlock)),
        )

    def features(self, x: Tensor) -> list[Tensor]:
        """Feature maps (N, D, h, w) for comparing patches, the image itself first, then layers of the encoder (Park
        2020, arXiv:2007.15651, appendix C.1).
        """
        return self._run(x, max(self.feature_layers) + 1)[0]

    def translated(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The output of `forward` and the `features` of x, in one pass."""
        maps, y = self._run(x, len(self.body))
        return self._to_image(x, y), maps

    def _run(self, x: Tensor, layers: int) -> tuple[list[Tensor], Tensor]:
        maps, y, feature_layers = [x], x.contiguous(memory_format=torch.channels_last), self.feature_layers
        for place, layer in enumerate(self.body[:layers]):
            y = layer(y)
            if place in feature_layers:
                maps.append(y)
        return maps, y


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions, added to the input (He 2016) or concatenated with it as `width` more channels."""

    def __init__(self, channels: int, width: int, residual: Residual) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1, padding_mode="reflect", bias=False),
            InstanceNorm(),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, padding_mode="reflect", bias=False),
            InstanceNorm(),
        )
        self.residual = residual
        self.out_channels = channels + width if residual == "concatenate" else channels

    def forward(self, x: Tensor) -> Tensor:
        change = self.body(x)
        return x + change if self.residual == "add" else torch.cat((x, change), 1)


class UNetTranslator(nn.Module):
    """U-Net: an encoder-decoder with skip connections (pix2pix: Isola 2017, arXiv:1611.07004, section 3.2).

    Each level halves the resolution with a 4 x 4 convolution, down to 4 pixels per side; channels double from `width`
    up to `max_width`. The decoder doubles the resolution again and takes the encoder's maps of the same size as further
    input. The finest skip connection has the image's own resolution, so that edges need not be redrawn. A convolution
    there combines both inputs, because the meaning of a grey value depends on its position.
    """

    def __init__(self, channels: int, size: int, width: int, max_width: int, upsampling: Upsampling = "resize") -> None:
        super().__init__()
        halvings = (size // 4).bit_length() - 1
        widths = [min(width * 2**level, max_width) for level in range(halvings + 1)]
        self.stem = nn.Conv2d(channels, widths[0], 3, padding=1, padding_mode="reflect")
        self.down = nn.ModuleList(
            nn.Sequential(
                nn.LeakyReLU(0.2), nn.Conv2d(fine, coarse, 4, stride=2, padding=1, bias=False), InstanceNorm()
            )
            for fine, coarse in itertools.pairwise(widths)
        )
        # From the coarsest level up; all but the first take the encoder's maps, too.
        self.up = nn.ModuleList(
            nn.Sequential(nn.ReLU(), up(widths[level] * joined, widths[level - 1], upsampling), InstanceNorm())
            for level, joined in zip(range(halvings, 0, -1), [1] + [2] * (halvings - 1), strict=True)
        )
        self.picture = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(2 * widths[0], widths[0], 3, padding=1, padding_mode="reflect", bias=False),
            InstanceNorm(),
            nn.ReLU(),
            nn.Conv2d(widths[0], channels, 3, padding=1, padding_mode="reflect"),
            nn.Tanh(),
        )
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        maps = [self.stem(x.contiguous(memory_format=torch.channels_last))]
        for down in self.down:
            maps.append(down(maps[-1]))
        y = maps.pop()
        for level in self.up:
            y = torch.cat((level(y), maps.pop()), 1)
        return self.picture(y)


class PatchDiscriminator(nn.Module):
    """PatchGAN discriminator: images (N, C, H, W) -> logits (N, 1, h, w) of overlapping patches.

    strided: number of stride-2 layers. 3 gives the 70 x 70 patches of pix2pix and CycleGAN, a 30 x 30 map at 256 px;
    4 gives a 16 x 16 map at 256 px. All convolutions are 4 x 4, with leaky ReLU, and instance norm in all but the first
    and the last.
    """

    def __init__(self, channels: int, width: int, strided: Literal[3, 4] = 3) -> None:
        super().__init__()
        widths = [min(width * 2**level, 8 * width) for level in range(strided + 1)]
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        # With four halvings the last two convolutions keep the map's size; with three, each removes one pixel.
        last = nn.ZeroPad2d((1, 2, 1, 2) if strided == 4 else 1)
        for level in range(1, strided):
            layers.append(nn.Conv2d(widths[level - 1], widths[level], 4, stride=2, padding=1, bias=False))
            layers += [InstanceNorm(), nn.LeakyReLU(0.2, inplace=True)]
        layers += [last, nn.Conv2d(widths[strided - 1], widths[strided], 4, bias=False)]
        layers += [InstanceNorm(), nn.LeakyReLU(0.2, inplace=True), last, nn.Conv2d(widths[strided], 1, 4)]
        self.body = nn.Sequential(*layers)
        self.body.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        return self.body(images.contiguous(memory_format=torch.channels_last))


def up(channels_in: int, channels_out: int, kind: Upsampling) -> nn.Module:
    """A layer that doubles the resolution."""
    if kind == "resize":
        return UpConv(channels_in, channels_out)
    return nn.ConvTranspose2d(channels_in, channels_out, 3, stride=2, padding=1, output_padding=1, bias=False)


def _initialise(layer: nn.Module) -> None:
    """Draw normal weights of standard deviation 0.02, as in the papers."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0.0, 0.02)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
