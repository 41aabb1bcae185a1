"""Masks beside pictures: what is left out, what stays, and that pixels have the last word."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_core.data.masks import few_valued
from gan_core.data.readers import open_source
from gan_core.decode.image_files import decode
from tests.helpers.pictures import png, ready


def mask_png(seed: int, side: int = 24, levels: tuple[int, int] = (0, 255), suffix: str = "PNG") -> bytes:
    """A disc of one value on another."""
    rows, columns = np.mgrid[:side, :side]
    inside = (rows - 8 - seed % 5) ** 2 + (columns - 10) ** 2 < 36
    buffer = io.BytesIO()
    Image.fromarray(np.where(inside, levels[1], levels[0]).astype(np.uint8)).save(buffer, suffix)
    return buffer.getvalue()


def write(root: Path, pictures: list[str], masks: list[str]) -> None:
    for number, name in enumerate([*pictures, *masks]):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(number, 24, 24) if name in pictures else mask_png(number))


def placed(root: Path) -> list[tuple[str, str, str | None]]:
    return [(entry.name, entry.label, entry.split) for entry in open_source(str(root)).entries]


def test_a_folder_of_masks_in_each_class(tmp_path: Path) -> None:
    """COVID-19_Radiography_Dataset."""
    names = {label: [f"{label}/images/{label}-{n}.png" for n in (1, 2, 3)] for label in ("COVID", "Normal")}
    masks = [name.replace("images", "masks") for of_class in names.values() for name in of_class]
    root = tmp_path / "COVID-19_Radiography_Dataset"
    write(root, names["COVID"] + names["Normal"], masks)
    assert placed(root) == [(name, label, None) for label, own in names.items() for name in own]
    (line,) = open_source(str(root)).warnings
    assert line == (
        "6 masks are left out (classes:NAME=FOLDER trains on masks too): COVID/masks/COVID-1.png, "
        "COVID/masks/COVID-2.png, COVID/masks/COVID-3.png, ..."
    )
    prepared = ready(root, tmp_path / "cache")
    assert prepared.classes == ("COVID", "Normal") and len(prepared.names) == 6 and line in prepared.warnings


@pytest.mark.parametrize(
    ("pictures", "masks", "label", "split"),
    [
        # Montgomery: the masks of both lungs, in folders of their own.
        (
            ["CXR_png/MC_1_0.png"],
            ["ManualMask/leftMask/MC_1_0.png", "ManualMask/rightMask/MC_1_0.png"],
            "",
            None,
        ),
        # Shenzhen
        (["CXR_png/CHNCXR_1_0.png"], ["mask/CHNCXR_1_0_mask.png"], "", None),
        # BUSI: several masks of one picture, beside it.
        (["benign/benign (1).png"], ["benign/benign (1)_mask.png", "benign/benign (1)_mask_1.png"], "benign", None),
        # COVID-QU-Ex
        (
            ["Train/COVID-19/images/a.png"],
            ["Train/COVID-19/infection masks/a.png", "Train/COVID-19/lung masks/a.png"],
            "COVID-19",
            "train",
        ),
        # ISIC
        (["melanoma/ISIC_1.png"], ["melanoma/ISIC_1_segmentation.png"], "melanoma", None),
        # Masks whose names are not those of the pictures.
        (["glioma/images/x.png"], ["glioma/masks/y.png"], "glioma", None),
        (["train/images/x.png"], ["train/masks/x.png"], "", "train"),
    ],
)
def test_the_masks_of_well_known_collections(
    tmp_path: Path, pictures: list[str], masks: list[str], label: str, split: str | None
) -> None:
    root = tmp_path / "Set"
    # Of another class, or part, so that folders are classes.
    other = {"": [], "train": ["Test/COVID-19/images/b.png"] if label else ["test/images/z.png"]}.get(split or "", [])
    if label and not split:
        other = ["other/images/z.png"]
    write(root, pictures + other, masks)
    found = {name: (its, part) for name, its, part in placed(root)}
    assert found.keys() == {*pictures, *other}
    assert found[pictures[0]] == (label or "Set", split)


def test_classes_that_are_called_masks_stay(tmp_path: Path) -> None:
    """Photographs of faces with and without one, under the same numbers: pixels tell that they are no masks."""
    names = [f"{label}/{n}.png" for label in ("mask", "no_mask", "with_mask") for n in range(4)]
    write(tmp_path, names, [])
    assert [entry.name for entry in open_source(str(tmp_path)).entries] == names
    assert open_source(str(tmp_path)).warnings == ()


def test_a_folder_of_masks_alone_is_a_source(tmp_path: Path) -> None:
    masks = [f"set/masks/{n}.png" for n in range(3)]
    write(tmp_path, [], masks)
    assert [entry.name for entry in open_source(str(tmp_path)).entries] == masks
    assert [entry.label for entry in open_source(str(tmp_path / "set/masks")).entries] == ["masks"] * 3


def test_masks_under_any_name_inside_a_class(tmp_path: Path) -> None:
    pictures = [f"{label}/raw/{n}.png" for label in "ab" for n in range(4)]
    write(tmp_path, pictures, [name.replace("raw", "lungs") for name in pictures])
    source = open_source(str(tmp_path))
    assert [entry.name for entry in source.entries] == pictures
    assert source.warnings[0].startswith("8 masks are left out")


def test_folders_of_the_same_names_that_are_no_masks_stay(tmp_path: Path) -> None:
    """Two views of one patient each, and folders of patients that number their pictures alike."""
    names = [f"a/{view}/{n}.png" for view in ("front", "side") for n in range(4)] + ["b/p1/1.png", "b/p2/1.png"]
    write(tmp_path, names, [])
    assert sorted(entry.name for entry in open_source(str(tmp_path)).entries) == sorted(names)


def test_masks_of_another_size_are_pictures(tmp_path: Path) -> None:
    pictures = [f"{label}/raw/{n}.png" for label in "ab" for n in range(4)]
    write(tmp_path, pictures, [])
    for name in pictures:
        path = tmp_path / name.replace("raw", "icons")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(mask_png(1, side=30))
    assert len(open_source(str(tmp_path)).entries) == 16


def test_masks_inside_the_folders_of_named_classes(tmp_path: Path) -> None:
    pictures = [f"{label}/images/{n}.png" for label in ("COVID", "Normal") for n in range(3)]
    masks = [name.replace("images", "masks") for name in pictures]
    write(tmp_path, pictures, masks)
    source = open_source(f"classes:covid={tmp_path}/COVID;normal={tmp_path}/Normal")
    assert {entry.name: entry.label for entry in source.entries} == {
        name: name.split("/")[0].lower() for name in pictures
    }
    assert [line.startswith("3 masks are left out") for line in source.warnings] == [True, True, False]
    # A class may be one of masks.
    source = open_source(f"classes:picture={tmp_path}/*/images;mask={tmp_path}/*/masks")
    assert sorted(entry.name for entry in source.entries if entry.label == "mask") == masks


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (mask_png(1), True),
        (mask_png(1, levels=(0, 1)), True),
        (mask_png(1, 96, suffix="JPEG"), True),
        (png(1, 96, 96), False),
    ],
)
def test_what_has_the_values_of_a_mask(content: bytes, expected: bool) -> None:
    assert few_valued(decode(content, channels=None, name="x")) is expected
