import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics

from gan_core import data
from gan_core.data import Prepared
from gan_core.errors import UserError
from gan_core.evaluation import classification_report, results, utility
from gan_core.evaluation.results import Scores
from gan_core.evaluation.utility import HELD_OUT, TRAINING, Recipe
from gan_core.inference import load
from gan_core.runs import Run
from tests.helpers.training import make_pictures, small, train

pytestmark = pytest.mark.slow

CLASSES = ("bar", "disc")
TRAINED = ("real", "synthetic", "both")
QUICK = Recipe(steps=36, batch=8, learning_rate=3e-3)
STEPS = {"resnet": 16, "vgg16_bn": 10}  # the larger one learns in fewer, each of which takes longer
TINY = Recipe(steps=2, batch=4, learning_rate=1e-3)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """31 bars and 31 discs, 32 pixels a side."""
    folder = make_pictures(tmp_path_factory.mktemp("pictures") / "shapes", per_class=31)
    return data.prepare(str(folder), size=32, progress=False)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANRAY_CACHE", str(tmp_path / "cache"))


class Copies:
    """A perfect generator: more pictures of the same kinds, drawn as the real ones were."""

    def __init__(self, wrong: bool = False) -> None:
        self.wrong, self.asked = wrong, list[tuple[int, str | None]]()

    def __call__(self, count: int, *, label: str | None = None, seed: int = 0) -> tuple[np.ndarray, list[str]]:
        self.asked.append((count, label))
        rng = np.random.default_rng(seed)
        names = [label or str(rng.choice(CLASSES)) for _ in range(count)]
        return np.stack([self._draw((name == "disc") != self.wrong, rng) for name in names])[..., None], names

    def _draw(self, disc: bool, rng: np.random.Generator) -> np.ndarray:
        rows, columns = np.mgrid[:32, :32]
        y, x, size = [*rng.uniform(10, 22, 2).tolist(), rng.uniform(3, 7)]
        inside = (rows - y) ** 2 + (columns - x) ** 2 < size**2 if disc else abs(columns - x) < size / 2
        return (np.where(inside, 200, 40) + rng.normal(0, 8, (32, 32))).clip(0, 255).astype(np.uint8)


class Reader:
    """Tells bars from discs by the brightness of the border, or calls everything a bar."""

    name = "reader"

    def __init__(self, blind: bool = False) -> None:
        self.blind = blind

    def chances_of(self, names: tuple[str, ...], pictures: np.ndarray) -> np.ndarray:
        bars = (pictures[..., 0][:, [0, -1]].max((1, 2)) > 120) | self.blind
        return np.stack([bars if name == "bar" else ~bars for name in names], 1).astype(np.float32)


def found(reports: list[Scores], trained: str, tested: str = HELD_OUT) -> Scores:
    return next(one for one in reports if (one.trained, one.tested) == (trained, tested))


