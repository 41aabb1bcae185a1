"""The public face of a trained run: load it, then generate, encode, reconstruct, interpolate, score.

    model = load(find_run("dcgan", default_root()))
    pictures, labels = model.generate(16, seed=1)

Pictures go in and out as uint8 (N, H, W, C); inside they are float in [-1, 1].
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from gan_core import files, images, runs, tensor_files
from gan_core.config import RunConfig
from gan_core.errors import UserError, first_line, nearest
from gan_core.families import loading
from gan_core.inference.precision import LowPrecision
from gan_core.runs import Run, hub_models

_BATCH = 64
_LARGER = 20  # times as many numbers as the weights have bytes: all networks of a run have far fewer
_SMALL = 10**8  # numbers: 400 MB, which are always tried
_TRANSLATED = 4  # pictures a call: a translator keeps maps of the whole size


_DRAWS = {f"{name}_" for name in ("normal", "uniform", "trunc_normal", "kaiming_normal", "kaiming_uniform")}
_DRAWS |= {f"{name}_" for name in ("xavier_normal", "xavier_uniform", "orthogonal")}


class Model:
    """The networks of a run, ready to be used; made by `load`."""

    def __init__(self, run: Run, run_config: RunConfig, family: loading.Family) -> None:
        self.run, self.config, self.family = run, run_config, family
        self._judged = False  # whether the discriminator's weights are in
        self._precision: torch.dtype | None = None  # that translates faster here; not known before the first picture
        generators = [network for name, network in family.named_children() if name.startswith("generator")]
        self._low_precision = LowPrecision(generators, run.label)

    @property
    def task(self) -> str:
        """generate or translate."""
        return self.family.task

    @property
    def domains(self) -> tuple[str, ...]:
        """The two domains that the run translates between, A first; empty if it does not."""
        return self.config.domains

    @property
    def targets(self) -> tuple[str, ...]:
        """The domains that the run translates to: one of the two where it goes one way."""
        return self.domains[1:] if self.family.one_way else self.domains

    @property
    def encodes(self) -> bool:
        """Whether pictures can be brought back to latents."""
        return isinstance(self.family, loading.Encodes)

    @property
    def classes(self) -> tuple[str, ...]:
        """Of a conditional run; empty where a class cannot be chosen."""
        return self.config.classes if self.family.conditional else ()

    def latents(self, count: int, seed: int = 0, truncation: float = 1.0) -> Tensor:
        """Normal latents (count, latent_size); number i depends on the seed and i alone.

        truncation: their standard deviation, at most 1. Below it pictures are more usual and more alike (Brock 2018,
        arXiv:1809.11096, section 3.1, which cuts the tails off; scaling keeps each latent's direction).

        Raises:
            UserError: the run translates and has no latents, or truncation is not in (0, 1].
        """
        self._needs("generate")
        if not 0 < truncation <= 1:
            raise UserError(f"truncation {truncation:g}: take a number above 0 and up to 1")
        drawn = [np.random.default_rng((seed, i)).standard_normal(self.family.latent_size) for i in range(count)]
        z = torch.from_numpy(np.array(drawn, np.float32).reshape(count, -1))
        return (z * truncation).to(self.family.device)

    def labels(self, count: int, label: str | None = None, seed: int = 0) -> Tensor:
        """Labels (count,): all of one class (or of a translator's domain), or drawn in the data's proportions.

        Raises:
            UserError: the run is not conditional, or has no such class.
        """
        known = self.classes or self.domains
        if label is not None and not known:
            raise UserError(f"run '{self.run.name}' is not conditional: leave --label out")
        if label is not None and label not in self.config.classes:
            hint = nearest(label, self.config.classes)
            raise UserError(f"run '{self.run.name}' has no class '{label}'.{hint} Classes: {', '.join(known)}")
        if label is not None:
            return torch.full((count,), self.config.classes.index(label), device=self.family.device)
        shares = np.array(self.config.class_counts, np.float64)
        drawn = [np.random.default_rng((seed, i, 1)).choice(len(shares), p=shares / shares.sum()) for i in range(count)]
        return torch.tensor(drawn, dtype=torch.int64, device=self.family.device)

    def generate(
        self, count: int, *, label: str | None = None, seed: int = 0, truncation: float = 1.0
    ) -> tuple[np.ndarray, list[str]]:
        """Generate `count` pictures: uint8 (count, H, W, C), and the class of each ("" where there is none).

        Raises:
            UserError: no pictures asked for, or a class that cannot be had.
        """
        if count < 1:
            raise UserError(f"--num {count}: ask for at least one picture")
        labels = self.labels(count, label, seed)
        names = [self.classes[i] if self.classes else "" for i in labels.tolist()]
        return np.concatenate(list(self._render(self.latents(count, seed, truncation), labels))), names

    def same_latents(self, count: int, *, seed: int = 0, truncation: float = 1.0) -> dict[str, np.ndarray]:
        """The same latents as each class in turn, uint8 (count, H, W, C) by class: what the class alone changes.

        Raises:
            UserError: the run is not conditional.
        """
        if not self.classes:
            raise UserError(f"run '{self.run.name}' is not conditional: it has no classes to compare")
        return {name: self.generate(count, label=name, seed=seed, truncation=truncation)[0] for name in self.classes}

    def between(
        self, count: int, first: str, second: str, shares: Sequence[float], *, seed: int = 0, truncation: float = 1.0
    ) -> np.ndarray:
        """The same latents on the way from one class to another: uint8 (shares, count, H, W, C).

        shares: of the second class, each from 0 to 1; the generator gets both classes' codes, mixed by them.

        Raises:
            UserError: the run is not conditional, a class that it does not have, a share outside 0 to 1.
        """
        if wrong := [share for share in shares if not 0 <= share <= 1]:
            raise UserError(f"a share of {wrong[0]:g} of '{second}': take numbers from 0 to 1")
        z = self.latents(count, seed, truncation)
        ends = [int(self.labels(1, name)[0]) for name in (first, second)]
        mixed = torch.zeros(len(shares), count, len(self.classes), device=z.device)
        for way, share in zip(mixed, shares, strict=True):
            way[:, ends[0]] += 1 - share
            way[:, ends[1]] += share
        drawn = np.concatenate(list(self._render(z.repeat(len(shares), 1), mixed.flatten(0, 1))))
        return drawn.reshape(len(shares), count, *drawn.shape[1:])

    def translate(self, pictures: np.ndarray, to: str) -> np.ndarray:
        """Pictures of the other domain in domain `to`: uint8 (N, H, W, C) of the run's own size, in and out.

        Raises:
            UserError: the run does not translate, or not to there; pictures of another size.
        """
        self.check_direction(to)
        given, direction = self._take(pictures), self.domains.index(to)
        with self._low_precision.lock:  # visitors share a model
            batches = [self._translated(x, direction, self._faster(x[:1], direction)) for x in given.split(_TRANSLATED)]
        return np.concatenate([images.to_uint8(batch).transpose(0, 2, 3, 1) for batch in batches])

    def _translated(self, images: Tensor, direction: int, precision: torch.dtype) -> Tensor:
        family = self.family
        assert isinstance(family, loading.Translates)
        enabled = precision != torch.float32
        with torch.inference_mode(), torch.autocast(images.device.type, torch.bfloat16, enabled=enabled):
            return family.translate(images, direction)

    def _faster(self, image: Tensor, direction: int) -> torch.dtype:
        """The precision to translate in: chosen with the first picture, see `LowPrecision`."""
        if self._precision is None:
            on_cpu = image.device.type == "cpu"
            self._precision = (
                self._low_precision.choose(lambda precision: self._translated(image, direction, precision))
                if on_cpu
                else torch.float32
            )
        return self._precision

    def check_direction(self, to: str) -> None:
        """Raises UserError: the run does not translate, or not to that domain."""
        self._needs("translate")
        if to not in self.domains:
            hint = nearest(to, self.domains)
            raise UserError(
                f"run '{self.run.name}' does not translate to '{to}'.{hint} Its domains: {', '.join(self.domains)}"
            )
        if to not in self.targets:
            a, b = self.domains
            raise UserError(
                f"run '{self.run.name}' goes one way, from '{a}' to '{b}', and not to '{to}': train its preset with "
                f"--domains {b},{a} for the other way"
            )

    def _needs(self, task: str) -> None:
        if self.task != task:
            does = "translates pictures and does not generate any" if task == "generate" else "does not translate"
            raise UserError(f"run '{self.run.name}' {does}: choose another run")

    def write(self, folder: Path, count: int, *, label: str | None = None, seed: int = 0) -> int:
        """Generate PNG files `<label>_<number>.png` into a folder, each saying inside that it is synthetic.

        Returns how many. Raises UserError as `generate`, or where the folder cannot be written.
        """
        if count < 1:
            raise UserError(f"--num {count}: ask for at least one picture")
        labels = self.labels(count, label, seed)
        with files.readable_os_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        number = 0
        for pictures in self._render(self.latents(count, seed), labels):
            for picture in pictures:
                name = re.sub(r"[^\w-]", "_", self.classes[int(labels[number])]) if self.classes else "generated"
                images.save_png(folder / f"{name}_{number:05d}.png", picture, Run=self.run.label, Seed=str(seed))
                number += 1
        return number

    def interpolate(
        self, ends: Sequence[int], steps: int, *, label: str | None = None, truncation: float = 1.0
    ) -> np.ndarray:
        """Pictures uint8 (steps, H, W, C) on the way from the latent of one seed to that of another.

        Latents of many dimensions lie near a sphere, so the way follows it (White 2016, arXiv:1609.04468).
        """
        start, end = (self.latents(1, seed, truncation)[0] for seed in ends)
        cosine = torch.dot(start, end) / (start.norm() * end.norm())
        angle = torch.arccos(cosine.clamp(-0.9999, 0.9999))
        t = torch.linspace(0, 1, steps, device=start.device)[:, None]
        z = (torch.sin((1 - t) * angle) * start + torch.sin(t * angle) * end) / torch.sin(angle)
        return np.concatenate(list(self._render(z, self.labels(steps, label))))

    def encode(self, pictures: np.ndarray) -> Tensor:
        """Latents (N, latent_size) of pictures uint8 (N, H, W, C) of the run's own size.

        Raises:
            UserError: the run has no encoder.
        """
        if not isinstance(self.family, loading.Encodes):
            raise UserError(f"run '{self.run.name}' has no encoder: take a bigan or a vae run")
        with torch.inference_mode():
            return self.family.encode(self._take(pictures))

    def reconstruct(self, pictures: np.ndarray) -> np.ndarray:
        """What the generator makes of the pictures' latents, uint8 (N, H, W, C)."""
        z = self.encode(pictures)
        return np.concatenate(list(self._render(z, self.labels(len(z)))))

    def score(self, pictures: np.ndarray, label: str | None = None) -> np.ndarray:
        """The discriminator's logits (N,) for pictures uint8 (N, H, W, C) of the run's own size.

        Raises:
            UserError: the discriminator's weights are missing or do not fit.
        """
        if not self._judged:
            names = [name.split(".")[0] for name in self.family.judging_state()]
            _fill(self.family, dict.fromkeys(names), self.run.discriminator)
            self._judged = True
        with torch.inference_mode(), self._low_precision.as_learned():
            return self.family.score(self._take(pictures), self.labels(len(pictures), label)).float().cpu().numpy()

    def _take(self, pictures: np.ndarray) -> Tensor:
        expected = (self.config.image_size, self.config.image_size, self.config.channels)
        if pictures.dtype != np.uint8 or pictures.shape[1:] != expected:
            found = f"{pictures.dtype} {pictures.shape[1:]}"
            raise UserError(f"run '{self.run.name}' takes uint8 pictures {expected}, found {found}: resize them")
        return images.to_float(torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy()).to(self.family.device))

    def _render(self, z: Tensor, labels: Tensor) -> Iterator[np.ndarray]:
        """Batches of pictures uint8 (n, H, W, C)."""
        for codes, classes in zip(z.split(_BATCH), labels.split(_BATCH), strict=True):
            with torch.inference_mode():
                pictures = self.family.sample(codes, classes)
            yield images.to_uint8(pictures).transpose(0, 2, 3, 1)


def load(run: Run | str, device: str = "cpu", epoch: int | None = None) -> Model:
    """Rebuild a run's networks from its config.json and fill them from its weights.

    run: one that was found, or what `hub.find` takes: a name, a folder, hub:owner/name.
    epoch: of one of its snapshots, in place of the weights it ended with.

    Raises:
        UserError: config or weights are missing, damaged, from a newer version, or do not fit each other; no such run.
    """
    if isinstance(run, str):
        run = hub_models.find(run, runs.default_root())
    run_config = run.config()
    path = run.weights if epoch is None else run.snapshots().get(epoch)
    if path is None:
        raise UserError(f"run '{run.name}' has no snapshot of epoch {epoch}: train it again with --snapshots")
    if not path.is_file():
        raise UserError(f"run '{run.name}' has no {path.name} yet: it comes when the training ends or stops")
    family = _built(run, run_config, path)
    _fill(family, dict.fromkeys(family.served), path)
    return Model(run, run_config, family.place(device).eval().requires_grad_(False))


def _built(run: Run, run_config: RunConfig, weights: Path) -> loading.Family:
    """The networks that config.json describes, not yet filled.

    They are first made without memory, as a damaged file may describe networks of any size.
    """

    def build() -> loading.Family:
        shape = (run_config.channels, run_config.image_size, run_config.image_size)
        return loading.build(run_config.family, run_config.settings, shape, len(run_config.classes), training=False)

    try:
        with torch.device("meta"), _Undrawn():
            planned = build()
        # Half precision has two bytes a number; what is not served, a discriminator, is about as large.
        if sum(value.numel() for value in planned.parameters()) > max(_LARGER * weights.stat().st_size, _SMALL):
            raise UserError(f"{weights} does not fit config.json, which describes far larger networks")
        return build()
    except UserError:
        raise
    # What a layer says of sizes that it cannot have is as manifold as layers are.
    except (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(
            f"{run.folder / runs.CONFIG} is damaged: no networks can be made of it ({first_line(error)})"
        ) from error


class _Undrawn(TorchFunctionMode):
    """Draws no first weights: for tensors without memory torch would import its compiler, two seconds, to do so."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in _DRAWS:
            return (kwargs or {}).get("tensor", args[0] if args else None)
        return func(*args, **(kwargs or {}))


def _fill(family: loading.Family, names: dict[str, None], path: Path) -> None:
    tensors, _ = tensor_files.load(path)
    tensor_files.load_into(nn.ModuleDict({name: family.network(name) for name in names}), tensors, path)
