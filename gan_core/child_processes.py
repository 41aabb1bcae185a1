"""Python processes that GANray starts: what they may import.

Python usually looks for modules in the current folder first. The app may be started anywhere, for example in a folder
of downloads, where a file `numpy.py` would then run in its child processes. They therefore start with a safe path:
modules come from the standard library, the installed packages, this package's own folder and PYTHONPATH, and from
nowhere else.
"""

import contextlib
import os
import sys
import sysconfig
import threading
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent  # contains `gan_core`, and `dashboard` where it is installed
_SAFE = "PYTHONSAFEPATH"  # not to add the current folder or the script's folder to the module path

_changing = threading.Lock()


def command(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs a module; use it together with `environment`."""
    return [sys.executable, "-P", "-m", module, *arguments]


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a child process with a safe path, and the variables `more`.

    The package is found from every folder. PYTHONPATH keeps what the user wrote, as absolute paths; its empty entries,
    which Python takes for the current folder, are left out.
    """
    given = [str(Path(entry).absolute()) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    # An installed package is found without PYTHONPATH, which would bring its neighbours before the standard library.
    own = [] if ROOT in _installed() else [str(ROOT)]
    safe = {_SAFE: "1", "PYTHONPATH": os.pathsep.join(dict.fromkeys([*own, *given]))}
    return {**os.environ, **safe, **more}


@contextlib.contextmanager
def safe_environment() -> Iterator[None]:
    """Give a safe path to processes that a library starts meanwhile with this process's own environment."""
    with _changing:
        before = {name: os.environ.get(name) for name in (_SAFE, "PYTHONPATH")}
        os.environ.update(environment())
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def _installed() -> set[Path]:
    return {Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib")}
