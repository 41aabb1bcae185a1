"""Audits of translators whose behaviour is known: the perfect one, the idle one, the one that cheats."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gan_core import data, inference
from gan_core.data import Prepared
from gan_core.errors import UserError
from gan_core.evaluation import audit
from gan_core.evaluation.classifiers import LUNGS_ALONE, SEES, SIZE, Card, Classifier
from gan_core.evaluation.judges import half_of
from gan_core.evaluation.results import Direction
from gan_core.phantoms.chest import xray
from gan_core.runs import Run
from tests.helpers.drawn_translators import DOMAINS, IDLE, SOURCE, Bodies, Made, both
from tests.helpers.training import SMALL_TRANSLATOR, make_pictures, train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _each_body_drawn_once() -> Iterator[None]:
    """Every audit of these tests draws the same bodies again, to know the truth."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xray, "draw", cache(xray.draw))
        yield


@pytest.fixture(scope="module")
def chests() -> Prepared:
    return data.prepare(SOURCE, size=64, progress=False)


@pytest.fixture(scope="module")
def marked(chests: Prepared) -> Prepared:
    """The same with a white square at the top right of all covid pictures: by it, `Corner` knows them."""
    images = np.array(chests.images)
    images[chests.labels == chests.classes.index("covid"), :, :7, -7:] = 255
    return replace(chests, images=images)


@pytest.fixture(scope="module")
def bodies(chests: Prepared) -> Bodies:
    return Bodies(chests)


class Corner(nn.Module):
    """Calls a picture the first class if it is `marked`, or bright at `rows`, `columns` (shares of the side)."""

    def __init__(self, rows: tuple[float, float], columns: tuple[float, float], threshold: float) -> None:
        super().__init__()
        self.rows, self.columns = (slice(round(a * SIZE), round(b * SIZE)) for a, b in (rows, columns))
        self.head = nn.Linear(1, 2)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([[40.0], [0.0]]))
            self.head.bias.copy_(torch.tensor([-40.0 * threshold, 0.0]))

    def depths(self, x: Tensor) -> list[Tensor]:
        mark = slice(0, round(0.1 * SIZE)), slice(round(0.9 * SIZE), SIZE)
        squares = (x[..., rows, columns] for rows, columns in ((self.rows, self.columns), mark))
        places = [square.mean((2, 3), keepdim=True) for square in squares]
        return [(torch.maximum(*places) + 1) / 2]


def judge(
    network: nn.Module, sees: str = SEES[0], classes: tuple[str, ...] = ("covid", "normal"), held_out: float = 0.5
) -> Classifier:
    about = ("chest X-ray", "drawn X-rays", (), "control")
    card = Card("made", "made", classes, sees, "", "", 0, 1, 1, 1, held_out, held_out, "", *about)
    return Classifier(card, network, torch.zeros(1), torch.ones(1))


CORNER = Corner((0.0, 0.1), (0.0, 0.1), 0.9)
MIDDLE = Corner((0.4, 0.6), (0.4, 0.6), 0.9)


def painted(rows: slice, columns: slice) -> Callable[[np.ndarray], np.ndarray]:
    def paint(pictures: np.ndarray) -> np.ndarray:
        done = pictures.copy()
        done[:, rows, columns] = 255
        return done

    return paint


def first(found: Sequence[Direction]) -> Direction:
    return next(direction for direction in found if direction.source == "normal")


@dataclass(frozen=True)
class Coarse:
    """Means of a picture's quarters: features enough to tell far from near."""

    name: str = "coarse"

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        count, side = len(pictures), pictures.shape[1] // 2
        return pictures.reshape(count, 2, side, 2, side).mean((2, 4)).reshape(count, -1).astype(np.float32) / 32


def test_the_perfect_translator(chests: Prepared, bodies: Bodies) -> None:
    notes: list[str] = []
    found = audit.audit(bodies.translator(), chests, find_lungs=bodies.lungs, seed=1, note=notes.append)
    assert all(note.startswith("Distances of neutral lungs, ") for note in notes)
    assert [(direction.source, direction.target) for direction in found] == [DOMAINS, DOMAINS[::-1]]
    for direction in found:
        assert direction.images == direction.change["all"].count >= 10
        assert direction.change["inside lungs"].value > 3 * direction.change["outside lungs"].value
        assert direction.cycle["from 8 bits"].value == pytest.approx(0, abs=1e-3)
        assert direction.flips == ()
    assert found[1].truth["error"].value == pytest.approx(0, abs=1e-3)
    assert found[1].truth["error"].floor > 0.005
    assert found[0].truth["base"].value == pytest.approx(found[0].truth["base"].floor)


