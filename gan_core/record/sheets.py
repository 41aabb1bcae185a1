"""Pictures of any library as one sheet of samples, uint8 (H, W, C).

`take` runs on the thread that trains: it copies, and waits for no device. `sheet` runs in the writer's thread.
"""

import math
import sys
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from PIL import Image

from gan_core import images
from gan_core.errors import UserError

Range = tuple[float, float]


class Warn(Protocol):
    """Says a line once; of lines with one `key`, the first."""

    def __call__(self, line: str, key: str = "") -> None: ...


_CHANNELS = (1, 3)
_SLACK = 0.02  # of the range, by which values may leave it: a generator without tanh overshoots a little


class TakenTensor:
    """A copy of a tensor of torch on its device, fetched later."""

    def __init__(self, tensor: Any) -> None:
        self._copy = tensor.detach().clone()
        self._done = None
        if self._copy.device.type == "cuda":
            torch = sys.modules["torch"]
            self._done = torch.cuda.Event()
            self._done.record(torch.cuda.current_stream(self._copy.device))

    def fetch(self) -> np.ndarray:
        """Wait for the device, and return the array; numbers of half precision become float32."""
        if self._done is not None:
            self._done.synchronize()
        found = self._copy.cpu()
        return np.asarray(found.float().numpy() if found.dtype.is_floating_point else found.numpy())


def take(given: Any) -> Any:
    """Return a copy of pictures that later changes do not touch, without a wait for a device."""
    if hasattr(given, "detach") and hasattr(given, "device"):
        return TakenTensor(given)
    if isinstance(given, Image.Image):
        return given.copy()
    if isinstance(given, list | tuple):
        return [take(one) for one in given]
    return np.array(given)


def sheet(taken: Any, stated: Range, warn: Warn, columns: int | None = None) -> tuple[np.ndarray, int]:
    """Return (the sheet uint8 (H, W, C), pixels per side of its pictures).

    One picture is a sheet as it is, and has a side of 0; so have pictures that are not square.
    taken: what `take` returned. stated: the values of black and white. warn: told of values beyond.

    Raises:
        UserError: these are no pictures.
    """
    shades = pictures(taken, stated, warn)
    count, _, height, width = shades.shape
    if count == 1:
        return np.ascontiguousarray(shades[0].transpose(1, 2, 0)), 0
    most = max(
        1, images.MOST // ((height + images.GRID_PADDING) * (width + images.GRID_PADDING)) - 2 * math.isqrt(count)
    )
    if count > most:
        warn(f"the sheet shows the first {most} of {count} pictures: all of them would be too large")
    return images.grid(shades[:most], columns), height if height == width else 0


def pictures(taken: Any, stated: Range, warn: Warn) -> np.ndarray:
    """Return pictures as uint8 (N, C, H, W). Raises UserError: these are none."""
    return _uint8(_batch(taken), stated, warn)


def _batch(taken: Any) -> np.ndarray:
    """Return an array (N, C, H, W) of any type."""
    if isinstance(taken, list):
        if not taken:
            raise UserError("samples: the list of pictures is empty")
        each = [_batch(one) for one in taken]
        if len({one.shape[1:] for one in each}) > 1:
            sizes = ", ".join(sorted({"x".join(map(str, one.shape[1:])) for one in each})[:4])
            raise UserError(f"samples: pictures of one sheet have one size and one number of channels, found {sizes}")
        return np.concatenate(each)
    if isinstance(taken, Image.Image):
        return _arranged(np.asarray(taken if taken.mode in ("L", "RGB") else taken.convert("RGB")))
    return _arranged(taken.fetch() if isinstance(taken, TakenTensor) else taken)


def _arranged(array: np.ndarray) -> np.ndarray:
    """Return pictures of any usual layout as (N, C, H, W)."""
    shape = array.shape
    if array.ndim == 2:
        return array[None, None]
    if array.ndim == 3:
        if shape[0] in _CHANNELS and shape[2] not in _CHANNELS:
            return array[None]
        return array.transpose(2, 0, 1)[None] if shape[2] in _CHANNELS else array[:, None]
    if array.ndim == 4 and array.size:
        if shape[1] in _CHANNELS:
            return array
        if shape[3] in _CHANNELS:
            return array.transpose(0, 3, 1, 2)
    raise UserError(f"samples: expected pictures (N, C, H, W) or (N, H, W, C) with 1 or 3 channels, found {shape}")


def _uint8(batch: np.ndarray, stated: Range, warn: Warn) -> np.ndarray:
    if batch.dtype == np.uint8:
        return batch
    if batch.dtype.kind not in "fiub":
        raise UserError(f"samples: pictures hold numbers, found {batch.dtype}")
    values = batch.astype(np.float32)
    if not np.isfinite(values).all():
        warn("samples hold values that are no finite numbers: they are drawn black or white")
        values = np.nan_to_num(values, nan=stated[0], posinf=stated[1], neginf=stated[0])
    low, high = stated
    slack = _SLACK * (high - low)
    least, largest = float(values.min()), float(values.max())
    beyond = least < low - slack or largest > high + slack
    half = low < 0 <= least and largest <= 1 + slack and largest > 0
    if beyond or half:
        warn(f"samples go from {least:.4g} to {largest:.4g}, and black to white was said to be {low:g} to {high:g}: "
             "say image_range=(black, white)", "image_range")  # fmt: skip
    return images.to_uint8((values - low) / (high - low) * 2 - 1)


def checked_range(given: Sequence[float]) -> Range:
    """Return (black, white).

    Raises:
        UserError: these are no two finite numbers in rising order.
    """
    try:
        low, high = map(float, given)
    except (TypeError, ValueError):
        raise UserError(f"image_range={given!r}: give two numbers, black and white, such as (-1, 1)") from None
    if not -math.inf < low < high < math.inf:
        raise UserError(f"image_range={given!r}: black must be below white, such as (-1, 1)")
    return low, high
