"""Labels in any table: columns that are named, encodings, what is left out, and what is refused."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from gan_core.data.readers import open_source, table_text
from gan_core.data.readers.table_pictures import PictureNames
from gan_core.data.source import Source
from gan_core.errors import UserError
from tests.helpers.pictures import fill, png, ready

ROWS = [
    ("Path", "Finding", "Patient ID", "View", "Part"),
    ("a.png", "mass", "P1", "PA", "train"),
    ("b.png", "mass", "P1", "PA", "train"),
    ("c.png", "none", "P2", "PA", "Test"),
    ("d.png", "none", "P3", "LL", "valid"),
]
COLUMNS = "file=Path&label=Finding&patient=Patient%20ID&split=Part&where=View=PA"


def text(separator: str = ",", rows: list[tuple[str, ...]] = ROWS) -> str:
    return "\n".join(separator.join(row) for row in rows) + "\n"


def pictures(root: Path, *names: str) -> None:
    for name in names or ("a.png", "b.png", "c.png", "d.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def labels(source: Source) -> dict[str, str]:
    return {entry.name: entry.label for entry in source.entries}


def opened(root: Path, table: str, query: str = "file=Path&label=Finding") -> Source:
    (root / "labels.csv").write_text(table)
    return open_source(f"table:{root}/labels.csv?{query}")


def refused(root: Path, table: str, query: str = "file=Path&label=Finding") -> str:
    with pytest.raises(UserError) as problem:
        opened(root, table, query)
    return str(problem.value)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_a_table_in_any_form(separator: str, encoding: str, tmp_path: Path) -> None:
    pictures(tmp_path)
    rows = [*ROWS, ("é.png", "Tumör", "P4", "PA", "")]
    (tmp_path / "é.png").touch()
    start = "sep=;\n" if separator == ";" else ""
    (tmp_path / "labels.csv").write_bytes((start + text(separator, rows)).replace("\n", "\r\n").encode(encoding))
    source = open_source(f"table:{tmp_path}/labels.csv?{COLUMNS}")
    assert [(entry.name, entry.label, entry.patient, entry.split) for entry in source.entries] == [
        ("a.png", "mass", "P1", "train"),
        ("b.png", "mass", "P1", "train"),
        ("c.png", "none", "P2", "test"),
        ("é.png", "Tumör", "P4", None),
    ]
    assert source.warnings == ("1 of 5 rows of 'labels.csv' are left out, where View=PA does not hold",)


def test_patients_and_splits_of_a_table_reach_the_prepared_data(tmp_path: Path) -> None:
    """They override the folders, and a patient stays on one side."""
    names = [f"train/{number:02}.png" for number in range(30)]
    fill(tmp_path / "set", names)
    rows = [("file", "label", "who"), *((name, "ab"[n % 2], f"person {n // 3}") for n, name in enumerate(names))]
    (tmp_path / "set" / "labels.csv").write_text(text(",", rows))
    prepared = ready(f"table:{tmp_path}/set/labels.csv?file=file&label=label&patient=who", tmp_path / "cache")
    assert prepared.classes == ("a", "b") and prepared.patients == [f"person {number // 3}" for number in range(30)]
    splits = {(patient, part) for patient, part in zip(prepared.patients, prepared.splits, strict=True)}
    assert len(splits) == 10 and {part for _, part in splits} == {"train", "val", "test"}
    rows = [
        ("file", "label", "part"),
        *((name, "ab"[n % 2], "test" if n < 4 else "train") for n, name in enumerate(names)),
    ]
    (tmp_path / "set" / "labels.csv").write_text(text(",", rows))
    prepared = ready(f"table:{tmp_path}/set/labels.csv?file=file&label=label&split=part", tmp_path / "cache")
    assert np.flatnonzero(prepared.splits == "test").tolist() == [0, 1, 2, 3]


def test_a_picture_is_named_in_many_ways(tmp_path: Path) -> None:
    pictures(tmp_path, "x/a.png", "x/b.JPG", "y/c.dcm", "y/d.png", "x/e.png", "y/e.png", "x/1.2.840.3.png")
    rows = [
        ("Path", "Finding"),
        ("a.png", "1"),  # the end of the path
        ("x\\b.jpg", "2"),  # another case, backslashes
        ("Set-v1/y/c.png", "3"),  # from above the folder; the picture was converted
        ("./y/d", "4"),  # without a suffix
        ("y/e.png", "5"),
        (f"{tmp_path}/x/e.png", "6"),
        ("1.2.840.3", "7"),
    ]
    source = opened(tmp_path, text(",", rows))
    assert labels(source) == {
        "x/a.png": "1",
        "x/b.JPG": "2",
        "y/c.dcm": "3",
        "y/d.png": "4",
        "y/e.png": "5",
        "x/e.png": "6",
        "x/1.2.840.3.png": "7",
    }


def test_a_picture_of_another_folder_is_not_taken(tmp_path: Path) -> None:
    """One view of every study has the same name: a lost one must not get its neighbour's label."""
    pictures(tmp_path, "p1/view1.png", "p2/other.png")
    source = opened(tmp_path, "Path,Finding\np1/view1.png,mass\np2/view1.png,none\n")
    assert labels(source) == {"p1/view1.png": "mass"}
    assert "1 of 2 rows of 'labels.csv' name pictures that are not there: p2/view1.png" in source.warnings


