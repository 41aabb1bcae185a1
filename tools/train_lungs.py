"""Trains the lung segmentation network: on drawn chest X-rays, whose lungs are known, then on healthy real ones too.

    python -m tools.train_lungs --out drawn.safetensors
    python -m tools.train_lungs --teacher drawn.safetensors --steps 600 --out gan_core/anatomy/lungs.safetensors \
        --healthy ../shared/data/covid/train/NORMAL ../shared/data/pneumonia/train/NORMAL \
        --sources "NIH ChestX-ray8 (Wang et al. 2017)" "Kermany, Zhang, Goldbaum 2018, CC BY 4.0"
    python -m tools.train_lungs                                  # only measure the current weights on drawn chests
    python -m tools.train_lungs --measure ../shared/lesions      # and on real ones, against the masks of radiologists

The first step needs no data. The second takes the lungs that its result finds in healthy real chests for true.

Domain randomisation makes real X-rays look like one more variant: pictures are rotated, cropped and exposed in many
ways, with letters, cables, borders and gas in the stomach, and with opacities in the lungs, up to a completely white
lung. Prints Dice on held-out drawn chests, as drawn and varied, for the network and for `simple`.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gan_core import tensor_files
from gan_core.anatomy import lungs
from gan_core.anatomy.lungs import SIZE, LungNet
from gan_core.decode import image_files
from gan_core.phantoms.chest import xray
from gan_core.phantoms.chest.body import draw_body

PHANTOMS, HELD_OUT = 2400, 200
STEPS, BATCH, RATE = 1800, 12, 2e-3
IN_BED = 0.5  # share of the drawn chests that breathe shallowly and have a wide heart
MOST_REAL = 400  # X-rays of one folder
STEADY = 0.95  # least Dice of the masks of a real X-ray and its copies
_FIRST, _FIRST_HELD_OUT = 40_000_000, 41_000_000  # first seeds of the bodies; the two sets do not overlap


# Pictures uint8 (N, SIZE, SIZE, 1) and masks bool (N, 2, SIZE, SIZE): both lungs whole, and what the heart's shadow
# leaves visible of them.
Chests = tuple[np.ndarray, np.ndarray]


def phantoms(count: int, first: int, *, in_bed: float = 0.0) -> Chests:
    """Draw chests of all classes in turn.

    in_bed: this share of the chests breathes shallowly and has a wide heart, as in X-rays taken in bed.
    """
    pictures, masks = np.zeros((count, SIZE, SIZE, 1), np.uint8), np.zeros((count, 2, SIZE, SIZE), bool)
    for i in range(count):
        rng = np.random.default_rng([first + i, 1])
        body = draw_body(np.random.default_rng([first + i, 0]))
        if rng.random() < in_bed:
            heart = min(body.heart * float(rng.uniform(1.0, 1.35)), 1.45)
            body = replace(
                body, heart=heart, length=body.length * float(rng.uniform(0.76, 1.0)), dome=float(rng.uniform(2.2, 5.6))
            )
        phantom, layers = xray.draw_one(xray.CLASSES[i % len(xray.CLASSES)], body, first + i, SIZE)
        pictures[i, ..., 0] = np.rint(255 * phantom.image)
        masks[i] = layers.lungs, layers.lungs & ~layers.heart
    return pictures, masks


def real_chests(teacher: LungNet, folder: Path) -> Chests:
    """Read the X-rays below a folder, and let a network find their lungs.

    Healthy lungs are easily found; drawn opacities then make them hard, and the masks stay. Pictures where `sane`
    refuses the mask, or the mask of a brighter or darker, shifted copy differs, are left out.
    """
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    small = [
        F.interpolate(_as_tensor(path), (SIZE, SIZE), mode="bilinear", antialias=True) for path in paths[:MOST_REAL]
    ]
    pictures = torch.cat(small).round().byte().permute(0, 2, 3, 1).numpy()
    masks = np.stack([lungs.segment(teacher, pictures, visible=visible) for visible in (False, True)], 1)
    steady = np.array([not lungs.sane(mask) for mask in masks[:, 0]])
    for gamma, shift in ((0.6, 6), (1.6, -6)):
        other = np.rint(255 * (pictures / 255) ** gamma).astype(np.uint8)
        found = np.roll(lungs.segment(teacher, np.roll(other, shift, (1, 2))), -shift, (1, 2))
        steady &= dice(found, masks[:, 0]) >= STEADY
    print(f"{steady.sum()} of {len(steady)} chests of {folder} are taken", flush=True)
    return pictures[steady], masks[steady]


def dice(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the Dice coefficient (N,) of two masks bool (N, H, W); two empty masks give 1."""
    both, areas = (found & truth).sum((1, 2)), found.sum((1, 2)) + truth.sum((1, 2))
    return np.where(areas > 0, 2 * both / np.maximum(areas, 1), 1.0)


