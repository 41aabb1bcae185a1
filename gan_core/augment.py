"""Differentiable augmentation of the images that a discriminator sees (Zhao 2020, arXiv:2006.10738).

It keeps a discriminator from memorising a dataset of a few thousand images. Real and generated images are augmented
alike, each with its own random numbers. Gradients flow through, so a generator gains nothing by imitating the
augmentation. All operations are products and sums: they have the second derivatives that gradient penalties need, and
they give the same result in every run. `augment` never mirrors an image: the heart lies on one side.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

NUMBERS = 10  # uniform random numbers per image: six set strength and position, four switch the transformations on

BRIGHTNESS = 0.5  # largest offset; black and white are 2 apart
CONTRAST = 0.5  # largest relative change of contrast around the image's mean
TRANSLATION = 1 / 8  # largest shift, as a fraction of the image's side
CUTOUT = 1 / 2  # side of the erased square, as a fraction of the image's side


def augment(images: Tensor, numbers: Tensor, probability: Tensor | float = 1.0) -> Tensor:
    """Images (N, C, H, W) in [-1, 1] with random brightness, contrast, translation and cutout, float32.

    numbers: (N, NUMBERS) in [0, 1). probability: that of each of the four transformations, independently. Pixels that
    move in from outside the image and erased pixels are 0, mid-grey.
    """
    with torch.autocast(images.device.type, enabled=False):  # bfloat16 has too few bits for 256 greys
        images, numbers = images.float(), numbers.float()
        brightness, contrast, down, right, row, column = numbers[:, :6].unbind(1)
        brighten, stretch, move, cut = (numbers[:, 6:] < probability).unbind(1)
        images = images + _per_image(torch.where(brighten, (2 * brightness - 1) * BRIGHTNESS, 0.0))
        mean = images.mean((1, 2, 3), keepdim=True)
        factor = _per_image(torch.where(stretch, 1 + (2 * contrast - 1) * CONTRAST, 1.0))
        images = images * factor + mean * (1 - factor)
        images = _translate(images, torch.where(move, 2 * down - 1, 0.0), torch.where(move, 2 * right - 1, 0.0))
        return images * ~_cutout_mask(images, row, column, cut)


def window(images: Tensor, numbers: Tensor, zoom: float, mirror: bool = False) -> Tensor:
    """Random crops (N, C, H, W) of images enlarged by up to a fraction `zoom`: pix2pix's jitter (Isola 2017, sec. 3.3).

    numbers: (N, 4) in [0, 1); the two images of a pair get the same numbers. mirror: flip half of the images.
    """
    if not zoom and not mirror:
        return images
    enlargement, x, y, flip = numbers.unbind(1)
    half = 1 / (1 + zoom * enlargement)  # half the crop's side; the whole image spans -1 to 1
    sign = torch.where(flip < 0.5, -1.0, 1.0) if mirror else torch.ones_like(flip)
    zero = torch.zeros_like(half)
    across = torch.stack((sign * half, zero, (1 - half) * (2 * x - 1)), 1)
    down = torch.stack((zero, half, (1 - half) * (2 * y - 1)), 1)
    coordinates = F.affine_grid(torch.stack((across, down), 1), list(images.shape), align_corners=False)
    return F.grid_sample(images, coordinates, padding_mode="reflection", align_corners=False)


def _per_image(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def _translate(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Images moved by whole pixels; down, right: (N,) in [-1, 1], in units of `TRANSLATION` times the side.

    The shift is a product with a 0/1 matrix on either side: the backward pass of a gather is a scatter, which sums in
    no fixed order on a GPU.
    """
    height, width = images.shape[2:]
    rows = _shift(height, (down * TRANSLATION * height).round())
    columns = _shift(width, (right * TRANSLATION * width).round())
    return rows[:, None] @ images @ columns[:, None].transpose(2, 3)


def _shift(size: int, by: Tensor) -> Tensor:
    """Shift matrices (N, size, size): row i selects element i - by."""
    index = torch.arange(size, device=by.device, dtype=by.dtype)
    return (index[None, :, None] - by[:, None, None] == index[None, None, :]).to(by.dtype)


def _cutout_mask(images: Tensor, row: Tensor, column: Tensor, active: Tensor) -> Tensor:
    """Mask (N, 1, H, W) of a square that may cross the border; row, column: centre, (N,) in [0, 1); active: (N,)."""

    def within(size: int, centre: Tensor) -> Tensor:
        position = torch.arange(size, device=centre.device) + 0.5
        return (position - centre[:, None] * size).abs() <= size * CUTOUT / 2

    height, width = images.shape[2:]
    return (within(height, row)[:, :, None] & within(width, column)[:, None, :] & active[:, None, None]).unsqueeze(1)
