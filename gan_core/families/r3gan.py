"""R3GAN: relativistic pairs, penalties on real and generated images (Huang et al. 2024, arXiv:2501.05441).

    python -m gan_core train r3gan --data phantom:cxr

The discriminator is asked which of two images is real, one of each of the same class, so that it can never rest on
having found all generated ones; gradient penalties at both keep the game steady without any normalisation, and both
networks are plain residual ones. What 128 or 256 px need follows from the size: further stages of half the width.
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
    stages,
)

_FOLLOW = 0.02  # of the way to a step's mean logits, which the middle goes


@dataclass(frozen=True)
class Config:
    """Settings of the relativistic GAN with two penalties."""

    objective: Literal["relativistic"] = "relativistic"
    latent_size: int = 100
    width: int = 20  # channels at the image's resolution, doubled at each halving ...
    max_width: int = 192  # ... up to this
    blocks: int = 1  # residual blocks at each resolution but the image's own
    lr: float = 3e-4  # in the first half of a run; then it falls to 0
    beta1: float = 0.0
    beta2: float = 0.99
    r1: float = 1.0  # weight of the gradient penalty at real images, and of that at generated ones ...
    pay: float = 0.125  # ... which this share of the images pays at each step
    augment: Literal["none", "fixed", "adaptive"] = "none"  # what the discriminator is shown: see gan_core.augment
    ema_decay: float = 0.999  # decay of the generator's moving average, 0 for none


PRESETS = {"r3gan": Config()}


class R3GAN(Family):
    """Which of the two is real? Asked of pairs of one class."""

    conditional = True
    one_class = True
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

    def build(self, config: Config) -> None:
        channels = stages(self.image_shape[1], config.width, config.max_width)
        self.generator = ConditionalGenerator(
            config.latent_size,
            self.classes,
            lambda size: ResidualGenerator(size, channels, self.image_shape, config.blocks),
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

        # The real images' logits are those from before the update: another pass would change them little.
        g_loss = losses.relativistic(self.discriminator(self.augment(fake), labels), d_real.detach())
        self.update("g", g_loss, self.remaining)

        return self.scalars({"loss/d": d_loss, "loss/g": g_loss} | losses.pair_accuracy(d_real, d_fake))

    def judge(self, real: Tensor, fake: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (N,) of real and of generated images, and the sum of the gradient penalties at both, R1 + R2 (eq. 4).

        A part of the images pays at every step. To let all of them pay every few steps (Karras 2020) costs the same,
        and networks without normalisation do not bear the blows.
        """
        rank, processes = self.share
        whole = math.ceil(len(real) * processes * self.config.pay) if self.config.r1 else 0
        paying = len(range(rank, whole, processes))  # of this process's share
        rest = self.discriminator(
            self.augment(torch.cat([real[paying:], fake[paying:]])), torch.cat([labels[paying:]] * 2)
        )
        if not paying:
            return *rest.chunk(2), torch.zeros((), device=rest.device)
        some = torch.cat([real[:paying], fake[:paying]]).requires_grad_()
        logits = self.discriminator(self.augment(some), labels[:paying].repeat(2))
        # The penalty is the mean over both kinds, half of what the two cost together; and over all that pay.
        penalty = 2 * losses.gradient_penalty(logits, some) * (paying * processes / whole)
        pairs = zip(logits.chunk(2), rest.chunk(2), strict=True)
        d_real, d_fake = (torch.cat(parts) for parts in pairs)
        return d_real, d_fake, penalty

    def sample(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.averaged("generator")(z, labels)

    def score(self, images: Tensor, labels: Tensor, z: Tensor | None = None) -> Tensor:
        """Logits (N,), less the middle of real and generated ones of the class: above 0 is nearer to real."""
        return self.discriminator(images, labels) - self.discriminator.middle[labels]

    def feed(self, name: str, network: nn.Module, real: Tensor, labels: Tensor) -> None:
        network(torch.randn(len(labels), self.latent_size, device=self.device), labels)


class CentredDiscriminator(ProjectionDiscriminator):
    """Follows where the logits of each class lie."""

    def __init__(self, features: nn.Module, classes: int) -> None:
        super().__init__(features, classes)
        self.middle: Tensor
        self.register_buffer("middle", torch.zeros(classes))

    @torch.no_grad()
    def centre(self, logits: Tensor, labels: Tensor, reduce: Callable[[Tensor], Tensor] | None) -> None:
        """Follow the mean logit of each class, over as many real images as generated ones, logits and labels (2N,).

        Pairs of one class say nothing of where its logits lie; only about this middle does the sign of one mean a side.
        """
        seen = logits.new_zeros(2, len(self.middle), dtype=torch.float32)
        seen.index_add_(1, labels, torch.stack([logits.float(), torch.ones_like(logits, dtype=torch.float32)]))
        total, count = seen if reduce is None else reduce(seen)
        mean = torch.where(count > 0, total / count.clamp(min=1e-6), self.middle)
        self.middle.lerp_(mean, _FOLLOW)
