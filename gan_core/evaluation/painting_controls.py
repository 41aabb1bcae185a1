"""Paintings that a good translator must beat: as much opacity as it paints, in the same lungs, but without its skill.

- Even haze: the same everywhere. Whoever is convinced by it is convinced by brightness alone.
- The drawn pattern: `drawn_opacity`, no network.
- Upside down: the translator's own maps, turned over. Whoever is convinced by them does not look at the place.

All are painted as `anatomy.painting` paints, so that they differ from a translator of that kind in their maps only.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from gan_core.anatomy import drawn_opacity, lung_view, painting
from gan_core.anatomy.lung_view import LungViews
from gan_core.evaluation.lung_changes import LungPictures

HAZE, DRAWN, UPSIDE_DOWN = "even haze", "drawn pattern", "upside down"
DRAWN_SEED = 1_000_000  # of the drawn patterns: far from the seeds with which a translator draws its own
_LEAST = 1e-4  # opacity, before its logit is taken


def even_haze(opacity: Tensor, views: LungViews, seeds: Sequence[int]) -> Tensor:
    """Return maps (K, 1, S, S) that are the same everywhere, with the mean opacity of the given ones."""
    return mean_opacity(opacity, views)[:, None, None, None].expand_as(opacity)


def drawn(opacity: Tensor, views: LungViews, seeds: Sequence[int]) -> Tensor:
    """Return drawn maps (K, 1, S, S) with the mean opacity of the given ones, and these seeds."""
    logits, density = drawn_opacity.pattern(views, drawn_opacity.noise([DRAWN_SEED + seed for seed in seeds]))
    bias = painting.bias_for(logits, density, views.mask, mean_opacity(opacity, views))
    return painting.opacity_of(logits, density, bias)


def upside_down(opacity: Tensor, views: LungViews, seeds: Sequence[int]) -> Tensor:
    """Return the maps (K, 1, S, S) turned over within the frame, with the same mean over the lungs.

    Before, each map goes on beyond the lungs as it is at their edge: turned lungs do not cover the lungs.
    """
    nearest = [
        ndimage.distance_transform_edt(mask[0] <= 0.5, return_distances=False, return_indices=True)
        for mask in views.mask.numpy()
    ]
    whole = [one[0][tuple(place)] for one, place in zip(opacity.numpy(), nearest, strict=True)]
    turned = torch.from_numpy(np.stack(whole)[:, None]).flip(2)
    logits = torch.logit(turned.clamp(_LEAST, 1 - _LEAST))
    bias = painting.bias_for(logits, torch.ones_like(logits), views.mask, mean_opacity(opacity, views))
    return painting.opacity_of(logits, torch.ones_like(logits), bias)


CONTROLS: dict[str, Callable[[Tensor, LungViews, Sequence[int]], Tensor]] = {
    HAZE: even_haze,
    DRAWN: drawn,
    UPSIDE_DOWN: upside_down,
}


def mean_opacity(opacity: Tensor, views: LungViews) -> Tensor:
    """Return the mean over the lungs, (K,), of maps (K, 1, S, S)."""
    return (opacity * views.mask).flatten(1).sum(1) / views.mask.flatten(1).sum(1).clamp_min(1e-6)


def painted(before: LungPictures, opacity: Tensor) -> np.ndarray:
    """Return pictures uint8 (K, S, S, C) with opacity maps (K, 1, SIZE, SIZE) of the frames painted into the lungs."""
    height, width = before.pictures.shape[1:3]
    grey = torch.from_numpy(before.pictures.astype(np.float32).mean(3))[:, None] / 255
    canvas = painting.of_pictures(grey, before.chests)
    change = lung_view.paste(opacity, before.chests.boxes, (height, width)) * canvas.room
    levels = before.pictures + 255 * change[:, 0, :, :, None].numpy()
    return np.rint(levels).clip(0, 255).astype(np.uint8)
