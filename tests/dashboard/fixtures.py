"""Run folders as the trainer leaves them, drawn instead of trained: plausible curves and pictures in a second."""

import zlib
from pathlib import Path

import numpy as np

from gan_core import images, runs
from gan_core.config import RunConfig

GRID = 16  # pictures a grid
COLUMNS = ("step", "epoch", "seconds", "images_per_second", "loss/d", "loss/g")
COLUMNS += ("accuracy/d_real", "accuracy/d_fake", "grad_norm/d", "grad_norm/g")


def make_run(
    root: Path,
    name: str,
    preset: str = "dcgan",
    epochs: int = 10,
    steps: int = 20,
    state: str = "finished",
    seed: int = 0,
    *,
    preview_every: int = 1,
    reason: str | None = None,
) -> runs.Run:
    """Write a complete run folder; `steps` are those of an epoch. `reference/<name>` makes a shipped run."""
    home = root / runs.REFERENCE if name.startswith(f"{runs.REFERENCE}/") else root
    rng = np.random.default_rng([seed, zlib.crc32(preset.encode())])
    writer = runs.RunWriter.create(home, name.removeprefix(f"{runs.REFERENCE}/"), settings(preset, epochs, seed))
    reached = epochs if state == "finished" else max(1, epochs * 2 // 3)
    writer.log(metric_rows(reached, steps, rng))
    for epoch in range(0, reached + 1, preview_every):
        writer.save_samples(epoch, draw_grid(epoch / epochs, preset, seed))
        writer.log([preview_row(epoch, epoch * steps, epoch / epochs, rng)], runs.EPOCHS)
    writer.save_gif()
    writer.write_status(
        state=state,
        epoch=reached,
        epochs=epochs,
        step=reached * steps,
        steps=epochs * steps,
        eta_seconds=90.0 if state == "running" else None,
        reason=reason,
        device="cpu",
    )
    writer.run.weights.write_bytes(bytes(2048))
    writer.close()
    return runs.Run(writer.run.folder, root)


def settings(preset: str, epochs: int, seed: int) -> RunConfig:
    """A run's configuration; the family is the preset's name without `_seed`."""
    return RunConfig(
        preset=preset,
        family=preset.removesuffix("_seed"),
        source="phantom:cxr",
        fingerprint="0123456789abcdef",
        classes=("bacterial", "covid", "normal", "viral"),
        class_counts=(1200, 800, 1277, 800),
        image_size=64,
        channels=1,
        fit="crop",
        epochs=epochs,
        batch_size=32,
        seed=seed,
        precision="32-true",
        preview_every=1,
        log_every=1,
        settings={"latent_size": 100, "lr": 0.0002, "betas": [0.5, 0.999]},
        versions={"ganray": "0.1.0", "torch": "2.15.0"},
    )


def metric_rows(epochs: int, steps: int, rng: np.random.Generator) -> list[dict[str, float | int]]:
    """A row a step: noise around a curve that settles."""
    count = epochs * steps
    t = np.arange(1, count + 1) / max(count, 1)
    level = rng.uniform(0.7, 1.6)
    loss_g = level + 0.9 * t + 1.2 * np.exp(-8 * t) + 0.22 * rng.standard_normal(count)
    loss_d = 1.3 - 0.35 * t * level + 0.12 * rng.standard_normal(count)
    real = np.clip(0.62 + 0.16 * t * level + 0.07 * rng.standard_normal(count), 0, 1)
    fake = np.clip(0.60 + 0.20 * t * level + 0.07 * rng.standard_normal(count), 0, 1)
    norms = np.abs(1 + 0.4 * rng.standard_normal((count, 2)))
    return [
        dict(
            zip(
                COLUMNS,
                (i + 1, (i + 1) / steps, 0.04 * (i + 1), 800.0, loss_d[i], loss_g[i], real[i], fake[i], *norms[i]),
                strict=True,
            )
        )
        for i in range(count)
    ]


def preview_row(epoch: int, step: int, t: float, rng: np.random.Generator) -> dict[str, float | int | str]:
    """A row a preview, with score histograms of 40 bins from -10 to 10."""
    return {
        "epoch": epoch,
        "step": step,
        "accuracy/d_held_out": 0.6 + 0.1 * t,
        "diversity/samples": 0.05 + 0.2 * t,
        "diversity/data": 0.27,
        "scores/real": _counts(rng.normal(1 + t, 1.2, 500)),
        "scores/held_out": _counts(rng.normal(0.8 + t, 1.3, 500)),
        "scores/generated": _counts(rng.normal(-1 - t, 1.4, 500)),
    }


def _counts(scores: np.ndarray) -> str:
    bins = np.clip(np.floor((scores + 10) / 0.5), 0, 39).astype(int)
    return " ".join(map(str, np.bincount(bins, minlength=40)))


def draw_grid(t: float, preset: str, seed: int) -> np.ndarray:
    """A 4 x 4 grid, uint8 (266, 266, 1), of a chest as it grows out of noise; t: from 0 to 1."""
    rng = np.random.default_rng([seed, 1])
    noise = np.random.default_rng([seed, 2, int(t * 1000), zlib.crc32(preset.encode())])
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    chests = []
    for _ in range(GRID):
        width, height, shift = rng.uniform(0.24, 0.34), rng.uniform(0.5, 0.66), rng.uniform(-0.06, 0.06)
        body = 0.55 * np.exp(-((x / 0.95) ** 6) - (y / 1.3) ** 6) + 0.25 * np.exp(-((x - shift) ** 2) / 0.02)
        for side in (-1, 1):
            lung = ((x - shift - side * 0.44) / width) ** 2 + ((y + 0.05) / height) ** 2
            body -= 0.5 / (1 + np.exp(9 * (lung - 1)))
        body += 0.06 * np.sin(14 * y + 3 * np.abs(x)) * (np.abs(x) < 0.8)
        body += 0.3 / (1 + np.exp(9 * (((x - 0.14) / 0.3) ** 2 + ((y - 0.32) / 0.34) ** 2 - 1)))
        chests.append(body * 2 - 0.7)
    made = min(1.0, t * 1.6)
    mixed = np.stack(chests) * made + noise.normal(0, 0.75 * (1 - made) + 0.05, (GRID, 64, 64))
    return images.grid(images.to_uint8(mixed[:, None]))
