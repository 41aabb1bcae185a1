"""Trains the finder of opacity on masks that radiologists drew, and measures it on patients it has not learned from.

    python -m tools.train_lesion_finder --lesions ../shared/lesions --healthy ../shared/data/covid/train/NORMAL \
        --copies ../shared/data/covid --out gan_core/evaluation/lesion_finder/weights.safetensors
    python -m tools.train_lesion_finder --lesions ../shared/lesions --others ../shared/data/covid/val/*

`--lesions` holds `images`, `opacity` (0 none, 120 ground glass, 240 consolidation) and `files.csv` with the column
`patient`. `--copies` holds copies of some of the pictures, in other sizes, which the column `same_picture_in_covid`
names: the finder is to know these, too. The patients are divided into five folds; a network learns from four and is
measured on the fifth. Lungs are those that `lungs.find` finds, of sick and healthy adults alike: with drawn outlines
for the one and found ones for the other, the networks would learn the outlines. `--others` are folders of which the
marked share is printed.
"""

import argparse
import csv
import itertools
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from gan_core.anatomy import lung_view
from gan_core.anatomy.lung_view import SIZE, LungViews
from gan_core.config import IMAGE_SIZES
from gan_core.decode import image_files
from gan_core.evaluation import lesions
from gan_core.evaluation.lesions import FOLDS, LesionFinder, LesionNet

STEPS, BATCH, RATE = 650, 12, 4e-3
HEALTHY = 0.25  # share of healthy lungs in a batch
MOST_HEALTHY = 200  # X-rays of healthy adults
AVERAGE = 0.99  # of the moving average of the weights, which is what is kept
SOURCE = (
    "Masks: GeneralBlockchain COVID-19 chest X-ray segmentations, CC BY 4.0. Their X-rays: COVID-19 image data "
    "collection (Cohen et al. 2020), 27 of them CC BY-NC-SA, 43 of no stated licence. Healthy adults: NIH ChestX-ray8 "
    "(Wang et al. 2017). For research, not for commercial use."
)


@dataclass(frozen=True)
class Lesions:
    """Lungs of K pictures with what radiologists marked in them."""

    views: LungViews
    truth: Tensor  # (K, 1, SIZE, SIZE) in [0, 1]: share of a pixel that is opaque
    patients: tuple[str, ...]
    fingerprints: tuple[tuple[str, ...], ...]  # of each picture and its copy, see `fingerprints_of`


