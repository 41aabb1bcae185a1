"""Translating a volume: a volume at the same place comes back, it says what it is, and invents nothing."""

import gzip
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from gan_core import cli
from gan_core.decode import volumes
from gan_core.decode.volumes import Slicing
from gan_core.inference import translation, volume_translation
from tests.helpers.training import SMALL_TRANSLATOR, train
from tests.helpers.volume_files import grid, head, sample, tilted, wave, write

SHAPE = (40, 48, 40)


def made(function: Any, *, size: int = 48, fit: str = "pad", source: str = "set", channels: int = 1) -> Any:
    """A model that changes slices by a function of their pixels, uint8 (N, S, S, C)."""
    config = SimpleNamespace(channels=channels, image_size=size, fit=fit, source=source, subject=None)
    return SimpleNamespace(
        config=config, run=SimpleNamespace(label="made"), translate=lambda pictures, to: function(pictures)
    )


@pytest.mark.parametrize("codes", ["RAS", "LPI", "PIR", "SRA"])
@pytest.mark.parametrize("original_size", [False, True])
def test_what_is_not_changed_comes_back_where_it_was(tmp_path: Path, codes: str, original_size: bool) -> None:
    shape = {"PIR": (48, 40, 40), "SRA": (40, 40, 48)}.get(codes, SHAPE)
    affine = tilted(grid(codes, shape), 7, (3, -2, 5))
    path = write(tmp_path / "a_T1.nii", wave, affine, shape, "float32")
    content, _ = volume_translation.translate(
        made(lambda pictures: pictures), path, "T1", "T2", original_size=original_size, insist=False
    )
    (tmp_path / "b.nii.gz").write_bytes(content)
    before, after = nib.load(path), nib.load(tmp_path / "b.nii.gz")
    assert after.shape == shape and np.array_equal(after.affine, before.affine)
    low, high = volumes.read(path, "a").scale
    expected = np.rint(np.clip((before.get_fdata() - low) / (high - low), 0, 1) * 255)
    axis = nib.io_orientation(affine)[:, 0].tolist().index(2)
    used = np.moveaxis(after.get_fdata(), axis, 0)[8:32]
    assert np.abs(used - np.moveaxis(expected, axis, 0)[8:32]).max() <= 1
    outside = np.moveaxis(after.get_fdata(), axis, 0)
    assert not outside[:8].any() and not outside[32:].any()


def test_slices_of_long_voxels_come_back(tmp_path: Path) -> None:
    shape = (40, 24, 40)
    path = write(tmp_path / "a.nii", wave, grid("RAS", shape, (1, 2, 1)), shape, "float32")
    volume = volumes.read(path, "a")
    found = volume_translation.translate_volume(made(lambda pictures: pictures), volume, "T2", Slicing())
    low, high = volume.scale
    expected = np.clip((sample(wave, grid("RAS", shape, (1, 2, 1)), shape) - low) / (high - low), 0, 1)
    # Fitted to squares and back, smooth values stay what they were; at the edge, there is nothing to go by.
    assert np.abs(found.values[:, 2:-2, 8:32] / 255 - expected[:, 2:-2, 8:32]).max() < 0.02


def test_a_change_is_drawn_where_it_belongs_and_outside_of_the_square_there_is_nothing(tmp_path: Path) -> None:
    def mark(pictures: np.ndarray) -> np.ndarray:
        result = pictures.copy()
        result[:, :4] = 255  # the uppermost rows: the front of the square
        return result

    volume = volumes.read(write(tmp_path / "a.nii", head), "a")
    model = made(mark, size=40, fit="crop")
    for original_size in (False, True):
        found = volume_translation.translate_volume(model, volume, "T2", Slicing(), original_size=original_size)
        # The square is the middle 40 of 48 from behind to the front: 4 to 43.
        assert not found.values[:, :4].any() and not found.values[:, 44:].any()
        assert found.values[:, 40:44, 8:32].min() >= 254
        assert not found.values[:3, 10:38, 8:32].any()


def test_neighbours_that_jump_are_told(tmp_path: Path) -> None:
    volume = volumes.read(write(tmp_path / "a.nii", wave, dtype="float32"), "a")
    same = volume_translation.translate_volume(made(lambda pictures: pictures), volume, "T2", Slicing())
    used = np.stack([volume.picture("axial", place) for place in range(8, 32)])
    fitted = np.zeros((24, 48, 48))
    fitted[:, :, 4:44] = np.rint(used * 255)
    assert same.step_before == same.step_after == pytest.approx(np.abs(np.diff(fitted, axis=0)).mean() / 255, rel=1e-4)
    assert "jump" not in same.summary()
    counted = iter(range(100))

    def striped(pictures: np.ndarray) -> np.ndarray:
        dark = np.array([next(counted) % 2 for _ in pictures])[:, None, None, None]
        return np.where(dark, 0, 255).astype(np.uint8).repeat(48, 1).repeat(48, 2)

    jumpy = volume_translation.translate_volume(made(striped), volume, "T2", Slicing())
    assert jumpy.step_after == 1.0 and jumpy.step_before == same.step_before
    assert jumpy.summary() == (
        "axial slices 8 to 31 of 40 are translated, and all else is 0; neighbouring slices differ by 100.0% of the "
        f"grey scale, in the input by {same.step_before:.1%}: they jump, look at the volume from the side"
    )


