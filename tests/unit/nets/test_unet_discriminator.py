"""The discriminator that answers for every pixel: its shapes, what it depends on, and that it learns where."""

import dataclasses

import pytest
import torch

from gan_core import losses
from gan_core.families import loading
from gan_core.nets import UNetDiscriminator
from tests.helpers.small_families import batch


def build(classes: int = 0, channels: int = 1, size: int = 32) -> UNetDiscriminator:
    torch.manual_seed(0)
    return UNetDiscriminator((8, 12, 16), (channels, size, size), classes)


@pytest.mark.parametrize(("channels", "size"), [(1, 32), (3, 64)])
def test_an_answer_for_the_picture_and_one_for_each_pixel(channels: int, size: int) -> None:
    discriminator, images = build(channels=channels, size=size), torch.randn(5, channels, size, size)
    whole, pixels = discriminator.everywhere(images)
    assert whole.shape == (5,)
    assert pixels.shape == (5, 1, size, size)
    assert torch.equal(discriminator(images), whole)


def test_the_class_changes_both_answers() -> None:
    discriminator, images = build(classes=2), torch.randn(1, 1, 32, 32).repeat(2, 1, 1, 1)
    whole, pixels = discriminator.everywhere(images, torch.tensor([0, 1]))
    assert whole[0] != whole[1]
    assert not torch.allclose(pixels[0], pixels[1])


def test_it_learns_where_a_picture_is_wrong() -> None:
    """Generated pictures are wrong in their left half alone: there the pixels' logits fall, elsewhere they cannot tell,
    though the picture as a whole gives itself away.
    """
    torch.manual_seed(0)
    discriminator = UNetDiscriminator((8, 12), (1, 16, 16))
    adam = torch.optim.Adam(discriminator.parameters(), lr=4e-3)
    for _ in range(40):
        real, fake = torch.randn(2, 16, 1, 16, 16).unbind()
        fake[..., :8] *= 0.3
        (_, d_real), (_, d_fake) = discriminator.everywhere(real), discriminator.everywhere(fake)
        far = discriminator.consistency((real, d_real), (fake, d_fake), torch.rand(16, 3))
        adam.zero_grad()
        (losses.discriminator(d_real, d_fake) + far).backward()
        adam.step()
    left, right = d_fake.detach()[..., :5].mean().item(), d_fake.detach()[..., 11:].mean().item()
    assert left < -0.4
    assert right == pytest.approx(0, abs=0.3)


def test_parts_of_an_answer() -> None:
    whole, pixels = torch.tensor([1.0, -2.0]), torch.arange(8.0).view(2, 1, 2, 2)
    fake = -whole, pixels / 2
    expected = (losses.discriminator(whole, fake[0]) + losses.discriminator(pixels, fake[1])) / 2
    torch.testing.assert_close(losses.of_parts(losses.discriminator, (whole, pixels), fake), expected)
    assert torch.equal(losses.of_parts(losses.generator, (whole,)), losses.generator(whole))
    assert torch.equal(losses.of_pictures((whole, pixels)), (whole + torch.tensor([1.5, 5.5])) / 2)
    assert torch.equal(losses.of_pictures((whole,)), whole)


def test_a_conditional_family_takes_it_too() -> None:
    definition = loading.load_family("cgan")
    settings = dataclasses.replace(definition.presets["cgan"], pixelwise=True, width=8, max_width=16, augment="fixed")
    family = definition.family(settings, (1, 32, 32), 2)
    real, labels = batch()
    still = {name: value.clone() for name, value in family.network("discriminator").named_parameters()}
    scalars = family.train_step(real, labels)
    assert all(torch.isfinite(value) for value in scalars.values())
    moved = dict(family.network("discriminator").named_parameters())
    assert not any(torch.equal(moved[name], value) for name, value in still.items())
    with torch.no_grad():
        assert family.score(real, labels).shape == (8,)
