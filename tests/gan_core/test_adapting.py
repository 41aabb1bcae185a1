"""What steers adaptive augmentation: held-out pictures beside training ones of the same class, and nothing else."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from gan_core import adapting, augment, checkpoints, families
from gan_core.errors import UserError
from gan_core.runs import Run
from tests.gan_core import training

SIZE = 32
BRIGHT = 200  # grey of the training pictures, where held-out ones are black


def build(name: str = "dcgan", classes: int = 2, **changes: object) -> families.Family:
    definition = families.load_family(name)
    settings = next(iter(definition.presets.values()))
    narrow = {"width": 4, "most": 8, "heads": 8, "discriminator_width": 4, "blocks": 2, "augment": "adaptive"}
    changes = {key: value for key, value in narrow.items() if hasattr(settings, key)} | changes
    torch.manual_seed(0)
    return definition.family(dataclasses.replace(settings, **changes), (1, SIZE, SIZE), classes)


def part(labels: list[int], grey: int) -> tuple[Tensor, Tensor]:
    return torch.full((len(labels), 1, SIZE, SIZE), grey, dtype=torch.uint8), torch.tensor(labels)


def controller(family: families.Family, training: list[int], held_out: list[int]) -> adapting.Controller:
    return adapting.Controller(family, (part(training, BRIGHT), part(held_out, 0)), batch_size=500, seed=0)


def steps(one: adapting.Controller, count: int) -> None:
    for _ in range(count):
        one.family.step += 1
        one.see()


def test_the_probability_follows_what_is_known_too_well(monkeypatch: pytest.MonkeyPatch) -> None:
    family = build()
    one = controller(family, [0, 1] * 10, [0, 1] * 10)
    monkeypatch.setattr(family, "score", lambda images, labels, z: images.mean((1, 2, 3)))  # brighter: seen before
    steps(one, adapting.EVERY - 1)
    assert family.augment_known == 0.5
    steps(one, 8 * adapting.EVERY)
    assert family.augment_known > augment.TARGET
    assert 0 < family.augment_p <= 8 * adapting.EVERY * 500 / augment.RISE
    risen = float(family.augment_p)
    monkeypatch.setattr(family, "score", lambda images, labels, z: torch.zeros(len(images)))
    steps(one, 40 * adapting.EVERY)
    assert family.augment_known < augment.TARGET
    assert family.augment_p < risen


def test_training_goes_on_as_if_nobody_had_looked() -> None:
    family = build(normalize=True, dropout=0.2)
    family.train()
    before = {key: value.clone() for key, value in family.state_dict().items() if "augment" not in key}
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    steps(controller(family, [0, 1] * 10, [0, 1] * 10), adapting.EVERY)
    assert torch.equal(torch.rand(2), expected)
    assert family.training and family.discriminator.training
    assert all(torch.equal(family.state_dict()[key], value) for key, value in before.items())


def test_classes_are_compared_with_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the classes' shares differ between the parts, a discriminator that only knows classes knows nothing."""
    family = build("cgan")
    monkeypatch.setattr(family, "score", lambda images, labels, z: labels.float())
    steps(controller(family, [0] * 5 + [1] * 50, [0] * 50 + [1] * 5), 4 * adapting.EVERY)
    assert family.augment_known.item() == pytest.approx(0.5)
    strange = controller(family, [0] * 20, [0] * 5 + [1] * 5)  # of a class that nobody trains on
    assert strange.places.tolist() == [0, 1, 2, 3, 4]


def test_a_pair_is_looked_at_together(monkeypatch: pytest.MonkeyPatch) -> None:
    family = build("pix2pix")
    pictures, labels = (
        torch.arange(12, dtype=torch.uint8)[:, None, None, None].expand(12, 1, SIZE, SIZE) * 20,
        [0, 1] * 6,
    )
    both = (pictures, torch.tensor(labels))
    seen: list[tuple[Tensor, Tensor]] = []

    def score(images: Tensor, labels: Tensor, z: Tensor) -> Tensor:
        seen.append((images.mean((1, 2, 3)), z.mean((1, 2, 3))))
        return torch.zeros(len(images))

    monkeypatch.setattr(family, "score", score)
    steps(adapting.Controller(family, (both, both), 8, 0), adapting.EVERY)
    for images, partners in seen:
        apart = ((images - partners) * 127.5 / 20).round().abs()  # image 2k of A belongs to image 2k + 1 of B
        assert torch.equal(apart, torch.ones_like(apart))


def test_of_one_way_only_the_domain_that_is_judged() -> None:
    one = controller(build("cut"), [0] * 8 + [1] * 8, [0] * 8 + [1] * 8)
    assert one.places.tolist() == list(range(8, 16))


def test_too_few_held_out_pictures_are_named() -> None:
    with pytest.raises(UserError, match=r"there are 3 and it takes 4: take augment=fixed"):
        controller(build(), [0, 1] * 10, [0, 1, 0])


def test_a_run_logs_it_and_its_checkpoints_hold_it(tmp_path: Path) -> None:
    """That a killed run goes on to the same end, with the same looks, is `test_kills.py`'s."""
    source = training.make_pictures(tmp_path / "shapes")
    options = ["--set", "augment=adaptive", *training.small("dcgan")[1]]
    run = Run(training.train("dcgan", source, tmp_path, "run", 4, *options))
    table = run.metrics()
    table.poll()
    assert len(table.column("augment/p")) and np.isfinite(table.column("augment/p")).all()
    _, tensors, _, _ = checkpoints.newest(run)
    assert tensors["family.augment_known"] != 0.5
