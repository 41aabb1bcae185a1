"""Opacity: a step on drawn chests, what it paints by construction, and a run from training to a translated file."""

from pathlib import Path

import numpy as np
import pytest
import torch

from gan_core import cli, images, inference
from gan_core.anatomy import lung_view
from gan_core.data.readers.phantom import drawer
from gan_core.errors import UserError
from gan_core.families.opacity import Config, Opacity
from gan_core.inference import translation
from gan_core.runs import Run
from tests.helpers.training import train

NARROW = {"widths": (8, 8, 16), "discriminator_widths": (8, 8, 8, 16)}
HEALTHY, SICK = (
    np.stack([np.rint(255 * drawer("cxr").draw(kind, seed, 64).image) for seed in (1, 2, 3, 4)]).astype(np.uint8)[
        :, None
    ]
    for kind in ("normal", "covid")
)


@pytest.fixture
def family() -> Opacity:
    torch.manual_seed(0)
    made = Opacity(Config(**NARROW), (1, 64, 64), 2)
    made.steps = 10
    return made


def real() -> torch.Tensor:
    return images.to_float(torch.from_numpy(np.concatenate((HEALTHY, SICK))))


def test_a_step_moves_every_network_and_measures_everything(family: Opacity) -> None:
    before = {name: value.clone() for name, value in family.named_parameters() if "averages" not in name}
    found = family.train_step(real(), torch.arange(8) // 4)
    assert set(family.columns) <= set(found) and all(bool(torch.isfinite(value)) for value in found.values())
    family.step = 1
    family.train_step(real(), torch.arange(8) // 4)
    still = [name for name, value in family.named_parameters() if name in before and torch.equal(value, before[name])]
    assert still == []


def test_it_starts_as_the_drawn_pattern(family: Opacity) -> None:
    from gan_core.anatomy import drawn_opacity

    views = lung_view.look(HEALTHY.transpose(0, 2, 3, 1)).views()
    noise = drawn_opacity.noise(range(len(views)))
    for found, drawn in zip(family.generator(views, noise), drawn_opacity.pattern(views, noise), strict=True):
        torch.testing.assert_close(found, drawn, atol=1e-5, rtol=1e-4)


def test_severities_are_those_of_the_sick_images(family: Opacity) -> None:
    """The quantiles of the mean opacity that the reader finds, and the same after another look."""
    pictures, labels = torch.from_numpy(np.concatenate((HEALTHY, SICK))), torch.arange(8) // 4
    family.study(pictures, labels)
    found = family.generator.quantiles.clone()
    assert float(found[0]) == 0 and bool((found.diff() >= 0).all()) and float(found[-1]) > 0.02
    family.study(pictures, labels)
    assert torch.equal(found, family.generator.quantiles)
    assert torch.equal(found, family.averaged("generator").quantiles)


def test_images_without_lungs_are_a_clear_line(family: Opacity) -> None:
    noise = torch.linspace(0, 255, 64).byte().expand(8, 1, 64, 64).contiguous()  # a ramp
    with pytest.raises(UserError, match=r"lungs were found in 0 of 4 images of domain A: .* choose another preset"):
        family.study(noise, torch.arange(8) // 4)
    assert all(
        bool(torch.isfinite(value))
        for value in family.train_step(images.to_float(noise), torch.arange(8) // 4).values()
    )
    kept, maps = family.translated(images.to_float(noise), 1, 0.7, range(8))
    assert torch.equal(kept, images.to_float(noise)) and float(maps.abs().max()) == 0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("runs")
    narrow = [word for key in NARROW for word in ("--set", f"{key}={','.join(map(str, NARROW[key]))}")]
    more = ["--domains", "normal,covid", "--size", "64", "--batch-size", "4", *narrow]
    return Run(train("opacity", "phantom:cxr?images=80&seed=3", root, "haze", 1, *more), root)


def chest(size: int = 200) -> np.ndarray:
    return drawer("cxr").draw("normal", 99, size).image[..., None].astype(np.float32)


def test_a_run_paints_and_clears_and_says_so(run: Run) -> None:
    model = inference.load(run)
    assert model.graded and model.targets == ("normal", "covid")
    done = translation.translate_picture(model, chest(), "covid", severity=1.0, seed=4)
    assert (done.severity, done.seed) == (1.0, 4) and done.opacity is not None
    change = done.change[..., 0]
    soft = torch.nn.functional.interpolate(lung_view.look(done.before[None]).plane("soft"), (64, 64), mode="bilinear")
    assert float(np.abs(change[soft[0, 0].numpy() == 0]).max()) == 0 < float(change.max())
    assert done.cycled is not None and np.abs(done.cycle_error).mean() <= np.abs(change).mean()
    back = translation.translate_picture(model, chest(), "normal")
    assert back.severity is None and float(back.change.max()) <= 0


def test_severity_0_gives_the_picture_back_at_every_size(run: Run) -> None:
    model, picture = inference.load(run), chest(300)
    done = translation.translate_picture(model, picture, "covid", cycle=False, severity=0)
    assert np.array_equal(done.before, done.after)
    assert np.array_equal(translation.whole(model, picture, done), np.rint(picture * 255).astype(np.uint8))


def test_a_large_picture_is_painted_in_its_own_detail(run: Run) -> None:
    """Outside the lungs nothing changes; inside it is like the small translation, but for the picture's own detail."""
    model, picture = inference.load(run), chest(700)
    done = translation.translate_picture(model, picture, "covid", cycle=False, severity=1)
    made = translation.whole(model, picture, done).astype(np.float32) / 255 - picture
    assert made.shape == (700, 700, 1)
    assert float((np.abs(made) > 0.5 / 255 + 1e-6).mean()) < 0.6 and float(made.max()) > 0.05
    coarse = translation.at_original_size(picture, done, model.config.fit).astype(np.float32) / 255 - picture
    assert np.corrcoef(made.ravel(), coarse.ravel())[0, 1] > 0.8


def test_what_cannot_be_painted_is_one_line(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = inference.load(run)
    noise = np.random.default_rng(0).random((64, 64, 1)).astype(np.float32)
    with pytest.raises(UserError, match="two lungs were not found in this image"):
        translation.translate_picture(model, noise, "covid")
    with pytest.raises(UserError, match=r"a severity of 1\.5: use a number from 0 to 1"):
        translation.translate_picture(model, chest(), "covid", severity=1.5)
    path = tmp_path / "noise.png"
    images.save_png(path, (255 * noise).astype(np.uint8))
    command = ["translate", "haze", str(path), "--to", "covid", "--out", str(tmp_path / "out"), "--insist"]
    assert cli.main([*command, "--runs", str(run.root)]) == 2
    assert "two lungs were not found" in capsys.readouterr().err


def test_seeds_give_other_patterns(run: Run) -> None:
    model = inference.load(run)
    pictures = np.repeat((255 * chest(64)).round().astype(np.uint8)[None], 3, 0)
    made, maps = model.paint(pictures, "covid", severity=1, seed=7)
    again, _ = model.paint(pictures[:1], "covid", severity=1, seed=8)
    assert np.array_equal(made[1], again[0]) and not np.array_equal(made[0], made[1])
    assert float(np.abs(maps[0] - maps[1]).mean()) > 0.01