def train(sets: list[Chests], *, steps: int, seed: int, start: LungNet | None = None) -> LungNet:
    """Train on sets of chests, each as often as the others, varied anew at each step. start: where to go on from."""
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = LungNet().train()
    if start is not None:
        network.load_state_dict(start.state_dict())
    pictures, masks = (np.concatenate(parts) for parts in zip(*sets, strict=True))
    often = np.concatenate([np.full(len(own), 1 / len(own) / len(sets)) for own, _ in sets])
    adam = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, RATE if start is None else RATE / 2, steps, pct_start=0.1)
    begun, total = time.monotonic(), 0.0
    for step in range(1, steps + 1):
        few = rng.choice(len(pictures), BATCH, replace=False, p=often)
        x = torch.from_numpy(pictures[few]).permute(0, 3, 1, 2).float() / 255
        y = torch.from_numpy(masks[few]).float()
        x, y = vary(x, y, rng)
        logits = network(x)
        chance = logits.sigmoid()
        overlap = 2 * (chance * y).sum((2, 3)) + 1
        soft_dice = overlap / (chance.sum((2, 3)) + y.sum((2, 3)) + 1)
        loss = F.binary_cross_entropy_with_logits(logits, y) + 1 - soft_dice.mean()
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        adam.step()
        schedule.step()
        total += loss.item()
        if step % 100 == 0:
            print(f"step {step} of {steps}, loss {total / 100:.3f}, {time.monotonic() - begun:.0f} s", flush=True)
            total = 0.0
    return network.eval()


