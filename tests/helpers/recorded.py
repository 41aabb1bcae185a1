"""Runs that GANray did not train, written as `record` and the imports write them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from gan_core import images, runs
from gan_core.config import Origin
from gan_core.family_traits import FamilyTraits
from gan_core.metrics import DISCRIMINATOR_LOSS, GENERATOR_LOSS, Metric, resolved
from gan_core.runs import RecordedWriter
from tests.helpers.configs import CONFIG
from tests.helpers.run_folders import draw_chests

LAST, EVERY = 3000, 500  # steps, of the run and from sheet to sheet
METRICS = (DISCRIMINATOR_LOSS, GENERATOR_LOSS, Metric("ssim", "Structure"))


def record_run(
    root: Path,
    name: str,
    origin: Origin | None = None,
    *,
    state: str = "finished",
    planned: int = 0,
    last: int = LAST,
    reason: str = "",
    samples: int = 16,
) -> runs.Run:
    """Write a run of which little is known; its columns are two losses and one of its own."""
    origin = origin or Origin("recorded", "wgan.py", counts="step")
    config = replace(
        CONFIG,
        preset=origin.program or name,
        source="",
        fingerprint="",
        classes=(),
        class_counts=(),
        image_size=32,
        epochs=planned,
        batch_size=0,
        seed=0,
        settings={"lr": 0.1},
        origin=origin,
        traits=FamilyTraits(
            has_discriminator=False, objective="wasserstein", metrics=resolved(METRICS, "wasserstein", {})
        ),
    )
    writer = RecordedWriter.create(root, name, config)
    steps = np.arange(1, last + 1, max(1, last // 300), dtype=np.float64)
    columns = {"loss/d": -1 / steps, "loss/g": 1 / steps, "ssim": np.sqrt(steps / last)}
    writer.write_table({"step": steps, "epoch": steps} | columns)
    for number in range(0, last + 1, EVERY if last >= EVERY else 1):
        shown = draw_chests(samples, 32, 0) * (0.2 + 0.8 * number / last)
        writer.save_samples(number, images.grid(images.to_uint8(shown[:, None])))
    epoch = last
    writer.close(state, last, epoch, reason)
    return writer.run
