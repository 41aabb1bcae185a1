"""Patients of a folder's pictures from a table: they override its splits, and whole patients are left out."""

import zipfile
from pathlib import Path

import pytest

from gan_core.data.readers import open_source
from gan_core.data.source import Source, location, moved
from gan_core.data.splits import one_side
from gan_core.errors import UserError
from tests.helpers.pictures import fill, ready

NAMES = [
    *(f"train/ILL/{number}.png" for number in range(6)),
    *(f"val/ILL/{number}.png" for number in range(6, 9)),
    *(f"{part}/WELL/{part}{number}.png" for part in ("train", "val") for number in range(2)),
]
# Person A lies in train and val, B in train alone and shows nothing in one picture, C is a guess.
TABLE = """file,who,sure,nothing
train/ILL/0.png,A,yes,no
train/ILL/1.png,a,yes,no
val/ILL/6.png,A,yes,no
train/ILL/2.png,B,yes,yes
train/ILL/3.png,B,yes,no
train/ILL/4.png,C,no,no
train/ILL/5.png,D,yes,no
val/ILL/7.png,C,no,no
val/ILL/8.png,E,yes,no
"""
QUERY = "table=people.csv&file=file&patient=who"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(tmp_path / "set", NAMES)
    (tmp_path / "people.csv").write_text(TABLE)
    return tmp_path / "set"


def opened(folder: Path, more: str = "") -> Source:
    return open_source(f"patients:{folder}?{QUERY}{more}")


def refused(folder: Path, query: str) -> str:
    with pytest.raises(UserError) as problem:
        open_source(f"patients:{folder}?{query}")
    return str(problem.value)


def test_a_patient_of_two_splits_is_held_out_whole_and_classes_stay(folder: Path) -> None:
    source = opened(folder)
    found = {entry.name: (entry.label, entry.split, entry.patient) for entry in source.entries}
    assert len(found) == len(NAMES)
    for name in ("train/ILL/0.png", "train/ILL/1.png", "val/ILL/6.png"):
        assert found[name] == ("ILL", "val", "A")
    assert found["train/ILL/4.png"] == ("ILL", "val", "C") == found["val/ILL/7.png"]
    assert found["train/ILL/5.png"] == ("ILL", "train", "D")
    assert found["train/WELL/train0.png"] == ("WELL", "train", None)
    assert source.warnings[-1] == (
        "2 patients had pictures in more than one split: each is held out as a whole (pictures: 3 from train to val)"
    )
    assert "4 pictures have no row in 'people.csv' and stay as they are" in source.warnings


def test_a_row_that_does_not_know_states_no_patient(folder: Path, tmp_path: Path) -> None:
    source = opened(folder, "&known=sure=yes")
    found = {entry.name: (entry.split, entry.patient) for entry in source.entries}
    assert found["train/ILL/4.png"] == ("train", None) and found["val/ILL/7.png"] == ("val", None)
    prepared = ready(f"patients:{folder}?{QUERY}&known=sure=yes", tmp_path / "cache")
    assert "6 of 13 pictures count as a patient of their own" in " ".join(prepared.warnings)
    assert prepared.patients_from == "the column 'who' of people.csv"
    splits = dict(zip(prepared.names, prepared.splits.tolist(), strict=True))
    assert splits["train/ILL/0.png"] == splits["train/ILL/1.png"] == "val"


def test_pictures_and_all_others_of_their_patients_are_left_out(folder: Path) -> None:
    source = opened(folder, "&without=nothing=yes")
    left = set(NAMES) - {entry.name for entry in source.entries}
    assert left == {"train/ILL/2.png", "train/ILL/3.png"}
    assert source.warnings[0] == (
        "1 pictures have nothing=yes in 'people.csv'; they and 1 further pictures of their patients are left out"
    )


def test_only_the_pictures_of_some_rows(folder: Path) -> None:
    assert [entry.name for entry in opened(folder, "&where=nothing=yes").entries] == ["train/ILL/2.png"]
    both = opened(folder, "&where=who=D&where=who=E&where=sure=yes")
    assert [entry.name for entry in both.entries] == ["train/ILL/5.png", "val/ILL/8.png"]


def test_images_are_loaded_by_their_place_in_the_folder(folder: Path) -> None:
    source = opened(folder, "&without=nothing=yes")
    for start, stop in ((0, len(source.entries)), (3, 7)):
        part = source.part(start, stop)
        for index, entry in enumerate(part.entries):
            assert part.load(index, 16) == (folder / entry.name).read_bytes()


