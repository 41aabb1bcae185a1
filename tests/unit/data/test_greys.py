"""One scale of greys for a data set: alike in every image, kept by runs, and nothing new for 8-bit sets."""

import io
import json
import os
import struct
import zipfile
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_core import cli
from gan_core.config import DataSummary, read_run_config, to_dict
from gan_core.data import decode_pool as pool
from gan_core.data import describe
from gan_core.data.greys import FILES, measure
from gan_core.data.readers import open_source
from gan_core.decode.image_files import SCALED, Sample, decode, quantise, resize
from gan_core.decode.worker import DecodeWorker
from gan_core.errors import UserError
from tests.helpers.configs import CONFIG
from tests.helpers.dicom_files import dicom
from tests.helpers.image_files import tiff
from tests.helpers.pictures import fill, ready


def deep(seed: int, most: int = 4095, shape: tuple[int, int] = (24, 24)) -> np.ndarray:
    """uint16: even noise from 0 to `most`."""
    return np.random.default_rng(seed).integers(0, most + 1, shape).astype(np.uint16)


def write(root: Path, pictures: dict[str, np.ndarray | bytes]) -> Path:
    for name, content in pictures.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            Image.fromarray(content).save(path)
    return root


def as_prepared(values: np.ndarray, scale: tuple[float, float]) -> np.ndarray:
    """uint8 (1, 16, 16): what the values become, computed here."""
    picture = np.clip((values.astype(np.float64) - scale[0]) / (scale[1] - scale[0]), 0, 1)
    return quantise(resize(picture.astype(np.float32)[..., None], 16))


@pytest.mark.parametrize("suffix", ["png", "tif", "dcm"])
def test_a_hot_pixel_darkens_no_image(suffix: str, tmp_path: Path) -> None:
    """Eight images of one distribution, one of them with a hot pixel: they come out alike, and as bright as without."""
    values = {f"a/{number}.{suffix}": deep(number) for number in range(8)}
    hot = {name: picture.copy() for name, picture in values.items()}
    hot[f"a/3.{suffix}"][12, 12] = 65535
    away = np.ones((16, 16), bool)
    away[6:11, 6:11] = False  # where the hot pixel is
    for folder, pictures in (("set", values), ("hot", hot)):
        files = {name: dicom(picture, bits=16) if suffix == "dcm" else picture for name, picture in pictures.items()}
        prepared = ready(write(tmp_path / folder, files), tmp_path / "cache")
        low, high = prepared.scale or (0, 0)
        assert 0 <= low < 0.002 * 4095 and 0.998 * 4095 < high <= 4095
        for image, picture in zip(prepared.images, values.values(), strict=True):
            assert np.abs(image.astype(int) - as_prepared(picture, (0, 4095)))[0, away].max() <= 1


def test_the_same_value_is_the_same_grey_in_every_image(tmp_path: Path) -> None:
    """A dark image stays dark: its own largest value does not count."""
    pictures = {f"{number}.png": deep(number) for number in range(6)}
    pictures["dark.png"] = deep(7, 1000)
    prepared = ready(write(tmp_path / "set", pictures), tmp_path / "cache")
    assert prepared.scale
    for name, image in zip(prepared.names, prepared.images, strict=True):
        assert np.abs(image.astype(int) - as_prepared(pictures[name], prepared.scale)).max() <= 1
    assert "greys of" in describe(prepared) and "is white" in describe(prepared)
    assert prepared.summary().scale == prepared.scale and prepared.summary().scale_rule == 1


def test_colour_counts_in_the_same_scale_as_grey(tmp_path: Path) -> None:
    pictures: dict[str, np.ndarray | bytes] = {f"{number}.png": deep(number) for number in range(4)}
    pictures |= {f"c{number}.tif": tiff(np.stack([deep(number)] * 3, 2)) for number in range(4)}
    prepared = ready(write(tmp_path / "set", pictures), tmp_path / "cache")
    assert not prepared.warnings or "more than one" not in prepared.warnings[0]
    by_name = dict(zip(prepared.names, prepared.images, strict=True))
    for number in range(4):
        assert np.abs(by_name[f"{number}.png"].astype(int) - by_name[f"c{number}.tif"]).max() <= 1


