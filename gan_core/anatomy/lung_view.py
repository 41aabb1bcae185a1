"""The lungs of a chest X-ray in a frame of their own: `look(pictures)`.

    chests = look(pictures)                  uint8 (N, H, W, C); those whose lungs are found, and why the others are not
    views = chests.views()                   both lungs in SIZE x SIZE pixels, whatever the picture's size and aspect
    whole = paste(maps, chests.boxes, size)  a map of the frame, back in the picture
    maps = cut(whole, chests.boxes)          a map of the picture, in the frame

A frame is the bounding box of both lungs with a margin. In it scale, position and aspect of a picture drop out, and
networks can be small. Grey values are those of `images`: 0 black, 1 white, so that dense tissue is bright.

`airless` is what lung would look like that holds no air: as bright as the tissue around it. One number for a whole
picture would be too dark at the diaphragm and too bright at the chest wall, so it is a smooth field, spread into the
lungs from the ring of tissue around them and from the mediastinum.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from gan_core.anatomy import lungs

SIZE = 64  # pixels a side of a frame
MARGIN = 0.06  # of the lungs' bounding box, on each side
MAPS = lungs.SIZE  # pixels a side of the maps of a whole picture, squeezed to a square
REACH = 3.5  # MAPS pixels beyond the lungs' outline at which `soft` has fallen to 0

_RING = (1.5, 6.0)  # MAPS pixels from the lungs: nearer is the blurred outline, farther may be arm or air
_WIDTHS = ((3.0, 1.0), (8.0, 0.3), (24.0, 0.1))  # standard deviations in MAPS pixels, and weights, of `airless`
_LETTER = 0.12  # grey above the surroundings, from which on a pixel is a letter, a clip or a cable
_SMOOTH = 2.0  # standard deviation of `smooth` in MAPS pixels: removes ribs' edges and vessels, keeps haze
_PLANES = ("grey", "lung", "soft", "airless", "smooth", "outward", "downward")


@dataclass(frozen=True, eq=False)
class LungViews:
    """Both lungs of K pictures in their frames: float32 (K, 1, SIZE, SIZE) each."""

    grey: Tensor  # the picture, in [0, 1]
    mask: Tensor  # share of a pixel that is lung, in [0, 1]
    soft: Tensor  # the mask, widened and softened: 0 from REACH on
    airless: Tensor  # brightness of lung without air, in [0, 1]
    smooth: Tensor  # the picture without fine detail
    outward: Tensor  # in a lung's row, 0 beside the mediastinum, 1 at the chest wall; outside that of the nearest lung
    downward: Tensor  # in a lung, 0 at the apex, 1 at the diaphragm; outside that of the nearest lung
    boxes: Tensor  # (K, 4): top, bottom, left, right of the frame, in shares of the picture; may lie beyond it

    def __len__(self) -> int:
        return len(self.grey)

    def half(self) -> "LungViews":
        """Return the views in half precision, to keep many."""
        return LungViews(**{name: value.half() for name, value in vars(self).items()})

    def float(self) -> "LungViews":
        """Return the views in single precision."""
        return LungViews(**{name: value.float() for name, value in vars(self).items()})

    def of(self, index: Tensor) -> "LungViews":
        """Return the views at these places."""
        return LungViews(**{name: value[index] for name, value in vars(self).items()})

    def to(self, device: torch.device) -> "LungViews":
        """Return the views on a device."""
        return LungViews(**{name: value.to(device) for name, value in vars(self).items()})


@dataclass(frozen=True, eq=False)
class Chests:
    """The pictures whose lungs were found, K of N."""

    kept: np.ndarray  # (N,) bool: lungs were found
    reasons: tuple[str, ...]  # N texts: "" or why not
    maps: Tensor  # float32 (K, 7, MAPS, MAPS): the planes of LungViews over the whole picture, squeezed to a square
    boxes: Tensor  # float32 (K, 4), as in LungViews
    around: np.ndarray  # bool (K, MAPS, MAPS): where tissue without air can lie, around and between the lungs

    def plane(self, name: str) -> Tensor:
        """Return one plane over the whole picture, (K, 1, MAPS, MAPS); names as in LungViews, `lung` for the mask."""
        place = _PLANES.index(name)
        return self.maps[:, place : place + 1]

    def views(self) -> LungViews:
        """Return the frames."""
        if not len(self.boxes):
            names = [name for name in LungViews.__dataclass_fields__ if name != "boxes"]
            return LungViews(**{name: torch.zeros(0, 1, SIZE, SIZE) for name in names}, boxes=self.boxes)
        cut = F.grid_sample(self.maps, _grid(self.boxes), padding_mode="border", align_corners=False)
        inside = F.grid_sample(torch.ones_like(self.maps[:, :1]), _grid(self.boxes), align_corners=False)
        planes = dict(zip(_PLANES, cut.split(1, 1), strict=True))
        planes["mask"] = planes.pop("lung") * (inside > 0.5)
        planes["soft"] = planes["soft"] * (inside > 0.5)
        return LungViews(**planes, boxes=self.boxes)


def look(pictures: np.ndarray) -> Chests:
    """Find the lungs and describe them.

    pictures: uint8 (N, H, W, C), C = 1 or 3, 32 to 1024 pixels a side, bone bright.

    Raises:
        UserError: the pictures have another type, shape or size.
    """
    masks = lungs.find(pictures, visible=True)
    return described(pictures, masks)


def described(pictures: np.ndarray, masks: np.ndarray, like: Chests | None = None) -> Chests:
    """Describe lungs that are known: as `look`, with masks bool (N, H, W).

    like: other pictures with the same masks, described before; what follows from masks alone is taken from there.
    """
    reasons = like.reasons if like else tuple(lungs.sane(mask) for mask in masks)
    kept = like.kept if like else np.array([not reason for reason in reasons], bool)
    if not kept.any():
        none = np.zeros((0, MAPS, MAPS), bool)
        return Chests(kept, reasons, torch.zeros(0, len(_PLANES), MAPS, MAPS), torch.zeros(0, 4), none)
    grey = _squeezed(pictures[kept].astype(np.float32).mean(3) / 255)
    if like:
        shapes = [dict(zip(_PLANES, planes, strict=True)) for planes in like.maps.numpy()]
        boxes, around = like.boxes, like.around
    else:
        found = _squeezed(masks[kept].astype(np.float32)) > 0.5
        shapes, places = zip(*(_shape(mask) for mask in found), strict=True)
        boxes, around = torch.from_numpy(np.stack([_box(mask) for mask in found])), np.stack(places)
    maps = [_planes(*one) for one in zip(grey, shapes, around, strict=True)]
    return Chests(kept, reasons, torch.from_numpy(np.stack(maps)), boxes, around)


def _squeezed(planes: np.ndarray) -> np.ndarray:
    """Return planes float32 (K, H, W) in [0, 1] in MAPS x MAPS pixels."""
    squeezed = F.interpolate(torch.from_numpy(planes)[:, None], (MAPS, MAPS), mode="bilinear", antialias=True)
    return squeezed.clamp(0, 1)[:, 0].numpy()


def standing_in() -> LungViews:
    """Return one pair of drawn lungs, for computations on pictures without any, such as a measure of their cost."""
    rows, columns = np.mgrid[:MAPS, :MAPS] / MAPS
    ellipses = [((columns - at) / 0.16) ** 2 + ((rows - 0.5) / 0.35) ** 2 < 1 for at in (0.28, 0.72)]
    mask = ellipses[0] | ellipses[1]
    picture = np.where(mask, 80, 180).astype(np.uint8)
    return described(picture[None, :, :, None], mask[None]).views()


def cut(planes: Tensor, boxes: Tensor) -> Tensor:
    """Bring planes of whole pictures (K, C, height, width) into the frames, (K, C, SIZE, SIZE); 0 beyond the picture.

    boxes: as in LungViews.
    """
    return F.grid_sample(planes, _grid(boxes), padding_mode="zeros", align_corners=False)


def paste(maps: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring maps of the frame (K, C, SIZE, SIZE) into pictures (K, C, height, width); 0 outside the frame.

    boxes: as in LungViews. The maps are enlarged bilinearly.
    """
    top, bottom, left, right = boxes.unbind(1)
    height, width = size
    rows = (torch.arange(height, device=maps.device, dtype=maps.dtype) + 0.5) / height
    columns = (torch.arange(width, device=maps.device, dtype=maps.dtype) + 0.5) / width
    down = 2 * (rows[None] - top[:, None]) / (bottom - top)[:, None] - 1  # (K, height)
    across = 2 * (columns[None] - left[:, None]) / (right - left)[:, None] - 1
    where = torch.stack((across[:, None].expand(-1, height, -1), down[:, :, None].expand(-1, -1, width)), 3)
    return F.grid_sample(maps, where, padding_mode="zeros", align_corners=False)


