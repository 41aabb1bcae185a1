"""What steers adaptive augmentation: held-out pictures beside training ones of the same class, and nothing else."""

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor

from gan_core import cli
from gan_core.errors import UserError
from gan_core.families import loading
from gan_core.runs import Run
from gan_core.training import ada, checkpoints
from tests.helpers import training

SIZE = 32
BRIGHT = 200  # grey of the training pictures, where held-out ones are black


def build(name: str = "dcgan", classes: int = 2, **changes: object) -> loading.Family:
    definition = loading.load_family(name)
    settings = next(iter(definition.presets.values()))
    narrow = {"width": 4, "max_width": 8, "heads": 8, "discriminator_width": 4, "blocks": 2, "augment": "adaptive"}
    changes = {key: value for key, value in narrow.items() if hasattr(settings, key)} | changes
    torch.manual_seed(0)
    return definition.family(dataclasses.replace(settings, **changes), (1, SIZE, SIZE), classes)


def part(labels: list[int], grey: int) -> tuple[Tensor, Tensor]:
    return torch.full((len(labels), 1, SIZE, SIZE), grey, dtype=torch.uint8), torch.tensor(labels)


def controller(family: loading.Family, training: list[int], held_out: list[int]) -> ada.Controller:
    return ada.Controller(family, (part(training, BRIGHT), part(held_out, 0)), batch_size=500, seed=0)


def steps(one: ada.Controller, count: int) -> None:
    for _ in range(count):
        one.family.step += 1
        one.update()


BOTH = [0, 1] * 20
STEP = ada.EVERY * 500 / ada.RISE


def by_brightness(images: Tensor, labels: Tensor, z: Tensor | None) -> Tensor:
    """Scores of who has seen the training pictures before: they are the bright ones."""
    return images.mean((1, 2, 3))


def test_the_probability_follows_what_is_known_too_well(monkeypatch: pytest.MonkeyPatch) -> None:
    family = build()
    one = controller(family, BOTH, BOTH)
    monkeypatch.setattr(family, "score", by_brightness)
    steps(one, ada.EVERY - 1)
    assert family.augment_known == 0.5
    steps(one, 8 * ada.EVERY)
    assert family.augment_known > ada.TARGET
    assert family.augment_p.item() == pytest.approx(4 * STEP)  # of eight looks, four with a mean above the target
    monkeypatch.setattr(family, "score", lambda images, labels, z: torch.zeros(len(images)))
    steps(one, 40 * ada.EVERY)
    assert family.augment_known < ada.TARGET
    assert family.augment_p == 0


def test_the_probability_stays_below_1(monkeypatch: pytest.MonkeyPatch) -> None:
    family = build()
    family.augment_p.fill_(1 - STEP / 2)
    family.augment_known.fill_(0.9)
    monkeypatch.setattr(family, "score", by_brightness)
    steps(controller(family, BOTH, BOTH), 2 * ada.EVERY)
    assert family.augment_p == 1


def test_training_goes_on_as_if_nobody_had_looked() -> None:
    family = build(normalize=True, dropout=0.2)
    family.train()
    before = {key: value.clone() for key, value in family.state_dict().items() if "augment" not in key}
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    steps(controller(family, BOTH, BOTH), ada.EVERY)
    assert torch.equal(torch.rand(2), expected)
    assert family.training and family.discriminator.training
    assert all(torch.equal(family.state_dict()[key], value) for key, value in before.items())


def test_classes_are_compared_with_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what the classes' shares are, nor where the logits of a class lie, says what is known by heart."""
    family = build("cgan")
    monkeypatch.setattr(family, "score", lambda images, labels, z: labels.float())
    steps(controller(family, [0] * 5 + [1] * 50, [0] * 50 + [1] * 5), 4 * ada.EVERY)
    assert family.augment_known.item() == pytest.approx(0.5)
    monkeypatch.setattr(family, "score", lambda images, labels, z: images.mean((1, 2, 3)) + 50 * labels)
    steps(controller(family, [0] * 5 + [1] * 50, [0] * 20 + [1] * 20), ada.EVERY)
    assert family.augment_known.item() == pytest.approx(0.5 + 0.5 * ada.EMA_WEIGHT)
    strange = controller(family, [0] * 20, [0] * 35 + [1] * 5)  # of a class that nobody trains on
    assert strange.eligible.tolist() == list(range(35))


