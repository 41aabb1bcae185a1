"""A run as a model folder for the Hub, and back: read from a folder and from the Hub's own cache, without a network."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard, constants

from gan_core import cli, config, images, inference
from gan_core.errors import UserError
from gan_core.export import hub_folder, model_card
from gan_core.run_options import RunOptions
from gan_core.runs import Run, hub_models
from gan_core.training import growth
from tests.conftest import ROOT
from tests.helpers import made_evaluations
from tests.helpers.run_folders import make_run
from tests.helpers.untrained import untrained

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WHOLE = {"README.md", "config.json", "discriminator.safetensors", "epochs.csv", "evaluation.json", "metrics.csv"}
WHOLE |= {"progress.gif", "samples", "weights.safetensors"}


@pytest.fixture(scope="module")
def drawer(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A generator, evaluated, with what must stay on this machine: paths, a patient's name, a private preview."""
    root = tmp_path_factory.mktemp("hub")
    run = untrained(root, "drawer", source="/home/jane/ward7/chests", subject="chest X-ray")
    made_evaluations.write(run, memorisation=made_evaluations.memorisation(names=("ward7/Jane_Doe.png",) * 8))
    (run.folder / "private").mkdir()
    images.save_png(run.folder / "private" / "epoch_0000.png", np.full((45, 35, 1), 77, np.uint8))
    return run


@pytest.fixture(scope="module")
def folder(drawer: Run) -> Path:
    path = drawer.root / "shared"
    words = ["--hub", "me/drawer", "--license", "cc-by-4.0", "--out", str(path)]
    assert cli.main(["export", "drawer", "--runs", str(drawer.root), *words]) == 0
    return path


@pytest.fixture
def cached(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The Hub's cache with the model me/drawer in it, as a download leaves it: contents once, links to them."""
    home = tmp_path / "hub-cache" / "models--me--drawer"
    snapshot = home / "snapshots" / COMMIT
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(COMMIT)
    (home / "blobs").mkdir()
    snapshot.mkdir(parents=True)
    for name in hub_models.FILES:
        shutil.copyfile(folder / name, home / "blobs" / name)
        (snapshot / name).symlink_to(Path("../../blobs") / name)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home.parent))
    return home


def test_the_folder_is_whole_and_tells_nothing_of_this_machine(drawer: Run, folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == WHOLE
    assert [path.name for path in sorted((folder / "samples").iterdir())] == [f"epoch_000{e}.png" for e in range(3)]
    written = [path for path in folder.rglob("*") if path.is_file()]
    for words in (b"/home/jane", b"ward7", b"Jane_Doe"):
        assert not [path for path in written if words in path.read_bytes()]
    assert json.loads((folder / "config.json").read_text())["source"] == "chests"
    assert b"Jane_Doe" in drawer.evaluation.read_bytes()
    for path in (folder / "samples").iterdir():
        assert images.NOTICE.encode() in path.read_bytes()


def test_the_card_says_what_it_is(folder: Path) -> None:
    card = ModelCard.load(folder / "README.md")
    assert card.data.license == "cc-by-4.0"
    assert card.data.library_name == "ganray"
    assert card.data.pipeline_tag == "unconditional-image-generation"
    assert set(card.data.tags) >= {"gan", "synthetic", "cgan", "chest-x-ray"}
    for title in ("Data", "Licence", "Training", "Evaluation", "Intended use and limits", "Loading it"):
        assert f"## {title}\n" in card.text
    assert "| covid pneumonia | 10 |" in card.text
    assert "| images seen | 80 |" in card.text
    assert "| measure | value | floor |" in card.text
    assert images.NOTICE in card.text
    assert 'gan_core.generate("hub:me/drawer", 16' in card.text


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("phantom:cxr?images=40", "phantom:cxr?images=40"),
        ("hf:owner/name:full", "hf:owner/name:full"),
        ("hf:/home/jane/set", "hf:set"),
        ("/home/jane/chests/", "chests"),
        ("../jane/chests", "chests"),
        ("C:\\jane\\chests", "chests"),
        ("pneumonia/train", "pneumonia/train"),
        ("volumes:/home/jane/IXI?plane=axial", "volumes:IXI?plane=axial"),
        ("classes:a=/home/jane/A;b=covid/B", "classes:a=A;b=covid/B"),
        ("table:/home/jane/set/labels.csv?file=a/b&label=c", "table:labels.csv?file=a/b&label=c"),
    ],
)
def test_a_source_is_named_without_where_it_lies(source: str, shown: str) -> None:
    assert hub_folder.shown_source(source) == shown