def test_many_pictures_of_one_name_are_found_without_looking_at_each() -> None:
    """Every study of CheXpert has a view1_frontal.jpg; looking at all for every row would take minutes."""
    names = [f"train/patient{number:05}/study1/view1_frontal.jpg" for number in range(20_000)]
    pictures = PictureNames(names, None, "", "train.csv")
    assert [pictures.find(f"CheXpert-v1.0/{name}") for name in names] == [(number,) for number in range(20_000)]
    assert pictures.find("CheXpert-v1.0/train/patient99999/study1/view1_frontal.jpg") == ()
    assert len(pictures.find("study1/view1_frontal.jpg")) == 20_000


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("../a.png,mass\n", "the path '../a.png' leads out of its folder"),
        ("x/../../a.png,mass\n", "leads out of its folder"),
        ("..\\a.png,mass\n", "leads out of its folder"),
        ("/etc/a.png,mass\n", "the path '/etc/a.png' leads out of its folder; write paths as they are below the table"),
        ("C:\\data\\a.png,mass\n", "leads out of its folder"),
        ("e.png,mass\n", "names none of the 4 pictures: it holds for example 'e.png', and a picture is named 'a.png'"),
        ("", "the table 'labels.csv' has no rows"),
        ("a.png,\n", "no picture of 'labels.csv' is left: 1 pictures are left out, because they have no label"),
        ('a.png,"ma\u200bss"\n', "unprintable characters"),
        ("a.png,mass\nx/a.png,none\n", "the rows 'a.png' and 'x/a.png' of 'labels.csv' mean the same picture"),
    ],
)
def test_rows_that_are_refused(rows: str, said: str, tmp_path: Path) -> None:
    pictures(tmp_path)
    assert said in refused(tmp_path, f"Path,Finding\n{rows}")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (
            "file=Paths&label=Finding",
            "has no column 'Paths'. Did you mean 'Path'? Its columns: Path, Finding, Patient ID",
        ),
        ("file=Path&label=Finding&pacient=x", "a table has no option 'pacient'. Did you mean 'patient'?"),
        ("file=Path&label=", "the table's option label is empty"),
        ("file=Path&file=View&label=Finding", "option file is given twice"),
        ("file=Path&label=Finding&where=View", "where=View names no column and its value"),
        ("file=Path&label=Finding&where=View=AP", "no row of 'labels.csv' has View=AP. Did you mean 'PA'? "),
        (
            "file=Path&label=Finding&split=View",
            "the column 'View' of 'labels.csv' holds 'PA': a split is train, val or",
        ),
        ("file=Path&label=Finding&uncertain=maybe", "option uncertain is yes or no, not 'maybe'"),
        (
            "file=Path&label=Finding&label=View",
            "the column 'Finding' of 'labels.csv' holds 'mass': where several columns",
        ),
        ("file=Path", "is not the table of a known collection: name the columns of the file and of the label, as in"),
        ("", "?file=Path&label=COLUMN'; its columns: Path, Finding, Patient ID, View, Part"),
    ],
)
def test_options_that_are_refused(query: str, said: str, tmp_path: Path) -> None:
    pictures(tmp_path)
    assert said in refused(tmp_path, text(), query)


def test_columns_of_marks(tmp_path: Path) -> None:
    pictures(tmp_path)
    table = "Path,mass,edema,other\na.png,1,0,-1\nb.png,0,1.0,\nc.png,-1,,1\nd.png,True,False,0\n"
    source = opened(tmp_path, table, "file=Path&label=mass&label=edema&label=other&classes=mass,edema")
    assert labels(source) == {"a.png": "mass", "b.png": "edema", "d.png": "mass"}
    assert source.warnings == (
        "1 pictures are left out, because a class is uncertain (-1): mass (1)",
        "1 of 3 pictures have further labels beside their class: alone=yes leaves them out",
    )


