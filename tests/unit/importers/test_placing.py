"""An import never takes from another program, nor from the run that it replaces, before it is complete."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from gan_core import importers
from gan_core.errors import UserError
from gan_core.importers import writing
from gan_core.importers.found import FoundTraining
from gan_core.runs import Run, managing
from gan_core.runs.lock import RunLock
from gan_core.runs.recorded import RecordedWriter
from gan_core.runs.writer import RunWriter

OLD = 10**9  # when a folder was left, seconds since 1970


def training(*, meanwhile: object = None) -> FoundTraining:
    """Two rows and one picture. meanwhile: what happens while the picture is decoded."""

    def picture() -> np.ndarray:
        if callable(meanwhile):
            meanwhile()
        return np.zeros((8, 8, 1), np.uint8)

    columns = {"step": np.array([1.0, 2.0]), "loss/d": np.array([0.5, 0.25])}
    return FoundTraining("csv", "log.csv", columns=columns, pictures={2: picture}, counts="step")


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def test_a_run_that_is_made_meanwhile_stays(tmp_path: Path) -> None:
    made: list[RecordedWriter] = []

    def record() -> None:
        made.append(RecordedWriter.create(tmp_path, "race", writing.config_of(training())))
        made[0].append([{"step": 1, "epoch": 0, "seconds": 0, "images_per_second": 0, "loss/d": 7}])

    with pytest.raises(UserError, match="run 'race' exists already"):
        importers.write(training(meanwhile=record), tmp_path, "race")
    made[0].append([{"step": 2, "epoch": 0, "seconds": 0, "images_per_second": 0, "loss/d": 8}])
    made[0].close("finished", 2, 0)
    assert made[0].read_table()["loss/d"].tolist() == [7, 8] and names(tmp_path) == ["race"]


@pytest.mark.parametrize("follow", [False, True])
def test_a_second_import_of_the_name_stays(follow: bool, tmp_path: Path) -> None:
    slow = training(meanwhile=lambda: importers.write(training(), tmp_path, "twice"))
    with pytest.raises(UserError, match="run 'twice' exists already"):
        if follow:
            importers.follow(lambda: slow, tmp_path, tmp_path, "twice", say=lambda line: None)
        else:
            importers.write(slow, tmp_path, "twice")
    assert list(Run(tmp_path / "twice").samples()) == [2] and names(tmp_path) == ["twice"]


def test_a_run_whose_folder_is_just_made_stays(tmp_path: Path) -> None:
    """Another process holds the lock, and has written nothing yet."""
    (tmp_path / "race" / "samples").mkdir(parents=True)
    lock = RunLock(tmp_path / "race")
    assert lock.acquire()
    with pytest.raises(UserError, match="run 'race' exists already"):
        importers.write(training(), tmp_path, "race")
    lock.release()
    assert (tmp_path / "race" / "samples").is_dir()
    assert importers.write(training(), tmp_path, "race").samples() and names(tmp_path) == ["race"]


def test_a_trainer_that_comes_late_leaves_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    importers.write(training(), tmp_path, "race")
    answers = iter([False, True])  # it looked before the import was done
    monkeypatch.setattr("gan_core.runs.writer.is_taken", lambda root, name: next(answers))
    with pytest.raises(UserError, match="run 'race' exists already"):
        RunWriter.create(tmp_path, "race", writing.config_of(training()))
    assert Run(tmp_path / "race").config().origin is not None


def test_the_old_run_is_there_until_the_new_one_is_complete(tmp_path: Path) -> None:
    importers.write(training(), tmp_path, "mine")
    seen = []

    def look() -> None:
        table = Run(tmp_path / "mine").metrics()
        table.poll()
        seen.append(len(table))

    importers.write(training(meanwhile=look), tmp_path, "mine", replace=True)
    assert seen == [2] and names(tmp_path) == ["mine"]


def test_what_a_killed_import_left_is_brought_back_or_removed(tmp_path: Path) -> None:
    for name in ("gone", "there", "mine"):
        importers.write(training(), tmp_path, name)
    (tmp_path / "gone").rename(tmp_path / managing.replaced_name("gone"))
    (tmp_path / "mine").rename(tmp_path / managing.replaced_name("there"))
    for token in ("00000001", "00000002", "00000003"):
        (tmp_path / managing.importing_name("new", token) / "new").mkdir(parents=True)
    working = RunLock(tmp_path / managing.importing_name("new", "00000001"))
    assert working.acquire()
    for token in ("00000001", "00000002"):
        os.utime(tmp_path / managing.importing_name("new", token), (OLD, OLD))
    managing.sweep(tmp_path)
    working.release()
    assert names(tmp_path) == [".new.00000001.importing", ".new.00000003.importing", "gone", "there"]
    assert list(Run(tmp_path / "gone").samples()) == [2]


def test_a_training_that_cannot_be_followed_to_its_end_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "POLL_SECONDS", 0.01)
    log = tmp_path / "log.csv"
    log.write_text("a")
    state: list[float] = []

    def read() -> FoundTraining:
        if state:
            raise RuntimeError("the disk is gone")
        state.append(time.monotonic())
        return training()

    def say(line: str) -> None:
        log.write_text("longer")

    with pytest.raises(RuntimeError):
        importers.follow(read, log, tmp_path / "runs", "mine", say=say)
    status = Run(tmp_path / "runs" / "mine").status()
    assert (status.state, status.step, status.reason) == ("failed", 2, "the import ended: the disk is gone")