@pytest.mark.parametrize(("preset", "words"), [("cut_light", "bar**, "), ("cyclegan_resnet_light", "bar** and back, ")])
def test_a_way_back_is_promised_where_there_is_one(preset: str, words: str, tmp_path: Path) -> None:
    config = make_run(tmp_path, "run", preset, 1, 2, domains=("disc", "bar")).config()
    assert f"of **disc** to **{words}" in next(model_card._introduction(config))


def test_data_and_words_of_a_run_reach_the_card_as_words(tmp_path: Path) -> None:
    odd = ("a | b", "<script>alert(1)</script>")
    untrained(tmp_path, "odd", source="hf:owner/name:full", classes=odd)
    folder = hub_folder.write(Run(tmp_path / "odd"), "me/odd", tmp_path / "out")
    card = ModelCard.load(folder / "README.md")
    assert card.data.datasets == ["owner/name"]
    assert (card.data.license, card.data.get("license_name")) == ("other", "not-stated")
    assert "<script>" not in card.text.partition("## Loading it")[0]
    assert "| a \\| b | 30 |" in card.text
    assert "The run has not been evaluated." in card.text


@pytest.mark.parametrize(
    ("first", "second", "licence"),
    [
        ("/home/jane/ward7", "phantom:cxr", "other"),
        ("phantom:mri", "/home/jane/ward7", "other"),
        ("phantom:mri", "phantom:cxr", "mit"),
    ],
)
def test_a_run_that_began_with_another_one_is_what_both_are(
    first: str, second: str, licence: str, tmp_path: Path
) -> None:
    """Three runs one after the other: weights remember the images of the first."""
    untrained(tmp_path, "a", source=first)
    for before, name, source in (("a", "b", second), ("b", "c", "phantom:cxr")):
        options = RunOptions("cgan", source, image_size=32, grow_from=before)
        untrained(tmp_path, name, source=source, grown_from=growth.fitted(options, tmp_path)[2])
    run = Run(tmp_path / "c", tmp_path)
    made_evaluations.write(run, memorisation=made_evaluations.memorisation())
    folder = hub_folder.write(run, "me/c", tmp_path / "out")
    card = ModelCard.load(folder / "README.md")
    assert card.data.license == licence
    assert ("they show no patient" in card.text) == (licence == "mit")
    assert ("show patients" in card.text) == (licence == "other")
    assert f"Licence of the weights: {'that of GANray (MIT)' if licence == 'mit' else 'not stated'}." in card.text
    shown = [hub_folder.shown_source(source) for source in (first, second)]
    assert f"the run `b` at 32 pixels, which had seen 160 images of `{shown[0]}` and `{shown[1]}`" in card.text
    assert "| images seen | 80, after 160 of the run that it began with |" in card.text
    assert "were not searched for copies" in card.text
    assert not [path for path in folder.rglob("*") if path.is_file() and b"/home/jane" in path.read_bytes()]


def test_a_run_that_began_with_unknown_data_may_have_seen_patients(tmp_path: Path) -> None:
    before = config.Ancestry("a", 2, 32, 20, 80, 1.0)  # as older GANrays recorded it
    untrained(tmp_path, "b", source="phantom:cxr", grown_from=before, freeze=True, image_size=64)
    options = RunOptions("cgan", "phantom:cxr", image_size=64, grow_from="b")
    assert growth.fitted(options, tmp_path)[2].sources == ()
    card = ModelCard.load(hub_folder.write(Run(tmp_path / "b"), "me/b", tmp_path / "out") / "README.md")
    assert card.data.license == "other"
    assert "had seen 80 images of data that is not recorded. Only the stage of 64 pixels learned" in card.text


@pytest.mark.parametrize(
    ("source", "inputs", "shows"), [("chests", "held-out", False), ("chests", "phantom:cxr", True)]
)
def test_a_translator_shows_synthetic_inputs_alone(source: str, inputs: str, shows: bool, tmp_path: Path) -> None:
    run = untrained(tmp_path, "run", "cyclegan_resnet_light", source=source, preview_inputs=inputs)
    folder = hub_folder.write(run, "me/run", tmp_path / "out")
    assert {path.name for path in folder.iterdir()} >= {"samples", "progress.gif"} or not shows
    assert shows or not list(folder.rglob("*.png")) + list(folder.rglob("*.gif"))
    card = ModelCard.load(folder / "README.md")
    assert card.data.pipeline_tag == "image-to-image"
    assert "to='covid pneumonia'" in card.text
    assert "| images seen | 160 |" in card.text, "of both domains"


