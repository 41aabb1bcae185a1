"""CUT: one-way unpaired translation by contrastive learning of patches (Park 2020, arXiv:2007.15651).

    python -m gan_core train cut_light --data phantom:cxr --domains normal,covid

By the features of the generator's own encoder, a patch of the translation should match the same patch of the input
better than any other patch of it. No reverse mapping is learned: one generator and one discriminator suffice where
CycleGAN has two of each. `fastcut` weights the contrastive loss ten times and has no identity loss. Unlike the paper's
FastCUT it does not mirror its inputs, because the heart lies on one side.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from gan_core import augment, losses
from gan_core.families.base import Family, Scalars
from gan_core.metrics import (
    ACCURACY_B_FAKE,
    ACCURACY_B_REAL,
    ADVERSARIAL_AB,
    DISCRIMINATOR_B,
    GRADIENT_DISCRIMINATORS,
    GRADIENT_TRANSLATORS,
    Metric,
)
from gan_core.nets import PatchDiscriminator, PatchHeads, ResNetTranslator, draw_places


@dataclass(frozen=True)
class Config:
    """Settings of the translator, the patch heads and the discriminator."""

    width: int = 64  # channels at the image's resolution, doubled at both halvings
    blocks: int = 0  # residual blocks; 0 for 6 up to 128 px and 9 from 256 px
    upsampling: Literal["resize", "transposed"] = "resize"  # resize and convolution, or transposed convolution
    change: bool = False  # the network adds a change to its input instead of drawing the whole image
    heads: int = 256  # size of a patch's feature vector
    patches: int = 256  # patches per feature map that are compared
    temperature: float = 0.07  # temperature of the contrastive loss
    discriminator_width: int = 64  # channels of its first layer, doubled at each halving
    strided: Literal[3, 4] = 3  # stride-2 layers of the discriminator; 3: 70 x 70 patches
    objective: Literal["least_squares", "cross_entropy"] = "least_squares"  # adversarial loss
    adversarial: float = 1.0  # weight of the adversarial loss
    contrast: float = 1.0  # weight of the contrastive loss of patches (PatchNCE)
    identity: bool = True  # contrast images of B with their own translations too, which should not change
    zoom: float = 0.1  # training images are enlarged by up to this fraction and cropped at random ...
    mirror: bool = False  # ... and mirrored half of the time; not for chests, where the heart lies on one side
    augment: Literal["none", "fixed", "adaptive"] = "none"  # augmentation of the discriminator's input
    lr: float = 2e-4  # learning rate of Adam; falls linearly to 0 over the second half of the run
    beta1: float = 0.5  # Adam's beta 1: decay of the mean of the gradients
    beta2: float = 0.999  # Adam's beta 2: decay of the mean of their squares
    ema_decay: float = 0.999  # decay of the exponential moving average (EMA) of the generator, 0 for none


PRESETS = {
    "cut": Config(),
    "cut_light": Config(width=24, heads=64, discriminator_width=32, change=True),
    "fastcut": Config(contrast=10.0, identity=False),
    "fastcut_light": Config(contrast=10.0, identity=False, width=24, heads=64, discriminator_width=32, change=True),
}


class CUT(Family):
    """Each patch of a translation should match the same patch of its input."""

    task = "translate"
    one_way = True
    color = "#7A9A01"
    diagram = (
        '"image of A" -> generator -> "translation to B" -> discriminator -> "real or translated?";'
        ' "image of B" -> discriminator;'
        ' {"image of A" "translation to B"} -> "patch features" -> "same place?";'
    )
    metrics = (
        ADVERSARIAL_AB,
        Metric(
            "loss/contrast_a",
            "Contrastive loss, {a} → {b}",
            chart="Contrastive loss",
            meaning="lower: patches of a translation match the same patches of its input better than other patches",
            watch=True,
            name="contrast",
        ),
        Metric("loss/contrast_b", "Contrastive loss, {b} → {b}", chart="", watch=True, name="contrast, identity"),
        DISCRIMINATOR_B,
        ACCURACY_B_REAL,
        ACCURACY_B_FAKE,
        GRADIENT_TRANSLATORS,
        GRADIENT_DISCRIMINATORS,
    )

    def build(self, config: Config) -> None:
        channels, size, _ = self.image_shape
        blocks = config.blocks or (9 if size >= 256 else 6)
        self.generator = ResNetTranslator(
            channels, config.width, blocks, upsampling=config.upsampling, change=config.change
        )
        self.heads = PatchHeads(self.generator.feature_widths, config.heads)
        self.discriminator = PatchDiscriminator(channels, config.discriminator_width, config.strided)
        betas = (config.beta1, config.beta2)
        self.optimize("g", "generator", lr=config.lr, betas=betas, ema_decay=config.ema_decay, helpers=("heads",))
        self.optimize("d", "discriminator", lr=config.lr, betas=betas)

    def train_step(self, real: Tensor, labels: Tensor) -> Scalars:
        config = self.config
        real = self.jitter(real)
        real_a, real_b = real.chunk(2)
        count = len(real_a)

        # Translation and identity share one call: instance norm does not mix images.
        translations, maps = self.generator.translated(real if config.identity else real_a)
        fake_b = translations[:count]
        g_ab = losses.generator(self.discriminator(self.augment(fake_b)), config.objective)
        contrast_a, contrast_b = self._contrast(translations, maps, count)
        contrast = (contrast_a + contrast_b) / 2 if config.identity else contrast_a
        self.update("g", config.adversarial * g_ab + config.contrast * contrast, rate=self.remaining)

        both = self.augment(torch.cat((real_b, fake_b.detach().to(real_b.dtype))))
        d_real, d_fake = self.discriminator(both).chunk(2)
        d_b = losses.discriminator(d_real, d_fake, config.objective)
        self.update("d", d_b, rate=self.remaining)

        accuracy = losses.accuracy(d_real, d_fake, config.objective)
        return self.scalars(
            {"loss/g_ab": g_ab, "loss/contrast_a": contrast_a, "loss/contrast_b": contrast_b, "loss/d_b": d_b}
            | {key.replace("/d", "/d_b"): value for key, value in accuracy.items()}
        )

    def _contrast(self, translations: Tensor, maps: list[Tensor], count: int) -> tuple[Tensor, Tensor]:
        """PatchNCE losses of the first `count` images, of A, and of the others, of B (zero if there are none).

        translations: (N, C, H, W); maps: the generator's feature maps of their inputs. Each loss is the mean over maps.
        """
        places = draw_places(maps, self.config.patches)
        with torch.no_grad():
            keys = self.heads(maps, places)
        queries = self.heads(self.generator.features(translations), places)
        parts = [slice(0, count), slice(count, None)] if len(translations) > count else [slice(0, count)]
        per_domain = [
            torch.stack(
                [
                    losses.patch_contrast(query[part], key[part], self.config.temperature)
                    for query, key in zip(queries, keys, strict=True)
                ]
            ).mean()
            for part in parts
        ]
        return per_domain[0], per_domain[1] if len(per_domain) > 1 else torch.zeros((), device=translations.device)

    def jitter(self, real: Tensor) -> Tensor:
        """Training images (N, C, H, W), enlarged and cropped at random, as for CycleGAN."""
        if not self.config.zoom and not self.config.mirror:
            return real
        return augment.window(real, self.uniform(len(real), 4), self.config.zoom, self.config.mirror)

    def translate(self, images: Tensor, to: int) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] translated to domain B by the averaged generator; `to` must be 1."""
        assert to == 1
        return self.averaged("generator")(images)

    def score(self, images: Tensor, labels: Tensor, z: Tensor | None = None) -> Tensor:
        """The mean logit (N,) of each image's patches, by the discriminator of domain B, the only one."""
        return self.discriminator(images).float().mean((1, 2, 3))