def test_floats_that_were_scaled_before_stay_as_they_are(tmp_path: Path) -> None:
    unit = {f"{number}.tif": tiff((0.2 + 0.5 * deep(number) / 4095).astype(np.float32)) for number in range(4)}
    assert measure(open_source(str(write(tmp_path / "unit", unit)))).scale == (0.0, 1.0, 0.0, 1.0)
    wide = {f"{number}.tif": tiff((deep(number) - 1000.0).astype(np.float16)) for number in range(4)}
    low, high, *_ = measure(open_source(str(write(tmp_path / "wide", wide)))).scale or (0, 0)
    assert -1000 <= low < -990 and 3080 < high <= 3096


def test_floats_and_integers_of_one_set_have_a_scale_each(tmp_path: Path) -> None:
    files: dict[str, np.ndarray | bytes] = {f"a/{number}.png": deep(number) for number in range(4)}
    files |= {f"b/{number}.tif": tiff((deep(number) / 4095).astype(np.float32)) for number in range(4)}
    prepared = ready(write(tmp_path / "set", files), tmp_path / "cache")
    assert prepared.float_scale == (0.0, 1.0) and prepared.scale and prepared.scale[1] > 4080
    config = replace(CONFIG, data=prepared.summary())
    assert config.scale == prepared.scales == (*prepared.scale, 0.0, 1.0)
    for number in range(4):
        assert np.abs(prepared.images[number].astype(int) - prepared.images[4 + number]).max() <= 2
    assert ready(tmp_path / "set", tmp_path / "cache", scale=config.scale).folder == prepared.folder
    assert "; of floats, 0 is black and 1 is white" in describe(prepared)


def test_floats_for_a_run_of_integers_are_its_values_or_scaled_before() -> None:
    values = deep(0).astype(np.float32)
    expected = decode(tiff(deep(0)), scale=(0.0, 4095.0))
    for picture in (values, values / 4095):
        np.testing.assert_allclose(decode(tiff(picture), scale=(0.0, 4095.0)), expected, atol=1e-6)


def test_ct_without_a_window_is_scaled_in_its_unit(tmp_path: Path) -> None:
    files = {
        f"{number}.dcm": dicom(
            deep(number), bits=16, Modality="CT", RescaleSlope=1, RescaleIntercept=-1024, PixelPaddingValue=5000
        )
        for number in range(4)
    }
    low, high = measure(open_source(str(write(tmp_path / "set", files)))).scale or (0, 0)
    assert -1024 <= low < -1005 and 3060 < high <= 3071


def test_machines_of_10_and_14_bits_come_out_alike(tmp_path: Path) -> None:
    bits = (10, 14, 10, 14, 12, 16)
    files = {
        f"{number}.dcm": dicom((deep(0, 1023).astype(np.uint32) * 2 ** (depth - 10)).astype(np.uint16), bits=depth)
        for number, depth in enumerate(bits)
    }
    prepared = ready(write(tmp_path / "set", files), tmp_path / "cache")
    assert np.ptp(prepared.images.astype(int), axis=0).max() <= 1
    assert np.abs(prepared.images[0].astype(int) - as_prepared(deep(0, 1023), (0, 1023))).max() <= 2


def turned(values: np.ndarray, bits: int = 12) -> bytes:
    """MONOCHROME1 that shows the values, of which it stores the opposites."""
    least, most = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if values.dtype.kind == "i" else (0, 2**bits - 1)
    stored = (least + most - values.astype(np.int32)).astype(values.dtype)
    return dicom(stored, bits=bits, PhotometricInterpretation="MONOCHROME1")


