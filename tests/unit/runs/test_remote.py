"""Runs that are kept elsewhere: sent as they are trained, fetched where they are looked at, gone on with anywhere."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest

from gan_core import cli
from gan_core.errors import UserError
from gan_core.runs import Run, RunWriter, find_run, list_runs, remote
from gan_core.runs.remote import root_of
from tests.helpers.training import SMALL, make_pictures

Machine = Callable[[str], None]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("source") / "shapes")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """`machine(name)` goes on as another machine: with a cache of its own, and nothing remembered."""

    def go_to(name: str) -> None:
        monkeypatch.setenv("GANRAY_CACHE", str(tmp_path / name))
        monkeypatch.setattr(remote, "_PLACES", {})

    go_to("here")
    yield go_to
    fsspec.filesystem("memory").store.clear()


@pytest.fixture(params=["memory://runs", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return request.param if "://" in request.param else f"file://{tmp_path}/disk/runs"


def train(url: str, pictures: Path, name: str = "far", epochs: int = 2) -> int:
    command = ["train", "gan", "--data", str(pictures), "--runs", url, "--name", name, "--epochs", str(epochs)]
    return cli.main([*command, *SMALL])


def names(run: Run) -> set[str]:
    found = (path.relative_to(run.folder).as_posix() for path in run.folder.rglob("*") if path.is_file())
    return {name for name in found if not name.startswith(".")}


def test_a_run_trained_here_is_whole_there(url: str, machine: Machine, pictures: Path) -> None:
    assert train(url, pictures) == 0
    here = find_run("far", root_of(url))
    machine("elsewhere")
    there = find_run("far", root_of(url))
    assert there.folder != here.folder
    assert names(there) == names(here)
    assert all((there.folder / name).read_bytes() == (here.folder / name).read_bytes() for name in names(here))
    assert there.status().state == "finished"
    assert cli.main(["generate", "far", "--num", "2", "--runs", url, "--out", str(there.root.parent / "out")]) == 0


def test_a_reader_fetches_what_is_new_and_leaves_checkpoints_there(machine: Machine, pictures: Path) -> None:
    url = "memory://runs"
    assert train(url, pictures, epochs=1) == 0
    machine("reader")
    root = root_of(url)
    (run,) = list_runs(root)
    assert run.weights.is_file()
    assert not run.checkpoints()
    place = remote.place_of(root)
    assert place
    before = {name: (run.folder / name).stat().st_mtime_ns for name in names(run)}
    place.fs.pipe_file("/runs/far/metrics.csv", b"step\n1\n")
    place.fetch()
    after = {name: (run.folder / name).stat().st_mtime_ns for name in names(run)}
    assert {name for name in after if after[name] != before[name]} == {"metrics.csv"}


@pytest.mark.slow
def test_a_stopped_run_goes_on_on_another_machine(
    machine: Machine, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "memory://runs"
    assert train(url, pictures, "whole", epochs=3) == 0
    sent: list[str] = []
    send = remote.RemoteFolder.send

    def stop_after_the_first(place: remote.RemoteFolder, run: str) -> None:
        send(place, run)
        sent.append(run)

    monkeypatch.setattr(remote, "SEND_SECONDS", 0.05)
    monkeypatch.setattr(remote.RemoteFolder, "send", stop_after_the_first)
    save = RunWriter.save_samples

    def save_and_stop(writer: RunWriter, epoch: int, *rest: object) -> None:
        save(writer, epoch, *rest)
        if epoch == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(RunWriter, "save_samples", save_and_stop)
    assert train(url, pictures, "cut", epochs=3) == 0
    monkeypatch.setattr(RunWriter, "save_samples", save)
    assert "cut" in sent
    assert find_run("cut", root_of(url)).status().state == "stopped"

    machine("elsewhere")
    assert cli.main(["resume", "cut", "--runs", url, "--device", "cpu"]) == 0
    cut, whole = (find_run(name, root_of(url)) for name in ("cut", "whole"))
    assert cut.status().state == "finished"
    assert cut.weights.read_bytes() == whole.weights.read_bytes()
    assert len(remote.place_of(cut.root).fs.ls("/runs/cut/checkpoints")) == 2


def checkpoints(folder: Path) -> list[int]:
    return sorted(int(path.stem.removeprefix("step_")) for path in folder.glob("checkpoints/step_*.safetensors"))


def keep_checkpoints(run: Path, *steps: int) -> None:
    """As a trainer leaves them: these, and no others."""
    (run / "checkpoints").mkdir(parents=True, exist_ok=True)
    for step in set(steps) - set(checkpoints(run)):
        (run / f"checkpoints/step_{step:08d}.safetensors").write_text(str(step))
    for step in set(checkpoints(run)) - set(steps):
        (run / f"checkpoints/step_{step:08d}.safetensors").unlink()


def test_a_slow_upload_leaves_a_checkpoint_there(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trainer is faster than the network: while the table is uploaded, it replaces both checkpoints."""
    root = root_of(f"file://{tmp_path}/disk/runs")
    run, there, place = root / "far", tmp_path / "disk/runs/far", remote.place_of(root)
    assert place
    keep_checkpoints(run, 10, 20)
    place.send("far")
    (run / "metrics.csv").write_text("step\n20\n")
    upload = remote.RemoteFolder._upload
    steps = iter([(30, 40), (50, 60)])

    def slowly(self: remote.RemoteFolder, path: Path, name: str) -> None:
        upload(self, path, name)
        if name == "far/metrics.csv":
            keep_checkpoints(run, *next(steps, checkpoints(run)))

    monkeypatch.setattr(remote.RemoteFolder, "_upload", slowly)
    place.send("far")
    assert checkpoints(there) == [20]
    place.send("far")  # again too slow
    assert checkpoints(there) == [20]
    place.send("far")
    assert checkpoints(there) == checkpoints(run) == [50, 60]


