"""Two pictures side by side in one image: taken apart on request, and never cropped through in silence."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_core import data
from gan_core.config import nameless
from gan_core.data import seams
from gan_core.data.readers import open_source
from gan_core.data.readers.side_by_side import suggested
from gan_core.data.source import location
from gan_core.decode.image_files import quantise, resize
from gan_core.errors import UserError
from tests.helpers.pictures import picture, ready

SIDE = 48


def discs(seed: int, margin: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """uint8 (48, 48), twice: a textured disc, and the same one dark with a bright rim, on black."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    y, x, size = [*rng.uniform(16, 32, 2).tolist(), rng.uniform(5, 9)]
    distance = np.hypot(rows - y, columns - x) - size
    noise = rng.normal(0, 4, (2, SIDE, SIDE)) * (distance < 0)
    left = np.where(distance < 0, 200, margin) + noise[0]
    right = np.where(abs(distance) < 2, 220, np.where(distance < 0, 90, 0)) + noise[1]
    return left.clip(0, 255).astype(np.uint8), right.clip(0, 255).astype(np.uint8)


def save(path: Path, grey: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grey).save(path)


def pairs(root: Path, names: list[str], margin: int = 0) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    found = {name: discs(number, margin) for number, name in enumerate(names)}
    for name, both in found.items():
        save(root / name, np.hstack(both))
    return found


def expected(grey: np.ndarray) -> np.ndarray:
    return quantise(resize(grey[..., None].astype(np.float32) / 255, 16))


NAMES = [f"{part}/{n}.png" for part in ("test", "train", "val") for n in range(1, 7)]


def test_halves_are_entries_of_two_classes(tmp_path: Path) -> None:
    made = pairs(tmp_path / "maps", NAMES)
    prepared = ready(f"sidebyside:{tmp_path}/maps?left=photo%20B&right=map", tmp_path / "cache")
    assert prepared.classes == ("map", "photo B")
    assert dict(zip(prepared.names, prepared.splits.tolist(), strict=True)) == {
        f"{side}/{name}": name.split("/")[0] for side in prepared.classes for name in NAMES
    }
    for place, name in enumerate(prepared.names):
        side, _, inner = name.partition("/")
        assert np.array_equal(prepared.images[place], expected(made[inner][side == "map"]))


def test_halves_are_pairs_of_one_patient(tmp_path: Path) -> None:
    """Without splits of the source, and with names that hold the letter of a domain."""
    pairs(tmp_path / "set", [f"cmp_b{n:04}.png" for n in range(24)])
    prepared = ready(f"sidebyside:{tmp_path}/set", tmp_path / "cache", size=32)
    assert prepared.classes == ("A", "B") and len(set(prepared.patients)) == 24
    both = data.of_domains(prepared, ("A", "B"), paired=True)
    assert len(both.names) == 48 and all(sum(part.values()) for part in both.counts().values())
    for split in ("train", "val", "test"):
        index = both.indices(split)
        a, b = ([both.names[i] for i in index if both.labels[i] == side] for side in (0, 1))
        assert [name.removeprefix("A/") for name in a] == [name.removeprefix("B/") for name in b]


def test_pairs_whose_numbers_start_anew_in_every_split(tmp_path: Path) -> None:
    pairs(tmp_path / "maps", NAMES)
    prepared = ready(f"sidebyside:{tmp_path}/maps", tmp_path / "cache", size=32)
    both = data.of_domains(prepared, ("A", "B"), paired=True)
    assert both.counts() == {part: {"A": 6, "B": 6} for part in ("train", "val", "test")}


def test_folders_of_split_and_domain_are_pairs(tmp_path: Path) -> None:
    for number, name in enumerate(NAMES):
        part, _, file = name.partition("/")
        for domain, grey in zip("AB", discs(number), strict=True):
            save(tmp_path / "set" / f"{part}{domain}" / file, grey)
    prepared = ready(tmp_path / "set", tmp_path / "cache", size=32)
    both = data.of_domains(prepared, ("A", "B"), paired=True)
    assert both.counts() == {part: {"A": 6, "B": 6} for part in ("train", "val", "test")}


def test_a_part_of_the_source_loads_the_same(tmp_path: Path) -> None:
    made = pairs(tmp_path / "set", ["1.png", "2.png", "3.png"])
    source = open_source(f"sidebyside:{tmp_path}/set")
    part = source.part(2, 5)
    assert [entry.name for entry in part.entries] == ["A/3.png", "B/1.png", "B/2.png"]
    for index, (name, side) in enumerate((("3.png", 0), ("1.png", 1), ("2.png", 1))):
        loaded = part.load(index, 16)
        assert isinstance(loaded, bytes)
        whole = np.asarray(Image.open(io.BytesIO(loaded)))[..., None]
        assert np.array_equal(part.crop(index, whole)[..., 0], made[name][side])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sidebyside:", "there is no folder or zip ''"),
        ("sidebyside:{}/st", r"there is no folder or zip '.*st'\. Did you mean 'set'\?"),
        ("sidebyside:{}/set?lft=A", r"has no option 'lft'\. Did you mean 'left'\?"),
        ("sidebyside:{}/set?left=A&left=C", "left is given twice"),
        ("sidebyside:{}/set?left=", "the option left names a class"),
        ("sidebyside:{}/set?left=a%2Fb", "the option left names a class"),
        ("sidebyside:{}/set?left=B", "both halves are called 'B'"),
        ("sidebyside:{}/set?left=A%07", "unprintable"),
    ],
)
def test_what_is_wrong_with_the_text_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    pairs(tmp_path / "set", ["1.png", "2.png"])
    with pytest.raises(UserError, match=words) as caught:
        open_source(text.format(tmp_path))
    assert "\n" not in str(caught.value)


