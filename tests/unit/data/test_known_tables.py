"""The tables of well-known collections: which picture has which class, patient and split.

The columns are those of the collections; the rows are made up.
"""

import gzip
from pathlib import Path

import pytest

from gan_core.data.readers import open_source
from gan_core.data.source import Source
from gan_core.errors import UserError

COVID = """\
patientid,offset,sex,age,finding,RT_PCR_positive,survival,view,modality,date,location,folder,filename,doi,url,license,
2,0,M,65,Pneumonia/Viral/COVID-19,Y,Y,PA,X-ray,"January 22, 2020","Cho Ray, Vietnam",images,a.jpeg,,,,
2,3,M,65,Pneumonia/Viral/COVID-19,Y,Y,PA,X-ray,2020,,images,b.jpeg,,,,
5,,,,Pneumonia,,,L,X-ray,2017,,images,c.png,,,,
6,,,,Pneumonia,,,Axial,CT,2017,,images,d.png,,,,
7,,,,No Finding,,,PA,X-ray,2017,,volumes,e.nii.gz,,,,
"""
NIH = """\
Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,\
OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],
00000001_000.png,Cardiomegaly,0,1,58,M,PA,2682,2749,0.143,0.143,
00000001_001.png,Cardiomegaly|Emphysema,1,1,58,M,PA,2894,2729,0.143,0.143,
00000002_000.png,No Finding,0,2,81,M,PA,2500,2048,0.171,0.171,
00000003_000.png,Hernia,0,3,81,F,AP,2582,2991,0.143,0.143,
"""
FINDINGS = (
    "No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,Consolidation,Pneumonia,"
    "Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices"
)
CHEXPERT = f"Path,Sex,Age,Frontal/Lateral,AP/PA,{FINDINGS}\n"


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def listed(source: Source) -> list[tuple[str, str, str | None, str | None]]:
    return [(entry.name, entry.label, entry.patient, entry.split) for entry in source.entries]


def marks(**found: str) -> str:
    """The 14 cells of a row of CheXpert."""
    return ",".join(found.get(name.replace(" ", "_"), "") for name in FINDINGS.split(","))


