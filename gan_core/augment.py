"""What a discriminator is shown in place of pictures, so that a few thousand of them cannot be learned by heart.

Real and generated pictures are changed alike, each by its own random numbers, and gradients flow through: a generator
has nothing to gain by drawing the changes (differentiable augmentation: Zhao 2020, arXiv:2006.10738). All of it is
products and sums, which have second derivatives for the gradient penalties and the same result at every run. No picture
is mirrored: a heart lies on one side.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

NUMBERS = 10  # uniform ones that a picture needs: six that say how, four that say whether

BRIGHTNESS = 0.5  # at most added, where black and white are 2 apart
CONTRAST = 0.5  # at most so much harder or softer, around the picture's mean
TRANSLATION = 1 / 8  # of the picture's side, at most
CUTOUT = 1 / 2  # of the picture's side: the square that is taken out


def augment(images: Tensor, numbers: Tensor, probability: Tensor | float = 1.0) -> Tensor:
    """Pictures (N, C, H, W) in [-1, 1], each brighter or darker, harder or softer, moved, and with a square taken out.

    numbers: (N, NUMBERS) in [0, 1). probability: of each of the four changes, on its own. What moves in from outside
    and what is taken out is 0, the middle of the grey scale.
    """
    with torch.autocast(images.device.type, enabled=False):  # bfloat16 would take 6 of 8 bits of a grey
        images, numbers = images.float(), numbers.float()
        bright, hard, down, right, row, column = numbers[:, :6].unbind(1)
        lit, contrasted, moved, cut = (numbers[:, 6:] < probability).unbind(1)
        images = images + _each(torch.where(lit, (2 * bright - 1) * BRIGHTNESS, 0.0))
        mean = images.mean((1, 2, 3), keepdim=True)
        factor = _each(torch.where(contrasted, 1 + (2 * hard - 1) * CONTRAST, 1.0))
        images = images * factor + mean * (1 - factor)
        images = _moved(images, torch.where(moved, 2 * down - 1, 0.0), torch.where(moved, 2 * right - 1, 0.0))
        return images * ~_square(images, row, column, cut)


def window(images: Tensor, numbers: Tensor, zoom: float, mirror: bool = False) -> Tensor:
    """Pictures (N, C, H, W) enlarged by up to a share `zoom`, of each a random window of the size that it had (the
    jitter of pix2pix: Isola 2017, section 3.3); mirrored half of the time where asked.

    numbers: (N, 4) in [0, 1). Pictures that belong together get the same numbers.
    """
    if not zoom and not mirror:
        return images
    much, x, y, side = numbers.unbind(1)
    half = 1 / (1 + zoom * much)  # of the window, where the picture reaches from -1 to 1
    sign = torch.where(side < 0.5, -1.0, 1.0) if mirror else torch.ones_like(side)
    nothing = torch.zeros_like(half)
    across = torch.stack((sign * half, nothing, (1 - half) * (2 * x - 1)), 1)
    down = torch.stack((nothing, half, (1 - half) * (2 * y - 1)), 1)
    where = F.affine_grid(torch.stack((across, down), 1), list(images.shape), align_corners=False)
    return F.grid_sample(images, where, padding_mode="reflection", align_corners=False)


def _each(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def _moved(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Whole pixels down and to the right, (N,) in [-1, 1] times `TRANSLATION`.

    A product with a matrix of ones and zeros on either side: a gather would have to scatter on the way back, whose sum
    has no fixed order on a graphics card.
    """
    height, width = images.shape[2:]
    rows = _shift(height, (down * TRANSLATION * height).round())
    columns = _shift(width, (right * TRANSLATION * width).round())
    return rows[:, None] @ images @ columns[:, None].transpose(2, 3)


def _shift(size: int, by: Tensor) -> Tensor:
    """(N, size, size): row i takes what stands at i - by."""
    place = torch.arange(size, device=by.device, dtype=by.dtype)
    return (place[None, :, None] - by[:, None, None] == place[None, None, :]).to(by.dtype)


def _square(images: Tensor, row: Tensor, column: Tensor, wanted: Tensor) -> Tensor:
    """(N, 1, H, W): whether a pixel is in the square around a place (N,) in [0, 1), where one is wanted; it may hang
    over the border.
    """

    def within(size: int, centre: Tensor) -> Tensor:
        place = torch.arange(size, device=centre.device) + 0.5
        return (place - centre[:, None] * size).abs() <= size * CUTOUT / 2

    height, width = images.shape[2:]
    return (within(height, row)[:, :, None] & within(width, column)[:, None, :] & wanted[:, None, None]).unsqueeze(1)
