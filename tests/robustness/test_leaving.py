"""What leaves the program carries nothing of a patient, and every synthetic picture says inside that it is one."""

import base64
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from dashboard.live import encode, generate, picture_html, translate
from dashboard.live.examples import as_picture, examples
from dashboard.live.generate import GenerateRequest
from dashboard.live.models import ModelCache
from dashboard.live.translate import Upload
from gan_core import cli, images, inference, runs
from gan_core.data import export_folders, prepare
from gan_core.evaluation import results
from tests.conftest import ROOT
from tests.helpers import made_evaluations
from tests.helpers.dicom_files import dicom
from tests.helpers.run_folders import make_run
from tests.helpers.untrained import untrained
from tests.robustness import hostile
from tests.robustness.visitor import Refused, Served

RUN = "reference/phantom_cxr_cyclegan"
SECRET = "Zzyzx"  # a name that stands nowhere else, and all that is below begins with it
WORDS = [f"{SECRET}{number}" for number in range(90)]
LATITUDE = (54.0, 19.0, 37.0625)


@cache
def marked() -> dict[str, bytes]:
    """The phantom in every format, with a patient's data wherever the format has a place for them; by file name."""
    word = iter(WORDS)
    grey = Image.fromarray(hostile.base())

    def exif() -> bytes:
        table = Image.Exif()
        for tag in (0x010E, 0x010F, 0x0110, 0x0131, 0x013B, 0x8298, 0x9C9B, 0x9C9D):  # description, maker, artist ...
            table[tag] = next(word) if tag < 0x9C00 else next(word).encode("utf-16-le")
        inner = table.get_ifd(0x8769)
        inner[0x927C], inner[0x9286] = next(word).encode() * 20, b"ASCII\0\0\0" + next(word).encode()  # maker's notes
        inner[0xA431] = next(word)
        table.get_ifd(0x8825).update({1: "N", 2: LATITUDE, 3: "W", 4: (8.0, 14.0, 30.0), 29: next(word)})
        return table.tobytes()

    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:title>{next(word)}</dc:title></x:xmpmeta>'.encode()
    icc = hostile.ImageCms.ImageCmsProfile(hostile.ImageCms.createProfile("sRGB")).tobytes() + next(word).encode()
    text = PngImagePlugin.PngInfo()
    text.add_text("Patient", next(word))
    text.add_text("Comment", next(word), zip=True)
    text.add_itxt("XML:com.adobe.xmp", xmp.decode())
    tail = next(word).encode()
    tags = {
        "PatientName": f"{next(word)}^Jane",
        "PatientID": next(word),
        "PatientBirthDate": "19471103",
        "InstitutionName": next(word),
        "ReferringPhysicianName": next(word),
        "StudyDescription": next(word),
        "PatientComments": next(word),
        "AccessionNumber": next(word),
        "WindowCenter": 128,
        "WindowWidth": 256,
    }
    name = f"{SECRET}_Jane_1947-11-03"
    return {
        f"{name}.png": hostile.encoded(grey, "PNG", pnginfo=text, exif=exif(), icc_profile=icc) + tail,
        f"{name}.jpg": hostile.encoded(grey, "JPEG", quality=97, exif=exif(), icc_profile=icc, comment=tail, xmp=xmp),
        f"{name}.tif": hostile.encoded(grey, "TIFF", tiffinfo={270: next(word), 315: next(word), 700: xmp}),
        f"{name}.webp": hostile.encoded(
            grey.convert("RGB"), "WEBP", lossless=True, exif=exif(), xmp=xmp, icc_profile=icc
        ),
        f"{name}.dcm": dicom(hostile.base(), bits=8, **tags),
    }


def test_the_inputs_hold_what_is_looked_for() -> None:
    for name, content in marked().items():
        assert tells(content), name


def tells(content: bytes) -> list[str]:
    """The words of a patient in a file: plain, in UTF-16, in base64, in deflated parts and members, in pages."""
    found = []
    for layer in layers(content):
        for word in (SECRET, "19471103", "1947-11-03", "Jane"):
            found += [word] if word.encode() in layer or word.encode("utf-16-le") in layer else []
    return found


def layers(content: bytes) -> Iterator[bytes]:
    yield content
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                yield member.filename.encode() + member.comment + member.extra
                yield from layers(archive.read(member))
    for inner in re.findall(rb"base64,([A-Za-z0-9+/=]+)", content):
        yield from layers(base64.b64decode(inner))
    if content.startswith((hostile.MAGIC["png"], b"\xff\xd8", b"GIF8", b"RIFF")):
        with Image.open(io.BytesIO(content)) as picture:
            yield repr(picture.info).encode() + repr(dict(picture.getexif())).encode()


