"""What is said of the measured variety of runs: with numbers only, and of few only where far below the others."""

from dataclasses import replace

import pytest

from gan_core.diagnostics import Diagnosed, compare, diagnose
from gan_core.diagnostics.measured_variety import Varied, sentences
from gan_core.evaluation.results import Evaluation, Fidelity, Measure
from tests.helpers.run_folders import settings
from tests.helpers.training_histories import EPOCHS, healthy


def measured(value: float, high: float | None = None, floor: float | None = 0.64, key: str = "coverage") -> Evaluation:
    found = Fidelity("child-b", 336, 1000, 4199, {key: Measure(value, value, high, floor, 1000)})
    return Evaluation("run", "gan", 50, "w", "chests", "f", {}, 0, {"all": found})


def varied(name: str, evaluation: Evaluation | None, diversity: float = 1.0, reached: float | None = 50.0) -> Varied:
    return Varied(name, evaluation, diversity, reached)


def test_each_is_named_with_its_number_and_the_one_with_few() -> None:
    first, *few = sentences([varied("gan", measured(0.08, 0.096), 1.18), varied("dcgan", measured(0.56, 0.59))])
    assert first == (
        "Measured variety (coverage of the real images): dcgan 0.56 and gan 0.08; as many other real images reach 0.64."
    )
    elsewhere = varied("dcgan", measured(0.56, 0.59, 0.64 * (1 + 1e-9)))  # measured on another machine
    assert sentences([varied("gan", measured(0.08, 0.096)), elsewhere])[0] == first
    assert few == [
        "gan: its samples vary in their pixels, but few of the real images have one of its images near them. It leaves "
        "out much of the data (mode collapse), or its images are unlike real ones; precision and the pictures tell "
        "which."
    ]
    assert "gan: few of the real" in sentences([varied("gan", measured(0.08), 0.3)])[1]


@pytest.mark.parametrize(("value", "high", "floor", "few"), [
    (0.31, None, 0.64, True),
    (0.33, None, 0.64, False),
    (0.31, 0.33, 0.64, False),  # the interval reaches half of the floor
    (0.24, None, None, True),  # half of the others' median
    (0.26, None, None, False),
])  # fmt: skip
def test_few_is_far_below_the_floor_or_the_others(value: float, high: float, floor: float, few: bool) -> None:
    others = [varied(name, measured(at, floor=floor)) for name, at in (("a", 0.5), ("b", 0.5), ("c", 0.6))]
    said = " ".join(sentences([varied("x", measured(value, high, floor)), *others]))
    assert ("x: " in said) == few


def test_nothing_is_claimed_without_numbers() -> None:
    assert sentences([varied("a", None)]) == sentences([]) == []
    assert sentences([varied("a", replace(measured(0.1), fidelity={}))]) == []
    assert sentences([varied("a", measured(0.5)), varied("b", None)])[-1] == "Not measured: b."
    [recall] = sentences([varied("a", measured(0.5, key="recall"))])
    assert recall.startswith("Measured variety (recall of the real images): a 0.50")


def test_what_was_measured_otherwise_or_earlier_is_said() -> None:
    other = replace(measured(0.5, floor=None), fingerprint="g")
    said = sentences([varied("a", measured(0.2, floor=None)), varied("b", other), varied("c", other)])
    assert said[1:] == ["They were not measured in the same way, so these numbers cannot be ranked."]
    assert "a 0.50 (at epoch 50)" in sentences([varied("a", measured(0.5), reached=80.2)])[0]


def test_the_notebook_tells_it() -> None:
    def run(name: str, evaluation: Evaluation | None) -> Diagnosed:
        return Diagnosed(name, settings("gan", EPOCHS, 0), healthy(), diagnose(healthy()), evaluation)

    words = compare([run("gan", measured(0.08)), run("dcgan", measured(0.6))])
    assert "Diversity of the samples' pixels at the end" in words
    assert "dcgan 0.60 and gan 0.08" in words and "gan: its samples vary in their pixels, but few" in words
    assert words.endswith("look at the sample grids, and at the evaluations.")
    assert "Measured variety" not in compare([run("gan", None)])
