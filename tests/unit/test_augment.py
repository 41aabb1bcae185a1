"""What the discriminator is shown: each change alone, the probability that follows it, and every family with it on."""

import copy
import dataclasses

import pytest
import torch
from torch import Tensor

from gan_core import augment
from gan_core.families import loading, registry
from tests.helpers.small_families import batch

SIZE = 32
BRIGHT, HARD, MOVED, CUT = range(4)
JUDGED = sorted(
    family
    for family in {preset.family for preset in registry.presets().values()}
    if "augment" in {field.name for field in dataclasses.fields(loading.load_family(family).config)}
)


def pictures(count: int = 3, channels: int = 1) -> Tensor:
    return torch.rand(count, channels, SIZE, SIZE, generator=torch.Generator().manual_seed(0)) * 2 - 1


def numbers(change: int, *how: tuple[float, float]) -> Tensor:
    """Numbers that ask for one change alone, of each picture by so much: one or two of 0 to 1."""
    rows = torch.full((len(how), augment.NUMBERS), 0.5)
    first = {BRIGHT: 0, HARD: 1, MOVED: 2, CUT: 4}[change]
    rows[:, first : first + len(how[0])] = torch.tensor(how)
    rows[:, 6 + change] = 0.0
    return rows


def changed(images: Tensor, asked: Tensor) -> Tensor:
    return augment.augment(images, asked, 0.5)


@pytest.mark.parametrize("channels", [1, 3])
def test_nothing_happens_at_probability_zero(channels: int) -> None:
    images = pictures(channels=channels)
    assert torch.equal(augment.augment(images, torch.rand(3, augment.NUMBERS), 0.0), images)


def test_brightness_and_contrast() -> None:
    images = pictures()
    brighter = changed(images, numbers(BRIGHT, (0.0,), (0.5,), (1.0,)))
    torch.testing.assert_close(brighter - images, torch.tensor([-0.5, 0, 0.5])[:, None, None, None].expand_as(images))
    harder = changed(images, numbers(HARD, (0.0,), (0.5,), (1.0,)))
    torch.testing.assert_close(harder.mean((1, 2, 3)), images.mean((1, 2, 3)))
    torch.testing.assert_close(harder.std((1, 2, 3)) / images.std((1, 2, 3)), torch.tensor([0.5, 1, 1.5]))


def test_moved_by_whole_pixels() -> None:
    images, most = pictures(), SIZE // 8
    down, left, both = changed(images, numbers(MOVED, (1.0, 0.5), (0.5, 0.0), (0.0, 0.75)))
    assert torch.equal(down[:, most:], images[0, :, :-most])
    assert torch.equal(left[..., :-most], images[1, ..., most:])
    assert torch.equal(both[:, :-most, most // 2 :], images[2, :, most:, : -most // 2])
    for part in (down[:, :most], left[..., -most:], both[:, -most:], both[..., : most // 2]):
        assert not part.any()


def test_a_square_is_taken_out_and_may_hang_over() -> None:
    images, half = pictures(), SIZE // 2
    inside, corner, edge = changed(images, numbers(CUT, (0.5, 0.5), (0.0, 0.0), (0.5, 1.0)))
    quarter = half // 2
    assert not inside[:, quarter:-quarter, quarter:-quarter].any()
    assert (inside == 0).sum() == half * half
    assert not corner[:, :quarter, :quarter].any()
    assert (corner == 0).sum() == quarter * quarter
    assert torch.equal(edge[..., :-quarter], images[2, ..., :-quarter])
    assert (edge == 0).sum() == half * quarter


def test_each_change_has_its_own_chance_and_each_picture_its_own_numbers() -> None:
    count = 4000
    images = torch.full((count, 1, 8, 8), 0.9)
    drawn = torch.rand(count, augment.NUMBERS, generator=torch.Generator().manual_seed(1))
    shown = augment.augment(images, drawn, 0.3)
    brighter = shown.amax((1, 2, 3)) > 0.9001
    assert brighter.float().mean().item() == pytest.approx(0.15, abs=0.03)
    untouched = (shown == images).flatten(1).all(1).float().mean().item()
    # An even grey has no contrast, and 8 pixels move by one or not at all: in a third of the cases by none.
    assert untouched == pytest.approx(0.7 * 0.7 * (0.7 + 0.3 * 0.25), abs=0.04)


def test_gradients_flow_and_have_a_derivative() -> None:
    images = pictures().requires_grad_()
    shown = augment.augment(images, torch.rand(3, augment.NUMBERS, generator=torch.Generator().manual_seed(2)))
    (gradient,) = torch.autograd.grad(shown.pow(3).sum(), images, create_graph=True)
    assert gradient.abs().sum() > 0
    (second,) = torch.autograd.grad(gradient.square().sum(), images)
    assert torch.isfinite(second).all()
    assert second.abs().sum() > 0


def test_full_precision_under_autocast() -> None:
    drawn = torch.rand(3, augment.NUMBERS, generator=torch.Generator().manual_seed(2))
    with torch.autocast("cpu", torch.bfloat16):
        shown = augment.augment(pictures(), drawn)
    assert torch.equal(shown, augment.augment(pictures(), drawn))


def build(name: str, **changes: object) -> loading.Family:
    definition = loading.load_family(name)
    settings = next(iter(definition.presets.values()))
    if definition.family.task == "translate":
        narrow = {"width": 4, "max_width": 8, "heads": 8, "discriminator_width": 4, "blocks": 2}
        changes |= {key: value for key, value in narrow.items() if hasattr(settings, key)}
    torch.manual_seed(0)
    return definition.family(dataclasses.replace(settings, **changes), (1, SIZE, SIZE), 2)


@pytest.mark.parametrize("name", JUDGED)
def test_switched_off_it_costs_no_random_number(name: str) -> None:
    family, (real, _) = build(name), batch(SIZE)
    torch.manual_seed(1)
    assert family.shown(real) is real
    drawn = torch.rand(2)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(2), drawn)
    assert "augment/p" not in family.columns
    assert not any("augment" in key for key in family.state_dict())


@pytest.mark.parametrize("name", JUDGED)
def test_every_family_learns_from_what_is_shown(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step goes through augmentation in every place, and a checkpoint holds all that the next step needs."""
    family = build(name, augment="adaptive")
    family.augment_p.fill_(0.9)
    seen: list[int] = []

    def counted(images: Tensor, drawn: Tensor, probability: Tensor) -> Tensor:
        seen.append(len(images))
        return original(images, drawn, probability)

    original = augment.augment
    monkeypatch.setattr(augment, "augment", counted)
    scalars = family.train_step(*batch(SIZE))
    assert set(scalars) == set(family.columns)
    assert all(torch.isfinite(value) for value in scalars.values())
    assert scalars["augment/p"].item() == pytest.approx(0.9)
    # Real and generated pictures for the discriminator, generated ones for the generator; one way of two is half.
    assert sum(seen) >= 3 * len(batch(SIZE)[0]) // (1 + family.one_way)
    again = build(name, augment="adaptive")
    with torch.no_grad():
        again.load_training_state(*copy.deepcopy(family.training_state()))
    again.step = family.step
    ends = []
    for each in (family, again):
        torch.manual_seed(7)
        each.train_step(*batch(SIZE))
        ends.append(each.state_dict())
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])
