"""Seconds and memory of preparing slices of NIfTI volumes: 55 slices of each of 20 packed volumes of 181 x 217 x 181.

    python -m benchmarks.volumes [--volumes 20] [--size 128]

The volumes are an ellipsoid of uneven tissue in noise, made anew in a temporary folder. Memory is the sum over the
process and its workers at its highest, read every 50 ms.
"""

import argparse
import tempfile
import threading
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import psutil
from scipy import ndimage

from gan_core import data

SHAPE = (181, 217, 181)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--volumes", type=int, default=20)
    parser.add_argument("--size", type=int, default=128, help="pixels per side")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "volumes"
        folder.mkdir()
        for number in range(options.volumes):
            write(folder / f"IXI{number:03}-Made-0001-T1.nii.gz", number)
        with Highest() as highest:
            begun = time.perf_counter()
            prepared = data.prepare(
                f"volumes:{folder}?every=2",
                size=options.size,
                fit="pad",
                cache=Path(temporary) / "cache",
                progress=False,
            )
            seconds = time.perf_counter() - begun
    megabytes = highest.bytes / 1024**2
    print(f"{len(prepared.names)} slices of {options.volumes} volumes: {seconds:.1f} s, {megabytes:.0f} MB at most")


def write(path: Path, seed: int) -> None:
    """Write a head-like volume, int16, packed to about 7 MB."""
    rng = np.random.default_rng(seed)
    x, y, z = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    axes = np.array([68, 85, 75]) + rng.normal(0, 3, 3)
    inside = ((x - 90) / axes[0]) ** 2 + ((y - 108) / axes[1]) ** 2 + ((z - 85) / axes[2]) ** 2 < 1
    coarse = rng.normal(0, 1, (23, 28, 23))
    tissue = ndimage.zoom(coarse, [new / old for new, old in zip(SHAPE, coarse.shape, strict=True)], order=1)
    values = np.where(inside, 600 + 150 * tissue, 0) + np.abs(rng.normal(0, 12, SHAPE))
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = -90, -126, -72
    nib.save(nib.Nifti1Image(values.clip(0, 4000).astype(np.int16), affine), path)


class Highest:
    """The highest sum of the resident memory of this process and its children, while it is open."""

    def __enter__(self) -> "Highest":
        self.bytes = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        own = psutil.Process()
        while not self._done.wait(0.05):
            total = 0
            for process in (own, *own.children(recursive=True)):
                try:
                    total += process.memory_info().rss
                except psutil.Error:
                    continue
            self.bytes = max(self.bytes, total)


if __name__ == "__main__":
    main()
