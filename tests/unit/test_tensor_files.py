"""safetensors files: what is damaged or does not fit is named, and nothing is half loaded."""

import json
import random
from pathlib import Path
from pickle import dumps

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from gan_core import tensor_files
from gan_core.errors import UserError

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(3), "c": torch.ones(2, 2, dtype=torch.bfloat16)}


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    tensor_files.save(path, TENSORS, {"step": 7})
    tensors, header = tensor_files.load(path)
    assert header["step"] == 7
    assert all(
        torch.equal(tensors[name], value) and tensors[name].dtype == value.dtype for name, value in TENSORS.items()
    )
    assert [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]


def test_every_kind_of_damage_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    tensor_files.save(path, TENSORS, {"step": 7})
    whole = path.read_bytes()
    rng = random.Random(0)
    damaged = [b"", whole[:4], whole[: len(whole) // 2], bytes(len(whole)), whole[:-1]]
    for _ in range(200):
        content = bytearray(whole)
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        damaged.append(bytes(content))
    for content in damaged:
        path.write_bytes(content)
        try:
            tensors, header = tensor_files.load(path)
        except UserError as error:
            assert path.name in str(error)
            assert "\n" not in str(error)
        else:  # a flipped bit in the white space of the header
            assert all(torch.equal(tensors[name], value) for name, value in TENSORS.items())
            assert header["step"] == 7


def test_a_file_of_an_older_version_is_read(tmp_path: Path) -> None:
    """Its checksum says nothing of its header."""
    path = tmp_path / "x.safetensors"
    save_file(TENSORS, path, {"ganray": json.dumps({"step": 7, "checksum": tensor_files.checksum(TENSORS)})})
    assert tensor_files.load(path)[1]["step"] == 7


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    canary = tmp_path / "canary"

    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (canary,))

    path = tmp_path / "x.safetensors"
    path.write_bytes(dumps(Trap()))
    with pytest.raises(UserError, match="damaged"):
        tensor_files.load(path)
    assert not canary.exists()


def test_weights_are_halved_and_must_fit(tmp_path: Path) -> None:
    network = nn.Linear(3, 2)
    path = tmp_path / "w.safetensors"
    tensor_files.save_half(path, network.state_dict(), {})
    tensors, _ = tensor_files.load(path)
    assert all(tensor.dtype == torch.float16 for tensor in tensors.values())
    tensor_files.load_into(network, tensors, path)

    before = {name: value.clone() for name, value in network.state_dict().items()}
    for wrong, message in (
        ({"weight": tensors["weight"]}, "bias is missing"),
        ({**tensors, "more": tensors["bias"]}, "more is unknown"),
        ({**tensors, "bias": torch.zeros(5)}, r"bias is \(5,\), not \(2,\)"),
    ):
        with pytest.raises(UserError, match=message):
            tensor_files.load_into(network, wrong, path)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    with pytest.raises(UserError, match="not finite"):
        tensor_files.save_half(tmp_path / "inf.safetensors", {"a": torch.tensor([1e6])}, {})
    assert not (tmp_path / "inf.safetensors").exists()
