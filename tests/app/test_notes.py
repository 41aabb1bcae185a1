"""Notes and tags: kept beside the runs, by several people at once, and never lost."""

import json
import multiprocessing
import os
import shutil
import time
from pathlib import Path

import fsspec
import pytest

from dashboard.library import notes
from dashboard.library.notes import FILE, Note, Notes
from dashboard.library.store import Library
from dashboard.widgets import notes_editor
from gan_core.errors import UserError
from gan_core.runs import remote
from tests.helpers.pages import healthy, open_page, texts
from tests.helpers.run_folders import make_run


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(folder.rglob("*"))}


def test_notes_are_kept_in_one_file_beside_the_runs(tmp_path: Path) -> None:
    make_run(tmp_path, "reference/gan", "gan", 1, 2)
    before = snapshot(tmp_path / "reference")
    kept = Notes(tmp_path)
    assert kept.get("reference/gan") == Note() and kept.tags() == []
    assert kept.change_note("reference/gan", "", "  sharp, but all alike\nsecond line ")
    kept.change_tags("reference/gan", (), ["good", "to  show"])
    assert kept.get("reference/gan") == Note("sharp, but all alike\nsecond line", ("good", "to show"))
    assert Notes(tmp_path).read() == kept.read()
    assert snapshot(tmp_path / "reference") == before
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")) == [FILE, "reference"]
    kept.change_note("reference/gan", kept.get("reference/gan").note, "")
    kept.change_tags("reference/gan", ("good", "to show"), ())
    assert json.loads((tmp_path / FILE).read_text())["runs"] == {}


def test_another_ones_change_is_seen(tmp_path: Path) -> None:
    mine, theirs = Notes(tmp_path), Notes(tmp_path)
    assert mine.read() == {}
    theirs.change_note("a", "", "theirs")
    assert mine.get("a").note == "theirs"
    (tmp_path / FILE).unlink()
    assert mine.read() == {}


def test_two_who_write_at_once_lose_nothing(tmp_path: Path) -> None:
    mine, theirs = Notes(tmp_path), Notes(tmp_path)
    assert theirs.change_note("a", "", "theirs")
    assert not mine.change_note("a", "", "mine")  # who wrote it had seen an empty field
    assert mine.get("a").note == "theirs\n\nmine"
    assert mine.change_note("a", "theirs\n\nmine", "both")
    assert mine.get("a").note == "both"
    theirs.change_tags("a", (), ("x", "y"))
    mine.change_tags("a", (), ("z",))
    theirs.change_tags("a", ("x", "y"), ("y",))
    assert mine.get("a").tags == ("y", "z")
    mine.change_tags("a", ("y", "z"), ("Y", "z"))
    assert mine.get("a").tags == ("Y", "z")


def test_notes_of_runs_that_are_kept_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def machine(name: str) -> Notes:
        monkeypatch.setenv("GANRAY_CACHE", str(tmp_path / name))
        monkeypatch.setattr(remote, "_PLACES", {})
        return Notes(remote.root_of("memory://noted"))

    try:
        machine("here").change_note("a", "", "from here")
        there = machine("there")
        assert there.get("a").note == "from here"
        there.change_tags("a", (), ("good",))
        # What this one has is old by now, and nothing of either is lost.
        here = machine("here")
        assert not here.change_note("a", "", "once more")
        assert here.get("a") == Note("from here\n\nonce more", ("good",))
    finally:
        fsspec.filesystem("memory").store.clear()


def write_many(root: Path, who: int) -> None:
    kept = Notes(root)
    for number in range(20):
        kept.change_note(f"run-{who}-{number}", "", f"{who} {number}")
        kept.change_tags("shared", (), (f"{who}-{number % 4}",))


