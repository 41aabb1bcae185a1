"""How near a translated MRI slice comes to the true one of the same anatomy: SSIM and PSNR inside the head.

    python -m tests.benchmarks.mri_pairs RUN --data ../shared/data/mri

Takes the validation pairs of the T1/T2 slices (T1 slice i belongs to T2 slice i + 60 for i < 41, to i + 70 above), at
the run's size, and puts beside each score what doing nothing would have scored.
"""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torchmetrics.functional.image import structural_similarity_index_measure

from gan_core import decoding, inference
from gan_core.runs import default_root, find_run


def pairs(folder: Path) -> list[tuple[Path, Path]]:
    """T1 and T2 files of the same slice."""
    found = []
    for path in sorted((folder / "T1").iterdir()):
        number = int(re.findall(r"\d+", path.stem)[-1])
        other = folder / "T2" / f"t2_{number + (60 if number < 41 else 70):03d}.png"
        if other.is_file():
            found.append((path, other))
    return found


def head(*pictures: np.ndarray) -> np.ndarray:
    """Where any of uint8 (S, S) is not background: bool (S, S), holes filled."""
    inside = np.maximum.reduce([ndimage.gaussian_filter(p.astype(np.float32), 1) for p in pictures]) > 12
    return ndimage.binary_fill_holes(inside)


def scores(picture: np.ndarray, truth: np.ndarray, inside: np.ndarray) -> tuple[float, float]:
    """SSIM (Wang 2004, Gaussian window of deviation 1.5) and PSNR in dB of uint8 (S, S) where `inside` is true."""
    a, b = (torch.from_numpy(p.astype(np.float32) / 255)[None, None] for p in (picture, truth))
    found = structural_similarity_index_measure(a, b, data_range=1.0, return_full_image=True)
    assert isinstance(found, tuple)
    error = float((a - b)[0, 0].square().numpy()[inside].mean())
    return float(found[1][0, 0].numpy()[inside].mean()), 10 * float(np.log10(1 / error))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--data", type=Path, required=True, help="the folder with train/ and val/")
    parser.add_argument("--runs", type=Path, default=default_root())
    options = parser.parse_args()
    model = inference.load(find_run(options.run, options.runs))
    settled = model.config

    def read(path: Path) -> np.ndarray:
        picture = decoding.resize(decoding.decode(path), settled.image_size, settled.fit)
        return decoding.quantise(picture).transpose(1, 2, 0)

    found = pairs(options.data / "val")
    print(f"{len(found)} pairs, one head, neighbouring slices, {settled.image_size} px")
    print("direction  pair                       SSIM  nothing    PSNR  nothing")
    for source, target in (("T1", "T2"), ("T2", "T1")):
        rows = []
        for files in found:
            given, truth = (read(files[name == "T2"]) for name in (source, target))
            made = model.translate(given[None], target)[0]
            inside = head(given[..., 0], truth[..., 0])
            rows.append([*scores(made[..., 0], truth[..., 0], inside), *scores(given[..., 0], truth[..., 0], inside)])
            show(source, target, f"{files[0].stem} and {files[1].stem}", rows[-1])
        show(source, target, "mean", np.mean(rows, 0))


def show(source: str, target: str, name: str, row: Sequence[float]) -> None:
    similarity, decibels, nothing, nothing_decibels = row
    print(
        f"{source} to {target}   {name:<24}{similarity:7.3f}  {nothing:7.3f}  {decibels:6.2f}  {nothing_decibels:7.2f}"
    )


if __name__ == "__main__":
    main()