def test_a_good_generator_teaches_what_real_images_teach(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that draws each class as the other teaches the opposite."""
    good = utility.utility(prepared, Copies(), recipe=QUICK)
    assert [(one.trained, one.tested) for one in good] == [
        (trained, tested) for trained in TRAINED for tested in (TRAINING, HELD_OUT)
    ]
    assert {one.labels for one in good} == {classification_report.OWN}
    assert all(one.accuracy.value > 0.85 for one in good)
    train_classifier, real = utility.train_classifier, int((prepared.splits == "train").sum())

    def without_both(pictures: np.ndarray, labels: np.ndarray, classes: int, **how: Any) -> utility.Trained:
        return train_classifier(pictures, labels, classes, **how | ({"recipe": TINY} if len(labels) > real else {}))

    monkeypatch.setattr(utility, "train_classifier", without_both)
    bad = utility.utility(prepared, Copies(wrong=True), recipe=QUICK)
    assert found(bad, "synthetic").accuracy.value < 0.15
    assert found(bad, "real") == found(good, "real")


def test_tests_cover_every_real_image_once(prepared: Prepared) -> None:
    reports = utility.utility(prepared, Copies(), recipe=TINY)
    counts = prepared.counts()
    training, held_out = found(reports, "synthetic", TRAINING), found(reports, "synthetic")
    assert training.images + held_out.images == len(prepared.labels)
    assert [sum(row) for row in training.confusion] == [counts["train"][name] for name in CLASSES]
    assert held_out.accuracy.count == held_out.images


def test_as_many_are_generated_as_there_are_real_ones(prepared: Prepared) -> None:
    counts, generate = prepared.counts()["train"], Copies()
    utility.utility(prepared, generate, recipe=TINY)
    assert generate.asked == [(counts[name], name) for name in CLASSES]
    utility.utility(prepared, fewer := Copies(), recipe=TINY, count=30)
    assert sum(count for count, _ in fewer.asked) == pytest.approx(30, abs=1)


def test_a_generator_without_classes_has_its_images_named(prepared: Prepared) -> None:
    generate = Copies()
    reports = utility.utility(prepared, generate, recipe=TINY, labeller=Reader())
    assert generate.asked == [(int((prepared.splits == "train").sum()), None)]
    assert found(reports, "real").labels == classification_report.OWN
    assert found(reports, "synthetic").labels == found(reports, "both").labels == "given by the classifier reader"


def test_a_generator_that_knows_one_class_only_is_told(prepared: Prepared) -> None:
    with pytest.raises(UserError, match=r"named by reader: 0 of class disc, and a classifier needs 10"):
        utility.utility(prepared, Copies(), recipe=TINY, labeller=Reader(blind=True))


def few_of_a_class(prepared: Prepared) -> Prepared:
    index = np.flatnonzero((prepared.labels == 0) | (np.arange(len(prepared.labels)) % 20 == 0))
    return part(prepared, index)


def part(prepared: Prepared, index: np.ndarray) -> Prepared:
    return replace(
        prepared, images=prepared.images[index], labels=prepared.labels[index], splits=prepared.splits[index]
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (few_of_a_class, "of class disc, and a classifier needs 10 to learn from"),
        (lambda p: p.only(("disc",)), "one class only"),
        (lambda p: part(p, p.indices("train")), "no image is held out of training"),
        (lambda p: part(p, p.indices("train")[:1]), "0 of class disc"),
    ],
)
def test_too_little_to_learn_from_is_told(
    prepared: Prepared, change: Callable[[Prepared], Prepared], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        utility.utility(change(prepared), Copies(), recipe=TINY)


def test_an_unknown_architecture_is_told(prepared: Prepared) -> None:
    with pytest.raises(UserError, match=r"no classifier 'vgg16' to train. Did you mean 'vgg16_bn'"):
        utility.utility(prepared, Copies(), architecture="vgg16")


def test_what_was_trained_once_is_kept(prepared: Prepared, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = utility.utility(prepared, Copies(), recipe=TINY)
    trainings: list[int] = []
    real = utility.train_classifier

    def counted(pictures: np.ndarray, labels: np.ndarray, classes: int, **more: Any) -> utility.Trained:
        trainings.append(len(labels))
        return real(pictures, labels, classes, **more)

    monkeypatch.setattr(utility, "train_classifier", counted)
    assert utility.utility(prepared, Copies(), recipe=TINY) == first
    assert trainings == []
    utility.utility(prepared, Copies(), recipe=TINY, seed=1)  # other images of the generator, the same real ones
    assert len(trainings) == 2
    for path in (tmp_path / "cache").glob("utility_*.json"):
        path.write_text(path.read_text()[:50])
    assert utility.utility(prepared, Copies(), recipe=TINY) == first


def test_trainings_differ_by_their_seed(prepared: Prepared) -> None:
    reports = utility.utility(prepared, Copies(), recipe=replace(TINY, steps=6), seeds=(0, 1, 2))
    assert len(reports) == 3 * len(TRAINED) * 2
    over = classification_report.over_seeds(reports)
    assert len(over) == len(TRAINED) * 2
    spread = over["resnet", "synthetic", HELD_OUT]["accuracy"]
    values = [one.accuracy.value for one in reports if (one.trained, one.tested) == ("synthetic", HELD_OUT)]
    assert spread == classification_report.Spread(float(np.mean(values)), float(np.std(values, ddof=1)), 3)


@pytest.mark.parametrize("architecture", utility.ARCHITECTURES)
def test_training_learns_and_leaves_the_global_random_state(architecture: str) -> None:
    """Bright pictures against dark ones: learned within a few steps, or something is broken."""
    labels = np.arange(12) % 2
    noise = np.random.default_rng(0).normal(0, 12, (12, 64, 64, 1))
    pictures = (90 + 80 * labels[:, None, None, None] + noise).clip(0, 255).astype(np.uint8)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    recipe = replace(utility.RECIPES[architecture], steps=STEPS[architecture], batch=4)
    judge = utility.train_classifier(pictures, labels, 2, architecture=architecture, recipe=recipe, seed=0)
    assert torch.equal(torch.get_rng_state(), before)
    chances = judge.chances(pictures)
    np.testing.assert_allclose(chances.sum(1), 1, atol=1e-9)
    assert (chances.argmax(1) == labels).mean() > 0.9


def test_the_same_seed_gives_the_same_classifier(prepared: Prepared) -> None:
    pictures = prepared.images.transpose(0, 2, 3, 1)[:40]
    labels = prepared.labels[:40]
    first, again, other = (
        utility.train_classifier(pictures, labels, 2, architecture="resnet", recipe=TINY, seed=seed).chances(pictures)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_a_processor_without_bfloat16_does_without(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(utility, "computes_in_bfloat16", lambda: False)
    pictures = prepared.images.transpose(0, 2, 3, 1)[:40]
    judge = utility.train_classifier(pictures, prepared.labels[:40], 2, architecture="resnet", recipe=TINY, seed=0)
    before = judge.chances(pictures)
    monkeypatch.setattr(utility, "computes_in_bfloat16", lambda: True)
    np.testing.assert_allclose(judge.chances(pictures), before, atol=0.03)


@pytest.mark.parametrize("shape", [(32, 32, 1), (64, 64, 3), (150, 150, 1)])
def test_pictures_of_any_size_and_colour_are_read(shape: tuple[int, int, int]) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (20, *shape), dtype=np.uint8)
    labels = np.arange(20) % 2
    judge = utility.train_classifier(pictures, labels, 2, architecture="resnet", recipe=TINY, seed=0)
    assert judge.chances(pictures).shape == (20, 2)


def test_constant_images_teach_nothing_and_give_numbers(prepared: Prepared) -> None:
    def grey(count: int, *, label: str | None = None, seed: int = 0) -> tuple[np.ndarray, list[str]]:
        return np.full((count, 32, 32, 1), 128, np.uint8), [label or ""] * count

    report = found(utility.utility(prepared, grey, recipe=TINY), "synthetic")
    assert np.isfinite([report.accuracy.value, report.f1, report.roc_auc or 0]).all()
    assert 0.2 < report.balanced_accuracy < 0.8


def test_a_rate_that_is_far_too_high_is_told() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 1), dtype=np.uint8)
    with pytest.raises(UserError, match="diverged at learning rate"):
        recipe = Recipe(steps=8, batch=8, learning_rate=float("inf"))
        utility.train_classifier(pictures, np.arange(20) % 2, 2, architecture="resnet", recipe=recipe, seed=0)


def test_a_trained_run_is_measured(tmp_path: Path) -> None:
    """With the generator itself, and written and read back as a part of an evaluation."""
    source = make_pictures(tmp_path / "shapes", per_class=20)
    model = load(Run(train("cgan", source, tmp_path / "runs", "small", 1, *small("cgan")[1])))
    prepared = data.prepare(str(source), size=32, progress=False)
    reports = utility.utility(prepared, model.generate, recipe=TINY)
    assert len(reports) == 6
    assert reports[0].classes == model.classes
    whole = results.Evaluation("small", "cgan", 1, "", "shapes", "", prepared.counts(), 0, utility=tuple(reports))
    results.write(tmp_path / "evaluation.json", whole)
    assert results.read(tmp_path / "evaluation.json") == whole


def report(truth: np.ndarray, chances: np.ndarray, classes: tuple[str, ...] = ("NORMAL", "PNEUMONIA")) -> Scores:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return classification_report.report(
            truth, chances, classes, classifier="resnet", trained="real", tested=HELD_OUT
        )


def test_the_last_of_two_classes_is_the_positive_one() -> None:
    """Eight ill, four well; six of the ill are found, one of the well is called ill."""
    truth = np.array([1] * 8 + [0] * 4)
    ill = np.array([0.9] * 6 + [0.2] * 2 + [0.7] + [0.1] * 3)
    got = report(truth, np.stack((1 - ill, ill), 1))
    assert got.confusion == ((3, 1), (2, 6))
    assert got.accuracy.value == pytest.approx(9 / 12)
    assert got.precision == pytest.approx(6 / 7)
    assert got.recall == pytest.approx(6 / 8)
    assert got.f1 == pytest.approx(2 * (6 / 7) * (6 / 8) / (6 / 7 + 6 / 8))
    assert got.balanced_accuracy == pytest.approx((6 / 8 + 3 / 4) / 2)
    assert got.roc_auc == pytest.approx(metrics.roc_auc_score(truth, ill))
    assert got.by_class["NORMAL"] == pytest.approx({"precision": 3 / 5, "recall": 3 / 4, "f1": 2 / 3, "support": 4})


def test_the_published_numbers_fit_only_in_exchanged_names() -> None:
    """5216 images, 3875 of them ill: accuracy 93.90 %, F1 95.76 %, and 92.62 and 99.12 %."""
    cells = ((1309, 32), (286, 3589))
    truth = np.repeat([0, 0, 1, 1], np.ravel(cells))
    got = report(truth, np.eye(2)[np.repeat([0, 1, 0, 1], np.ravel(cells))])
    assert got.confusion == cells
    assert (got.accuracy.value, got.f1) == (pytest.approx(0.9390, abs=6e-5), pytest.approx(0.9576, abs=6e-5))
    assert (got.recall, got.precision) == (pytest.approx(0.9262, abs=6e-5), pytest.approx(0.9912, abs=6e-5))


def test_of_more_classes_averages_are_reported() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 200)
    chances = rng.dirichlet((1, 1, 1), 200) + 0.5 * np.eye(3)[truth]
    chances /= chances.sum(1, keepdims=True)
    got = report(truth, chances, ("bacterial", "normal", "viral"))
    answers = chances.argmax(1)
    assert got.precision == pytest.approx(metrics.precision_score(truth, answers, average="macro"))
    assert got.recall == pytest.approx(metrics.recall_score(truth, answers, average="macro"))
    assert got.f1 == pytest.approx(metrics.f1_score(truth, answers, average="macro"))
    assert got.roc_auc == pytest.approx(metrics.roc_auc_score(truth, chances, multi_class="ovr"))


def test_a_class_that_is_never_answered_scores_zero() -> None:
    truth = np.array([0, 0, 1, 1])
    got = report(truth, np.tile([0.8, 0.2], (4, 1)))
    assert (got.precision, got.recall, got.f1, got.balanced_accuracy) == (0, 0, 0, 0.5)
    assert got.roc_auc == pytest.approx(0.5)


@pytest.mark.parametrize("classes", [("a", "b"), ("a", "b", "c")])
def test_a_class_that_is_not_there_leaves_no_area_under_the_curve(classes: tuple[str, ...]) -> None:
    chances = np.full((5, len(classes)), 1 / len(classes))
    chances[:, 1] += 0.1
    got = report(np.ones(5, np.int64), chances / chances.sum(1, keepdims=True), classes)
    assert got.roc_auc is None
    assert (got.accuracy.value, got.balanced_accuracy) == (1, 1)
    assert got.by_class["a"] == {"precision": 0, "recall": 0, "f1": 0, "support": 0}


def test_one_image_is_enough_for_a_report() -> None:
    got = report(np.array([1]), np.array([[0.4, 0.6]]))
    assert got.accuracy.value == 1
    assert got.accuracy.low == pytest.approx(0.2065, abs=1e-3)


@pytest.mark.parametrize(
    ("truth", "chances", "classes", "message"),
    [
        (np.zeros(0, np.int64), np.zeros((0, 2)), ("a", "b"), "no images to test"),
        (np.array([0]), np.array([[np.nan, 0.5]]), ("a", "b"), "not finite"),
        (np.array([0]), np.array([[1.0]]), ("a",), "needs two classes"),
        (np.array([0, 1]), np.array([[1.0, 0.0]]), ("a", "b"), "do not fit"),
    ],
)
def test_answers_that_cannot_be_scored_are_told(
    truth: np.ndarray, chances: np.ndarray, classes: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        report(truth, chances, classes)


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"), [(0, 10, 0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1)]
)
def test_accuracy_has_wilsons_interval(hits: int, count: int, low: float, high: float) -> None:
    got = classification_report.share(hits, count)
    assert (got.low, got.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_a_number_that_one_training_lacks_has_no_mean() -> None:
    one = report(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]]))
    over = classification_report.over_seeds([one, replace(one, roc_auc=None)])["resnet", "real", HELD_OUT]
    assert "roc_auc" not in over
    assert over["f1"] == classification_report.Spread(1.0, 0.0, 2)
    assert classification_report.over_seeds([one])["resnet", "real", HELD_OUT]["f1"].deviation is None
