"""Trains small GANs, each with a deliberate training failure, and scores `gan_core.diagnostics` on them.

    python -m benchmarks.ailments train OUT --seeds 0-9     # half an hour on one core
    python -m benchmarks.ailments pack OUT --seeds 0-9      # what the tests read: tests/helpers/ailments/
    python -m benchmarks.ailments score                     # the table

The networks are narrow and learn from drawn chest X-rays (brain MRI for translators) at 32 px. Thresholds were set on
seeds below 5 of the cases without a mark. Seeds 5 to 9, which see other pictures, and all seeds of the other cases were
scored afterwards; the table in tests/unit/diagnostics/test_ailments.py shows what was missed then.
"""

import argparse
import dataclasses
import functools
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gan_core import losses
from gan_core.families.base import Family, Scalars
from gan_core.run_options import RunOptions
from gan_core.runs import RunWriter
from gan_core.training import devices, run_plan, trainer
from tests.helpers import ailing

Twist = Callable[[Family], None]


@dataclass(frozen=True)
class Case:
    """A way to train, and the expected diagnosis; `event` is empty for a healthy run."""

    event: str
    preset: str = "gan"
    settings: tuple[str, ...] = ()
    images: int = 480  # training images
    steps: int = 480
    twist: Twist | None = None
    mark: str = ""  # "*": no threshold was set on it; "+": a rule was made for it after it was missed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("deed", choices=("train", "pack", "score"))
    parser.add_argument("out", type=Path, nargs="?", help="folder of the runs")
    parser.add_argument("--seeds", type=seeds, default=range(10))
    parser.add_argument("--cases", nargs="*", default=list(CASES), help="default: all cases")
    options = parser.parse_args()
    if options.deed == "score":
        print(table(options.cases))
        return
    if options.out is None:
        parser.error("name the folder of the runs: OUT")
    for seed in options.seeds if options.deed == "train" else ():
        for name in options.cases:
            if not (options.out / f"{name}-{seed}").exists():
                start = time.perf_counter()
                train(options.out, name, seed)
                print(f"{name}-{seed}: {time.perf_counter() - start:.0f} s", flush=True)
    for name in options.cases if options.deed == "pack" else ():
        ailing.pack(options.out, name, options.seeds)


def table(names: Sequence[str]) -> str:
    """Return a line for each case: the expected diagnosis and how often it was made, on seeds 0 to 4 and 5 to 9."""
    lines = [f"{'case':<22} {'expected':<16} {'seeds 0-4':>9} {'5-9':>5}   otherwise"]
    for name in (name for name in names if ailing.packed(name)):
        case = CASES[name]
        with tempfile.TemporaryDirectory() as scratch:
            found = ailing.unpack(name, Path(scratch))
        cells, others = [], []
        for part in (range(5), range(5, 10)):
            runs = [run for seed, run in found.items() if seed in part]
            others += [ailing.ailments(run) for run in runs if not ailing.right(case.event, run)]
            cells.append(f"{sum(ailing.right(case.event, run) for run in runs)}/{len(runs)}" if runs else "")
        wrong = "; ".join(", ".join(kinds) or "nothing" for kinds in others)
        name, event = f"{name}{case.mark}", case.event or "no ailment"
        lines.append(f"{name:<22} {event:<16} {cells[0]:>9} {cells[1]:>5}   {wrong}".rstrip())
    return "\n".join([*lines, "* no threshold was set on it; + missed when first scored, a rule was made afterwards"])


