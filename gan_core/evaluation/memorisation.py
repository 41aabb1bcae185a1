"""Memorisation: does a generator copy training images? Compares nearest neighbours of generated and held-out images.

A small distance alone misleads, because blurred pictures lie near everything. A copy's nearest training image is far
nearer than its tenth nearest (the ratio test of Lowe 2004, compared here with patients that the generator never saw).
In pixels, the search also finds copies that are mirrored, shifted, or changed in brightness, contrast or noise. It does
not look for copies that are rotated or zoomed by more than a few percent, or deformed.
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

SIDE = 32  # pixels a side of the compared pictures
SHIFTS = 2  # largest shift in each direction, in those pixels
NEIGHBOURS = 10  # the ratio is the distance to the nearest over that to this neighbour
LEAST = 100  # generated and held-out images that a verdict needs, each
SHOWN = 8  # neighbours that the result names
SURE = 0.005  # significance level in either space: 1 % over both
MANY = 0.05  # share of generated images above which the verdict is copying
_TAIL = 0.02  # share of the lowest ratios, where copies would be
_CANDIDATES = 16  # training images that are compared in full
_BATCH = 64


@dataclass(frozen=True, eq=False)
class _Nearest:
    """The nearest training image of each picture, arrays of shape (N,)."""

    nearest: np.ndarray  # distance to it
    place: np.ndarray  # index of it
    ratio: np.ndarray  # nearest over tenth nearest distance: about 0 for a copy, about 1 otherwise


def nearness(
    training: np.ndarray,
    held_out: np.ndarray,
    generated: np.ndarray,
    *,
    extractor: Extractor,
    names: Sequence[str],
    trained_features: np.ndarray | None = None,
) -> Memorisation:
    """Compare generated with training images in pixels and in features. All pictures are uint8 (N, H, W, C).

    Generated and held-out images are ranked together by their ratios. Without copying, both are equally likely at the
    low end. Two hypergeometric tests check this, and the smaller p-value is doubled: how many generated images rank
    before the first held-out one, and how many are among the lowest two percent.

    The space with the smaller p-value gives the verdict. From 0.005 on, there is no sign of copying. Below, the
    verdict is "copies" if the share of generated images whose ratio is below the 1 % quantile of held-out ones exceeds
    5 % (lower end of the Wilson interval), and "suspicious" otherwise.

    Args:
        training: the images that the generator learned from.
        held_out: images of patients that neither the generator nor the extractor has seen.
        generated: the images to check.
        extractor: extractor of the features.
        names: names of the training images.
        trained_features: features (N, D) of the training images, if known.

    Raises:
        UserError: there are too few training images, the number of names differs, or features are not finite.
    """
    if len(training) <= NEIGHBOURS:
        raise UserError(f"{len(training)} training images are too few to detect copies: take {NEIGHBOURS + 1} or more")
    if len(names) != len(training):
        raise UserError(f"{len(names)} names for {len(training)} training images: name each")
    counts = (len(generated), len(held_out), len(training))
    if min(counts[:2]) < LEAST:
        reason = f"The test needs {LEAST} generated and {LEAST} held-out images; there are {counts[0]} and {counts[1]}."
        return Memorisation(*counts, {}, "cannot tell", reason)
    pixels = _Pixels(training)
    features = _Features(extractor, extractor(training) if trained_features is None else trained_features)
    found = {
        "pixels": _nearness(pixels.find(generated), pixels.find(held_out), names),
        "features": _nearness(features.find(generated), features.find(held_out), names),
    }
    return Memorisation(*counts, found, *_verdict(found))


def _nearness(generated: _Nearest, held_out: _Nearest, names: Sequence[str]) -> Nearness:
    generated_ratios, held_out_ratios = generated.ratio, held_out.ratio
    # Weibull's position: of n held-out images and one more from the same source, one in a hundred lies below it.
    limit = np.quantile(held_out_ratios, 0.01, method="weibull")
    nearer = int((generated_ratios < limit).sum())
    count = len(generated_ratios)
    interval = stats.binomtest(nearer, count).proportion_ci(0.95, "wilson")
    first = np.argsort(generated_ratios, kind="stable")[:SHOWN]
    return Nearness(
        generated_median=float(np.median(generated.nearest)),
        held_out_median=float(np.median(held_out.nearest)),
        share_nearer=Measure(nearer / count, float(interval.low), float(interval.high), floor=0.01, count=count),
        p_value=_p_value(generated_ratios, held_out_ratios),
        examples=tuple(Neighbour(int(i), names[generated.place[i]], float(generated.nearest[i])) for i in first),
    )


def _p_value(generated: np.ndarray, held_out: np.ndarray) -> float:
    """Return the one-sided p-value of so many generated ratios at the low end, if both samples had one distribution.

    Pictures count as independent, even if a patient has several, so the true p-value is slightly larger.
    """
    order = np.argsort(np.concatenate([held_out, generated]), kind="stable")  # a tie puts held-out ones first
    found = 1.0
    before_all = int((generated < held_out.min()).sum())
    for lowest in (before_all, max(1, round(_TAIL * len(order)))):
        hits = int((order[:lowest] >= len(held_out)).sum())
        found = min(found, float(stats.hypergeom.sf(hits - 1, len(order), len(generated), lowest)))
    return min(1.0, 2 * found)


def _verdict(found: dict[str, Nearness]) -> tuple[str, str]:
    """Return the verdict and its reason, a sentence."""
    space, worst = min(found.items(), key=lambda pair: pair[1].p_value)
    share, p_value = worst.share_nearer, f"p = {worst.p_value:.2g}" if worst.p_value > 1e-4 else "p < 0.0001"
    near = "of the generated images are as near to one training image as 1 % of held-out images"
    if worst.p_value >= SURE:
        shares = " and in ".join(f"{name} {one.share_nearer.value:.1%}" for name, one in found.items())
        return "no sign of copying", f"In {shares} {near} (smaller {p_value})."
    finding = f"In {space}, {share.value:.1%} {near} ({p_value})"
    if share.low is not None and share.low > MANY:
        return "copies", f"{finding}."
    return "suspicious", f"{finding}: few, but more than expected by chance."


class _Pixels:
    """Training images and their mirror images at low resolution, normalised in brightness and contrast."""

    def __init__(self, training: np.ndarray) -> None:
        small = _low_resolution(training)
        self.inner = torch.stack((small, small.flip(-1)), 1)[..., SHIFTS:-SHIFTS, SHIFTS:-SHIFTS]  # (N, 2, h, w)
        self.coarse = _normalised(_coarse(self.inner.flatten(0, 1)))  # (2 N, d)

    def find(self, pictures: np.ndarray) -> _Nearest:
        with torch.inference_mode():
            parts = [self._find(part) for part in _low_resolution(pictures).split(_BATCH)]
        return _Nearest(*(np.concatenate(one) for one in zip(*parts, strict=True)))

    def _find(self, x: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Compare at every shift: coarsely with all training images, then in full with the candidates."""
        inner, shifts = self.inner.shape[-1], range(2 * SHIFTS + 1)
        moved = [x[:, down : down + inner, right : right + inner] for down in shifts for right in shifts]
        likeness = torch.full((len(x), len(self.coarse)), -torch.inf)
        for one in moved:
            torch.maximum(likeness, _normalised(_coarse(one)) @ self.coarse.T, out=likeness)
        likeness = likeness.unflatten(1, (-1, 2)).amax(2)  # (n, N)
        places = likeness.topk(min(_CANDIDATES, likeness.shape[1]), 1).indices
        candidates = _normalised(self.inner[places]).flatten(1, 2)  # (n, 2 x candidates, h * w)
        alike = candidates @ _normalised(torch.stack(moved, 1)).mT  # (n, 2 x candidates, shifts)
        best = alike.amax(2).unflatten(1, (-1, 2)).amax(2)
        # For unit vectors, the squared distance is 2 - 2 x their product.
        distances, order = (2 - 2 * best).clamp_min(0).sqrt().sort(1)
        ratio = distances[:, 0] / distances[:, NEIGHBOURS - 1].clamp_min(1e-6)
        return distances[:, 0].numpy(), places.gather(1, order)[:, 0].numpy(), ratio.numpy()


