"""Who is in a picture: each rule, their order, and where a rule must not be believed."""

from hashlib import blake2b
from pathlib import PurePosixPath

import pytest

from gan_core import name_patterns
from gan_core.data.patients import MAY_SHARE, compile_pattern, doubt_in, find, refuse_patients_as_classes
from gan_core.data.readers import open_source
from gan_core.data.source import Entry
from gan_core.data.splits import split
from gan_core.errors import UserError


def entries(*names: str, label: str | None = None, origin: str = "") -> list[Entry]:
    """Entries whose class is their first folder."""
    return [Entry(name, label or PurePosixPath(name).parts[0], None, "", origin) for name in names]


def told(own: list[Entry], headers: list[str] | None = None, pattern: str | None = None) -> tuple[dict[str, str], str]:
    """Name -> patient, for the images whose patient a rule finds, and the words for people."""
    found = find(own, headers or [""] * len(own), compile_pattern(pattern))
    known = zip(own, found.names, found.told, strict=True)
    return {entry.name: name for entry, name, is_told in known if is_told}, found.origin


@pytest.mark.parametrize(
    ("names", "patients", "words"),
    [
        (["P/person12_bacteria_47.jpeg", "P/person12_virus_3.jpeg"], ["person12", "person12"], "person12_..."),
        (["P/person1_virus_2_1.jpeg", "P/person2_virus_1.jpeg"], ["person1", "person2"], "person12_..."),
        (["N/IM-0115-0001.jpeg", "N/NORMAL2-IM-0116-0001-0002.jpeg"], ["IM-0115", "IM-0116"], "IM-0115-..."),
        (
            ["N/train/000012/NORMAL2-IM-1440-0001_jpeg.rf.0a1b2c.jpg", "N/train/000013/IM-1441-0001.jpg"],
            ["IM-1440", "IM-1441"],
            "IM-0115-...",
        ),
        (
            ["x/00000001_000.png", "x/00000001_001.png", "x/00030805_000.png"],
            ["00000001", "00000001", "00030805"],
            "00000001_000",
        ),
        (
            ["n/patient00001/study1/view1_frontal.jpg", "n/patient00002/study3/view1_frontal.jpg"],
            ["patient00001", "patient00002"],
            "patient00001/study1",
        ),
        (["a/p10/p10000032/s50414267/02aa.jpg", "a/p10/p10000764/s57375967/096.jpg"], ["p10000032", "p10000764"], "p1"),
        (["T1/sub-01_T1w_010.png", "T1/sub-02_T1w_010.png"], ["sub-01", "sub-02"], "sub-01"),
        (["T1/sub-01/anat/T1w_010.png", "T1/sub-02/anat/T1w_010.png"], ["sub-01", "sub-02"], "sub-01"),
        (["T1/IXI002-Guys-0828-T1.nii.gz", "T1/IXI012-HH-1211-T1.nii.gz"], ["IXI002", "IXI012"], "IXI002-..."),
        (
            ["t1/BraTS20_Training_001_t1.png", "t1/BraTS20_Training_002_t1.png"],
            ["BraTS20_Training_001", "BraTS20_Training_002"],
            "BraTS20",
        ),
        (
            ["t1/BraTS2021_00000_t1.png", "t1/BraTS2021_00002_t1.png"],
            ["BraTS2021_00000", "BraTS2021_00002"],
            "BraTS2021",
        ),
        # Two visits of one person.
        (
            ["t1/BraTS-GLI-00005-000-t1n.png", "t1/BraTS-GLI-00005-001-t1n.png", "t1/BraTS-GLI-00006-000-t1n.png"],
            ["BraTS-GLI-00005", "BraTS-GLI-00005", "BraTS-GLI-00006"],
            "BraTS-GLI-00000-...",
        ),
        (
            ["HGG/Brats18_CBICA_AAB_1/Brats18_CBICA_AAB_1_t1.png", "HGG/Brats17_2013_10_1_t1.png"],
            ["Brats18_CBICA_AAB", "Brats17_2013_10"],
            "Brats18_CBICA_AAB_1",
        ),
        (
            ["c/137covid_patient1_SR_2_IM00001.tif", "c/137covid_patient2_SR_2_IM00001.tif"],
            ["137covid_patient1", "137covid_patient2"],
            "137covid_patient1_...",
        ),
        (["n/normal2_patient252_SR_4_IM00010.tif"], ["normal2_patient252"], "137covid_patient1_..."),
        (["c/Patient 7 (12).png", "c/Patient 8 (1).png"], ["Patient 7", "Patient 8"], "patient12"),
    ],
)
def test_the_names_of_well_known_collections(names: list[str], patients: list[str], words: str) -> None:
    found, origin = told(entries(*names))
    assert [found[name] for name in names] == patients
    assert origin.startswith("file names (") and words in origin


