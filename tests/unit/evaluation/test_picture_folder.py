"""Pictures of a folder under evaluation: what `evaluate` says of a run's networks, said of pictures alone."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_core import cli, data, images
from gan_core.config import RunConfig
from gan_core.data import Prepared
from gan_core.errors import UserError
from gan_core.evaluation import evaluate, parts, picture_folder, picture_run, results, utility
from gan_core.evaluation.evaluate import EvaluationRequest
from gan_core.runs import Run, RunWriter, find_run, list_runs
from tests.helpers import training
from tests.helpers.configs import CONFIG

pytestmark = pytest.mark.slow

SIDE = 32
REAL, GENERATED = 50, 25  # pictures of each class


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn pictures of two classes: `real`, and others like them in `fakes`, as a perfect generator has them."""
    folder = tmp_path_factory.mktemp("pictures")
    training.make_pictures(folder / "real", REAL + GENERATED)
    for path in sorted((folder / "real").rglob("*.png")):
        if int(path.stem[-3:]) >= REAL:
            place = folder / "fakes" / path.parent.name / f"seed{path.stem[-3:]}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            path.rename(place)
    return folder


@pytest.fixture(scope="module")
def source(folders: Path) -> str:
    return str(folders / "real")


@pytest.fixture(scope="module")
def others(folders: Path) -> Path:
    return folders / "fakes"


@pytest.fixture(scope="module")
def prepared(source: str) -> Prepared:
    return data.prepare(source, size=SIDE, progress=False)


def flat(folder: Path, pictures: np.ndarray) -> Path:
    """Write pictures uint8 (N, H, W) or (N, H, W, 3) into one folder."""
    folder.mkdir(parents=True)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{number:03d}.png")
    return folder


def opened(folder: Path, prepared: Prepared) -> picture_folder.PictureFolder:
    return picture_folder.open_folder(str(folder), prepared, config(prepared))


def config(prepared: Prepared) -> RunConfig:
    return replace(CONFIG, image_size=prepared.size, classes=prepared.classes)


