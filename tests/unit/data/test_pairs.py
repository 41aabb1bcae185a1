"""Which pictures are pairs: what names say, what the pictures say to that, and one line where it does not fit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gan_core import data
from gan_core.data import Prepared, pairs
from gan_core.data.readers import phantom
from gan_core.errors import UserError
from gan_core.training.sampler import Batches
from tests.helpers.training import make_pairs, make_pictures

HEADS = "phantom:mri?bodies=16&seed=2"


@pytest.fixture(scope="module")
def heads() -> Prepared:
    return data.prepare(HEADS, size=32, progress=False)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = make_pairs(tmp_path_factory.mktemp("pairs") / "shapes", 24)
    (folder / "disc" / "pair003.png").unlink()
    return data.prepare(str(folder), size=32, progress=False)


def body(prepared: Prepared, place: int) -> str:
    return Path(prepared.names[place]).stem


def test_drawn_bodies_are_pairs_in_one_split(heads: Prepared) -> None:
    found = data.of_domains(heads, ("T2", "T1"), paired=True)
    assert found.counts() == {"train": {"T2": 12, "T1": 12}, "val": {"T2": 2, "T1": 2}, "test": {"T2": 2, "T1": 2}}
    for split in ("train", "val", "test"):
        index = found.indices(split)
        a, b = index[found.labels[index] == 0], index[found.labels[index] == 1]
        assert [body(found, i) for i in a] == [body(found, i) for i in b]
        assert all(found.names[i].startswith("T2/") for i in a)
    assert found.fingerprint == heads.fingerprint


def test_a_shuffled_batch_is_of_pairs(shapes: Prepared) -> None:
    found = data.of_domains(shapes, ("disc", "ring"), paired=True)
    train = found.indices("train")
    batches = Batches(found.labels[train], 4, seed=5, by_domain=True, paired=True)
    seen: list[str] = []
    for step in range(batches.steps_per_epoch):
        for rank in (0, 1):
            chosen = train[batches.choose(step, rank, 2)]
            left, right = np.split(chosen, 2)
            assert [body(found, i) for i in left] == [body(found, i) for i in right]
            assert (found.labels[left] == 0).all() and (found.labels[right] == 1).all()
            seen += [body(found, i) for i in left]
    assert len(seen) == len(set(seen)) and seen != sorted(seen)
    assert not np.array_equal(batches.choose(0), batches.choose(batches.steps_per_epoch))
    assert "pair003" not in {body(found, i) for i in range(len(found.names))}  # it has no partner


@pytest.mark.parametrize(
    ("name", "domain", "shared"),
    [
        ("train/T1/p7_3.png", "T1", "p7_3"),
        ("val/T2/P7_3.PNG", "T2", "p7_3"),
        ("p7_T1_3.png", "T1", "p7__3"),
        ("scan_a_12.png", "a", "scan__12"),
        ("T10_T1.png", "T1", "t10"),
        ("bar007.png", "bar", "007"),
        ("T1/T1.png", "T1", None),
        ("anna/T1/4.png", "T1", "anna/4"),
    ],
)
def test_what_the_names_of_a_pair_share(name: str, domain: str, shared: str | None) -> None:
    assert pairs._by_name(name, domain) == shared


def renamed(prepared: Prepared, names: list[str]) -> Prepared:
    return replace(prepared, names=names)


def test_a_pattern_finds_what_names_share(heads: Prepared) -> None:
    numbers = [int(body(heads, i).rpartition("_")[2]) for i in range(len(heads.names))]
    names = [f"{i:03d}-of-head{number}.png" for i, number in enumerate(numbers)]
    other = renamed(heads, names)
    assert not len(pairs.find(other, ("T1", "T2")))
    found = pairs.find(other, ("T1", "T2"), r"head(\d+)")
    assert len(found) == 16
    assert all(numbers[a] == numbers[b] for a, b in found.tolist())


def test_the_shared_slices_are_numbered_apart(heads: Prepared) -> None:
    def name(place: int) -> str:
        number, kind = int(body(heads, place).rpartition("_")[2]) + 30, heads.classes[heads.labels[place]]
        return f"{kind}/t1_{number:03d}.png" if kind == "T1" else f"{kind}/{pairs.partner(f't1_{number:03d}.png')}"

    found = pairs.find(renamed(heads, [name(i) for i in range(len(heads.names))]), ("T1", "T2"))
    assert len(found) == 16
    assert all(body(heads, a) == body(heads, b) for a, b in found.tolist())


def test_what_makes_no_pairs_is_one_line(heads: Prepared, tmp_path: Path) -> None:
    shapes = data.prepare(str(make_pictures(tmp_path / "shapes", 12)), size=32, progress=False)
    with pytest.raises(UserError, match="pair 12 images of 'bar' and 'disc', but they are no more alike"):
        data.of_domains(shapes, ("bar", "disc"), paired=True)
    nameless = renamed(shapes, [f"{i}.png" for i in range(24)])
    with pytest.raises(UserError, match="has no pairs of 'bar' and 'disc': give both images of a pair one file name"):
        data.of_domains(nameless, ("bar", "disc"), paired=True)
    with pytest.raises(UserError, match="by --pair-pattern 'x"):
        data.of_domains(nameless, ("bar", "disc"), True, r"x(\d)")
    with pytest.raises(UserError, match="finds '0' in two images of 'bar'"):
        data.of_domains(nameless, ("bar", "disc"), True, r"(0)")
    for pattern, words in (("(", "not a regular expression"), (r"\d", "has 0 groups")):
        with pytest.raises(UserError, match=words):
            data.of_domains(shapes, ("bar", "disc"), True, pattern)
    single = data.prepare("phantom:mri?images=8", size=32, progress=False)
    with pytest.raises(UserError, match=r"write phantom:mri\?bodies=500"):
        data.of_domains(single, ("T1", "T2"), paired=True)
    splits = heads.splits.copy()
    splits[0] = "val" if splits[0] == "train" else "train"
    with pytest.raises(UserError, match=r"1 of 16 pairs lie in two splits, .*--patient-pattern"):
        data.of_domains(replace(heads, splits=splits), ("T1", "T2"), paired=True)


def test_who_needs_no_pairs_gets_all(heads: Prepared) -> None:
    assert data.of_domains(heads, ("T1", "T2"), paired=False) is heads


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mri?bodies=4&images=8", "takes either images"),
        ("mri?bodies=1", "bodies of phantom:mri must be a whole number from 2"),
    ],
)
def test_bodies_are_asked_for_by_number(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        phantom.open_phantom(text)
