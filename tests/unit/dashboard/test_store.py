"""Reading run folders that are whole, damaged, growing or gone."""

import json
import shutil
import time
from pathlib import Path

import pytest

from dashboard.library import store
from dashboard.library.store import Library
from gan_core import runs
from tests.helpers.run_folders import make_run


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path)


def test_lists_runs_with_what_is_known_of_them(library: Library) -> None:
    make_run(library.root, "reference/cgan", "cgan", 2, 5)
    make_run(library.root, "mine", "dcgan_baseline", 3, 5, "stopped", reason="stopped by SIGTERM")
    shipped, mine = library.entries()
    assert (shipped.name, shipped.label, shipped.family) == ("reference/cgan", "cgan", "cgan")
    assert (mine.family, mine.status.state, mine.running) == ("dcgan", "stopped", False)
    assert shipped.title and shipped.task == "generate"
    found = library.find("mine")
    assert found and found.run.folder == mine.run.folder


def test_a_translator_has_domains(library: Library) -> None:
    make_run(library.root, "there", "cyclegan_resnet_light", 2, 5)
    make_run(library.root, "unheard_of", "cyclegan_unheard_of", 2, 5, domains=("T1", "T2"))
    make_run(library.root, "plain", "gan", 2, 5)
    found = {entry.name: entry for entry in library.entries()}
    assert [found[name].task for name in ("there", "unheard_of", "plain")] == ["translate", "translate", "generate"]
    assert found["there"].domains == ("NORMAL", "COVID") and found["plain"].domains is None
    assert (found["there"].boundary, found["plain"].boundary) == (0.5, 0)


def test_private_sheets_are_read_where_there_are_no_others(library: Library) -> None:
    run = make_run(library.root, "mine", "cyclegan_unet", 2, 5, private=True)
    (entry,) = library.entries()
    assert entry.private and library.previews(entry) == [0, 1, 2]
    assert entry.gif == run.folder / "private" / "progress.gif" and store.whole_gif(entry.gif)
    assert set(entry.sheets.values()) == set(run.private_samples().values())
    assert not any("private" in path.parts for path in run.downloads())
    shutil.copy(run.private_samples()[1], run.folder / "samples")  # public ones come first
    assert not entry.private and library.previews(entry) == [1]
    assert entry.gif is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not valid JSON"),
        ('{"format": 99}', "newer GANray"),
        ('{"preset": "gan"}', "missing"),
        ("[]", "expected an object"),
    ],
)
def test_a_config_that_cannot_be_read_is_a_problem_of_its_run_alone(library: Library, content: str, words: str) -> None:
    make_run(library.root, "good", "gan", 1, 2)
    (library.root / "bad").mkdir()
    (library.root / "bad" / runs.CONFIG).write_text(content)
    problems = {entry.name: entry.problem for entry in library.entries()}
    assert problems["good"] is None
    assert words in (problems["bad"] or "")
    assert str(library.root) not in (problems["bad"] or "")
    assert [entry.name for entry in library.readable()] == ["good"]


@pytest.mark.parametrize("name", ["../outside", "outside", "/", "reference", ""])
def test_a_name_opens_only_what_is_listed(tmp_path: Path, name: str) -> None:
    make_run(tmp_path, "outside", "gan", 1, 2)
    inside = tmp_path / "inside"
    make_run(inside, "mine", "gan", 1, 2)
    assert Library(inside).find(name) is None


def test_a_changed_config_is_read_again(library: Library) -> None:
    run = make_run(library.root, "mine", "gan", 1, 2)
    assert library.entries()[0].problem is None
    (run.folder / runs.CONFIG).write_text("{}")
    assert library.entries()[0].problem


def test_a_deleted_run_reads_as_empty(library: Library) -> None:
    make_run(library.root, "mine", "gan", 2, 5)
    entry = library.entries()[0]
    path = next(iter(entry.run.samples().values()))
    assert library.picture(path)
    assert len(library.curve(entry, ("loss/g",), 0.5).x) == 10
    shutil.rmtree(entry.run.folder)
    assert library.picture(path) is None
    assert len(library.curve(entry, ("loss/g",), 0.5).x) == 0
    assert library.previews(entry) == []
    assert library.histograms(entry, 1) == {}
    assert library.find("mine") is None


