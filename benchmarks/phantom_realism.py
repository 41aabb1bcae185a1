"""Realism of phantoms: how well a small classifier separates them from real X-rays and by class; drawing speed.

    python -m benchmarks.phantom_realism --real FOLDER [--images 1200] [--size 64] [--epochs 12]

Real images come evenly from the folder's sub-folders; phantoms come in equal shares of the four classes. Both are split
75/25, and the results are of the held-out part after the last epoch. An accuracy of 50 % would mean that phantoms and
real X-rays are indistinguishable. The control is a classifier of the same pictures reduced to 8 x 8.
"""

import argparse
import random
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from gan_core.phantoms.chest.xray import CLASSES, draw

SUFFIXES = {".png", ".jpg", ".jpeg"}


def real_images(folder: Path, count: int, size: int) -> np.ndarray:
    """Return centre crops float32 (count, size, size) in [0, 1], an even share of each folder, at least one image."""
    groups: dict[Path, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES:
            groups.setdefault(path.parent, []).append(path)
    chosen: list[Path] = []
    for files in groups.values():
        random.Random(0).shuffle(files)
        chosen += files[: -(-count // len(groups))]
    random.Random(1).shuffle(chosen)
    pictures = []
    for path in chosen[:count]:
        with Image.open(path) as opened:
            grey = opened.convert("L")
        side = min(grey.size)
        left, top = (grey.width - side) // 2, (grey.height - side) // 2
        crop = grey.crop((left, top, left + side, top + side)).resize((size, size), Image.Resampling.LANCZOS)
        pictures.append(np.asarray(crop, np.float32) / 255)
    return np.stack(pictures)


def small_net(classes: int, width: int = 24) -> nn.Module:
    layers: list[nn.Module] = []
    channels = 1
    for out in (width, 2 * width, 4 * width):
        layers += [nn.Conv2d(channels, out, 3, 1, 1), nn.BatchNorm2d(out), nn.ReLU(), nn.MaxPool2d(2)]
        channels = out
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Dropout(0.3), nn.Linear(16 * channels, classes)
    )


def auc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the area under the ROC curve: the probability that a positive scores above a negative."""
    order = scores.argsort().argsort() + 1.0
    positive = int(labels.sum())
    return float((order[labels == 1].sum() - positive * (positive + 1) / 2) / (positive * (len(labels) - positive)))


def held_out(pictures: np.ndarray, labels: np.ndarray, epochs: int) -> tuple[float, float, np.ndarray]:
    """Accuracy, AUC (of class 1; NaN for more than two) and the confusion table of a classifier on unseen pictures."""
    torch.manual_seed(0)
    order = np.random.default_rng(0).permutation(len(labels))
    cut = len(order) * 3 // 4
    x = torch.from_numpy((pictures - 0.5) / 0.25)[:, None]
    y = torch.from_numpy(labels)
    train, test = torch.from_numpy(order[:cut]), torch.from_numpy(order[cut:])
    classes = int(labels.max()) + 1
    net = small_net(classes)
    batch = 64
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=epochs * -(-cut // batch))
    for _ in range(epochs):
        for index in train[torch.randperm(cut)].split(batch):
            optimizer.zero_grad()
            F.cross_entropy(net(x[index]), y[index]).backward()
            optimizer.step()
            schedule.step()
    net.eval()
    with torch.no_grad():
        logits = torch.cat([net(x[index]) for index in test.split(256)]).numpy()
    truth = labels[order[cut:]]
    guess = logits.argmax(axis=1)
    table = np.zeros((classes, classes), int)
    np.add.at(table, (truth, guess), 1)
    area = auc(logits[:, 1] - logits[:, 0], truth) if classes == 2 else float("nan")
    return float((guess == truth).mean()), area, table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, help="a folder of real chest X-rays, searched through all its sub-folders")
    parser.add_argument("--images", type=int, default=1200, help="phantoms drawn, and real images read")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()
    draw("covid", 0, options.size)
    wall, cpu = time.perf_counter(), time.process_time()
    phantoms = [draw(CLASSES[i % 4], i, options.size) for i in range(options.images)]
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    each, busy = wall / options.images * 1e3, cpu / options.images * 1e3
    print(f"{options.size} px: {each:.2f} ms a phantom ({busy:.2f} ms of CPU)")
    pictures = np.stack([phantom.image for phantom in phantoms])
    # Stored pictures have 8 bits; unrounded grey levels would reveal the phantoms.
    pictures = (pictures * 255).round().astype(np.float32) / 255
    kinds = np.arange(options.images, dtype=np.int64) % 4
    accuracy, _, table = held_out(pictures, kinds, 2 * options.epochs)
    print(f"by class ({', '.join(CLASSES)}): accuracy {accuracy:.3f} held out (chance 0.25)\n{table}")
    if options.real is None:
        return
    real = real_images(options.real, options.images, options.size)
    both = np.concatenate([real, pictures])
    is_phantom = np.concatenate([np.zeros(len(real), np.int64), np.ones(len(pictures), np.int64)])
    accuracy, area, table = held_out(both, is_phantom, options.epochs)
    print(f"real against phantom: accuracy {accuracy:.3f}, AUC {area:.3f} held out (chance 0.5)\n{table}")
    coarse = F.interpolate(torch.from_numpy(both)[:, None], size=(8, 8), mode="area")[:, 0].numpy()
    accuracy, area, _ = held_out(coarse, is_phantom, options.epochs)
    print(f"the same from 8 x 8 pictures: accuracy {accuracy:.3f}, AUC {area:.3f}")
    for name, group in (("real", real), ("phantom", pictures)):
        levels = np.percentile(group, [5, 25, 50, 75, 95]).round(3)
        print(f"{name}: mean {group.mean():.3f}, contrast {group.std(axis=(1, 2)).mean():.3f}, percentiles {levels}")


if __name__ == "__main__":
    main()
