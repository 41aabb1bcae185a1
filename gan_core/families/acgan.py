"""ACGAN: the discriminator tells real from generated and names the class (Odena et al. 2016, arXiv:1610.09585).

    python -m gan_core train acgan --data phantom:cxr

Both networks are convolutional. The discriminator has two heads on the same features: is it real, and of which class is
it? The generator is told the class and pays where its image is not taken for one of it. A gradient penalty
(Mescheder 2018, arXiv:1801.04406) keeps the cost of the first head smooth, so that the generator is never left without
a slope; the class counts little for the generator, which would else draw the easiest images of a class alone.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_core import losses
from gan_core.families.base import Family, Scalars
from gan_core.metrics import (
    ACCURACY_FAKE,
    ACCURACY_REAL,
    DISCRIMINATOR_LOSS,
    GENERATOR_LOSS,
    GRADIENT_D,
    GRADIENT_G,
    Metric,
)
from gan_core.nets import ConditionalGenerator, ConvDiscriminator, ConvGenerator, Shape, stages


@dataclass(frozen=True)
class Config:
    """Settings of the GAN with an auxiliary classifier."""

    objective: Literal["cross_entropy", "hinge"] = "cross_entropy"
    latent_size: int = 100
    width: int = 32  # channels at the image's resolution, doubled at each halving ...
    max_width: int = 128  # ... up to this
    classify: float = 0.2  # weight of the class in the discriminator's loss ...
    draw_class: float = 0.2  # ... and in the generator's
    momentum: float = 0.1  # of the batch norms' running statistics
    lr: float = 5e-4
    beta1: float = 0.0
    beta2: float = 0.99
    r1: float = 1.0  # weight of the gradient penalty ...
    r1_every: int = 4  # ... paid every so many steps
    augment: Literal["none", "fixed", "adaptive"] = "none"  # what the discriminator is shown: see gan_core.augment
    ema_decay: float = 0.999  # decay of the generator's moving average, 0 for none


PRESETS = {"acgan": Config()}


class ACGAN(Family):
    """Real or generated, and of which class?"""

    conditional = True
    color = "#3D9BDC"
    diagram = (
        '{"latent vector z" class} -> generator -> "generated image" -> discriminator -> {"real?" "which class?"};'
        ' "real image" -> discriminator;'
    )
    metrics = (
        DISCRIMINATOR_LOSS,
        GENERATOR_LOSS,
        Metric("loss/class", "Loss of naming the class", chart=""),
        ACCURACY_REAL,
        ACCURACY_FAKE,
        Metric("accuracy/class_real", "Class named, real images", "percent", chart=""),
        Metric("accuracy/class_fake", "Class named, generated images", "percent", chart=""),
        GRADIENT_D,
        GRADIENT_G,
    )

    def build(self, config: Config) -> None:
        channels = stages(self.image_shape[1], config.width, config.max_width)
        self.generator = ConditionalGenerator(
            config.latent_size,
            self.classes,
            lambda size: ConvGenerator(size, channels, self.image_shape, momentum=config.momentum),
        )
        self.discriminator = NamingDiscriminator(channels[:0:-1], self.image_shape, self.classes)
        betas = (config.beta1, config.beta2)
        self.optimize("d", "discriminator", lr=config.lr, betas=betas)
        self.optimize("g", "generator", lr=config.lr, betas=betas, ema_decay=config.ema_decay)

    def train_step(self, real: Tensor, labels: Tensor) -> Scalars:
        fake = self.generator(self.latents(len(real)), labels)

        real.requires_grad_(self.r1_due)
        d_real, real_class = self.discriminator(self.augment(real))
        d_fake, fake_class = self.discriminator(self.augment(fake.detach()))
        d_loss = losses.discriminator(d_real, d_fake, self.objective)
        # The class of both: what is learned of generated ones holds the head to account for what it rewards.
        class_loss = (_class_loss(real_class, labels) + _class_loss(fake_class, labels)) / 2
        self.update("d", d_loss + self.config.classify * class_loss + self.r1(d_real, real))

        g_fake, g_class = self.discriminator(self.augment(fake))
        g_loss = losses.generator(g_fake, self.objective)
        self.update("g", g_loss + self.config.draw_class * _class_loss(g_class, labels))

        values = {"loss/d": d_loss, "loss/g": g_loss, "loss/class": class_loss}
        named = {"accuracy/class_real": _named(real_class, labels), "accuracy/class_fake": _named(fake_class, labels)}
        return self.scalars(values | losses.accuracy(d_real, d_fake, self.objective) | named)

    def sample(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.averaged("generator")(z, labels)

    def score(self, images: Tensor, labels: Tensor, z: Tensor | None = None) -> Tensor:
        """Logits (N,) of being real, whatever the class: naming it is the other head's work."""
        return self.discriminator(images)[0]

    def feed(self, name: str, network: nn.Module, real: Tensor, labels: Tensor) -> None:
        network(torch.randn(len(labels), self.latent_size, device=self.device), labels)


class NamingDiscriminator(nn.Module):
    """Image (N, C, H, W) -> logit of being real (N,), logits of the classes (N, classes)."""

    def __init__(self, channels: tuple[int, ...], image_shape: Shape, classes: int) -> None:
        super().__init__()
        self.features = ConvDiscriminator(channels, image_shape, classify=False)
        self.real = nn.Linear(self.features.feature_size, 1)
        self.name = nn.Linear(self.features.feature_size, classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(images)
        return self.real(features).squeeze(1), self.name(features)


def _class_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """The cross entropy of naming the class (Odena 2016, eq. 3), a scalar."""
    return F.cross_entropy(logits.float(), labels)


def _named(logits: Tensor, labels: Tensor) -> Tensor:
    """The share of images whose class is named right."""
    return (logits.detach().argmax(1) == labels).float().mean()
