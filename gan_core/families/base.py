"""The base class of all GANs: latents, optimizers, moving averages of weights, distributed training, saved state.

A family owns its networks and its optimizers. `train_step` computes losses and calls `update`, the one place where
gradients are taken, averaged over the processes and applied.
"""

import copy
import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from gan_core import augment as augmentation
from gan_core import losses
from gan_core.metrics import Metric
from gan_core.nets import growing
from gan_core.nets.distributed import ALONE, Share

Scalars = dict[str, Tensor]  # detached, of one element each, on the family's device
Augment = Callable[[Tensor], Tensor]

BATCH_NORM_IMAGES = 512  # real images from which the batch-norm statistics of the averages are computed
_BATCH_NORM_BATCH = 128


@dataclasses.dataclass
class Player:
    """One optimizer and the networks that it trains."""

    optimizer: torch.optim.Optimizer
    names: tuple[str, ...]  # of the networks
    parameters: list[nn.Parameter]
    lr: float
    ema_decay: float | None  # decay of the moving average, None if none is kept


class Family(nn.Module):
    """Base of every GAN. Subclasses set the class attributes and implement `build` and `train_step`.

    image_shape: (C, H, W); classes: number of classes; training: whether to build optimizers and averages, too.

    The class attributes are the family's traits. `families.registry` reads them from the source without running it, so
    they must be plain values. Every run stores them in its config.json, where the app and the reports read them.
    """

    task: ClassVar[str] = "generate"
    conditional: ClassVar[bool] = False
    one_class: ClassVar[bool] = False  # whether a conditional family also trains on data of a single class
    has_discriminator: ClassVar[bool] = True  # whether it has one whose logits score single images
    paired: ClassVar[bool] = False  # whether a translator trains on pairs: image i of A and image i of B
    one_way: ClassVar[bool] = False  # whether a translator maps from A to B only
    graded: ClassVar[bool] = False  # whether its translations to B have a severity; then only B has a discriminator
    layers: ClassVar[str] = ""  # of its networks, unless a setting says otherwise: "dense" or "convolutional"
    objective: str = ""  # a name in gan_core.objectives or a new one; a setting `objective` overrides it
    metrics: ClassVar[tuple[Metric, ...]] = ()  # the values of train_step, in the order of the columns
    color: ClassVar[str] = ""  # #rrggbb, on every page
    suggested: ClassVar[bool] = False  # whether its first preset is offered to a user who has not chosen one
    diagram: ClassVar[str] = ""  # how the networks are connected: statements of a Graphviz DOT graph
    image_size: ClassVar[int] = 0  # default pixels per side; 0: 64, for a translator 128
    width_at: ClassVar[int] = 0  # the image size that a preset's `width` is meant for: see families.widths; 0: for all
    # Settings, by spaces, that not all networks use, with `key=value` or `key!=value` of those that do.
    used_with: ClassVar[tuple[tuple[str, str], ...]] = ()
    fixed_size: ClassVar[str] = ""  # presets, by spaces, for whose settings `larger` says that the networks do not grow
    batch_size: ClassVar[int] = 0  # default images per step; 0: 32, for a translator 1 of each domain
    columns: tuple[str, ...] = ()  # the columns of `metrics`; of an instance: with those that its config adds

    # Set by `join`; a single process has nothing to reduce.
    reduce: Callable[[Tensor], Tensor] | None = None
    share: Share = ALONE
    augment_p: Tensor  # adaptive augmentation: the probability of each transformation ...
    augment_known: Tensor  # ... and memory/d as the discriminator trains, an exponential moving average

    def __init_subclass__(cls, **more: Any) -> None:
        """Support the old names of plug-ins: `judges` for `has_discriminator`, and `columns` without `metrics`."""
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
        self.step = 0  # training steps done so far; set by the trainer
        self.steps = 0  # training steps of the whole run; set by the trainer
        self.waits = 0  # training steps before the served networks learn, too; set by the trainer
        self.warmup = 0  # steps after those, in which their learning rates rise from 0; set by the trainer
        self.kept_norms: list[nn.Module] = []  # batch norm of frozen stages
        self._noted: Scalars = {}
        self.build(config)
        if self.adapts:
            self.register_buffer("augment_p", torch.zeros(()))
            self.register_buffer("augment_known", torch.full((), 0.5))
            self.columns = (*self.columns, "augment/p")

    # Methods that a family implements

    def build(self, config: Any) -> None:
        """Create the networks as attributes and pass each to `optimize`."""
        raise AssertionError(f"{type(self).__name__} has no build")

    def train_step(self, real: Tensor, labels: Tensor) -> Scalars:
        """Update each network once and return the values of `metrics`. real: (N, C, H, W) in [-1, 1]; labels: (N,).

        For a translator the first half of the batch is domain A (label 0), the second half domain B (label 1). For a
        `paired` one, image i of the first half and image i of the second half are a pair.
        """
        raise AssertionError(f"{type(self).__name__} has no train_step")

    def study(self, pictures: Tensor, labels: Tensor) -> None:
        """Look at the training images uint8 (N, C, H, W) with labels (N,), once, before the first step of a process.

        What it keeps must follow from the images alone, so that a resumed run keeps the same.
        """

    def sample(self, z: Tensor, labels: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] from latents (N, latent_size) and labels (N,), by the averaged generator.

        A conditional family also accepts class weights (N, classes) in place of labels: see nets.ClassEmbedding.
        """
        return self.averaged("generator")(z)

    def score(self, images: Tensor, labels: Tensor, z: Tensor | None = None) -> Tensor:
        """The discriminator's logits (N,) for images (N, C, H, W).

        z: the latents of generated images, if known; for a `paired` translator the partners of the images.
        """
        return self.network("discriminator")(images)

    def score_augmented(self, images: Tensor, labels: Tensor, partners: Tensor | None, augment: Augment) -> Tensor:
        """`score` with `augment` applied where a training step augments: logits (N,)."""
        return self.score(augment(images), labels, partners)

    @property
    def judges(self) -> bool:
        """Old name of `has_discriminator`, for plug-ins."""
        return self.has_discriminator

    # Methods that families use

    @property
    def latent_size(self) -> int:
        return self.config.latent_size

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def network(self, name: str) -> Any:
        return getattr(self, name)

    def join(self, reduce: Callable[[Tensor], Tensor], share: Share) -> None:
        """Train as one of several processes. reduce: averages a tensor over them; share: (rank, processes)."""
        self.reduce, self.share = reduce, share
        # Only the writing process runs data through the averages.
        for name in (name for name, _ in self.named_children() if name != "averages"):
            for module in self.network(name).modules():
                if hasattr(module, "share"):
                    module.share = share

    def latents(self, count: int) -> Tensor:
        """Standard normal latents (count, latent_size) for a training step.

        Each process draws for all and keeps its share, so that a step does not depend on the number of processes.
        """
        rank, processes = self.share
        return torch.randn(count * processes, self.latent_size, device=self.device)[rank::processes]

    def uniform(self, count: int, numbers: int) -> Tensor:
        """Uniform numbers (count, numbers) in [0, 1) for a training step, shared out as `latents` are."""
        rank, processes = self.share
        return torch.rand(count * processes, numbers, device=self.device)[rank::processes]

    @property
    def _augment(self) -> str:
        return getattr(self.config, "augment", "none")  # a family without a discriminator has no such setting

    def augment(self, images: Tensor) -> Tensor:
        """Images (N, C, H, W), real or generated, augmented for the discriminator as the config says, or unchanged.

        Gradients flow through. Gradient penalties are taken at the images before augmentation.
        """
        if self._augment == "none":
            return images
        probability = self.augment_p if self._augment == "adaptive" else 1.0
        return augmentation.augment(images, self.uniform(len(images), augmentation.NUMBERS), probability)

    def shown(self, images: Tensor) -> Tensor:
        """Old name of `augment`, for plug-ins."""
        return self.augment(images)

    @property
    def adapts(self) -> bool:
        """Whether augmentation adapts to discriminator overfitting: see gan_core.training.ada."""
        return self.learns and self._augment == "adaptive"

    @property
    def remaining(self) -> float:
        """Factor of a decaying learning rate: 1 in the first half of the run, then linearly down to 0."""
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
        """Train networks (attribute names) with one Adam optimizer (Kingma and Ba 2015), called `name`.

        ema_decay: decay per step of the networks' moving average (EMA), which inference uses; None keeps no average,
        and the networks are not saved for inference. helpers: further networks that train on the same loss, without
        an average. average: old name of `ema_decay`, for plug-ins.
        """
        ema_decay = average if ema_decay is None else ema_decay
        if ema_decay is not None:
            self.served.update(networks)
        if not self.learns:
            return
        parameters = [p for network in (*networks, *helpers) for p in self.network(network).parameters()]
        # Fused: for a small network, a loop over the parameters would cost more than the arithmetic.
        adam = torch.optim.Adam(parameters, lr=lr, betas=betas, fused=True)
        self.players[name] = Player(adam, networks, parameters, lr, ema_decay)
        if ema_decay is not None:
            for network in networks:
                self.averages[network] = copy.deepcopy(self.network(network)).requires_grad_(False)

    def place(self, device: torch.device | str) -> Self:
        """Move to a device in channels-last layout, in which convolutions run fastest."""
        return self.to(device).to(memory_format=torch.channels_last)

    @property
    def r1_due(self) -> bool:
        """Whether this step applies the gradient penalty, so that its real images require a gradient."""
        return self.config.r1 > 0 and self.step % self.config.r1_every == 0

    def r1(self, logits: Tensor, real: Tensor) -> Tensor | float:
        """Weighted R1 gradient penalty, from logits (N,) at real images; 0.0 on steps without it.

        It is lazy: applied every `r1_every` steps, that many times as strong, at less cost (Karras 2020,
        arXiv:1912.04958, appendix B, which also adjusts Adam). Adversarial losses here are the mean of two halves, in
        papers their sum, so a weight of 1 equals the papers' gamma = 2; beside a second output for each pixel, whose
        loss the mean halves once more, gamma = 4.
        """
        if not self.r1_due:
            return 0.0
        return self.config.r1 * self.config.r1_every * losses.gradient_penalty(logits, real)

    def update(self, name: str, loss: Tensor, rate: float = 1.0) -> None:
        """One optimizer step on `loss` for this player's parameters, at `rate` times its learning rate.

        No other gradients are computed. Gradients are averaged over the processes here and nowhere else.
        """
        player = self.players[name]
        if self.step < self.waits and self._has_to_wait(player):
            self._noted[f"grad_norm/{name}"] = torch.zeros((), device=self.device)
            return
        gradients = torch.autograd.grad(loss, player.parameters)
        if self.reduce is not None:
            flat = self.reduce(torch.cat([gradient.flatten() for gradient in gradients]))
            parts = flat.split([gradient.numel() for gradient in gradients])
            gradients = tuple(part.view_as(old) for part, old in zip(parts, gradients, strict=True))
        for parameter, gradient in zip(player.parameters, gradients, strict=True):
            parameter.grad = _laid_out_as(parameter, gradient)
        self._noted[f"grad_norm/{name}"] = torch.nn.utils.get_total_norm(gradients)
        if self.warmup and self._has_to_wait(player):
            rate *= min(1.0, (self.step - self.waits + 1) / self.warmup)
        for group in player.optimizer.param_groups:
            group["lr"] = player.lr * rate
        player.optimizer.step()
        # Autocast caches bfloat16 copies of the weights, which are stale now.
        torch.clear_autocast_cache()
        if player.ema_decay is not None:
            self._average(player)

    def _has_to_wait(self, player: Player) -> bool:
        return not self.served.isdisjoint(player.names)

    def scalars(self, values: Scalars) -> Scalars:
        """The step's values with the gradient norms and the probability of augmentation, detached, float32."""
        noted, self._noted = self._noted, {}
        if self.adapts:
            noted["augment/p"] = self.augment_p
        return {key: value.detach().float() for key, value in (values | noted).items()}

    def averaged(self, name: str) -> Any:
        """The moving average (EMA) of a network; the network itself if it has none, as at inference."""
        return self.averages[name] if name in self.averages else self.network(name)

    @torch.no_grad()
    def _average(self, player: Player) -> None:
        # The decay ramps up, so that the random initial weights soon leave the average.
        # So do those that it was grown from, whose images are blurred.
        step = max(0, self.step - self.waits)
        decay = min(player.ema_decay or 0.0, (1 + step) / (10 + step))
        for name in player.names:
            old: list[Tensor] = list(self.averages[name].parameters())
            new: list[Tensor] = list(self.network(name).parameters())
            torch._foreach_lerp_(old, new, weight=1 - decay)

    @torch.no_grad()
    def refresh_averages(self, real: Tensor, labels: Tensor, *, frozen: bool = False) -> None:
        """Recompute the batch-norm statistics of the averages: those of training belong to other weights.

        real: (BATCH_NORM_IMAGES, C, H, W) in [-1, 1] and labels (BATCH_NORM_IMAGES,), the same at every call.
        frozen: also those of frozen stages.
        The random state of training is unchanged.
        """
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(0)
            for name, network in self.averages.items():
                norms = [norm for norm in _norms(network) if frozen or norm not in self.kept_norms]
                before = [norm.momentum for norm in norms]
                for norm in norms:
                    norm.reset_running_stats()
                    norm.momentum = None  # a plain mean over the batches that follow
                network.train()
                for norm in () if frozen else self.kept_norms:
                    norm.eval()
                try:
                    if norms:
                        for x, y in zip(real.split(_BATCH_NORM_BATCH), labels.split(_BATCH_NORM_BATCH), strict=True):
                            self.feed(name, network, x, y)
                finally:  # a signal may interrupt it
                    network.eval()
                    for norm, momentum in zip(norms, before, strict=True):
                        norm.momentum = momentum

    def feed(self, name: str, network: Any, real: Tensor, labels: Tensor) -> None:
        """Run one batch through a network as in training; by default from latents alone."""
        network(torch.randn(len(labels), self.latent_size, device=self.device))

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Evaluation mode: no gradients, no dropout, batch norm with running statistics; training mode afterwards."""
        self.eval()
        try:
            with torch.inference_mode():
                yield
        finally:
            self.train()
            self.averages.eval()

    @classmethod
    def larger(cls, config: Any) -> Any:
        """Return the settings for twice the image size whose networks can `grow_from` those of `config`.

        None says that these networks do not grow, as those of most families. Where they do: `growing.larger(config)`.

        Raises:
            UserError: they would grow, but for the value of a setting.
        """
        return None

    def grow_from(self, smaller: "Family") -> None:
        """Take over the networks and averages of a family of half the image size, whose settings `larger` changed.

        The optimizers start anew.

        Raises:
            UserError: a network does not grow.
        """
        growing.grow(self, smaller)

    def freeze(self) -> None:
        """Keep what the served networks took over when they grew: only what the growth added still learns.

        That is how StyleGAN-XL grows (Sauer 2022, arXiv:2202.00273, section 3.2). Batch norm that is kept uses its
        averaged statistics in training, too. Call it before the first step; a second call changes nothing.

        Raises:
            UserError: a network does not name what its growth added.
        """
        self.kept_norms = []
        for player in self.players.values():
            if not self._has_to_wait(player):
                continue
            kept: set[nn.Parameter] = set()
            for network in (network for name in player.names for network in (self.network(name), self.averages[name])):
                added = {part for module in growing.added(network) for part in module.modules()}
                new = {parameter for module in added for parameter in module.parameters()}
                kept.update(parameter for parameter in network.parameters() if parameter not in new)
                self.kept_norms += [norm for norm in _norms(network) if norm not in added]
            for parameter in kept:
                parameter.requires_grad_(False)
            player.parameters = [parameter for parameter in player.parameters if parameter not in kept]
            player.optimizer.param_groups[0]["params"] = player.parameters
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Switch to training or evaluation; frozen batch norm stays in evaluation."""
        super().train(mode)
        for norm in self.kept_norms:
            norm.eval()
        return self

    def take_averages(self) -> None:
        """Go on with the averaged weights: a frozen network is better averaged than as its last step left it."""
        for name, average in self.averages.items():
            self.network(name).load_state_dict(average.state_dict())

    # State that is saved

    def served_state(self) -> dict[str, Tensor]:
        """The weights for inference: the averaged networks, by parameter name."""
        return {f"{n}.{k}": v for n in sorted(self.served) for k, v in self.averaged(n).state_dict().items()}

    def judging_state(self) -> dict[str, Tensor]:
        """The weights of all other networks, mainly discriminators, by parameter name.

        An image pool has no parameters and is left out: it may hold translated training images, which stay in the
        checkpoints.
        """
        others = [(n, child) for n, child in self.named_children() if n != "averages" and n not in self.served]
        names = [n for n, child in others if any(True for _ in child.parameters())]
        return {f"{n}.{key}": value for n in names for key, value in self.network(n).state_dict().items()}

    def training_state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The content of a checkpoint: tensors by name, and the optimizers' parameter groups by player."""
        tensors = {f"family.{key}": value for key, value in self.state_dict().items()}
        numbers: dict[str, Any] = {}
        for name, player in self.players.items():
            state = player.optimizer.state_dict()
            numbers[name] = state["param_groups"]
            for index, slots in state["state"].items():
                tensors |= {f"optimizer.{name}.{index}.{slot}": value for slot, value in slots.items()}
        return tensors, numbers

    def expected_state(self, step: int) -> dict[str, Tensor]:
        """Tensors named and shaped as in `training_state` after `step` steps; Adam has no state before the first.

        That of a player which waits is the one after `waits` steps.
        """
        expected = {f"family.{key}": value for key, value in self.state_dict().items()}
        for name, player in self.players.items():
            if step <= (self.waits if self._has_to_wait(player) else 0):
                continue
            for index, parameter in enumerate(player.parameters):
                slots = {"step": torch.zeros(()), "exp_avg": parameter, "exp_avg_sq": parameter}
                expected |= {f"optimizer.{name}.{index}.{slot}": value for slot, value in slots.items()}
        return expected

    def load_training_state(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Restore what `training_state` returned; names and shapes must match.

        The optimizers are those of the config: of their numbers, which a stranger may have written, only the learning
        rate is taken, and `update` sets it anew.
        """
        self.load_state_dict({k.removeprefix("family."): v for k, v in tensors.items() if k.startswith("family.")})
        for name, player in self.players.items():
            slots: dict[int, dict[str, Tensor]] = {}
            for key, value in tensors.items():
                if key.startswith(f"optimizer.{name}."):
                    index, slot = key.removeprefix(f"optimizer.{name}.").split(".")
                    shaped = slot != "step"
                    value = _laid_out_as(player.parameters[int(index)], value) if shaped else value
                    slots.setdefault(int(index), {})[slot] = value
            groups = player.optimizer.state_dict()["param_groups"]
            with suppress(KeyError, IndexError, TypeError):
                rate = numbers[name][0]["lr"]
                groups[0]["lr"] = rate if type(rate) is float and 0 <= rate < math.inf else player.lr
            player.optimizer.load_state_dict({"state": slots, "param_groups": groups})


def _norms(network: nn.Module) -> list[Any]:
    """Return the batch-norm layers of a network."""
    return [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]


def _laid_out_as(parameter: Tensor, value: Tensor) -> Tensor:
    """`value` in the parameter's memory layout: fused Adam addresses both as flat memory."""
    if value.stride() == parameter.stride():
        return value
    return torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def _own_name(family: type) -> str:
    """The objective of a family that names none: the name of its file, so that it shares no chart with others."""
    return family.__module__.rpartition(".")[2]