def seeds(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


class Untaped(trainer.Trainer):
    """A trainer that writes only its tables: no checkpoints, no weights."""

    def _save(self) -> None:
        self._check_rows()

    def _finish(self, done: bool, early: str = "") -> None:
        self._status("finished")


def train(root: Path, name: str, seed: int) -> None:
    case = CASES[name]
    translates = "cyclegan" in case.preset
    batch, kind = (4, "mri") if translates else (16, "cxr")
    per_epoch = case.images // (2 if translates else 1) // batch
    epochs = case.steps // per_epoch
    config, prepared = run_plan.plan(
        RunOptions(
            case.preset,
            f"phantom:{kind}?images={IMAGES}&seed={seed // 5}",
            epochs=epochs,
            image_size=32,
            batch_size=batch,
            seed=seed,
            preview_every=max(epochs // 12, 1),
            log_every=3,
            device="cpu",
            precision="32-true",
            settings=(*NARROW[case.preset], *case.settings),
        )
    )
    # Unused training images join the test split; the val split stays the same size in all cases.
    unused = prepared.indices("train")[case.images :]
    splits = prepared.splits.copy()
    splits[unused] = "test"
    prepared = dataclasses.replace(prepared, splits=splits)
    fabric = devices.make_fabric("cpu", "32-true")
    writer = RunWriter.create(root, f"{name}-{seed}", config)
    try:
        training = Untaped(config, prepared, fabric, writer, root)
        if case.twist:
            case.twist(training.family)
        training.run()
    except trainer.Diverged as error:
        print(error)
    finally:
        writer.close()


IMAGES = 700  # drawn once for seeds 0 to 4 and once for 5 to 9; the split keeps about a tenth of them held out
NARROW = {
    "dcgan": ("width=4", "max_width=16", "latent_size=32"),
    "dcgan_baseline": ("generator=32,32,16", "discriminator=8,16,32,64", "latent_size=32"),
    "cgan": ("width=8", "max_width=32", "latent_size=32"),
    "bigan": ("width=8", "max_width=32", "latent_size=32", "judge=32"),
    "gan": ("generator=64,64", "discriminator=32,32", "latent_size=32"),
    "gan_baseline": ("generator=64,128", "discriminator=128,64", "latent_size=32"),
    "cgan_baseline": ("generator=64,128", "discriminator=128,64", "latent_size=32"),
    "bigan_baseline": ("generator=128,128", "encoder=128,128", "discriminator=128,128", "latent_size=32"),
    "cyclegan_resnet_light": ("width=6", "blocks=2", "discriminator_width=6"),
    "cyclegan_unet_light": ("width=6", "max_width=24", "discriminator_width=6"),
}


def paced(d_steps: int, g_steps: int, saturating: bool = False, objective: str = "cross_entropy") -> Twist:
    """Run d_steps and g_steps updates of the players a step; saturating: the generator minimises log(1 - D(G(z)))."""

    def step(family: Any, real: Tensor, labels: Tensor) -> Scalars:
        for _ in range(d_steps):
            fake = family.generator(family.latents(len(real)))
            leaf = real.detach().requires_grad_(family.r1_due)
            d_real, d_fake = family.discriminator(leaf), family.discriminator(fake.detach())
            d_loss = losses.discriminator(d_real, d_fake)
            family.update("d", d_loss + family.r1(d_real, leaf))
        for _ in range(g_steps):
            logits = family.discriminator(family.generator(family.latents(len(real))))
            g_loss = -torch.nn.functional.softplus(logits).mean() if saturating else losses.generator(logits)
            family.update("g", g_loss)
        return family.scalars({"loss/d": d_loss, "loss/g": g_loss} | losses.accuracy(d_real, d_fake))

    def twist(family: Any) -> None:
        family.train_step = functools.partial(step, family)

    return twist


def one_latent(family: Any) -> None:
    """Give the generator the zero latent vector for every input."""
    for network in (family.generator, family.averages["generator"]):
        network.register_forward_pre_hook(lambda module, given: (given[0] * 0, *given[1:]))


def frozen(player: str, after: int = 0) -> Twist:
    """Stop the training of one player (d or g) from a step on."""

    def twist(family: Any) -> None:
        update = family.update

        def slow(name: str, loss: Tensor, rate: float = 1.0) -> None:
            update(name, loss, 0.0 if name == player and family.step >= after else rate)

        family.update = slow

    return twist


def rates(**factors: float) -> Twist:
    """Multiply the players' learning rates by these factors."""

    def twist(family: Any) -> None:
        update = family.update
        family.update = lambda name, loss, rate=1.0: update(name, loss, rate * factors.get(name, 1.0))

    return twist


def both(*twists: Twist) -> Twist:
    def twist(family: Any) -> None:
        for one in twists:
            one(family)

    return twist


FREE = ("r1=0", "beta1=0.5", "beta2=0.999", "ema_decay=0")  # a discriminator without regularisation

# A confident discriminator leaves no gradient of the saturating loss; these rates soon make it confident.
outrun = both(paced(5, 1, saturating=True), rates(d=4.0, g=0.1))

CASES = {
    "healthy-gan": Case(""),
    "healthy-gan-seed": Case("", "gan_baseline"),
    "ten-to-one": Case("saturated", settings=FREE, twist=paced(10, 1), steps=240),
    "one-latent": Case("collapse", twist=one_latent),
    "hundred-rate": Case("diverged", settings=("lr=0.05",)),
    "few-images": Case("overfitting", settings=FREE, images=48),
    "saturating": Case("vanishing", settings=FREE, twist=outrun, steps=300),
    "momentum": Case("oscillation", settings=("r1=0", "beta1=0.9", "beta2=0.9", "ema_decay=0", "lr=0.002")),
    "no-rate": Case("nothing_learned", settings=("lr=1e-7",)),
    "healthy-dcgan": Case("", "dcgan", steps=300, mark="*"),
    "healthy-cgan-seed": Case("", "cgan_baseline", mark="*"),
    "generator-ahead": Case("fooled", settings=FREE, twist=paced(1, 5), mark="+"),
    "latent-size-1": Case("collapse", settings=("latent_size=1",), mark="+"),
    "fast-discriminator": Case("saturated", settings=FREE, twist=rates(d=10.0, g=0.5), mark="*"),
    "frozen-generator": Case("saturated", settings=FREE, twist=frozen("g", 100), mark="*"),
    "few-images-cgan": Case("overfitting", "cgan_baseline", images=48, mark="*"),
    "frozen-discriminator": Case("fooled", settings=FREE, twist=frozen("d", 100), mark="+"),
    "hundred-rate-cgan": Case("diverged", "cgan_baseline", settings=("lr=0.02",), mark="+"),
    "no-rate-cgan": Case("nothing_learned", "cgan_baseline", settings=("lr=1e-7",), mark="*"),
    "momentum-gan-seed": Case("oscillation", "gan_baseline", ("beta1=0.9", "beta2=0.9", "lr=0.002"), mark="*"),
    "slow-discriminator": Case("fooled", settings=FREE, twist=rates(d=0.02), mark="+"),
    "slow-discriminator-seed": Case("fooled", "gan_baseline", twist=rates(d=0.02), mark="+"),
    "one-latent-seed": Case("collapse", "gan_baseline", twist=one_latent, mark="*"),
    "latent-size-1-seed": Case("collapse", "gan_baseline", ("latent_size=1",), mark="+"),
    "few-images-seed": Case("overfitting", "gan_baseline", images=48, mark="*"),
    "frozen-generator-seed": Case("saturated", "gan_baseline", twist=frozen("g", 100), mark="*"),
    "hundred-rate-seed": Case("diverged", "gan_baseline", settings=("lr=0.02",), mark="*"),
    "slow-discriminator-cgan": Case("fooled", "cgan_baseline", twist=rates(d=0.02), mark="+"),
    "generator-ahead-seed": Case("fooled", "gan_baseline", twist=paced(1, 5), mark="+"),
    "latent-size-1-cgan": Case("collapse", "cgan_baseline", ("latent_size=1",), mark="*"),
    "one-latent-cgan": Case("collapse", "cgan_baseline", twist=one_latent, mark="*"),
    "ten-to-one-seed": Case("saturated", "gan_baseline", twist=paced(10, 1), steps=240, mark="*"),
    "fast-discriminator-cgan": Case("saturated", "cgan_baseline", twist=rates(d=10.0, g=0.5), mark="*"),
    "healthy-cgan": Case("", "cgan", steps=300, mark="*"),
    "healthy-bigan": Case("", "bigan", steps=300, mark="*"),
    "healthy-bigan-seed": Case("", "bigan_baseline", mark="*"),
    "translator": Case("", "cyclegan_unet_light", images=400, steps=200, mark="*"),
}


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)
    main()