def test_curves_lie_over_epochs(library: Library) -> None:
    make_run(library.root, "mine", "gan", 4, 25)
    curve = library.curve(library.entries()[0], store.ACCURACY, 0.9)
    assert curve.x[-1] == pytest.approx(4, abs=1e-6)
    assert 0.5 < curve.last < 1


def test_pictures_are_the_files_as_they_are(library: Library) -> None:
    run = make_run(library.root, "mine", "gan", 1, 2)
    path = run.samples()[1]
    content = path.read_bytes()
    assert library.picture(path) == content
    path.write_bytes(content[: len(content) // 2])  # still being copied
    assert library.picture(path) is None
    path.write_bytes(b"not a picture at all, but longer than nothing")
    assert library.picture(path) is None
    assert library.picture(None) is None


def test_histograms_of_a_preview(library: Library) -> None:
    run = make_run(library.root, "mine", "gan", 1, 2)
    counts = library.histograms(library.entries()[0], 1)
    assert set(counts) == {"real", "held_out", "generated"}
    assert all(values.shape == (40,) and values.sum() == 500 for values in counts.values())
    table = run.folder / runs.EPOCHS
    table.write_text("epoch,scores/real,scores/generated\n1,1 2 3,a b c\n")
    assert library.histograms(library.entries()[0], 1) == {}


@pytest.mark.parametrize(("wanted", "found"), [(0, 0), (7, 5), (8, 10), (99, 10), (-3, 0)])
def test_nearest_epoch(wanted: int, found: int) -> None:
    assert store.nearest([0, 5, 10], wanted) == found


def test_nearest_of_none() -> None:
    assert store.nearest([], 3) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5, "5 s"), (0.2, "under 1 s"), (600, "10 min"), (7200, "2.0 h"), (None, ""), (float("inf"), ""), (-1, "")],
)
def test_durations(seconds: float | None, words: str) -> None:
    assert store.duration(seconds) == words


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("DCGAN: convolutional nets (Radford 2015, arXiv:1).", "Convolutional nets."),
        ("BiGAN: pairs of image and latent (Donahue,", "Pairs of image and latent."),
        ("cyclegan", "Cyclegan."),
    ],
)
def test_summaries(title: str, words: str) -> None:
    assert store.summary(title) == words


def test_the_cache_is_bounded() -> None:
    kept: store.LruCache[int, int] = store.LruCache(3)
    made = []
    for key in (1, 2, 3, 1, 4, 1, 2):
        kept.get(key, lambda key=key: made.append(key) or key)
    assert made == [1, 2, 3, 4, 2]


def test_a_status_is_read_again_when_it_was_written_again(library: Library) -> None:
    run = make_run(library.root, "mine", "gan", 6, 5, "running")
    seen = library.entries()[0].status
    assert (seen.state, seen.epoch) == ("running", 4)
    for state, epoch in (("running", 5), ("stopped", 5), ("finished", 6)):
        writer = runs.RunWriter.reopen(run)
        writer.write_status(state=state, epoch=epoch, epochs=6, step=epoch * 5, steps=30)
        writer.close()
        assert (library.entries()[0].status.state, library.entries()[0].status.epoch) == (state, epoch)
    (run.folder / runs.STATUS).unlink()
    assert library.entries()[0].status.state == "unknown"


def test_a_run_whose_process_ended_is_not_taken_for_running(library: Library) -> None:
    run = make_run(library.root, "mine", "gan", 6, 5, "running")
    assert library.entries()[0].running
    path = run.folder / runs.STATUS
    path.write_text(json.dumps(json.loads(path.read_text()) | {"process_started": 1.0}))
    assert library.entries()[0].status.state == "stopped"


def test_200_runs_are_listed_in_under_a_second(library: Library) -> None:
    first = make_run(library.root, "run-000", "gan", 1, 2).folder
    for number in range(1, 200):
        shutil.copytree(first, library.root / f"run-{number:03d}")
    for seconds in (1.0, 0.5):  # cold, and when the files are known
        started = time.perf_counter()
        assert len(library.entries()) == 200
        assert time.perf_counter() - started < seconds