def test_values_are_percent_encoded_and_where_divides_at_its_first_sign(tmp_path: Path) -> None:
    pictures(tmp_path)
    table = "My file,a=b,Lbl\na.png,x=y & z,one\nb.png,x=y & z,two\nc.png,other,one\n"
    source = opened(tmp_path, table, "file=My%20file&label=lbl&where=a%3Db=x=y%20%26%20z")
    assert labels(source) == {"a.png": "one", "b.png": "two"}


def test_labels_that_differ_in_spelling_are_one_class(tmp_path: Path) -> None:
    pictures(tmp_path)
    source = opened(tmp_path, "Path,Finding\na.png,COVID-19\nb.png,COVID-19\nc.png,Covid-19\nd.png,no  finding\n")
    assert labels(source) == {"a.png": "COVID-19", "b.png": "COVID-19", "c.png": "COVID-19", "d.png": "no finding"}
    assert source.warnings == ("labels that differ only in their spelling count as one: COVID-19 = Covid-19",)


def test_patients_that_differ_in_spelling_are_one(tmp_path: Path) -> None:
    pictures(tmp_path)
    table = "Path,Finding,Who\na.png,x,p1\nb.png,y,P1\nc.png,x,p2\nd.png,y,p2\n"
    source = opened(tmp_path, table, "file=Path&label=Finding&patient=Who")
    assert [entry.patient for entry in source.entries] == ["p1", "p1", "p2", "p2"]
    assert "1 patients are written in several ways, and count as one each: p1 = P1" in source.warnings


def test_a_column_that_names_files_is_no_patient(tmp_path: Path) -> None:
    pictures(tmp_path)
    source = opened(tmp_path, "id,Finding\na,x\nb,x\nc,y\n", "file=id&label=Finding&patient=id")
    assert {entry.patient for entry in source.entries} == {None}
    assert source.warnings[-1] == "the column 'id' names the file and not the person: it is not used"


def test_rows_that_contradict_each_other(tmp_path: Path) -> None:
    pictures(tmp_path)
    table = "Path,Finding,Patient ID\na.png,x,P1\na.png,x,P2\n"
    said = refused(tmp_path, table, "file=Path&label=Finding&patient=Patient%20ID")
    assert said == "the picture 'a.png' has two patients in 'labels.csv', 'P1' and 'P2'"
    assert "1 of 1 pictures of 'labels.csv' have several labels" in refused(
        tmp_path, "Path,Finding\na.png,x\na.png,y\n"
    )


def test_a_name_in_two_folders_is_ambiguous(tmp_path: Path) -> None:
    pictures(tmp_path, "x/a.png", "y/a.png")
    said = refused(tmp_path, "Path,Finding\na.png,mass\n")
    assert said.startswith("1 names of 'labels.csv' lie in several folders, for example 'a.png': x/a.png, y/a.png; ")


def test_a_column_with_too_many_values_is_no_column_of_classes(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(101)]
    pictures(tmp_path, *names)
    said = refused(tmp_path, "Path,Finding\n" + "".join(f"{name},{name}\n" for name in names))
    assert said.startswith("'labels.csv' has 101 labels, more than 100: name another column")


def test_a_table_that_nobody_was_told_about(tmp_path: Path) -> None:
    pictures(tmp_path, "a/1.png", "b/2.png")
    (tmp_path / "labels.csv").write_text("no,image,sex\n1,1.png,F\n")
    (line,) = open_source(str(tmp_path)).warnings
    assert line == (
        f"labels.csv may hold labels and patients, and is not used: 'table:{tmp_path}/labels.csv?file=image&label="
        "COLUMN' uses it; its columns are no, image, sex"
    )
    (tmp_path / "labels.csv").write_text("age,sex\n41,F\n")
    (line,) = open_source(str(tmp_path)).warnings
    example = f"table:{tmp_path}/labels.csv?file=COLUMN&label=COLUMN"
    assert line.endswith(f"name its columns, as in '{example}'; they are age, sex")
    (tmp_path / "labels.csv").rename(tmp_path / "notes.txt")
    (tmp_path / "COVID.metadata.xlsx").touch()  # file names only
    assert open_source(str(tmp_path)).warnings == ()
    (tmp_path / "labels.xlsx").touch()
    (line,) = open_source(str(tmp_path)).warnings
    assert line.startswith("labels.xlsx may hold labels and patients, and is not used: save it as CSV")


def zipped(path: Path, table: bytes, name: str = "set/labels.csv") -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number, picture in enumerate(("set/images/a.png", "set/images/b.png", "set/images/c.png")):
            archive.writestr(picture, png(number))
        archive.writestr(name, table)


