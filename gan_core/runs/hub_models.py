"""Runs that were shared as models of the Hugging Face Hub: `hub:owner/name`, `hub:owner/name@revision`, `hub:./folder`.

    python -m gan_core generate hub:owner/name --num 16 --out pictures

Only what a model needs is downloaded: its config.json and its safetensors. No code of a repository is ever run.
"""

import re
from pathlib import Path

from gan_core.errors import UserError, first_line
from gan_core.extras import need
from gan_core.runs import CONFIG, DISCRIMINATOR, WEIGHTS, Run, find_run

PREFIX = "hub:"
FILES = (CONFIG, WEIGHTS, DISCRIMINATOR)
_NAME = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")
_COMMIT = re.compile(r"[0-9a-f]{40,64}")


def find(name: str, root: Path) -> Run:
    """A run by what `runs.find_run` takes, or one of the Hub, which is downloaded once and kept in the Hub's own cache.

    Raises:
        UserError: there is none of that name, or it cannot be reached.
    """
    return _open(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else find_run(name, root)


def is_name(text: str) -> bool:
    """Whether a model of the Hub can be called so: owner/name."""
    match = _NAME.fullmatch(text)
    return match is not None and not match["revision"]


def _open(text: str) -> Run:
    title = f"{PREFIX}{text}"
    if text.startswith((".", "/", "~", "\\")) or re.match(r"[A-Za-z]:[\\/]", text):
        folder = _local(Path(text).expanduser(), title)
    else:
        match = _NAME.fullmatch(text)
        if match is None:
            raise UserError(f"{title} names no model: write hub:owner/name, or hub:./folder for a folder of yours")
        folder = _downloaded(match["repository"], match["revision"], title)
    if not (folder / CONFIG).is_file():
        raise UserError(f"{title}: there is no run of GANray in it, as it has no {CONFIG}")
    return Run(folder, name=title)


def _local(folder: Path, title: str) -> Path:
    """The folder itself, or the snapshot that it points to where it is laid out as the Hub's cache."""
    if not folder.is_dir():
        raise UserError(f"{title}: there is no such folder")
    head = folder / "refs" / "main"
    if (folder / CONFIG).is_file() or not head.is_file():
        return folder
    commit = head.read_text(encoding="utf-8", errors="replace").strip()
    if not _COMMIT.fullmatch(commit):
        raise UserError(f"{head} is damaged: it names no commit")
    return folder / "snapshots" / commit


def _downloaded(repository: str, revision: str | None, title: str) -> Path:
    huggingface_hub, errors = need(title, "hub", "huggingface_hub", "huggingface_hub.errors")

    try:
        return Path(huggingface_hub.snapshot_download(repository, revision=revision, allow_patterns=list(FILES)))
    except errors.GatedRepoError as error:
        raise UserError(f"{title}: its owner lets in only whom they know: ask there, then `hf auth login`") from error
    except errors.RepositoryNotFoundError as error:
        raise UserError(f"{title}: there is no such model on Hugging Face, or it is private") from error
    except errors.RevisionNotFoundError as error:
        raise UserError(f"{title}: the model has no such revision") from error
    except errors.LocalEntryNotFoundError as error:
        raise UserError(f"{title}: Hugging Face cannot be reached, and the model was not downloaded before") from error
    # No network has as many kinds of errors as there are layers.
    except Exception as error:
        raise UserError(f"{title}: the model cannot be downloaded ({first_line(error)})") from error
