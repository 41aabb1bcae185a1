"""Generators of runs that GANray did not train: an ONNX graph, or a pool of pictures that were drawn in advance.

Both stand in the run folder: `generator.onnx`, whose input is latent vectors (N, latent_size), or
`generated.safetensors` with uint8 `pictures` (N, C, S, S). A graph does all that a generator of ours does, a pool has
no latent vectors.
"""

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from gan_core import files, images
from gan_core.config import RunConfig
from gan_core.errors import UserError
from gan_core.families import loading
from gan_core.inference import graph_process
from gan_core.inference.graph_process import GraphProcess
from gan_core.inference.loaded_model import Model
from gan_core.runs import GENERATED, GENERATOR, Run
from gan_core.runs.recorded import BLACK_WHITE, LATENT_SIZE

_MOST_POOL = 1024**3  # bytes


def load(run: Run, run_config: RunConfig, seconds_allowed: float | None = None) -> Model:
    """Return the generator of a run that GANray did not train; see `opening.load`.

    Raises:
        UserError: the run has none, its file is damaged or does not fit config.json, or a package is missing.
    """
    graph, pool = run.folder / GENERATOR, run.folder / GENERATED
    if files.is_regular(graph):
        graph_model = _Graph(run, run_config, graph, seconds_allowed or graph_process.DRAW_SECONDS)
        return Model(run, run_config, cast(loading.Family, graph_model), seconds_allowed)
    if files.is_regular(pool):
        return Pool(run, run_config, pool)
    raise UserError(
        f"run '{run.name}' has no generator: hand one over with run.generator(...) where it is trained, or evaluate a "
        "folder of its pictures"
    )


class _Absent(nn.Module):
    """What `Model` asks of the networks of a run, with none of them."""

    task, one_way, conditional, has_discriminator = "generate", False, False, False
    latent_size = 0
    device = torch.device("cpu")

    def judging_state(self) -> dict[str, Tensor]:
        raise UserError("this run has no discriminator here")


class _Graph(_Absent):
    """A generator as an ONNX graph, drawn by a process of its own."""

    def __init__(self, run: Run, run_config: RunConfig, path: Path, seconds: float) -> None:
        """seconds: that a batch may take."""
        super().__init__()
        try:
            content = files.read_regular(path, graph_process.MOST_BYTES)
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
        low, high = _range(run_config)
        self.latent_size, self._shape = _latent_size(run_config, run), (run_config.channels, run_config.image_size)
        self._name, self._low, self._span = run.name, low, high - low
        self._process = GraphProcess(content, run.name, seconds)

    def sample(self, z: Tensor, labels: Tensor) -> Tensor:
        drawn = self._process.draw(z.numpy())
        if drawn.shape[1:3] != self._shape:
            raise UserError(f"run '{self._name}': its generator draws {drawn.shape[1:]}, and config.json says other")
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite then is refused by the model
            return torch.from_numpy((drawn - self._low) / self._span * 2 - 1)


class Pool(Model):
    """Pictures that a generator drew in advance, in place of the generator."""

    def __init__(self, run: Run, run_config: RunConfig, path: Path) -> None:
        super().__init__(run, run_config, cast(loading.Family, _Absent()))
        self._pictures = _read_pool(path, run_config)

    def generate(
        self, count: int, *, label: str | None = None, seed: int = 0, truncation: float = 1.0
    ) -> tuple[np.ndarray, list[str]]:
        """Return other pictures for each seed, uint8 (count, H, W, C), each at most once.

        Raises:
            UserError: there are fewer, or a class or a truncation is asked for.
        """
        if count < 1:
            raise UserError(f"--num {count}: use 1 or more")
        if label is not None or truncation != 1.0:
            self.latents(count)
        if count > len(self._pictures):
            raise UserError(
                f"run '{self.run.name}' keeps {len(self._pictures)} pictures of its generator, and {count} are asked "
                "for: ask for fewer (--num), or hand over more"
            )
        chosen = np.random.default_rng((seed, len(self._pictures))).permutation(len(self._pictures))[:count]
        return self._pictures[chosen].transpose(0, 2, 3, 1), [""] * count

    def latents(self, count: int, seed: int = 0, truncation: float = 1.0) -> Tensor:
        raise UserError(
            f"run '{self.run.name}' keeps pictures of its generator and not the generator, so that nothing new can be "
            "drawn: hand it over as a torch module with run.generator(module, latent_size=...)"
        )

    def draw(self, z: Tensor, labels: Tensor) -> np.ndarray:
        return self.latents(len(z)).numpy()  # raises: there is no generator

    def write(self, folder: Path, count: int, *, label: str | None = None, seed: int = 0) -> int:
        pictures, _ = self.generate(count, label=label, seed=seed)
        with files.readable_os_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        for number, picture in enumerate(pictures):
            images.save_png(folder / f"generated_{number:05d}.png", picture, Run=self.run.label, Seed=str(seed))
        return count


def _read_pool(path: Path, run_config: RunConfig) -> np.ndarray:
    """Return the pictures of a pool, uint8 (N, C, S, S). Raises UserError: the file is damaged or does not fit."""
    try:
        files.open_regular(path, _MOST_POOL).close()
        with safe_open(path, framework="np") as file:
            pictures: Any = file.get_tensor("pictures")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
    except (SafetensorError, ValueError, TypeError) as error:
        raise UserError(f"{path} is damaged or was not written by GANray") from error
    shape = (run_config.channels, run_config.image_size, run_config.image_size)
    if pictures.dtype != np.uint8 or pictures.shape[1:] != shape or not len(pictures):
        raise UserError(f"{path} does not fit config.json: {pictures.dtype} {pictures.shape}, not uint8 (N, {shape})")
    return cast(np.ndarray, pictures)


def _range(run_config: RunConfig) -> tuple[float, float]:
    """Return the values of black and white in a graph's pictures."""
    found = run_config.settings.get(BLACK_WHITE, (-1.0, 1.0))
    if isinstance(found, list | tuple) and len(found) == 2 and all(isinstance(one, int | float) for one in found):
        low, high = float(found[0]), float(found[1])
        if low < high:
            return low, high
    raise UserError(f"config.json is damaged: '{BLACK_WHITE}' is no range of two numbers")


def _latent_size(run_config: RunConfig, run: Run) -> int:
    found = run_config.settings.get(LATENT_SIZE)
    if isinstance(found, int) and 1 <= found <= graph_process.MOST_LATENT:
        return found
    raise UserError(f"run '{run.name}': config.json does not say the '{LATENT_SIZE}' of its generator")
