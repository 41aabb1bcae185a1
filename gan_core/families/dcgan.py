"""DCGAN: convolutional generator and discriminator (Radford, Metz, Chintala 2015, arXiv:1511.06434).

    python -m gan_core train dcgan --data phantom:cxr

`dcgan_baseline` has the sizes and settings that comparisons usually start from: a stack of 128 channels and a
discriminator with dropout, which soon overpowers the generator. `dcgan` spreads the channels over more resolutions and
adds a gradient penalty (Mescheder 2018, arXiv:1801.04406). `dcgan_unet` has a U-Net discriminator (Schönfeld 2020,
arXiv:2002.12655).
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from gan_core import losses
from gan_core.families.base import Family, Scalars
from gan_core.metrics import ADVERSARIAL
from gan_core.nets import ConvDiscriminator, ConvGenerator, UNetDiscriminator, answers, growing, stages


@dataclass(frozen=True)
class Config:
    """Settings of the convolutional GAN."""

    latent_size: int = 100  # dimensions of the latent vector z
    generator: tuple[int, ...] = ()  # channels from the lowest resolution to the image's; from `width` if empty
    discriminator: tuple[int, ...] = ()  # channels of each stage; those of the generator reversed if empty
    strides: tuple[int, ...] = ()  # stride of each of the discriminator's stages; all 2 if empty
    width: int = 32  # channels at the image's resolution, doubled at each halving ...
    max_width: int = 96  # ... up to this
    skips: int = 0  # resolutions below the image's that draw an image of their own: one for each growth of a run
    kernel: int = 4  # kernel size of the discriminator's convolutions, pixels
    normalize: bool = False  # batch norm in the discriminator
    dropout: float = 0.0  # dropout in the discriminator
    momentum: float = 0.1  # momentum of the batch norms' running statistics
    pixelwise: bool = False  # the discriminator is a U-Net of stages that halve, with a logit for each pixel, too
    lr: float = 5e-4  # learning rate of Adam
    beta1: float = 0.0  # Adam's beta 1: decay of the mean of the gradients
    beta2: float = 0.99  # Adam's beta 2: decay of the mean of their squares
    r1: float = 1.0  # weight of the R1 gradient penalty
    r1_every: int = 4  # steps between two R1 penalties (lazy regularisation)
    augment: Literal["none", "fixed", "adaptive"] = "none"  # augmentation of the discriminator's input
    ema_decay: float = 0.999  # decay of the exponential moving average (EMA) of the generator, 0 for none


PRESETS = {
    "dcgan": Config(),
    "dcgan_unet": Config(pixelwise=True),
    "dcgan_baseline": Config(
        generator=(128, 128, 64),
        discriminator=(32, 64, 128, 256),
        strides=(2, 2, 2, 1),
        kernel=3,
        normalize=True,
        dropout=0.25,
        momentum=0.2,
        lr=2e-4,
        beta1=0.5,
        beta2=0.999,
        r1=0.0,
        ema_decay=0.0,
    ),
}


class DCGAN(Family):
    """Convolutions instead of perceptrons, no pooling, batch norm in the generator."""

    objective = "cross_entropy"
    suggested = True
    layers = "convolutional"
    width_at = 64
    used_with = (
        ("width max_width", "generator="),
        ("strides kernel normalize dropout", "pixelwise=no"),
        ("r1_every", "r1!=0"),
    )
    fixed_size = "dcgan_unet"
    color = "#D55E00"
    diagram = (
        '"latent vector z" -> generator -> "generated image" -> discriminator -> "real or generated?";'
        ' "real image" -> discriminator;'
    )
    metrics = ADVERSARIAL

    @classmethod
    def larger(cls, config: Config) -> Config | None:
        return None if config.generator or config.pixelwise else growing.larger(config)

    def build(self, config: Config) -> None:
        channels = config.generator or stages(self.image_shape[1], config.width, config.max_width)
        self.generator = ConvGenerator(config.latent_size, channels, self.image_shape, config.momentum, config.skips)
        widths = config.discriminator or channels[:0:-1]
        if config.pixelwise:
            self.discriminator: nn.Module = UNetDiscriminator(widths, self.image_shape)
        else:
            self.discriminator = ConvDiscriminator(
                widths,
                self.image_shape,
                strides=config.strides,
                kernel=config.kernel,
                normalize=config.normalize,
                dropout=config.dropout,
                momentum=config.momentum,
            )
        betas = (config.beta1, config.beta2)
        self.optimize("d", "discriminator", lr=config.lr, betas=betas)
        self.optimize("g", "generator", lr=config.lr, betas=betas, ema_decay=config.ema_decay)

    def train_step(self, real: Tensor, labels: Tensor) -> Scalars:
        fake = self.generator(self.latents(len(real)))

        # Real and generated images take separate calls: batch norm must not mix their statistics.
        real.requires_grad_(self.r1_due)
        real_in, fake_in = self.augment(real), self.augment(fake.detach())
        d_real, d_fake = answers(self.discriminator, real_in), answers(self.discriminator, fake_in)
        d_loss = losses.of_parts(losses.discriminator, d_real, d_fake)
        total = d_loss + self.r1(losses.of_pictures(d_real), real)
        if isinstance(self.discriminator, UNetDiscriminator):
            squares = self.uniform(len(real), 3)
            total = total + self.discriminator.consistency((real_in, d_real[1]), (fake_in, d_fake[1]), squares)
        self.update("d", total)

        g_loss = losses.of_parts(losses.generator, answers(self.discriminator, self.augment(fake)))
        self.update("g", g_loss)

        return self.scalars({"loss/d": d_loss, "loss/g": g_loss} | losses.accuracy(d_real[0], d_fake[0]))
