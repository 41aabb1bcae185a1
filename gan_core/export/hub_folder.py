"""A run as a self-contained model folder for the Hugging Face Hub, and its upload.

    python -m gan_core export RUN --hub owner/name --license cc-by-4.0
    python -m gan_core export RUN --hub owner/name --push

The folder holds weights, settings, curves, the shareable part of the evaluation, a model card, and images generated
from latents or from drawn inputs. It holds no local paths, no machine names and no names of training images.
"""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

from gan_core import config, export, files, images
from gan_core.config import RunConfig
from gan_core.data.source import COMBINED, location, moved
from gan_core.errors import UserError, first_line
from gan_core.evaluation import results
from gan_core.export import model_card
from gan_core.optional_dependencies import need
from gan_core.runs import (
    CONFIG,
    DISCRIMINATOR,
    EPOCHS,
    EVALUATION,
    GIF,
    METRICS,
    SAMPLES,
    WEIGHTS,
    Run,
    grids,
    hub_models,
)
from gan_core.training.previews import inputs

_EXPORTED = {CONFIG, WEIGHTS, DISCRIMINATOR, METRICS, EPOCHS, EVALUATION, GIF, SAMPLES, model_card.NAME}


def write(
    run: Run, repository: str, out: Path | None = None, overwrite: bool = False, licence: str | None = None
) -> Path:
    """Write the whole folder, or nothing; return its path.

    repository: owner/name, the model's name on the card. licence: the Hub's identifier, such as cc-by-4.0.

    Raises:
        UserError: the name is invalid, the run has no weights, the folder holds other files, or it cannot be written.
    """
    if not hub_models.is_name(repository):
        raise UserError(f"--hub {repository}: write it as owner/name")
    run_config = run.config()
    if run.weights not in run.downloads():
        raise UserError(f"run '{run.name}' has no {run.weights.name} yet: the training writes it when it ends or stops")
    folder = out or Path(repository.partition("/")[2])
    with files.readable_os_errors(folder):
        _check(folder, overwrite)
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Written to a temporary folder and renamed, so that a killed process leaves no folder that looks complete.
        temporary = files.temporary_folder(folder)
        try:
            _fill(temporary, run, run_config, model_card.About(repository, licence))
            if folder.exists():
                shutil.rmtree(folder)
            temporary.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return folder


def push(folder: Path, repository: str) -> str:
    """Upload a folder that `write` wrote, and return its address. A new model is private until its owner publishes it.

    Raises:
        UserError: no network, not logged in, or no right to write there.
    """
    (huggingface_hub,) = need("--push", "hub", "huggingface_hub")
    try:
        api = huggingface_hub.HfApi()
        address = api.create_repo(repository, private=True, exist_ok=True)
        api.upload_folder(repo_id=repository, folder_path=folder, commit_message="Weights, curves and model card")
    # A missing network raises a different error in each layer of the library.
    except Exception as error:
        raise UserError(
            f"hub:{repository}: {folder} is written, but cannot be uploaded ({first_line(error)}): check the network, "
            "and log in with `hf auth login`"
        ) from error
    return str(address)


def shown_source(source: str) -> str:
    """Return a source without local paths: of a path that is absolute or leads out of this folder, the last part."""
    if source.startswith(COMBINED):
        pairs = (pair.partition("=") for pair in source.removeprefix(COMBINED).split(";"))
        return COMBINED + ";".join(f"{name}={_last(path)}" for name, _, path in pairs)
    if (place := location(source)) != source:
        return moved(source, _last(place))
    if source.startswith("phantom:") or model_card.data_set(source):
        return source
    return ("hf:" if source.startswith("hf:") else "") + _last(source.removeprefix("hf:"))


def _last(path: str) -> str:
    plain = path.replace("\\", "/").rstrip("/")
    leads_out = plain.startswith(("/", "~")) or ".." in plain.split("/") or re.match(r"[A-Za-z]:", plain)
    return plain.rpartition("/")[2] if leads_out else plain


def _check(folder: Path, overwrite: bool) -> None:
    """Check that the folder may be written. Raises UserError: it holds other files, or `overwrite` is off."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UserError(f"--out {folder} is not a folder: name another")
    inside = {path.name for path in folder.iterdir()} if folder.exists() else set()
    if inside and not overwrite:
        raise UserError(f"{folder} exists already: name another --out, or add --overwrite")
    if inside - _EXPORTED:
        other = sorted(inside - _EXPORTED)[0]
        raise UserError(f"{folder} holds '{other}', which no export wrote: name another --out")


def _fill(folder: Path, run: Run, run_config: RunConfig, about: model_card.About) -> None:
    shared = replace(config.shareable(run_config), source=shown_source(run_config.source))
    if before := shared.grown_from:
        shared = replace(shared, grown_from=replace(before, sources=tuple(map(shown_source, before.sources))))
    (folder / CONFIG).write_text(json.dumps(config.to_dict(shared), indent=2) + "\n", encoding="utf-8")
    names = {path.name for path in run.downloads()}  # safe files only: a foreign run may hold links to other files
    for name in names & {WEIGHTS, DISCRIMINATOR, METRICS, EPOCHS}:
        with files.open_regular(run.folder / name, files.WEIGHTS_BYTES) as given, (folder / name).open("wb") as copy:
            shutil.copyfileobj(given, copy)
    found = None
    if EVALUATION in names:
        (folder / EVALUATION).write_bytes(results.shareable(run.evaluation))
        found = results.read(folder / EVALUATION)
        found = replace(found, source=shown_source(found.source))
        results.write(folder / EVALUATION, found)
    if run.samples() and not (run_config.domains and inputs.are_private(run_config)):
        (folder / SAMPLES).mkdir()
        for epoch, picture in grids(run).items():  # encoded again, which drops the files' metadata
            images.save_png(folder / SAMPLES / f"epoch_{epoch:04d}.png", picture, Run=run.label)
        export.gif(run, folder / GIF)
    (folder / model_card.NAME).write_text(model_card.text(run, shared, about, found), encoding="utf-8")
