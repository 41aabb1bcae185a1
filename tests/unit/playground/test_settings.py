"""What a browser may set in the playground."""

from dataclasses import asdict
from typing import Any

import pytest

from dashboard.views.playground import controls
from gan_core import objectives
from gan_core.errors import UserError
from gan_core.playground import settings
from gan_core.playground.experiments import EXPERIMENTS, Experiment
from gan_core.playground.settings import BOUNDS, Settings

DRAWING = [[0, 0], [1, 1], [1, -1]]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "JSON object"),
        ({"lr": 1}, "there is no 'lr'"),
        ({"data": "moon"}, "choose ring"),
        ({"data": 3}, "a name is needed"),
        ({"objective": "likelihood"}, "choose cross_entropy"),
        ({"d_steps": 11}, "d_steps: a whole number from 1 to 10"),
        ({"d_steps": 1.5}, "whole"),
        ({"d_steps": True}, "whole"),
        ({"batch_size": 100_000}, "from 8 to 512"),
        ({"width": 10_000}, "from 8 to 128"),
        ({"lr_d": float("nan")}, "lr_d: a number from 1e-05"),
        ({"lr_g": "fast"}, "lr_g: a number"),
        ({"r1": -1}, "from 0 to 10"),
        ({"seed": 10**400}, "seed: a whole number"),
        ({"lr_d": -(10**400)}, "lr_d: a number"),
        ({"drawing": [[0, 10**400]]}, "outside the plane"),
        ({"data": "drawn"}, "3 to 400 points are needed, not 0"),
        ({"drawing": [[9, 9]]}, "outside the plane"),
        ({"drawing": [[0]]}, "a pair of numbers"),
        ({"drawing": [[0, 0]] * 401}, "at most 400"),
        ({"drawing": [[0, True]]}, "a pair of numbers"),
    ],
)
def test_a_mistake_is_one_line(given: Any, words: str) -> None:
    with pytest.raises(UserError, match=words):
        settings.read(given)


def test_what_is_not_given_has_its_default() -> None:
    assert settings.read({}) == Settings()
    assert settings.read({"data": "drawn", "drawing": DRAWING}).drawing == ((0.0, 0.0), (1.0, 1.0), (1.0, -1.0))


def test_numbers_have_the_kind_that_the_optimizers_take() -> None:
    found = settings.read({"beta1": 0, "r1": 1, "d_steps": 2.0})
    assert [type(value) for value in (found.beta1, found.r1, found.d_steps)] == [float, float, int]


def test_rates_and_penalties_change_while_it_plays() -> None:
    assert not Settings().begins_anew(Settings(r1=1, r2=1, lr_d=0.01, lr_g=0.01, d_steps=3, batch_size=64))
    for changed in ({"data": "moons"}, {"objective": "hinge"}, {"latent_size": 3}, {"seed": 2}, {"beta1": 0.0}):
        assert Settings().begins_anew(Settings(**changed))


def test_every_control_is_a_setting_and_has_its_values() -> None:
    page = controls.page_data()
    offered = {slider["name"]: slider["values"] for slider in page["sliders"]}
    assert set(offered) == set(BOUNDS) - {"seed"}
    for name, values in offered.items():
        assert Settings(**{name: values[0]}) and Settings(**{name: values[-1]})
        for each in (Settings(), *(experiment.settings for experiment in EXPERIMENTS.values())):
            assert getattr(each, name) in values  # else the slider would stand beside its value
    assert set(settings.OBJECTIVES) <= set(objectives.OBJECTIVES)


def test_six_experiments_have_a_question_and_an_answer() -> None:
    assert len(EXPERIMENTS) == 6
    for experiment in EXPERIMENTS.values():
        assert experiment.question.count("?") >= 1 and experiment.answer


@pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=EXPERIMENTS.keys())
def test_what_an_experiment_proposes_is_another_game(experiment: Experiment) -> None:
    changed = settings.read({**asdict(experiment.settings), **experiment.change})
    assert changed != experiment.settings
    assert experiment.action
