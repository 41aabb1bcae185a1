"""Distances between two clouds of features, and shares of one that lie within the other.

    found = compare(real, fake, seed=0, patients=patients)       each measure with its interval, by key of `results`
    least = floors(real, count=len(fake), seed=0)                what real images score against real ones

Features are float (N, D), of any extractor. Intervals (95 %) are of the delete-a-group jackknife over both samples
(Shao and Wu 1989, Annals of Statistics 17): images, whole patients at a time, are dealt into 20 groups by lot, and each
measure is taken again without each group. A bootstrap would draw an image twice, which a nearest neighbour takes for a
perfect match and a covariance for less spread. An interval says what other draws of as many images would give; the bias
of few images is in all of them alike, and in the floors.

`benchmarks/evaluation_controls.py` tries them on samples of some hundred real X-rays: those of distances held the
mean of all draws in 88 to 97 % of them, those of shares, which are too wide, in 98 to 100 %.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from gan_core.errors import UserError
from gan_core.evaluation.nearest import TwoSampleNeighbours
from gan_core.evaluation.results import Measure

GROUPS = 20  # of the jackknife, in each sample
LEAST = 20  # images on a side: one a group
NEAREST_PRECISION, NEAREST_DENSITY = 3, 5  # neighbours, as in the papers
_FEWEST = 5  # groups, where there are few patients
_CUTS = 3  # of the real images, whose mean is a floor


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Squared Frechet distance of the Gaussians fitted to the features (Heusel 2017, arXiv:1706.08500, equation 6).

    Raises:
        UserError: as many features as images or more, which leaves the covariance without a meaning; features that
            cannot be compared.
    """
    _check(a, b)
    _check_covariance(a, b)
    first = _gaussian(a)
    return _distance(first, _root(first), _gaussian(b))


@dataclass(frozen=True, eq=False)
class _Gaussian:
    mean: np.ndarray  # (D,)
    covariance: np.ndarray  # (D, D)


def _gaussian(features: np.ndarray) -> _Gaussian:
    exact = features.astype(np.float64)
    return _Gaussian(exact.mean(0), np.atleast_2d(np.cov(exact, rowvar=False)))


def _without_each(features: np.ndarray, groups: np.ndarray) -> Iterator[_Gaussian]:
    """Fitted without each group in turn: what is left out is taken off the sums of the whole."""
    exact = features.astype(np.float64)
    centre = exact.mean(0)
    exact -= centre  # sums of squares of large numbers would lose the small differences
    product = exact.T @ exact
    for group in range(groups.max() + 1):
        out = exact[groups == group]
        count = len(exact) - len(out)
        mean = -out.sum(0) / count
        yield _Gaussian(centre + mean, (product - out.T @ out - count * np.outer(mean, mean)) / (count - 1))


def _root(gaussian: _Gaussian) -> np.ndarray:
    values, vectors = np.linalg.eigh(gaussian.covariance)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T


def _distance(a: _Gaussian, root: np.ndarray, b: _Gaussian) -> float:
    """root: of a's covariance. The trace of sqrt(A B) is that of sqrt(sqrt(A) B sqrt(A)), which is symmetric."""
    shared = np.sqrt(np.linalg.eigvalsh(root @ b.covariance @ root).clip(0)).sum()
    apart = np.square(a.mean - b.mean).sum()
    return max(0.0, float(apart + np.trace(a.covariance) + np.trace(b.covariance) - 2 * shared))


