"""Small runs for the tests, trained by the real command line on a few pictures."""

import dataclasses
from pathlib import Path

import numpy as np
from PIL import Image

from gan_core import cli
from gan_core.families import registry
from gan_core.families.loading import load_family

CHESTS = "phantom:cxr?images=80&seed=3"  # 20 of each class, drawn
SMALL = ["--size", "32", "--batch-size", "8", "--device", "cpu", "--precision", "32-true", "--log-every", "2"]


def make_pictures(folder: Path, per_class: int = 20) -> Path:
    """A source of two classes: bright discs, and bright bars, each of its own patient."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:40, :40]
    for name in ("bar", "disc"):
        (folder / name).mkdir(parents=True)
        for number in range(per_class):
            y, x, size = [*rng.uniform(12, 28, 2).tolist(), rng.uniform(4, 9)]
            inside = abs(columns - x) < size / 2 if name == "bar" else (rows - y) ** 2 + (columns - x) ** 2 < size**2
            picture = np.where(inside, 200, 40) + rng.normal(0, 8, (40, 40))
            Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(folder / name / f"{name}{number:03d}.png")
    return folder


def make_pairs(folder: Path, count: int = 16) -> Path:
    """A source of pairs, by file name: a bright disc, and the same disc dark with a bright rim."""
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[:40, :40]
    for name in ("disc", "ring"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        y, x, size = [*rng.uniform(10, 30, 2).tolist(), rng.uniform(4, 9)]
        distance = np.hypot(rows - y, columns - x) - size
        both = {"disc": np.where(distance < 0, 200, 40), "ring": np.where(abs(distance) < 2, 220, 90)}
        for name, picture in both.items():
            noisy = picture + rng.normal(0, 8, picture.shape)
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / name / f"pair{number:03d}.png")
    return folder


def arguments(preset: str, source: Path | str, root: Path, name: str, epochs: int = 3, *more: str) -> list[str]:
    fixed = ["train", preset, "--data", str(source), "--runs", str(root), "--name", name, "--epochs", str(epochs)]
    return [*fixed, *SMALL, *more]


# What makes a step of a translator as short as one of the others.
SMALL_TRANSLATOR = ("--batch-size", "2", "--set", "width=4", "--set", "blocks=2", "--set", "discriminator_width=4")


NARROW = {"width": 8, "max_width": 24}  # channels of a convolutional generator, and its discriminator
FEW = {"evaluations": 4}  # of a network, on the way from noise to a picture


def small(family: str) -> tuple[str, list[str]]:
    """A family's first preset, and options that keep its steps short."""
    preset = next(preset for preset in registry.presets().values() if preset.family == family)
    known = {field.name for field in dataclasses.fields(load_family(family).config)}
    known -= registry.unused(family, preset.settings).keys()
    if preset.task == "translate":
        changes: dict[str, object] = {"width": 4, "max_width": 8, "blocks": 2, "heads": 8, "discriminator_width": 4}
        changes |= {"widths": "8,16", "discriminator_widths": "8,8,8"}
        asked = [word for key, value in changes.items() if key in known for word in ("--set", f"{key}={value}")]
        domains = ["--domains", "normal,covid"] if preset.traits.graded else []
        return preset.name, ["--batch-size", "2", *asked, *domains]
    asked = [(key, value) for key, value in (NARROW | FEW).items() if key in known]
    return preset.name, [word for key, value in asked for word in ("--set", f"{key}={value}")]


def source_of(preset: str, pictures: Path, chests: str = CHESTS) -> Path | str:
    """What a preset can learn from: `pictures`, the pairs beside them, or drawn chests where it needs lungs."""
    traits = registry.find_preset(preset).traits
    return chests if traits.graded else pictures.with_name("pairs") if traits.paired else pictures


def train(preset: str, source: Path | str, root: Path, name: str, epochs: int = 3, *more: str) -> Path:
    """Train here, in this process; returns the run's folder."""
    assert cli.main(arguments(preset, source, root, name, epochs, *more)) == 0
    return root / name
