"""One patient, one split; the same for ever."""

import random
from collections import Counter

import pytest

from gan_core.data.splits import on_both_sides, place_of, split, union


def patients(count: int, name: str = "person", seed: int = 0) -> list[str]:
    """One to seven images for each of so many patients."""
    rng = random.Random(seed)
    return [f"{name}{number}" for number in range(count) for _ in range(rng.randint(1, 7))]


@pytest.mark.parametrize("count", [40, 299, 300, 2000])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_eighty_ten_ten_of_every_class_and_nobody_twice(count: int, seed: int) -> None:
    groups = patients(count) + patients(count // 2, "IM-")
    labels = ["sick" if name.startswith("person") else "well" for name in groups]
    parts = split(groups, labels, seed)
    assert not on_both_sides(groups, parts)
    for label in set(labels):
        mine = [part for part, other in zip(parts, labels, strict=True) if other == label]
        for part, share in (("train", 0.8), ("val", 0.1), ("test", 0.1)):
            assert abs(mine.count(part) / len(mine) - share) < 0.06


def test_the_order_of_the_images_does_not_matter() -> None:
    for count in (50, 500):
        groups = patients(count)
        labels = ["ab"[int(name[6:]) % 2] for name in groups]
        before = dict(zip(groups, split(groups, labels, 0), strict=True))
        pairs = list(zip(groups, labels, strict=True))
        random.Random(1).shuffle(pairs)
        again = split([group for group, _ in pairs], [label for _, label in pairs], 0)
        assert before == dict(zip([group for group, _ in pairs], again, strict=True))


def test_other_classes_and_fewer_files_keep_every_patient_in_place() -> None:
    groups = patients(1600)
    before = dict(zip(groups, split(groups, ["sick"] * len(groups), 0), strict=True))
    finer = ["virus" if int(name[6:]) % 3 else "bacteria" for name in groups]
    assert dict(zip(groups, split(groups, finer, 0), strict=True)) == before
    half = groups[: len(groups) // 2]
    assert all(before[name] == part for name, part in zip(half, split(half, ["sick"] * len(half), 0), strict=True))


def test_the_split_of_these_patients_is_fixed_for_good() -> None:
    """What is shipped was trained on the train part: should this fail, held-out images have been trained on."""
    places = [round(place_of(name, 0), 4) for name in ("person1", "person2", "IM-0115", "IM-0117")]
    assert places == [0.4378, 0.4025, 0.9196, 0.7388]
    assert place_of("person1", 0) != place_of("person1", 1)


def test_places_are_evenly_spread() -> None:
    places = Counter(int(10 * place_of(f"person{number}", 0)) for number in range(20_000))
    assert set(places) == set(range(10))
    assert all(1800 < count < 2200 for count in places.values())


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, (1, 0, 0)), (2, (1, 1, 0)), (3, (1, 1, 1)), (10, (8, 1, 1)), (30, (24, 3, 3)), (100, (80, 10, 10))],
)
def test_small_classes_hold_something_out(count: int, expected: tuple[int, int, int]) -> None:
    groups = [f"p{number}" for number in range(count)]
    parts = split(groups, ["one"] * count, 0)
    assert tuple(parts.count(part) for part in ("train", "val", "test")) == expected


def test_a_patient_with_most_of_the_images_goes_to_train() -> None:
    groups = ["big"] * 60 + [f"p{number}" for number in range(40)]
    for seed in range(5):
        parts = split(groups, ["one"] * 100, seed)
        assert parts[0] == "train"
        assert (parts.count("val"), parts.count("test")) == (10, 10)


def test_without_a_test_part_its_patients_stay_in_train() -> None:
    groups = patients(500)
    both, val = split(groups, ["one"] * len(groups), 0), split(groups, ["one"] * len(groups), 0, ("val",))
    assert {(a, b) for a, b in zip(both, val, strict=True)} == {("train", "train"), ("val", "val"), ("test", "train")}


def test_equal_pictures_tie_patients_together() -> None:
    groups = union(["a", "b", "c", "d", "e"], ["1", "2", "2", "3", "1"])
    assert groups == ["a", "b", "b", "d", "a"]
    chain = union(["c", "b", "b", "a"], ["1", "1", "2", "2"])
    assert chain == ["a", "a", "a", "a"]


def test_a_patient_of_two_splits_is_found() -> None:
    assert on_both_sides(["a", "b", "a"], ["train", "val", "test"]) == {"a": ("test", "train")}
