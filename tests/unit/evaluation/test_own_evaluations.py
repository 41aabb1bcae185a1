"""Evaluations of runs that are only read: they go to the user's own folder, and the newer one counts."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from gan_core import cli
from gan_core.errors import UserError
from gan_core.evaluation import ranking, results
from gan_core.runs import REFERENCE, Run, find_run, list_runs, managing
from tests.helpers.made_evaluations import write
from tests.helpers.run_folders import make_run


@pytest.fixture
def shipped(tmp_path: Path) -> Run:
    run = make_run(tmp_path, "reference/dcgan", "dcgan", 1, 2)
    write(run)
    os.utime(run.folder / "evaluation.json", (1_000_000_000, 1_000_000_000))
    return run


def measured_here(run: Run, **changes: object) -> results.Evaluation:
    """Write what `evaluate` would write, at the place where it would."""
    found = replace(results.read(run.evaluation), **changes)
    results.write(run.evaluation_to_write(), found)
    return found


def test_the_users_own_evaluation_of_a_shipped_run_counts(shipped: Run, tmp_path: Path) -> None:
    before = (shipped.folder / "evaluation.json").read_bytes()
    assert not shipped.evaluated_here
    found = measured_here(shipped, notes=("Measured here.",))
    own = tmp_path / "evaluations" / "reference" / "dcgan" / "evaluation.json"
    assert shipped.evaluation == own == Run(shipped.folder).evaluation, "named by its path as well"
    assert shipped.evaluated_here and own in shipped.downloads()
    assert (shipped.folder / "evaluation.json").read_bytes() == before
    assert [run.name for run in list_runs(tmp_path)] == ["reference/dcgan"]
    [ranked], _ = ranking.read([shipped])
    assert ranked.notes == found.notes


def test_a_shipped_evaluation_that_is_newer_counts(shipped: Run) -> None:
    measured_here(shipped)
    later = shipped.evaluation.stat().st_mtime + 10
    os.utime(shipped.folder / "evaluation.json", (later, later))
    assert not shipped.evaluated_here


def test_deleting_ones_own_brings_the_shipped_one_back(shipped: Run, tmp_path: Path) -> None:
    command = ["delete", "dcgan", "--evaluation", "--runs", str(tmp_path)]
    assert cli.main([*command, "--yes"]) == 2, "there is none yet, and the shipped one stays"
    measured_here(shipped)
    assert cli.main(command) == 2, "it asks, and here is no terminal"
    assert cli.main([*command, "--yes"]) == 0
    assert shipped.evaluation == shipped.folder / "evaluation.json" and shipped.evaluation.is_file()


def test_maintainers_write_into_the_shipped_run(shipped: Run) -> None:
    assert shipped.evaluation_to_write(into_run=True) == shipped.folder / "evaluation.json"


def test_a_run_of_ones_own_keeps_its_evaluation_in_its_folder(tmp_path: Path) -> None:
    run = make_run(tmp_path, "mine", "dcgan", 1, 2)
    write(run)
    assert run.own_evaluation is None and run.evaluation_to_write() == run.folder / "evaluation.json"
    managing.delete_evaluation(run)
    assert not (run.folder / "evaluation.json").exists()
    with pytest.raises(UserError, match="has no evaluation"):
        managing.delete_evaluation(run)


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_a_linked_run_is_measured_without_writing_into_it(tmp_path: Path) -> None:
    there = make_run(tmp_path / "elsewhere", "far", "dcgan", 1, 2)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "near").symlink_to(there.folder)
    run = Run(tmp_path / "runs" / "near", tmp_path / "runs")
    assert run.evaluation_to_write() == tmp_path / "runs" / "evaluations" / "near" / "evaluation.json"
    (tmp_path / "runs" / "evaluations" / "near").rmdir()
    (tmp_path / "runs" / "evaluations" / "near").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="is a link"):
        run.evaluation_to_write()


def test_the_name_of_the_folder_is_no_name_of_a_run(shipped: Run, tmp_path: Path) -> None:
    make_run(tmp_path, "mine", "dcgan", 1, 2)
    with pytest.raises(UserError, match="reserved"):
        managing.rename(find_run("mine", tmp_path), "evaluations", tmp_path)
    assert REFERENCE in shipped.name
