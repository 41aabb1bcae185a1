"""The way from a source to the prepared array: what is kept, skipped, refused, cached and exported."""

import os
import re
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_core.data import Prepared, decode_pool, describe, export_folders, open_prepared, prepare
from gan_core.data.patients import MAY_SHARE
from gan_core.data.prepared import Settings
from gan_core.data.readers import open_source
from gan_core.errors import UserError
from tests.helpers.dicom_files import dicom
from tests.helpers.pictures import fill, kermany, picture, png, ready

OWN = f"every picture counts as a patient of its own: {MAY_SHARE}"


def where(prepared: Prepared) -> dict[str, str]:
    """Patient -> split, and no patient twice."""
    found = dict(zip(prepared.patients, prepared.splits.tolist(), strict=True))
    assert all(found[name] == part for name, part in zip(prepared.patients, prepared.splits, strict=True))
    return found


def test_a_class_without_images_to_train_on_is_doubted(tmp_path: Path) -> None:
    fill(tmp_path / "set", [f"test_positive/{n}.png" for n in range(3)] + [f"train_negative/{n}.png" for n in range(3)])
    warnings = ready(tmp_path / "set", tmp_path / "cache").warnings
    assert [line for line in warnings if "in train" in line and "class" in line] == [
        "class 'positive' has no image in train, so no network can learn it"
    ]


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    fill(tmp_path / "set", ["a/1.png", "a/2.png"])
    try:
        Path(os.fsdecode(os.fsencode(tmp_path / "set" / "a") + b"/\xff3.png")).write_bytes(png(3))
    except OSError:
        pytest.skip("this disk has names of text only")
    with pytest.raises(
        UserError, match="the names of 1 files are not UTF-8, for example 'a/\N{REPLACEMENT CHARACTER}3"
    ):
        ready(tmp_path / "set", tmp_path / "cache")


def test_what_is_prepared(tmp_path: Path) -> None:
    names = kermany(tmp_path / "set")
    prepared = ready(tmp_path / "set", tmp_path / "cache")
    assert prepared.images.shape == (60, 1, 16, 16) and prepared.images.dtype == np.uint8
    assert isinstance(prepared.images, np.memmap) and not prepared.images.flags.writeable
    assert prepared.labels.dtype == np.int64 and prepared.classes == ("NORMAL", "PNEUMONIA")
    assert prepared.names == sorted(names)
    assert prepared.patients[-1] == "person9" and len(set(prepared.patients)) == 40
    where(prepared)
    counts = prepared.counts()
    assert counts == {
        "train": {"NORMAL": 16, "PNEUMONIA": 32},
        "val": {"NORMAL": 2, "PNEUMONIA": 4},
        "test": {"NORMAL": 2, "PNEUMONIA": 4},
    }
    indices = np.concatenate([prepared.indices(part) for part in ("train", "val", "test")])
    assert indices.dtype == np.int64 and sorted(indices.tolist()) == list(range(60))
    assert len(prepared.fingerprint) == 16 and int(prepared.fingerprint, 16) >= 0
    assert prepared.skipped == () and prepared.warnings == ()
    with pytest.raises(UserError, match="no split 'validation'"):
        prepared.indices("validation")


def test_the_split_does_not_depend_on_how_images_are_prepared(tmp_path: Path) -> None:
    kermany(tmp_path / "set")
    before = where(ready(tmp_path / "set", tmp_path / "cache"))
    for options in ({"size": 8}, {"channels": 3}, {"fit": "pad"}):
        assert where(ready(tmp_path / "set", tmp_path / "cache", **options)) == before
    assert where(ready(tmp_path / "set", tmp_path / "cache", split_seed=1)) != before
    # The same files given as a lone train folder, or elsewhere.
    shutil.copytree(tmp_path / "set", tmp_path / "other" / "train")
    assert where(ready(tmp_path / "other", tmp_path / "cache")) == before


def test_channels_and_fit(tmp_path: Path) -> None:
    rgb = np.zeros((20, 40, 3), np.uint8)
    rgb[..., 2] = 255
    (tmp_path / "set").mkdir()
    for number in range(3):
        rgb[number, 0] = 9
        Image.fromarray(rgb).save(tmp_path / "set" / f"{number}.png")
    colour = ready(tmp_path / "set", tmp_path / "cache", channels=3, fit="pad")
    assert colour.images.shape == (3, 3, 16, 16)
    assert colour.images[0, :, 8, 8].tolist() == [0, 0, 255] and colour.images[0, :, 0].max() == 0
    grey = ready(tmp_path / "set", tmp_path / "cache")
    assert grey.images[0, 0, 8, 8] == round(255 * 0.114) == grey.images[0, 0, 2, 2]


