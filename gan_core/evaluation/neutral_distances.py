"""Distances of lungs to real ones of the target, where exposure, borders and letters cannot be seen.

Lungs are compared in the neutral view (`anatomy.neutral_view`), in several feature spaces: one that agrees with a
translator by chance, or because it was trained alike, is outvoted by the others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F

from gan_core.anatomy import neutral_view, opacity_atlas
from gan_core.errors import UserError
from gan_core.evaluation import fidelity
from gan_core.evaluation.classifiers import Classifier
from gan_core.evaluation.lung_changes import LungPictures
from gan_core.evaluation.results import Measure
from gan_core.evaluation.sides import Notify

PLACES, DETAIL = "density by place", "Haar detail"
_ROWS, _COLUMNS = 4, 2  # places of a lung: heights, and halves beside the mediastinum and at the chest wall
_SCALES = 4  # of Haar's wavelets, from 2 pixels of the frame on
_DEAD = 0.05  # of the median spread of features
_LEAST_AREA = 0.5  # pixels of a place that must be lung, or it has the density of the whole lungs


@dataclass(frozen=True)
class Space:
    """A feature space: maps pictures of lungs to float (K, D)."""

    name: str
    features: Callable[[LungPictures], np.ndarray]


def spaces(classifiers: Sequence[Classifier]) -> list[Space]:
    """Return the feature spaces: those of classifiers that see the lungs alone, and two plain ones."""
    learned = [Space(f"{one.name}, lungs alone", _of_classifier(one)) for one in classifiers]
    return [*learned, Space(PLACES, density_by_place), Space(DETAIL, haar_detail)]


def _of_classifier(classifier: Classifier) -> Callable[[LungPictures], np.ndarray]:
    return lambda lungs: classifier.features(lungs.pictures, lungs.masks)


def density_by_place(lungs: LungPictures) -> np.ndarray:
    """Return the mean density of each place, float (K, 2 lungs * _ROWS * _COLUMNS)."""
    views = lungs.views
    density = neutral_view.density(views)
    sides, rows, columns = opacity_atlas.places(views)
    row = (rows / opacity_atlas.ROWS * _ROWS).long()
    column = (columns / opacity_atlas.COLUMNS * _COLUMNS).long()
    place = (sides * _ROWS + row) * _COLUMNS + column  # (K, 1, S, S)
    which = F.one_hot(place[:, 0], 2 * _ROWS * _COLUMNS) * views.mask[:, 0, :, :, None]
    area, total = which.sum((1, 2)), (which * density[:, 0, :, :, None]).sum((1, 2))
    whole = (total.sum(1) / area.sum(1).clamp_min(1e-6))[:, None]
    return torch.where(area > _LEAST_AREA, total / area.clamp_min(_LEAST_AREA), whole).numpy()


def haar_detail(lungs: LungPictures) -> np.ndarray:
    """Return how strong detail is at each scale, along and across: logs of the root mean square, float (K, 12).

    A coefficient counts where all of its pixels are lung: the outline of a mask must say nothing.
    """
    x, mask = neutral_view.density(lungs.views), (lungs.views.mask > 0.5).float()
    found = []
    for _ in range(_SCALES):
        a, b, c, d = x[..., ::2, ::2], x[..., ::2, 1::2], x[..., 1::2, ::2], x[..., 1::2, 1::2]
        mask = -F.max_pool2d(-mask, 2)
        for detail in (a - b + c - d, a + b - c - d, a - b - c + d):
            power = (detail.square() / 4 * mask).flatten(1).sum(1) / mask.flatten(1).sum(1).clamp_min(1)
            found.append(0.5 * torch.log(power + 1e-6))
        x = (a + b + c + d) / 4
    return torch.stack(found, 1).numpy()


@dataclass(frozen=True, eq=False)
class Target:
    """Real pictures of the target in one feature space, in units of their own spread."""

    space: Space
    alive: np.ndarray  # (D,) bool: the features that are compared
    features: np.ndarray  # (N, those of D), standardised
    centre: np.ndarray
    spread: np.ndarray
    patients: list[str]
    floors: dict[str, float]

    def distance(self, lungs: LungPictures, seed: int) -> dict[str, Measure]:
        """Return Fréchet distance, where there are more pictures than features, and KID of other lungs.

        Raises:
            UserError: as `fidelity.distances`.
        """
        made = (self.space.features(lungs)[:, self.alive] - self.centre) / self.spread
        measured = fidelity.distances(self.features, made, seed=seed, patients=self.patients, sources=lungs.patients)
        return {name: replace(measure, floor=self.floors.get(name)) for name, measure in measured.items()}


def targets(real: LungPictures, count: int, given: Sequence[Space], seed: int, note: Notify) -> list[Target]:
    """Return real pictures of the target as the goal in each space. count: pictures that will be compared with them."""
    found, missing = [], []
    for space in given:
        features = space.features(real)
        centre, spread = features.mean(0), features.std(0)
        # A feature that hardly differs among real pictures, as that of a dead channel, would be all of a distance.
        alive = spread > _DEAD * np.median(spread)
        centre, spread = centre[alive], spread[alive]
        features = (features[:, alive] - centre) / spread
        try:
            floors = fidelity.floors(features, count=count, seed=seed, patients=real.patients)
        except UserError as error:
            missing.append(f"Distances of neutral lungs have no floor: {error}.")
            floors = {}
        found.append(Target(space, alive, features, centre, spread, real.patients, floors))
    for line in dict.fromkeys(missing):
        note(line)
    return found
