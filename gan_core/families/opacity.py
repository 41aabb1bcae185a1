"""Opacity: a translator that paints patchy opacity into the lungs of a chest X-ray, and nothing else.

    python -m gan_core train opacity --data phantom:cxr --domains normal,covid

It cannot cheat by construction: y = x + o * room (`gan_core.anatomy.painting`). Outside the lungs nothing changes, and
inside they only get denser. The generator says where opacity comes first and how dense it is; a severity in [0, 1] says
how much there is, by one bias that gives the mean opacity which that share of the sick pictures does not exceed. The
way back reads the opacity in a picture and takes it away.

Three discriminators judge what is painted: the lungs in a neutral view, which hides the hospital; what a reader of
opacity finds in them; and the map itself, beside drawn ones, without which patches become smooth blobs that score well.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_core import images as conversion
from gan_core import losses
from gan_core.anatomy import drawn_opacity, lung_view, neutral_view, opacity, painting
from gan_core.anatomy.lung_view import LungViews
from gan_core.anatomy.painting import Painting
from gan_core.errors import UserError
from gan_core.families.base import Family, Scalars
from gan_core.family_traits import SEVERITY
from gan_core.metrics import (
    ACCURACY_B_FAKE,
    ACCURACY_B_REAL,
    ADVERSARIAL_AB,
    DISCRIMINATOR_B,
    GRADIENT_DISCRIMINATORS,
    GRADIENT_TRANSLATORS,
    Metric,
)
from gan_core.nets import ResidualDiscriminator, SmallUNet

_QUANTILES = 21  # of the mean opacity, over the training images of B
_STUDIED = 1000  # training images of a domain that are looked at before the first step, at most
_LOOKED = 32  # images at once
_REMEMBERED = 6000  # images whose lungs are kept: 100 kB each
_SHAPE = (1, lung_view.SIZE, lung_view.SIZE)


@dataclass(frozen=True)
class Config:
    """Settings of the generator, the discriminators and their losses."""

    widths: tuple[int, ...] = (24, 40, 64, 80)  # channels of the generator, from 64 x 64 down
    discriminator_widths: tuple[int, ...] = (24, 40, 64, 80)  # from 32 x 32 down
    view: float = 1.0  # weights of the generator's losses: the lungs in the neutral view
    found: float = 0.7  # what the reader finds in them
    drawn: float = 0.5  # the map itself, beside drawn ones
    agreement: float = 0.5  # the reader finds what was painted
    variety: float = 0.3  # other noise gives another pattern
    r1: float = 1.0  # weight of the R1 gradient penalty, gamma = 2 in papers
    r1_every: int = 4  # steps between two R1 penalties (lazy regularisation)
    gamma: float = 0.35  # the neutral views are shown with an exponent e^-gamma to e^gamma, ...
    sharpness: float = 0.7  # ... with detail weakened or strengthened by up to this factor, ...
    affine: float = 0.05  # ... and turned, zoomed and shifted by up to this fraction
    lr: float = 4e-4  # learning rate of Adam; falls linearly to 0 over the second half of the run
    beta1: float = 0.0  # Adam's beta 1: decay of the mean of the gradients
    beta2: float = 0.99  # Adam's beta 2: decay of the mean of their squares
    ema_decay: float = 0.995  # decay of the exponential moving average (EMA) of the generator


PRESETS = {"opacity": Config()}


class MapDiscriminator(nn.Module):
    """Maps of the lung frame (N, 1, SIZE, SIZE) -> logits (N,)."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.features = ResidualDiscriminator(widths, _SHAPE)
        self.last = nn.Linear(self.features.feature_size, 1)

    def forward(self, maps: Tensor) -> Tensor:
        return self.last(self.features(maps))[:, 0].float()


class PatternGenerator(nn.Module):
    """Lungs and noise -> where opacity comes first, as logits, and how dense it is; it starts as the drawn pattern."""

    quantiles: Tensor

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.unet = SmallUNet(4 + len(drawn_opacity.CELLS), 2, widths)
        # Mean opacity at severities from 0 to 1; `Opacity.study` replaces this guess by that of the training images.
        self.register_buffer("quantiles", torch.linspace(0, 0.4, _QUANTILES))

    def forward(self, views: LungViews, noise: Tensor) -> tuple[Tensor, Tensor]:
        """noise: (K, 3, SIZE, SIZE) of `drawn_opacity.noise` -> logits and density in (0, 1), (K, 1, SIZE, SIZE)."""
        planes = (neutral_view.density(views), views.mask, views.outward, views.downward, noise)
        logits, density = drawn_opacity.pattern(views, noise)
        more, denser = self.unet(torch.cat(planes, 1)).float().chunk(2, 1)
        return logits + more, torch.sigmoid(torch.logit(density) + denser)


