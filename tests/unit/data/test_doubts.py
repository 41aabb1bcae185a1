"""The lines about a data set that `doubts` makes: few, short, and with the right numbers."""

import pytest

from gan_core.config import nameless
from gan_core.data import doubts


def test_small_classes_are_one_line() -> None:
    assert doubts.small_classes(["a"] * 10) == []
    assert doubts.small_classes(["a"] * 10 + ["b"]) == ["class 'b' has only 1 image"]
    labels = [name for name in "abcde" for _ in range(9)] + ["f"] * 10
    (line,) = doubts.small_classes(labels)
    assert line == "5 classes have fewer than 10 images each: a, b, c, ..."
    assert nameless(line) == "5 classes have fewer than 10 images each"


def test_long_names_are_fewer() -> None:
    assert doubts.few_names(["a", "b"]) == "a, b"
    assert doubts.few_names(["a", "b", "c", "d"]) == "a, b, c, ..."
    long = [f"{'folder/' * 8}{number}.nii" for number in range(3)]
    assert doubts.few_names(long) == f"{long[0]}, ..."
    assert doubts.few_names(long[:1]) == long[0] and doubts.few_names([]) == ""


@pytest.mark.parametrize(
    ("headers", "doubted"),
    [
        (["P1", "P1", "P2", "P2", "P3", "P3"], True),
        (["P1", "P1", "P1", "P1", "P1", "P1"], False),  # anonymised
        (["P1", "P4", "P2", "P2", "P3", "P3"], False),  # a class of two persons
        (["P1", "P1", "P2", "P2", "P3", ""], False),
    ],
)
def test_classes_with_a_patient_each_are_doubted(headers: list[str], doubted: bool) -> None:
    found = doubts.patient_classes(list("aabbcc"), headers)
    assert [line.startswith("each of the 3 classes has a PatientID of its own") for line in found] == [True] * doubted
    assert doubts.patient_classes(list("aabb"), ["P1", "P1", "P2", "P2"]) == []
