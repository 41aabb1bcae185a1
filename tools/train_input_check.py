"""Trains the classifier of the input check, and measures it on unseen pictures.

    python -m tools.train_input_check build --data ../shared/data --out gan_core/inference/input_check.safetensors
    python -m tools.train_input_check measure --data ../shared/data

It learns from training images, phantoms, and pictures of neither subject: drawings, noise, textures, scrambled X-rays,
scikit-learn's two photographs. It is measured on validation images, other phantoms, and kinds of pictures that had no
part in training: scikit-image's photographs and drawings, plots, letters, icons of installed packages.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from gan_core import data, tensor_files
from gan_core.inference import input_check
from tools import input_check_pictures as pictures

EPOCHS, BATCH = 14, 64
_PASSING = 0.985  # share of the calibration pictures above the thresholds
_OFTEN = 8  # times that a scarce picture is learned from in an epoch


def looks(batch: Iterator[np.ndarray]) -> np.ndarray:
    """Convert pictures (H, W, C) in [0, 1] to the classifier's input, float32 (N, SIZE, SIZE)."""
    return np.stack([input_check._classifier_input(picture) for picture in batch])


def real(source: Path, split: str) -> np.ndarray:
    """Return the pictures of one split of a source as the classifier's input."""
    prepared = data.prepare(str(source), size=128, fit="pad", progress=False)
    return looks(p.transpose(1, 2, 0).astype(np.float32) / 255 for p in prepared.images[prepared.indices(split)])


def positives(folder: Path, split: str) -> dict[str, list[tuple[str, np.ndarray]]]:
    """Map each subject to (name, pictures) of a split; a third of the child X-rays match the number of adult ones."""
    chests = [(name, real(folder / name, split)) for name in ("pneumonia/train", "covid")]
    if split == "train":
        chests[0] = (chests[0][0], chests[0][1][::3])
    first = {"train": 0, "val": 700_000}[split]
    count = {"train": 900, "val": 120}[split]
    chests.append(("phantom:cxr", looks(pictures.phantoms("cxr", count, first))))
    brains = [("mri", real(folder / "mri", split)), ("phantom:mri", looks(pictures.phantoms("mri", count, first)))]
    return {"chest X-ray": chests, "brain MRI": brains}