@pytest.mark.parametrize(
    "names",
    [
        ["c/COVID-19 (12).png", "c/COVID-19 (13).png"],
        ["c/covid_0021.jpg", "c/covid_0022.jpg"],
        ["c/CLAIM-1234-1.png", "c/CLAIM-1235-1.png"],
        ["person3/scan.png", "person4/scan.png"],
        # A date and a number, which NIH's names resemble.
        ["c/20200312_001.png", "c/20200312_002.png", "c/20200313_001.png"],
        # OsiriX: the first number is the series, of one person or of each folder.
        [f"c/IM-0001-{n:04}.png" for n in range(9)],
        [f"c/IM-000{n // 4}-{n:04}.png" for n in range(9)],
        [f"{label}/IM-000{number}-{n:04}.png" for number, label in enumerate("ab") for n in range(5)],
        # Only a stray name tells a person.
        ["c/person3_virus_1.png", "c/1.png", "c/2.png"],
        # The number of the class, not of a person.
        [f"{label}/{label}-patient{number}-{n}.png" for number, label in enumerate("ab") for n in range(5)],
    ],
)
def test_names_that_carry_no_patient(names: list[str]) -> None:
    own = entries(*names)
    found = find(own, [""] * len(own), None)
    assert found.origin == "" and not any(found.told)
    assert found.names == [PurePosixPath(name).stem for name in names] or len({*found.names}) == len(names)
    assert found.doubt() == [f"every picture counts as a patient of its own: {MAY_SHARE}"]


def test_images_that_a_rule_leaves_open_are_counted() -> None:
    found = find(entries("a/person1_1.png", "a/person2_1.png", "a/scan.png"), [""] * 3, None)
    assert found.names == ["person1", "person2", "scan"] and found.told == [True, True, False]
    assert found.doubt() == [f"1 of 3 pictures count as a patient of their own: {MAY_SHARE}"]
    assert doubt_in(["other", *found.doubt()]) == found.doubt()[0] and doubt_in(["other"]) == ""
    assert find(entries("a/person1_1.png", "a/person2_1.png"), ["", ""], None).doubt() == []


def test_files_of_one_name_are_told_apart_by_their_folders() -> None:
    for names in (["a/x/image.png", "a/y/image.png"], [f"a/{n}/{view}.png" for n in "xyz" for view in ("pa", "side")]):
        assert find(entries(*names), [""] * len(names), None).names == names
    # The pictures of a pair, and files that every class numbers anew.
    pairs = [f"{label}/{n}.png" for label in ("T1", "T2") for n in range(3)]
    assert find(entries(*pairs), [""] * 6, None).names == ["0", "1", "2"] * 2


def test_a_pattern_comes_first_and_searches_the_whole_path() -> None:
    own = entries("a/w12/person1_1.png", "a/w13/person1_2.png")
    assert told(own, ["X", "Y"], r"/w(\d+)/") == ({own[0].name: "12", own[1].name: "13"}, r"the pattern /w(\d+)/")
    # ^ may stand for the start of the file's name too.
    assert name_patterns.search(r"^(\d+)_", ["a/0012_left.png", "0013_x/b.png", "c.png"], "") == ["0012", "0013", None]


