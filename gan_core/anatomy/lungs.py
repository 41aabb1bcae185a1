"""Where the lungs are in a frontal chest X-ray: `find(pictures)`, and `simple(pictures)` without learning beside it.

    masks = lungs.find(pictures)                              uint8 (N, H, W, C) -> bool (N, H, W)
    [lungs.sane(mask) for mask in masks]                      "" or why a mask cannot be right
    hidden = lungs.hull(masks)                                the chest, with a margin

A small U-Net (Ronneberger 2015, arXiv:1505.04597) whose weights come with the package; `lungs_training` makes them.
Opacified lung counts as lung. What lies behind the heart or below the dome of the diaphragm does not.
"""

import itertools
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from torch import Tensor, nn

from gan_core import tensor_files
from gan_core.errors import UserError

SUBJECT = "chest X-ray"  # of pictures that have lungs, in the words of `RunConfig.subject`
SIZE = 128  # pixels a side that the network looks at
WEIGHTS = Path(__file__).with_name("lungs.safetensors")
SMALLEST, LARGEST = 32, 1024
_BATCH = 32
_COARSE = 64  # pixels a side of the simple method

# Bounds of a mask that can be right, in shares of the picture or of the larger lung.
_AREA = (0.08, 0.65)
_LUNG = 0.02
_SMALLER_LUNG = 0.35
_BESIDE = 0.5


class LungNet(nn.Module):
    """A U-Net: (N, 1, SIZE, SIZE) in [0, 1], whose brightness and contrast do not matter -> logits, the same shape.

    The first layer halves the picture and the last doubles it again by shuffling channels (Shi 2016): the finest level
    would take most of the time and hold no more than the outline's smoothness.
    """

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 96)) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, widths[0], 5, stride=2, padding=2)
        self.down = nn.ModuleList(
            _block(fine, coarse) for fine, coarse in zip((widths[0], *widths), widths, strict=False)
        )
        pairs = list(itertools.pairwise(widths))[::-1]
        self.up = nn.ModuleList(_block(coarse + fine, fine) for fine, coarse in pairs)
        self.lung = nn.Sequential(nn.Conv2d(widths[0], 4, 1), nn.PixelShuffle(2))

    def forward(self, pictures: Tensor) -> Tensor:
        spread = pictures.std((1, 2, 3), keepdim=True).clamp_min(1e-3)
        even = (pictures - pictures.mean((1, 2, 3), keepdim=True)) / spread
        y = self.stem(even.contiguous(memory_format=torch.channels_last))
        maps = []
        for level, down in enumerate(self.down):
            y = down(F.max_pool2d(y, 2) if level else y)
            maps.append(y)
        for up, fine in zip(self.up, maps[-2::-1], strict=True):
            y = up(torch.cat((F.interpolate(y, scale_factor=2.0), fine), 1))
        return self.lung(y)


