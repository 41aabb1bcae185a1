"""A comparison as a folder: index.html and every sample grid as its own file, for a static host or a disk."""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from dashboard.library.store import Entry
from dashboard.report import frames, page
from dashboard.report.comparison import Comparison
from dashboard.report.frames import Frame
from gan_core import files
from gan_core.errors import UserError

INDEX, PICTURES = "index.html", "pictures"
File = tuple[str, bytes]  # a path below the folder, with slashes, and what is in it


def contents(compared: Comparison, most: int = frames.NO_BOUND) -> Iterator[File]:
    """Yield index.html and the grids, of at most `most` bytes together."""
    library = compared.library
    films = frames.films(compared.chosen, compared.options.epoch, most)
    numbers = {film.entry.name: number for number, film in enumerate(films, 1)}

    def address(entry: Entry, frame: Frame) -> str:
        run = f"{numbers[entry.name]:02d}-{safe_name(entry.label)}".rstrip("-")
        return f"{PICTURES}/{run}/{frame.path.name}"

    def source(entry: Entry, frame: Frame) -> str | None:
        return address(entry, frame) if library.picture(frame.path) else None

    yield INDEX, page.of_folder(compared, films, source).encode()
    for film in films:
        for frame in film.frames:
            if content := library.picture(frame.path):
                yield address(film.entry, frame), content


def packed(found: Iterable[File], name: str) -> bytes:
    """Return files as a zip with one folder `name`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in found:
            kind = zipfile.ZIP_STORED if path.endswith(".png") else zipfile.ZIP_DEFLATED
            archive.writestr(f"{name}/{path}", content, kind)
    return buffer.getvalue()


def write(found: Iterable[File], folder: Path) -> None:
    """Write files below a new or empty folder.

    Raises:
        UserError: there is something in the folder already, or it cannot be written.
    """
    with files.readable_os_errors(folder):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError(f"'{folder}' is there already: name a new or an empty folder")
        for path, content in found:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            files.write_bytes(target, content)


def safe_name(text: str, most: int = 40) -> str:
    """Return a text as part of a file name that is valid on every system and in every address; it may be empty."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", text)[:most].strip("-")
