"""SSIM and PSNR of translated MRI slices against the true slices of the same anatomy, inside the head.

    python -m benchmarks.mri_pairs RUN --data ../shared/data/mri

Takes the validation pairs of the T1/T2 slices at the run's size. Each score stands beside that of the untranslated
slice.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gan_core import inference
from gan_core.decode import image_files
from gan_core.evaluation.ground_truth import head, pairs, scores
from gan_core.runs import default_root, find_run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--data", type=Path, required=True, help="the folder with train/ and val/")
    parser.add_argument("--runs", type=Path, default=default_root())
    options = parser.parse_args()
    model = inference.load(find_run(options.run, options.runs))
    config = model.config

    def read(path: Path) -> np.ndarray:
        picture = image_files.resize(image_files.decode(path, scale=config.scale), config.image_size, config.fit)
        return image_files.quantise(picture).transpose(1, 2, 0)

    found = pairs(options.data / "val")
    print(f"{len(found)} pairs, one head, neighbouring slices, {config.image_size} px")
    print("direction  pair                       SSIM   before    PSNR   before")
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
    """Print a row of the table."""
    ssim, psnr, untranslated_ssim, untranslated_psnr = row
    print(
        f"{source} to {target}   {name:<24}{ssim:7.3f}  {untranslated_ssim:7.3f}  {psnr:6.2f}  {untranslated_psnr:7.2f}"
    )


if __name__ == "__main__":
    main()
