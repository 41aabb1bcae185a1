"""Trains the lung segmentation network on drawn chest X-rays, whose lungs are known; it needs no data and no internet.

    python -m tools.train_lungs --out gan_core/anatomy/lungs.safetensors
    python -m tools.train_lungs        # only measure the current weights

Domain randomisation makes real X-rays look like one more variant: pictures are rotated, cropped and exposed in many
ways, with letters, cables, borders and gas in the stomach, and with opacities in the lungs, up to a completely white
lung. Prints Dice on held-out drawn chests, as drawn and varied, for the network and for `simple`.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gan_core import tensor_files
from gan_core.anatomy import lungs
from gan_core.anatomy.lungs import SIZE, LungNet
from gan_core.data.readers.phantom import drawer

PHANTOMS, HELD_OUT = 2400, 200
STEPS, BATCH, RATE = 1800, 12, 2e-3
_FIRST, _FIRST_HELD_OUT = 40_000_000, 41_000_000  # first seeds of the bodies; the two sets do not overlap


def phantoms(count: int, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw chests of all classes in turn: uint8 (N, SIZE, SIZE, 1) and their lungs, bool (N, SIZE, SIZE)."""
    cxr = drawer("cxr")
    drawn = [cxr.draw(cxr.CLASSES[i % len(cxr.CLASSES)], first + i, SIZE) for i in range(count)]
    pictures = np.stack([np.rint(255 * phantom.image) for phantom in drawn]).astype(np.uint8)
    return pictures[..., None], np.stack([phantom.lungs for phantom in drawn])


