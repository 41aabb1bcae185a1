"""Files through a run that paints opacity: severity, seeds and maps, from the command line and from Python."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gan_core
from gan_core import cli, images, inference
from gan_core.errors import UserError
from gan_core.inference import Model
from gan_core.phantoms.chest import xray
from gan_core.runs import Run
from tests.helpers.graded_run import NAME, graded_run
from tests.helpers.untrained import untrained


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    graded_run(root)
    untrained(root, "other", "cyclegan_resnet_light", classes=("normal", "covid"), domains=("normal", "covid"))
    return root


@pytest.fixture(scope="module")
def model(root: Path) -> Model:
    return inference.load(Run(root / NAME))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twice the same chest, and between them a picture without lungs."""
    folder = tmp_path_factory.mktemp("pictures")
    chest = (xray.draw("normal", 51, 160).image * 255).astype(np.uint8)
    for name, picture in (("a.png", chest), ("b.png", np.rot90(chest)), ("c.png", chest)):
        Image.fromarray(picture).save(folder / name)
    return folder


def command(root: Path, folder: Path, out: Path, *words: str, run: str = NAME, to: str = "covid") -> int:
    fixed = ["translate", run, str(folder), "--runs", str(root), "--to", to, "--out", str(out), "--insist"]
    return cli.main([*fixed, *words])


def test_each_file_has_its_seed_and_its_map(
    root: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(root, folder, tmp_path, "--severity", "0.4", "--seed", "3", "--map") == 2
    told = capsys.readouterr()
    assert f"{folder / 'b.png'}: two lungs were not found" in told.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "a_opacity.png", "c.png", "c_opacity.png"]
    made = {path.stem: Image.open(path) for path in tmp_path.iterdir()}
    assert [made[name].text["Seed"] for name in ("a", "a_opacity", "c", "c_opacity")] == ["3", "3", "5", "5"]
    assert {one.text["Severity"] for one in made.values()} == {"0.4"}
    assert {one.text["Description"] for one in made.values()} == {images.NOTICE}
    assert {one.size for one in made.values()} == {(64, 64)}
    assert not np.array_equal(made["a_opacity"], made["c_opacity"])


def test_at_its_own_size_a_file_changes_where_its_map_says(root: Path, folder: Path, tmp_path: Path) -> None:
    assert command(root, folder / "a.png", tmp_path, "--original-size", "--map", "--severity", "1") == 0
    before, after, opacity = (
        np.asarray(Image.open(path), int) for path in (folder / "a.png", tmp_path / "a.png", tmp_path / "a_opacity.png")
    )
    assert before.shape == after.shape == opacity.shape == (160, 160)
    assert (after - before).max() > 5
    assert ((after - before)[opacity == 0] == 0).all()


@pytest.mark.parametrize(
    ("words", "run", "line"),
    [
        (("--severity", "0.5"), "other", "run 'other' has no severity"),
        (("--map",), "other", "run 'other' paints no opacity"),
        (("--severity", "1.5"), NAME, "a severity of 1.5: use a number from 0 to 1"),
        (("--severity", "nan"), NAME, "a severity of nan: use a number from 0 to 1"),
    ],
)
def test_a_wrong_severity_is_one_line(
    root: Path,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    run: str,
    line: str,
) -> None:
    assert command(root, folder, tmp_path / "out", *words, run=run) == 2
    told = capsys.readouterr()
    assert line in told.err and len(told.err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_map_replaces_no_picture(root: Path, folder: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in ("x.png", "x_opacity.png"):
        (pictures / name).write_bytes((folder / "a.png").read_bytes())
    assert command(root, pictures, tmp_path / "out", "--map") == 2
    assert not (tmp_path / "out").exists()
    assert command(root, pictures, tmp_path / "out") == 0


def test_a_volume_is_refused(model: Model, tmp_path: Path) -> None:
    scan = tmp_path / "scan.nii.gz"
    scan.write_bytes(b"")
    done = inference.translation.translate_files(model, [scan], "covid", tmp_path / "out", insist=True)
    assert not done.written and "paints into chest X-rays, and not into volumes" in done.refused[0]


def test_from_python(model: Model, folder: Path) -> None:
    chest = folder / "a.png"
    made = gan_core.translate(model, [chest, chest], "covid", severity=0.4, seed=3).arrays
    assert np.array_equal(made[1], gan_core.translate(model, chest, "covid", severity=0.4, seed=4).arrays[0])
    assert not np.array_equal(made[0], made[1])
    untouched = gan_core.translate(model, chest, "covid", severity=0).arrays[0]
    assert (made[0].astype(int) - untouched).min() == 0
    with pytest.raises(UserError, match="a severity of -1"):
        gan_core.translate(model, chest, "covid", severity=-1)
    with pytest.raises(UserError, match=r"b\.png: two lungs were not found"):
        gan_core.translate(model, folder / "b.png", "covid", insist=True)
