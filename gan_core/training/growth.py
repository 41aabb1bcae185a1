"""A run that begins with the weights of another: one of half its image size, or one of the same size and other data.

    python -m gan_core train r3gan --data phantom:cxr --from r3gan                  a run of 64 px grows to 128 px
    python -m gan_core train r3gan --data mine --from r3gan_long_128 --size 128     transfer to other images

`nets.growing` says how networks grow. Transfer is for data too small to learn all from (Wang 2018, TransferGAN,
arXiv:1805.01677). The optimizers and the learning rate's schedule start anew.

A run without a checkpoint has its averaged generator, and often no discriminator. Then a new discriminator learns alone
at first, while the generator waits, and then the generator's learning rate rises slowly: against a discriminator that
knows little, it would soon forget.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gan_core import config, schedule, tensor_files
from gan_core.config import Ancestry, RunConfig
from gan_core.errors import UserError, first_line
from gan_core.families import loading, registry
from gan_core.families.loading import Family
from gan_core.run_options import RunOptions
from gan_core.runs import Run, find_run
from gan_core.training import checkpoints, early_checks

WAITS = 200  # steps that a new discriminator learns alone
WARMUP = 1000  # steps after those, in which the generator's learning rate rises from 0 to its own


def fitted(options: RunOptions, root: Path) -> tuple[RunOptions, Any, Ancestry]:
    """Return the options with an image size, the settings and the ancestry of a run that begins with another's weights.

    options: with `grow_from`. The settings are the other run's, fitted to the size and changed by those of the options.

    Raises:
        UserError: as `early_checks.beginning`, the networks do not grow, or a setting is unknown.
    """
    run = early_checks.beginning(options, root)
    found, name = run.config(), f"--from {options.grow_from}"
    kind = loading.load_family(found.family).config
    options = replace(options, image_size=early_checks.size_from(run, options))
    if options.image_size == found.image_size:
        own = config.from_dict(kind, found.settings, name)
    else:
        own = larger_settings(found, name)
    own = config.parse_settings(kind, own, list(options.settings))
    if options.freeze and options.image_size == found.image_size:
        raise UserError(f"--freeze: {options.grow_from} does not grow at {options.image_size} px: leave --freeze out")
    return options, own, _ancestry(run, found, root, options.freeze)


def check_data(run_config: RunConfig, root: Path) -> None:
    """Check that a run has the classes of the one whose weights it takes; for one of its size, as many classes.

    Raises:
        UserError: it has others.
    """
    ancestry = run_config.grown_from
    assert ancestry is not None
    name, grows = ancestry.name, ancestry.image_size != run_config.image_size
    before = find_run(ancestry.run, root).config().classes
    if len(before) != len(run_config.classes) or (grows and before != run_config.classes):
        raise UserError(
            f"--from {name}: it was trained on the classes {', '.join(before)}, and {run_config.source} has "
            f"{', '.join(run_config.classes)}: name data with {'these' if grows else f'{len(before)}'} classes"
        )


def begin(family: Family, run_config: RunConfig, root: Path) -> None:
    """Give a new family the weights of the run that it begins with.

    Raises:
        UserError: that run has gone, its weights are damaged, or a network does not grow.
    """
    ancestry = run_config.grown_from
    assert ancestry is not None
    run = find_run(ancestry.run, root)
    found = run.config()
    shape = (found.channels, found.image_size, found.image_size)
    with torch.random.fork_rng(devices=[]):  # building draws initial weights, which the file replaces
        before = loading.build(found.family, found.settings, shape, len(found.classes))
        before.place(family.device)
        try:
            # A run that was to wait for a new one waits; one that was not does not go on with a new one unnoticed.
            new = ancestry.waits > 0 or (run_config.freeze and _lacks_discriminator(run, found))
            _load(before, run, with_discriminator=not new)
        except UserError as error:
            raise UserError(f"--from {ancestry.name}: {error}") from error
        try:
            if found.image_size == run_config.image_size:
                _copy(family, before)
            else:
                family.grow_from(before)
            if run_config.freeze:
                family.take_averages()
                family.freeze()
        except (UserError, RuntimeError, ValueError) as error:
            raise UserError(f"--from {ancestry.name}: {_misfit(found, run_config, error)}") from error


def is_stale(ancestry: Ancestry, root: Path) -> bool:
    """Return whether batch norm of the averages may be older than they are: it is computed at previews alone."""
    return find_run(ancestry.run, root).status().state != "finished"


def _misfit(found: RunConfig, run_config: RunConfig, error: Exception) -> str:
    """Return why the networks of `found` do not fit into those of a run: settings that were changed, or the error."""
    kind = loading.load_family(found.family).config
    same = found.image_size == run_config.image_size
    taken = config.to_dict(config.from_dict(kind, found.settings, "") if same else larger_settings(found, ""))
    own, size = run_config.settings, run_config.image_size
    shape, classes = (run_config.channels, size, size), len(run_config.classes)

    def sizes(settings: Mapping[str, Any]) -> dict[str, torch.Size] | None:
        try:
            planned = loading.plan(found.family, dict(settings), shape, classes, training=True)
        except (UserError, loading.NotPlanned):
            return None
        return {name: tensor.shape for name, tensor in planned.state_dict().items() if not name.startswith("augment_")}

    wanted = sizes(taken)
    others = {key: own[key] for key, value in taken.items() if own[key] != value}
    changed = [f"--set {key}={value}" for key, value in others.items() if sizes(taken | {key: value}) != wanted]
    if not changed:
        return str(error) if isinstance(error, UserError) else f"its networks do not fit: {first_line(error)}"
    return f"{' and '.join(changed)}: its networks have other sizes, and are taken over as they are: leave that out"


def described(run_config: RunConfig, root: Path) -> str:
    """Return a clause on the weights that a run begins with; "" if it begins with random ones."""
    ancestry = run_config.grown_from
    if ancestry is None:
        return ""
    words = f"begins with {ancestry.name}, {ancestry.image_size} px, as it was after epoch {ancestry.epoch}"
    before = find_run(ancestry.run, root)
    kept = before.config().kept
    if kept and kept.which == "best" and kept.epoch != ancestry.epoch:
        words += f" (not the weights of epoch {kept.epoch} that it kept: the discriminator beside them was not)"
    if run_config.freeze:
        words += f"; frozen but for the stage of {run_config.image_size} px"
        words += ", with a new discriminator" if _lacks_discriminator(before, before.config()) else ""
    return words


def larger_settings(found: RunConfig, name: str) -> Any:
    """Return the settings for twice the image size, a config dataclass.

    Raises:
        UserError: the family's networks do not grow, with these settings or at all.
    """
    definition = loading.load_family(found.family)
    own = config.from_dict(definition.config, found.settings, name)  # those of an older run lack `skips`
    try:
        larger = definition.family.larger(own)
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
    if larger is None:
        ours = [preset for preset in registry.presets().values() if not preset.module]
        growing = [preset.name for preset in ours if _grows(preset)]
        raise UserError(f"{name}: networks of '{found.preset}' do not grow; those of {', '.join(growing)} do")
    return larger


def _grows(preset: registry.Preset) -> bool:
    """Return whether the networks of a preset grow."""
    definition = loading.load_family(preset.family)
    return definition.family.larger(definition.presets[preset.name]) is not None


def _ancestry(run: Run, found: RunConfig, root: Path, freeze: bool) -> Ancestry:
    """Return the ancestry of a run that begins with this one's weights."""
    status = run.status()
    step, epoch = run.trained_step(status), run.weights_epoch(status, found)
    if saved := run.checkpoints():  # a run that trains, or was killed, has gone further than its newest checkpoint
        step = min(status.step, int(saved[0].stem.removeprefix("step_")))
        epoch = step // max(1, schedule.steps_per_epoch([found.train_images], found.batch_size))
    table = run.metrics()
    table.poll()
    seconds = table.column("seconds")[table.column("step") <= step]
    before = found.grown_from
    waits = _lacks_discriminator(run, found) and not freeze  # frozen stages forget nothing
    known = before is None or before.sources
    return Ancestry(
        # A run elsewhere is found again by its folder, should this one be resumed before its first checkpoint.
        run=run.name if run.root == root else str(run.folder.resolve()),
        epoch=epoch,
        image_size=found.image_size,
        steps=step + (before.steps if before else 0),
        images=step * found.batch_size + (before.images if before else 0),
        seconds=round((float(seconds[-1]) if len(seconds) else 0.0) + (before.seconds if before else 0.0), 1),
        waits=WAITS if waits else 0,
        warmup=WARMUP if waits else 0,
        sources=tuple(dict.fromkeys((*(before.sources if before else ()), found.source))) if known else (),
    )


