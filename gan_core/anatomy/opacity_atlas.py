"""Where in the lungs COVID-19 is seen: `chance(views)`, from masks that radiologists drew.

The atlas gives the share of patients in whom a place of the visible lung is opaque, by side, height and distance from
the chest wall. `python -m tools.build_opacity_atlas` made it; the source of the masks and their licence, CC BY 4.0,
stand in the header of the file.
"""

from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_core import tensor_files
from gan_core.anatomy.lung_view import LungViews

ROWS, COLUMNS = 16, 12  # from apex to diaphragm, and from the mediastinum to the chest wall
PATH = Path(__file__).with_name("opacity_atlas.safetensors")
KINDS = ("opacity", "consolidation")  # any opacity, and the denser part of it


def chance(views: LungViews, kind: str = "opacity") -> Tensor:
    """Return for each pixel of the frames how often it is opaque, float32 (K, 1, S, S) in [0, 1].

    kind: one of KINDS. The cells of the atlas are interpolated; outside the lungs the nearest place in them counts.
    """
    sides, rows, columns = places(views)
    atlas = load()[KINDS.index(kind)]
    where = torch.stack((2 * columns / COLUMNS - 1, 2 * rows / ROWS - 1), -1)[:, 0]
    both = F.grid_sample(atlas[None].expand(len(where), -1, -1, -1), where, padding_mode="border", align_corners=False)
    return torch.where(sides == 0, both[:, :1], both[:, 1:])


def places(views: LungViews) -> tuple[Tensor, Tensor, Tensor]:
    """Return side, row and column of the atlas for each pixel of the frames, (K, 1, S, S) each.

    Side 0 is the left of the image, the patient's right. Rows and columns are floats, 0 up to less than ROWS, COLUMNS.
    """
    # The gap between the lungs is the column with the least lung near the middle of the frame.
    near = views.mask.shape[3] // 4
    gap = views.mask.sum((1, 2))[:, near:-near].argmin(1) + near
    across = torch.arange(views.mask.shape[3], device=gap.device)
    sides = (across[None] >= gap[:, None]).long()[:, None, None].expand_as(views.mask)
    last = 1 - 1e-6
    return sides, views.downward.clamp(0, last) * ROWS, views.outward.clamp(0, last) * COLUMNS


@cache
def load(path: Path = PATH) -> Tensor:
    """Load the atlas, float32 (2 kinds, 2 sides, ROWS, COLUMNS). Raises UserError: the file is missing or damaged."""
    tensors, _ = tensor_files.load(path.resolve())
    tensor_files.check_fit({kind: torch.empty(2, ROWS, COLUMNS) for kind in KINDS}, tensors, path)
    return torch.stack([tensors[kind] for kind in KINDS])