def test_a_table_in_a_zip(tmp_path: Path) -> None:
    zipped(tmp_path / "set.zip", b"Path,Finding\na.png,x\nc.png,y\n")
    source = open_source(f"table:{tmp_path}/set.zip/set/labels.csv?file=Path&label=Finding")
    assert labels(source) == {"set/images/a.png": "x", "set/images/c.png": "y"}
    assert [source.load(index, 16) for index in (0, 1)] == [png(0), png(2)]
    (line,) = open_source(f"{tmp_path}/set.zip").warnings
    assert f"'table:{tmp_path}/set.zip/set/labels.csv?file=Path&label=COLUMN' uses it" in line
    zipped(tmp_path / "nih.zip", b"Image Index,Finding Labels,Patient ID\na.png,x,1\nb.png,x,1\nc.png,y,2\n")
    source = open_source(f"{tmp_path}/nih.zip")
    assert [(entry.label, entry.patient) for entry in source.entries] == [("x", "1"), ("x", "1"), ("y", "2")]


def test_a_file_that_is_no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(tmp_path)
    for name, content, said in (
        ("x.csv", b"PK\x03\x04....", "'x.csv' is a spreadsheet: save it as CSV"),
        ("x.csv", b"a\x01b,\x00\x00\x00\x01", "'x.csv' is no table of text"),
        ("x.csv.gz", b"\x1f\x8b\x08damaged", "the table 'x.csv.gz' cannot be unpacked"),
        ("x.csv", b"a,b\n" + b'"' + b"x" * 200_000, "the table 'x.csv' cannot be read at line 2: field larger"),
        ("x.csv", b"a,b\n" + b"x,y\n" * 100_000, "larger than the limit"),
    ):
        (tmp_path / name).write_bytes(content)
        with monkeypatch.context() as patched:
            patched.setattr(table_text, "MAX_BYTES", 300_000)
            with pytest.raises(UserError, match=said):
                open_source(f"table:{tmp_path}/{name}?file=a&label=b")
        (tmp_path / name).unlink()
    with pytest.raises(UserError, match=r"there is no table '.*x\.csv'"):
        open_source(f"table:{tmp_path}/x.csv?file=a&label=b&classes={'c' * 5000}")
    with pytest.raises(UserError, match="neither a folder nor a file"):
        open_source("table:/dev/null?file=a&label=b")


def test_a_table_that_is_a_link_to_itself_is_not_looked_at(tmp_path: Path) -> None:
    pictures(tmp_path, "x/a.png", "y/b.png")
    (tmp_path / "labels.csv").symlink_to("labels.csv")
    assert labels(open_source(str(tmp_path))) == {"x/a.png": "x", "y/b.png": "y"}


def test_a_table_that_is_a_link_out_of_the_folder_is_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("Image Index,Finding Labels\na.png,secret\n")
    pictures(tmp_path / "set", "a.png")
    (tmp_path / "set" / "labels.csv").symlink_to(tmp_path / "secret.csv")
    source = open_source(str(tmp_path / "set"))
    assert labels(source) == {"a.png": "set"}
    assert not any("labels.csv" in line for line in source.warnings)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        # The cells of a row that is too long would be taken for those of the columns beside.
        ("Path,View,Finding\na.png,PA,x\nb.png,AP, supine,y\n", "line 3 has 4 cells, and its header 3"),
        ("Path,Finding\n1,a.png,x\n2,b.png,y\n", "line 2 has 3 cells, and its header 2"),
        ('Path,Finding,Note\na.png,x,"12"" tube"\n\nb.png,y,"unclear\nc.png,x,\n', "a quote in line 4 is never closed"),
    ],
)
def test_cells_that_would_shift_rows_are_refused(table: str, said: str, tmp_path: Path) -> None:
    pictures(tmp_path)
    assert said in refused(tmp_path, table)


def test_rows_may_end_in_empty_cells_and_hold_quotes(tmp_path: Path) -> None:
    pictures(tmp_path)
    table = 'Path,Finding,Note\na.png,x,"two\nlines, ""so"" "\n\nb.png,y,,, ,\nc.png\nd.png,"x"'
    assert labels(opened(tmp_path, table)) == {"a.png": "x", "b.png": "y", "d.png": "x"}


def test_rows_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_text, "MAX_ROWS", 3)
    pictures(tmp_path)
    assert "more than 3 rows" in refused(tmp_path, text())


def test_a_head_may_end_inside_a_character() -> None:
    data = "Path,Finding\né.png,x\n".encode()
    for end in range(1, len(data)):
        assert table_text.read_head("t", data[:end]).text == data[:end].decode(errors="ignore")
    assert io.StringIO(table_text.read_head("t", data).text).readline() == "Path,Finding\n"
