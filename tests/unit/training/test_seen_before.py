"""Images that a run holds out, and the run whose weights it begins with was trained on."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gan_core.config import Ancestry, RunConfig, to_dict
from gan_core.data import Prepared
from gan_core.training import seen_before
from tests.helpers.configs import CONFIG
from tests.helpers.pictures import fill, kermany, ready

OTHER_PATIENTS = r"(\d)[_-]"  # the last digit of a number: ten patients a class


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with images, in `set`, and with the cache."""
    monkeypatch.setenv("GANRAY_CACHE", str(tmp_path / "cache"))
    kermany(tmp_path / "set")
    return tmp_path


def prepared(source: object, **options: object) -> Prepared:
    return ready(source, None, **options)  # type: ignore[arg-type]


def trained(root: Path, on: Prepared, name: str = "before", begun: Ancestry | None = None) -> Ancestry:
    """Write the config of a run that was trained on these images, in `root`."""
    counts = tuple(on.counts()["train"].values())
    known = RunConfig(
        **vars(CONFIG)
        | {"source": on.source, "fingerprint": on.fingerprint, "classes": on.classes, "class_counts": counts}
        | {"data": on.summary(), "grown_from": begun}
    )
    (root / name).mkdir()
    (root / name / "config.json").write_text(json.dumps(to_dict(known)))
    return Ancestry(name, 1, 16, 1, 1, 1.0)


def doubt(now: Prepared, ancestry: Ancestry, root: Path, pattern: str | None = None) -> str:
    """The warning that is added, without its last clause."""
    found = seen_before.with_doubt(now, pattern, ancestry, root)
    added = found.warnings[: len(found.warnings) - len(now.warnings)]
    assert found.warnings[len(added) :] == now.warnings and len(added) < 2
    return added[0].removesuffix(f"; {seen_before._LOOKS}") if added else ""


def counted(before: Prepared, now: Prepared) -> str:
    """The line that is right where both name the same images alike."""
    theirs = {before.names[i] for i in before.indices("train")}
    held_out = [name for name, split in zip(now.names, now.splits, strict=True) if split != "train"]
    seen = len(theirs & set(held_out))
    assert 0 < seen < len(held_out)
    return f"'before' was trained on {seen} of the {len(held_out)} images that are held out now"


def test_the_same_split_at_another_size_is_no_doubt(place: Path) -> None:
    ancestry = trained(place, prepared(place / "set"))
    assert doubt(prepared(place / "set", size=32), ancestry, place) == ""


@pytest.mark.parametrize("size", [16, 32])
def test_another_pattern_is_counted(place: Path, size: int) -> None:
    before = prepared(place / "set")
    now = prepared(place / "set", size=size, patient_pattern=OTHER_PATIENTS)
    assert doubt(now, trained(place, before), place) == counted(before, now)


def test_new_pictures_are_counted(place: Path) -> None:
    before = prepared(place / "set", patient_pattern=OTHER_PATIENTS)
    ancestry = trained(place, before)
    fill(place / "set", [f"NORMAL/IM-{number:04}-0001.png" for number in range(20, 25)], 1000)
    now = prepared(place / "set")
    assert doubt(now, ancestry, place) == counted(before, now)


def test_another_place_counts_where_it_holds_the_same_images(place: Path) -> None:
    before = prepared(place / "set", patient_pattern=OTHER_PATIENTS)
    ancestry = trained(place, before)
    shutil.copytree(place / "set", place / "moved")
    now = prepared(place / "moved")
    assert doubt(now, ancestry, place) == counted(before, now)
    fill(place / "others", before.names, 1000)
    assert doubt(prepared(place / "others"), ancestry, place) == ""  # equal names of other images


def write_table(place: Path, names: list[str], first: int) -> str:
    rows = [f"{name},p{(first + number) % len(names)}" for number, name in enumerate(names)]
    (place / "table.csv").write_text("\n".join(["file,patient", *rows]) + "\n")
    return f"patients:{place / 'set'}?table=table.csv&file=file&patient=patient"


def test_a_corrected_table_is_counted(place: Path) -> None:
    names = prepared(place / "set").names
    before = prepared(write_table(place, names, 0))
    now = prepared(write_table(place, names, 1))
    assert before.fingerprint == now.fingerprint
    assert doubt(now, trained(place, before), place) == counted(before, now)


def without_digest(values: dict) -> None:
    del values["data"]["held_out"]


def without_data(values: dict) -> None:
    values["data"] = None


@pytest.mark.parametrize("older", [without_digest, without_data])
def test_without_the_prepared_images_it_is_only_known_that_the_split_is_another(
    place: Path, older: Callable[[dict], None]
) -> None:
    ancestry = trained(place, prepared(place / "set"))
    shutil.rmtree(place / "cache")
    now = prepared(place / "set", patient_pattern=OTHER_PATIENTS)
    held_out = int((now.splits != "train").sum())
    words = f"'before' knew another split, and may have seen some of the {held_out} images that are held out now"
    assert doubt(now, ancestry, place, OTHER_PATIENTS) == words
    path = place / "before" / "config.json"
    values = json.loads(path.read_text())
    older(values)
    path.write_text(json.dumps(values))
    assert doubt(now, ancestry, place, OTHER_PATIENTS) == words
    # Of a run of an older GANray, equal patterns and counts say that the split is the same.
    assert doubt(prepared(place / "set", size=32), ancestry, place) == ""


def test_the_beginnings_of_its_beginning_count(place: Path) -> None:
    before, now = prepared(place / "set", patient_pattern=OTHER_PATIENTS), prepared(place / "set")
    ancestry = trained(place, now, "between", trained(place, before))
    assert doubt(now, ancestry, place) == counted(before, now)
    shutil.rmtree(place / "before")
    assert doubt(now, ancestry, place) == ""


def test_a_run_keeps_the_doubt(place: Path) -> None:
    before, now = prepared(place / "set", patient_pattern=OTHER_PATIENTS), prepared(place / "set")
    found = seen_before.with_doubt(now, None, trained(place, before), place)
    kept = replace(CONFIG, data=found.summary())
    assert seen_before.doubt_in(kept) == found.warnings[0] != ""
    assert seen_before.doubt_in(CONFIG) == seen_before.doubt_in(replace(CONFIG, data=now.summary())) == ""


def test_a_source_that_is_no_path_is_another_one(place: Path) -> None:
    """A config may come from anybody."""
    before = trained(place, replace(prepared(place / "set"), source="a\0b"))
    assert not doubt(prepared(place / "set"), before, place)
