"""Fidelity: distances between two sets of features, and shares of one set that lie within the other.

    found = compare(real, fake, seed=0, patients=patients)       each measure with its interval, by key of `results`
    least = floors(real, count=len(fake), seed=0)                the scores of real images against real ones

Features are float (N, D), from any extractor. The 95 % intervals come from the delete-a-group jackknife over both
samples (Shao and Wu 1989, Annals of Statistics 17): images are assigned to 20 groups at random, whole patients at a
time, and each measure is computed again without each group. A bootstrap would draw an image twice, which is a perfect
match for a nearest neighbour and shrinks a covariance. An interval describes other samples of the same size; the bias
of small samples is the same in all of them, and in the floors.

`benchmarks/evaluation_controls.py` tests the intervals on samples of a few hundred real X-rays: intervals of distances
contained the mean of all draws in 88 to 97 % of cases, those of shares, which are too wide, in 98 to 100 %.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from gan_core.errors import UserError
from gan_core.evaluation.nearest import TwoSampleNeighbours
from gan_core.evaluation.results import Measure

GROUPS = 20  # jackknife groups of each sample
LEAST = 20  # images of each sample: one for each group
NEAREST_PRECISION, NEAREST_DENSITY = 3, 5  # neighbours, as in the papers
_FEWEST = 5  # groups, if there are few patients
_SPLITS = 3  # random splits of the real images; a floor is their mean


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Return the squared Fréchet distance of Gaussians fitted to features (Heusel 2017, arXiv:1706.08500, equation 6).

    Raises:
        UserError: there are at least as many features as images, so that the covariance is singular; or the features
            cannot be compared.
    """
    _check(a, b)
    _check_covariance(a, b)
    first = _gaussian(a)
    return _gaussian_distance(first, _matrix_sqrt(first), _gaussian(b))


@dataclass(frozen=True, eq=False)
class _Gaussian:
    mean: np.ndarray  # (D,)
    covariance: np.ndarray  # (D, D)


def _gaussian(features: np.ndarray) -> _Gaussian:
    exact = features.astype(np.float64)
    return _Gaussian(exact.mean(0), np.atleast_2d(np.cov(exact, rowvar=False)))


def _without_each(features: np.ndarray, groups: np.ndarray) -> Iterator[_Gaussian]:
    """Fit a Gaussian without each group in turn, by subtracting the group from the sums over all images."""
    exact = features.astype(np.float64)
    centre = exact.mean(0)
    exact -= centre  # sums of squares of large numbers would lose precision
    product = exact.T @ exact
    for group in range(groups.max() + 1):
        out = exact[groups == group]
        count = len(exact) - len(out)
        mean = -out.sum(0) / count
        yield _Gaussian(centre + mean, (product - out.T @ out - count * np.outer(mean, mean)) / (count - 1))


def _matrix_sqrt(gaussian: _Gaussian) -> np.ndarray:
    values, vectors = np.linalg.eigh(gaussian.covariance)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T


def _gaussian_distance(a: _Gaussian, root: np.ndarray, b: _Gaussian) -> float:
    """Return the squared Fréchet distance of two Gaussians; root is the matrix square root of a's covariance.

    The trace of sqrt(A B) equals that of sqrt(sqrt(A) B sqrt(A)), which is symmetric.
    """
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
    """Return the kernel distance: unbiased squared MMD, kernel (x.y / D + 1)^3 (Bińkowski 2018, section 4).

    It uses all images at once: the usual mean over random subsets estimates the same number with more noise. Arguments
    and errors are those of `compare`.
    """
    _check(real, fake)
    groups = _groups(len(real), patients, (seed, 0)), _groups(len(fake), sources, (seed, 1))
    within = [_kernel_sums(x, x, each, each) for x, each in zip((real, fake), groups, strict=True)]
    across = _kernel_sums(real, fake, *groups)
    sizes = [np.bincount(each) for each in groups]
    own = [np.bincount(each, _kernel_diagonal(x)) for x, each in zip((real, fake), groups, strict=True)]

    def value(*kept: np.ndarray) -> float:
        found = 0.0
        for keep, sums, size, itself in zip(kept, within, sizes, own, strict=True):
            count = size[keep].sum()
            found += (sums[np.ix_(keep, keep)].sum() - itself[keep].sum()) / (count * (count - 1))
        return float(found - 2 * across[np.ix_(*kept)].sum() / (sizes[0][kept[0]].sum() * sizes[1][kept[1]].sum()))

    every = [np.ones(len(size), bool) for size in sizes]
    leave_real = [value(np.arange(len(sizes[0])) != out, every[1]) for out in range(len(sizes[0]))]
    leave_fake = [value(every[0], np.arange(len(sizes[1])) != out) for out in range(len(sizes[1]))]
    return _with_interval(value(*every), leave_real, leave_fake, count=len(fake))


