"""Directions of a latent space, on shipped generators: where they lead, and what is not called one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gan_core import inference, runs
from gan_core.errors import UserError
from gan_core.inference.latent_directions import Absent, Change, Direction, Measure, effect, fit, ridge
from gan_core.inference.latent_space import LatentSpace, beside, draw_by_other
from tests.conftest import ROOT
from tests.helpers.untrained import untrained


def load(name: str) -> inference.Model:
    return inference.load(runs.find_run(name, ROOT / "runs"))


@pytest.fixture(scope="module")
def space() -> LatentSpace:
    return LatentSpace(load("cgan"), "NORMAL")


@pytest.fixture(scope="module")
def bright() -> Measure:
    return measure(lambda pictures: pictures.mean((1, 2, 3)))


def measure(of: Callable[[np.ndarray], np.ndarray], unit: str = "grey levels") -> Measure:
    return Measure("brightness", "Brightness", unit, of)


def test_components_are_at_right_angles_and_in_the_order_of_their_variance(space: LatentSpace) -> None:
    features = space.sample.features
    assert features is not None and len(features) == len(space.sample.z)
    for of in ("features", "pictures"):
        steps, deviations = space.basis(of)
        assert np.allclose(steps @ steps.T, np.eye(len(steps)), atol=1e-5)
        assert (np.diff(deviations) <= 0).all()
    # The first ones explain more of the pictures than any other direction does by chance.
    drawn = np.random.default_rng(0).standard_normal((5, space.model.family.latent_size))
    others = [Direction("", (step / np.linalg.norm(step)).astype(np.float32), 0) for step in drawn]
    for of in ("features", "pictures"):
        found = space.components(of)
        assert sum(_varied(space, one) for one in found) > 1.5 * sum(_varied(space, one) for one in others)
    assert space.components("pictures")[0].share > space.components("features")[1].share


def _varied(space: LatentSpace, direction: Direction) -> float:
    """Mean squared difference between pictures at both ends, grey levels squared."""
    points = [space.moved(space.point(9), direction, end) for end in direction.ends]
    low, high = space.draw(points).astype(float)
    return float(((high - low) ** 2).mean())


def test_a_place_changes_along_one_direction_alone(space: LatentSpace) -> None:
    first, second, *_ = space.components()
    point = space.point(4)
    there = space.moved(point, first, 1.5)
    assert first.place(there) == pytest.approx(1.5, abs=1e-4)
    assert second.place(there) == pytest.approx(second.place(point), abs=1e-4)
    stops = first.stops(point, 11)
    assert first.place(point) in stops and len(stops) == 11
    assert np.array_equal(space.draw([point]), space.model.generate(1, label="NORMAL", seed=4)[0])
    for one in space.near(point, 0.5, 3):
        cosine = one.z @ point.z / np.linalg.norm(one.z) / np.linalg.norm(point.z)
        assert np.arccos(cosine) == pytest.approx(0.5, abs=1e-3)
        assert np.linalg.norm(one.z) == pytest.approx(np.linalg.norm(point.z), rel=1e-3)


def test_a_plane_has_two_directions_at_right_angles(space: LatentSpace) -> None:
    first, second, *_ = space.components()
    slanted = Direction("slanted", ((first.step + second.step) / 2**0.5).astype(np.float32), 0)
    up = beside(first, slanted)
    assert up.name == "slanted" and np.allclose(up.step, second.step, atol=1e-5)
    with pytest.raises(UserError, match="nearly the same direction"):
        beside(first, first)
    code = space.class_codes()[0]
    assert beside(first, code) is code
    with pytest.raises(UserError, match="both directions are class codes"):
        beside(code, code)


def test_brightness_has_a_direction_that_brightens_every_picture(space: LatentSpace, bright: Measure) -> None:
    found = fit(space, bright)
    assert isinstance(found, Direction) and 0.5 < found.share <= 1
    for seed in range(100, 110):
        dark, light = space.draw([space.moved(space.point(seed), found, end) for end in (-2, 2)]).mean((1, 2, 3))
        assert light > dark + 5
    told = effect(space, found, [bright], pairs=6)
    change = told.changes[0]
    assert change.clear and 10 < change.mean < 100 and told.rest > 0
    assert str(change).startswith("brightness +") and str(change).endswith(" grey levels")


def test_what_no_direction_explains_is_not_offered(space: LatentSpace) -> None:
    noise = np.random.default_rng(1)
    cases = {
        "no direction of the latent space explains brightness": lambda pictures: noise.standard_normal(len(pictures)),
        "brightness is the same in all 512 pictures": lambda pictures: np.ones(len(pictures)),
        "brightness was found in 0 of 512 pictures only": lambda pictures: np.full(len(pictures), np.nan),
    }
    for reason, of in cases.items():
        found = fit(space, measure(of))
        assert isinstance(found, Absent) and found.reason.startswith(reason)
    shuffled = effect(space, space.components()[0], [measure(lambda p: noise.standard_normal(len(p)))])
    assert str(shuffled.changes[0]) == "brightness: no clear change"


def test_the_share_is_that_of_values_left_out() -> None:
    rng = np.random.default_rng(2)
    inputs = rng.standard_normal((120, 30))
    slopes, share = ridge(inputs, inputs[:, 3] * 2 + rng.standard_normal(120))
    assert 0.6 < share < 0.85  # 4 of 5 parts are explained
    assert np.abs(slopes).argmax() == 3
    assert ridge(inputs, rng.standard_normal(120))[1] < 0.1  # within, 30 slopes would explain a quarter


def test_a_class_code_leads_to_the_other_class(space: LatentSpace) -> None:
    (code,) = space.class_codes()
    there = space.moved(space.point(5), code, 1.0)
    assert (code.name, code.place(there)) == ("Class code to PNEUMONIA", 1.0)
    drawn = space.draw([there]).astype(int)
    assert np.abs(drawn - space.model.generate(1, label="PNEUMONIA", seed=5)[0]).max() <= 1
    with pytest.raises(UserError, match="has no class 'normal'"):
        LatentSpace(space.model, "normal")


def test_runs_without_classes_and_with_other_latents(space: LatentSpace, tmp_path: Path) -> None:
    plain = load("gan")
    with pytest.raises(UserError, match="is not conditional"):
        LatentSpace(plain, "NORMAL")
    seeds = [space.point(seed) for seed in (1, 2)]
    assert np.array_equal(draw_by_other(plain, space, seeds)[:1], plain.generate(1, seed=1)[0])
    tiny = inference.load(untrained(tmp_path, "tiny"))
    with pytest.raises(UserError, match="latent vectors of 6 numbers, and 'reference/cgan' of 100"):
        draw_by_other(tiny, space, seeds)
    assert len(LatentSpace(tiny).components("features", 9)) == 6
    for parameter in tiny.family.parameters():
        parameter.zero_()
    with pytest.raises(UserError, match="draws the same picture of class normal from every latent vector"):
        LatentSpace(tiny)


def test_a_change_says_how_sure_it_is() -> None:
    area = Measure("lung area", "Lung area", "%", np.mean)
    chance = Measure("COVID probability", "Class COVID", "", np.mean)
    assert str(Change(area, -8.4, 3.2)) == "lung area \N{MINUS SIGN}8 \N{PLUS-MINUS SIGN} 3%"
    assert str(Change(chance, 0.304, 0.1)) == "COVID probability +0.30 \N{PLUS-MINUS SIGN} 0.10"
    assert str(Change(chance, 0.3, 0.31)) == "COVID probability: no clear change"
