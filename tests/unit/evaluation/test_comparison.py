"""The comparison of lungs on drawn chests, where the truth is known: who paints it passes, who cheats is seen."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gan_core import data, inference
from gan_core.anatomy import drawn_opacity, lung_view, painting
from gan_core.anatomy.lung_view import LungViews
from gan_core.config import to_dict
from gan_core.data import Prepared
from gan_core.errors import UserError
from gan_core.evaluation import audit, lung_changes, painting_controls, parts, results
from gan_core.evaluation.dose_response import SEVERITIES
from gan_core.evaluation.lung_changes import LungPictures
from gan_core.evaluation.results import BESIDE, CONTROL, SOURCE, TARGET, TRANSLATED, Column, Direction
from tests.helpers.drawn_translators import DOMAINS, Bodies, Made, both, levels
from tests.helpers.untrained import untrained

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chests() -> Prepared:
    """Drawn chests at 64 px, all of them held out: distances need twenty of a kind."""
    found = data.prepare("phantom:cxr?images=80&seed=4", size=64, progress=False)
    return replace(found, splits=np.full(len(found.splits), "val"))


@pytest.fixture(scope="module")
def bodies(chests: Prepared) -> Bodies:
    return Bodies(chests)


@dataclass(frozen=True)
class TruePainter:
    """Paints the opacity that was drawn for each body, as much of it as a severity says, and takes it away again."""

    bodies: Bodies
    domains: tuple[str, ...] = DOMAINS
    targets: tuple[str, ...] = DOMAINS
    graded: bool = True

    def maps(self, pictures: np.ndarray) -> np.ndarray:
        lost = [(1 - np.exp(-body.opacity)) * body.lungs for body in self.bodies.of(pictures)]
        return np.stack(lost).astype(np.float32)

    def paint(
        self, pictures: np.ndarray, to: str, *, severity: float | None = None, seed: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        maps = self.maps(pictures)
        if to == "normal":
            return np.stack([levels(body.healthy) for body in self.bodies.of(pictures)]), maps
        maps = maps * np.float32(0.7 if severity is None else severity)
        chests = lung_view.described(pictures, self.bodies.lungs(pictures))
        grey = torch.from_numpy(pictures.astype(np.float32).mean(3))[:, None] / 255
        painted = painting.of_pictures(grey, chests).painted(torch.from_numpy(maps)[:, None])
        return np.rint(255 * painted.numpy()[:, 0]).astype(np.uint8)[..., None], maps

    def translate(self, pictures: np.ndarray, to: str) -> np.ndarray:
        return self.paint(pictures, to)[0]


class TrueFinder:
    """Marks what is denser than in the healthy body whose lungs these are."""

    def __init__(self, bodies: Bodies) -> None:
        pictures = bodies.pictures[len(bodies.drawn) :]
        self.healthy = lung_view.described(pictures, np.stack([body.lungs for body in bodies.drawn])).views().grey

    def __call__(self, views: LungViews, patients: object, originals: object) -> Tensor:
        far = [(self.healthy - grey).abs().flatten(1).median(1).values for grey in views.grey]
        twins = torch.stack([self.healthy[distances.argmin()] for distances in far])
        denser = F.avg_pool2d(views.grey - twins, 3, 1, 1)
        return torch.sigmoid((denser - 0.04) * 200) * views.mask


def audited(model: object, chests: Prepared, bodies: Bodies, **more: object) -> tuple[Direction, ...]:
    """The audit, with lungs and opacity that are known."""
    return audit.audit(model, chests, find_lungs=bodies.lungs, mark=TrueFinder(bodies), most=20, **more)


def column(found: Direction, name: str) -> Column:
    return next(one for one in found.columns if one.name == name)


@pytest.fixture(scope="module")
def both_ways(chests: Prepared, bodies: Bodies) -> tuple[Direction, ...]:
    return audited(TruePainter(bodies), chests, bodies, beside=[("idle", both(lambda pictures: pictures))])


@pytest.fixture(scope="module")
def painted(both_ways: tuple[Direction, ...]) -> Direction:
    return both_ways[0]


def test_the_columns_are_the_source_the_translations_the_controls_and_the_target(painted: Direction) -> None:
    roles = [(one.name, one.role) for one in painted.columns]
    controls = [(name, CONTROL) for name in painting_controls.CONTROLS]
    edges = [("normal", SOURCE), ("translated", TRANSLATED)], [("idle", BESIDE), ("covid", TARGET)]
    assert roles == [*edges[0], *controls, *edges[1]]
    assert painted.adds
    assert {one.images for one in painted.columns} == {20}


def test_who_paints_the_drawn_disease_passes(painted: Direction) -> None:
    before, made, real = (column(painted, name).measures for name in ("normal", "translated", "covid"))
    assert made["signed outside"].value == made["absolute outside"].value == made["largest outside"].value == 0
    assert made["signed inside"].low > 0.01
    for place in ("periphery", "lower half", "seen there"):
        assert made[place].value == pytest.approx(real[place].value, abs=0.08)
    assert made["agreement"].low > 0.6
    assert made["opaque"].low > before["opaque"].high
    assert before["opaque"].value == 0
    distance, untranslated = (column(painted, name).distance for name in ("translated", "normal"))
    assert set(distance) == {"density by place", "Haar detail"}
    assert 2 * distance["density by place"]["kid"].value < untranslated["density by place"]["kid"].value


def test_even_haze_and_maps_upside_down_are_told_apart(painted: Direction) -> None:
    made, haze, turned = (column(painted, n).measures for n in ("translated", "even haze", "upside down"))
    for control in (haze, turned):
        assert control["signed inside"].value == pytest.approx(made["signed inside"].value, rel=0.25)
        assert control["largest outside"].value == 0
        assert control["seen there"].high < made["seen there"].low
    assert "agreement" not in haze  # there is no pattern that could be found again
    assert haze["sides"].value == pytest.approx(1, abs=0.02)
    assert made["sides"].high < 0.98
    assert turned["lower half"].high < made["lower half"].low - 0.2
    distance, of_haze = (column(painted, n).distance["density by place"]["kid"] for n in ("translated", "even haze"))
    assert distance.value < of_haze.value


def test_doses_rise_from_the_input_itself(painted: Direction) -> None:
    assert tuple(dose.severity for dose in painted.doses) == SEVERITIES
    assert painted.grading["input at 0"].value == painted.grading["never darker"].value == 1
    for name in ("painted", "signed inside", "opaque area"):
        values = [dose.measures[name].value for dose in painted.doses]
        assert values == sorted(values)
        assert values[0] == 0 < values[-1]


def test_the_way_back_is_measured_inside_the_lungs(painted: Direction) -> None:
    error = painted.cycle["inside lungs"]
    assert error.value < 0.005 < error.floor


def test_the_way_to_healthy_takes_opacity_away(both_ways: tuple[Direction, ...]) -> None:
    found = both_ways[1]
    assert (found.source, found.target, found.adds) == ("covid", "normal", False)
    assert found.doses == ()
    assert [one.role for one in found.columns] == [SOURCE, TRANSLATED, BESIDE, TARGET]
    before, made = (one.measures for one in found.columns[:2])
    assert before["opaque"].value > 0.8
    assert made["opaque"].value == 0
    assert made["signed inside"].high < 0
    assert made["lower half"].value > 0.6


def test_a_darkening_translator_and_one_that_paints_outside_are_seen(chests: Prepared, bodies: Bodies) -> None:
    def darker(pictures: np.ndarray) -> np.ndarray:
        return np.where(bodies.lungs(pictures)[..., None], pictures * 0.8, pictures).astype(np.uint8)

    def framed(pictures: np.ndarray) -> np.ndarray:
        done = pictures.copy()
        done[:, -3:] = 255
        return done

    dark = column(audited(Made({"covid": darker}), chests, bodies)[0], "translated").measures
    assert dark["signed inside"].high < 0 < dark["absolute inside"].low
    assert dark["largest outside"].value == 0
    assert dark["opaque"].value == 0
    assert "periphery" not in dark  # nothing was brightened
    outside = column(audited(Made({"covid": framed}), chests, bodies)[0], "translated").measures
    assert outside["signed outside"].low > 0.01
    assert outside["largest outside"].value > 0.3
    assert outside["signed inside"].value == 0


def test_lost_air_is_the_opacity_that_was_painted(chests: Prepared, bodies: Bodies) -> None:
    pictures = np.stack([levels(body.healthy) for body in bodies.drawn[:8]])
    painter = TruePainter(bodies)
    made, maps = painter.paint(pictures, "covid")
    before = LungPictures(pictures, bodies.lungs(pictures), list("abcdefgh"), None)
    true = lung_view.cut(torch.from_numpy(maps)[:, None], before.chests.boxes)
    lost = lung_changes.lost_air(before, before.of(made))
    inside = before.views.mask > 0.9
    assert float((lost - true)[inside].abs().mean()) < 0.04
    assert float(np.corrcoef(lost[inside], true[inside])[0, 1]) > 0.9


def test_the_finder_is_shown_what_was_translated_not_the_translation(bodies: Bodies) -> None:
    """By it, the finder knows whom it learned from."""
    pictures = bodies.pictures[:3]
    shown = []

    def mark(views: LungViews, patients: object, originals: np.ndarray) -> Tensor:
        shown.append(originals)
        return views.mask

    before = LungPictures(pictures, bodies.lungs(pictures), list("abc"), mark)
    after = before.of(255 - pictures)
    chosen = np.array([False, True, True])
    for one, originals in ((before, pictures), (after, pictures), (after.at(chosen), pictures[1:])):
        assert one.marks is not None
        assert np.array_equal(shown.pop(), originals)


def test_controls_paint_as_much_opacity_as_the_maps_that_they_replace(bodies: Bodies) -> None:
    views = lung_view.described(bodies.pictures[:6], bodies.lungs(bodies.pictures[:6])).views()
    maps = torch.zeros_like(views.mask)
    maps[:, :, 40:] = 0.6
    maps = maps * views.mask
    means = painting_controls.mean_opacity(maps, views)
    for control in painting_controls.CONTROLS.values():
        made = control(maps, views, range(6))
        assert torch.allclose(painting_controls.mean_opacity(made, views), means, atol=1e-3)
        assert torch.equal(made, control(maps, views, range(6)))
    turned = painting_controls.upside_down(maps, views, range(6))
    low, high = (float((turned * views.mask)[:, :, part].mean()) for part in (slice(40, 64), slice(0, 24)))
    assert high > 10 * low
    drawn = painting_controls.drawn(maps, views, range(6))
    assert not torch.equal(drawn, painting_controls.drawn(maps, views, range(1, 7)))
    assert not torch.equal(drawn_opacity.noise([0]), drawn_opacity.noise([painting_controls.DRAWN_SEED]))


def test_without_lungs_or_a_finder_less_is_measured(chests: Prepared, bodies: Bodies) -> None:
    model = Made({"covid": lambda pictures: pictures})
    assert audit.audit(model, chests, most=20)[0].columns == ()
    found = audit.audit(model, chests, find_lungs=bodies.lungs, most=20)[0]
    assert "opaque" not in column(found, "translated").measures
    assert found.adds
    assert column(found, "translated").distance.keys() == {"density by place", "Haar detail"}


def test_a_run_beside_must_translate_the_same_pictures(tmp_path: Path) -> None:
    kinds = {
        "one": {},
        "same": {},
        "coloured": {"channels": 3},
        "heads": {"domains": ("T1", "T2"), "classes": ("T1", "T2")},
    }
    runs = {name: untrained(tmp_path, name, "cyclegan_resnet_light", **changes) for name, changes in kinds.items()}
    model, notes = inference.load(runs["one"]), []
    assert parts.beside(runs["same"], model, notes.append).domains == model.domains
    assert notes == []
    for name in ("coloured", "heads"):
        with pytest.raises(UserError, match=f"--beside {name}: it does not translate between normal and covid"):
            parts.beside(runs[name], model, notes.append)
    other = untrained(tmp_path, "elsewhere", "cyclegan_resnet_light", fingerprint="fedcba9876543210")
    parts.beside(other, model, notes.append)
    assert notes == ["elsewhere was trained on other images, or another split of them: it may have seen held-out ones"]


def test_an_evaluation_without_columns_is_read_as_before(tmp_path: Path, painted: Direction) -> None:
    whole = results.Evaluation("run", "made", 1, "", "phantom:cxr", "", {}, 0, audit=(painted,))
    results.write(tmp_path / "evaluation.json", whole)
    assert results.read(tmp_path / "evaluation.json") == whole
    values = to_dict(whole) | {"format": 2}
    for key in ("adds", "columns", "doses", "grading"):
        del values["audit"][0][key]
    (tmp_path / "old.json").write_text(json.dumps(values))
    old = results.read(tmp_path / "old.json").audit[0]
    assert (old.columns, old.doses, old.grading) == ((), (), {})
    assert old.change == painted.change
