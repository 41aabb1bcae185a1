"""Numbered pictures in a folder."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_core import images, importers
from gan_core.errors import UserError
from gan_core.importers import ImportOptions, pictures
from tests.helpers.trainings_elsewhere import SIDE, grid, trained


@pytest.mark.parametrize(
    ("names", "numbers", "unit"),
    [
        (["0.png", "400.png", "10.png"], [0, 10, 400], ""),
        (["epoch_01.png", "epoch_02.png"], [1, 2], "epoch"),
        (["v2_iter100.jpg", "v2_iter200.jpg"], [100, 200], "step"),
        (["1_0.png", "1_400.png", "2_100.png"], [0, 100, 400], ""),  # the second number is different in each
        (["1_0.png", "1_400.png", "2_400.png"], [1, 2], ""),
        (["sample_3.png", "loss.png", "logo.png"], [3], ""),
        (["a1.png", "a2.png", "b1.png"], [1, 2], ""),
        (["fake_ep3.png", "fake_ep4.png"], [3, 4], "epoch"),
        ([f"{'9' * 40}.png", "1.png"], [1], ""),
    ],
)
def test_which_number_of_a_name_counts(names: list[str], numbers: list[int], unit: str, tmp_path: Path) -> None:
    found = pictures.numbered(tmp_path, names)
    assert found is not None and (list(found.files), found.unit) == (numbers, unit)


def test_names_without_numbers_are_none_and_what_is_left_out_is_told(tmp_path: Path) -> None:
    assert pictures.numbered(tmp_path, ["loss.png"]) is None
    found = pictures.numbered(tmp_path, ["1_0.png", "1_4.png", "2_4.png", "x1.png"])
    assert found is not None and found.files == {1: "1_4.png", 2: "2_4.png"}
    assert found.notes == (
        "1 of 3 pictures share a number with a later one",
        "1 pictures with other names were left out",
    )


def test_pictures_alone(tmp_path: Path) -> None:
    (tmp_path / "run" / "out").mkdir(parents=True)
    for epoch in (1, 2, 3):
        images.save_png(tmp_path / "run" / "out" / f"epoch{epoch}.png", grid(trained()[epoch].samples))
    found = importers.read("auto", tmp_path / "run")
    assert (found.kind, found.counts, found.image_size, found.rows) == ("pictures", "epoch", SIDE, 0)
    np.testing.assert_array_equal(found.pictures[3](), grid(trained()[3].samples))
    assert importers.read("pictures", tmp_path / "run", ImportOptions(x="step")).counts == "step"
    given = importers.read("pictures", tmp_path / "run", ImportOptions(grid=(4, 4)))
    np.testing.assert_array_equal(given.pictures[3](), grid(trained()[3].samples))
    with pytest.raises(UserError, match=r"--grid 3x5: a picture of 74 x 74 pixels does not hold so many"):
        importers.read("pictures", tmp_path / "run", ImportOptions(grid=(3, 5)))


def test_every_suffix_of_a_jpeg_is_one(tmp_path: Path) -> None:
    for epoch, suffix in enumerate(("jpg", "jpeg", "jpe", "jfif")):
        Image.fromarray(grid(trained()[1].samples)[..., 0]).save(tmp_path / f"epoch{epoch}.{suffix}", "JPEG")
    found = importers.read("pictures", tmp_path)
    assert (found.counts, list(found.pictures)) == ("epoch", [0, 1, 2, 3])


def test_links_are_no_pictures(tmp_path: Path) -> None:
    images.save_png(tmp_path / "1.png", np.zeros((16, 16, 1), np.uint8))
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "1.png").symlink_to(tmp_path / "1.png")
    (folder / "out").symlink_to(tmp_path)
    with pytest.raises(UserError, match="holds no numbered pictures"):
        importers.read("pictures", folder)


def test_more_sheets_than_a_run_has_are_thinned_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST", 3)
    chosen, notes = pictures.thinned(dict.fromkeys(range(9), lambda: np.zeros((8, 8, 1), np.uint8)))
    assert list(chosen) == [0, 4, 8]
    assert notes == ("6 of 9 sheets were left out, evenly: a run has at most 3",)