def test_the_covid_chestxray_dataset(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text(COVID)
    touch(tmp_path, *(f"images/{name}" for name in ("a.jpeg", "b.jpeg", "c.png", "d.png", "stray.png")))
    source = open_source(str(tmp_path))
    assert listed(source) == [
        ("images/a.jpeg", "Pneumonia/Viral/COVID-19", "2", None),
        ("images/b.jpeg", "Pneumonia/Viral/COVID-19", "2", None),
        ("images/c.png", "Pneumonia", "5", None),
        ("images/d.png", "Pneumonia", "6", None),
    ]
    assert listed(open_source(f"{tmp_path}/metadata.csv")) == listed(source)
    assert source.warnings == (
        "the labels come from metadata.csv of covid-chestxray-dataset, and not from folders",
        "1 of 5 rows of 'metadata.csv' name pictures that are not there: e.nii.gz",
        "1 pictures have no row in 'metadata.csv' and are left out: images/stray.png",
        "the pictures differ in 'modality': X-ray (3), CT (1); where=modality=X-ray keeps one kind",
        "the pictures differ in 'view': PA (2), L (1), Axial (1); where=view=PA keeps one kind",
    )
    some = open_source(f"table:{tmp_path}/metadata.csv?where=view=PA&where=view=L&where=modality=X-ray")
    assert [entry.name for entry in some.entries] == ["images/a.jpeg", "images/b.jpeg", "images/c.png"]
    assert some.warnings[0] == (
        "1 of 5 rows of 'metadata.csv' are left out, where view=PA or L and modality=X-ray does not hold"
    )
    with pytest.raises(
        UserError, match=r"no row of 'metadata.csv' has view=AP. Did you mean 'PA'\? .*PA \(3\), L \(1\)"
    ):
        open_source(f"table:{tmp_path}/metadata.csv?where=view=AP")


def test_an_early_table_of_the_covid_chestxray_dataset(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("Patientid,offset,finding,view,filename,doi, url\n1, ,COVID-19,PA,a.jpg,,\n")
    touch(tmp_path, "images/a.jpg")
    assert listed(open_source(str(tmp_path))) == [("images/a.jpg", "COVID-19", "1", None)]


def test_nih_asks_which_labels_are_classes(tmp_path: Path) -> None:
    (tmp_path / "Data_Entry_2017.csv").write_text(NIH)
    touch(tmp_path, "images_001/images/00000001_000.png", "images_001/images/00000001_001.png")
    touch(tmp_path, "images_002/images/00000002_000.png", "images_002/images/00000003_000.png")
    with pytest.raises(UserError) as asked:
        open_source(str(tmp_path))
    assert str(asked.value) == (
        "1 of 4 pictures of 'Data_Entry_2017.csv' have several labels: say which count as classes, as in "
        f"'table:{tmp_path}?classes=Cardiomegaly,Emphysema'; a picture is used if it has exactly one of them. "
        "Labels: Cardiomegaly (2), Emphysema (1), No Finding (1), Hernia (1)"
    )
    source = open_source(f"table:{tmp_path}?classes=No%20Finding,Cardiomegaly")
    assert listed(source) == [
        ("images_001/images/00000001_000.png", "Cardiomegaly", "1", None),
        ("images_001/images/00000001_001.png", "Cardiomegaly", "1", None),
        ("images_002/images/00000002_000.png", "No Finding", "2", None),
    ]
    assert source.warnings == (
        "1 pictures are left out, because they have none of the classes",
        "1 of 3 pictures have further labels beside their class: alone=yes leaves them out",
    )
    alone = open_source(f"table:{tmp_path}/Data_Entry_2017.csv?classes=Cardiomegaly,Emphysema,Hernia&alone=yes")
    assert [entry.label for entry in alone.entries] == ["Cardiomegaly", "Hernia"]
    assert "1 pictures are left out, because they have several of the classes" in alone.warnings
    with pytest.raises(UserError, match=r"has the label 'Hernias'\. Did you mean 'Hernia'"):
        open_source(f"table:{tmp_path}?classes=Hernias,Emphysema")


def test_nih_keeps_its_own_split(tmp_path: Path) -> None:
    (tmp_path / "Data_Entry_2017.csv").write_text(NIH)
    (tmp_path / "train_val_list.txt").write_text("00000001_000.png\n00000001_001.png\n")
    (tmp_path / "test_list.txt").write_text("00000002_000.png\r\n00000003_000.png\r\n")
    touch(tmp_path, *(f"images/0000000{name}.png" for name in ("1_000", "1_001", "2_000", "3_000")))
    source = open_source(f"table:{tmp_path}?classes=No%20Finding,Cardiomegaly&where=View%20Position=PA")
    assert [(entry.label, entry.split) for entry in source.entries] == [
        ("Cardiomegaly", "train"),
        ("Cardiomegaly", "train"),
        ("No Finding", "test"),
    ]
    assert (
        source.warnings[0] == "1 of 4 rows of 'Data_Entry_2017.csv' are left out, where View Position=PA does not hold"
    )
    # The folder of the pictures alone says that there is a table above it.
    (line,) = open_source(f"{tmp_path}/images").warnings
    assert line == (
        "the folder above holds a table of NIH ChestX-ray14, which is not used: "
        f"'{tmp_path}/Data_Entry_2017.csv' uses it"
    )


def test_chexpert(tmp_path: Path) -> None:
    root = tmp_path / "small"  # renamed: the paths of the table start above it, with the name it had
    places = [
        "train/patient00001/study1/view1_frontal.jpg",
        "train/patient00002/study1/view1_frontal.jpg",
        "train/patient00002/study1/view2_lateral.jpg",
        "train/patient00003/study1/view1_frontal.jpg",
        "valid/patient64541/study1/view1_frontal.jpg",
    ]
    found = [
        {"No_Finding": "1.0", "Support_Devices": "1.0"},
        {"Edema": "1.0", "No_Finding": "0.0"},
        {"Edema": "1.0"},
        {"Edema": "1.0", "Consolidation": "-1.0"},
        {"Edema": "1.0", "Consolidation": "0.0"},
    ]
    touch(root, *places)
    rows = [
        f"CheXpert-v1.0-small/{place},Female,68,{'Lateral' if 'lateral' in place else 'Frontal'},AP,{marks(**cells)}\n"
        for place, cells in zip(places, found, strict=True)
    ]
    lost = f"CheXpert-v1.0-small/train/patient00009/study1/view1_frontal.jpg,Male,1,Frontal,AP,{marks(Edema='1.0')}\n"
    (root / "train.csv").write_text(CHEXPERT + "".join(rows[:4]) + lost)
    (root / "valid.csv").write_text(CHEXPERT + rows[4])
    with pytest.raises(
        UserError, match=r"1 of 5 pictures of 'train.csv' have several labels.* Edema \(4\), No Finding"
    ):
        open_source(str(root))
    source = open_source(f"table:{root}?classes=No%20Finding,Edema,Consolidation&where=Frontal/Lateral=Frontal")
    assert listed(source) == [
        (places[0], "No Finding", "patient00001", "train"),
        (places[1], "Edema", "patient00002", "train"),
        (places[4], "Edema", "patient64541", "val"),
    ]
    assert source.warnings == (
        "1 of 6 rows of 'train.csv' are left out, where Frontal/Lateral=Frontal does not hold",
        "1 of 6 rows of 'train.csv' name pictures that are not there: "
        "CheXpert-v1.0-small/train/patient00009/study1/view1_frontal.jpg",
        "1 pictures are left out, because a class is uncertain (-1): Consolidation (1)",
        "no picture is left in the class Consolidation",
        "1 of 3 pictures have further labels beside their class: alone=yes leaves them out",
    )
    counted = open_source(f"table:{root}?classes=No%20Finding,Edema,Consolidation&uncertain=no")
    assert [entry.label for entry in counted.entries].count("Edema") == 4
    assert "no picture is left in the class Consolidation" in counted.warnings
    both = open_source(f"table:{root}?classes=Edema,Consolidation&uncertain=yes")
    assert "1 pictures are left out, because they have several of the classes" in both.warnings


def mimic(root: Path) -> None:
    (root / "mimic-cxr-2.0.0-chexpert.csv.gz").write_bytes(
        gzip.compress(
            f"subject_id,study_id,{FINDINGS}\n"
            f"10000032,50414267,{marks(No_Finding='1.0')}\n"
            f"10000764,57375967,{marks(Edema='1.0')}\n".encode()
        )
    )
    touch(root, "files/p10/p10000032/s50414267/02aa-0dfd.jpg", "files/p10/p10000032/s50414267/174413ec.jpg")
    touch(root, "files/p10/p10000764/s57375967/096052b7.jpg")


def test_mimic_is_joined_or_refused(tmp_path: Path) -> None:
    mimic(tmp_path)
    with pytest.raises(UserError, match=r"does not say which picture has which label: put mimic-cxr-2.0.0-metadata"):
        open_source(str(tmp_path))
    (tmp_path / "mimic-cxr-2.0.0-metadata.csv").write_text(
        "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns\n"
        "02aa-0dfd,10000032,50414267,CHEST (PA AND LAT),PA,3056,2544\n"
        "174413ec,10000032,50414267,CHEST (PA AND LAT),LATERAL,3056,2544\n"
        "096052b7,10000764,57375967,CHEST (PORTABLE),AP,3056,2544\n"
    )
    (tmp_path / "mimic-cxr-2.0.0-split.csv").write_text(
        "dicom_id,study_id,subject_id,split\n02aa-0dfd,50414267,10000032,train\n174413ec,50414267,10000032,train\n"
        "096052b7,57375967,10000764,validate\n"
    )
    assert listed(open_source(str(tmp_path))) == [
        ("files/p10/p10000032/s50414267/02aa-0dfd.jpg", "No Finding", "10000032", "train"),
        ("files/p10/p10000032/s50414267/174413ec.jpg", "No Finding", "10000032", "train"),
        ("files/p10/p10000764/s57375967/096052b7.jpg", "Edema", "10000764", "val"),
    ]
    views = open_source(f"table:{tmp_path}/mimic-cxr-2.0.0-metadata.csv?where=ViewPosition=PA&where=ViewPosition=AP")
    assert len(views.entries) == 2


def test_rsna_has_several_rows_a_picture_and_no_patient(tmp_path: Path) -> None:
    (tmp_path / "stage_2_train_labels.csv").write_text(
        "patientId,x,y,width,height,Target\n0004cfab,,,,,0\n00436515,264.0,152.0,213.0,379.0,1\n"
        "00436515,562.0,152.0,256.0,453.0,1\n00313ee0,,,,,0\n"
    )
    touch(tmp_path, *(f"stage_2_train_images/{name}.dcm" for name in ("0004cfab", "00436515", "00313ee0")))
    boxes = open_source(str(tmp_path))
    assert listed(boxes) == [
        ("stage_2_train_images/0004cfab.dcm", "No Lung Opacity", None, None),
        ("stage_2_train_images/00313ee0.dcm", "No Lung Opacity", None, None),
        ("stage_2_train_images/00436515.dcm", "Lung Opacity", None, None),
    ]
    (tmp_path / "stage_2_detailed_class_info.csv").write_text(
        "patientId,class\n0004cfab,No Lung Opacity / Not Normal\n00436515,Lung Opacity\n00436515,Lung Opacity\n"
        "00313ee0,Normal\n"
    )
    for place in (tmp_path, tmp_path / "stage_2_train_labels.csv"):
        labels = [entry.label for entry in open_source(str(place)).entries]
        assert labels == ["No Lung Opacity / Not Normal", "Normal", "Lung Opacity"]


def test_covidx(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text(
        "3 SARS-10.1148-day0.jpeg pneumonia cohen\n3 SARS-10.1148-day5.jpeg pneumonia cohen\n"
        "COVID 1 COVID 1.png COVID-19 sirm\n"
    )
    (tmp_path / "test.txt").write_text("SITE2-000265 MIDRC-1-SITE2.png positive ricord\n")
    touch(tmp_path, "train/SARS-10.1148-day0.jpeg", "train/SARS-10.1148-day5.jpeg", "train/COVID 1.png")
    touch(tmp_path, "test/MIDRC-1-SITE2.png", "test/COVID 1.png")  # one name in two folders: the split tells them apart
    assert listed(open_source(str(tmp_path))) == [
        ("test/MIDRC-1-SITE2.png", "positive", "SITE2-000265", "test"),
        ("train/COVID 1.png", "COVID-19", "COVID 1", "train"),
        ("train/SARS-10.1148-day0.jpeg", "pneumonia", "3", "train"),
        ("train/SARS-10.1148-day5.jpeg", "pneumonia", "3", "train"),
    ]
    (tmp_path / "train_COVIDx5.txt").write_text("3 SARS-10.1148-day0.jpeg pneumonia cohen\n")
    with pytest.raises(
        UserError, match=r"several versions of COVIDx's tables: .* test.txt, train.txt, train_COVIDx5.txt"
    ):
        open_source(str(tmp_path))
    assert len(open_source(f"{tmp_path}/train_COVIDx5.txt").entries) == 1


FIGURE1 = (
    "patientid,offset,sex,age,finding,survival,temperature,pO2 saturation,view,modality,artifacts/distortion,notes\n"
    "COVID-00003a,8,M,28,COVID-19,,39.1,90,AP erect,X-ray,,Fever 38° + cough\n"
    "COVID-00003b,8,M,28,COVID-19,,39.1,90,AP erect,X-ray,,it’s after intubation\n"
    "COVID-00005,,,,,,,,,X-ray,,\n"
    "COVID-00031,,,,Pneumonia,,,,,X-ray,,labeled pneumonia\n"
)


def test_figure1_names_files_in_place_of_patients(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_bytes(FIGURE1.encode("cp1252"))
    touch(tmp_path, "images/COVID-00003a.jpg", "images/COVID-00003b.png", "images/COVID-00005.png")
    touch(tmp_path, "images/COVID-00031.jpg")
    source = open_source(str(tmp_path))
    assert listed(source) == [
        ("images/COVID-00003a.jpg", "COVID-19", "COVID-00003", None),
        ("images/COVID-00003b.png", "COVID-19", "COVID-00003", None),
        ("images/COVID-00031.jpg", "Pneumonia", "COVID-00031", None),
    ]
    assert source.warnings[1:] == (
        "1 pictures are left out, because they have no label",
        "the pictures differ in 'view': AP erect (2), (empty) (1); where=view=AP%20erect keeps one kind",
    )


def test_actualmed(tmp_path: Path) -> None:
    name = "CR.1.2.840.113564.1722810170.20200313090023421700.1003000225002.png"
    (tmp_path / "metadata.csv").write_bytes(
        (
            "patientid,offset,sex,age,finding,survival,temperature,pO2 saturation,view,modality,imagename,"
            f"artifacts/distortion,notes\nANON196,,,,COVID-19,,,,PA,X-ray,{name},,“Inconclusive”\n"
        ).encode("cp1252")
    )
    touch(tmp_path, f"images/{name}")
    assert listed(open_source(str(tmp_path))) == [(f"images/{name}", "COVID-19", "ANON196", None)]


def test_tables_of_two_collections_are_asked_about(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text(COVID)
    (tmp_path / "Data_Entry_2017.csv").write_text(NIH)
    touch(tmp_path, "images/a.jpeg")
    with pytest.raises(
        UserError, match=r"several collections: .*Data_Entry_2017.csv \(NIH ChestX-ray14\); metadata.csv"
    ):
        open_source(str(tmp_path))