def test_the_slices_are_those_of_the_training(tmp_path: Path) -> None:
    volume = volumes.read(write(tmp_path / "a.nii", head), "a")
    slicing = volumes.of_source("volumes:some/folder?plane=coronal&every=4&middle=0.25&classes=names")
    found = volume_translation.translate_volume(made(np.bitwise_not), volume, "T2", slicing)
    assert (found.plane, found.slices, found.count) == ("coronal", range(18, 30), 48)
    # Every slice of that share, not each fourth; black became white.
    assert (found.values[0, 18:30] == 255).all() and not found.values[:, :18].any() and not found.values[:, 30:].any()
    assert volumes.of_source("phantom:mri?bodies=500") == volumes.of_source("set") == Slicing()


def test_the_header_says_what_it_is_and_nothing_of_the_patient(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.nii", head, descrip=b"Doe^Jane 4711", aux_file=b"jane", db_name=b"springfield", xyzt_units=10
    )
    image = nib.load(path, mmap=False)
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"born in Springfield"))
    nib.save(image, path)
    content, line = volume_translation.translate(
        made(np.bitwise_not, channels=3), path, "T1", "T2", original_size=False, insist=False
    )
    found = nib.Nifti1Image.from_bytes(gzip.decompress(content))
    assert bytes(found.header["descrip"]).rstrip(b"\0") == b"synthetic, not for diagnosis: T1 to T2, made"
    raw = found.to_bytes().lower()
    assert not any(word in raw for word in (b"jane", b"4711", b"springfield"))
    assert not found.header.extensions and found.header["xyzt_units"] == 10
    for key in ("sform_code", "qform_code", "pixdim", "srow_x", "quatern_b", "qoffset_z"):
        assert np.array_equal(found.header[key], image.header[key]), key
    assert line.startswith(f"{path}: axial slices 8 to 31 of 40 are translated")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    folder = tmp_path_factory.mktemp("brains")
    for number in range(6):
        grains = np.random.default_rng(number).normal(0, 60, SHAPE)
        inside = sample(head, grid(), SHAPE)
        write(folder / f"IXI00{number}-Guys-1-T1.nii.gz", np.where(inside > 0, inside + grains, 0))
        write(folder / f"IXI00{number}-Guys-1-T2.nii.gz", np.where(inside > 0, 1200 - inside - grains, 0))
    train("cyclegan_resnet", f"volumes:{folder}?every=6", root, "brain", 1, *SMALL_TRANSLATOR)
    return root


def test_the_command_writes_volumes_beside_pictures(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    scans = tmp_path / "scans"
    series = np.stack([sample(head, grid(), SHAPE)] * 2, axis=3)
    write(scans / "sub-1" / "sub-1_T1w.nii", head, tilted(grid("LPI"), 3))
    write(scans / "sub-2_T1w.nii.gz", series, grid())
    write(scans / "sub-2_T2w.nii.gz", head)
    write(scans / "sub-2_seg.nii.gz", head)
    (scans / "broken.nii.gz").write_bytes(b"\x1f\x8b and no more")
    words = ["translate", "brain", str(scans), "--runs", str(runs), "--to", "T2", "--insist"]
    assert cli.main([*words[:-1], "--out", str(tmp_path / "out")]) == 2
    out = tmp_path / "out"
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.nii*")) == [
        "sub-1/sub-1_T1w.nii.gz",
        "sub-2_T1w.nii.gz",
    ]
    found = nib.load(out / "sub-1" / "sub-1_T1w.nii.gz")
    assert found.shape == SHAPE and np.array_equal(found.affine, nib.load(scans / "sub-1" / "sub-1_T1w.nii").affine)
    assert found.get_data_dtype() == np.uint8 and b"synthetic, not for diagnosis: T1 to T2" in bytes(
        found.header["descrip"]
    )
    said = capsys.readouterr()
    assert f"2 images in {out}, synthetic, not for diagnosis\n" in said.out
    assert f"{scans}/sub-2_T1w.nii.gz: the first of 2 volumes; axial slices 8 to 31 of 40 are translated" in said.out
    errors = said.err.splitlines()
    assert next(line for line in errors if "broken" in line).startswith(f"error: {scans}/broken.nii.gz: ")
    wrong = "its name says T2w, and the run translates T1 to T2; --insist translates it anyway"
    assert f"error: {scans}/sub-2_T2w.nii.gz: {wrong}" in errors and len(errors) == 2


def test_slices_that_do_not_fit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.nii", wave, dtype="float32")
    model = made(np.bitwise_not)
    model.config.subject = "brain MRI"
    with pytest.raises(translation.UserError, match=r"a\.nii: of 5 slices, 5 do not fit: it .*brain MRI; --insist"):
        volume_translation.translate(model, path, "T1", "T2", original_size=False, insist=False)
    assert volume_translation.translate(model, path, "T1", "T2", original_size=False, insist=True)[0]