def test_a_pattern_that_takes_forever_ends_with_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_patterns, "SECONDS", 1.0)
    with pytest.raises(UserError, match="takes too long on these names"):
        name_patterns.search(r"^((?:\w+\s?)*)!$", ["a" * 50 + ".png"], "--patient-pattern")
    # What the pattern misses goes to no other rule.
    found = find(entries("a/x-1.png", "a/person3_1.png"), ["", ""], compile_pattern(r"(\w)-"))
    assert found.names == ["x", "person3_1"] and found.told == [True, False]


@pytest.mark.parametrize(
    ("pattern", "words"), [("(", "not a regular expression"), (r"\d+", "0 groups"), (r"(a)(b)", "2 groups")]
)
def test_a_pattern_that_cannot_be_used(pattern: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        compile_pattern(pattern)


def test_what_the_source_states_comes_before_names_and_headers() -> None:
    own = [
        Entry("a/person1_1.png", "a", None, "", patient="Ada"),
        Entry("a/person2_1.png", "a", None, "", patient="Ada"),
        Entry("a/person3_1.png", "a", None, ""),
        Entry("a/other.png", "a", None, ""),
    ]
    found = find(own, ["1", "2", "", ""], None, "a table")
    assert found.names == ["Ada", "Ada", "person3", "other"] and found.told == [True, True, True, False]
    assert found.origin == "a table and file names (person12_...)"
    assert find(own[:2], ["1", "2"], None).origin == "the source"


SLICES = ["a/1.dcm", "a/2.dcm", "b/3.dcm", "b/4.dcm"]


@pytest.mark.parametrize(
    ("headers", "patients"),
    [
        (["P1", "P1", "P2", "P1"], ["P1", "P1", "P2", "P1"]),
        (["P1", "P2", "P3", ""], ["P1", "P2", "P3", None]),
        (["", "P2", "", "P3"], [None, "P2", None, "P3"]),
        (["Anon", "Anon", "Anon", "Anon"], [None] * 4),
        (["Anon", "", "Anon", ""], [None] * 4),
        (["", "", "", ""], [None] * 4),
        # One for each class, as two hospitals anonymise: it tells the class, not the person.
        (["Anon", "Anon", "0000", "0000"], [None] * 4),
        (["P1", "P1", "P2", "P3"], ["P1", "P1", "P2", "P3"]),
        # The name of the file.
        (["1", "2", "3", "4"], [None] * 4),
    ],
)
def test_the_header_counts_where_it_tells_people_apart(headers: list[str], patients: list[str | None]) -> None:
    found, origin = told(entries(*SLICES), headers)
    assert [found.get(name) for name in SLICES] == patients
    assert origin == ("DICOM PatientID" if any(patients) else "")


def test_one_number_for_a_large_class_is_doubted() -> None:
    """Half of a data set is anonymised: the other half keeps its patients."""
    names = [f"a/{n}.dcm" for n in range(10)] + [f"b/{n}.dcm" for n in range(10, 20)]
    found, origin = told(entries(*names), ["Anon"] * 10 + [f"P{n // 2}" for n in range(10)])
    assert set(found) == set(names[10:]) and origin == "DICOM PatientID"
    found, _ = told(entries(*names[1:]), ["Anon"] * 9 + [f"P{n // 2}" for n in range(10)])
    assert set(found) == set(names[1:])  # nine pictures may be those of one person


def test_headers_come_before_names() -> None:
    found, origin = told(entries("a/IM-0001-0001.dcm", "a/IM-0002-0001.dcm"), ["P1", "P1"])
    assert set(found.values()) == {"IM-0001", "IM-0002"}  # anonymised, so that the names decide
    found, origin = told(entries("a/IM-0001-0001.dcm", "a/IM-0001-0002.dcm"), ["P1", "P2"])
    assert set(found.values()) == {"P1", "P2"} and origin == "DICOM PatientID"


@pytest.mark.parametrize(
    ("names", "patients"),
    [
        ([f"{c}/p{n:03}/{k}.png" for c in ("N", "C") for n in range(3) for k in range(2)], {"p000", "p001", "p002"}),
        ([f"N/Patient_{n}/{k}.png" for n in range(3) for k in range(4)], {"Patient_0", "Patient_1", "Patient_2"}),
        ([f"N/images/case{n}/{k}.png" for n in range(2) for k in range(4)], {"images/case0", "images/case1"}),
        # Two hospitals number their patients alike.
        (
            [f"N/{site}/p{n}/{k}.png" for site in "ab" for n in (1, 2) for k in range(3)],
            {"a/p1", "a/p2", "b/p1", "b/p2"},
        ),
        # Numbers of one form, many of them, with several images each.
        ([f"N/TCGA-02-{n:04}/{k}.png" for n in range(12) for k in range(3)], {f"TCGA-02-{n:04}" for n in range(12)}),
        ([f"N/{n:05}/IM-0001-{k:04}.dcm" for n in range(12) for k in range(3)], {f"{n:05}" for n in range(12)}),
        # Splits of the source are no patients.
        ([f"train/N/subject{n}/{k}.png" for n in range(3) for k in range(2)], {"subject0", "subject1", "subject2"}),
    ],
)
def test_a_folder_per_patient_inside_the_classes(names: list[str], patients: set[str]) -> None:
    own = [Entry(name, "C" if name.startswith("C") else "N", None, "") for name in names]
    found, origin = told(own)
    assert set(found.values()) == patients and len(found) == len(own) and origin == "one folder per patient"


@pytest.mark.parametrize(
    "names",
    [
        [f"{c}/images/{n}.png" for c in "ab" for n in range(9)],
        [f"a/images_{n:03}/{k}.png" for n in range(12) for k in range(3)],  # NIH's archives
        [f"a/batch{n:03}/{k}.png" for n in range(12) for k in range(3)],
        [f"a/grade{n}/{k}.png" for n in range(5) for k in range(3)],
        [f"a/{view}/{k}.png" for view in ("frontal", "lateral") for k in range(3)],
        [f"train/{n:06}/x{n}.png" for n in range(40)],  # rows of a data set of the Hub
        [f"{c}/patient-{c}1/{n}.png" for c in "ab" for n in range(9)],  # one for each class
        ["a/1.png", "a/2.png", "a/3.png", "a/p1/4.png", "a/p2/5.png"],
    ],
)
def test_folders_that_are_no_patients(names: list[str]) -> None:
    own = [Entry(name, "a" if name.startswith(("a", "train")) else "b", None, "") for name in names]
    assert told(own)[1] != "one folder per patient"


def test_a_class_under_another_name_than_its_folder() -> None:
    """As `classes:covid=set/COVID` names its images."""
    names = [f"set/{part}/COVID/p{n}{part[0]}/{k}.png" for part in ("train", "val") for n in range(3) for k in range(2)]
    found, _ = told(entries(*names, label="covid"))
    assert set(found.values()) == {f"p{n}{part}" for part in "tv" for n in range(3)}


def test_each_data_set_has_its_own_rule() -> None:
    own = entries("x/person1_1.png", "x/person2_1.png", origin="one") + entries("y/1.png", "y/2.png", origin="two")
    found = find(own, [""] * 4, None)
    assert found.names == ["person1", "person2", "1", "2"] and found.told == [True, True, False, False]
    assert found.origin == "file names (person12_...)"


@pytest.mark.parametrize(
    "labels",
    [
        [f"patient{n:05}" for n in range(1, 40)],
        ["person1", "person2"],
        ["sub-01", "sub-02", "sub-control3"],
        [f"p{n:03}" for n in range(8)],
        [f"PA{n:06}" for n in range(3)],  # as exported to a disc
        [f"IXI{n:03}-Guys-0828" for n in range(3)],
        [f"BraTS20_Training_{n:03}" for n in range(3)],
        [f"{n:06}" for n in range(30)],
        [f"LIDC-IDRI-{n:04}" for n in range(30)],
        sorted({f"{first}_{last}" for first in "abcdefgh" for last in "stuvwxyz"}),
    ],
)
def test_patients_as_classes_are_refused(labels: list[str]) -> None:
    own = [Entry(f"train/{label}/study1/{n}.png", label, "train", "") for label in labels for n in range(3)]
    with pytest.raises(
        UserError, match=f"the {len(labels)} classes of 'set' look like patients .{labels[0]}, "
    ) as line:
        refuse_patients_as_classes(own, "set")
    assert "one folder per class" in str(line.value) and "classes:chest" not in str(line.value)
    # Where a table gives the labels, nobody took a folder for a class.
    refuse_patients_as_classes([Entry(f"{n}.png", label, None, "") for n, label in enumerate(labels)], "set")


@pytest.mark.parametrize(
    "labels",
    [
        ["NORMAL", "PNEUMONIA"],
        ["T1", "T2"],
        ["0", "1", "2", "3"],
        ["grade1", "grade2"],
        ["covid19", "normal"],
        ["case1", "case2"],
        ["PA", "AP", "PA_2"],
        ["patient"],
    ],
)
def test_classes_are_not_taken_for_patients(labels: list[str]) -> None:
    refuse_patients_as_classes(
        [Entry(f"{label}/{n}.png", label, None, "") for label in labels for n in range(3)], "set"
    )


def test_many_numbered_classes_with_many_images_each_are_classes() -> None:
    own = [Entry(f"n{n:05}/{k}.png", f"n{n:05}", None, "") for n in range(30) for k in range(25)]
    refuse_patients_as_classes(own, "set")


def kermany_names() -> list[str]:
    names = []
    for n in range(1, 340):
        names += [f"PNEUMONIA/person{n}_bacteria_{k}.jpeg" for k in range(n % 4)] + [
            f"PNEUMONIA/person{n}_virus_{n}.jpeg",
            f"NORMAL/{'NORMAL2-' if n % 3 else ''}IM-{n:04}-0001{'-0002' if n % 5 == 0 else ''}.jpeg",
        ]
    return names


COVID_NAMES = [f"COVID/covid_{n:04}.jpg" for n in range(400)] + [f"NORMAL/normal_{n:04}.jpg" for n in range(100)]


@pytest.mark.parametrize(
    ("own", "held_out", "fingerprint"),
    [
        (entries(*kermany_names()), (105, 110), "de3ba388f8f161f3"),
        (entries(*COVID_NAMES), (54, 55), "e206ca11664e0252"),
        (list(open_source("phantom:cxr?images=400&seed=1").entries), (40, 40), "33defb7b0e6763de"),
        (list(open_source("phantom:mri?bodies=350").entries), (76, 96), "05e2407125946e69"),
    ],
    ids=["pneumonia", "covid", "phantom images", "phantom bodies"],
)
def test_the_patients_and_splits_of_what_is_shipped_are_fixed(
    own: list[Entry], held_out: tuple[int, int], fingerprint: str
) -> None:
    """Runs were trained on these splits: should this fail, images that count as held out have been trained on."""
    found = find(own, [""] * len(own), None)
    parts = split(found.names, [entry.label for entry in own], 0)
    assert (parts.count("val"), parts.count("test")) == held_out
    text = "\n".join(f"{patient} {part}" for patient, part in zip(found.names, parts, strict=True))
    assert blake2b(text.encode(), digest_size=8).hexdigest() == fingerprint


def test_every_phantom_is_a_body_of_its_own() -> None:
    for source in ("phantom:cxr?images=20", "phantom:mri?bodies=10"):
        own = list(open_source(source).entries)
        found = find(own, [""] * len(own), None)
        assert all(found.told) and found.doubt() == []
