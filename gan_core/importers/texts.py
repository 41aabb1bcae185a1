"""Files of other programs, opened with care: bounded, no link, no pipe, and one line for people if they fail."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, BytesIO, RawIOBase, TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any, cast

from gan_core import files
from gan_core.errors import UserError, printable

LOGS = (".txt", ".log", ".out")  # what files are called in which printed lines were captured
LOG_BYTES = 256 * 1024**2  # of what a program printed
OPTIONS_BYTES = 256 * 1024  # of a file of settings
_LONGEST_LINE = 64 * 1024  # characters; what is longer is read as several lines
LONGEST_ROW = 4096  # characters of a line that are searched for values
HEAD_BYTES = 64 * 1024  # of a file that is only looked at
_MOST_NAMES = 100_000  # files of one folder
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
NUMBER = r"[-+]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf)\b"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn an OSError into a UserError that names the file."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error


def lines(path: Path, most: int = LOG_BYTES) -> Iterator[str]:
    """Yield the lines of a text, also those that end with CR alone, as progress bars do, without terminal colours.

    UTF-16 is known by its mark: PowerShell writes it.

    Raises:
        UserError: the file is missing, no regular file, or larger than `most`.
    """
    with readable(path), files.open_regular(path, most) as file:
        yield from _decoded(file)


def _decoded(file: "BufferedReader[Any]") -> Iterator[str]:
    kind = "utf-16" if file.peek(2)[:2] in _UTF16 else "utf-8-sig"
    with TextIOWrapper(file, kind, "replace", newline=None) as text:
        while line := text.readline(_LONGEST_LINE):
            line = line.rstrip("\n")
            yield _ESCAPES.sub("", line) if "\x1b" in line else line


def head(path: Path, count: int = 400, most: int = HEAD_BYTES) -> list[str]:
    """Return the first lines of a text, of its first `most` bytes; none if it cannot be read."""
    try:
        with readable(path), files.open_regular(path, LOG_BYTES) as file:
            start = BufferedReader(cast(RawIOBase, BytesIO(file.read(most))))
        return list(islice(_decoded(start), count))
    except (UserError, UnicodeError):
        return []


def small_text(path: Path, most: int = OPTIONS_BYTES) -> str:
    """Return the text of a file of settings.

    Raises:
        UserError: the file cannot be read, or is larger than `most` bytes.
    """
    with readable(path):
        return files.read_regular(path, most).decode("utf-8-sig", "replace")


def json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file with one JSON object a line; an unfinished last line is left out.

    Raises:
        UserError: the file cannot be read, or a line before the last one is damaged.
    """
    damaged = 0
    for number, line in enumerate(lines(path), 1):
        if damaged:
            raise UserError(f"{path} is damaged: line {damaged} is no JSON object")
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            yield value
        else:
            damaged = number


def names(folder: Path) -> list[str]:
    """Return the names of the files of a folder in order, links and hidden ones left out.

    Raises:
        UserError: the folder cannot be read, or it holds more than 100,000 files.
    """
    return _names(folder, lambda entry: entry.is_file(follow_symlinks=False))


def folders(folder: Path) -> list[str]:
    """Return the names of the folders of a folder in order, links and hidden ones left out. Raises: as `names`."""
    return _names(folder, lambda entry: entry.is_dir(follow_symlinks=False))


def _names(folder: Path, wanted: Any) -> list[str]:
    found = []
    with readable(folder), os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and not entry.is_symlink() and wanted(entry):
                found.append(entry.name)
            if len(found) > _MOST_NAMES:
                raise UserError(f"{folder} holds more than {_MOST_NAMES:,} files: name the folder of one training")
    return sorted(found)


def shown(name: str, most: int = 100) -> str:
    """Return a name of a stranger's file as one short printable text."""
    return printable(name, most).strip()
