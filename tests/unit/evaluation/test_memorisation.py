"""Generators that copy are caught however they disguise it, and held-out images are not."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from gan_core.data.readers import phantom
from gan_core.errors import UserError
from gan_core.evaluation import memorisation

SIZE, COUNT = 64, 240
KINDS = ("normal", "covid", "bacterial", "viral")


class Coarse:
    """An extractor that sees blocks of eight by eight pixels."""

    name = "coarse"

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        blocks = pictures.reshape(len(pictures), SIZE // 8, 8, SIZE // 8, 8, -1).mean((2, 4, 5))
        return blocks.reshape(len(pictures), -1).astype(np.float32)


def draw(count: int, first: int) -> np.ndarray:
    drawn = [phantom.drawer("cxr").draw(KINDS[i % 4], first + i, SIZE).image for i in range(count)]
    return as_bytes(np.stack(drawn)[..., None] * 255)


def as_bytes(pictures: np.ndarray) -> np.ndarray:
    return np.rint(pictures).clip(0, 255).astype(np.uint8)


@cache
def training() -> np.ndarray:
    return draw(COUNT, 1000)


@cache
def unseen() -> np.ndarray:
    return draw(COUNT, 5000)


def held() -> np.ndarray:
    """The held-out images."""
    return unseen()[:120]


def fresh() -> np.ndarray:
    """What an honest generator draws."""
    return unseen()[120:]


NAMES = [f"train/{i:03d}.png" for i in range(COUNT)]


def judge(generated: np.ndarray, held_out: int = 120) -> memorisation.Memorisation:
    return memorisation.nearness(training(), unseen()[:held_out], generated, extractor=Coarse(), names=NAMES)


def noisy(pictures: np.ndarray) -> np.ndarray:
    return as_bytes(pictures + np.random.default_rng(0).normal(0, 8, pictures.shape))


def shifted(pictures: np.ndarray, pixels: int = 2) -> np.ndarray:
    """Down and to the right; the border is repeated."""
    wide = np.pad(pictures, ((0, 0), (pixels, 0), (pixels, 0), (0, 0)), "edge")
    return wide[:, :SIZE, :SIZE]


DISGUISES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda x: x,
    "mirrored": lambda x: x[:, :, ::-1],
    "shifted by 2": shifted,
    "shifted by 4": lambda x: shifted(x, 4),
    "noisy": noisy,
    "darker and flatter": lambda x: as_bytes(x * 0.7 + 15),
    "gamma": lambda x: as_bytes(255 * (x / 255) ** 1.5),
    "all at once": lambda x: noisy(as_bytes(shifted(x)[:, :, ::-1] * 0.8 + 20)),
}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_copies_are_caught(disguise: str) -> None:
    chosen = np.random.default_rng(1).permutation(len(training()))[:110]
    found = judge(np.ascontiguousarray(DISGUISES[disguise](training()[chosen])))
    pixels = found.space["pixels"]
    assert found.verdict == "copies"
    assert pixels.p_value < 1e-4
    assert pixels.share_nearer.value > 0.9
    assert pixels.share_nearer.floor == 0.01
    assert pixels.generated_median < pixels.held_out_median / 2
    for neighbour in pixels.examples:
        assert neighbour.training == NAMES[chosen[neighbour.generated]]


@pytest.mark.parametrize("disguise", DISGUISES)
def test_one_copy_in_ten_is_caught(disguise: str) -> None:
    mixed = fresh().copy()
    places = np.random.default_rng(2).permutation(len(mixed))[:12]
    mixed[places] = DISGUISES[disguise](training()[:12])
    found = judge(mixed)
    assert found.verdict in ("copies", "suspicious")
    assert found.space["pixels"].p_value < memorisation.SURE
    assert {neighbour.generated for neighbour in found.space["pixels"].examples} <= set(places.tolist())


def test_one_copy_in_ten_is_copying_where_there_are_images_enough() -> None:
    """Of 120 images 12 leave it open whether it is one in twenty; of 1200 they do not."""
    many = noisy(np.tile(fresh(), (10, 1, 1, 1)))
    assert judge(many).verdict == "no sign of copying"
    many[:120] = training()[:120]
    assert judge(many).verdict == "copies"


def test_held_out_images_are_no_copies() -> None:
    """Unseen images by lot into two: fewer than 5 % of the divisions may raise an alarm."""
    pixels, features = memorisation._Pixels(training()), memorisation._Features(Coarse(), Coarse()(training()))
    found = [space.find(unseen()) for space in (pixels, features)]
    alarms = []
    for seed in range(200):
        order = np.random.default_rng(seed).permutation(len(unseen()))
        chances = [memorisation._p_value(one.ratio[order[:120]], one.ratio[order[120:]]) for one in found]
        alarms.append(min(chances) < memorisation.SURE)
    assert np.mean(alarms) < 0.03


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda x: x, id="none"),
        pytest.param(lambda x: as_bytes(ndimage.gaussian_filter(x.astype(float), (0, 2, 2, 0))), id="blurred"),
        pytest.param(lambda x: as_bytes(x + np.random.default_rng(0).normal(0, 20, x.shape)), id="grain"),
        pytest.param(lambda x: as_bytes((x.astype(float) + training().mean(0)) / 2), id="towards the mean"),
    ],
)
def test_bad_pictures_are_no_copies(change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Nearer to everything is not nearer to one."""
    found = judge(change(fresh()))
    assert found.verdict == "no sign of copying"
    assert found.space["pixels"].p_value >= memorisation.SURE
    pixels, features = (found.space[name].share_nearer.value for name in ("pixels", "features"))
    assert found.reason.startswith(f"In pixels {pixels:.1%} and in features {features:.1%} of the generated images")
    assert f"(smaller p = {min(one.p_value for one in found.space.values()):.2g})" in found.reason