class _Features:
    """Training images in an extractor's features."""

    def __init__(self, extractor: Extractor, training: np.ndarray) -> None:
        self.extractor, self.training = extractor, _finite_tensor(training, extractor)

    def find(self, pictures: np.ndarray) -> _Nearest:
        return self.near(self.extractor(pictures))

    def near(self, features: np.ndarray) -> _Nearest:
        x = _finite_tensor(features, self.extractor)
        distances, places = torch.cdist(x, self.training).topk(NEIGHBOURS, 1, largest=False)
        ratio = distances[:, 0] / distances[:, -1].clamp_min(1e-12)
        return _Nearest(distances[:, 0].numpy(), places[:, 0].numpy(), ratio.numpy())


def _finite_tensor(features: np.ndarray, extractor: Extractor) -> Tensor:
    if not np.isfinite(features).all():
        raise UserError(f"extractor {extractor.name} gives features that are not finite: choose another one")
    return torch.from_numpy(features.astype(np.float64))


def _low_resolution(pictures: np.ndarray) -> Tensor:
    """Convert uint8 (N, H, W, C) to float (N, SIDE, SIDE), antialiased."""
    grey = torch.from_numpy(pictures.astype(np.float32).mean(3))[:, None]
    return F.interpolate(grey, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)[:, 0]


def _coarse(x: Tensor) -> Tensor:
    return F.avg_pool2d(x[:, None], 4)[:, 0]


def _normalised(x: Tensor) -> Tensor:
    """Flatten (..., h, w) to vectors (..., h * w) of mean 0 and length 1; a uniform picture gives zeros."""
    flat = x.flatten(-2)
    flat = flat - flat.mean(-1, keepdim=True)
    return flat / flat.norm(dim=-1, keepdim=True).clamp_min(1e-3)
