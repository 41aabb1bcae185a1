"""A run in other forms: GIF, film, ONNX, TensorBoard, a model folder for the Hugging Face Hub.

    python -m gan_core export RUN --onnx

Previews of real images (a run's private folder) are never among it. What only some people need is imported when they
ask for it; a missing package is named.
"""

import re
from pathlib import Path

from gan_core.errors import UserError
from gan_core.runs import Run, write_gif

FORMS = ("gif", "mp4", "onnx", "tensorboard", "hub")


def free(path: Path, overwrite: bool) -> Path:
    """The path, if something may be written there.

    Raises:
        UserError: something is there and is to stay, or its folder is missing.
    """
    if path.is_dir():
        raise UserError(f"--out {path}: this is a folder, name a file")
    if (path.exists() or path.is_symlink()) and not overwrite:
        raise UserError(f"{path} exists already: name another --out, or add --overwrite")
    if not path.parent.is_dir():
        raise UserError(f"--out {path}: there is no folder {path.parent}")
    return path


def gif(run: Run, out: Path | None = None, overwrite: bool = False) -> Path:
    """The fixed latents from first to last epoch as GIF.

    Raises:
        UserError: there are no grids yet, or the file cannot be written.
    """
    return write_gif(run, free(out or default(run, ".gif"), overwrite))


def default(run: Run, suffix: str) -> Path:
    """Where an export goes if nobody says: the run's name in the current folder."""
    name = re.sub(r"[^\w.-]", "_", run.label.removeprefix("hub:").rpartition("/")[2]).strip(".")
    return Path(f"{name or 'run'}{suffix}")