def kid(
    real: np.ndarray,
    fake: np.ndarray,
    *,
    seed: int = 0,
    patients: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
) -> Measure:
    """Kernel distance: unbiased squared maximum mean discrepancy, kernel (x.y / D + 1)^3 (Binkowski 2018, section 4).

    Of all images at once: the usual mean over random subsets estimates the same number, with more noise. The arguments
    are those of `compare`.
    """
    _check(real, fake)
    groups = _groups(len(real), patients, (seed, 0)), _groups(len(fake), sources, (seed, 1))
    within = [_kernel_sums(x, x, each, each) for x, each in zip((real, fake), groups, strict=True)]
    across = _kernel_sums(real, fake, *groups)
    sizes = [np.bincount(each) for each in groups]
    own = [np.bincount(each, _kernel_of_itself(x)) for x, each in zip((real, fake), groups, strict=True)]

    def value(*kept: np.ndarray) -> float:
        found = 0.0
        for keep, sums, size, itself in zip(kept, within, sizes, own, strict=True):
            count = size[keep].sum()
            found += (sums[np.ix_(keep, keep)].sum() - itself[keep].sum()) / (count * (count - 1))
        return float(found - 2 * across[np.ix_(*kept)].sum() / (sizes[0][kept[0]].sum() * sizes[1][kept[1]].sum()))

    every = [np.ones(len(size), bool) for size in sizes]
    leave_real = [value(np.arange(len(sizes[0])) != out, every[1]) for out in range(len(sizes[0]))]
    leave_fake = [value(every[0], np.arange(len(sizes[1])) != out) for out in range(len(sizes[1]))]
    return _measure(value(*every), leave_real, leave_fake, count=len(fake))


