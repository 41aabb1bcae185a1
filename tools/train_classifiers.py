"""Trains a classifier of chest X-rays and writes it with its accuracy on held-out pictures.

    python -m tools.train_classifiers child-a --data ../shared/data/pneumonia --architecture residual \
        --seed 11 --class bacterial=bacteria --class viral=virus --out child-a.safetensors \
        --subject "chest X-ray" --shows "X-rays of children" --role guides \
        --data-set pneumonia --data-set chest_xray --data-set chest-xray-pneumonia
    python -m tools.train_classifiers adult-box --data "$ADULTS" --architecture residual --seed 33 \
        --sees "outside the central box" --out adult-box.safetensors \
        --subject "chest X-ray" --shows "X-rays of adults" --role control --data-set covid
    python -m tools.train_classifiers adult-lungs-b --data "$ADULTS" --architecture "small residual" --seed 35 \
        --epochs 30 --sees "the lungs alone, in a neutral view" --out adult-lungs-b.safetensors \
        --subject "chest X-ray" --shows "X-rays of adults" --role reports --data-set covid

ADULTS names the patients of a table, and leaves out all of those who show nothing in some picture:

    patients:../shared/data/covid?table=covid_files.csv&file=file&patient=patient&known=patient_known=yes\
        &without=no_visible_abnormality=yes

It learns from the train part of the patient split, as generators do; the accuracy is of val and test.
"""

import argparse
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from gan_core import __version__, data, tensor_files
from gan_core.anatomy import lungs
from gan_core.data import Prepared
from gan_core.data.source import location
from gan_core.errors import UserError
from gan_core.evaluation.augmentation import jittered, jittered_lungs
from gan_core.evaluation.classifiers import (
    AIR,
    ARCHITECTURES,
    LUNGS_ALONE,
    OUTSIDE_LUNGS,
    ROLES,
    SEES,
    SIZE,
    Card,
    Classifier,
    Network,
    hide,
    logits,
    neutral_lungs,
    pooled,
    to_input,
)
from gan_core.inference.precision import computes_in_bfloat16

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


@dataclass(frozen=True)
class Examples:
    """Labelled pictures as one of `SEES` shows them."""

    x: Tensor  # (N, 1, S, S) in [-1, 1], nothing hidden yet; of the lungs alone, `neutral_lungs`
    labels: Tensor  # int64 (N,)
    masks: Tensor | None = None  # bool, of what is hidden; of the lungs alone, float in [0, 1], where they are


def examples(pictures: np.ndarray, labels: np.ndarray, sees: str) -> Examples:
    """Return examples for `fit`, without pictures whose lungs are needed and not found."""
    x, truth = to_input(pictures), torch.from_numpy(labels)
    if sees not in (OUTSIDE_LUNGS, LUNGS_ALONE):
        return Examples(x, truth)
    found = lungs.find(pictures, visible=True)
    if sees == OUTSIDE_LUNGS:
        return Examples(x, truth, torch.from_numpy(lungs.hull(found))[:, None])
    kept = np.array([not lungs.sane(mask) for mask in found])
    x, inside = neutral_lungs(pictures[kept], found[kept])
    return Examples(x, truth[kept], inside)


def fit(network: Network, given: Examples, *, sees: str, epochs: int, seed: int) -> None:
    """Train with class-balanced cross-entropy, AdamW and a one-cycle learning rate."""
    generator = torch.Generator().manual_seed(seed)
    x, labels = given.x, given.labels
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
                batch = _augmented(x[index], None if given.masks is None else given.masks[index], sees, generator)
                with torch.autocast("cpu", torch.bfloat16, enabled=computes_in_bfloat16()):
                    found = logits(network, batch.contiguous(memory_format=torch.channels_last))
                loss = F.cross_entropy(found.float(), labels[index], weights, label_smoothing=0.05)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
                optimizer.step()
                rate.step()
                progress.update()
    network.eval().to(memory_format=torch.contiguous_format)


def _augmented(batch: Tensor, masks: Tensor | None, sees: str, generator: torch.Generator) -> Tensor:
    """Return a batch augmented, with the hidden pixels grey."""
    if sees == LUNGS_ALONE:
        assert masks is not None
        return jittered_lungs(batch, masks, generator, -AIR)
    if masks is not None:  # NaN moves with the picture and marks every pixel that it is mixed into
        batch = torch.where(masks, torch.full_like(batch, torch.nan), batch)
    return hide(torch.nan_to_num(augment(batch, generator), nan=0.0), sees, None)


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
    held = np.sort(np.concatenate([prepared.indices("val"), prepared.indices("test")]))
    training, unseen = (examples(pictures[part], labels[part], sees) for part in (prepared.indices("train"), held))
    torch.manual_seed(seed)
    network = ARCHITECTURES[architecture](len(classes))
    fit(network, training, sees=sees, epochs=epochs, seed=seed)

    with torch.inference_mode():
        found = torch.cat([pooled(network.depths(part)) for part in training.x.split(64)])
        answers = torch.cat([logits(network, part).argmax(1) for part in shown(unseen, sees).split(64)])
    right = (answers == unseen.labels).float()
    of_class = [right[unseen.labels == label].mean() for label in unseen.labels.unique()]
    card = Card(
        *(name, architecture, classes, sees, Path(location(prepared.source)).name, prepared.fingerprint, seed, epochs),
        *(len(training.x), len(unseen.x), float(right.mean()), float(torch.stack(of_class).mean()), __version__),
        **about,
    )
    return Classifier(card, network, found.mean(0), found.std(0).clamp_min(1e-4))


def shown(given: Examples, sees: str) -> Tensor:
    """Return what a trained classifier sees of examples."""
    x = given.x
    if sees == OUTSIDE_LUNGS and given.masks is not None:
        x = torch.where(given.masks, torch.zeros_like(x), x)
    return hide(x, sees, None)


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
        known_as = tuple(options.data_sets or [Path(location(prepared.source)).name])
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
