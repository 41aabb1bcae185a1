"""A generator's networks are thinner at the resolutions that small images do not have."""

import dataclasses
from pathlib import Path

import pytest

from gan_core.config import IMAGE_SIZES
from gan_core.families import loading, registry, widths
from gan_core.nets import stages
from gan_core.run_options import RunOptions
from gan_core.training import run_plan


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("r3gan", (20, 20, 10, 5)),
        ("dcgan", (32, 32, 16, 8)),
        ("dcgan_baseline", (32, 32, 32, 32)),  # lists its layers
        ("cyclegan_unet", (64, 64, 64, 64)),  # translates
    ],
)
def test_the_width_of_a_preset_is_halved_for_each_doubling_beyond_64_px(preset: str, expected: tuple[int, ...]) -> None:
    entry = registry.find_preset(preset)
    assert tuple(loading.preset_settings(entry, size).width for size in IMAGE_SIZES) == expected
    assert loading.preset_settings(entry, 256, ["width=24"]).width == 24


@pytest.mark.parametrize("preset", registry.presets())
def test_the_app_is_told_the_width_that_is_trained(preset: str) -> None:
    """The registry reads it from the source, as it must not import torch."""
    entry = registry.find_preset(preset)
    used = [getattr(loading.preset_settings(entry, size), "width", 0) for size in IMAGE_SIZES]
    told = [entry.default_width(size) for size in IMAGE_SIZES]
    assert told == used or (told == [0] * 4 and len(set(used)) == 1)


def test_every_stage_of_the_smaller_size_keeps_its_channels() -> None:
    """So a run can begin with the weights of a smaller one."""
    own = loading.load_family("r3gan").presets["r3gan"]
    for size in (64, 128):
        small = stages(size, widths.at_size(own.width, 64, size), own.max_width)
        assert stages(2 * size, widths.at_size(own.width, 64, 2 * size), own.max_width)[:-1] == small


def test_a_plug_in_without_the_trait_keeps_its_own_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading.load_family("r3gan").family, "width_at", 0)
    entry = dataclasses.replace(registry.find_preset("r3gan"), width_at=0)
    assert loading.preset_settings(entry, 256).width == entry.default_width(256) == 20


def test_a_run_records_the_width_and_costs_what_it_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANRAY_CACHE", str(tmp_path))
    options = RunOptions("dcgan", "phantom:cxr?images=24", batch_size=4, image_size=128, precision="32-true")
    run_config, _ = run_plan.plan(dataclasses.replace(options, settings=("max_width=32",)))
    assert run_config.settings["width"] == 16
    full, thin = (run_plan.cost("r3gan", 128, settings=settings) for settings in (("width=20",), ()))
    assert 2 < full / thin < 4