def _lacks_discriminator(run: Run, found: RunConfig) -> bool:
    """Return whether a new discriminator has to learn from the start."""
    has_discriminator = loading.load_family(found.family).family.has_discriminator
    return has_discriminator and not run.checkpoints() and not run.discriminator.exists()


def _load(family: Family, run: Run, *, with_discriminator: bool) -> None:
    """Load the newest checkpoint; without one, the weights for inference, as averaged and as trained ones."""
    if run.checkpoints():
        try:
            path, tensors, _, _ = checkpoints.newest(run)
        except UserError as error:
            if not run.weights.exists():
                raise
            folder = run.checkpoints()[0].parent.name
            raise UserError(
                f"no checkpoint of it can be read ({error}): delete its folder '{folder}' to begin with its weights"
            ) from error
        own = {key.removeprefix("family."): value for key, value in tensors.items() if key.startswith("family.")}
        tensor_files.load_into(family, own, path)
        return
    _load_served(family, run.weights, family.served_state())
    if with_discriminator and family.has_discriminator:
        _load_served(family, run.discriminator, family.judging_state())


def _load_served(family: Family, path: Path, expected: Mapping[str, Tensor]) -> None:
    tensors, _ = tensor_files.load(path)
    tensor_files.check_fit(expected, tensors, path)
    whole = {key: value.float() if value.is_floating_point() else value for key, value in tensors.items()}
    family.load_state_dict(whole, strict=False)
    averaged = {f"averages.{key}": value for key, value in whole.items() if key.split(".")[0] in family.averages}
    family.load_state_dict(averaged, strict=False)


def _copy(family: Family, before: Family) -> None:
    """Copy all weights and averages.

    Raises:
        RuntimeError: a setting was changed that decides about the networks.
    """
    # Adaptive augmentation begins anew with new data, and --set may switch it on.
    own = {key: value for key, value in family.state_dict().items() if key.startswith("augment_")}
    learned = {key: value for key, value in before.state_dict().items() if not key.startswith("augment_")}
    family.load_state_dict(own | learned)
