"""Checkpoints: choose the one that a resumed training starts from.

A checkpoint is one file. It holds tensors by name, those of the optimizers too, and in its header the step, so that a
killed process cannot mix the states of two steps. `gan_core.tensor_files` reads and writes it. `RunWriter` keeps the
newest two.
"""

import math
from pathlib import Path
from typing import Any

from torch import Tensor

from gan_core import tensor_files
from gan_core.errors import UserError
from gan_core.runs import Run

_HEADER = {"step", "seconds", "optimizers", "pending"}


def newest(run: Run) -> tuple[Path, dict[str, Tensor], dict[str, Any], list[str]]:
    """Load the newest undamaged checkpoint.

    Returns:
        Its path, its tensors, its header, and one line about each damaged checkpoint that was skipped.

    Raises:
        UserError: there is no undamaged checkpoint.
    """
    damaged: list[str] = []
    for path in run.checkpoints():
        try:
            tensors, header = tensor_files.load(path)
            if missing := _HEADER - header.keys():
                raise UserError(f"{path} is not a checkpoint: its header has no '{min(missing)}'")
            if problem := _problem(header):
                raise UserError(f"{path} is damaged: {problem}")
            if wrong := tensor_files.not_finite(tensors):
                raise UserError(f"{path} is damaged: '{wrong}' holds values that are not finite")
        except UserError as error:
            damaged.append(str(error))
        else:
            return path, tensors, header, damaged
    reason = "; ".join(damaged) or "all were deleted"
    raise UserError(f"run '{run.name}' has no checkpoint to resume from ({reason}): train it again under another name")


def _problem(header: dict[str, Any]) -> str:
    """Return which value of a header is none that a training writes, as text; "" if there is none."""
    step, seconds, pending = header["step"], header["seconds"], header["pending"]
    if type(step) is not int or not 0 <= step < 2**53:
        return "its 'step' is no count"
    if type(seconds) not in (int, float) or not 0 <= seconds < 2**53:
        return "its 'seconds' are no duration"
    if not isinstance(pending, list) or not all(_is_row(row, step) for row in pending):
        return "its 'pending' holds no rows"
    if len({len(values) for _, _, values in pending}) > 1:
        return "its 'pending' holds rows of different lengths"
    if not isinstance(header.get("config", {}), dict):
        return "its 'config' holds no values"
    return ""


def _is_row(row: Any, last: int) -> bool:
    """Return whether a pending row is [step, seconds, values], of a step up to `last` and finite."""
    if not isinstance(row, list) or len(row) != 3 or not isinstance(row[2], list):
        return False
    step, seconds, values = row
    if type(step) is not int or not 0 < step <= last or type(seconds) is not float or not 0 < seconds < math.inf:
        return False
    return all(type(value) is float and math.isfinite(value) for value in values)
