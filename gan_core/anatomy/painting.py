"""Opacity, painted into lungs and taken out again: y = x + o * room.

    painting = Painting(...)                 a picture, its lungs, and a pattern
    painting.painted(severity)               the picture with as much opacity
    cleared(canvas, opacity)                 the picture without the opacity that was read in it

x is a picture, o in [0, 1] the share of air that a lung has lost along the beam (the opacity map), and `room` what
airless lung would be brighter by. Outside the lungs room is 0, so that nothing there changes, to the bit; inside it is
never negative, so that lungs only get denser.

Room is the mean of two distances to the brightness of airless lung T: that of the picture and that of the picture
without its detail. With the first alone ribs and vessels would drown in haze, with the second alone they would not
lose any contrast; in X-rays of ground glass they are seen, fainter.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_core.anatomy.lung_view import Chests, LungViews, paste

MOST_CLEARED = (
    0.85  # share of air lost that is taken away at most: what is left of a lung is stretched by 1 / (1 - share)
)
BRUSH = 8.0  # logits between where a brush has been and where it has not
_HALVINGS = 40  # of the interval in which a bias lies
_BIAS = 30.0  # half of that interval, in logits


@dataclass(frozen=True, eq=False)
class Canvas:
    """What a picture offers to paint on: K pictures, float32 (K, 1, H, W) each."""

    picture: Tensor  # in [0, 1]
    airless: Tensor  # brightness of airless lung
    smooth: Tensor  # the picture without fine detail
    soft: Tensor  # where paint may go, in [0, 1]

    @property
    def room(self) -> Tensor:
        """What airless lung would be brighter by, 0 or more; 0 outside the lungs."""
        return self.soft * (self.airless - (self.picture + self.smooth) / 2).clamp_min(0)

    def painted(self, opacity: Tensor) -> Tensor:
        """Return the pictures with an opacity map (K, 1, H, W) in [0, 1]."""
        return self.picture + opacity * self.room


def of_views(views: LungViews) -> Canvas:
    """Return the canvas of lungs in their frames."""
    return Canvas(views.grey, views.airless, views.smooth, views.soft)


def of_pictures(pictures: Tensor, chests: Chests) -> Canvas:
    """Return the canvas of whole pictures, float32 (K, 1, H, W) in [0, 1] of any size, whose lungs are known."""
    planes = (
        F.interpolate(chests.plane(name), pictures.shape[2:], mode="bilinear") for name in ("airless", "smooth", "soft")
    )
    return Canvas(pictures, *planes)


def cleared(canvas: Canvas, opacity: Tensor) -> Tensor:
    """Return pictures without an opacity map (K, 1, H, W): x where `painted(opacity)` of x is the picture.

    `airless` is that of x, as it comes from outside the lungs, and `smooth` follows from painting alone, as in smooth
    pictures both distances are the same. Where the picture is brighter than airless lung, nothing is taken away.
    """
    share = opacity.clamp(0, MOST_CLEARED) * canvas.soft
    smooth = (canvas.smooth - share * canvas.airless) / (1 - share)
    x = (canvas.picture - share * (canvas.airless - smooth / 2)) / (1 - share / 2)
    lost = canvas.picture - torch.minimum(x, canvas.picture)
    return (canvas.picture - lost * (canvas.picture < canvas.airless)).clamp_min(0)


def opacity_of(logits: Tensor, density: Tensor, bias: Tensor) -> Tensor:
    """Return opacity maps (K, 1, S, S): density * sigmoid(logits + bias), with a bias (K, 1, 1, 1).

    They go on beyond the lungs, where `Canvas.room` ends them softly; a map that ended at the outline of a lung would
    leave a dark rim wherever the outline was found too far inside.
    """
    return density * torch.sigmoid(logits + bias)


def bias_for(logits: Tensor, density: Tensor, mask: Tensor, mean: Tensor) -> Tensor:
    """Return the bias (K, 1, 1, 1) with which the mean opacity over the mask is `mean` (K,); gradients flow.

    The mean grows with the bias, so bisection finds it. The gradient is that of the implicit function: one Newton step
    from the solution, which moves nothing, carries it. A mean that the density cannot reach gives the largest bias.
    """
    area = mask.sum((1, 2, 3), keepdim=True).clamp_min(1e-6)
    wanted = mean[:, None, None, None].to(logits.dtype)

    def reached(bias: Tensor) -> Tensor:
        return (mask * opacity_of(logits, density, bias)).sum((1, 2, 3), keepdim=True) / area

    with torch.no_grad():
        low, high = torch.full_like(wanted, -_BIAS), torch.full_like(wanted, _BIAS)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            above = reached(middle) > wanted
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        found = (low + high) / 2
        chance = torch.sigmoid(logits + found)
        slope = (mask * density * chance * (1 - chance)).sum((1, 2, 3), keepdim=True) / area
    if not torch.is_grad_enabled():
        return found
    return found - (reached(found) - wanted) / slope.clamp_min(1e-4)


@dataclass(frozen=True, eq=False)
class Painting:
    """A pattern of opacity in the lungs of K pictures, at every severity."""

    canvas: Canvas  # the whole pictures
    logits: Tensor  # (K, 1, SIZE, SIZE) in the frames: where opacity comes first
    density: Tensor  # the same shape: share of air lost where a lung is affected, in (0, 1)
    mask: Tensor  # the same shape, in [0, 1]
    boxes: Tensor  # (K, 4), as in LungViews
    quantiles: Tensor  # (Q,): mean opacity at severities evenly spaced from 0 to 1; the first is 0

    def mean(self, severity: float) -> Tensor:
        """Return the mean opacity of the lungs at a severity in [0, 1], (K,), between the quantiles linearly."""
        place = min(max(severity, 0.0), 1.0) * (len(self.quantiles) - 1)
        low = min(int(place), len(self.quantiles) - 2)
        return torch.lerp(self.quantiles[low], self.quantiles[low + 1], place - low).expand(len(self.logits))

    def bias(self, severity: float) -> Tensor:
        """Return what is added to the logits at a severity, (K,)."""
        return bias_for(self.logits, self.density, self.mask, self.mean(severity))[:, 0, 0, 0]

    def biases(self, severities: Sequence[float]) -> Tensor:
        """Return `bias` at several severities at once, (K, len(severities))."""
        means, found = torch.stack([self.mean(severity) for severity in severities], 1), []
        for logits, density, mask, mean in zip(self.logits, self.density, self.mask, means, strict=True):
            lungs = mask > 0  # the others do not count, and are half of a frame
            inside = [plane[lungs].expand(len(mean), 1, 1, -1) for plane in (logits, density, mask)]
            found.append(bias_for(inside[0], inside[1], inside[2], mean)[:, 0, 0, 0])
        return torch.stack(found)

    def opacity(self, severity: float) -> Tensor:
        """Return the opacity map in the frames, (K, 1, SIZE, SIZE); it grows with severity, from 0, at every pixel."""
        if severity <= 0:
            return torch.zeros_like(self.logits)
        return opacity_of(self.logits, self.density, self.bias(severity)[:, None, None, None])

    def within(self, brush: Tensor) -> "Painting":
        """Return the painting whose opacity lies where a brush has been, (K, 1, SIZE, SIZE) in [0, 1] in the frames.

        The generator's pattern fills it in. The mean opacity is that of the lungs below the brush.
        """
        logits = self.logits + BRUSH * (brush - 0.5)
        return replace(self, logits=logits, density=self.density * brush, mask=self.mask * brush)

    def in_picture(self, severity: float) -> Tensor:
        """Return the opacity map in the pictures, (K, 1, H, W); it goes on a little beyond the lungs."""
        height, width = self.canvas.picture.shape[2:]
        return paste(self.opacity(severity), self.boxes, (height, width))

    def painted(self, severity: float) -> Tensor:
        """Return the pictures with opacity, (K, 1, H, W) in [0, 1]; at severity 0 the pictures themselves."""
        return self.canvas.painted(self.in_picture(severity))
