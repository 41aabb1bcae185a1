"""Volumes as a source: which slices, of whom, how they lie, in which greys, and what is left out or refused."""

import gzip
import json
import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from gan_core import data
from gan_core.data import decode_pool
from gan_core.data.patients import doubt_in
from gan_core.data.readers import open_source
from gan_core.data.readers.volumes import VolumeSource
from gan_core.decode import dicom as decoded_dicom
from gan_core.decode import dicom_series as dicom_series_files
from gan_core.decode import nifti, volume_names, volumes
from gan_core.errors import UserError
from tests.helpers.dicom_files import compressed, dicom
from tests.helpers.pictures import fill, ready
from tests.helpers.volume_files import Shown, grid, head, sample, tilted, wave, write

SHAPE = (40, 48, 40)
EVERY = {"RAS": (40, 48, 40), "LAS": (40, 48, 40), "LPI": (40, 48, 40), "PIR": (48, 40, 40), "SRA": (40, 40, 48)}


def opened(text: object) -> VolumeSource:
    source = open_source(str(text))
    assert isinstance(source, VolumeSource)
    return source


def said(source: VolumeSource) -> str:
    return "\n".join(source.warnings)


@pytest.mark.parametrize("codes", EVERY)
def test_however_the_file_lies_left_is_left(tmp_path: Path, codes: str) -> None:
    path = write(tmp_path / "a_T1.nii.gz", head, grid(codes, EVERY[codes]), EVERY[codes])
    volume = volumes.read(path, "a")
    # The ball is 7 mm to the left, 9 in front of and 4 above the middle: 19.5 + 4 is slice 23 or 24 from below.
    axial = volume.picture("axial", 24)
    assert axial.shape == (48, 40)
    rows, columns = np.nonzero(axial > 0.9)
    # The forehead is at the top, and the patient's left is at the right.
    assert (rows.mean(), columns.mean()) == (pytest.approx(23.5 - 9, abs=0.6), pytest.approx(19.5 + 7, abs=0.6))
    rows, columns = np.nonzero(volume.picture("coronal", 33) > 0.9)
    assert (rows.mean(), columns.mean()) == (pytest.approx(19.5 - 4, abs=0.6), pytest.approx(19.5 + 7, abs=0.6))
    rows, columns = np.nonzero(volume.picture("sagittal", 12) > 0.9)
    assert (rows.mean(), columns.mean()) == (pytest.approx(19.5 - 4, abs=0.6), pytest.approx(23.5 - 9, abs=0.6))
    assert not (volume.picture("axial", 10) > 0.9).any()


def test_which_slices_are_used(tmp_path: Path) -> None:
    write(tmp_path / "set" / "IXI002-Guys-0828-T1.nii.gz")
    source = opened(tmp_path / "set")
    # The middle 24 of 40 are 8 to 31; 2 mm apart are every second one, and 20, the middle one, is among them.
    assert [entry.name for entry in source.entries] == [
        f"T1/IXI002-Guys-0828_axial_{place:03}.png" for place in range(8, 32, 2)
    ]
    assert {(entry.label, entry.patient, entry.split) for entry in source.entries} == {("T1", "IXI002", None)}
    assert "1 volumes: 12 of 40 slices are used (axial slices, about 2 mm apart, of the middle 60%)" in said(source)
    source = opened(f"volumes:{tmp_path / 'set'}?plane=coronal&every=10&middle=1")
    assert [entry.name.split("_")[-1] for entry in source.entries] == [
        "004.png",
        "014.png",
        "024.png",
        "034.png",
        "044.png",
    ]
    thick = opened(write(tmp_path / "thick_T2.nii", head, grid("RAS", (40, 48, 10), (1, 1, 4)), (40, 48, 10)))
    assert [int(entry.name[-7:-4]) for entry in thick.entries] == [2, 3, 4, 5, 6, 7]


def test_the_greys_of_a_volume_are_one_scale(tmp_path: Path) -> None:
    values = np.zeros(SHAPE)
    values[:, :, 10:30] = np.linspace(100, 300, 40)[:, None, None]
    values[0, 0, 0] = 30000  # a hot voxel
    bright = values[values > values.mean()]
    volume = volumes.read(write(tmp_path / "a.nii", values), "a")
    assert volume.scale == (0.0, pytest.approx(np.percentile(bright, 99.5)))
    expected = np.clip(values[:, 5, 20].astype(int) / volume.scale[1], 0, 1)[::-1]
    assert volume.picture("axial", 20)[48 - 1 - 5] == pytest.approx(expected, abs=1e-6)
    assert volume.picture("axial", 12) == pytest.approx(volume.picture("axial", 25))
    # A slope and an intercept of the file, negative values and what is no number.
    scaled = volumes.read(write(tmp_path / "b.nii", values, scl_slope=0.5, scl_inter=-50.0), "b")
    assert scaled.scale == (-50.0, pytest.approx(volume.scale[1] / 2 - 50))
    assert scaled.picture("axial", 20) == pytest.approx(volume.picture("axial", 20), abs=1e-6)
    holes = values - 1000
    holes[:, 5, 20] = np.nan
    holes[3, 6, 20] = np.inf
    torn = volumes.read(write(tmp_path / "c.nii", holes, dtype="float32"), "c")
    assert torn.scale[0] == -1000 and torn.scale[1] == pytest.approx(volume.scale[1] - 1000, rel=1e-3)
    assert (torn.picture("axial", 20)[48 - 1 - 5] == 0).all() and torn.picture("axial", 20)[48 - 1 - 6, 40 - 1 - 3] == 1
    big = volumes.read(write(tmp_path / "d.nii", values, dtype=">i2"), "d")
    assert big.picture("axial", 20) == pytest.approx(volume.picture("axial", 20), abs=1e-6)
    empty = volumes.read(write(tmp_path / "e.nii", np.full(SHAPE, 7)), "e")
    with pytest.raises(UserError, match="e: all voxels are equal"):
        empty.picture("axial", 20)


