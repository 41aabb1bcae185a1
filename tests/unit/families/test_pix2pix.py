"""pix2pix: its losses, what keeps pairs together, and what a run of it leaves behind."""

import json
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from gan_core import cli, images, inference, losses
from gan_core.families import loading
from gan_core.families.pix2pix import PRESETS, Config, Pix2Pix
from gan_core.runs import Run
from tests.helpers.training import SMALL, arguments, make_pairs, make_pictures, small, train

NARROW = {"width": 4, "max_width": 8, "discriminator_width": 4}


def build(**changes: object) -> Pix2Pix:
    torch.manual_seed(0)
    return Pix2Pix(Config(**{**NARROW, **changes}), (1, 32, 32), 2)


def real(count: int = 2) -> torch.Tensor:
    return torch.rand(2 * count, 1, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_the_losses_are_the_papers() -> None:
    """Against the losses written out again, with separate passes."""
    family = build(zoom=0.0)
    a, b = real(1).chunk(2)
    with torch.no_grad():
        fake_b, fake_a = family.generator_ab(a), family.generator_ba(b)
        on_b = [family.discriminator_b(torch.cat((a, other), 1)) for other in (b, fake_b)]
        on_a = [family.discriminator_a(torch.cat((b, other), 1)) for other in (a, fake_a)]
        expected = {
            "loss/g_ab": losses.generator(on_b[1]),
            "loss/g_ba": losses.generator(on_a[1]),
            "loss/absolute_ab": (fake_b - b).abs().mean(),
            "loss/absolute_ba": (fake_a - a).abs().mean(),
        }
    scalars = family.train_step(real(1), torch.tensor([0, 1]))
    for name, value in expected.items():
        torch.testing.assert_close(scalars[name], value, atol=1e-4, rtol=1e-3)
    assert all(torch.isfinite(p.grad).all() for player in family.players.values() for p in player.parameters)


def test_one_window_for_both_of_a_pair() -> None:
    ramp = torch.linspace(-1, 1, 32).expand(8, 1, 32, 32)
    pairs = torch.cat((ramp, -ramp))
    torch.manual_seed(0)
    first, second = build(zoom=0.3, mirror=True).jitter(pairs).chunk(2)
    torch.testing.assert_close(first, -second)
    assert len({round(float(picture[0, 0, 0]), 3) for picture in first}) > 4
    assert torch.equal(build(zoom=0.0).jitter(pairs), pairs)


def test_a_discriminator_sees_a_pair_changed_as_one_picture() -> None:
    """Where both of a pair are the same, they are still the same after augmentation."""
    family, seen = build(augment="fixed"), []
    family.discriminator_b.register_forward_pre_hook(lambda module, given: seen.append(given[0].detach()))
    given = real(4)
    family._patch_logits(family.discriminator_b, given, given)
    first, second = seen[0].chunk(2, 1)
    assert torch.equal(first, second) and not torch.equal(first, given)


def test_a_score_is_of_a_pair() -> None:
    family = build()
    pictures, partners, labels = real(2), real(2).flip(0), torch.tensor([0, 0, 1, 1])
    with torch.no_grad():
        found = family.score(pictures, labels, partners)
        expected = family.discriminator_b(torch.cat((partners[2:], pictures[2:]), 1)).mean((1, 2, 3))
        torch.testing.assert_close(found[2:], expected, atol=1e-4, rtol=1e-3)
        alone = family.score(pictures, labels)
        made = torch.cat((family.translate(pictures[:2], 1), family.translate(pictures[2:], 0)))
        torch.testing.assert_close(alone, family.score(pictures, labels, made), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("name", ["pix2pix", "cut"])
def test_two_processes_follow_one(name: str) -> None:
    """Two threads stand for processes with half of a batch each, and meet where gradients become their mean."""
    definition = loading.load_family(name)
    # All places, whose order does not matter to the loss: threads share one stream of random numbers.
    settings = {"patches": 1024, "blocks": 2, "heads": 8} if name == "cut" else {"max_width": 8}
    config = definition.config(width=4, discriminator_width=4, zoom=0.0, **settings)

    def make() -> loading.Family:
        torch.manual_seed(0)
        return definition.family(config, (1, 32, 32), 2)

    alone, several = make(), [make(), make()]
    meeting, given = threading.Barrier(2), [torch.zeros(())] * 2

    def mean(rank: int, value: torch.Tensor) -> torch.Tensor:
        given[rank] = value
        meeting.wait()
        found = torch.stack(given).mean(0)
        meeting.wait()
        return found

    def work(rank: int) -> None:
        family = several[rank]
        family.share, family.reduce = (rank, 2), lambda value: mean(rank, value)
        for _ in range(2):
            family.train_step(real(4)[rank::2], torch.arange(4) // 2)
            family.step += 1

    threads = [threading.Thread(target=work, args=(rank,)) for rank in (0, 1)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        alone.train_step(real(4), torch.arange(8) // 4)
        alone.step += 1
    for thread in threads:
        thread.join(60)
    for (key, expected), first, second in zip(
        alone.named_parameters(), several[0].parameters(), several[1].parameters(), strict=True
    ):
        assert torch.equal(first, second), key
        torch.testing.assert_close(first, expected, atol=5e-4, rtol=0)  # of steps of 2e-4, as Adam begins


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("runs")
    source = make_pairs(root / "pairs", 20)
    return Run(train("pix2pix_light", source, root, "rings", 2, *small("pix2pix")[1], "--domains", "disc,ring"))


def test_previews_show_the_true_partner(run: Run) -> None:
    assert run.config().pair_pattern is None
    assert list(run.private_samples()) == [0, 1, 2]
    sheets = [images.read_png(path)[..., 0].astype(int) for path in run.private_samples().values()]

    def cell(sheet: np.ndarray, row: int, column: int) -> np.ndarray:
        return sheet[2 + 34 * row :, 2 + 34 * column :][:32, :32]

    for sheet in sheets:
        for row in range(4):
            assert np.array_equal(cell(sheet, row, 0), cell(sheet, row, 5))  # the input of one way is the other's truth
            assert np.array_equal(cell(sheet, row, 2), cell(sheet, row, 3))
            assert not np.array_equal(cell(sheet, row, 0), cell(sheet, row, 2))
    epochs = pd.read_csv(run.folder / "epochs.csv")
    assert ((epochs[["change/ab", "change/ba", "error/ab", "error/ba"]] > 0).all()).all()
    assert "cycle_error/a" not in epochs
    assert set(Pix2Pix.columns) <= set(pd.read_csv(run.folder / "metrics.csv"))


def test_a_run_translates_both_ways_and_judges(run: Run) -> None:
    model = inference.load(run)
    pictures = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 1), dtype=np.uint8)
    assert model.targets == model.domains == ("disc", "ring")
    assert not np.array_equal(model.translate(pictures, "ring"), model.translate(pictures, "disc"))
    assert model.score(pictures, "disc").shape == (3,)


def test_presets_are_of_the_papers_size() -> None:
    """U-Nets of the paper have 54 million parameters, with a level more and 4 x 4 kernels both ways."""
    with torch.device("meta"):
        families_of = {name: Pix2Pix(settings, (1, 256, 256), 2, False) for name, settings in PRESETS.items()}
    millions = {name: sum(p.numel() for p in f.generator_ab.parameters()) / 1e6 for name, f in families_of.items()}
    assert 20 < millions["pix2pix"] < 54
    assert millions["pix2pix_light"] < 4


@pytest.mark.parametrize(
    ("preset", "options", "message"),
    [
        ("pix2pix_light", ["--data", "SHAPES"], "no more alike than others: give --pair-pattern"),
        ("pix2pix_light", ["--data", "phantom:mri?images=8"], "write phantom:mri?bodies=500"),
        ("pix2pix_light", ["--data", "phantom:colour?bodies=4"], "is drawn in colour: add --channels 3"),
        ("pix2pix_light", ["--data", "SHAPES", "--preview-inputs", "run:x"], "generated images have no partner"),
        ("cyclegan_unet_light", ["--data", "SHAPES", "--pair-pattern", "(.)"], "does not train on pairs"),
    ],
)
def test_what_has_no_pairs_is_one_line(
    preset: str, options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shapes = str(make_pictures(tmp_path / "shapes", 12)) if "SHAPES" in options else ""
    words = [shapes if word == "SHAPES" else word for word in options]
    assert cli.main(["train", preset, "--runs", str(tmp_path), *SMALL, "--epochs", "1", *words]) == 2
    said = capsys.readouterr().err
    assert message in said and said.splitlines()[-1].startswith("error: ")


def test_a_resumed_run_needs_the_same_pairs_and_split(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A picture under another name is another pair: the fingerprint holds the names."""
    source = make_pairs(tmp_path / "pairs", 12)
    assert cli.main(arguments("pix2pix_light", source, tmp_path, "mine", 1, *small("pix2pix")[1])) == 0
    status = tmp_path / "mine" / "status.json"
    status.write_text(status.read_text().replace("finished", "stopped"))
    # Should the same images be split in another way now, some that were held out would be trained on.
    config = tmp_path / "mine" / "config.json"
    before = config.read_text()
    counts = json.loads(before)["class_counts"]
    config.write_text(json.dumps(json.loads(before) | {"class_counts": [count - 1 for count in counts]}))
    assert cli.main(["resume", "mine", "--runs", str(tmp_path), "--device", "cpu"]) == 2
    assert "is now split in another way; train a new run" in capsys.readouterr().err
    config.write_text(before)
    for side in ("disc", "ring"):
        first, second = (source / side / f"pair{number:03d}.png" for number in (0, 1))
        held = first.read_bytes()
        first.write_bytes(second.read_bytes())
        second.write_bytes(held)
    assert cli.main(["resume", "mine", "--runs", str(tmp_path), "--device", "cpu"]) == 2
    assert "has changed since it began" in capsys.readouterr().err
