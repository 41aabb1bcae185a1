"""GAN: generator and discriminator are multi-layer perceptrons (Goodfellow et al. 2014, arXiv:1406.2661).

    python -m gan_core train gan --data phantom:cxr

`gan_baseline` has the sizes and settings that comparisons usually start from. `gan` keeps the perceptrons, works on
bands of detail instead of pixels, and adds a gradient penalty, so that the generator always gets a gradient
(Mescheder 2018, arXiv:1801.04406).
"""

import math
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from gan_core import losses
from gan_core.families.base import Family, Scalars
from gan_core.metrics import ADVERSARIAL
from gan_core.nets import ImagePerceptron, Perceptron, Shape, pyramid


@dataclass(frozen=True)
class Config:
    """Settings of the perceptron GAN."""

    latent_size: int = 100  # dimensions of the latent vector z
    generator: tuple[int, ...] = (256, 256, 64)  # units of the hidden layers
    discriminator: tuple[int, ...] = (64, 64)  # units of the hidden layers
    bands: bool = True  # perceptrons work on bands of detail instead of pixels: see gan_core.nets.pyramid
    momentum: float = 0.1  # momentum of the batch norms' running statistics
    lr: float = 5e-4  # learning rate of Adam
    beta1: float = 0.0  # Adam's beta 1: decay of the mean of the gradients
    beta2: float = 0.99  # Adam's beta 2: decay of the mean of their squares
    r1: float = 1.0  # weight of the R1 gradient penalty
    r1_every: int = 4  # steps between two R1 penalties (lazy regularisation)
    augment: Literal["none", "fixed", "adaptive"] = "none"  # augmentation of the discriminator's input
    ema_decay: float = 0.999  # decay of the exponential moving average (EMA) of the generator, 0 for none


PRESETS = {
    "gan": Config(),
    "gan_baseline": Config(
        generator=(256, 512, 1024),
        discriminator=(512, 256),
        bands=False,
        momentum=0.2,
        lr=2e-4,
        beta1=0.5,
        beta2=0.999,
        r1=0.0,
        ema_decay=0.0,
    ),
}


class GAN(Family):
    """The original GAN: an image is one vector for a perceptron."""

    objective = "cross_entropy"
    layers = "dense"
    used_with = (("r1_every", "r1!=0"),)
    color = "#0072B2"
    diagram = (
        '"latent vector z" -> generator -> "generated image" -> discriminator -> "real or generated?";'
        ' "real image" -> discriminator;'
    )
    metrics = ADVERSARIAL

    def build(self, config: Config) -> None:
        betas = (config.beta1, config.beta2)
        sizes = (config.latent_size, *config.generator)
        self.generator = ImagePerceptron(sizes, self.image_shape, config.momentum, config.bands)
        self.discriminator = ImageDiscriminator(config, self.image_shape)
        self.optimize("d", "discriminator", lr=config.lr, betas=betas)
        self.optimize("g", "generator", lr=config.lr, betas=betas, ema_decay=config.ema_decay)

    def train_step(self, real: Tensor, labels: Tensor) -> Scalars:
        fake = self.generator(self.latents(len(real)))

        real.requires_grad_(self.r1_due)
        d_real, d_fake = self.discriminator(self.augment(real)), self.discriminator(self.augment(fake.detach()))
        d_loss = losses.discriminator(d_real, d_fake)
        self.update("d", d_loss + self.r1(d_real, real))

        g_loss = losses.generator(self.discriminator(self.augment(fake)))
        self.update("g", g_loss)

        return self.scalars({"loss/d": d_loss, "loss/g": g_loss} | losses.accuracy(d_real, d_fake))

    def score(self, images: Tensor, labels: Tensor, z: Tensor | None = None) -> Tensor:
        return self.discriminator(images)


class ImageDiscriminator(nn.Module):
    """Image (N, C, H, W) in [-1, 1] -> logit (N,): a perceptron on its pixels, or on its bands of detail."""

    def __init__(self, config: Config, image_shape: Shape) -> None:
        super().__init__()
        self.bands = config.bands
        inputs = pyramid.band_count(image_shape) if config.bands else math.prod(image_shape)
        self.body = Perceptron((inputs, *config.discriminator, 1))

    def forward(self, images: Tensor) -> Tensor:
        return self.body(pyramid.to_bands(images) if self.bands else images).squeeze(1)