def test_what_another_machine_trained_since_stays_there(machine: Machine, tmp_path: Path) -> None:
    """One machine trains a run that another one evaluates."""
    url = f"file://{tmp_path}/disk/runs"
    place = remote.place_of(root_of(url))
    assert place
    keep_checkpoints(place.folder / "far", 10, 20)
    place.send("far")
    machine("evaluates")
    other = remote.place_of(root_of(url))
    assert other
    other.fetch("far", heavy=True)
    keep_checkpoints(place.folder / "far", 30, 40)
    place.send("far")
    other.send("far")
    assert checkpoints(tmp_path / "disk/runs/far") == [30, 40]


def test_a_checkpoint_that_was_set_aside_is_set_aside_there(machine: Machine, tmp_path: Path) -> None:
    root = root_of(f"file://{tmp_path}/disk/runs")
    place = remote.place_of(root)
    assert place
    keep_checkpoints(root / "far", 10, 20)
    place.send("far")
    path = root / "far/checkpoints/step_00000020.safetensors"
    path.replace(path.with_suffix(".damaged"))
    place.send("far")
    assert checkpoints(tmp_path / "disk/runs/far") == [10]


def test_one_machine_trains_a_run(machine: Machine, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = "memory://runs"
    assert train(url, pictures, epochs=1) == 0
    place = remote.place_of(root_of(url))
    assert place
    remote.Lease(place, "far").take()
    machine("elsewhere")
    assert cli.main(["resume", "far", "--runs", url]) == 2
    assert "another process trains this run" in capsys.readouterr().err
    other = remote.place_of(root_of(url))
    assert other
    lease = remote.Lease(other, "far")
    other.fs.pipe_file(lease.path, b'{"holder": "gone:1:x", "time": 0}')  # a machine that went down long ago
    lease.take()
    lease.drop()
    assert not other.fs.exists(lease.path)


def test_a_storage_that_fails_loses_nothing(
    machine: Machine, pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "memory://runs"
    root = root_of(url)

    def full(*_: object, **__: object) -> None:
        raise OSError("no space in the bucket")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "pipe_file", full)
    monkeypatch.setattr(remote.Lease, "take", lambda _: None)
    assert train(url, pictures, epochs=1) == 2
    said = capsys.readouterr().err
    assert "memory://runs: no space in the bucket" in said
    assert str(root / "far") in said
    monkeypatch.undo()
    monkeypatch.setenv("GANRAY_CACHE", str(root.parent.parent))
    assert Run(root / "far").status().state == "finished"
    place = remote.place_of(root)
    assert place
    place.send("far")
    assert place.fs.exists("/runs/far/weights.safetensors")


@pytest.mark.parametrize(("given", "said"), [("nothing://x", "nothing"), ("s3://bucket/runs", "s3")])
def test_a_place_that_is_none_is_one_line(
    given: str, said: str, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    code = cli.main(["list", "--runs", given])
    out = capsys.readouterr()
    assert said in out.err
    assert "Traceback" not in out.err
    assert code == 2


def test_only_our_own_mirrors_are_believed(machine: Machine, tmp_path: Path) -> None:
    """A folder of runs that somebody sent cannot make this machine send anything anywhere."""
    root = root_of("memory://runs")
    copied = shutil.copytree(root, tmp_path / "sent by somebody")
    assert remote.place_of(root)
    assert remote.place_of(copied) is None
    with pytest.raises(UserError, match="no run 'far'"):
        find_run("far", copied)
