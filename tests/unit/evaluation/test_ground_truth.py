"""The truth about translations: scores, where a change falls, and which pictures belong together."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from gan_core import data
from gan_core.data import Prepared
from gan_core.errors import UserError
from gan_core.evaluation import ground_truth
from gan_core.phantoms.chest import xray
from gan_core.phantoms.head import mri

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chests() -> Prepared:
    return data.prepare("phantom:cxr?images=40&seed=3", size=64, progress=False)


@pytest.fixture(scope="module")
def heads() -> Prepared:
    return data.prepare("phantom:mri?images=24&seed=3", size=64, progress=False)


def of_class(prepared: Prepared, name: str, count: int = 6) -> np.ndarray:
    return np.flatnonzero(prepared.labels == prepared.classes.index(name))[:count]


def seeds(prepared: Prepared, chosen: np.ndarray) -> list[int]:
    """Of the bodies: the file names end in the picture's number, and the source's own seed is 3."""
    return [3 * 1_000_000 + int(Path(prepared.names[i]).stem.rpartition("_")[2]) for i in chosen]


def pictures(drawn: list[np.ndarray]) -> np.ndarray:
    return np.rint(np.stack(drawn)[..., None] * 255).astype(np.uint8)


def given(prepared: Prepared, chosen: np.ndarray) -> np.ndarray:
    return prepared.images[chosen].transpose(0, 2, 3, 1)


def test_healing_is_held_against_the_healthy_twin(chests: Prepared) -> None:
    chosen = of_class(chests, "covid")
    twins = pictures([xray.draw("covid", seed, 64).healthy for seed in seeds(chests, chosen)])
    perfect = ground_truth.known(chests, chosen, twins, "normal")
    nothing = ground_truth.known(chests, chosen, given(chests, chosen), "normal")
    assert set(perfect) == {"error", "error inside lungs", "error outside lungs"} <= set(ground_truth.MEANINGS)
    for name, measure in perfect.items():
        assert measure.value == 0
        assert measure.count == 6
        assert measure.floor == pytest.approx(nothing[name].value)
    assert nothing["error inside lungs"].value > 2 * nothing["error outside lungs"].value
    between = (0.5 * twins + 0.5 * given(chests, chosen)).astype(np.uint8)
    half = ground_truth.known(chests, chosen, between, "normal")
    assert half["error"].value == pytest.approx(nothing["error"].value / 2, rel=0.15)


def test_falling_ill_is_held_against_where_disease_is_drawn(chests: Prepared) -> None:
    chosen = of_class(chests, "normal")
    drawn = [xray.draw("covid", seed, 64) for seed in seeds(chests, chosen)]
    perfect = ground_truth.known(chests, chosen, pictures([body.image for body in drawn]), "covid")
    assert (
        set(perfect)
        == {"change in lungs", "brightening", "both lungs", "periphery", "base"}
        <= set(ground_truth.MEANINGS)
    )
    for measure in perfect.values():
        assert measure.value == pytest.approx(measure.floor, abs=1e-6)
    assert perfect["change in lungs"].value > 0.6
    assert perfect["periphery"].value > 0.6
    assert perfect["base"].value > 0.5

    # One lung's apex alone, or a frame around the picture, is not what COVID-19 looks like.
    apex, frame = given(chests, chosen).copy(), given(chests, chosen).copy()
    for picture, body in zip(apex, drawn, strict=True):
        outer, lower = ground_truth.halves(body.lungs)
        one = body.lungs & ~lower & ~outer & (np.arange(64) < 32)
        picture[one] = np.minimum(picture[one].astype(int) + 60, 255)
    frame[:, :4] = 255
    wrong = ground_truth.known(chests, chosen, apex, "covid")
    assert wrong["change in lungs"].value == pytest.approx(1)
    assert wrong["both lungs"].value < 0.1 < perfect["both lungs"].value
    assert wrong["periphery"].value == wrong["base"].value == 0
    assert ground_truth.known(chests, chosen, frame, "covid")["change in lungs"].value < 0.1


def test_doing_nothing_changes_no_place(chests: Prepared) -> None:
    chosen = of_class(chests, "normal")
    found = ground_truth.known(chests, chosen, given(chests, chosen), "covid")
    assert set(found) == {"brightening"}
    assert found["brightening"].value == 0 < found["brightening"].floor


def test_one_disease_into_another_has_no_truth(chests: Prepared) -> None:
    chosen = of_class(chests, "viral")
    assert ground_truth.known(chests, chosen, given(chests, chosen), "covid") == {}


def test_phantoms_of_another_version_are_refused(chests: Prepared) -> None:
    chosen = of_class(chests, "covid")
    other = replace(chests, images=np.asarray(chests.images)[:, :, ::-1])
    with pytest.raises(UserError, match="another version"):
        ground_truth.known(other, chosen, given(other, chosen), "normal")


@pytest.mark.parametrize(("source", "target"), [("T1", "T2"), ("T2", "T1")])
def test_drawn_heads_are_held_against_the_other_weighting(heads: Prepared, source: str, target: str) -> None:
    chosen = of_class(heads, source)
    true = pictures([mri.draw(target, seed, 64).image for seed in seeds(heads, chosen)])
    perfect, nothing = (ground_truth.known(heads, chosen, made, target) for made in (true, given(heads, chosen)))
    assert (perfect["ssim"].value, perfect["psnr"].value, perfect["error"].value) == pytest.approx((1, 100, 0))
    for name in ("ssim", "psnr", "error"):
        assert perfect[name].floor == pytest.approx(nothing[name].value)
    assert nothing["psnr"].value < 20


def test_similarity_is_that_of_scikit_image() -> None:
    rng = np.random.default_rng(0)
    a = rng.integers(0, 256, (48, 40)).astype(np.uint8)
    b = np.clip(a + rng.normal(0, 30, a.shape), 0, 255).astype(np.uint8)
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    _, expected = structural_similarity(a / 255, b / 255, data_range=1.0, full=True, **settings)
    inside = np.s_[5:-5, 5:-5]  # where no window of 11 px reaches over the border
    np.testing.assert_allclose(ground_truth.similarity(a, b)[inside], expected[inside], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ground_truth.similarity(a, a), 1)
    assert np.isfinite(ground_truth.similarity(np.zeros((20, 20)), np.full((20, 20), 255.0))).all()


def test_psnr_of_a_known_error() -> None:
    inside = np.zeros((16, 16), bool)
    inside[4:12, 4:12] = True
    a = np.full((16, 16), 100, np.uint8)
    assert ground_truth.scores(a, np.where(inside, 110, 200).astype(np.uint8), inside)[1] == pytest.approx(
        20 * np.log10(255 / 10)
    )


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("val/T1/t1_030.png", "t2_090.png"),
        ("t1_040.png", "t2_100.png"),
        ("t1_041.png", "t2_111.png"),
        ("t2_090.png", "t1_030.png"),
        ("t2_100.png", "t1_040.png"),
        ("t2_111.png", "t1_041.png"),
        ("t2_105.png", None),  # between the two ranges
        ("t2_059.png", None),
        ("T1_1_007.png", None),
        ("patient7.png", None),
    ],
)
def test_partners(name: str, other: str | None) -> None:
    assert ground_truth.partner(name) == other


def slices(prepared: Prepared, number: Callable[[int], int]) -> Prepared:
    """Drawn heads under the names of the shared slices: T1 of head i is slice i, T2 of head i is slice number(i)."""
    heads_of = {"T1": range(12), "T2": range(12)}
    images, names, labels = [], [], []
    for label, (kind, numbers) in enumerate(heads_of.items()):
        for i in numbers:
            images.append(pictures([mri.draw(kind, i, 64).image])[0].transpose(2, 0, 1))
            names.append(f"t1_{i + 20:03d}.png" if kind == "T1" else f"t2_{number(i + 20):03d}.png")
            labels.append(label)
    splits = np.array(["val" if i % 12 < 8 else "train" for i in range(24)])
    return replace(
        prepared,
        source="somewhere",
        images=np.stack(images),
        names=names,
        patients=names,
        labels=np.array(labels),
        splits=splits,
    )


def test_slices_that_come_in_pairs(heads: Prepared) -> None:
    prepared = slices(heads, lambda i: i + 60)
    chosen = np.arange(8)
    true = pictures([mri.draw("T2", i, 64).image for i in range(8)])
    found = ground_truth.known(prepared, chosen, true, "T2")
    assert found["ssim"].value == pytest.approx(1)
    assert found["ssim"].count == 8
    # A partner in the train part was seen by the translator.
    assert ground_truth.known(prepared, np.arange(6, 10), true[4:8], "T2")["ssim"].count == 2
    assert ground_truth.known(replace(prepared, names=["a.png"] * 24), chosen, true, "T2") == {}


def test_pairs_whose_pictures_disagree_are_refused(heads: Prepared) -> None:
    shuffled = slices(heads, lambda i: 80 + (i - 20 + 1) % 8 if i < 28 else i + 60)
    with pytest.raises(UserError, match="belong together"):
        ground_truth.known(shuffled, np.arange(8), given(shuffled, np.arange(8)), "T2")


def test_the_real_slices_are_pairs(real_data: Path) -> None:
    prepared = data.prepare(str(real_data / "mri"), size=64, fit="pad", progress=False)
    chosen = np.flatnonzero((prepared.splits != "train") & (prepared.labels == 0))
    found = ground_truth.known(prepared, chosen, given(prepared, chosen), "T2")
    assert found["ssim"].count == len(ground_truth.pairs(real_data / "mri" / "val")) == 4
    assert found["ssim"].value == pytest.approx(found["ssim"].floor)


def test_an_average_takes_a_patient_for_one_draw() -> None:
    rng = np.random.default_rng(1)
    bodies = rng.normal(1, 1, 40)
    one = ground_truth.average(bodies, [str(i) for i in range(40)], floor=0.5)
    repeated = ground_truth.average(np.repeat(bodies, 5), [str(i) for i in np.repeat(np.arange(40), 5)])
    assert (one.value, one.floor, one.count, repeated.count) == (pytest.approx(bodies.mean()), 0.5, 40, 200)
    assert (repeated.low, repeated.high) == (pytest.approx(one.low), pytest.approx(one.high))
    assert one.high - one.value == pytest.approx(2.0227 * bodies.std(ddof=1) / np.sqrt(40), rel=1e-3)
    alone = ground_truth.average([1.0, 2.0], ["a", "a"])
    assert (alone.low, alone.high) == (None, None)


def test_each_lung_has_an_outer_and_a_lower_half() -> None:
    lungs = np.zeros((20, 20), bool)
    lungs[2:12, 2:8] = lungs[4:16, 12:18] = True
    outer, lower = ground_truth.halves(lungs)
    assert outer[5, :5].sum() == 3 and not outer[5, 5:8].any()
    assert outer[5, 15:18].all() and not outer[5, 12:15].any()
    assert lower[7:12, 2:8].all() and not lower[2:7, 2:8].any()
    assert lower[10:16, 12:18].all() and not lower[4:10, 12:18].any()
    nothing = ground_truth.where(np.ones((20, 20)), np.zeros((20, 20), bool))
    assert set(nothing.values()) == {None}