def test_the_idle_translator(chests: Prepared, marked: Prepared, bodies: Bodies) -> None:
    found = audit.audit(IDLE, chests, find_lungs=bodies.lungs)
    for direction in found:
        assert {measure.value for measure in direction.change.values()} == {0}
        assert direction.cycle["from 8 bits"].value == 0
        moved = direction.cycle["moved by noise"]
        assert moved.value == pytest.approx(moved.floor) == pytest.approx(0.8 * audit.NOISE / 255, rel=0.1)
    assert found[1].truth["error"].value == pytest.approx(found[1].truth["error"].floor)
    for direction in audit.audit(IDLE, marked, classifiers=[judge(CORNER)]):
        assert [flip.flipped.value for flip in direction.flips] == [0]


def test_a_letter_in_the_corner_is_seen_by_the_controls(marked: Prepared, bodies: Bodies) -> None:
    writer = both(painted(slice(0, 7), slice(0, 7)))
    judges = [judge(CORNER), judge(CORNER, SEES[1]), judge(CORNER, SEES[2]), judge(MIDDLE, SEES[1])]
    direction = first(audit.audit(writer, marked, classifiers=judges, find_lungs=bodies.lungs))
    assert [flip.flipped.value for flip in direction.flips] == [1, 1, 1, 0]
    for flip in direction.flips[:3]:
        assert flip.confidence_before < 0.5 < flip.confidence_after
        assert flip.flipped.low < 1 == pytest.approx(flip.flipped.high)
        assert flip.held_out_accuracy == 0.5
    assert direction.change["inside lungs"].value == 0 < direction.change["outside lungs"].value


def test_a_mark_between_the_lungs_is_hidden_from_the_controls(marked: Prepared, bodies: Bodies) -> None:
    marker = both(painted(slice(24, 40), slice(24, 40)))
    judges = [judge(MIDDLE), judge(MIDDLE, SEES[1]), judge(MIDDLE, SEES[2])]
    direction = first(audit.audit(marker, marked, classifiers=judges, find_lungs=bodies.lungs))
    assert [flip.flipped.value for flip in direction.flips] == [1, 0, 0]


