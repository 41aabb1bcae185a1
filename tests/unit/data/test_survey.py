"""What is said of a source before anything is decoded, and that `prepare` finds the same."""

from pathlib import Path

import pytest

from gan_core.cli.parser import main
from gan_core.data import describe_survey, survey
from gan_core.data.prepared import Prepared
from gan_core.data.survey import Survey, unknown
from gan_core.errors import UserError
from tests.helpers.pictures import fill, kermany, ready


def assert_equal(found: Survey, prepared: Prepared) -> None:
    assert found.counts == prepared.counts() and found.classes == prepared.classes
    assert found.patients == len(set(prepared.patients)) and found.patients_from == prepared.patients_from
    # The sizes of images are known when they are decoded.
    assert [line for line in prepared.warnings if "pixels" not in line] == list(found.warnings)


def test_a_survey_says_what_prepare_will_find(tmp_path: Path) -> None:
    kermany(tmp_path / "set")
    assert_equal(survey(str(tmp_path / "set")), ready(tmp_path / "set", tmp_path / "cache"))
    fill(tmp_path / "split", [f"{part}/{name}.png" for part in ("train", "test") for name in "abcdefghij"])
    found = survey(str(tmp_path / "split"))
    assert found.has_splits
    assert_equal(found, ready(tmp_path / "split", tmp_path / "cache"))
    table = tmp_path / "set" / "labels.csv"
    table.write_text("f,l,p\n" + "".join(f"IM-{n:04}-0001.png,{'ab'[n % 2]},{n // 2}\n" for n in range(20)))
    source = f"table:{table}?file=f&label=l&patient=p"
    found = survey(source)
    assert found.patients == 10 and found.patients_from == "the column 'p' of labels.csv"
    assert_equal(found, ready(source, tmp_path / "cache"))


def test_a_pattern_of_patients_is_heeded(tmp_path: Path) -> None:
    fill(tmp_path / "set", [f"case7_{number}.png" for number in range(4)])
    found = survey(str(tmp_path / "set"), patient_pattern=r"(case\d+)_")
    assert found.patients == 1 and found.warnings[0].startswith("all images show one patient")
    with pytest.raises(UserError, match="matches no file name"):
        survey(str(tmp_path / "set"), patient_pattern=r"(person\d+)")


def test_examples_are_spread_over_a_class(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / "a").mkdir(exist_ok=True)
        (tmp_path / "a" / f"{number:03}.png").touch()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.png").touch()
    assert survey(str(tmp_path)).examples == {"a": (0, 12, 25, 37, 50, 62, 75, 87), "b": (100,)}


def test_nothing_is_read_but_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files that are no images, and DICOM whose header names a patient: only decoding tells."""
    for name in ("a/1.dcm", "a/2.dcm", "b/3.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"no image")
    assert main(["prepare", str(tmp_path), "--dry-run"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == f"{tmp_path}: 3 images of unknown patients (no rule finds them), split: made by patient"
    assert printed[-1] == (
        "nothing was decoded: unreadable images, copies, the patients in DICOM headers and sizes are found when the "
        "data is prepared"
    )
    assert "warning: 2 classes have fewer than 10 images each: a, b" in printed


def test_equal_names_in_two_classes_are_no_number_of_patients(tmp_path: Path) -> None:
    """They stand in one split; to call them half as many patients would contradict the warning."""
    fill(tmp_path, [f"{label}/{number}.png" for label in "ab" for number in range(12)])
    printed = describe_survey(survey(str(tmp_path))).splitlines()
    assert printed[0] == f"{tmp_path}: 24 images of unknown patients (no rule finds them), split: made by patient"


def test_dicom_without_a_suffix_has_headers_too(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"IM{number:06}").write_bytes(bytes(128) + b"DICM")
    assert unknown(survey(str(tmp_path))) == (
        "unreadable images, copies, the patients in DICOM headers and sizes are found when the data is prepared"
    )


def test_a_dry_run_of_what_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path, ["one.png"])
    assert main(["prepare", str(tmp_path), "--dry-run"]) == 2
    assert "has only one image, one.png" in capsys.readouterr().err
    assert main(["prepare", str(tmp_path / "none"), "--dry-run"]) == 2
    assert main(["prepare", str(tmp_path), "--dry-run", "--size", "1"]) == 2


def test_a_phantom_is_surveyed_without_drawing(capsys: pytest.CaptureFixture[str]) -> None:
    found = survey("phantom:cxr?images=40")
    assert sum(found.counts["train"].values()) + 8 == found.images == 40
    assert "split: made by patient" in describe_survey(found)
