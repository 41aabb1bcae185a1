from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gan_core.config import RunConfig, read_run_config
from gan_core.evaluation import classifiers, predicted_classes
from tests.conftest import ROOT


def settled(**changes: object) -> RunConfig:
    found = read_run_config(Path(ROOT) / "runs" / "reference" / "cgan" / "config.json")
    return replace(found, **changes)


@pytest.mark.parametrize(
    ("changes", "names", "words"),
    [
        ({}, ("child-b", "child-a"), ""),
        ({"classes": ("normal", "viral", "bacterial")}, ("child-b", "child-a"), ""),
        ({"classes": ("COVID", "NORMAL")}, ("adult-b", "adult-a"), ""),
        ({"classes": ("normal", "viral", "COVID-19")}, (), "all of these classes: normal, viral, COVID-19"),
        ({"classes": ("NORMAL",)}, (), "one class"),
        ({"subject": "brain MRI"}, (), "chest X-rays only"),
        ({"subject": None}, (), "chest X-rays only"),
        ({"source": "phantom:cxr?images=100"}, (), "from drawn ones"),
    ],
)
def test_only_classifiers_that_were_taught_a_runs_classes_are_asked(
    changes: dict[str, object], names: tuple[str, ...], words: str
) -> None:
    config = settled(**changes)
    assert predicted_classes.fitting(config) == names
    assert words in predicted_classes.refusal(config)
    assert bool(predicted_classes.refusal(config)) is not bool(names)


def test_an_opinion_is_the_classifiers_own() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (19, 64, 64, 1), np.uint8)
    names = ("PNEUMONIA", "NORMAL")
    found = predicted_classes.ask("child-b", names, pictures)
    expected = classifiers.shipped("child-b").chances_of(names, pictures)
    np.testing.assert_allclose(found.chances, expected, atol=1e-4)
    assert found.judge.name == "child-b"
    assert found.taken_for == [names[int(chances[1] > chances[0])] for chances in expected]
    np.testing.assert_array_equal(found.of("NORMAL"), found.chances[:, 1])


def test_the_control_without_lungs() -> None:
    blind = predicted_classes.blind("adult-b")
    assert blind is not None
    assert blind.name == "adult-hull"
    assert predicted_classes.blind("child-b") is None