class Opacity(Family):
    """Opacity is painted into the lungs of A until they look like those of B."""

    task = "translate"
    used_with = (("r1_every", "r1!=0"),)
    graded = True
    objective = "cross_entropy"
    color = "#B0413E"
    batch_size = 8
    diagram = (
        '"image of A" -> "its lungs" -> generator -> "opacity map" -> "translation to B";'
        ' noise -> generator; severity -> "opacity map"; "image of A" -> "translation to B";'
        ' "translation to B" -> "neutral view" -> "discriminator of lungs";'
        ' "translation to B" -> "reader of opacity" -> "discriminator of findings";'
        ' "opacity map" -> "discriminator of maps"; "drawn map" -> "discriminator of maps";'
    )
    metrics = (
        ADVERSARIAL_AB,
        Metric("loss/found", "Adversarial loss, opacity found", chart="Adversarial loss", objective="cross_entropy"),
        Metric("loss/drawn", "Adversarial loss, opacity maps", chart="Adversarial loss", objective="cross_entropy"),
        Metric(
            "loss/agreement",
            "Painted and found opacity",
            chart="Painted and found opacity",
            meaning="lower: the reader finds the opacity that was painted; 0.1 is a tenth of the air",
            watch=True,
            name="painted and found",
        ),
        Metric("loss/variety", "Sameness of patterns", chart="", meaning="lower: other noise gives another pattern"),
        DISCRIMINATOR_B,
        ACCURACY_B_REAL,
        ACCURACY_B_FAKE,
        GRADIENT_TRANSLATORS,
        GRADIENT_DISCRIMINATORS,
    )

    def build(self, config: Config) -> None:
        self.generator = PatternGenerator(config.widths)
        self.discriminator_view = MapDiscriminator(config.discriminator_widths)
        self.discriminator_found = MapDiscriminator(config.discriminator_widths)
        self.discriminator_drawn = MapDiscriminator(config.discriminator_widths)
        betas = (config.beta1, config.beta2)
        self.optimize("g", "generator", lr=config.lr, betas=betas, ema_decay=config.ema_decay)
        judges = ("discriminator_view", "discriminator_found", "discriminator_drawn")
        self.optimize("d", *judges, lr=config.lr, betas=betas)
        self._readers: dict[torch.device, opacity.OpacityNet] = {}
        self._lungs: dict[bytes, LungViews | None] = {}

    # What is known before the first step

    def study(self, pictures: Tensor, labels: Tensor) -> None:
        """Look for lungs in the training images uint8 (N, C, H, W), and read how much opacity those of B have.

        Raises:
            UserError: lungs are found in hardly any image of a domain.
        """
        found = []
        for domain in (0, 1):
            places = torch.nonzero(labels.cpu() == domain)[:, 0]
            chosen = pictures[places[:: -(-len(places) // _STUDIED)].to(pictures.device)].cpu()
            views = [view for view in self._looked(chosen) if view is not None]
            if len(views) < max(1, len(chosen) // 4):
                raise UserError(
                    f"lungs were found in {len(views)} of {len(chosen)} images of domain {'AB'[domain]}: this preset "
                    "paints into the lungs of frontal chest X-rays; choose another preset for other images"
                )
            found.append(_joined(views))
        with torch.inference_mode():
            parts = [found[1].of(few) for few in torch.arange(len(found[1])).split(_LOOKED)]  # else it takes gigabytes
            means = torch.cat([opacity.read(part).sum((1, 2, 3)) / part.mask.sum((1, 2, 3)) for part in parts])
        self._set_quantiles(torch.quantile(means, torch.linspace(0, 0.95, _QUANTILES)))

    @torch.no_grad()
    def _set_quantiles(self, quantiles: Tensor) -> None:
        for network in {self.generator, self.averaged("generator")}:
            network.quantiles.copy_(quantiles)
            network.quantiles[0] = 0

    def _looked(self, pictures: Tensor) -> list[LungViews | None]:
        """Return the lungs of each image uint8 (N, C, H, W), None where none are found; known images cost nothing."""
        keys = [blake2b(picture.numpy().tobytes(), digest_size=16).digest() for picture in pictures.cpu()]
        new = [place for place, key in enumerate(keys) if key not in self._lungs]
        if len(self._lungs) + len(new) > _REMEMBERED:
            self._lungs.clear()
            new = list(range(len(keys)))
        with torch.inference_mode(False):  # a preview may ask first, and a step then needs gradients
            for start in range(0, len(new), _LOOKED):
                few = new[start : start + _LOOKED]
                chests = lung_view.look(
                    np.stack([pictures[place].cpu().numpy() for place in few]).transpose(0, 2, 3, 1)
                )
                views, place = chests.views(), 0
                for number, kept in zip(few, chests.kept, strict=True):
                    # Half precision: the lungs of thousands of images are kept.
                    self._lungs[keys[number]] = views.of(torch.tensor([place])).half() if kept else None
                    place += bool(kept)
        return [None if (view := self._lungs[key]) is None else view.float() for key in keys]

    def _views(self, real: Tensor) -> LungViews:
        """Return the lungs of images (N, C, H, W) in [-1, 1] on the family's device.

        Images without lungs lend those of the others; where no image has lungs, as in noise, a drawn pair stands in.
        """
        pictures = torch.from_numpy(conversion.to_uint8(real))
        found = [view for view in self._looked(pictures) if view is not None] or [lung_view.standing_in()]
        return _joined([found[place % len(found)] for place in range(len(real))]).to(self.device)

    @property
    def reader(self) -> opacity.OpacityNet:
        """The reader of opacity on the family's device. It is no part of the family's state."""
        if self.device not in self._readers:
            with torch.inference_mode(False):
                self._readers[self.device] = copy.deepcopy(opacity.load()).to(self.device)
        return self._readers[self.device]

    # Training

    def train_step(self, real: Tensor, labels: Tensor) -> Scalars:
        config = self.config
        views_a, views_b = (self._views(part) for part in real.chunk(2))
        count = len(views_a.grey)
        severity = self.uniform(count, 1)[:, 0]
        maps, others = self._painted(views_a, severity), self._painted(views_a, severity)
        painted = painting.of_views(views_a).painted(maps)
        found = opacity.read(views_a, painted, self.reader)
        # Real and painted lungs are seen through both masks: the outline of a mask must say nothing.
        both = views_a.mask * views_b.mask

        fake_view = self._shown(neutral_view.density(views_a, painted, both))
        g_view = losses.generator(self.discriminator_view(fake_view))
        g_found = losses.generator(self.discriminator_found(found * both))
        g_drawn = losses.generator(self.discriminator_drawn(maps * views_a.mask))
        agreement = (((found - maps).abs() * views_a.mask).sum((1, 2, 3)) / views_a.mask.sum((1, 2, 3))).mean()
        drawn, other_drawn = (self._drawn(views_a, severity) for _ in range(2))
        variety = _sameness(maps, others, drawn, other_drawn)
        g_loss = config.view * g_view + config.found * g_found + config.drawn * g_drawn
        self.update("g", g_loss + config.agreement * agreement + config.variety * variety, rate=self.remaining)

        real_found = opacity.read(views_b, network=self.reader) * both
        real_view = self._shown(neutral_view.density(views_b, mask=both))
        pairs = {
            "view": (real_view, fake_view),
            "found": (real_found, found * both),
            "drawn": (drawn * views_a.mask, maps * views_a.mask),
        }
        d_losses, logits = [], []
        for name, (shown, fake) in pairs.items():
            shown = shown.detach().requires_grad_(self.r1_due)
            discriminator = self.network(f"discriminator_{name}")
            d_real, d_fake = discriminator(torch.cat((shown, fake.detach()))).chunk(2)
            d_losses.append(losses.discriminator(d_real, d_fake) + self.r1(d_real, shown))
            logits.append((d_real, d_fake))
        self.update("d", torch.stack(d_losses).sum(), rate=self.remaining)

        accuracy = losses.accuracy(*logits[0])
        return self.scalars(
            {"loss/g_ab": g_view, "loss/found": g_found, "loss/drawn": g_drawn}
            | {"loss/agreement": agreement, "loss/variety": variety, "loss/d_b": d_losses[0]}
            | {key.replace("/d", "/d_b"): value for key, value in accuracy.items()}
        )

    def _painted(self, views: LungViews, severity: Tensor) -> Tensor:
        """Return opacity maps (K, 1, SIZE, SIZE) of the generator at severities (K,), with new noise."""
        logits, density = self.generator(views, self._noise(len(views)))
        bias = painting.bias_for(logits, density, views.mask, self._mean(severity))
        return painting.opacity_of(logits, density, bias)

    def _drawn(self, views: LungViews, severity: Tensor) -> Tensor:
        logits, density = drawn_opacity.pattern(views, self._noise(len(views)))
        bias = painting.bias_for(logits, density, views.mask, self._mean(severity))
        return painting.opacity_of(logits, density, bias)

    def _noise(self, count: int) -> Tensor:
        rank, processes = self.share
        return drawn_opacity.random_noise(count * processes, self.device)[rank::processes]

    def _mean(self, severity: Tensor) -> Tensor:
        """Return the mean opacity (K,) at severities (K,)."""
        quantiles = self.generator.quantiles
        place = severity * (len(quantiles) - 1)
        low = place.long().clamp(0, len(quantiles) - 2)
        return torch.lerp(quantiles[low], quantiles[low + 1], place - low)

    def _shown(self, density: Tensor) -> Tensor:
        """Return neutral views (K, 1, SIZE, SIZE) as a discriminator is shown them, real and painted alike."""
        config, count = self.config, len(density)
        numbers = 2 * self.uniform(count, 7) - 1
        gamma, sharpness, turn, zoom, right, down, mirror = (
            number[:, None, None, None] for number in numbers.unbind(1)
        )
        density = density.clamp_min(1e-3) ** torch.exp(config.gamma * gamma)
        detail = density - F.avg_pool2d(density, 3, 1, 1, count_include_pad=False)
        density = density + config.sharpness * sharpness * detail
        size = torch.exp(config.affine * zoom)
        sign = torch.where(mirror < 0, -1.0, 1.0)
        sine = config.affine * turn
        across = torch.cat((sign * size, -sine, config.affine * right), 3)
        below = torch.cat((sine, size, config.affine * down), 3)
        where = F.affine_grid(torch.cat((across, below), 2)[:, 0], list(density.shape), align_corners=False)
        return F.grid_sample(density, where, align_corners=False)

    # Inference

    @torch.no_grad()
    def painting(self, pictures: Tensor, chests: lung_view.Chests, seeds: Sequence[int]) -> Painting:
        """Return what is painted into pictures (K, 1, H, W) in [0, 1] of any size, whose lungs are known; K seeds."""
        generator, views = self.averaged("generator"), chests.views().to(self.device)
        logits, density = generator(views, drawn_opacity.noise(seeds).to(self.device))
        canvas = painting.of_pictures(pictures.to(self.device), chests)
        return Painting(canvas, logits, density, views.mask, views.boxes, generator.quantiles)

    @torch.no_grad()
    def cleared(self, pictures: Tensor, chests: lung_view.Chests) -> tuple[Tensor, Tensor]:
        """Return pictures (K, 1, H, W) in [0, 1] without the opacity that is read in them, and its maps, alike."""
        views = chests.views().to(self.device)
        found = opacity.read(views, network=self.reader)
        height, width = pictures.shape[2:]
        maps = lung_view.paste(found, views.boxes, (height, width))
        return painting.cleared(painting.of_pictures(pictures.to(self.device), chests), maps), maps

    def translate(self, images: Tensor, to: int) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] of the other domain, translated to `to` (0: A, 1: B), each its own pattern."""
        return self.translated(images, to, SEVERITY, list(range(len(images))))[0]

    def translated(self, images: Tensor, to: int, severity: float, seeds: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return translations like `images`, and opacity maps (N, 1, H, W); images without lungs stay as they are.

        severity: of opacity in domain B, in [0, 1]; seeds: of each image's pattern. The way to A uses neither.
        """
        chests = lung_view.look(conversion.to_uint8(images).transpose(0, 2, 3, 1))
        result, maps = images.float().clone(), torch.zeros_like(images[:, :1], dtype=torch.float32)
        if not chests.kept.any():
            return result, maps
        kept = torch.from_numpy(chests.kept).to(images.device)
        grey = (images[kept].float().mean(1, keepdim=True) + 1) / 2
        if to:
            drawing = self.painting(grey, chests, [seed for seed, keep in zip(seeds, chests.kept, strict=True) if keep])
            found = drawing.in_picture(severity)
            change = found * drawing.canvas.room
            found = found * drawing.canvas.soft
        else:
            cleared, found = self.cleared(grey, chests)
            change = cleared - grey
        result[kept] = result[kept] + 2 * change
        maps[kept] = found
        return result, maps

    def score(self, images: Tensor, labels: Tensor, z: Tensor | None = None) -> Tensor:
        """The logits (N,) of the lungs in the neutral view: how much they look like those of domain B."""
        views = self._views(images)
        return self.discriminator_view(neutral_view.density(views)).float()


def _sameness(maps: Tensor, others: Tensor, drawn: Tensor, other_drawn: Tensor) -> Tensor:
    """Return by which share two patterns in the same lungs differ less than two drawn ones do; each at least 0."""
    differs, should = ((one - two).abs().mean((1, 2, 3)) for one, two in ((maps, others), (drawn, other_drawn)))
    return (1 - differs / should.clamp_min(1e-6)).clamp_min(0).mean()


def _joined(views: list[LungViews]) -> LungViews:
    return LungViews(**{name: torch.cat([getattr(view, name) for view in views]) for name in vars(views[0])})
