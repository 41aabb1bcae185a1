"""Patchy opacity drawn without learning: `pattern(views, noise)`, the first guess of a generator.

COVID-19 pneumonia shows ground-glass opacities in the periphery and the bases of both lungs (Wong et al., Radiology
2020). Here three smooth random fields make the patches, and where a patch lies in its lung makes it more or less
likely.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gan_core.anatomy.lung_view import SIZE, LungViews

CELLS = (3, 8, 20)  # random numbers a side of the fields: which part of the lungs, patches, texture
_STRENGTH = (1.3, 1.6, 0.55)  # of the fields, in logits
_OUTWARD, _DOWNWARD = 2.0, 1.6  # logits from the mediastinum to the chest wall, and from apex to diaphragm
_DENSITY, _TEXTURE = 0.72, 0.16  # mean density of a patch, and its deviation


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
    """Return logits of where opacity lies, and the density of a patch in (0, 1): (K, 1, SIZE, SIZE) each."""
    part, patch, texture = fields.split(1, 1)
    place = _OUTWARD * (views.outward - 0.5) + _DOWNWARD * (views.downward - 0.5)
    logits = place + sum(strength * field for strength, field in zip(_STRENGTH, (part, patch, texture), strict=True))
    density = (_DENSITY + _TEXTURE * (0.6 * texture + 0.4 * patch)).clamp(0.2, 0.95)
    return 2 * logits, density


def _enlarged(field: Tensor) -> Tensor:
    """Return (K, 1, cells, cells) of standard normal numbers as a smooth field (K, 1, SIZE, SIZE) of like variance."""
    large = F.interpolate(field, (SIZE, SIZE), mode="bicubic", align_corners=False)
    return large * 1.35  # between random numbers interpolation loses variance