def test_the_table_moves_with_its_folder(folder: Path) -> None:
    source = f"patients:{folder}?{QUERY}"
    assert location(source) == str(folder)
    (folder.parent / "people.csv").rename(folder / "people.csv")
    new = folder.rename(folder.parent / "elsewhere")
    assert len(open_source(moved(source, str(new))).entries) == len(NAMES)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("table=people.csv&file=file", "the option patient is missing"),
        ("table=peopel.csv&file=file&patient=who", "no table 'peopel.csv'"),
        ("table=../people.csv&file=file&patient=who", "is a path"),
        (f"{QUERY}&file=file", "given twice"),
        (f"{QUERY}&label=x", "no option 'label'"),
        (f"{QUERY}&where=nothing", "names no column and its value"),
        (f"{QUERY}&without=nothing=maybe", "no row of 'people.csv' has nothing=maybe"),
        (f"{QUERY}&where=person=A", "has no column 'person'"),
        ("table=people.csv&file=who&patient=who", "names none of the 13 pictures"),
        (f"{QUERY}&without=sure=yes&without=sure=no&where=sure=yes", "no picture of"),
    ],
)
def test_what_is_refused(folder: Path, query: str, words: str) -> None:
    assert words in refused(folder, query)


def test_rows_that_contradict_each_other_are_refused(folder: Path) -> None:
    with (folder.parent / "people.csv").open("a") as file:
        file.write("train/ILL/0.png,F,yes,no\n")
    assert "the picture 'train/ILL/0.png' in 'people.csv' contradict each other" in refused(folder, QUERY)


def test_test_wins_over_val_and_val_over_train() -> None:
    assert one_side(["a", "a", "a", "b", "b", "c", ""], ["train", "val", "test", None, "val", "train", "val"]) == [
        *("test", "test", "test", "val", "val", "train", "val")
    ]


def test_patients_of_a_labels_table_override_the_folders_splits_but_not_its_own(folder: Path) -> None:
    rows = [line.replace("nothing", "label") for line in TABLE.splitlines()]
    (folder / "labels.csv").write_text("\n".join(rows))
    text = f"table:{folder}/labels.csv?file=file&label=label&patient=who"
    source = open_source(text)
    found = {entry.name: entry.split for entry in source.entries}
    assert found["train/ILL/0.png"] == found["train/ILL/1.png"] == "val" and found["train/ILL/5.png"] == "train"
    assert any("held out as a whole" in line for line in source.warnings)
    splits = ["part", *(row.partition("/")[0] for row in rows[1:])]
    (folder / "labels.csv").write_text("\n".join(f"{row},{part}" for row, part in zip(rows, splits, strict=True)))
    own = {entry.name: entry.split for entry in open_source(f"{text}&split=part").entries}
    assert own["train/ILL/0.png"] == "train" and own["val/ILL/6.png"] == "val"


def test_a_table_that_is_used_is_not_said_to_be_unused_beside_others(folder: Path) -> None:
    (folder.parent / "people.csv").rename(folder / "people.csv")
    (folder / "zebra.csv").write_text("file,age\ntrain/ILL/0.png,7\n")
    both = [line for line in open_source(str(folder)).warnings if "may hold labels" in line]
    assert both[0].startswith(
        f"people.csv, zebra.csv may hold labels and patients, and are not used: 'table:{folder}/people.csv?file=file"
        "&label=COLUMN' uses people.csv; its columns are "
    )
    (line,) = [line for line in opened(folder).warnings if "not used" in line]
    assert line.startswith(f"zebra.csv may hold labels and patients, and is not used: 'table:{folder}/zebra.csv?")
    # The one that is used may come later in the list as well.
    (folder / "zebra.csv").rename(folder / "apes.csv")
    (line,) = [line for line in opened(folder).warnings if "not used" in line]
    assert line.startswith("apes.csv may hold labels and patients, and is not used")
    (folder / "apes.csv").unlink()
    assert not [line for line in opened(folder).warnings if "not used" in line]


@pytest.mark.parametrize("wrapped", ["", "set/"])
def test_the_table_of_a_zip_may_lie_in_it(folder: Path, wrapped: str) -> None:
    archive = folder.parent / "set.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(folder.parent / "people.csv", f"{wrapped}people.csv")
        for name in NAMES:
            packed.write(folder / name, f"{wrapped}{name}")
    expected = {(entry.name, entry.split, entry.patient) for entry in opened(folder).entries}
    (folder.parent / "people.csv").unlink()
    source = opened(archive)
    assert {(entry.name.removeprefix(wrapped), entry.split, entry.patient) for entry in source.entries} == expected
    assert not [line for line in source.warnings if "not used" in line]
    assert "there is no table 'peopel.csv' in" in refused(archive, QUERY.replace("people", "peopel"))
    assert "Did you mean 'people.csv'?" in refused(archive, QUERY.replace("people", "peopel"))


def test_a_table_beside_zips_that_is_used_is_not_said_to_be_unused(folder: Path) -> None:
    zips = folder.parent / "zips"
    zips.mkdir()
    for part in ("train", "val"):
        with zipfile.ZipFile(zips / f"{part}.zip", "w") as packed:
            for name in (name for name in NAMES if name.startswith(part)):
                packed.write(folder / name, name)
    (folder.parent / "people.csv").rename(zips / "people.csv")
    assert (
        "people.csv may hold labels and patients, and is not used: unpack the zips"
        in open_source(str(zips)).warnings[-1]
    )
    assert not [line for line in opened(zips).warnings if "not used" in line]
    (zips / "other.csv").write_text("a,b\n1,2\n")
    assert "other.csv may hold labels and patients, and is not used: unpack" in " ".join(opened(zips).warnings)
