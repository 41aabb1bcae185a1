"""Plan a run: turn the user's options into a complete `RunConfig` and the prepared data."""

import importlib.metadata
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from gan_core import config, data, images
from gan_core.config import RunConfig
from gan_core.errors import UserError
from gan_core.families import loading
from gan_core.families.registry import find_preset
from gan_core.inference import input_check
from gan_core.run_options import RunOptions
from gan_core.runs import default_root
from gan_core.training import ada, devices, early_checks, growth, seen_before
from gan_core.training.sampler import Batches
from gan_core.version import __version__


def plan(options: RunOptions, root: Path | None = None) -> tuple[RunConfig, data.Prepared]:
    """Prepare the data and return the run's configuration with it. root: where a run is that it grows from.

    Raises:
        UserError: a preset or setting is unknown, sizes do not fit, the data is unreadable or too small, or the run
            cannot grow from the one named.
    """
    entry = find_preset(options.preset)
    options = early_checks.checked(options, root or default_root())
    definition = loading.load_family(entry.family)
    own, ancestry = None, None
    if options.grow_from is not None:
        options, own, ancestry = growth.fitted(options, root or default_root())
    image_size, batch_size = options.image_size, options.batch_size
    assert image_size is not None and batch_size is not None
    preset, source, translates = entry.name, options.source, entry.task == "translate"
    if own is None:
        own = loading.preset_settings(entry, image_size, options.settings)
    _check_networks(entry.family, config.to_dict(own), (options.channels, image_size, image_size))
    prepared = data.prepare(
        source,
        size=image_size,
        channels=options.channels,
        fit=options.fit,
        patient_pattern=options.patient_pattern,
    )
    if translates:
        options = replace(options, domains=_domains(options.domains, prepared))
        prepared = _of_domains(prepared, options, entry.traits.paired)
    _check_counts(prepared, batch_size, translates)
    if ancestry:
        prepared = seen_before.with_doubt(prepared, options.patient_pattern, ancestry, root or default_root())
    if getattr(own, "augment", "none") == "adaptive":
        parts = [prepared.labels[prepared.indices(split)] for split in ("train", "val")]
        ada.eligible(parts[0], parts[1], entry.traits.one_way)
    if definition.family.conditional and not definition.family.one_class and len(prepared.classes) < 2:
        raise UserError(f"{source}: '{preset}' needs at least two classes, found one ({prepared.classes[0]})")
    shape = (prepared.channels, prepared.size, prepared.size)
    # Refuses impossible settings.
    networks = loading.build(entry.family, config.to_dict(own), shape, len(prepared.classes))
    precision, device = options.precision, options.device
    if precision == "auto" and devices.processes() > 1:
        # Each process would measure on its own, and all must use the same precision.
        precision = "bf16-mixed" if devices.accelerator(device) == "cuda" else "32-true"
    if precision == "auto":
        precision = _time_precision(entry.family, config.to_dict(own), prepared, batch_size, device, translates)
    derived = {
        "family": entry.family,
        # Without epochs between two previews, there is nothing to be denser.
        "preview_start": options.preview_start if options.preview_every > 1 else "even",
        "keep": options.keep if options.snapshots and not translates else "last",
        "fingerprint": prepared.fingerprint,
        "classes": prepared.classes,
        "class_counts": tuple(prepared.counts()["train"][name] for name in prepared.classes),
        "precision": precision,
        "settings": config.to_dict(own),
        "traits": loading.traits(definition, own, entry),
        "preset": entry.name,
        "data": prepared.summary(),
        "preview_inputs": options.preview_inputs,
        "subject": input_check.subject(_sample(prepared)),
        "versions": {name: importlib.metadata.version(name) for name in ("torch", "numpy")} | {"ganray": __version__},
        "git_commit": _git_commit(),
        "grown_from": ancestry,
    }
    run_config = RunConfig(**options.recorded() | derived)
    if ancestry:
        growth.check_data(run_config, root or default_root())
        growth.begin(networks, run_config, root or default_root())  # refuses before there is a run folder
    return run_config, prepared


