"""CGAN: generator and discriminator take the class as input (Mirza and Osindero 2014, arXiv:1411.1784).

    python -m gan_core train cgan --data phantom:cxr

`cgan_baseline` has the sizes and settings that comparisons usually start from: perceptrons that multiply their
input by an embedding of the class. `cgan` is convolutional and has a gradient penalty (Mescheder 2018,
arXiv:1801.04406) and a projection discriminator (Miyato and Koyama 2018, arXiv:1802.05637).
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from gan_core import losses
from gan_core.families.base import Family, Scalars
from gan_core.metrics import ADVERSARIAL
from gan_core.nets import (
    ClassEmbedding,
    ConditionalGenerator,
    ConvDiscriminator,
    ConvGenerator,
    ImagePerceptron,
    Perceptron,
    ProjectionDiscriminator,
    Shape,
    UNetDiscriminator,
    answers,
    growing,
    stages,
)


@dataclass(frozen=True)
class Config:
    """Settings of the conditional GAN."""

    network: Literal["convolutional", "perceptron"] = "convolutional"  # kind of all its networks
    latent_size: int = 100  # dimensions of the latent vector z
    width: int = 32  # convolutional: channels at the image's resolution, doubled at each halving ...
    max_width: int = 96  # ... up to this
    skips: int = 0  # resolutions below the image's that draw an image of their own: one for each growth of a run
    generator: tuple[int, ...] = ()  # perceptron: units of the hidden layers
    discriminator: tuple[int, ...] = ()  # perceptron: units of the hidden layers
    dropout: float = 0.0  # perceptron: dropout in the discriminator, from its second hidden layer on
    momentum: float = 0.1  # momentum of the batch norms' running statistics
    pixelwise: bool = False  # convolutional: the discriminator is a U-Net with a logit for each pixel, too
    lr: float = 5e-4  # learning rate of Adam
    beta1: float = 0.0  # Adam's beta 1: decay of the mean of the gradients
    beta2: float = 0.99  # Adam's beta 2: decay of the mean of their squares
    r1: float = 1.0  # weight of the R1 gradient penalty
    r1_every: int = 4  # steps between two R1 penalties (lazy regularisation)
    augment: Literal["none", "fixed", "adaptive"] = "none"  # augmentation of the discriminator's input
    ema_decay: float = 0.999  # decay of the exponential moving average (EMA) of the generator, 0 for none


PRESETS = {
    "cgan": Config(),
    "cgan_baseline": Config(
        network="perceptron",
        generator=(256, 512, 1024),
        discriminator=(512, 512, 512),
        dropout=0.4,
        momentum=0.2,
        lr=2e-4,
        beta1=0.5,
        beta2=0.999,
        r1=0.0,
        ema_decay=0.0,
    ),
}


class CGAN(Family):
    """A GAN whose two networks take the class as input."""

    conditional = True
    objective = "cross_entropy"
    layers = "convolutional"
    width_at = 64
    used_with = (
        ("width max_width skips pixelwise", "network=convolutional"),
        ("generator discriminator dropout", "network=perceptron"),
        ("r1_every", "r1!=0"),
    )
    color = "#009E73"
    diagram = (
        '{"latent vector z" class} -> generator -> "generated image" -> discriminator -> "real or generated?";'
        ' {"real image" class} -> discriminator;'
    )
    metrics = ADVERSARIAL

    @classmethod
    def larger(cls, config: Config) -> Config | None:
        return None if config.network == "perceptron" or config.pixelwise else growing.larger(config)

    def build(self, config: Config) -> None:
        if config.network == "convolutional":
            channels = stages(self.image_shape[1], config.width, config.max_width)
            self.generator: nn.Module = ConditionalGenerator(
                config.latent_size,
                self.classes,
                lambda size: ConvGenerator(size, channels, self.image_shape, config.momentum, config.skips),
            )
            if config.pixelwise:
                self.discriminator: nn.Module = UNetDiscriminator(channels[:0:-1], self.image_shape, self.classes)
            else:
                features = ConvDiscriminator(channels[:0:-1], self.image_shape, classify=False)
                self.discriminator = ProjectionDiscriminator(features, self.classes)
        else:
            self.generator = ScaledGenerator(config, self.image_shape, self.classes)
            self.discriminator = ScaledDiscriminator(config, self.image_shape, self.classes)
        betas = (config.beta1, config.beta2)
        self.optimize("d", "discriminator", lr=config.lr, betas=betas)
        self.optimize("g", "generator", lr=config.lr, betas=betas, ema_decay=config.ema_decay)

    def train_step(self, real: Tensor, labels: Tensor) -> Scalars:
        fake = self.generator(self.latents(len(real)), labels)

        real.requires_grad_(self.r1_due)
        real_in, fake_in = self.augment(real), self.augment(fake.detach())
        d_real, d_fake = answers(self.discriminator, real_in, labels), answers(self.discriminator, fake_in, labels)
        d_loss = losses.of_parts(losses.discriminator, d_real, d_fake)
        total = d_loss + self.r1(losses.of_pictures(d_real), real)
        if isinstance(self.discriminator, UNetDiscriminator):
            squares = self.uniform(len(real), 3)
            total = total + self.discriminator.consistency((real_in, d_real[1]), (fake_in, d_fake[1]), squares, labels)
        self.update("d", total)

        g_loss = losses.of_parts(losses.generator, answers(self.discriminator, self.augment(fake), labels))
        self.update("g", g_loss)

        return self.scalars({"loss/d": d_loss, "loss/g": g_loss} | losses.accuracy(d_real[0], d_fake[0]))

    def sample(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.averaged("generator")(z, labels)

    def score(self, images: Tensor, labels: Tensor, z: Tensor | None = None) -> Tensor:
        return self.discriminator(images, labels)

    def feed(self, name: str, network: nn.Module, real: Tensor, labels: Tensor) -> None:
        network(torch.randn(len(labels), self.latent_size, device=self.device), labels)


class ScaledGenerator(nn.Module):
    """Latent (N, latent_size) and label (N,) -> image (N, C, H, W) in [-1, 1]: latent times class embedding."""

    def __init__(self, config: Config, image_shape: Shape, classes: int) -> None:
        super().__init__()
        self.embedding = ClassEmbedding(classes, config.latent_size)
        self.body = ImagePerceptron((config.latent_size, *config.generator), image_shape, config.momentum)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.body(z * self.embedding(labels))


class ScaledDiscriminator(nn.Module):
    """Image (N, C, H, W) and label (N,) -> logit (N,): pixels times a class embedding of the image's size."""

    def __init__(self, config: Config, image_shape: Shape, classes: int) -> None:
        super().__init__()
        pixels = math.prod(image_shape)
        self.embedding = nn.Embedding(classes, pixels)
        self.body = Perceptron((pixels, *config.discriminator, 1), dropout=config.dropout, dropout_from=1)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        return self.body(images.flatten(1) * self.embedding(labels)).squeeze(1)
