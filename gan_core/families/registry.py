"""The presets there are, read from the families' files without importing them.

A family's file is its own entry: its docstring's first line says what it is, the keys of its `PRESETS` are what a user
types. Reading the source keeps torch out of the command line's help and of the app's memory. Other packages bring
families by an entry point of the group `gan_core.families` that names such a module: see docs/adding-a-gan.md.
"""

import ast
import importlib.util
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from gan_core.errors import UserError, nearest, printable

GROUP = "gan_core.families"
_FAMILIES = Path(__file__).parent
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Preset:
    """What `train` accepts by name."""

    name: str
    family: str  # the module below gan_core.families
    title: str  # the first line of its docstring
    task: str  # generate or translate
    conditional: bool = False  # whether its runs can be asked for a class
    encodes: bool = False  # whether they bring pictures back to latents
    judges: bool = True  # whether they have a discriminator
    paired: bool = False  # whether a translator learns from pairs
    one_way: bool = False  # whether a translator goes from A to B alone
    module: str = ""  # of a plug-in, dotted; of ours the family's own

    @property
    def image_size(self) -> int:
        """Pixels a side where the user names none."""
        return 128 if self.task == "translate" else 64

    @property
    def batch_size(self) -> int:
        """Images a step (of each domain) where the user says nothing."""
        return 1 if self.task == "translate" else 32


@cache
def presets() -> dict[str, Preset]:
    """Every preset by name, in the order of the families' files."""
    found: dict[str, Preset] = {}
    for path in sorted(_FAMILIES.glob("*.py")):
        if path.stem not in ("__init__", "base", "loading", "registry"):
            for preset in _read(path, path.stem):
                assert preset.name not in found, f"two families have a preset '{preset.name}'"
                found[preset.name] = preset
    for preset in _foreign({preset.family for preset in found.values()} | {"base"}):
        if preset.name in found:
            _log.warning("plug-in '%s' left out: there is a preset '%s' already", preset.family, preset.name)
        else:
            found[preset.name] = preset
    return found


def targets(preset: str, domains: tuple[str, ...]) -> tuple[str, ...]:
    """The domains that a translator's run translates to: the last where its preset goes one way."""
    known = presets().get(preset)
    return domains[1:] if known and known.one_way else domains


def _foreign(taken: set[str]) -> Iterator[Preset]:
    """Presets of plug-ins. One that cannot be read is named in a line of the log, and keeps nobody from working."""
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            if entry.name in taken:
                raise UserError("there is a family of that name already")
            found = _read(_source(entry), entry.name, entry.value)
            if not found:
                raise UserError(f"{entry.value} has no PRESETS")
        # What a stranger's package may be damaged by is without end.
        except Exception as error:
            _log.warning("plug-in '%s' left out: %s", printable(entry.name, 60), printable(str(error), 300))
            continue
        taken.add(entry.name)
        yield from found


def _source(entry: EntryPoint) -> Path:
    """A plug-in's file, found without importing it or the packages that it lies in."""
    first, *rest = entry.value.split(".")
    spec = importlib.util.find_spec(first)
    places = [Path(place) for place in spec.submodule_search_locations or ()] if spec else []
    if spec and spec.origin and not rest and not places:
        return Path(spec.origin)
    for place in places:
        path = place.joinpath(*rest)
        for found in (path.with_suffix(".py"), path / "__init__.py"):
            if found.is_file():
                return found
    raise UserError(f"there is no module {entry.value}; an entry point names one, without a colon")


def find_preset(name: str) -> Preset:
    """Raises UserError: there is none of that name; the nearest is suggested."""
    if name not in presets():
        raise UserError(f"no preset '{name}'.{nearest(name, presets())} Presets: {', '.join(presets())}")
    return presets()[name]


def _read(path: Path, family: str, module: str = "") -> list[Preset]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    title = (ast.get_docstring(tree) or path.stem).splitlines()[0]
    names: list[str] = []
    task, encodes = "generate", False
    flags = {"conditional": False, "judges": True, "paired": False, "one_way": False}
    for node in ast.walk(tree):
        encodes = encodes or (isinstance(node, ast.FunctionDef) and node.name == "encode")
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if not isinstance(target, ast.Name):
            continue
        if target.id == "PRESETS" and isinstance(value, ast.Dict):
            names = [key.value for key in value.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
        if target.id in flags and isinstance(value, ast.Constant):
            flags[target.id] = bool(value.value)
        if target.id == "task" and isinstance(value, ast.Constant):
            task = str(value.value)
    if wrong := [name for name in names if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", name)]:
        raise UserError(f"no preset can be called {wrong[0]!r}: runs are named by it")
    if task not in ("generate", "translate"):
        raise UserError(f"its task is {task!r}; it can be generate or translate")
    return [Preset(name, family, title, task, encodes=encodes, module=module, **flags) for name in names]
