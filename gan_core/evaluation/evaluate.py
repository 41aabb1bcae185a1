"""Measures a run against real images and writes its evaluation.json. Each part has its own module.

    python -m gan_core evaluate RUN
    python -m gan_core evaluate --generated FOLDER --data SOURCE

An evaluation does not disturb a training: it draws random numbers from its own generators.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from hashlib import blake2b, file_digest
from pathlib import Path

import filelock
import torch

from gan_core import data, files, inference
from gan_core.config import RunConfig
from gan_core.data import Prepared, patients, relocated
from gan_core.data.source import COMBINED, location, moved
from gan_core.errors import UserError
from gan_core.evaluation import parts, picture_folder, results, time_to_quality
from gan_core.evaluation.parts import EvaluationRequest
from gan_core.evaluation.picture_folder import PictureFolder
from gan_core.evaluation.picture_source import PictureSource
from gan_core.evaluation.results import Evaluation
from gan_core.inference import Model
from gan_core.runs import Run
from gan_core.training import seen_before
from gan_core.version import __version__

# What is measured of pictures, wherever they come from, and what of a run's networks.
OF_PICTURES: dict[str, Callable[[PictureSource, Prepared, EvaluationRequest, Evaluation], Evaluation]] = {
    "fidelity": parts.fidelity,
    "memorisation": parts.copies,
    "utility": parts.usefulness,
}
OF_NETWORKS: dict[str, Callable[[Model, Prepared, EvaluationRequest, Evaluation], Evaluation]] = {
    "progress": time_to_quality.progress,
    "audit": parts.translation,
}
PARTS = ("fidelity", "progress", "memorisation", "utility", "audit")
Part = Callable[[EvaluationRequest, Evaluation], Evaluation]


def evaluate(run: Run, source: str | None, request: EvaluationRequest) -> Evaluation:
    """Measure a run against a source of real images; None: against the source that it was trained on.

    Earlier results for the same weights, images and seed stay, unless they are measured again. Those of a shipped run
    go to the user's own folder, see `Run.own_evaluation`.

    Raises:
        UserError: the weights, the source or the extractor are missing, there are too few images, or there is a link in
            the run folder.
    """
    _check(request)
    with torch.random.fork_rng(devices=[]):  # building a network draws initial weights, even if a file replaces them
        return _evaluate(run, source, request)


def evaluate_folder(run: Run, folder: str, source: str | None, request: EvaluationRequest) -> Evaluation:
    """Measure pictures of a folder in place of a run's networks, and keep the results as those of the run.

    source: as in `evaluate`.

    Raises:
        UserError: the folder or the source is missing or does not fit, see `picture_folder.open_folder`; a part needs
            networks; or GANray trained the run.
    """
    check_request_of_pictures(request)
    run_config = run.config()
    if run_config.origin is None:
        raise UserError(
            f"run '{run.name}' was trained by GANray and draws its own pictures: evaluate it without --generated, or "
            "leave the run out and give the pictures a --name"
        )
    if run_config.domains:
        raise UserError(f"run '{run.name}' translates: pictures of a folder are measured as those of a generator")
    if source is None and not run_config.source:
        raise UserError(f"run '{run.name}' does not say what it was trained on: name the real images with --data")
    size = run_config.image_size or picture_folder.common_side(folder)
    run_config = replace(run_config, image_size=size, fit=run_config.fit or "crop")
    prepared = prepare(run_config, relocated.place(run_config, run.name, source))
    return measure_folder(run, picture_folder.open_folder(folder, prepared, run_config), prepared, request)


def measure_folder(run: Run, pictures: PictureFolder, prepared: Prepared, request: EvaluationRequest) -> Evaluation:
    """Measure pictures that were read already against prepared images, and keep the results as those of the run.

    Raises:
        UserError: another process evaluates the run.
    """
    with _alone(run, run.evaluation_to_write(request.into_run)) as target:
        return _measure_folder(run, target, pictures, prepared, request)


def _measure_folder(
    run: Run, target: Path, pictures: PictureFolder, prepared: Prepared, request: EvaluationRequest
) -> Evaluation:
    begun = run.config()
    if len(pictures.pictures) < request.count:
        request.progress(f"{pictures.facts.folder} has {len(pictures.pictures)} pictures")
    found = _begun(run, pictures.config, prepared, request, pictures.digest)
    found = _with_earlier_results(_earlier(run, target, request), replace(found, pictures=pictures.facts))
    found = _with_doubts(found, run, pictures.config, prepared, request)
    for line in pictures.notes:
        found = parts.noted(found, line[:1].upper() + line[1:])
    chosen = {name: partial(OF_PICTURES[name], pictures, prepared) for name in request.parts or OF_PICTURES}
    return _measured(run, begun, target, chosen, request, found)


def check_request_of_pictures(request: EvaluationRequest) -> None:
    """Check that what is asked for can be measured of pictures alone.

    Raises:
        UserError: a part or the reference is unknown, or a part needs a run's networks.
    """
    _check(request)
    if others := [part for part in request.parts if part not in OF_PICTURES]:
        raise UserError(
            f"--parts {others[0]}: it needs a run's networks, not pictures; choose from {', '.join(OF_PICTURES)}"
        )


def _check(request: EvaluationRequest) -> None:
    if unknown := [part for part in request.parts if part not in PARTS]:
        raise UserError(f"--parts {unknown[0]}: choose from {', '.join(PARTS)}")
    if request.reference not in results.REFERENCES:
        raise UserError(f"--reference {request.reference}: choose from {', '.join(results.REFERENCES)}")


@contextlib.contextmanager
def _alone(run: Run, target: Path) -> Iterator[Path]:
    """Keep other evaluations of a run away: each writes what it knows after every part, and the last would win.

    Raises:
        UserError: another process evaluates the run.
    """
    locks = files.cache_folder() / "evaluations"
    with files.readable_os_errors(locks):
        locks.mkdir(parents=True, exist_ok=True)
    name = blake2b(str(target.resolve()).encode(), digest_size=8).hexdigest()
    try:
        with filelock.FileLock(locks / f"{name}.lock", timeout=0):
            yield target
    except filelock.Timeout:
        raise UserError(f"run '{run.name}' is being evaluated by another process: wait until that has ended") from None


def _evaluate(run: Run, source: str | None, request: EvaluationRequest) -> Evaluation:
    with _alone(run, run.evaluation_to_write(request.into_run)) as target:
        return _measure_networks(run, target, source, request)


def _measure_networks(run: Run, target: Path, source: str | None, request: EvaluationRequest) -> Evaluation:
    begun = run.config()
    model = inference.load(run)
    prepared = prepare(model.config, relocated.place(model.config, run.name, source))
    found = replace(
        _begun(run, model.config, prepared, request, digest(run.weights)), training=time_to_quality.training(model)
    )
    found = _with_earlier_results(_earlier(run, target, request), found)
    found = _with_doubts(found, run, model.config, prepared, request)
    status = run.status()
    if status.step > run.trained_step(status):
        words = f"The weights are of epoch {found.epoch}: those of the last stop, from which the training has gone on"
        found = parts.noted(found, words)
    chosen: dict[str, Part] = {}
    for part in request.parts or PARTS:
        if not applies(part, model.task) or (not request.parts and part == "progress" and not run.snapshots()):
            continue
        if part in OF_PICTURES:
            chosen[part] = partial(OF_PICTURES[part], model, prepared)
        else:
            chosen[part] = partial(OF_NETWORKS[part], model, prepared)
    return _measured(run, begun, target, chosen, request, found)


def _begun(run: Run, run_config: RunConfig, prepared: Prepared, request: EvaluationRequest, weights: str) -> Evaluation:
    """Return an evaluation in which nothing is measured yet."""
    return Evaluation(
        run=run.folder.name,
        preset=run_config.preset,
        epoch=run.weights_epoch(run.status(), run_config),
        weights=weights,
        source=_source_name(prepared.source),
        fingerprint=prepared.fingerprint,
        counts=prepared.counts(),
        seed=request.seed,
        versions={"ganray": __version__, "torch": str(torch.__version__)},
        kept=run_config.kept,
    )


def _with_doubts(
    found: Evaluation, run: Run, run_config: RunConfig, prepared: Prepared, request: EvaluationRequest
) -> Evaluation:
    """Note what is doubtful of the real images, and say so."""
    for line in prepared.doubts:
        request.progress(f"warning: {line}")
    # Of a training elsewhere it is not known which images it saw, or how they were prepared.
    if run_config.origin:
        found = parts.noted(
            found, "GANray did not train this: what it learned from may hold images that count as held out"
        )
    elif difference := relocated.difference(prepared, run_config):
        request.progress(f"warning: {prepared.source} is not what run '{run.name}' was trained on: {difference}")
        found = parts.noted(found, "The run was trained on other images than those of this evaluation")
    elif relocated.split_moved(prepared, run_config) or (
        not run_config.domains and tuple(found.counts["train"].values()) != run_config.class_counts
    ):
        request.progress(f"warning: {prepared.source} is now split in another way than when '{run.name}' was trained")
        found = parts.noted(found, "These images are now split in another way: the run may have seen held-out ones")
    if warning := data.caution(prepared.source, run_config.domains or run_config.classes):
        found = parts.noted(found, warning[:1].upper() + warning[1:])
    if doubt := seen_before.doubt_in(run_config):
        found = parts.noted(found, doubt[:1].upper() + doubt[1:])
    if doubt := patients.doubt_in(prepared.warnings):
        found = parts.noted(found, doubt[:1].upper() + doubt[1:])
    return found


def _measured(
    run: Run,
    begun: RunConfig,
    target: Path,
    chosen: Mapping[str, Part],
    request: EvaluationRequest,
    found: Evaluation,
) -> Evaluation:
    """Measure each part and write the evaluation after it; what cannot be measured is noted.

    Raises:
        UserError: another run has taken the place of the one that the evaluation began with.
    """
    for name, part in chosen.items():
        started, before = time.perf_counter(), found.notes
        request.progress(f"{run.name}: {name}")
        try:
            found = part(request, found)
        except UserError as error:
            found = parts.noted(found, f"not measured: {error}")
        found = replace(found, seconds={**found.seconds, name: round(time.perf_counter() - started, 1)})
        others = tuple(line for line in before if not line.startswith(f"{name}: "))
        new = tuple(f"{name}: {line}" for line in found.notes if line not in before)
        found = replace(found, notes=others + new)
        _check_still_there(run, begun)
        results.write(target, found)
    return found


def _check_still_there(run: Run, begun: RunConfig) -> None:
    """Check that a run is the one that an evaluation began with: its name may be another's by now.

    A training that goes on meanwhile records which weights it kept, and where its images are.

    Raises:
        UserError: it was deleted or renamed, and another may have its name.
    """
    try:
        now = run.config()
    except UserError:
        raise UserError(f"run '{run.name}' was deleted or renamed while it was measured: measure it again") from None
    if begun.origin and now.origin:
        same = begun.preset == now.preset  # what another program trains is told bit by bit
    else:
        same = replace(begun, kept=None, source="") == replace(now, kept=None, source="")
    if not same:
        raise UserError(f"another run was called '{run.name}' while that was measured: measure it again")


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


def _earlier(run: Run, target: Path, request: EvaluationRequest) -> Path:
    """Return the file whose results stay: the shipped one of a run for its maintainers, else the one that counts."""
    return target if request.into_run else run.evaluation


def _with_earlier_results(path: Path, found: Evaluation) -> Evaluation:
    """Return the earlier evaluation of the same weights, images and seed with updated metadata; else `found`."""
    with contextlib.suppress(UserError):
        old = results.read(path)
        if (old.weights, old.fingerprint, old.seed) == (found.weights, found.fingerprint, found.seed):
            old = replace(old, epoch=found.epoch, training=found.training, pictures=found.pictures, kept=found.kept)
            return replace(old, versions=found.versions, format=results.FORMAT)
    return found