@pytest.mark.parametrize("signed", [False, True])
def test_inverted_images_among_others_come_out_alike(tmp_path: Path, signed: bool) -> None:
    """Each shows values from 100 to 2000, of 4095 that 12 bits can hold; one of five is stored the other way round."""
    shown = [(100 + deep(number, 1900)).astype(np.uint16) for number in range(10)]
    shown = [(values.astype(np.int32) - 2048).astype(np.int16) for values in shown] if signed else shown
    mixed = {f"{n}.dcm": turned(v) if n % 5 == 4 else dicom(v, bits=12) for n, v in enumerate(shown)}
    plain = {f"{n}.dcm": dicom(v, bits=12) for n, v in enumerate(shown)}
    prepared = ready(write(tmp_path / "mixed", mixed), tmp_path / "cache")
    expected = ready(write(tmp_path / "plain", plain), tmp_path / "cache")
    assert prepared.scales == expected.scales and prepared.scale_rule == 2
    assert np.abs(prepared.images.astype(int) - expected.images).max() <= 1
    # As many bits, and as much contrast, in an upload to the run of either.
    config = replace(CONFIG, data=expected.summary())
    with DecodeWorker() as worker:
        upload = worker.decode(turned(shown[0]), "upload.dcm", channels=1, scale=config.scale)
    assert np.abs(quantise(resize(upload, 16)).astype(int) - expected.images[0]).max() <= 1
    # A set of inverted images alone is scaled as before.
    alone = {f"{n}.dcm": turned(v) for n, v in enumerate(shown)}
    inverted = ready(write(tmp_path / "alone", alone), tmp_path / "cache")
    assert np.abs(inverted.images.astype(int) - expected.images).max() <= 1


