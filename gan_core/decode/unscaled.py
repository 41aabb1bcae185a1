"""Images whose files do not say which values are black and white: more than 8 bits or floats, and no window.

A data set has one scale for all of them, [low, high], so that a stored value is the same grey in every image; the run
keeps it. Without a scale, an image is scaled by its own values, as in runs that were made before there were scales.
"""

from dataclasses import dataclass

import numpy as np

from gan_core.errors import UserError

SAMPLE = 128  # values of an image along each side, at most, that take part in finding a scale
_BLOCK = 1 << 20  # values that are scaled at once, to save memory
_DEPTHS = (8, 10, 12, 14, 16)  # usual bits of a detector

# The values that become black and white. Files of floats count in units of their own: where a data set has some, two
# more numbers are theirs. An odd number behind them is the version of the rule that applies the scale; without it, 1.
Scale = tuple[float, ...]
FLOATS = "floating point"  # the kind of files of floats
SHARES = "DICOM"  # the kind of DICOM that may count in shares of what its bits can hold, and in no unit
TURNED = 2  # the first rule that turns the values of inverted images before they are scaled


def rule_of(scale: Scale) -> int:
    """Return the version of the rule that applies a scale, `config.DataSummary.scale_rule`."""
    return int(scale[-1]) if len(scale) % 2 else 1


def ranges(scale: Scale) -> Scale:
    """Return a scale without the version of its rule: two numbers, or four where there are floats."""
    return scale[: len(scale) // 2 * 2]


def with_rule(scale: Scale, rule: int) -> Scale:
    """Return two or four numbers as a scale that is applied by a rule."""
    return (*scale, rule) if rule > 1 else scale


@dataclass(frozen=True, eq=False)
class Unscaled:
    """The values of an image, and what is known of them.

    values: (H, W, 1 or 3), integers or floats of any type.
    kind: what the values are, for people: "16 bits", "floating point", "DICOM in HU".
    inverted: whether high values are black.
    ends: of an inverted image that counts in shares of what its bits can hold, the smallest and the largest value
        together: this less a value is what the image would hold if it were not inverted. None for all others, which are
        mirrored at the middle of the scale.
    outside: bool (H, W), pixels without a value, such as padding; they become black. None if there are none.
    alpha: float32 (H, W) in [0, 1], opacity in front of black; None if the image is opaque.
    factor: brings values to those that scales count in, where the file counts in others.
    by_depth: without a scale, integers are divided by the largest value of the smallest usual bit depth that contains
        them; otherwise, the smallest value becomes black and the largest white.
    """

    values: np.ndarray
    kind: str
    inverted: bool = False
    ends: float | None = None
    outside: np.ndarray | None = None
    alpha: np.ndarray | None = None
    factor: float = 1.0
    by_depth: bool = True

    def picture(self, scale: Scale | None, name: str) -> np.ndarray:
        """Return float32 (H, W, 1 or 3) in [0, 1].

        scale: the data set's; None takes black and white from the image's own values.

        Raises:
            UserError: no value is finite.
        """
        low, high = self._own_scale(name)  # also checks that there is a finite value
        if scale:
            low, high = self._in_own_units(scale)
        ends = self.ends if scale and rule_of(scale) >= TURNED else None
        if ends is not None:
            low, high = ends - low, ends - high
        result = np.empty(self.values.shape, np.float32)
        # Up to 16 bits, float32 is exact; beyond, values may differ by less than it resolves.
        small = self.values.dtype.itemsize <= 2 or (not scale and self.by_depth and low == 0 and high <= 65535)
        kind = np.float32 if self.values.dtype.kind in "iu" and small else np.float64
        rows = max(1, _BLOCK // max(1, self.values[0].size))
        for start in range(0, len(result), rows):
            block: np.ndarray = self.values[start : start + rows].astype(kind)
            with np.errstate(invalid="ignore", over="ignore"):
                block = (block - kind(low)) / kind(high - low if high != low else 1.0)
            result[start : start + rows] = np.clip(block, 0.0, 1.0)
        if self.inverted and ends is None:
            np.subtract(1.0, result, out=result)
        if self.values.dtype.kind == "f":
            result[np.isnan(self.values)] = 0.0
        if self.outside is not None:
            result[self.outside] = 0.0
        if self.alpha is not None:
            result *= self.alpha[..., None]
        return result

    def sample(self) -> np.ndarray:
        """Return values at regular distances, float32 (n,), n at most `SAMPLE`² times the channels, without those of
        pixels that are black anyway; those of an inverted image as if it were not."""
        height, width, _ = self.values.shape
        down, across = -(-height // SAMPLE), -(-width // SAMPLE)
        grid = (slice(down // 2, None, down), slice(across // 2, None, across))
        values = self.values[grid]
        used = np.ones(values.shape[:2], bool)
        if self.outside is not None:
            used &= ~self.outside[grid]
        if self.alpha is not None:
            used &= self.alpha[grid] > 0
        with np.errstate(over="ignore"):
            own = values[used].ravel()
            found = ((own if self.ends is None else self.ends - own) * self.factor).astype(np.float32)
        return found[np.isfinite(found)]

    def _in_own_units(self, scale: Scale) -> tuple[float, float]:
        if self.kind != FLOATS:
            return scale[0] / self.factor, scale[1] / self.factor
        if len(ranges(scale)) == 4:
            return scale[2], scale[3]
        # The data set has no floats. Those in [0, 1] were scaled before; others are its values in another format.
        unit = bool(np.all((self.values >= 0) & (self.values <= 1)))
        return (0.0, 1.0) if unit else (scale[0], scale[1])

    def _own_scale(self, name: str) -> tuple[float, float]:
        values = self.values if self.outside is None else self.values[~self.outside]
        if values.dtype.kind == "f":
            values = values[np.isfinite(values)]
        if not values.size:
            if self.outside is not None and self.outside.all():
                return 0.0, 1.0  # all of it is black
            raise UserError(f"{name}: the image contains no finite value")
        low, high = float(values.min()), float(values.max())
        if not self.by_depth:
            return low, high
        if values.dtype.kind == "f":
            whole = values.size == self.values.size and low >= 0.0 and high <= 1.0
            return (0.0, 1.0) if whole else (low, high)
        if low < 0 or high > 65535:
            return low, high
        return 0.0, float(2 ** next(bits for bits in _DEPTHS if high < 2**bits) - 1)


def usual_share(values: np.ndarray) -> np.ndarray:
    """Convert the opacity of a file of more than 8 bits, (H, W) integers, to float32 in [0, 1]."""
    return Unscaled(values[..., None], "").picture(None, "")[..., 0]
