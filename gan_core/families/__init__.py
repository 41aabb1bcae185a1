"""One file, one GAN: its idea, its settings, its presets, its step. `load_family` finds it by the file's name."""

import dataclasses
import importlib
from typing import Any

from gan_core import catalog, config
from gan_core.errors import UserError
from gan_core.families.base import Encodes, Family, Translates

__all__ = ["Definition", "Encodes", "Family", "Translates", "build", "load_family"]


@dataclasses.dataclass(frozen=True)
class Definition:
    """What a family's file offers."""

    name: str
    family: type[Family]
    config: Any  # the dataclass of its settings
    presets: dict[str, Any]  # preset -> settings


def load_family(name: str) -> Definition:
    """The family in `families/<name>.py`.

    Raises:
        UserError: there is no such file, as when a run comes from a version that had more.
    """
    if name not in {preset.family for preset in catalog.presets().values()}:
        raise UserError(f"this GANray has no family '{name}': the run needs a newer version")
    module = importlib.import_module(f"gan_core.families.{name}")
    (kind,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Family) and value.__module__ == module.__name__
    )
    return Definition(name, kind, module.Config, module.PRESETS)


def build(
    name: str, settings: dict[str, Any], image_shape: tuple[int, int, int], classes: int, training: bool = True
) -> Family:
    """A family's networks from what config.json says of them.

    Raises:
        UserError: settings that the family does not have, or that do not fit the image's size.
    """
    definition = load_family(name)
    built = config.from_dict(definition.config, settings, f"settings of '{name}'")
    return definition.family(built, image_shape, classes, training)
