"""Rectified flow: a network moves noise to an image along nearly straight paths (Liu 2022, arXiv:2209.03003).

    python -m gan_core train flow --data phantom:cxr

Flow matching, a near relative of diffusion models, without a discriminator. Noise and an image of the data are mixed,
x_t = (1 - t) noise + t image, and a network learns the velocity image - noise from x_t, t and the class (Lipman et al.
2022, arXiv:2210.02747). Its answer is the mean velocity of all pairs that pass through x_t. To draw, noise follows
these velocities from t = 0 to t = 1, in steps: an image takes many evaluations of the network, where a GAN takes one.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from gan_core.errors import UserError
from gan_core.families.base import Family, Scalars
from gan_core.metrics import Metric
from gan_core.nets import VelocityUNet, ode, stages

_MOST_EVALUATIONS = 200
_LOWEST = 8  # pixels a side of the network's lowest resolution


@dataclass(frozen=True)
class Config:
    """Settings of the rectified flow."""

    objective: Literal["flow_matching"] = "flow_matching"  # mean squared error of the velocity
    width: int = 24  # channels at the image's resolution, doubled at each halving ...
    max_width: int = 96  # ... up to this
    times: Literal["logit_normal", "uniform"] = "logit_normal"  # distribution of the training times t
    data_std: float = 0.5  # standard deviation of the pixels in [-1, 1], by which the network's answer is scaled
    drop_class: float = 0.1  # share of the images that train without their class, for guidance
    guidance: float = (
        1.0  # classifier-free guidance: 1 as learned, above 1 more typical of the class; takes twice as long
    )
    solver: Literal["midpoint", "heun"] = "midpoint"  # method of the steps from noise to image
    evaluations: int = 20  # evaluations of the network for an image, two a step
    lr: float = 1e-3  # learning rate of Adam, in the first half of the run, then linearly down to 0
    beta1: float = 0.9  # Adam's beta 1: decay of the mean of the gradients
    beta2: float = 0.99  # Adam's beta 2: decay of the mean of their squares
    ema_decay: float = 0.999  # decay of the exponential moving average (EMA) of the network, 0 for none


PRESETS = {"flow": Config()}


class Flow(Family):
    """A velocity field from noise to images of a class."""

    conditional = True
    one_class = True
    has_discriminator = False
    color = "#8A63D2"
    diagram = (
        '{noise "real image"} -> "mixture at time t"; {"mixture at time t" class} -> "velocity network" -> velocity;'
        ' velocity -> "mixture at time t";'
    )
    metrics = (
        Metric(
            "loss/velocity",
            "Velocity error",
            "mean squared error",
            objective="flow_matching",
            meaning="mean squared error of the velocity from noise to image; it stays above 0, as many pairs share a "
            "place",
            watch=True,
            name="mean squared error",
        ),
        Metric("grad_norm/v", "Velocity network's gradient norm", chart=""),
    )

    def build(self, config: Config) -> None:
        if config.evaluations % 2 or not 2 <= config.evaluations <= _MOST_EVALUATIONS:
            raise UserError(f"evaluations is {config.evaluations}: use an even number from 2 to {_MOST_EVALUATIONS}")
        if not config.data_std > 0:
            raise UserError(f"data_std is {config.data_std:g}: use a number above 0")
        if not 0 <= config.drop_class < 1:
            raise UserError(f"drop_class is {config.drop_class:g}: use a number from 0, below 1")
        if not 0 <= config.guidance <= 20:
            raise UserError(f"guidance is {config.guidance:g}: use a number from 0 to 20")
        if config.guidance != 1 and config.drop_class == 0 and self.classes > 1:
            raise UserError(
                f"guidance is {config.guidance:g} and drop_class 0: guidance leads away from images without a class, "
                "so some have to train without one: set drop_class above 0, for example to 0.1, or guidance to 1"
            )
        channels = stages(self.image_shape[1], config.width, config.max_width, _LOWEST)[:-1]
        self.velocity_network = VelocityUNet(channels, self.image_shape, self.classes)
        betas = (config.beta1, config.beta2)
        self.optimize("v", "velocity_network", lr=config.lr, betas=betas, ema_decay=config.ema_decay)

    @property
    def latent_size(self) -> int:
        """A latent is the noise that becomes the image: one number for each of its values."""
        return math.prod(self.image_shape)

    def train_step(self, real: Tensor, labels: Tensor) -> Scalars:
        time, kept = self.uniform(len(real), 2).unbind(1)
        if self.config.times == "logit_normal":
            # A sigmoid of normal numbers: the velocity is hardest to tell between the ends (Esser 2024,
            # arXiv:2403.03206, section 3.1).
            time = torch.sigmoid(math.sqrt(2) * torch.erfinv(2 * time - 1))
        given = torch.where(kept < self.config.drop_class, self.classes, labels)
        noise = self.latents(len(real)).view_as(real)
        share = time[:, None, None, None]
        mixed = (1 - share) * noise + share * real
        loss = (self.velocity(self.velocity_network, mixed, time, given) - (real - noise)).square().mean()
        self.update("v", loss, self.remaining)
        return self.scalars({"loss/velocity": loss})

    def velocity(self, network: nn.Module, x: Tensor, time: Tensor, labels: Tensor) -> Tensor:
        """The velocity (N, C, H, W) at x (N, C, H, W) and time (N,), float32.

        The network answers what is left of the best linear guess, in units of its deviation, as Karras 2022
        (arXiv:2206.00364, section 5) does for diffusion. If pixels were independent and normal with deviation s, then
        D = (1 - t)^2 + t^2 s^2 would be the variance of x_t, (t s^2 - (1 - t)) / D x the mean velocity, and s^2 / D
        its variance.
        """
        t = time.float()[:, None, None, None]
        variance = self.config.data_std**2
        spread = (1 - t).square() + t.square() * variance
        answer = network(x * spread.rsqrt(), time, labels).float()
        return (t * variance - (1 - t)) / spread * x + math.sqrt(variance) * spread.rsqrt() * answer

    def guided(self, x: Tensor, time: float, labels: Tensor) -> Tensor:
        """The velocity of the averaged network, guided away from that without a class (Ho and Salimans 2022,
        arXiv:2207.12598, eq. 6, where their w is guidance - 1).
        """
        network, guidance, times = (
            self.averaged("velocity_network"),
            self.config.guidance,
            x.new_full(x.shape[:1], time),
        )
        own = self.velocity(network, x, times, labels)
        if guidance == 1 or self.classes == 1:
            return own
        none = torch.full(x.shape[:1], self.classes, device=x.device)
        without = self.velocity(network, x, times, none)
        return without + guidance * (own - without)

    def _moments(self, z: Tensor, labels: Tensor) -> Iterator[tuple[float, Tensor, Tensor]]:
        noise = z.float().unflatten(1, self.image_shape)
        steps = self.config.evaluations // ode.EVALUATIONS_PER_STEP
        return ode.trajectory(lambda x, t: self.guided(x, t, labels), noise, steps, self.config.solver)

    def sample(self, z: Tensor, labels: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] from noise (N, C * H * W) and labels: see `Family.sample`."""
        for _, state, _ in self._moments(z, labels):
            images = state
        return images.clamp(-1, 1)

    def path(self, z: Tensor, labels: Tensor, count: int) -> list[tuple[float, Tensor, Tensor]]:
        """At most `count` moments of `sample`, from noise to image: (t, state, expected), images (N, C, H, W).

        expected: the image if the velocity stayed as it is, x_t + (1 - t) v: the mean of all that may come of x_t.
        """
        moments = list(self._moments(z, labels))
        steps = len(moments) - 1
        # Evenly spread where a number not much smaller allows it, so that the way does not seem to jump.
        fewest = -(-2 * count // 3)
        even = next((n for n in range(min(count, steps + 1), max(1, fewest - 1), -1) if steps % (n - 1) == 0), count)
        chosen = sorted({round(place) for place in torch.linspace(0, steps, even).tolist()})
        found = (moments[index] for index in chosen)
        return [(t, state.clamp(-1, 1), (state + (1 - t) * v).clamp(-1, 1)) for t, state, v in found]
