"""Load a family's module by name and build its networks.

A family of this package is found by its file's name, a plug-in by its entry point: see `gan_core.families.registry` and
docs/adding-a-gan.md.
"""

import dataclasses
import importlib
import traceback
from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gan_core import config, metrics
from gan_core.anatomy.lung_view import Chests
from gan_core.anatomy.painting import Painting
from gan_core.errors import UserError, first_line
from gan_core.families import registry, widths
from gan_core.families.base import Family
from gan_core.family_traits import FamilyTraits

__all__ = [
    *("Definition", "Encodes", "Family", "Grades", "ShowsPath", "Translates"),
    *("blamed", "build", "load_family", "preset_settings", "traits"),
]

MOST_NUMBERS = 10**9  # of all networks and what they keep: 4 GB, several times the largest of our families
_MOST_TENSORS = 5000
# The functions that make a tensor, and those that fill one at random.
_MAKE = {"empty", "zeros", "ones", "full", "rand", "randn", "arange", "eye", "linspace", "empty_strided"}
_FILL = {f"{name}_" for name in ("normal", "uniform", "trunc_normal", "kaiming_normal", "kaiming_uniform")}
_FILL |= {f"{name}_" for name in ("xavier_normal", "xavier_uniform", "orthogonal")}


@runtime_checkable
class Encodes(Protocol):
    """A family that encodes images (N, C, H, W) in [-1, 1] to latents (N, latent_size)."""

    def encode(self, images: Tensor) -> Tensor: ...


@runtime_checkable
class ShowsPath(Protocol):
    """A family that draws in steps, and shows at most `count` moments of it: (t, state, expected), t from 0 to 1.

    Its latents are noise of the picture's size. state: images (N, C, H, W) in [-1, 1] at t; expected: those that it
    would end in if nothing more was learned on the way, equal to the state at t = 1.
    """

    def path(self, z: Tensor, labels: Tensor, count: int) -> list[tuple[float, Tensor, Tensor]]: ...


@runtime_checkable
class Translates(Protocol):
    """A family that translates images (N, C, H, W) in [-1, 1] from its other domain to domain `to` (0: A, 1: B)."""

    def translate(self, images: Tensor, to: int) -> Tensor: ...


@runtime_checkable
class Grades(Protocol):
    """A translator that paints opacity into lungs: its translations to B have a severity in [0, 1] and a seed."""

    def translated(self, images: Tensor, to: int, severity: float, seeds: Sequence[int]) -> tuple[Tensor, Tensor]: ...

    def painting(self, pictures: Tensor, chests: Chests, seeds: Sequence[int]) -> Painting: ...

    def cleared(self, pictures: Tensor, chests: Chests) -> tuple[Tensor, Tensor]: ...


@dataclasses.dataclass(frozen=True)
class Definition:
    """The content of a family's file."""

    name: str
    family: type[Family]
    config: Any  # the dataclass of its settings
    presets: dict[str, Any]  # preset -> settings


def load_family(name: str) -> Definition:
    """The family in `families/<name>.py`, or the plug-in of that name.

    Raises:
        UserError: there is no such family, as for a run of a newer version or of a plug-in that is not installed; or
            the plug-in is broken.
    """
    places = {preset.family: preset.module for preset in registry.presets().values()}
    if name not in places:
        raise UserError(
            f"there is no family '{name}': update GANray, or install the plug-in that the run was trained with"
        )
    if not places[name]:
        return _definition(name, importlib.import_module(f"gan_core.families.{name}"))
    try:
        module = importlib.import_module(places[name])
        found = _definition(name, module)
    # A plug-in may raise anything on import, even SystemExit.
    except (Exception, SystemExit) as error:
        raise UserError(f"plug-in '{name}' cannot be loaded: {_described(error)}") from error
    return found


def _definition(name: str, module: ModuleType) -> Definition:
    own = [value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__]
    families = [kind for kind in own if issubclass(kind, Family)]
    leaves = [kind for kind in families if not any(kind in other.__bases__ for other in families)]
    if len(leaves) != 1:
        names = ", ".join(kind.__name__ for kind in leaves) or "none"
        raise UserError(
            f"family '{name}': its file must hold exactly one class that derives from Family, and holds {names}"
        )
    return Definition(name, leaves[0], module.Config, module.PRESETS)


