"""Faster inference: fold kernels once, and use float32 or bfloat16, whichever is faster on this machine."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from gan_core.nets.convolutional import UpConv

GREYS = 4.0  # grey levels of 255 by which bfloat16 may differ from float32

_log = logging.getLogger(__name__)

Weights = list[tuple[nn.Parameter, Tensor]]


def fold_and_cast(network: nn.Module, dtype: torch.dtype) -> Weights:
    """Fold the kernels of a trained network and cast them, once instead of at each call.

    Under autocast to `dtype` the network then gives bit-identical results. Returns the changed parameters with their
    old values.
    """
    changed = []
    for layer in network.modules():
        if isinstance(layer, UpConv):
            layer.folded = layer.fold().detach().to(dtype)
        elif type(layer) in (nn.Conv2d, nn.ConvTranspose2d, nn.Linear):
            for parameter in layer.parameters():
                changed.append((parameter, parameter.data))
                parameter.data = parameter.data.to(dtype)
    return changed


class LowPrecision:
    """Generators in float32 or bfloat16, whichever is faster on this CPU, measured with the first image.

    A processor that only emulates bfloat16 is not asked. bfloat16 is used only if 99.9 % of the image's pixels differ
    from float32 by at most `GREYS`.
    """

    def __init__(self, generators: Sequence[nn.Module], name: str) -> None:
        self._generators, self._name = generators, name
        self.lock = threading.RLock()  # hold it while using the generators: another thread may change the weights
        self._float32: Weights = []  # the original values of the cast parameters

    def choose(self, draw: Callable[[torch.dtype], Tensor]) -> torch.dtype:
        """Choose the precision and bring the generators to it.

        draw: returns an image in [-1, 1], generated under autocast to the given precision.
        """
        self._float32 = self._fold_and_cast(torch.float32)
        if self._use_bfloat16(draw):
            return torch.bfloat16
        _restore(self._float32)
        self._fold_and_cast(torch.float32)
        return torch.float32

    @contextmanager
    def as_float32(self) -> Iterator[None]:
        """Within the block, the generators have their float32 weights."""
        with self.lock:
            lowered = [(parameter, parameter.data) for parameter, _ in self._float32]
            _restore(self._float32)
            try:
                yield
            finally:
                _restore(lowered)

    def _use_bfloat16(self, draw: Callable[[torch.dtype], Tensor]) -> bool:
        """Return whether bfloat16 is faster and close enough; the generators may be in bfloat16 afterwards."""
        if not computes_in_bfloat16():
            return False
        seconds, outputs = [], []
        for precision in (torch.float32, torch.bfloat16):
            self._fold_and_cast(precision)
            for _ in range(2):  # the first call includes set-up
                start = time.perf_counter()
                output = draw(precision)
                elapsed = time.perf_counter() - start
            seconds.append(elapsed)
            outputs.append(output.float())
        difference = float((outputs[1] - outputs[0]).abs().flatten().quantile(0.999)) * 127.5
        if difference > GREYS:
            _log.warning(
                "%s: bfloat16 differs from float32 by %.1f of 255 grey levels: float32 is used", self._name, difference
            )
        return seconds[1] < seconds[0] and difference <= GREYS

    def _fold_and_cast(self, dtype: torch.dtype) -> Weights:
        return [pair for network in self._generators for pair in fold_and_cast(network, dtype)]


def _restore(weights: Weights) -> None:
    for parameter, data in weights:
        parameter.data = data


def computes_in_bfloat16() -> bool:
    """Return whether this processor computes in bfloat16; on others autocast would be slower than float32."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
