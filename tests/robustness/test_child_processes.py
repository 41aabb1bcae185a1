"""Processes that GANray starts import nothing from the folder that it was started in."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dashboard.jobs import Jobs
from gan_core import child_processes
from gan_core.data import decode_pool
from gan_core.data.prepared import Settings
from gan_core.data.readers import open_source
from gan_core.decode.worker import DecodeWorker
from gan_core.run_options import RunOptions

# What a child process imports early or late: of the standard library, of others, and of our own.
TRAPS = ("numpy", "PIL", "json", "pickle", "multiprocessing", "socket", "torch", "gan_core", "dashboard", "psutil")


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the program was started in, with modules that leave a note when they are imported."""
    folder, notes = tmp_path / "downloads", tmp_path / "notes"
    notes.mkdir()
    for number, name in enumerate(TRAPS):
        file = folder / (f"{name}.py" if number % 2 else f"{name}/__init__.py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"open({str(notes / name)!r}, 'w').close()\nraise SystemExit(77)\n")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", os.pathsep)  # empty entries mean the current folder
    return notes


def sprung(notes: Path) -> list[str]:
    return sorted(path.name for path in notes.iterdir())


@pytest.mark.processes
def test_the_trap_works(trap: Path) -> None:
    subprocess.run([sys.executable, "-c", "import numpy"], check=False)
    assert sprung(trap) == ["numpy"]


@pytest.mark.processes
def test_the_decoder_imports_nothing_from_the_current_folder(trap: Path, tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 40), 128, np.uint8)).save(tmp_path / "one.png")
    with DecodeWorker() as worker:
        assert worker.decode((tmp_path / "one.png").read_bytes(), "one.png").shape == (40, 40, 1)
        assert worker.process is not None
        if sys.platform == "linux":
            assert Path(f"/proc/{worker.process}/cwd").resolve() == child_processes.ROOT
    assert sprung(trap) == []


@pytest.mark.processes
def test_a_pool_imports_nothing_from_the_current_folder(
    trap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "set").mkdir()
    for number in range(decode_pool.FEW):
        Image.fromarray(np.full((40, 40), number, np.uint8)).save(tmp_path / f"set/{number:02}.png")
    monkeypatch.setattr(decode_pool, "_cores", lambda: 2)
    before = dict(os.environ)
    settings = Settings(32, 1, "crop", None, 0)
    found = list(decode_pool.decode_all(open_source(str(tmp_path / "set")), settings))
    assert [picture.reason for picture in found] == [""] * decode_pool.FEW
    assert sprung(trap) == []
    assert dict(os.environ) == before


@pytest.mark.processes
def test_a_training_of_the_page_imports_nothing_from_the_current_folder(trap: Path, tmp_path: Path) -> None:
    job = Jobs(tmp_path / "runs", tmp_path / "logs").train("mine", RunOptions("nonsense", "phantom:cxr", epochs=1))
    assert job.process and job.process.wait(60) == 2
    assert "nonsense" in job.error()
    assert sprung(trap) == []


def test_the_package_is_found_and_relative_paths_are_fixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(("", "plugins", "/opt/more", "")))
    found = child_processes.environment(MORE="1")
    assert found["PYTHONPATH"].split(os.pathsep) == [str(child_processes.ROOT), str(tmp_path / "plugins"), "/opt/more"]
    assert found["PYTHONSAFEPATH"] == found["MORE"] == "1"
    # An installed package needs no path, which would bring other packages before the standard library.
    monkeypatch.setattr(child_processes, "_installed", lambda: {child_processes.ROOT})
    assert child_processes.environment()["PYTHONPATH"].split(os.pathsep) == [str(tmp_path / "plugins"), "/opt/more"]
