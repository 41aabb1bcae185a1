"""pix2pix: paired translation, both ways (Isola 2017, arXiv:1611.07004).

    python -m gan_core train pix2pix_light --data "phantom:mri?bodies=500"

A pair is two images of the same object: `data/pairs.py` says how pairs are found. Each direction has a U-Net and a
discriminator, which sees an image beside its true or its translated partner. An L1 loss compares the translation with
the true partner. The paper's noise (dropout) is left out: it changed little there, and here each image has one
translation.
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
    upsampling: Literal["resize", "transposed"] = "resize"  # resize and convolution, or transposed convolution
    discriminator_width: int = 64  # channels of its first layer, doubled at each halving
    strided: Literal[3, 4] = 3  # stride-2 layers of the discriminator; 3: 70 x 70 patches
    objective: Literal["least_squares", "cross_entropy"] = "cross_entropy"  # adversarial loss
    adversarial: float = 1.0  # weight of the adversarial loss
    absolute: float = 100.0  # weight of the L1 loss to the true partner
    zoom: float = 0.1  # pairs are enlarged by up to this fraction and cropped at random, both alike ...
    mirror: bool = False  # ... and mirrored half of the time; not for chests, where the heart lies on one side
    augment: Literal["none", "fixed", "adaptive"] = "none"  # augmentation of the discriminator's input
    lr: float = 2e-4  # learning rate of Adam; falls linearly to 0 over the second half of the run
    beta1: float = 0.5  # Adam's beta 1: decay of the mean of the gradients
    beta2: float = 0.999  # Adam's beta 2: decay of the mean of their squares
    ema_decay: float = 0.999  # decay of the exponential moving average (EMA) of the generators, 0 for none


PRESETS = {
    "pix2pix": Config(),
    "pix2pix_light": Config(width=24, max_width=96, discriminator_width=32),
}


class Pix2Pix(Family):
    """A translation should equal the true partner, and look real beside its input."""

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
            "L1 distance to the partner, {a} → {b}",
            chart="L1 distance to the partner",
            meaning="mean absolute difference of a translation and its true partner: mean of both directions",
            watch=True,
            name="L1 distance to the partner",
        ),
        Metric(
            "loss/absolute_ba",
            "L1 distance to the partner, {b} → {a}",
            chart="L1 distance to the partner",
            meaning="mean absolute difference of a translation and its true partner: mean of both directions",
            watch=True,
            name="L1 distance to the partner",
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
        g_ab = losses.generator(self._patch_logits(self.discriminator_b, real_a, fake_b), config.objective)
        g_ba = losses.generator(self._patch_logits(self.discriminator_a, real_b, fake_a), config.objective)
        absolute_ab, absolute_ba = losses.absolute(fake_b, real_b), losses.absolute(fake_a, real_a)
        g_loss = config.adversarial * (g_ab + g_ba) + config.absolute * (absolute_ab + absolute_ba)
        self.update("g", g_loss, rate=self.remaining)

        # True and translated partners share one call: instance norm does not mix images.
        d_a_real, d_a_fake = self._patch_logits(self.discriminator_a, real_b, real_a, fake_a.detach()).chunk(2)
        d_b_real, d_b_fake = self._patch_logits(self.discriminator_b, real_a, real_b, fake_b.detach()).chunk(2)
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

    def _patch_logits(self, discriminator: nn.Module, inputs: Tensor, *partners: Tensor) -> Tensor:
        """Patch logits of images beside each of their partners, concatenated; a pair is augmented as one image."""
        pairs = [torch.cat((inputs, partner.to(inputs.dtype)), 1) for partner in partners]
        return discriminator(self.augment(torch.cat(pairs)))

    def jitter(self, real: Tensor) -> Tensor:
        """Training images (2 n, C, H, W), partners in the second half; both images of a pair get the same crop."""
        if not self.config.zoom and not self.config.mirror:
            return real
        numbers = self.uniform(len(real) // 2, 4).repeat(2, 1)
        return augment.window(real, numbers, self.config.zoom, self.config.mirror)

    def translate(self, images: Tensor, to: int) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] of the other domain, translated to `to` (0: A, 1: B) by the averages."""
        return self.averaged("generator_ab" if to else "generator_ba")(images)

    def score(self, images: Tensor, labels: Tensor, z: Tensor | None = None) -> Tensor:
        """The mean logit (N,) of each image's patches as the partner of z, by the discriminator of its own domain.

        z: (N, C, H, W); without it, each image is scored beside its own translation to the other domain.
        """
        logits = []
        for domain, discriminator in enumerate((self.discriminator_a, self.discriminator_b)):
            inputs = self.translate(images, 1 - domain) if z is None else z
            pairs = torch.cat((inputs.to(images.dtype), images), 1)
            logits.append(discriminator(pairs).float().mean((1, 2, 3)))
        return torch.where(labels > 0, logits[1], logits[0])

    def score_augmented(self, images: Tensor, labels: Tensor, partners: Tensor | None, augment: Augment) -> Tensor:
        assert partners is not None
        pairs = augment(torch.cat((partners, images), 1))  # augmented as one image
        logits = [d(pairs).float().mean((1, 2, 3)) for d in (self.discriminator_a, self.discriminator_b)]
        return torch.where(labels > 0, logits[1], logits[0])
