"""Links in a data folder: those that lead to a place inside it are followed, those that leave it are left out.

A data set from others may link to any file of this machine, which would become training images. `links:SOURCE`, or
`prepare --follow-links`, takes such links all the same: many people keep a data set as links to a disk.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from gan_core.data.source import LINKS
from gan_core.errors import UserError

_everywhere: ContextVar[bool] = ContextVar("links are followed everywhere", default=False)


@contextmanager
def followed() -> Iterator[None]:
    """Follow all links meanwhile, also those that leave their folder."""
    token = _everywhere.set(True)
    try:
        yield
    finally:
        _everywhere.reset(token)


class Links:
    """The links below a folder, and which of them were left out."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.left_out: list[str] = []  # paths inside the folder

    def leaves(self, path: str) -> bool:
        """Return whether a path is a link that leaves the folder; it is then counted."""
        if _everywhere.get() or not os.path.islink(path):  # noqa: PTH114, a Path for each of many thousand files is slow
            return False
        if Path(os.path.realpath(path)).is_relative_to(self.root):
            return False
        self.left_out.append(os.path.relpath(path, self.root))
        return True

    def walk(self) -> Iterator[tuple[str, list[str], list[str]]]:
        """Yield (folder, names of its folders, names of its files) as os.walk does, each folder once.

        The files are all of them: ask `leaves` about those that matter.

        Raises:
            UserError: a folder cannot be read.
        """
        seen: set[tuple[int, int]] = set()
        for folder, below, names in os.walk(self.root, onerror=_refuse, followlinks=True):
            status = Path(folder).stat()
            if (status.st_dev, status.st_ino) in seen and status.st_ino:
                below.clear()
                continue
            seen.add((status.st_dev, status.st_ino))
            below[:] = sorted(name for name in below if not self.leaves(f"{folder}{os.sep}{name}"))
            yield folder, below, names

    def warnings(self) -> list[str]:
        """Return the line that counts what was left out, if anything was."""
        if not self.left_out:
            return []
        count = len(self.left_out)
        links = f"{count} links lead" if count > 1 else "1 link leads"
        return [
            f"{links} out of the folder '{self.root}' and {'are' if count > 1 else 'is'} left out, for example "
            f"{min(self.left_out)}: the source {LINKS}{self.root}, or prepare --follow-links, takes them"
        ]


def _refuse(error: OSError) -> None:
    raise UserError(f"'{error.filename}' cannot be read: {error.strerror}") from error
