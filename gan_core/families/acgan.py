"""ACGAN: the discriminator also classifies the image (Odena et al. 2016, arXiv:1610.09585).

    python -m gan_core train acgan --data phantom:cxr

Both networks are convolutional. The discriminator has two heads on shared features: one for real or generated, one for
the class. The generator takes the class as input, and its loss grows if the class head does not recognise that class. A
gradient penalty (Mescheder 2018, arXiv:1801.04406) keeps the first head smooth, so that the generator always gets a
gradient. The class loss has a small weight for the generator, which would otherwise draw only the easiest images of a
class.
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
from gan_core.nets import ConditionalGenerator, ConvDiscriminator, ConvGenerator, Shape, growing, stages


@dataclass(frozen=True)
class Config:
    """Settings of the GAN with an auxiliary classifier."""

    objective: Literal["cross_entropy", "hinge"] = "cross_entropy"  # adversarial loss
    latent_size: int = 100  # dimensions of the latent vector z
    width: int = 32  # channels at the image's resolution, doubled at each halving ...
    max_width: int = 128  # ... up to this
    skips: int = 0  # resolutions below the image's that draw an image of their own: one for each growth of a run
    classify: float = 0.2  # weight of the class loss in the discriminator's loss ...
    draw_class: float = 0.2  # ... and in the generator's
    momentum: float = 0.1  # momentum of the batch norms' running statistics
    lr: float = 5e-4  # learning rate of Adam
    beta1: float = 0.0  # Adam's beta 1: decay of the mean of the gradients
    beta2: float = 0.99  # Adam's beta 2: decay of the mean of their squares
    r1: float = 1.0  # weight of the R1 gradient penalty
    r1_every: int = 4  # steps between two R1 penalties (lazy regularisation)
    augment: Literal["none", "fixed", "adaptive"] = "none"  # augmentation of the discriminator's input
    ema_decay: float = 0.999  # decay of the exponential moving average (EMA) of the generator, 0 for none


PRESETS = {"acgan": Config()}


class ACGAN(Family):
    """A discriminator with an auxiliary classifier: real or generated, and which class?"""

    conditional = True
    layers = "convolutional"
    width_at = 64
    used_with = (("r1_every", "r1!=0"),)
    color = "#3D9BDC"
    diagram = (
        '{"latent vector z" class} -> generator -> "generated image" -> discriminator -> {"real?" "which class?"};'
        ' "real image" -> discriminator;'
    )
    metrics = (
        DISCRIMINATOR_LOSS,
        GENERATOR_LOSS,
        Metric("loss/class", "Classification loss", chart=""),
        ACCURACY_REAL,
        ACCURACY_FAKE,
        Metric("accuracy/class_real", "Classification accuracy, real images", "percent", chart=""),
        Metric("accuracy/class_fake", "Classification accuracy, generated images", "percent", chart=""),
        GRADIENT_D,
        GRADIENT_G,
    )

    @classmethod
    def larger(cls, config: Config) -> Config:
        return growing.larger(config)

    def build(self, config: Config) -> None:
        channels = stages(self.image_shape[1], config.width, config.max_width)
        self.generator = ConditionalGenerator(
            config.latent_size,
            self.classes,
            lambda size: ConvGenerator(size, channels, self.image_shape, config.momentum, config.skips),
        )
        self.discriminator = ClassifyingDiscriminator(channels[:0:-1], self.image_shape, self.classes)
        betas = (config.beta1, config.beta2)
        self.optimize("d", "discriminator", lr=config.lr, betas=betas)
        self.optimize("g", "generator", lr=config.lr, betas=betas, ema_decay=config.ema_decay)

    def train_step(self, real: Tensor, labels: Tensor) -> Scalars:
        fake = self.generator(self.latents(len(real)), labels)

        real.requires_grad_(self.r1_due)
        d_real, real_class = self.discriminator(self.augment(real))
        d_fake, fake_class = self.discriminator(self.augment(fake.detach()))
        d_loss = losses.discriminator(d_real, d_fake, self.objective)
        # The class head trains on generated images too, so that it cannot reward images that it has never judged.
        class_loss = (_class_loss(real_class, labels) + _class_loss(fake_class, labels)) / 2
        self.update("d", d_loss + self.config.classify * class_loss + self.r1(d_real, real))

        g_fake, g_class = self.discriminator(self.augment(fake))
        g_loss = losses.generator(g_fake, self.objective)
        self.update("g", g_loss + self.config.draw_class * _class_loss(g_class, labels))

        values = {"loss/d": d_loss, "loss/g": g_loss, "loss/class": class_loss}
        accuracy = {
            "accuracy/class_real": _class_accuracy(real_class, labels),
            "accuracy/class_fake": _class_accuracy(fake_class, labels),
        }
        return self.scalars(values | losses.accuracy(d_real, d_fake, self.objective) | accuracy)

    def sample(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.averaged("generator")(z, labels)

    def score(self, images: Tensor, labels: Tensor, z: Tensor | None = None) -> Tensor:
        """Logits (N,) of the real-or-generated head; the class is ignored."""
        return self.discriminator(images)[0]

    def feed(self, name: str, network: nn.Module, real: Tensor, labels: Tensor) -> None:
        network(torch.randn(len(labels), self.latent_size, device=self.device), labels)


class ClassifyingDiscriminator(nn.Module):
    """Image (N, C, H, W) in [-1, 1] -> logit of "real" (N,) and logits of the classes (N, classes)."""

    def __init__(self, channels: tuple[int, ...], image_shape: Shape, classes: int) -> None:
        super().__init__()
        self.features = ConvDiscriminator(channels, image_shape, classify=False)
        self.real = nn.Linear(self.features.feature_size, 1)
        self.name = nn.Linear(self.features.feature_size, classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(images)
        return self.real(features).squeeze(1), self.name(features)

    def grow_from(self, smaller: nn.Module) -> None:
        """Take over a discriminator of half the image size."""
        growing.grow(self, smaller)


def _class_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of the class logits (N, classes) (Odena 2016, eq. 3), a scalar."""
    return F.cross_entropy(logits.float(), labels)


def _class_accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share in [0, 1] of images that are classified correctly."""
    return (logits.detach().argmax(1) == labels).float().mean()