def test_runs_by_the_first_rule_keep_their_greys_and_their_fingerprint(tmp_path: Path) -> None:
    root = write(
        tmp_path / "set", {f"{n}.dcm": (turned if n == 3 else dicom)(deep(n, 2000), bits=12) for n in range(4)}
    )
    scale = (1600.0, 64000.0)
    low, high = (value * 4095 / 65535 for value in scale)  # in the values of 12 bits
    old = ready(root, tmp_path / "cache", scale=scale)
    assert (old.scale, old.scale_rule, old.scales) == (scale, 1, scale)
    mirrored = low + high - (4095 - deep(3, 2000).astype(float))
    assert np.abs(old.images[3].astype(int) - as_prepared(mirrored, (low, high))).max() <= 1
    contents = [
        (f"{n}.dcm", "set", None, blake2b((root / f"{n}.dcm").read_bytes(), digest_size=16).hexdigest())
        for n in range(4)
    ]
    table = {"format": 1, "size": 16, "channels": 1, "fit": "crop", "patient_pattern": None, "split_seed": 0}
    table |= {"scale": list(scale), "scale_rule": 1}
    assert old.fingerprint == blake2b(json.dumps([contents, table]).encode(), digest_size=8).hexdigest()
    assert replace(CONFIG, data=old.summary()).scale == scale
    new = ready(root, tmp_path / "cache", scale=(*scale, 2))
    assert new.scale_rule == 2 and new.fingerprint != old.fingerprint
    assert new.scales == replace(CONFIG, data=new.summary()).scale == (*scale, 2)
    assert np.abs(new.images[3].astype(int) - as_prepared(deep(3, 2000), (low, high))).max() <= 1
    # Where the machine measures in a unit, equal values stay equal: such images are mirrored as they were.
    ct = dicom(deep(0), bits=12, Modality="CT", RescaleIntercept=-1024, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(decode(ct, scale=(-1000.0, 1000.0)), decode(ct, scale=(-1000.0, 1000.0, 2)))


def test_mixed_sets_are_scaled_by_kind_and_warned_of(tmp_path: Path) -> None:
    pictures: dict[str, np.ndarray | bytes] = {
        f"a/{number}.png": deep(number, 255).astype(np.uint8) for number in range(6)
    }
    pictures |= {f"b/{number}.png": deep(number) for number in range(6)}
    prepared = ready(write(tmp_path / "set", pictures), tmp_path / "cache")
    assert prepared.scale and prepared.scale[1] > 4080  # 8 bits have no part in it
    for name, image in zip(prepared.names, prepared.images, strict=True):
        scale = (0, 255) if name.startswith("a") else prepared.scale
        assert np.abs(image.astype(int) - as_prepared(np.asarray(pictures[name]), scale)).max() <= 1
    line = "the images looked at are of several kinds (6 of 8 bits, or with a window, 6 of 16 bits)"
    assert [warning.startswith(line) for warning in prepared.warnings].count(True) == 1


def test_12_and_16_bits_in_one_set_are_warned_of(tmp_path: Path) -> None:
    pictures = {f"a/{number}.png": deep(number) for number in range(4)}
    pictures |= {f"b/{number}.png": deep(number, 65535) for number in range(4)}
    found = measure(open_source(str(write(tmp_path / "set", pictures))))
    (line,) = found.warnings
    assert line.startswith("4 of 8 images looked at use less than an eighth of the common scale")
    assert "for example a/0.png" in line


def test_images_without_contrast_have_no_scale(tmp_path: Path) -> None:
    pictures = {f"{number}.png": np.full((16, 16), 700, np.uint16) for number in range(3)}
    assert measure(open_source(str(write(tmp_path / "set", pictures)))).scale is None


def test_a_few_bright_pixels_on_nothing_are_the_scale(tmp_path: Path) -> None:
    pictures = {}
    for number in range(3):
        pictures[f"{number}.png"] = np.zeros((64, 64), np.uint16)
        pictures[f"{number}.png"][8, 8] = 3000
    assert measure(open_source(str(write(tmp_path / "set", pictures)))).scale == (0.0, 3000.0)


# 8-bit sets


def bmp(seed: int) -> bytes:
    """A picture of 16 pixels whose file is the same on every machine."""
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16), dtype=np.uint8)
    palette = b"".join(bytes((value, value, value, 0)) for value in range(256))
    head = struct.pack("<2sIHHI", b"BM", 14 + 40 + 1024 + 256, 0, 0, 14 + 40 + 1024)
    return head + struct.pack("<IiiHHIIiiII", 40, 16, 16, 1, 8, 0, 256, 0, 0, 256, 0) + palette + pixels.tobytes()


def test_the_fingerprint_of_8_bit_sets_is_that_of_the_shipped_runs(tmp_path: Path) -> None:
    """The number was made before there were scales. The shipped runs name 8-bit folders and phantoms."""
    files: dict[str, np.ndarray | bytes] = {f"{'ab'[seed % 2 == 0]}/{seed}.bmp": bmp(seed) for seed in range(12)}
    prepared = ready(write(tmp_path / "set", files), tmp_path / "cache")
    assert prepared.fingerprint == "7e16fc0a396ec70f"
    assert prepared.scale is None and int(prepared.images.astype(np.int64).sum()) == 386208
    drawn = ready("phantom:mri?images=4", tmp_path / "cache")
    source = open_source("phantom:mri?images=4")
    contents = sorted(
        (entry.name, entry.label, None, blake2b(bytes(source.load(number, 16)), digest_size=16).hexdigest())
        for number, entry in enumerate(source.entries)
    )
    table = {"format": 1, "size": 16, "channels": 1, "fit": "crop", "patient_pattern": None, "split_seed": 0}
    assert drawn.fingerprint == blake2b(json.dumps([contents, table]).encode(), digest_size=8).hexdigest()


def test_8_bit_files_are_not_decoded_to_find_a_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "set", [f"{number}.png" for number in range(5)])
    write(tmp_path / "set", {"x.jpg": np.zeros((16, 16), np.uint8), "y.bmp": bmp(0)})
    monkeypatch.setattr(pool, "_sample_apart", lambda data, name: pytest.fail(f"{name} was decoded"))
    assert measure(open_source(str(tmp_path / "set"))).scale is None