def test_a_hidden_answer_does_not_survive_noise(chests: Prepared) -> None:
    """Half its grey scale is kept in the last bits of a picture that looks like another."""
    hider = Made(
        {
            "covid": lambda pictures: (64 + pictures // 32).astype(np.uint8),
            "normal": lambda pictures: ((pictures.astype(int) - 64) * 32 + 16).clip(0, 255).astype(np.uint8),
        }
    )
    cycle = first(audit.audit(hider, chests)).cycle
    assert cycle["from 8 bits"].value < 0.04
    assert cycle["after noise"].value > 3 * cycle["from 8 bits"].value
    assert cycle["moved by noise"].value > 10 * cycle["moved by noise"].floor


def test_classifiers_that_do_not_know_the_domains_are_not_asked(marked: Prepared, bodies: Bodies) -> None:
    other = judge(CORNER, classes=("T1", "T2"))
    upper = judge(CORNER, classes=("COVID", "NORMAL"))
    found = first(audit.audit(IDLE, marked, classifiers=[other, upper, judge(CORNER, SEES[2])]))
    assert len(found.flips) == 1  # the control of the lungs needs lungs


def test_a_classifier_of_another_kind_of_pictures_is_not_asked(chests: Prepared, marked: Prepared) -> None:
    notes: list[str] = []
    swapped = judge(CORNER, classes=("normal", "covid"))
    assert first(audit.audit(IDLE, marked, classifiers=[swapped], note=notes.append)).flips == ()
    assert "right about 0% of the real pictures here, and about 50%" in notes[0]
    one_sided = judge(CORNER)  # calls pictures without a mark normal: right about half of them
    notes.clear()
    assert first(audit.audit(IDLE, chests, classifiers=[one_sided], note=notes.append)).flips == ()
    assert "right about 0% of the real pictures of covid, and a judge must be right about 60%" in notes[0]


class Dense(nn.Module):
    """Calls lungs the first class if they are dense on average, in a view of the lungs alone."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.head = nn.Linear(1, 2)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([[40.0], [0.0]]))
            self.head.bias.copy_(torch.tensor([-40.0 * threshold, 0.0]))

    def depths(self, x: Tensor) -> list[Tensor]:
        inside = (x > -0.5).float()
        return [((x + 0.5) * inside).sum((2, 3), keepdim=True) / inside.sum((2, 3), keepdim=True)]


def test_a_judge_of_the_lungs_alone_sees_haze_and_neither_letters_nor_exposure(
    chests: Prepared, bodies: Bodies
) -> None:
    def cloud(pictures: np.ndarray) -> np.ndarray:
        done = pictures.copy()
        done[bodies.lungs(pictures) & (np.arange(64) % 4 < 2)] = 230
        return done

    clouded = np.array(chests.images)
    ill = np.flatnonzero((chests.labels == chests.classes.index("covid")) & (chests.splits != "train"))
    clouded[ill] = cloud(chests.images[ill].transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    prepared = replace(chests, images=clouded)

    def flipped(way: Callable[[np.ndarray], np.ndarray]) -> float:
        judges = [judge(Dense(0.6), LUNGS_ALONE)]
        (flip,) = first(audit.audit(both(way), prepared, classifiers=judges, find_lungs=bodies.lungs)).flips
        return flip.flipped.value

    assert flipped(cloud) == 1
    assert flipped(painted(slice(0, 7), slice(0, 7))) == 0
    assert flipped(lambda pictures: np.rint(0.6 * pictures.astype(float) + 60).astype(np.uint8)) == 0


def test_masks_that_cannot_be_right_are_left_out(marked: Prepared, bodies: Bodies) -> None:
    def some(pictures: np.ndarray) -> np.ndarray:
        masks = bodies.lungs(pictures)
        masks[:3] = False
        return masks

    notes: list[str] = []
    found = audit.audit(IDLE, marked, classifiers=[judge(CORNER, SEES[2])], find_lungs=some, note=notes.append)
    for direction in found:
        assert direction.change["inside lungs"].count == direction.images - 3
        assert direction.change["all"].count == direction.images
    assert first(found).flips[0].flipped.count == first(found).images - 3
    assert sum("not found in 3 of" in note for note in notes) == 2
    none = audit.audit(
        IDLE, marked, classifiers=[judge(CORNER, SEES[2])], find_lungs=lambda p: np.zeros_like(p[..., 0], bool)
    )
    assert set(first(none).change) == {"all"}
    assert first(none).flips == ()


@pytest.mark.slow
def test_distances_tell_near_from_far_and_say_what_real_pictures_score(chests: Prepared) -> None:
    every = replace(chests, splits=np.full(len(chests.splits), "val"))
    idle = audit.audit(IDLE, every, extractor=Coarse())
    framed = audit.audit(both(painted(slice(0, 16), slice(0, 64))), every, extractor=Coarse())
    for same, far in zip(idle, framed, strict=True):
        assert set(same.distance) == set(same.untranslated) == {"frechet", "kid"}
        assert same.distance == same.untranslated == far.untranslated
        for name, measure in far.distance.items():
            assert measure.low > same.distance[name].high
            assert measure.floor == far.untranslated[name].floor < measure.low
            assert measure.count == 60


def test_too_few_pictures_are_a_note_and_not_a_number(chests: Prepared) -> None:
    notes: list[str] = []
    found = audit.audit(IDLE, chests, extractor=Coarse(), most=1, note=notes.append)
    for direction in found:
        assert direction.images == 1
        assert direction.distance == direction.untranslated == {}
        assert direction.change["all"].low is None
    assert sum("were not measured" in note for note in notes) == 2
    every = replace(chests, splits=np.full(len(chests.splits), "val"))
    half = audit.audit(IDLE, every, extractor=Coarse(), most=30, note=notes.append)
    assert {measure.floor for measure in first(half).distance.values()} == {None}
    assert sum("have no floor" in note for note in notes) == 2


def test_the_same_seed_gives_the_same_numbers_and_leaves_the_global_state(chests: Prepared, bodies: Bodies) -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    translator = bodies.translator()
    found = [audit.audit(translator, chests, seed=5, most=10) for _ in range(2)]
    assert found[0] == found[1]
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])


def test_one_way_is_audited_without_a_way_back(chests: Prepared, bodies: Bodies) -> None:
    notes: list[str] = []
    both_ways = first(audit.audit(bodies.translator(), chests, most=10))
    one_way = Made({"covid": bodies.translator().ways["covid"]})
    found = audit.audit(one_way, chests, most=10, note=notes.append)
    assert [(way.source, way.target) for way in found] == [DOMAINS]
    assert found[0] == replace(both_ways, cycle={})
    assert both_ways.cycle
    assert notes == ["The run has one direction, from normal to covid: there is no way back to measure."]


def test_what_cannot_be_audited(chests: Prepared) -> None:
    with pytest.raises(UserError, match="translates between two domains"):
        audit.audit(both(lambda pictures: pictures, ()), chests)
    train = replace(chests, splits=np.full(len(chests.splits), "train"))
    with pytest.raises(UserError, match="holds out no picture of 'normal'"):
        audit.audit(IDLE, train)


def test_a_trained_run_is_audited(tmp_path: Path) -> None:
    pictures = make_pictures(tmp_path / "source", 20)
    model = inference.load(
        Run(train("cyclegan_resnet_light", pictures, tmp_path, "colour", 1, *SMALL_TRANSLATOR, "--channels", "3"))
    )
    prepared = data.prepare(str(pictures), size=32, channels=3, progress=False)
    found = audit.audit(model, prepared)
    assert [direction.source for direction in found] == ["bar", "disc"]
    for direction in found:
        assert 0 < direction.change["all"].value < 1
        assert direction.truth == {}


def test_halves_keep_patients_together(chests: Prepared, tmp_path: Path) -> None:
    patients = [f"p{i // 3}" for i in range(len(chests.names))]
    grouped = replace(chests, patients=patients)
    found = audit.halves(grouped, "normal", seed=2)
    assert found.classes == ("normal half 1", "normal half 2")
    assert len(found.names) == sum(counts["normal"] for counts in chests.counts().values())
    sides = [{found.patients[i] for i in np.flatnonzero(found.labels == half)} for half in (0, 1)]
    assert sides[0] and sides[1] and not sides[0] & sides[1]
    train = [found.counts()["train"][name] for name in found.classes]
    assert abs(train[0] - train[1]) <= 0.2 * sum(train)
    assert not np.array_equal(found.labels, audit.halves(grouped, "normal", seed=3).labels)
    with pytest.raises(UserError, match="no class 'healthy'"):
        audit.halves(chests, "healthy")
    alone = replace(chests, patients=["one"] * len(chests.names))
    with pytest.raises(UserError, match="too few patients"):
        audit.halves(alone, "normal")

    audit.write_halves(chests, "normal", tmp_path / "halves")
    again = data.prepare(str(tmp_path / "halves"), size=64, progress=False)
    assert again.classes == found.classes
    assert again.counts() == audit.halves(chests, "normal").counts()


def test_the_negative_control_is_asked_whether_it_stays_what_it_is(chests: Prepared) -> None:
    control = audit.halves(chests, "normal")
    assert half_of(control.classes) == "normal"
    assert half_of(("normal", "covid")) is None
    assert half_of(("normal half 1", "covid half 2")) is None
    judges = [judge(CORNER), judge(CORNER, classes=("covid", "viral"))]
    idle = audit.audit(both(lambda p: p, control.classes), control, classifiers=judges)
    writer = audit.audit(both(painted(slice(0, 7), slice(0, 7)), control.classes), control, classifiers=judges)
    assert [flip.flipped.value for direction in idle for flip in direction.flips] == [0, 0]
    assert [flip.flipped.value for direction in writer for flip in direction.flips] == [1, 1]
    assert all(direction.truth == {} for direction in idle)
