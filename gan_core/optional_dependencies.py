"""Optional packages: imported on use, with an error that names the extra to install if one is missing."""

import importlib
from typing import Any

from gan_core.errors import UserError


def need(purpose: str, extra: str, *modules: str) -> list[Any]:
    """Import and return the modules.

    purpose: what needs them, the start of the error line; extra: name of the extra in pyproject.toml.

    Raises:
        UserError: a module is not installed; the message says how to install it.
    """
    try:
        return [importlib.import_module(name) for name in modules]
    except ImportError as error:
        # Name third-party packages only: in a registry, anybody could have taken this project's own name.
        packages = " ".join(dict.fromkeys(name.partition(".")[0].replace("_", "-") for name in modules))
        raise UserError(
            f"{purpose} needs the extra '{extra}': run `pip install '.[{extra}]'` in a copy of GANray's repository, or "
            f"`pip install {packages}`"
        ) from error
