"""Images that show two pictures side by side: a centre crop would cut through both.

Such images are twice as wide as they are high, or wide at least. They are known by a step in brightness at their very
middle, higher than any near it; or, where the middle is blank, by equal structures in both halves, which those of other
images have not. A panorama has neither.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gan_core.data.readers.side_by_side import suggested
from gan_core.decode.image_files import MIN_SIDE
from gan_core.errors import UserError

WIDE = 1.2  # width over height from which a picture may be two
_SIDE = 16  # of the maps of edges
_STEP = 1.5  # times the highest step near the middle
_BLANK = 12  # grey levels at most between the darkest and the brightest pixel of a blank strip
_MOST = 0.9  # share of a class's images that are wide; and then of those, `_SEEN` have a step
_SEEN = 0.6
_BEATEN = 0.75  # share of the other images whose halves fit less well
FEWEST = 4  # images of a class
_TRIED = 64  # images whose halves are compared


@dataclass(frozen=True, eq=False)
class Halves:
    """What the two halves of a wide image look like."""

    exact: bool  # twice as wide as high, to the pixel
    step: float  # in brightness at the middle, over the highest one near it
    is_blank: bool  # at the middle, and at both sides
    edges: np.ndarray | None  # float32 (2, 16, 16): where there are edges, left and right; None unless `exact`


def look(grey: np.ndarray) -> Halves | None:
    """Return what the halves of an image, uint8 (H, W), look like; None if it is not wide."""
    height, width = grey.shape
    middle = width // 2
    if width % 2 or width < WIDE * height or min(height, middle) < MIN_SIDE:
        return None
    reach = max(4, width // 8)
    near = grey[:, middle - reach : middle + reach].astype(np.int16)
    steps = np.abs(np.diff(near, axis=1)).mean(axis=0)
    others = np.delete(steps, reach - 1)
    exact = width == 2 * height
    edge = max(1, width // 64)
    strips = (grey[:, :edge], grey[:, middle - edge : middle + edge], grey[:, -edge:])
    return Halves(
        exact=exact,
        step=float(steps[reach - 1] / (others.max() + 0.5)),
        is_blank=all(int(strip.max()) - int(strip.min()) <= _BLANK for strip in strips),
        edges=np.stack([_edges(grey[:, :middle]), _edges(grey[:, middle:])]) if exact else None,
    )


def doubts(text: str, labels: Sequence[str], found: Sequence[Halves | None], fit: str) -> list[str]:
    """Return a warning for each class whose images are twice as wide as high; a path stands behind its colon.

    Args:
        text: the source, in the user's words.
        labels: the class of each image.
        found: what the halves of each image look like.
        fit: how images are made square; a pad cuts nothing.

    Raises:
        UserError: the images of a class show two pictures each, and would be cropped.
    """
    classes: dict[str, list[Halves | None]] = defaultdict(list)
    for label, halves in zip(labels, found, strict=True):
        classes[label].append(halves)
    warnings = []
    for name, of_class in sorted(classes.items()):
        wide = [halves for halves in of_class if halves is not None]
        if len(of_class) < FEWEST or len(wide) < _MOST * len(of_class):
            continue
        exact = [halves for halves in wide if halves.exact]
        mostly = len(exact) >= _MOST * len(of_class)
        which = f"{len(exact) if mostly else len(wide)} of {len(of_class)} images of class '{name}'"
        if are_pairs(wide if not mostly else exact):
            line = f"{which} show two pictures side by side"
            if fit == "crop":
                raise UserError(
                    f"{line}, and the centre crop would cut through both: write '{suggested(text)}' for the halves, "
                    "or --fit pad to keep both in one"
                )
            warnings.append(f"{line}: '{suggested(text)}' takes the halves")
        elif mostly and fit == "crop":
            warnings.append(
                f"{which} are twice as wide as high, and the crop keeps the middle half: --fit pad keeps all, "
                f"'{suggested(text)}' takes the halves"
            )
    return warnings


def are_pairs(wide: Sequence[Halves]) -> bool:
    """Return whether most of these images show two pictures."""
    if np.mean([halves.step >= _STEP for halves in wide]) >= _SEEN:
        return True
    blank = [halves for halves in wide if halves.is_blank and halves.edges is not None]
    return len(blank) >= max(FEWEST, _SEEN * len(wide)) and _have_equal_halves(blank)


def _have_equal_halves(blank: Sequence[Halves]) -> bool:
    """Return whether the right halves have the structures of the left ones, not mirrored, and of no other image."""
    some = blank[:: max(1, len(blank) // _TRIED)][:_TRIED]
    left, right = (_unit(np.stack([halves.edges[side] for halves in some])) for side in (0, 1))  # type: ignore[index]
    alike = left @ right.T
    own = np.diag(alike)
    mirrored = _unit(np.stack([halves.edges[0][:, ::-1] for halves in some]))  # type: ignore[index]
    beaten = (own[:, None] > alike).sum(axis=1) / (len(some) - 1)
    in_place = own > (mirrored * right).sum(axis=1)
    return float(np.median(beaten)) >= _BEATEN and float(in_place.mean()) >= _SEEN


def _unit(maps: np.ndarray) -> np.ndarray:
    """Return maps (N, S, S) as rows of length 1 without the means of their rows and columns, (N, S * S)."""
    maps = maps - maps.mean(axis=1, keepdims=True) - maps.mean(axis=2, keepdims=True) + maps.mean((1, 2), keepdims=True)
    flat = maps.reshape(len(maps), -1)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)


def _edges(grey: np.ndarray) -> np.ndarray:
    """Return where an image, uint8 (H, W), has edges: float32 (16, 16)."""
    small = np.asarray(Image.fromarray(np.ascontiguousarray(grey)).resize((64, 64), Image.Resampling.BOX), np.float32)
    down, across = np.gradient(small)
    return np.hypot(down, across).reshape(_SIDE, 64 // _SIDE, _SIDE, 64 // _SIDE).mean((1, 3)).astype(np.float32)
