"""VAE: no game, an image is squeezed into a latent and drawn again (Kingma and Welling 2013, arXiv:1312.6114).

    python -m gan_core train vae --data phantom:cxr

The yardstick without a discriminator. An encoder gives each image a cloud of latents, a generator draws the image again
from one of them, and all clouds together are held near the normal distribution, so that a latent drawn from it is the
latent of some image. What it is unsure of it draws as the mean of what could be: its images are soft.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from gan_core.families.base import Family, Scalars
from gan_core.metrics import GRADIENT_G, Metric
from gan_core.nets import ConvDiscriminator, ConvGenerator, Shape, stages


@dataclass(frozen=True)
class Config:
    """Settings of the variational auto-encoder."""

    objective: Literal["likelihood"] = "likelihood"
    latent_size: int = 100
    width: int = 32  # channels at the image's resolution, doubled at each halving ...
    max_width: int = 96  # ... up to this
    beta: float = 1.0  # weight of the latents' divergence (Higgins 2017)
    momentum: float = 0.1  # of the batch norms' running statistics
    lr: float = 1e-3  # in the first half of a run; then it falls to 0
    beta1: float = 0.9
    beta2: float = 0.999
    ema_decay: float = 0.999  # decay of the moving average of both networks, 0 for none


PRESETS = {"vae": Config()}


class VAE(Family):
    """Encode, draw a latent, decode."""

    has_discriminator = False
    color = "#7F8C9B"
    diagram = (
        '"real image" -> encoder -> "mean and variance of z" -> "latent vector z" -> generator -> "reconstruction";'
    )
    metrics = (
        Metric(
            "loss/reconstruction",
            "Reconstruction error",
            "mean squared error",
            meaning="mean squared error of a pixel, in [-1, 1], drawn again from its image's latent vector",
            watch=True,
            name="mean squared error",
        ),
        Metric(
            "loss/kl",
            "Divergence of the latents",
            "nats",
            meaning="what an image's latent vector tells of it, in nats: near 0 it tells nothing",
            watch=True,
            name="nats",
        ),
        GRADIENT_G,
    )

    def build(self, config: Config) -> None:
        channels = stages(self.image_shape[1], config.width, config.max_width)
        self.encoder = GaussianEncoder(config, channels[:0:-1], self.image_shape)
        self.generator = ConvGenerator(config.latent_size, channels, self.image_shape, config.momentum)
        betas = (config.beta1, config.beta2)
        self.optimize("g", "encoder", "generator", lr=config.lr, betas=betas, ema_decay=config.ema_decay)

    def train_step(self, real: Tensor, labels: Tensor) -> Scalars:
        mean, log_variance = self.encoder(real)
        # Drawn so that the gradient flows through (section 2.4).
        drawn = self.generator(mean + torch.exp(log_variance / 2) * self.latents(len(real)))
        error = (drawn.float() - real).square().mean()
        # Appendix B, in nats an image.
        kl = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean() / 2

        # The likelihood of a pixel under the variance that fits the error best (Rybkin 2020, arXiv:2006.13202, eq. 7):
        # error and divergence are weighed against each other without a number to choose. It is written by its gradient,
        # that of log(error) / 2, as the error is the whole batch's, of which a process may hold a part.
        whole = error.detach().clone()
        if self.reduce is not None:
            whole = self.reduce(whole)
        loss = error / (2 * whole) + self.config.beta * kl / math.prod(self.image_shape)
        self.update("g", loss, self.remaining)
        return self.scalars({"loss/reconstruction": error, "loss/kl": kl})

    def encode(self, images: Tensor) -> Tensor:
        """Latents (N, latent_size) of images (N, C, H, W) in [-1, 1]: the middles of their clouds."""
        return self.averaged("encoder")(images)[0]

    def feed(self, name: str, network: nn.Module, real: Tensor, labels: Tensor) -> None:
        network(real if name == "encoder" else torch.randn(len(real), self.latent_size, device=self.device))


class GaussianEncoder(nn.Module):
    """Image (N, C, H, W) in [-1, 1] -> middle and log variance of its latents, (N, latent_size) each, float32."""

    def __init__(self, config: Config, channels: tuple[int, ...], image_shape: Shape) -> None:
        super().__init__()
        self.features = ConvDiscriminator(
            channels, image_shape, normalize=True, momentum=config.momentum, classify=False
        )
        self.cloud = nn.Linear(self.features.feature_size, 2 * config.latent_size)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.cloud(self.features(images)).float().chunk(2, 1)
        return mean, log_variance
