"""Trains a classifier of chest X-rays and writes it with its accuracy on held-out patients.

    python -m tools.train_classifiers child-a --data ../shared/data/pneumonia --architecture residual \
        --seed 11 --class bacterial=bacteria --class viral=virus --out child-a.safetensors \
        --subject "chest X-ray" --shows "X-rays of children" --role guides \
        --data-set pneumonia --data-set chest_xray --data-set chest-xray-pneumonia
    python -m tools.train_classifiers adult-box --data ../shared/data/covid \
        --sees "outside the central box" --out adult-box.safetensors \
        --subject "chest X-ray" --shows "X-rays of adults" --role control --data-set covid

It learns from the train part of the patient split, as generators do; the accuracy is of val and test.
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from gan_core import __version__, data, tensor_files
from gan_core.data import Prepared
from gan_core.errors import UserError
from gan_core.evaluation.augmentation import jittered
from gan_core.evaluation.classifiers import (
    ARCHITECTURES,
    ROLES,
    SEES,
    SIZE,
    Card,
    Classifier,
    Network,
    hide,
    logits,
    pooled,
)

EPOCHS, BATCH, LEARNING_RATE = 14, 32, 2e-3


def relabelled(prepared: Prepared, rules: dict[str, str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Return classes and labels int64 (N,), after rules {class: word} split classes by words in the file names."""
    found = [
        next((name for name, word in rules.items() if word in path.rpartition("/")[2].lower()), prepared.classes[label])
        for path, label in zip(prepared.names, prepared.labels, strict=True)
    ]
    classes = tuple(sorted({name.lower() for name in found}))
    return classes, np.array([classes.index(name.lower()) for name in found], np.int64)


def augment(x: Tensor, generator: torch.Generator) -> Tensor:
    """Augment (N, 1, SIZE, SIZE) in [-1, 1] with `jittered`, and halve the resolution of half of the pictures.

    It adds no noise and no blur, because the features must stay sensitive to both.
    """
    x = jittered(x, generator)
    small = F.interpolate(x, scale_factor=0.5, mode="bilinear", antialias=True)
    coarse = F.interpolate(small, (SIZE, SIZE), mode="bilinear", align_corners=False)
    chosen = torch.rand(len(x), generator=generator) < 0.5
    return torch.where(chosen[:, None, None, None], coarse, x)


