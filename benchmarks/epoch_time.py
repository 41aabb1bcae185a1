"""Time of an epoch (4077 images, 64 px, batch 32) and of 64 samples, and the multiply-adds of each network.

    python -m benchmarks.epoch_time [PRESET ...] [--seconds 20]

Trains each preset that generates on phantoms, with the real trainer, and reads the speed from its metrics.csv. The time
includes reading a batch, both updates and the moving average (EMA), but no previews and checkpoints. Run nothing else
meanwhile.
"""

import argparse
import inspect
import math
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from gan_core import inference
from gan_core.families import loading, registry
from gan_core.run_options import RunOptions
from gan_core.runs import Run
from gan_core.training import run_plan, trainer

IMAGES, BATCH, SIZE, SAMPLES = 4077, 32, 64, 64
EPOCHS = 1_000_000  # never reached: the clock ends a measurement


class Timed(trainer.Trainer):
    """A trainer that stops after `budget` seconds of steps."""

    budget = 20.0

    def _step(self) -> None:
        super()._step()
        if self.seconds > self.budget:
            self._request_stop("measured")


def multiply_adds(network: nn.Module, *inputs: torch.Tensor) -> int:
    """Count the multiply-adds of the linear layers and convolutions for one picture, by their definitions.

    An upsampling convolution counts as nearest-neighbour upsampling and a 3 x 3 convolution, although the computation
    needs only four ninths of that.
    """
    counted = 0

    def count(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal counted
        if isinstance(layer, nn.Linear):
            counted += layer.in_features * layer.out_features
        if isinstance(layer, nn.Conv2d):
            counted += output[0].numel() * layer.in_channels * math.prod(layer.kernel_size)

    hooks = [layer.register_forward_hook(count) for layer in network.modules()]
    with torch.no_grad():
        network.eval()(*inputs)
    for hook in hooks:
        hook.remove()
    return counted


def networks(preset: str) -> dict[str, int]:
    """Return the multiply-adds of a preset's networks, by name."""
    entry = registry.find_preset(preset)
    settings = loading.preset_settings(entry, SIZE)
    family = loading.load_family(entry.family).family(settings, (1, SIZE, SIZE), 2, training=False)
    image, z, label = (
        torch.zeros(1, 1, SIZE, SIZE),
        torch.zeros(1, family.latent_size),
        torch.zeros(1, dtype=torch.int64),
    )
    given = {"generator": [z], "encoder": [image], "discriminator": [image]}
    if entry.family == "bigan":
        given["discriminator"].append(z)
    if family.conditional:
        given["generator"].append(label)
        given["discriminator"].append(label)
    found = {}
    for name, net in family.named_children():
        if name in given:
            takes = len(inspect.signature(net.forward).parameters)  # not every discriminator takes the class
            found[name] = multiply_adds(net, *given[name][:takes])
    return found


def measure(preset: str, root: Path, seconds: float) -> tuple[np.ndarray, Run]:
    """Train a preset; return images a second of each logged row, and the run, which names the faster precision."""
    Timed.budget = seconds
    trainer.Trainer = Timed  # type: ignore[misc]
    config, prepared = run_plan.plan(
        RunOptions(preset, "phantom:cxr?images=5200", epochs=EPOCHS, preview_every=EPOCHS, device="cpu")
    )
    run = trainer.train(config, prepared, preset, root, "cpu")
    metrics = run.metrics()
    metrics.poll()
    return metrics.column("images_per_second")[2:], run


def generation(run: Run, rounds: int = 5) -> float:
    """Return the median milliseconds from latents to 64 pictures as bytes, as Live generates them."""
    model = inference.load(run)
    model.generate(SAMPLES)  # the first call chooses the precision
    taken = []
    for seed in range(rounds):
        begun = time.perf_counter()
        model.generate(SAMPLES, seed=seed)
        taken.append(time.perf_counter() - begun)
    return 1000 * float(np.median(taken))


def generators() -> list[str]:
    """Return the presets that generate: translators take pairs of images and have benchmarks of their own."""
    return [name for name, preset in registry.presets().items() if preset.traits.task == "generate"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Seconds an epoch of each preset.")
    parser.add_argument("presets", nargs="*", metavar="PRESET", help="generators (default: all)")
    parser.add_argument("--seconds", type=float, default=20, help="seconds of training for each preset (default 20)")
    options = parser.parse_args()
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, {IMAGES} images, batch {BATCH}, {SIZE} px")
    print(
        "| preset | seconds an epoch | 10 to 90 % | ms a step | ms for 64 samples | precision | million multiply-adds |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for preset in options.presets or generators():
            speeds, run = measure(preset, Path(folder), options.seconds)
            median, slow, fast = (IMAGES / np.percentile(speeds, q) for q in (50, 10, 90))
            sizes = ", ".join(f"{name} {count / 1e6:.1f}" for name, count in networks(preset).items())
            step = 1000 * median * BATCH / IMAGES
            times = f"{median:.1f} | {fast:.1f} to {slow:.1f} | {step:.0f} | {generation(run):.0f}"
            print(f"| `{preset}` | {times} | {run.config().precision} | {sizes} |", flush=True)


if __name__ == "__main__":
    main()
