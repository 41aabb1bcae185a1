"""Trains the reader of opacity on opacity drawn into healthy lungs, and measures it on pictures that it never saw.

    python -m tools.train_opacity_reader --healthy NORMAL=pneumonia/train --healthy NORMAL=covid \
        --out gan_core/anatomy/opacity.safetensors
    python -m tools.train_opacity_reader --healthy NORMAL=pneumonia/train \
        --sick virus=pneumonia/train --sick bacteria=pneumonia/train        # only measure the current weights

Healthy pictures are those of the named class in the source's train part. The drawn opacities vary far more than any
disease: patches anywhere, haze, one white lung, sharp and soft edges, other brightness of airless lung. So the network
learns what opacity looks like, and not where a drawing puts it. Cross entropy per pixel: an absolute error would miss
haze.

Measures, on held-out pictures: how well drawn opacity is found, and the area under the curve with which the mean
opacity tells pictures of --sick (a class, or a word in the file names) from healthy ones of the same source.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy import stats
from torch import Tensor

from gan_core import data, tensor_files
from gan_core.anatomy import lung_view, neutral_view, opacity, painting
from gan_core.anatomy.lung_view import LungViews
from gan_core.anatomy.opacity import OpacityNet
from gan_core.errors import UserError
from gan_core.inference.precision import computes_in_bfloat16

STEPS, BATCH, RATE = 1500, 12, 2e-3
SIZE = 128  # of the pictures, as prepared
HEALTHY = 0.35  # share of pictures into which nothing is drawn


def views_of(source: str, name: str, parts: tuple[str, ...]) -> LungViews:
    """Return the lungs of a class, or of files with a word in their names, in these splits of a source.

    Raises:
        UserError: there are none.
    """
    prepared = data.prepare(source, size=SIZE)
    chosen = np.isin(prepared.splits, parts)
    if name in prepared.classes:
        chosen &= prepared.labels == prepared.classes.index(name)
    else:
        chosen &= np.array([name in path.rpartition("/")[2] for path in prepared.names])
    if not chosen.any():
        raise UserError(f"{source} has no picture of '{name}' in {' or '.join(parts)}")
    return lung_view.look(prepared.images[chosen].transpose(0, 2, 3, 1)).views()


def joined(parts: list[LungViews]) -> LungViews:
    """Return the views of several sources as one."""
    return LungViews(**{name: torch.cat([getattr(part, name) for part in parts]) for name in vars(parts[0])})


def draw(views: LungViews, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Draw opacity into lungs: return the pictures (K, 1, S, S), and the share of air lost, the truth."""
    count = len(views)
    logits, density = _patches(views, rng, count)
    mean = _draw(rng, count, 0.03, 1.0) ** 1.5 * 0.65
    bias = painting.bias_for(logits, density, views.mask, mean[:, 0, 0, 0])
    lost = painting.opacity_of(logits, density, bias)
    lost = lost * (_draw(rng, count, 0, 1) > HEALTHY)
    canvas = painting.of_views(views)
    airless = views.airless * _draw(rng, count, 0.88, 1.08)
    blend = _draw(rng, count, 0.15, 0.85)  # of the two distances: how well ribs are seen through the haze
    room = canvas.soft * (airless - torch.lerp(views.grey, views.smooth, blend)).clamp_min(0)
    return views.grey + lost * room, lost * views.mask


def _patches(views: LungViews, rng: np.random.Generator, count: int) -> tuple[Tensor, Tensor]:
    """Return logits and densities of patches of many sizes and sharpnesses, anywhere in the lungs.

    Radiologists' masks mostly hold one large patch a lung, so large fields are the strongest.
    """
    fields = [_field(rng, count, cells) for cells in (3, 5, 8, 13, 22)]
    strengths = (2.2, 2.0, 1.4, 0.7, 0.5)
    logits = sum(_draw(rng, count, 0, most) * field for most, field in zip(strengths, fields, strict=True))
    logits = logits + _draw(rng, count, -1.0, 2.5) * (views.outward - 0.5)
    logits = logits + _draw(rng, count, -1.5, 3.0) * (views.downward - 0.5)
    columns = torch.linspace(-1, 1, lung_view.SIZE)[None, None, None]
    one_side = (_draw(rng, count, 0, 1) < 0.25) * _draw(rng, count, -4, 4)
    logits = (logits + one_side * columns.sign()) * torch.exp(_draw(rng, count, -0.7, 1.6))
    texture = fields[4] * _draw(rng, count, 0, 0.2) + fields[2] * _draw(rng, count, 0, 0.15)
    density = (_draw(rng, count, 0.35, 1.0) * (1 + texture)).clamp(0.15, 1.0)
    return logits, density


def vary(grey: Tensor, views: LungViews, truth: Tensor, rng: np.random.Generator) -> tuple[Tensor, LungViews, Tensor]:
    """Vary pictures as other hospitals might take them: gamma, sharpness, grain, mirrored, a rough outline."""
    count = len(grey)
    planes = {name: getattr(views, name) for name in ("mask", "airless")}
    stacked = torch.cat((grey, truth, *planes.values()), 1)
    stacked = torch.where(_draw(rng, count, 0, 1) < 0.5, stacked.flip(3), stacked)
    grey, truth, mask, airless = _moved(stacked, rng).split(1, 1)
    detail = grey - F.avg_pool2d(grey, 3, 1, 1, count_include_pad=False)
    grey = grey + detail * _draw(rng, count, -0.9, 1.2)
    gamma = torch.exp(_draw(rng, count, -0.5, 0.5))
    grey, airless = grey.clamp(0.003, 1) ** gamma, airless.clamp(0.003, 1) ** gamma
    grain = torch.from_numpy(rng.standard_normal(grey.shape).astype(np.float32))
    grey = grey + grain * _draw(rng, count, 0, 0.02)
    mask = (mask + 0.6 * _field(rng, count, 10) * _draw(rng, count, 0, 0.4) * (mask > 0.02) * (mask < 0.98)).clamp(0, 1)
    varied = LungViews(grey, mask, views.soft, airless, views.smooth, views.outward, views.downward, views.boxes)
    return grey, varied, truth * mask