def test_the_second_call_opens_what_the_first_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kermany(tmp_path / "set")
    first = ready(tmp_path / "set", tmp_path / "cache")
    stamp = (first.folder / "images.npy").stat().st_mtime_ns
    again = prepare(str(tmp_path / "set") + "/", size=16, cache=tmp_path / "cache")
    assert again.folder == first.folder and (again.folder / "images.npy").stat().st_mtime_ns == stamp
    assert again.source == str(tmp_path / "set") + "/"
    assert capsys.readouterr().err == ""
    opened = open_prepared(first.folder)
    assert np.array_equal(opened.images, first.images) and opened.patients == first.patients


def test_changed_content_is_prepared_again(tmp_path: Path) -> None:
    kermany(tmp_path / "set")
    first = ready(tmp_path / "set", tmp_path / "cache")
    changed = tmp_path / "set" / first.names[0]
    size = changed.stat().st_size
    changed.write_bytes(png(777).ljust(size, b"\0"))
    second = ready(tmp_path / "set", tmp_path / "cache")
    assert second.folder != first.folder and second.fingerprint != first.fingerprint
    assert not np.array_equal(first.images[0], second.images[0])


def test_the_fingerprint_is_of_content_and_settings_not_of_place(tmp_path: Path) -> None:
    kermany(tmp_path / "set")
    first = ready(tmp_path / "set", tmp_path / "cache")
    shutil.copytree(tmp_path / "set", tmp_path / "copy", copy_function=shutil.copy)
    copy = ready(tmp_path / "copy", tmp_path / "cache")
    assert copy.fingerprint == first.fingerprint and copy.folder != first.folder
    assert ready(tmp_path / "set", tmp_path / "cache", fit="pad").fingerprint != first.fingerprint


def test_bad_images_among_good_ones_are_skipped_counted_and_named(tmp_path: Path) -> None:
    kermany(tmp_path / "set")
    good = where(ready(tmp_path / "set", tmp_path / "cache"))
    (tmp_path / "set/NORMAL/empty.png").touch()
    (tmp_path / "set/NORMAL/text.png").write_text("not a picture")
    (tmp_path / "set/NORMAL/cut.png").write_bytes(png(1)[:200])
    Image.new("L", (1, 1)).save(tmp_path / "set/PNEUMONIA/dot.png")
    (tmp_path / "set/PNEUMONIA/gone.png").symlink_to(tmp_path / "set" / "nowhere")
    prepared = ready(tmp_path / "set", tmp_path / "cache")
    reasons = dict(prepared.skipped)
    assert list(reasons) == [
        "NORMAL/cut.png",
        "NORMAL/empty.png",
        "NORMAL/text.png",
        "PNEUMONIA/dot.png",
        "PNEUMONIA/gone.png",
    ]
    assert "the file is empty" in reasons["NORMAL/empty.png"] and "1 x 1" in reasons["PNEUMONIA/dot.png"]
    assert len(prepared.doubts) == 1 and prepared.doubts[0].startswith("skipped 5 of 65 images: NORMAL/cut.png (")
    assert len(prepared.names) == len(prepared.images) == 60 and where(prepared) == good
    assert "skipped 5 of 65" in describe(prepared)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "there are no images in"),
        ({"a/1.txt": b"x"}, "there are no images in"),
        ({"a/1.png": b""}, "none of the 1 images .* can be read; the first is a/1.png: the file is empty"),
        ({"a/1.png": png(1)}, "only one image that can be read, a/1.png: at least two"),
        ({"a/1.png": png(1), "a/2.png": b"x"}, "only one image that can be read"),
    ],
)
def test_too_little_is_refused_and_leaves_nothing(tmp_path: Path, files: dict[str, bytes], words: str) -> None:
    (tmp_path / "set").mkdir()
    for name, content in files.items():
        (tmp_path / "set" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "set" / name).write_bytes(content)
    with pytest.raises(UserError, match=words):
        ready(tmp_path / "set", tmp_path / "cache")
    assert not (tmp_path / "cache").exists() or not list((tmp_path / "cache").iterdir())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": 4}, "between 8 and 2048"),
        ({"size": 100_000}, "between 8 and 2048"),
        ({"channels": 2}, "channels must be 1 or 3"),
        ({"fit": "squeeze"}, "fit must be one of crop, pad"),
        ({"patient_pattern": "("}, "not a regular expression"),
        ({"patient_pattern": r"patient(\d+)"}, "matches no file name, for example not "),
    ],
)
def test_wrong_settings_are_refused(tmp_path: Path, options: dict[str, object], words: str) -> None:
    kermany(tmp_path / "set", 3)
    with pytest.raises(UserError, match=words):
        ready(tmp_path / "set", tmp_path / "cache", **options)