def test_narrow_images_have_no_halves(tmp_path: Path) -> None:
    pairs(tmp_path / "set", [f"{n}.png" for n in range(4)])
    save(tmp_path / "set/narrow.png", picture(1, 40, 14))
    prepared = ready(f"sidebyside:{tmp_path}/set", tmp_path / "cache")
    assert dict(prepared.skipped)["A/narrow.png"].startswith("half of it is 7 pixels wide")
    assert len(prepared.names) == 8


@pytest.mark.parametrize("margin", [0, 60])
def test_a_folder_of_pairs_is_not_cropped_through_the_seam(tmp_path: Path, margin: int) -> None:
    """Halves that meet in a step, and such that are both black there."""
    pairs(tmp_path / "maps", NAMES, margin)
    with pytest.raises(UserError) as caught:
        ready(tmp_path / "maps", tmp_path / "cache")
    line = str(caught.value)
    assert line == (
        "18 of 18 images of class 'maps' show two pictures side by side, and the centre crop would cut through both: "
        f"write 'sidebyside:{tmp_path}/maps?left=A&right=B' for the halves, or --fit pad to keep both in one"
    )
    words = re.search(r"write '(sidebyside:\S+)' for", line)
    assert ready(words[1] if words else "", tmp_path / "cache").classes == ("A", "B")
    kept = ready(tmp_path / "maps", tmp_path / "cache", fit="pad")
    (warning,) = (warning for warning in kept.warnings if "show two pictures side by side" in warning)
    assert str(tmp_path) in warning and str(tmp_path) not in nameless(warning)


def scenes(count: int, height: int, width: int, first: int = 0) -> list[np.ndarray]:
    return [picture(first + number, height, width) for number in range(count)]


def framed(grey: np.ndarray, border: int) -> np.ndarray:
    return np.pad(grey, border)


@pytest.mark.parametrize(
    ("kind", "warned"),
    [
        (scenes(12, 40, 80), True),  # panoramas
        (scenes(12, 40, 60), False),  # wide X-rays
        ([np.hstack([one, one[:, ::-1]]) for one in scenes(12, 40, 40)], True),  # panoramas of a jaw: mirrored halves
        # Both hands on black, in one image.
        ([np.hstack([framed(one, 8), framed(one[:, ::-1], 8)]) for one in scenes(12, 32, 32)], True),
        # Two objects on black that are not alike.
        (
            [
                np.hstack([framed(a, 8), framed(b, 8)])
                for a, b in zip(scenes(12, 32, 32), scenes(12, 32, 32, 50), strict=True)
            ],
            True,
        ),
    ],
)
def test_ordinary_wide_images_are_not_refused(tmp_path: Path, kind: list[np.ndarray], warned: bool) -> None:
    for number, grey in enumerate(kind):
        save(tmp_path / "set" / f"{number}.png", grey)
    prepared = ready(tmp_path / "set", tmp_path / "cache")
    lines = [line for line in prepared.warnings if "twice as wide" in line]
    assert len(lines) == warned
    if warned:
        assert (
            "12 of 12 images of class 'set' are twice as wide as high, and the crop keeps the middle half" in lines[0]
        )


def test_real_x_rays_cut_to_two_to_one_are_not_refused(real_data: Path) -> None:
    found = []
    for path in sorted((real_data / "covid/train").rglob("*.*"))[::8]:
        grey = np.asarray(Image.open(path).convert("L"))
        side = min(grey.shape[0], grey.shape[1] // 2)
        found.append(seams.look(grey[(grey.shape[0] - side) // 2 :][:side, : 2 * side]))
    assert len(found) > 100 and all(halves is not None and halves.exact for halves in found)
    assert not any(halves.step >= 1.2 for halves in found if halves)  # the limit is 1.5
    assert not seams.are_pairs([halves for halves in found if halves])


def test_a_few_pairs_among_others_are_ordinary() -> None:
    labels = ["a"] * 20
    found = [seams.look(np.hstack(discs(n, 60))) if n < 10 else None for n in range(20)]
    assert seams.doubts("set", labels, found, "crop") == []
    # A class of its own is enough.
    with pytest.raises(UserError, match="10 of 10 images of class 'a'"):
        seams.doubts("set", ["a"] * 10 + ["b"] * 10, found, "crop")


def test_halves_that_are_no_squares_are_known_by_the_step() -> None:
    found = [seams.look(np.hstack(discs(n, 60))[:, 12:84]) for n in range(10)]
    assert all(one is not None and not one.exact for one in found)
    with pytest.raises(UserError, match="show two pictures side by side"):
        seams.doubts("set", ["a"] * 10, found, "crop")


def test_what_is_suggested_can_be_opened(tmp_path: Path) -> None:
    folder = tmp_path / "what? 100%"
    pairs(folder, ["1.png", "2.png"])
    text = suggested(str(folder))
    assert [entry.label for entry in open_source(text).entries] == ["A", "A", "B", "B"]
    assert location("sidebyside:maps?left=A&right=B") == "maps"
    assert suggested("hf:a/b") == "sidebyside:FOLDER?left=A&right=B"