def read_lesions(folder: Path, copies: Path | None = None) -> Lesions:
    """Read the pictures with masks; those whose lungs are not found are named and left out.

    copies: the folder in which the column `same_picture_in_covid` names copies; None: no fingerprints of copies.
    """
    with (folder / "files.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    views, truths, patients, fingerprints = [], [], [], []
    for row in rows:
        picture = _picture(folder / "images" / row["file"])
        chests = lung_view.look(picture)
        if not chests.kept.all():
            print(f"{row['file']} is left out: {chests.reasons[0]}")
            continue
        with Image.open(folder / "opacity" / f"{Path(row['file']).stem}.png") as image:
            opaque = torch.from_numpy(np.asarray(image.convert("L")) > 60).float()[None, None]
        views.append(chests.views())
        truths.append(_in_frame(opaque, chests.boxes))
        patients.append(row["patient"])
        fingerprints.append(fingerprints_of(picture[0]))
        if copies and (copy := row["same_picture_in_covid"]):
            fingerprints[-1] += fingerprints_of(_picture(copies / copy)[0])
    return Lesions(_together(views), torch.cat(truths), tuple(patients), tuple(fingerprints))


def read_others(folder: Path, most: int | None = None) -> tuple[LungViews, list[np.ndarray]]:
    """Read the lungs of the first pictures of a folder, and these pictures, without those whose lungs are not found."""
    found = [(lung_view.look(picture), picture[0]) for picture in map(_picture, sorted(folder.iterdir())[:most])]
    kept = [(chests.views(), picture) for chests, picture in found if chests.kept.all()]
    return _together([views for views, _ in kept]), [picture for _, picture in kept]


def fingerprints_of(picture: np.ndarray) -> tuple[str, ...]:
    """Return those of a picture uint8 (H, W, 1) as it is and as `data.prepare` makes it square."""
    ways = itertools.product(IMAGE_SIZES, image_files.FITS)
    squares = (image_files.resize(picture.astype(np.float32) / 255, size, fit) for size, fit in ways)
    shown = (picture, *(image_files.quantise(square).transpose(1, 2, 0) for square in squares))
    return tuple(lesions.fingerprint(one) for one in shown)


def _picture(path: Path) -> np.ndarray:
    return image_files.quantise(image_files.decode(path, channels=1)).transpose(1, 2, 0)[None]


def _together(views: list[LungViews]) -> LungViews:
    return LungViews(**{name: torch.cat([getattr(one, name) for one in views]) for name in vars(views[0])})


def _in_frame(planes: Tensor, boxes: Tensor) -> Tensor:
    """Return planes of a picture (1, 1, H, W) in its frame, each pixel the mean of what it covers."""
    small = F.interpolate(planes, (lung_view.MAPS, lung_view.MAPS), mode="bilinear", antialias=True)
    top, bottom, left, right = (2 * side - 1 for side in boxes.unbind(1))
    line = (torch.arange(SIZE) + 0.5) / SIZE
    down, across = top[:, None] + line * (bottom - top)[:, None], left[:, None] + line * (right - left)[:, None]
    where = torch.stack((across[:, None].expand(-1, SIZE, -1), down[:, :, None].expand(-1, -1, SIZE)), 3)
    return F.grid_sample(small, where, padding_mode="border", align_corners=False).clamp(0, 1)


def folds_of(patients: tuple[str, ...]) -> dict[str, int]:
    """Divide patients into folds of about equally many pictures: the largest first, each to the smallest fold."""
    sizes, folds = [0] * FOLDS, {}
    for patient, count in sorted(Counter(patients).items(), key=lambda item: (-item[1], item[0])):
        folds[patient] = sizes.index(min(sizes))
        sizes[folds[patient]] += count
    return folds


def train(sick: tuple[Tensor, Tensor], healthy: Tensor, *, steps: int, seed: int) -> LesionNet:
    """Train a network on inputs (K, CHANNELS, SIZE, SIZE) with truth (K, 1, SIZE, SIZE), and on healthy inputs."""
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network, kept = LesionNet().train(), LesionNet().eval()
    kept.load_state_dict(network.state_dict())
    adam = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, RATE, steps, pct_start=0.1)
    few = round(HEALTHY * BATCH) if len(healthy) else 0
    start, total = time.monotonic(), 0.0
    for step in range(1, steps + 1):
        ill = torch.from_numpy(rng.integers(0, len(sick[0]), BATCH - few))
        well = torch.from_numpy(rng.integers(0, max(len(healthy), 1), few))
        x = torch.cat((sick[0][ill], healthy[well]))
        y = torch.cat((sick[1][ill], torch.zeros(few, 1, SIZE, SIZE)))
        x, y = vary(x, y, rng)
        loss = _loss(network(x), y, x[:, 1:2])
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        adam.step()
        schedule.step()
        _average(kept, network, min(AVERAGE, step / (step + 10)))
        total += loss.item()
        if step % 100 == 0:
            print(f"step {step} of {steps}, loss {total / 100:.3f}, {time.monotonic() - start:.0f} s", flush=True)
            total = 0.0
    return kept


