"""Numbers of any library as Python floats, without a wait for a device on the thread that trains.

`take` runs there and must be quick; `resolve` runs in the writer's thread and may wait.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gan_core.errors import first_line

Refuse = Callable[[str, str], None]  # told the column and the reason for what is no number
# What was taken from one call: values by column that cannot change any more, and those that a device still computes.
Taken = dict[str, Any]


class Pending:
    """Scalar tensors of torch on one device, gathered on it when they were logged, and fetched later.

    A tensor may be changed in place after the call, so its value is copied, on the device and in the order of its work.
    """

    def __init__(self) -> None:
        self._names: list[str] = []
        self._tensors: list[Any] = []
        self._values: Any = None
        self._done: Any = None

    def add(self, name: str, tensor: Any) -> None:
        self._names.append(name)
        self._tensors.append(tensor.detach().reshape(()))

    def copy(self) -> None:
        """Copy the values on their device; this queues work there, and does not wait for it."""
        torch = sys.modules["torch"]
        self._values, self._tensors = torch.stack(self._tensors), []
        if self._values.device.type == "cuda":
            # The writer's thread has another current stream, so it must be told when the values are there.
            self._done = torch.cuda.Event()
            self._done.record(torch.cuda.current_stream(self._values.device))

    def fetch(self) -> dict[str, float]:
        """Wait for the device, and return the numbers by column."""
        if self._done is not None:
            self._done.synchronize()
        return dict(zip(self._names, map(float, self._values.tolist()), strict=True))


def take(values: Mapping[str, Any], refuse: Refuse) -> Taken:
    """Return the numbers of a call by column."""
    taken: Taken = {}
    pending: dict[Any, Pending] = {}
    for name, value in values.items():
        kind = type(value)
        if kind is float or kind is int or isinstance(value, np.generic):
            taken[name] = value
        elif hasattr(value, "is_cpu"):
            if value.is_cpu:
                _take_item(name, value, taken, refuse)
            elif value.numel() == 1:
                pending.setdefault(value.device, Pending()).add(name, value)
            else:
                refuse(name, f"it has the shape {tuple(value.shape)}")
        elif value is not None:
            _take_other(name, value, taken, refuse)
    for device, one in pending.items():
        one.copy()
        taken[f"\0{device}"] = one
    return taken


def resolve(taken: Taken, refuse: Refuse) -> dict[str, float]:
    """Return all numbers of a call, once a device has computed them."""
    found: dict[str, float] = {}
    for name, value in taken.items():
        if type(value) is float:
            found[name] = value
        elif isinstance(value, Pending):
            found |= value.fetch()
        else:
            try:
                found[name] = float(value)
            except Exception as error:  # of any library; the other numbers of the call are kept
                refuse(name, first_line(error))
    return found


def _take_item(name: str, value: Any, taken: Taken, refuse: Refuse) -> None:
    """Take the one number of a tensor on the processor, or of an array: it may be changed in place later."""
    try:
        taken[name] = value.item()
    except Exception:
        refuse(name, f"it has the shape {tuple(value.shape)}")


def _take_other(name: str, value: Any, taken: Taken, refuse: Refuse) -> None:
    if isinstance(value, np.ndarray):
        _take_item(name, value, taken, refuse)
    elif type(value).__module__.partition(".")[0] in ("jax", "jaxlib"):
        taken[name] = value  # it cannot change, and may not be computed yet
    else:
        try:
            if isinstance(value, str | bytes):
                raise TypeError(f"{value[:40]!r} is a text")
            taken[name] = float(value)
        except Exception as error:
            refuse(name, first_line(error))
