"""Translating files: the right pictures under the right names, nothing of the patient, and one line on what is bad."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_core import cli, inference
from gan_core.decode import image_files
from gan_core.errors import UserError
from gan_core.inference import Model, translation
from gan_core.inference.translation import Translation
from gan_core.runs import Run
from tests.helpers.dicom_files import dicom
from tests.helpers.image_files import encode
from tests.helpers.training import SMALL_TRANSLATOR, make_pictures, train

NOISE = np.random.default_rng(0).integers(0, 256, (48, 40), dtype=np.uint8)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    pictures = make_pictures(root.parent / "translated-source", 12)
    train("cyclegan_resnet", pictures, root, "grey", 1, *SMALL_TRANSLATOR)
    train("cyclegan_resnet_light", pictures, root, "colour", 1, *SMALL_TRANSLATOR, "--channels", "3", "--fit", "pad")
    return root


@pytest.fixture(scope="module")
def model(runs: Path) -> Model:
    return inference.load(Run(runs / "grey"))


def command(runs: Path, *words: object, run: str = "grey", to: str = "disc") -> int:
    return cli.main(["translate", run, *map(str, words), "--runs", str(runs), "--to", to])


def made(before: np.ndarray, after: np.ndarray, cycled: np.ndarray | None = None) -> Translation:
    return Translation(before, after, cycled, "bar", "disc", "made")


@pytest.mark.processes
def test_the_command_lines_help_and_the_app_do_without_torch() -> None:
    code = "import sys, gan_core.inference.translation, gan_core.decode.worker; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_picture_goes_there_and_back(model: Model) -> None:
    picture = image_files.decode(encode(Image.fromarray(NOISE)), channels=3)
    done = translation.translate_picture(model, picture, "disc")
    fitted = image_files.quantise(image_files.resize(picture[..., :1], 32)).transpose(1, 2, 0)
    assert np.abs(done.before.astype(int) - fitted).max() <= 1
    assert np.array_equal(done.after, model.translate(done.before[None], "disc")[0])
    assert done.cycled is not None
    assert np.array_equal(done.cycled, model.translate(done.after[None], "bar")[0])
    assert (done.source, done.target, done.run) == ("bar", "disc", "grey")
    first = translation.translate_picture(model, picture, "disc", cycle=False)
    assert first.cycled is None
    assert not first.cycle_error.any()
    again = translation.with_cycle(model, first)
    assert again.cycled is not None
    assert np.array_equal(again.cycled, done.cycled)
    with pytest.raises(UserError, match="does not translate to 'disk'"):
        translation.translate_picture(model, picture, "disk")


def test_numbers_of_a_change() -> None:
    before = np.full((10, 10, 1), 100, np.uint8)
    after, cycled = before.copy(), before.copy()
    after[:5] += 51  # a fifth of the scale in one half
    after[9, 9] = 105  # too little to count as changed
    cycled[0, 0] = 0
    mask = np.zeros((10, 10), bool)
    mask[:5] = True
    done = made(before, after, cycled)
    assert done.change[0, 0, 0] == pytest.approx(0.2)
    found = done.numbers(mask)
    expected = {"mean": 0.1 + 5 / 255 / 100, "changed": 0.5, "largest": 0.2, "cycle_error": 100 / 255 / 100}
    assert found == pytest.approx({**expected, "inside": 0.2, "outside": 5 / 255 / 50})
    assert set(made(before, after).numbers()) == {"mean", "changed", "largest"}
    assert made(before, before).numbers() == {"mean": 0, "changed": 0, "largest": 0}


SHAPES = [(300, 300), (301, 200), (200, 333), (96, 401), (64, 64), (20, 31), (61, 60)]


@pytest.mark.parametrize("fit", image_files.FITS)
@pytest.mark.parametrize("shape", SHAPES)
def test_no_change_leaves_every_pixel_as_it_was(shape: tuple[int, int], fit: str) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    picture = image_files.decode(encode(Image.fromarray(pixels)))
    square = image_files.quantise(image_files.resize(picture, 64, fit)).transpose(1, 2, 0)
    assert np.array_equal(translation.at_original_size(picture, made(square, square), fit)[..., 0], pixels)


@pytest.mark.parametrize("fit", image_files.FITS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_change_lands_where_it_belongs(shape: tuple[int, int], fit: str) -> None:
    """A soft spot that exists only in the network's square is drawn into the original where it is in the square."""
    height, width = shape
    side = min(shape)
    rows, columns = np.mgrid[:height, :width] + 0.5
    far = (rows - height / 2 - 0.2 * side) ** 2 + (columns - width / 2 + 0.2 * side) ** 2
    spot = (0.4 * np.exp(-far / (0.12 * side) ** 2)).astype(np.float32)[..., None]
    picture = np.full((*shape, 1), 0.3, np.float32)
    before, after = (
        image_files.quantise(image_files.resize(shown, 64, fit)).transpose(1, 2, 0)
        for shown in (picture, picture + spot)
    )
    found = translation.at_original_size(picture, made(before, after), fit)[..., 0] / 255 - 0.3
    rest = np.abs(found - spot[..., 0])
    # A strip of 15 rows in the square of 64 keeps less of a spot than a square picture does.
    coarse = fit == "pad" and max(shape) / side > 3
    assert rest.max() < (0.08 if coarse else 0.02)
    weights = np.where(found > 0.02, found, 0)
    centre = [(weights * place).sum() / weights.sum() for place in (rows, columns)]
    assert centre == pytest.approx([height / 2 + 0.2 * side, width / 2 - 0.2 * side], abs=0.02 * side)


