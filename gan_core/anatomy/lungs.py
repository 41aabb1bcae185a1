"""Lung segmentation of frontal chest X-rays: `find(pictures)` with a U-Net, `simple(pictures)` without learning.

    masks = lungs.find(pictures)                              uint8 (N, H, W, C) -> bool (N, H, W)
    beside = lungs.find(pictures, visible=True)               without what the heart's shadow covers
    [lungs.sane(mask) for mask in masks]                      "" or why a mask is implausible
    hidden = lungs.hull(masks)                                convex hull of both lungs, with a margin

The weights of the small U-Net (Ronneberger 2015, arXiv:1505.04597) come with the package;
`python -m tools.train_lungs` makes them. Opacified lung counts as lung. So does lung behind the heart, as in the
outlines of radiologists, which follow the spine. `visible=True` leaves out what the shadow of heart and great vessels
covers, about a fifth: disease is hardly seen there. Lung below the dome of the diaphragm never counts.
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

SUBJECT = "chest X-ray"  # the `RunConfig.subject` of images with lungs
SIZE = 128  # side of the network's input, pixels
WEIGHTS = Path(__file__).with_name("lungs.safetensors")
SMALLEST, LARGEST = 32, 1024  # sides of the images that `find` takes, pixels
_BATCH = 32
_COARSE = 64  # side of the simple method's input, pixels

# Bounds of a plausible mask.
_AREA = (0.08, 0.65)  # share of the image that both lungs cover
_LUNG = 0.02  # least share of the image that one lung covers
_SMALLER_LUNG = 0.35  # least area of the smaller lung, as a share of the larger
_BESIDE = 0.5  # least overlap of the lungs' rows, as a share of the taller lung


class LungNet(nn.Module):
    """A U-Net: (N, 1, SIZE, SIZE) in [0, 1] -> logits (N, 2, SIZE, SIZE), whatever the brightness and contrast.

    The first logits are those of both lungs, the second those of their visible part.
    The first layer halves the image and the last doubles it by a pixel shuffle (Shi 2016). The finest level would take
    most of the time and only smooth the outline.
    """

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 96)) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, widths[0], 5, stride=2, padding=2)
        self.down = nn.ModuleList(
            _block(fine, coarse) for fine, coarse in zip((widths[0], *widths), widths, strict=False)
        )
        pairs = list(itertools.pairwise(widths))[::-1]
        self.up = nn.ModuleList(_block(coarse + fine, fine) for fine, coarse in pairs)
        self.lung = nn.Sequential(nn.Conv2d(widths[0], 4 * 2, 1), nn.PixelShuffle(2))

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


def find(pictures: np.ndarray, *, visible: bool = False) -> np.ndarray:
    """Segment both lungs with the U-Net: the two largest components without holes, bool (N, H, W).

    pictures: uint8 (N, H, W, C), C = 1 or 3, 32 to 1024 pixels a side. The network sees them at SIZE pixels; the logits
    are enlarged, so the outline is smooth at any size.
    visible: leave out the lung that the shadow of heart and great vessels covers.

    Raises:
        UserError: the pictures have another type, shape or size.
    """
    return segment(load(), pictures, visible=visible)


def segment(network: LungNet, pictures: np.ndarray, *, visible: bool = False) -> np.ndarray:
    """Segment as `find` does, with a given network in evaluation mode."""
    grey = _grey(pictures)
    masks = np.zeros(pictures.shape[:3], bool)
    for start in range(0, len(grey), _BATCH):
        # In float32 whoever asks: a training step may run in bfloat16, in which logits cannot be enlarged.
        with torch.inference_mode(), torch.autocast("cpu", enabled=False):
            small = _to_network_size(grey[start : start + _BATCH])
            # Test-time augmentation: a mirrored chest has mirrored lungs.
            both = (network(small) + network(small.flip(3)).flip(3)) / 2
            logits = both.amin(1, keepdim=True) if visible else both[:, :1]
            large = F.interpolate(logits, pictures.shape[1:3], mode="bilinear", antialias=True)
        for mask, found in zip(masks[start : start + _BATCH], (large[:, 0] > 0).numpy(), strict=True):
            mask[:] = _two_largest(found)
    return masks


def simple(pictures: np.ndarray) -> np.ndarray:
    """Segment both lungs without learning, bool (N, H, W): the baseline of `find`.

    The smoothed image is thresholded at many grey levels, and the darker pixels form connected components. The method
    keeps the threshold whose two largest components have the largest total area. Neither may be three times the other
    or touch the border. A morphological closing then covers ribs and vessels. The method misses opacified lung, which
    is as bright as its surroundings, and lungs that the border cuts.

    Raises:
        UserError: the pictures have another type, shape or size than `find` takes.
    """
    small = F.avg_pool2d(_to_network_size(_grey(pictures)), SIZE // _COARSE)
    masks = np.zeros((len(small), 1, _COARSE, _COARSE), np.float32)
    for mask, picture in zip(masks, small.numpy(), strict=True):
        mask[0] = _dark_pair(picture[0])
    large = F.interpolate(torch.from_numpy(masks), pictures.shape[1:3], mode="bilinear", antialias=True)
    return (large[:, 0] > 0.5).numpy()


def hull(masks: np.ndarray, margin: float = 0.05) -> np.ndarray:
    """Return the convex hull of both lungs together, bool (N, H, W) -> (N, H, W).

    margin: the hull is widened by this share of the longer side.

    An empty mask stays empty and hides nothing: check it with `sane` first.

    Raises:
        UserError: the masks have another type or shape, or the margin is negative.
    """
    if masks.ndim != 3 or masks.dtype != bool:
        raise UserError(f"masks must be bool (N, H, W), not {masks.dtype} {masks.shape}: pass the result of find()")
    if not margin >= 0:
        raise UserError(f"the margin of a hull must be a share of the side, 0 or more, not {margin}")
    return np.stack([_hull(mask, margin * max(mask.shape)) for mask in masks]) if len(masks) else masks.copy()


def sane(mask: np.ndarray) -> str:
    """Return why a mask, bool (H, W), cannot be two lungs in a frontal view; "" for a plausible mask.

    The checks: the total area, exactly two large components, their relative size, and that they lie side by side.
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
    """Load the network from a file that `tools.train_lungs` wrote. Raises UserError: the file is missing or damaged."""
    with torch.random.fork_rng(devices=[]):  # whoever asks first, a training step keeps its random numbers
        network = LungNet()
    tensors, _ = tensor_files.load(path.resolve())
    tensor_files.load_into(network, tensors, path)
    return network.float().eval()