def test_a_pattern_gives_the_patients(tmp_path: Path) -> None:
    fill(tmp_path / "set", [f"a/{patient}-{n}.png" for patient in ("x", "y", "z") for n in range(3)] + ["a/odd.png"])
    prepared = ready(tmp_path / "set", tmp_path / "cache", patient_pattern=r"^(\w)-")
    assert sorted(set(prepared.patients)) == ["odd", "x", "y", "z"]
    assert prepared.warnings == (
        "the patient pattern does not match 1 file names, for example a/odd.png",
        f"1 of 10 pictures count as a patient of their own: {MAY_SHARE}",
    )
    where(prepared)


def test_splits_of_the_source_win_and_shared_patients_are_named(tmp_path: Path) -> None:
    names = ["train/a/person1_virus_1.png", "train/b/person2_virus_1.png", "train/a/scan7.png"]
    fill(
        tmp_path / "set", [*names, "valid/a/person1_virus_2.png", "valid/b/scan7.png", "testing/a/person9_virus_1.png"]
    )
    prepared = ready(tmp_path / "set", tmp_path / "cache")
    assert prepared.splits.tolist() == ["test", "train", "train", "train", "val", "val"]
    assert prepared.warnings[0] == "1 patients lie in more than one split: person1 (train and val)"
    assert prepared.warnings[1].startswith("1 file names lie in more than one split: scan7;")
    assert "warning: 1 patients" in describe(prepared)


def test_a_part_of_train_becomes_val_where_there_is_none(tmp_path: Path) -> None:
    kermany(tmp_path / "set" / "train")
    fill(tmp_path / "set", ["test/NORMAL/x.png", "test/PNEUMONIA/y.png"], first=500)
    prepared = ready(tmp_path / "set", tmp_path / "cache")
    assert prepared.counts()["val"] == {"NORMAL": 2, "PNEUMONIA": 4}
    assert prepared.counts()["test"] == {"NORMAL": 1, "PNEUMONIA": 1}
    where(prepared)


def test_equal_images_stay_together_in_our_split(tmp_path: Path) -> None:
    fill(tmp_path / "set", [f"a/{number:03}.png" for number in range(60)])
    # Every second picture again under another name and in another format: equal pixels, other bytes.
    for number in range(0, 60, 2):
        Image.fromarray(picture(number)).save(tmp_path / "set" / "a" / f"copy{number:03}.bmp")
    prepared = ready(tmp_path / "set", tmp_path / "cache")
    split = dict(zip(prepared.names, prepared.splits.tolist(), strict=True))
    assert all(split[f"a/{n:03}.png"] == split[f"a/copy{n:03}.bmp"] for n in range(0, 60, 2))
    assert set(split.values()) == {"train", "val", "test"} and prepared.warnings == (OWN,)


