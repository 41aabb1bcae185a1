"""Runs renamed and deleted: only one's own, all of them or nothing, and nothing outside."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from gan_core import cli
from gan_core.config import Kept
from gan_core.errors import UserError
from gan_core.runs import CONFIG, REFERENCE, Run, RunWriter, find_run, list_runs, managing, notes, remote
from gan_core.runs.notes import Notes
from tests.helpers.configs import CONFIG as SETTINGS

posix = pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    RunWriter.create(tmp_path, "mine", SETTINGS).close()
    (tmp_path / "mine" / "samples" / "epoch_0000.png").write_bytes(b"a picture")
    return find_run("mine", tmp_path)


def names(root: Path) -> list[str]:
    return [run.name for run in list_runs(root)]


def left(root: Path) -> list[str]:
    """What lies below the root, hidden or not, but notes and locks."""
    return sorted(path.name for path in root.iterdir() if "notes.json" not in path.name)


def test_a_renamed_run_is_the_same_run_and_keeps_its_notes(run: Run, tmp_path: Path) -> None:
    kept = Notes(tmp_path)
    kept.change_note("mine", "", "sharp", notes.digest(run.folder))
    kept.change_tags("mine", (), ["good"], notes.digest(run.folder))
    renamed = managing.rename(run, "better", tmp_path)
    assert names(tmp_path) == ["better"] and left(tmp_path) == ["better"]
    assert renamed.config() == SETTINGS and (renamed.folder / "samples" / "epoch_0000.png").is_file()
    assert kept.get("better", notes.digest(renamed.folder)) == notes.Note("sharp", ("good",))
    assert list(kept.read()) == ["better"]
    RunWriter.create(tmp_path, "mine", SETTINGS).close()
    assert not kept.get("mine", notes.digest(tmp_path / "mine"))


def test_a_note_that_was_written_during_the_training_is_there_after_it(run: Run, tmp_path: Path) -> None:
    """The end of a training, and a resume with its images elsewhere, change config.json."""
    kept = Notes(tmp_path)
    for record in (lambda writer: writer.record_kept(Kept("best", 3)), lambda writer: writer.record_source("moved")):
        before = notes.digest(run.folder)
        kept.change_note("mine", kept.get("mine", before).note, "sharp", before)
        writer = RunWriter.reopen(run)
        record(writer)
        writer.close()
        assert notes.digest(run.folder) != before
        assert kept.get("mine", notes.digest(run.folder)).note == "sharp"
    assert list(kept.read()) == ["mine"]


def test_a_name_that_an_earlier_run_had_keeps_that_ones_note_aside(run: Run, tmp_path: Path) -> None:
    kept, digest = Notes(tmp_path), notes.digest(run.folder)
    kept.change_note("better", "", "of an earlier run", "0011223344556677")
    kept.change_note("mine", "", "of this run", digest)
    managing.rename(run, "better", tmp_path)
    assert kept.get("better", digest).note == "of this run"
    assert kept.get("better", "0011223344556677").note == "of an earlier run"
    managing.delete(find_run("better", tmp_path), tmp_path)
    assert [note.note for note in kept.read().values()] == ["of an earlier run"]


@pytest.mark.parametrize("name", ["", "..", "a/b", "/etc", ".hidden", "reference", "a b"])
def test_a_name_that_no_run_may_have_is_refused(name: str, run: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run name"):
        managing.rename(run, name, tmp_path)
    assert names(tmp_path) == ["mine"]


def test_a_name_that_is_taken_is_refused(run: Run, tmp_path: Path) -> None:
    for name in ("other", "notes.txt", "dangling"):
        if name == "other":
            (tmp_path / name).mkdir()
        elif name == "dangling" and os.name == "posix":
            (tmp_path / name).symlink_to(tmp_path / "nowhere")
        else:
            (tmp_path / name).write_text("mine")
        with pytest.raises(UserError, match=f"run '{name}' exists already"):
            managing.rename(run, name, tmp_path)
    assert names(tmp_path) == ["mine"]


def test_a_deleted_run_is_gone_with_its_notes(run: Run, tmp_path: Path) -> None:
    kept = Notes(tmp_path)
    kept.change_note("mine", "", "poor", notes.digest(run.folder))
    kept.change_note("other", "", "stays")
    assert managing.size(run)[1] >= len(b"a picture")
    managing.delete(run, tmp_path)
    assert left(tmp_path) == [] and list(kept.read()) == ["other"]


def test_neither_a_shipped_run_nor_one_in_training_is_touched(run: Run, tmp_path: Path) -> None:
    RunWriter.create(tmp_path / REFERENCE, "gan", SETTINGS).close()
    shipped = find_run("gan", tmp_path)
    for change in (lambda one: managing.delete(one, tmp_path), lambda one: managing.rename(one, "x", tmp_path)):
        with pytest.raises(UserError, match="reference run"):
            change(shipped)
        writer = RunWriter.reopen(run)
        with pytest.raises(UserError, match="being trained"):
            change(run)
        writer.close()
    assert names(tmp_path) == ["reference/gan", "mine"]


def test_a_run_of_another_folder_is_not_touched(run: Run, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with pytest.raises(UserError, match="--runs"):
        managing.delete(find_run(str(run.folder), elsewhere), elsewhere)
    assert names(tmp_path) == ["mine"]


@posix
def test_a_delete_removes_links_and_not_what_they_lead_to(run: Run, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    for path in (outside / "file", outside / "deep" / "file", outside / "lock"):
        path.write_text("stays")
    (run.folder / "samples" / "file").symlink_to(outside / "file")
    (run.folder / "private").symlink_to(outside / "deep")
    (run.folder / ".lock").unlink(missing_ok=True)
    (run.folder / ".lock").symlink_to(outside / "lock")
    with pytest.raises(UserError, match="is a link"):
        managing.rename(run, "better", tmp_path)
    managing.delete(run, tmp_path)
    assert left(tmp_path) == ["outside"]
    assert [path.read_text() for path in outside.rglob("*") if path.is_file()] == ["stays"] * 3


@posix
def test_a_run_that_is_a_link_is_not_followed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(run.folder)
    with pytest.raises(UserError, match="is a link"):
        managing.delete(Run(tmp_path / "linked", tmp_path), tmp_path)
    assert (run.folder / CONFIG).is_file()


def test_a_delete_that_is_interrupted_leaves_no_run(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(shutil, "rmtree", killed)
        managing.delete(run, tmp_path)
    [hidden] = left(tmp_path)
    assert hidden.startswith(".mine.") and (tmp_path / hidden / "samples").is_dir()
    assert names(tmp_path) == []
    with pytest.raises(UserError, match="no run"):
        find_run(hidden, tmp_path)
    RunWriter.create(tmp_path, "mine", SETTINGS).close()
    managing.sweep(tmp_path)
    assert left(tmp_path) == ["mine"]


def test_a_hidden_folder_is_no_run_even_with_a_config(run: Run, tmp_path: Path) -> None:
    run.folder.rename(tmp_path / ".mine.01234567.deleted")
    assert names(tmp_path) == []
    with pytest.raises(UserError, match="no run"):
        find_run(".mine.01234567.deleted", tmp_path)


def test_runs_in_remote_storage_get_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANRAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(remote, "_PLACES", {})
    root = remote.root_of("memory://managed")
    RunWriter.create(root, "mine", SETTINGS).close()
    with pytest.raises(UserError, match="lies in memory://managed"):
        managing.delete(Run(root / "mine", root), root)


def test_the_command_line_asks(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return "no" if len(asked) == 1 else "y"

    monkeypatch.setattr("builtins.input", answer)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert cli.main(["rename", "mine", "better", "--runs", str(tmp_path)]) == 0
    assert cli.main(["delete", "better", "--runs", str(tmp_path)]) == 0
    assert names(tmp_path) == ["better"] and "better (" in asked[0]
    assert cli.main(["delete", "better", "--runs", str(tmp_path)]) == 0
    assert names(tmp_path) == []


def test_without_a_terminal_it_wants_yes(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    RunWriter.create(tmp_path, "other", SETTINGS).close()
    assert cli.main(["delete", "mine", "--runs", str(tmp_path)]) == 2
    assert capsys.readouterr().err.endswith("add --yes\n")
    assert cli.main(["delete", "mine", "nosuch", "--yes", "--runs", str(tmp_path)]) == 2
    assert len(names(tmp_path)) == 2, "nothing is deleted where one of the names is wrong"
    assert cli.main(["delete", "mine", "other", "--yes", "--runs", str(tmp_path)]) == 0
    assert names(tmp_path) == []


@posix
def test_evaluations_behind_a_link_are_neither_read_nor_removed(run: Run, tmp_path: Path) -> None:
    outside = tmp_path / "outside" / "mine"
    outside.mkdir(parents=True)
    (outside / "evaluation.json").write_text("stays")
    (tmp_path / "evaluations").symlink_to(tmp_path / "outside")
    managing.delete(managing.rename(managing.rename(run, "other", tmp_path), "mine", tmp_path), tmp_path)
    assert (outside / "evaluation.json").read_text() == "stays"
    shipped = Run(tmp_path / "reference" / "mine", tmp_path)
    (tmp_path / "outside" / "reference").mkdir()
    outside.rename(tmp_path / "outside" / "reference" / "mine")
    assert shipped.evaluation == shipped.folder / "evaluation.json"
    with pytest.raises(UserError, match="no evaluation of your own"):
        managing.delete_evaluation(shipped)
