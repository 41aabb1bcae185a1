"""A look at a training of another program before it is added: what the command line says of it, in the background.

It runs `import --look` as a process of its own, as the import itself will run: a page that asks waits for nothing, and
a crash of a reader costs the look.
"""

import shlex
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dashboard.library.looks import Looks
from gan_core import child_processes, importers
from gan_core.errors import UserError, printable
from gan_core.files import expanded

KINDS = (importers.AUTO, *importers.KINDS)
SECONDS = 120.0  # of a look
_LINES, _LETTERS = 20, 600
_NAME = "name: "  # as the command says it
# Field of the form -> option of the command line, given as --option=value, so that a value may start with a dash.
OPTIONS = {
    "x": "--x",
    "images": "--images",
    "grid": "--grid",
    "steps_per_epoch": "--steps-per-epoch",
    "log": "--log",
    "objective": "--objective",
}


@dataclass(eq=False)
class Look:
    """What was found, in lines, or the problem; `done` is set when there is one of both."""

    lines: tuple[str, ...] = ()
    problem: str = ""
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def name(self) -> str:
        """What the run is called, unless a user says so; "" where nothing was found."""
        return next((line.removeprefix(_NAME) for line in self.lines if line.startswith(_NAME)), "")


def words(kind: str, path: str, options: Mapping[str, object], names: str = "") -> tuple[str, ...]:
    """Return the words of the command `import` for what a form says.

    path: as typed. options: values by the keys of `OPTIONS`, empty where nothing was typed. names: pairs theirs=ours,
    separated by spaces; a name with a space stands in quotes.

    Raises:
        UserError: the path is empty, or a quote is left open.
    """
    if not path.strip():
        raise UserError("name the folder of a training, or its log or table")
    try:
        pairs = shlex.split(names)
    except ValueError:
        raise UserError("the names of columns: a quote is left open") from None
    given = [f"{OPTIONS[name]}={value}" for name, value in options.items() if str(value or "").strip()]
    place = Path.cwd() / expanded(path.strip())
    return ("import", kind, str(place), *given, *(f"--map={pair}" for pair in pairs))


def look(asked: tuple[str, ...]) -> Look:
    """Return the look at what these words import, which is begun if there is none.

    While one is under way it is that one, whatever is written meanwhile: a program that logs would never be looked at.
    """
    under_way = (found for (at, _), found in _looks.items() if at == asked and not found.done.is_set())
    return next(under_way, None) or _looks.at((asked, _stamp(Path(asked[2]))))


def last(asked: tuple[str, ...]) -> Look | None:
    """Return the newest look at these words that found something; None if there is none."""
    return next((found for (at, _), found in reversed(_looks.items()) if at == asked and found.lines), None)


def _run(wanted: tuple[tuple[str, ...], tuple[int, ...]], found: Look) -> None:
    asked, _ = wanted
    try:
        done = subprocess.run(
            child_processes.command("gan_core", *asked, "--look"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=child_processes.environment(),
            timeout=SECONDS,
            check=False,
        )
        said = done.stdout.decode(errors="replace").splitlines()
        if done.returncode:
            errors = done.stderr.decode(errors="replace").strip().splitlines() or ["the look ended without a message"]
            found.problem = printable(errors[-1].removeprefix("error: "), _LETTERS)
        else:
            found.lines = tuple(printable(line, _LETTERS) for line in said[:_LINES])
    except subprocess.TimeoutExpired:
        found.problem = f"looking at it took more than {SECONDS:g} seconds"
    except OSError as error:
        found.problem = f"it cannot be looked at: {error.strerror or error}"
    finally:
        found.done.set()


def _stamp(path: Path) -> tuple[int, ...]:
    """Return what changes when a file of a folder is added, or a file is written."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return ()
    return status.st_mtime_ns, status.st_size


_looks = Looks(Look, _run, most=8)
