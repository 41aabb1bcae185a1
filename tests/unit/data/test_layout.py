"""Folders become classes and splits."""

import pytest

from gan_core.data.layout import arrange, is_picture_name


def placed(paths: list[str]) -> list[tuple[str, str | None]]:
    return [(place.label, place.split) for place in arrange(paths, "title")[0]]


def test_one_folder_a_class() -> None:
    assert placed(["b/1.png", "a/1.png", "a/deep/2.png"]) == [("a", None), ("a", None), ("b", None)]


def test_flat_is_one_class_named_after_the_folder() -> None:
    assert placed(["1.png", "2.png"]) == [("title", None), ("title", None)]
    assert placed(["chest/1.png", "chest/2.png"]) == [("chest", None), ("chest", None)]


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("train", "train"),
        ("Training", "train"),
        ("valid", "val"),
        ("VALIDATION", "val"),
        ("val", "val"),
        ("test", "test"),
        ("testing", "test"),
    ],
)
def test_the_names_of_splits(folder: str, split: str) -> None:
    assert placed([f"{folder}/a/1.png", f"{folder}/b/1.png"]) == [("a", split), ("b", split)]
    assert placed([f"{folder}/1.png"]) == [("title", split)]


def test_wrapping_folders_are_looked_through() -> None:
    paths = [f"top/chest_xray/{split}/{label}/1.png" for split in ("test", "train") for label in "ab"]
    assert placed(paths) == [("a", "test"), ("b", "test"), ("a", "train"), ("b", "train")]
    assert placed(["top/a/1.png", "top/b/1.png"]) == [("a", None), ("b", None)]


def test_splits_win_and_what_lies_beside_them_is_named() -> None:
    places, warnings = arrange(["extra/1.png", "train/a/1.png", "val/a/2.png", "train/loose.png"], "title")
    assert [(place.path, place.split) for place in places] == [("train/a/1.png", "train"), ("val/a/2.png", "val")]
    assert len(warnings) == 2
    assert "extra/1.png" in warnings[0] and "train/loose.png" in warnings[1]


def test_loose_images_beside_class_folders_are_named() -> None:
    places, warnings = arrange(["a/1.png", "b/1.png", "readme.png"], "title")
    assert len(places) == 2 and "1 images lie beside the class folders and are left out: readme.png" in warnings[0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/1.PNG", True),
        ("a/1.dcm", True),
        ("a/1.webp", True),
        ("a/1.txt", False),
        ("a/.1.png", False),
        ("__MACOSX/a/1.png", False),
        (".git/1.png", False),
        ("a/1.svg", False),
        ("a/1.gif", False),
        ("a/png", False),
    ],
)
def test_what_counts_as_a_picture(name: str, expected: bool) -> None:
    assert is_picture_name(name) is expected