def test_a_pair_is_looked_at_together(monkeypatch: pytest.MonkeyPatch) -> None:
    family = build("pix2pix")
    grey = torch.arange(80, dtype=torch.uint8)[:, None, None, None].expand(80, 1, SIZE, SIZE) * 3
    both = (grey, torch.tensor([0, 1] * 40))
    seen: list[Tensor] = []

    def discriminator(pairs: Tensor) -> Tensor:
        seen.append(pairs.mean((2, 3)))
        return torch.zeros(len(pairs), 1, 2, 2)

    for name in ("discriminator_a", "discriminator_b"):
        monkeypatch.setattr(getattr(family, name), "forward", discriminator)
    steps(ada.Controller(family, (both, both), 8, 0), ada.EVERY)
    assert len(seen) == 4
    for pairs in seen:
        apart = ((pairs[:, 0] - pairs[:, 1]) * 127.5 / 3).round().abs()  # image 2k of A belongs to image 2k + 1 of B
        assert torch.equal(apart, torch.ones_like(apart))


def test_a_bigan_is_asked_with_the_code_that_it_learns_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the picture as it was, by the encoder in training: averages are fresh in the writing process alone."""
    family = build("bigan")
    seen: list[Tensor] = []
    whole = family.encoder.forward
    monkeypatch.setattr(family.encoder, "forward", lambda images: (seen.append(images), whole(images))[1])
    family.augment_p.fill_(1.0)
    steps(controller(family, BOTH, BOTH), ada.EVERY)
    assert [sorted(images.unique().tolist()) for images in seen] == [[pytest.approx(BRIGHT / 127.5 - 1)], [-1.0]]


def test_of_one_way_only_the_domain_that_is_judged() -> None:
    one = controller(build("cut"), [0] * 8 + [1] * 8, [0] * 40 + [1] * 40)
    assert one.eligible.tolist() == list(range(40, 80))


def test_processes_go_on_with_the_same_number(monkeypatch: pytest.MonkeyPatch) -> None:
    family = build()
    family.share, family.reduce = (0, 2), lambda own: (own + 0.5) / 2  # the other one knows nothing
    monkeypatch.setattr(family, "score", by_brightness)
    steps(controller(family, BOTH, BOTH), ada.EVERY)
    assert family.augment_known.item() == pytest.approx(0.5 + 0.25 * ada.EMA_WEIGHT)


def test_too_few_held_out_pictures_are_refused_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match=r"needs at least 32 held-out images, but there are 3: use augment=fixed"):
        controller(build(), BOTH, [0, 1, 0])
    source = training.make_pictures(tmp_path / "shapes")
    options = ["--set", "augment=adaptive", *training.small("dcgan")[1]]
    assert cli.main(training.arguments("dcgan", source, tmp_path / "runs", "run", 1, *options)) == 2
    assert "use augment=fixed, or more data" in capsys.readouterr().err
    assert not (tmp_path / "runs" / "run").exists()


def test_a_run_logs_it_and_its_checkpoints_hold_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That a killed run goes on to the same end, with the same looks, is `test_kills.py`'s."""
    monkeypatch.setattr(ada, "TARGET", 0.0)  # whatever is known is too much
    source = training.make_pictures(tmp_path / "shapes", per_class=160)
    options = ["--set", "augment=adaptive", *training.small("dcgan")[1]]
    run = Run(training.train("dcgan", source, tmp_path, "run", 1, *options))
    table = run.metrics()
    table.poll()
    risen = table.column("augment/p")
    assert risen[0] == 0 and risen[-1] > 0
    _, tensors, _, _ = checkpoints.newest(run)
    assert tensors["family.augment_p"].item() == pytest.approx(8 * ada.EVERY * 8 / ada.RISE)
    assert tensors["family.augment_known"] != 0.5
