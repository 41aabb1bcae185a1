"""Runs of the last version that wrote format 1 are read, and go on as that version would have gone on."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from gan_core import cli, tensor_files
from gan_core.config import read_json
from gan_core.families import loading, registry
from gan_core.runs import Run, list_runs
from gan_core.training import checkpoints
from tests.conftest import ROOT
from tests.helpers.recorded_runs import CASES, FOLDER, copy_run, digest, draw_pictures, on_the_same_machine
from tests.helpers.records import assert_same_checkpoint

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pictures that the runs learned from."""
    folder = tmp_path_factory.mktemp("format1")
    draw_pictures(folder / "pictures")
    return folder


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_every_family_of_that_version_is_still_here() -> None:
    families = {read_json(FOLDER / case / "config.json")["family"] for case in CASES}
    assert families <= {preset.family for preset in registry.presets().values()}


@pytest.mark.parametrize("case", CASES)
def test_what_was_loaded_is_saved_again_to_the_bit(case: str, tmp_path: Path) -> None:
    """Under the same names, with the optimizers' numbers."""
    run = Run(copy_run(case, tmp_path), tmp_path)
    config = run.config()
    path, tensors, header, damaged = checkpoints.newest(run)
    assert (path.name, damaged) == ("step_00000016.safetensors", [])
    shape = (config.channels, config.image_size, config.image_size)
    family = loading.build(config.family, config.settings, shape, len(config.classes))
    tensor_files.check_fit(family.expected_state(header["step"]), tensors, path)
    with torch.no_grad():
        family.load_training_state(tensors, header["optimizers"])
    family.step = header["step"]
    again, numbers = family.training_state()
    saved = tmp_path / "again.safetensors"
    tensor_files.save(saved, again, {**header, "optimizers": numbers})
    assert_same_checkpoint(path, saved)
    assert tensor_files.load(saved)[1] == header


@pytest.mark.parametrize("case", CASES)
def test_a_stopped_run_is_resumed_to_the_same_end(
    case: str, place: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    """To the bit on the processor and with the torch of the recording; to the rounding of sums elsewhere."""
    monkeypatch.chdir(place)
    run = Run(copy_run(case, place / "runs"), place / "runs")
    assert cli.main(["resume", case, "--runs", "runs", "--device", "cpu"]) == 0
    assert run.status().state == "finished"
    tensors, header = tensor_files.load(run.checkpoints()[0])
    end = json.loads((FOLDER / case / "end.json").read_text(encoding="utf-8"))
    assert header["step"] == end["step"]
    norms = {name: tensor.double().norm().item() for name, tensor in tensors.items()}
    assert norms == pytest.approx(end["norms"], rel=1e-2, abs=1e-2)
    if on_the_same_machine():
        assert digest(tensors) == end["digest"]


def test_the_shipped_runs_are_read() -> None:
    shipped = [run for run in list_runs(ROOT / "runs") if run.reference]
    assert len(shipped) > 10
    for run in shipped:
        assert run.config().family