@pytest.mark.processes
def test_many_processes_write_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork" if os.name == "posix" else "spawn")
    writers = [context.Process(target=write_many, args=(tmp_path, who)) for who in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    found = Notes(tmp_path).read()
    assert len(found) == 61 and found["run-2-19"].note == "2 19"
    assert len(found["shared"].tags) == 12
    assert not list(tmp_path.glob("*.tmp")) and not list(tmp_path.glob(".*.tmp"))


@pytest.mark.parametrize("content", ["{", "[]", '{"runs": {"a": {"note": 5}}}', '{"format": 9, "runs": {}}', "\x00"])
def test_a_damaged_file_is_said_and_never_overwritten(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    kept = Notes(tmp_path)
    for action in (kept.read, lambda: kept.change_note("a", "", "b"), lambda: kept.change_tags("a", (), ("b",))):
        with pytest.raises(UserError, match=FILE):
            action()
    assert (tmp_path / FILE).read_text() == content


@pytest.mark.parametrize("tag", ["", "  ", "a,b", 'say "x"', "x" * 41, "*"])
def test_a_tag_that_the_filter_could_not_ask_for_is_refused(tmp_path: Path, tag: str) -> None:
    with pytest.raises(UserError, match="tag"):
        Notes(tmp_path).change_tags("a", (), (tag,))
    assert not (tmp_path / FILE).exists()


def test_what_is_too_long_is_refused(tmp_path: Path) -> None:
    kept = Notes(tmp_path)
    with pytest.raises(UserError, match="too long"):
        kept.change_note("a", "", "x" * 10_001)
    with pytest.raises(UserError, match="too many tags"):
        kept.change_tags("a", (), [f"tag {number}" for number in range(21)])


def test_a_folder_that_is_gone_or_read_only_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="deleted or moved"):
        Notes(tmp_path / "nowhere").change_note("a", "", "b")
    assert not Notes(tmp_path / "nowhere").writable()
    tmp_path.chmod(0o555)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("this user may write everywhere")
        assert not Notes(tmp_path).writable()
        with pytest.raises(UserError, match="no permission"):
            Notes(tmp_path).change_note("a", "", "b")
    finally:
        tmp_path.chmod(0o755)


def test_reading_notes_costs_nothing_while_they_stay(tmp_path: Path) -> None:
    kept = Notes(tmp_path)
    kept.change_tags("a", (), ("x",))
    kept.read()
    started = time.perf_counter()
    for _ in range(1000):
        kept.read()
    assert time.perf_counter() - started < 1


def test_a_page_shows_notes_and_writes_them(runs_root: Path) -> None:
    make_run(runs_root, "mine", "gan", 2, 4)
    Notes(runs_root).change_note("mine", "", "first *line* <b>\nsecond")
    Notes(runs_root).change_tags("mine", (), ("good",))
    app = open_page(runs=["mine"])
    assert r"first \*line\* \<b\>" in texts(app) and ":gray-badge[good]" in texts(app)
    app.session_state["writing"] = True
    healthy(app.run())
    assert app.text_area(key="note mine").value == "first *line* <b>\nsecond"
    app.text_area(key="note mine").set_value("changed").run()
    healthy(app)
    assert Notes(runs_root).get("mine") == Note("changed", ("good",))
    app.multiselect(key="tags mine").set_value([]).run()
    assert Notes(runs_root).get("mine") == Note("changed")
    Notes(runs_root).change_note("mine", "changed", "by somebody else")
    healthy(app.run())
    assert app.text_area(key="note mine").value == "by somebody else"


def test_a_name_may_hold_spaces(runs_root: Path) -> None:
    make_run(runs_root, "mine", "gan", 1, 2).folder.rename(runs_root / "my first run")
    (entry,) = (library := Library(runs_root)).entries()
    own, kept = notes.digest(entry), Notes(runs_root)
    kept.change_note(entry.name, "", "of an earlier run", "0" * 16)
    kept.change_note(entry.name, "", "of this one", own)
    assert notes.known(library) == ({"my first run": Note("of this one")}, "")
    (runs_root / FILE).write_text(
        json.dumps({"runs": {f"my first run {own}": {"note": "put aside", "tags": []}}, "format": 2})
    )
    assert notes.known(library)[0]["my first run"].note == "put aside"


def test_a_note_stays_with_its_run_when_the_name_is_used_again(runs_root: Path) -> None:
    make_run(runs_root, "mine", "gan", 2, 4)
    library, kept = Library(runs_root), Notes(runs_root)

    def now() -> tuple[str, Note]:
        (entry,) = (entry for entry in library.entries() if entry.name == "mine")
        return notes.digest(entry), notes.known(library)[0].get("mine", Note())

    first, _ = now()
    kept.change_note("mine", "", "of the first", first)
    kept.change_tags("mine", (), ("good",), first)
    assert now() == (first, Note("of the first", ("good",)))
    (runs_root / "mine").rename(runs_root.parent / "bin")
    make_run(runs_root, "mine", "gan", 2, 4, seed=1)
    second, found = now()
    assert second != first and found == Note()
    # The field of the new run was empty: nothing is said of a note that somebody else wrote.
    assert kept.change_note("mine", "", "of the second", second)
    assert now()[1] == Note("of the second")
    shutil.rmtree(runs_root / "mine")
    (runs_root.parent / "bin").rename(runs_root / "mine")
    assert now() == (first, Note("of the first", ("good",)))
    # What was written before runs were told apart belongs to whichever has the name.
    (runs_root / FILE).write_text('{"runs": {"mine": {"note": "old", "tags": []}}, "format": 1}')
    assert now()[1] == Note("old")


def test_a_page_over_damaged_notes_says_so(runs_root: Path) -> None:
    make_run(runs_root, "mine", "gan", 2, 4)
    (runs_root / FILE).write_text("{")
    app = open_page(runs=["mine"])
    assert "is damaged" in texts(app)
    assert (runs_root / FILE).read_text() == "{"


def test_badges_show_tags_as_they_are() -> None:
    assert notes_editor.badges(("a", "b*c")) == r":gray-badge[a] :gray-badge[b\*c]"
