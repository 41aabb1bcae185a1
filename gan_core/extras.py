"""Packages that only some need: imported when they are asked for, and named with their extra where they are missing."""

import importlib
from typing import Any

from gan_core.errors import UserError


def need(purpose: str, extra: str, *modules: str) -> list[Any]:
    """The modules, imported.

    purpose: what they are needed for, the beginning of the line; extra: of pyproject.toml.

    Raises:
        UserError: one is not installed; the line says how to get it.
    """
    try:
        return [importlib.import_module(name) for name in modules]
    except ImportError as error:
        # Other programs' names: our own is not looked up in a registry, where anybody could have taken it.
        packages = " ".join(dict.fromkeys(name.partition(".")[0].replace("_", "-") for name in modules))
        raise UserError(
            f"{purpose} needs the extra '{extra}': run `pip install '.[{extra}]'` in a copy of GANray's repository, or "
            f"`pip install {packages}`"
        ) from error