def test_a_bounded_sample_over_the_whole_set_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def some(source: object, index: list[int]) -> list[tuple[int, Sample]]:
        seen.extend(index)
        return [(place, SCALED) for place in index]

    monkeypatch.setattr("gan_core.data.greys.sample_some", some)
    measure(open_source("phantom:cxr?images=9000"))
    assert len(seen) == FILES and seen[0] == 0 and seen[-1] == 8999 and max(np.diff(seen)) < 50


def test_a_file_that_cannot_be_read_takes_no_part(tmp_path: Path) -> None:
    pictures: dict[str, np.ndarray | bytes] = {f"{number}.png": deep(number) for number in range(3)}
    whole = (write(tmp_path / "one", {"x.png": deep(9)}) / "x.png").read_bytes()
    prepared = ready(write(tmp_path / "set", pictures | {"bad.png": whole[: len(whole) // 2]}), tmp_path / "cache")
    assert prepared.scale and [name for name, _ in prepared.skipped] == ["bad.png"]


def test_many_images_are_looked_at_side_by_side_with_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(tmp_path / "set", {f"{number}.png": deep(number) for number in range(4)})
    alone = measure(open_source(str(root)))
    monkeypatch.setattr(pool, "FEW", 2)
    monkeypatch.setattr(pool, "CHUNK", 2)
    monkeypatch.setattr(pool, "_cores", lambda: 2)
    monkeypatch.setattr(pool, "_sample_apart", lambda data, name: pytest.fail("not in the pool"))
    assert measure(open_source(str(root))) == alone


# Runs


def test_the_scale_of_a_run_holds_for_its_data_and_for_uploads(tmp_path: Path) -> None:
    root = write(tmp_path / "set", {f"{number}.png": deep(number) for number in range(4)})
    measured = ready(root, tmp_path / "cache")
    own = ready(root, tmp_path / "cache", scale=None)
    other = ready(root, tmp_path / "cache", scale=(0.0, 8190.0))
    assert len({measured.fingerprint, own.fingerprint, other.fingerprint}) == 3
    # The fingerprint of an older GANray: nothing of a scale is in it.
    contents = [
        (f"{number}.png", "set", None, blake2b((root / f"{number}.png").read_bytes(), digest_size=16).hexdigest())
        for number in range(4)
    ]
    table = {"format": 1, "size": 16, "channels": 1, "fit": "crop", "patient_pattern": None, "split_seed": 0}
    assert own.fingerprint == blake2b(json.dumps([contents, table]).encode(), digest_size=8).hexdigest()
    assert own.scale is None and other.scale == (0.0, 8190.0)
    assert np.abs(own.images[0].astype(int) - as_prepared(deep(0), (0, 4095))).max() == 0
    assert np.abs(other.images[0].astype(int) - as_prepared(deep(0), (0, 8190))).max() == 0
    # A run that goes on opens the array that it began with.
    assert ready(root, tmp_path / "cache", scale=measured.scale).folder == measured.folder
    config = replace(CONFIG, data=measured.summary())
    with DecodeWorker() as worker:
        data = (root / "0.png").read_bytes()
        upload = worker.decode(data, "upload.png", channels=1, scale=config.scale)
        np.testing.assert_array_equal(quantise(resize(upload, 16)), measured.images[0])
        np.testing.assert_array_equal(worker.decode(data, "upload.png"), decode(data))
        assert worker.sample(data, "x").kind == "16 bits"


def test_8_bit_sets_are_prepared_once_for_old_and_new_runs(tmp_path: Path) -> None:
    fill(tmp_path / "set", [f"{number}.png" for number in range(4)])
    old = ready(tmp_path / "set", tmp_path / "cache", scale=None)
    assert ready(tmp_path / "set", tmp_path / "cache").folder == old.folder


def test_a_run_keeps_the_version_of_the_rule(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    summary = DataSummary(3, "", 0, (), (0.0, 4095.0))
    path.write_text(json.dumps(to_dict(replace(CONFIG, data=summary))))
    assert read_run_config(path).scale == (0.0, 4095.0) and read_run_config(path).data == summary
    path.write_text(json.dumps(to_dict(replace(CONFIG, data=None))))
    assert read_run_config(path).scale is None
    path.write_text(json.dumps(to_dict(replace(CONFIG, data=replace(summary, scale_rule=3)))))
    with pytest.raises(UserError, match="its greys were scaled by rule 3, which this GANray does not know"):
        read_run_config(path)


def test_prepare_takes_a_scale(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANRAY_CACHE", str(tmp_path / "cache"))
    root = write(tmp_path / "set", {f"{number}.png": deep(number) for number in range(4)})
    assert cli.main(["prepare", str(root), "--size", "16", "--scale=-100,4000"]) == 0
    assert "8 bits, and of DICOM without a window: -100 is black and 4000 is white" in capsys.readouterr().out
    assert cli.main(["prepare", str(root), "--size", "16", "--scale=-100,4000,2"]) == 0
    assert ready(root, tmp_path / "cache", scale=(-100.0, 4000.0, 2)).scale_rule == 2
    capsys.readouterr()
    assert cli.main(["prepare", str(root), "--size", "16", "--scale", "own"]) == 0
    assert "greys of" not in capsys.readouterr().out
    assert cli.main(["prepare", str(root), "--size", "16"]) == 0
    assert "greys of" in capsys.readouterr().out
    for wrong in ("5", "5,5", "1,2,3", "a,b", "1,inf", "nan,3"):
        with pytest.raises(SystemExit) as caught:
            cli.main(["prepare", str(root), "--scale", wrong])
        assert caught.value.code == 2
        assert "write two numbers, the smaller one first" in capsys.readouterr().err


# Which files are images


def test_dicom_is_recognised_by_its_bytes(tmp_path: Path) -> None:
    names = ("a/IM000001", "a/1.2.840.113619.2", "b/SLICE.IMA", "b/scan.ima")
    files: dict[str, np.ndarray | bytes] = {name: dicom(deep(number)) for number, name in enumerate(names)}
    files |= {"a/README": b"no image\n" * 50, "b/LICENSE.1": b"x" * 500, "DICOMDIR": dicom(), "a/.hidden": dicom()}
    files |= {"a/short": b"x", "b/notes.txt": dicom(), "b/old.ima": b"\0" * 500}
    source = open_source(str(write(tmp_path / "set", files)))
    assert [entry.name for entry in source.entries] == sorted(names)
    assert ready(tmp_path / "set", tmp_path / "cache").skipped == ()
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in files:
            archive.write(tmp_path / "set" / name, name)
    assert [entry.name for entry in open_source(str(tmp_path / "set.zip")).entries] == sorted(names)
    combined = open_source(f"classes:one={tmp_path}/set/a;two={tmp_path}/set/b/*")
    assert [entry.name for entry in combined.entries] == sorted(names)


def test_only_the_first_bytes_of_unclear_files_are_read(tmp_path: Path) -> None:
    """A pipe would wait for ever."""
    write(tmp_path / "set", {"a.png": deep(0), "IM1": dicom()})
    os.mkfifo(tmp_path / "set" / "pipe")
    assert [entry.name for entry in open_source(str(tmp_path / "set")).entries] == ["IM1", "a.png"]


def test_a_large_member_of_a_zip_without_a_suffix_is_refused_like_an_image(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("IM1", dicom()[:132] + bytes(20 * 1024**2))
    with pytest.raises(UserError, match="as in a zip bomb"):
        open_source(str(tmp_path / "set.zip"))


def test_files_are_read_from_memory_alone() -> None:
    buffer = io.BytesIO()
    Image.fromarray(deep(0)).save(buffer, "PNG")
    assert decode(buffer.getvalue()).max() <= 1
