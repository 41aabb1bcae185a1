"""Two pictures side by side in each image, as `pix2pix` takes them: `sidebyside:FOLDER?left=A&right=B`.

    python -m gan_core prepare "sidebyside:maps?left=photo&right=map"

The halves of an image are two entries, `photo/train/1.jpg` and `map/train/1.jpg`: a pair by their names, and of one
patient. The folder or zip gives the split; its class folders say nothing. Names are percent-encoded.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

import numpy as np

from gan_core.data.layout import LabelledPath, check_class_names
from gan_core.data.readers.places import divide
from gan_core.data.source import SIDE_BY_SIDE, Entry, Source
from gan_core.decode.image_files import MIN_SIDE
from gan_core.errors import UserError, nearest

EXAMPLE = f"{SIDE_BY_SIDE}FOLDER?left=A&right=B"
_DEFAULTS = {"left": "A", "right": "B"}


@dataclass(frozen=True)
class SideBySideSource:
    """Each image of another source twice: its left half, and its right half."""

    base: Source
    entries: tuple[Entry, ...]
    places: tuple[tuple[int, int], ...]  # of each entry: the image in `base`, and 0 for the left or 1 for the right
    warnings: tuple[str, ...]
    patients_from: str = ""

    @property
    def identity(self) -> str:
        return f"{SIDE_BY_SIDE}{self.base.identity}"

    def load(self, index: int, size: int) -> bytes | np.ndarray:
        return self.base.load(self.places[index][0], size)

    def crop(self, index: int, picture: np.ndarray) -> np.ndarray:
        """Return the half of a decoded image, (H, W // 2, C); of an odd width, the middle column belongs to neither.

        Raises:
            UserError: the half is too narrow.
        """
        width = picture.shape[1] // 2
        if width < MIN_SIDE:
            raise UserError(f"half of it is {width} pixels wide, at least {MIN_SIDE} are needed")
        return picture[:, -width:] if self.places[index][1] else picture[:, :width]

    def part(self, start: int, stop: int) -> "SideBySideSource":
        places = self.places[start:stop]
        first = min((index for index, _ in places), default=0)
        last = max((index for index, _ in places), default=-1) + 1
        base = self.base.part(first, last)
        places = tuple((index - first, side) for index, side in places)
        return replace(self, base=base, entries=self.entries[start:stop], places=places, warnings=())


def open_side_by_side(text: str, opened: Callable[[str], Source]) -> SideBySideSource:
    """Return the halves of the images of a folder or zip as a source.

    Args:
        text: FOLDER?left=NAME&right=NAME; without names, the halves are A and B.
        opened: opens the folder or zip.

    Raises:
        UserError: there is no such folder or zip, or an option is wrong.
    """
    path, query = divide(text, f"{SIDE_BY_SIDE} there is no folder or zip", f"Write {EXAMPLE}")
    names = _names(query)
    base = opened(str(path))
    entries = []
    for side, name in enumerate(names):
        for index, entry in enumerate(base.entries):
            entries.append((replace(entry, name=f"{name}/{entry.name}", label=name), (index, side)))
    check_class_names([LabelledPath(entry.name, entry.label, entry.split) for entry, _ in entries])
    return SideBySideSource(
        base,
        tuple(entry for entry, _ in entries),
        tuple(place for _, place in entries),
        base.warnings,
        getattr(base, "patients_from", ""),
    )


def suggested(source: str) -> str:
    """Return what to write for a source whose images show two pictures each."""
    is_path = not source.startswith(("hf:", "phantom:", "classes:", "table:"))
    place = quote(source, safe="/\\:. ()_-~,") if "?" in source or "%" in source else source
    return f"{SIDE_BY_SIDE}{place}?left=A&right=B" if is_path else EXAMPLE


def _names(query: str) -> tuple[str, str]:
    """Return the names of the left and the right half."""
    found: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        key, _, value = part.partition("=")
        name = unquote(value).strip()
        if key not in _DEFAULTS:
            raise UserError(
                f"{SIDE_BY_SIDE} has no option '{key}'.{nearest(key, _DEFAULTS)} Options: left, right; as in {EXAMPLE}"
            )
        if key in found:
            raise UserError(f"{SIDE_BY_SIDE} the option {key} is given twice")
        if not name or "/" in name or "\\" in name:
            raise UserError(f"{SIDE_BY_SIDE} the option {key} names a class, without slashes, as in {EXAMPLE}")
        found[key] = name
    left, right = (found.get(key, name) for key, name in _DEFAULTS.items())
    if left.casefold() == right.casefold():
        raise UserError(f"{SIDE_BY_SIDE} both halves are called '{left}': give them two names, as in {EXAMPLE}")
    return left, right