def preset_settings(preset: registry.Preset, image_size: int, pairs: Sequence[str] = ()) -> Any:
    """The settings of a preset for images of a size, a config dataclass, changed by `key=value` texts.

    The width is that of the size unless a text names one: see `gan_core.families.widths`.

    Raises:
        UserError: a text has no `=`, a key is unknown, or a value cannot be parsed.
    """
    definition = load_family(preset.family)
    own = definition.presets[preset.name]
    if widths.follows_size(vars(own)):
        own = replace(own, width=widths.at_size(own.width, definition.family.width_at, image_size))
    return config.parse_settings(definition.config, own, list(pairs))


def traits(definition: Definition, settings: Any, preset: registry.Preset) -> FamilyTraits:
    """The traits that a run of the family stores. settings: the family's config dataclass."""
    family = definition.family
    logged = family.metrics or tuple(map(metrics.of_column, family.columns))
    known = replace(preset.traits, metrics=logged, has_discriminator=family.has_discriminator)
    objective = str(getattr(settings, "objective", ""))
    return config.checked_traits(registry.brought_to(known, objective, config.to_dict(settings)))


def blamed(error: BaseException) -> str:
    """One line that names the plug-in behind an error; empty if no plug-in is in the error's traceback."""
    plugins = {preset.module: preset.family for preset in registry.presets().values() if preset.module}
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        module = frame.f_globals.get("__name__", "")
        if module in plugins:
            return f"plug-in '{plugins[module]}', line {line} of {module}: {_described(error)}"
    return ""


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def build(
    name: str, settings: dict[str, Any], image_shape: tuple[int, int, int], classes: int, training: bool = True
) -> Family:
    """A family's networks, built from the settings in config.json.

    Raises:
        UserError: the family does not have a setting, a setting does not fit the image size, or a plug-in fails.
    """
    if training:
        # Settings from a file or a command line may describe networks of any size: plan them first, without memory.
        try:
            plan(name, settings, image_shape, classes, training=True)
        except TooLarge:
            raise
        except (UserError, NotPlanned):
            pass  # a plug-in may need numbers to build its networks; what is wrong with settings shows below
    return _build(name, settings, image_shape, classes, training)


class NotPlanned(RuntimeError):
    """Networks that cannot be built without memory."""


class TooLarge(UserError):
    """Networks that no memory can hold, or that would take hours to build."""


def plan(
    name: str,
    settings: dict[str, Any],
    image_shape: tuple[int, int, int],
    classes: int,
    training: bool = False,
    most: int = MOST_NUMBERS,
) -> Family:
    """A family's networks on the meta device: their shapes, without memory for their numbers.

    most: numbers of all networks together; building ends as soon as there are more.

    Raises:
        TooLarge: there are more numbers or more tensors than any training has.
        NotPlanned: the networks need the numbers of a tensor while they are built.
        UserError: as `build`.
    """
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"), _Planning(name, most):
            return _build(name, settings, image_shape, classes, training)
    except UserError:
        raise
    except Exception as error:
        raise NotPlanned(str(error)) from error


class _Planning(TorchFunctionMode):
    """Counts what is made, and leaves out the first values: for those on meta, torch would import its compiler."""

    def __init__(self, name: str, most: int) -> None:
        super().__init__()
        self.name, self.most = name, most
        self.tensors = self.numbers = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        called = getattr(func, "__name__", "")
        if called in _FILL:
            return (kwargs or {}).get("tensor", args[0] if args else None)
        out = func(*args, **(kwargs or {}))
        if called in _MAKE and isinstance(out, Tensor):
            self.tensors += 1
            self.numbers += out.numel()
            if self.numbers > self.most:
                raise TooLarge(f"the settings of '{self.name}' describe networks of more than {self.most:.2g} numbers")
            if self.tensors > _MOST_TENSORS:
                raise TooLarge(f"the settings of '{self.name}' describe networks of more than {_MOST_TENSORS} tensors")
        return out


def _build(
    name: str, settings: dict[str, Any], image_shape: tuple[int, int, int], classes: int, training: bool
) -> Family:
    definition = load_family(name)
    own = config.fitting_settings(definition.config, settings)
    built = config.from_dict(definition.config, own, f"settings of '{name}'")
    registry.check_ranges(name, vars(built), training)
    try:
        return definition.family(built, image_shape, classes, training)
    except UserError:
        raise
    except Exception as error:
        if line := blamed(error):
            raise UserError(line) from error
        # Layers and optimizers refuse a size or a rate that is impossible; a run folder may also have been edited.
        if isinstance(error, ValueError | RuntimeError | ArithmeticError | LookupError):
            raise UserError(f"the settings of '{name}' make no networks: {first_line(error)}") from error
        raise
