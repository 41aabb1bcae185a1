"""Every kind of source, good and bad."""

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_core import cli
from gan_core.data.readers import open_source
from gan_core.data.relocated import is_here
from gan_core.data.source import location, moved
from gan_core.decode.image_files import decode, quantise, resize
from gan_core.errors import UserError
from tests.helpers.image_files import encode
from tests.helpers.pictures import fill, kermany, picture, png, ready


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "kind", ["{}", "table:{}?file=a&label=b", "volumes:{}", "sidebyside:{}", "patients:{}?table=a", "classes:a={};b=b"]
)
@pytest.mark.parametrize("place", ["~nobody-of-this-name/x", "a\0b", "x" * 5000, "y/" * 3000])
def test_places_that_cannot_be_are_one_line(kind: str, place: str) -> None:
    with pytest.raises(UserError, match=r"there is no|no such"):
        open_source(kind.format(place))


def test_folder_and_its_zip_give_the_same(tmp_path: Path) -> None:
    names = kermany(tmp_path / "set")
    archive = zipped(tmp_path / "set.zip", {f"set/{name}": (tmp_path / "set" / name).read_bytes() for name in names})
    folder, packed = ready(tmp_path / "set", tmp_path / "cache"), ready(archive, tmp_path / "cache")
    assert folder.classes == packed.classes == ("NORMAL", "PNEUMONIA")
    assert np.array_equal(folder.images, packed.images) and np.array_equal(folder.splits, packed.splits)
    assert folder.patients == packed.patients
    assert [f"set/{name}" for name in folder.names] == packed.names


def test_a_flat_zip_is_one_class_named_after_it(tmp_path: Path) -> None:
    prepared = ready(zipped(tmp_path / "lungs.zip", {f"{i}.png": png(i) for i in range(5)}), tmp_path / "cache")
    assert prepared.classes == ("lungs",) and len(prepared.names) == 5


def test_backslashes_of_windows_are_folders(tmp_path: Path) -> None:
    prepared = ready(
        zipped(tmp_path / "a.zip", {f"{c}\\{i}.png": png(i) for i, c in enumerate("aabb")}), tmp_path / "c"
    )
    assert prepared.classes == ("a", "b")


def test_a_zip_without_images_and_a_broken_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no images in the zip 'text\.zip'"):
        open_source(str(zipped(tmp_path / "text.zip", {"a.txt": b"hello"})))
    with pytest.raises(UserError, match=r"'brains\.zip' holds NIfTI volumes: unpack it and give the folder"):
        open_source(str(zipped(tmp_path / "brains.zip", {"a_T1.nii.gz": b"hello"})))
    path = zipped(tmp_path / "broken.zip", {"a/1.png": png(1)})
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UserError, match=r"broken\.zip"):
        open_source(str(path))


