"""Every preset of every family: one real step on the processor, and what a family promises."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import get_type_hints

import pytest
import torch

from gan_core import config, inference, losses
from gan_core.errors import UserError
from gan_core.families import loading, registry
from gan_core.runs import Run
from tests.helpers.small_families import batch, build
from tests.helpers.training import make_pictures, train

PRESETS = sorted(registry.presets())
GENERATORS = [name for name in PRESETS if registry.find_preset(name).task == "generate"]


def test_catalog_agrees_with_the_families() -> None:
    for name, preset in registry.presets().items():
        definition = loading.load_family(preset.family)
        assert name in definition.presets
        assert preset.task == definition.family.task
        assert preset.traits.has_discriminator == definition.family.has_discriminator
        assert (preset.traits.paired, preset.traits.one_way) == (definition.family.paired, definition.family.one_way)
        assert preset.traits.encodes == hasattr(definition.family, "encode")
    assert {
        "gan",
        "dcgan",
        "cgan",
        "bigan",
        "gan_baseline",
        "dcgan_baseline",
        "cgan_baseline",
        "bigan_baseline",
    } <= set(PRESETS)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_network_moves_in_a_step_and_steps_follow_the_seed(preset: str) -> None:
    family, again = build(preset), build(preset)
    before = {name: value.clone() for name, value in family.named_parameters() if not name.startswith("averages")}
    for one in (family, again):
        torch.manual_seed(3)
        one.train_step(*batch())
    first, second = family.state_dict(), again.state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)

    family.step += 1
    scalars = family.train_step(*batch())  # the average stands still in the first step: its decay is 1 / 10 of the way
    family.step += 1
    assert set(scalars) == set(family.columns)
    assert all(torch.isfinite(value) and value.ndim == 0 and not value.requires_grad for value in scalars.values())
    still = [
        name
        for name, value in family.named_parameters()
        if name in before and torch.equal(value, before[name]) and value.ndim > 1
    ]
    assert not still
    for name in family.served:
        trained = dict(family.network(name).named_parameters())
        averaged = dict(family.averaged(name).named_parameters())
        lags = family.config.ema_decay > 0
        assert all(torch.equal(trained[key], averaged[key]) != lags for key in trained if trained[key].ndim > 1)


@pytest.mark.parametrize("preset", GENERATORS)
@pytest.mark.parametrize(("size", "channels"), [(32, 1), (64, 3), (128, 1)])
def test_sizes_and_channels(preset: str, size: int, channels: int) -> None:
    family = build(preset, size=size, channels=channels, training=False).eval()
    assert not family.players
    with torch.no_grad():
        images = family.sample(torch.zeros(2, family.latent_size), torch.tensor([0, 1]))
        assert images.shape == (2, channels, size, size)
        assert images.abs().max() <= 1
        if family.has_discriminator:
            assert family.score(images, torch.tensor([0, 1]), torch.zeros(2, family.latent_size)).shape == (2,)


@pytest.mark.parametrize("preset", PRESETS)
def test_looking_changes_no_weight_and_no_random_number(preset: str) -> None:
    family = build(preset)
    real, labels = batch()
    family.train_step(real.clone(), labels)
    before = {k: v.clone() for k, v in family.state_dict().items() if not k.startswith("averages")}
    torch.manual_seed(5)
    expected = torch.rand(4)
    torch.manual_seed(5)
    family.refresh_averages(real.repeat(64, 1, 1, 1), labels.repeat(64))
    with family.evaluating():
        if isinstance(family, loading.Translates):
            family.translate(real, 1)
        else:
            family.sample(torch.randn(4, family.latent_size, generator=torch.Generator().manual_seed(0)), labels[:4])
        if family.has_discriminator:
            family.score(real, labels)
    assert torch.equal(torch.rand(4), expected)
    after = family.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert family.training


@pytest.mark.parametrize("preset", [name for name in PRESETS if registry.find_preset(name).traits.conditional])
def test_the_class_matters(preset: str) -> None:
    family = build(preset, training=False).eval()
    z = torch.randn(1, family.latent_size).repeat(2, 1)
    with torch.no_grad():
        first, second = family.sample(z, torch.tensor([0, 1]))
    assert not torch.allclose(first, second)


def test_served_and_judging_states_share_out_the_networks() -> None:
    family = build("bigan")
    served, judging = family.served_state(), family.judging_state()
    assert {name.split(".")[0] for name in served} == {"generator", "encoder"}
    assert {name.split(".")[0] for name in judging} == {"discriminator"}


def test_bigan_encodes_to_latents() -> None:
    family = build("bigan", training=False).eval()
    assert isinstance(family, loading.Encodes)
    assert family.encode(batch()[0]).shape == (8, 100)


def test_a_relativistic_loss_compares_pairs() -> None:
    real, fake = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([0.0, 1.0, 0.5])
    expected = torch.log1p(torch.exp(fake - real)).mean()
    torch.testing.assert_close(losses.relativistic(real, fake), expected)
    torch.testing.assert_close(losses.relativistic(real + 7, fake + 7), expected)
    assert losses.pair_accuracy(real, fake)["accuracy/d_pairs"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("pay", [0.0, 0.25, 1.0])
def test_r3gan_pays_for_slopes_at_real_and_generated_images(pay: float) -> None:
    """The penalty against one taken image by image; the logits are those of a plain pass, whoever pays."""
    family = build("r3gan")
    family.config = dataclasses.replace(family.config, pay=pay)
    (real, labels), fake = batch(), torch.rand(8, 1, 32, 32) * 2 - 1
    d_real, d_fake, penalty = family.judge(real, fake, labels)
    torch.testing.assert_close(d_real, family.discriminator(real, labels), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(d_fake, family.discriminator(fake, labels), atol=1e-4, rtol=1e-4)
    expected = 0.0
    for images in (real, fake):
        lengths = []
        for image, label in list(zip(images, labels, strict=True))[: int(8 * pay)]:
            leaf = image[None].clone().requires_grad_()
            (slope,) = torch.autograd.grad(family.discriminator(leaf, label[None]).sum(), leaf)
            lengths.append(float(slope.square().sum()))
        expected += sum(lengths) / max(len(lengths), 1) / 2
    assert float(penalty.detach()) == pytest.approx(expected, rel=1e-3)


def test_r3gans_scores_have_a_middle_for_each_class() -> None:
    family = build("r3gan")
    real, labels = batch()
    family.discriminator.direction.weight.data[1] += 1  # drives the logits of one class away from the other's
    logits = family.discriminator(real, labels).detach()
    for _ in range(300):
        family.discriminator.centre(logits, labels, None)
    scores = family.score(real, labels).detach()
    for label in (0, 1):
        assert abs(float(scores[labels == label].mean())) < 0.01 + 0.01 * abs(float(logits.mean()))
    assert "discriminator.middle" in family.judging_state()


def test_r3gan_does_with_data_of_one_class(tmp_path: Path) -> None:
    source = make_pictures(tmp_path / "source", 16)
    folder = train("r3gan", source / "bar", tmp_path, "one", 1, "--set", "width=4", "--set", "max_width=16")
    assert inference.load(Run(folder)).generate(2, label="bar")[0].shape == (2, 32, 32, 1)


def test_acgan_names_classes_that_can_be_told_apart() -> None:
    family = build("acgan")
    labels = torch.arange(8) % 2
    real = torch.zeros(8, 1, 32, 32)
    real[labels == 1, :, 8:24] = 0.9
    for _ in range(12):
        torch.manual_seed(family.step)
        scalars = family.train_step(real + 0.05 * torch.randn(real.shape), labels)
        family.step += 1
    assert scalars["accuracy/class_real"] > 0.9
    assert scalars["loss/class"] < 0.6


def test_a_vae_that_is_shared_out_descends_the_loss_of_the_whole_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of two processes holds half of the images, of another error; the mean of their gradients is the whole's."""
    family = build("vae")
    family.encoder, family.generator = _NoCloud(), _Grey()
    real = torch.stack([torch.full((1, 32, 32), grey) for grey in (0.1, 0.1, 0.9, 0.9)])
    errors = [(part - 0.5).square().mean() for part in real.chunk(2)]

    def gradient(images: torch.Tensor, reduce: Callable[[torch.Tensor], torch.Tensor] | None) -> torch.Tensor:
        found: list[torch.Tensor] = []
        family.reduce = reduce
        monkeypatch.setattr(family, "update", lambda name, loss, rate: found.append(loss))
        family.train_step(images, torch.zeros(len(images), dtype=torch.int64))
        return torch.autograd.grad(found[0], family.generator.grey)[0]

    halves = [gradient(part, lambda own: own * 0 + sum(errors) / 2) for part in real.chunk(2)]
    torch.testing.assert_close(sum(halves) / 2, gradient(real, None))
    grey = torch.tensor(0.5, requires_grad=True)
    (torch.log((real - grey).square().mean()) / 2).backward()
    torch.testing.assert_close(gradient(real, None), grey.grad)


