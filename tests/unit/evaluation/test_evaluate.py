"""`evaluate` from the command line to evaluation.json, on small runs of its own."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gan_core import cli, inference
from gan_core.errors import UserError
from gan_core.evaluation import evaluate, parts, results, time_to_quality
from gan_core.runs import Run
from tests.helpers import training
from tests.helpers.pictures import fill
from tests.helpers.untrained import untrained

pytestmark = pytest.mark.slow

SOURCE = "phantom:cxr?images=208&seed=3"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of a few steps: a conditional generator and a plain one."""
    root = tmp_path_factory.mktemp("runs")
    for preset, name in (("cgan", "told"), ("gan", "plain")):
        kept = ["--snapshots", "--keep", "last"] if name == "plain" else []
        training.train(preset, SOURCE, root, name, 1, *training.small(preset)[1], *kept)
    return root


@pytest.fixture(scope="module")
def evaluated(root: Path) -> results.Evaluation:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gan_core.evaluation.utility.RECIPES", {"resnet": training_recipe()})
        command = ["evaluate", "told", "--runs", str(root), "--num", "100", "--seed", "1"]
        assert cli.main(command) == 0
    return results.read(Run(root / "told").evaluation)


def training_recipe() -> object:
    from gan_core.evaluation.utility import RECIPES

    return replace(RECIPES["resnet"], steps=6, batch=8)


def test_everything_is_measured_and_kept(evaluated: results.Evaluation) -> None:
    found = evaluated
    assert (found.run, found.preset, found.seed) == ("told", "cgan", 1)
    assert found.counts["train"].keys() == {"bacterial", "covid", "normal", "viral"}
    assert found.fidelity["all"].generated == 100
    assert found.fidelity["all"].extractor == "child-b"
    assert found.second_opinion["all"].extractor == "child-a"
    assert any("--extractor (adult-a, adult-b, child-a, child-b, " in note for note in found.notes)
    assert {"kid", "precision", "recall", "density", "coverage", "ms_ssim"} <= found.fidelity["all"].measures.keys()
    assert set(found.fidelity) >= {"all", "covid"}
    assert found.memorisation is not None
    assert found.memorisation.generated == 100
    assert {(one.trained, one.tested) for one in found.utility} == {
        (trained, tested)
        for trained in ("real", "synthetic", "both")
        for tested in ("training images", "held-out patients")
    }
    assert set(found.seconds) == {"fidelity", "memorisation", "utility"}


def test_every_distance_has_its_interval_and_its_floor(evaluated: results.Evaluation) -> None:
    for scope in evaluated.fidelity.values():
        for name, measure in scope.measures.items():
            assert measure.low is not None, name
            assert measure.high is not None, name
            assert measure.low <= measure.value <= measure.high, name
            assert measure.floor is not None, name
            assert measure.count, name


def test_what_noise_draws_is_far_from_real_images(evaluated: results.Evaluation) -> None:
    """After one epoch of a few steps nobody would take it for an X-ray."""
    kid = evaluated.fidelity["all"].measures["kid"]
    assert kid.low is not None
    assert kid.floor is not None
    assert kid.low > kid.floor


def test_the_frechet_distance_is_left_out_with_a_note_where_images_are_too_few(evaluated: results.Evaluation) -> None:
    assert "frechet" not in evaluated.fidelity["all"].measures
    assert any(line.startswith("fidelity: ") and "more images than features" in line for line in evaluated.notes)


def test_the_file_holds_no_number_that_json_lacks(root: Path, evaluated: results.Evaluation) -> None:
    text = Run(root / "told").evaluation.read_text()
    assert "NaN" not in text
    assert json.loads(text)["format"] == 3  # nothing in it needs a newer one


def test_the_next_evaluation_keeps_what_it_does_not_measure(root: Path, evaluated: results.Evaluation) -> None:
    order = evaluate.EvaluationRequest(("memorisation",), count=110, seed=1)
    found = evaluate.evaluate(Run(root / "told", root), None, order)
    assert found.utility == evaluated.utility
    assert found.fidelity == evaluated.fidelity
    assert found.memorisation is not None
    assert found.memorisation.generated == 110
    other = evaluate.evaluate(Run(root / "told", root), None, replace(order, seed=2))
    assert other.fidelity == {}, "of another seed"
    results.write(Run(root / "told").evaluation, evaluated)


def test_a_folder_of_volumes_is_named_without_where_it_lies() -> None:
    assert evaluate._source_name("volumes:/home/jane/IXI?plane=axial") == "volumes:IXI?plane=axial"


def test_the_same_seed_gives_the_same_numbers_and_what_it_found_stays(root: Path) -> None:
    """The global random state and the weights."""
    run, order = Run(root / "plain", root), evaluate.EvaluationRequest(("fidelity", "memorisation"), count=60, seed=4)
    before = run.weights.read_bytes()
    torch.manual_seed(5)
    np.random.seed(5)
    drawn, place = torch.get_rng_state(), np.random.get_state()[2]
    first, second = (evaluate.evaluate(run, None, order) for _ in range(2))
    assert first.fidelity == second.fidelity
    assert first.memorisation == second.memorisation
    assert torch.equal(torch.get_rng_state(), drawn)
    assert np.random.get_state()[2] == place
    assert run.weights.read_bytes() == before


