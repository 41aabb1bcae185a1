"""Which program left a folder, and what is said where that cannot be told."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gan_core import importers
from gan_core.errors import UserError
from tests.helpers.run_folders import make_run
from tests.unit.importers.conftest import Made


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("keras_gan", "keras-gan"),
        ("pytorch_gan", "pytorch-gan"),
        ("cyclegan", "cyclegan"),
        ("stylegan", "stylegan"),
        ("event_files", "tensorboard"),
        ("lightning", "lightning"),
        ("table", "csv"),
    ],
)
def test_a_folder_is_known_by_what_is_in_it(name: str, kind: str, made: Made) -> None:
    assert importers.kind_of(made(name)) == kind


def test_a_folder_of_stylegan_with_event_files_is_that_of_stylegan(made: Made, tmp_path: Path) -> None:
    shutil.copytree(made("stylegan"), tmp_path / "run")
    shutil.copytree(made("event_files"), tmp_path / "run", dirs_exist_ok=True)
    assert [guess.kind for guess in importers.guesses(tmp_path / "run")] == ["stylegan", "tensorboard"]


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("nothing that is known\n")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: None, ["It is empty", "Importers: csv, tensorboard"]),
        (
            lambda folder: fill(folder, "a.pkl", "b.pkl"),
            ["It holds 2 .pkl", "Nearest: stylegan, which needs stats.json"],
        ),
        (lambda folder: fill(folder, "a.csv", "b.csv"), ["2 .csv", "Nearest: csv; name the table itself"]),
        (lambda folder: fill(folder, "x.png"), ["1 .png", "Nearest: pictures, which needs numbers in their names"]),
        (lambda folder: fill(folder, "notes.txt"), ["1 .txt", "Nearest: pytorch-gan, which needs lines"]),
        (lambda folder: fill(folder, "exp/stats.jsonl"), ["the folders exp", "Nearest: the folder exp in it"]),
        (lambda folder: make_run(folder.parent, folder.name), ["is a run of GANray already"]),
    ],
)
def test_what_cannot_be_told_names_what_was_found_and_the_nearest(
    make: Callable[[Path], object], words: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    make(folder)
    with pytest.raises(UserError) as caught:
        importers.read("auto", folder)
    assert all(word in str(caught.value) for word in words), str(caught.value)


KINDS = [importers.AUTO, *importers.KINDS]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_is_one_line(kind: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "link.csv").symlink_to(tmp_path / "pipe.csv")
    with (tmp_path / "huge.csv").open("wb") as file:
        file.truncate(6 * 1024**3)
    (tmp_path / "noise.csv").write_bytes(bytes(range(256)) * 40)
    for name in ("pipe.csv", "link.csv", "huge.csv", "noise.csv", "nothing"):
        with pytest.raises(UserError) as caught:
            importers.read(kind, tmp_path / name)
        assert "\n" not in str(caught.value) and name in str(caught.value)


def test_names_that_are_not_known_are_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no importer 'lightnin'\. Did you mean 'lightning'"):
        importers.read("lightnin", tmp_path)
    with pytest.raises(UserError, match=r"no objective 'wassertein'\. Did you mean 'wasserstein'"):
        importers.read("csv", tmp_path, importers.ImportOptions(objective="wassertein"))
