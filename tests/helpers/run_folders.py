"""Run folders as the trainer leaves them, drawn instead of trained: plausible curves and pictures in a second."""

import functools
import os
import zlib
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np

from gan_core import images, runs
from gan_core.config import RunConfig

GRID = 16  # pictures a grid
ROWS, SHEET_COLUMNS, SIDE = 4, 6, 48  # of a translator's sheet, and the pixels of its pictures
COLUMNS = (
    *("step", "epoch", "seconds", "images_per_second", "loss/d", "loss/g"),
    *("accuracy/d_real", "accuracy/d_fake", "grad_norm/d", "grad_norm/g"),
)
RESNET = {
    "generator": "resnet",
    "width": 24,
    "objective": "least_squares",
    "adversarial": 1.0,
    "cycle": 10.0,
    "identity": 5.0,
    "lr": 0.0002,
}
OBJECTIVES = {"r3gan": {"objective": "relativistic"}, "vae": {"objective": "likelihood"}}
UNET = RESNET | {"generator": "unet", "objective": "cross_entropy"}


@mock.patch.object(os, "fsync", lambda _: None)  # seconds on a busy disk, and no drawn run must outlive a power cut
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
    private: bool = False,
    previews: bool = True,
    domains: tuple[str, str] = ("NORMAL", "COVID"),
) -> runs.Run:
    """Write a complete run folder; `steps` are those of an epoch. `reference/<name>` makes a shipped run.

    Presets of families that translate make a translator, between `domains`, with its previews in private if so wished.
    """
    home = root / runs.REFERENCE if name.startswith(f"{runs.REFERENCE}/") else root
    rng = np.random.default_rng([seed, zlib.crc32(preset.encode())])
    translates = preset.startswith(("cyclegan", "cut", "pix2pix"))
    config = translator(preset, epochs, seed, domains, private) if translates else settings(preset, epochs, seed)
    writer = runs.RunWriter.create(home, name.removeprefix(f"{runs.REFERENCE}/"), config)
    reached = epochs if state == "finished" else max(1, epochs * 2 // 3)
    rows = metric_rows(reached, steps, rng)
    writer.log([translator_row(row) for row in rows] if translates else [logged(row, preset) for row in rows])
    for epoch in range(0, reached + 1, preview_every) if previews else ():
        t = epoch / epochs
        writer.save_samples(epoch, (draw_sheet if translates else draw_grid)(t, preset, seed), private)
        row = preview_row(epoch, epoch * steps, t, rng)
        if preset == "vae":
            row = {name: value for name, value in row.items() if "accuracy" not in name and "scores" not in name}
        writer.log([changes(row, t) if translates else row], runs.EPOCHS)
    if previews:
        writer.save_gif(private)
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
    """A run's configuration; the family is the preset's name without `_baseline`."""
    return RunConfig(
        preset=preset,
        family=preset.removesuffix("_baseline"),
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
        settings={"latent_size": 100, "lr": 0.0002, "betas": [0.5, 0.999]} | OBJECTIVES.get(preset, {}),
        versions={"ganray": "0.1.0", "torch": "2.15.0"},
    )


def translator(preset: str, epochs: int, seed: int, domains: tuple[str, str], private: bool) -> RunConfig:
    """A translator's configuration; previews of real images are private."""
    return replace(
        settings(preset, epochs, seed),
        family=preset.partition("_")[0],
        source="data/adults" if private else "phantom:cxr",
        classes=domains,
        class_counts=(399, 743),
        image_size=128,
        batch_size=1,
        settings=UNET if "unet" in preset else RESNET,
        domains=domains,
        preview_inputs="held-out",
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


def logged(row: dict[str, float | int], preset: str) -> dict[str, float | int]:
    """A generator's row with the columns that its preset's objective has."""
    kept = {name: value for name, value in row.items() if name not in ("accuracy/d_real", "accuracy/d_fake")}
    if preset == "r3gan":
        return kept | {"accuracy/d_pairs": (row["accuracy/d_real"] + row["accuracy/d_fake"]) / 2}
    if preset == "vae":
        kept = {name: value for name, value in kept.items() if not name.endswith(("/d", "loss/g"))}
        return kept | {"loss/reconstruction": row["loss/d"] / 50, "loss/kl": 20 + row["loss/g"]}
    return row


def translator_row(row: dict[str, float | int]) -> dict[str, float | int]:
    """A generator's row turned into one with a translator's columns."""
    found = {name: row[name] for name in ("step", "epoch", "seconds", "images_per_second")}
    for share, (way, domain) in ((1.0, ("ab", "a")), (1.1, ("ba", "b"))):
        found[f"loss/g_{way}"] = share * row["loss/g"]
        found[f"loss/cycle_{domain}"] = share * row["loss/d"] / 20
        found[f"loss/identity_{domain}"] = share * row["loss/d"] / 30
        found[f"loss/d_{domain}"] = share * row["loss/d"] / 4
        found[f"accuracy/d_{domain}_real"] = row["accuracy/d_real"]
        found[f"accuracy/d_{domain}_fake"] = row["accuracy/d_fake"]
    return found | {name: row[name] for name in ("grad_norm/g", "grad_norm/d")}


def changes(row: dict[str, float | int | str], t: float) -> dict[str, float | int | str]:
    """A generator's preview row turned into a translator's."""
    kept = {name: value for name, value in row.items() if not name.startswith("diversity/")}
    return kept | {
        "change/ab": 0.08 * t + 0.01,
        "change/ba": 0.07 * t + 0.01,
        "cycle_error/a": 0.05 - 0.04 * t,
        "cycle_error/b": 0.06 - 0.04 * t,
    }


def _counts(scores: np.ndarray) -> str:
    bins = np.clip(np.floor((scores + 10) / 0.5), 0, 39).astype(int)
    return " ".join(map(str, np.bincount(bins, minlength=40)))


def draw_grid(t: float, preset: str, seed: int) -> np.ndarray:
    """A 4 x 4 grid, uint8 (266, 266, 1), of a chest as it grows out of noise; t: from 0 to 1."""
    noise = np.random.default_rng([seed, 2, int(t * 1000), zlib.crc32(preset.encode())])
    made = min(1.0, t * 1.6)
    mixed = draw_chests(GRID, 64, seed) * made + noise.normal(0, 0.75 * (1 - made) + 0.05, (GRID, 64, 64))
    return images.grid(images.to_uint8(mixed[:, None]))


def draw_sheet(t: float, preset: str, seed: int) -> np.ndarray:
    """A translator's sheet, uint8 (202, 302, 1): chests whose lungs whiten there and clear on the way back."""
    noise = np.random.default_rng([seed, 3, int(t * 1000), zlib.crc32(preset.encode())])
    inputs = draw_chests(2 * ROWS, SIDE, seed)
    haze = np.where(np.arange(2 * ROWS) < ROWS, 1, -1)[:, None, None] * np.exp(-((inputs + 0.8) ** 2) / 0.1)
    there = inputs + 0.8 * t * haze + noise.normal(0, 0.02, inputs.shape)
    back = inputs + 0.3 * (1 - t) * haze + noise.normal(0, 0.03, inputs.shape)
    rows = np.stack([inputs, there, back], 1).reshape(2, ROWS, 3, SIDE, SIDE).swapaxes(0, 1)
    return images.grid(images.to_uint8(rows.reshape(-1, 1, SIDE, SIDE)), columns=SHEET_COLUMNS)


@functools.cache
def draw_chests(count: int, side: int, seed: int) -> np.ndarray:
    """Something like chests, float (count, side, side), from about -1 to 1; drawn once, and not to be changed."""
    rng = np.random.default_rng([seed, 1])
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    chests = []
    for _ in range(count):
        width, height, shift = rng.uniform(0.24, 0.34), rng.uniform(0.5, 0.66), rng.uniform(-0.06, 0.06)
        body = 0.55 * np.exp(-((x / 0.95) ** 6) - (y / 1.3) ** 6) + 0.25 * np.exp(-((x - shift) ** 2) / 0.02)
        for side in (-1, 1):
            lung = ((x - shift - side * 0.44) / width) ** 2 + ((y + 0.05) / height) ** 2
            body -= 0.5 / (1 + np.exp(9 * (lung - 1)))
        body += 0.06 * np.sin(14 * y + 3 * np.abs(x)) * (np.abs(x) < 0.8)
        body += 0.3 / (1 + np.exp(9 * (((x - 0.14) / 0.3) ** 2 + ((y - 0.32) / 0.34) ** 2 - 1)))
        chests.append(body * 2 - 0.7)
    drawn = np.stack(chests)
    drawn.flags.writeable = False
    return drawn