class _NoCloud(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.zeros(len(images), 100), torch.zeros(len(images), 100)


class _Grey(torch.nn.Module):
    """Draws one grey, whatever the latent."""

    def __init__(self) -> None:
        super().__init__()
        self.grey = torch.nn.Parameter(torch.tensor(0.5))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.grey.expand(len(z), 1, 32, 32)


def test_a_vae_draws_its_images_again() -> None:
    family = build("vae")
    assert isinstance(family, loading.Encodes)
    real, labels = batch()
    real = torch.nn.functional.avg_pool2d(real, 8).repeat_interleave(8, 2).repeat_interleave(8, 3)
    errors = []
    for _ in range(25):
        torch.manual_seed(family.step)
        scalars = family.train_step(real, labels)
        errors.append(float(scalars["loss/reconstruction"]))
        family.step += 1
    assert errors[-1] < 0.5 * errors[0]
    assert 0 < float(scalars["loss/kl"]) < 1000
    assert family.encode(real).shape == (8, family.latent_size)
    assert not family.judging_state()


def test_settings_are_read_strictly() -> None:
    definition = loading.load_family("dcgan")
    base = definition.presets["dcgan"]
    changed = config.parse_settings(definition.config, base, ["lr=1e-4", "generator=64,32", "normalize=yes"])
    assert changed == dataclasses.replace(base, lr=1e-4, generator=(64, 32), normalize=True)
    for pair, message in (
        ("lr", "key=value"),
        ("lrr=1", "Did you mean 'lr'"),
        ("lr=fast", "'fast' is not a number"),
        ("latent_size=1.5", "not a whole number"),
        ("normalize=perhaps", "say yes or no"),
    ):
        with pytest.raises(UserError, match=message):
            config.parse_settings(definition.config, base, [pair])
    with pytest.raises(UserError, match="it must be one of convolutional, perceptron"):
        config.parse_settings(
            loading.load_family("cgan").config, loading.load_family("cgan").presets["cgan"], ["network=x"]
        )


def test_the_seed_presets_are_as_large_as_the_comparison_they_follow() -> None:
    """Parameters of the plain networks at 64 px, counted by hand from their layers."""
    expected = {
        ("gan_baseline", "generator"): 100 * 256 + 256 * 512 + 512 * 1024 + 1024 * 4096,
        ("gan_baseline", "discriminator"): 4096 * 512 + 512 * 256 + 256,
        ("bigan_baseline", "generator"): 100 * 512 + 512 * 512 + 512 * 4096,
        ("bigan_baseline", "encoder"): 4096 * 512 + 512 * 512 + 512 * 100,
        ("bigan_baseline", "discriminator"): 4196 * 1024 + 1024 * 1024 * 2 + 1024,
        ("dcgan_baseline", "generator"): 100 * 128 * 16 * 16 + 9 * (128 * 128 + 128 * 64 + 64),
        ("dcgan_baseline", "discriminator"): 9 * (32 + 32 * 64 + 64 * 128 + 128 * 256) + 256 * 8 * 8,
    }
    for (preset, network), weights in expected.items():
        family = build(preset, size=64, training=False)
        matrices = sum(p.numel() for p in family.network(network).parameters() if p.ndim > 1)
        assert matrices == weights, (preset, network)


@pytest.mark.parametrize("preset", PRESETS)
def test_adam_moves_each_weight_by_its_own_gradient(preset: str) -> None:
    """In channels-last layout too, where a gradient may come out laid out differently from its weight.

    The first step of Adam is lr * g / (|g| + eps) (Kingma and Ba 2015, algorithm 1).
    """
    family = build(preset).to(memory_format=torch.channels_last)
    before = {name: value.detach().clone() for name, value in family.named_parameters()}
    family.train_step(*batch())
    rates = {
        id(p): player.optimizer.param_groups[0]["lr"] for player in family.players.values() for p in player.parameters
    }
    for name, value in family.named_parameters():
        if value.grad is not None:
            expected = rates[id(value)] * value.grad / (value.grad.abs() + 1e-8)
            torch.testing.assert_close(before[name] - value.detach(), expected, atol=2e-7, rtol=1e-3)


@pytest.mark.parametrize("preset", registry.presets().values(), ids=lambda preset: preset.name)
def test_the_types_of_settings_are_read_without_importing_a_family(preset: registry.Preset) -> None:
    assert registry._setting_types(preset) == get_type_hints(loading.load_family(preset.family).config)