def _kernel_sums(a: np.ndarray, b: np.ndarray, groups_a: np.ndarray, groups_b: np.ndarray) -> np.ndarray:
    """Return the sums of the kernel over pairs of groups, (groups of a, groups of b)."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    sums = []
    for group in range(groups_a.max() + 1):
        kernel = (a[groups_a == group] @ b.T / a.shape[1] + 1) ** 3
        sums.append(np.bincount(groups_b, kernel.sum(0)))
    return np.stack(sums)


def _kernel_diagonal(x: np.ndarray) -> np.ndarray:
    return (np.square(x.astype(np.float64)).sum(1) / x.shape[1] + 1) ** 3


def precision_recall(real: np.ndarray, fake: np.ndarray, k: int = NEAREST_PRECISION) -> tuple[float, float]:
    """Return precision and recall (Kynkäänniemi 2019, arXiv:1904.06991, equations 1 and 2).

    Each image has a ball that reaches its k-th nearest neighbour in its own set. Precision is the share of fakes in the
    ball of some real image; recall is the share of reals in the ball of some fake.

    Raises:
        UserError: as `compare`.
    """
    _check(real, fake)
    found = TwoSampleNeighbours.of(real, fake).shares(k, NEAREST_DENSITY)
    return found["precision"], found["recall"]


def density_coverage(real: np.ndarray, fake: np.ndarray, k: int = NEAREST_DENSITY) -> tuple[float, float]:
    """Return density and coverage (Naeem 2020, arXiv:2002.09797, section 3).

    Density is the mean number of real balls that contain a fake, divided by k. Coverage is the share of real balls that
    contain a fake.

    Raises:
        UserError: as `compare`.
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
    """Return every measure with its 95 % interval, by key of `results.MEASURES`, without floors.

    Args:
        real: features (N, D) of real images.
        fake: features (M, D) of generated images.
        seed: seed of the jackknife groups.
        patients: the patient of each real image, because one patient's images are not independent. None: all are.
        sources: the patient that each fake image was translated from; None: fake images are independent.
        note: receives a sentence if there are too few images for the Fréchet distance.

    Raises:
        UserError: a sample has fewer than 20 images or too few patients, features are not finite, or all images are
            equal.
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
    """Return only Fréchet distance and KID, at a fraction of the cost; arguments and errors are those of `compare`."""
    _check(real, fake)
    groups = _groups(len(real), patients, (seed, 0)), _groups(len(fake), sources, (seed, 1))
    found: dict[str, Measure] = {}
    try:
        _check_covariance(real, fake)
        sides = _gaussian(real), _gaussian(fake)
        roots = _matrix_sqrt(sides[0]), _matrix_sqrt(sides[1])
        leave_real = [_gaussian_distance(sides[1], roots[1], part) for part in _without_each(real, groups[0])]
        leave_fake = [_gaussian_distance(sides[0], roots[0], part) for part in _without_each(fake, groups[1])]
        whole = _gaussian_distance(sides[0], roots[0], sides[1])
        found["frechet"] = _with_interval(whole, leave_real, leave_fake, count=len(fake), bounds=(0, np.inf))
    except UserError as error:
        note(str(error))
    found["kid"] = kid(real, fake, seed=seed, patients=patients, sources=sources)
    return found


def _shares(real: np.ndarray, fake: np.ndarray, groups: tuple[np.ndarray, np.ndarray]) -> dict[str, Measure]:
    from scipy import stats  # takes half a second, which a training that measures its previews can do without

    samples = TwoSampleNeighbours.of(real, fake)
    ks = NEAREST_PRECISION, NEAREST_DENSITY
    without_real = [samples.shares(*ks, keep_real=groups[0] != out) for out in range(groups[0].max() + 1)]
    without_fake = [samples.shares(*ks, keep_fake=groups[1] != out) for out in range(groups[1].max() + 1)]
    found = {}
    for name, whole in samples.shares(*ks).items():
        leave = [[part[name] for part in parts] for parts in (without_real, without_fake)]
        if name == "density":
            found[name] = _with_interval(whole, *leave, count=len(fake), bounds=(0, np.inf))
            continue
        count = len(fake) if name == "precision" else len(real)
        ours = _with_interval(whole, *leave, count=count, bounds=(0, 1))
        # A share of 0 or 1 does not change when a group is left out, but it is uncertain too.
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
    """Return the scores of a perfect generator: real images of some patients against those of others, by measure.

    An extractor's features of its own training images differ from those of unseen images. So `held_out` images replace
    the generated ones if there are at least as many as half of `real` would give. Otherwise `real` is split by
    patients, at most half of it replaces the generated images, and a floor is the mean of three splits.

    If the numbers of images differ from those of the comparison, two measures are corrected: the bias of the Fréchet
    distance is proportional to the sum of the reciprocal numbers (Chong and Forsyth 2020, arXiv:1911.07023), and the
    expected coverage of equal distributions is known (Naeem 2020, arXiv:2002.09797). Other shares change little.

    Args:
        real: features (N, D) of real images.
        count: number of generated images in the comparison that the floor is for.
        seed: seed of the choice of images.
        patients: the patient of each image of `real`; None: each image shows another patient.
        held_out: features (N, D) of real images of other patients.
        note: receives a sentence with the numbers of images.

    Raises:
        UserError: as `compare`.
    """
    rng = np.random.default_rng((seed, 2))
    half = min(count, len(real) // 2)
    if held_out is not None and len(held_out) >= half:
        chosen = np.sort(rng.permutation(len(held_out))[:count])
        pairs = [(real, held_out[chosen])]
        kind = "held-out real images"
    else:
        pairs = [_split_by_patient(real, half, patients, rng) for _ in range(_SPLITS)]
        kind = "real images"
    found: dict[str, list[float]] = {}
    for ours, theirs in pairs:
        _check(ours, theirs)
        values = {"kid": kid(ours, theirs).value}
        values |= TwoSampleNeighbours.of(ours, theirs).shares(NEAREST_PRECISION, NEAREST_DENSITY)
        if min(len(ours), len(theirs)) > real.shape[1]:
            values["frechet"] = frechet(ours, theirs)
        if (len(ours), len(theirs)) != (len(real), count):
            expected, here = _expected_coverage(len(real), count), _expected_coverage(len(ours), len(theirs))
            values["coverage"] = min(1.0, values["coverage"] * expected / here)
            if "frechet" in values:
                values["frechet"] *= (1 / len(real) + 1 / count) / (1 / len(ours) + 1 / len(theirs))
        for name, value in values.items():
            found.setdefault(name, []).append(value)
    ours, theirs = pairs[-1]
    changed = " and ".join(name for name, key in (("distance", "frechet"), ("coverage", "coverage")) if key in found)
    correction = f", {changed} corrected to {count} against {len(real)}"
    same = (len(ours), len(theirs)) == (len(real), count)
    note(f"floors compare {len(theirs)} {kind} with {len(ours)} of other patients{'' if same else correction}")
    return {name: float(np.mean(values)) for name, values in found.items()}


def _expected_coverage(real: int, fake: int, k: int = NEAREST_DENSITY) -> float:
    """Return the expected coverage of `real` images by `fake` images of the same distribution."""
    return 1 - float(np.prod([(real - i) / (fake + real - i) for i in range(1, k + 1)]))


def _split_by_patient(
    real: np.ndarray, count: int, patients: Sequence[str] | None, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Split features by patient at random: those of some patients, and `count` features of the others."""
    patient_of = _patient_indices(len(real), patients)
    order = np.argsort(rng.permutation(patient_of.max() + 1)[patient_of], kind="stable")
    taken = order[:count]
    return real[~np.isin(patient_of, patient_of[taken])], real[taken]


