"""From what a user asks for to everything a run is made of: the data prepared, the settings run_config."""

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
from gan_core.config import IMAGE_SIZES, RunConfig
from gan_core.data.readers import phantom
from gan_core.errors import UserError
from gan_core.families import loading
from gan_core.families.registry import Preset, find_preset
from gan_core.inference import input_check
from gan_core.options import RunOptions, declared, serves
from gan_core.training import ada, devices
from gan_core.training.previews import inputs
from gan_core.training.sampler import Batches
from gan_core.version import __version__


def plan(options: RunOptions) -> tuple[RunConfig, data.Prepared]:
    """Prepare the data and write down everything that the run is made of.

    Raises:
        UserError: an unknown preset or setting, sizes that do not fit, data that cannot be read or is too little.
    """
    entry = find_preset(options.preset)
    image_size = entry.image_size if options.image_size is None else options.image_size
    batch_size = entry.batch_size if options.batch_size is None else options.batch_size
    options = replace(options, image_size=image_size, batch_size=batch_size)
    _check(options, entry)
    preset, source, translates = entry.name, options.source, entry.task == "translate"
    definition = loading.load_family(entry.family)
    own = config.parse_settings(definition.config, definition.presets[preset], list(options.settings))
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
    if getattr(own, "augment", "none") == "adaptive":
        parts = [prepared.labels[prepared.indices(split)] for split in ("train", "val")]
        ada.eligible(parts[0], parts[1], entry.traits.one_way)
    if definition.family.conditional and not definition.family.one_class and len(prepared.classes) < 2:
        raise UserError(f"{source}: '{preset}' needs at least two classes, found one ({prepared.classes[0]})")
    precision, device = options.precision, options.device
    if precision == "auto" and devices.processes() > 1:
        # Each would time for itself, and they must agree.
        precision = "bf16-mixed" if devices.accelerator(device) == "cuda" else "32-true"
    if precision == "auto":
        precision = _time_precision(entry.family, config.to_dict(own), prepared, batch_size, device, translates)
    found = {
        "family": entry.family,
        "fingerprint": prepared.fingerprint,
        "classes": prepared.classes,
        "class_counts": tuple(prepared.counts()["train"][name] for name in prepared.classes),
        "precision": precision,
        "settings": config.to_dict(own),
        "traits": loading.traits(definition, own, entry),
        "preset": entry.name,
        "preview_inputs": inputs.check(options.preview_inputs),
        "subject": input_check.subject(_some(prepared)),
        "versions": {name: importlib.metadata.version(name) for name in ("torch", "numpy")} | {"ganray": __version__},
        "git_commit": _git_commit(),
    }
    run_config = RunConfig(**options.recorded() | found)
    return run_config, prepared


def _check(options: RunOptions, entry: Preset) -> None:
    """Whether the preset can do what is asked; what only the data can tell comes later."""
    if options.image_size not in IMAGE_SIZES:
        raise UserError(f"--size {options.image_size}: choose one of {', '.join(map(str, IMAGE_SIZES))}")
    translates, known = entry.task == "translate", declared(type(options))
    # Batch norm needs two pictures, a translator's instance norm one.
    least = {name: one.least for name, one in known.items() if one.least} | {"batch_size": 1 if translates else 2}
    for name, smallest in least.items():
        if getattr(options, name) < smallest:
            raise UserError(f"{known[name].flag} {getattr(options, name)} is too small: take {smallest} or more")
    unfit = {"translate": f"'{entry.name}' does not translate", "pairs": f"'{entry.name}' learns from no pairs"}
    for needs, said in unfit.items():
        others = {name: one for name, one in known.items() if one.needs == needs}
        strange = [one for one in others.values() if not serves(one, translates=translates, paired=entry.traits.paired)]
        if strange and any(getattr(options, name) != one.default for name, one in others.items()):
            flags = " and ".join(one.flag for one in strange)
            raise UserError(f"{said}: {flags} {'are' if len(strange) > 1 else 'is'} for presets that do")
    if entry.traits.paired and options.preview_inputs.startswith("run:"):
        raise UserError(
            f"--preview-inputs {options.preview_inputs}: '{entry.name}' shows pairs, and generated pictures have no "
            "partner"
        )
    if options.channels == 1 and phantom.in_colour(options.source):
        raise UserError(f"{options.source} is drawn in colour: add --channels 3")


def _some(prepared: data.Prepared, count: int = 64) -> np.ndarray:
    """A few training images, uint8 (n, C, S, S), from all over the set."""
    train = prepared.indices("train")
    return prepared.images[train[:: max(1, len(train) // count)]]


def _of_domains(prepared: data.Prepared, options: RunOptions, paired: bool) -> data.Prepared:
    """The images to train on; says how many have no partner, where one is needed."""
    found = data.of_run(prepared, options, paired)
    named = [prepared.classes.index(name) for name in options.domains]
    alone = int(np.isin(prepared.labels, named).sum()) - len(found.names)
    if alone:
        print(f"{prepared.source}: {alone} pictures have no partner and are left out", file=sys.stderr)
    return found


def _domains(asked: tuple[str, ...], prepared: data.Prepared) -> tuple[str, ...]:
    """The two classes to translate between, A first."""
    named = asked or prepared.classes
    if len(named) != 2 or len(set(named)) != 2:
        said = f"--domains {','.join(asked)}" if asked else f"{prepared.source} has {len(named)} classes"
        raise UserError(f"{said}: name two, as in --domains A,B. Classes: {', '.join(prepared.classes)}")
    return named


def _check_counts(prepared: data.Prepared, batch_size: int, translates: bool) -> None:
    """Enough training images for one batch: of each domain where they are paired."""
    counts = prepared.counts()["train"]
    for where, count in counts.items() if translates else ((prepared.source, sum(counts.values())),):
        if count < batch_size:
            raise UserError(f"{where}: {count} training images are too few for --batch-size {batch_size}: lower it")


def _time_precision(
    family: str, settings: dict[str, Any], prepared: data.Prepared, batch_size: int, device: str, translates: bool
) -> devices.Precision:
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
    """Floating-point operations of a training step, for each of its pictures: what makes one run longer than another.

    Of a step that pays its gradient penalty, where not every one does; that is up to a fifth more than the mean.

    Raises:
        UserError: an unknown preset or setting, or a size that does not fit.
    """
    entry = find_preset(preset)
    size = entry.image_size if image_size is None else image_size
    definition = loading.load_family(entry.family)
    own = config.to_dict(config.parse_settings(definition.config, definition.presets[entry.name], list(settings)))
    # One image of each class is a translator's pair. Of more, a penalty that only a part pays has its part.
    labels = torch.arange(2).repeat_interleave(1 if entry.task == "translate" else 4)
    with torch.random.fork_rng(devices=[]), _Counted() as counted:
        family = loading.build(entry.family, own, (channels, size, size), 2).place("cpu")
        family.train_step(torch.rand(len(labels), channels, size, size) * 2 - 1, labels)
    return counted.operations / len(labels)


class _Counted(TorchDispatchMode):
    """Counts what convolutions and matrix products do. Torch's own counter cannot follow a gradient of a gradient."""

    operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if count := flop_registry.get(func._overloadpacket):
            self.operations += count(*args, **(kwargs or {}), out_val=out)
        return out


def _git_commit() -> str | None:
    """The commit of the code that trains, where it lies in a git checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
