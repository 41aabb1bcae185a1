"""From what a user asks for to everything a run is made of: the data prepared, the settings settled."""

import importlib.metadata
import subprocess
from pathlib import Path
from typing import Any, cast

import torch

from gan_core import __version__, config, data, families, hardware, images
from gan_core.catalog import find_preset
from gan_core.config import IMAGE_SIZES, RunConfig
from gan_core.errors import UserError


def plan(
    preset: str,
    source: str,
    *,
    epochs: int = 50,
    image_size: int = 64,
    batch_size: int = 32,
    seed: int = 0,
    channels: int = 1,
    fit: str = "crop",
    patient_pattern: str | None = None,
    preview_every: int = 1,
    log_every: int = 10,
    device: str = "auto",
    precision: str = "auto",
    settings: list[str] | None = None,
) -> tuple[RunConfig, data.Prepared]:
    """Prepare the data and write down everything that the run is made of.

    settings: `key=value` texts that change the preset's; precision: 32-true, bf16-mixed, or auto (both are timed once).

    Raises:
        UserError: an unknown preset or setting, sizes that do not fit, data that cannot be read or is too little.
    """
    entry = find_preset(preset)
    if image_size not in IMAGE_SIZES:
        raise UserError(f"--size {image_size}: choose one of {', '.join(map(str, IMAGE_SIZES))}")
    for name, value in (("--epochs", epochs), ("--batch-size", batch_size - 1), ("--log-every", log_every)):
        if value < 1:
            raise UserError(f"{name}: too small")
    definition = families.load_family(entry.family)
    own = config.parse_settings(definition.config, definition.presets[preset], settings or [])
    prepared = data.prepare(source, size=image_size, channels=channels, fit=fit, patient_pattern=patient_pattern)
    count = len(prepared.indices("train"))
    if count < batch_size:
        raise UserError(f"{source}: {count} training images are too few for --batch-size {batch_size}: lower it")
    if definition.family.conditional and len(prepared.classes) < 2:
        raise UserError(f"{source}: '{preset}' needs at least two classes, found one ({prepared.classes[0]})")
    if precision == "auto" and hardware.processes() > 1:
        # Each would time for itself, and they must agree.
        precision = "bf16-mixed" if hardware.accelerator(device) == "cuda" else "32-true"
    if precision == "auto":
        precision = _time_precision(entry.family, config.to_dict(own), prepared, batch_size, device)
    settled = RunConfig(
        preset=preset,
        family=entry.family,
        source=source,
        fingerprint=prepared.fingerprint,
        classes=prepared.classes,
        class_counts=tuple(prepared.counts()["train"][name] for name in prepared.classes),
        image_size=image_size,
        channels=channels,
        fit=fit,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        precision=cast(hardware.Precision, precision),
        preview_every=preview_every,
        log_every=log_every,
        settings=config.to_dict(own),
        patient_pattern=patient_pattern,
        versions={name: importlib.metadata.version(name) for name in ("torch", "numpy")} | {"ganray": __version__},
        git_commit=_git_commit(),
    )
    return settled, prepared


def _time_precision(
    family: str, settings: dict[str, Any], prepared: data.Prepared, batch_size: int, device: str
) -> hardware.Precision:
    name = hardware.accelerator(device)
    shape = (prepared.channels, prepared.size, prepared.size)
    index = prepared.indices("train")[:batch_size]
    real = images.to_float(torch.from_numpy(prepared.images[index])).to(name)
    labels = torch.from_numpy(prepared.labels[index]).to(name)

    def build() -> families.Family:
        return families.build(family, settings, shape, len(prepared.classes)).place(name)

    return hardware.faster_precision(name, build, real, labels)


def _git_commit() -> str | None:
    """The commit of the code that trains, where it lies in a git checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
