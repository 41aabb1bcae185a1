"""CUT: unpaired translation one way, by contrasting patches (Park 2020, arXiv:2007.15651).

    python -m gan_core train cut_light --data phantom:cxr --domains normal,covid

A place of the translation should be told from all other places of the input by what the generator's own encoder sees
there: no way back is learned, so one generator and one discriminator do where CycleGAN has two of each. `fastcut`
weighs the contrast ten times and leaves out the identity; its mirrored inputs are left out too, as a heart lies on one
side.
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
    """Settings of the translator, the heads that its patches are compared by, and the discriminator."""

    width: int = 64  # channels at the image's resolution, doubled at both halvings
    blocks: int = 0  # residual blocks; 0 for 6 up to 128 px and 9 from 256 px
    upsampling: Literal["resize", "transposed"] = "resize"
    change: bool = False  # the network draws what changes, not the whole picture
    heads: int = 256  # numbers that describe a patch
    patches: int = 256  # places of each map that are compared
    temperature: float = 0.07
    discriminator_width: int = 64
    strided: Literal[3, 4] = 3  # layers of the discriminator that halve: 70 x 70 patches
    objective: Literal["least_squares", "cross_entropy"] = "least_squares"
    adversarial: float = 1.0  # weights of the generator's losses
    contrast: float = 1.0
    identity: bool = True  # pictures of B are contrasted with their translations too: they should stay as they are
    zoom: float = 0.1  # training pictures are enlarged by up to this share, and a random window is taken
    mirror: bool = False  # and mirrored half of the time: not for chests, whose heart is on one side
    augment: Literal["none", "fixed", "adaptive"] = "none"  # what the discriminator is shown: see gan_core.augment
    lr: float = 2e-4  # falls linearly to 0 over the second half of the run
    beta1: float = 0.5
    beta2: float = 0.999
    ema_decay: float = 0.999  # decay of the generator's moving average, 0 for none


PRESETS = {
    "cut": Config(),
    "cut_light": Config(width=24, heads=64, discriminator_width=32, change=True),
    "fastcut": Config(contrast=10.0, identity=False),
    "fastcut_light": Config(contrast=10.0, identity=False, width=24, heads=64, discriminator_width=32, change=True),
}


class CUT(Family):
    """What a patch of a translation shows should be recognised as what lies there in the input."""

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
            "Contrast, {a} → {b}",
            chart="Contrast of patches",
            meaning="lower: more surely, a place of the translation is told from all other places of its input",
            watch=True,
            name="contrast",
        ),
        Metric("loss/contrast_b", "Contrast, {b} → {b}", chart="", watch=True, name="contrast, identity"),
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

        # Translation and identity go through in one call; instance norm keeps them apart.
        drawn, seen = self.generator.translated(real if config.identity else real_a)
        fake_b = drawn[:count]
        g_ab = losses.generator(self.discriminator(self.augment(fake_b)), config.objective)
        contrast_a, contrast_b = self._contrast(drawn, seen, count)
        contrast = (contrast_a + contrast_b) / 2 if config.identity else contrast_a
        self.update("g", config.adversarial * g_ab + config.contrast * contrast, rate=self.remaining)

        shown = self.augment(torch.cat((real_b, fake_b.detach().to(real_b.dtype))))
        d_real, d_fake = self.discriminator(shown).chunk(2)
        d_b = losses.discriminator(d_real, d_fake, config.objective)
        self.update("d", d_b, rate=self.remaining)

        accuracy = losses.accuracy(d_real, d_fake, config.objective)
        return self.scalars(
            {"loss/g_ab": g_ab, "loss/contrast_a": contrast_a, "loss/contrast_b": contrast_b, "loss/d_b": d_b}
            | {key.replace("/d", "/d_b"): value for key, value in accuracy.items()}
        )

    def _contrast(self, drawn: Tensor, seen: list[Tensor], count: int) -> tuple[Tensor, Tensor]:
        """PatchNCE of the first `count` pictures, which are of A, and of the others, of B; zero where there are none.

        drawn: translations; seen: the maps that the generator made of their inputs on the way. The mean over depths.
        """
        places = draw_places(seen, self.config.patches)
        with torch.no_grad():
            keys = self.heads(seen, places)
        queries = self.heads(self.generator.features(drawn), places)
        parts = [slice(0, count), slice(count, None)] if len(drawn) > count else [slice(0, count)]
        found = [
            torch.stack(
                [
                    losses.patch_contrast(query[part], key[part], self.config.temperature)
                    for query, key in zip(queries, keys, strict=True)
                ]
            ).mean()
            for part in parts
        ]
        return found[0], found[1] if len(found) > 1 else torch.zeros((), device=drawn.device)

    def jitter(self, real: Tensor) -> Tensor:
        """Training pictures (N, C, H, W): random windows of enlarged pictures, as for CycleGAN."""
        if not self.config.zoom and not self.config.mirror:
            return real
        return augment.window(real, self.uniform(len(real), 4), self.config.zoom, self.config.mirror)

    def translate(self, images: Tensor, to: int) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] in domain B, by the averaged generator; `to` is 1, as there is no way back."""
        assert to == 1
        return self.averaged("generator")(images)

    def score(self, images: Tensor, labels: Tensor, z: Tensor | None = None) -> Tensor:
        """The mean logit (N,) of each image's patches, as pictures of B: only those have a discriminator."""
        return self.discriminator(images).float().mean((1, 2, 3))
