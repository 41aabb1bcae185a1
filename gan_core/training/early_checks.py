"""What is refused of a training's options before torch is imported, which takes seconds, and before an image is read.

`run_plan.plan` calls this as well; what it finds later needs a family's networks, or the data.
"""

from dataclasses import replace
from pathlib import Path

from gan_core.config import IMAGE_SIZES
from gan_core.data import pairs, patients, readers
from gan_core.data.readers import phantom
from gan_core.errors import UserError
from gan_core.families import registry
from gan_core.families.registry import Preset, find_preset
from gan_core.run_options import RunOptions, declared, serves
from gan_core.runs import Run, find_run
from gan_core.training.previews import inputs


def checked(options: RunOptions, root: Path, *, data_is_here: bool = True) -> RunOptions:
    """Return the options with the image size and the batch size that the run gets.

    root: the folder of runs. data_is_here: False if other machines read the data.

    Raises:
        UserError: an option is out of range, does not apply to the preset or does not fit the others, a setting is
            unknown, or there is no such preset, run or source.
    """
    entry = find_preset(options.preset)
    size = entry.image_size if options.image_size is None else options.image_size
    others = None
    if options.grow_from is not None:
        before = beginning(options, root)
        size, others = size_from(before, options), before.config().settings
    batch_size = entry.batch_size if options.batch_size is None else options.batch_size
    options = replace(options, image_size=size, batch_size=batch_size)
    _check_options(options, entry)
    check_freeze(options)
    registry.check_settings(entry, options.settings, others)
    patients.compile_pattern(options.patient_pattern)
    if options.pair_pattern is not None:
        pairs.shared_by(options.pair_pattern)
    if data_is_here:
        readers.check_exists(options.source)
    return options


def check_freeze(options: RunOptions) -> None:
    """Check that a run which is to be frozen begins with another.

    Raises:
        UserError: it does not.
    """
    if options.freeze and options.grow_from is None:
        raise UserError("--freeze keeps what a run takes over from another: name that one with --from")


def beginning(options: RunOptions, root: Path) -> Run:
    """Return the run that a training begins with. options: with `grow_from`.

    Raises:
        UserError: there is no such run, it was trained with another preset or on images of other sizes or colours, or
            it has no weights.
    """
    assert options.grow_from is not None
    run = find_run(options.grow_from, root)
    found, name = run.config(), f"--from {options.grow_from}"
    if found.origin is not None:
        raise UserError(f"{name}: GANray did not train this run, so it has no networks to go on with")
    preset = find_preset(options.preset)
    if preset.task != "generate":
        raise UserError(f"{name}: '{preset.name}' translates, and only generators begin with another run's weights")
    if found.preset != preset.name:
        raise UserError(f"{name}: it was trained with preset '{found.preset}', not '{preset.name}': name that one")
    if options.channels != found.channels:
        kind = "grey" if found.channels == 1 else "in colour"
        raise UserError(f"{name}: its images are {kind}: use --channels {found.channels}")
    sizes = [size for size in (found.image_size, 2 * found.image_size) if size in IMAGE_SIZES]
    if size_from(run, options) not in sizes:
        raise UserError(f"{name}: it has {found.image_size} px: use --size {' or '.join(map(str, sizes))}")
    if not run.checkpoints() and not run.weights.exists():
        raise UserError(f"{name}: it has neither a checkpoint nor weights: choose a run that has some")
    return run


def size_from(run: Run, options: RunOptions) -> int:
    """Return the image size of a run that begins with `run`: the one asked for, or twice that one's."""
    return 2 * run.config().image_size if options.image_size is None else options.image_size


def _check_options(options: RunOptions, entry: Preset) -> None:
    """Check the options against the preset; checks that need the data come later.

    Raises:
        UserError: an option is out of range or does not apply to the preset.
    """
    if options.image_size not in IMAGE_SIZES:
        raise UserError(f"--size {options.image_size}: choose one of {', '.join(map(str, IMAGE_SIZES))}")
    translates, known = entry.task == "translate", declared(type(options))
    # Batch norm needs two images, the instance norm of a translator one.
    minima = {name: one.least for name, one in known.items() if one.least is not None} | {
        "batch_size": 1 if translates else 2
    }
    for name, minimum in minima.items():
        if getattr(options, name) < minimum:
            raise UserError(f"{known[name].flag} {getattr(options, name)} is too small: use {minimum} or more")
    reasons = {
        "generate": f"'{entry.name}' does not generate",
        "translate": f"'{entry.name}' does not translate",
        "pairs": f"'{entry.name}' does not train on pairs",
    }
    for needs, reason in reasons.items():
        unusable = [
            one.flag
            for name, one in known.items()
            if one.needs == needs
            and getattr(options, name) != one.default
            and not serves(one, translates=translates, paired=entry.traits.paired)
        ]
        if unusable:
            verb = "are" if len(unusable) > 1 else "is"
            raise UserError(f"{reason}: {' and '.join(unusable)} {verb} for presets that do")
    if options.patience and not options.snapshots:
        raise UserError(f"--patience {options.patience}: distances are measured at snapshots: add --snapshots")
    if len(options.domains) == 1:
        raise UserError(f"--domains {options.domains[0]}: name two, as in --domains A,B")
    inputs.check(options.preview_inputs)
    if entry.traits.paired and options.preview_inputs.startswith("run:"):
        raise UserError(
            f"--preview-inputs {options.preview_inputs}: '{entry.name}' previews pairs, and generated images have no "
            "partner: use held-out or phantom:"
        )
    if options.channels == 1 and phantom.in_colour(options.source):
        raise UserError(f"{options.source} is drawn in colour: add --channels 3")
