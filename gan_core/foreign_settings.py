"""Settings of other programs as a run's configuration may hold them: plain values, few, short, and without paths."""

import math
import re
from typing import Any

from gan_core.errors import printable

_MOST = 600  # values
_EACH = 100  # of them, those of a setting that holds others
_DEEPEST = 6
_LONGEST = 300  # characters
_SECRET = re.compile(r"(?i)((api|access|private|auth|wandb)[_-]?key|token|passw|secret|credential)")
_PLACE = re.compile(r"(?:~\w*|\.{1,2}|[A-Za-z]:)?[\\/]")  # how a path begins
_NUMBER = re.compile(r"[-+]?\d{1,15}")


def plain(values: Any) -> dict[str, Any]:
    """Return settings as plain JSON types.

    A path is cut to its last part, since the others are of somebody's machine. What sounds like a credential, what is
    no plain value, and what exceeds 600 values is left out.
    """
    left, found = _MOST, {}
    for key, value in values.items() if isinstance(values, dict) else ():
        name, budget = _shown(str(key)), [min(_EACH, left)]
        if left > 0 and name and not is_secret(name):
            found[name] = _plain(value, budget, 1)
            left -= 1 + min(_EACH, left) - max(budget[0], 0)
    return found


def _plain(value: Any, budget: list[int], depth: int) -> Any:
    budget[0] -= 1
    if budget[0] < 0 or depth > _DEEPEST:
        return None
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else None
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return without_path(value)
    if isinstance(value, list | tuple):
        return [_plain(one, budget, depth + 1) for one in value[: max(budget[0], 0)]]
    if isinstance(value, dict):
        found = {}
        for key, one in value.items():
            if budget[0] <= 1:
                break
            budget[0] -= 1
            name = _shown(str(key))
            if name and not is_secret(name):
                found[name] = _plain(one, budget, depth + 1)
        return found
    return None


def is_secret(name: str) -> bool:
    """Return whether a setting of this name sounds like a credential."""
    return bool(_SECRET.search(name))


def without_path(text: str) -> str:
    """Return a text as one short line; of a path, its last part."""
    line = _shown(text, _LONGEST)
    if _PLACE.match(line) or (" " not in line and ("/" in line or re.match(r"(?:[A-Za-z]:)?[\\~.]", line))):
        return re.split(r"[\\/]", line.rstrip("\\/"))[-1]
    return line


def _shown(name: str, most: int = 100) -> str:
    return printable(name, most).strip()


def of_text(text: str) -> Any:
    """Return the value that a text stands for: a number, a truth value, None, or the text itself."""
    line = text.strip()
    known = {"true": True, "false": False, "none": None}
    if line.lower() in known:
        return known[line.lower()]
    if _NUMBER.fullmatch(line):
        return int(line)
    try:
        return float(line)
    except ValueError:
        return line


def whole(value: Any, least: int = 0, most: int = 10**9) -> int:
    """Return a setting as a whole number; 0 if it is none, or out of range."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    if isinstance(value, float) and not value.is_integer():
        return 0
    return int(value) if least <= value <= most else 0
