"""What every GAN here shares: latents, optimizers, averaged weights, processes. A family's file adds the idea.

A family owns its networks and its optimizers. `train_step` computes losses and calls `update`, the one place where
gradients are taken, averaged over the processes and applied.
"""

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from gan_core import augment as augmentation
from gan_core import losses
from gan_core.metrics import Metric
from gan_core.nets.distributed import ALONE, Share

Scalars = dict[str, Tensor]  # detached, of one element each, on the family's device
Augment = Callable[[Tensor], Tensor]

BATCH_NORM_IMAGES = 512  # what an average's batch-norm statistics are computed from
_BATCH_NORM_BATCH = 128


@dataclasses.dataclass
class Player:
    """One optimizer and what it moves."""

    optimizer: torch.optim.Optimizer
    names: tuple[str, ...]  # of the networks
    parameters: list[nn.Parameter]
    lr: float
    ema_decay: float | None  # decay of the moving average, None if none is kept


class Family(nn.Module):
    """Base of every GAN. Subclasses set the class attributes, `build` their networks and take `train_step`s.

    image_shape: (C, H, W); classes: how many labels there are; training: builds optimizers and averages as well.

    The class attributes are what a family says of itself. They are read from its source (`families.registry`), so they
    are plain values. Every run carries them in its config.json, and whatever shows a run reads them there.
    """

    task: ClassVar[str] = "generate"
    conditional: ClassVar[bool] = False
    one_class: ClassVar[bool] = False  # whether it is content, though conditional, with data of a single class
    has_discriminator: ClassVar[bool] = True  # whether there is one whose logits are scores of single images
    paired: ClassVar[bool] = False  # whether a translator learns from pairs: image i of A belongs to image i of B
    one_way: ClassVar[bool] = False  # whether a translator goes from A to B alone
    objective: str = ""  # one of gan_core.objectives, or a name of its own; the setting `objective` where there is one
    metrics: ClassVar[tuple[Metric, ...]] = ()  # what train_step returns, in the order of the columns of metrics.csv
    color: ClassVar[str] = ""  # #rrggbb, on every page
    diagram: ClassVar[str] = ""  # how the networks hang together: statements of Graphviz' DOT language
    suggested: ClassVar[bool] = False  # whether its first preset is offered to who has not chosen one
    image_size: ClassVar[int] = 0  # pixels a side where the user names none; 0: 64, of a translator 128
    batch_size: ClassVar[int] = 0  # images a step where the user names none; 0: 32, of a translator 1 of each domain
    columns: tuple[str, ...] = ()  # the columns of `metrics`; of an instance: under its config

    # Set by `join`. Alone there is nothing to reduce.
    reduce: Callable[[Tensor], Tensor] | None = None
    share: Share = ALONE
    augment_p: Tensor  # where augmentation is adaptive, the probability of each change ...
    augment_known: Tensor  # ... and how surely training pictures are told from held-out ones, in the mean of late

    def __init_subclass__(cls, **more: Any) -> None:
        """Take over what a family calls by a name of before: `judges`, and `columns` without `metrics`."""
        super().__init_subclass__(**more)
        if "judges" in vars(cls):
            cls.has_discriminator = vars(cls)["judges"]
        if "metrics" in vars(cls) and "columns" not in vars(cls):
            cls.columns = tuple(metric.column for metric in cls.metrics)

    def __init__(self, config: Any, image_shape: tuple[int, int, int], classes: int, training: bool = True) -> None:
        super().__init__()
        self.config = config
        if not isinstance(getattr(type(self), "objective", None), property):
            self.objective = str(getattr(config, "objective", "") or type(self).objective or _own_name(type(self)))
        self.image_shape = image_shape
        self.classes = classes
        self.learns = training
        self.players: dict[str, Player] = {}
        self.averages = nn.ModuleDict()
        self.served: set[str] = set()  # the networks that inference needs
        self.step = 0  # updates done so far; the trainer counts
        self.steps = 0  # of the whole run; the trainer knows
        self._noted: Scalars = {}
        self.build(config)
        if self.adapts:
            self.register_buffer("augment_p", torch.zeros(()))
            self.register_buffer("augment_known", torch.full((), 0.5))
            self.columns = (*self.columns, "augment/p")

    # What a family writes

    def build(self, config: Any) -> None:
        """Make the networks as attributes and give each to `optimize`."""
        raise AssertionError(f"{type(self).__name__} has no build")

    def train_step(self, real: Tensor, labels: Tensor) -> Scalars:
        """One update of each network. real: (N, C, H, W) in [-1, 1]; labels: (N,).

        For a translator the first half of the batch is of domain A (label 0), the second of domain B (label 1); where
        it is `paired`, image i of the one half belongs to image i of the other.
        """
        raise AssertionError(f"{type(self).__name__} has no train_step")

    def sample(self, z: Tensor, labels: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] from latents (N, latent_size) and labels (N,), by the averaged generator.

        A conditional family takes shares of the classes (N, classes) in place of labels: see nets.ClassEmbedding.
        """
        return self.averaged("generator")(z)

    def score(self, images: Tensor, labels: Tensor, z: Tensor | None = None) -> Tensor:
        """The discriminator's logits (N,) for images (N, C, H, W).

        z: the latents they were made from, if they were; for a `paired` translator the pictures they belong to.
        """
        return self.network("discriminator")(images)

    def score_augmented(self, images: Tensor, labels: Tensor, partners: Tensor | None, augment: Augment) -> Tensor:
        """`score` of images that are augmented by `augment` where a training step augments them: logits (N,)."""
        return self.score(augment(images), labels, partners)

    @property
    def judges(self) -> bool:
        """What `has_discriminator` was called before."""
        return self.has_discriminator

    # What families use

    @property
    def latent_size(self) -> int:
        return self.config.latent_size

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def network(self, name: str) -> Any:
        return getattr(self, name)

    def join(self, reduce: Callable[[Tensor], Tensor], share: Share) -> None:
        """Train as one of several processes. reduce: makes a tensor the mean over them."""
        self.reduce, self.share = reduce, share
        # The averages are fed by the writing process alone.
        for name in (name for name, _ in self.named_children() if name != "averages"):
            for module in self.network(name).modules():
                if hasattr(module, "share"):
                    module.share = share

    def latents(self, count: int) -> Tensor:
        """Standard normal latents (count, latent_size) for a training step.

        Drawn for all processes together and shared out, so that a step does not depend on how many there are.
        """
        rank, processes = self.share
        return torch.randn(count * processes, self.latent_size, device=self.device)[rank::processes]

    def uniform(self, count: int, numbers: int) -> Tensor:
        """Uniform numbers (count, numbers) in [0, 1) for a training step, shared out as `latents` are."""
        rank, processes = self.share
        return torch.rand(count * processes, numbers, device=self.device)[rank::processes]

    @property
    def _augment(self) -> str:
        return getattr(self.config, "augment", "none")  # what has no discriminator has no such setting

    def augment(self, images: Tensor) -> Tensor:
        """Images (N, C, H, W) as the discriminator sees them, real ones and generated ones alike: unchanged, or
        augmented as the config says. Gradients flow through. Penalties are taken at the images before augmentation.
        """
        if self._augment == "none":
            return images
        probability = self.augment_p if self._augment == "adaptive" else 1.0
        return augmentation.augment(images, self.uniform(len(images), augmentation.NUMBERS), probability)

    def shown(self, images: Tensor) -> Tensor:
        """What `augment` was called before."""
        return self.augment(images)

    @property
    def adapts(self) -> bool:
        """Whether augmentation follows how well training pictures are known: see gan_core.training.ada."""
        return self.learns and self._augment == "adaptive"

    @property
    def remaining(self) -> float:
        """1 in the first half of the run, then linearly down to 0: the factor of a learning rate that falls so."""
        if not self.steps:
            return 1.0
        return min(1.0, 2 * (self.steps - self.step) / self.steps)

    def optimize(
        self,
        name: str,
        *networks: str,
        lr: float,
        betas: tuple[float, float],
        ema_decay: float | None = None,
        helpers: tuple[str, ...] = (),
        average: float | None = None,
    ) -> None:
        """Give networks (by attribute) to one Adam (Kingma and Ba 2015), and keep a moving average of them if asked.

        ema_decay: decay of the average at each step; none is kept where it is None. Networks with an average are what
        inference uses. average: what `ema_decay` was called before. helpers: further networks that learn from the
        same loss, of which no average is kept.
        """
        ema_decay = average if ema_decay is None else ema_decay
        if ema_decay is not None:
            self.served.update(networks)
        if not self.learns:
            return
        parameters = [p for network in (*networks, *helpers) for p in self.network(network).parameters()]
        # One kernel for all parameters; the plain loop over them costs a small network more than its mathematics.
        adam = torch.optim.Adam(parameters, lr=lr, betas=betas, fused=True)
        self.players[name] = Player(adam, networks, parameters, lr, ema_decay)
        if ema_decay is not None:
            for network in networks:
                self.averages[network] = copy.deepcopy(self.network(network)).requires_grad_(False)

    def place(self, device: torch.device | str) -> Self:
        """Move to a device, in the layout that convolutions run fastest in: a pixel's channels side by side."""
        return self.to(device).to(memory_format=torch.channels_last)

    @property
    def r1_due(self) -> bool:
        """Whether this step pays the gradient penalty, so that its real images need a gradient."""
        return self.config.r1 > 0 and self.step % self.config.r1_every == 0

    def r1(self, logits: Tensor, real: Tensor) -> Tensor | float:
        """The weighted gradient penalty at real images; paid every `r1_every` steps, that many times as strong, which
        costs less (Karras 2020, arXiv:1912.04958, appendix B, which slows Adam down besides). The loss beside it is the
        mean of two halves, of which papers write the sum: a weight of 1 is their gamma = 2.
        """
        if not self.r1_due:
            return 0.0
        return self.config.r1 * self.config.r1_every * losses.gradient_penalty(logits, real)

    def update(self, name: str, loss: Tensor, rate: float = 1.0) -> None:
        """One optimizer step down `loss`, for this player's parameters alone, at `rate` times its learning rate: no
        other gradients are computed, and these are averaged over the processes here and nowhere else.
        """
        player = self.players[name]
        gradients = torch.autograd.grad(loss, player.parameters)
        if self.reduce is not None:
            flat = self.reduce(torch.cat([gradient.flatten() for gradient in gradients]))
            parts = flat.split([gradient.numel() for gradient in gradients])
            gradients = tuple(part.view_as(old) for part, old in zip(parts, gradients, strict=True))
        for parameter, gradient in zip(player.parameters, gradients, strict=True):
            parameter.grad = _laid_out_as(parameter, gradient)
        self._noted[f"grad_norm/{name}"] = torch.nn.utils.get_total_norm(gradients)
        for group in player.optimizer.param_groups:
            group["lr"] = player.lr * rate
        player.optimizer.step()
        # Autocast remembers the bfloat16 copies of the weights; they have just become old.
        torch.clear_autocast_cache()
        if player.ema_decay is not None:
            self._average(player)

    def scalars(self, values: Scalars) -> Scalars:
        """The step's losses, what `update` noted, and how likely augmentation is, detached."""
        noted, self._noted = self._noted, {}
        if self.adapts:
            noted["augment/p"] = self.augment_p
        return {key: value.detach().float() for key, value in (values | noted).items()}

    def averaged(self, name: str) -> Any:
        """The moving average of a network, ready to be sampled; for inference, the network that was loaded."""
        return self.averages[name] if name in self.averages else self.network(name)

    @torch.no_grad()
    def _average(self, player: Player) -> None:
        # The decay ramps up, so that the first hundreds of steps do not drag random weights along.
        decay = min(player.ema_decay or 0.0, (1 + self.step) / (10 + self.step))
        for name in player.names:
            old: list[Tensor] = list(self.averages[name].parameters())
            new: list[Tensor] = list(self.network(name).parameters())
            torch._foreach_lerp_(old, new, weight=1 - decay)

    @torch.no_grad()
    def refresh_averages(self, real: Tensor, labels: Tensor) -> None:
        """Recompute the averages' batch-norm statistics, which belong to other weights than the averaged ones.

        real: (BATCH_NORM_IMAGES, C, H, W) in [-1, 1] and labels, the same at every call. Draws no random number that
        training would have drawn.
        """
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(0)
            for name, network in self.averages.items():
                norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
                before = [norm.momentum for norm in norms]
                for norm in norms:
                    norm.reset_running_stats()
                    norm.momentum = None  # a plain mean over the batches that follow
                network.train()
                try:
                    if norms:
                        for x, y in zip(real.split(_BATCH_NORM_BATCH), labels.split(_BATCH_NORM_BATCH), strict=True):
                            self.feed(name, network, x, y)
                finally:  # a signal may have cut it short
                    network.eval()
                    for norm, momentum in zip(norms, before, strict=True):
                        norm.momentum = momentum

    def feed(self, name: str, network: Any, real: Tensor, labels: Tensor) -> None:
        """Send one batch through a network as training sends it; from latents alone unless a family knows better."""
        network(torch.randn(len(labels), self.latent_size, device=self.device))

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """No gradients, no dropout, batch norm by its running statistics; training goes on as if nothing had been."""
        self.eval()
        try:
            with torch.inference_mode():
                yield
        finally:
            self.train()
            self.averages.eval()

    # What is saved

    def served_state(self) -> dict[str, Tensor]:
        """What inference needs: the averaged networks, by parameter name."""
        return {f"{n}.{k}": v for n in sorted(self.served) for k, v in self.averaged(n).state_dict().items()}

    def judging_state(self) -> dict[str, Tensor]:
        """The other networks, discriminators above all, by parameter name.

        A pool of pictures is no network: it holds what became of training images, and stays in the checkpoints.
        """
        others = [(n, child) for n, child in self.named_children() if n != "averages" and n not in self.served]
        names = [n for n, child in others if any(True for _ in child.parameters())]
        return {f"{n}.{key}": value for n in names for key, value in self.network(n).state_dict().items()}

    def training_state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything a checkpoint holds: tensors by name, and the optimizers' numbers."""
        tensors = {f"family.{key}": value for key, value in self.state_dict().items()}
        numbers: dict[str, Any] = {}
        for name, player in self.players.items():
            state = player.optimizer.state_dict()
            numbers[name] = state["param_groups"]
            for index, slots in state["state"].items():
                tensors |= {f"optimizer.{name}.{index}.{slot}": value for slot, value in slots.items()}
        return tensors, numbers

    def expected_state(self, step: int) -> dict[str, Tensor]:
        """The names and shapes of `training_state` after a step; before the first one Adam remembers nothing."""
        expected = {f"family.{key}": value for key, value in self.state_dict().items()}
        for name, player in self.players.items() if step else ():
            for index, parameter in enumerate(player.parameters):
                slots = {"step": torch.zeros(()), "exp_avg": parameter, "exp_avg_sq": parameter}
                expected |= {f"optimizer.{name}.{index}.{slot}": value for slot, value in slots.items()}
        return expected

    def load_training_state(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """The opposite of `training_state`; shapes and names must agree."""
        self.load_state_dict({k.removeprefix("family."): v for k, v in tensors.items() if k.startswith("family.")})
        for name, player in self.players.items():
            slots: dict[int, dict[str, Tensor]] = {}
            for key, value in tensors.items():
                if key.startswith(f"optimizer.{name}."):
                    index, slot = key.removeprefix(f"optimizer.{name}.").split(".")
                    fits = slot != "step"
                    value = _laid_out_as(player.parameters[int(index)], value) if fits else value
                    slots.setdefault(int(index), {})[slot] = value
            player.optimizer.load_state_dict({"state": slots, "param_groups": numbers[name]})


def _laid_out_as(parameter: Tensor, value: Tensor) -> Tensor:
    """`value` in the parameter's own memory layout: fused Adam walks all of them as one row of numbers."""
    if value.stride() == parameter.stride():
        return value
    return torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def _own_name(family: type) -> str:
    """What a family without an objective is told apart by: the name of its file."""
    return family.__module__.rpartition(".")[2]
