"""Pictures as bands of detail, coarse to fine: the Laplacian pyramid (Burt and Adelson 1983).

A perceptron that works on bands in place of pixels can tell grain from shape: neighbouring pixels say almost the same,
bands do not.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_core.nets.convolutional import Shape

_SMALLEST = 4  # pixels a side of the coarsest band


def band_sizes(image_size: int) -> list[int]:
    """Pixels a side of each band, coarse to fine: 4, 8, ... the image's."""
    return [_SMALLEST << level for level in range((image_size // _SMALLEST).bit_length())]


def band_count(image_shape: Shape) -> int:
    """How many numbers the bands of an image have together."""
    return image_shape[0] * sum(size * size for size in band_sizes(image_shape[1]))


def to_bands(images: Tensor) -> Tensor:
    """Images (N, C, S, S) -> their bands (N, band_count): what each size adds to the next coarser one.

    Each band is scaled up by its level, since pictures have less detail the finer it is.
    """
    finer, bands = images, []
    sizes = band_sizes(images.shape[-1])
    for level in range(len(sizes) - 1, 0, -1):
        coarser = F.avg_pool2d(finer, 2)
        bands.append((finer - _double(coarser)).flatten(1) * (level + 1))
        finer = coarser
    return torch.cat([finer.flatten(1), *reversed(bands)], 1)


def from_bands(bands: Tensor, image_shape: Shape) -> Tensor:
    """Bands (N, band_count) -> the picture they add up to (N, C, S, S), each finer band at half the strength."""
    channels, sizes = image_shape[0], band_sizes(image_shape[1])
    parts = bands.split([channels * size * size for size in sizes], 1)
    picture = parts[0].unflatten(1, (channels, sizes[0], sizes[0]))
    for level, (size, part) in enumerate(zip(sizes[1:], parts[1:], strict=True), 1):
        picture = _double(picture) + part.unflatten(1, (channels, size, size)) * 0.5**level
    return picture


def _double(images: Tensor) -> Tensor:
    return F.interpolate(images, scale_factor=2, mode="bilinear", align_corners=False)