def test_of_equal_images_in_given_splits_the_held_out_one_stays(tmp_path: Path) -> None:
    names = ["train/a/1.png", "train/a/2.png", "train/b/3.png", "val/a/4.png", "test/b/5.png", "test/b/6.png"]
    fill(tmp_path / "set", names)
    # A copy of train in val, under another class; one of val in test; and one in all three, twice in train.
    for one, other in (
        ("train/a/2.png", "val/b/2.png"),
        ("val/a/4.png", "test/a/4.png"),
        ("test/b/6.png", "val/b/6.png"),
        ("test/b/6.png", "train/b/6.png"),
        ("test/b/6.png", "train/b/7.png"),
    ):
        (tmp_path / "set" / other).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / "set" / one, tmp_path / "set" / other)
    prepared = ready(tmp_path / "set", tmp_path / "cache")
    assert sorted(prepared.names) == [
        *("test/a/4.png", "test/b/5.png", "test/b/6.png", "train/a/1.png", "train/b/3.png", "val/b/2.png"),
    ]
    (line,) = [line for line in prepared.warnings if "more than one split" in line]
    assert line == (
        "3 images lie in more than one split; each stays in the one that is held out (test before val) and its copies "
        "are left out (3 in train and 2 in val): test/a/4.png = val/a/4.png; "
        "test/b/6.png = train/b/6.png = train/b/7.png (4 in all); train/a/2.png = val/b/2.png"
    )
    # The pixels, patients and labels of the others are their own.
    for name, pixels, label in zip(prepared.names, prepared.images, prepared.labels, strict=True):
        alone = tmp_path / "alone" / name.split("/")[1]
        shutil.rmtree(tmp_path / "alone", ignore_errors=True)
        alone.mkdir(parents=True)
        shutil.copy(tmp_path / "set" / name, alone / "1.png")
        fill(alone, ["other.png"], 99)
        expected = ready(tmp_path / "alone", tmp_path / "cache")
        assert np.array_equal(pixels, expected.images[expected.names.index(f"{alone.name}/1.png")])
        assert prepared.classes[label] == alone.name
    assert len(prepared.images) == len(prepared.patients) == len(prepared.splits) == 6
    assert sorted(path.name for path in prepared.folder.iterdir()) == ["images.npy", "index.json"]
    # The same data without the copies is the same data.
    for name in ("train/a/2.png", "val/a/4.png", "val/b/6.png", "train/b/6.png", "train/b/7.png"):
        (tmp_path / "set" / name).unlink()
    assert ready(tmp_path / "set", tmp_path / "cache").fingerprint == prepared.fingerprint


def test_a_copy_of_a_held_out_image_takes_no_place_in_the_val_that_is_made(tmp_path: Path) -> None:
    fill(tmp_path / "set", [f"train/a/{number}.png" for number in range(20)])
    fill(tmp_path / "set", [f"test/a/{number}.png" for number in range(19)])
    fill(tmp_path / "set", [f"train/a/own{number}.png" for number in range(10)], 50)
    prepared = ready(tmp_path / "set", tmp_path / "cache")
    assert prepared.counts() == {"train": {"a": 10}, "val": {"a": 1}, "test": {"a": 19}}


def test_where_all_of_train_is_held_out_as_well_it_is_refused(tmp_path: Path) -> None:
    for part in ("train", "test"):
        fill(tmp_path / "set", [f"{part}/a/1.png", f"{part}/a/2.png"])
    with pytest.raises(UserError, match=r"every image of train is held out as well.*: test/a/1.png = train/a/1.png"):
        ready(tmp_path / "set", tmp_path / "cache")


def test_nearly_equal_images_across_splits_are_reported(tmp_path: Path) -> None:
    fill(tmp_path / "set", [f"{part}/a/{n}.png" for n, part in enumerate(["train"] * 9 + ["val"] * 3)])
    brighter = np.clip(picture(4).astype(int) + 2, 0, 255).astype(np.uint8)
    Image.fromarray(brighter).save(tmp_path / "set/val/a/near.png")
    prepared = ready(tmp_path / "set", tmp_path / "cache")
    assert prepared.warnings == (
        OWN,
        "1 pairs of nearly equal images (2 images) lie in two splits: train/a/4.png ~ val/a/near.png",
    )


def test_one_picture_in_two_classes_is_reported(tmp_path: Path) -> None:
    fill(tmp_path / "set", ["a/1.png", "a/2.png", "b/3.png"])
    shutil.copy(tmp_path / "set/a/1.png", tmp_path / "set/b/4.png")
    warnings = ready(tmp_path / "set", tmp_path / "cache").warnings
    assert "1 images lie in more than one class: a/1.png = b/4.png" in warnings


def test_one_patient_only_holds_nothing_out_and_says_so(tmp_path: Path) -> None:
    fill(tmp_path / "set", [f"a/person1_virus_{n}.png" for n in range(5)])
    prepared = ready(tmp_path / "set", tmp_path / "cache")
    assert (
        set(prepared.splits) == {"train"} and "one patient, so nothing can be held out: person1" in prepared.warnings[0]
    )


