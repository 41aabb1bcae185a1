"""Whether a generator copies its training images: nearest neighbours of what it makes, beside those of held-out images.

A small distance alone misleads: blurred pictures lie near everything. A copy stands out, since its nearest training
image is far nearer than the tenth (the ratio test of Lowe 2004, held here against patients that the generator never
saw). In pixels mirrored and shifted copies are found too, and those of other brightness, contrast or grain. Copies that
are turned or zoomed by more than a few percent, or bent, are not looked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy import stats
from torch import Tensor

from gan_core.errors import UserError
from gan_core.evaluation.features import Extractor
from gan_core.evaluation.results import Measure, Memorisation, Nearness, Neighbour

SIDE = 32  # pixels a side that are compared
SHIFTS = 2  # pixels of those, each way
NEIGHBOURS = 10  # the distance to the nearest over that to this one is the ratio
LEAST = 100  # generated and held-out images, below which nothing can be said
SHOWN = 8  # neighbours that are named
SURE = 0.005  # p-value in either space: 1 % over both
MANY = 0.05  # share of generated images, from which on it is called copying
_TAIL = 0.02  # of all ratios: where copies would be
_CANDIDATES = 16  # training images that are tried with shifts
_BATCH = 64


@dataclass(frozen=True, eq=False)
class _Found:
    """Of each picture (N,): how far its nearest training image is, which it is, and how far it stands out."""

    nearest: np.ndarray
    place: np.ndarray
    ratio: np.ndarray  # nearest over tenth nearest: about 0 for a copy, about 1 for anybody


def nearness(
    training: np.ndarray,
    held_out: np.ndarray,
    generated: np.ndarray,
    *,
    extractor: Extractor,
    names: Sequence[str],
    trained_features: np.ndarray | None = None,
) -> Memorisation:
    """Compare generated with training images, in pixels and in features. All are uint8 (N, H, W, C).

    Generated and held-out images are put in one row by their ratios. If nothing is copied, its low end is drawn from
    both by chance. Two tests ask how surely it is not, and the smaller p-value is doubled: how many generated images
    stand before the first held-out one, and how many are among the lowest two percent (both hypergeometric).

    The verdict is by the space with the smaller p-value. From 0.005 on there is no sign of copying. Below it, it is
    copying where surely more than 5 % of the generated images (Wilson interval) stand as near to one training image as
    the nearest percent of the held-out ones do, and suspicious otherwise.

    Args:
        held_out: of patients that neither the generator nor the extractor has seen.
        names: of the training images.
        trained_features: theirs, where they are known already.

    Raises:
        UserError: too few training images, names that are not as many, or features that are not finite.
    """
    if len(training) <= NEIGHBOURS:
        raise UserError(f"{len(training)} training images are too few to tell a copy: it takes {NEIGHBOURS + 1}")
    if len(names) != len(training):
        raise UserError(f"{len(names)} names for {len(training)} training images: name each")
    counts = (len(generated), len(held_out), len(training))
    if min(counts[:2]) < LEAST:
        reason = f"It takes {LEAST} generated and {LEAST} held-out images; there are {counts[0]} and {counts[1]}."
        return Memorisation(*counts, {}, "cannot tell", reason)
    pixels = _Pixels(training)
    features = _Features(extractor, extractor(training) if trained_features is None else trained_features)
    found = {
        "pixels": _nearness(pixels.find(generated), pixels.find(held_out), names),
        "features": _nearness(features.find(generated), features.find(held_out), names),
    }
    return Memorisation(*counts, found, *_verdict(found))


def _nearness(generated: _Found, held_out: _Found, names: Sequence[str]) -> Nearness:
    ours, theirs = generated.ratio, held_out.ratio
    nearer = int((ours < np.quantile(theirs, 0.01)).sum())
    reach = stats.binomtest(nearer, len(ours)).proportion_ci(0.95, "wilson")
    first = np.argsort(ours, kind="stable")[:SHOWN]
    return Nearness(
        generated_median=float(np.median(generated.nearest)),
        held_out_median=float(np.median(held_out.nearest)),
        share_nearer=Measure(nearer / len(ours), float(reach.low), float(reach.high), floor=0.01, count=len(ours)),
        p_value=_chance(ours, theirs),
        examples=tuple(Neighbour(int(i), names[generated.place[i]], float(generated.nearest[i])) for i in first),
    )


def _chance(ours: np.ndarray, theirs: np.ndarray) -> float:
    """P-value, one-sided: that the low end of both would hold as many of ours if they were alike.

    Every picture counts as one of its own, also where a patient has several: the chance is a little larger than told.
    """
    row = np.argsort(np.concatenate([theirs, ours]), kind="stable")  # of equal ones those that were held out come first
    found = 1.0
    before_all = int((ours < theirs.min()).sum())
    for lowest in (before_all, max(1, round(_TAIL * len(row)))):
        hits = int((row[:lowest] >= len(theirs)).sum())
        found = min(found, float(stats.hypergeom.sf(hits - 1, len(row), len(ours), lowest)))
    return min(1.0, 2 * found)


def _verdict(found: dict[str, Nearness]) -> tuple[str, str]:
    """The verdict and its reason."""
    space, worst = min(found.items(), key=lambda pair: pair[1].p_value)
    share, chance = worst.share_nearer, f"p = {worst.p_value:.2g}" if worst.p_value > 1e-4 else "p < 0.0001"
    said = f"{share.value:.1%} of the generated images stand as near to one training image as 1 % of unseen patients do"
    if worst.p_value >= SURE:
        return "no sign of copying", f"In {space}, where it is most, {said} ({chance})."
    if share.low is not None and share.low > MANY:
        return "copies", f"In {space}, {said} ({chance})."
    return "suspicious", f"In {space}, {said} ({chance}): few, but more than chance would have it."


class _Pixels:
    """Training images and their mirror images, small, with brightness and contrast taken out."""

    def __init__(self, training: np.ndarray) -> None:
        small = _small(training)
        self.inner = torch.stack((small, small.flip(-1)), 1)[..., SHIFTS:-SHIFTS, SHIFTS:-SHIFTS]  # (N, 2, h, w)
        self.coarse = _even(_coarse(self.inner.flatten(0, 1)))  # (2 N, d)

    def find(self, pictures: np.ndarray) -> _Found:
        with torch.inference_mode():
            parts = [self._find(part) for part in _small(pictures).split(_BATCH)]
        return _Found(*(np.concatenate(one) for one in zip(*parts, strict=True)))

    def _find(self, x: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """At every shift: first coarsely against all training images, then the candidates in full."""
        inner, shifts = self.inner.shape[-1], range(2 * SHIFTS + 1)
        moved = [x[:, down : down + inner, right : right + inner] for down in shifts for right in shifts]
        likeness = torch.full((len(x), len(self.coarse)), -torch.inf)
        for one in moved:
            torch.maximum(likeness, _even(_coarse(one)) @ self.coarse.T, out=likeness)
        likeness = likeness.unflatten(1, (-1, 2)).amax(2)  # (n, N)
        places = likeness.topk(min(_CANDIDATES, likeness.shape[1]), 1).indices
        candidates = _even(self.inner[places]).flatten(1, 2)  # (n, 2 x candidates, h * w)
        alike = candidates @ _even(torch.stack(moved, 1)).mT  # (n, 2 x candidates, shifts)
        best = alike.amax(2).unflatten(1, (-1, 2)).amax(2)
        # Of vectors of length 1 the squared distance is 2 - 2 x their product.
        distances, order = (2 - 2 * best).clamp_min(0).sqrt().sort(1)
        ratio = distances[:, 0] / distances[:, NEIGHBOURS - 1].clamp_min(1e-6)
        return distances[:, 0].numpy(), places.gather(1, order)[:, 0].numpy(), ratio.numpy()


class _Features:
    """Training images in an extractor's features."""

    def __init__(self, extractor: Extractor, training: np.ndarray) -> None:
        self.extractor, self.training = extractor, _finite(training, extractor)

    def find(self, pictures: np.ndarray) -> _Found:
        return self.near(self.extractor(pictures))

    def near(self, features: np.ndarray) -> _Found:
        x = _finite(features, self.extractor)
        distances, places = torch.cdist(x, self.training).topk(NEIGHBOURS, 1, largest=False)
        ratio = distances[:, 0] / distances[:, -1].clamp_min(1e-12)
        return _Found(distances[:, 0].numpy(), places[:, 0].numpy(), ratio.numpy())


def _finite(features: np.ndarray, extractor: Extractor) -> Tensor:
    if not np.isfinite(features).all():
        raise UserError(f"extractor {extractor.name} gives features that are not finite: choose another one")
    return torch.from_numpy(features.astype(np.float64))


def _small(pictures: np.ndarray) -> Tensor:
    """uint8 (N, H, W, C) -> float (N, SIDE, SIDE), averaged down."""
    grey = torch.from_numpy(pictures.astype(np.float32).mean(3))[:, None]
    return F.interpolate(grey, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)[:, 0]


def _coarse(x: Tensor) -> Tensor:
    return F.avg_pool2d(x[:, None], 4)[:, 0]


def _even(x: Tensor) -> Tensor:
    """(..., h, w) -> vectors (..., h * w) of mean 0 and length 1; of one shade, all 0."""
    flat = x.flatten(-2)
    flat = flat - flat.mean(-1, keepdim=True)
    return flat / flat.norm(dim=-1, keepdim=True).clamp_min(1e-3)