def test_links_of_a_run_are_not_followed(tmp_path: Path) -> None:
    run = untrained(tmp_path, "run")
    (tmp_path / "secret").write_text("of this machine")
    run.discriminator.unlink()
    run.discriminator.symlink_to(tmp_path / "secret")
    assert not (hub_folder.write(run, "me/run", tmp_path / "out") / "discriminator.safetensors").exists()
    run.weights.unlink()
    run.weights.symlink_to(tmp_path / "secret")
    with pytest.raises(UserError, match="has no weights"):
        hub_folder.write(run, "me/run", tmp_path / "other")


def test_a_folder_is_replaced_only_if_an_export_wrote_it(drawer: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    hub_folder.write(drawer, "me/drawer", out)
    with pytest.raises(UserError, match="--overwrite"):
        hub_folder.write(drawer, "me/drawer", out)
    hub_folder.write(drawer, "me/drawer", out, overwrite=True)
    (out / "thesis.tex").write_text("mine")
    with pytest.raises(UserError, match=r"holds 'thesis\.tex'"):
        hub_folder.write(drawer, "me/drawer", out, overwrite=True)
    assert (out / "thesis.tex").read_text() == "mine"
    for bad in ("drawer", "a/b/c", "me/../x", "me/drawer@main"):
        with pytest.raises(UserError, match="owner/name"):
            hub_folder.write(drawer, bad, tmp_path / "bad")
    with pytest.raises(UserError, match="use the Hub's identifier"):
        hub_folder.write(drawer, "me/drawer", tmp_path / "bad", licence="CC BY 4.0")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_push_that_cannot_be_is_one_line(drawer: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The tests run without a network: the real client says so."""
    words = ["--hub", "me/drawer", "--push", "--out", str(tmp_path / "out")]
    assert cli.main(["export", "drawer", "--runs", str(drawer.root), *words]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "is written, but cannot be uploaded" in said
    assert (tmp_path / "out" / "README.md").is_file()


def test_a_model_of_the_hub_draws_what_the_run_draws(drawer: Run, folder: Path, cached: Path) -> None:
    expected, _ = inference.load(drawer).generate(3, seed=5)
    for name in ("hub:me/drawer", f"hub:me/drawer@{COMMIT}", f"hub:{folder}", f"hub:{cached}"):
        model = inference.load(name)
        assert model.run.name == name
        assert np.array_equal(model.generate(3, seed=5)[0], expected)
        assert np.isfinite(model.score(expected, "normal")).all()


def test_the_command_line_takes_models_of_the_hub(cached: Path, tmp_path: Path) -> None:
    assert cached.is_dir()
    out = tmp_path / "pictures"
    assert cli.main(["generate", "hub:me/drawer", "--num", "2", "--label", "normal", "--out", str(out)]) == 0
    written = sorted(out.iterdir())
    assert [path.name for path in written] == ["normal_00000.png", "normal_00001.png"]
    assert b"hub:me/drawer" in written[0].read_bytes()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("hub:me/other", "was not downloaded before"),
        ("hub:drawer", "write hub:owner/name"),
        ("hub:./no-such-folder", "there is no such folder"),
        ("hub:", "write hub:owner/name"),
        ("hub:me/../../etc", "write hub:owner/name"),
        (f"hub:{ROOT / 'docs'}", "no config.json"),
    ],
)
def test_a_model_that_is_not_there_is_one_line(name: str, words: str, cached: Path) -> None:
    assert cached.is_dir()
    with pytest.raises(UserError, match=words) as caught:
        inference.load(name)
    assert str(caught.value).startswith(name)


def test_a_damaged_cache_is_one_line(cached: Path) -> None:
    weights = cached / "blobs" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:500])
    with pytest.raises(UserError, match=r"weights\.safetensors"):
        inference.load("hub:me/drawer")
    (cached / "refs" / "main").write_text("../../..")
    with pytest.raises(UserError, match="does not contain a commit"):
        inference.load(f"hub:{cached}")