def test_two_evaluations_of_a_run_do_not_write_beside_each_other(root: Path) -> None:
    run = Run(root / "plain", root)
    with evaluate._alone(run, run.evaluation), pytest.raises(UserError, match="evaluated by another process"):
        evaluate.evaluate(run, None, evaluate.EvaluationRequest(("fidelity",), count=110))


def test_progress_is_measured_at_every_snapshot(root: Path) -> None:
    run = Run(root / "plain", root)
    order = evaluate.EvaluationRequest(("fidelity", "progress"), count=60, seed=6, reference="all")
    found = evaluate.evaluate(run, None, order)
    assert found.progress is not None
    assert found.progress.reference == found.fidelity["all"].reference == "all"
    first, last = found.progress.stands
    assert (first.epoch, first.step, first.images, first.seconds) == (0, 0, 0, 0.0)
    assert (last.epoch, last.step) == (1, run.status().step)
    assert last.images == 8 * last.step
    assert last.seconds > 0
    # The last snapshot is what the weights are, and the latents are the same.
    kid = found.fidelity["all"].measures["kid"]
    assert last.measures["kid"].value == pytest.approx(kid.value, rel=0.01)
    assert last.measures["kid"].floor == first.measures["kid"].floor == kid.floor
    assert found.training is not None
    assert (found.training.seed, found.training.images) == (0, last.images)


def test_progress_needs_snapshots(root: Path, evaluated: results.Evaluation) -> None:
    run = Run(root / "told", root)
    found = evaluate.evaluate(run, None, evaluate.EvaluationRequest(("progress",), count=110, seed=1))
    assert found.progress is None
    assert any("kept no snapshots: train it again with --snapshots" in line for line in found.notes)
    results.write(run.evaluation, evaluated)


def test_an_evaluation_of_an_older_version_is_read(tmp_path: Path, evaluated: results.Evaluation) -> None:
    path = tmp_path / "evaluation.json"
    results.write(path, evaluated)
    values = json.loads(path.read_text())
    older = {key: value for key, value in values.items() if key not in ("progress", "training")}
    path.write_text(json.dumps(older | {"format": 1}))
    assert results.read(path) == replace(evaluated, format=1, training=None)


def test_a_training_is_told_by_its_recipe_and_by_what_it_saw(root: Path) -> None:
    run = Run(root / "plain", root)
    model = inference.load(run)
    plain = time_to_quality.training(model)

    def changed(**values: object) -> results.Training:
        return time_to_quality.training(inference.Model(run, replace(model.config, **values), model.family))

    assert changed(seed=7, precision="bf16-mixed").recipe == plain.recipe
    others = [changed(epochs=2), changed(batch_size=4), changed(fingerprint="other")]
    assert plain.recipe not in {one.recipe for one in others}
    assert changed(domains=("bar", "disc")).images == 2 * plain.images