def fit(
    network: Network, x: Tensor, labels: Tensor, *, sees: str, hidden: Tensor | None, epochs: int, seed: int
) -> None:
    """Train with class-balanced cross-entropy, AdamW and a one-cycle learning rate."""
    generator = torch.Generator().manual_seed(seed)
    counts = torch.bincount(labels).float()
    weights = counts.sum() / (len(counts) * counts)
    steps = epochs * (len(x) // BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=0.05)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.2)
    network.train().to(memory_format=torch.channels_last)
    with tqdm(total=steps, desc="classifier", unit="step", disable=None) as progress:
        for _ in range(epochs):
            order = torch.randperm(len(x), generator=generator)
            for index in order[: len(x) // BATCH * BATCH].split(BATCH):
                batch = x[index]
                if hidden is not None:  # NaN moves with the picture and marks every pixel that it is mixed into
                    batch = torch.where(hidden[index], torch.full_like(batch, torch.nan), batch)
                batch = _visible(augment(batch, generator), sees)
                with torch.autocast("cpu", torch.bfloat16):
                    found = logits(network, batch.contiguous(memory_format=torch.channels_last))
                loss = F.cross_entropy(found.float(), labels[index], weights, label_smoothing=0.05)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
                optimizer.step()
                rate.step()
                progress.update()
    network.eval().to(memory_format=torch.contiguous_format)


def _visible(x: Tensor, sees: str) -> Tensor:
    """Grey out the hidden pixels: those that are NaN, and those that a control may not see."""
    return hide(torch.nan_to_num(x, nan=0.0), sees, None)


def train(
    prepared: Prepared,
    name: str,
    architecture: str,
    *,
    rules: dict[str, str],
    sees: str,
    seed: int,
    epochs: int,
    about: dict[str, Any],
) -> Classifier:
    """Train on the train part, and measure accuracy on val and test.

    rules: see `relabelled`. about: the other fields of the card, which choose a classifier: subject, shows, data_sets
    and role.
    """
    classes, labels = relabelled(prepared, rules)
    pictures = prepared.images.transpose(0, 2, 3, 1)
    training = prepared.indices("train")
    held = np.sort(np.concatenate([prepared.indices("val"), prepared.indices("test")]))
    masks = _lungs(pictures) if sees == SEES[2] else None
    torch.manual_seed(seed)
    network = ARCHITECTURES[architecture](len(classes))
    x = torch.from_numpy(pictures[training].astype(np.float32).mean(3) / 127.5 - 1)[:, None]
    hidden = None if masks is None else torch.from_numpy(masks[training])[:, None]
    fit(network, x, torch.from_numpy(labels[training]), sees=sees, hidden=hidden, epochs=epochs, seed=seed)

    with torch.inference_mode():
        found = torch.cat([pooled(network.depths(part)) for part in x.split(64)])
    spread = found.std(0).clamp_min(1e-4)
    card = Card(
        *(name, architecture, classes, sees, Path(prepared.source).name, prepared.fingerprint, seed, epochs),
        *(len(training), len(held), 0.0, 0.0, __version__),
        **about,
    )
    judge = Classifier(card, network, found.mean(0), spread)
    answers = judge.chances(pictures[held], None if masks is None else masks[held]).argmax(1)
    right = answers == labels[held]
    balanced = float(np.mean([right[labels[held] == label].mean() for label in np.unique(labels[held])]))
    card = Card(**{**asdict(card), "held_out": float(right.mean()), "held_out_balanced": balanced})
    return Classifier(card, network, judge.centre, judge.spread)


def _lungs(pictures: np.ndarray) -> np.ndarray:
    """Return the dilated hulls of the lungs, bool (N, H, W)."""
    from gan_core.anatomy import lungs  # only this control needs its network

    return lungs.hull(lungs.find(pictures, visible=True))  # as the audit hides them


def save(judge: Classifier, path: Path) -> None:
    """Write a classifier in half precision with its card.

    Raises:
        UserError: the file cannot be written.
    """
    features = {"features.centre": judge.centre, "features.spread": judge.spread}
    tensor_files.save_half(path, {**judge.network.state_dict(), **features}, {"card": asdict(judge.card)})


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.train_classifiers", description=__doc__)
    parser.add_argument("name", help="name of the classifier")
    parser.add_argument("--data", required=True, help="folder with one sub-folder per class, or another source")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--architecture", choices=tuple(ARCHITECTURES), default="residual")
    parser.add_argument("--sees", choices=SEES, default=SEES[0])
    parser.add_argument(
        "--class",
        dest="rules",
        action="append",
        default=[],
        metavar="NAME=WORD",
        help="split a class by a word in the file names",
    )
    parser.add_argument(
        "--subject", required=True, help="subject of the pictures, as in a run's settings: 'chest X-ray'"
    )
    parser.add_argument("--shows", required=True, help="the subject in words for a page: 'X-rays of children'")
    parser.add_argument(
        "--data-set", dest="data_sets", action="append", metavar="NAME", help="a name of the data set; may be repeated"
    )
    parser.add_argument(
        "--role", choices=ROLES, required=True, help="whether it guides choices, reports, or is a control"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args()
    try:
        rules = dict(rule.split("=", 1) for rule in options.rules if "=" in rule)
        prepared = data.prepare(options.data, size=SIZE)
        known_as = tuple(options.data_sets or [Path(prepared.source).name])
        about = {"subject": options.subject, "shows": options.shows, "data_sets": known_as, "role": options.role}
        judge = train(
            *(prepared, options.name, options.architecture),
            **{"rules": rules, "sees": options.sees, "seed": options.seed, "epochs": options.epochs},
            about=about,
        )
        save(judge, options.out)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    card = judge.card
    print(
        f"{options.out}: {', '.join(card.classes)}; accuracy on {card.held_out_images} held-out images "
        f"{card.held_out:.1%}, balanced {card.held_out_balanced:.1%}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
