"""Hand over a generator: a module of torch as an ONNX graph, anything else as a pool of pictures that it draws."""

import copy
import io
import logging
import math
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any, TextIO

import numpy as np
from safetensors.numpy import save

from gan_core import images, optional_dependencies
from gan_core.errors import UserError, first_line, printable
from gan_core.record import sheets

POOL = 2000  # pictures
BATCH = 50
BOUND = 0.5  # largest difference of a pixel between the graph and torch, in grey levels of 255
_MOST_POOL = 512 * 1024**2  # bytes
_OPSET = 18
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # colours of a terminal, as torch writes them into its messages
_INSTEAD = "Give latent_size as its training does, or a function: run.generator(lambda n: draw(n))"


@dataclass(frozen=True)
class HandedOver:
    """A generator as it stands in the run folder."""

    content: bytes
    graph: bool  # an ONNX graph; else a pool of pictures
    latent_shape: tuple[int, ...]  # of one latent vector, as the module takes it; empty for a pool
    size: int  # pixels per side
    channels: int

    @property
    def latent_size(self) -> int:
        return math.prod(self.latent_shape)


def is_module(given: Any) -> bool:
    torch: Any = sys.modules.get("torch")
    return torch is not None and isinstance(given, torch.nn.Module)


def shape_of(latent_size: int | Sequence[int] | None) -> tuple[int, ...]:
    """Return the shape of a latent vector.

    Raises:
        UserError: it is missing, or holds something else than whole numbers above 0.
    """
    if latent_size is None:
        raise UserError("record: generator(module, latent_size=...): say how many numbers a latent vector has")
    found = tuple(latent_size) if isinstance(latent_size, Sequence) else (latent_size,)
    if not found or not all(isinstance(one, int) and not isinstance(one, bool) and one > 0 for one in found):
        raise UserError(f"record: latent_size={latent_size!r}: give a whole number above 0, or a shape: (100, 1, 1)")
    return found


def handed_over(module: Any, shape: tuple[int, ...], count: int, stated: sheets.Range, warn: sheets.Warn) -> HandedOver:
    """Return a module of torch as a graph, or a pool of its pictures where it cannot be one, which `warn` is told.

    shape: of a latent vector. A module that takes no (N, latent_size) is tried with (N, latent_size, 1, 1) as well.

    Raises:
        UserError: it draws no square pictures from these latent vectors.
    """
    shape = _accepted(module, shape)
    try:
        return as_graph(module, shape, stated)
    except UserError as error:
        made = as_pool(of_module(module, shape), count, stated, warn)
        warn(f"{error}. {count} of its pictures are kept in its place")
        return made


