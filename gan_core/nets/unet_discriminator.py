"""The U-Net discriminator, with a logit for each pixel (Schönfeld, Schiele, Khoreva 2020, arXiv:2002.12655)."""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_core.nets.convolutional import Shape, ToImage, UpConv

_FINEST = 16  # channels of the decoder at the image's resolution, where each costs most


class UNetDiscriminator(nn.Module):
    """Image (N, C, H, W) in [-1, 1] -> logit (N,); `everywhere` also returns a logit for each pixel.

    The encoder is a plain discriminator whose stages halve the resolution; it gives the logit of the whole image. The
    decoder doubles the resolution back to that of the image and takes the encoder's maps of the same size as further
    input. Its logits show the generator where an image looks generated.

    channels: of each stage of the encoder. classes: number of classes if the logits depend on a label (N,), else 0.
    With classes, both logits add the inner product of the features with a class embedding (projection: Miyato and
    Koyama 2018, arXiv:1802.05637, eq. 4; section 3.3 of the paper).
    """

    def __init__(self, channels: Sequence[int], image_shape: Shape, classes: int = 0) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(
            nn.Conv2d(fine, coarse, 4, stride=2, padding=1)
            for fine, coarse in itertools.pairwise((image_shape[0], *channels))
        )
        size = channels[-1] * (image_shape[1] >> len(channels)) * (image_shape[2] >> len(channels))
        self.whole = nn.Linear(size, 1)
        finer = (*channels[-2::-1], _FINEST)
        joined = (channels[-1], *(2 * width for width in finer[:-1]))
        self.decoder = nn.ModuleList(UpConv(wide, narrow) for wide, narrow in zip(joined, finer, strict=True))
        self.pixels = ToImage(_FINEST, 1)
        self.direction = nn.Embedding(classes, size) if classes else None
        self.direction_of_pixels = nn.Embedding(classes, _FINEST) if classes else None
        for directions in (self.direction, self.direction_of_pixels):
            if (
                directions is not None
            ):  # scaled like the linear layers' weights; otherwise the class term would dominate
                nn.init.normal_(directions.weight, std=directions.embedding_dim**-0.5)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return self._image_logits(self._encoded(images)[-1], labels)

    def everywhere(self, images: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits of whole images (N,) and of their pixels (N, 1, H, W)."""
        maps = self._encoded(images)
        whole = self._image_logits(maps[-1], labels)
        y = maps.pop()
        for up in self.decoder:
            y = F.leaky_relu(up(y), 0.2)
            y = torch.cat((y, maps.pop()), 1) if maps else y
        pixels = self.pixels(y)
        if self.direction_of_pixels is not None:
            pixels = pixels + torch.einsum("nchw,nc->nhw", y, self.direction_of_pixels(labels)).unsqueeze(1)
        return whole, pixels

    def consistency(
        self,
        real: tuple[Tensor, Tensor],
        fake: tuple[Tensor, Tensor],
        numbers: Tensor,
        labels: Tensor | None = None,
    ) -> Tensor:
        """CutMix consistency loss, a scalar (section 3.2 of the paper, eq. 7).

        A square of a generated image is pasted into a real one, and each pixel should keep the logit that it has in its
        source image. Without this loss, all pixels would repeat the logit of the whole image. The paper ramps the
        weight up over the first epochs, beside an adversarial loss of four times the size (a sum over both outputs, and
        over real and generated images), and trains the discriminator to classify mixed images as generated; here
        neither is done.

        real, fake: images (N, C, H, W) and the logits of their pixels (N, 1, H, W). numbers: (N, 3) in [0, 1), row,
        column and area of each square; the area may cover the whole image (CutMix: Yun 2019, arXiv:1905.04899).
        """
        pasted = _square_masks(numbers, real[0].shape[-1])
        _, pixels = self.everywhere(torch.where(pasted, fake[0], real[0]), labels)
        return (pixels - torch.where(pasted, fake[1], real[1])).float().square().mean()

    def _encoded(self, images: Tensor) -> list[Tensor]:
        """The feature maps of each stage, fine to coarse."""
        maps = [images.contiguous(memory_format=torch.channels_last)]
        for down in self.encoder:
            maps.append(F.leaky_relu(down(maps[-1]), 0.2))
        return maps[1:]

    def _image_logits(self, coarsest: Tensor, labels: Tensor | None) -> Tensor:
        features = coarsest.flatten(1)
        logits = self.whole(features).squeeze(1)
        return logits if self.direction is None else logits + (features * self.direction(labels)).sum(1)


def answers(discriminator: nn.Module, images: Tensor, *labels: Tensor) -> tuple[Tensor, ...]:
    """All outputs of a discriminator: logits (N,), and from a U-Net those of the pixels (N, 1, H, W), too."""
    if isinstance(discriminator, UNetDiscriminator):
        return discriminator.everywhere(images, *labels)
    return (discriminator(images, *labels),)


def _square_masks(numbers: Tensor, size: int) -> Tensor:
    """Masks (N, 1, size, size) of squares; numbers: row, column and area, (N, 3) in [0, 1)."""
    position = (torch.arange(size, device=numbers.device) + 0.5) / size
    row, column, area = numbers[:, :, None].unbind(1)
    down, across = ((position - centre).abs() < area.sqrt() / 2 for centre in (row, column))
    return (down[:, :, None] & across[:, None, :]).unsqueeze(1)
