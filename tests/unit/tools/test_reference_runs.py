"""The maintainers' script: what comes along, what is refused, what is thinned."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_core import images, runs
from gan_core.errors import UserError
from gan_core.runs import Run
from tests.helpers import made_evaluations
from tests.helpers.run_folders import make_run
from tools import reference_runs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "shipped" / runs.REFERENCE
    folder.mkdir(parents=True)
    return folder


def make(tmp_path: Path, name: str = "mine", **more: object) -> Run:
    run = make_run(tmp_path / "runs", name, "dcgan", 10, 3, **more)
    made_evaluations.write(run)
    for extra in ("checkpoints/step_1.safetensors", "snapshots/epoch_0000.safetensors", "private/epoch_0000.png"):
        (run.folder / extra).parent.mkdir(exist_ok=True)
        (run.folder / extra).write_bytes(b"x")
    return run


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def frames(path: Path) -> list[np.ndarray]:
    """The frames of a GIF, uint8 (height, width)."""
    found = []
    with Image.open(path) as gif:
        for place in range(gif.n_frames):
            gif.seek(place)
            found.append(np.asarray(gif.convert("L")))
    return found


def test_a_run_is_shipped_whole_but_for_what_is_private(tmp_path: Path, root: Path) -> None:
    run = make(tmp_path)
    folder = reference_runs.ship(run, "dcgan", light=False, sheets=4, replacing=False, root=root)
    assert names(folder) == {*reference_runs.LIGHT, "weights.safetensors", "samples", "progress.gif"}
    shipped = Run(folder, root.parent)
    assert shipped.reference
    assert list(shipped.samples()) == [0, 3, 7, 10]
    with Image.open(folder / runs.GIF) as gif:
        assert gif.n_frames == 4
    status = shipped.status()
    assert (status.state, status.process, status.host, status.process_started) == ("finished", None, None, None)
    assert len(run.samples()) == 11, "the run itself stays as it is"
    with pytest.raises(UserError, match="--replace"):
        reference_runs.ship(run, "dcgan", light=False, sheets=4, replacing=False, root=root)
    reference_runs.ship(run, "dcgan", light=True, sheets=None, replacing=True, root=root)
    assert names(folder) == set(reference_runs.LIGHT)
    assert names(root) == {"dcgan"}


def test_the_film_may_show_more_than_the_sheets_that_are_kept(tmp_path: Path, root: Path) -> None:
    folder = reference_runs.ship(
        make(tmp_path), "dcgan", light=False, sheets=2, every_frame=True, replacing=False, root=root
    )
    assert list(Run(folder).samples()) == [0, 10]
    with Image.open(folder / runs.GIF) as gif:
        assert gif.n_frames == 11
    assert not [line for line in reference_runs.faults(Run(folder)) if "GIF" in line]
    images.save_gif(folder / runs.GIF, [np.zeros((8, 8, 1), np.uint8)])
    assert [line for line in reference_runs.faults(Run(folder)) if "fewer frames than there are sheets" in line]


def test_a_film_can_be_shortened_and_keeps_its_greys(tmp_path: Path, root: Path) -> None:
    run = make(tmp_path)
    for epoch, path in run.samples().items():
        images.save_png(path, np.random.default_rng(epoch).integers(0, 256, (8, 8, 1), np.uint8))
    folder = reference_runs.ship(run, "dcgan", light=False, sheets=3, every_frame=True, replacing=False, root=root)
    before, sheets = frames(folder / runs.GIF), names(folder / runs.SAMPLES)
    reference_runs.shorten(Run(folder), 6)
    after = frames(folder / runs.GIF)
    assert len(before) == 11 and len(after) == 6
    assert all(np.array_equal(before[place], kept) for place, kept in zip((0, 2, 4, 6, 8, 10), after, strict=True))
    assert names(folder / runs.SAMPLES) == sheets
    with pytest.raises(UserError, match="has 3 sheets"):
        reference_runs.shorten(Run(folder), 2)
    (folder / runs.GIF).unlink()
    with pytest.raises(UserError, match="has no GIF"):
        reference_runs.shorten(Run(folder), 6)


def test_a_run_may_be_there_to_be_looked_at(tmp_path: Path, root: Path) -> None:
    run = make(tmp_path)
    folder = reference_runs.ship(run, "dcgan", light=False, sheets=3, weights=False, replacing=False, root=root)
    assert names(folder) == {*reference_runs.LIGHT, "samples", "progress.gif"}


def test_two_sheets_need_no_film(tmp_path: Path, root: Path) -> None:
    folder = reference_runs.ship(make(tmp_path), "dcgan", light=False, sheets=2, replacing=False, root=root)
    assert list(Run(folder).samples()) == [0, 10] and Run(folder).gif is None
    assert not [line for line in reference_runs.faults(Run(folder)) if "GIF" in line]


def test_thinning_keeps_the_ends(tmp_path: Path, root: Path) -> None:
    folder = reference_runs.ship(make(tmp_path), "dcgan", light=False, sheets=None, replacing=False, root=root)
    reference_runs.thin(Run(folder), 2)
    assert list(Run(folder).samples()) == [0, 10]
    with pytest.raises(UserError, match="the first and the last"):
        reference_runs.thin(Run(folder), 1)
    assert reference_runs.spread([0, 5, 10], 8) == [0, 5, 10]


@pytest.mark.parametrize("source", ["/data/chests", "C:\\\\chests\\\\all", "~/chests/all", "classes:a=/data/x;b=y"])
def test_what_names_this_machine_is_refused(tmp_path: Path, root: Path, source: str) -> None:
    run = make(tmp_path)
    path = run.folder / runs.CONFIG
    path.write_text(path.read_text().replace("phantom:cxr", source))
    with pytest.raises(UserError, match=r"config\.json names a folder of this machine"):
        reference_runs.ship(run, "dcgan", light=True, sheets=None, replacing=False, root=root)
    assert not names(root)


@pytest.mark.parametrize("source", ["pneumonia/train", "classes:normal=covid/*/NORMAL;viral=a/b/*v*", "hf:owner/name"])
def test_other_sources_are_let_through(tmp_path: Path, source: str) -> None:
    run = make(tmp_path)
    path = run.folder / runs.CONFIG
    path.write_text(path.read_text().replace("phantom:cxr", source))
    assert reference_runs.private(run) == []


def test_only_finished_runs_are_shipped(tmp_path: Path, root: Path) -> None:
    with pytest.raises(UserError, match="is stopped"):
        reference_runs.ship(make(tmp_path, state="stopped"), "a", light=True, sheets=None, replacing=False, root=root)


def test_the_check_finds_what_is_wrong(tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = reference_runs.ship(make(tmp_path), "dcgan", light=True, sheets=None, replacing=False, root=root)
    assert reference_runs.check(root) == 0
    assert "Possible savings: " in capsys.readouterr().out
    (folder / "notes.txt").write_text("x")
    (folder / runs.SAMPLES).mkdir()
    for epoch in range(reference_runs.MOVING):
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / runs.SAMPLES / f"epoch_{epoch:04d}.png")
    status = json.loads((folder / runs.STATUS).read_text())
    (folder / runs.STATUS).write_text(json.dumps(status | {"host": "mine"}))
    assert reference_runs.check(root) == 1
    said = capsys.readouterr().err
    assert "notes.txt does not belong here" in said
    assert "its GIF is missing" in said
    assert "status.json names the machine" in said


def test_what_is_shipped_here_is_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert reference_runs.check() == 0, capsys.readouterr().err
