"""pix2pix: pairs of pictures, each translated into its partner, both ways (Isola 2017, arXiv:1611.07004).

    python -m gan_core train pix2pix_light --data "phantom:mri?bodies=500"

A pair is two pictures of one thing: `data/pairs.py` says how they are found. Each direction has a U-Net and a
discriminator that sees a picture beside its true or its drawn partner; an L1 loss asks for the partner itself. The
paper's noise, dropout, is left out: it changed little there, and a picture has one translation here.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from gan_core import augment, losses
from gan_core.families.base import Augment, Family, Scalars
from gan_core.metrics import (
    ACCURACY_A_FAKE,
    ACCURACY_A_REAL,
    ACCURACY_B_FAKE,
    ACCURACY_B_REAL,
    ADVERSARIAL_AB,
    ADVERSARIAL_BA,
    DISCRIMINATOR_A,
    DISCRIMINATOR_B,
    GRADIENT_DISCRIMINATORS,
    GRADIENT_TRANSLATORS,
    Metric,
)
from gan_core.nets import PatchDiscriminator, UNetTranslator


@dataclass(frozen=True)
class Config:
    """Settings of the two translators and their discriminators."""

    width: int = 64  # channels at the image's resolution, doubled at each halving ...
    max_width: int = 512  # ... up to this
    upsampling: Literal["resize", "transposed"] = "resize"
    discriminator_width: int = 64
    strided: Literal[3, 4] = 3  # layers of the discriminator that halve: 70 x 70 patches
    objective: Literal["least_squares", "cross_entropy"] = "cross_entropy"
    adversarial: float = 1.0  # weights of the generators' losses
    absolute: float = 100.0
    zoom: float = 0.1  # pairs are enlarged by up to this share, and one random window is taken of both
    mirror: bool = False  # and mirrored half of the time: not for chests, whose heart is on one side
    augment: Literal["none", "fixed", "adaptive"] = "none"  # what the discriminators are shown: see gan_core.augment
    lr: float = 2e-4  # falls linearly to 0 over the second half of the run
    beta1: float = 0.5
    beta2: float = 0.999
    ema_decay: float = 0.999  # decay of the generators' moving average, 0 for none


PRESETS = {
    "pix2pix": Config(),
    "pix2pix_light": Config(width=24, max_width=96, discriminator_width=32),
}


class Pix2Pix(Family):
    """A translation should be the partner itself, and look like one beside its input."""

    task = "translate"
    paired = True
    color = "#4B5FC0"
    diagram = (
        '"image of A" -> "generator A to B" -> "translation to B";'
        ' {"image of A" "translation to B" "partner in B"} -> "discriminator B" -> "true or translated pair?";'
    )
    metrics = (
        ADVERSARIAL_AB,
        ADVERSARIAL_BA,
        Metric(
            "loss/absolute_ab",
            "Distance from the partner, {a} → {b}",
            chart="Distance from the partner",
            meaning="how far a translation is from the true picture of its pair: mean of both ways",
            watch=True,
            name="distance from the partner",
        ),
        Metric(
            "loss/absolute_ba",
            "Distance from the partner, {b} → {a}",
            chart="Distance from the partner",
            meaning="how far a translation is from the true picture of its pair: mean of both ways",
            watch=True,
            name="distance from the partner",
        ),
        DISCRIMINATOR_A,
        DISCRIMINATOR_B,
        ACCURACY_A_REAL,
        ACCURACY_A_FAKE,
        ACCURACY_B_REAL,
        ACCURACY_B_FAKE,
        GRADIENT_TRANSLATORS,
        GRADIENT_DISCRIMINATORS,
    )

    def build(self, config: Config) -> None:
        channels, size, _ = self.image_shape
        self.generator_ab, self.generator_ba = (
            UNetTranslator(channels, size, config.width, config.max_width, config.upsampling) for _ in range(2)
        )
        self.discriminator_a, self.discriminator_b = (
            PatchDiscriminator(2 * channels, config.discriminator_width, config.strided) for _ in range(2)
        )
        betas = (config.beta1, config.beta2)
        self.optimize("g", "generator_ab", "generator_ba", lr=config.lr, betas=betas, ema_decay=config.ema_decay)
        self.optimize("d", "discriminator_a", "discriminator_b", lr=config.lr, betas=betas)

    def train_step(self, real: Tensor, labels: Tensor) -> Scalars:
        config = self.config
        real_a, real_b = self.jitter(real).chunk(2)

        fake_b, fake_a = self.generator_ab(real_a), self.generator_ba(real_b)
        g_ab = losses.generator(self._judge(self.discriminator_b, real_a, fake_b), config.objective)
        g_ba = losses.generator(self._judge(self.discriminator_a, real_b, fake_a), config.objective)
        absolute_ab, absolute_ba = losses.absolute(fake_b, real_b), losses.absolute(fake_a, real_a)
        g_loss = config.adversarial * (g_ab + g_ba) + config.absolute * (absolute_ab + absolute_ba)
        self.update("g", g_loss, rate=self.remaining)

        # True and drawn partners go through in one call; instance norm keeps them apart.
        d_a_real, d_a_fake = self._judge(self.discriminator_a, real_b, real_a, fake_a.detach()).chunk(2)
        d_b_real, d_b_fake = self._judge(self.discriminator_b, real_a, real_b, fake_b.detach()).chunk(2)
        d_a = losses.discriminator(d_a_real, d_a_fake, config.objective)
        d_b = losses.discriminator(d_b_real, d_b_fake, config.objective)
        self.update("d", d_a + d_b, rate=self.remaining)

        accuracy_a = losses.accuracy(d_a_real, d_a_fake, config.objective)
        accuracy_b = losses.accuracy(d_b_real, d_b_fake, config.objective)
        return self.scalars(
            {
                "loss/g_ab": g_ab,
                "loss/g_ba": g_ba,
                "loss/absolute_ab": absolute_ab,
                "loss/absolute_ba": absolute_ba,
                "loss/d_a": d_a,
                "loss/d_b": d_b,
            }
            | {key.replace("/d", "/d_a"): value for key, value in accuracy_a.items()}
            | {key.replace("/d", "/d_b"): value for key, value in accuracy_b.items()}
        )

    def _judge(self, discriminator: nn.Module, given: Tensor, *partners: Tensor) -> Tensor:
        """Logits of pictures beside each of their partners, one after the other; a pair is augmented as one picture."""
        pairs = [torch.cat((given, partner.to(given.dtype)), 1) for partner in partners]
        return discriminator(self.augment(torch.cat(pairs)))

    def jitter(self, real: Tensor) -> Tensor:
        """Training pictures (2 n, C, H, W), the partners in the second half: one random window for both of a pair."""
        if not self.config.zoom and not self.config.mirror:
            return real
        numbers = self.uniform(len(real) // 2, 4).repeat(2, 1)
        return augment.window(real, numbers, self.config.zoom, self.config.mirror)

    def translate(self, images: Tensor, to: int) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] of the other domain in domain `to` (0: A, 1: B), by the averaged generator."""
        return self.averaged("generator_ab" if to else "generator_ba")(images)

    def score(self, images: Tensor, labels: Tensor, z: Tensor | None = None) -> Tensor:
        """The mean logit (N,) of each image's patches, as the partner of z, by the discriminator of its own domain.

        Where z (N, C, H, W) is not given, an image is judged beside its translation into the other domain.
        """
        logits = []
        for domain, discriminator in enumerate((self.discriminator_a, self.discriminator_b)):
            given = self.translate(images, 1 - domain) if z is None else z
            pairs = torch.cat((given.to(images.dtype), images), 1)
            logits.append(discriminator(pairs).float().mean((1, 2, 3)))
        return torch.where(labels > 0, logits[1], logits[0])

    def score_augmented(self, images: Tensor, labels: Tensor, partners: Tensor | None, augment: Augment) -> Tensor:
        assert partners is not None
        pairs = augment(torch.cat((partners, images), 1))  # augmented as one picture
        logits = [d(pairs).float().mean((1, 2, 3)) for d in (self.discriminator_a, self.discriminator_b)]
        return torch.where(labels > 0, logits[1], logits[0])
