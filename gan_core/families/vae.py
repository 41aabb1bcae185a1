"""VAE: an encoder and a decoder, without a discriminator (Kingma and Welling 2013, arXiv:1312.6114).

    python -m gan_core train vae --data phantom:cxr

The reference that is not adversarial. The encoder maps an image to a normal distribution of latents, and the generator
reconstructs the image from a sample of it. A divergence keeps these distributions near the standard normal, so that a
standard normal latent decodes to a plausible image. Where the model is uncertain, it draws the mean of the possible
images: its images are blurred.
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

    objective: Literal["likelihood"] = "likelihood"  # what is maximised, by the evidence lower bound (ELBO)
    latent_size: int = 100  # dimensions of the latent vector z
    width: int = 32  # channels at the image's resolution, doubled at each halving ...
    max_width: int = 96  # ... up to this
    beta: float = 1.0  # weight of the KL divergence of the latents (Higgins 2017)
    momentum: float = 0.1  # momentum of the batch norms' running statistics
    lr: float = 1e-3  # learning rate of Adam, in the first half of the run, then linearly down to 0
    beta1: float = 0.9  # Adam's beta 1: decay of the mean of the gradients
    beta2: float = 0.999  # Adam's beta 2: decay of the mean of their squares
    ema_decay: float = 0.999  # decay of the exponential moving average (EMA) of both networks, 0 for none


PRESETS = {"vae": Config()}


class VAE(Family):
    """Variational auto-encoder: encode, sample a latent, decode."""

    has_discriminator = False
    layers = "convolutional"
    width_at = 64
    color = "#7F8C9B"
    diagram = (
        '"real image" -> encoder -> "mean and variance of z" -> "latent vector z" -> generator -> "reconstruction";'
    )
    metrics = (
        Metric(
            "loss/reconstruction",
            "Reconstruction error",
            "mean squared error",
            meaning="mean squared error of the pixels, in [-1, 1], reconstructed from the image's latent vector",
            watch=True,
            name="mean squared error",
        ),
        Metric(
            "loss/kl",
            "Divergence of the latents",
            "nats",
            meaning="information in an image's latent vector, in nats; near 0 the latent vector is ignored",
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
        # Reparameterised, so that the gradient flows through the sample (section 2.4).
        reconstruction = self.generator(mean + torch.exp(log_variance / 2) * self.latents(len(real)))
        error = (reconstruction.float() - real).square().mean()
        # Appendix B, in nats per image.
        kl = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean() / 2

        # The pixel likelihood under the optimal variance (Rybkin 2020, arXiv:2006.13202, eq. 7) balances error and
        # divergence without a weight to choose. It is written as its gradient, that of log(error) / 2, because the
        # error is that of the whole batch, of which a process may hold a part.
        batch_error = error.detach().clone()
        if self.reduce is not None:
            batch_error = self.reduce(batch_error)
        loss = error / (2 * batch_error) + self.config.beta * kl / math.prod(self.image_shape)
        self.update("g", loss, self.remaining)
        return self.scalars({"loss/reconstruction": error, "loss/kl": kl})

    def encode(self, images: Tensor) -> Tensor:
        """Latents (N, latent_size) of images (N, C, H, W) in [-1, 1]: the means of their distributions."""
        return self.averaged("encoder")(images)[0]

    def feed(self, name: str, network: nn.Module, real: Tensor, labels: Tensor) -> None:
        network(real if name == "encoder" else torch.randn(len(real), self.latent_size, device=self.device))


class GaussianEncoder(nn.Module):
    """Image (N, C, H, W) in [-1, 1] -> mean and log variance of its latents, (N, latent_size) each, float32."""

    def __init__(self, config: Config, channels: tuple[int, ...], image_shape: Shape) -> None:
        super().__init__()
        self.features = ConvDiscriminator(
            channels, image_shape, normalize=True, momentum=config.momentum, classify=False
        )
        self.cloud = nn.Linear(self.features.feature_size, 2 * config.latent_size)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.cloud(self.features(images)).float().chunk(2, 1)
        return mean, log_variance
