"""Measures where in the lungs opacity lies, from masks that radiologists drew on X-rays of adults with COVID-19.

    python -m tools.build_opacity_atlas --masks ../shared/lesions --out gan_core/anatomy/opacity_atlas.safetensors

Only masks are read, no picture: `lungs` (outlines), `heart` (heart and mediastinum, taken off the lungs) and `opacity`
(0 none, 120 ground glass, 240 consolidation), and `files.csv`, whose column `patient` gives each patient the weight 1.
"""

import argparse
import csv
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gan_core import tensor_files
from gan_core.anatomy import lung_view
from gan_core.anatomy.lung_view import LungViews
from gan_core.anatomy.opacity_atlas import COLUMNS, ROWS, places

SOURCE = "GeneralBlockchain COVID-19 chest X-ray segmentations, masks of 69 X-rays of 47 patients, CC BY 4.0"
_LEAST = 1  # pixels of a cell, below which a picture says nothing of it


def counted(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return weighted sums of opaque shares and of weights, (2 kinds, 2 sides, ROWS, COLUMNS) and (2, ROWS, COLUMNS).

    The kinds: any opacity, consolidation.
    """
    with (folder / "files.csv").open(encoding="utf-8", newline="") as file:
        patients = {Path(row["file"]).stem: row["patient"] for row in csv.DictReader(file)}
    often = Counter(patients.values())
    sums, weights = np.zeros((2, 2, ROWS, COLUMNS)), np.zeros((2, ROWS, COLUMNS))
    for stem, patient in patients.items():
        outline, heart, opacity = (_read(folder / kind / f"{stem}.png") for kind in ("lungs", "heart", "opacity"))
        visible = (outline > 127) & (heart <= 127)
        shades = np.stack((visible * 255, (opacity > 60) * visible * 255, (opacity > 180) * visible * 255), 2)
        chests = [lung_view.described(shades[None, ..., [i]].astype(np.uint8), visible[None]) for i in (1, 2)]
        if not chests[0].kept.all():
            print(f"{stem} is left out: its visible lungs are no two lungs ({chests[0].reasons[0]})")
            continue
        views = [chest.views() for chest in chests]
        cells, area = _cells(views[0])
        seen = area >= _LEAST
        weight = seen / often[patient]
        weights += weight
        for kind, view in enumerate(views):
            opaque = np.bincount(cells, view.grey.numpy().ravel() * _inner(view), area.size)
            sums[kind] += weight * opaque.reshape(area.shape) / np.maximum(area, _LEAST)
    return sums, weights


def _cells(views: LungViews) -> tuple[np.ndarray, np.ndarray]:
    """Return the cell that each pixel of one picture's frame lies in, and the cells' areas, (2, ROWS, COLUMNS)."""
    sides, rows, columns = (place.numpy().ravel() for place in places(views))
    cells = np.ravel_multi_index((sides, rows.astype(int), columns.astype(int)), (2, ROWS, COLUMNS))
    area = np.bincount(cells, _inner(views), 2 * ROWS * COLUMNS)
    return cells, area.reshape(2, ROWS, COLUMNS)


def _inner(views: LungViews) -> np.ndarray:
    """Return 1 for pixels within the lungs and 0 for others: at the border the coordinates are blurred."""
    return (views.mask.numpy().ravel() > 0.9).astype(float)


def _read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure where in the lungs opacity lies, from radiologists' masks.")
    parser.add_argument("--masks", type=Path, required=True, help="folder of lungs, heart, opacity and files.csv")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    sums, weights = counted(options.masks)
    if not weights.all():
        parser.error(f"the masks in {options.masks} leave cells of the atlas empty: it takes more of them")
    any_opacity, consolidation = torch.from_numpy(sums / weights).float()
    tensors = {"opacity": any_opacity, "consolidation": consolidation}
    tensor_files.save(options.out, tensors, {"source": SOURCE, "weights": "each patient 1"})
    outer, lower = COLUMNS // 2, ROWS // 2
    for name, chance in tensors.items():
        whole = chance.sum()
        print(
            f"{name}: {chance.mean():.3f} of the lungs; outer half {chance[:, :, outer:].sum() / whole:.2f}, "
            f"lower half {chance[:, lower:].sum() / whole:.2f}"
        )


if __name__ == "__main__":
    main()
