"""Folders become classes and splits."""

import pytest

from gan_core.data.layout import arrange, is_picture_name, split_and_class


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
        ("a/1.JFIF", True),
        ("a/1.jpe", True),
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


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("trainA", ("train", "A")),
        ("testB", ("test", "B")),
        ("validationA", ("val", "A")),
        ("train_A", ("train", "A")),
        ("Test-normal", ("test", "normal")),
        ("val pneumonia x", ("val", "pneumonia x")),
        ("COVID_train", ("train", "COVID")),
        ("training_set", ("train", "")),
        ("test-images", ("test", "")),
        ("train", None),
        ("trained", None),
        ("TRAINING", None),
        ("strain_A", None),
        ("normal", None),
    ],
)
def test_split_and_class_in_one_name(folder: str, expected: tuple[str, str] | None) -> None:
    assert split_and_class(folder) == expected


def test_folders_of_split_and_class() -> None:
    assert placed(["set/testA/1.png", "set/testB/1.png", "set/trainA/1.png", "set/trainB/deep/2.png"]) == [
        ("A", "test"),
        ("B", "test"),
        ("A", "train"),
        ("B", "train"),
    ]
    assert placed(["train_covid/1.png", "train_normal/2.png"]) == [("covid", "train"), ("normal", "train")]


def test_folders_of_a_split_alone_under_a_longer_name() -> None:
    paths = [f"{part}/{part}/{label}/1.png" for part in ("test_set", "training_set") for label in ("cats", "dogs")]
    assert placed(paths) == [("cats", "test"), ("dogs", "test"), ("cats", "train"), ("dogs", "train")]
    assert placed(["test_images/1.png", "train_images/2.png"]) == [("title", "test"), ("title", "train")]


@pytest.mark.parametrize("folders", [("test_negative", "test_positive"), ("normal", "train_wreck"), ("train_A",)])
def test_classes_that_only_look_like_splits(folders: tuple[str, ...]) -> None:
    assert placed([f"{folder}/1.png" for folder in folders]) == [(folder, None) for folder in folders]


def test_classes_that_differ_by_case_or_unicode_form_are_one() -> None:
    composed, decomposed = "Pn\u00e9umonie", "Pne\u0301umonie"
    paths = ["COVID/1.png", "COVID/2.png", "Covid/3.png", f"{composed}/4.png", f"{decomposed}/5.png", "\u00df/6.png"]
    places, warnings = arrange(paths, "title")
    assert {place.path: place.label for place in places} == {
        **dict.fromkeys(paths[:3], "COVID"),
        **dict.fromkeys(paths[3:5], composed),
        paths[5]: "\u00df",
    }
    assert warnings[0] == (
        "the class folders 'COVID' (2 images) and 'Covid' (1 images) differ in case, spaces or Unicode form only "
        "and are one class, 'COVID'"
    )
    assert len(warnings) == 2
    # A space at the end of a name is not seen.
    assert placed(["a/1.png", "a/2.png", "a /3.png"]) == [("a", None)] * 3
    # Over splits too; a name that stands alone keeps its form.
    assert placed(["test/covid/1.png", "train/COVID/1.png", "train/COVID/2.png"])[0] == ("COVID", "test")
    assert placed([f"{decomposed}/1.png", "a/1.png"]) == [(decomposed, None), ("a", None)]


def test_a_second_copy_of_the_folders_is_no_class() -> None:
    """brain_tumor_dataset, as its zip is packed."""
    paths = [f"{label}/{n}.png" for label in ("yes", "no") for n in range(3)]
    again = [f"brain_tumor_dataset/{path}" for path in paths]
    places, warnings = arrange(paths + again, "title")
    assert [(place.path, place.label) for place in places] == [(path, path.split("/")[0]) for path in sorted(paths)]
    assert warnings == [
        "folder 'brain_tumor_dataset' has the folders beside it once more, 6 copies are left out: "
        "brain_tumor_dataset/no/0.png, brain_tumor_dataset/no/1.png, brain_tumor_dataset/no/2.png, ..."
    ]
    # Of splits too, and packed twice; what is new there joins no split.
    paths = [f"{part}/{label}/1.png" for part in ("train", "test") for label in "ab"]
    more = [f"x/y/{path}" for path in paths] + ["x/y/train/a/new.png"]
    places, warnings = arrange(paths + more, "title")
    assert [place.path for place in places] == sorted(paths)
    assert "4 copies are left out" in warnings[0] and "1 images lie outside the train" in warnings[1]


def test_a_folder_inside_a_class_is_no_second_copy() -> None:
    paths = ["no/1.png", "other/no/1.png", "other/maybe/1.png", "yes/1.png"]
    assert [label for label, _ in placed(paths)] == ["no", "other", "other", "yes"]