def dice(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the Dice coefficient (N,) of two masks bool (N, H, W); two empty masks give 1."""
    both, areas = (found & truth).sum((1, 2)), found.sum((1, 2)) + truth.sum((1, 2))
    return np.where(areas > 0, 2 * both / np.maximum(areas, 1), 1.0)


def train(pictures: np.ndarray, masks: np.ndarray, *, steps: int, seed: int) -> LungNet:
    """Train a network on pictures uint8 (N, SIZE, SIZE, 1) and lungs bool (N, SIZE, SIZE), varied anew at each step."""
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = LungNet().train()
    adam = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, RATE, steps, pct_start=0.1)
    start, total = time.monotonic(), 0.0
    for step in range(1, steps + 1):
        few = rng.choice(len(pictures), BATCH, replace=False)
        x = torch.from_numpy(pictures[few]).permute(0, 3, 1, 2).float() / 255
        y = torch.from_numpy(masks[few])[:, None].float()
        x, y = vary(x, y, rng)
        logits = network(x)
        chance = logits.sigmoid()
        overlap = 2 * (chance * y).sum((1, 2, 3)) + 1
        soft_dice = overlap / (chance.sum((1, 2, 3)) + y.sum((1, 2, 3)) + 1)
        loss = F.binary_cross_entropy_with_logits(logits, y) + 1 - soft_dice.mean()
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        adam.step()
        schedule.step()
        total += loss.item()
        if step % 100 == 0:
            print(f"step {step} of {steps}, loss {total / 100:.3f}, {time.monotonic() - start:.0f} s", flush=True)
            total = 0.0
    return network.eval()


def vary(x: Tensor, y: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Vary pictures in [0, 1] and lungs in {0, 1}, both (N, 1, SIZE, SIZE), as other hospitals might take them."""
    x, y = _bend(x, y, rng)
    x = _opacify(x, y, rng)
    x = _gas(x, y, rng)
    x = _expose(x, rng)
    x = torch.from_numpy(np.stack([_scribble(picture, rng) for picture in x[:, 0].numpy()]))[:, None]
    return _degrade(x, rng), y


def _draw(rng: np.random.Generator, count: int, low: float, high: float) -> Tensor:
    return torch.from_numpy(rng.uniform(low, high, (count, 1, 1, 1)).astype(np.float32))


def _often(rng: np.random.Generator, count: int, share: float) -> Tensor:
    """Return 1 for a random share of the pictures and 0 for the others, (count, 1, 1, 1)."""
    return (_draw(rng, count, 0, 1) < share).float()


def _field(rng: np.random.Generator, count: int, cells: int) -> Tensor:
    """Return a smooth, roughly normal random field with `cells` cells a side, (count, 1, SIZE, SIZE)."""
    coarse = torch.from_numpy(rng.standard_normal((count, 1, cells, cells)).astype(np.float32))
    return F.interpolate(coarse, (SIZE, SIZE), mode="bicubic", align_corners=True)


def _smooth(x: Tensor, factor: int) -> Tensor:
    return F.interpolate(F.avg_pool2d(x, factor), (SIZE, SIZE), mode="bilinear")


def _bend(x: Tensor, y: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Rotate, zoom, stretch, shift, mirror and deform; fill the area beyond the border."""
    count = len(x)
    turn, zoom = _draw(rng, count, -0.2, 0.2)[:, 0, 0, 0], torch.exp(_draw(rng, count, -0.35, 0.25))[:, 0, 0, 0]
    stretch = torch.exp(_draw(rng, count, -0.16, 0.16))[:, 0, 0, 0]
    flip = 1 - 2 * _often(rng, count, 0.5)[:, 0, 0, 0]
    right, down = _draw(rng, count, -0.15, 0.15)[:, 0, 0, 0], _draw(rng, count, -0.2, 0.2)[:, 0, 0, 0]
    first = torch.stack((flip * zoom * stretch * turn.cos(), -zoom * turn.sin(), right), 1)
    second = torch.stack((flip * zoom * turn.sin(), zoom / stretch * turn.cos(), down), 1)
    where = F.affine_grid(torch.stack((first, second), 1), [count, 1, SIZE, SIZE], align_corners=False)
    bent = torch.cat((_field(rng, count, 4), _field(rng, count, 4)), 1) * _draw(rng, count, 0, 0.08)
    where = where + bent.permute(0, 2, 3, 1)
    shade = _often(rng, count, 0.4) * _draw(rng, count, 0, 1)
    moved = F.grid_sample(x - shade, where, align_corners=False) + shade
    lung = F.grid_sample(y, where, align_corners=False)
    beyond = F.grid_sample(torch.ones_like(x), where, align_corners=False) < 0.5
    # Often fill beyond the border with more of the same body, unless that would extend a lung.
    for padding in ("reflection", "border"):
        more = F.grid_sample(x, where, padding_mode=padding, align_corners=False)
        wrong = beyond & (F.grid_sample(y, where, padding_mode=padding, align_corners=False) > 0.3)
        fits = (~wrong).float().amin((1, 2, 3), keepdim=True)
        moved = torch.lerp(moved, more, fits * _often(rng, count, 0.4))
    return moved, (lung > 0.5).float()


def _opacify(x: Tensor, y: Tensor, rng: np.random.Generator) -> Tensor:
    """Opacify lungs: haze, patches, fluid from below, or a completely white lung with its ribs."""
    count = len(x)
    around = _smooth(x * (1 - y), 8) / (_smooth(1 - y, 8) + 1e-3)
    tissue = _smooth(around, 16) * _draw(rng, count, 0.85, 1.1) + (x - _smooth(x, 4)) * _draw(rng, count, 0.3, 1.0)
    patches = torch.sigmoid(4 * (_field(rng, count, 5) + 0.5 * _field(rng, count, 14) + _draw(rng, count, -1, 0.7)))
    rows = torch.linspace(-1, 1, SIZE)[None, None, :, None]
    columns = torch.linspace(-1, 1, SIZE)[None, None, None, :]
    level = _draw(rng, count, -0.5, 0.9) + _draw(rng, count, -0.5, 0.5) * columns
    below = torch.sigmoid((rows - level) * _draw(rng, count, 6, 40))
    side = torch.sigmoid(30 * columns * (1 - 2 * _often(rng, count, 0.5)))
    one_side = torch.maximum(side, _often(rng, count, 0.5))
    whole = _draw(rng, count, 0.6, 1.0) * side + _draw(rng, count, 0, 0.9) * (1 - side)
    kinds = (patches * _draw(rng, count, 0.3, 1), below * one_side * _draw(rng, count, 0.6, 1), whole)
    left = torch.ones_like(x)
    for kind, often in zip(kinds, (0.4, 0.25, 0.2), strict=True):
        left = left * (1 - kind * _often(rng, count, often))
    soft = F.avg_pool2d(y, 3, stride=1, padding=1)
    return x + (1 - left) * soft * (tissue - x).clamp_min(-0.05)


def _gas(x: Tensor, y: Tensor, rng: np.random.Generator) -> Tensor:
    """Add dark bubbles outside the lungs, as in stomach and bowel."""
    count = len(x)
    rows = torch.linspace(-1, 1, SIZE)[None, None, :, None]
    columns = torch.linspace(-1, 1, SIZE)[None, None, None, :]
    for share in (0.3, 0.3):
        tall, wide = _draw(rng, count, 0.06, 0.25), _draw(rng, count, 0.08, 0.35)
        down, right = _draw(rng, count, 0.1, 0.95), _draw(rng, count, -0.8, 0.8)
        for i in np.flatnonzero(rng.random(count) < 0.6):  # directly below a lung, where the stomach is
            column = int(rng.choice(np.flatnonzero(y[i, 0].any(0)))) if y[i].any() else 0
            bottom = int(y[i, 0, :, column].nonzero().max()) if y[i].any() else 0
            down[i] = (bottom + float(rng.uniform(0, 8))) * 2 / SIZE - 1 + tall[i]
            right[i] = column * 2 / SIZE - 1
        radius = (((rows - down) / tall) ** 2 + ((columns - right) / wide) ** 2).sqrt() + 0.2 * _field(rng, count, 8)
        bubble = torch.sigmoid(8 * (1 - radius)) * _often(rng, count, share) * _draw(rng, count, 0.2, 0.9)
        x = x * (1 - bubble * (1 - F.max_pool2d(y, 5, stride=1, padding=2)))
    return x


def _expose(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Vary gamma, window, evenness of brightness and local contrast; the result is in [0, 1]."""
    count = len(x)
    x = x + _often(rng, count, 0.5) * _draw(rng, count, 0, 0.15) * _field(rng, count, 3)
    local = (x - _smooth(x, 16)) / (((x - _smooth(x, 16)) ** 2).mean((2, 3), keepdim=True).sqrt() + 0.02)
    x = torch.lerp(x, 0.5 + 0.2 * local, _often(rng, count, 0.35) * _draw(rng, count, 0, 0.8))
    x = x.clamp(0, 1) ** torch.exp(_draw(rng, count, -0.9, 0.7))
    low, high = _draw(rng, count, -0.4, 0.12), _draw(rng, count, 0.85, 1.4)
    return ((x - low) / (high - low)).clamp(0, 1)


def _scribble(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw letters, cables, discs and borders over a picture float32 (SIZE, SIZE) in [0, 1]."""
    canvas = Image.fromarray(np.rint(255 * picture).astype(np.uint8))
    pen = ImageDraw.Draw(canvas)

    def spot() -> tuple[float, float]:
        across, down = rng.uniform(0, SIZE, 2)
        return float(across), float(down)

    for _ in range(int(rng.integers(0, 4)) if rng.random() < 0.6 else 0):
        text = "".join(rng.choice(list("RLAPDX0123456789"), int(rng.integers(1, 5))))
        grey = int(rng.choice([0, 255, int(rng.integers(0, 256))], p=[0.15, 0.6, 0.25]))
        pen.text(spot(), text, fill=grey, font=_font(int(rng.integers(5, 16))))
    for _ in range(int(rng.integers(1, 5)) if rng.random() < 0.35 else 0):
        knots = np.cumsum(np.vstack((rng.uniform(0, SIZE, (1, 2)), rng.normal(0, 22, (6, 2)))), 0)
        line = np.stack([np.interp(np.linspace(0, 6, 40), range(7), column) for column in knots.T], 1)
        smooth = np.apply_along_axis(np.convolve, 0, line, np.ones(7) / 7, "valid")
        pen.line([tuple(point) for point in smooth], fill=int(rng.integers(150, 256)), width=int(rng.integers(1, 3)))
    for _ in range(int(rng.integers(1, 4)) if rng.random() < 0.2 else 0):
        (across, down), radius = spot(), float(rng.uniform(2, 6))
        pen.ellipse((across - radius, down - radius, across + radius, down + radius), fill=int(rng.integers(120, 256)))
    if rng.random() < 0.3:
        grey = int(rng.choice([0, 255, int(rng.integers(0, 256))]))
        for side in np.flatnonzero(rng.random(4) < 0.4):
            deep = int(rng.integers(1, 15))
            box = [(0, 0, SIZE, deep), (0, SIZE - deep, SIZE, SIZE), (0, 0, deep, SIZE), (SIZE - deep, 0, SIZE, SIZE)]
            pen.rectangle(box[side], fill=grey)
    return np.asarray(canvas, np.float32) / 255


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _degrade(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Reduce the resolution, blur and add noise."""
    count = len(x)
    pixels = int(rng.choice([32, 48, 64, 96, SIZE, SIZE, SIZE]))
    if pixels < SIZE:
        x = F.interpolate(
            F.interpolate(x, (pixels, pixels), mode="bilinear", antialias=True), (SIZE, SIZE), mode="bilinear"
        )
    x = torch.lerp(x, F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False), _draw(rng, count, 0, 1))
    grain = torch.from_numpy(rng.standard_normal(x.shape).astype(np.float32))
    return (x + grain * _draw(rng, count, 0, 0.06) * _often(rng, count, 0.6)).clamp(0, 1)


def report(network: LungNet) -> None:
    """Print Dice of the network and of `simple` on held-out chests, as drawn and varied."""
    pictures, truth = phantoms(HELD_OUT, _FIRST_HELD_OUT)
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    x, y = vary(x, torch.from_numpy(truth)[:, None].float(), np.random.default_rng(_FIRST_HELD_OUT))
    varied = (255 * x).round().byte().permute(0, 2, 3, 1).numpy()
    for kind, given, masks in (("drawn", pictures, truth), ("varied", varied, y[:, 0].numpy() > 0)):
        for name, found in (("U-Net", lungs.segment(network, given)), ("simple", lungs.simple(given))):
            scores = dice(found, masks)
            print(f"{kind}, {name}: Dice {scores.mean():.3f}, median {np.median(scores):.3f}, worst {scores.min():.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the lung segmentation network, or measure the current one.")
    parser.add_argument("--out", type=Path, help="train, and write the weights to this file")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.out:
        network = train(*phantoms(PHANTOMS, _FIRST), steps=options.steps, seed=options.seed)
        tensor_files.save_half(options.out, network.state_dict(), {"steps": options.steps, "seed": options.seed})
    report(lungs.load(options.out or lungs.WEIGHTS))


if __name__ == "__main__":
    main()
