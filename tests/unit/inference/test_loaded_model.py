"""Using a trained run: every preset's weights load again and give the same pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan_core import cli, inference
from gan_core.config import to_dict
from gan_core.errors import UserError
from gan_core.families import loading, registry
from gan_core.runs import Run
from tests.helpers.training import make_pictures, small, train


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    pictures = make_pictures(root.parent / "inference-source", 30)
    for preset in ("gan", "cgan", "bigan"):
        train(preset, pictures, root, preset, 1, *small(preset)[1])
    return root


@pytest.mark.parametrize("name", ["gan", "cgan", "bigan"])
def test_a_picture_depends_on_seed_and_number_alone(name: str, runs: Path) -> None:
    model = inference.load(Run(runs / name))
    many, labels = model.generate(70, seed=3)
    few, few_labels = model.generate(5, seed=3)
    assert many.shape == (70, 32, 32, 1)
    assert many.dtype == np.uint8
    assert labels[:5] == few_labels
    assert np.abs(many[:5].astype(int) - few).max() <= 1  # other batch sizes round otherwise
    other, _ = model.generate(5, seed=4)
    assert not np.array_equal(other, few)


def test_classes_are_chosen_or_drawn_in_the_datas_proportions(runs: Path) -> None:
    model = inference.load(Run(runs / "cgan"))
    assert model.classes == ("bar", "disc")
    pictures, labels = model.generate(4, label="disc")
    assert labels == ["disc"] * 4
    assert not np.array_equal(pictures, model.generate(4, label="bar")[0])
    _, drawn = model.generate(400, seed=1)
    share = model.config.class_counts[0] / model.config.train_images
    assert drawn.count("bar") / 400 == pytest.approx(share, abs=0.08)
    with pytest.raises(UserError, match="Did you mean 'disc'"):
        model.generate(1, label="disk")
    with pytest.raises(UserError, match="not conditional"):
        inference.load(Run(runs / "gan")).generate(1, label="disc")


def test_the_way_between_two_classes_begins_and_ends_at_them(runs: Path) -> None:
    model = inference.load(Run(runs / "cgan"))
    way = model.between(3, "disc", "bar", (0, 0.5, 1), seed=2)
    assert way.shape == (3, 3, 32, 32, 1)
    assert way.dtype == np.uint8
    ends = [model.generate(3, label=name, seed=2)[0].astype(int) for name in ("disc", "bar")]
    assert np.abs(way[0] - ends[0]).max() <= 1
    assert np.abs(way[2] - ends[1]).max() <= 1
    whole = np.abs(ends[0] - ends[1]).mean()
    assert all(0 < np.abs(way[1] - end).mean() < whole for end in ends)
    with pytest.raises(UserError, match=r"use numbers from 0 to 1"):
        model.between(3, "disc", "bar", (0, 1.5))
    with pytest.raises(UserError, match="Did you mean 'disc'"):
        model.between(3, "disk", "bar", (0,))
    with pytest.raises(UserError, match="not conditional"):
        inference.load(Run(runs / "gan")).between(3, "disc", "bar", (0,))


@pytest.mark.parametrize("preset", [p.name for p in registry.presets().values() if p.traits.conditional])
def test_every_conditional_generator_takes_shares_of_classes(preset: str) -> None:
    torch.manual_seed(0)
    entry = registry.find_preset(preset)
    settings = to_dict(loading.load_family(entry.family).presets[preset])
    family = loading.build(entry.family, settings, (1, 32, 32), 3, training=False).eval()
    z, labels = torch.randn(3, family.latent_size), torch.tensor([0, 1, 2])
    with torch.inference_mode():
        plain = family.sample(z, labels)
        shares = torch.nn.functional.one_hot(labels, 3).float()
        torch.testing.assert_close(family.sample(z, shares), plain)
        assert not torch.allclose(family.sample(z, shares.flip(0)), plain)


def test_encode_reconstruct_interpolate_score(runs: Path) -> None:
    model = inference.load(Run(runs / "bigan"))
    pictures, _ = model.generate(3)
    assert model.encode(pictures).shape == (3, 100)
    assert model.reconstruct(pictures).shape == pictures.shape
    assert model.score(pictures).shape == (3,)
    way = model.interpolate((1, 2), 5)
    assert way.shape == (5, 32, 32, 1)
    assert np.abs(way[0].astype(int) - model.generate(1, seed=1)[0][0]).max() <= 1
    assert np.abs(way[-1].astype(int) - model.generate(1, seed=2)[0][0]).max() <= 1
    with pytest.raises(UserError, match="resize"):
        model.encode(np.zeros((1, 64, 64, 1), np.uint8))
    with pytest.raises(UserError, match="no encoder"):
        inference.load(Run(runs / "gan")).encode(pictures)


def test_the_way_between_two_seeds_stays_in_one_class(runs: Path) -> None:
    model = inference.load(Run(runs / "cgan"))
    drawn = {seed: model.generate(1, seed=seed)[1][0] for seed in range(20)}
    for label in model.classes:
        seed = next(seed for seed, name in drawn.items() if name == label)
        assert np.array_equal(model.interpolate((seed, 30), 6), model.interpolate((seed, 30), 6, label=label))


def test_generate_writes_nothing_but_named_pictures(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    command = ["generate", "cgan", "--runs", str(runs), "--num", "3", "--label", "bar", "--out", str(out)]
    assert cli.main(command) == 0
    assert sorted(path.name for path in out.iterdir()) == ["bar_00000.png", "bar_00001.png", "bar_00002.png"]
    with Image.open(out / "bar_00000.png") as picture:
        assert picture.size == (32, 32)
        assert picture.mode == "L"
        assert picture.text["Description"] == "synthetic, not for diagnosis"
    again = tmp_path / "again"
    assert cli.main([*command[:-1], str(again)]) == 0
    assert (again / "bar_00002.png").read_bytes() == (out / "bar_00002.png").read_bytes()


def test_weights_that_are_missing_damaged_or_of_another_shape(runs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    source = runs / "gan"
    (folder / "config.json").write_bytes((source / "config.json").read_bytes())
    with pytest.raises(UserError, match="has no weights"):
        inference.load(Run(folder))
    content = (source / "weights.safetensors").read_bytes()
    (folder / "weights.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="damaged"):
        inference.load(Run(folder))
    (folder / "weights.safetensors").write_bytes((runs / "bigan" / "weights.safetensors").read_bytes())
    with pytest.raises(UserError, match="does not fit"):
        inference.load(Run(folder))


def test_loading_draws_no_random_number_that_matters(runs: Path) -> None:
    torch.manual_seed(1)
    first, _ = inference.load(Run(runs / "gan")).generate(2)
    torch.manual_seed(2)
    second, _ = inference.load(Run(runs / "gan")).generate(2)
    assert np.array_equal(first, second)
