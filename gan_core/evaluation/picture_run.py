"""Pictures of a folder as a run: a folder below the runs that holds a sheet of them and what was measured.

    python -m gan_core evaluate --generated FOLDER --data SOURCE [--name N]

Nothing of a training is known of such a run, so it has no curves. The pictures stay where they are.
"""

import re
from dataclasses import replace
from pathlib import Path

import torch

from gan_core import data, images
from gan_core.config import Origin, RunConfig
from gan_core.data import Prepared
from gan_core.errors import UserError
from gan_core.evaluation import evaluate as evaluating
from gan_core.evaluation import picture_folder
from gan_core.evaluation.parts import EvaluationRequest
from gan_core.evaluation.picture_folder import PictureFolder
from gan_core.evaluation.results import Evaluation
from gan_core.family_traits import FamilyTraits
from gan_core.inference import input_check
from gan_core.runs import Run, check_name, find_run, is_taken
from gan_core.runs.recorded import RecordedWriter
from gan_core.version import __version__

KIND = "folder"  # of the origin; numbered pictures of a training, which can be imported, are another
SHOWN = 16  # pictures of the sheet


def evaluate(
    root: Path,
    folder: str,
    source: str,
    request: EvaluationRequest,
    *,
    name: str | None = None,
    size: int | None = None,
    channels: int = 1,
) -> tuple[Run, Evaluation]:
    """Measure pictures of a folder against a source of real images; return their run and what was measured.

    Args:
        root: the folder of runs.
        name: of the run; None: that of the folder. A run of pictures that has it already is replaced.
        size: pixels a side at which both sides are compared; None: the pictures' own, at most 256.
        channels: 1 (grey) or 3.

    Raises:
        UserError: the name is invalid or taken by another run, or as `evaluate.evaluate_folder`.
    """
    evaluating.check_request_of_pictures(request)
    name = check_name(name if name is not None else default_name(folder))
    old = _of_pictures(root, name)
    prepared = data.prepare(source, size=size or picture_folder.common_side(folder), channels=channels)
    settings = _settings(name, folder, prepared)
    pictures = picture_folder.open_folder(folder, prepared, settings)
    pictures = replace(pictures, config=_described(settings, pictures))
    run = _write(root, name, old, pictures)
    with torch.random.fork_rng(devices=[]):
        return run, evaluating.measure_folder(run, pictures, prepared, request)


def default_name(folder: str) -> str:
    """Return a folder's name as that of a run."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", picture_folder.name_of(folder)).strip("._-")[:100].rstrip(".") or "pictures"


def _of_pictures(root: Path, name: str) -> Run | None:
    """Return the run of pictures that has this name; None if it is free.

    Raises:
        UserError: another run or folder has it.
    """
    if not is_taken(root, name):
        return None
    try:
        run = find_run(name, root)
        origin = run.config().origin
    except UserError:
        origin = None
    if origin is None or origin.kind != KIND:
        raise UserError(f"run '{name}' exists already: choose another --name for the pictures")
    return run


def _settings(name: str, folder: str, prepared: Prepared) -> RunConfig:
    """Return the configuration of the pictures' run: how they and the real images are prepared."""
    training = prepared.counts()["train"]
    sample = prepared.images[:: max(1, len(prepared.images) // 200)]
    return RunConfig(
        preset=name,
        family="recorded",
        source=prepared.source,
        fingerprint=prepared.fingerprint,
        classes=prepared.classes,
        class_counts=tuple(training[name] for name in prepared.classes),
        image_size=prepared.size,
        channels=prepared.channels,
        fit=prepared.fit,
        epochs=0,
        batch_size=0,
        seed=0,
        precision="32-true",
        preview_every=0,
        log_every=0,
        subject=input_check.subject(sample),
        versions={"ganray": __version__},
        data=prepared.summary(),
        traits=FamilyTraits(title="Pictures of a folder, measured and not trained here", has_discriminator=False),
        origin=Origin(KIND, place=picture_folder.name_of(folder)),
    )


def _described(settings: RunConfig, pictures: PictureFolder) -> RunConfig:
    """Return the configuration with what the pictures say: whether they have classes, and what is doubtful of them."""
    assert settings.traits and settings.origin
    notes = tuple(f"{line[:1].upper()}{line[1:]}." for line in pictures.notes)
    return replace(
        settings,
        traits=replace(settings.traits, conditional=bool(pictures.classes)),
        origin=replace(settings.origin, notes=notes),
    )


def _write(root: Path, name: str, old: Run | None, pictures: PictureFolder) -> Run:
    """Write the run, or write it anew, with one sheet of its pictures."""
    if old:
        writer = RecordedWriter.reopen(old)
        writer.write_config(pictures.config)
    else:
        writer = RecordedWriter.create(root, name, pictures.config)
    shown, _ = pictures.generate(SHOWN)
    try:
        writer.save_samples(0, images.grid(shown.transpose(0, 3, 1, 2)))
        writer.write_status("finished", 0, 0)  # and no animation: there was no training
    finally:
        writer.release()
    return writer.run
