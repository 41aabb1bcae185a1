"""A run folder is a stranger's file: links, pipes, giants and impossible values cost a line about that run alone."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gan_core import files, images, runs, tensor_files
from gan_core.errors import UserError
from gan_core.evaluation import results
from gan_core.runs import Run, RunWriter
from tests.helpers.run_folders import make_run
from tests.helpers.untrained import untrained

unix = pytest.mark.skipif(os.name == "nt", reason="links and pipes of Unix")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return make_run(tmp_path / "runs", "own", "gan", 2, 2, "stopped")


def elsewhere(path: Path, outside: Path) -> Path:
    """Move a file or folder of a run outside, leave a link to it, and return its new place."""
    path.rename(outside)
    path.symlink_to(outside)
    return outside


def state_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder with its time and content."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


@unix
@pytest.mark.parametrize("name", ["samples", "checkpoints", "metrics.csv", "epochs.csv", "status.json", ".lock"])
def test_a_run_with_a_link_in_it_is_not_written_to(run: Run, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (run.folder / ".lock").touch()
    elsewhere(run.folder / name, outside / name)
    before, inside = state_of(outside), state_of(run.folder)
    with pytest.raises(UserError, match=f"'{name}' in it is a link") as error:
        RunWriter.reopen(run)
    assert "\n" not in str(error.value)
    assert state_of(outside) == before
    assert state_of(run.folder) == inside


@unix
def test_a_run_folder_that_is_a_link_is_only_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(run.folder)
    linked = runs.find_run(str(tmp_path / "link"), tmp_path / "runs")
    assert linked.config() == run.config()
    assert linked.samples()
    with pytest.raises(UserError, match="is a link and is only read"):
        RunWriter.reopen(linked)
    with pytest.raises(UserError, match="is a link and is only read"):
        linked.check_writable()


@unix
def test_a_new_run_does_not_take_a_folder_that_holds_a_link(run: Run, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (run.root / "fresh").mkdir()
    (run.root / "fresh" / "samples").symlink_to(tmp_path / "outside")
    with pytest.raises(UserError, match="exists already"):
        RunWriter.create(run.root, "fresh", run.config())


@unix
def test_no_file_of_a_run_is_read_through_a_link(run: Run, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    for name in ("config.json", "status.json", "metrics.csv", "epochs.csv", "progress.gif", "checkpoints", "samples"):
        elsewhere(run.folder / name, secret / name)
    with pytest.raises(UserError, match="is a link, which GANray does not follow"):
        run.config()
    assert run.status().state == "unknown"
    assert "is a link" in (run.status().reason or "")
    for table in (run.metrics(), run.epochs()):
        table.poll()
        assert not len(table)
        assert "is a link" in table.problem
    assert (run.checkpoints(), run.samples(), run.gif) == ([], {}, None)
    assert [path.name for path in run.downloads() if path.name != runs.WEIGHTS] == []


@unix
def test_neither_weights_nor_evaluations_nor_pictures_are_read_through_a_link(tmp_path: Path) -> None:
    run = untrained(tmp_path / "runs", "own")
    picture = run.samples()[1]
    for path, read in (
        (run.weights, lambda: tensor_files.load(run.weights)),
        (run.evaluation, lambda: results.read(run.evaluation)),
        (picture, lambda: images.read_png(picture)),
    ):
        path.touch()
        elsewhere(path, tmp_path / path.name)
        with pytest.raises(UserError):
            read()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def giant(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(6 * 1024**3)


def folder(path: Path) -> None:
    path.mkdir()


@unix
@pytest.mark.parametrize("make", [pipe, endless, giant, folder])
def test_what_is_no_ordinary_file_costs_a_line_and_no_time(run: Run, make: Callable[[Path], None]) -> None:
    picture, table = run.samples()[1], run.metrics()
    for path in (run.folder / runs.CONFIG, run.folder / runs.STATUS, table.path, picture, run.weights, run.evaluation):
        path.unlink(missing_ok=True)
        make(path)
    start = time.perf_counter()
    for read in (
        run.config,
        lambda: images.read_png(picture),
        lambda: tensor_files.load(run.weights),
        lambda: results.read(run.evaluation),
    ):
        with pytest.raises(UserError):
            read()
    table.poll()
    assert table.problem.startswith("metrics.csv cannot be read: it ")
    assert run.status().state == "unknown"
    assert [found.name for found in runs.list_runs(run.root)] == ["own"]
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (",".join(map(str, range(10**6))) + "\n1,2\n", "more than 1000 columns"),
        ("a" * 10**6 + "\n1\n", "columns"),
        (",".join(map(str, range(1000))) + "\n" + "1\n" * 10**5, "more than 10 million cells"),
    ],
    ids=["columns", "header", "cells"],
)
def test_a_table_beyond_all_measure_is_named_and_left_out(run: Run, content: str, reason: str) -> None:
    table = run.metrics()
    table.path.write_text(content)
    start = time.perf_counter()
    assert table.poll()
    assert not table.poll()
    assert reason in table.problem
    assert len(table) == 0
    assert table.names == []
    assert time.perf_counter() - start < 1


def test_a_table_that_is_mended_is_read_again(run: Run) -> None:
    table, whole = run.metrics(), run.metrics().path.read_bytes()
    table.path.write_text(",".join(map(str, range(2000))) + "\n")
    table.poll()
    table.path.write_bytes(whole)
    assert table.poll()
    assert table.problem == ""
    assert len(table)


def test_a_large_evaluation_is_refused_before_it_is_read(run: Run) -> None:
    run.evaluation.write_bytes(b"[" + b"1," * files.JSON_BYTES)
    with pytest.raises(UserError, match=r"it has 8 MB, more than the 4 MB allowed"):
        results.read(run.evaluation)
