"""Runs shared as models on the Hugging Face Hub: `hub:owner/name`, `hub:owner/name@revision`, `hub:./folder`.

    python -m gan_core generate hub:owner/name --num 16 --out pictures

Only the files of a model are downloaded: its config.json and its safetensors. Code in a repository is never run.
"""

import re
from pathlib import Path

from gan_core import files
from gan_core.errors import UserError, first_line
from gan_core.optional_dependencies import need
from gan_core.runs import CONFIG, DISCRIMINATOR, WEIGHTS, Run, find_run

PREFIX = "hub:"
FILES = (CONFIG, WEIGHTS, DISCRIMINATOR)
_NAME = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")
_LONGEST_COMMIT = 1000  # bytes
_COMMIT = re.compile(r"[0-9a-f]{40,64}")


def find(name: str, root: Path) -> Run:
    """Return a run: by any name that `runs.find_run` accepts, or from the Hub, which caches the download.

    Raises:
        UserError: there is no such run, or the Hub cannot be reached.
    """
    return _open(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else find_run(name, root)


def is_name(text: str) -> bool:
    """Return whether the text is a valid name of a Hub model: owner/name."""
    match = _NAME.fullmatch(text)
    return match is not None and not match["revision"]


def _open(text: str) -> Run:
    title = f"{PREFIX}{text}"
    if text.startswith((".", "/", "~", "\\")) or re.match(r"[A-Za-z]:[\\/]", text):
        folder = _local(Path(text).expanduser(), title)
    else:
        match = _NAME.fullmatch(text)
        if match is None:
            raise UserError(f"{title} is not the name of a model: write hub:owner/name, or hub:./folder for a folder")
        folder = _downloaded(match["repository"], match["revision"], title)
    if not (folder / CONFIG).is_file():
        raise UserError(f"{title}: not a run of GANray, because it has no {CONFIG}")
    # The Hub's cache holds each content once, in `blobs`, and snapshots/<commit>/ of links to them.
    cached = folder.parent.name == "snapshots"
    return Run(folder, name=title, blobs=folder.parents[1] / "blobs" if cached else None)


def _local(folder: Path, title: str) -> Path:
    """Return the folder itself or, if it has the layout of the Hub's cache, its current snapshot."""
    if not folder.is_dir():
        raise UserError(f"{title}: there is no such folder")
    head = folder / "refs" / "main"
    if (folder / CONFIG).is_file() or not head.is_file():
        return folder
    try:
        commit = files.read_regular(head, _LONGEST_COMMIT).decode(errors="replace").strip()
    except OSError as error:
        raise UserError(f"{head} cannot be read: {error.strerror}") from error
    if not _COMMIT.fullmatch(commit):
        raise UserError(f"{head} is damaged: it does not contain a commit")
    return folder / "snapshots" / commit


def _downloaded(repository: str, revision: str | None, title: str) -> Path:
    huggingface_hub, errors = need(title, "hub", "huggingface_hub", "huggingface_hub.errors")

    try:
        return Path(huggingface_hub.snapshot_download(repository, revision=revision, allow_patterns=list(FILES)))
    except errors.GatedRepoError as error:
        raise UserError(
            f"{title}: access is restricted: request it on the model's page, then run `hf auth login`"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise UserError(f"{title}: there is no such model on Hugging Face, or it is private") from error
    except errors.RevisionNotFoundError as error:
        raise UserError(f"{title}: the model has no such revision") from error
    except errors.LocalEntryNotFoundError as error:
        raise UserError(f"{title}: Hugging Face cannot be reached, and the model was not downloaded before") from error
    # Each network layer raises errors of its own types.
    except Exception as error:
        raise UserError(f"{title}: the model cannot be downloaded ({first_line(error)})") from error
