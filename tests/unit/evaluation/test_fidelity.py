"""Distances and shares against torch-fidelity and against the plainest code that computes them."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import linalg

from gan_core.errors import UserError
from gan_core.evaluation import fidelity, nearest
from gan_core.evaluation.results import MEASURES

SHARES = ("precision", "recall", "density", "coverage")


def cloud(count: int, features: int, seed: int, *, shift: float = 0.0, scale: float = 1.0) -> np.ndarray:
    """Correlated, skew, in two lumps: nothing that a Gaussian could be taken for."""
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(1).normal(size=(features, features)) / np.sqrt(features)
    lump = (rng.random(count) < 0.7)[:, None] * 1.5
    skew = np.exp(rng.normal(size=(count, features)) / 2)
    return ((scale * skew + lump + shift) @ mix + 3).astype(np.float32)


PAIRS = [
    pytest.param(cloud(120, 16, 0), cloud(120, 16, 1), id="alike"),
    pytest.param(cloud(120, 16, 0), cloud(120, 16, 1, shift=0.4), id="apart"),
    pytest.param(cloud(150, 8, 0), cloud(90, 8, 1, scale=0.5), id="narrow, other counts"),
    pytest.param(cloud(90, 8, 0, scale=0.5), cloud(150, 8, 1), id="wide, other counts"),
    pytest.param(cloud(200, 64, 0), cloud(100, 64, 1, shift=0.1), id="hardly more images than features"),
]


def balls(x: np.ndarray, k: int) -> list[float]:
    return [sorted(float(np.linalg.norm(a - b)) for j, b in enumerate(x) if j != i)[k - 1] for i, a in enumerate(x)]


def plain_shares(real: np.ndarray, fake: np.ndarray, k: int, k_density: int) -> dict[str, float]:
    """The definitions, word by word."""
    real, fake = real.astype(np.float64), fake.astype(np.float64)
    apart = [[float(np.linalg.norm(a - b)) for b in fake] for a in real]
    around, wider, theirs = balls(real, k), balls(real, k_density), balls(fake, k)
    held = [sum(apart[i][j] <= wider[i] for i in range(len(real))) for j in range(len(fake))]
    return {
        "precision": np.mean([any(apart[i][j] <= around[i] for i in range(len(real))) for j in range(len(fake))]),
        "recall": np.mean([any(apart[i][j] <= theirs[j] for j in range(len(fake))) for i in range(len(real))]),
        "density": np.mean(held) / k_density,
        "coverage": np.mean([any(apart[i][j] <= wider[i] for j in range(len(fake))) for i in range(len(real))]),
    }


def plain_kid(a: np.ndarray, b: np.ndarray) -> float:
    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y / len(x) + 1) ** 3)

    a, b = a.astype(np.float64), b.astype(np.float64)
    within = [np.mean([kernel(x, y) for x, y in itertools.combinations(one, 2)]) for one in (a, b)]
    return float(sum(within) - 2 * np.mean([kernel(x, y) for x in a for y in b]))


def plain_frechet(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    covariances = np.cov(a.T), np.cov(b.T)
    root = linalg.sqrtm(covariances[0] @ covariances[1]).real
    return float(np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(covariances[0] + covariances[1] - 2 * root))


@pytest.mark.parametrize(("real", "fake"), PAIRS)
def test_equal_to_the_definitions(real: np.ndarray, fake: np.ndarray) -> None:
    assert fidelity.frechet(real, fake) == pytest.approx(plain_frechet(real, fake), rel=1e-6)
    assert fidelity.kid(real, fake).value == pytest.approx(plain_kid(real, fake), rel=1e-6, abs=1e-9)
    expected = plain_shares(real, fake, 3, 5)
    found = (*fidelity.precision_recall(real, fake), *fidelity.density_coverage(real, fake))
    np.testing.assert_allclose(found, [expected[name] for name in SHARES], rtol=1e-6)


@pytest.mark.parametrize(("real", "fake"), PAIRS)
def test_equal_to_torch_fidelity(real: np.ndarray, fake: np.ndarray) -> None:
    fid = pytest.importorskip("torch_fidelity.metric_fid", reason="torch-fidelity is not installed")
    prc = pytest.importorskip("torch_fidelity.metric_prc")
    a, b = (torch.from_numpy(x.astype(np.float64)) for x in (real, fake))
    theirs = fid.fid_statistics_to_metric(*(fid.fid_features_to_statistics(x) for x in (a, b)), False)
    assert fidelity.frechet(real, fake) == pytest.approx(theirs["frechet_inception_distance"], rel=1e-4)
    options = {"prc_neighborhood": 3, "prc_batch_size": 10000, "save_cpu_ram": False, "verbose": False}
    shares = prc.prc_features_to_metric(b, a, **options)
    expected = shares["precision"], shares["recall"]
    assert fidelity.precision_recall(real, fake) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("real", "fake"), PAIRS[:2])
def test_kid_is_torch_fidelitys_of_one_subset_of_all(real: np.ndarray, fake: np.ndarray) -> None:
    kid = pytest.importorskip("torch_fidelity.metric_kid", reason="torch-fidelity is not installed")
    a, b = (torch.from_numpy(x.astype(np.float64)) for x in (real, fake))
    options = {"kid_kernel": "poly", "kid_kernel_poly_degree": 3, "kid_kernel_poly_gamma": None}
    options |= {"kid_kernel_poly_coef0": 1, "rng_seed": 0, "verbose": False}
    whole = kid.kid_features_to_metric(a, b, kid_subsets=1, kid_subset_size=len(a), **options)
    ours = fidelity.kid(real, fake)
    assert ours.value == pytest.approx(whole["kernel_inception_distance_mean"], rel=1e-4)
    usual = kid.kid_features_to_metric(a, b, kid_subsets=100, kid_subset_size=60, **options)
    spread = usual["kernel_inception_distance_std"] / np.sqrt(100)
    assert ours.value == pytest.approx(usual["kernel_inception_distance_mean"], abs=4 * spread)


@pytest.mark.parametrize("k", [1, 3, 8])
def test_other_neighbours(k: int) -> None:
    real, fake = cloud(60, 6, 0), cloud(50, 6, 1, shift=0.2)
    expected = plain_shares(real, fake, k, k)
    found = (*fidelity.precision_recall(real, fake, k), *fidelity.density_coverage(real, fake, k))
    np.testing.assert_allclose(found, [expected[name] for name in SHARES], rtol=1e-6)


def test_known_distances_of_gaussians() -> None:
    """Moved and stretched copies of one cloud, whose distance follows on paper."""
    x = cloud(300, 5, 0)
    assert fidelity.frechet(x, x) == pytest.approx(0, abs=1e-6)
    assert fidelity.frechet(x, x + np.float32(2)) == pytest.approx(5 * 4, rel=1e-4)
    middle = x.mean(0)
    wider = ((x - middle) * 3 + middle).astype(np.float32)
    assert fidelity.frechet(x, wider) == pytest.approx(4 * np.trace(np.cov(x.T.astype(np.float64))), rel=1e-3)


def test_frechet_of_features_that_depend_on_each_other() -> None:
    """A covariance without full rank has eigenvalues that rounding may push below zero."""
    x, y = (
        np.concatenate([one, one[:, :3], np.zeros((100, 2), np.float32)], 1)
        for one in (cloud(100, 6, s) for s in (0, 1))
    )
    found = fidelity.frechet(x, y)
    assert math.isfinite(found)
    assert found == pytest.approx(fidelity.frechet(y, x), rel=1e-6)


def test_what_is_left_out_is_left_out_exactly() -> None:
    """Sums that are taken back, and neighbours that are skipped, against starting anew."""
    real, fake = cloud(150, 10, 0), cloud(120, 10, 1, shift=0.2)
    groups = np.random.default_rng(0).integers(0, 20, 150)
    for group, ours in enumerate(fidelity._without_each(real, groups)):
        anew = fidelity._gaussian(real[groups != group])
        np.testing.assert_allclose(ours.mean, anew.mean, rtol=1e-10)
        np.testing.assert_allclose(ours.covariance, anew.covariance, rtol=1e-8, atol=1e-10)
    both = nearest.TwoSampleNeighbours.of(real, fake)
    for group in range(5):
        keep, kept = groups != group, groups[:120] != group
        anew = nearest.TwoSampleNeighbours.of(real[keep], fake[kept]).shares(3, 5)
        assert both.shares(3, 5, keep, kept) == pytest.approx(anew, rel=1e-9)


def test_every_measure_has_an_interval_around_it() -> None:
    found = fidelity.compare(cloud(200, 12, 0), cloud(150, 12, 1, shift=0.2))
    assert set(found) == set(MEASURES) - {"ms_ssim"}
    for measure in found.values():
        assert measure.low is not None and measure.high is not None
        assert measure.low < measure.value < measure.high
        assert measure.floor is None
    assert {found[name].count for name in ("frechet", "kid", "precision", "density")} == {150}
    assert {found[name].count for name in ("recall", "coverage")} == {200}


def test_intervals_are_as_wide_as_other_draws_lie_apart() -> None:
    found = [fidelity.compare(cloud(200, 8, 2 * i), cloud(150, 8, 2 * i + 1, shift=0.3), seed=i) for i in range(24)]
    for name in found[0]:
        values = np.array([one[name].value for one in found])
        reach = np.mean([(one[name].high or 0) - (one[name].low or 0) for one in found]) / 2
        held = [(one[name].low or 0) <= values.mean() <= (one[name].high or 0) for one in found]
        assert 0.55 < reach / (2.09 * values.std(ddof=1)) < 2.5, name
        assert np.mean(held) >= 0.75, name


def test_images_of_one_patient_are_no_independent_draws() -> None:
    """Each patient four times, hardly changed: as images they promise twice the certainty that there is."""
    base = cloud(60, 6, 0)
    real = np.repeat(base, 4, 0) + np.random.default_rng(0).normal(0, 0.01, (240, 6)).astype(np.float32)
    patients = [f"p{i}" for i in np.repeat(np.arange(60), 4)]
    fake = cloud(2000, 6, 1, shift=0.3)
    by_patient, by_image = (fidelity.kid(real, fake, patients=given) for given in (patients, None))
    assert by_patient.value == pytest.approx(by_image.value, rel=1e-9)  # sums in another order
    widths = [(one.high or 0) - (one.low or 0) for one in (by_patient, by_image)]
    assert 1.3 < widths[0] / widths[1] < 3


@pytest.mark.parametrize("most", [1, 3, 30])
def test_groups_are_of_whole_patients_and_of_one_size(most: int) -> None:
    rng = np.random.default_rng(most)
    patients = [str(number) for number in np.repeat(np.arange(200), rng.integers(1, most + 1, 200))]
    groups = fidelity._groups(len(patients), patients, (0, 0))
    assert sorted(set(groups.tolist())) == list(range(20))
    assert all(len(set(groups[np.array(patients) == name].tolist())) == 1 for name in set(patients))
    sizes = np.bincount(groups)
    assert sizes.max() - sizes.min() <= 2 * most


def test_order_says_nothing() -> None:
    """Data sets come sorted by class: groups cut from the list would be all of one class."""
    real = np.concatenate([cloud(400, 6, 0), cloud(400, 6, 1, shift=3)])
    fake = np.concatenate([cloud(200, 6, 2), cloud(200, 6, 3, shift=3)])
    order = np.random.default_rng(0).permutation(800)
    widths = [(one.high or 0) - (one.low or 0) for one in (fidelity.kid(real, fake), fidelity.kid(real[order], fake))]
    assert 0.5 < widths[0] / widths[1] < 2


def test_good_and_bad_generators() -> None:
    real, same, astray = cloud(300, 8, 0), cloud(300, 8, 1), cloud(300, 8, 1, shift=30)
    repeated = np.repeat(same[:15], 20, 0) + np.random.default_rng(0).normal(0, 0.01, (300, 8)).astype(np.float32)
    good, collapsed, bad = (fidelity.compare(real, one) for one in (same, repeated, astray))
    assert good["kid"].low is not None and good["kid"].low < 0 < (good["kid"].high or 0)
    assert good["frechet"].value < collapsed["frechet"].value < bad["frechet"].value
    assert collapsed["precision"].value > 0.5 > 0.1 > collapsed["recall"].value
    assert good["recall"].value > 0.5
    assert bad["precision"].value == 0
    # That none of 300 is right leaves it open whether one of a hundred is.
    assert bad["precision"].low == 0 and 0.005 < (bad["precision"].high or 0) < 0.05


def test_too_few_images_for_a_covariance_leave_the_rest() -> None:
    told: list[str] = []
    found = fidelity.compare(cloud(200, 64, 0), cloud(64, 64, 1), note=told.append)
    assert set(found) == {"kid", *SHARES}
    assert told == ["the Fréchet distance needs more images than features: 64 images, 64 features"]
    with pytest.raises(UserError, match="more images than features"):
        fidelity.frechet(cloud(200, 64, 0), cloud(64, 64, 1))


def test_floors_are_what_other_images_of_the_same_kind_score() -> None:
    real, count = cloud(600, 8, 0), 300
    found = fidelity.floors(real, count=count, seed=0)
    anew = [fidelity.compare(cloud(600, 8, 2 * i + 1), cloud(300, 8, 2 * i + 2)) for i in range(4)]
    assert set(found) == set(MEASURES) - {"ms_ssim"}
    for name in ("frechet", *SHARES):
        assert found[name] == pytest.approx(np.mean([one[name].value for one in anew]), rel=0.2, abs=0.03), name
    assert abs(found["kid"]) < 0.1 * fidelity.kid(real, cloud(300, 8, 9, shift=1)).value
    assert found == fidelity.floors(real, count=count, seed=0) != fidelity.floors(real, count=count, seed=1)


def test_floors_say_their_counts_and_prefer_held_out_images() -> None:
    real, unseen, told = cloud(200, 8, 0), cloud(150, 8, 1, shift=1), list[str]()
    without = fidelity.floors(real, count=120, note=told.append)
    held = fidelity.floors(real, count=120, held_out=unseen, note=told.append)
    few = fidelity.floors(real, count=120, held_out=unseen[:30], note=told.append)
    correction = ", distance and coverage corrected to 120 against 200"
    assert told == [
        f"floors compare 100 real images with 100 of other patients{correction}",
        "floors compare 120 held-out real images with 200 of other patients",
        f"floors compare 100 real images with 100 of other patients{correction}",
    ]
    assert few == without
    assert held["frechet"] > 2 * without["frechet"]
    assert "frechet" not in fidelity.floors(cloud(100, 64, 0), count=50)


def test_floors_keep_patients_apart() -> None:
    """Two nearly equal images of each patient: found on both sides, they would make every cover perfect."""
    base = cloud(150, 30, 0)
    real = np.repeat(base, 2, 0) + np.random.default_rng(0).normal(0, 1e-3, (300, 30)).astype(np.float32)
    patients = [f"p{i}" for i in np.repeat(np.arange(150), 2)]
    mixed, apart = fidelity.floors(real, count=150), fidelity.floors(real, count=150, patients=patients)
    assert apart["coverage"] < mixed["coverage"] - 0.05
    assert apart["frechet"] > mixed["frechet"]


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (cloud(1, 8, 0), "1 images are too few"),
        (np.empty((0, 8), np.float32), "0 images are too few"),
        (cloud(19, 8, 0), "19 images are too few"),
        (np.where(np.arange(8) == 3, np.nan, cloud(50, 8, 0)), "not finite"),
        (np.where(np.arange(8) == 3, np.inf, cloud(50, 8, 0)), "not finite"),
        (np.ones((50, 8), np.float32) / 3, "all images have the same features"),
        (cloud(50, 7, 0), "take them from one extractor"),
        (np.zeros((50, 8, 2), np.float32), "take them from one extractor"),
    ],
)
def test_what_cannot_be_compared_is_an_error(broken: np.ndarray, said: str, side: int) -> None:
    given = [cloud(60, 8, 1), broken] if side else [broken, cloud(60, 8, 1)]
    for function in (fidelity.compare, fidelity.kid, fidelity.frechet, fidelity.precision_recall):
        with pytest.raises(UserError, match=said):
            function(*given)
    with pytest.raises(UserError, match=said):
        fidelity.density_coverage(*given)


def test_too_few_patients_is_an_error_and_so_are_wrong_counts() -> None:
    real, fake = cloud(60, 8, 0), cloud(60, 8, 1)
    with pytest.raises(UserError, match="2 patients are too few for an interval"):
        fidelity.compare(real, fake, patients=["a"] * 30 + ["b"] * 30)
    with pytest.raises(UserError, match="2 patients for 60 images"):
        fidelity.compare(real, fake, patients=["a", "b"])
    with pytest.raises(UserError, match="too few to compare"):
        fidelity.floors(real, count=30, patients=["a"] * 60)


def test_global_randomness_stays() -> None:
    before, theirs = np.random.get_state()[1].copy(), torch.get_rng_state()
    fidelity.compare(cloud(60, 8, 0), cloud(60, 8, 1))
    fidelity.floors(cloud(60, 8, 0), count=30)
    np.testing.assert_array_equal(before, np.random.get_state()[1])
    assert torch.equal(theirs, torch.get_rng_state())