def test_real_features_are_kept_and_a_damaged_file_is_made_anew(root: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("GANRAY_CACHE", str(tmp_path))
    prepared = evaluate.prepare(Run(root / "plain").config(), None)
    asked: list[int] = []

    class Counting:
        name = "means"

        def __call__(self, pictures: np.ndarray) -> np.ndarray:
            asked.append(len(pictures))
            return pictures.reshape(len(pictures), -1)[:, :7].astype(np.float32)

    index = prepared.indices("train")
    first = parts.real_features(prepared, index, Counting())
    np.testing.assert_array_equal(parts.real_features(prepared, index, Counting()), first)
    assert asked.count(len(index)) == 1
    (kept,) = tmp_path.glob("features_*.npy")
    kept.write_bytes(kept.read_bytes()[:200])
    np.testing.assert_array_equal(parts.real_features(prepared, index, Counting()), first)
    assert asked.count(len(index)) == 2


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--data", "phantom:mri?images=8"], "has the classes T1, T2"),
        (["--parts", "beauty"], "--parts beauty: choose from fidelity"),
        (["--extractor", "resnet", "--parts", "fidelity", "--num", "20"], "no extractor 'resnet'"),
    ],
)
def test_what_cannot_be_measured_is_one_line(
    root: Path, more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = cli.main(["evaluate", "plain", "--runs", str(root), *more])
    error = capsys.readouterr().err.strip().splitlines()
    if "extractor" in more[0]:
        assert code == 0
        assert any(said in line for line in results.read(Run(root / "plain").evaluation).notes)
    else:
        assert code == 2
        assert said in error[-1]


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "evaluation.json"
    path.write_text("{")
    with pytest.raises(UserError, match="not valid JSON"):
        results.read(path)
    path.write_text('{"format": 99}')
    with pytest.raises(UserError, match="newer GANray"):
        results.read(path)


def test_a_generator_that_copies_is_caught_by_evaluate(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(root / "plain", root)
    prepared = evaluate.prepare(run.config(), None)
    pictures = parts.pictures(prepared, prepared.indices("train"))[:150]

    def copied(self: inference.Model, count: int, **_: object) -> tuple[np.ndarray, list[str]]:
        return pictures[:count], [""] * min(count, 150)

    monkeypatch.setattr(inference.Model, "generate", copied)
    # Too few of the phantoms are held out to say anything; a larger source has enough.
    found = evaluate.evaluate(run, None, evaluate.EvaluationRequest(("memorisation",), count=150))
    assert found.memorisation is not None
    assert found.memorisation.verdict in ("copies", "cannot tell")


def test_classes_from_different_folders_are_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path / "children", [f"NORMAL/{number}.png" for number in range(20)])
    fill(tmp_path / "adults", [f"COVID/{number}.png" for number in range(20)], first=100)
    source = f"classes:NORMAL={tmp_path}/children/NORMAL;COVID={tmp_path}/adults/COVID"
    options = ["--size", "32", "--epochs", "1", "--batch-size", "8", "--precision", "32-true", "--runs", str(tmp_path)]
    assert cli.main(["train", "cgan", "--data", source, "--name", "mixed", *options]) == 0
    unknown = "every picture counts as a patient of its own: pictures of one person may stand in train and test"
    said = capsys.readouterr().err
    assert "warning: the classes come from different folders (COVID from adults/COVID; " in said
    assert f"warning: {unknown}" in said.splitlines()
    summary = Run(tmp_path / "mixed").config().data
    assert summary is not None and summary.patients_from == ""
    assert [f"warning: {line}" in said.splitlines() for line in summary.warnings] == [True] * 3
    assert cli.main(["evaluate", "mixed", "--runs", str(tmp_path), "--parts", "memorisation", "--num", "8"]) == 0
    found = results.read(Run(tmp_path / "mixed").evaluation)
    assert found.source == source and found.counts["train"] == {"COVID": 16, "NORMAL": 16}
    assert sum(line.startswith("The classes come from different folders") for line in found.notes) == 1
    assert f"{unknown[:1].upper()}{unknown[1:]}." in found.notes
    assert f"warning: {unknown}" in capsys.readouterr().err.splitlines()  # from the cache


@pytest.mark.parametrize(
    ("learned", "classes", "measured"),
    [
        ("healthy", ["NORMAL"], {"all"}),
        ("NORMAL", ["NORMAL", "SICK"], {"all", "NORMAL"}),
        ("x", ["NORMAL", "SICK"], {"all"}),
    ],
)
def test_a_single_class_is_measured_against_its_images(
    tmp_path: Path, learned: str, classes: list[str], measured: set[str]
) -> None:
    fill(
        tmp_path / "data", [f"{name}/{place}{number}.png" for place, name in enumerate(classes) for number in range(60)]
    )
    run = untrained(tmp_path, "one", classes=(learned,), class_counts=(60,))
    found = evaluate.evaluate(run, str(tmp_path / "data"), evaluate.EvaluationRequest(("fidelity",), count=60))
    assert found.fidelity.keys() == measured, found.notes
    told = any("class x was not measured: the images are NORMAL, SICK." in note for note in found.notes)
    assert told == (learned == "x")


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TQDM_DISABLE", "1")
    yield


def test_what_was_measured_is_not_written_into_another_run(root: Path, tmp_path: Path) -> None:
    run = Run(Path(shutil.copytree(root / "told", tmp_path / "told")), tmp_path)
    (tmp_path / "told" / "evaluation.json").unlink(missing_ok=True)
    order = evaluate.EvaluationRequest(("progress",))  # without snapshots it takes no time
    path = run.folder / "config.json"
    before = json.loads(path.read_text())

    def meanwhile(**changes: object) -> evaluate.EvaluationRequest:
        """A request in whose course the config of the run changes."""
        return replace(order, progress=lambda _: path.write_text(json.dumps(before | changes)) and None)

    with pytest.raises(UserError, match="another run was called 'told' while that was measured"):
        evaluate.evaluate(run, None, meanwhile(seed=8))
    assert not run.evaluation.exists()
    path.write_text(json.dumps(before))
    evaluate.evaluate(run, SOURCE, meanwhile(source="moved"))  # a training that went on elsewhere
    assert run.evaluation.exists()
    with pytest.raises(UserError, match="deleted or renamed"):
        evaluate.evaluate(run, SOURCE, replace(order, progress=lambda _: path.unlink(missing_ok=True)))


def test_an_evaluation_names_the_epoch_of_its_weights_where_the_training_has_gone_on(
    root: Path, tmp_path: Path
) -> None:
    shutil.copytree(root / "plain", tmp_path / "plain")
    run, order = Run(tmp_path / "plain", tmp_path), evaluate.EvaluationRequest(("audit",))
    before = evaluate.evaluate(run, None, order)
    status = run.folder / "status.json"
    values = json.loads(status.read_text())
    status.write_text(json.dumps(values | {"state": "stopped", "epoch": 13, "step": 13 * values["step"]}))
    found = evaluate.evaluate(run, None, order)
    assert found.epoch == before.epoch == 1 and found.training == before.training
    words = "The weights are of epoch 1: those of the last stop, from which the training has gone on."
    assert words in found.notes and words not in before.notes
