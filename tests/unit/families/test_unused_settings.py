"""A setting that a family's networks do not use is known as such, refused, and left off the card."""

import dataclasses
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from gan_core import cli, config
from gan_core.errors import UserError
from gan_core.export import hub_folder
from gan_core.families import loading, registry
from gan_core.run_options import RunOptions
from gan_core.runs import Run
from gan_core.training import early_checks
from tests.helpers.untrained import untrained

# Drawn noise has no lungs, which the graded family needs.
PRESETS = [preset.name for preset in registry.presets().values() if not (preset.traits.graded or preset.module)]
TINY = {"width": 4, "max_width": 8, "latent_size": 6, "discriminator_width": 4, "heads": 8, "judge": 8, "blocks": 1}
SIZE, IMAGES = 32, 4


def read_by(preset: str, *pairs: str) -> tuple[dict[str, Any], set[str]]:
    """The settings of a preset, with few channels; and those that its networks and two steps of them look at."""
    own = loading.load_family(registry.find_preset(preset).family)
    base = own.presets[preset]
    lists = {name: (8,) * len(value) for name, value in vars(base).items() if isinstance(value, tuple) and value}
    lists.pop("strides", None)
    tiny = dataclasses.replace(base, **{name: value for name, value in TINY.items() if hasattr(base, name)} | lists)
    given = config.parse_settings(own.config, tiny, list(pairs))
    read: set[str] = set()

    class Watched(own.config):  # type: ignore[misc, name-defined]
        def __getattribute__(self, name: str) -> Any:
            read.add(name)
            return super().__getattribute__(name)

    names = [field.name for field in dataclasses.fields(own.config)]
    torch.manual_seed(0)
    built = own.family(Watched(**vars(given)), (1, SIZE, SIZE), 2)
    built.train()
    for _ in range(2):
        built.train_step(torch.rand(IMAGES, 1, SIZE, SIZE) * 2 - 1, torch.arange(IMAGES) // 2)
        built.step += 1
    if built.task == "generate":
        built.eval().sample(torch.randn(IMAGES, built.latent_size), torch.arange(IMAGES) % 2)
    return config.to_dict(given), read & set(names)


@pytest.mark.parametrize(
    ("preset", "pairs"),
    [
        *((preset, ()) for preset in PRESETS),
        ("cgan", ("pixelwise=yes", "r1=0")),
        ("dcgan", ("generator=8,8,8",)),
        ("acgan", ("r1=0",)),
        ("r3gan", ("r1=0",)),
    ],
)
def test_exactly_the_settings_that_nothing_looks_at_are_unused(preset: str, pairs: tuple[str, ...]) -> None:
    settings, read = read_by(preset, *pairs)
    family = registry.find_preset(preset).family
    hints = {field.name: field.type for field in dataclasses.fields(loading.load_family(family).config)}
    only_one_value = {name for name, hint in hints.items() if len(get_args(hint)) == 1}
    assert settings.keys() - read - only_one_value == registry.unused(family, settings).keys()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "train dcgan_unet --set dropout=0.5",
            "'dcgan_unet' do not use it, only those with pixelwise=no do: leave it out",
        ),
        ("train dcgan_baseline --set lr=0.1 --set width=8", "only those with an empty generator do: leave it out"),
        ("train cyclegan_unet_light --set change=yes", "only those with generator=resnet do: leave it out"),
        ("train dcgan --set generator=8,8,8 --set width=8", "only those with an empty generator do: leave it out"),
        ("compare gan_baseline dcgan_baseline --set r1_every=2", "only those with r1 other than 0 do: leave it out"),
        ("compare gan gan_baseline --set r1_every=2 --set r1=1 --epochs 0", "--epochs 0 is too small"),
    ],
)
def test_a_setting_that_does_nothing_is_refused(
    words: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*words.split(), "--data", "phantom:cxr", "--runs", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_the_run_that_it_begins_with_decides_what_is_used(tmp_path: Path) -> None:
    own = config.to_dict(loading.load_family("cgan").presets["cgan"])
    untrained(tmp_path, "small", settings=own | {"network": "perceptron", "generator": [8], "discriminator": [8, 8]})
    asked = RunOptions("cgan", "phantom:cxr", image_size=32, grow_from="small", settings=("dropout=0.5",))
    early_checks.checked(asked, tmp_path)
    with pytest.raises(UserError, match="only those with network=convolutional do"):
        early_checks.checked(dataclasses.replace(asked, settings=("width=8",)), tmp_path)


def test_an_older_run_with_such_a_setting_is_read_and_its_card_leaves_it_out(tmp_path: Path) -> None:
    own = config.to_dict(loading.load_family("dcgan").presets["dcgan_unet"])
    settings = own | {"dropout": 0.5, "width": 4, "max_width": 8, "latent_size": 6}
    run = untrained(tmp_path, "old", "dcgan_unet", settings=settings)
    assert Run(run.folder, tmp_path).config().settings["dropout"] == 0.5
    card = (hub_folder.write(run, "me/old", tmp_path / "out") / "README.md").read_text()
    assert "`width=4`" in card and "dropout" not in card and "kernel" not in card
