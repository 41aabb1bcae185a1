"""Weights and checkpoints as safetensors: nothing that is opened here is ever unpickled.

A checkpoint is one file: tensors by name, and in its header the step, the optimizers' numbers and a checksum, so that a
kill cannot mix two moments and a damaged file is noticed.
"""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from gan_core import files
from gan_core.errors import UserError
from gan_core.runs import Run


def save(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write tensors and a JSON-able header, replacing `path` as a whole.

    Raises:
        UserError: no space, no permission; what was there stays.
    """
    plain = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    text = json.dumps({**header, "checksum": _checksum(plain)})
    with files.replacing(path) as temporary:
        save_file(plain, temporary, {"ganray": text})


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the header of a file that `save` wrote.

    Raises:
        UserError: missing, not safetensors, cut short, or changed since it was written.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})["ganray"])
            names = file.keys()  # the file itself cannot be walked through
            tensors = {name: file.get_tensor(name) for name in names}
    except FileNotFoundError:
        raise UserError(f"{path} is missing") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
    except (SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged or was not written by GANray ({type(error).__name__})") from error
    if header.get("checksum") != _checksum(tensors):
        raise UserError(f"{path} is damaged: its content does not match its checksum")
    return tensors, header


def newest(run: Run) -> tuple[Path, dict[str, Tensor], dict[str, Any], list[str]]:
    """The newest checkpoint that can be read: its path, tensors and header, and a line on each damaged one passed over.

    Raises:
        UserError: there is none.
    """
    damaged: list[str] = []
    for path in run.checkpoints():
        try:
            return path, *load(path), damaged
        except UserError as error:
            damaged.append(str(error))
    reason = "; ".join(damaged) or "it stopped before its first one"
    raise UserError(f"run '{run.name}' has no checkpoint to resume from ({reason}): train it again under another name")


def save_weights(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write networks in half precision, for inference; whole numbers stay as they are.

    Raises:
        UserError: a weight is too large for half precision, as after a divergence.
    """
    half = {name: t.half() if t.is_floating_point() else t for name, t in tensors.items()}
    for name, tensor in half.items():
        if not torch.isfinite(tensor).all():
            raise UserError(f"{path} not written: '{name}' is not finite in half precision")
    save(path, half, header)


def load_into(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Fill a network from tensors by parameter name; nothing is changed unless all of it fits.

    Raises:
        UserError: names that are missing or too many, shapes that differ; the first few are named.
    """
    expected = network.state_dict()
    wrong = [f"{name} is missing" for name in expected if name not in tensors]
    wrong += [f"{name} is unknown" for name in tensors if name not in expected]
    wrong += [
        f"{name} is {tuple(tensors[name].shape)}, not {tuple(value.shape)}"
        for name, value in expected.items()
        if name in tensors and tensors[name].shape != value.shape
    ]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise UserError(f"{path} does not fit config.json: {'; '.join(wrong[:3])}{more}")
    network.load_state_dict(dict(tensors))


def _checksum(tensors: Mapping[str, Tensor]) -> int:
    """CRC-32 over names, shapes and bytes, in the order of the names."""
    value = 0
    for name in sorted(tensors):
        tensor = tensors[name]
        value = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), value)
        value = zlib.crc32(tensor.contiguous().flatten().view(torch.uint8).numpy().data, value)
    return value