def augment(batch: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    """Shift, zoom, rotate, re-expose, blur and add noise: (N, 1, S, S) in [0, 1]. strength: (N,), 1 or more."""
    count = len(batch)

    def uniform(low: float, high: float) -> torch.Tensor:
        middle, half = (low + high) / 2, (high - low) / 2
        return middle + half * strength * (torch.rand(count) * 2 - 1)

    turn, zoom, stretch = uniform(-0.15, 0.15), uniform(0.9, 1.12), uniform(0.93, 1.07)
    rows = torch.stack((zoom * stretch * turn.cos(), -zoom * turn.sin(), uniform(-0.08, 0.08)), 1)
    more = torch.stack((zoom * turn.sin(), zoom / stretch * turn.cos(), uniform(-0.08, 0.08)), 1)
    where = F.affine_grid(torch.stack((rows, more), 1), list(batch.shape), align_corners=False)
    batch = F.grid_sample(batch, where, align_corners=False).clamp(0, 1)
    batch = batch ** uniform(0.75, 1.35).clamp(0.4, 2.5)[:, None, None, None]
    soft = F.avg_pool2d(batch, 3, 1, 1)
    mix = torch.rand(count, 1, 1, 1) * (torch.rand(count, 1, 1, 1) < 0.4)
    batch = batch * (1 - mix) + soft * mix
    return (batch + torch.randn_like(batch) * torch.rand(count, 1, 1, 1) * 0.04).clamp(0, 1)


def disguise(batch: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rotate or invert some of the chests and brains, and return them with their new labels."""
    batch, labels = batch.clone(), labels.clone()
    fate = torch.rand(len(batch))
    for subject, turned, inverted in ((0, 2, 3), (1, 4, 5)):
        for index in ((labels == subject) & (fate < 0.4)).nonzero().flatten().tolist():
            if fate[index] < 0.22:
                # An upside-down brain may come from another scanner and keeps its label; a chest does not.
                quarter = 1 + 2 * int(torch.randint(2, ())) if subject else int(torch.randint(1, 4, ()))
                batch[index] = torch.rot90(batch[index], quarter, (1, 2))
                labels[index] = turned
            else:
                batch[index] = batch[index].max() - batch[index]
                labels[index] = inverted
    return batch, labels


def divided(scarce: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Divide pictures at random: return the places of those to learn from, and of a fifth that sets the thresholds.

    scarce: bool (N,); these pictures are learned from `_OFTEN` times, and none of them that is in the fifth.
    """
    order = torch.randperm(len(scarce))
    train, calibrate = order[len(scarce) // 5 :], order[: len(scarce) // 5]
    return torch.cat((train, train[scarce[train]].repeat(_OFTEN - 1))), calibrate


def build(folder: Path, out: Path) -> None:
    """Train the classifier and write its weights; print the thresholds that let `_PASSING` through."""
    torch.manual_seed(0)
    known = positives(folder, "train")
    stacks = [(np.concatenate([p for _, p in known[name]]), label) for label, name in enumerate(input_check.SUBJECTS)]
    scrambled = pictures.scrambled(stacks[0][0][::4], np.random.default_rng(1))
    nothing = np.concatenate([looks(pictures.none(4500, seed=0)), looks(iter(scrambled))])
    stacks.append((nothing, input_check.KINDS.index("other")))
    x = torch.from_numpy(np.concatenate([stack for stack, _ in stacks]))[:, None]
    y = torch.cat([torch.full((len(stack),), label) for stack, label in stacks])
    scarce = torch.zeros(len(x), dtype=torch.bool)
    scarce[len(stacks[0][0]) :][: len(known["brain MRI"][0][1])] = True  # real brains: there is only one head
    train, calibrate = divided(scarce)
    print(f"{len(train)} pictures to learn from, {len(calibrate)} to calibrate on")
    network = input_check.build()
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=EPOCHS * (len(train) // BATCH))
    for epoch in range(EPOCHS):
        total = 0.0
        for part in train[torch.randperm(len(train))].split(BATCH)[: len(train) // BATCH]:
            # There is only one real head, so its pictures are augmented more strongly.
            strength = torch.where(y[part] == 1, 1.8, 1.0)
            batch, labels = disguise(augment(x[part], strength), y[part])
            loss = F.cross_entropy(network(batch), labels, label_smoothing=0.03)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1}: loss {total / (len(train) // BATCH):.3f}")
    network.eval()
    with torch.inference_mode():
        chances = network(x[calibrate]).softmax(1)
    for label, name in enumerate(input_check.SUBJECTS):
        mine = chances[y[calibrate] == label, label]
        print(f"{name}: {1 - _PASSING:.1%} of the calibration pictures lie below {mine.quantile(1 - _PASSING):.3f}")
    tensor_files.save_half(out, network.state_dict(), {"kinds": list(input_check.KINDS)})
    print(f"{out}: {out.stat().st_size / 1e3:.0f} kB")


def passed(batch: Iterator[np.ndarray], expected: str) -> tuple[int, int]:
    """Return how many pictures pass as the expected subject, and how many there are."""
    verdicts = [input_check.judge(picture, expected).fits for picture in batch]
    return sum(verdicts), len(verdicts)


def measure(folder: Path | None) -> None:
    """Print how many pictures of each kind pass; without a folder of data, phantoms replace its images."""
    print(f"{'pictures':<38}{'expected':<14}{'passed':>8}{'of':>6}   in training")
    totals = {"belongs": [0, 0], "none": [0, 0]}

    def line(name: str, expected: str, batch: Iterator[np.ndarray], part: str, belongs: bool) -> None:
        good, count = passed(batch, expected)
        total = totals["belongs" if belongs else "none"]
        if part != "its training pictures did" and expected:
            total[0] += good
            total[1] += count
        print(f"{name:<38}{expected:<14}{good:>8}{count:>6}   {part}")

    chests: list[np.ndarray] = []
    brains: list[np.ndarray] = []
    if folder:
        for subject, sets in positives(folder, "val").items():
            for name, stack in sets:
                line(f"{name}, validation", subject, iter(stack[..., None]), "its training pictures did", True)
                (chests if subject == "chest X-ray" else brains).extend(stack[..., None])
    else:
        chests = list(pictures.phantoms("cxr", 120, 700_000))
        brains = list(pictures.phantoms("mri", 120, 700_000))
        line("phantom:cxr", "chest X-ray", iter(chests), "other ones did", True)
        line("phantom:mri", "brain MRI", iter(brains), "other ones did", True)
    line("brain MRI", "chest X-ray", iter(brains), "yes", False)
    line("chest X-rays", "brain MRI", iter(chests[::3]), "yes", False)
    for name, change in pictures.DISGUISES.items():
        line(f"chest X-rays {name}", "chest X-ray", map(change, chests[::3]), "yes", False)
    for name in ("on the side", "inverted"):
        line(f"brain MRI {name}", "brain MRI", map(pictures.DISGUISES[name], brains[::2]), "yes", False)
    for subject in input_check.SUBJECTS:
        line("drawn and noise", subject, pictures.none(200, seed=9), "other ones did", False)
        for name, found in pictures.unseen().items():
            line(name, subject, iter(found), "no", False)
    good, count = totals["belongs"]
    print(f"what belongs: {good} of {count} pass ({good / count:.1%})")
    bad, count = totals["none"]
    print(f"what does not: {count - bad} of {count} are caught ({1 - bad / count:.1%})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("build", "measure"))
    parser.add_argument("--data", type=Path, help="the folder with pneumonia/, covid/ and mri/")
    parser.add_argument("--out", type=Path, default=input_check.WEIGHTS)
    options = parser.parse_args()
    if options.what == "build":
        build(options.data, options.out)
    else:
        measure(options.data)


if __name__ == "__main__":
    main()
