"""CycleGAN: unpaired translation both ways with cycle consistency (Zhu 2017, arXiv:1703.10593).

    python -m gan_core train cyclegan_resnet_light --data phantom:cxr --domains normal,covid

The config selects the generator (ResNet, or the U-Net of pix2pix), the adversarial loss, the discriminator, the loss
weights and the upsampling. The `_light` presets are narrow enough to train on a CPU and to translate interactively.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from gan_core import augment, losses
from gan_core.families.base import Family, Scalars
from gan_core.metrics import (
    ACCURACY_A_FAKE,
    ACCURACY_A_REAL,
    ACCURACY_B_FAKE,
    ACCURACY_B_REAL,
    ADVERSARIAL_AB,
    ADVERSARIAL_BA,
    CYCLE_A,
    CYCLE_B,
    DISCRIMINATOR_A,
    DISCRIMINATOR_B,
    GRADIENT_DISCRIMINATORS,
    GRADIENT_TRANSLATORS,
    IDENTITY_A,
    IDENTITY_B,
)
from gan_core.nets import ImagePool, PatchDiscriminator, ResNetTranslator, UNetTranslator


@dataclass(frozen=True)
class Config:
    """Settings of the two translators and their discriminators."""

    generator: Literal["resnet", "unet"] = "resnet"  # architecture of both generators
    width: int = 64  # channels at the image's resolution, doubled at each halving ...
    max_width: int = 512  # ... up to this; U-Net only, a ResNet halves twice
    blocks: int = 0  # ResNet: residual blocks; 0 for 6 up to 128 px and 9 from 256 px
    residual: Literal["add", "concatenate"] = "add"  # how a skip connection joins
    upsampling: Literal["resize", "transposed"] = "resize"  # resize and convolution, or transposed convolution
    change: bool = False  # ResNet: the networks add a change to their input instead of drawing the whole image
    discriminator_width: int = 64  # channels of its first layer, doubled at each halving
    strided: Literal[3, 4] = 3  # stride-2 layers of the discriminator; 3: 70 x 70 patches, 4: a 16 x 16 map at 256 px
    objective: Literal["least_squares", "cross_entropy"] = "least_squares"  # adversarial loss
    adversarial: float = 1.0  # weight of the adversarial loss
    cycle: float = 10.0  # weight of the cycle consistency loss (L1)
    identity: float = 5.0  # weight of the identity loss (L1)
    pool: int = 50  # translated images in each discriminator's history
    zoom: float = 0.1  # training images are enlarged by up to this fraction and cropped at random ...
    exposure: float = 0.0  # ... with gamma and contrast changed by up to this fraction: see `expose` ...
    mirror: bool = False  # ... and mirrored half of the time; not for chests, where the heart lies on one side
    augment: Literal["none", "fixed", "adaptive"] = "none"  # augmentation of the discriminator's input
    lr: float = 2e-4  # learning rate of Adam; falls linearly to 0 over the second half of the run
    beta1: float = 0.5  # Adam's beta 1: decay of the mean of the gradients
    beta2: float = 0.999  # Adam's beta 2: decay of the mean of their squares
    ema_decay: float = 0.999  # decay of the exponential moving average (EMA) of the generators, 0 for none


PRESETS = {
    "cyclegan_resnet": Config(),
    "cyclegan_resnet_light": Config(width=24, discriminator_width=32, change=True),
    "cyclegan_unet": Config(generator="unet", objective="cross_entropy", mirror=True),
    "cyclegan_unet_light": Config(
        generator="unet", objective="cross_entropy", mirror=True, width=24, max_width=96, discriminator_width=32
    ),
}


class CycleGAN(Family):
    """An image that is translated to the other domain and back should equal itself."""

    task = "translate"
    used_with = (("max_width", "generator=unet"), ("blocks residual change", "generator=resnet"))
    color = "#C08A00"
    diagram = (
        '"image of A" -> "generator A to B" -> "translation to B" -> "generator B to A" -> "cycle, back in A";'
        ' "translation to B" -> "discriminator B";'
        ' "image of B" -> "discriminator B" -> "real or translated?";'
    )
    metrics = (
        ADVERSARIAL_AB,
        ADVERSARIAL_BA,
        CYCLE_A,
        CYCLE_B,
        IDENTITY_A,
        IDENTITY_B,
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
        self.generator_ab, self.generator_ba = self._translator(config), self._translator(config)
        channels = self.image_shape[0]
        self.discriminator_a = PatchDiscriminator(channels, config.discriminator_width, config.strided)
        self.discriminator_b = PatchDiscriminator(channels, config.discriminator_width, config.strided)
        betas = (config.beta1, config.beta2)
        self.optimize("g", "generator_ab", "generator_ba", lr=config.lr, betas=betas, ema_decay=config.ema_decay)
        self.optimize("d", "discriminator_a", "discriminator_b", lr=config.lr, betas=betas)
        if self.learns:
            self.pool_a = ImagePool(config.pool, self.image_shape)
            self.pool_b = ImagePool(config.pool, self.image_shape)

    def _translator(self, config: Config) -> nn.Module:
        channels, size, _ = self.image_shape
        if config.generator == "unet":
            return UNetTranslator(channels, size, config.width, config.max_width, config.upsampling)
        blocks = config.blocks or (9 if size >= 256 else 6)
        return ResNetTranslator(channels, config.width, blocks, config.residual, config.upsampling, config.change)

    def train_step(self, real: Tensor, labels: Tensor) -> Scalars:
        config = self.config
        real_a, real_b = self.jitter(real).chunk(2)
        count = len(real_a)

        # Translation and identity share one call: instance norm does not mix images.
        learns_identity = config.identity > 0
        fake_b, *idt_b = self.generator_ab(torch.cat((real_a, real_b)) if learns_identity else real_a).split(count)
        fake_a, *idt_a = self.generator_ba(torch.cat((real_b, real_a)) if learns_identity else real_b).split(count)
        rec_a, rec_b = self.generator_ba(fake_b), self.generator_ab(fake_a)
        g_ab = losses.generator(self.discriminator_b(self.augment(fake_b)), config.objective)
        g_ba = losses.generator(self.discriminator_a(self.augment(fake_a)), config.objective)
        cycle_a, cycle_b = losses.absolute(rec_a, real_a), losses.absolute(rec_b, real_b)
        zero = torch.zeros((), device=real.device)
        identity_a = losses.absolute(idt_a[0], real_a) if learns_identity else zero
        identity_b = losses.absolute(idt_b[0], real_b) if learns_identity else zero
        g_loss = (
            config.adversarial * (g_ab + g_ba)
            + config.cycle * (cycle_a + cycle_b)
            + config.identity * (identity_a + identity_b)
        )
        self.update("g", g_loss, rate=self.remaining)

        seen = self.step * count
        d_a_real, d_a_fake = self._patch_logits(self.discriminator_a, real_a, self.pool_a(fake_a, seen))
        d_b_real, d_b_fake = self._patch_logits(self.discriminator_b, real_b, self.pool_b(fake_b, seen))
        d_a = losses.discriminator(d_a_real, d_a_fake, config.objective)
        d_b = losses.discriminator(d_b_real, d_b_fake, config.objective)
        self.update("d", d_a + d_b, rate=self.remaining)

        accuracy_a = losses.accuracy(d_a_real, d_a_fake, config.objective)
        accuracy_b = losses.accuracy(d_b_real, d_b_fake, config.objective)
        return self.scalars(
            {
                "loss/g_ab": g_ab,
                "loss/g_ba": g_ba,
                "loss/cycle_a": cycle_a,
                "loss/cycle_b": cycle_b,
                "loss/identity_a": identity_a,
                "loss/identity_b": identity_b,
                "loss/d_a": d_a,
                "loss/d_b": d_b,
            }
            | {key.replace("/d", "/d_a"): value for key, value in accuracy_a.items()}
            | {key.replace("/d", "/d_b"): value for key, value in accuracy_b.items()}
        )

    def _patch_logits(self, discriminator: nn.Module, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Patch logits of real and of translated images, in one call."""
        both = self.augment(torch.cat((real, fake.to(real.dtype))))
        logits_real, logits_fake = discriminator(both).chunk(2)
        return logits_real, logits_fake

    def jitter(self, real: Tensor) -> Tensor:
        """Training images (N, C, H, W) for both networks: the paper's jitter (enlarged, cropped at random), and random
        exposure.
        """
        exposed = self.expose(real)
        if not self.config.zoom and not self.config.mirror:
            return exposed
        return augment.window(exposed, self.uniform(len(real), 4), self.config.zoom, self.config.mirror)

    def expose(self, real: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] with a random gamma, then a random contrast around each image's mean.

        If the domains come from different hospitals, exposure alone separates them, and a translator would learn to
        change exposure first.
        """
        if not self.config.exposure:
            return real
        largest = math.log1p(self.config.exposure)
        gamma, contrast = ((2 * self.uniform(len(real), 2) - 1) * largest).exp()[:, :, None, None, None].unbind(1)
        light = ((real + 1) / 2).clamp(1e-4, 1) ** gamma
        mean = light.mean((1, 2, 3), keepdim=True)
        return ((light - mean) * contrast + mean).clamp(0, 1) * 2 - 1

    def translate(self, images: Tensor, to: int) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] of the other domain, translated to `to` (0: A, 1: B) by the averages."""
        return self.averaged("generator_ab" if to else "generator_ba")(images)

    def score(self, images: Tensor, labels: Tensor, z: Tensor | None = None) -> Tensor:
        """The mean logit (N,) of each image's patches, by the discriminator of its label's domain."""
        logits_a, logits_b = (d(images).float().mean((1, 2, 3)) for d in (self.discriminator_a, self.discriminator_b))
        return torch.where(labels > 0, logits_b, logits_a)