def test_open_without_anything(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no prepared data set in"):
        open_prepared(tmp_path)


def test_describe_is_a_table(tmp_path: Path) -> None:
    kermany(tmp_path / "set")
    lines = describe(ready(tmp_path / "set", tmp_path / "cache")).splitlines()
    assert "60 images of 40 patients, 16 x 16 grey" in lines[0]
    assert lines[1].split() == ["train", "val", "test"]
    assert lines[2].split() == ["NORMAL", "16", "2", "2"] and lines[4].split() == ["total", "48", "6", "6"]


@pytest.mark.parametrize("channels", [1, 3])
def test_export_and_back(tmp_path: Path, channels: int) -> None:
    names = kermany(tmp_path / "set")
    fill(tmp_path / "set", ["NORMAL/deep/IM-0001-0001.png"], first=900)  # a second file of one name
    prepared = ready(tmp_path / "set", tmp_path / "cache", channels=channels)
    export_folders(prepared, tmp_path / "out")
    files = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png"))
    assert len(files) == len(names) + 1
    assert {name.split("/")[0] for name in files} == {"train", "val", "test"}
    back = ready(tmp_path / "out", tmp_path / "cache", channels=channels)
    assert where(back) == where(prepared) and back.counts() == prepared.counts()
    assert sorted(image.tobytes() for image in back.images) == sorted(image.tobytes() for image in prepared.images)
    with pytest.raises(UserError, match="exists already"):
        export_folders(prepared, tmp_path / "out")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.slow
@pytest.mark.timeout(600)  # a gigabyte that a cold disk reads in minutes
def test_real_pneumonia_images_split_by_child(real_data: Path, tmp_path: Path) -> None:
    prepared = ready(real_data / "pneumonia" / "train", tmp_path / "cache")
    found = where(prepared)
    assert len(found) == 2635
    assert {part: sum(classes.values()) for part, classes in prepared.counts().items()} == {
        "train": 4199,
        "val": 491,
        "test": 526,
    }
    assert all("person" in patient or "IM-" in patient for patient in found)


def test_what_is_doubted_is_said_again_from_a_warm_cache_and_kept_by_a_run(tmp_path: Path) -> None:
    fill(
        tmp_path / "set", [f"a/{number}.png" for number in range(12)] + [f"b/{number}.png" for number in range(12, 15)]
    )
    for number, side in enumerate((12, 60)):
        (tmp_path / f"set/a/side{side}.png").write_bytes(png(100 + number, side, side))
    (tmp_path / "set/a/broken.png").write_bytes(b"x")
    (tmp_path / "set/loose.png").write_bytes(png(200))
    shutil.copy(tmp_path / "set/a/1.png", tmp_path / "set/b/copy.png")
    lines = [
        "skipped 1 of 19 images: a/broken.png (not a readable image (supported formats: PNG, JPEG, BMP, TIFF, WEBP, "
        "DICOM))",
        "1 images lie beside the class folders and are left out: loose.png",
        OWN,
        "class 'b' has only 4 images",
        "1 images lie in more than one class: a/1.png = b/copy.png",
        "1 of 18 images are smaller than 16 pixels and are enlarged",
        "1 of 18 images are more than twice or less than half as large as the others: their shorter side is 12 to 60 "
        "pixels, the median 20",
    ]
    for _ in ("cold", "warm"):
        prepared = ready(tmp_path / "set", tmp_path / "cache")
        assert list(prepared.doubts) == lines and prepared.summary().warnings == prepared.doubts
        assert all(f"warning: {line}" in describe(prepared).splitlines() for line in lines)
        assert prepared.summary().patients_from == "" and prepared.summary().skipped == 1


def test_dicom_headers_give_the_patients(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for number in range(12):
        stored = (picture(number, 16, 16).astype(np.uint16) * 8)[:16, :16]
        content = dicom(stored, PatientID=f" P{number // 3} " if number < 9 else None)
        (tmp_path / "set" / f"{number:02}.dcm").write_bytes(content)
    prepared = ready(tmp_path / "set", tmp_path / "cache")
    assert prepared.patients == [f"P{number // 3}" for number in range(9)] + ["09", "10", "11"]
    assert prepared.patients_from == "DICOM PatientID"
    assert f"3 of 12 pictures count as a patient of their own: {MAY_SHARE}" in prepared.warnings
    where(prepared)


def test_worker_processes_read_headers_too(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for number in range(2):
        (tmp_path / "set" / f"{number}.dcm").write_bytes(dicom(PatientID=f"P{number}"))
    (tmp_path / "set" / "2.png").write_bytes(png(1, 30, 40))
    source = open_source(str(tmp_path / "set"))
    pictures = decode_pool._decode_part(source, Settings(16, 1, "crop", None, 0), None)
    assert [(one.header.patient, one.shape) for one in pictures] == [("P0", (30, 30)), ("P1", (30, 30)), ("", (30, 40))]


def test_a_folder_for_each_patient_is_no_class(tmp_path: Path) -> None:
    fill(tmp_path / "set", [f"train/patient{number:05}/study1/view1_frontal.png" for number in range(6)])
    with pytest.raises(UserError, match=r"the 6 classes of .* look like patients .patient00000, patient00001") as line:
        ready(tmp_path / "set", tmp_path / "cache")
    # What the line proposes works, and then the folders are patients.
    words = re.search(r"'(classes:chest=.*)'", str(line.value))
    prepared = ready(words[1] if words else "", tmp_path / "cache")
    assert prepared.classes == ("chest",) and prepared.patients == [f"patient{number:05}" for number in range(6)]


def test_warnings_name_the_classes_that_are_used(tmp_path: Path) -> None:
    for number, folder in enumerate(("one/a", "one/b", "two/c")):
        fill(tmp_path, [f"{folder}/{n}.png" for n in range(3)], first=10 * number)
    source = f"classes:a={tmp_path}/one/a;b={tmp_path}/one/b;c={tmp_path}/two/c"
    prepared = ready(source, tmp_path / "cache")
    folders = [line for line in prepared.warnings if line.startswith("the classes come from different folders")]
    assert len(folders) == 1 and "c from two/c" in folders[0]
    some = prepared.only(("a", "b")).warnings
    assert "c from two/c" not in " ".join(some) and len(some) in (len(prepared.warnings), len(prepared.warnings) - 1)


def bmp(seed: int) -> bytes:
    """A grey 8 x 8 BMP, whose bytes depend on no library."""
    palette = b"".join(bytes((value, value, value, 0)) for value in range(256))
    pixels = bytes((37 * seed + 11 * place + place * place * seed) % 256 for place in range(64))
    size = 14 + 40 + len(palette) + len(pixels)
    head = b"BM" + struct.pack("<IHHI", size, 0, 0, 14 + 40 + len(palette))
    return head + struct.pack("<IiiHHIIiiII", 40, 8, 8, 1, 8, 0, len(pixels), 0, 0, 256, 0) + palette + pixels


@pytest.mark.parametrize(
    ("names", "fingerprint", "classes"),
    [
        ([f"{part}/{label}/{{}}.bmp" for part in ("train", "val") for label in "ab"], "bef417400d09cf68", ("a", "b")),
        ([f"{label}/deep/{{}}.bmp" for label in ("IN", "OUT")], "b35b0e8945af7575", ("IN", "OUT")),
        (["{}.bmp", "1{}.bmp"], "08935f3ad750a21d", ("set",)),
        ([f"chest_xray/x/{part}/{{}}.bmp" for part in ("test", "train")], "96805698e92f1a61", ("x",)),
    ],
)
def test_fingerprints_of_plain_folders_stay(
    tmp_path: Path, names: list[str], fingerprint: str, classes: tuple[str, ...]
) -> None:
    """Runs are resumed by them: these were made before masks, copies and joined names were known."""
    for number, name in enumerate(name.format(n) for name in names for n in range(3)):
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bmp(number))
    prepared = ready(tmp_path / "set", tmp_path / "cache")
    assert (prepared.fingerprint, prepared.classes) == (fingerprint, classes)


def test_files_of_several_frames_are_counted_and_named(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for number in range(3):
        (tmp_path / "set" / f"{number}.dcm").write_bytes(dicom(PatientID=f"P{number}"))
    pages = [Image.new("L", (40, 30), grey) for grey in (90, 120, 150)]
    pages[0].save(tmp_path / "set" / "pages.tif", save_all=True, append_images=pages[1:])
    prepared = prepare(str(tmp_path / "set"), size=32, cache=tmp_path / "cache", progress=False)
    line = "1 file holds several frames; the first of each is used and 2 are left out: pages.tif (3 frames)"
    assert line in prepared.warnings
    (index,) = [index for index, name in enumerate(prepared.names) if name == "pages.tif"]
    assert np.all(prepared.images[index] == 90)
