"""Whether the distances see what a classifier's answer forgives: grain, stripes and blur on real, held-out X-rays.

    python -m benchmarks.feature_sensitivity --data ../shared/data/pneumonia/train

Held-out images of one half of the patients against those of the other half, as they are and spoiled a little.
"""

import argparse

import numpy as np
from scipy import ndimage

from gan_core import data
from gan_core.evaluation import features, fidelity
from gan_core.evaluation.parts import held_out, pictures


def spoiled(kind: str, given: np.ndarray) -> np.ndarray:
    """Pictures uint8 (N, H, W, 1), with what generators leave behind; the numbers are grey levels and pixels."""
    x = given.astype(np.float32)
    if kind.startswith("grain"):
        x += np.random.default_rng(0).normal(0, float(kind.split()[1]), x.shape)
    elif kind.startswith("stripes"):
        x[:, :, ::2] += float(kind.split()[1])
    elif kind.startswith("blur"):
        x = ndimage.gaussian_filter(x, (0, float(kind.split()[1]), float(kind.split()[1]), 0))
    return np.rint(x).clip(0, 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--extractor", default="child-b")
    options = parser.parse_args()
    prepared = data.prepare(options.data, size=options.size)
    extractor = features.find(options.extractor)
    index = held_out(prepared)
    patients = np.asarray(prepared.patients)[index]
    ours = np.isin(patients, np.random.default_rng(0).permutation(np.unique(patients))[::2])
    given = pictures(prepared, index)
    real = extractor(given[ours])
    print(f"{options.extractor}: {ours.sum()} held-out images against {(~ours).sum()} of other patients")
    for kind in ("as they are", "grain 4", "grain 8", "stripes 4", "stripes 8", "stripes 16", "blur 0.5"):
        fake = extractor(spoiled(kind, given[~ours]))
        distance, kid = fidelity.frechet(real, fake), fidelity.kid(real, fake)
        print(f"{kind:12} Frechet {distance:8.2f}   KID {kid.value:7.4f} ({kid.low:.4f} to {kid.high:.4f})")


if __name__ == "__main__":
    main()
