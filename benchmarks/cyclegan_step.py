"""A CycleGAN step against a plain PyTorch loop with the same networks: paired runs and the median of their ratios.

    python -m benchmarks.cyclegan_step [--preset cyclegan_resnet] [--size 128] [--pairs 7]

The plain loop is the straightforward implementation: float32, torch's own layers, one pass for each picture and loss,
and default `backward` and Adam. Both start from the same weights, and their first losses are printed.
"""

import argparse
import copy
import itertools
import statistics
import time
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_core.families import loading, registry
from gan_core.families.cyclegan import CycleGAN
from gan_core.nets import ImagePool
from gan_core.nets.convolutional import UpConv
from gan_core.nets.norm import InstanceNorm
from gan_core.training import devices


class PlainUpConv(nn.Module):
    """Nearest-neighbour upsampling and a 3 x 3 convolution, as two layers."""

    def __init__(self, layer: UpConv) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Upsample(scale_factor=2), nn.Conv2d(layer.in_channels, layer.out_channels, 3, padding=1, bias=False)
        )
        self.body[1].load_state_dict(layer.state_dict())

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


def in_plain_layers(network: nn.Module) -> nn.Module:
    """Return a copy with torch's own layers in torch's default memory layout."""
    copied = copy.deepcopy(network).to(memory_format=torch.contiguous_format)
    for parent in list(copied.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, UpConv):
                setattr(parent, name, PlainUpConv(child))
            elif isinstance(child, InstanceNorm):
                width = next(m.out_channels for m in reversed(before(parent, name)) if isinstance(m, nn.Conv2d))
                setattr(parent, name, nn.InstanceNorm2d(width))
    return copied


def before(parent: nn.Module, name: str) -> list[nn.Module]:
    """Return the modules of `parent` before its child `name`."""
    children = itertools.takewhile(lambda pair: pair[0] != name, parent.named_children())
    return [module for _, child in children for module in child.modules()]


class PlainLoop:
    """The training step of the CycleGAN paper, without optimisation."""

    def __init__(self, family: CycleGAN) -> None:
        self.config = family.config
        self.ab, self.ba = in_plain_layers(family.generator_ab), in_plain_layers(family.generator_ba)
        self.d_a, self.d_b = in_plain_layers(family.discriminator_a), in_plain_layers(family.discriminator_b)
        self.pool_a, self.pool_b = (ImagePool(self.config.pool, family.image_shape) for _ in range(2))
        betas = (self.config.beta1, self.config.beta2)
        self.g = torch.optim.Adam(itertools.chain(self.ab.parameters(), self.ba.parameters()), self.config.lr, betas)
        self.d = torch.optim.Adam(itertools.chain(self.d_a.parameters(), self.d_b.parameters()), self.config.lr, betas)
        self.seen = 0

    def adversarial(self, logits: Tensor, real: bool) -> Tensor:
        target = torch.full_like(logits, float(real))
        if self.config.objective == "least_squares":
            return F.mse_loss(logits, target)
        return F.binary_cross_entropy_with_logits(logits, target)

    def step(self, real_a: Tensor, real_b: Tensor) -> list[float]:
        for parameter in itertools.chain(self.d_a.parameters(), self.d_b.parameters()):
            parameter.requires_grad_(False)
        fake_b, fake_a = self.ab(real_a), self.ba(real_b)
        rec_a, rec_b = self.ba(fake_b), self.ab(fake_a)
        cycle = F.l1_loss(rec_a, real_a) + F.l1_loss(rec_b, real_b)
        identity = F.l1_loss(self.ba(real_a), real_a) + F.l1_loss(self.ab(real_b), real_b)
        adversarial = self.adversarial(self.d_b(fake_b), True) + self.adversarial(self.d_a(fake_a), True)
        self.g.zero_grad()
        (adversarial + self.config.cycle * cycle + self.config.identity * identity).backward()
        self.g.step()

        for parameter in itertools.chain(self.d_a.parameters(), self.d_b.parameters()):
            parameter.requires_grad_(True)
        self.d.zero_grad()
        total = 0.0
        for network, pool, real, fake in (
            (self.d_a, self.pool_a, real_a, fake_a),
            (self.d_b, self.pool_b, real_b, fake_b),
        ):
            loss = self.adversarial(network(real), True) + self.adversarial(network(pool(fake, self.seen)), False)
            (loss / 2).backward()
            total += loss.item() / 2
        self.d.step()
        self.seen += len(real_a)
        return [adversarial.item(), cycle.item(), identity.item(), total]


def median_seconds(step: Callable[[], object], steps: int) -> float:
    """Return the median seconds of `steps` calls, after one warm-up call."""
    times = []
    for _ in range(steps + 1):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def pairs(preset: str, size: int, steps: int, *, print_losses: bool = False) -> Iterator[tuple[float, float]]:
    """Yield the seconds of GANray's step and of the plain step, without end; print the first losses if asked."""
    devices.keep_freed_memory()
    entry = registry.find_preset(preset)
    shape = (1, size, size)
    torch.manual_seed(0)
    # The plain loop has no jitter of the training pictures, so GANray's step gets none either.
    family = loading.load_family(entry.family).family(loading.preset_settings(entry, size), shape, 2).place("cpu")
    assert isinstance(family, CycleGAN)
    family.jitter = lambda real: real  # type: ignore[method-assign]
    loop = PlainLoop(family)
    real = torch.rand(2, *shape) * 2 - 1

    def ours() -> dict[str, Tensor]:
        with torch.autocast("cpu", torch.bfloat16):
            scalars = family.train_step(real, torch.tensor([0, 1]))
        family.step += 1
        return scalars

    first, expected = ours(), loop.step(*real.split(1))
    if print_losses:
        found = [
            sum(float(first[f"loss/{name}{end}"]) for end in ends)
            for name, ends in (("g_", ("ab", "ba")), ("cycle_", "ab"), ("identity_", "ab"), ("d_", "ab"))
        ]
        print("first step   adversarial  cycle  identity  discriminators")
        print("ours        ", "  ".join(f"{value:8.4f}" for value in found))
        print("plain       ", "  ".join(f"{value:8.4f}" for value in expected))
    while True:
        yield median_seconds(ours, steps), median_seconds(lambda: loop.step(*real.split(1)), steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="cyclegan_resnet")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--steps", type=int, default=3, help="steps of each measurement, which is their median")
    options = parser.parse_args()
    ratios = []
    measured = pairs(options.preset, options.size, options.steps, print_losses=True)
    for pair, (ours, plain) in enumerate(itertools.islice(measured, options.pairs), 1):
        ratios.append(plain / ours)
        print(f"pair {pair}: ours {ours:.3f} s, plain {plain:.3f} s, {ratios[-1]:.2f} times as fast")
    print(
        f"median of {options.pairs}: {statistics.median(ratios):.2f} times as fast, {torch.get_num_threads()} threads"
    )


if __name__ == "__main__":
    main()
