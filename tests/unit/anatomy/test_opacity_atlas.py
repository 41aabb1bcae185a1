"""The atlas of opacity: what it says of COVID-19, and that it lies on each lung as it should."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan_core import tensor_files
from gan_core.anatomy import lung_view, opacity_atlas
from gan_core.anatomy.opacity_atlas import COLUMNS, ROWS
from tools import build_opacity_atlas


def two_lungs() -> np.ndarray:
    """Two equal ellipses side by side, bool (128, 128)."""
    y, x = np.mgrid[:128, :128]
    return np.minimum(*(((x - middle) / 20) ** 2 + ((y - 64) / 50) ** 2 for middle in (36, 92))) < 1


def views_of(mask: np.ndarray) -> lung_view.LungViews:
    return lung_view.described(np.full((1, 128, 128, 1), 90, np.uint8), mask[None]).views()


def test_the_atlas_says_what_radiologists_say_of_covid_19() -> None:
    atlas = opacity_atlas.load()
    assert atlas.shape == (2, 2, ROWS, COLUMNS)
    assert 0 <= atlas.min() <= atlas.max() <= 1
    assert (atlas[1] <= atlas[0] + 1e-6).all()  # consolidation is a part of all opacity
    opacity = atlas[0]
    assert opacity[:, ROWS // 2 :].mean() > 1.3 * opacity[:, : ROWS // 2].mean()  # the bases
    assert opacity[:, :, COLUMNS // 2 :].mean() > 1.1 * opacity[:, :, : COLUMNS // 2].mean()  # the periphery
    _, header = tensor_files.load(opacity_atlas.PATH)
    assert "CC BY 4.0" in header["source"]


@pytest.mark.parametrize(
    ("kind", "cell", "share"),
    [("opacity", (0, 13, 0), 0.370), ("opacity", (1, 15, 11), 0.388), ("consolidation", (1, 15, 11), 0.321)],
)
def test_at_the_edge_of_the_lungs_it_is_what_the_tool_counts(
    kind: str, cell: tuple[int, int, int], share: float
) -> None:
    """Where the places of `lung_view` are blurred, or mean something else, these cells are the first to differ."""
    assert opacity_atlas.load()[opacity_atlas.KINDS.index(kind)][cell] == pytest.approx(share, abs=0.001)


def test_it_lies_on_both_lungs_from_the_wall_inwards() -> None:
    views = views_of(two_lungs())
    chance = opacity_atlas.chance(views)
    assert chance.shape == views.mask.shape
    assert (chance > 0).all()  # outside the lungs the nearest place in them counts
    cells = np.linspace(0.05, 0.95, 13) * COLUMNS - 0.5
    for side, middle in ((0, 36), (1, 92)):
        shown = lung_view.paste(chance, views.boxes, (128, 128))[0, 0, 64, middle - 18 : middle + 19 : 3].numpy()
        half_way_down = opacity_atlas.load()[0, side, ROWS // 2 - 1 : ROWS // 2 + 1].mean(0).numpy()
        expected = np.interp(cells, np.arange(COLUMNS), half_way_down)
        assert np.corrcoef(shown if side else shown[::-1], expected)[0, 1] > 0.9
    sides, rows, columns = opacity_atlas.places(views)
    assert set(sides.unique().tolist()) == {0, 1}
    for places, count in ((rows, ROWS), (columns, COLUMNS)):
        assert places.min() >= 0
        assert places.max() < count


def test_pictures_are_looked_at_one_by_one() -> None:
    mask = two_lungs()
    shifted = np.roll(mask, 9, 1)
    both = lung_view.described(np.full((2, 128, 128, 1), 90, np.uint8), np.stack((mask, shifted))).views()
    together = opacity_atlas.chance(both, "consolidation")
    alone = opacity_atlas.chance(views_of(mask), "consolidation")
    assert torch.equal(together[:1], alone)


def test_it_is_counted_from_masks_with_a_patient_weighing_one(tmp_path: Path) -> None:
    lungs, left = two_lungs(), np.arange(128)[None] < 64
    rows = ["file,patient"]
    # One patient with two pictures without opacity, another with an opaque left half of the image.
    for number, (patient, opaque) in enumerate((("a", 0), ("a", 0), ("b", 120))):
        rows.append(f"{number}.jpg,{patient}")
        masks = {"lungs": lungs * 255, "heart": lungs * 0, "opacity": lungs * left * opaque}
        for kind, mask in masks.items():
            (tmp_path / kind).mkdir(exist_ok=True)
            Image.fromarray(mask.astype(np.uint8)).save(tmp_path / kind / f"{number}.png")
    (tmp_path / "files.csv").write_text("\n".join(rows), encoding="utf-8")
    sums, weights = build_opacity_atlas.counted(tmp_path)
    chance = sums / np.maximum(weights, 1e-9)
    full = weights == weights.max()  # cells that no border cuts
    assert weights.max() == pytest.approx(2)
    assert chance[0, 0][full[0]] == pytest.approx(0.5, abs=0.01)
    assert chance[0, 1].max() == 0 and chance[1].max() == 0
