"""Damaged, lying and foreign safetensors files: one readable line each, quickly, and nothing is half loaded."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch

from gan_core import inference, tensor_files
from gan_core.errors import UserError
from gan_core.runs import Run
from tests.conftest import ROOT
from tests.robustness.mutations import KINDS, joined, mutated, parts

SOAK = [pytest.mark.soak, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A checkpoint as the trainer writes it, but small."""
    path = tmp_path_factory.mktemp("whole") / "step_00000012.safetensors"
    torch.manual_seed(0)
    tensors = {"net.a": torch.randn(8, 8), "net.b": torch.randn(16).half(), "n": torch.tensor(3)}
    tensors |= {"order": torch.arange(6), "random": torch.randint(0, 255, (100,), dtype=torch.uint8)}
    tensor_files.save(path, tensors, {"step": 12, "seconds": 1.5, "optimizers": {"g": [1.0, 2.0]}, "pending": []})
    return path.read_bytes()


@pytest.mark.parametrize("count", [480, pytest.param(10_000, marks=SOAK)])
def test_a_mutated_file_is_refused_or_the_same(
    whole: bytes, count: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    path = tmp_path / "step_00000012.safetensors"
    path.write_bytes(whole)
    found, header = tensor_files.load(path)
    tensors = {
        name: value.clone() for name, value in found.items()
    }  # what was read is mapped, and changes with the file
    memory = psutil.Process().memory_info
    refused, slowest, before, most = 0, 0.0, memory().rss, 0
    for number in range(count):
        path.write_bytes(mutated(whole, number))
        begun = time.perf_counter()
        try:
            found, told = tensor_files.load(path)
        except UserError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            refused += 1
        else:
            # A change that says the same: a key's order, a space, a number written in another way.
            kind = KINDS[number % len(KINDS)].__name__
            assert told == header and found.keys() == tensors.keys(), (kind, number)
            assert all(torch.equal(found[name], tensors[name]) for name in tensors), (kind, number)
        slowest = max(slowest, time.perf_counter() - begun)
        assert slowest < 1, number
        most = max(most, memory().rss - before)
    assert most < 200 * 2**20
    record_property(
        "measured",
        f"{count} files of {len(KINDS)} kinds of damage: {refused} refused, {count - refused} of unchanged content, "
        f"slowest {slowest:.2f} s, memory grew by {most / 2**20:.0f} MB at most",
    )


def test_a_header_of_a_hundred_thousand_tensors_is_refused_before_it_is_read(whole: bytes, tmp_path: Path) -> None:
    """Otherwise a file of 75 MB takes a minute and two gigabytes to be found out."""
    table, body = parts(whole)
    nothing = {"dtype": "U8", "shape": [0], "data_offsets": [len(body), len(body)]}
    path = tmp_path / "many.safetensors"
    path.write_bytes(joined(json.dumps(table | {f"t{number}": nothing for number in range(100_000)}), body))
    begun = time.perf_counter()
    with pytest.raises(UserError, match="damaged"):
        tensor_files.load(path)
    assert time.perf_counter() - begun < 0.5


def copied(tmp_path: Path, name: str = "dcgan") -> Run:
    """A shipped run, to be changed."""
    folder, shipped = tmp_path / name, ROOT / "runs" / "reference" / name
    folder.mkdir()
    for file in ("config.json", "weights.safetensors"):
        (folder / file).write_bytes((shipped / file).read_bytes())
    return Run(folder)


@pytest.mark.parametrize("count", [32, pytest.param(800, marks=SOAK)])
def test_mutated_weights_never_make_a_model(
    count: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """The shipped weights of a generator: refused by `inference.load`, or as good as they were."""
    run = copied(tmp_path, "gan")
    good, _ = inference.load(run).generate(1, seed=3)
    data, refused, slowest = run.weights.read_bytes(), 0, 0.0
    for number in range(count):
        run.weights.write_bytes(mutated(data, number))
        begun = time.perf_counter()
        try:
            model = inference.load(run)
        except UserError as error:
            assert "weights.safetensors" in str(error)
            refused += 1
        else:
            assert (model.generate(1, seed=3)[0] == good).all()
        slowest = max(slowest, time.perf_counter() - begun)
    record_property("measured", f"{count} mutated weights: {refused} refused, slowest {slowest:.2f} s")


@pytest.mark.parametrize("wrong", ["shape", "missing", "unknown", "kind", "another"])
def test_what_does_not_fit_is_named_and_nothing_is_half_loaded(tmp_path: Path, wrong: str) -> None:
    run = copied(tmp_path)
    tensors, header = tensor_files.load(run.weights)
    last = list(tensors)[-1]
    if wrong == "shape":
        tensors[last] = torch.zeros(3, 3)
    elif wrong == "missing":
        del tensors[last]
    elif wrong == "unknown":
        tensors["../../evil"] = torch.zeros(1)
    elif wrong == "kind":
        tensors[last] = torch.zeros(tensors[last].shape, dtype=torch.complex64)
    else:
        tensors, header = tensor_files.load(ROOT / "runs" / "reference" / "gan" / "weights.safetensors")
    tensor_files.save(run.weights, tensors, header)
    with pytest.raises(UserError, match=r"does not fit config\.json|damaged") as caught:
        inference.load(run)
    named = {"shape": last, "missing": last, "unknown": "evil", "kind": last}.get(wrong, "")
    assert named in str(caught.value)

    network = torch.nn.Linear(2, 2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    half = {"weight": torch.ones(2, 2), "bias": torch.ones(3)}
    with pytest.raises(UserError, match=r"bias is \(3,\), not \(2,\)"):
        tensor_files.load_into(network, half, run.weights)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


@pytest.mark.parametrize("key", ["image_size", "family", "classes", "channels", "settings"])
def test_a_config_of_another_architecture_is_one_line(tmp_path: Path, key: str) -> None:
    run = copied(tmp_path)
    config = json.loads((run.folder / "config.json").read_text())
    strange = {"image_size": (128, 10**9, 0, -1, 63), "family": ("cgan", "nonsense", "../../x", "", "os", "base")}
    strange |= {
        "classes": ([], ["a"] * 10**5, ["a", "b", 7]),
        "channels": (3, 0, -1, 10**9),
        "settings": ({}, {"latent_size": 10**12}),
    }
    for value in strange[key]:
        (run.folder / "config.json").write_text(json.dumps(config | {key: value}))
        begun = time.perf_counter()
        try:
            inference.load(run).generate(1)
        except UserError as error:
            assert "\n" not in str(error)
        else:
            assert value == {}  # which has defaults
        assert time.perf_counter() - begun < 2, value