def _check_networks(family: str, settings: dict[str, Any], image_shape: tuple[int, int, int]) -> None:
    """Check that settings make networks, before any image is read: of two classes, as nobody knows yet how many.

    Raises:
        UserError: they make none.
    """
    try:
        loading.plan(family, settings, image_shape, 2, training=True)
    except loading.TooLarge:
        raise
    except UserError:
        loading.build(family, settings, image_shape, 2)  # says so again, unless it only was that there are no numbers
    except loading.NotPlanned:
        pass


def _sample(prepared: data.Prepared, count: int = 64) -> np.ndarray:
    """Return about `count` training images, uint8 (n, C, S, S), evenly spaced over the training set."""
    train = prepared.indices("train")
    return prepared.images[train[:: max(1, len(train) // count)]]


def _of_domains(prepared: data.Prepared, options: RunOptions, paired: bool) -> data.Prepared:
    """Return the images of the two domains; print how many were left out because they have no partner."""
    selected = data.of_run(prepared, options, paired)
    domain_labels = [prepared.classes.index(name) for name in options.domains]
    unpaired = int(np.isin(prepared.labels, domain_labels).sum()) - len(selected.names)
    if unpaired:
        print(f"{prepared.source}: {unpaired} images have no partner and are left out", file=sys.stderr)
    return selected


def _domains(requested: tuple[str, ...], prepared: data.Prepared) -> tuple[str, ...]:
    """Return the two classes to translate between, A first.

    Raises:
        UserError: there are not exactly two.
    """
    domains = requested or prepared.classes
    if len(domains) != 2 or len(set(domains)) != 2:
        reason = f"--domains {','.join(requested)}" if requested else f"{prepared.source} has {len(domains)} classes"
        raise UserError(f"{reason}: name two, as in --domains A,B. Classes: {', '.join(prepared.classes)}")
    return domains


def _check_counts(prepared: data.Prepared, batch_size: int, translates: bool) -> None:
    """Check that the training images fill one batch; for a translator, in each domain.

    Raises:
        UserError: there are too few.
    """
    counts = prepared.counts()["train"]
    for name, count in counts.items() if translates else ((prepared.source, sum(counts.values())),):
        if count < batch_size:
            raise UserError(f"{name}: {count} training images are too few for --batch-size {batch_size}: lower it")


def _time_precision(
    family: str, settings: dict[str, Any], prepared: data.Prepared, batch_size: int, device: str, translates: bool
) -> devices.Precision:
    """Return the faster precision for this family, batch size and device."""
    name = devices.accelerator(device)
    shape = (prepared.channels, prepared.size, prepared.size)
    train = prepared.indices("train")
    index = train[Batches(prepared.labels[train], batch_size, 0, translates).choose(0)]
    real = images.to_float(torch.from_numpy(prepared.images[index])).to(name)
    labels = torch.from_numpy(prepared.labels[index]).to(name)

    def build() -> loading.Family:
        return loading.build(family, settings, shape, len(prepared.classes)).place(name)

    return devices.faster_precision(name, build, real, labels)


def cost(preset: str, image_size: int | None = None, channels: int = 1, settings: Sequence[str] = ()) -> float:
    """Return the floating-point operations of a training step per image, the measure of how long a run takes.

    If only some steps compute the gradient penalty, the measured step does; its cost is up to a fifth above the mean.

    Raises:
        UserError: a preset or setting is unknown, or the image size does not fit.
    """
    entry = find_preset(preset)
    size = entry.image_size if image_size is None else image_size
    own = config.to_dict(loading.preset_settings(entry, size, settings))
    # One image of each class is a translator's pair. Of eight images, a penalty on a part of the batch has its part.
    labels = torch.arange(2).repeat_interleave(1 if entry.task == "translate" else 4)
    with torch.random.fork_rng(devices=[]), _FlopCounter() as counter:
        family = loading.build(entry.family, own, (channels, size, size), 2).place("cpu")
        family.train_step(torch.rand(len(labels), channels, size, size) * 2 - 1, labels)
    return counter.operations / len(labels)


class _FlopCounter(TorchDispatchMode):
    """Counts the operations of convolutions and matrix products.

    Torch's own counter does not support the gradient of a gradient.
    """

    operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if count := flop_registry.get(func._overloadpacket):
            self.operations += count(*args, **(kwargs or {}), out_val=out)
        return out


def _git_commit() -> str | None:
    """Return the git commit of this package, or None if it is not in a git checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
