"""The checkpoints of a run: which one a training goes on from.

A checkpoint is one file: tensors by name, and in its header the step and the optimizers' numbers, so that a kill cannot
mix two moments. `gan_core.tensor_files` reads and writes it; a run keeps the newest two (`RunWriter`).
"""

from pathlib import Path
from typing import Any

from torch import Tensor

from gan_core import tensor_files
from gan_core.errors import UserError
from gan_core.runs import Run

_HEADER = {"step", "seconds", "optimizers", "pending"}


def newest(run: Run) -> tuple[Path, dict[str, Tensor], dict[str, Any], list[str]]:
    """The newest checkpoint that can be gone on from: its path, tensors and header, and a line on each damaged one
    passed over.

    Raises:
        UserError: there is none.
    """
    damaged: list[str] = []
    for path in run.checkpoints():
        try:
            tensors, header = tensor_files.load(path)
            if missing := _HEADER - header.keys():
                raise UserError(f"{path} is no checkpoint: its header has no '{min(missing)}'")
            if wrong := tensor_files.not_finite(tensors):
                raise UserError(f"{path} is damaged: '{wrong}' holds what is not a finite number")
        except UserError as error:
            damaged.append(str(error))
        else:
            return path, tensors, header, damaged
    reason = "; ".join(damaged) or "they are gone"
    raise UserError(f"run '{run.name}' has no checkpoint to resume from ({reason}): train it again under another name")
