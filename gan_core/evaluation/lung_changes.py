"""What a translation does to lungs: how much denser they get, where, and whether opacity is found in them.

    before, after = LungPictures.of(pictures, masks, patients), LungPictures.of(translated, masks, patients)
    changed(before, after)["periphery"]        value 0.55, floor 0.54: where radiologists mark COVID-19 in these lungs

Each number is a mean over pictures with an interval by patient, or a share of the pictures with an interval. Places are
taken from lost air, not from grey levels: what is painted over the heart's edge, where lung is nearly as bright as
tissue, changes few grey levels. Lost air is the opacity o that explains the brightening: o * room, as in `painting`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from gan_core.anatomy import lung_view, opacity_atlas, painting
from gan_core.anatomy.lung_view import Chests, LungViews
from gan_core.evaluation import classification_report
from gan_core.evaluation.ground_truth import average
from gan_core.evaluation.results import Measure

MEANINGS = {
    "signed inside": "mean change inside the lungs, shares of the grey scale; brighter is above 0",
    "signed outside": "the same outside the lungs and the `lung_view.REACH` around them",
    "absolute inside": "mean absolute change inside the lungs, shares of the grey scale",
    "absolute outside": "the same outside the lungs and the `lung_view.REACH` around them",
    "largest outside": "largest change of a pixel there, in any picture; shares of the grey scale",
    "periphery": "share of the lost air in the outer half of each lung; floor: radiologists' masks, in these lungs",
    "lower half": "share of the lost air in the lower half of each lung; floor: radiologists' masks, in these lungs",
    "sides": "lost air of the less affected lung over that of the other, 1 if equal",
    "seen there": "how often radiologists mark the places of the lost air; floor: the places of their own masks",
    "opaque": "share of the pictures in which the finder marks more than OPAQUE of the lungs",
    "opaque area": "share of the lungs that the finder marks",
    "agreement": "correlation over the lungs of what the finder newly marks with the opacity that was painted",
}
OPAQUE = 0.05  # share of the lungs that must be marked for a picture to count as opaque
_LEAST_ROOM = 0.04  # of the grey scale: where tissue is hardly brighter than lung, noise would count as lost air
_FAINT = 0.002  # mean lost air below which a picture has no place of change, nor one of marks

# Lungs, their patients, their pictures before any translation, uint8 (K, S, S, C) -> chance of opacity, (K, 1, S, S).
Mark = Callable[[LungViews, Sequence[str], np.ndarray], Tensor]


@dataclass(frozen=True, eq=False)
class LungPictures:
    """K pictures whose lungs are known."""

    pictures: np.ndarray  # uint8 (K, S, S, C)
    masks: np.ndarray  # bool (K, S, S)
    patients: list[str]
    mark: Mark | None  # finds opacity; None: nobody does
    like: "LungPictures | None" = None  # other pictures of the same lungs

    @property
    def originals(self) -> np.ndarray:
        """The pictures before any translation, uint8 (K, S, S, C)."""
        return self.like.originals if self.like else self.pictures

    @cached_property
    def chests(self) -> Chests:
        return lung_view.described(self.pictures, self.masks, self.like.chests if self.like else None)

    @cached_property
    def views(self) -> LungViews:
        return self.chests.views()

    @cached_property
    def marks(self) -> Tensor | None:
        """The chance of opacity in the frames, (K, 1, SIZE, SIZE); None if nobody finds any."""
        return self.mark(self.views, self.patients, self.originals) if self.mark else None

    @cached_property
    def opaque_area(self) -> np.ndarray | None:
        """The share of the lungs that is marked, float (K,)."""
        if self.marks is None:
            return None
        inside = self.views.mask > 0.5
        return (_sums((self.marks > 0.5) & inside) / _sums(inside).clamp_min(1)).numpy()

    def __len__(self) -> int:
        return len(self.pictures)

    def of(self, pictures: np.ndarray) -> "LungPictures":
        """Return other pictures of the same lungs, such as translations."""
        return LungPictures(pictures, self.masks, self.patients, self.mark, self)

    def at(self, chosen: np.ndarray) -> "LungPictures":
        """Return the pictures at these places, bool (K,) or indices."""
        patients = np.asarray(self.patients)[chosen].tolist()
        like = self.like.at(chosen) if self.like else None
        return LungPictures(self.pictures[chosen], self.masks[chosen], patients, self.mark, like)


def found(pictures: LungPictures) -> dict[str, Measure]:
    """Return how much opacity is found, by keys of `MEANINGS`; empty if nobody finds any."""
    area = pictures.opaque_area
    if area is None:
        return {}
    hits = int((area > OPAQUE).sum())
    return {
        "opaque": classification_report.share(hits, len(area)),
        "opaque area": average(area, pictures.patients),
    }


def changed(
    before: LungPictures, after: LungPictures, *, adds: bool = True, painted: Tensor | None = None
) -> dict[str, Measure]:
    """Measure a translation, by key of `MEANINGS`; keys without a value are left out.

    Args:
        before: pictures.
        after: their translations.
        adds: whether the translation should add opacity; False: it should take opacity away, and places are of that.
        painted: the opacity that was painted or taken away, (K, 1, SIZE, SIZE) in the frames; None: what explains the
            brightening, or the darkening.
    """
    opacity = lost_air(before, after) if adds else lost_air(after, before)
    places = opacity if painted is None else painted
    return {
        **_size(before, after),
        **placed(places, before.views, before.patients),
        **found(after),
        **_agreement(before, after, places, adds),
    }


def lost_air(before: LungPictures, after: LungPictures) -> Tensor:
    """Return the share of air whose loss explains the brightening, (K, 1, SIZE, SIZE) in [0, 1]."""
    room = painting.of_views(before.views).room.clamp_min(_LEAST_ROOM)
    return ((after.views.grey - before.views.grey) / room).clamp(0, 1) * before.views.mask


def placed(opacity: Tensor, views: LungViews, patients: Sequence[str]) -> dict[str, Measure]:
    """Return where opacity (K, 1, S, S) lies, by keys of `MEANINGS`; pictures with hardly any do not count."""
    chance = opacity_atlas.chance(views) * views.mask
    weights = opacity * views.mask
    counted = (_sums(weights) > _FAINT * _sums(views.mask)).numpy()
    if not counted.any():
        return {}
    own = [patient for patient, one in zip(patients, counted, strict=True) if one]
    measures = {}
    parts = {"periphery": (views.outward > 0.5).float(), "lower half": (views.downward > 0.5).float()}
    for name, values in {**parts, "seen there": opacity_atlas.chance(views)}.items():
        reference = _weighted(values, chance)[counted]
        measures[name] = average(_weighted(values, weights)[counted].numpy(), own, float(reference.mean()))
    measures["sides"] = average(_balance(weights, views)[counted].numpy(), own)
    return measures


def _balance(weights: Tensor, views: LungViews) -> Tensor:
    """Return the mean weight of the less affected lung over that of the other, (K,)."""
    left, _, _ = opacity_atlas.places(views)
    means = [_sums(weights * (left == side)) / _sums(views.mask * (left == side)).clamp_min(1) for side in (0, 1)]
    return torch.minimum(*means) / torch.maximum(*means).clamp_min(1e-9)


def _size(before: LungPictures, after: LungPictures) -> dict[str, Measure]:
    """Return signed and absolute change, in the pictures at their own size."""
    change = (after.pictures.astype(np.float32) - before.pictures).mean(3) / 255
    most = np.abs(after.pictures.astype(np.int16) - before.pictures).max(3) / 255
    grey = torch.from_numpy(before.pictures.astype(np.float32).mean(3))[:, None] / 255
    outside = (painting.of_pictures(grey, before.chests).soft == 0)[:, 0].numpy()
    measures = {}
    for name, areas in (("inside", before.masks), ("outside", outside)):
        for kind, values in (("signed", change), ("absolute", np.abs(change))):
            means = [float(one[area].mean()) if area.any() else 0.0 for one, area in zip(values, areas, strict=True)]
            measures[f"{kind} {name}"] = average(means, before.patients)
    measures["largest outside"] = Measure(float((most * outside).max()), count=len(before))
    return measures


def _agreement(before: LungPictures, after: LungPictures, opacity: Tensor, adds: bool) -> dict[str, Measure]:
    """Return the correlation of newly marked with painted opacity; where nothing is newly marked it is 0.

    Pictures into which nothing, or the same everywhere, was painted have no pattern that could be found again.
    """
    if before.marks is None or after.marks is None:
        return {}
    newly = after.marks - before.marks if adds else before.marks - after.marks
    values, patients = [], []
    for one, map_, mask, patient in zip(newly, opacity, before.views.mask, before.patients, strict=True):
        inside = mask > 0.5
        x, y = one[inside].clamp_min(0).double(), map_[inside].double()
        x, y = x - x.mean(), y - y.mean()
        if y.norm() < _FAINT * len(y) ** 0.5:
            continue
        values.append(float(x @ y / (x.norm() * y.norm()).clamp_min(1e-9)))
        patients.append(patient)
    return {"agreement": average(values, patients)} if values else {}


def _weighted(values: Tensor, weights: Tensor) -> Tensor:
    return _sums(values * weights) / _sums(weights).clamp_min(1e-9)


def _sums(planes: Tensor) -> Tensor:
    return planes.flatten(1).sum(1)
