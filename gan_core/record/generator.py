"""Hand over a generator: a module of torch as an ONNX graph, anything else as a pool of pictures that it draws."""

import copy
import logging
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from safetensors.numpy import save

from gan_core import images, optional_dependencies
from gan_core.errors import UserError, first_line
from gan_core.record import sheets

POOL = 2000  # pictures
BATCH = 50
BOUND = 0.5  # largest difference of a pixel between the graph and torch, in grey levels of 255
_MOST_POOL = 512 * 1024**2  # bytes
_OPSET = 18


@dataclass(frozen=True)
class HandedOver:
    """A generator as it stands in the run folder."""

    content: bytes
    graph: bool  # an ONNX graph; else a pool of pictures
    latent_size: int
    size: int  # pixels per side
    channels: int


def is_module(given: Any) -> bool:
    torch: Any = sys.modules.get("torch")
    return torch is not None and isinstance(given, torch.nn.Module)


def as_graph(module: Any, shape: Sequence[int], stated: sheets.Range) -> HandedOver:
    """Return a module of torch, which draws from latent vectors (N, *shape), as an ONNX graph, compared with it.

    Raises:
        UserError: a package is missing, a layer has no ONNX operator, the graph draws something else than the module,
            or the module draws no square pictures.
    """
    _, runtime, _ = optional_dependencies.need("a generator as a graph", "onnx", "onnx", "onnxruntime", "onnxscript")
    torch: Any = sys.modules["torch"]
    network = _flat_latents(torch, copy.deepcopy(module).cpu().float().eval(), tuple(shape))
    size = math.prod(shape)
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                network,
                (torch.randn(2, size),),
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim("N")},),
                input_names=["z"],
                output_names=["pictures"],
                opset_version=_OPSET,
                verbose=False,
            )
    except Exception as error:  # a layer that cannot be traced may raise any error
        raise UserError(f"the generator cannot be written as a graph ({first_line(error)})") from error
    content = program.model_proto.SerializeToString()
    z = torch.randn(3, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        drawn = network(z).float().numpy()
    if drawn.ndim != 4 or drawn.shape[1] not in (1, 3) or drawn.shape[2] != drawn.shape[3]:
        raise UserError(f"the generator draws {drawn.shape}, not square pictures (N, 1 or 3, S, S)")
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (other,) = session.run(None, {"z": z.numpy()})
    difference = float(np.abs(np.nan_to_num(other - drawn, nan=np.inf)).max()) / (stated[1] - stated[0]) * 255
    if not difference <= BOUND:
        raise UserError(f"the generator as a graph draws a pixel that differs by {difference:.1f} of 255 grey levels")
    return HandedOver(content, True, size, drawn.shape[2], drawn.shape[1])


def as_pool(draw: Callable[[int], Any], count: int, stated: sheets.Range, warn: Callable[[str], None]) -> HandedOver:
    """Return pictures that a callable draws, which is given how many at a time.

    Raises:
        UserError: it draws no square pictures of one size.
    """
    found: list[np.ndarray] = []
    done = 0
    while done < count:
        batch = sheets.pictures(sheets.take(draw(min(BATCH, count - done))), stated, warn)
        if batch.shape[2] != batch.shape[3] or (found and batch.shape[1:] != found[0].shape[1:]):
            raise UserError(f"the generator draws {batch.shape}, not square pictures of one size")
        if not found:
            count = min(count, max(1, _MOST_POOL // batch[0].size))
        found.append(batch[: count - done])
        done += len(found[-1])
    whole = np.ascontiguousarray(np.concatenate(found))
    return HandedOver(
        save({"pictures": whole}, {"description": images.NOTICE}), False, 0, whole.shape[2], whole.shape[1]
    )


def of_module(module: Any, shape: Sequence[int]) -> Callable[[int], Any]:
    """Return a callable that draws so many pictures with a module of torch."""
    torch: Any = sys.modules["torch"]
    place = next((one.device for one in module.parameters()), torch.device("cpu"))

    def draw(count: int) -> Any:
        training = module.training
        module.eval()
        try:
            with torch.no_grad():
                return module(torch.randn(count, *shape, device=place))
        finally:
            module.train(training)

    return draw


def _flat_latents(torch: Any, network: Any, shape: tuple[int, ...]) -> Any:
    """Return a network that takes latent vectors (N, latent_size), whatever shape the module wants them in."""

    class Flat(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, z: Any) -> Any:
            return self.network(z if len(shape) == 1 else z.reshape(-1, *shape))

    return Flat().eval()


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's log and warnings, which also slow it down."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
