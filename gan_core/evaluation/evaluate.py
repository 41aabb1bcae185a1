"""Measures a run against real images and writes its evaluation.json: what each part does stands in its own module.

Nothing of it disturbs a training: random numbers come from generators of their own.
"""

import contextlib
import time
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import torch

from gan_core import data, inference
from gan_core.config import RunConfig
from gan_core.data import Prepared
from gan_core.data.source import COMBINED
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
    """Measure a run against a source of real images, its own where none is named.

    What an earlier evaluation of the same weights and images found stays, where it is not measured anew.

    Raises:
        UserError: no weights, no such source or extractor, too few images.
    """
    if unknown := [part for part in request.parts if part not in PARTS]:
        raise UserError(f"--parts {unknown[0]}: choose from {', '.join(PARTS)}")
    with torch.random.fork_rng(devices=[]):  # networks draw first weights when they are built, before they are filled
        return _evaluate(run, source, request)


def _evaluate(run: Run, source: str | None, request: EvaluationRequest) -> Evaluation:
    model = inference.load(run)
    prepared = prepare(model.config, source)
    found = Evaluation(
        run=run.folder.name,
        preset=model.config.preset,
        epoch=run.status().epoch,
        weights=digest(run.weights),
        source=_shown(prepared.source),
        fingerprint=prepared.fingerprint,
        counts=prepared.counts(),
        seed=request.seed,
        training=time_to_quality.training(model),
        versions={"ganray": __version__, "torch": str(torch.__version__)},
    )
    found = _kept(run, found, request)
    if model.config.fingerprint != prepared.fingerprint:
        found = parts.noted(found, "The run was trained on other images than it is measured against here")
    if said := data.caution(prepared.source, model.config.domains or model.config.classes):
        found = parts.noted(found, said[:1].upper() + said[1:])
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
        kept = tuple(line for line in before if not line.startswith(f"{part}: "))
        fresh = tuple(f"{part}: {line}" for line in found.notes if line not in before)
        found = replace(found, notes=kept + fresh)
        results.write(run.evaluation, found)
    return found


def applies(part: str, task: str) -> bool:
    """Whether a part has a meaning for runs of this task."""
    return (part == "audit") == (task == "translate")


def prepare(run_config: RunConfig, source: str | None) -> Prepared:
    """The real images as the run saw them.

    Raises:
        UserError: the source is not here, or lacks the run's classes.
    """
    prepared = data.prepare(
        source or run_config.source,
        size=run_config.image_size,
        channels=run_config.channels,
        fit=run_config.fit,
        patient_pattern=run_config.patient_pattern,
        split_seed=run_config.split_seed,
    )
    wanted = run_config.domains or run_config.classes
    if not set(wanted) <= set(prepared.classes) and (run_config.domains or len(wanted) > 1):
        raise UserError(
            f"{prepared.source} has the classes {', '.join(prepared.classes)}, the run was trained on "
            f"{', '.join(wanted)}: measure it against those, with --data"
        )
    return prepared.only(run_config.domains) if run_config.domains else prepared


def _shown(source: str) -> str:
    """A source as evaluation.json names it: of a path the last part, without where it lies on this machine."""
    kept = source.startswith(COMBINED) or not Path(source).exists()
    return source if kept else Path(source).name


def digest(path: Path) -> str:
    """Of a file's bytes, 16 hex digits."""
    return blake2b(path.read_bytes(), digest_size=8).hexdigest()


def _kept(run: Run, found: Evaluation, request: EvaluationRequest) -> Evaluation:
    """With what an earlier evaluation says of the same weights, images and seed."""
    with contextlib.suppress(UserError):
        old = results.read(run.evaluation)
        if (old.weights, old.fingerprint, old.seed) == (found.weights, found.fingerprint, found.seed):
            old = replace(old, epoch=found.epoch, training=found.training)
            return replace(old, versions=found.versions, format=results.FORMAT)
    return found
