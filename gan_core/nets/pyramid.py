"""The Laplacian pyramid: images as bands of detail, coarse to fine (Burt and Adelson 1983).

Neighbouring pixels are strongly correlated, bands are not. A perceptron on bands can therefore treat texture and shape
separately.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_core.nets.convolutional import Shape

_SMALLEST = 4  # pixels per side of the coarsest band


def band_sizes(image_size: int) -> list[int]:
    """Pixels per side of each band, coarse to fine: 4, 8, ..., `image_size`."""
    return [_SMALLEST << level for level in range((image_size // _SMALLEST).bit_length())]


def band_count(image_shape: Shape) -> int:
    """The number of values in all bands of an image together."""
    return image_shape[0] * sum(size * size for size in band_sizes(image_shape[1]))


def to_bands(images: Tensor) -> Tensor:
    """Images (N, C, S, S) -> bands (N, band_count): the coarsest image, then what each finer size adds to the coarser.

    Each band is multiplied by its level + 1, because finer detail is weaker.
    """
    finer, bands = images, []
    sizes = band_sizes(images.shape[-1])
    for level in range(len(sizes) - 1, 0, -1):
        coarser = F.avg_pool2d(finer, 2)
        bands.append((finer - _double(coarser)).flatten(1) * (level + 1))
        finer = coarser
    return torch.cat([finer.flatten(1), *reversed(bands)], 1)


def from_bands(bands: Tensor, image_shape: Shape) -> Tensor:
    """Bands (N, band_count) -> their sum, an image (N, C, S, S); each finer band counts half as much."""
    channels, sizes = image_shape[0], band_sizes(image_shape[1])
    parts = bands.split([channels * size * size for size in sizes], 1)
    picture = parts[0].unflatten(1, (channels, sizes[0], sizes[0]))
    for level, (size, part) in enumerate(zip(sizes[1:], parts[1:], strict=True), 1):
        picture = _double(picture) + part.unflatten(1, (channels, size, size)) * 0.5**level
    return picture


def _double(images: Tensor) -> Tensor:
    return F.interpolate(images, scale_factor=2, mode="bilinear", align_corners=False)
