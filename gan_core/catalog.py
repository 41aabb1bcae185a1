"""The presets there are, read from the families' files without importing them.

A family's file is its own entry: its docstring's first line says what it is, the keys of its `PRESETS` are what a user
types. Reading the source keeps torch out of the command line's help and of the app's memory.
"""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gan_core.errors import UserError, nearest

_FAMILIES = Path(__file__).parent / "families"


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
        if path.stem not in ("__init__", "base"):
            for preset in _read(path):
                assert preset.name not in found, f"two families have a preset '{preset.name}'"
                found[preset.name] = preset
    return found


def find_preset(name: str) -> Preset:
    """Raises UserError: there is none of that name; the nearest is suggested."""
    if name not in presets():
        raise UserError(f"no preset '{name}'.{nearest(name, presets())} Presets: {', '.join(presets())}")
    return presets()[name]


def _read(path: Path) -> list[Preset]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    title = (ast.get_docstring(tree) or path.stem).splitlines()[0]
    names: list[str] = []
    task, conditional, encodes, judges = "generate", False, False, True
    for node in ast.walk(tree):
        encodes = encodes or (isinstance(node, ast.FunctionDef) and node.name == "encode")
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if not isinstance(target, ast.Name):
            continue
        if target.id == "PRESETS" and isinstance(value, ast.Dict):
            names = [key.value for key in value.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
        if target.id == "conditional" and isinstance(value, ast.Constant):
            conditional = bool(value.value)
        if target.id == "judges" and isinstance(value, ast.Constant):
            judges = bool(value.value)
        if target.id == "task" and isinstance(value, ast.Constant):
            task = str(value.value)
    return [Preset(name, path.stem, title, task, conditional, encodes, judges) for name in names]
