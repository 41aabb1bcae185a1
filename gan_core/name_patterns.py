"""Regular expressions of the user, searched in the names of files.

Some expressions take forever on some names (catastrophic backtracking), and Python cannot interrupt a search that runs
in another thread. They are therefore searched in a process of their own with a time limit: a command then ends with a
line, and the app goes on for everybody else.
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache

from gan_core import child_processes
from gan_core.errors import UserError

SECONDS = 10.0  # for all names; a hundred thousand of them take a good expression less than one


def search(pattern: str, names: Sequence[str], option: str) -> list[str | None]:
    """Return what the one group of an expression finds in each name, None where it finds nothing.

    It is searched in the whole path first, then in the file's name alone, so that ^ may stand for the start of either.

    Args:
        pattern: a valid expression with one group, see `splits.one_group`.
        names: paths with forward slashes.
        option: the option that gave the expression, for the error.

    Raises:
        UserError: the search takes too long.
    """
    return list(_found(pattern, tuple(names), option))


@lru_cache(maxsize=4)
def _found(pattern: str, names: tuple[str, ...], option: str) -> tuple[str | None, ...]:
    try:
        done = subprocess.run(
            child_processes.command("gan_core.name_patterns"),
            input=json.dumps([pattern, names]),
            capture_output=True,
            text=True,
            encoding="ascii",
            timeout=SECONDS,
            check=True,
            cwd=child_processes.ROOT,
            env=child_processes.environment(),
        )
    except subprocess.TimeoutExpired:
        raise UserError(
            f"{option} '{pattern}' takes too long on these names: avoid a repetition inside a repetition, as in (a+)+"
        ) from None
    except subprocess.CalledProcessError:
        raise UserError(f"{option} '{pattern}' cannot be searched in these names: make it simpler") from None
    return tuple(json.loads(done.stdout))


def first_match(pattern: re.Pattern[str], name: str) -> str | None:
    """Return what the group finds in a path, or else in its last part; None if nothing, or an empty text."""
    match = pattern.search(name) or pattern.search(name.rpartition("/")[2])
    return (match.group(1) if match else None) or None


if __name__ == "__main__":
    given, paths = json.load(sys.stdin)
    compiled = re.compile(given)
    json.dump([first_match(compiled, path) for path in paths], sys.stdout)
