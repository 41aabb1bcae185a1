"""One file, one GAN: its idea, its settings, its presets, its step. `load_family` finds it by the file's name.

A file of another package is found by its entry point: see `gan_core.families.registry` and docs/adding-a-gan.md.
"""

import dataclasses
import importlib
import traceback
from dataclasses import replace
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from gan_core import config, metrics
from gan_core.errors import UserError
from gan_core.families import registry
from gan_core.families.base import Family
from gan_core.traits import FamilyTraits

__all__ = ["Definition", "Encodes", "Family", "Translates", "blamed", "build", "load_family", "traits"]


@runtime_checkable
class Encodes(Protocol):
    """A family with a way back from images (N, C, H, W) in [-1, 1] to latents (N, latent_size)."""

    def encode(self, images: Tensor) -> Tensor: ...


@runtime_checkable
class Translates(Protocol):
    """A family that brings images (N, C, H, W) in [-1, 1] of one of its two domains into domain `to` (0: A, 1: B)."""

    def translate(self, images: Tensor, to: int) -> Tensor: ...


@dataclasses.dataclass(frozen=True)
class Definition:
    """What a family's file offers."""

    name: str
    family: type[Family]
    config: Any  # the dataclass of its settings
    presets: dict[str, Any]  # preset -> settings


def load_family(name: str) -> Definition:
    """The family in `families/<name>.py`, or the plug-in of that name.

    Raises:
        UserError: there is no such file, as when a run comes from a version that had more, or from a machine with a
            plug-in that is not installed here; the plug-in is broken.
    """
    places = {preset.family: preset.module for preset in registry.presets().values()}
    if name not in places:
        raise UserError(f"this GANray has no family '{name}': the run needs a newer version, or a plug-in")
    if not places[name]:
        return _definition(name, importlib.import_module(f"gan_core.families.{name}"))
    try:
        module = importlib.import_module(places[name])
        found = _definition(name, module)
    # What a stranger's file may raise is without end; some end the program.
    except (Exception, SystemExit) as error:
        raise UserError(f"plug-in '{name}' cannot be loaded: {_said(error)}") from error
    return found


def _definition(name: str, module: ModuleType) -> Definition:
    own = [value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__]
    families = [kind for kind in own if issubclass(kind, Family)]
    leaves = [kind for kind in families if not any(kind in other.__bases__ for other in families)]
    if len(leaves) != 1:
        held = ", ".join(kind.__name__ for kind in leaves) or "none"
        raise UserError(f"family '{name}': its file should hold one class that derives from Family, and holds {held}")
    return Definition(name, leaves[0], module.Config, module.PRESETS)


def traits(definition: Definition, settings: Any, preset: registry.Preset) -> FamilyTraits:
    """What the family says of itself, as a run of these settings (its config dataclass) carries it."""
    family = definition.family
    logged = family.metrics or tuple(map(metrics.of_column, family.columns))
    known = replace(preset.traits, metrics=logged, has_discriminator=family.has_discriminator)
    return registry.brought_to(known, str(getattr(settings, "objective", "")), config.to_dict(settings))


def blamed(error: BaseException) -> str:
    """One line on an error that came about in a plug-in; empty where it did not.

    It did if a plug-in's own line is on the way to where it was raised.
    """
    plugins = {preset.module: preset.family for preset in registry.presets().values() if preset.module}
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        module = frame.f_globals.get("__name__", "")
        if module in plugins:
            return f"plug-in '{plugins[module]}', line {line} of {module}: {_said(error)}"
    return ""


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def build(
    name: str, settings: dict[str, Any], image_shape: tuple[int, int, int], classes: int, training: bool = True
) -> Family:
    """A family's networks from what config.json says of them.

    Raises:
        UserError: settings that the family does not have, or that do not fit the image's size.
    """
    definition = load_family(name)
    own = config.fitting_settings(definition.config, settings)
    built = config.from_dict(definition.config, own, f"settings of '{name}'")
    try:
        return definition.family(built, image_shape, classes, training)
    except UserError:
        raise
    except Exception as error:
        if said := blamed(error):
            raise UserError(said) from error
        raise