def _loss(logits: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """Return binary cross entropy and soft Dice within the lungs; Dice of the batch, as some have no opacity."""
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    chance = logits.sigmoid() * mask
    overlap = 2 * (chance * truth).sum() / (chance.sum() + (truth * mask).sum() + 1)
    return (entropy * mask).sum() / mask.sum().clamp_min(1) + 0.5 * (1 - overlap)


def _average(kept: LesionNet, network: LesionNet, share: float) -> None:
    """Move the averaged weights and statistics towards the network's."""
    with torch.no_grad():
        for value, new in zip(kept.state_dict().values(), network.state_dict().values(), strict=True):
            value.copy_(torch.lerp(new, value, share) if value.is_floating_point() else new)


def vary(x: Tensor, y: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Vary lungs (N, CHANNELS, SIZE, SIZE) and truth (N, 1, SIZE, SIZE), as other chests and films would."""
    count = len(x)
    x, y = _bend(torch.cat((x, y), 1), rng).split((x.shape[1], 1), 1)
    density, mask, places = x.split((1, 1, 2), 1)
    # The film: curve, window, sharpness, grain, uneven exposure.
    shown = density.clamp_min(-0.5) + 0.5
    shown = (shown / 1.5) ** torch.exp(_draw(rng, count, -0.35, 0.35)) * 1.5 - 0.5
    low = F.avg_pool2d(F.pad(shown, (2, 2, 2, 2), mode="replicate"), 5, 1)
    shown = low + (shown - low) * _draw(rng, count, 0.4, 1.6)
    shown = shown * _draw(rng, count, 0.8, 1.25) + _draw(rng, count, -0.12, 0.12)
    shown = shown + _field(rng, count, 3) * _draw(rng, count, 0, 0.1)
    shown = shown + torch.from_numpy(rng.standard_normal(shown.shape).astype(np.float32)) * _draw(rng, count, 0, 0.04)
    return torch.cat((shown.clamp(-0.5, 1.5) * mask, mask, places), 1), y * (mask > 0.1)


def _bend(planes: Tensor, rng: np.random.Generator) -> Tensor:
    """Mirror, turn, zoom, stretch, shift and deform."""
    count = len(planes)
    turn, zoom, stretch = (_draw(rng, count, -size, size)[:, 0, 0, 0] for size in (0.15, 0.15, 0.12))
    flip = torch.from_numpy(np.where(rng.random(count) < 0.5, -1.0, 1.0).astype(np.float32))
    right, down = (_draw(rng, count, -0.08, 0.08)[:, 0, 0, 0] for _ in range(2))
    wide, tall = torch.exp(zoom + stretch), torch.exp(zoom - stretch)
    first = torch.stack((flip * wide * turn.cos(), -tall * turn.sin(), right), 1)
    second = torch.stack((flip * wide * turn.sin(), tall * turn.cos(), down), 1)
    where = F.affine_grid(torch.stack((first, second), 1), [count, 1, SIZE, SIZE], align_corners=False)
    bent = torch.cat((_field(rng, count, 5), _field(rng, count, 5)), 1) * _draw(rng, count, 0, 0.05)
    return F.grid_sample(planes, where + bent.permute(0, 2, 3, 1), align_corners=False)


def _draw(rng: np.random.Generator, count: int, low: float, high: float) -> Tensor:
    return torch.from_numpy(rng.uniform(low, high, (count, 1, 1, 1)).astype(np.float32))


def _field(rng: np.random.Generator, count: int, cells: int) -> Tensor:
    """Return a smooth, roughly normal random field, (count, 1, SIZE, SIZE)."""
    coarse = torch.from_numpy(rng.standard_normal((count, 1, cells, cells)).astype(np.float32))
    return F.interpolate(coarse, (SIZE, SIZE), mode="bicubic", align_corners=True)


def cross_validated(given: Lesions, healthy: LungViews, *, steps: int, seed: int) -> LesionFinder:
    """Train a network for each fold on the patients of the others."""
    x, empty, folds = lesions.inputs(given.views), lesions.inputs(healthy), folds_of(given.patients)
    networks = []
    for fold in range(FOLDS):
        seen = torch.tensor([folds[patient] != fold for patient in given.patients])
        print(f"fold {fold}: {seen.sum()} pictures to learn from, {(~seen).sum()} held out", flush=True)
        networks.append(train((x[seen], given.truth[seen]), empty, steps=steps, seed=seed + fold))
    return LesionFinder(networks, folds, pictures_of(given, folds))


def pictures_of(given: Lesions, folds: Mapping[str, int]) -> dict[str, int]:
    """Return the fold of each picture's patient, by all its fingerprints."""
    pairs = zip(given.patients, given.fingerprints, strict=True)
    return {one: folds[patient] for patient, fingerprints in pairs for one in fingerprints}


def measure(finder: LesionFinder, given: Lesions) -> None:
    """Print how well patients' opacity is marked by the network that did not learn from them."""
    inside = given.views.mask > 0.5
    marked = (finder.mark(given.views, patients=given.patients) > 0.5) & inside
    true = (given.truth > 0.5) & inside
    both, areas = ((marked & true).flatten(1).sum(1), marked.flatten(1).sum(1) + true.flatten(1).sum(1))
    sick = true.flatten(1).any(1)
    scores = (2 * both / areas.clamp_min(1))[sick].numpy()
    print(f"{len(scores)} held-out pictures with opacity: Dice {scores.mean():.3f}, median {np.median(scores):.3f}")
    print(f"all {len(sick)} together: Dice {2 * both.sum() / areas.sum():.3f}")
    shares, truths = (lesions.opaque_share(one.float(), given.views.mask).numpy() for one in (marked, true))
    print(f"share of the lungs: marked {shares.mean():.3f}, true {truths.mean():.3f}, "
          f"correlation {np.corrcoef(shares, truths)[0, 1]:.2f}")  # fmt: skip


def say_shares(name: str, shares: np.ndarray) -> None:
    over = int((shares > 0.05).sum())
    print(f"{name}: {shares.mean():.3f} of the lungs marked, more than 5 % in {over} of {len(shares)}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Train and measure the finder of opacity on radiologists' masks.")
    parser.add_argument("--lesions", type=Path, required=True, help="folder of images, opacity and files.csv")
    parser.add_argument("--copies", type=Path, help="folder of copies of these images, such as the data set covid")
    parser.add_argument("--healthy", type=Path, help="folder of healthy adults to learn from")
    parser.add_argument("--others", type=Path, nargs="*", default=[], help="folders whose marked share is printed")
    parser.add_argument("--out", type=Path, help="train, and write the weights to this file")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    given = read_lesions(options.lesions, options.copies)
    if options.out:
        if not options.healthy:
            parser.error("training needs --healthy, a folder of adults without opacity")
        healthy, _ = read_others(options.healthy, MOST_HEALTHY)
        finder = cross_validated(given, healthy, steps=options.steps, seed=options.seed)
        lesions.save(finder, options.out, SOURCE)
    finder = lesions.load(options.out or lesions.WEIGHTS)
    measure(finder, given)
    for folder in options.others:
        views, pictures = read_others(folder)
        say_shares(str(folder), lesions.opaque_share(finder.mark(views, pictures=pictures), views.mask).numpy())


if __name__ == "__main__":
    main()