def _moved(planes: Tensor, rng: np.random.Generator) -> Tensor:
    """Turn, zoom and shift planes (K, C, S, S) a little."""
    count = len(planes)
    turn, zoom = _draw(rng, count, -0.1, 0.1)[:, 0, 0, 0], torch.exp(_draw(rng, count, -0.1, 0.1))[:, 0, 0, 0]
    right, down = (_draw(rng, count, -0.06, 0.06)[:, 0, 0, 0] for _ in range(2))
    first = torch.stack((zoom * turn.cos(), -zoom * turn.sin(), right), 1)
    second = torch.stack((zoom * turn.sin(), zoom * turn.cos(), down), 1)
    where = F.affine_grid(torch.stack((first, second), 1), list(planes.shape), align_corners=False)
    return F.grid_sample(planes, where, align_corners=False)


def _draw(rng: np.random.Generator, count: int, low: float, high: float) -> Tensor:
    return torch.from_numpy(rng.uniform(low, high, (count, 1, 1, 1)).astype(np.float32))


def _field(rng: np.random.Generator, count: int, cells: int) -> Tensor:
    coarse = torch.from_numpy(rng.standard_normal((count, 1, cells, cells)).astype(np.float32))
    return F.interpolate(coarse, (lung_view.SIZE, lung_view.SIZE), mode="bicubic", align_corners=False)


def train(views: LungViews, *, steps: int, seed: int) -> OpacityNet:
    """Train a network on healthy lungs, into which opacity is drawn anew at each step."""
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = OpacityNet().train()
    adam = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, RATE, steps, pct_start=0.1)
    start, total = time.monotonic(), 0.0
    for step in range(1, steps + 1):
        few = views.of(torch.from_numpy(rng.choice(len(views), BATCH, replace=False)))
        with torch.no_grad():
            grey, lost = draw(few, rng)
            grey, few, lost = vary(grey, few, lost, rng)
            planes = torch.cat((neutral_view.density(few, grey), few.mask), 1)
        with torch.autocast("cpu", torch.bfloat16, enabled=computes_in_bfloat16()):
            logits = network(planes)
        loss = _cross_entropy(logits.float(), lost, few.mask)
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        adam.step()
        schedule.step()
        total += loss.item()
        if step % 100 == 0:
            print(f"step {step} of {steps}, loss {total / 100:.4f}, {time.monotonic() - start:.0f} s", flush=True)
            total = 0.0
    return network.eval()


def _cross_entropy(logits: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    each = F.binary_cross_entropy_with_logits(logits, truth.clamp(0, 1), reduction="none")
    return (each * mask).sum() / mask.sum()


def report(network: OpacityNet, healthy: list[tuple[str, str]], sick: list[tuple[str, str]]) -> None:
    """Print how well drawn opacity is found, and how well mean opacity tells sick from healthy pictures."""
    rng = np.random.default_rng(1)
    means: dict[str, np.ndarray] = {}
    for name, source in healthy:
        views = views_of(source, name, ("val", "test"))
        with torch.inference_mode():
            grey, lost = draw(views, rng)
            found = opacity.read(views, grey, network)
            means[source] = _means(opacity.read(views, network=network), views)
        inside = views.mask > 0.5
        related = np.corrcoef(found[inside].numpy(), lost[inside].numpy())[0, 1]
        error = (found - lost)[inside].abs().mean()
        print(f"{source}, {name}: {len(views)} held out; drawn opacity: correlation {related:.3f}, error {error:.3f}")
        print(
            f"  as they are: mean opacity {means[source].mean():.3f}, nine of ten {np.quantile(means[source], 0.9):.3f}"
        )
    for name, source in sick:
        views = views_of(source, name, ("val", "test"))
        with torch.inference_mode():
            mean = _means(opacity.read(views, network=network), views)
        for other, base in means.items():
            area = stats.mannwhitneyu(mean, base).statistic / (len(mean) * len(base))
            print(f"{source}, {name}: {len(mean)}, mean opacity {mean.mean():.3f}; against {other}: area {area:.3f}")


def _means(maps: Tensor, views: LungViews) -> np.ndarray:
    return (maps.sum((1, 2, 3)) / views.mask.sum((1, 2, 3))).numpy()


def _pairs(texts: list[str]) -> list[tuple[str, str]]:
    """Split NAME=SOURCE. Raises UserError: a text has no '='."""
    for text in texts:
        if "=" not in text:
            raise UserError(f"'{text}': write NAME=SOURCE, as in NORMAL=pneumonia/train")
    return [(name, source) for name, _, source in (text.partition("=") for text in texts)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.train_opacity_reader", description=__doc__.splitlines()[0])
    parser.add_argument("--healthy", action="append", required=True, metavar="CLASS=SOURCE")
    parser.add_argument("--sick", action="append", default=[], metavar="NAME=SOURCE")
    parser.add_argument("--out", type=Path, help="train, and write the weights to this file")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    try:
        healthy, sick = _pairs(options.healthy), _pairs(options.sick)
        if options.out:
            views = joined([views_of(source, name, ("train",)) for name, source in healthy])
            print(f"{len(views)} healthy pictures")
            network = train(views, steps=options.steps, seed=options.seed)
            tensor_files.save_half(options.out, network.state_dict(), {"steps": options.steps, "seed": options.seed})
        report(opacity.load(options.out or opacity.WEIGHTS), healthy, sick)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