def _kernel_sums(a: np.ndarray, b: np.ndarray, groups_a: np.ndarray, groups_b: np.ndarray) -> np.ndarray:
    """Sums of the kernel over pairs of groups."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    sums = []
    for group in range(groups_a.max() + 1):
        kernel = (a[groups_a == group] @ b.T / a.shape[1] + 1) ** 3
        sums.append(np.bincount(groups_b, kernel.sum(0)))
    return np.stack(sums)


def _kernel_of_itself(x: np.ndarray) -> np.ndarray:
    return (np.square(x.astype(np.float64)).sum(1) / x.shape[1] + 1) ** 3


def precision_recall(real: np.ndarray, fake: np.ndarray, k: int = NEAREST_PRECISION) -> tuple[float, float]:
    """Share of fakes in a ball around a real one that reaches its k-th neighbour, and of reals in a ball around a fake.

    Kynkaanniemi 2019, arXiv:1904.06991, equations 1 and 2. Raises UserError as `compare`.
    """
    _check(real, fake)
    found = TwoSampleNeighbours.of(real, fake).shares(k, NEAREST_DENSITY)
    return found["precision"], found["recall"]


def density_coverage(real: np.ndarray, fake: np.ndarray, k: int = NEAREST_DENSITY) -> tuple[float, float]:
    """In how many real balls a fake lies, over k, and the share of real balls that hold a fake.

    Naeem 2020, arXiv:2002.09797, section 3. Raises UserError as `compare`.
    """
    _check(real, fake)
    found = TwoSampleNeighbours.of(real, fake).shares(NEAREST_PRECISION, k)
    return found["density"], found["coverage"]


def compare(
    real: np.ndarray,
    fake: np.ndarray,
    *,
    seed: int = 0,
    patients: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    note: Callable[[str], object] = lambda line: None,
) -> dict[str, Measure]:
    """Every measure with its 95 % interval, by its key in `results.MEASURES`, but for the floors.

    Args:
        seed: of the groups that are left out.
        patients: whom the real images show: one patient's images are no independent draws. None: all are.
        sources: the patients that fake images were translated from; None where each is a draw of its own.
        note: is told if the Frechet distance has to be left out, for want of images.

    Raises:
        UserError: fewer than 20 images or patients on a side, features that are not finite, or images all alike.
    """
    _check(real, fake)
    groups = _groups(len(real), patients, (seed, 0)), _groups(len(fake), sources, (seed, 1))
    return distances(real, fake, seed=seed, patients=patients, sources=sources, note=note) | _shares(real, fake, groups)


def distances(
    real: np.ndarray,
    fake: np.ndarray,
    *,
    seed: int = 0,
    patients: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    note: Callable[[str], object] = lambda line: None,
) -> dict[str, Measure]:
    """Frechet distance and KID alone, at a fraction of the cost; arguments and errors are those of `compare`."""
    _check(real, fake)
    groups = _groups(len(real), patients, (seed, 0)), _groups(len(fake), sources, (seed, 1))
    found: dict[str, Measure] = {}
    try:
        _check_covariance(real, fake)
        sides = _gaussian(real), _gaussian(fake)
        roots = _root(sides[0]), _root(sides[1])
        leave_real = [_distance(sides[1], roots[1], part) for part in _without_each(real, groups[0])]
        leave_fake = [_distance(sides[0], roots[0], part) for part in _without_each(fake, groups[1])]
        whole = _distance(sides[0], roots[0], sides[1])
        found["frechet"] = _measure(whole, leave_real, leave_fake, count=len(fake), bounds=(0, np.inf))
    except UserError as error:
        note(str(error))
    found["kid"] = kid(real, fake, seed=seed, patients=patients, sources=sources)
    return found


def _shares(real: np.ndarray, fake: np.ndarray, groups: tuple[np.ndarray, np.ndarray]) -> dict[str, Measure]:
    clouds = TwoSampleNeighbours.of(real, fake)
    ks = NEAREST_PRECISION, NEAREST_DENSITY
    without_real = [clouds.shares(*ks, keep_real=groups[0] != out) for out in range(groups[0].max() + 1)]
    without_fake = [clouds.shares(*ks, keep_fake=groups[1] != out) for out in range(groups[1].max() + 1)]
    found = {}
    for name, whole in clouds.shares(*ks).items():
        leave = [[part[name] for part in parts] for parts in (without_real, without_fake)]
        if name == "density":
            found[name] = _measure(whole, *leave, count=len(fake), bounds=(0, np.inf))
            continue
        count = len(fake) if name == "precision" else len(real)
        ours = _measure(whole, *leave, count=count, bounds=(0, 1))
        # A share of none or of all does not change when a group is left out, and is uncertain all the same.
        reach = stats.binomtest(round(whole * count), count).proportion_ci(0.95, "wilson")
        assert ours.low is not None and ours.high is not None
        found[name] = Measure(whole, min(ours.low, float(reach.low)), max(ours.high, float(reach.high)), count=count)
    return found


def floors(
    real: np.ndarray,
    *,
    count: int,
    seed: int = 0,
    patients: Sequence[str] | None = None,
    held_out: np.ndarray | None = None,
    note: Callable[[str], object] = lambda line: None,
) -> dict[str, float]:
    """What a perfect generator would score: real images of some patients against those of others, by measure.

    An extractor knows the images that it was trained on, and its features of them lie apart from those of unseen ones:
    `held_out` ones stand for the generated, where there are as many as half of `real` would give. Otherwise `real` is
    cut in two by patients, at most half of it standing for the generated, and the mean of three cuts is taken. Where
    there are not as many on both sides as are compared, what depends on the numbers is brought to those: the bias of a
    Frechet distance goes with the sum of their reciprocals (Chong and Forsyth 2020, arXiv:1911.07023), and the coverage
    of like by like is known (Naeem 2020, arXiv:2002.09797). Other shares move little.

    Args:
        count: generated images, as many as the floor is to be of if there are enough real ones.
        seed: of the choice of images.
        patients: whom `real` shows; None: each image another one.
        held_out: features (N, D) of real images of other patients.
        note: is told the counts.

    Raises:
        UserError: as `compare`.
    """
    lots = np.random.default_rng((seed, 2))
    half = min(count, len(real) // 2)
    if held_out is not None and len(held_out) >= half:
        chosen = np.sort(lots.permutation(len(held_out))[:count])
        pairs = [(real, held_out[chosen])]
        kind = "held-out real images"
    else:
        pairs = [_cut(real, half, patients, lots) for _ in range(_CUTS)]
        kind = "real images"
    found: dict[str, list[float]] = {}
    for ours, theirs in pairs:
        _check(ours, theirs)
        values = {"kid": kid(ours, theirs).value}
        values |= TwoSampleNeighbours.of(ours, theirs).shares(NEAREST_PRECISION, NEAREST_DENSITY)
        if min(len(ours), len(theirs)) > real.shape[1]:
            values["frechet"] = frechet(ours, theirs)
        if (len(ours), len(theirs)) != (len(real), count):
            wanted, had = _covered(len(real), count), _covered(len(ours), len(theirs))
            values["coverage"] = min(1.0, values["coverage"] * wanted / had)
            if "frechet" in values:
                values["frechet"] *= (1 / len(real) + 1 / count) / (1 / len(ours) + 1 / len(theirs))
        for name, value in values.items():
            found.setdefault(name, []).append(value)
    ours, theirs = pairs[-1]
    moved = " and ".join(name for name, key in (("distance", "frechet"), ("coverage", "coverage")) if key in found)
    brought = f", {moved} brought to {count} against {len(real)}"
    same = (len(ours), len(theirs)) == (len(real), count)
    note(f"floors are of {len(theirs)} {kind} against {len(ours)} of other patients{'' if same else brought}")
    return {name: float(np.mean(values)) for name, values in found.items()}


def _covered(real: int, fake: int, k: int = NEAREST_DENSITY) -> float:
    """The coverage of so many images by so many of the same distribution."""
    return 1 - float(np.prod([(real - i) / (fake + real - i) for i in range(1, k + 1)]))


def _cut(
    real: np.ndarray, count: int, patients: Sequence[str] | None, lots: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The features of some patients, and `count` of the others'."""
    belongs = _numbered(len(real), patients)
    order = np.argsort(lots.permutation(belongs.max() + 1)[belongs], kind="stable")
    taken = order[:count]
    return real[~np.isin(belongs, belongs[taken])], real[taken]