def synthetic(content: bytes) -> bool:
    """Whether a PNG or a GIF says inside what it is; and whether that is all it says besides run, seed and the like."""
    with Image.open(io.BytesIO(content)) as picture:
        if picture.format == "GIF":
            return picture.info["comment"].decode() == images.NOTICE
        known = {"Description", "Software", "Run", "Direction", "Seed", "Class", "Score", "Moment"}
        assert not picture.getexif() and set(picture.info) <= known, picture.info
        return picture.info.get("Description") == images.NOTICE


@pytest.fixture(scope="module")
def models() -> Iterator[ModelCache]:
    models = ModelCache(ROOT / "runs")
    yield models
    models.decoder.close()


def inside(page: str) -> list[tuple[str, bytes]]:
    """The files that a part of a page holds, with the name they are taken away under (empty: they are only shown)."""
    found = []
    for tag in re.findall(r"<(?:a|img) [^>]*base64,[^>]*>", page):
        (data,) = re.findall(r'base64,([^"]+)"', tag)
        found.append((next(iter(re.findall(r'download="([^"]*)"', tag)), ""), base64.b64decode(data)))
    return found


@pytest.mark.parametrize("name", sorted(marked()))
def test_a_translated_upload_leaves_nothing_of_it(models: ModelCache, name: str) -> None:
    given = [Upload(name, marked()[name])]
    *_, last = translate.translate(models, given, RUN, "covid", True)
    assert not last.message
    files = inside(last.picture + last.below + last.side)
    taken = [content for download, content in files if download]
    assert len(taken) >= 2 and all(synthetic(content) for content in taken)
    # Of all that is shown, only the upload itself is real.
    assert sum(not synthetic(content) for _, content in files) == 1
    for download, content in files:
        assert not tells(content) and not tells(download.encode())


def test_several_translated_at_once_leave_nothing_either(models: ModelCache) -> None:
    given = [Upload(name, content) for name, content in marked().items()]
    *_, last = translate.translate(models, given, RUN, "covid", True)
    ((name, content),) = [(name, content) for name, content in inside(last.picture) if name.endswith(".zip")]
    assert not tells(content) and not tells(name.encode())
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == [f"translated_covid_{number:03d}.png" for number in range(1, len(given) + 1)]
        assert all(synthetic(archive.read(member)) for member in archive.namelist())


def test_an_encoded_upload_leaves_nothing_of_it(models: ModelCache) -> None:
    for name, content in marked().items():
        *_, (page, _) = encode.encode(models, Upload(name, content), "reference/bigan", True)
        taken = [(download, found) for download, found in inside(page) if download]
        assert taken and all(synthetic(found) for _, found in taken)
        assert not any(tells(found) or tells(download.encode()) for download, found in inside(page))


def test_the_endpoints_answer_and_the_log_do_not_name_an_upload(
    served: Served, record_property: Callable[[str, object], None]
) -> None:
    visitor, answers = served.visitor, 0
    for name, content in marked().items():
        for endpoint, values in {"translate": (RUN, "covid", True), "encode": ("reference/bigan",)}.items():
            made = visitor.send(name, content, endpoint, *values)
            found = visitor.fetch(made)
            assert synthetic(found) and not tells(found)
            assert not tells(repr(made).encode())
            answers += 1
        with pytest.raises(Refused):
            visitor.send(name, content[:40], "translate", RUN, "covid", True)
    assert not tells(served.log.read_bytes())
    record_property(
        "measured", f"{answers} answers to {len(marked())} uploads full of a patient's data, and the log: none of it"
    )


@pytest.mark.parametrize("kind", sorted(generate.KINDS))
def test_what_is_generated_says_that_it_is_synthetic(models: ModelCache, kind: str, tmp_path: Path) -> None:
    wanted = GenerateRequest(kind, "reference/cgan", "NORMAL", "PNEUMONIA", 3, 4, 2.0, 1.0)
    if kind == "path":  # of a run that draws in steps
        untrained(tmp_path, "stepwise", "flow")
        models, wanted = ModelCache(tmp_path), GenerateRequest(kind, "stepwise", "normal")
    *_, shown = generate.draw(models, wanted)
    found = inside(shown.page)
    assert found
    for name, content in found:
        if name.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                assert all(synthetic(archive.read(member)) for member in archive.namelist())
        else:
            assert synthetic(content), name


def test_a_class_with_a_path_for_a_name_stays_in_its_zip() -> None:
    for name in ("../../evil", "C:\\evil", "/etc/evil", "a\0b", ".hidden", "a/b"):
        made = picture_html.file_name(name, "001")
        assert re.fullmatch(r"[\w-][\w.-]*\.png", made) and "/" not in made


