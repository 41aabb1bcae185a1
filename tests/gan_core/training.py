"""Small runs for the tests, trained by the real command line on a few pictures."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from gan_core import catalog, cli
from gan_core.families import load_family

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


def arguments(preset: str, source: Path | str, root: Path, name: str, epochs: int = 3, *more: str) -> list[str]:
    fixed = ["train", preset, "--data", str(source), "--runs", str(root), "--name", name, "--epochs", str(epochs)]
    return [*fixed, *SMALL, *more]


# What makes a step of a translator as short as one of the others.
SMALL_TRANSLATOR = ("--batch-size", "2", "--set", "width=4", "--set", "blocks=2", "--set", "discriminator_width=4")


NARROW = {"width": 8, "most": 24}  # channels of a convolutional generator, and its discriminator


def small(family: str) -> tuple[str, list[str]]:
    """A family's first preset, and options that keep its steps short."""
    preset = next(preset for preset in catalog.presets().values() if preset.family == family)
    if preset.task == "translate":
        return preset.name, [*SMALL_TRANSLATOR]
    known = {field.name for field in dataclasses.fields(load_family(family).config)}
    return preset.name, [word for key, value in NARROW.items() if key in known for word in ("--set", f"{key}={value}")]


def train(preset: str, source: Path | str, root: Path, name: str, epochs: int = 3, *more: str) -> Path:
    """Train here, in this process; returns the run's folder."""
    assert cli.main(arguments(preset, source, root, name, epochs, *more)) == 0
    return root / name


def start(*command: str, **environment: str) -> subprocess.Popen[str]:
    """Start the command line as its own process."""
    return subprocess.Popen(
        [sys.executable, "-m", "gan_core", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