def _accepted(module: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of latent vectors that a module draws square pictures from. Raises UserError: from none."""
    refused = []
    for one in (shape, (*shape, 1, 1)) if len(shape) == 1 else (shape,):
        latents = f"(N, {', '.join(map(str, one))})"
        try:
            with _quiet():
                drawn = tuple(of_module(module, one)(2).shape)
        except Exception as error:  # a module may raise anything
            refused.append(f"from {latents}: {_said(error)}")
            continue
        if len(drawn) == 4 and drawn[1] in (1, 3) and drawn[2] == drawn[3]:
            return one
        refused.append(f"from {latents} it draws {drawn}, not square pictures (N, 1 or 3, S, S)")
    raise UserError(f"the generator cannot draw, and is not kept. {'; '.join(refused)}. {_INSTEAD}")


def as_graph(module: Any, shape: Sequence[int], stated: sheets.Range) -> HandedOver:
    """Return a module of torch, which draws from latent vectors (N, *shape), as an ONNX graph, compared with it.

    The graph takes (N, latent_size), whatever the shape.

    Raises:
        UserError: a package is missing, a layer has no ONNX operator, or the graph draws something else.
    """
    _, runtime, _ = optional_dependencies.need("a generator as a graph", "onnx", "onnx", "onnxruntime", "onnxscript")
    torch: Any = sys.modules["torch"]
    size = math.prod(shape)
    z = torch.randn(3, size, generator=torch.Generator().manual_seed(0))
    try:
        with _quiet(), torch.no_grad():
            network = _flat_latents(torch, copy.deepcopy(module).cpu().float().eval(), tuple(shape))
            content = _exported(torch, network, size)
            drawn = network(z).float().numpy()
            session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
            (other,) = session.run(None, {"z": z.numpy()})
    except Exception as error:  # a layer that cannot be traced may raise any error
        raise UserError(f"the generator cannot be written as a graph ({_said(error)})") from error
    if other.shape != drawn.shape:
        raise UserError(f"the generator as a graph draws {other.shape} in place of {drawn.shape}")
    difference = float(np.abs(np.nan_to_num(other - drawn, nan=np.inf)).max()) / (stated[1] - stated[0]) * 255
    if not difference <= BOUND:
        raise UserError(f"the generator as a graph draws a pixel that differs by {difference:.1f} of 255 grey levels")
    return HandedOver(content, True, tuple(shape), drawn.shape[2], drawn.shape[1])


def _exported(torch: Any, network: Any, size: int) -> bytes:
    program = torch.onnx.export(
        network,
        (torch.zeros(2, size),),
        dynamo=True,
        dynamic_shapes=({0: torch.export.Dim("N")},),
        input_names=["z"],
        output_names=["pictures"],
        opset_version=_OPSET,
        verbose=False,
    )
    return bytes(program.model_proto.SerializeToString())


def _said(error: Exception) -> str:
    """Return the first line of an error's message, without colours."""
    line = first_line(Exception(_ESCAPES.sub("", str(error)) or type(error).__name__))
    return printable(line.removeprefix("samples: "), 130)


def as_pool(draw: Callable[[int], Any], count: int, stated: sheets.Range, warn: sheets.Warn) -> HandedOver:
    """Return pictures that a callable draws, which is given how many at a time.

    Raises:
        UserError: it draws no square pictures of one size, or something fails in it.
    """
    found: list[np.ndarray] = []
    done = 0
    while done < count:
        try:
            batch = sheets.pictures(sheets.take(draw(min(BATCH, count - done))), stated, warn)
        except Exception as error:  # a function of the caller's may raise anything
            raise UserError(f"the generator cannot draw, and is not kept: {_said(error)}") from error
        if batch.shape[2] != batch.shape[3] or (found and batch.shape[1:] != found[0].shape[1:]):
            raise UserError(f"the generator draws {batch.shape}, not square pictures of one size")
        if not found:
            count = min(count, max(1, _MOST_POOL // batch[0].size))
        found.append(batch[: count - done])
        done += len(found[-1])
    whole = np.ascontiguousarray(np.concatenate(found))
    return HandedOver(
        save({"pictures": whole}, {"description": images.NOTICE}), False, (), whole.shape[2], whole.shape[1]
    )


def of_module(module: Any, shape: Sequence[int]) -> Callable[[int], Any]:
    """Return a callable that draws so many pictures with a module of torch, and leaves its random numbers alone."""
    torch: Any = sys.modules["torch"]
    seeded = torch.Generator().manual_seed(0)
    place = next((one.device for one in module.parameters()), torch.device("cpu"))

    def draw(count: int) -> Any:
        training = module.training
        module.eval()
        try:
            with torch.no_grad():
                return module(torch.randn(count, *shape, generator=seeded).to(place))
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


class _Muted(io.TextIOBase):
    """A stream that drops what one thread writes, and passes on what the others do."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._thread = stream, threading.get_ident()

    def write(self, text: str) -> int:
        return len(text) if threading.get_ident() == self._thread else self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's log, prints and warnings, which also slow it down."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(),
            redirect_stdout(_Muted(sys.stdout)),
            redirect_stderr(_Muted(sys.stderr)),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