def vary(x: Tensor, y: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Vary pictures in [0, 1], (N, 1, SIZE, SIZE), and masks in {0, 1}, (N, 2, SIZE, SIZE), as between hospitals."""
    x, y = _bend(x, y, rng)
    lung = y[:, :1]
    x = _opacify(x, lung, rng)
    x = _gas(x, lung, rng)
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
    stretch = torch.exp(_draw(rng, count, -0.25, 0.25))[:, 0, 0, 0]
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
        wrong = beyond & (F.grid_sample(y[:, :1], where, padding_mode=padding, align_corners=False) > 0.3)
        fits = (~wrong).float().amin((1, 2, 3), keepdim=True)
        moved = torch.lerp(moved, more, fits * _often(rng, count, 0.4))
    return moved, (lung > 0.5).float()


def _opacify(x: Tensor, lung: Tensor, rng: np.random.Generator) -> Tensor:
    """Opacify lungs: haze, patches, dense bases, fluid from below, one or both lungs white with open bronchi."""
    count = len(x)
    around = _smooth(x * (1 - lung), 8) / (_smooth(1 - lung, 8) + 1e-3)
    tissue = _smooth(around, 16) * _draw(rng, count, 0.85, 1.1) + (x - _smooth(x, 4)) * _draw(rng, count, 0.1, 1.0)
    patches = torch.sigmoid(4 * (_field(rng, count, 5) + 0.5 * _field(rng, count, 14) + _draw(rng, count, -1, 0.7)))
    rows = torch.linspace(-1, 1, SIZE)[None, None, :, None]
    columns = torch.linspace(-1, 1, SIZE)[None, None, None, :]
    level = _draw(rng, count, -0.5, 0.9) + _draw(rng, count, -0.5, 0.5) * columns
    below = torch.sigmoid((rows - level) * _draw(rng, count, 6, 40))
    base = torch.sigmoid((rows - _draw(rng, count, -0.5, 0.6)) * _draw(rng, count, 2, 8) + _field(rng, count, 5))
    side = torch.sigmoid(30 * columns * (1 - 2 * _often(rng, count, 0.5)))
    one_side = torch.maximum(side, _often(rng, count, 0.5))
    whole = _draw(rng, count, 0.6, 1.0) * side + _draw(rng, count, 0, 0.9) * (1 - side)
    white = (0.85 + 0.2 * _field(rng, count, 6)).clamp(0.3, 1) * _draw(rng, count, 0.6, 1.05)
    kinds = (
        patches * _draw(rng, count, 0.3, 1),
        below * one_side * _draw(rng, count, 0.6, 1),
        whole,
        base * _draw(rng, count, 0.5, 1),
        white,
    )
    left = torch.ones_like(x)
    for kind, often in zip(kinds, (0.35, 0.2, 0.25, 0.25, 0.2), strict=True):
        left = left * (1 - kind.clamp(0, 1) * _often(rng, count, often))
    # Zero crossings of a random field are a net of lines, as bronchi that stay open in airless lung.
    open_bronchi = torch.exp(-12 * _field(rng, count, 14) ** 2) * _draw(rng, count, -0.3, 0.4).clamp_min(0)
    # Fluid and airless lung hide the lung's border too: the mask is sometimes widened before it is softened.
    width = int(rng.choice([3, 5, 7]))
    wide = F.max_pool2d(lung, width, stride=1, padding=width // 2) if rng.random() < 0.5 else lung
    soft = F.avg_pool2d(wide, width, stride=1, padding=width // 2)
    return x + (1 - left) * (1 - open_bronchi) * soft * (tissue - x).clamp_min(-0.05)


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
    high = torch.lerp(high, _draw(rng, count, 0.55, 0.85), _often(rng, count, 0.2))  # heart and base burnt out to white
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
    for _ in range(int(rng.integers(1, 7)) if rng.random() < 0.45 else 0):
        knots = np.cumsum(np.vstack((rng.uniform(0, SIZE, (1, 2)), rng.normal(0, 22, (6, 2)))), 0)
        line = np.stack([np.interp(np.linspace(0, 6, 40), range(7), column) for column in knots.T], 1)
        smooth = np.apply_along_axis(np.convolve, 0, line, np.ones(7) / 7, "valid")
        pen.line([tuple(point) for point in smooth], fill=int(rng.integers(150, 256)), width=int(rng.integers(1, 4)))
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
    x, y = vary(x, torch.from_numpy(truth).float(), np.random.default_rng(_FIRST_HELD_OUT))
    varied = (255 * x).round().byte().permute(0, 2, 3, 1).numpy()
    for kind, given, masks in (("drawn", pictures, truth), ("varied", varied, y.numpy() > 0)):
        _say(f"{kind}, U-Net", dice(lungs.segment(network, given), masks[:, 0]))
        _say(f"{kind}, U-Net, visible part", dice(lungs.segment(network, given, visible=True), masks[:, 1]))
        _say(f"{kind}, simple", dice(lungs.simple(given), masks[:, 1]))


def measure(network: LungNet, folder: Path) -> None:
    """Print Dice of a network on real X-rays with masks, and how many of its masks `sane` refuses.

    folder: `images`, and masks of the same stems: `lungs` as radiologists draw them, `heart` (heart and mediastinum).
    """
    whole, visible, refused = [], [], []
    for path in sorted((folder / "images").iterdir()):
        picture = _as_tensor(path).round().byte().permute(0, 2, 3, 1).numpy()
        true, heart = (_mask(folder / kind / f"{path.stem}.png") for kind in ("lungs", "heart"))
        found = lungs.segment(network, picture)
        whole.append(dice(found, true[None]).item())
        visible.append(dice(lungs.segment(network, picture, visible=True), (true & ~heart)[None]).item())
        refused += [f"{path.stem} ({why})"] if (why := lungs.sane(found[0])) else []
    _say(f"{len(whole)} real, U-Net", np.array(whole))
    _say(f"{len(whole)} real, U-Net, visible part", np.array(visible))
    print(f"refused by `sane`: {len(refused)} {', '.join(refused)}")


def _as_tensor(path: Path) -> Tensor:
    """Read a picture, (1, 1, H, W) in [0, 255]."""
    return 255 * torch.from_numpy(image_files.decode(path, channels=1)).permute(2, 0, 1)[None]


def _mask(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("L")) > 127


def _say(name: str, scores: np.ndarray) -> None:
    print(f"{name}: Dice {scores.mean():.3f}, median {np.median(scores):.3f}, worst {scores.min():.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the lung segmentation network, or measure the current one.")
    parser.add_argument("--out", type=Path, help="train, and write the weights to this file")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--healthy", type=Path, nargs="+", default=[], metavar="FOLDER", help="learn from these X-rays too"
    )
    parser.add_argument(
        "--teacher", type=Path, default=lungs.WEIGHTS, help="weights that find their lungs, to go on from"
    )
    parser.add_argument("--sources", nargs="+", default=[], help="source and licence of each folder, for the header")
    parser.add_argument(
        "--measure", type=Path, metavar="FOLDER", help="measure on real X-rays with masks of lungs and heart"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.out:
        if len(options.sources) != len(options.healthy):
            parser.error(f"{len(options.healthy)} folders and {len(options.sources)} sources: name one source for each")
        teacher = lungs.load(options.teacher) if options.healthy else None
        sets = [phantoms(PHANTOMS, _FIRST, in_bed=IN_BED)]
        sets += [real_chests(teacher, folder) for folder in options.healthy if teacher]
        network = train(sets, steps=options.steps, seed=options.seed, start=teacher)
        header = {"steps": options.steps, "seed": options.seed, "sources": ["drawn chests", *options.sources]}
        tensor_files.save_half(options.out, network.state_dict(), header)
    network = lungs.load(options.out or lungs.WEIGHTS)
    if options.measure:
        measure(network, options.measure)
    else:
        report(network)


if __name__ == "__main__":
    main()