def test_our_own_examples_say_so(models: ModelCache) -> None:
    found = list(examples(models, models.config(RUN), "normal"))
    assert found and all(synthetic(content) for content, _ in found)
    # Gradio encodes them anew for its gallery.
    from gradio.processing_utils import encode_pil_to_bytes

    picture, caption = as_picture(found[0])
    assert synthetic(encode_pil_to_bytes(picture, "png")) and "synthetic" in caption


def test_the_command_line_writes_nothing_of_a_patient(tmp_path: Path) -> None:
    """Its pictures bear their inputs' names, as it says: they stay on the user's own disk. Inside there is nothing."""
    (tmp_path / "in").mkdir()
    for number, content in enumerate(marked().values()):
        (tmp_path / "in" / f"{number}.png").write_bytes(content)
    for more in ([], ["--original-size"]):
        out = tmp_path / f"out{len(more)}"
        told = ["--runs", str(ROOT / "runs"), "--to", "covid", "--out", str(out), "--insist"]
        assert cli.main(["translate", RUN, str(tmp_path / "in"), *told, *more]) == 0
        made = list(out.iterdir())
        assert len(made) == len(marked())
        assert all(synthetic(path.read_bytes()) and not tells(path.read_bytes()) for path in made)
    told = ["--runs", str(ROOT / "runs"), "--out", str(tmp_path / "new")]
    assert cli.main(["generate", "reference/dcgan", "--num", "2", *told]) == 0
    assert all(synthetic(path.read_bytes()) for path in (tmp_path / "new").iterdir())


def test_prepared_data_and_its_export_hold_pixels_alone(tmp_path: Path) -> None:
    (tmp_path / "set" / "a").mkdir(parents=True)
    for number, content in enumerate(marked().values()):
        (tmp_path / "set" / "a" / f"{number}.{'dcm' if b'DICM' in content[:140] else 'png'}").write_bytes(content)
    prepared = prepare(str(tmp_path / "set"), size=32, cache=tmp_path / "cache", progress=False)
    export_folders(prepared, tmp_path / "out")
    written = [path for folder in ("cache", "out") for path in (tmp_path / folder).rglob("*") if path.is_file()]
    assert len(written) == 2 + len(marked())
    assert not any(tells(path.read_bytes()) for path in written)
    for path in (tmp_path / "out").rglob("*.png"):
        with Image.open(path) as picture:
            assert not picture.info  # real ones, which must not call themselves synthetic
    drawn = prepare("phantom:cxr?images=12", size=32, cache=tmp_path / "cache", progress=False)
    export_folders(drawn, tmp_path / "drawn")
    assert all(synthetic(path.read_bytes()) for path in (tmp_path / "drawn").rglob("*.png"))


def test_what_a_run_shows_and_gives_away_is_synthetic(tmp_path: Path) -> None:
    """The previews, the animation and what is exported; previews of real images are not among it."""
    run = make_run(tmp_path, "run", "dcgan", 2, 4)
    for path in run.downloads():
        if path.suffix in (".png", ".gif"):
            assert synthetic(path.read_bytes()), path
    assert cli.main(["export", "run", "--gif", "--runs", str(tmp_path), "--out", str(tmp_path / "a.gif")]) == 0
    assert synthetic((tmp_path / "a.gif").read_bytes())
    private = make_run(tmp_path, "private", "cyclegan_resnet_light", 2, 4, private=True)
    assert private.private_samples()
    assert not [path for path in private.downloads() if path.suffix in (".png", ".gif")]


def test_an_evaluation_is_given_away_without_the_names_of_training_images(tmp_path: Path) -> None:
    run = make_run(tmp_path, "run", "dcgan", 2, 4)
    found = made_evaluations.write(run, memorisation=made_evaluations.memorisation(names=("ward7/Jane_Doe.png",) * 8))
    assert "Jane_Doe" in run.evaluation.read_text()
    given = results.shareable(run.evaluation)
    assert b"Jane_Doe" not in given
    (tmp_path / "given.json").write_bytes(given)
    assert results.read(tmp_path / "given.json").fidelity == found.fidelity
    assert results.read(tmp_path / "given.json").memorisation is not None


def test_what_is_shipped_is_synthetic() -> None:
    """Every picture of a run in the repository."""
    for run in runs.list_runs(ROOT / "runs"):
        for path in (*run.samples().values(), *([run.gif] if run.gif else [])):
            assert synthetic(path.read_bytes()), path
        if run.evaluation.is_file():
            assert results.read(run.evaluation)
    model = inference.load(runs.find_run("dcgan", ROOT / "runs"))
    assert np.asarray(model.generate(1)[0]).dtype == np.uint8
