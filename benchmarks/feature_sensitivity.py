"""Sensitivity of the distances to noise, stripes and blur on held-out real X-rays, which predictions ignore.

    python -m benchmarks.feature_sensitivity --data ../shared/data/pneumonia/train

Compares held-out images of one half of the patients with those of the other half, unchanged and slightly degraded.
"""

import argparse

import numpy as np
from scipy import ndimage

from gan_core import data
from gan_core.evaluation import features, fidelity
from gan_core.evaluation.parts import held_out, pictures


def degraded(kind: str, given: np.ndarray) -> np.ndarray:
    """Add a typical artefact of generators to pictures uint8 (N, H, W, 1); its number is in grey levels or pixels."""
    x = given.astype(np.float32)
    if kind.startswith("noise"):
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
    for kind in ("unchanged", "noise 4", "noise 8", "stripes 4", "stripes 8", "stripes 16", "blur 0.5"):
        fake = extractor(degraded(kind, given[~ours]))
        distance, kid = fidelity.frechet(real, fake), fidelity.kid(real, fake)
        print(f"{kind:12} Fréchet {distance:8.2f}   KID {kid.value:7.4f} ({kid.low:.4f} to {kid.high:.4f})")


if __name__ == "__main__":
    main()