def _grey(pictures: np.ndarray) -> np.ndarray:
    """Check pictures, uint8 (N, H, W, C), and return them in grey, uint8 (N, H, W)."""
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[3] not in (1, 3):
        raise UserError(
            f"pictures must be uint8 (N, H, W, 1 or 3), not {pictures.dtype} {pictures.shape}: convert them first"
        )
    height, width = pictures.shape[1:3]
    if min(height, width) < SMALLEST or max(height, width) > LARGEST:
        raise UserError(
            f"pictures must have {SMALLEST} to {LARGEST} pixels a side, not {height} x {width}: resize them"
        )
    return pictures[..., 0] if pictures.shape[3] == 1 else pictures.mean(3).round().astype(np.uint8)


def _to_network_size(grey: np.ndarray) -> Tensor:
    """uint8 (N, H, W) -> (N, 1, SIZE, SIZE) in [0, 1]."""
    pictures = torch.from_numpy(grey)[:, None].float() / 255
    if not len(grey):
        return torch.zeros(0, 1, SIZE, SIZE)
    return F.interpolate(pictures, (SIZE, SIZE), mode="bilinear", antialias=True)


def _two_largest(mask: np.ndarray) -> np.ndarray:
    """Return the two largest components without holes; the second only if it has 5 % of the first one's area."""
    parts, count = ndimage.label(mask)
    if not count:
        return mask
    sizes = np.bincount(parts.ravel())[1:]
    order = np.argsort(sizes)[::-1][:2]
    lungs = [index + 1 for index in order if sizes[index] >= 0.05 * sizes[order[0]]]
    return _filled(np.isin(parts, lungs))


def _filled(mask: np.ndarray) -> np.ndarray:
    """Fill the holes of a mask; scipy's binary_fill_holes takes longer for larger holes."""
    outside, _ = ndimage.label(~np.pad(mask, 1))
    return (outside != outside[0, 0])[1:-1, 1:-1]


def _dark_pair(picture: np.ndarray) -> np.ndarray:
    """Float (_COARSE, _COARSE) -> bool: the two lungs of `simple`; empty if no threshold shows two."""
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
            # Closed one by one: closed together, the lungs would merge.
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
        # Each edge bounds a half plane: normal . point + offset <= 0 inside.
        planes = ConvexHull(points).equations
    except QhullError:  # all points on one line: nothing to fill
        planes = None
    if planes is not None:
        rows, columns = np.indices(mask.shape)
        filled = np.ones_like(mask)
        for down, right, offset in planes:
            filled &= down * rows + right * columns + offset <= 1e-9
    return ndimage.distance_transform_edt(~filled) <= margin