def test_a_copy_of_the_folders_is_known_by_its_bytes(tmp_path: Path) -> None:
    names = [f"{label}/{n}.png" for label in ("yes", "no") for n in range(4)]
    fill(tmp_path, names)
    for name in names:
        copy = tmp_path / "brain_tumor_dataset" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((tmp_path / name).read_bytes())
    fill(tmp_path / "brain_tumor_dataset", ["yes/0.png", "no/new.png"], first=100)
    source = open_source(str(tmp_path))
    found = {entry.name: entry.label for entry in source.entries}
    # The one that has another content under the same name, and the one that is new, join the classes.
    more = {"brain_tumor_dataset/yes/0.png": "yes", "brain_tumor_dataset/no/new.png": "no"}
    assert found == {name: name.split("/")[0] for name in names} | more
    assert "7 copies are left out and 2 other images join the classes of its folders" in source.warnings[0]
    packed = zipped(
        tmp_path / "set.zip", {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*.png")}
    )
    assert {entry.name: entry.label for entry in open_source(str(packed)).entries} == found


def test_a_zip_for_each_split(tmp_path: Path) -> None:
    for part, first in (("train", 0), ("valid", 20), ("test", 40)):
        members = {f"{part}/{label}/{n}.png": png(first + n + 10 * (label == "b")) for label in "ab" for n in range(3)}
        zipped(tmp_path / f"{part}.zip", members)
    source = open_source(str(tmp_path))
    assert [(entry.name, entry.label, entry.split) for entry in source.entries] == [
        (f"{part}/{label}/{n}.png", label, split)
        for part, split in (("test", "test"), ("train", "train"), ("valid", "val"))
        for label in "ab"
        for n in range(3)
    ]
    assert source.load(0, 16) == png(40) and source.part(17, 18).load(0, 16) == png(32)
    prepared = ready(tmp_path, tmp_path / "cache")
    assert prepared.counts()["val"] == {"a": 3, "b": 3}


def test_a_zip_for_each_class_and_numbered_parts(tmp_path: Path) -> None:
    zipped(tmp_path / "classes/normal.zip", {f"normal/{n}.png": png(n) for n in range(2)})
    zipped(tmp_path / "classes/covid.zip", {f"some/where/{n}.png": png(9 + n) for n in range(2)})
    found = [(entry.name, entry.label) for entry in open_source(str(tmp_path / "classes")).entries]
    assert found == [
        ("covid/where/0.png", "covid"),
        ("covid/where/1.png", "covid"),
        ("normal/0.png", "normal"),
        ("normal/1.png", "normal"),
    ]
    for part in (1, 2):
        zipped(
            tmp_path / f"parts/images_{part:03}.zip", {f"images/{part}{n}.png": png(10 * part + n) for n in range(2)}
        )
    (tmp_path / "parts/Data_Entry.csv").write_text("a,b\n1,2\n")
    parts = open_source(str(tmp_path / "parts"))
    assert {(entry.name, entry.label) for entry in parts.entries} == {
        (f"images/{n}.png", "images") for n in ("10", "11", "20", "21")
    }
    assert "Data_Entry.csv may hold labels" in parts.warnings[-1] and "unpack the zips" in parts.warnings[-1]
    alone = zipped(tmp_path / "alone/archive.zip", {f"{label}/1.png": png(ord(label)) for label in "ab"})
    assert [entry.label for entry in open_source(str(alone.parent)).entries] == ["a", "b"]


UNREAD = "are in formats that are not read"


def test_jpeg_under_its_other_suffixes_is_read(tmp_path: Path) -> None:
    for label, suffix in (("a", "jfif"), ("b", "JPE")):
        for number in range(2):
            (tmp_path / "set" / label).mkdir(parents=True, exist_ok=True)
            content = encode(Image.fromarray(picture(number + 2 * ord(label))), "JPEG")
            (tmp_path / "set" / label / f"{number}.{suffix}").write_bytes(content)
    prepared = ready(tmp_path / "set", tmp_path / "cache")
    assert prepared.classes == ("a", "b") and len(prepared.names) == 4 and not prepared.skipped


@pytest.mark.parametrize("kind", ["folder", "zip", "zips", "classes"])
def test_pictures_in_formats_that_are_not_read_are_counted_and_named(tmp_path: Path, kind: str) -> None:
    names = ["a/1.png", "a/2.png", "b/1.png", "b/old/3.GIF", "c/1.gif", "c/2.jp2", "c/.3.gif", "notes.txt"]
    fill(tmp_path / "set", names)
    source = {
        "folder": str(tmp_path / "set"),
        "zip": str(zipped(tmp_path / "set.zip", {name: png(1) for name in names})),
        "zips": str(tmp_path / "zips"),
        "classes": f"classes:a={tmp_path}/set/a;b={tmp_path}/set/b",
    }[kind]
    for part in "abc":
        own = {name: png(1) for name in names if name.startswith(part)}
        zipped(tmp_path / "zips" / f"{part}.zip", own)
    (line,) = [line for line in open_source(source).warnings if UNREAD in line]
    if kind == "classes":
        # A class names its folder, so that c is not asked for.
        assert line == f"class 'b': 1 pictures {UNREAD} (.gif: 1) and are left out: b/old/3.GIF; save them as PNG"
        return
    assert line.startswith(f"3 pictures {UNREAD} (.gif: 2, .jp2: 1) and are left out: ") and "3.GIF" in line
    bare = {"zips": "folders b.zip/b/old, c.zip"}.get(kind, "folders b/old, c")
    assert line.endswith(f"; save them as PNG. Nothing is read of the {bare}")


@pytest.mark.parametrize("kind", ["folder", "zip", "zips", "classes"])
def test_where_no_format_is_read_the_error_says_so(tmp_path: Path, kind: str) -> None:
    fill(tmp_path / "set", ["a/1.gif", "a/2.ppm"])
    for name in ("zips/1.zip", "zips/2.zip", "set.zip"):
        zipped(tmp_path / name, {"a/1.gif": png(1)})
    place = {"folder": "set", "zip": "set.zip", "zips": "zips", "classes": "set/a"}[kind]
    with pytest.raises(UserError, match=rf"there are no images in .*pictures {UNREAD} \(\.gif: \d.*a/1\.gif.*as PNG"):
        open_source(f"{'classes:a=' if kind == 'classes' else ''}{tmp_path / place}")


def test_zips_beside_pictures_are_named(tmp_path: Path) -> None:
    fill(tmp_path, ["a/1.png", "b/1.png"])
    zipped(tmp_path / "more.zip", {"a/2.png": png(1)})
    source = open_source(str(tmp_path))
    assert [entry.name for entry in source.entries] == ["a/1.png", "b/1.png"]
    assert source.warnings == ("a folder of pictures is read without the zips in it: more.zip",)


def test_a_folder_of_zips_with_a_dangerous_one_is_refused(tmp_path: Path) -> None:
    zipped(tmp_path / "train.zip", {"a/1.png": png(1)})
    zipped(tmp_path / "test.zip", {"../1.png": png(1)})
    with pytest.raises(UserError, match=r"test\.zip' is refused: the name of its member '\.\./1\.png' leads out"):
        open_source(str(tmp_path))
    zipped(tmp_path / "empty/a.zip", {"a.txt": b"x"})
    zipped(tmp_path / "empty/b.zip", {"b.txt": b"x"})
    with pytest.raises(UserError, match=r"there are no images in the zips of .*a\.zip"):
        open_source(str(tmp_path / "empty"))


@pytest.mark.parametrize(
    ("page", "classes"),
    [
        ("gbk", ("新冠肺炎", "正常")),
        ("cp437", ("Lungenentzündung", "gesund")),
        ("cp437", ("niño sano", "pneumonía")),
        ("utf-8", ("新冠肺炎", "正常")),
        ("cp1252", ("Lungenentzündung", "opacité")),
        ("gbk", ("病毒性（轻）", "细菌性")),
    ],
)
def test_the_names_of_zips_are_read_in_their_code_page(tmp_path: Path, page: str, classes: tuple[str, str]) -> None:
    members = {f"{label}/{n}.png": png(10 * place + n) for place, label in enumerate(classes) for n in range(2)}
    path = zipped_in(tmp_path / "set.zip", members, page)
    source = open_source(str(path))
    assert {entry.name: source.load(index, 16) for index, entry in enumerate(source.entries)} == members
    assert ready(path, tmp_path / "cache").classes == tuple(sorted(classes))


def test_a_name_that_leads_out_in_its_code_page_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="leads out"):
        open_source(str(zipped_in(tmp_path / "set.zip", {"正常/../../1.png": png(1)}, "gbk")))


