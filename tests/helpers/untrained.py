"""Complete run folders of tiny networks that have learned nothing: for what only needs files that fit each other."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from gan_core import config, runs, tensor_files
from gan_core.config import RunConfig
from gan_core.families import loading, registry
from gan_core.runs import Run, RunWriter

SIZE = 32
TINY = {
    "generate": {"width": 4, "max_width": 8, "latent_size": 6},
    "translate": {"width": 4, "blocks": 1, "discriminator_width": 4, "change": True},
}


def untrained(root: Path, name: str, preset: str = "cgan", **changes: Any) -> Run:
    """A finished run of three previews; what its networks draw is noise that depends on their seed alone."""
    entry = registry.find_preset(preset)
    known = loading.load_family(entry.family)
    own = config.to_dict(known.presets[preset])
    own |= {key: value for key, value in TINY[entry.task].items() if key in own}
    classes = ("normal", "covid pneumonia")
    values: dict[str, Any] = {
        "preset": preset,
        "family": entry.family,
        "source": "phantom:cxr",
        "fingerprint": "0123456789abcdef",
        "classes": classes,
        "class_counts": (30, 10),
        "image_size": SIZE,
        "channels": 1,
        "fit": "crop",
        "epochs": 2,
        "batch_size": 4,
        "seed": 0,
        "precision": "32-true",
        "preview_every": 1,
        "log_every": 5,
        "settings": own,
        "domains": classes if entry.task == "translate" else (),
        "versions": {"ganray": "0.1.0"},
    }
    settled = RunConfig(**values | changes)
    writer = RunWriter.create(root, name, settled)
    _write(writer, settled, entry.family)
    writer.close()
    return Run(root / name, root)


def _write(writer: RunWriter, settled: RunConfig, family: str) -> None:
    shape = (settled.channels, settled.image_size, settled.image_size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settled.seed)
        built = loading.build(family, settled.settings, shape, len(settled.classes), training=False)
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.mul_(2)  # first weights are small and draw one grey
    header = {"step": 20}
    tensor_files.save(writer.run.weights, built.served_state(), header)
    tensor_files.save(writer.run.discriminator, built.judging_state(), header)
    writer.log([{"step": s, "epoch": s / 10, "seconds": s * 2.0, "loss/d": 1 / s} for s in (5, 10, 15, 20)])
    rng = np.random.default_rng(0)
    for epoch in range(3):
        grid = np.kron(rng.integers(0, 256, (9, 7, 1), np.uint8), np.ones((5, 5, 1), np.uint8))
        writer.save_samples(epoch, grid)
        row = {"epoch": epoch, "step": 10 * epoch, "diversity/samples": 0.1 * epoch, "scores/real": "0 1 2"}
        writer.log([row], runs.EPOCHS)
    writer.save_gif()
    writer.write_status(state="finished", epoch=2, epochs=2, step=20, steps=20, device="cpu")
