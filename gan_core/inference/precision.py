"""Networks that learn no more, made ready to draw: kernels folded once, in the precision that is faster here."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from gan_core.nets.convolutional import UpConv

GREYS = 4.0  # of 255 that bfloat16 may be off float32

_log = logging.getLogger(__name__)

Weights = list[tuple[nn.Parameter, Tensor]]


def fold_and_cast(network: nn.Module, dtype: torch.dtype) -> Weights:
    """Do once what a network that learns no more would do at each call: fold kernels, bring them to a precision.

    Under autocast to that precision it draws the same to the bit. Returns the parameters that were changed, with what
    was in them.
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
    """Generators in float32 or bfloat16, whichever draws a picture faster on this processor: timed with the first one.

    bfloat16 is taken where all but a thousandth of the picture's pixels stay within `GREYS` of float32's.
    """

    def __init__(self, generators: Sequence[nn.Module], name: str) -> None:
        self._generators, self._name = generators, name
        self.lock = threading.RLock()  # held by who draws: the weights may be changed under somebody else
        self._learned: Weights = []  # what is in another precision now, as it was

    def choose(self, draw: Callable[[torch.dtype], Tensor]) -> torch.dtype:
        """The precision that the generators are in from now on; `draw` draws in [-1, 1] under autocast to one."""
        self._learned = self._fold_and_cast(torch.float32)
        if self._gains(draw):
            return torch.bfloat16
        _put(self._learned)
        self._fold_and_cast(torch.float32)
        return torch.float32

    @contextmanager
    def as_learned(self) -> Iterator[None]:
        """The generators in float32, whatever they draw in."""
        with self.lock:
            lowered = [(parameter, parameter.data) for parameter, _ in self._learned]
            _put(self._learned)
            try:
                yield
            finally:
                _put(lowered)

    def _gains(self, draw: Callable[[torch.dtype], Tensor]) -> bool:
        """Whether bfloat16 is faster and near enough; the generators are in it then."""
        seconds, drawn = [], []
        for precision in (torch.float32, torch.bfloat16):
            self._fold_and_cast(precision)
            for _ in range(2):  # the first one pays for set-up
                start = time.perf_counter()
                made = draw(precision)
                took = time.perf_counter() - start
            seconds.append(took)
            drawn.append(made.float())
        off = float((drawn[1] - drawn[0]).abs().flatten().quantile(0.999)) * 127.5
        if off > GREYS:
            _log.warning("%s: bfloat16 is %.1f of 255 greys off float32, which is taken", self._name, off)
        return seconds[1] < seconds[0] and off <= GREYS

    def _fold_and_cast(self, dtype: torch.dtype) -> Weights:
        return [pair for network in self._generators for pair in fold_and_cast(network, dtype)]


def _put(weights: Weights) -> None:
    for parameter, data in weights:
        parameter.data = data
