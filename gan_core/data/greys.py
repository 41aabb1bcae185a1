"""The scale of a data set: which values become black and white in images that do not say so themselves.

Such images have more than 8 bits, or floats, or are DICOM without a window. One scale for the whole set makes a stored
value the same grey in every image; the largest value of each image would not, as one hot pixel makes an image dark.

Rule 1: of at most `FILES` images, evenly spaced in the order of their names, values at regular
distances are put together. The smallest `SHARE` of them become black, the largest white. Files of floats have a scale
of their own, as another program wrote them; floats that all lie in [0, 1] were scaled before, and stay as they are.

Rule 2 (`config.SCALE_RULE`), of sets with DICOM that counts in shares of what its bits can hold: MONOCHROME1 is turned
to MONOCHROME2 before it is sampled and scaled. By rule 1 it was mirrored afterwards, so that a few such images among
others stretched the scale over the values of both kinds. Runs keep the rule that they began with.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from gan_core.data.decode_pool import sample_some
from gan_core.data.source import Source
from gan_core.decode.image_files import FLOATS, SHARES, TURNED, Sample, Scale, ranges, with_rule

FILES = 200
SHARE = 0.001
# An image whose white is below this part of the scale is so dark that its values may have another meaning.
_DARK, _NEAR_WHITE = 1 / 8, 0.999


@dataclass(frozen=True)
class Greys:
    """The scale of a data set, None where no image needs one, and what a user should know about it."""

    scale: Scale | None
    warnings: tuple[str, ...] = ()


def measure(source: Source) -> Greys:
    """Find the scale of a source from a sample of its images. A source whose images all have 8 bits costs its reading.

    Images that cannot be read take no part: the preparation names them.
    """
    count = len(source.entries)
    index = sorted({round(place) for place in np.linspace(0, count - 1, min(count, FILES))})
    samples = [(place, sample) for place, sample in sample_some(source, index) if sample is not None]
    found = [(place, sample) for place, sample in samples if sample.values.size]
    if not found:
        return Greys(None)
    floats = [sample.values for _, sample in found if sample.kind == FLOATS]
    others = [sample.values for _, sample in found if sample.kind != FLOATS]
    own, other = _unit(floats) or _pair(floats), _pair(others)
    if not own and not other:
        return Greys(None)
    # DICOM without a unit may be inverted, also where no image of the sample is.
    rule = TURNED if any(sample.kind == SHARES for _, sample in found) else 1
    scale = with_rule((*(other or own or ()), *(own or ())), rule)
    kinds = Counter(sample.kind or "8 bits, or with a window" for _, sample in samples)
    return Greys(scale, (*_mixed(kinds), *_dark(source, found, scale)))


def _unit(images: list[np.ndarray]) -> tuple[float, float] | None:
    within = all(values.min() >= 0 and values.max() <= 1 for values in images)
    return (0.0, 1.0) if images and within else None


def _pair(images: list[np.ndarray]) -> tuple[float, float] | None:
    """Return which of the values of all images become black and white; None if all are equal."""
    values = np.concatenate(images) if images else np.empty(0, np.float32)
    values = np.sort(values[np.isfinite(values)])
    if not values.size:
        return None
    # Whole steps inwards, never a value between two: a single hot pixel must not reach into the scale.
    cut = min(int(np.ceil(SHARE * values.size)), (values.size - 1) // 2)
    low, high = values[cut], values[values.size - 1 - cut]
    if low >= high:
        low, high = values[0], values[-1]
    return (float(low), float(high)) if low < high else None


def _mixed(kinds: Counter[str]) -> list[str]:
    if len(kinds) < 2:
        return []
    shown = ", ".join(f"{count} of {kind}" for kind, count in kinds.most_common())
    return [f"the images looked at are of several kinds ({shown}): equal greys may not mean the same in all of them"]


def _dark(source: Source, samples: list[tuple[int, Sample]], scale: Scale) -> list[str]:
    dark = []
    for place, sample in samples:
        low, high = ranges(scale)[-2:] if sample.kind == FLOATS else scale[:2]
        if np.quantile(sample.values, _NEAR_WHITE) < low + _DARK * (high - low):
            dark.append(place)
    if len(dark) < max(2, 0.05 * len(samples)):
        return []
    return [
        f"{len(dark)} of {len(samples)} images looked at use less than an eighth of the common scale of greys, "
        f"for example {source.entries[dark[0]].name}: "
        "bring all to one bit depth if they come from different machines"
    ]