def zipped_in(path: Path, members: dict[str, bytes], page: str) -> Path:
    """Write a zip as Windows does: names in a code page, and not marked as UTF-8."""

    class Info(zipfile.ZipInfo):
        def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802, the name that zipfile calls
            return self.filename.encode(page), self.flag_bits

    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(Info(name), content)
    return path


def test_links_that_stay_in_a_folder_are_followed_and_those_that_leave_it_are_counted(tmp_path: Path) -> None:
    fill(tmp_path / "elsewhere", ["1.png", "2.png", "3.png"])
    fill(tmp_path, ["secret.png"], first=20)
    root = tmp_path / "set"
    fill(root, ["b/1.png", "b/2.png", "store/7.png"], first=10)
    (root / "a").symlink_to(tmp_path / "elsewhere")
    (root / "b" / "loop").symlink_to(root)
    (root / "b" / "secret.png").symlink_to("../../secret.png")
    (root / "b" / "gone.png").symlink_to("/nowhere.png")
    (root / "b" / "7.png").symlink_to("../store/7.png")
    (root / "c").symlink_to("b/../store")
    inside = ["b/1.png", "b/2.png", "b/7.png"]
    source = open_source(str(root))
    # A folder is visited once, under the name that comes first.
    assert [entry.name for entry in source.entries] == [*inside, "c/7.png"]
    (line,) = [line for line in source.warnings if "link" in line]
    assert line.startswith(f"3 links lead out of the folder '{root}' and are left out, for example a: ")
    assert f"links:{root}" in line and "--follow-links" in line
    everything = open_source(f"links:{root}")
    names = [entry.name for entry in everything.entries]
    expected = ["a/1.png", "a/2.png", "a/3.png", *inside[:2], "b/7.png", "b/gone.png", "b/secret.png", "c/7.png"]
    assert sorted(names) == sorted(expected)
    assert not [line for line in everything.warnings if "link" in line]
    assert len(open_source(str(root)).entries) == 4  # only that once
    combined = open_source(f"classes:x={root}/b;y={root}/store")
    assert len([line for line in combined.warnings if "out of the folder" in line]) == 1
    assert not [entry for entry in combined.entries if "secret" in entry.name]


