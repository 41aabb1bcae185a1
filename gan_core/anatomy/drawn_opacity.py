"""Patchy opacity drawn without learning: `pattern(views, noise)`, the first guess of a generator.

COVID-19 pneumonia shows ground-glass opacities in the periphery and the bases of both lungs (Wong et al., Radiology
2020). Here smooth random fields make the patches, and the atlas of radiologists' masks (`opacity_atlas`) makes them
more likely where they are seen more often. As in those masks, a lung has one or two large patches with soft edges, and
what is dense in one place is haze in another.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gan_core.anatomy import opacity_atlas
from gan_core.anatomy.lung_view import SIZE, LungViews

CELLS = (4, 8, 20)  # random numbers a side of the fields: which part of the lungs, their outline, texture
_STRENGTH = (2.6, 1.3, 0.7)  # of the fields, in logits
_PLACE = 1.7  # of the atlas, in logits for each logit
_RARE, _OFTEN = 0.03, 0.9  # chances that the atlas is taken to give, at least and at most
_DENSITY = (0.55, 0.12, 0.10, 0.10)  # share of air lost in a patch: its mean, and its deviation with each field


def noise(seeds: Sequence[int]) -> Tensor:
    """Return the random fields of these seeds, float32 (K, 3, SIZE, SIZE), smooth and roughly standard normal."""
    fields = []
    for seed in seeds:
        rng = np.random.default_rng((abs(seed), seed < 0))
        coarse = [torch.from_numpy(rng.standard_normal((1, 1, cells, cells)).astype(np.float32)) for cells in CELLS]
        fields.append(torch.cat([_enlarged(field) for field in coarse], 1))
    return torch.cat(fields) if fields else torch.zeros(0, len(CELLS), SIZE, SIZE)


def random_noise(count: int, device: torch.device) -> Tensor:
    """Return fields as `noise`, from torch's own random numbers, as a training step draws them."""
    return torch.cat([_enlarged(torch.randn(count, 1, cells, cells, device=device)) for cells in CELLS], 1)


def pattern(views: LungViews, fields: Tensor) -> tuple[Tensor, Tensor]:
    """Return logits of where opacity comes first, and the share of air lost there: (K, 1, SIZE, SIZE) each.

    fields: as from `noise`.
    """
    each = fields.split(1, 1)
    logits = _PLACE * torch.logit(opacity_atlas.chance(views).clamp(_RARE, _OFTEN))
    logits = logits + sum(strength * field for strength, field in zip(_STRENGTH, each, strict=True))
    density = _DENSITY[0] + sum(strength * field for strength, field in zip(_DENSITY[1:], each, strict=True))
    return logits, density.clamp(0.15, 0.92)


def _enlarged(field: Tensor) -> Tensor:
    """Return (K, 1, cells, cells) of standard normal numbers as a smooth field (K, 1, SIZE, SIZE) of like variance."""
    large = F.interpolate(field, (SIZE, SIZE), mode="bicubic", align_corners=False)
    return large * 1.14  # between random numbers interpolation loses variance
