"""Exports of a run: GIF, MP4 video, ONNX, TensorBoard, and a model folder for the Hugging Face Hub.

    python -m gan_core export RUN --onnx

No export holds previews of real images (a run's private folder). Optional packages are imported on use; the error names
a missing one.
"""

import re
from pathlib import Path

from gan_core.errors import UserError
from gan_core.runs import Run, write_gif

FORMS = ("gif", "mp4", "onnx", "tensorboard", "hub")


def free(path: Path, overwrite: bool) -> Path:
    """Return the path if a file may be written there.

    Raises:
        UserError: a file exists and `overwrite` is off, the path is a folder, or its parent folder is missing.
    """
    if path.is_dir():
        raise UserError(f"--out {path} is a folder: name a file")
    if (path.exists() or path.is_symlink()) and not overwrite:
        raise UserError(f"{path} exists already: name another --out, or add --overwrite")
    if not path.parent.is_dir():
        raise UserError(f"--out {path}: the folder {path.parent} does not exist, create it first")
    return path


def gif(run: Run, out: Path | None = None, overwrite: bool = False) -> Path:
    """Write the sample grids of the fixed latents, from the first to the last epoch, as a GIF; return its path.

    Raises:
        UserError: the run has no sample grids yet, or the file cannot be written.
    """
    return write_gif(run, free(out or default(run, ".gif"), overwrite))


def default(run: Run, suffix: str) -> Path:
    """Return the default path of an export: the run's name in the current folder."""
    name = re.sub(r"[^\w.-]", "_", run.label.removeprefix("hub:").rpartition("/")[2]).strip(".")
    return Path(f"{name or 'run'}{suffix}")
