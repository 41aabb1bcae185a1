"""Starting, following and stopping training processes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from dashboard import jobs
from dashboard.jobs import Job, Jobs
from gan_core import config, runs
from gan_core.errors import UserError
from gan_core.run_options import RunOptions
from gan_core.runs import Run
from tests.conftest import ROOT
from tests.helpers.run_folders import make_run, settings

OPTIONS = RunOptions("dcgan", "phantom:cxr?images=64", epochs=2, image_size=32, batch_size=8, seed=1)


@pytest.fixture
def started(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path / "runs", tmp_path / "logs")


def wait(job: Job, seconds: float = 60) -> None:
    job.process.wait(seconds)


@pytest.mark.processes
def test_a_mistake_is_told_in_the_command_lines_words(started: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(started.logs.parent)  # the package is found from anywhere
    job = started.train("mine", RunOptions("dcgan", "no/such/folder", epochs=2, image_size=32))
    wait(job)
    assert job.over and job.failed
    assert "no/such/folder" in job.error()
    assert not job.error().startswith("error:")
    assert "Traceback" not in job.log.read_text()
    assert started.free_name("mine") == "mine-1"
    assert not started.taken("mine")  # nothing was made: the name is free again
    started.forget("mine")
    assert started.all() == {}


@pytest.mark.processes
def test_two_trainings_of_one_name_are_refused(started: Jobs) -> None:
    job = started.train("mine", OPTIONS)
    try:
        with pytest.raises(UserError, match="exists already"):
            started.train("mine", OPTIONS)
        assert started.free_name("mine") == "mine-1"
        started.forget("mine")
        assert list(started.all()) == ["mine"]  # not while it goes on
        if os.name == "posix":
            assert os.getsid(job.process.pid) != os.getsid(0)  # goes on when the app ends
    finally:
        jobs.cancel(job)
        wait(job)


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "reference", "con"])
def test_bad_names_start_nothing(started: Jobs, name: str) -> None:
    with pytest.raises(UserError):
        started.train(name, OPTIONS)
    assert started.all() == {}
    assert not started.logs.exists()


def test_free_names_pass_over_what_is_there(started: Jobs) -> None:
    make_run(started.root, "gan-1", "gan", 1, 2)
    assert started.free_name("gan") == "gan-2"


def test_reference_runs_and_running_runs_are_not_resumed(started: Jobs) -> None:
    with pytest.raises(UserError, match="reference run"):
        started.resume(make_run(started.root, "reference/gan", "gan", 1, 2))
    with pytest.raises(UserError, match="already"):
        started.resume(make_run(started.root, "mine", "gan", 3, 2, "running"))


def status(run: Run, process: int, began: float) -> None:
    host = run.status().host
    values = runs.Status("running", 1, 2, 3, 6, process=process, process_started=began, host=host, updated=time.time())
    (run.folder / runs.STATUS).write_text(json.dumps(config.to_dict(values)))


def sleeper(folder: Path, locks: bool) -> "subprocess.Popen[str]":
    """A process with a run folder open, which it has locked or not."""
    wait = "print('ready', flush=True); import time; time.sleep(60)"
    lock = "from gan_core.runs.lock import RunLock; lock = RunLock(Path(sys.argv[1])); assert lock.acquire()"
    code = f"import os, sys; from pathlib import Path; os.open(sys.argv[1], 0); {lock if locks else 'pass'}; {wait}"
    process = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout and process.stdout.readline() == "ready\n"
    return process


@pytest.mark.processes
def test_stop_ends_the_trainer_and_nothing_else(tmp_path: Path) -> None:
    run = make_run(tmp_path, "mine", "gan", 2, 2)
    with pytest.raises(UserError, match="nothing to stop"):
        jobs.stop(run)  # it is finished
    sleepers = [sleeper(run.folder, locks) for locks in (False, True)]
    try:
        other, trainer = sleepers
        began = [round(psutil.Process(one.pid).create_time(), 2) for one in sleepers]
        # A forged file names a process that is no trainer, though it runs and reads in the folder.
        status(run, other.pid, began[0])
        with pytest.raises(UserError, match="nothing to stop"):
            jobs.stop(run)
        assert other.poll() is None
        status(make_run(tmp_path, "second", "gan", 2, 2), trainer.pid, began[1])  # it trains, but another run
        with pytest.raises(UserError, match="nothing to stop"):
            jobs.stop(Run(tmp_path / "second", tmp_path))
        assert trainer.poll() is None
        status(run, trainer.pid, began[1] - 3600)  # the clock was set since
        assert run.status().state == "running"
        jobs.stop(run)
        assert trainer.wait(10) != 0
        assert run.status().state == "stopped"
        assert other.poll() is None
    finally:
        for one in sleepers:
            one.kill()
            one.wait()


@pytest.mark.parametrize(
    ("content", "lines", "expected"),
    [
        (b"", 1, ""),
        (b"one\ntwo\n\n", 1, "two"),
        (b"one\ntwo\n", 2, "one\ntwo"),
        (b" 10%|#  |\r 50%|## |\x1b[A\r", 1, "50%|## |"),
        (b"\xff\xfe broken\n", 1, "�� broken"),
        (b"x" * 40_000 + b"\nend", 1, "end"),
    ],
)
def test_last_lines(tmp_path: Path, content: bytes, lines: int, expected: str) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    assert jobs.last_lines(path, lines) == expected
    assert jobs.last_lines(tmp_path / "none", lines) == ""


def test_old_logs_go(tmp_path: Path) -> None:
    for number in range(jobs.LOGS_KEPT + 5):
        (tmp_path / f"{number}.log").touch()
    jobs._drop_old(tmp_path)
    assert len(list(tmp_path.iterdir())) == jobs.LOGS_KEPT


def test_fixture_settings_are_real_ones() -> None:
    assert config.from_dict(config.RunConfig, config.to_dict(settings("gan", 1, 0)), "test").family == "gan"
