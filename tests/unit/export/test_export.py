"""Runs in other forms, each opened by the program that it is meant for, which is slow to import."""

import contextlib
import io
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

from gan_core import cli, images, inference
from gan_core.export import onnx as graphs
from gan_core.families import registry
from gan_core.runs import Run, grids
from tests.helpers.untrained import untrained

if TYPE_CHECKING:
    from av.container import InputContainer
    from onnxruntime import InferenceSession
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

FORMS = ["--gif", "--mp4", "--onnx", "--tensorboard"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs: a generator that can be asked for a class, and a translator with private previews as well."""
    folder = tmp_path_factory.mktemp("exported")
    untrained(folder, "drawer")
    run = untrained(folder, "translator", "cyclegan_resnet_light")
    (run.folder / "private").mkdir()
    images.save_png(run.folder / "private" / "epoch_0001.png", np.full((45, 35, 1), 77, np.uint8))
    return folder


@pytest.fixture(scope="module")
def graph(root: Path) -> tuple[Path, str]:
    """The generator as ONNX, and what the command says: tracing takes seconds."""
    path, said = root / "drawer.onnx", io.StringIO()
    with contextlib.redirect_stdout(said):
        assert export(root, "drawer", "--onnx", "--out", str(path)) == 0
    return path, said.getvalue()


def export(root: Path, name: str, *words: str) -> int:
    return cli.main(["export", name, "--runs", str(root), *words])


def film_of(path: Path) -> "InputContainer":
    import av

    return av.open(str(path))


def log_of(folder: Path) -> "EventAccumulator":
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder)).Reload()


def session_of(path: Path | str) -> "InferenceSession":
    import onnxruntime

    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def test_a_film_shows_every_preview_and_the_last_one_longer(root: Path, tmp_path: Path) -> None:
    assert export(root, "drawer", "--mp4", "--out", str(tmp_path / "a.mp4")) == 0
    expected = list(grids(Run(root / "drawer")).values())
    with film_of(tmp_path / "a.mp4") as film:
        assert film.streams.video[0].codec_context.name == "h264"
        assert film.metadata["comment"] == images.NOTICE
        frames = [frame.to_ndarray(format="gray") for frame in film.decode(video=0)]
    assert len(frames) == 3 + 5
    for frame, grid in zip(frames, [*expected, *expected[-1:] * 5], strict=True):
        assert frame.shape == (46, 36)  # odd sides are made even
        assert np.abs(frame[:45, :35].astype(int) - grid[..., 0]).mean() < 4


def test_tensorboard_opens_curves_and_grids(root: Path, tmp_path: Path) -> None:
    run = Run(root / "drawer")
    assert export(root, "drawer", "--tensorboard", "--out", str(tmp_path / "drawer")) == 0
    log = log_of(tmp_path / "drawer")
    assert set(log.Tags()["scalars"]) == {"epoch", "seconds", "loss/d", "epochs/epoch", "epochs/diversity/samples"}
    losses = log.Scalars("loss/d")
    assert [event.step for event in losses] == [5, 10, 15, 20]
    assert [event.value for event in losses] == pytest.approx([1 / 5, 1 / 10, 1 / 15, 1 / 20])
    assert np.diff([event.wall_time for event in losses]) == pytest.approx(10, abs=0.01)
    assert losses[-1].wall_time == pytest.approx(run.status().updated, abs=0.01)
    pictures = log.Images("samples")
    assert [event.step for event in pictures] == [0, 10, 20]
    assert [event.encoded_image_string for event in pictures] == [path.read_bytes() for path in run.samples().values()]
    assert (pictures[0].height, pictures[0].width) == (45, 35)


def test_a_generator_in_onnx_draws_what_torch_draws(root: Path, graph: tuple[Path, str]) -> None:
    import onnx

    path, said = graph
    assert re.search(rf"differs from torch by at most 0\.0\d* of 255 grey levels \(limit: {graphs.BOUND:g}\)", said)
    found = onnx.load(path)
    onnx.checker.check_model(found, full_check=True)
    notes = {prop.key: prop.value for prop in found.metadata_props}
    assert notes["description"] == images.NOTICE
    assert (notes["run"], notes["preset"], notes["classes"]) == ("drawer", "cgan", '["normal", "covid pneumonia"]')
    session = session_of(path)
    model = inference.load(Run(root / "drawer"))
    for count in (1, 5):
        given = {"z": model.latents(count, seed=4).numpy(), "labels": np.ones(count, np.int64)}
        drawn = images.to_uint8(session.run(None, given)[0]).transpose(0, 2, 3, 1)
        expected, _ = model.generate(count, seed=4, label="covid pneumonia")
        assert np.abs(drawn.astype(int) - expected).max() <= 1
    assert expected.std() > 1


@pytest.mark.slow
def test_a_translator_in_onnx_is_a_file_a_direction(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert export(root, "translator", "--onnx") == 0
    names = ["translator_covid_pneumonia_to_normal.onnx", "translator_normal_to_covid_pneumonia.onnx"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    model = inference.load(Run(root / "translator"))
    pictures = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 1), np.uint8)
    for name, to in zip(names, reversed(model.domains), strict=True):
        session = session_of(name)
        (drawn,) = session.run(None, {"pictures": images.to_float(pictures).transpose(0, 3, 1, 2)})
        expected = model.translate(pictures, to)
        # Where it is faster here, torch translates in bfloat16.
        assert np.abs(images.to_uint8(drawn).transpose(0, 2, 3, 1).astype(int) - expected).max() <= 3


FIRST = {preset.family: preset for preset in reversed(registry.presets().values())}.values()
PRESETS = sorted(preset.name for preset in FIRST if not (preset.traits.graded or preset.traits.shows_path))


def test_a_graded_run_is_no_graph_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (graded,) = (preset.name for preset in FIRST if preset.traits.graded)
    untrained(tmp_path, "mine", graded)
    assert export(tmp_path, "mine", "--onnx") == 2
    assert "it looks for lungs in a picture" in capsys.readouterr().err


def test_a_run_that_draws_in_steps_is_no_graph_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (in_steps,) = (preset.name for preset in FIRST if preset.traits.shows_path)
    untrained(tmp_path, "mine", in_steps)
    assert export(tmp_path, "mine", "--onnx") == 2
    assert "it draws an image in many steps" in capsys.readouterr().err
    assert not list(tmp_path.glob("**/*.onnx"))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_family_is_traced_for_any_number_of_images(preset: str, tmp_path: Path) -> None:
    model = inference.load(untrained(tmp_path, "mine", preset))
    targets = model.targets or ("",)
    for target in targets[-1:]:
        network, given = graphs.network(model, target), graphs.inputs(model, target, 2)
        count = torch.export.Dim("N")
        dynamic = tuple({0: count} for _ in given)
        traced = torch.export.export(network, tuple(given.values()), dynamic_shapes=dynamic, strict=False).module()
        more = graphs.inputs(model, target, 3)
        with torch.inference_mode():
            assert torch.allclose(traced(*more.values()), network(*more.values()), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "preset", [p if p in ("gan", "cut") else pytest.param(p, marks=pytest.mark.soak) for p in PRESETS]
)
def test_every_family_is_written_as_onnx(
    preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = untrained(tmp_path, "mine", preset)
    assert export(tmp_path, "mine", "--onnx") == 0, capsys.readouterr().err
    assert len(list(tmp_path.glob("mine*.onnx"))) == max(1, len(inference.load(run).targets))


def test_a_graph_that_draws_something_else_is_refused(
    graph: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A graph of other weights, which is whole and wrong."""
    import onnx

    untrained(tmp_path, "other", seed=1)
    monkeypatch.setattr(graphs, "as_graph", lambda model, target: onnx.load(graph[0]))
    assert export(tmp_path, "other", "--onnx", "--out", str(tmp_path / "a.onnx")) == 2
    assert "of 255 grey levels between ONNX Runtime and torch, more than the 0.5 allowed" in capsys.readouterr().err
    assert not (tmp_path / "a.onnx").exists()


def test_private_previews_are_never_exported(root: Path, tmp_path: Path) -> None:
    shown = {picture.tobytes() for picture in grids(Run(root / "translator")).values()}
    for word in ("--gif", "--mp4"):
        assert export(root, "translator", word, "--out", str(tmp_path / word)) == 0
    with Image.open(tmp_path / "--gif") as gif:
        assert gif.n_frames == len(shown) == 3
    with film_of(tmp_path / "--mp4") as film:
        assert sum(1 for _ in film.decode(video=0)) == 3 + 5
    assert export(root, "translator", "--tensorboard", "--out", str(tmp_path / "log")) == 0
    log = log_of(tmp_path / "log")
    assert len(log.Images("samples")) == 3
    # A run that has no others has nothing to export.
    private = untrained(tmp_path, "private")
    for path in private.samples().values():
        path.unlink()
    (private.folder / "private").mkdir()
    images.save_png(private.folder / "private" / "epoch_0000.png", np.zeros((45, 35, 1), np.uint8))
    assert [export(tmp_path, "private", word, "--out", str(tmp_path / "b")) for word in ("--gif", "--mp4")] == [2, 2]


@pytest.mark.parametrize("word", FORMS)
def test_what_is_there_stays_unless_it_may_go(
    word: str, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "there"
    if word == "--tensorboard":
        assert export(root, "drawer", word, "--out", str(path)) == 0
    else:
        path.write_text("mine")
    before = sorted(file.read_bytes() for file in (path.iterdir() if path.is_dir() else [path]))
    assert export(root, "drawer", word, "--out", str(path)) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "--overwrite" in said
    assert sorted(file.read_bytes() for file in (path.iterdir() if path.is_dir() else [path])) == before
    if word in ("--gif", "--mp4", "--tensorboard"):
        assert export(root, "drawer", word, "--out", str(path), "--overwrite") == 0
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize(
    ("word", "missing"), [("--mp4", "av"), ("--onnx", "onnxruntime"), ("--tensorboard", "tensorboard")]
)
def test_a_missing_package_is_named(
    word: str,
    missing: str,
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    assert export(root, "drawer", word, "--out", str(tmp_path / "a")) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "pip install" in said
    assert missing in said


def test_one_form_at_a_time(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["--gif", "--mp4"]):
        with pytest.raises(SystemExit) as ended:
            export(root, "drawer", *words)
        assert ended.value.code == 2
    assert export(root, "drawer", "--gif", "--push") == 2
    assert "--push is for --hub" in capsys.readouterr().err
