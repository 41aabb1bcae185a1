"""Curves of a training drawn for the rules of the diagnosis: a healthy one, and ways to change it."""

from dataclasses import replace

import numpy as np

from gan_core.diagnostics import Record, diagnose
from tests.helpers.traits import of_preset

ROWS, PREVIEWS, EPOCHS = 400, 12, 50
T = np.linspace(0, 1, ROWS)


def healthy(seed: int = 0, rows: int = ROWS) -> Record:
    """A training as one would wish it: losses near chance, with the noise of small batches."""
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 1, rows)
    noise = rng.normal(size=(5, rows))
    early = np.exp(-12 * t)
    return Record(
        metrics={
            "step": np.arange(1, rows + 1) * 10,
            "epoch": np.linspace(EPOCHS / rows, EPOCHS, rows),
            "loss/d": 0.66 + 0.05 * early + 0.02 * noise[0],
            "loss/g": 0.75 + 0.3 * early + 0.04 * noise[1],
            "accuracy/d_real": 0.63 + 0.05 * noise[2],
            "accuracy/d_fake": 0.66 + 0.05 * noise[3],
            "grad_norm/d": 0.5 + 0 * t,
            "grad_norm/g": 0.3 + 2 * early + 0.02 * np.abs(noise[4]),
        },
        previews={
            "epoch": np.linspace(0, EPOCHS, PREVIEWS),
            "diversity/samples": 0.36 - 0.2 * np.exp(-np.arange(PREVIEWS)) + 0.004 * rng.normal(size=PREVIEWS),
            "diversity/data": np.full(PREVIEWS, 0.36),
        },
        scores={
            "real": rng.multinomial(256, bell(20.5), PREVIEWS).astype(float),
            "held_out": rng.multinomial(100, bell(20.5), PREVIEWS).astype(float),
            "generated": rng.multinomial(256, bell(18.5), PREVIEWS).astype(float),
        },
        traits=of_preset("gan"),
        epochs=EPOCHS,
    )


def bell(middle: float, width: float = 1.5) -> np.ndarray:
    """Shares (40,) of the bins of a histogram."""
    heights = np.exp(-(((np.arange(40) - middle) / width) ** 2) / 2)
    return heights / heights.sum()


def with_metrics(found: Record, **values: np.ndarray) -> Record:
    return replace(found, metrics={**found.metrics, **{key.replace("__", "/"): v for key, v in values.items()}})


def with_previews(found: Record, **values: np.ndarray) -> Record:
    return replace(found, previews={**found.previews, **{key.replace("__", "/"): v for key, v in values.items()}})


def ailments(found: Record) -> list[str]:
    return [event.kind for event in diagnose(found) if event.ailment]
