"""What can be measured in a run's pictures one by one: brightness, size, and what a classifier takes them for.

measures, absent = measures_for(model.config)
"""

import numpy as np
from scipy import ndimage

from gan_core.anatomy import lungs
from gan_core.config import RunConfig
from gan_core.evaluation import predicted_classes
from gan_core.inference.latent_directions import Absent, Measure

SLOW = 128  # pictures that networks look at, some 15 ms each on one core
_BINS = 64  # of grey levels, for Otsu's threshold


def measures_for(run_config: RunConfig) -> tuple[list[Measure], list[Absent]]:
    """Return what can be measured in the pictures of a run, and what cannot, with the reason."""
    found = [Measure("brightness", "Brightness", "grey levels", brightness)]
    if run_config.subject == lungs.SUBJECT and lungs.SMALLEST <= run_config.image_size <= lungs.LARGEST:
        found.append(Measure("lung area", "Lung area", "%", lung_area, SLOW))
    else:
        found.append(Measure("size of the bright part", "Size", "%", bright_area))
    refused = predicted_classes.refusal(run_config)
    if refused:
        return found, [Absent("Class", refused.rstrip("."))]
    return found + _classes(run_config), []


def brightness(pictures: np.ndarray) -> np.ndarray:
    """Return the mean grey level, 0 to 255, float64 (N,), of pictures uint8 (N, H, W, C)."""
    return pictures.mean((1, 2, 3), dtype=np.float64)


def lung_area(pictures: np.ndarray) -> np.ndarray:
    """Return the share of both lungs in the picture, float64 (N,), NaN where no two plausible lungs are found."""
    masks = lungs.find(pictures)
    return np.array([mask.mean() if lungs.sane(mask) == "" else np.nan for mask in masks])


def bright_area(pictures: np.ndarray) -> np.ndarray:
    """Return the share of the largest bright part, its holes filled, float64 (N,): a head, or the body.

    Bright is what lies above the threshold that separates the grey levels of the picture best (Otsu 1979). NaN for a
    picture of one grey.
    """
    grey = pictures.mean(3)
    return np.array([_largest(picture > _otsu(picture)) if np.ptp(picture) else np.nan for picture in grey])


def _classes(run_config: RunConfig) -> list[Measure]:
    judge, names = predicted_classes.fitting(run_config)[0], run_config.classes

    def chance(place: int) -> Measure:
        def of(pictures: np.ndarray) -> np.ndarray:
            return predicted_classes.ask(judge, names, pictures).chances[:, place].astype(np.float64)

        name = names[place]
        return Measure(f"{name} probability by {judge}", f"Class {name}", "", of, SLOW)

    # Of two classes, the probability of one says that of the other.
    return [chance(place) for place in (range(len(names)) if len(names) > 2 else [len(names) - 1])]


def _otsu(picture: np.ndarray) -> float:
    counts, edges = np.histogram(picture, _BINS)
    middles = (edges[1:] + edges[:-1]) / 2
    below, total = counts.cumsum(), (counts * middles).cumsum()
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (total / below - (total[-1] - total) / above) ** 2
    return float(edges[1:][int(np.nanargmax(between[:-1]))])


def _largest(mask: np.ndarray) -> float:
    parts, count = ndimage.label(mask)
    if not count:
        return 0.0
    largest = parts == np.bincount(parts.ravel())[1:].argmax() + 1
    return float(ndimage.binary_fill_holes(largest).mean())
