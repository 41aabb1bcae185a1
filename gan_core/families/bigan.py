"""BiGAN: an encoder inverts the generator, trained on image-latent pairs (Donahue et al. 2016, arXiv:1605.09782).

    python -m gan_core train bigan --data phantom:cxr

`bigan_baseline` has the sizes and settings that comparisons usually start from: three perceptrons. `bigan` is
convolutional, has a gradient penalty (Mescheder 2018, arXiv:1801.04406), and trains the encoder to recover the latent
vector of a generated image (Li et al. 2017, arXiv:1709.01215).
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from gan_core import losses
from gan_core.families.base import Augment, Family, Scalars
from gan_core.metrics import (
    ACCURACY_FAKE,
    ACCURACY_REAL,
    DISCRIMINATOR_LOSS,
    GENERATOR_LOSS,
    GRADIENT_D,
    GRADIENT_G,
    Metric,
)
from gan_core.nets import ConvDiscriminator, ConvGenerator, ImagePerceptron, Perceptron, Shape, stages


@dataclass(frozen=True)
class Config:
    """Settings of the bidirectional GAN."""

    network: Literal["convolutional", "perceptron"] = "convolutional"  # kind of all its networks
    latent_size: int = 100  # dimensions of the latent vector z
    width: int = 32  # convolutional: channels at the image's resolution, doubled at each halving ...
    max_width: int = 96  # ... up to this
    judge: int = 128  # convolutional: width of the discriminator's layers for latents and for pairs
    generator: tuple[int, ...] = ()  # perceptron: units of the hidden layers
    encoder: tuple[int, ...] = ()  # perceptron: units of the hidden layers
    discriminator: tuple[int, ...] = ()  # perceptron: units of the hidden layers
    dropout: float = 0.0  # perceptron: dropout in the discriminator
    momentum: float = 0.1  # momentum of the batch norms' running statistics
    lr: float = 5e-4  # learning rate of Adam
    beta1: float = 0.0  # Adam's beta 1: decay of the mean of the gradients
    beta2: float = 0.99  # Adam's beta 2: decay of the mean of their squares
    r1: float = 1.0  # weight of the R1 gradient penalty
    r1_every: int = 4  # steps between two R1 penalties (lazy regularisation)
    recover: float = 1.0  # weight of the squared error of the latent recovered from a generated image
    augment: Literal["none", "fixed", "adaptive"] = "none"  # augmentation of the discriminator's input
    ema_decay: float = 0.999  # decay of the exponential moving average (EMA) of generator and encoder, 0 for none


PRESETS = {
    "bigan": Config(),
    "bigan_baseline": Config(
        network="perceptron",
        generator=(512, 512),
        encoder=(512, 512),
        discriminator=(1024, 1024, 1024),
        dropout=0.5,
        momentum=0.2,
        lr=2e-4,
        beta1=0.5,
        beta2=0.999,
        r1=0.0,
        recover=0.0,
        ema_decay=0.0,
    ),
}


class BiGAN(Family):
    """Real pairs are (x, E(x)), generated pairs (G(z), z); at the optimum, E inverts G."""

    objective = "cross_entropy"
    layers = "convolutional"
    width_at = 64
    used_with = (
        ("width max_width judge", "network=convolutional"),
        ("generator encoder discriminator dropout", "network=perceptron"),
        ("r1_every", "r1!=0"),
    )
    color = "#CC79A7"
    diagram = (
        '"latent vector z" -> generator -> "generated image, z" -> discriminator -> "real or generated pair?";'
        ' "real image x" -> encoder -> "x, encoded latent vector" -> discriminator;'
    )
    metrics = (
        DISCRIMINATOR_LOSS,
        GENERATOR_LOSS,
        Metric("loss/recover", "Error of recovered latent vectors", chart=""),
        ACCURACY_REAL,
        ACCURACY_FAKE,
        GRADIENT_D,
        GRADIENT_G,
    )

    def build(self, config: Config) -> None:
        if config.network == "convolutional":
            channels = stages(self.image_shape[1], config.width, config.max_width)
            self.generator: nn.Module = ConvGenerator(config.latent_size, channels, self.image_shape, config.momentum)
            self.encoder: nn.Module = ConvEncoder(config, channels[:0:-1], self.image_shape)
            self.discriminator: nn.Module = ConvPairDiscriminator(config, channels[:0:-1], self.image_shape)
        else:
            pixels = math.prod(self.image_shape)
            latent, momentum = config.latent_size, config.momentum
            self.generator = ImagePerceptron((latent, *config.generator), self.image_shape, momentum)
            self.encoder = Perceptron((pixels, *config.encoder, latent), normalize=True, momentum=momentum)
            self.discriminator = PairPerceptron((pixels + latent, *config.discriminator, 1), config.dropout)
        betas = (config.beta1, config.beta2)
        self.optimize("d", "discriminator", lr=config.lr, betas=betas)
        self.optimize("g", "generator", "encoder", lr=config.lr, betas=betas, ema_decay=config.ema_decay)

    def train_step(self, real: Tensor, labels: Tensor) -> Scalars:
        z = self.latents(len(real))
        fake, code = self.generator(z), self.encoder(real)

        image = real.clone().requires_grad_(self.r1_due)
        d_real = self.discriminator(self.augment(image), code.detach())
        d_fake = self.discriminator(self.augment(fake.detach()), z)
        d_loss = losses.discriminator(d_real, d_fake)
        self.update("d", d_loss + self.r1(d_real, image))

        # Generator and encoder minimise the loss with real and generated swapped (section 3.4 of the paper).
        g_loss = losses.discriminator(
            self.discriminator(self.augment(fake), z), self.discriminator(self.augment(real), code)
        )
        recover = (self.encoder(fake).float() - z).square().mean() if self.config.recover else torch.zeros(())
        self.update("g", g_loss + self.config.recover * recover)

        values = {"loss/d": d_loss, "loss/g": g_loss, "loss/recover": recover.to(g_loss.device)}
        return self.scalars(values | losses.accuracy(d_real, d_fake))

    def encode(self, images: Tensor) -> Tensor:
        """Latents (N, latent_size) of images (N, C, H, W) in [-1, 1], by the averaged encoder."""
        return self.averaged("encoder")(images)

    def score(self, images: Tensor, labels: Tensor, z: Tensor | None = None) -> Tensor:
        return self.discriminator(images, self.encode(images) if z is None else z)

    def score_augmented(self, images: Tensor, labels: Tensor, partners: Tensor | None, augment: Augment) -> Tensor:
        return self.discriminator(augment(images), self.encoder(images))

    def feed(self, name: str, network: nn.Module, real: Tensor, labels: Tensor) -> None:
        network(real if name == "encoder" else torch.randn(len(real), self.latent_size, device=self.device))


class ConvEncoder(nn.Module):
    """Image (N, C, H, W) in [-1, 1] -> latent (N, latent_size)."""

    def __init__(self, config: Config, channels: tuple[int, ...], image_shape: Shape) -> None:
        super().__init__()
        self.features = ConvDiscriminator(
            channels, image_shape, normalize=True, momentum=config.momentum, classify=False
        )
        self.latent = nn.Linear(self.features.feature_size, config.latent_size)

    def forward(self, images: Tensor) -> Tensor:
        return self.latent(self.features(images))


class ConvPairDiscriminator(nn.Module):
    """Image (N, C, H, W) and latent (N, latent_size) -> logit (N,): features of each, then a joint perceptron."""

    def __init__(self, config: Config, channels: tuple[int, ...], image_shape: Shape) -> None:
        super().__init__()
        self.image = ConvDiscriminator(channels, image_shape, classify=False)
        self.reduce_image = nn.Linear(self.image.feature_size, config.judge)
        self.latent = Perceptron((config.latent_size, config.judge, config.judge))
        self.pair = Perceptron((2 * config.judge, config.judge, 1))

    def forward(self, images: Tensor, z: Tensor) -> Tensor:
        features = [self.reduce_image(self.image(images)), self.latent(z)]
        return self.pair(nn.functional.leaky_relu(torch.cat(features, 1), 0.2)).squeeze(1)


class PairPerceptron(nn.Module):
    """Image (N, C, H, W) and latent (N, latent_size) -> logit (N,): one perceptron on both, concatenated."""

    def __init__(self, sizes: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        self.body = Perceptron(sizes, dropout=dropout)

    def forward(self, images: Tensor, z: Tensor) -> Tensor:
        return self.body(torch.cat([z, images.flatten(1)], 1)).squeeze(1)
