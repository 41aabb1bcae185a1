"""Phantom images as a source: `phantom:cxr?images=1000&seed=0`, or `phantom:mri?bodies=500`.

With `images`, every image shows a different body. With `bodies`, each body is drawn in every class, which gives pairs.
"""

from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import ClassVar
from urllib.parse import parse_qsl

import numpy as np

from gan_core import phantoms
from gan_core.data.source import Entry
from gan_core.decode.image_files import to_channels
from gan_core.errors import UserError, nearest

KINDS = ("phantom:cxr", "phantom:mri", "phantom:colour")
IMAGES = 1000
MAX_IMAGES = 1_000_000
SEEDS = 2**31


def drawer(kind: str) -> ModuleType:
    """Return the module that draws one kind of phantom: it has `CLASSES` and `draw(class, seed, size).image`.

    A new kind of phantom needs one more module and one more branch here.

    Raises:
        UserError: the kind is unknown.
    """
    if kind == "cxr":
        from gan_core.phantoms.chest import xray

        return xray
    if kind == "mri":
        from gan_core.phantoms.head import mri

        return mri
    if kind == "colour":
        from gan_core.phantoms.chest import colour

        return colour
    raise UserError(
        f"there is no phantom '{kind}'.{nearest(f'phantom:{kind}', KINDS)} Choose one of {', '.join(KINDS)}"
    )


def picture(kind: str, label: str, seed: int, size: int, channels: int) -> np.ndarray:
    """Draw one image, float32 (size, size, channels) in [0, 1]; grey is repeated, colour is reduced to its luma."""
    image = drawer(kind).draw(label, seed, size).image
    return to_channels(image if image.ndim == 3 else image[..., None], channels)


def in_colour(source: str) -> bool:
    """Return whether a source draws some of its images in colour."""
    return source.strip().partition("?")[0] == "phantom:colour"


@dataclass(frozen=True)
class PhantomSource:
    """Drawn images, equally many per class."""

    kind: str
    entries: tuple[Entry, ...]
    identity: str
    warnings: tuple[str, ...] = ()
    patients_from: ClassVar = "the drawn bodies"

    def load(self, index: int, size: int) -> np.ndarray:
        entry = self.entries[index]
        return drawer(self.kind).draw(entry.label, int(entry.stamp), size).image

    def part(self, start: int, stop: int) -> "PhantomSource":
        return replace(self, entries=self.entries[start:stop], warnings=())


def open_phantom(text: str) -> PhantomSource:
    """Return the source of `cxr`, or of `cxr?images=4077&seed=3`; with `images` the seed shuffles the classes.

    Raises:
        UserError: the kind or an option is unknown, or a number is out of range.
    """
    kind, options = options_of(text)
    module = drawer(kind)
    count, seed = options.get("bodies", options["images"]), options["seed"]
    classes = tuple(module.CLASSES)
    width = len(str(count - 1))
    # The stamp is the image's seed: no body occurs twice, and two source seeds share no image.
    if "bodies" in options:
        # All images of a body have one file name: they show one patient and are partners.
        entries = tuple(
            _entry(label, f"{label}/body_{seed}_{index:0{width}}", seed * MAX_IMAGES + index)
            for index in range(count)
            for label in classes
        )
    else:
        labels = np.random.default_rng(seed).permutation(np.arange(count) % len(classes))
        entries = tuple(
            _entry(classes[label], f"{classes[label]}_{seed}_{index:0{width}}", seed * MAX_IMAGES + index)
            for index, label in enumerate(labels)
        )
    # The digest of the code is part of the identity: another version of the program may draw other images.
    code = b"".join(
        path.read_bytes() for path in [Path(__file__), *sorted(Path(phantoms.__file__).parent.rglob("*.py"))]
    )
    return PhantomSource(kind, entries, f"phantom:{kind} {blake2b(code, digest_size=8).hexdigest()}")


def options_of(text: str) -> tuple[str, dict[str, int]]:
    """Return the kind and the options of `cxr?images=4077&seed=3`.

    Raises:
        UserError: as `open_phantom`.
    """
    kind, _, query = text.partition("?")
    drawer(kind)
    return kind, _options(kind, query)


def _entry(label: str, stem: str, seed: int) -> Entry:
    """Return the entry of the body that is drawn from a seed; the body is its patient."""
    return Entry(f"{stem}.png", label, None, str(seed), patient=PurePosixPath(stem).name)


def _options(kind: str, query: str) -> dict[str, int]:
    """Return the options of the text, with defaults for the rest; `bodies` only if given, or for kinds with twins."""
    options: dict[str, int] = {}
    limits = {"images": (2, MAX_IMAGES), "bodies": (2, MAX_IMAGES), "seed": (0, SEEDS)}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in limits:
            raise UserError(f"phantom:{kind} has no option '{key}': write phantom:{kind}?images=1000&seed=0")
        low, high = limits[key]
        if not value.isdecimal() or not low <= int(value) <= high:
            raise UserError(f"{key} of phantom:{kind} must be a whole number from {low} to {high}, not '{value}'")
        options[key] = int(value)
    if {"images", "bodies"} <= set(options):
        raise UserError(f"phantom:{kind} takes either images (one body each) or bodies (one image per class), not both")
    if getattr(drawer(kind), "TWINS", False) and "images" not in options:
        options.setdefault("bodies", IMAGES // 2)
    return {"images": IMAGES, "seed": 0} | options