def _grid(boxes: Tensor) -> Tensor:
    """Return where the pixels of frames lie in their pictures, (K, SIZE, SIZE, 2), for grid_sample."""
    top, bottom, left, right = (2 * side - 1 for side in boxes.unbind(1))
    zero = torch.zeros_like(top)
    across = torch.stack(((right - left) / 2, zero, (left + right) / 2), 1)
    down = torch.stack((zero, (bottom - top) / 2, (top + bottom) / 2), 1)
    return F.affine_grid(torch.stack((across, down), 1), [len(boxes), 1, SIZE, SIZE], align_corners=False)


def _box(mask: np.ndarray) -> np.ndarray:
    """Return top, bottom, left, right of a mask bool (MAPS, MAPS) with its margin, in shares of the side."""
    sides = []
    for axis in (1, 0):
        filled = np.flatnonzero(mask.any(axis))
        low, high = filled[0], filled[-1] + 1
        extra = MARGIN * (high - low)
        sides += [(low - extra) / MAPS, (high + extra) / MAPS]
    return np.array(sides, np.float32)


def _shape(mask: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the planes that follow from a mask alone, by name, and `around` of Chests."""
    away = ndimage.distance_transform_edt(~mask)
    soft = np.clip((REACH - away) / (REACH - 0.5), 0, 1)
    outward, downward = _places(mask)
    ring = (away > _RING[0]) & (away <= _RING[1])
    between = lungs.hull(mask[None], 0.0)[0] & (away > _RING[0])
    return {"lung": mask, "soft": soft, "outward": outward, "downward": downward}, ring | between


def _planes(grey: np.ndarray, shape: dict[str, np.ndarray], around: np.ndarray) -> np.ndarray:
    """Return the planes of one picture, float32 (7, MAPS, MAPS), given those of its mask."""
    smooth = ndimage.gaussian_filter(grey, _SMOOTH)
    own = {"grey": grey, "airless": _airless(grey, shape["lung"] > 0, around), "smooth": smooth}
    planes = shape | own
    return np.stack([planes[name] for name in _PLANES]).astype(np.float32)


def _airless(grey: np.ndarray, mask: np.ndarray, around: np.ndarray) -> np.ndarray:
    """Return the brightness of airless lung, float (MAPS, MAPS), from the tissue around and between the lungs."""
    air = np.median(grey[mask])
    surroundings = ndimage.uniform_filter(grey, 9)
    tissue = around & (grey > air) & (grey < surroundings + _LETTER) & (grey < 0.99)
    if not tissue.any():  # a picture without any tissue beside the lungs: white is the best guess
        return np.ones_like(grey)
    total, weight = np.zeros_like(grey), np.full_like(grey, 1e-6)
    total += weight * grey[tissue].mean()
    for width, share in _WIDTHS:
        for sums, plane in ((total, grey * tissue), (weight, tissue.astype(grey.dtype))):
            sums += share * ndimage.gaussian_filter(plane, width, mode="constant", truncate=2.5)
    return np.clip(total / weight, 0, 1)


def _places(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return `outward` and `downward`, float (MAPS, MAPS): of both lungs, and outside those of the nearest pixel."""
    outward, downward = np.zeros(mask.shape, np.float32), np.zeros(mask.shape, np.float32)
    parts, count = ndimage.label(mask)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    largest = np.argsort(sizes)[::-1][:2] + 1
    columns = np.arange(mask.shape[1])
    ordered = sorted(largest, key=lambda part: float((parts == part).sum(0) @ columns) / sizes[part - 1])
    for part, leftmost in zip(ordered, (True, False), strict=False):
        lung = parts == part
        rows = np.flatnonzero(lung.any(1))
        downward += lung * ((np.arange(mask.shape[0]) - rows[0]) / max(rows[-1] - rows[0], 1))[:, None]
        first, last = lung.argmax(1), mask.shape[1] - 1 - lung[:, ::-1].argmax(1)
        share = (columns - first[:, None]) / np.maximum(last - first, 1)[:, None]
        outward = np.where(lung, 1 - share if leftmost else share, outward)
    nearest = ndimage.distance_transform_edt(~mask, return_distances=False, return_indices=True)
    return outward[tuple(nearest)].astype(np.float32), downward[tuple(nearest)]
