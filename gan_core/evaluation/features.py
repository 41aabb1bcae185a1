"""Feature extractors: they map pictures to vectors, in which distances are measured. Results name their extractor.

The shipped classifiers need no download. Inception is the convention of the literature, trained on photographs; its
weights come from a safetensors file that the user names. Any `nn.Module` from image to vector works too.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from gan_core.errors import UserError, nearest
from gan_core.evaluation import classifiers
from gan_core.optional_dependencies import need

INCEPTION = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
)
_BATCH = 32


class Extractor(Protocol):
    """Maps pictures uint8 (N, H, W, C) to features float32 (N, D)."""

    @property
    def name(self) -> str: ...

    def __call__(self, pictures: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class ClassifierFeatures:
    """Features of a shipped classifier, from all of its depths."""

    judge: classifiers.Classifier

    @property
    def name(self) -> str:
        return self.judge.name

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        return self.judge.features(pictures)


@dataclass(frozen=True)
class ModuleFeatures:
    """Features of any network from images to vectors.

    Attributes:
        module: maps `prepare(x)` to (N, D), or to a tuple that begins with it.
        channels: channels of x.
        prepare: converts x, float (N, channels, H, W) in [-1, 1], to the network's input.
    """

    name: str
    module: nn.Module
    channels: int = 1
    prepare: Callable[[Tensor], Tensor] = lambda x: x

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        self.module.eval()
        with torch.inference_mode():
            batches = [self._batch(pictures[i : i + _BATCH]) for i in range(0, len(pictures), _BATCH)]
        found = np.concatenate(batches)
        if found.ndim != 2:
            raise UserError(f"extractor {self.name}: gives shape {found.shape[1:]} for a picture, not a vector")
        return found

    def _batch(self, pictures: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(pictures.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1)
        if x.shape[1] != self.channels:
            x = x.mean(1, keepdim=True).expand(-1, self.channels, -1, -1)
        found = self.module(self.prepare(x))
        return (found[0] if isinstance(found, tuple | list) else found).float().cpu().numpy()


def find(name: str) -> Extractor:
    """Return an extractor by name: a shipped classifier, or inception:FILE.safetensors.

    Raises:
        UserError: the name is unknown, or the weights or the package are missing.
    """
    kind, _, rest = name.partition(":")
    if kind == "inception":
        return inception(Path(rest).expanduser() if rest else None)
    known = [one for one in classifiers.names() if classifiers.shipped(one).sees == classifiers.EVERYTHING]
    if name not in known:
        hint = nearest(name, known)
        raise UserError(f"no extractor '{name}'.{hint} Extractors: {', '.join(known)}, inception:FILE.safetensors")
    return ClassifierFeatures(classifiers.shipped(name))


def inception(weights: Path | None) -> ModuleFeatures:
    """Return the Inception network of the Fréchet distance (Heusel 2017) with its 2048 features, from torch-fidelity.

    weights: a safetensors file; nothing is downloaded, and nothing is unpickled.

    Raises:
        UserError: the file or the package is missing, or does not fit.
    """
    if weights is None or not weights.is_file():
        where = f"{weights} is missing" if weights else "name their file: inception:FILE.safetensors"
        raise UserError(
            f"the Inception weights are missing ({where}); docs/evaluation.md says how to make them from {INCEPTION}"
        )
    (source,) = need("--extractor inception", "inception", "torch_fidelity.feature_extractor_inceptionv3")
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(weights)
        with _preloaded(source, tensors):
            network = source.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"])
    except (SafetensorError, OSError, RuntimeError) as error:
        raise UserError(f"{weights} does not hold the Inception weights ({str(error).splitlines()[0]})") from error
    return ModuleFeatures("inception-2048", network, 3, lambda x: ((x + 1) * 127.5).round().clamp(0, 255).byte())


@contextmanager
def _preloaded(source: object, tensors: dict[str, Tensor]) -> Iterator[None]:
    """Give the network's constructor these tensors, because it would download a pickle and open it."""
    name = "load_state_dict_from_url"
    before = getattr(source, name)
    setattr(source, name, lambda *_, **__: tensors)
    try:
        yield
    finally:
        setattr(source, name, before)