def test_pixels_are_square(tmp_path: Path) -> None:
    shape = (40, 24, 40)
    path = write(tmp_path / "a.nii", head, grid("RAS", shape, (1, 2, 1)), shape)
    axial = volumes.read(path, "a").picture("axial", 24)
    assert axial.shape == (48, 40)
    fine = volumes.read(write(tmp_path / "b.nii"), "b").picture("axial", 24)
    assert np.abs(axial - fine).mean() < 0.02


LAYOUTS = {
    "ixi": (
        ["IXI-T1/IXI002-Guys-0828-T1", "IXI-T2/IXI002-Guys-0828-T2", "IXI-T2/IXI012-HH-1211-T2"],
        {("T1", "IXI002"), ("T2", "IXI002"), ("T2", "IXI012")},
    ),
    "ixi-flat": (["IXI002-Guys-0828-T1", "IXI002-Guys-0828-PD"], {("T1", "IXI002"), ("PD", "IXI002")}),
    "brats": (
        [
            f"BraTS20_Training_{case}/BraTS20_Training_{case}_{end}"
            for case in ("001", "002")
            for end in ("t1", "t1ce", "seg")
        ],
        {(label, f"BraTS20_Training_{case}") for case in ("001", "002") for label in ("T1", "T1ce")},
    ),
    "brats-2023": (
        ["BraTS-GLI-00005-000/BraTS-GLI-00005-000-t2f", "BraTS-GLI-00005-001/BraTS-GLI-00005-001-t1n"],
        {("FLAIR", "BraTS-GLI-00005"), ("T1", "BraTS-GLI-00005")},
    ),
    "bids": (
        [
            "sub-01/ses-1/anat/sub-01_ses-1_T1w",
            "sub-01/ses-1/anat/sub-01_ses-1_acq-fast_T2w",
            "sub-02/anat/sub-02_T1w",
            "sub-02/func/sub-02_task-rest_bold",
            "derivatives/fsl/sub-01/anat/sub-01_desc-brain_T1w",
        ],
        {("T1w", "sub-01"), ("T2w", "sub-01"), ("T1w", "sub-02")},
    ),
    "classes": (["T1/p1", "T1/p2", "T2/p1"], {("T1", "p1"), ("T1", "p2"), ("T2", "p1")}),
    "diagnoses": (["AD/sub-01_T1w", "CN/sub-02_T1w", "masks/sub-01"], {("AD", "sub-01"), ("CN", "sub-02")}),
    "subjects": (
        ["p1/T1", "p1/T2", "p1/brain_mask", "p2/T1", "p2/T2", "p3/T1"],
        {("T1", "p1"), ("T2", "p1"), ("T1", "p2"), ("T2", "p2"), ("T1", "p3")},
    ),
    "visits": (
        ["p1/visit1/T1", "p1/visit2/T1", "p1/2020-01-31/anat/T1", "p2/visit1/T1"],
        {("T1", "p1"), ("T1", "p2")},
    ),
    "contrast-folders": (["T1/a", "T2/a", "FLAIR/a"], {("T1", "a"), ("T2", "a"), ("FLAIR", "a")}),
    "one": (["x/sub-01/anat/sub-01_T1w", "x/sub-02/anat/sub-02_T1w"], {("T1w", "sub-01"), ("T1w", "sub-02")}),
    "flat": (["scan1", "scan2"], {("flat", "scan1"), ("flat", "scan2")}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layouts_of_collections(tmp_path: Path, layout: str) -> None:
    files, expected = LAYOUTS[layout]
    for file in files:
        write(tmp_path / layout / f"{file}.nii")
    source = opened(tmp_path / layout)
    assert {(entry.label, entry.patient) for entry in source.entries} == expected
    names = [entry.name for entry in source.entries]
    used = [file for file in files if not volume_names.about(f"{file}.nii").mask and "func" not in file]
    used = [file for file in used if not file.startswith("derivatives")]
    assert len(set(names)) == len(names) == 12 * len(used)
    masks = sum(volume_names.about(f"{file}.nii").mask for file in files)
    assert (f"{masks} volumes are segmentations by their names or folders and are left out" in said(source)) == (
        masks > 0
    )
    unknown = layout in ("classes", "subjects", "flat", "visits", "contrast-folders")
    assert bool(doubt_in(source.warnings)) == unknown
    assert source.patients_from == ("the volumes" if unknown else "the subjects in the names of the volumes")
    if layout == "bids":
        assert "1 volumes are derived from others" in said(source)
        assert "1 volumes lie beside anat, in func and are left out: sub-02/func/sub-02_task-rest_bold.nii" in said(
            source
        )


def by_volume(source: VolumeSource) -> dict[str, tuple[str, str | None, str | None]]:
    """Volume -> its class, its patient and its split."""
    return {entry.volume: (entry.label, entry.patient, entry.split) for entry in source.entries}


def nnunet(folder: Path) -> Path:
    """Three cases for training and one held out, each with two channels."""
    for part, case in (("Tr", 0), ("Tr", 1), ("Tr", 2), ("Ts", 3)):
        for channel in (0, 1):
            write(folder / f"images{part}" / f"case_{case:03}_{channel:04}.nii.gz")
        write(folder / f"labels{part}" / f"case_{case:03}.nii.gz")
    return folder


def test_the_channels_of_nnu_net_are_contrasts_of_one_patient(tmp_path: Path) -> None:
    source = opened(nnunet(tmp_path / "Dataset001"))
    expected = {
        f"images{part}/case_{case:03}_{channel:04}.nii.gz": (f"channel_{channel:04}", f"case_{case:03}", split)
        for part, case, split in (("Tr", 0, "train"), ("Tr", 1, "train"), ("Tr", 2, "train"), ("Ts", 3, "test"))
        for channel in (0, 1)
    }
    assert by_volume(source) == expected
    assert "4 volumes are segmentations" in said(source)
    # Equal slices of two channels have one name, and so are pairs.
    assert len({entry.name.replace("channel_0001", "channel_0000") for entry in source.entries}) == 4 * 12
    inside = opened(tmp_path / "Dataset001" / "imagesTr")
    assert {entry.patient for entry in inside.entries} == {"case_000", "case_001", "case_002"}
    above = by_volume(opened(tmp_path))
    assert above == {f"Dataset001/{path}": told for path, told in expected.items()}


@pytest.mark.parametrize(
    ("stated", "classes"),
    [
        ({"channel_names": {"0": "FLAIR", "1": "T1w"}}, {"FLAIR", "T1w"}),
        ({"modality": {"0": "t2", "1": "../a b"}}, {"T2", "a_b"}),
        ({"channel_names": {"0": "MRI", "1": "MRI"}}, {"channel_0000", "channel_0001"}),
        ({"channel_names": {"0": "MRI"}}, {"channel_0000", "channel_0001"}),
        ({"modality": ["T1", "T2"]}, {"channel_0000", "channel_0001"}),
        ([], {"channel_0000", "channel_0001"}),
    ],
)
def test_dataset_json_names_the_channels(tmp_path: Path, stated: object, classes: set[str]) -> None:
    (nnunet(tmp_path / "set") / "dataset.json").write_text(json.dumps(stated))
    assert {entry.label for entry in opened(tmp_path / "set").entries} == classes
    one = sorted(classes)[0]
    assert {entry.label for entry in opened(f"volumes:{tmp_path / 'set'}?only={one}").entries} == {one}


def test_a_damaged_dataset_json_is_said_and_costs_the_names(tmp_path: Path) -> None:
    (nnunet(tmp_path / "set") / "dataset.json").write_text("{")
    source = opened(tmp_path / "set")
    assert {entry.label for entry in source.entries} == {"channel_0000", "channel_0001"}
    assert "the channels have numbers in place of names: " in said(source) and "not valid JSON" in said(source)


def test_training_and_test_images_of_the_decathlon_are_splits_of_one_class(tmp_path: Path) -> None:
    for part, number in (("Tr", 1), ("Tr", 3), ("Ts", 2)):
        write(tmp_path / "Task04" / f"images{part}" / f"hippocampus_{number:03}.nii.gz")
    assert by_volume(opened(tmp_path / "Task04")) == {
        "imagesTr/hippocampus_001.nii.gz": ("Task04", "hippocampus_001", "train"),
        "imagesTr/hippocampus_003.nii.gz": ("Task04", "hippocampus_003", "train"),
        "imagesTs/hippocampus_002.nii.gz": ("Task04", "hippocampus_002", "test"),
    }
    # Two tasks are two classes, each with its splits.
    write(tmp_path / "Task09" / "imagesTr" / "spleen_2.nii.gz")
    assert {(label, part) for label, _, part in by_volume(opened(tmp_path)).values()} == {
        ("Task04", "train"),
        ("Task04", "test"),
        ("Task09", "train"),
    }


@pytest.mark.parametrize(
    ("names", "told"),
    [
        # Four digits that number the cases, as AMOS does.
        (["amos_0001", "amos_0004"], {("set", "amos_0001"), ("set", "amos_0004")}),
        (["amos_0000", "amos_0001"], {("set", "amos_0000"), ("set", "amos_0001")}),
        # The only channel is no class of its own.
        (["la_003_0000", "la_004_0000"], {("set", "la_003"), ("set", "la_004")}),
        (["BRATS_001_0000", "BRATS_002_0000"], {("set", "BRATS_001"), ("set", "BRATS_002")}),
    ],
)
def test_which_digits_are_a_channel(tmp_path: Path, names: list[str], told: set[tuple[str, str]]) -> None:
    for name in names:
        write(tmp_path / "set" / "imagesTr" / f"{name}.nii.gz")
    assert {(label, patient) for label, patient, _ in by_volume(opened(tmp_path / "set")).values()} == told


@pytest.mark.parametrize(
    ("path", "group", "subject", "contrast"),
    [
        ("BraTS2021_00000/BraTS2021_00000_flair.nii.gz", "BraTS2021_00000", "BraTS2021_00000", "FLAIR"),
        ("HGG/Brats18_2013_0_1/Brats18_2013_0_1_t2.nii.gz", "Brats18_2013_0_1", "Brats18_2013_0_1", "T2"),
        ("a/BraTS-MEN-00004-000-t1c.nii.gz", "BraTS-MEN-00004-000", "BraTS-MEN-00004", "T1ce"),
        ("sub-A1/ses-b/anat/sub-A1_ses-b_run-1_FLAIR.nii", "sub-A1_ses-b", "sub-A1", "FLAIR"),
        ("sub-7/anat/T1w.nii.gz", "sub-7", "sub-7", "T1w"),
        ("OAS1_0001_MR1_mpr.nii", "OAS1_0001_MR1_mpr", "OAS1_0001", None),
        ("ADNI/002_S_0295_T1.nii", "002_S_0295", "002_S_0295", "T1"),
        ("BraTS2020_TrainingData/anna.nii", "anna", "anna", None),
    ],
)
def test_what_a_name_says(path: str, group: str, subject: str, contrast: str | None) -> None:
    found = volume_names.about(path)
    assert (found.group, found.subject, found.contrast, found.mask) == (group, subject, contrast, False)


def test_no_subject_lies_in_two_splits(tmp_path: Path) -> None:
    def own(number: int) -> np.ndarray:
        return sample(head, grid(), SHAPE) + 40 * np.random.default_rng(number).random(SHAPE)

    for number in range(12):
        for end in ("T1w", "T2w"):
            write(
                tmp_path / "set" / f"sub-{number:02}" / "anat" / f"sub-{number:02}_{end}.nii",
                own(number + (end == "T2w") * 50),
            )
    prepared = ready(f"volumes:{tmp_path / 'set'}?every=12", tmp_path / "cache")
    assert len(prepared.names) == 12 * 2 * 2 and prepared.classes == ("T1w", "T2w") and not prepared.skipped
    where = {(patient, part) for patient, part in zip(prepared.patients, prepared.splits.tolist(), strict=True)}
    assert prepared.patients_from == "the subjects in the names of the volumes" and not doubt_in(prepared.warnings)
    assert len(where) == 12 and {part for _, part in where} == {"train", "val", "test"}


def test_split_folders_are_kept(tmp_path: Path) -> None:
    for part, subject in (("train", "sub-1"), ("test", "sub-2")):
        for end in ("T1w", "T2w"):
            write(tmp_path / part / subject / "anat" / f"{subject}_{end}.nii")
    found = {(entry.split, entry.label, entry.patient) for entry in opened(tmp_path).entries}
    assert found == {(part, end, s) for part, s in (("train", "sub-1"), ("test", "sub-2")) for end in ("T1w", "T2w")}


def test_contrasts_in_folders_of_diagnoses_are_asked_about(tmp_path: Path) -> None:
    for subject, folder in enumerate(("AD", "AD", "CN", "CN")):
        for end in ("T1w", "T2w"):
            write(tmp_path / folder / f"sub-{subject}_{end}.nii")
    with pytest.raises(UserError, match=r"could be its folders \(AD, CN\) or the contrasts in its names \(T1w, T2w\)"):
        open_source(str(tmp_path))
    by_folder = opened(f"volumes:{tmp_path}?classes=folders&only=T1w")
    assert {(entry.label, entry.patient) for entry in by_folder.entries} == {
        ("AD", "sub-0"),
        ("AD", "sub-1"),
        ("CN", "sub-2"),
        ("CN", "sub-3"),
    }
    assert "4 volumes are not T1w and are left out" in said(by_folder)
    assert {entry.label for entry in opened(f"volumes:{tmp_path}?classes=names").entries} == {"T1w", "T2w"}
    # Several contrasts that are asked for are the classes.
    assert {entry.label for entry in opened(f"volumes:{tmp_path}?only=T1w,T2w").entries} == {"T1w", "T2w"}


def test_a_flat_folder_of_contrasts_is_no_mixture(tmp_path: Path) -> None:
    """IXI's diffusion images beside T1 and T2."""
    for subject in ("IXI002-Guys-0828", "IXI012-HH-1211"):
        for end in ("T1", "T2"):
            write(tmp_path / f"{subject}-{end}.nii")
    write(tmp_path / "IXI012-HH-1211-DTI-00.nii")
    found = opened(tmp_path)
    assert {entry.label for entry in found.entries} == {"T1", "T2"}
    assert "1 volumes have a name that ends in no contrast" in said(found)
    # Where most names end in none, a contrast at the end of some says nothing.
    for number in range(5):
        write(tmp_path / f"scan{number}.nii")
    assert {entry.label for entry in opened(tmp_path).entries} == {tmp_path.name}


def test_two_contrasts_on_other_grids_show_the_same_place(tmp_path: Path) -> None:
    """T2 is tilted, moved, coarser and stored otherwise; what it shows at each place is known."""
    t1 = tilted(grid("LPI", SHAPE), 4)
    coarse = (64, 30, 40)
    t2 = tilted(grid("SRA", coarse, (0.9, 1.6, 1.4)), -9, (1.5, -2, 1))
    for number in range(6):
        write(tmp_path / "set" / f"IXI00{number}-Guys-1-T1.nii", wave, t1, dtype="float32")
        write(tmp_path / "set" / f"IXI00{number}-Guys-1-T2.nii", lambda *at: 1000 - wave(*at), t2, coarse, "float32")
    source = opened(f"volumes:{tmp_path / 'set'}?every=6")
    assert "6 volumes are brought onto the grid of another contrast of their subject" in said(source)
    names = [entry.name for entry in source.entries]
    pairs = 0
    for index, name in enumerate(names):
        if name.startswith("T2/"):
            first = source.load(names.index(f"T1{name[2:]}"), 64)
            second = source.load(index, 64)
            assert first.shape == second.shape == (48, 40)
            # Both are percentiles of the same values, of which one is upside down.
            low, high = volumes.read(source.root / source.slices[index].file, "b").scale
            low1, high1 = volumes.read(source.root / f"{name[3:].split('_')[0]}-T1.nii", "a").scale
            truth = np.clip((1000 - (first * (high1 - low1) + low1) - low) / (high - low), 0, 1)
            middle = (slice(12, 36), slice(10, 30))
            clear = (first[middle] > 0) & (first[middle] < 1)
            assert np.abs(second[middle] - truth[middle])[clear].max() < 0.03
            pairs += 1
    assert pairs == 6 * 4
    own = opened(f"volumes:{tmp_path / 'set'}?every=6&grid=own")
    assert all(one.onto is None for one in own.slices)
    assert {own.load(i, 64).shape for i, entry in enumerate(own.entries) if entry.label == "T2"} != {(48, 40)}


def test_where_one_does_not_say_how_it_lies_there_are_no_pairs(tmp_path: Path) -> None:
    write(tmp_path / "sub-1_T1w.nii")
    nib.save(nib.Nifti1Image(sample(head, grid(), SHAPE).astype("int16")[:, :, 5:], None), tmp_path / "sub-1_T2w.nii")
    source = opened(tmp_path)
    assert "1 volumes lie on another grid than the first contrast of their subject" in said(source)
    assert {entry.name.split("_axial")[0] for entry in source.entries} == {"T1w/sub-1", "T2w/alone_sub-1"}
    assert {entry.patient for entry in source.entries} == {"sub-1"}


def test_equal_names_in_folders_of_diagnoses_keep_their_own_grids(tmp_path: Path) -> None:
    for number, folder in enumerate(("AD", "AD", "CN", "CN")):
        write(tmp_path / folder / f"scan{number % 2}.nii", head, tilted(grid(), 2 * number))
    assert {one.onto for one in opened(tmp_path).slices} == {None}


@pytest.mark.parametrize("names", ["{site}/001/{contrast}.nii.gz", "{site}/sub-01/anat/sub-01_{contrast}.nii.gz"])
def test_two_places_that_number_alike_make_no_pairs_of_two_people(tmp_path: Path, names: str) -> None:
    for site, contrast in (("here", "T1"), ("there", "T1"), ("there", "T2")):
        write(tmp_path / names.format(site=site, contrast=contrast), head)
    shared = {
        entry.volume: entry.name.partition("/")[2] for entry in opened(f"volumes:{tmp_path}?classes=names").entries
    }
    here, t1, t2 = (
        shared[names.format(site=s, contrast=c)] for s, c in (("here", "T1"), ("there", "T1"), ("there", "T2"))
    )
    assert t1 == t2 != here


def test_a_folder_for_each_contrast_still_makes_pairs(tmp_path: Path) -> None:
    for folder, contrast in (("T1 images", "T1"), ("scans_t2", "T2")):
        write(tmp_path / folder / f"p7_{contrast}.nii.gz", head)
    assert len({entry.name.partition("/")[2] for entry in opened(f"volumes:{tmp_path}?classes=names").entries}) == 12


def test_they_are_pairs(tmp_path: Path) -> None:
    for number in range(8):
        texture = np.random.default_rng(number).normal(0, 1, (8, 8, 8)).repeat(5, 0).repeat(6, 1).repeat(5, 2)
        inside = sample(head, grid(), SHAPE) > 0
        write(tmp_path / "set" / f"sub-{number}" / "anat" / f"sub-{number}_T1w.nii", inside * (500 + 100 * texture))
        write(tmp_path / "set" / f"sub-{number}" / "anat" / f"sub-{number}_T2w.nii", inside * (500 - 100 * texture))
    prepared = ready(f"volumes:{tmp_path / 'set'}?every=8", tmp_path / "cache", size=32)
    both = data.of_domains(prepared, ("T1w", "T2w"), paired=True)
    half = len(both.names) // 2
    assert half == 8 * 3
    assert [name.removeprefix("T1w/") for name in both.names[:half]] == [
        name.removeprefix("T2w/") for name in both.names[half:]
    ]
    assert both.patients[:half] == both.patients[half:]


def bad_files(folder: Path) -> dict[str, str]:
    """File name -> the words of its reason."""
    grainy = sample(head, grid(), SHAPE) + np.random.default_rng(0).integers(0, 50, SHAPE)  # does not pack to nothing
    good = write(folder / "good.nii", grainy).read_bytes()
    packed = gzip.compress(good)

    def changed(offset: int, form: str, *values: float) -> bytes:
        return good[:offset] + struct.pack(form, *values) + good[offset + struct.calcsize(form) :]

    made = {
        "text.nii": (b"not a volume at all, and long enough for a header" * 20, "not a NIfTI file"),
        "short.nii": (good[:200], "ends too early"),
        "empty.nii": (b"", "ends too early"),
        "pair.nii": (changed(344, "4s", b"ni1\0"), "one of a pair of files"),
        "colour.nii": (changed(70, "<h", 128), "a volume of colours"),
        "complex.nii": (changed(70, "<h", 32), "complex64 values"),
        "code.nii": (changed(70, "<h", 9999), "damaged or unusual NIfTI header"),
        "huge.nii.gz": (
            gzip.compress(changed(40, "<8h", 3, 4000, 4000, 4000, 1, 1, 1, 1)),
            "more than the limit of 512 MB",
        ),
        "far.nii.gz": (gzip.compress(changed(108, "<f", 1e9)), "its voxels begin at byte 1000000000"),
        "flat.nii": (changed(40, "<8h", 3, 40, 1, 1, 1, 1, 1, 1), "no volume of slices"),
        "negative.nii": (changed(40, "<8h", 3, -40, 48, 40, 1, 1, 1, 1), "no volume of slices"),
        "nowhere.nii": (changed(280, "<12f", *[0] * 12), "affine describes no grid"),
        "nan.nii": (changed(280, "<12f", *[float("nan")] * 12), "affine describes no grid"),
        "narrow.nii": (changed(40, "<8h", 3, 36, 48, 40, 1, 1, 1, 1), "longer than its header says"),
        "narrow.nii.gz": (gzip.compress(changed(40, "<8h", 3, 36, 48, 40, 1, 1, 1, 1)), "longer than its header says"),
        "cut.nii.gz": (packed[: len(packed) * 2 // 3], "ends too early"),
        "bits.nii.gz": (packed[:-4000] + bytes(200) + packed[-3800:], "packing is damaged|ends too early"),
    }
    for name, (content, _) in made.items():
        (folder / name).write_bytes(content)
    return {name: words for name, (_, words) in made.items()}


def test_a_bad_file_is_one_line_and_costs_itself_alone(tmp_path: Path) -> None:
    reasons = bad_files(tmp_path)
    for name, words in reasons.items():
        with pytest.raises(UserError, match=words) as caught:
            nifti.read(tmp_path / name, name)
        assert str(caught.value).startswith(f"{name}: ") and "\n" not in str(caught.value)
    late = {"narrow.nii", "narrow.nii.gz", "cut.nii.gz", "bits.nii.gz"}  # their headers are whole
    source = opened(tmp_path)
    assert f"{len(reasons) - len(late)} of {len(reasons) + 1} volumes cannot be read and are left out: " in said(source)
    settings = decode_pool.Settings(16, 1, "crop", None, 0)
    for start, volume in ((index * 12, file) for index, file in enumerate(sorted({one.file for one in source.slices}))):
        picture = decode_pool.decode_one(source, start + 6, settings)
        assert (picture.pixels is None) == (volume in late), picture.reason
        assert volume not in late or any(word in picture.reason for word in ("too early", "damaged"))
    for name in {"good.nii", *late}:
        (tmp_path / name).unlink()
    with pytest.raises(UserError, match=r"none of the 13 volumes can be read; the first: "):
        open_source(str(tmp_path))


def test_whatever_a_header_holds_it_is_a_volume_or_one_line(tmp_path: Path) -> None:
    good = np.frombuffer(write(tmp_path / "good.nii").read_bytes(), np.uint8)
    rng = np.random.default_rng(5)
    read = 0
    for number in range(400):
        bad = good.copy()
        for place in rng.integers(0, 352, rng.integers(1, 12)):
            bad[place] = rng.choice([0, 1, 127, 128, 255, int(rng.integers(256))])
        path = tmp_path / "bad.nii"
        path.write_bytes(bad.tobytes())
        try:
            volume = volumes.read(path, f"bad {number}")
            picture = volume.picture("axial", volume.grid.shape[2] // 2)
            assert picture.dtype == np.float32 and 0 <= picture.min() <= picture.max() <= 1
            read += 1
        except UserError as error:
            assert str(error).startswith(f"bad {number}: ")
    assert 40 < read < 390


def test_of_a_series_over_time_the_first_volume_is_used_and_it_is_said(tmp_path: Path) -> None:
    first = sample(head, grid(), SHAPE)
    series = np.stack([first, first[::-1], np.full(SHAPE, np.nan)], axis=3)
    source = opened(write(tmp_path / "a_T2.nii.gz", series, grid(), dtype="float32"))
    assert "of 1 series over time (4-D) only the first volume is used: a_T2.nii.gz" in said(source)
    alone = volumes.read(write(tmp_path / "b.nii", first, dtype="float32"), "b")
    assert np.array_equal(source.load(6, 64), alone.picture("axial", source.slices[6].place))


def test_where_no_orientation_is_stated_it_is_said(tmp_path: Path) -> None:
    image = nib.Nifti1Image(sample(head, grid(), SHAPE).astype("int16"), None)
    nib.save(image, tmp_path / "a.nii")
    assert "1 volumes do not say how they lie in the patient" in said(opened(tmp_path))


def test_blank_slices_are_left_out_with_the_reason(tmp_path: Path) -> None:
    shape, affine = (40, 48, 20), grid("RAS", (40, 48, 20), (1, 1, 2))
    for number in range(2):
        values = sample(head, affine, shape) + number * sample(wave, affine, shape) / 3
        write(tmp_path / "set" / f"sub-{number}_T1w.nii", values, affine, shape)
    prepared = ready(f"volumes:{tmp_path / 'set'}?every=1&middle=1", tmp_path / "cache")
    reasons = {reason for _, reason in prepared.skipped}
    assert reasons == {"blank: less than 5% of the slice is brighter than the background"}
    # The head reaches 16 mm up and down, which are 8 slices of 2 mm; the air of the second is not black.
    assert [name for name, _ in prepared.skipped] == [f"T1w/sub-0_axial_{place:03}.png" for place in (0, 1, 18, 19)]


def test_a_chunk_holds_one_volume(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / "set" / f"sub-{number}_T1w.nii")
    source = opened(f"volumes:{tmp_path / 'set'}?every=1&middle=1")
    ends = [0]
    while ends[-1] < len(source.entries):
        ends.append(decode_pool._end(source.entries, ends[-1]))
    assert ends == [0, 40, 80, 120]
    part = source.part(40, 80)
    assert {one.file for one in part.slices} == {"sub-1_T1w.nii"} and part.entries[0].name == "T1w/sub-1_axial_000.png"


def test_volumes_and_pictures_in_one_folder(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / "a" / f"sub-{number}_T1w.nii")
    fill(tmp_path, ["a/readme.png"])
    assert "1 pictures lie beside the volumes and are left out" in said(opened(tmp_path))
    fill(tmp_path, [f"a/{number}.png" for number in range(5)])
    source = open_source(str(tmp_path))
    assert (
        len(source.entries) == 6
        and "3 volumes lie beside the pictures and are left out: volumes:" in source.warnings[0]
    )
    assert len(opened(f"volumes:{tmp_path}").entries) == 36


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("plane=axal", r"plane must be one of .*Did you mean 'axial'\?"),
        ("every=0", "every must be a whole number from 1, not '0'"),
        ("middle=60", "middle must be a share above 0"),
        ("middle=x", "middle must be a share above 0"),
        ("planes=axial", r"no option 'planes'.*Did you mean 'plane'\?"),
        ("axial", "'axial' of volumes:.* is not an option"),
        ("only=T2w", "no volume's name ends in T2w.*Found: T1w"),
        ("classes=x", "classes must be folders or names"),
        ("grid=x", "grid must be shared or own"),
    ],
)
def test_wrong_options_are_one_line(tmp_path: Path, options: str, words: str) -> None:
    write(tmp_path / "sub-1_T1w.nii")
    with pytest.raises(UserError, match=words):
        open_source(f"volumes:{tmp_path}?{options}")
    with pytest.raises(UserError, match="there is no 'nowhere'"):
        open_source("volumes:nowhere")


def test_the_one_segmentation_of_brats_with_another_name_is_one() -> None:
    assert volume_names.about("BraTS20_Training_355/W39_1998.09.19_Segm.nii").mask
    assert not volume_names.about("segment_T1.nii").mask


def test_a_folder_of_masks_alone_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "labelsTr" / "p1.nii")
    with pytest.raises(UserError, match="holds no scan: 1 volumes are segmentations"):
        open_source(str(tmp_path))


def dicom_series(
    folder: Path, shown: Shown, codes: str, uid: str, patient: str, description: str, **tags: object
) -> np.ndarray:
    """Write a series whose file names and numbers are in no order; returns its affine."""
    shape = (40, 48, 20)
    affine = tilted(grid(codes, shape, (1, 1, 2)), 5)
    values = np.rint(sample(shown, affine, shape)).astype(np.uint16)
    lps = np.diag([-1, -1, 1, 1]) @ affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    folder.mkdir(parents=True, exist_ok=True)
    for place in range(shape[2]):
        position = lps @ [0, 0, place, 1]
        own: dict[str, object] = {
            "SeriesInstanceUID": uid,
            "PatientID": patient,
            "SeriesDescription": description,
            "ImagePositionPatient": [round(float(value), 5) for value in position[:3]],
            "ImageOrientationPatient": [*(lps[:3, 0] / spacing[0]).round(6), *(lps[:3, 1] / spacing[1]).round(6)],
            "PixelSpacing": [float(spacing[1]), float(spacing[0])],
            "InstanceNumber": (place * 7) % shape[2],
            "RescaleSlope": 2,
            "RescaleIntercept": -100,
        }
        content = dicom(values[:, :, place].T.copy(), bits=16, **{**own, **tags})
        (folder / f"{uid}.{(place * 7) % shape[2]}").write_bytes(content)
    return affine


def test_a_dicom_series_is_a_volume_in_the_order_of_its_positions(tmp_path: Path) -> None:
    for number, codes in enumerate(("RAS", "LPS", "LAI")):
        folder = tmp_path / "set" / f"person{number}"
        dicom_series(folder, head, codes, f"1.2.{number}", f"id-{number}", "T1")
        dicom_series(folder, lambda *at: 1000 - head(*at), "LPS", f"1.3.{number}", f"id-{number}", "T2")
    dicom_series(
        tmp_path / "set" / "person0", head, "RAS", "1.4", "id-0", "scout", ImageOrientationPatient=[1, 0, 0, 1, 0, 0]
    )
    source = opened(f"volumes:{tmp_path / 'set'}?every=1")
    assert {(entry.label, entry.patient) for entry in source.entries} == {
        (label, f"id-{number}") for label in ("T1", "T2") for number in range(3)
    }
    assert "its size or its orientation is not valid" in said(source) and source.patients_from == "PatientID"
    names = [entry.name for entry in source.entries]
    assert names[:2] == ["T1/id-0_axial_004.png", "T1/id-0_axial_005.png"] and len(names) == 6 * 12
    truth = volumes.read(
        write(tmp_path / "a.nii", head, tilted(grid("RAS", (40, 48, 20), (1, 1, 2)), 5), (40, 48, 20)), "a"
    )
    for number in range(3):
        place = names.index(f"T1/id-{number}_axial_011.png")
        expected = truth.picture("axial", 11)
        assert np.abs(source.load(place, 64) - expected).max() < 0.01
        # The ball is as bright in T1 as it is dark in T2.
        ball = expected > 0.9
        assert ball.sum() > 30 and source.load(names.index(f"T2/id-{number}_axial_011.png"), 64)[ball].mean() < 0.1


def test_a_series_with_a_gap_is_left_out_with_the_reason(tmp_path: Path) -> None:
    dicom_series(tmp_path / "a", head, "RAS", "1.2.3", "x", "T1")
    (tmp_path / "a" / "1.2.3.0").unlink()  # the lowest slice: no gap
    assert len(opened(f"volumes:{tmp_path}?every=1&middle=1").entries) == 19
    (tmp_path / "a" / "1.2.3.1").unlink()
    with pytest.raises(UserError, match=r"its 18 slices lie 2 to 4 mm apart: some are missing"):
        open_source(f"volumes:{tmp_path}")


def test_padding_of_a_series_has_no_part_in_its_greys(tmp_path: Path) -> None:
    dicom_series(tmp_path / "plain", head, "RAS", "1.2.3", "x", "T1")
    dicom_series(
        tmp_path / "padded",
        lambda *at: np.where(at[0] > 15, 5000, head(*at)),
        *("RAS", "1.2.4", "y", "T1"),
        PixelPaddingValue=4999,
        PixelPaddingRangeLimit=5001,
    )
    source = opened(f"volumes:{tmp_path}?every=1")
    plain, padded = (source.load([e.patient for e in source.entries].index(who) + 5, 64) for who in "xy")
    # The right of the patient is at the left of the picture: there lies the padding.
    assert padded[:, :3].max() == 0 and plain[:, 8:30].max() == pytest.approx(0.5, abs=0.05)
    assert np.abs(padded[:, 8:] - plain[:, 8:]).max() < 0.05


def test_echoes_and_patients_of_one_series_are_not_mixed(tmp_path: Path) -> None:
    for who in "xy":
        for echo, shown in (("9", head), ("80", lambda *at: 1000 - head(*at))):
            folder = tmp_path / "made" / who / echo
            dicom_series(folder, shown, "RAS", "1.2.3", who, "T1", EchoTime=echo)
            for number, path in enumerate(sorted(folder.iterdir())):
                # Names of which now one echo comes first, and now the other.
                (tmp_path / who).mkdir(exist_ok=True)
                path.rename(tmp_path / who / f"{number:03}{'ab'[(number + (echo == '9')) % 2]}.dcm")
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.dcm"))
    found, reasons = dicom_series_files.find(tmp_path, files)
    whole = [(one.patient, len(one.files), one.header.volumes) for one in found]
    assert whole == [("x", 20, 2), ("y", 20, 2)] and not reasons
    for one in found:
        assert {float(pydicom.dcmread(tmp_path / file).EchoTime) for file in one.files} == {9.0}


def test_compressed_slices_are_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a: compressed slices \(JPEG 2000 .*dcm2niix"):
        decoded_dicom.values(compressed("JPEG2000"), "a")
    assert decoded_dicom.values(dicom(RescaleSlope=2, RescaleIntercept=-7), "a").max() == 2 * 4095 - 7
    with pytest.raises(UserError, match=r"a: not a DICOM image|a: damaged"):
        decoded_dicom.values(b"nothing", "a")
