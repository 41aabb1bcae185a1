"""How long an import takes: 100,000 logged steps and 200 sheets of every kind, made in a scratch folder.

    python -m benchmarks.importing

Each is imported by the command line as a user does, in a process of its own. The table shows the seconds that passed,
and those of the processor.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from gan_core import images

STEPS, SHEETS, EPOCH = 100_000, 200, 500  # of all kinds; an epoch has so many steps
NAMES = ("d_loss", "g_loss", "d_acc_real", "d_acc_fake", "lr", "penalty", "grad_d", "grad_g")
LETTERS = ("D_A", "G_A", "cycle_A", "idt_A", "D_B", "G_B", "cycle_B", "idt_B")


def values() -> np.ndarray:
    """(STEPS, 8) numbers that fall slowly."""
    noise = np.random.default_rng(0).random((STEPS, len(NAMES)))
    return np.exp(-np.arange(STEPS) / STEPS)[:, None] * (0.5 + noise)


def sheet() -> np.ndarray:
    """A sheet of 16 smooth pictures of 64 px, uint8 (H, W, 1)."""
    coarse = np.random.default_rng(0).integers(0, 256, (16, 8, 8), np.uint8)
    each = [np.asarray(Image.fromarray(one).resize((64, 64), Image.Resampling.BICUBIC)) for one in coarse]
    return images.grid(np.stack(each)[:, None], 4)


def csv(folder: Path) -> None:
    rows = (f"{step}," + ",".join(f"{value:.6f}" for value in row) for step, row in enumerate(values()))
    (folder / "log.csv").write_text("\n".join(["step," + ",".join(NAMES), *rows]) + "\n")
    for number in range(SHEETS):
        images.save_png(folder / f"step_{number * EPOCH}.png", sheet())


def pytorch_gan(folder: Path) -> None:
    line = "[Epoch {}/200] [Batch {}/500] [D loss: {:f}, acc: 50%] [G loss: {:f}, adv: {:f}, cycle: {:f}] ETA: 0:00:01"
    rows = (line.format(*divmod(step, EPOCH), *row[:4]) for step, row in enumerate(values()))
    (folder / "log.txt").write_text("\n".join(rows) + "\n")
    for number in range(SHEETS):
        images.save_png(folder / f"{number * EPOCH}.png", sheet())


def cyclegan(folder: Path) -> None:
    (folder / "web" / "images").mkdir(parents=True)
    with (folder / "loss_log.txt").open("w") as log:
        log.write("================ Training Loss (now) ================\n")
        for step, row in enumerate(values()):
            losses = " ".join(f"{name}: {value:.3f}" for name, value in zip(LETTERS, row, strict=True))
            log.write(
                f"(epoch: {step // EPOCH + 1}, iters: {(step % EPOCH + 1) * 100}, time: 0.1, data: 0.0) {losses} \n"
            )
    for number in range(SHEETS):
        for label in ("real_A", "fake_B", "rec_A", "real_B", "fake_A", "rec_B"):
            images.save_png(folder / "web" / "images" / f"epoch{number + 1:03d}_{label}.png", sheet()[:256, :256])


def tensorboard(folder: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder), max_queue=10_000)
    picture = np.ascontiguousarray(sheet().transpose(2, 0, 1))
    for step, row in enumerate(values()):
        for name, value in zip(NAMES, row, strict=True):
            writer.add_scalar(name, value, step)
        if step % EPOCH == 0:
            writer.add_image("samples", picture, step)
    writer.close()


KINDS: tuple[Callable[[Path], None], ...] = (csv, pytorch_gan, cyclegan, tensorboard)


def imported(path: Path, runs: Path) -> tuple[float, float]:
    """Import a training; return the seconds that passed and those of the processor."""
    command = [sys.executable, "-m", "gan_core", "import", "auto", str(path), "--runs", str(runs), "--name", path.name]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
    passed, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return passed, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        print(f"{STEPS:,} steps, {SHEETS} sheets{'':<4} seconds  of the processor")
        for make in KINDS:
            folder = Path(scratch) / make.__name__
            folder.mkdir()
            make(folder)
            print(f"{make.__name__:<28} {'{:7.1f}  {:7.1f}'.format(*imported(folder, Path(scratch) / 'runs'))}")


if __name__ == "__main__":
    main()
