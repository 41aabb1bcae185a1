"""The width of a preset at an image size: twice the size, half the width.

The networks of a generator double their channels at each halving of the resolution, from `width` at the image's own. A
picture of twice the size has four times the pixels there, and most of a step's time goes into them. With half the
width, every stage that the smaller size has keeps its channels, and one thin stage is added on top: a step of `r3gan`
at 128 px takes 40 % of the time that it takes at full width, and its pictures are as good.

A family declares the size that the widths of its presets are meant for, as its class attribute `width_at`. Without it,
as for translators and for a plug-in whose `width` means something else, a preset is the same at every size.
"""

from typing import Any


def at_size(width: int, width_at: int, size: int) -> int:
    """Return the width for images of `size` pixels per side, from that up to `width_at`; the same if that is 0."""
    return width if not width_at or size <= width_at else max(1, width * width_at // size)


def follows_size(settings: dict[str, Any]) -> bool:
    """Return whether a preset's `width` makes its networks: not where it lists the layers of its `generator`."""
    return type(settings.get("width")) is int and not settings.get("generator")
