"""Two tiny perceptrons that play against each other over points in the plane.

It is a `Family` like those that train on X-rays: the same optimizers, the same losses, the same penalties. Only its
"images" are points (N, 2), and its players can take their steps one at a time.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gan_core import losses
from gan_core.families.base import Family
from gan_core.nets import Perceptron
from gan_core.playground.settings import Settings

BETA2 = 0.999


@dataclass(frozen=True)
class Scores:
    """Numbers of the newest steps; nan before a player's first step.

    accuracy: share of the batch that the discriminator classified correctly before its step, of pairs for the
    relativistic objective; nan for a critic. grad_g: norm of the generator's gradient. passed: mean size of the slope
    of the generator's loss in the logit, the factor by which it passes the discriminator's slope on. distance: a
    critic's estimate of the distance to the data; nan for other objectives.
    """

    loss_d: float = float("nan")
    loss_g: float = float("nan")
    accuracy: float = float("nan")
    grad_g: float = float("nan")
    grad_d: float = float("nan")
    passed: float = float("nan")
    distance: float = float("nan")


class Game(Family):
    """Generator (N, latent) -> (N, 2) and discriminator (N, 2) -> (N,), reproducible from the settings alone."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.points = settings.distribution()
        self.rng = np.random.default_rng(settings.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            super().__init__(settings, (2, 1, 1), 1)
        self.scores: dict[str, float] = {}

    def build(self, config: Settings) -> None:
        hidden = (config.width, config.width)
        self.generator = Perceptron((config.latent_size, *hidden, 2))
        self.discriminator = Perceptron((2, *hidden, 1))
        betas = (config.beta1, BETA2)
        self.optimize("d", "discriminator", lr=config.lr_d, betas=betas)
        self.optimize("g", "generator", lr=config.lr_g, betas=betas)

    def change(self, settings: Settings) -> None:
        """Go on under other settings, which do not begin anew (`Settings.begins_anew`)."""
        assert not self.settings.begins_anew(settings)
        self.settings = self.config = settings
        self.players["d"].lr, self.players["g"].lr = settings.lr_d, settings.lr_g

    def latents(self, count: int) -> Tensor:
        """Standard normal latents (count, latent_size), from the game's own random numbers."""
        return torch.from_numpy(self.rng.standard_normal((count, self.settings.latent_size), np.float32))

    def real(self, count: int) -> Tensor:
        """Points (count, 2) of the data."""
        return torch.from_numpy(self.points.draw(count, self.rng))

    def judge(self, points: Tensor) -> Tensor:
        """The discriminator's logits (N,) of points (N, 2)."""
        return self.discriminator(points).squeeze(1)

    def turn(self) -> None:
        """One step of the game: `d_steps` steps of the discriminator, then one of the generator."""
        for _ in range(self.settings.d_steps):
            self.step_d()
        self.step_g()

    def step_d(self) -> None:
        """One step of the discriminator."""
        settings = self.settings
        real = self.real(settings.batch_size).requires_grad_(settings.r1 > 0)
        with torch.no_grad():
            fake = self.generator(self.latents(settings.batch_size))
        fake.requires_grad_(settings.r2 > 0)
        d_real, d_fake = self.judge(real), self.judge(fake)
        adversarial = self.discriminator_loss(d_real, d_fake)
        loss = adversarial
        if settings.r1:
            loss = loss + settings.r1 * losses.gradient_penalty(d_real, real)
        if settings.r2:
            loss = loss + settings.r2 * losses.gradient_penalty(d_fake, fake)
        if settings.objective == "wasserstein":
            shares = torch.from_numpy(self.rng.random(settings.batch_size, np.float32))
            places = losses.between(real, fake, shares)
            loss = loss + settings.penalty * losses.slope_penalty(self.judge(places), places)
        self.update("d", loss)
        self._note("d", adversarial, d_real, d_fake)

    def step_g(self) -> None:
        """One step of the generator."""
        fake = self.generator(self.latents(self.settings.batch_size))
        logits = self.judge(fake)
        loss = self.generator_loss(logits, self.settings.batch_size)
        (slopes,) = torch.autograd.grad(loss, logits, retain_graph=True)
        self.update("g", loss)
        self.step += 1
        self._note("g", loss)
        self.scores["passed"] = float(slopes.abs().sum())

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """The discriminator's loss without penalties, a scalar, from logits (N,)."""
        if self.settings.objective == "relativistic":
            return losses.relativistic(real, fake)
        return losses.discriminator(real, fake, self.settings.objective)

    def generator_loss(self, fake: Tensor, count: int) -> Tensor:
        """The generator's loss, a scalar, from logits (N,) of generated points; a pair's real point is drawn here."""
        if self.settings.objective != "relativistic":
            return losses.generator(fake, self.settings.objective)
        with torch.no_grad():
            real = self.judge(self.real(count))
        return losses.relativistic(fake, real)

    def newest(self) -> Scores:
        return Scores(**self.scores)

    def _note(self, player: str, loss: Tensor, real: Tensor | None = None, fake: Tensor | None = None) -> None:
        """Keep the numbers of a step."""
        objective = self.settings.objective
        found = {f"loss_{player}": float(loss.detach())}
        found |= {key.replace("/", "_").replace("grad_norm", "grad"): float(v) for key, v in self.scalars({}).items()}
        if real is not None and fake is not None:
            if objective == "wasserstein":
                found["distance"] = -found["loss_d"]
            elif objective == "relativistic":
                found["accuracy"] = float(losses.pair_accuracy(real, fake)["accuracy/d_pairs"])
            else:
                shares = losses.accuracy(real, fake, objective)
                found["accuracy"] = float(sum(shares.values())) / len(shares)
        self.scores |= found
