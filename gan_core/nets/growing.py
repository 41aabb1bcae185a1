"""Growing: networks of twice the image size that begin as trained ones of half of it.

    larger.grow_from(smaller)       a network of twice the image size takes over the weights of one

Karras 2018 (arXiv:1710.10196) trains the low resolutions of a GAN first and fades each further one in. Here nothing
needs to be faded: a grown network computes at first exactly what the smaller one does.

A generator keeps the layer that drew its image. The image of the larger one is the sum of that image, enlarged, and of
one that the new stage draws, which starts at zero (the output skips of Karras 2020, arXiv:1912.04958, figure 7b).
A discriminator begins with a layer that averages 2 x 2 pixels, before the smaller one's layers. It follows that both
networks are in balance from the first step on, while the new layers start to learn at once.
"""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gan_core.errors import UserError

Config = TypeVar("Config")
Layers = nn.ModuleList | nn.Sequential


@runtime_checkable
class Grows(Protocol):
    """A network that can begin as one of half its image size."""

    def grow_from(self, smaller: nn.Module) -> None: ...


@runtime_checkable
class NamesAdded(Protocol):
    """A generator that can grow, and names what its last growth added."""

    def added(self) -> list[nn.Module]: ...


def larger(config: Config) -> Config:
    """Return a family's settings for twice the size: half the `width`, and one more image that is added up (`skips`).

    Raises:
        UserError: the width is odd.
    """
    own: Any = config
    if own.width % 2:
        even = f"{own.width - 1} or {own.width + 1}" if own.width > 1 else "2"
        raise UserError(
            f"its width is {own.width}, and at twice the size it would be half of it, so it must be even: begin with "
            f"a run trained with --set width={even}, or stay at its size"
        )
    return replace(own, width=own.width // 2, skips=own.skips + 1)


def below(channels: Sequence[int], skips: int) -> tuple[int, ...]:
    """The channels of the `skips` resolutions below the last one, the lowest first.

    Raises:
        UserError: there are not so many.
    """
    if not 0 <= skips < len(channels):
        raise UserError(f"--set skips={skips}: there are {len(channels) - 1} resolutions below the image's")
    return tuple(channels[-1 - skips : -1])


def added(network: nn.Module) -> list[nn.Module]:
    """The modules that a growth adds to a generator, and does not take over from the smaller one.

    Raises:
        UserError: the network does not name them.
    """
    if not isinstance(network, NamesAdded):
        raise UserError(f"'{type(network).__name__}' does not name what its growth added")
    return network.added()


def enlarged(picture: Tensor) -> Tensor:
    """A picture (N, C, H, W) of twice the size, between whose pixels the values run linearly: (N, C, 2H, 2W)."""
    return F.interpolate(picture, scale_factor=2, mode="bilinear", align_corners=False)


class Pictures:
    """The sum of the images that the last resolutions of a generator draw, before the tanh.

    skips: the layers that draw those below the image's resolution; levels: how many resolutions there are below it.
    Each level calls `add` if it is `due`, then `enlarge`; at the image's resolution `finished` ends it.
    """

    def __init__(self, skips: nn.ModuleList, levels: int) -> None:
        self._skips = skips
        self._next = len(skips) - levels  # the index of this level's layer in `skips`; below 0: it draws nothing
        self._sum: Tensor | None = None

    @property
    def due(self) -> bool:
        return self._next >= 0

    def add(self, maps: Tensor) -> None:
        """Draw from the activations (N, D, H, W) of a level."""
        own = self._skips[self._next](maps)
        self._sum = own if self._sum is None else self._sum + own

    def enlarge(self) -> None:
        """Go to the next resolution."""
        self._next += 1
        if self._sum is not None:
            self._sum = enlarged(self._sum)

    def finished(self, own: Tensor) -> Tensor:
        """The image (N, C, H, W) in [-1, 1], with what the last resolution itself draws."""
        return (own if self._sum is None else own + self._sum).tanh()


def copy(larger: nn.Module, smaller: nn.Module) -> None:
    """Copy all weights; both have the same layers."""
    larger.load_state_dict(smaller.state_dict())


def copy_first(larger: Layers, smaller: Layers) -> None:
    """Copy the weights of the first layers, as many as the smaller list has."""
    for new, old in zip(larger, smaller, strict=False):
        copy(new, old)


def copy_last(larger: Layers, smaller: Layers, but_first: bool = False) -> None:
    """Copy the weights of the last layers, as many as the smaller list has; without its first one if `but_first`."""
    pairs = zip([*larger][::-1], [*smaller][::-1], strict=False)
    for new, old in itertools.islice(pairs, len(smaller) - but_first):
        copy(new, old)


def copy_pictures(larger: nn.Module, smaller: nn.Module) -> None:
    """Copy the layers that draw, `skips` and `to_image`; the larger network's last one starts at zero."""
    own, theirs = larger.skips, smaller.skips
    assert isinstance(own, nn.ModuleList) and isinstance(theirs, nn.ModuleList)
    assert isinstance(smaller.to_image, nn.Module)
    for new, old in zip(own, [*theirs, smaller.to_image], strict=True):
        copy(new, old)
    assert isinstance(larger.to_image, nn.Conv2d) and larger.to_image.bias is not None
    nn.init.zeros_(larger.to_image.weight)
    nn.init.zeros_(larger.to_image.bias)


@torch.no_grad()
def average_first(first: nn.Module, second: nn.Module, old: nn.Module, slope: float) -> None:
    """Let two layers of stride 2 compute what `old` computes from images that are averaged down by 2.

    Between them is nothing but the identity and a leaky ReLU of this slope below zero. Two channels for each of the
    image's, one with the mean of 2 x 2 pixels and one with its negative, carry it through the ReLU without loss:
    relu(x) - relu(-x) = (1 + slope) x. The other channels begin at random, with no influence on the second layer.

    Raises:
        UserError: the layers do not halve, or the first one has too few channels.
    """
    layers = (first, second, old)
    if not all(isinstance(layer, nn.Conv2d) and layer.stride == (2, 2) for layer in layers):
        raise UserError("its discriminator does not halve the image in its first two layers")
    assert isinstance(first, nn.Conv2d) and isinstance(second, nn.Conv2d) and isinstance(old, nn.Conv2d)
    colours = first.in_channels
    if first.out_channels < 2 * colours:
        raise UserError(f"its discriminator would begin with {first.out_channels} channels, and needs {2 * colours}")
    if first.kernel_size != (4, 4) or first.padding != (1, 1):
        raise UserError("its discriminator begins with another kernel than one of 4 x 4 pixels")
    if parametrize.is_parametrized(first):
        raise UserError("its discriminator has spectral norm")
    assert first.bias is not None and second.bias is not None and old.bias is not None
    nn.init.zeros_(first.bias)
    nn.init.zeros_(second.weight)
    second.bias.copy_(old.bias)
    for colour in range(colours):
        for channel, sign in ((2 * colour, 1), (2 * colour + 1, -1)):
            first.weight[channel].zero_()
            first.weight[channel, colour, 1:3, 1:3] = sign / 4
            second.weight[:, channel] = sign * old.weight[:, colour] / (1 + slope)


@torch.no_grad()
def grow(larger: nn.Module, smaller: nn.Module) -> None:
    """Let a network take over one of half the image size: parts that can grow do so, all others are copied.

    Raises:
        UserError: a part has other layers, and no `grow_from` that says how it grows.
    """
    for name, new in larger.named_children():
        old = getattr(smaller, name)
        if isinstance(new, Grows):
            new.grow_from(old)
        elif isinstance(new, nn.ModuleDict):  # the moving averages
            grow(new, old)
        elif [value.shape for value in new.state_dict().values()] != [v.shape for v in old.state_dict().values()]:
            raise UserError(f"'{type(new).__name__}' does not grow")
        else:
            copy(new, old)
    for own, theirs in ((larger._parameters, smaller._parameters), (larger._buffers, smaller._buffers)):
        for name, value in own.items():
            # The smaller one lacks what a setting added, as the state of adaptive augmentation.
            if value is not None and (before := theirs.get(name)) is not None:
                if value.shape != before.shape:
                    raise UserError(f"'{type(larger).__name__}' does not grow")
                value.copy_(before)