def test_outside_of_the_square_nothing_changes() -> None:
    picture = np.random.default_rng(2).random((100, 180, 3)).astype(np.float32)
    square = image_files.quantise(image_files.resize(picture, 64)).transpose(1, 2, 0)
    result = translation.at_original_size(picture, made(square, 255 - square), "crop")
    same = (result == np.rint(picture * 255)).all(2)
    assert same[:, :40].all()
    assert same[:, 140:].all()
    assert same[:, 40:140].mean() < 0.1
    grey = translation.at_original_size(picture, made(square[..., :1], square[..., :1]), "crop")
    assert grey.shape == (100, 180, 1)


def test_folders_and_files_become_pngs_of_the_same_names(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "scans"
    (folder / "day one").mkdir(parents=True)
    for name, kind in (("a.png", "PNG"), ("day one/a.JPG", "JPEG"), ("day one/b.v2.tiff", "TIFF")):
        (folder / name).write_bytes(encode(Image.fromarray(NOISE), kind))
    (folder / "notes.txt").write_text("not a picture")
    (folder / "._a.png").write_bytes(b"what macOS adds")
    for name in ("1.2.840.1", "1.2.840.2"):  # DICOM files without an ending
        (tmp_path / name).write_bytes(dicom())
    out = tmp_path / "out"
    inputs = [folder, tmp_path / "1.2.840.1", tmp_path / "1.2.840.2", folder / "a.png"]
    assert command(runs, *inputs, "--out", out) == 0
    names = ["1.2.840.1.png", "1.2.840.2.png", "a.png", "day one/a.png", "day one/b.v2.png"]
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.*")) == names
    assert capsys.readouterr().out == f"5 images in {out}, synthetic, not for diagnosis\n"
    with Image.open(out / "a.png") as picture:
        assert (picture.size, picture.mode) == ((32, 32), "L")
    assert command(runs, folder, "--out", tmp_path / "large", "--original-size", run="colour", to="bar") == 0
    with Image.open(tmp_path / "large" / "day one" / "a.png") as picture:
        assert (picture.size, picture.mode) == ((40, 48), "RGB")


def test_dicom_without_a_suffix_is_found_in_a_folder(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("IM0001", "1.2.840.7", "slice.IMA"):
        (tmp_path / "in" / name).write_bytes(dicom())
    (tmp_path / "in" / "README").write_text("no image")
    assert command(runs, tmp_path / "in", "--out", tmp_path / "out", "--insist") == 0
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["1.2.840.7.png", "IM0001.png", "slice.IMA.png"]


def test_nothing_of_the_patient_goes_along(runs: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x013B] = "Doe^Jane 4711", "Radiology Springfield"
    photograph = encode(Image.fromarray(NOISE), "JPEG", exif=exif, comment=b"Doe^Jane")
    scan = dicom(PatientName="Doe^Jane", PatientID="4711", InstitutionName="Springfield")
    assert b"Springfield" in photograph
    assert b"Springfield" in scan
    (tmp_path / "doe_jane_4711.jpg").write_bytes(photograph)
    (tmp_path / "scan.dcm").write_bytes(scan)
    for more in ([], ["--original-size"]):
        out = tmp_path / f"out{len(more)}"
        assert command(runs, tmp_path / "doe_jane_4711.jpg", tmp_path / "scan.dcm", "--out", out, *more) == 0
        for path in sorted(out.iterdir()):
            content = path.read_bytes().lower()
            assert not any(word in content for word in (b"jane", b"4711", b"springfield", b"scan", b"exif"))
            with Image.open(path) as picture:
                assert picture.text == picture.info
                assert set(picture.text) == {"Description", "Software", "Run", "Direction"}
                assert picture.text["Description"] == "synthetic, not for diagnosis"
                assert picture.text["Software"].startswith("GANray ")
                assert (picture.text["Run"], picture.text["Direction"]) == ("grey", "bar to disc")


def test_a_bad_file_does_not_keep_the_others(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    good = encode(Image.fromarray(NOISE))
    for name, content in (
        ("a.png", good),
        ("b.png", b""),
        ("c.png", good[: len(good) // 2]),
        ("d.png", b"%PDF-1.7\n"),
        ("e.dcm", dicom(Rows=20)),
        ("f.jpg", good),
    ):
        (folder / name).write_bytes(content)
    out = tmp_path / "out"
    assert command(runs, folder, "--out", out) == 2
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "f.png"]
    said = capsys.readouterr()
    assert said.out.startswith("2 images in ")
    lines = said.err.splitlines()
    assert [line.split(": ")[1] for line in lines] == [
        str(folder / name) for name in ("b.png", "c.png", "d.png", "e.dcm")
    ]
    assert all(line.startswith("error: ") for line in lines)


def test_what_cannot_begin_is_one_line_and_writes_nothing(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, empty = (tmp_path / name for name in ("one", "two", "empty"))
    for folder in (one, two, empty):
        folder.mkdir()
    for path in (one / "a.png", one / "a.jpg", two / "a.png", two / "b.jpg"):
        path.write_bytes(encode(Image.fromarray(NOISE)))
    out = tmp_path / "out"
    for words, expected in (
        ([one], f"{one / 'a.jpg'} and {one / 'a.png'} would both be written to {out / 'a.png'}"),
        ([one / "a.png", two], f"{one / 'a.png'} and {two / 'a.png'} would both be written"),
        ([two, empty], f"{empty}: no images in this folder"),
        ([two, tmp_path / "none"], f"{tmp_path / 'none'}: there is no such file or folder"),
        ([two, "--device", "cuda"], "--device cuda"),
    ):
        if "cuda" in words and shutil.which("nvidia-smi"):
            continue
        assert command(runs, *words, "--out", out) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"error: {expected}")
        assert len(said.splitlines()) == 1
        assert not out.exists()
    nested = tmp_path / "nested" / "two"
    nested.mkdir(parents=True)
    (nested / "a.tif").write_bytes(encode(Image.fromarray(NOISE), "TIFF"))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    for words, expected in (
        ([two, "--out", two], f"{two / 'a.png'} would be overwritten"),
        ([one / "a.jpg", two / "a.png", "--out", one / "a.jpg"], "this is a file, name a folder"),
        ([one / "a.jpg", tmp_path / "one" / "a.png", "--out", one], "would both be written"),
        ([two, one / "a.png", "--out", tmp_path], "would both be written"),
        ([nested.parent, two / "b.jpg", two / "a.png", "--out", tmp_path], f"{two / 'a.png'} would be overwritten"),
    ):
        assert command(runs, *words) == 2
        assert expected in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*.*")}


def test_translations_are_not_translated_again(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encode(Image.fromarray(NOISE), "JPEG"))
    for _ in range(2):
        assert command(runs, tmp_path, "--out", tmp_path / "translated") == 0
    assert [path.name for path in (tmp_path / "translated").rglob("*")] == ["a.png"]


def test_what_does_not_look_like_the_runs_pictures_waits_for_insisting(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "runs" / "chests"
    shutil.copytree(runs / "grey", folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"subject": "chest X-ray"}))
    holiday = tmp_path / "holiday.png"
    rainbow = np.zeros((64, 64, 3), np.uint8)
    rainbow[..., 0], rainbow[..., 2] = np.mgrid[:64, :64] * 4
    holiday.write_bytes(encode(Image.fromarray(rainbow)))
    words = [holiday, "--out", tmp_path / "out"]
    assert command(folder.parent, *words, run="chests") == 2
    assert f"{holiday}: it is a colour image" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert command(folder.parent, *words, "--insist", run="chests") == 0
    assert (tmp_path / "out" / "holiday.png").is_file()


def test_a_run_that_cannot_translate_is_one_line(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(encode(Image.fromarray(NOISE)))
    root = tmp_path / "runs"
    shutil.copytree(runs / "grey", root / "bad")
    weights = root / "bad" / "weights.safetensors"
    whole = weights.read_bytes()
    for content, to, expected in (
        (whole, "COVID", "does not translate to 'COVID'. Its domains: bar, disc"),
        (whole, "dics", "Did you mean 'disc'?"),
        (whole[: len(whole) // 2], "disc", "is damaged"),
        (b"", "disc", "is damaged"),
        ((runs / "colour" / "weights.safetensors").read_bytes(), "disc", "does not fit"),
        (None, "disc", "has no weights.safetensors"),
    ):
        if content is None:
            weights.unlink()
        else:
            weights.write_bytes(content)
        assert command(root, picture, "--out", tmp_path / "out", run="bad", to=to) == 2
        said = capsys.readouterr().err
        assert expected in said
        assert len(said.splitlines()) == 1
        assert not (tmp_path / "out").exists()
