"""Measures a run against real images and writes its evaluation.json. Each part has its own module.

    python -m gan_core evaluate RUN

An evaluation does not disturb a training: it draws random numbers from its own generators.
"""

import contextlib
import time
from dataclasses import replace
from hashlib import blake2b, file_digest
from pathlib import Path

import torch

from gan_core import data, files, inference
from gan_core.config import RunConfig
from gan_core.data import Prepared, patients, relocated
from gan_core.data.source import COMBINED, location, moved
from gan_core.errors import UserError
from gan_core.evaluation import parts, results, time_to_quality
from gan_core.evaluation.parts import EvaluationRequest
from gan_core.evaluation.results import Evaluation
from gan_core.runs import Run
from gan_core.version import __version__

PARTS = {
    "fidelity": parts.fidelity,
    "progress": time_to_quality.progress,
    "memorisation": parts.copies,
    "utility": parts.usefulness,
    "audit": parts.translation,
}


def evaluate(run: Run, source: str | None, request: EvaluationRequest) -> Evaluation:
    """Measure a run against a source of real images; None: against the source that it was trained on.

    Earlier results for the same weights, images and seed stay, unless they are measured again.

    Raises:
        UserError: the weights, the source or the extractor are missing, there are too few images, or the run folder is
            a link.
    """
    if unknown := [part for part in request.parts if part not in PARTS]:
        raise UserError(f"--parts {unknown[0]}: choose from {', '.join(PARTS)}")
    with torch.random.fork_rng(devices=[]):  # building a network draws initial weights, even if a file replaces them
        return _evaluate(run, source, request)


def _evaluate(run: Run, source: str | None, request: EvaluationRequest) -> Evaluation:
    run.check_writable()
    model = inference.load(run)
    prepared = prepare(model.config, relocated.place(model.config, run.name, source))
    for line in prepared.doubts:
        request.progress(f"warning: {line}")
    found = Evaluation(
        run=run.folder.name,
        preset=model.config.preset,
        epoch=run.status().epoch,
        weights=digest(run.weights),
        source=_source_name(prepared.source),
        fingerprint=prepared.fingerprint,
        counts=prepared.counts(),
        seed=request.seed,
        training=time_to_quality.training(model),
        versions={"ganray": __version__, "torch": str(torch.__version__)},
    )
    found = _with_earlier_results(run, found, request)
    if difference := relocated.difference(prepared, model.config):
        request.progress(f"warning: {prepared.source} is not what run '{run.name}' was trained on: {difference}")
        found = parts.noted(found, "The run was trained on other images than those of this evaluation")
    elif not model.config.domains and tuple(found.counts["train"].values()) != model.config.class_counts:
        found = parts.noted(found, "These images are now split in another way: the run may have seen held-out ones")
    if warning := data.caution(prepared.source, model.config.domains or model.config.classes):
        found = parts.noted(found, warning[:1].upper() + warning[1:])
    if doubt := patients.doubt_in(prepared.warnings):
        found = parts.noted(found, doubt[:1].upper() + doubt[1:])
    for part in request.parts or PARTS:
        if not applies(part, model.task) or (not request.parts and part == "progress" and not run.snapshots()):
            continue
        started, before = time.perf_counter(), found.notes
        request.progress(f"{run.name}: {part}")
        try:
            found = PARTS[part](model, prepared, request, found)
        except UserError as error:
            found = parts.noted(found, f"not measured: {error}")
        found = replace(found, seconds={**found.seconds, part: round(time.perf_counter() - started, 1)})
        others = tuple(line for line in before if not line.startswith(f"{part}: "))
        new = tuple(f"{part}: {line}" for line in found.notes if line not in before)
        found = replace(found, notes=others + new)
        results.write(run.evaluation, found)
    return found


def applies(part: str, task: str) -> bool:
    """Return whether a part applies to runs of this task."""
    return (part == "audit") == (task == "translate")


def prepare(run_config: RunConfig, source: str | None) -> Prepared:
    """Return the real images, prepared as in the run's training.

    Raises:
        UserError: the source is missing, or lacks the run's classes.
    """
    prepared = data.prepare(
        source or run_config.source,
        size=run_config.image_size,
        channels=run_config.channels,
        fit=run_config.fit,
        patient_pattern=run_config.patient_pattern,
        split_seed=run_config.split_seed,
        scale=run_config.scale,
    )
    names = run_config.domains or run_config.classes
    if not set(names) <= set(prepared.classes) and (run_config.domains or len(names) > 1):
        raise UserError(
            f"{prepared.source} has the classes {', '.join(prepared.classes)}, the run was trained on "
            f"{', '.join(names)}: name a source with those classes, with --data"
        )
    return prepared.only(run_config.domains) if run_config.domains else prepared


def _source_name(source: str) -> str:
    """Return a source as evaluation.json names it: a path loses its folders, which belong to this machine."""
    place = location(source)
    is_path = place != source or (not source.startswith(COMBINED) and Path(place).exists())
    return moved(source, Path(place).name) if is_path else source


def digest(path: Path) -> str:
    """Return a digest of a file's bytes, 16 hex digits."""
    with files.open_regular(path, files.WEIGHTS_BYTES) as file:
        return file_digest(file, lambda: blake2b(digest_size=8)).hexdigest()


def _with_earlier_results(run: Run, found: Evaluation, request: EvaluationRequest) -> Evaluation:
    """Return the earlier evaluation of the same weights, images and seed with updated metadata; else `found`."""
    with contextlib.suppress(UserError):
        old = results.read(run.evaluation)
        if (old.weights, old.fingerprint, old.seed) == (found.weights, found.fingerprint, found.seed):
            old = replace(old, epoch=found.epoch, training=found.training)
            return replace(old, versions=found.versions, format=results.FORMAT)
    return found
