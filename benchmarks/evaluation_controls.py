"""Controls of the evaluation itself: coverage of its intervals, floors, and detection of disguised copies.

    python -m benchmarks.evaluation_controls --data ../shared/data/pneumonia

Takes some minutes, most of them for features. Nothing is written.
"""

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import ndimage

from gan_core import data
from gan_core.data import Prepared
from gan_core.evaluation import features, fidelity, memorisation
from gan_core.evaluation.memorisation import SURE
from gan_core.evaluation.parts import pictures, real_features

DIRECTIONS = 48  # principal components: few enough for the covariance of 300 samples
COPIES = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a source with patients: the classifier's own data")
    parser.add_argument("--extractor", default="child-b")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--draws", type=int, default=60)
    options = parser.parse_args()
    prepared = data.prepare(options.data, size=options.size)
    extractor = features.find(options.extractor)
    every = real_features(prepared, np.arange(len(prepared.names)), extractor)
    intervals(prepared, every, options.draws)
    floors(prepared, every)
    copies(prepared, extractor, every)


def intervals(prepared: Prepared, every: np.ndarray, draws: int) -> None:
    """Test intervals: 250 patients are the real sample, 300 images, more of the last class, the generated one."""
    centred = every - every.mean(0, dtype=np.float64)
    few = (centred @ np.linalg.svd(centred, full_matrices=False)[2][:DIRECTIONS].T).astype(np.float32)
    patients = np.asarray(prepared.patients)
    found: list[dict[str, fidelity.Measure]] = []
    for draw in range(draws):
        rng = np.random.default_rng(draw)
        real = np.isin(patients, rng.permutation(np.unique(patients))[:250])
        others = np.flatnonzero(~real)
        weights = np.where(prepared.labels[others] == len(prepared.classes) - 1, 1.0, 0.35)
        fake = rng.choice(others, 300, replace=False, p=weights / weights.sum())
        found.append(fidelity.compare(few[real], few[fake], seed=draw, patients=list(patients[real])))
    print(
        f"\n{draws} draws of 250 patients and 300 images: spread of the draws, that of intervals, how often they hold"
    )
    for name in found[0]:
        values = np.array([one[name].value for one in found])
        low, high = (np.array([getattr(one[name], end) for one in found]) for end in ("low", "high"))
        holds = ((low <= values.mean()) & (values.mean() <= high)).mean()
        stated = (high - low).mean() / 2 / 2.09  # Student's t of 19 degrees of freedom
        spread = values.std(ddof=1)
        print(f"{name:10} mean {values.mean():8.4f}   spread {spread:7.4f}   stated {stated:7.4f}   holds {holds:.0%}")


def floors(prepared: Prepared, every: np.ndarray) -> None:
    """Print floors from held-out patients, from splits by patient, and from splits by image."""
    training = prepared.splits == "train"
    patients = [name for name, there in zip(prepared.patients, training, strict=True) if there]
    real, unseen = every[training], every[~training]
    for kind, found in (
        ("held-out patients", fidelity.floors(real, count=1000, patients=patients, held_out=unseen)),
        ("cut by patients", fidelity.floors(real, count=1000, patients=patients)),
        ("cut by images", fidelity.floors(real, count=1000)),
    ):
        print(f"floor, {kind:18}", "  ".join(f"{name} {value:.4f}" for name, value in found.items()))


def copies(prepared: Prepared, extractor: features.Extractor, every: np.ndarray) -> None:
    """Print the false alarm rate on held-out patients, and what the search finds in disguised copies."""
    rng = np.random.default_rng(0)
    training, unseen = prepared.indices("train"), np.flatnonzero(prepared.splits != "train")
    pixels = memorisation._Pixels(pictures(prepared, training))
    known = memorisation._Features(extractor, every[training])
    held = [pixels.find(pictures(prepared, unseen)), known.near(every[unseen])]

    groups = np.asarray(prepared.patients)[unseen]
    alarms = []
    for draw in range(400):
        half = np.isin(groups, np.random.default_rng(draw).permutation(np.unique(groups))[::2])
        alarms.append(min(memorisation._p_value(one.ratio[half], one.ratio[~half]) for one in held) < SURE)
    print(f"\nhalf of the held-out patients against the other half, 400 times: {np.mean(alarms):.2%} false alarms")

    chosen = rng.permutation(len(training))[:COPIES]
    originals, others = pictures(prepared, training[chosen]), pictures(prepared, unseen)
    print(f"{'':30} pixels: nearer, p      features: nearer, p     right neighbour")
    for kind, change in _changes(rng).items():
        for name, given in ((f"training {kind}", originals), (f"unseen {kind}", others)):
            made = np.rint(change(given.astype(np.float64))).clip(0, 255).astype(np.uint8)
            found = [pixels.find(made), known.find(made)]
            results = [
                memorisation._nearness(one, theirs, prepared.names) for one, theirs in zip(found, held, strict=True)
            ]
            right = f"{(found[0].place == chosen).mean():.0%}" if given is originals else ""
            print(f"{name:30}", *(f"{one.share_nearer.value:8.1%} {one.p_value:10.2g}   " for one in results), right)


def _changes(rng: np.random.Generator) -> dict[str, Callable[[np.ndarray], Any]]:
    """Return changes of pictures float (N, H, W, C) in [0, 255] that may disguise a copy."""

    def shifted(x: np.ndarray, by: int) -> np.ndarray:
        return np.pad(x, ((0, 0), (by, 0), (by, 0), (0, 0)), "edge")[:, : x.shape[1], : x.shape[2]]

    return {
        "unchanged": lambda x: x,
        "mirrored": lambda x: x[:, :, ::-1],
        "shifted by 2": lambda x: shifted(x, 2),
        "with noise": lambda x: x + rng.normal(0, 15, x.shape),
        "darker and flatter": lambda x: x * 0.7 + 15,
        "blurred": lambda x: ndimage.gaussian_filter(x, (0, 1.5, 1.5, 0)),
        "rotated by 3 degrees": lambda x: ndimage.rotate(x, 3, axes=(1, 2), reshape=False, order=1, mode="nearest"),
    }


if __name__ == "__main__":
    main()
