"""What is said of a source and of domains while they are typed."""

import dataclasses
import os
from pathlib import Path

import pytest

from dashboard.library import data_here, source_check
from dashboard.library.store import Library
from dashboard.widgets.text import source_name
from gan_core import data
from tests.helpers.configs import CONFIG
from tests.helpers.run_folders import make_run


@pytest.mark.parametrize("kind", ["phantom:cxr", "phantom:mri"])
def test_the_classes_of_a_phantom_are_those_that_it_draws(kind: str, tmp_path: Path) -> None:
    prepared = data.prepare(f"{kind}?images=16", size=32, cache=tmp_path, progress=False)
    assert source_check.classes(f"{kind}?images=16") == source_check.classes(kind) == prepared.classes


@pytest.mark.parametrize(
    ("folders", "found"),
    [
        (("NORMAL", "COVID", ".git"), ("COVID", "NORMAL")),
        (("train/a", "train/b", "VAL/c", "test"), ("a", "b", "c")),
        (("set/Training/x", "set/Training/y"), ("x", "y")),
        (("only",), ("only",)),
        ((), ()),
    ],
)
def test_the_classes_of_a_folder_are_its_folders(
    folders: tuple[str, ...], found: tuple[str, ...], tmp_path: Path
) -> None:
    for name in folders:
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "notes.txt").touch()
    assert source_check.classes(str(tmp_path)) == found


def test_classes_from_several_folders(tmp_path: Path) -> None:
    for name in ("adults/train/COVID", "adults/val/COVID", "children/NORMAL"):
        (tmp_path / name).mkdir(parents=True)
    source = f"classes:normal={tmp_path}/children/NORMAL;covid={tmp_path}/adults/*/COVID"
    assert source_check.problem(source) == "" and data_here.is_here(source)
    assert source_check.classes(source) == ("covid", "normal")
    assert source_name(source) == "covid, normal from adults and children/NORMAL"
    assert source_check.hint(source).startswith("The classes come from different folders (covid from adults; ")
    assert source_check.hint(source, ("covid",)) == source_check.hint("phantom:cxr") == ""
    away = source.replace("adults", "adlts")
    assert "adlts" in source_check.problem(away) and not data_here.is_here(away)
    assert "NAME=FOLDER" in source_check.problem("classes:normal")


def test_a_folder_with_patients_in_a_table(tmp_path: Path) -> None:
    for name in ("covid/train/COVID", "covid/train/NORMAL"):
        (tmp_path / name).mkdir(parents=True)
    source = f"patients:{tmp_path}/covid?table=files.csv&file=file&patient=who"
    assert source_check.problem(source) == "" and data_here.is_here(source)
    assert source_check.classes(source) == ("COVID", "NORMAL")
    assert "patient is missing" in source_check.problem(source.replace("&patient=who", ""))
    assert "there is no folder or zip" in source_check.problem(source.replace("/covid?", "/cvid?"))


def test_volumes_are_named_by_their_contrasts(tmp_path: Path) -> None:
    for subject in ("sub-1", "sub-2"):
        for end in ("T1w.nii.gz", "T2w.nii", "seg.nii.gz"):
            path = tmp_path / "brains" / subject / "anat" / f"{subject}_{end}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    source = f"volumes:{tmp_path}/brains?plane=coronal"
    for text in (source, str(tmp_path / "brains")):
        assert source_check.classes(text) == ("T1w", "T2w")
        assert source_check.problem(text) == "" and data_here.is_here(text)
    assert source_check.classes(f"{source}&only=T2w") == ("T2w",)
    assert source_check.classes(f"{source}&only=T3") == ()
    assert source_name(source) == f"{tmp_path.name}/brains"
    away = "volumes:nowhere?plane=coronal"
    assert "there is no folder" in source_check.problem(away) and not data_here.is_here(away)
    config = dataclasses.replace(CONFIG, source="volumes:brains?every=2", classes=("T1w", "T2w"))
    assert data_here.locate(config) == ""
    assert data_here.locate(config, str(tmp_path)) == f"volumes:{tmp_path}/brains?every=2"


@pytest.mark.parametrize("source", ["", "hf:owner/name", "phantom:moon", "/no/such/folder", "a\0b", __file__])
def test_where_classes_are_not_seen_there_are_none(source: str) -> None:
    assert source_check.classes(source) == ()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_has_no_classes(tmp_path: Path) -> None:
    tmp_path.chmod(0)
    try:
        assert source_check.classes(str(tmp_path)) == ()
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("known", "chosen"),
    [
        (("bacterial", "covid", "normal", "viral"), ("normal", "covid")),
        (("COVID", "NORMAL"), ("NORMAL", "COVID")),
        (("T1", "T2"), ("T1", "T2")),
        (("a", "b", "covid"), ("covid", "a")),
        (("one",), (None, None)),
        ((), (None, None)),
    ],
)
def test_domains_to_begin_with(known: tuple[str, ...], chosen: tuple[str | None, str | None]) -> None:
    assert source_check.suggested(known) == chosen


@pytest.mark.parametrize(
    ("domains", "known", "words"),
    [
        (("a", "b"), ("a", "b", "c"), ""),
        (("a", "b"), (), ""),
        ((), ("a", "b"), ""),
        ((), (), ""),
        ((), ("a", "b", "c"), "choose two classes"),
        (("a",), (), "choose two classes"),
        (("a", "a"), ("a", "b"), "two different"),
        (("a", "flu"), ("a", "b"), "the data has no class 'flu', only a, b"),
    ],
)
def test_mistakes_in_domains(domains: tuple[str, ...], known: tuple[str, ...], words: str) -> None:
    problem = source_check.domain_problem(domains, known)
    assert words in problem and bool(words) == bool(problem)


def test_inputs_of_previews_have_both_classes(tmp_path: Path) -> None:
    make_run(tmp_path, "children", "cgan", 1, 2)  # 64 px; bacterial, covid, normal, viral
    make_run(tmp_path, "translator", "cyclegan_resnet_light", 1, 2)
    entries = Library(tmp_path).readable()
    chest, size = ("NORMAL", "Covid"), 64
    assert source_check.preview_inputs(chest, size, entries) == ["held-out", "phantom:cxr", "run:children"]
    assert source_check.preview_inputs(chest, 128, entries) == ["held-out", "phantom:cxr"]
    assert source_check.preview_inputs(("T1", "T2"), size, entries) == ["held-out", "phantom:mri"]
    assert source_check.preview_inputs(("T1", "covid"), size, entries) == ["held-out"]
    assert source_check.preview_inputs((), size, entries) == ["held-out"]
    (tmp_path / "children" / "weights.safetensors").unlink()
    assert "run:children" not in source_check.preview_inputs(chest, size, entries)
