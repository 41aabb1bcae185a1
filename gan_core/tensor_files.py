"""Safetensors files of weights and checkpoints: nothing is ever unpickled.

A file holds tensors by name, and in its header the caller's values and a checksum over everything, which reveals a
damaged file. Files are replaced atomically.
"""

import contextlib
import json
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from gan_core import files
from gan_core.errors import UserError

# Parsing a million empty tensors would take a minute and two gigabytes; our files hold a few hundred tensors.
_LONGEST_HEADER = 2 * 1024**2  # bytes

_KINDS = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
_KINDS |= {"I64": torch.int64, "I32": torch.int32, "BOOL": torch.bool, "C64": torch.complex64}


def save(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write tensors and a JSON-serialisable header, replacing `path` atomically.

    Raises:
        UserError: no space or no permission; `path` is unchanged.
    """
    plain = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    text = json.dumps({**header, "checksum": checksum(plain, header)})
    with files.replacing(path) as temporary:
        try:
            save_file(plain, temporary, {"ganray": text})
        except SafetensorError as error:
            if found := re.search(r"\(os error (\d+)\)", str(error)):
                raise OSError(int(found[1]), os.strerror(int(found[1]))) from error
            raise


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the header of a file that `save` wrote.

    Raises:
        UserError: the file is missing, a link, not safetensors, truncated, or changed since it was written.
    """
    with _opened(path) as file:
        header = dict(json.loads((file.metadata() or {})["ganray"]))
        names = file.keys()  # a safe_open object is not iterable
        tensors = {name: file.get_tensor(name) for name in names}
    written = header.get("checksum")
    # Older versions wrote a checksum that does not cover the header.
    if written != checksum(tensors, header) and written != checksum(tensors):
        raise UserError(f"{path} is damaged: its content does not match its checksum")
    return tensors, header


def check_outline(path: Path, expected: Mapping[str, Tensor]) -> None:
    """Check that a file holds tensors of these names, shapes and kinds, by its header: no number is read.

    Raises:
        UserError: the file cannot be read or does not fit, see `load` and `check_fit`.
    """
    with _opened(path) as file:
        names = file.keys()
        parts = {name: file.get_slice(name) for name in names}
        outline = {
            name: torch.empty(part.get_shape(), dtype=_KINDS.get(part.get_dtype(), torch.uint8), device="meta")
            for name, part in parts.items()
        }
    check_fit(expected, outline, path)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a safetensors file. Raises UserError: it cannot be read, or what the block does with it fails."""
    try:
        with files.open_regular(path, files.WEIGHTS_BYTES) as raw:
            if int.from_bytes(raw.read(8), "little") > _LONGEST_HEADER:
                raise ValueError("its header is too long")
        with safe_open(path, framework="pt") as file:
            yield file
    except FileNotFoundError:
        raise UserError(f"{path} is missing") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged or was not written by GANray ({type(error).__name__})") from error


def save_half(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write networks in half precision, for inference; integer tensors are unchanged.

    Raises:
        UserError: a weight is not finite in half precision, as after divergence; or as `save`.
    """
    half = {name: t.half() if t.is_floating_point() else t for name, t in tensors.items()}
    if wrong := not_finite(half):
        raise UserError(f"{path} not written: '{wrong}' is not finite in half precision")
    save(path, half, header)


def not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """The name of the first tensor with a value that is not finite; None if all are finite."""
    return next((name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()), None)


def load_into(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Load tensors into a network by parameter name; the network is unchanged unless all of them fit.

    Raises:
        UserError: as `check_fit`.
    """
    check_fit(network.state_dict(), tensors, path)
    network.load_state_dict(dict(tensors))


def check_fit(expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor], path: Path) -> None:
    """Check that the tensors match those expected in name, shape and kind of number.

    Raises:
        UserError: a tensor is missing or unknown, or its shape or kind differs; the first three are named.
    """
    wrong = [f"{name} is missing" for name in expected if name not in tensors]
    wrong += [f"{name} is unknown" for name in tensors if name not in expected]
    wrong += [
        f"{name} is {tuple(tensors[name].shape)}, not {tuple(value.shape)}"
        for name, value in expected.items()
        if name in tensors and tensors[name].shape != value.shape
    ]
    # A cast would drop the imaginary part of complex numbers.
    wrong += [
        f"{name} holds {tensors[name].dtype}, not {value.dtype}"
        for name, value in expected.items()
        if name in tensors
        and (tensors[name].is_complex(), tensors[name].is_floating_point()) != (False, value.is_floating_point())
    ]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise UserError(f"{path} does not fit config.json: {'; '.join(wrong[:3])}{more}")


def checksum(tensors: Mapping[str, Tensor], header: Mapping[str, Any] | None = None) -> int:
    """CRC-32 of the header without its checksum, then of the tensors' names, types, shapes and bytes in name order."""
    content = {key: value for key, value in (header or {}).items() if key != "checksum"}
    value = zlib.crc32(json.dumps(content, sort_keys=True).encode()) if header else 0
    for name in sorted(tensors):
        tensor = tensors[name]
        value = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), value)
        value = zlib.crc32(tensor.contiguous().flatten().view(torch.uint8).numpy().data, value)
    return value
