"""Classes put together from several folders: what belongs to which class, split and patient."""

import shutil
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from gan_core.data import Prepared, caution, export_folders, open_prepared
from gan_core.data.readers import open_source
from gan_core.data.readers.combined import is_here, origins
from gan_core.data.source import COMBINED
from gan_core.errors import UserError
from tests.helpers.pictures import fill, kermany, ready

CHILDREN = 20


def adults(root: Path) -> None:
    """A small set with splits of its own, whose files count from zero in every folder."""
    names = [
        f"{part}/{label}/{number}.png" for part in ("train", "val") for label in ("COVID", "NORMAL") for number in "012"
    ]
    fill(root, names, first=1000)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two data sets beside each other; the current folder holds both."""
    kermany(tmp_path / "data" / "children" / "train", CHILDREN)
    adults(tmp_path / "data" / "adults")
    monkeypatch.chdir(tmp_path / "data")
    return tmp_path


THREE = f"{COMBINED}normal=adults/*/NORMAL;viral=children/train/PNEUMONIA/*virus*;COVID-19=adults/*/COVID"


def where(prepared: Prepared) -> dict[str, str]:
    return dict(zip(prepared.names, prepared.splits.tolist(), strict=True))


def test_three_classes_of_two_data_sets(folders: Path) -> None:
    prepared = ready(THREE, folders / "cache")
    assert prepared.classes == ("COVID-19", "normal", "viral")
    assert np.bincount(prepared.labels).tolist() == [6, 6, CHILDREN]
    kinds = {
        PurePosixPath(name).parts[0] + prepared.classes[label]
        for name, label in zip(prepared.names, prepared.labels, strict=True)
    }
    assert kinds == {"adultsCOVID-19", "adultsnormal", "childrenviral"}
    assert all("virus" in name for name in prepared.names if name.startswith("children"))
    again = open_prepared(prepared.folder)
    assert again.patients == prepared.patients and again.warnings == prepared.warnings
    export_folders(prepared, folders / "out")
    assert sorted(path.name for path in (folders / "out" / "train").iterdir()) == ["COVID-19", "normal", "viral"]


def test_each_data_set_is_split_as_it_is_alone(folders: Path) -> None:
    together = where(ready(THREE, folders / "cache"))
    for name in ("adults", "children"):
        alone = {f"{name}/{inner}": part for inner, part in where(ready(name, folders / "cache")).items()}
        assert {inner: part for inner, part in together.items() if inner.startswith(name)}.items() <= alone.items()
    # All of a data set, each class under another name.
    renamed = where(ready(f"{COMBINED}sick=children/train/PNEUMONIA;well=children/train/NORMAL", folders / "cache"))
    assert renamed == where(ready("children", folders / "cache"))


def test_patients_of_two_data_sets_are_never_one(folders: Path) -> None:
    fill(folders / "data" / "others", [f"OLD/person{number}_virus_1.png" for number in range(CHILDREN)], first=500)
    source = f"{COMBINED}young=children/train/PNEUMONIA;old=others/OLD"
    prepared = ready(source, folders / "cache")
    young, old = (
        {prepared.patients[i] for i in np.flatnonzero(prepared.labels == prepared.classes.index(name))}
        for name in ("young", "old")
    )
    assert len(young) == len(old) == CHILDREN and not young & old
    parts = dict(zip(prepared.patients, prepared.splits, strict=True))
    assert all(parts[patient] == part for patient, part in zip(prepared.patients, prepared.splits, strict=True))


def test_a_child_of_two_classes_stays_one(folders: Path) -> None:
    source = f"{COMBINED}virus=children/*/PNEUMONIA/*virus*;bacteria=children/*/PNEUMONIA/*bacteria*"
    prepared = ready(source, folders / "cache")
    assert len(set(prepared.patients)) == CHILDREN and len(prepared.names) == 2 * CHILDREN
    assert len(set(zip(prepared.patients, prepared.splits.tolist(), strict=True))) == CHILDREN


def test_several_folders_of_one_class(folders: Path) -> None:
    source = f"{COMBINED}chest=adults/*/NORMAL;chest=adults/*/COVID;chest=children/train"
    prepared = ready(source, folders / "cache")
    assert prepared.classes == ("chest",) and len(prepared.names) == 12 + 3 * CHILDREN
    # A picture that two patterns find is one picture.
    doubled = ready(f"{source};chest=children/train/NORMAL", folders / "cache")
    assert sorted(doubled.names) == sorted(prepared.names)


def test_the_same_wherever_it_lies(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = ready(THREE, folders / "cache")
    shutil.copytree(folders / "data", folders / "moved")
    there = ready(
        THREE.replace("adults/", f"{folders}/moved/adults/").replace("children/", f"{folders}/moved/children/"),
        folders / "cache",
    )
    assert there.fingerprint == here.fingerprint and there.names == here.names and there.folder != here.folder
    (folders / "elsewhere").mkdir()
    monkeypatch.chdir(folders / "elsewhere")
    assert not is_here(THREE)
    assert is_here(THREE.replace("adults/", "../data/adults/").replace("children/", "../data/children/"))


def test_what_lies_in_two_data_sets_is_reported_and_trained_on_in_none_if_held_out_in_one(folders: Path) -> None:
    adult, found = folders / "data" / "adults", where(ready(THREE, folders / "cache"))
    trained = next(name for name, part in found.items() if part == "train" and "virus" in name)
    shutil.copy(folders / "data" / trained, adult / "train/NORMAL/copy.png")
    warnings = ready(THREE, folders / "cache").warnings
    for place in ("class", "data set"):
        assert f"1 images lie in more than one {place}: adults/train/NORMAL/copy.png = {trained}" in warnings
    held = next(name for name, part in found.items() if part != "train" and "virus" in name)
    shutil.copy(folders / "data" / held, adult / "train/COVID/child.png")
    again = ready(THREE, folders / "cache")
    assert "adults/train/COVID/child.png" not in again.names and where(again)[held] == found[held]
    (line,) = [line for line in again.warnings if "copies are left out" in line]
    assert line.endswith(f"its copies are left out (1 in train): adults/train/COVID/child.png = {held}")


def test_classes_from_different_folders_are_said_to_be_so(folders: Path) -> None:
    said = caution(THREE)
    assert said in ready(THREE, folders / "cache").warnings
    assert "(COVID-19, normal from adults; viral from children): age, hospital or scanner may tell them apart" in said
    assert caution(THREE, ("COVID-19", "normal")) == ""
    assert caution("phantom:cxr") == caution("adults") == caution(f"{COMBINED}a=adults/*/NORMAL;b=adults/*/COVID") == ""
    assert caution(f"{COMBINED}chest=adults/*/NORMAL;chest=children/train/NORMAL") == ""


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("a=x/train/A;b=y/*/B", {"a": ("x",), "b": ("y",)}),
        ("a=x/A;b=x/B", {"a": ("x/A",), "b": ("x/B",)}),
        ("a=/data/one/set/*.png;b=/data/two/set/VAL", {"a": ("/data/one/set",), "b": ("/data/two/set",)}),
        ("b=x/*/B;a=x/*/A;a=y/test/A", {"a": ("x", "y"), "b": ("x",)}),
        ("a=", {}),
    ],
)
def test_where_classes_come_from_is_read_from_the_text(source: str, found: dict[str, tuple[str, ...]]) -> None:
    assert origins(COMBINED + source) == found


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "needs classes and their folders, as in classes:normal="),
        ("adults", "'adults' names no class and its folder: write NAME=FOLDER"),
        ("a=;b=adults", "'a=' names no class"),
        ("a=adlts", r"class 'a': there is no 'adlts'\. Did you mean 'adults'\?"),
        ("a=adults/*/NONE", r"class 'a': there is no 'adults/\*/NONE'\."),
        ("a=empty", "class 'a': there are no images in 'empty'"),
        ("a=adults/train;b=adults/*/COVID", r"COVID/0\.png' belongs to two classes, 'a' and 'b'"),
        ("a\tb=adults", "unprintable"),
    ],
)
def test_mistakes_get_a_line_that_helps(source: str, words: str, folders: Path) -> None:
    (folders / "data" / "empty").mkdir()
    with pytest.raises(UserError, match=words) as caught:
        open_source(COMBINED + source)
    assert "\n" not in str(caught.value)


def test_splits_inside_a_class_and_brackets_in_a_name(folders: Path) -> None:
    fill(folders / "data" / "nih [2017]", ["train/1.png", "train/2.png", "val/3.png"], first=700)
    entries = open_source(f"{COMBINED}normal=nih [2017];COVID=adults/*/COVID").entries
    mine = {entry.name: (entry.split, entry.origin) for entry in entries if entry.label == "normal"}
    assert mine == {
        "nih [2017]/train/1.png": ("train", "nih [2017]"),
        "nih [2017]/train/2.png": ("train", "nih [2017]"),
        "nih [2017]/val/3.png": ("val", "nih [2017]"),
    }