def test_copies_that_only_features_know() -> None:
    """The left half of each picture upside down: no pixel test aligns it, an extractor may see through it."""

    class SeesThrough(Coarse):
        def __call__(self, pictures: np.ndarray) -> np.ndarray:
            halves = Coarse.__call__(self, pictures).reshape(len(pictures), 8, 8)
            columns = np.concatenate([halves[:, :, :4].mean(1), halves[:, :, 4:].reshape(len(halves), -1)], 1)
            return columns.astype(np.float32)

    bent = training()[:110].copy()
    bent[:, :, : SIZE // 2] = bent[:, ::-1, : SIZE // 2]
    found = memorisation.nearness(training(), held(), bent, extractor=SeesThrough(), names=NAMES)
    assert found.space["features"].p_value < 1e-4
    assert found.verdict == "copies"
    assert found.reason.startswith("In features")


def test_numbers_rest_on_counts_and_are_finite() -> None:
    found = judge(fresh())
    assert (found.generated, found.held_out, found.training) == (120, 120, 240)
    for near in found.space.values():
        assert near.share_nearer.count == 120
        assert near.share_nearer.low is not None and near.share_nearer.high is not None
        assert near.share_nearer.low <= near.share_nearer.value <= near.share_nearer.high
        assert 0 < near.p_value <= 1
        assert len(near.examples) == memorisation.SHOWN
    assert judge(fresh()) == found


def test_known_features_are_not_computed_again() -> None:
    calls: list[int] = []

    class Counting(Coarse):
        def __call__(self, pictures: np.ndarray) -> np.ndarray:
            calls.append(len(pictures))
            return Coarse.__call__(self, pictures)

    known = Coarse()(training())
    found = memorisation.nearness(
        training(), held(), fresh(), extractor=Counting(), names=NAMES, trained_features=known
    )
    assert sorted(calls) == [120, 120]
    assert found == judge(fresh())


@pytest.mark.parametrize(("generated", "held_out"), [(1, 120), (99, 120), (120, 99), (120, 0), (0, 120)])
def test_of_few_images_nothing_is_said(generated: int, held_out: int) -> None:
    found = judge(fresh()[:generated], held_out)
    assert found.verdict == "cannot tell"
    assert found.space == {}
    assert f"{generated} and {held_out}" in found.reason


def test_constant_pictures_are_no_copies_and_no_error() -> None:
    found = judge(np.full((120, SIZE, SIZE, 1), 128, np.uint8))
    assert found.verdict == "no sign of copying"
    assert all(np.isfinite(near.generated_median) for near in found.space.values())


def test_colour_and_other_sizes() -> None:
    colour = np.repeat(training()[:120], 3, 3)
    found = memorisation.nearness(colour, np.repeat(held(), 3, 3), colour, extractor=Coarse(), names=NAMES[:120])
    assert found.verdict == "copies"
    pixels = memorisation._Pixels(np.repeat(np.repeat(training(), 2, 1), 2, 2))
    np.testing.assert_array_equal(pixels.find(training()[:50]).place, np.arange(50))


def test_what_cannot_be_judged_is_an_error() -> None:
    with pytest.raises(UserError, match="10 training images are too few"):
        memorisation.nearness(training()[:10], held(), fresh(), extractor=Coarse(), names=NAMES[:10])
    with pytest.raises(UserError, match="3 names for 240 training images"):
        memorisation.nearness(training(), held(), fresh(), extractor=Coarse(), names=NAMES[:3])

    class Broken(Coarse):
        name = "broken"

        def __call__(self, pictures: np.ndarray) -> np.ndarray:
            return np.full((len(pictures), 4), np.nan, np.float32)

    with pytest.raises(UserError, match="extractor broken gives features that are not finite"):
        memorisation.nearness(training(), held(), fresh(), extractor=Broken(), names=NAMES)


@pytest.mark.parametrize("held_out", [100, 1000])
def test_one_in_a_hundred_is_near_by_chance_alone(held_out: int) -> None:
    rng = np.random.default_rng(5)
    names = [str(number) for number in range(10)]

    def drawn(count: int) -> memorisation._Nearest:
        return memorisation._Nearest(rng.random(count), rng.integers(0, 10, count), rng.random(count))

    shares = [memorisation._nearness(drawn(200), drawn(held_out), names).share_nearer.value for _ in range(300)]
    error = np.std(shares) / np.sqrt(len(shares))
    assert abs(np.mean(shares) - 0.01) < 4 * error and error < 0.001