@pytest.fixture(scope="module")
def measured(source: str, others: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run that all that is measured of these pictures makes."""
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utility, "RECIPES", {"resnet": replace(utility.RECIPES["resnet"], steps=2, batch=8)})
        command = ["evaluate", "--generated", str(others), "--data", source, "--num", "40", "--runs", str(root)]
        assert cli.main([*command, "--name", "good", "--size", "32"]) == 0
    return find_run("good", root)


def test_everything_is_measured_of_pictures_with_classes(measured: Run, prepared: Prepared) -> None:
    found = results.read(measured.evaluation)
    assert set(found.seconds) == {"fidelity", "memorisation", "utility"}
    assert set(found.fidelity) == {"all", *prepared.classes}
    assert (found.fidelity["all"].generated, found.fidelity["disc"].generated) == (40, 20)
    assert found.fidelity["all"].measures["precision"].value > 0.7, "they are as good as real ones"
    assert all(one.floor is not None and one.low is not None for one in found.fidelity["all"].measures.values())
    assert found.second_opinion["all"].extractor != found.fidelity["all"].extractor
    assert {one.trained for one in found.utility} == {"real", "synthetic", "both"}
    assert all(one.labels == results.OWN for one in found.utility)
    assert found.memorisation is not None and found.memorisation.generated == 40
    assert found.progress is None and found.training is None and found.audit == ()
    assert found.pictures == results.GeneratedFolder("fakes", 50, 0, 50, 0)
    notes = "\n".join(found.notes)
    assert "the classifiers learned from 50 generated images and 80 real ones" in notes
    assert "GANray did not train this" in notes


def test_the_run_of_pictures_says_what_it_is_and_where_nothing_lies(measured: Run, others: Path) -> None:
    settings = measured.config()
    assert settings.origin and (settings.origin.kind, settings.origin.place) == ("folder", "fakes")
    assert (settings.image_size, settings.epochs, settings.batch_size) == (SIDE, 0, 0)
    assert measured.status().state == "finished" and list(measured.samples()) == [0]
    assert images.read_png(measured.samples()[0]).shape == (138, 138, 1), "sixteen pictures of 32 px"
    assert str(others) not in measured.evaluation.read_text() + (measured.folder / "config.json").read_text()


def test_a_second_evaluation_takes_the_place_of_the_first(measured: Run, source: str, others: Path) -> None:
    before = results.read(measured.evaluation)
    order = EvaluationRequest(("memorisation",), count=30)
    run, found = picture_run.evaluate(measured.root, str(others), source, order, name="good", size=SIDE)
    assert run.name == "good" and [one.name for one in list_runs(measured.root)] == ["good"]
    assert found.fidelity == before.fidelity and found.utility == before.utility
    same = evaluate.evaluate_folder(run, str(others), None, order)
    assert same.memorisation == found.memorisation, "as pictures that belong to the run"
    results.write(run.evaluation, before)


def test_pictures_of_a_generator_score_what_the_generator_scores(source: str, tmp_path: Path) -> None:
    """The pictures that `generate` writes, measured as a folder, beside the run that drew them, by the same latents."""
    root, folder = tmp_path / "runs", tmp_path / "drawn"
    training.train("gan", source, root, "plain", 1)
    named = ["--runs", str(root)]
    assert cli.main(["generate", "plain", "--num", "40", "--seed", "1", "--out", str(folder), *named]) == 0
    order = EvaluationRequest(("fidelity",), count=40, seed=1)
    ours = evaluate.evaluate(find_run("plain", root), None, order).fidelity["all"].measures
    _, found = picture_run.evaluate(root, str(folder), source, order)
    theirs = found.fidelity["all"].measures
    assert set(ours) == set(theirs) >= {"kid", "precision", "recall", "density", "coverage", "ms_ssim"}
    for name, measure in ours.items():
        # The very same pictures: written as PNG, read, and measured.
        assert theirs[name].value == pytest.approx(measure.value, rel=1e-5, abs=1e-7), name
        assert theirs[name].floor == pytest.approx(measure.floor)
        assert (theirs[name].low, theirs[name].high) == pytest.approx((measure.low, measure.high), rel=1e-4, abs=1e-6)


def test_other_real_images_can_be_the_reference(prepared: Prepared) -> None:
    class Means:
        name = "means"

        def __call__(self, pictures: np.ndarray) -> np.ndarray:
            return pictures.reshape(len(pictures), -1)[:, ::97].astype(np.float32)

    drawn = parts.pictures(prepared, np.arange(40)) // 2
    found = {}
    for name in ("train", "all"):
        real = parts.Real(prepared, Means(), EvaluationRequest(("fidelity",), reference=name))
        found[name] = real.compare(drawn, None, lambda line: None)
    assert [(one.real, one.reference) for one in found.values()] == [(80, "train"), (100, "all")]
    assert found["train"].measures["kid"].value != found["all"].measures["kid"].value
    np.testing.assert_array_equal(parts.reference(prepared, "held-out"), parts.held_out(prepared))
    np.testing.assert_array_equal(parts.reference(prepared, "val"), prepared.indices("val"))
    with pytest.raises(UserError, match="--reference nowhere: choose from train, held-out"):
        evaluate.check_request_of_pictures(EvaluationRequest((), reference="nowhere"))


def test_a_run_that_was_trained_here_draws_its_own_pictures(
    measured: Run, source: str, others: Path, tmp_path: Path
) -> None:
    RunWriter.create(tmp_path, "trained", CONFIG).close()
    with pytest.raises(UserError, match="draws its own pictures"):
        evaluate.evaluate_folder(find_run("trained", tmp_path), str(others), source, EvaluationRequest(()))
    with pytest.raises(UserError, match="exists already"):
        picture_run.evaluate(tmp_path, str(others), source, EvaluationRequest(()), name="trained")
    with pytest.raises(UserError, match="needs a run's networks"):
        evaluate.evaluate_folder(measured, str(others), None, EvaluationRequest(("progress",)))


def test_size_colour_and_repetition_are_said(prepared: Prepared, tmp_path: Path) -> None:
    large = np.repeat(np.repeat(prepared.images[:30, 0], 2, 1), 2, 2) // 2
    pictures = [*large, large[0]]
    folder = flat(tmp_path / "odd", np.stack(pictures))
    red = np.zeros((40, 40, 3), np.uint8)
    red[10:30, 10:30, 0] = 200
    Image.fromarray(red).save(folder / "red.png")
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("not a picture")
    found = opened(folder, prepared)
    assert found.pictures.shape == (32, SIDE, SIDE, 1) and found.classes == ()
    assert found.facts == results.GeneratedFolder("odd", 32, repeated=1, resized=32, coloured=1)
    said = "\n".join(found.notes)
    for words in (
        "skipped 1 of 33",
        "resized to 32 px",
        "1 of the 32 pictures had colours",
        "1 of the 32 pictures repeat",
    ):
        assert words in said
    luma = data.prepare(str(folder), size=SIDE, progress=False)
    ours = found.pictures[..., 0]
    assert all((ours == picture[0]).all((1, 2)).any() for picture in luma.images), "decoded as real images are"


def test_a_choice_is_by_the_seed_and_repeats_nothing(others: Path, prepared: Prepared) -> None:
    found = opened(others, prepared)
    assert found.classes == prepared.classes
    first, labels = found.generate(40, seed=1)
    np.testing.assert_array_equal(first, found.generate(40, seed=1)[0])
    assert not np.array_equal(first, found.generate(40, seed=2)[0])
    assert len({picture.tobytes() for picture in first}) == 40 and set(labels) <= set(prepared.classes)
    assert len(found.generate(1000, label="disc")[0]) == 25 and set(found.generate(9, label="disc")[1]) == {"disc"}
    assert found.digest == opened(others, prepared).digest


def test_real_images_are_no_generated_ones(prepared: Prepared, tmp_path: Path) -> None:
    folder = flat(tmp_path / "real", prepared.images[:60, 0])
    with pytest.raises(UserError, match="60 of its 60 pictures are real images of --data"):
        opened(folder, prepared)
    for path in sorted(folder.iterdir())[20:]:
        picture = np.asarray(Image.open(path)) // 2
        Image.fromarray(picture).save(path)
    assert "20 of its 60 pictures equal a real image to the pixel" in opened(folder, prepared).notes


def test_what_cannot_be_measured_costs_a_line(others: Path, prepared: Prepared, tmp_path: Path) -> None:
    def refused(words: str, folder: Path) -> None:
        with pytest.raises(UserError, match=words):
            opened(folder, prepared)

    refused("there is no such folder", tmp_path / "nosuch")
    (tmp_path / "empty").mkdir()
    refused("there are no images", tmp_path / "empty")
    refused("19 pictures can be read, and an evaluation needs 20", flat(tmp_path / "few", prepared.images[:19, 0]))
    (tmp_path / "torn").mkdir()
    for number in range(30):
        (tmp_path / "torn" / f"{number}.png").write_bytes(b"no picture")
    refused(r"0 pictures can be read \(0.png: ", tmp_path / "torn")
    (tmp_path / "packed.zip").write_bytes(b"PK")
    refused("unpack it first", tmp_path / "packed.zip")
    shutil.copytree(others / "disc", tmp_path / "one" / "disc")
    refused("of class disc only", tmp_path / "one")
    shutil.copytree(others / "disc", tmp_path / "mistaken" / "disc")
    shutil.copytree(others / "bar", tmp_path / "mistaken" / "barr")
    refused("the folder 'barr' belongs to no class.* Did you mean 'bar'", tmp_path / "mistaken")


def test_folders_that_are_no_classes_are_one_set(others: Path, prepared: Prepared, tmp_path: Path) -> None:
    for number, name in enumerate(prepared.classes):
        shutil.copytree(others / name, tmp_path / "chunks" / f"{number:05d}")
    found = opened(tmp_path / "chunks", prepared)
    assert found.classes == () and len(found.pictures) == 50
    assert any("(00000, 00001) are no classes" in line for line in found.notes)


def test_shares_of_classes_that_differ_are_said(others: Path, prepared: Prepared, tmp_path: Path) -> None:
    shutil.copytree(others, tmp_path / "skewed")
    for path in sorted((tmp_path / "skewed" / "disc").iterdir())[5:]:
        path.unlink()
    assert any("the classes have other shares" in line for line in opened(tmp_path / "skewed", prepared).notes)
    assert not any("shares" in line for line in opened(others, prepared).notes)


def test_the_command_line_says_what_is_missing(
    source: str, others: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(words: str, *command: str) -> None:
        assert cli.main(["evaluate", *command, "--runs", str(tmp_path)]) == 2
        assert words in capsys.readouterr().err

    refused("name the runs to evaluate")
    refused("name the real images with --data", "--generated", str(others))
    refused("--name is for pictures without a run", "some", "--name", "x")
    refused("name one run", "a", "b", "--generated", str(others))
    refused("run name 'a/b'", "--generated", str(others), "--data", source, "--name", "a/b")
    assert list_runs(tmp_path) == []


def test_only_what_needs_the_new_format_is_written_in_it(measured: Run, tmp_path: Path) -> None:
    found = results.read(measured.evaluation)
    assert json.loads(measured.evaluation.read_text())["format"] == 4
    results.write(tmp_path / "older.json", replace(found, pictures=None))
    values = json.loads((tmp_path / "older.json").read_text())
    assert values["format"] == 3 and "pictures" not in values and "reference" not in values["fidelity"]["all"]
    assert results.read(tmp_path / "older.json").fidelity == found.fidelity


def test_names_of_runs_come_from_folders() -> None:
    assert picture_run.default_name("/data/My fakes (2)/") == "My_fakes_2"
    assert picture_run.default_name("/data/___") == "pictures"


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TQDM_DISABLE", "1")
    yield
