"""The first look at a source that the Train page shows: what it says, when it is made anew, and that it never fails."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dashboard.library import source_preview
from dashboard.library.source_preview import Look
from tests.helpers.pictures import fill


def looked(source: object, pattern: str | None = None, fit: str = "crop") -> Look:
    wanted = source_preview.request(str(source), pattern, fit)
    assert wanted is not None
    found = source_preview.look(wanted)
    assert found.done.wait(60)
    return found


def test_a_look_shows_a_few_images_of_each_class(tmp_path: Path) -> None:
    fill(tmp_path, [f"{label}/{number}.png" for label in ("a", "b", "c") for number in range(4)])
    (tmp_path / "a" / "0.png").write_bytes(b"no image")
    found = looked(tmp_path)
    assert found.problem == "" and found.summary is not None
    assert (found.summary.images, found.summary.classes) == (12, ("a", "b", "c"))
    assert [one.label for one in found.thumbnails] == ["b", "c", "a", "b", "c", "a", "b", "c"]
    assert len({one.name for one in found.thumbnails}) == 8
    assert [name for name, _ in found.unreadable] == ["a/0.png"]
    sizes = {Image.open(io.BytesIO(one.content)).size for one in found.thumbnails}
    assert sizes == {(source_preview.SIDE, source_preview.SIDE)}
    assert source_preview.classes(str(tmp_path)) == ("a", "b", "c")


def test_a_look_is_kept_until_the_folder_changes(tmp_path: Path) -> None:
    fill(tmp_path, ["a/0.png", "b/1.png"])
    first = looked(tmp_path)
    assert looked(tmp_path) is first
    assert looked(tmp_path, r"(\d)") is not first and looked(tmp_path, fit="pad") is not first
    fill(tmp_path, ["b/2.png"], first=5)
    os.utime(tmp_path / "b", ns=(1, 1))
    again = looked(tmp_path)
    assert again.summary is not None and again.summary.images == 3


def test_a_table_is_looked_at_with_its_labels(tmp_path: Path) -> None:
    fill(tmp_path, [f"{number}.png" for number in range(4)])
    (tmp_path / "labels.csv").write_text("f,l\n0.png,x\n1.png,x\n2.png,y\n3.png,\n")
    found = looked(f"table:{tmp_path}/labels.csv?file=f&label=l")
    assert found.summary is not None
    assert {name: count for name, count in found.summary.counts["train"].items() if count} == {"x": 1, "y": 1}
    assert "1 pictures are left out, because they have no label" in found.summary.warnings
    (tmp_path / "labels.csv").write_text("f,l\n0.png,x\n1.png,z\n2.png,y\n3.png,y\n")
    os.utime(tmp_path / "labels.csv", ns=(1, 1))
    again = looked(f"table:{tmp_path}/labels.csv?file=f&label=l")
    assert again.summary is not None and again.summary.classes == ("x", "y", "z")


def test_a_look_at_what_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    found = looked(tmp_path / "empty")
    assert found.summary is None and found.problem.startswith("there are no images in")
    fill(tmp_path / "set", ["a/0.png", "b/1.png"])
    assert "is not a regular expression" in looked(tmp_path / "set", "(").problem
    monkeypatch.setattr(source_preview, "decode_one", lambda *_: np.zeros(0)[1])
    found = looked(tmp_path / "set", fit="pad")
    assert found.summary is not None and found.thumbnails == () and "internal error" in found.problem


def test_a_network_is_never_asked() -> None:
    assert source_preview.request("hf:owner/name", None, "crop") is None
    assert source_preview.request("", None, "crop") is None
