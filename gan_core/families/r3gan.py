"""R3GAN: relativistic loss, gradient penalties on real and generated images (Huang et al. 2024, arXiv:2501.05441).

    python -m gan_core train r3gan --data phantom:cxr

The discriminator decides which of two images of one class is real, so that its loss does not vanish once it recognises
every generated image. Gradient penalties on real and generated images stabilise training without normalisation layers.
Both networks are plain residual networks. At 128 and 256 px they have further stages of half the width.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from gan_core import losses
from gan_core.families.base import Family, Scalars
from gan_core.metrics import ACCURACY_PAIRS, DISCRIMINATOR_LOSS, GENERATOR_LOSS, GRADIENT_D, GRADIENT_G
from gan_core.nets import (
    ConditionalGenerator,
    ProjectionDiscriminator,
    ResidualDiscriminator,
    ResidualGenerator,
    growing,
    stages,
)

_FOLLOW = 0.02  # rate at which the mean logits of each class follow those of a step


@dataclass(frozen=True)
class Config:
    """Settings of the relativistic GAN with two penalties."""

    objective: Literal["relativistic"] = "relativistic"  # adversarial loss
    latent_size: int = 100  # dimensions of the latent vector z
    width: int = 20  # channels at the image's resolution, doubled at each halving ...
    max_width: int = 192  # ... up to this
    blocks: int = 1  # residual blocks at each resolution but the image's own
    skips: int = 0  # resolutions below the image's that draw an image of their own: one for each growth of a run
    lr: float = 3e-4  # learning rate of Adam, in the first half of the run, then linearly down to 0
    beta1: float = 0.0  # Adam's beta 1: decay of the mean of the gradients
    beta2: float = 0.99  # Adam's beta 2: decay of the mean of their squares
    r1: float = 1.0  # weight of the R1 and R2 gradient penalties, on real and on generated images
    pay: float = 0.125  # share of the images that pay the penalties, at each step
    augment: Literal["none", "fixed", "adaptive"] = "none"  # augmentation of the discriminator's input
    ema_decay: float = 0.999  # decay of the exponential moving average (EMA) of the generator, 0 for none


PRESETS = {"r3gan": Config()}


class R3GAN(Family):
    """A relativistic GAN: which image of a pair of one class is real?"""

    conditional = True
    one_class = True
    width_at = 64
    used_with = (("pay", "r1!=0"),)
    color = "#CC003D"
    diagram = (
        '{"latent vector z" class} -> generator -> "generated image" -> discriminator -> "which of the pair is real?";'
        ' "real image of the class" -> discriminator;'
    )
    metrics = (
        DISCRIMINATOR_LOSS,
        GENERATOR_LOSS,
        ACCURACY_PAIRS,
        GRADIENT_D,
        GRADIENT_G,
    )

    @classmethod
    def larger(cls, config: Config) -> Config:
        return growing.larger(config)

    def build(self, config: Config) -> None:
        channels = stages(self.image_shape[1], config.width, config.max_width)
        self.generator = ConditionalGenerator(
            config.latent_size,
            self.classes,
            lambda size: ResidualGenerator(size, channels, self.image_shape, config.blocks, config.skips),
        )
        features = ResidualDiscriminator(channels[-2::-1], self.image_shape, config.blocks)
        self.discriminator = CentredDiscriminator(features, self.classes)
        betas = (config.beta1, config.beta2)
        self.optimize("d", "discriminator", lr=config.lr, betas=betas)
        self.optimize("g", "generator", lr=config.lr, betas=betas, ema_decay=config.ema_decay)

    def train_step(self, real: Tensor, labels: Tensor) -> Scalars:
        fake = self.generator(self.latents(len(real)), labels)

        d_real, d_fake, penalty = self.judge(real, fake.detach(), labels)
        d_loss = losses.relativistic(d_real, d_fake)
        self.update("d", d_loss + self.config.r1 * penalty, self.remaining)
        self.discriminator.centre(torch.cat([d_real, d_fake]), labels.repeat(2), self.reduce)

        # Reuse the real logits from before the update: another pass would change them little.
        g_loss = losses.relativistic(self.discriminator(self.augment(fake), labels), d_real.detach())
        self.update("g", g_loss, self.remaining)

        return self.scalars({"loss/d": d_loss, "loss/g": g_loss} | losses.pair_accuracy(d_real, d_fake))

    def judge(self, real: Tensor, fake: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (N,) of real and of generated images, and the sum of their gradient penalties, R1 + R2 (eq. 4).

        The penalties are computed on a fraction of the images at every step. Lazy penalties on all images every few
        steps (Karras 2020) cost the same, but their spikes destabilise networks without normalisation.
        """
        rank, processes = self.share
        total = math.ceil(len(real) * processes * self.config.pay) if self.config.r1 else 0
        count = len(range(rank, total, processes))  # this process's share
        rest = self.discriminator(
            self.augment(torch.cat([real[count:], fake[count:]])), torch.cat([labels[count:]] * 2)
        )
        if not count:
            return *rest.chunk(2), torch.zeros((), device=rest.device)
        penalised = torch.cat([real[:count], fake[:count]]).requires_grad_()
        logits = self.discriminator(self.augment(penalised), labels[:count].repeat(2))
        # The mean over both kinds is half of R1 + R2; the last factor makes it the mean over all processes' images.
        penalty = 2 * losses.gradient_penalty(logits, penalised) * (count * processes / total)
        pairs = zip(logits.chunk(2), rest.chunk(2), strict=True)
        d_real, d_fake = (torch.cat(parts) for parts in pairs)
        return d_real, d_fake, penalty

    def sample(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.averaged("generator")(z, labels)

    def score(self, images: Tensor, labels: Tensor, z: Tensor | None = None) -> Tensor:
        """Logits (N,) minus the mean logit of real and generated images of the class: above 0 is nearer to real."""
        return self.discriminator(images, labels) - self.discriminator.middle[labels]

    def feed(self, name: str, network: nn.Module, real: Tensor, labels: Tensor) -> None:
        network(torch.randn(len(labels), self.latent_size, device=self.device), labels)


class CentredDiscriminator(ProjectionDiscriminator):
    """Projection discriminator that tracks the mean logit of each class in `middle`, (classes,)."""

    def __init__(self, features: nn.Module, classes: int) -> None:
        super().__init__(features, classes)
        self.middle: Tensor
        self.register_buffer("middle", torch.zeros(classes))

    @torch.no_grad()
    def centre(self, logits: Tensor, labels: Tensor, reduce: Callable[[Tensor], Tensor] | None) -> None:
        """Update the mean logit of each class from logits and labels (2N,) of as many real as generated images.

        A loss on pairs of one class leaves the offset of its logits free. A sign has a meaning only about this mean.
        """
        sums = logits.new_zeros(2, len(self.middle), dtype=torch.float32)
        sums.index_add_(1, labels, torch.stack([logits.float(), torch.ones_like(logits, dtype=torch.float32)]))
        total, count = sums if reduce is None else reduce(sums)
        mean = torch.where(count > 0, total / count.clamp(min=1e-6), self.middle)
        self.middle.lerp_(mean, _FOLLOW)