def _groups(count: int, patients: Sequence[str] | None, seed: tuple[int, int]) -> np.ndarray:
    """The jackknife's group of each image: patients are dealt whole, so that groups are of about one size."""
    belongs = _numbered(count, patients)
    images = np.bincount(belongs)
    order = np.random.default_rng(seed).permutation(len(images))
    before = np.cumsum(images[order]) - images[order]
    dealt = np.empty(len(images), np.int64)
    dealt[order] = before * GROUPS // count
    names, groups = np.unique(dealt[belongs], return_inverse=True)  # of many images of one patient some stay empty
    if len(names) < _FEWEST:
        raise UserError(f"{len(images)} patients are too few for an interval: take {GROUPS} or more")
    return groups


def _numbered(count: int, patients: Sequence[str] | None) -> np.ndarray:
    """Patients by number, one for each image; nobody is known twice where nobody is named."""
    if patients is None:
        return np.arange(count)
    if len(patients) != count:
        raise UserError(f"{len(patients)} patients for {count} images: name the patient of each image")
    return np.unique(np.asarray(patients), return_inverse=True)[1]


def _measure(
    whole: float, *leave: Sequence[float], count: int, bounds: tuple[float, float] = (-np.inf, np.inf)
) -> Measure:
    """With the jackknife's interval: `leave` holds the values without each group of one sample, then of the other."""
    parts = [np.array(values) for values in leave]
    variance = sum((len(part) - 1) / len(part) * np.square(part - part.mean()).sum() for part in parts)
    reach = float(stats.t.ppf(0.975, min(len(part) for part in parts) - 1) * np.sqrt(variance))
    low, high = max(whole - reach, bounds[0]), min(whole + reach, bounds[1])
    return Measure(whole, float(low), float(high), count=count)


def _check(*clouds: np.ndarray) -> None:
    for features in clouds:
        if features.ndim != 2 or features.shape[1] != clouds[0].shape[-1]:
            shapes = " and ".join(str(cloud.shape) for cloud in clouds)
            raise UserError(f"features of shapes {shapes} cannot be compared: take them from one extractor")
        if len(features) < LEAST:
            raise UserError(f"{len(features)} images are too few to compare: take {LEAST} or more")
        if not np.isfinite(features).all():
            raise UserError("features that are not finite: the pictures or the extractor are broken")
        if not np.ptp(features, 0).any():
            raise UserError("all images have the same features: they are all alike, or the extractor is broken")


def _check_covariance(*clouds: np.ndarray) -> None:
    for features in clouds:
        if len(features) <= features.shape[1]:
            raise UserError(
                f"the Frechet distance needs more images than features: {len(features)} images, "
                f"{features.shape[1]} features"
            )
