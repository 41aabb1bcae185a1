"""Images that the program draws itself as a source: `phantom:cxr?images=1000&seed=0`."""

from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
from urllib.parse import parse_qsl

import numpy as np

from gan_core.data.sources import Entry
from gan_core.errors import UserError, nearest

KINDS = ("phantom:cxr", "phantom:mri")
IMAGES = 1000
MAX_IMAGES = 1_000_000
SEEDS = 2**31


def drawer(kind: str) -> ModuleType:
    """The module that draws one kind of picture: it has `CLASSES` and `draw(class, seed, size).image`.

    A new kind of phantom is one more module, and one more line here.

    Raises:
        UserError: there is no such kind.
    """
    if kind == "cxr":
        from gan_core.data import phantom_cxr

        return phantom_cxr
    if kind == "mri":
        from gan_core.data import phantom_mri

        return phantom_mri
    raise UserError(
        f"there is no phantom '{kind}'.{nearest(f'phantom:{kind}', KINDS)} What can be drawn: {', '.join(KINDS)}"
    )


@dataclass(frozen=True)
class PhantomSource:
    """Drawn pictures, as many of each class, their order shuffled by the seed."""

    kind: str
    entries: tuple[Entry, ...]
    identity: str
    warnings: tuple[str, ...] = ()

    def load(self, index: int, size: int) -> np.ndarray:
        entry = self.entries[index]
        return drawer(self.kind).draw(entry.label, int(entry.stamp), size).image

    def part(self, start: int, stop: int) -> "PhantomSource":
        return replace(self, entries=self.entries[start:stop], warnings=())


def open_phantom(text: str) -> PhantomSource:
    """List the pictures of `cxr`, or of `cxr?images=4077&seed=3`.

    Raises:
        UserError: unknown kind or option, or a number out of range.
    """
    kind, _, query = text.partition("?")
    module = drawer(kind)
    options = _options(kind, query)
    count, seed = options["images"], options["seed"]
    classes = tuple(module.CLASSES)
    labels = np.random.default_rng(seed).permutation(np.arange(count) % len(classes))
    width = len(str(count - 1))
    # The stamp is the picture's own seed: another body for every picture, and no picture shared by two seeds.
    entries = tuple(
        Entry(f"{classes[label]}_{seed}_{index:0{width}}.png", classes[label], None, str(seed * MAX_IMAGES + index))
        for index, label in enumerate(labels)
    )
    # Pictures drawn by another version of the program are other pictures.
    code = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("phantom*.py")))
    return PhantomSource(kind, entries, f"phantom:{kind} {blake2b(code, digest_size=8).hexdigest()}")


def _options(kind: str, query: str) -> dict[str, int]:
    options = {"images": IMAGES, "seed": 0}
    limits = {"images": (2, MAX_IMAGES), "seed": (0, SEEDS)}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in options:
            raise UserError(f"phantom:{kind} has no option '{key}': write phantom:{kind}?images=1000&seed=0")
        low, high = limits[key]
        if not value.isdecimal() or not low <= int(value) <= high:
            raise UserError(f"{key} of phantom:{kind} must be a whole number from {low} to {high}, not '{value}'")
        options[key] = int(value)
    return options
