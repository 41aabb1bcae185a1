"""The place in a source with options, `PATH?key=value&...`."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from gan_core.errors import UserError, nearest
from gan_core.files import expanded


def divide(text: str, missing: str, advice: str, holds: Callable[[Path], object] | None = None) -> tuple[Path, str]:
    """Return the place, and the options behind the question mark; a path may have a question mark of its own.

    Args:
        text: the source without its prefix.
        missing: beginning of the error, before the place: "there is no table".
        advice: its end.
        holds: whether a place counts that is no path on the disk, such as a file in a zip.

    Raises:
        UserError: there is no such place.
    """
    place, _, query = text.partition("?")
    for words in dict.fromkeys((text, place, unquote(place))):
        path = expanded(words)
        if words and _exists(path):
            return path, "" if words == text else query
    path = expanded(place)
    if holds and holds(path):
        return path, query
    try:
        beside = [other.name for other in path.parent.iterdir()] if place else []
    except OSError:
        beside = []
    raise UserError(f"{missing} '{place}'.{nearest(path.name, beside)} {advice}")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # options make a name that is longer than a name may be
        return False