def _groups(count: int, patients: Sequence[str] | None, seed: tuple[int, int]) -> np.ndarray:
    """Return the jackknife group of each image: a patient stays in one group, and groups have similar sizes."""
    patient_of = _patient_indices(count, patients)
    images = np.bincount(patient_of)
    order = np.random.default_rng(seed).permutation(len(images))
    before = np.cumsum(images[order]) - images[order]
    group_of = np.empty(len(images), np.int64)
    group_of[order] = before * GROUPS // count
    # A patient with many images can leave a group empty.
    used, groups = np.unique(group_of[patient_of], return_inverse=True)
    if len(used) < _FEWEST:
        raise UserError(f"{len(images)} patients are too few for an interval: take {GROUPS} or more")
    return groups


def _patient_indices(count: int, patients: Sequence[str] | None) -> np.ndarray:
    """Return the index of each image's patient; without patients, each image has its own index."""
    if patients is None:
        return np.arange(count)
    if len(patients) != count:
        raise UserError(f"{len(patients)} patients for {count} images: name the patient of each image")
    return np.unique(np.asarray(patients), return_inverse=True)[1]


def _with_interval(
    whole: float, *leave: Sequence[float], count: int, bounds: tuple[float, float] = (-np.inf, np.inf)
) -> Measure:
    """Return a value with its jackknife interval; `leave` holds the values without each group of each sample."""
    parts = [np.array(values) for values in leave]
    variance = sum((len(part) - 1) / len(part) * np.square(part - part.mean()).sum() for part in parts)
    # Student's t: scipy.stats, which has it too, takes half a second to import.
    reach = float(special.stdtrit(min(len(part) for part in parts) - 1, 0.975) * np.sqrt(variance))
    low, high = max(whole - reach, bounds[0]), min(whole + reach, bounds[1])
    return Measure(whole, float(low), float(high), count=count)


def _check(*samples: np.ndarray) -> None:
    for features in samples:
        if features.ndim != 2 or features.shape[1] != samples[0].shape[-1]:
            shapes = " and ".join(str(sample.shape) for sample in samples)
            raise UserError(f"features of shapes {shapes} cannot be compared: take them from one extractor")
        if len(features) < LEAST:
            raise UserError(f"{len(features)} images are too few to compare: take {LEAST} or more")
        if not np.isfinite(features).all():
            raise UserError("features are not finite: check the pictures and the extractor")
        if not np.ptp(features, 0).any():
            raise UserError("all images have the same features: check the pictures and the extractor")


def _check_covariance(*samples: np.ndarray) -> None:
    for features in samples:
        if len(features) <= features.shape[1]:
            raise UserError(
                f"the Fréchet distance needs more images than features: {len(features)} images, "
                f"{features.shape[1]} features"
            )
