"""The lock of a run folder: one trainer, whatever happens to the file `.lock` and to the clock."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from gan_core.errors import UserError
from gan_core.runs import Run, RunWriter, status
from gan_core.runs.lock import FILE, RunLock, is_held, is_held_by
from tests.helpers.configs import CONFIG

posix = pytest.mark.skipif(os.name != "posix", reason="Windows locks no folders")


@pytest.fixture
def writer(tmp_path: Path) -> RunWriter:
    return RunWriter.create(tmp_path, "mine", CONFIG)


@posix
def test_a_deleted_lock_file_lets_no_second_trainer_in(writer: RunWriter) -> None:
    (writer.run.folder / FILE).unlink()
    assert is_held(writer.run.folder)
    with pytest.raises(UserError, match="another process"):
        RunWriter.reopen(writer.run)
    writer.close()
    assert not is_held(writer.run.folder)
    RunWriter.reopen(writer.run).close()


def test_where_folders_cannot_be_locked_the_file_is(writer: RunWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunLock, "_acquire_folder", lambda lock: True)
    with pytest.raises(UserError, match="another process"):
        RunWriter.reopen(writer.run)
    writer.close()
    second = RunWriter.reopen(writer.run)
    assert os.name != "posix" or is_held(writer.run.folder)
    assert is_held_by(writer.run.folder, os.getpid())
    second.close()
    assert not is_held(writer.run.folder)


@posix
def test_who_holds_it_is_known(writer: RunWriter, tmp_path: Path) -> None:
    folder = writer.run.folder
    assert is_held_by(folder, os.getpid())
    assert not is_held_by(folder, os.getppid())
    for number in (-1, 0, 2**31 - 1, 10**30):
        assert not is_held_by(folder, number)
    other = tmp_path / "other"
    other.mkdir()
    (other / FILE).hardlink_to(folder / FILE)  # a lock of this process, under the name of another run's
    assert not is_held_by(other, os.getpid())
    handle = os.open(other, os.O_RDONLY)  # open, but not locked
    assert not is_held_by(other, os.getpid())
    os.close(handle)
    writer.close()
    assert not is_held_by(folder, os.getpid())


@posix
def test_a_reader_that_looks_keeps_no_trainer_out(writer: RunWriter) -> None:
    import fcntl
    import threading

    writer.close()
    handle = os.open(writer.run.folder, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    threading.Timer(0.05, os.close, (handle,)).start()
    RunWriter.reopen(writer.run).close()


@posix
@pytest.mark.parametrize("shift", [-86_400.0, -1.0, 1.0, 86_400.0])
def test_a_living_run_is_running_whatever_the_clock_says(
    writer: RunWriter, monkeypatch: pytest.MonkeyPatch, shift: float
) -> None:
    writer.write_status(state="running", step=3, steps=9)
    now = status._started
    monkeypatch.setattr(status, "_started", lambda process: (now(process) or 0.0) + shift)
    assert writer.run.status().state == "running"
    writer.close()
    assert writer.run.status().state == ("running" if abs(shift) < 2 else "stopped")


def test_a_status_without_a_process_is_of_no_living_one(writer: RunWriter) -> None:
    writer.write_status(state="running", step=3, steps=9)
    path = writer.run.folder / "status.json"
    for values in ({"process": None}, {"process": -5}, {"process": 2**70}, {"process": 2**31 - 1}):
        path.write_text(json.dumps(asdict(writer.run.status()) | {"state": "running"} | values))
        assert Run(writer.run.folder).status().state != "running"
    writer.close()
