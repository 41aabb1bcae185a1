"""Starting, following and stopping training processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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
    wait_until(lambda: job.over, seconds)


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
            assert job.process and os.getsid(job.process.pid) != os.getsid(0)  # goes on when the app ends
    finally:
        started.cancel(job.name)
        wait(job)


@pytest.fixture
def sleepers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """In place of trainings: processes that sleep until they are ended."""
    found = []

    def sleep(*arguments: str) -> list[str]:
        return [sys.executable, "-S", "-c", "import time; time.sleep(60)"]

    popen = subprocess.Popen

    def start(*arguments: Any, **options: Any) -> "subprocess.Popen[bytes]":
        found.append(popen(*arguments, **options))
        return found[-1]

    monkeypatch.setattr(jobs.child_processes, "command", sleep)
    monkeypatch.setattr(jobs.subprocess, "Popen", start)
    yield found
    for process in found:
        process.kill()
        process.wait()


@pytest.mark.processes
def test_more_trainings_than_the_limit_wait_for_their_turn(
    started: Jobs, sleepers: list["subprocess.Popen[bytes]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANRAY_TRAININGS", "2")
    trained = [started.train(f"run-{number}", OPTIONS) for number in range(5)]
    stopped = make_run(started.root, "stopped", "gan", 2, 2, "stopped")
    trained.append(started.resume(stopped))
    assert [job.queued for job in trained] == [False, False, True, True, True, True]
    assert len(sleepers) == 2
    with pytest.raises(UserError, match="exists already"):
        started.train("run-3", OPTIONS)  # its name is taken while it waits
    with pytest.raises(UserError, match="already"):
        started.resume(stopped)
    started.cancel("run-3")
    started.forget("run-4")  # it is not over
    assert list(started.all()) == ["run-0", "run-1", "run-2", "run-4", "stopped"]
    sleepers[0].kill()
    wait_until(lambda: len(sleepers) == 3 and trained[2].running)  # the oldest comes first
    assert [job.queued for job in trained[4:]] == [True, True]
    monkeypatch.setattr(started, "logs", Path(os.devnull) / "none")  # the next one cannot start: it says why
    sleepers[1].kill()
    wait_until(lambda: trained[5].over)
    assert trained[4].failed and "cannot be started" in trained[4].error()
    assert len(sleepers) == 3 and trained[2].running


@pytest.mark.processes
def test_one_evaluation_runs_at_a_time(started: Jobs, sleepers: list["subprocess.Popen[bytes]"]) -> None:
    first, second = (make_run(started.root, name, "gan", 1, 1) for name in ("first", "reference/second"))
    job = started.evaluate(first)
    assert job.arguments == ["evaluate", "--runs", str(started.root), "--", "first"]
    assert started.evaluating() == "first" and started.all() == {}
    with pytest.raises(UserError, match="'first' is being evaluated"):
        started.evaluate(second)
    started.cancel_evaluation("first")
    assert job.over  # so that the next one has the run for itself
    assert started.evaluation("first") is None and started.evaluating() == ""
    job = started.evaluate(second, "-odd folder")
    assert "--data=-odd folder" in job.arguments
    sleepers[-1].kill()
    wait(job)
    assert job.failed and started.evaluation("reference/second") is job and started.evaluating() == ""


@pytest.mark.parametrize(
    ("given", "expected"),
    [("1", 1), (" 12 ", 12), ("0", None), ("-1", None), ("many", None), ("²", None)],
)
def test_the_limit_is_a_setting(given: str, expected: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANRAY_TRAININGS", given)
    if expected is None:
        with pytest.raises(UserError, match="GANRAY_TRAININGS"):
            jobs.most()
    else:
        assert jobs.most() == expected
    monkeypatch.delenv("GANRAY_TRAININGS")
    assert 1 <= jobs.most() <= (os.cpu_count() or 1)


def wait_until(done: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


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


def status(run: Run, process: int, began: float, reason: str | None = None) -> None:
    host, updated = run.status().host, time.time()
    values = runs.Status("running", 1, 2, 3, 6, None, reason, process, began, host=host, updated=updated)
    (run.folder / runs.STATUS).write_text(json.dumps(config.to_dict(values)))


def sleeper(folder: Path, locks: bool) -> "subprocess.Popen[str]":
    """A process with a run folder open, which it has locked or not."""
    wait = "print('ready', flush=True); import time; time.sleep(60)"
    lock = "from gan_core.runs.lock import RunLock; lock = RunLock(Path(sys.argv[1])); assert lock.acquire()"
    ends = "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL)"  # a shell's background jobs ignore it
    opens = "import os, sys; from pathlib import Path; os.open(sys.argv[1], 0)"
    code = f"{ends}; {opens}; {lock if locks else 'pass'}; {wait}"
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
        status(run, trainer.pid, began[1], reason="stopped by you")
        jobs.stop(run)  # it writes its checkpoint: a second signal would end it before
        with pytest.raises(subprocess.TimeoutExpired):
            trainer.wait(0.2)
        status(run, trainer.pid, began[1])
        jobs.stop(run)
        assert trainer.wait(10) == (-signal.SIGINT if os.name == "posix" else 15)
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


@pytest.mark.processes
def test_what_a_user_cancels_is_no_failure(
    started: Jobs, sleepers: list["subprocess.Popen[bytes]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = started.train("run", OPTIONS)
    assert job.process
    signals: list[int] = []
    end = job.process.terminate
    monkeypatch.setattr(job.process, "terminate", lambda: signals.append(signal.SIGTERM))
    started.cancel("run")
    started.cancel("run")  # a second click
    assert signals == [signal.SIGTERM]
    end()
    wait(job)
    assert job.stopped
    other = started.train("other", OPTIONS)
    sleepers[-1].terminate()  # something else ended it
    wait(other)
    assert other.failed and not other.stopped
