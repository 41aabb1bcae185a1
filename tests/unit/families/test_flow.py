"""Flow matching: what is learned, how classes guide, and the way from noise to image."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gan_core import inference
from gan_core.errors import UserError
from gan_core.families import loading, registry
from gan_core.inference.latent_space import LatentSpace
from gan_core.inference.precision import fold_and_cast
from gan_core.runs import Run
from tests.helpers.small_families import batch, build
from tests.helpers.training import make_pictures, train
from tests.helpers.untrained import untrained

MEAN, DEVIATION = 0.2, 0.25


def changed(**settings: Any) -> Any:
    family = build("flow", training=False).eval()
    family.config = dataclasses.replace(family.config, **settings)
    return family


class Answer(nn.Module):
    """In place of the network: what makes the velocity from noise to N(MEAN, DEVIATION^2), for any class."""

    def forward(self, x: Tensor, times: Tensor, labels: Tensor) -> Tensor:
        t = times[:, None, None, None]
        spread = (1 - t).square() + t.square() * DEVIATION**2
        # With the deviation of the data, what is left of the best linear guess is due to the mean alone.
        left = MEAN - (t * DEVIATION**2 - (1 - t)) / spread * t * MEAN
        return left * spread.sqrt() / DEVIATION + 0 * x


@pytest.mark.parametrize("solver", ["midpoint", "heun"])
def test_a_perfect_network_draws_the_distribution_of_the_data(solver: str) -> None:
    family = changed(data_std=DEVIATION, solver=solver, evaluations=40)
    family.velocity_network = Answer()
    z = torch.randn(64, family.latent_size, generator=torch.Generator().manual_seed(0))
    drawn = family.sample(z, torch.zeros(64, dtype=torch.int64))
    inside = (MEAN + DEVIATION * z).abs() < 1  # what lies beyond black and white is cut off
    torch.testing.assert_close(drawn.flatten(1)[inside], (MEAN + DEVIATION * z)[inside], atol=0.02, rtol=0)
    half = family.sample(z / 2, torch.zeros(64, dtype=torch.int64))
    assert float(half.std()) == pytest.approx(DEVIATION / 2, rel=0.05)  # truncation


@pytest.mark.parametrize("times", ["logit_normal", "uniform"])
def test_training_moves_the_noise_to_the_data(times: str) -> None:
    torch.manual_seed(0)
    settings = {"width": 8, "max_width": 16, "evaluations": 6, "lr": 3e-3, "data_std": 0.6, "times": times}
    family = loading.build("flow", settings, (1, 32, 32), 2)
    labels = torch.arange(8) % 2
    real = torch.full((8, 1, 32, 32), -0.6)
    real[labels == 1, :, 8:24] = 0.6
    errors = []
    for _ in range(60):
        torch.manual_seed(family.step % 10)  # the same noise and times in the first steps and in the last ones
        errors.append(float(family.train_step(real, labels)["loss/velocity"]))
        family.step += 1
    assert np.mean(errors[-10:]) < 0.8 * np.mean(errors[:10])
    with family.evaluating():
        drawn = family.sample(torch.randn(8, family.latent_size), labels)
    middle = drawn[:, :, 8:24].mean((1, 2, 3))
    assert float(middle[labels == 1].min()) > float(middle[labels == 0].max()) + 0.3


def test_a_resumed_training_is_the_same_to_the_bit() -> None:
    settings = {"width": 8, "max_width": 16}

    def trained(family: loading.Family, steps: range) -> loading.Family:
        for step in steps:
            torch.manual_seed(step)  # as the trainer does
            family.step = step
            family.train_step(*batch())
        return family

    torch.manual_seed(0)
    whole = trained(loading.build("flow", settings, (1, 32, 32), 2), range(4))
    torch.manual_seed(0)
    first = trained(loading.build("flow", settings, (1, 32, 32), 2), range(2))
    tensors, numbers = first.training_state()
    resumed = loading.build("flow", settings, (1, 32, 32), 2)
    resumed.load_training_state({name: value.clone() for name, value in tensors.items()}, numbers)
    found, expected = trained(resumed, range(2, 4)).training_state()[0], whole.training_state()[0]
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_guidance_of_1_is_the_field_of_the_class_and_0_that_of_none() -> None:
    x, labels = torch.randn(4, 1, 32, 32), torch.tensor([0, 1, 0, 1])
    with torch.no_grad():
        family = changed(guidance=1.0)
        times = torch.full((4,), 0.5)
        own = family.velocity(family.velocity_network, x, times, labels)
        none = family.velocity(family.velocity_network, x, times, torch.full((4,), 2))
        torch.testing.assert_close(family.guided(x, 0.5, labels), own)
        assert not torch.allclose(own, none)
        torch.testing.assert_close(changed(guidance=0.0).guided(x, 0.5, labels), none)
        torch.testing.assert_close(changed(guidance=3.0).guided(x, 0.5, labels), none + 3 * (own - none))
        shares = nn.functional.one_hot(labels, 2).float()
        torch.testing.assert_close(changed(guidance=3.0).guided(x, 0.5, shares), none + 3 * (own - none))


def test_labels_are_dropped_for_guidance() -> None:
    family = build("flow")
    before = family.velocity_network.embedding.weight.detach().clone()
    family.config = dataclasses.replace(family.config, drop_class=0.0)
    family.train_step(*batch())
    unmoved = family.velocity_network.embedding.weight.detach() == before
    assert unmoved[2].all() and not unmoved[:2].all()
    family.config = dataclasses.replace(family.config, drop_class=0.999)
    family.train_step(*batch())
    assert not torch.equal(family.velocity_network.embedding.weight.detach()[2], before[2])


def test_the_path_leads_from_the_noise_to_the_sample() -> None:
    torch.manual_seed(0)
    family = loading.build("flow", {"width": 8, "max_width": 16}, (1, 32, 32), 2, training=False).eval()
    assert isinstance(family, loading.ShowsPath)
    z, labels = torch.randn(2, family.latent_size), torch.tensor([0, 1])
    with torch.no_grad():
        moments = family.path(z, labels, 5)
        drawn = family.sample(z, labels)
    assert [t for t, _, _ in moments] == pytest.approx([0, 0.2, 0.5, 0.8, 1.0])
    torch.testing.assert_close(moments[0][1], z.view(2, 1, 32, 32).clamp(-1, 1))
    for end in moments[-1][1:]:
        torch.testing.assert_close(end, drawn)
    with torch.no_grad():
        assert [t for t, _, _ in family.path(z, labels, 9)] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0]), "evenly"
    assert len(family.path(z, labels, 99)) == 11  # of 20 evaluations, two a step
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        assert float((family.sample(z, labels) - drawn).abs().max()) < 0.1


def test_half_precision_is_the_same_with_weights_cast_once() -> None:
    torch.manual_seed(0)
    family = loading.build("flow", {"width": 8, "max_width": 16, "evaluations": 4}, (1, 32, 32), 2, training=False)
    z, labels = torch.randn(2, family.latent_size), torch.tensor([[0.5, 0.5], [1.0, 0.0]])
    with torch.inference_mode():
        full = family.eval().sample(z, labels)
        with torch.autocast("cpu", torch.bfloat16):
            half = family.sample(z, labels)
            fold_and_cast(family.velocity_network, torch.bfloat16)
            torch.testing.assert_close(family.sample(z, labels), half, rtol=0, atol=0)
    assert half.dtype == torch.float32
    assert 0 < float((half - full).abs().max()) < 0.1


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"evaluations": 7}, "use an even number from 2 to 200"),
        ({"evaluations": 10**9}, "use an even number from 2 to 200"),
        ({"data_std": 0.0}, "data_std is 0"),
        ({"drop_class": 1.0}, "drop_class is 1"),
        ({"guidance": -1.0}, "guidance is -1"),
        ({"guidance": 3.0, "drop_class": 0.0}, "guidance is 3 and drop_class 0"),
        ({"guidance": 0.0, "drop_class": 0.0}, "guidance is 0 and drop_class 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(setting: dict[str, float], words: str) -> None:
    with pytest.raises(UserError, match=words):
        loading.build("flow", setting, (1, 32, 32), 2)


def test_a_run_of_one_class_generates_and_shows_its_path(tmp_path: Path) -> None:
    source = make_pictures(tmp_path / "source", 16)
    narrow = ("--set", "width=8", "--set", "max_width=16", "--set", "evaluations=4", "--set", "guidance=2")
    model = inference.load(Run(train("flow", source / "bar", tmp_path, "one", 1, *narrow)))
    assert model.config.traits and model.config.traits.shows_path
    moments, names = model.path(2, 9, label="bar", seed=3)
    made, _ = model.generate(2, label="bar", seed=3)
    assert names == ["bar", "bar"] and [moment.time for moment in moments] == [0, 0.5, 1]
    assert np.abs(moments[-1].state.astype(int) - made).max() <= 1
    assert moments[0].state.std() > moments[0].expected.std()


def test_other_runs_have_no_path_and_this_one_no_directions(tmp_path: Path) -> None:
    traits = {name: preset.traits.shows_path for name, preset in registry.presets().items()}
    assert traits["flow"] and not any(shown for name, shown in traits.items() if name != "flow")
    with pytest.raises(UserError, match="draws an image in one step"):
        inference.load(untrained(tmp_path, "plain", "vae")).path(1, 9)
    with pytest.raises(UserError, match="a number for every pixel, in which there are no directions"):
        LatentSpace(inference.load(untrained(tmp_path, "noise", "flow")))
