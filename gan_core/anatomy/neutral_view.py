"""Lungs without their hospital: `density(views)`.

Hospitals differ in exposure, processing, borders and letters, and a network that may see them learns nothing else. Here
only the lungs are left, in units of their own picture: 0 is the darkest 5 % of the lungs, 1 is tissue without air.
"""

import torch
from torch import Tensor

from gan_core.anatomy.lung_view import LungViews

_DARKEST = 0.05  # share of the lungs whose brightness becomes 0
_LEAST = 0.05  # of the grey scale between air and tissue; a flatter picture is not stretched further
_RANGE = (-0.5, 1.5)


def density(views: LungViews, grey: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
    """Return how dense the lungs are, (K, 1, S, S) in [-0.5, 1.5], 0 outside the mask; gradients reach `grey`.

    grey: other pictures of the same frames, such as painted ones; the views' own by default. mask: a smaller mask.
    """
    grey = views.grey if grey is None else grey
    air = darkest(grey.detach(), views.mask)
    span = (views.airless - air).clamp_min(_LEAST)
    return ((grey - air) / span).clamp(*_RANGE) * (views.mask if mask is None else mask)


def darkest(grey: Tensor, mask: Tensor) -> Tensor:
    """Return the brightness below which the darkest 5 % of the lungs lie, (K, 1, 1, 1)."""
    inside = mask > 0.5
    values = torch.where(inside, grey, torch.inf).flatten(1).sort(1).values
    place = (inside.flatten(1).sum(1) * _DARKEST).long()
    return values.gather(1, place[:, None])[:, :, None, None]
