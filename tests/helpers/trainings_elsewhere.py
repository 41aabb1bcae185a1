"""Small real trainings of other programs: a GAN of two layers learns drawn discs, and what it logs is written and
printed in the format of each program."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

SIDE, BATCH, BATCHES, EPOCHS = 16, 8, 5, 4  # pixels, pictures, batches of an epoch, epochs
STEPS = BATCHES * EPOCHS
DATA = BATCH * BATCHES  # pictures of an epoch


@dataclass(frozen=True)
class Step:
    """One batch of the training."""

    number: int  # from 0
    d_real: float  # losses of the discriminator's halves, cross entropy
    d_fake: float
    g: float
    accuracy: float  # of both halves
    sign_real: float  # mean sign of the logits
    sign_fake: float
    samples: Tensor  # (16, 1, SIDE, SIDE) in [-1, 1], of fixed latents

    @property
    def d(self) -> float:
        return (self.d_real + self.d_fake) / 2


def discs(count: int, seed: int) -> Tensor:
    """Drawn discs (count, 1, SIDE, SIDE) in [-1, 1]."""
    generator = torch.Generator().manual_seed(seed)
    centre = 5 + 6 * torch.rand(count, 2, 1, 1, generator=generator)
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    far = ((rows - centre[:, 0]) ** 2 + (columns - centre[:, 1]) ** 2).sqrt()
    return torch.tanh(4 - far)[:, None]


@cache
def trained(steps: int = STEPS) -> tuple[Step, ...]:
    """Train the GAN; return every step."""
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(8, 64), nn.LeakyReLU(0.2), nn.Linear(64, SIDE**2), nn.Tanh())
    critic = nn.Sequential(nn.Flatten(), nn.Linear(SIDE**2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
    g_optimizer = torch.optim.Adam(generator.parameters(), 2e-3, (0.5, 0.99))
    d_optimizer = torch.optim.Adam(critic.parameters(), 2e-3, (0.5, 0.99))
    fixed, found = torch.randn(16, 8), []
    for number in range(steps):
        real, fake = discs(BATCH, number), generator(torch.randn(BATCH, 8)).view(-1, 1, SIDE, SIDE)
        on_real, on_fake = critic(real), critic(fake.detach())
        d_real, d_fake = F.softplus(-on_real).mean(), F.softplus(on_fake).mean()
        d_optimizer.zero_grad()
        ((d_real + d_fake) / 2).backward()
        d_optimizer.step()
        g = F.softplus(-critic(fake)).mean()
        g_optimizer.zero_grad()
        g.backward()
        g_optimizer.step()
        with torch.no_grad():
            samples = generator(fixed).view(-1, 1, SIDE, SIDE)
        accuracy = ((on_real > 0).float().mean() + (on_fake < 0).float().mean()) / 2
        signs = float(on_real.detach().sign().mean()), float(on_fake.detach().sign().mean())
        found.append(Step(number, d_real.item(), d_fake.item(), g.item(), accuracy.item(), *signs, samples))
    return tuple(found)


def grid(samples: Tensor) -> np.ndarray:
    """The sheet of 16 samples as GANray lays it out, uint8 (H, W, 1)."""
    from gan_core import images

    return images.grid(images.to_uint8(samples), columns=4)


def keras_gan(folder: Path, every: int = 5) -> Path:
    """What dcgan.py of Keras-GAN prints, and its plots: `images/mnist_0.png` of another size than the pictures."""
    (folder / "images").mkdir(parents=True)
    with (folder / "printed.txt").open("w") as log:
        log.write('Model: "sequential"\nTotal params: 2\n')
        for one in trained():
            log.write("1/1 [==============================] - 0s 20ms/step\n")
            log.write(f"{one.number} [D loss: {one.d:f}, acc.: {100 * one.accuracy:.2f}%] [G loss: {one.g:f}]\n")
            if one.number % every == 0:
                plot = Image.new("RGB", (160, 120), "white")
                plot.paste(Image.fromarray(grid(one.samples)[:, :, 0]).resize((100, 100)), (30, 10))
                plot.save(folder / "images" / f"mnist_{one.number}.png")
    return folder


def pytorch_gan(folder: Path, every: int = BATCHES, end: str = "\n") -> Path:
    """What dcgan.py of PyTorch-GAN prints, and its pictures: `images/0.png`, 4 x 4 with borders."""
    from torchvision.utils import save_image  # slow to import

    (folder / "images").mkdir(parents=True)
    with (folder / "log.txt").open("w", newline="") as log:
        log.write(f"Namespace(n_epochs={EPOCHS}, batch_size={BATCH})\n")
        for one in trained():
            epoch, batch = divmod(one.number, BATCHES)
            log.write(
                f"[Epoch {epoch}/{EPOCHS}] [Batch {batch}/{BATCHES}] [D loss: {one.d:f}] [G loss: {one.g:f}]{end}"
            )
            if one.number % every == 0:
                path = folder / "images" / f"{one.number}.png"
                save_image(one.samples, path, nrow=4, normalize=True)
    return folder


def cyclegan(folder: Path, *, commas: bool = False, epochs: int = EPOCHS, dataroot: str = "/data/disc2square") -> Path:
    """A folder of checkpoints/ of pytorch-CycleGAN-and-pix2pix, with a line of losses every 16 pictures."""
    from torchvision.utils import save_image

    (folder / "web" / "images").mkdir(parents=True, exist_ok=True)
    options = {
        "batch_size": (BATCH, "\t[default: 1]"),
        "crop_size": (SIDE, "\t[default: 256]"),
        "dataroot": (dataroot, "\t[default: None]"),
        "direction": ("AtoB", ""),
        "gan_mode": ("lsgan", ""),
        "isTrain": (True, "\t[default: None]"),
        "lambda_A": (10.0, ""),
        "lambda_B": (5.0, ""),
        "lambda_identity": (0.5, ""),
        "model": ("cycle_gan", ""),
        "n_epochs": (EPOCHS // 2, "\t[default: 100]"),
        "n_epochs_decay": (EPOCHS - EPOCHS // 2, "\t[default: 100]"),
        "name": (folder.name, ""),
    }
    lines = [f"{name:>25}: {value!s:<30}{default}" for name, (value, default) in options.items()]
    text = "\n".join(["----------------- Options ---------------", *lines, "----------------- End -------------------"])
    (folder / "train_opt.txt").write_text(text + "\n")
    with (folder / "loss_log.txt").open("a") as log:
        log.write("================ Training Loss (Sun Nov 29 12:00:00 2026) ================\n")
        for one in trained()[: epochs * BATCHES]:
            epoch, batch = divmod(one.number, BATCHES)
            total, count = (one.number + 1) * BATCH, (batch + 1) * BATCH
            losses = {
                "D_A": one.d,
                "G_A": one.g,
                "cycle_A": 10 * 0.1 * one.g,
                "idt_A": 5 * 0.5 * 0.2 * one.d,
                "D_B": one.d_real,
                "G_B": one.g / 2,
                "cycle_B": 5 * 0.1 * one.d,
                "idt_B": 10 * 0.5 * 0.1 * one.g,
            }
            if total % 16 == 0:
                head = f"(epoch: {epoch + 1}, iters: {count}, time: 0.012, data: 0.001) "
                if commas:
                    log.write(f"[Rank 0] {head}{''.join(f', {k}: {v:.3f}' for k, v in losses.items())}\n\n")
                else:
                    log.write(head + "".join(f"{k}: {v:.3f} " for k, v in losses.items()) + "\n")
            if batch == BATCHES - 1:
                pictures = dict(
                    zip(("real_A", "fake_B", "rec_A", "real_B", "fake_A", "rec_B"), one.samples, strict=False)
                )
                for label, picture in pictures.items():
                    save_image(picture / 2 + 0.5, folder / "web" / "images" / f"epoch{epoch + 1:03d}_{label}.png")
    return folder


def stylegan(folder: Path, *, relativistic: bool = False, ticks: int = 4) -> Path:
    """A result folder of StyleGAN2-ADA, or of R3GAN: a tick is 5 steps, sheets of 2 x 4 pictures without borders."""
    folder.mkdir(parents=True)
    kinds = (
        ("training.loss.R3GANLoss", "training.networks.Generator")
        if relativistic
        else (
            "training.loss.StyleGAN2Loss",
            "training.networks.Generator",
        )
    )
    options = {
        "num_gpus": 1,
        "batch_size": BATCH * 40,
        "total_kimg": 100,
        "random_seed": 3,
        "loss_kwargs": {"class_name": kinds[0], "r1_gamma": 1.0},
        "G_kwargs": {"class_name": kinds[1], "z_dim": 512},
        "training_set_kwargs": {"path": "/data/xrays.zip", "resolution": SIDE, "max_size": 100},
        "run_dir": str(folder),
    }
    (folder / "training_options.json").write_text(json.dumps(options, indent=2))
    digits = 9 if relativistic else 6
    with (folder / "stats.jsonl").open("w") as log, (folder / "metric-fid50k_full.jsonl").open("w") as measured:
        for tick in range(ticks):
            one, images = trained()[5 * tick], 1600 * tick + 320
            row = {
                "Loss/scores/real": 0.5,
                "Loss/signs/real": one.sign_real,
                "Loss/signs/fake": one.sign_fake,
                "Loss/D/loss": one.d_real + (0 if relativistic else one.d_fake),
                "Loss/G/loss": one.g,
                "Progress/tick": tick,
                "Progress/kimg": images / 1000,
                "Progress/augment": 0.1 * tick,
                "Timing/total_sec": 12.0 * (tick + 1),
                "Timing/sec_per_kimg": 4.0,
                "Resources/cpu_mem_gb": 2.0,
            }
            values = {name: {"num": 1, "mean": float(value), "std": 0.0} for name, value in row.items()}
            values["Loss/pl_penalty"] = {"num": 0, "mean": math.nan, "std": math.nan}
            log.write(json.dumps(values | {"timestamp": 1795000000.0 + tick}) + "\n")
            sheet = one.samples[:8].view(2, 4, SIDE, SIDE).permute(0, 2, 1, 3).reshape(2 * SIDE, 4 * SIDE)
            pixels = ((sheet + 1) * 127.5).round().byte().numpy()
            Image.fromarray(pixels).save(folder / f"fakes{images // 1000:0{digits}d}.png")
            result = {"results": {"fid50k_full": 90.0 - tick}, "metric": "fid50k_full"}
            snapshot = f"network-snapshot-{images // 1000:0{digits}d}.pkl"
            measured.write(json.dumps(result | {"snapshot_pkl": snapshot}) + "\n")
    return folder


def event_files(folder: Path, steps: Sequence[Step] | None = None, every: int = 5) -> Path:
    """What `torch.utils.tensorboard` writes of the training: scalars at every step, a sheet every few."""
    from torch.utils.tensorboard import SummaryWriter
    from torchvision.utils import make_grid

    writer = SummaryWriter(str(folder))
    for one in steps if steps is not None else trained():
        writer.add_scalar("d_loss", one.d, one.number)
        writer.add_scalar("g_loss", one.g, one.number)
        writer.add_scalar("lr", 2e-3, one.number)
        if one.number % every == 0:
            writer.add_image("samples", make_grid(one.samples / 2 + 0.5, nrow=4), one.number)
    writer.close()
    return folder


def lightning(folder: Path) -> Path:
    """What Lightning's CSVLogger writes: rows with some of the cells of a step, and hparams.yaml."""
    version = folder / "lightning_logs" / "version_0"
    version.mkdir(parents=True)
    rows = ["d_loss,epoch,fid,g_loss,step"]
    for one in trained():
        epoch, batch = divmod(one.number, BATCHES)
        rows += [f"{one.d!r},{epoch},,,{one.number}", f",{epoch},,{one.g!r},{one.number}"]
        if batch == BATCHES - 1:
            rows.append(f",{epoch},{90 - epoch},,{one.number}")
    (version / "metrics.csv").write_text("\n".join(rows) + "\n")
    (version / "hparams.yaml").write_text("batch_size: 8\nlr: 0.002\nlayers:\n- 64\n- 64\ndata: /home/me/discs\n")
    return folder


def table(folder: Path) -> Path:
    """A table of one's own with pictures called by epoch: 4 x 4 with borders of 2 pixels."""
    folder.mkdir(parents=True)
    rows = ["iteration,d_loss,g_loss,acc,note"]
    for one in trained():
        rows.append(f"{one.number + 1},{one.d:.6f},{one.g:.6f},{one.accuracy * 100:.1f},{'x' * (one.number % 2)}")
        if (one.number + 1) % BATCHES == 0:
            path = folder / f"epoch_{(one.number + 1) // BATCHES:02d}.png"
            Image.fromarray(grid(one.samples)[:, :, 0]).save(path)
    (folder / "log.csv").write_text("\n".join(rows))  # without a line end, as many writers leave it
    return folder