def _block(channels_in: int, channels_out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in (channels_in, channels_out):
        layers += [nn.Conv2d(width, channels_out, 3, padding=1, bias=False), nn.BatchNorm2d(channels_out), nn.ReLU()]
    return nn.Sequential(*layers)


def find(pictures: np.ndarray) -> np.ndarray:
    """Both lungs by the U-Net, bool (N, H, W): the two largest parts, without holes.

    pictures: uint8 (N, H, W, C), C = 1 or 3, 32 to 1024 pixels a side; seen at SIZE, the outline smooth at any size.

    Raises:
        UserError: another type, shape or size.
    """
    return segment(load(), pictures)


def segment(network: LungNet, pictures: np.ndarray) -> np.ndarray:
    """What `find` gives, by a network in evaluation mode."""
    grey = _grey(pictures)
    masks = np.zeros(pictures.shape[:3], bool)
    for start in range(0, len(grey), _BATCH):
        with torch.inference_mode():
            small = _to_own_size(grey[start : start + _BATCH])
            # A chest and its mirror image have mirrored lungs: two opinions of one network.
            logits = (network(small) + network(small.flip(3)).flip(3)) / 2
            large = F.interpolate(logits, pictures.shape[1:3], mode="bilinear", antialias=True)
        for mask, found in zip(masks[start : start + _BATCH], (large[:, 0] > 0).numpy(), strict=True):
            mask[:] = _two_largest(found)
    return masks


def simple(pictures: np.ndarray) -> np.ndarray:
    """Both lungs without learning, bool (N, H, W), to compare with.

    The smoothed picture is cut at many shades; at each, what is darker falls into parts. Kept is the cut whose two
    largest parts, neither three times the other and neither at the picture's border, have the largest area together;
    then each outline is closed over ribs and vessels. Opacified lung, as bright as its surroundings, is lost, as are
    lungs that the border cuts.

    Raises:
        UserError: another type, shape or size than `find` takes.
    """
    small = F.avg_pool2d(_to_own_size(_grey(pictures)), SIZE // _COARSE)
    masks = np.zeros((len(small), 1, _COARSE, _COARSE), np.float32)
    for mask, picture in zip(masks, small.numpy(), strict=True):
        mask[0] = _dark_pair(picture[0])
    large = F.interpolate(torch.from_numpy(masks), pictures.shape[1:3], mode="bilinear", antialias=True)
    return (large[:, 0] > 0.5).numpy()


def hull(masks: np.ndarray, margin: float = 0.05) -> np.ndarray:
    """The convex hull of both lungs together, wider by `margin` of the longer side: bool (N, H, W) -> the same.

    An empty mask stays empty, and hides nothing: ask `sane` first.

    Raises:
        UserError: no masks in that shape, or a negative margin.
    """
    if masks.ndim != 3 or masks.dtype != bool:
        raise UserError(f"masks are bool (N, H, W), not {masks.dtype} {masks.shape}: give what find() returns")
    if not margin >= 0:
        raise UserError(f"the margin of a hull is a share of the side, 0 or more, not {margin}")
    return np.stack([_hull(mask, margin * max(mask.shape)) for mask in masks]) if len(masks) else masks.copy()


def sane(mask: np.ndarray) -> str:
    """Why a mask, bool (H, W), cannot be two lungs seen from the front; empty if nothing speaks against it.

    Looked at: the area of both, two parts and no more than crumbs beside them, their places and their sizes.
    """
    area = mask.mean()
    if not _AREA[0] <= area <= _AREA[1]:
        return f"area: {area:.0%} of the picture, not {_AREA[0]:.0%} to {_AREA[1]:.0%}"
    parts, count = ndimage.label(mask)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:] / mask.size
    lungs = np.flatnonzero(sizes >= _LUNG) + 1
    if len(lungs) != 2:
        return f"parts: {len(lungs)}, not 2"
    ratio = sizes[lungs - 1].min() / sizes[lungs - 1].max()
    if ratio < _SMALLER_LUNG:
        return f"symmetry: one lung has {ratio:.0%} of the other's area, less than {_SMALLER_LUNG:.0%}"
    boxes = ndimage.find_objects(parts)
    rows = [boxes[lung - 1][0] for lung in lungs]
    shared = min(row.stop for row in rows) - max(row.start for row in rows)
    if shared < _BESIDE * max(row.stop - row.start for row in rows):
        return "symmetry: one part lies below the other, not beside it"
    return ""


@cache
def load(path: Path = WEIGHTS) -> LungNet:
    """The network in a file that `lungs_training` wrote. Raises UserError: missing or damaged."""
    network = LungNet()
    tensors, _ = tensor_files.load(path)
    tensor_files.load_into(network, tensors, path)
    return network.float().eval()


def _grey(pictures: np.ndarray) -> np.ndarray:
    """uint8 (N, H, W, C) checked and in grey, uint8 (N, H, W)."""
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[3] not in (1, 3):
        raise UserError(
            f"pictures are uint8 (N, H, W, 1 or 3), not {pictures.dtype} {pictures.shape}: convert them first"
        )
    height, width = pictures.shape[1:3]
    if min(height, width) < SMALLEST or max(height, width) > LARGEST:
        raise UserError(
            f"lungs are found in pictures of {SMALLEST} to {LARGEST} pixels a side, not {height} x {width}: resize them"
        )
    return pictures[..., 0] if pictures.shape[3] == 1 else pictures.mean(3).round().astype(np.uint8)


def _to_own_size(grey: np.ndarray) -> Tensor:
    """uint8 (N, H, W) -> (N, 1, SIZE, SIZE) in [0, 1]."""
    pictures = torch.from_numpy(grey)[:, None].float() / 255
    if not len(grey):
        return torch.zeros(0, 1, SIZE, SIZE)
    return F.interpolate(pictures, (SIZE, SIZE), mode="bilinear", antialias=True)


def _two_largest(mask: np.ndarray) -> np.ndarray:
    """The two largest parts without holes; the second only if it is no crumb beside the first."""
    parts, count = ndimage.label(mask)
    if not count:
        return mask
    sizes = np.bincount(parts.ravel())[1:]
    order = np.argsort(sizes)[::-1][:2]
    lungs = [index + 1 for index in order if sizes[index] >= 0.05 * sizes[order[0]]]
    return _filled(np.isin(parts, lungs))


def _filled(mask: np.ndarray) -> np.ndarray:
    """Without holes; scipy's own way grows with the size of the hole."""
    outside, _ = ndimage.label(~np.pad(mask, 1))
    return (outside != outside[0, 0])[1:-1, 1:-1]


def _dark_pair(picture: np.ndarray) -> np.ndarray:
    """Float (_COARSE, _COARSE) -> bool: the two lungs of `simple`, nothing if no cut shows two."""
    smooth = ndimage.gaussian_filter(picture, 1.0)
    mask, most = np.zeros(picture.shape, bool), 0
    for shade in np.quantile(smooth, np.linspace(0.04, 0.7, 34)):
        parts, _ = ndimage.label(ndimage.binary_opening(smooth < shade))
        sizes = np.bincount(parts.ravel(), minlength=3)
        sizes[np.unique(np.concatenate((parts[0], parts[-1], parts[:, 0], parts[:, -1])))] = 0
        sizes[0] = 0
        second, first = np.argsort(sizes)[-2:]
        if 3 * sizes[second] > sizes[first] and sizes[first] + sizes[second] > most:
            most = sizes[first] + sizes[second]
            # Each by itself: closed together they would grow into one.
            mask = _closed(parts == first) | _closed(parts == second)
    return mask


def _closed(part: np.ndarray) -> np.ndarray:
    disc = np.hypot(*np.indices((7, 7)) - 3) <= 3.2
    return _filled(ndimage.binary_closing(np.pad(part, 4), disc)[4:-4, 4:-4])


def _hull(mask: np.ndarray, margin: float) -> np.ndarray:
    points = np.argwhere(mask)
    if not len(points):
        return mask.copy()
    filled = mask
    try:
        # Each edge is a half plane: normal . point + offset <= 0 within.
        planes = ConvexHull(points).equations
    except QhullError:  # all points on one line: nothing to fill
        planes = None
    if planes is not None:
        rows, columns = np.indices(mask.shape)
        filled = np.ones_like(mask)
        for down, right, offset in planes:
            filled &= down * rows + right * columns + offset <= 1e-9
    return ndimage.distance_transform_edt(~filled) <= margin