def test_a_folder_of_nothing_but_links_says_how_to_take_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANRAY_CACHE", str(tmp_path / "cache"))
    fill(tmp_path / "disk", ["a/1.png", "a/2.png", "b/1.png", "b/2.png"])
    (tmp_path / "set").mkdir()
    for name in ("a", "b"):
        (tmp_path / "set" / name).symlink_to(tmp_path / "disk" / name)
    assert cli.main(["prepare", str(tmp_path / "set"), "--size", "32"]) == 2
    assert "2 links lead out of the folder" in capsys.readouterr().err
    assert cli.main(["prepare", str(tmp_path / "set"), "--size", "32", "--follow-links", "--dry-run"]) == 0
    source = f"links:{tmp_path / 'set'}"
    assert location(source) == str(tmp_path / "set") and is_here(source)
    assert moved(f"links:table:{tmp_path}/a?x=y", "/b") == "links:table:/b?x=y"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "no source of images was given"),
        (
            "nowhere/at/all",
            r"^there is no 'nowhere/at/all': give a folder or a zip of images, hf:owner/name, or phantom:cxr.{,60}$",
        ),
        ("fantom:cxr", r"Did you mean 'phantom:cxr'\?"),
        ("phantom:ct", "there is no phantom 'ct'.*phantom:cxr, phantom:mri"),
        ("phantom:mir", "Did you mean 'phantom:mri'"),
        ("phantom:cxr?image=3", "no option 'image'"),
        ("phantom:cxr?images=one", "images of phantom:cxr must be a whole number"),
        ("phantom:cxr?images=1", "from 2 to"),
        ("phantom:cxr?seed=-1", "seed of phantom:cxr must be"),
        ("hf:", "needs a data set's name"),
        ("hf:a/b/c", "names no data set"),
        ("hf:./not-there", "there is no folder './not-there'"),
    ],
)
def test_what_is_no_source_gets_a_line_that_helps(source: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        open_source(source)
    assert "\n" not in str(caught.value)


def test_a_name_nearly_right_is_guessed(tmp_path: Path) -> None:
    fill(tmp_path / "pneumonia", ["a/1.png"])
    with pytest.raises(UserError, match=r"Did you mean 'pneumonia'\?"):
        open_source(str(tmp_path / "pnuemonia"))


def test_a_file_that_is_no_zip_and_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(png(1))
    with pytest.raises(UserError, match="is a file, but neither a zip nor a table"):
        open_source(str(tmp_path / "one.png"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("x")
    with pytest.raises(UserError, match="there are no images in"):
        open_source(str(tmp_path / "empty"))


def test_phantoms_are_many_of_each_class_and_depend_on_the_seed(tmp_path: Path) -> None:
    prepared = ready("phantom:cxr?images=16&seed=3", tmp_path)
    assert prepared.images.shape == (16, 1, 16, 16)
    assert prepared.classes == ("bacterial", "covid", "normal", "viral")
    assert np.bincount(prepared.labels).tolist() == [4, 4, 4, 4]
    assert len(set(prepared.patients)) == 16
    other = ready("phantom:cxr?images=16&seed=4", tmp_path)
    assert not any(np.array_equal(a, b) for a in prepared.images for b in other.images)
    again = ready("phantom:cxr?images=16&seed=3", tmp_path / "again")
    assert again.fingerprint == prepared.fingerprint and np.array_equal(again.images, prepared.images)


@pytest.mark.processes
def test_sources_load_neither_torch_nor_datasets_nor_pydicom() -> None:
    code = (
        "import sys, gan_core.data, gan_core.data.readers.folder, gan_core.data.readers.archive\n"
        "print([name for name in ('torch', 'datasets', 'pydicom', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_picture_of_a_folder_is_what_decode_says(tmp_path: Path) -> None:
    fill(tmp_path / "set", ["a/1.png", "a/2.png"])
    expected = quantise(resize(decode(tmp_path / "set/a/1.png"), 16))
    assert np.array_equal(ready(tmp_path / "set", tmp_path / "cache").images[0], expected)
